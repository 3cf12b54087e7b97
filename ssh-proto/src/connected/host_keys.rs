//! A server's further host keys, told and proved after login: `hostkeys-00@openssh.com` and
//! `hostkeys-prove-00@openssh.com` (OpenSSH's PROTOCOL §2.5, draft-miller-sshm-hostkey-update).

use alloc::vec::Vec;

use super::{Client, Connection, Server, Side, WantReply};
use crate::connection::{GlobalRequest, HOST_KEYS_PROVE, KeyBlobs};
use crate::crypto::BadSignature;
use crate::error::Error;
use crate::keys::{PublicKey, SignatureRef};
use crate::time::Instant;
use crate::wire::Put;

impl<S: Side> Connection<S> {
    /// What a host key signs to prove that the server of this session has it.
    ///
    /// ```text
    /// string "hostkeys-prove-00@openssh.com" · string session identifier · string host key
    /// ```
    #[must_use]
    pub fn host_key_proof(&self, key: &PublicKey) -> Vec<u8> {
        let mut data = Vec::new();
        data.put_string(HOST_KEYS_PROVE.as_bytes());
        data.put_string(self.transport.session_id().as_ref().map(|id| id.as_bytes()).unwrap_or_default());
        data.put_string(key.blob());
        data
    }
}

impl Connection<Server> {
    /// Tells the client all host keys of the configuration, so that it may learn new ones before old ones go.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn announce_host_keys(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        // Certificates are renewed by who signs them.
        let plain = self.transport.host_keys().iter().filter(|key| !key.is_certificate());
        let data = KeyBlobs::to_data(plain.map(PublicKey::blob));
        let keys = KeyBlobs::of_valid(&data);
        self.global_request(&GlobalRequest::HostKeys(keys), WantReply::No, now, out).map(|_no_answer| ())
    }

    /// By which algorithm `key` signs its [proof](Self::host_key_proof): by the one that this session's key exchange
    /// used, where it fits, else by the best. `None` where the key is not one of the configuration's.
    #[must_use]
    pub fn host_key_proof_algorithm(&self, key: &PublicKey) -> Option<&'static str> {
        if !self.transport.host_keys().contains(key) {
            return None;
        }
        let used = self.transport.negotiated().map(|negotiated| negotiated.host_key);
        let mut fitting =
            self.transport.algorithms().host_keys.iter().filter(|method| method.key_type == key.key_type());
        let first = fitting.clone().next();
        fitting.find(|method| Some(method.name) == used).or(first).map(|method| method.name)
    }
}

impl Connection<Client> {
    /// Whether the configuration takes host keys of this kind: others need not be learnt.
    #[must_use]
    pub fn takes_host_key(&self, key: &PublicKey) -> bool {
        self.transport.algorithms().host_keys.iter().any(|method| method.key_type == key.key_type())
    }

    /// Checks one signature of the answer to [`GlobalRequest::HostKeysProve`].
    ///
    /// # Errors
    /// When it is not by `key`, or by an algorithm that the configuration does not take from host keys.
    pub fn check_host_key_proof(&self, key: &PublicKey, signature: &[u8]) -> Result<(), BadSignature> {
        let signature = SignatureRef::from_wire(signature).map_err(|_malformed| BadSignature)?;
        let mut methods = self.transport.algorithms().host_keys.iter();
        let method = methods
            .find(|method| method.name == signature.algorithm && method.key_type == key.key_type())
            .ok_or(BadSignature)?;
        method.verify(key, &self.host_key_proof(key), signature)
    }
}
