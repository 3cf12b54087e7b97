use alloc::vec::Vec;

use ml_kem::kem::{Ciphertext, Decapsulate, Encapsulate, Key, KeyExport};
use ml_kem::{DecapsulationKey768, EncapsulationKey768, MlKem768};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::hybrid::{Hybrid, Kem};
use crate::crypto::BadPublicValue;

/// ML-KEM-768 (FIPS 203) beside X25519 (draft-ietf-sshm-mlkem-hybrid-kex), with SHA-256: a public key of 1184 bytes, a
/// ciphertext of 1088.
pub(super) static METHOD: Hybrid<DecapsulationKey768> = Hybrid::new();

impl Kem for DecapsulationKey768 {
    type Hash = Sha256;

    fn generate(rng: &mut dyn CryptoRng) -> (Self, Vec<u8>) {
        let mut seed = Zeroizing::new([0; 64]);
        rng.fill_bytes(&mut *seed);
        let key = Self::from_seed((*seed).into());
        let public = key.encapsulation_key().to_bytes().to_vec();
        (key, public)
    }

    fn encapsulate(public: &[u8], rng: &mut dyn CryptoRng) -> Result<(Vec<u8>, Zeroizing<[u8; 32]>), BadPublicValue> {
        let public: &Key<EncapsulationKey768> = public.try_into().map_err(|_| BadPublicValue)?;
        // FIPS 203 §7.2: the length, and the "modulus check" that every coefficient is below q.
        let public = EncapsulationKey768::new(public).map_err(|_| BadPublicValue)?;
        let (ciphertext, key) = public.encapsulate_with_rng(rng);
        Ok((ciphertext.to_vec(), Zeroizing::new(key.into())))
    }

    fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<[u8; 32]>, BadPublicValue> {
        let ciphertext: &Ciphertext<MlKem768> = ciphertext.try_into().map_err(|_| BadPublicValue)?;
        Ok(Zeroizing::new(Decapsulate::decapsulate(self, ciphertext).into()))
    }
}

#[cfg(test)]
mod tests {
    use vectors::{Chosen, records};

    use super::*;
    use crate::crypto::KeyAgreement as _;
    use crate::crypto::rustcrypto::tests::string;

    const KEY: usize = 1184;
    const CIPHERTEXT: usize = 1088;

    #[test]
    fn known_answers() {
        for record in records("crypto/mlkem768x25519.txt") {
            let initiated = METHOD.initiate(&mut Chosen(record.hex("client_random")));
            assert_eq!(initiated.public(), record.hex("init"));
            let secret = initiated.finish(&record.hex("reply")).unwrap();
            assert_eq!(string(&secret), record.hex("secret"));
            if record.text("ciphertext") == "good" {
                let mut rng = Chosen(record.hex("server_random"));
                let responded = METHOD.respond(&record.hex("init"), &mut rng).unwrap();
                assert_eq!(responded.public, record.hex("reply"));
                assert_eq!(string(&responded.secret), record.hex("secret"));
            }
        }
    }

    #[test]
    fn fips203_s7_wrong_lengths_are_refused() {
        let record = &records("crypto/mlkem768x25519.txt")[0];
        let (init, reply) = (record.hex("init"), record.hex("reply"));
        assert_eq!((init.len(), reply.len()), (KEY + 32, CIPHERTEXT + 32));
        for length in [0, 1, 31, 32, 33, KEY, CIPHERTEXT, KEY + 31, CIPHERTEXT + 31, KEY + 33, CIPHERTEXT + 33] {
            let value = |good: &[u8]| good.iter().copied().cycle().take(length).collect::<Vec<u8>>();
            assert_eq!(server_says(&value(&init)), Some(BadPublicValue), "{length}");
            assert_eq!(client_says(&value(&reply)), Some(BadPublicValue), "{length}");
        }
        assert_eq!((server_says(&init), client_says(&reply)), (None, None));
    }

    /// Each coefficient is 12 bits; q = 3329 and all above it stand for nothing.
    #[test]
    fn fips203_s7_2_a_key_with_a_coefficient_that_is_not_reduced_is_refused() {
        let init = records("crypto/mlkem768x25519.txt")[0].hex("init");
        for coefficient in [0, 1, 255, 256, 766, 767] {
            for (value, refused) in [(3328_u16, None), (3329, Some(BadPublicValue)), (4095, Some(BadPublicValue))] {
                let mut init = init.clone();
                let [low, high] = value.to_le_bytes();
                let three = &mut init[coefficient / 2 * 3..][..3];
                if coefficient % 2 == 0 {
                    three[0] = low;
                    three[1] = three[1] & 0xf0 | high;
                } else {
                    three[1] = three[1] & 0x0f | low << 4;
                    three[2] = low >> 4 | high << 4;
                }
                assert_eq!(server_says(&init), refused, "coefficient {coefficient} = {value}");
            }
        }
    }

    #[test]
    fn rfc8731_s3_an_x25519_secret_of_zeros_is_refused_beside_a_good_key() {
        let record = &records("crypto/mlkem768x25519.txt")[0];
        for (point, refused) in [([0; 32], Some(BadPublicValue)), ([9; 32], None)] {
            let (mut init, mut reply) = (record.hex("init"), record.hex("reply"));
            init[KEY..].copy_from_slice(&point);
            reply[CIPHERTEXT..].copy_from_slice(&point);
            assert_eq!((server_says(&init), client_says(&reply)), (refused, refused));
        }
    }

    /// "Implicit rejection" (FIPS 203 §6.3): another secret, and no sign of it.
    #[test]
    fn a_ciphertext_with_a_flipped_bit_gives_another_secret() {
        let record = &records("crypto/mlkem768x25519.txt")[0];
        let mut reply = record.hex("reply");
        reply[100] ^= 1;
        let secret = METHOD.initiate(&mut Chosen(record.hex("client_random"))).finish(&reply).unwrap();
        assert_ne!(string(&secret), record.hex("secret"));
    }

    fn server_says(init: &[u8]) -> Option<BadPublicValue> {
        METHOD.respond(init, &mut Chosen(alloc::vec![7; 64])).err()
    }

    fn client_says(reply: &[u8]) -> Option<BadPublicValue> {
        let random = records("crypto/mlkem768x25519.txt")[0].hex("client_random");
        METHOD.initiate(&mut Chosen(random)).finish(reply).err()
    }
}
