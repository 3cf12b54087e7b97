use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use digest::const_oid::AssociatedOid;
use rsa::{BoxedUint, PublicKey};

use super::read_key;
use crate::crypto::{BadSignature, Verifier};
use crate::wire::{InvalidMessage, Mpint, Problem};

/// The smallest modulus: RFC 8332 §5.1 calls it prudent to follow NIST, which disallows shorter ones.
const MIN_MODULUS_BITS: usize = 2048;
/// The largest modulus: checking a signature takes the square of its length, and any stranger can ask for it.
const MAX_MODULUS_BITS: usize = 8192;
/// The longest exponent, for the same reason. Nearly every key has 65537.
const MAX_EXPONENT_BITS: usize = 33;

/// `ssh-rsa` with SHA-1 (RFC 4253 §6.6).
pub(super) static SHA1: Rsa<sha1::Sha1> = Rsa::new("ssh-rsa");
/// `rsa-sha2-256` (RFC 8332 §3).
pub(super) static SHA256: Rsa<sha2::Sha256> = Rsa::new("rsa-sha2-256");
/// `rsa-sha2-512` (RFC 8332 §3).
pub(super) static SHA512: Rsa<sha2::Sha512> = Rsa::new("rsa-sha2-512");

/// RSASSA-PKCS1-v1_5 over a hash function.
pub(super) struct Rsa<D> {
    name: &'static str,
    hash: PhantomData<fn() -> D>,
}

impl<D> Rsa<D> {
    const fn new(name: &'static str) -> Self {
        Self { name, hash: PhantomData }
    }
}

impl<D: digest::Digest + AssociatedOid> Verifier for Rsa<D> {
    fn check_key(&self, key_blob: &[u8]) -> Result<(), InvalidMessage> {
        parse(key_blob).map(|_| ())
    }

    /// RFC 8332 §5.3: "Verifiers MUST instead apply RSASSA-PKCS1-v1_5 padding to the expected hash, then compare the
    /// encoded bytes with the output of the RSA operation." Parsing that output is what forgeries live on.
    fn verify(&self, key_blob: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let key = parse(key_blob).map_err(|_| BadSignature)?;
        let length = key.modulus.magnitude().len();
        // RFC 8332 §3: "A verifier MAY accept shorter encodings of S with one or more leading zeros omitted."
        let zeros = length.checked_sub(signature.len()).ok_or(BadSignature)?;
        let mut padded = Vec::with_capacity(length);
        padded.resize(zeros, 0);
        padded.extend_from_slice(signature);
        let key = key.prepare().ok_or(BadSignature)?;
        key.pkcs1v15_verify::<D>(message, &padded).map_err(|_| BadSignature)
    }
}

impl<D> fmt::Debug for Rsa<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A key whose sizes are within the limits.
struct Key<'a> {
    exponent: Mpint<'a>,
    modulus: Mpint<'a>,
}

impl Key<'_> {
    fn prepare(&self) -> Option<PublicKey> {
        let exponent = BoxedUint::from_be_slice_vartime(self.exponent.magnitude());
        let modulus = BoxedUint::from_be_slice_vartime(self.modulus.magnitude());
        PublicKey::new(modulus, exponent).ok()
    }
}

