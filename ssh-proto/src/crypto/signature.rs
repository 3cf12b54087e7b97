use core::fmt;

use super::Tier;
use crate::keys::{Certificate, PublicKey, SignatureRef};
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
    /// The arithmetic. For certificates that of the key in them.
    pub verifier: &'static dyn Verifier,
}

impl SignatureMethod {
    /// A row.
    #[must_use]
    pub const fn new(name: &'static str, key_type: &'static str, tier: Tier, verifier: &'static dyn Verifier) -> Self {
        Self { name, key_type, signature_name: name, tier, verifier }
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
    /// name would be a downgrade (RFC 8332 §3).
    ///
    /// # Errors
    /// When the key is not acceptable or the signature is not by it.
    pub fn verify(&self, key: &PublicKey, message: &[u8], signature: SignatureRef<'_>) -> Result<(), BadSignature> {
        let plain = Certificate::plain_key(key).map_err(|_invalid| BadSignature)?;
        if key.key_type() != self.key_type || signature.algorithm != self.signature_name {
            return Err(BadSignature);
        }
        self.verifier.verify(plain.blob(), message, signature.blob)
    }
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
}

/// A signature that is not by the key it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say without helping an attacker")]
pub struct BadSignature;
