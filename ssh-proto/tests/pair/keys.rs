//! Keys, randomness and algorithms, the same in every run.

use std::fmt;
use std::sync::OnceLock;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use ssh_proto::crypto::Tier;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::keys::{Certificate, PrivateKey, PublicKey, Signature};
use ssh_proto::{Algorithms, Rng};

pub(crate) fn rng(seed: u64) -> Rng {
    Box::new(ChaCha20Rng::seed_from_u64(seed))
}

/// All that there are.
pub(crate) fn algorithms() -> Algorithms {
    Algorithms::up_to(Tier::Legacy, &PROVIDER)
}

pub(crate) fn ed25519_key(seed: u64) -> PrivateKey {
    PrivateKey::generate_ed25519(&mut *rng(1000 + seed))
}

/// One of 2048 bits: from the vectors where key files can be read, made where they cannot.
pub(crate) fn rsa_key() -> PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(make_rsa_key).clone()
}

#[cfg(feature = "key-files")]
fn make_rsa_key() -> PrivateKey {
    PrivateKey::from_pem(&vectors::bytes("keys/rsa2048"), None).unwrap().key
}

#[cfg(not(feature = "key-files"))]
fn make_rsa_key() -> PrivateKey {
    PrivateKey::generate_rsa(2048, &mut *rng(2048)).unwrap()
}

/// Whoever holds the private keys.
pub(crate) struct Signer {
    host_keys: Vec<PrivateKey>,
    rng: Rng,
}

impl Signer {
    pub(crate) fn new(host_keys: Vec<PrivateKey>, seed: u64) -> Self {
        Self { host_keys, rng: rng(seed) }
    }

    /// Signs with the host key whose public half is `key`, or stands in that certificate. With somebody else's
    /// certificate it does what a thief does.
    pub(crate) fn sign(&mut self, key: &PublicKey, algorithm: &str, message: &[u8]) -> Signature {
        let certificate = Certificate::from_public(key).unwrap();
        let key = certificate.as_ref().map_or(key, Certificate::key);
        let found = self.host_keys.iter().find(|candidate| candidate.public() == key);
        let key = found
            .or_else(|| self.host_keys.first().filter(|_| certificate.is_some()))
            .expect("one of the server's keys");
        key.sign(algorithm, message, &mut *self.rng).unwrap()
    }

    pub(crate) fn sign_with(&mut self, key: &PrivateKey, algorithm: &str, message: &[u8]) -> Signature {
        key.sign(algorithm, message, &mut *self.rng).unwrap()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}
