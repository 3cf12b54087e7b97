//! The client's half: sends a public value, checks the answer, and asks whose host key it is.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::hash::{PublicValues, put_public_value};
use super::negotiate::Agreement;
use super::{Context, State, unexpected};
use crate::crypto::{Exchange, Initiated};
use crate::error::{Error, PeerMisbehaved};
use crate::keys::{Certificate, PublicKey, SignatureRef};
use crate::transport::keys::KeyMaterial;
use crate::transport::{Transport, Turn};
use crate::wire::{InvalidMessage, MessageNumber, Put, Reader, number};

/// Our public value is out.
#[derive(Debug)]
pub(super) struct ExpectReply {
    pub(super) context: Context,
    initiated: Box<dyn Initiated>,
}

/// The server proved that it holds `host_key`: it signed this exchange. Whether it is the right key, the caller says.
pub(crate) struct Verify {
    agreement: Agreement,
    material: KeyMaterial,
    host_key: PublicKey,
    certificate: Option<Certificate>,
}

impl core::fmt::Debug for Verify {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Verify").field("host_key", &self.host_key).finish_non_exhaustive()
    }
}

impl Verify {
    pub(crate) const fn host_key(&self) -> &PublicKey {
        &self.host_key
    }

    pub(crate) const fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }
}

/// The server's answer. [RFC 4253 §8](https://www.rfc-editor.org/rfc/rfc4253#section-8), RFC 5656 §4
///
/// ```text
/// byte SSH_MSG_KEXDH_REPLY (31) · string K_S · mpint f (or string Q_S) · string signature of H
/// ```
struct KexReply<'a> {
    host_key: &'a [u8],
    public_value: &'a [u8],
    signature: &'a [u8],
}

impl<'a> KexReply<'a> {
    fn decode(body: &'a [u8], exchange: &Exchange) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        let message = Self {
            host_key: reader.string("K_S")?,
            public_value: match exchange {
                Exchange::DiffieHellman(_) => reader.mpint("f")?.magnitude(),
                Exchange::Ecdh(_) => reader.string("Q_S")?,
            },
            signature: reader.string("signature of H")?,
        };
        reader.finish("SSH_MSG_KEXDH_REPLY")?;
        Ok(message)
    }
}

impl Transport {
    /// ```text
    /// byte SSH_MSG_KEXDH_INIT (30) · mpint e (or string Q_C)
    /// ```
    pub(super) fn send_kex_init(&mut self, context: Context, out: &mut Vec<u8>) -> ExpectReply {
        let exchange = context.agreement.kex.exchange;
        let initiated = match exchange {
            Exchange::DiffieHellman(agreement) | Exchange::Ecdh(agreement) => agreement.initiate(&mut *self.rng),
        };
        self.send_now(out, |payload| {
            payload.put_u8(number::KEXDH_INIT);
            put_public_value(payload, &exchange, initiated.public());
        });
        ExpectReply { context, initiated }
    }

    pub(super) fn receive_reply(
        &mut self,
        expect: ExpectReply,
        number: u8,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Turn>, Error> {
        if number != number::KEXDH_REPLY {
            return Err(unexpected(number));
        }
        let ExpectReply { context, initiated } = expect;
        let agreement = context.agreement;
        let invalid = |error| Error::InvalidMessage(MessageNumber(number), error);
        let reply = KexReply::decode(body, &agreement.kex.exchange).map_err(invalid)?;
        let host_key = PublicKey::from_blob(reply.host_key).map_err(invalid)?;
        if host_key.key_type() != agreement.host_key.key_type {
            return Err(Error::PeerMisbehaved(PeerMisbehaved::WrongHostKeyType));
        }
        agreement.host_key.check_key(&host_key).map_err(invalid)?;
        let certificate = Certificate::from_public(&host_key).map_err(invalid)?;
        let public = initiated.public().to_vec();
        let secret = initiated
            .finish(reply.public_value)
            .map_err(|_bad| Error::PeerMisbehaved(PeerMisbehaved::BadPublicValue))?;
        let server = self.peer.as_ref().unwrap_or(&self.identification);
        let values = PublicValues { client: &public, server: reply.public_value };
        let hash = context.exchange_hash(&self.identification, server, reply.host_key, &values, &secret);
        let signature = SignatureRef::from_wire(reply.signature).map_err(invalid)?;
        agreement
            .host_key
            .verify(&host_key, hash.as_bytes(), signature)
            .map_err(|_bad| Error::PeerMisbehaved(PeerMisbehaved::BadHostSignature))?;
        let material = KeyMaterial::new(agreement.kex.hash, &secret, hash);
        let verify = Verify { agreement, material, host_key, certificate };
        match &self.kex.session {
            None => Ok(Some(Turn::Verify(Box::new(verify)))),
            // The caller has answered for this key already.
            Some(session) if session.host_key == verify.host_key => {
                self.accept_host_key(verify, out);
                Ok(None)
            }
            Some(_) => Err(Error::PeerMisbehaved(PeerMisbehaved::HostKeyChanged)),
        }
    }

    /// The caller's yes to [`Turn::Verify`].
    pub(crate) fn accept_host_key(&mut self, verify: Verify, out: &mut Vec<u8>) {
        debug_assert!(matches!(self.kex.state, State::AwaitCaller), "a question is answered once");
        self.take_keys(&verify.agreement, &verify.material, verify.host_key, out);
    }
}
