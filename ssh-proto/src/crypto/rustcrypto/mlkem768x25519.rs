use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use ml_kem::kem::{Ciphertext, Decapsulate, Encapsulate, Key, KeyExport};
use ml_kem::{DecapsulationKey768, EncapsulationKey768, MlKem768, SharedKey};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::curve25519;
use crate::crypto::{BadPublicValue, Initiated, KeyAgreement, Responded, SharedSecret};

/// ML-KEM-768 (FIPS 203) beside X25519 (draft-ietf-sshm-mlkem-hybrid-kex): whoever wants the secret must break both.
///
/// ```text
/// C_INIT  = encapsulation key (1184 bytes) || X25519 public key (32)
/// S_REPLY = ciphertext (1088 bytes) || X25519 public key (32)
/// K       = SHA-256(K_PQ || K_CL), hashed as a string
/// ```
#[derive(Debug)]
pub(super) struct MlKem768X25519;

impl KeyAgreement for MlKem768X25519 {
    fn initiate(&self, rng: &mut dyn CryptoRng) -> Box<dyn Initiated> {
        let mut seed = Zeroizing::new([0; 64]);
        rng.fill_bytes(&mut *seed);
        let lattice = DecapsulationKey768::from_seed((*seed).into());
        let curve = curve25519::EphemeralKey::new(rng);
        let public = [&lattice.encapsulation_key().to_bytes()[..], curve.public()].concat();
        Box::new(EphemeralKey { lattice, curve, public })
    }

    fn respond(&self, init: &[u8], rng: &mut dyn CryptoRng) -> Result<Responded, BadPublicValue> {
        let (lattice, peer) = split(init)?;
        let lattice: &Key<EncapsulationKey768> = lattice.try_into().map_err(|_| BadPublicValue)?;
        // FIPS 203 §7.2: the length, and the "modulus check" that every coefficient is below q.
        let lattice = EncapsulationKey768::new(lattice).map_err(|_| BadPublicValue)?;
        let curve = curve25519::EphemeralKey::new(rng);
        let curve_public = *curve.public();
        let classical = curve.agree(peer)?;
        let (ciphertext, key) = lattice.encapsulate_with_rng(rng);
        let public = [&ciphertext[..], &curve_public].concat();
        Ok(Responded::new(public, combine(&Zeroizing::new(key), &classical)))
    }
}

struct EphemeralKey {
    lattice: DecapsulationKey768,
    curve: curve25519::EphemeralKey,
    public: Vec<u8>,
}

impl Initiated for EphemeralKey {
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        let Self { lattice, curve, .. } = *self;
        let (ciphertext, peer) = split(reply)?;
        let ciphertext: &Ciphertext<MlKem768> = ciphertext.try_into().map_err(|_| BadPublicValue)?;
        let classical = curve.agree(peer)?;
        // Of any ciphertext something comes out; what was not made with our key gives a secret that nobody else has.
        let key = Zeroizing::new(lattice.decapsulate(ciphertext));
        Ok(combine(&key, &classical))
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey([redacted])")
    }
}

/// What is before the X25519 public key, and that key.
fn split(value: &[u8]) -> Result<(&[u8], &[u8]), BadPublicValue> {
    let end = value.len().checked_sub(curve25519::LENGTH).ok_or(BadPublicValue)?;
    value.split_at_checked(end).ok_or(BadPublicValue)
}

fn combine(post_quantum: &SharedKey, classical: &[u8]) -> SharedSecret {
    let mut hash = Sha256::new();
    hash.update(post_quantum);
    hash.update(classical);
    SharedSecret::String(Zeroizing::new(hash.finalize().to_vec()))
}

#[cfg(test)]
mod tests {
    use vectors::{Chosen, records};

    use super::*;
    use crate::crypto::rustcrypto::tests::string;

    const KEY: usize = 1184;
    const CIPHERTEXT: usize = 1088;

    #[test]
    fn known_answers() {
        for record in records("crypto/mlkem768x25519.txt") {
            let initiated = MlKem768X25519.initiate(&mut Chosen(record.hex("client_random")));
            assert_eq!(initiated.public(), record.hex("init"));
            let secret = initiated.finish(&record.hex("reply")).unwrap();
            assert_eq!(string(&secret), record.hex("secret"));
            if record.text("ciphertext") == "good" {
                let mut rng = Chosen(record.hex("server_random"));
                let responded = MlKem768X25519.respond(&record.hex("init"), &mut rng).unwrap();
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
        let secret = MlKem768X25519.initiate(&mut Chosen(record.hex("client_random"))).finish(&reply).unwrap();
        assert_ne!(string(&secret), record.hex("secret"));
    }

    fn server_says(init: &[u8]) -> Option<BadPublicValue> {
        MlKem768X25519.respond(init, &mut Chosen(alloc::vec![7; 64])).err()
    }

    fn client_says(reply: &[u8]) -> Option<BadPublicValue> {
        let random = records("crypto/mlkem768x25519.txt")[0].hex("client_random");
        MlKem768X25519.initiate(&mut Chosen(random)).finish(reply).err()
    }
}
