use alloc::vec::Vec;

#[cfg(feature = "key-files")]
use ecdsa::elliptic_curve::FieldBytes;
use ecdsa::elliptic_curve::Generate;
use ecdsa::signature::Signer;
use ecdsa::{Signature, SigningKey};
use p256::NistP256;
use p384::NistP384;
use p521::NistP521;
use rand_core::CryptoRng;
#[cfg(feature = "key-files")]
use zeroize::Zeroizing;

use super::Curve;
#[cfg(feature = "key-files")]
use super::file;
use super::private::{PrivateKey, Secret, SignError};
use super::public::PublicKey;
use crate::crypto::rustcrypto::ecdsa::NistCurve;
use crate::wire::Put;
#[cfg(feature = "key-files")]
use crate::wire::{InvalidMessage, Problem};

impl PrivateKey {
    /// A new ECDSA key: [RFC 5656](https://www.rfc-editor.org/rfc/rfc5656).
    #[must_use]
    pub fn generate_ecdsa(curve: Curve, rng: &mut dyn CryptoRng) -> Self {
        match curve {
            Curve::Nistp256 => from_key(SigningKey::<NistP256>::generate_from_rng(rng)),
            Curve::Nistp384 => from_key(SigningKey::<NistP384>::generate_from_rng(rng)),
            Curve::Nistp521 => from_key(SigningKey::<NistP521>::generate_from_rng(rng)),
        }
    }
}

fn from_key<C: NistCurve>(key: SigningKey<C>) -> PrivateKey {
    let public = PublicKey::ecdsa(C::CURVE, key.verifying_key().to_sec1_point(false).as_bytes());
    PrivateKey::new(Ecdsa(key), public)
}

/// The key with this secret number, big-endian, whose public point is `point`: another one would make signatures that
/// nobody can verify.
#[cfg(feature = "key-files")]
pub(super) fn from_scalar<C: NistCurve>(scalar: &[u8], point: Option<&[u8]>) -> Result<PrivateKey, InvalidMessage> {
    let wrong = |problem| InvalidMessage::new("ecdsa private key", problem);
    let mut padded = Zeroizing::new(FieldBytes::<C>::default());
    let zeros = padded.len().checked_sub(scalar.len()).ok_or_else(|| wrong(Problem::TooLong))?;
    for (to, from) in padded.iter_mut().skip(zeros).zip(scalar) {
        *to = *from;
    }
    let key = SigningKey::<C>::from_bytes(&padded).map_err(|_| wrong(Problem::BadValue))?;
    if point.is_some_and(|point| point != key.verifying_key().to_sec1_point(false).as_bytes()) {
        return Err(InvalidMessage::new("ecdsa Q", Problem::Mismatch));
    }
    Ok(from_key(key))
}

/// Wipes itself when dropped, as every [`SigningKey`].
struct Ecdsa<C: NistCurve>(SigningKey<C>);

impl<C: NistCurve> Secret for Ecdsa<C> {
    fn algorithms(&self) -> &'static [&'static str] {
        C::ALGORITHMS
    }

    /// The number that must never be used twice comes from the key and the message (RFC 6979), so that a weak source of
    /// random numbers cannot give the key away.
    fn sign(&self, algorithm: &str, message: &[u8], _: &mut dyn CryptoRng) -> Result<Vec<u8>, SignError> {
        if algorithm != C::CURVE.key_type() {
            return Err(SignError::WrongAlgorithm);
        }
        let signature: Signature<C> = self.0.try_sign(message).map_err(|_| SignError::Fault)?;
        let (r, s) = signature.split_bytes();
        let mut blob = Vec::with_capacity(160);
        blob.put_mpint(&r);
        blob.put_mpint(&s);
        Ok(blob)
    }

    #[cfg(feature = "key-files")]
    fn put_openssh(&self, out: &mut Vec<u8>) {
        out.put_string(C::CURVE.key_type().as_bytes());
        out.put_string(C::CURVE.name().as_bytes());
        out.put_string(self.0.verifying_key().to_sec1_point(false).as_bytes());
        out.put_mpint(&Zeroizing::new(self.0.to_bytes()));
    }

    #[cfg(feature = "key-files")]
    fn to_pkcs8(&self) -> Option<pkcs8::SecretDocument> {
        let scalar = Zeroizing::new(self.0.to_bytes());
        file::ecdsa::to_pkcs8(C::CURVE, &scalar, self.0.verifying_key().to_sec1_point(false).as_bytes())
    }
}

#[cfg(all(test, feature = "key-files"))]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use vectors::records;

    use super::*;

    fn with_scalar(curve: &str, scalar: &[u8], point: Option<&[u8]>) -> Result<PrivateKey, InvalidMessage> {
        match curve {
            "nistp256" => from_scalar::<NistP256>(scalar, point),
            "nistp384" => from_scalar::<NistP384>(scalar, point),
            _ => from_scalar::<NistP521>(scalar, point),
        }
    }

    #[test]
    fn rfc6979_a2_signatures_are_deterministic() {
        let mut records = records("crypto/ecdsa.txt");
        records.retain(|record| record.text("source").starts_with("RFC 6979"));
        let mut curves = Vec::new();
        for record in &records {
            let curve = record.text("curve");
            let key = with_scalar(curve, &record.hex("private"), Some(&record.hex("point"))).unwrap();
            for seed in [[0; 32], [1; 32]] {
                let mut rng = ChaCha20Rng::from_seed(seed);
                let signature = key.sign(key.algorithms()[0], &record.hex("message"), &mut rng).unwrap();
                let mut expected = Vec::new();
                expected.put_mpint(&record.hex("r"));
                expected.put_mpint(&record.hex("s"));
                assert_eq!(signature.blob, expected, "{curve}");
            }
            curves.push(curve);
        }
        assert_eq!(curves, ["nistp256", "nistp256", "nistp384", "nistp384", "nistp521", "nistp521"]);
    }

    #[test]
    fn numbers_that_are_no_key_are_refused() {
        for curve in Curve::ALL {
            let length = curve.bits().div_ceil(8);
            let refused = |scalar: &[u8]| with_scalar(curve.name(), scalar, None).unwrap_err().problem;
            assert_eq!(refused(&[]), Problem::BadValue);
            assert_eq!(refused(&alloc::vec![0; length]), Problem::BadValue);
            assert_eq!(refused(&alloc::vec![0xff; length]), Problem::BadValue);
            assert_eq!(refused(&alloc::vec![1; length + 1]), Problem::TooLong);
            // Leading zeros are left out of an mpint.
            let (short, long) = ([7], [&alloc::vec![0; length - 1][..], &[7]].concat());
            let key = |scalar: &[u8]| with_scalar(curve.name(), scalar, None).unwrap().public().clone();
            assert_eq!(key(&short), key(&long));
            let other = PrivateKey::generate_ecdsa(curve, &mut ChaCha20Rng::from_seed([1; 32]));
            let point = &other.public().blob()[other.public().blob().len() - 2 * length - 1..];
            assert_eq!(with_scalar(curve.name(), &[7], Some(point)).unwrap_err().problem, Problem::Mismatch);
        }
    }
}
