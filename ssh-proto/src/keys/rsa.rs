use alloc::vec::Vec;
use core::fmt;

use digest::{Digest, const_oid::AssociatedOid};
use rand_core::CryptoRng;
use rsa::pkcs1v15::Pkcs1v15Sign;
#[cfg(feature = "key-files")]
use rsa::traits::PrivateKeyParts;
use rsa::traits::PublicKeyParts;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
#[cfg(feature = "key-files")]
use zeroize::Zeroizing;

use super::private::{PrivateKey, Secret, SignError};
use super::public::{PublicKey, RSA};
#[cfg(feature = "key-files")]
use crate::wire::Put;

impl PrivateKey {
    /// A new RSA key whose modulus has `bits` bits. This takes seconds, and for large keys minutes.
    ///
    /// # Errors
    /// When `bits` is not between 2048 and 8192, or `rng` does not yield random numbers.
    pub fn generate_rsa(bits: usize, rng: &mut dyn CryptoRng) -> Result<Self, GenerateError> {
        if !(2048..=8192).contains(&bits) {
            return Err(GenerateError::Bits);
        }
        let key = rsa::PrivateKey::new(rng, bits).map_err(|_| GenerateError::Rng)?;
        from_key(key).ok_or(GenerateError::Rng)
    }
}

pub(super) fn from_key(key: rsa::PrivateKey) -> Option<PrivateKey> {
    let public = PublicKey::rsa(&key.e_bytes(), &key.n_bytes()).ok()?;
    let check = key.to_public_key();
    Some(PrivateKey::new(Rsa { key, check }, public))
}

/// The `rsa` crate wipes exponents and primes when they are dropped. It does not wipe the inverse of q modulo p.
struct Rsa {
    key: rsa::PrivateKey,
    /// The public half once more, so that a fault in one copy does not go unseen in the other.
    check: rsa::PublicKey,
}

impl Rsa {
    /// One faulty signature by the Chinese remainder theorem gives the factors of the modulus away, and real servers have
    /// sent such signatures (Ryan et al., "Passive SSH Key Compromise via Lattices", 2023). The `rsa` crate compares
    /// its result with its input before it returns; this checks the finished signature as the peer will.
    fn sign_hash<D: Digest + AssociatedOid>(
        &self,
        message: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, SignError> {
        let hash = D::digest(message);
        let signature = self.key.sign_with_rng(rng, Pkcs1v15Sign::new::<D>(), &hash).map_err(|_| SignError::Fault)?;
        self.check.verify(Pkcs1v15Sign::new::<D>(), &hash, &signature).map_err(|_| SignError::Fault)?;
        Ok(signature)
    }
}

impl Secret for Rsa {
    fn algorithms(&self) -> &'static [&'static str] {
        &["rsa-sha2-512", "rsa-sha2-256", RSA]
    }

    /// RFC 8332 §3; RFC 4253 §6.6 for the last.
    fn sign(&self, algorithm: &str, message: &[u8], rng: &mut dyn CryptoRng) -> Result<Vec<u8>, SignError> {
        match algorithm {
            "rsa-sha2-512" => self.sign_hash::<Sha512>(message, rng),
            "rsa-sha2-256" => self.sign_hash::<Sha256>(message, rng),
            RSA => self.sign_hash::<Sha1>(message, rng),
            _ => Err(SignError::WrongAlgorithm),
        }
    }

    #[cfg(feature = "key-files")]
    fn put_openssh(&self, out: &mut Vec<u8>) {
        let bytes = |number: &rsa::BoxedUint| Zeroizing::new(number.to_be_bytes());
        out.put_string(RSA.as_bytes());
        out.put_mpint(&self.key.n_bytes());
        out.put_mpint(&self.key.e_bytes());
        out.put_mpint(&bytes(self.key.d()));
        // Distinct primes always have an inverse.
        out.put_mpint(&self.key.crt_coefficient().as_ref().map(bytes).unwrap_or_default());
        for prime in self.key.primes() {
            out.put_mpint(&bytes(prime));
        }
    }

    #[cfg(feature = "key-files")]
    fn to_pkcs8(&self) -> Option<pkcs8::SecretDocument> {
        pkcs8::EncodePrivateKey::to_pkcs8_der(&self.key).ok()
    }

    #[cfg(feature = "key-files")]
    fn to_pkcs1(&self) -> Option<pkcs8::SecretDocument> {
        rsa::pkcs1::EncodeRsaPrivateKey::to_pkcs1_der(&self.key).ok()
    }
}

/// Why there is no new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GenerateError {
    /// Not between 2048 and 8192 bits.
    Bits,
    /// The random numbers are not random.
    Rng,
}

impl fmt::Display for GenerateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bits => "an RSA key has between 2048 and 8192 bits",
            Self::Rng => "the source of random numbers repeats itself",
        })
    }
}

impl core::error::Error for GenerateError {}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn key(seed: u8) -> rsa::PrivateKey {
        rsa::PrivateKey::new(&mut ChaCha20Rng::from_seed([seed; 32]), 2048).unwrap()
    }

    #[test]
    fn rfc8332_s3_a_generated_key_signs_what_its_public_half_verifies() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let key = PrivateKey::generate_rsa(2048, &mut rng).unwrap();
        assert_eq!(key.public().bits(), Some(2048));
        assert_eq!(key.algorithms(), ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]);
        let mut reader = crate::wire::Reader::new(key.public().blob());
        assert_eq!(reader.string("type"), Ok(&b"ssh-rsa"[..]));
        let [e, n] = ["e", "n"].map(|field| {
            let magnitude = reader.mpint(field).unwrap().magnitude();
            rsa::BoxedUint::from_be_slice_vartime(magnitude)
        });
        let public = rsa::PublicKey::new(n, e).unwrap();
        for (algorithm, padding, hash) in [
            ("rsa-sha2-512", Pkcs1v15Sign::new::<Sha512>(), Sha512::digest(b"message").to_vec()),
            ("rsa-sha2-256", Pkcs1v15Sign::new::<Sha256>(), Sha256::digest(b"message").to_vec()),
            ("ssh-rsa", Pkcs1v15Sign::new::<Sha1>(), Sha1::digest(b"message").to_vec()),
        ] {
            let signature = key.sign(algorithm, b"message", &mut rng).unwrap();
            assert_eq!((signature.algorithm.as_str(), signature.blob.len()), (algorithm, 256));
            public.verify(padding, &hash, &signature.blob).unwrap();
        }
        assert_eq!(key.sign("rsa-sha2-384", b"message", &mut rng), Err(SignError::WrongAlgorithm));
    }

    #[test]
    fn a_signature_that_does_not_verify_is_withheld() {
        let (key, check) = (key(1), key(2).to_public_key());
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let broken = Rsa { key, check };
        assert_eq!(broken.sign("rsa-sha2-512", b"message", &mut rng), Err(SignError::Fault));
    }

    #[test]
    fn sizes_outside_the_limits_are_not_generated() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        for bits in [0, 1024, 2047, 8193, usize::MAX] {
            assert_eq!(PrivateKey::generate_rsa(bits, &mut rng).unwrap_err(), GenerateError::Bits);
        }
    }
}
