use alloc::vec::Vec;

use rand_core::CryptoRng;
use sha2::Sha512;
use zeroize::Zeroizing;

use super::hybrid::{Hybrid, Kem};
use super::sntrup761::{self, SecretKey};
use crate::crypto::BadPublicValue;

/// sntrup761 beside X25519 (draft-ietf-sshm-ntruprime-ssh), with SHA-512: a public key of 1158 bytes, a ciphertext of 1039.
pub(super) static METHOD: Hybrid<SecretKey> = Hybrid::new();

impl Kem for SecretKey {
    type Hash = Sha512;

    fn generate(rng: &mut dyn CryptoRng) -> (Self, Vec<u8>) {
        let key = Self::generate(rng);
        let public = key.public().to_vec();
        (key, public)
    }

    /// Any bytes of the right length are a key.
    fn encapsulate(public: &[u8], rng: &mut dyn CryptoRng) -> Result<(Vec<u8>, Zeroizing<[u8; 32]>), BadPublicValue> {
        Ok(sntrup761::encapsulate(public.try_into().map_err(|_| BadPublicValue)?, rng))
    }

    fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<[u8; 32]>, BadPublicValue> {
        Ok(self.decapsulate(ciphertext.try_into().map_err(|_| BadPublicValue)?))
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use vectors::{Record, records};

    use super::sntrup761::{CIPHERTEXT, PUBLIC_KEY};
    use super::*;
    use crate::crypto::KeyAgreement as _;
    use crate::crypto::rustcrypto::tests::string;

    #[test]
    fn known_answers() {
        let (mut right, mut wrong) = (0, 0);
        for record in records("crypto/sntrup761x25519.txt") {
            let initiated = METHOD.initiate(&mut seeded(&record, "client_seed"));
            assert_eq!(initiated.public(), record.hex("init"));
            let secret = initiated.finish(&record.hex("reply")).unwrap();
            assert_eq!(string(&secret), record.hex("secret"));
            if record.text("ciphertext") == "good" {
                let mut rng = seeded(&record, "server_seed");
                let responded = METHOD.respond(&record.hex("init"), &mut rng).unwrap();
                assert_eq!(responded.public, record.hex("reply"));
                assert_eq!(string(&responded.secret), record.hex("secret"));
                right += 1;
            } else {
                wrong += 1;
            }
        }
        // Wrong ones test "implicit rejection": the secret comes from what nobody knows, and not from the plaintext.
        assert!(right >= 4 && wrong >= 4, "{right} {wrong}");
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let record = &records("crypto/sntrup761x25519.txt")[0];
        let (init, reply) = (record.hex("init"), record.hex("reply"));
        assert_eq!((init.len(), reply.len()), (1158 + 32, 1039 + 32));
        for length in [0, 1, 32, 1007, 1039, 1158, 1039 + 31, 1158 + 31, 1039 + 33, 1158 + 33, 4000] {
            let value = |good: &[u8]| good.iter().copied().cycle().take(length).collect::<Vec<u8>>();
            assert_eq!(server_says(record, &value(&init)), Some(BadPublicValue), "{length}");
            assert_eq!(client_says(record, &value(&reply)), Some(BadPublicValue), "{length}");
        }
        assert_eq!((server_says(record, &init), client_says(record, &reply)), (None, None));
    }

    #[test]
    fn rfc8731_s3_an_x25519_secret_of_zeros_is_refused_beside_a_good_key() {
        let record = &records("crypto/sntrup761x25519.txt")[0];
        for (point, refused) in [([0; 32], Some(BadPublicValue)), ([9; 32], None)] {
            let (mut init, mut reply) = (record.hex("init"), record.hex("reply"));
            init[PUBLIC_KEY..].copy_from_slice(&point);
            reply[CIPHERTEXT..].copy_from_slice(&point);
            assert_eq!((server_says(record, &init), client_says(record, &reply)), (refused, refused));
        }
    }

    fn server_says(record: &Record, init: &[u8]) -> Option<BadPublicValue> {
        METHOD.respond(init, &mut seeded(record, "server_seed")).err()
    }

    fn client_says(record: &Record, reply: &[u8]) -> Option<BadPublicValue> {
        METHOD.initiate(&mut seeded(record, "client_seed")).finish(reply).err()
    }

    /// A key generation takes six thousand bytes: the answers hold the key of the ChaCha20 that they come from.
    fn seeded(record: &Record, name: &str) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(record.hex(name).try_into().unwrap())
    }
}
