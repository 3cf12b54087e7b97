use core::fmt;

use super::Tier;
use crate::wire::InvalidMessage;

/// A signature algorithm: a row of a provider's table. One key type may have several (RFC 8332 §3).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SignatureMethod {
    /// As negotiated, and as the signature blob names it: `rsa-sha2-512`.
    pub name: &'static str,
    /// What the key blob names itself: `ssh-rsa`.
    pub key_type: &'static str,
    /// See [`Tier`].
    pub tier: Tier,
    /// The arithmetic.
    pub verifier: &'static dyn Verifier,
}

impl SignatureMethod {
    /// A row.
    #[must_use]
    pub const fn new(name: &'static str, key_type: &'static str, tier: Tier, verifier: &'static dyn Verifier) -> Self {
        Self { name, key_type, tier, verifier }
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
