use alloc::vec::Vec;

use ed25519_dalek::{Signer, SigningKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

#[cfg(feature = "key-files")]
use super::file;
use super::private::{PrivateKey, Secret, SignError};
use super::public::{ED25519, PublicKey};
#[cfg(feature = "key-files")]
use crate::wire::Put;

impl PrivateKey {
    /// A new Ed25519 key: [RFC 8709](https://www.rfc-editor.org/rfc/rfc8709).
    #[must_use]
    pub fn generate_ed25519(rng: &mut dyn CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        from_seed(&seed)
    }
}

/// The key pair that RFC 8032 §5.1.5 derives from `seed`.
pub(super) fn from_seed(seed: &[u8; 32]) -> PrivateKey {
    let key = SigningKey::from_bytes(seed);
    let public = PublicKey::ed25519(key.verifying_key().as_bytes());
    PrivateKey::new(Ed25519(key), public)
}

/// Wipes itself when dropped: the crate's feature `zeroize`.
struct Ed25519(SigningKey);

impl Secret for Ed25519 {
    fn algorithms(&self) -> &'static [&'static str] {
        &[ED25519]
    }

    /// The key pair is one object, so that nobody can make it sign under another public key (the double public key
    /// oracle). Faults are told apart only by two signatures of one message, and SSH never signs a message twice.
    fn sign(&self, algorithm: &str, message: &[u8], _: &mut dyn CryptoRng) -> Result<Vec<u8>, SignError> {
        if algorithm != ED25519 {
            return Err(SignError::WrongAlgorithm);
        }
        Ok(self.0.sign(message).to_bytes().to_vec())
    }

    #[cfg(feature = "key-files")]
    fn put_openssh(&self, out: &mut Vec<u8>) {
        let pair = Zeroizing::new(self.0.to_keypair_bytes());
        out.put_string(ED25519.as_bytes());
        out.put_string(self.0.verifying_key().as_bytes());
        out.put_string(&*pair);
    }

    #[cfg(feature = "key-files")]
    fn to_pkcs8(&self) -> Option<pkcs8::SecretDocument> {
        let content = file::ed25519::pkcs8_content(self.0.as_bytes());
        let content = pkcs8::der::asn1::OctetStringRef::new(&*content).ok()?;
        pkcs8::PrivateKeyInfoRef::new(file::ed25519::ALGORITHM, content).try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, VerifyingKey};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use vectors::hex;

    use super::*;

    #[test]
    fn rfc8032_s7_1_test_2() {
        let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let key = from_seed(&seed.try_into().unwrap());
        let point = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        assert_eq!(key.public().blob()[19..], point);
        let signature = key.sign("ssh-ed25519", &[0x72], &mut ChaCha20Rng::from_seed([0; 32])).unwrap();
        assert_eq!(signature.algorithm, "ssh-ed25519");
        assert_eq!(
            signature.blob,
            hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
                085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
        );
    }

    #[test]
    fn a_generated_key_signs_what_its_public_half_verifies() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let key = PrivateKey::generate_ed25519(&mut rng);
        assert_ne!(key.public(), PrivateKey::generate_ed25519(&mut rng).public());
        let signature = key.sign("ssh-ed25519", b"message", &mut rng).unwrap();
        let public = VerifyingKey::from_bytes(&key.public().blob()[19..].try_into().unwrap()).unwrap();
        public.verify_strict(b"message", &Signature::from_slice(&signature.blob).unwrap()).unwrap();
        assert_eq!(key.sign("ssh-rsa", b"message", &mut rng), Err(SignError::WrongAlgorithm));
        assert!(alloc::format!("{key:?}").contains("[redacted]"));
    }
}
