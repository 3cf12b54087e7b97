use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use digest::const_oid::AssociatedOid;
use rsa::{BoxedUint, PublicKey};

use crate::crypto::{BadSignature, Verifier};
use crate::wire::{InvalidMessage, Mpint, Problem, Reader};

/// The smallest modulus: RFC 8332 §5.1 lets an implementation refuse what is below.
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

    /// RFC 8332 §5.3: the padding "MUST NOT be verified by applying the RSA key to the signature, and then parsing the
    /// payload in order to determine the hash": the whole expected encoding is compared.
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
    let mut reader = Reader::new(key_blob);
    if reader.string("key type")? != b"ssh-rsa" {
        return Err(InvalidMessage::new("key type", Problem::Mismatch));
    }
    let key = Key { exponent: reader.mpint("e")?, modulus: reader.mpint("n")? };
    reader.finish("public key")?;
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
