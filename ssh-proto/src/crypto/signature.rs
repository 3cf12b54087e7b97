use core::fmt;

use super::Tier;
use crate::keys::{Certificate, Presence, PublicKey, SignatureRef};
use crate::wire::{InvalidMessage, Problem};

/// A signature algorithm: a row of a provider's table. One key type may have several (RFC 8332 §3).
///
/// Providers know nothing of certificates: an algorithm for certificates is a row that
/// [`for_certificates`](Self::for_certificates) makes of another one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SignatureMethod {
    /// As negotiated: `rsa-sha2-512`, or for certificates `rsa-sha2-512-cert-v01@openssh.com`.
    pub name: &'static str,
    /// What the key blob names itself: `ssh-rsa`, `ssh-rsa-cert-v01@openssh.com`.
    pub key_type: &'static str,
    /// As the signature blob names it: `rsa-sha2-512` in both cases.
    pub signature_name: &'static str,
    /// See [`Tier`].
    pub tier: Tier,
    /// Whose keys sign by it.
    pub signers: Signers,
    /// The arithmetic. For certificates that of the key in them.
    pub verifier: &'static dyn Verifier,
}

impl SignatureMethod {
    /// A row.
    #[must_use]
    pub const fn new(name: &'static str, key_type: &'static str, tier: Tier, verifier: &'static dyn Verifier) -> Self {
        Self { name, key_type, signature_name: name, tier, signers: Signers::UsersAndHosts, verifier }
    }

    /// The same row for keys that no host has.
    #[must_use]
    pub const fn for_users_only(mut self) -> Self {
        self.signers = Signers::Users;
        self
    }

    /// The same algorithm for certificates of its keys; `None` where there is no such certificate.
    #[must_use]
    pub fn for_certificates(&self) -> Option<Self> {
        let (name, key_type) = Certificate::algorithm_for(self.name)?;
        Some(Self { name, key_type, ..*self })
    }

    /// Checks that `key` is one that this algorithm accepts; of a certificate, that the key in it is.
    ///
    /// # Errors
    /// Which field is wrong: the type, a length, a size outside the limits, a point that is not on its curve.
    pub fn check_key(&self, key: &PublicKey) -> Result<(), InvalidMessage> {
        if key.key_type() != self.key_type {
            return Err(InvalidMessage::new("public key type", Problem::Mismatch));
        }
        self.verifier.check_key(Certificate::plain_key(key)?.blob())
    }

    /// Checks that `key`, or the key in that certificate, signed `message` by this algorithm. A signature under another
    /// name would be a downgrade (RFC 8332 §3). Whether what a security key says of its owner
    /// ([`SignatureRef::presence`]) is enough, is for the caller to decide.
    ///
    /// # Errors
    /// When the key is not acceptable or the signature is not by it.
    pub fn verify(&self, key: &PublicKey, message: &[u8], signature: SignatureRef<'_>) -> Result<(), BadSignature> {
        let plain = Certificate::plain_key(key).map_err(|_invalid| BadSignature)?;
        if key.key_type() != self.key_type || signature.algorithm != self.signature_name {
            return Err(BadSignature);
        }
        match signature.presence {
            None => self.verifier.verify(plain.blob(), message, signature.blob),
            Some(presence) => self.verifier.verify_presence(plain.blob(), message, signature.blob, presence),
        }
    }
}

/// Whose keys sign by an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signers {
    /// Everybody's.
    UsersAndHosts,
    /// Those of users, and of the authorities that sign certificates: security keys, which somebody has to touch.
    Users,
}

/// Checks keys and signatures of one algorithm.
pub trait Verifier: fmt::Debug + Send + Sync {
    /// Checks that `key_blob` (RFC 4253 §6.6, its type name included) is a key that this algorithm accepts.
    ///
    /// # Errors
    /// Which field is wrong: a length, a size outside the limits, a point that is not on its curve.
    fn check_key(&self, key_blob: &[u8]) -> Result<(), InvalidMessage>;

    /// Checks the signature of `message`: `signature` is the blob's second field, behind the algorithm's name.
    ///
    /// # Errors
    /// When the key is not acceptable or the signature is not by it.
    fn verify(&self, key_blob: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature>;

    /// The same for a signature with which a security key says something of its owner. Other keys have nothing to say: for
    /// them such a signature is bad.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    fn verify_presence(
        &self,
        key_blob: &[u8],
        message: &[u8],
        signature: &[u8],
        presence: Presence,
    ) -> Result<(), BadSignature> {
        let _not_a_security_key = (key_blob, message, signature, presence);
        Err(BadSignature)
    }
}

/// A signature that is not by the key it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say without helping an attacker")]
pub struct BadSignature;