/// RFC 4253 §6.6. Nothing is computed before the sizes are known to be within the limits.
///
/// ```text
/// string "ssh-rsa" · mpint e · mpint n
/// ```
fn parse(key_blob: &[u8]) -> Result<Key<'_>, InvalidMessage> {
    let key =
        read_key(key_blob, "ssh-rsa", |reader| Ok(Key { exponent: reader.mpint("e")?, modulus: reader.mpint("n")? }))?;
    if !(MIN_MODULUS_BITS..=MAX_MODULUS_BITS).contains(&key.modulus.bits()) {
        return Err(InvalidMessage::new("n", Problem::BadLength));
    }
    if key.exponent.bits() > MAX_EXPONENT_BITS {
        return Err(InvalidMessage::new("e", Problem::TooLong));
    }
    // An even n has a factor of 2; e below 3 leaves messages as they are or has no inverse.
    for (field, value) in [("e", key.exponent), ("n", key.modulus)] {
        if value.bits() < 2 || value.magnitude().last().is_none_or(|last| last % 2 == 0) {
            return Err(InvalidMessage::new(field, Problem::BadValue));
        }
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use vectors::{Record, records};

    use super::*;
    use crate::wire::Put;

    fn blob(e: &[u8], n: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        blob.put_string(b"ssh-rsa");
        blob.put_mpint(e);
        blob.put_mpint(n);
        blob
    }

    fn verifier(name: &str) -> &'static dyn Verifier {
        match name {
            "ssh-rsa" => &SHA1,
            "rsa-sha2-256" => &SHA256,
            _ => &SHA512,
        }
    }

    fn verify(record: &Record, signature: &[u8]) -> Result<(), BadSignature> {
        let key = blob(&record.hex("e"), &record.hex("n"));
        verifier(record.text("name")).check_key(&key).unwrap();
        verifier(record.text("name")).verify(&key, &record.hex("message"), signature)
    }

    /// Good signatures, and the forgeries that RFC 8332 §5.3 is about.
    #[test]
    fn known_answers() {
        for record in records("crypto/rsa.txt") {
            let expected = if record.text("good") == "yes" { Ok(()) } else { Err(BadSignature) };
            let about = (record.text("case"), record.text("name"), record.hex("n").len());
            assert_eq!(verify(&record, &record.hex("signature")), expected, "{about:?}");
        }
    }

    #[test]
    fn a_signature_is_of_one_hash_and_one_message() {
        let records = records("crypto/rsa.txt");
        for record in records.iter().filter(|record| record.text("good") == "yes") {
            let key = blob(&record.hex("e"), &record.hex("n"));
            let (message, mut signature) = (record.hex("message"), record.hex("signature"));
            for name in ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"] {
                let verdict = verifier(name).verify(&key, &message, &signature);
                assert_eq!(verdict.is_ok(), name == record.text("name"), "{name}");
            }
            let other = [&message[..], b"!"].concat();
            assert_eq!(verifier(record.text("name")).verify(&key, &other, &signature), Err(BadSignature));
            *signature.last_mut().unwrap() ^= 1;
            assert_eq!(verify(record, &signature), Err(BadSignature));
        }
    }

    #[test]
    fn rfc8332_s3_leading_zeros_may_be_omitted_and_nothing_else() {
        let records = records("crypto/rsa.txt");
        let record = records.iter().find(|record| record.text("case") == "leading zero").unwrap();
        let signature = record.hex("signature");
        assert_eq!(signature[0], 0);
        assert_eq!(verify(record, &signature[1..]), Ok(()));
        assert_eq!(verify(record, &signature[2..]), Err(BadSignature));
        assert_eq!(verify(record, &signature[..255]), Err(BadSignature));
        assert_eq!(verify(record, &[]), Err(BadSignature));
        assert_eq!(verify(record, &[&[0], &signature[..]].concat()), Err(BadSignature));
        assert_eq!(verify(record, &[&signature[..], &[0]].concat()), Err(BadSignature));
        assert_eq!(verify(record, &vec![0; 1 << 20]), Err(BadSignature));
    }

    /// An odd number of `bits` bits, which is all that is known of n before a signature comes.
    fn odd(bits: usize) -> Vec<u8> {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] >>= (8 - bits % 8) % 8;
        n
    }

    /// CVE-2026-39829 was a modulus of millions of bits.
    #[test]
    fn rfc8332_s5_1_sizes_outside_the_limits_are_refused() {
        for bits in [2048, 2049, 2056, 3072, 4096, 8191, 8192] {
            assert_eq!(SHA256.check_key(&blob(&[1, 0, 1], &odd(bits))), Ok(()), "{bits}");
            assert_eq!(SHA256.verify(&blob(&[1, 0, 1], &odd(bits)), b"", &[1; 256]), Err(BadSignature), "{bits}");
        }
        for bits in [1, 8, 512, 1023, 1024, 2040, 2047, 8193, 16384, 65536, 10_000_000] {
            let key = blob(&[1, 0, 1], &odd(bits));
            assert_eq!(SHA256.check_key(&key), Err(InvalidMessage::new("n", Problem::BadLength)), "{bits}");
            assert_eq!(SHA256.verify(&key, b"", &[1; 256]), Err(BadSignature), "{bits}");
        }
        for e in [&[3][..], &[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(SHA256.check_key(&blob(e, &odd(2048))), Ok(()), "{e:?}");
        }
        for (e, problem) in [
            (&[][..], Problem::BadValue),
            (&[1], Problem::BadValue),
            (&[2], Problem::BadValue),
            (&[1, 0, 0], Problem::BadValue),
            (&[2, 0, 0, 0, 1], Problem::TooLong),
            (&[0xff; 256], Problem::TooLong),
        ] {
            assert_eq!(SHA256.check_key(&blob(e, &odd(2048))), Err(InvalidMessage::new("e", problem)), "{e:?}");
        }
        let mut even = odd(2048);
        even[255] = 0xfe;
        let even = blob(&[1, 0, 1], &even);
        assert_eq!(SHA256.check_key(&even), Err(InvalidMessage::new("n", Problem::BadValue)));
    }

    #[test]
    fn key_blobs_are_read_whole() {
        let key = blob(&[1, 0, 1], &odd(2048));
        for end in 0..key.len() {
            assert!(SHA256.check_key(&key[..end]).is_err(), "cut at {end}");
        }
        let longer = [&key[..], &[0]].concat();
        assert_eq!(SHA256.check_key(&longer), Err(InvalidMessage::new("public key", Problem::TrailingBytes)));
        // RFC 8332 §3: the key is an "ssh-rsa" key whatever the signature is called.
        let mut other = Vec::new();
        other.put_string(b"rsa-sha2-256");
        other.put_mpint(&[1, 0, 1]);
        other.put_mpint(&odd(2048));
        assert_eq!(SHA256.check_key(&other), Err(InvalidMessage::new("key type", Problem::Mismatch)));
    }
}
