use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::curve25519;
use super::sntrup761::{self, CIPHERTEXT, PUBLIC_KEY, SecretKey};
use crate::crypto::{BadPublicValue, Initiated, KeyAgreement, Responded, SharedSecret};

/// sntrup761 beside X25519 (draft-ietf-sshm-ntruprime-ssh): whoever wants the secret must break both.
///
/// ```text
/// C_INIT  = sntrup761 public key (1158 bytes) || X25519 public key (32)
/// S_REPLY = ciphertext (1039 bytes) || X25519 public key (32)
/// K       = SHA-512(K_PQ || K_CL), hashed as a string
/// ```
#[derive(Debug)]
pub(super) struct Sntrup761X25519;

impl KeyAgreement for Sntrup761X25519 {
    fn initiate(&self, rng: &mut dyn CryptoRng) -> Box<dyn Initiated> {
        let curve = curve25519::EphemeralKey::new(rng);
        let lattice = SecretKey::generate(rng);
        let public = [lattice.public(), curve.public()].concat();
        Box::new(EphemeralKey { lattice, curve, public })
    }

    fn respond(&self, init: &[u8], rng: &mut dyn CryptoRng) -> Result<Responded, BadPublicValue> {
        let (lattice, peer) = init.split_first_chunk::<PUBLIC_KEY>().ok_or(BadPublicValue)?;
        let curve = curve25519::EphemeralKey::new(rng);
        let curve_public = *curve.public();
        // First, so that a bad value costs little. Any bytes of the right length are a key of the lattice.
        let classical = curve.agree(peer)?;
        let (ciphertext, key) = sntrup761::encapsulate(lattice, rng);
        let public = [&ciphertext[..], &curve_public].concat();
        Ok(Responded::new(public, combine(&key, &classical)))
    }
}

struct EphemeralKey {
    lattice: SecretKey,
    curve: curve25519::EphemeralKey,
    public: Vec<u8>,
}

impl Initiated for EphemeralKey {
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        let Self { lattice, curve, .. } = *self;
        let (ciphertext, peer) = reply.split_first_chunk::<CIPHERTEXT>().ok_or(BadPublicValue)?;
        let classical = curve.agree(peer)?;
        // Of any ciphertext something comes out; what was not made with our key gives a secret that nobody else has.
        Ok(combine(&lattice.decapsulate(ciphertext), &classical))
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey([redacted])")
    }
}

fn combine(post_quantum: &[u8; 32], classical: &[u8]) -> SharedSecret {
    let mut hash = Sha512::new();
    hash.update(post_quantum);
    hash.update(classical);
    SharedSecret::String(Zeroizing::new(hash.finalize().to_vec()))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use vectors::{Record, records};

    use super::*;
    use crate::crypto::rustcrypto::tests::string;

    #[test]
    fn known_answers() {
        let (mut right, mut wrong) = (0, 0);
        for record in records("crypto/sntrup761x25519.txt") {
            let initiated = Sntrup761X25519.initiate(&mut seeded(&record, "client_seed"));
            assert_eq!(initiated.public(), record.hex("init"));
            let secret = initiated.finish(&record.hex("reply")).unwrap();
            assert_eq!(string(&secret), record.hex("secret"));
            if record.text("ciphertext") == "good" {
                let mut rng = seeded(&record, "server_seed");
                let responded = Sntrup761X25519.respond(&record.hex("init"), &mut rng).unwrap();
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
        Sntrup761X25519.respond(init, &mut seeded(record, "server_seed")).err()
    }

    fn client_says(record: &Record, reply: &[u8]) -> Option<BadPublicValue> {
        Sntrup761X25519.initiate(&mut seeded(record, "client_seed")).finish(reply).err()
    }

    /// A key generation takes six thousand bytes: the answers hold the key of the ChaCha20 that they come from.
    fn seeded(record: &Record, name: &str) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(record.hex(name).try_into().unwrap())
    }
}
