use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;

use super::{PublicKey, Signature};

/// A private key. Cloning copies a pointer; the secret is wiped when the last clone is dropped.
#[derive(Clone)]
pub struct PrivateKey {
    secret: Arc<dyn Secret>,
    public: PublicKey,
}

impl PrivateKey {
    pub(super) fn new(secret: impl Secret + 'static, public: PublicKey) -> Self {
        Self { secret: Arc::new(secret), public }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    #[cfg(feature = "key-files")]
    pub(super) fn secret(&self) -> &dyn Secret {
        &*self.secret
    }

    /// The signature algorithms of this key, best first: for an RSA key `rsa-sha2-512`, `rsa-sha2-256`, `ssh-rsa`.
    #[must_use]
    pub fn algorithms(&self) -> &'static [&'static str] {
        self.secret.algorithms()
    }

    /// Signs `message` by `algorithm`. `rng` blinds the arithmetic of RSA; signatures do not depend on it.
    ///
    /// # Errors
    /// When `algorithm` is not one of [`Self::algorithms`], or the calculation went wrong.
    pub fn sign(&self, algorithm: &str, message: &[u8], rng: &mut dyn CryptoRng) -> Result<Signature, SignError> {
        self.secret.sign(algorithm, message, rng).map(|blob| Signature::new(algorithm, blob))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("public", &self.public).field("secret", &format_args!("[redacted]")).finish()
    }
}

/// The secret half of one type of key. What implements it wipes itself when dropped, and takes a time that does not
/// depend on the secret.
pub(super) trait Secret: Send + Sync {
    /// Best first.
    fn algorithms(&self) -> &'static [&'static str];

    /// The signature's second field.
    fn sign(&self, algorithm: &str, message: &[u8], rng: &mut dyn CryptoRng) -> Result<Vec<u8>, SignError>;

    /// Appends the key as OpenSSH's files have it: the type's name and its fields.
    #[cfg(feature = "key-files")]
    fn put_openssh(&self, out: &mut Vec<u8>);

    /// PKCS#8.
    #[cfg(feature = "key-files")]
    fn to_pkcs8(&self) -> Option<pkcs8::SecretDocument>;

    /// PKCS#1, which is for RSA alone.
    #[cfg(feature = "key-files")]
    fn to_pkcs1(&self) -> Option<pkcs8::SecretDocument> {
        None
    }
}

/// Why there is no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The algorithm is not one of the key's.
    WrongAlgorithm,
    /// The signature did not verify, and is withheld: the machine calculated wrongly, and such a signature can give
    /// the key away.
    Fault,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongAlgorithm => "the key has no such signature algorithm",
            Self::Fault => "the signature was calculated wrongly and is withheld",
        })
    }
}

impl core::error::Error for SignError {}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::crypto::CryptoProvider;
    use crate::crypto::rustcrypto::PROVIDER;
    use crate::keys::Curve;

    /// Every algorithm that `key` offers is in the provider's table, and the signature verifies there, for this message only.
    fn check(key: &PrivateKey) {
        let mut rng = ChaCha20Rng::from_seed([4; 32]);
        for &algorithm in key.algorithms() {
            let method = PROVIDER.signatures().iter().find(|method| method.name == algorithm).unwrap();
            assert_eq!(method.key_type, key.public().key_type());
            let signature = key.sign(algorithm, b"message", &mut rng).unwrap();
            let blob = key.public().blob();
            assert_eq!(method.verifier.check_key(blob), Ok(()));
            assert_eq!(method.verifier.verify(blob, b"message", &signature.blob), Ok(()), "{algorithm}");
            assert!(method.verifier.verify(blob, b"massage", &signature.blob).is_err(), "{algorithm}");
        }
    }

    #[test]
    fn the_verifiers_accept_what_ed25519_keys_sign() {
        check(&PrivateKey::generate_ed25519(&mut ChaCha20Rng::from_seed([2; 32])));
    }

    #[test]
    fn the_verifiers_accept_what_ecdsa_keys_sign() {
        for curve in Curve::ALL {
            for seed in 0..8 {
                let key = PrivateKey::generate_ecdsa(curve, &mut ChaCha20Rng::from_seed([seed; 32]));
                assert_eq!((key.public().key_type(), key.public().bits()), (curve.key_type(), Some(curve.bits())));
                check(&key);
            }
        }
    }

    #[cfg(feature = "rsa")]
    #[test]
    fn the_verifiers_accept_what_rsa_keys_sign() {
        check(&PrivateKey::generate_rsa(2048, &mut ChaCha20Rng::from_seed([3; 32])).unwrap());
    }
}
