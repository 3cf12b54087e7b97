use ed25519_dalek::{Signature, VerifyingKey};

use super::read_key;
use crate::crypto::{BadSignature, Verifier};
use crate::wire::{InvalidMessage, Problem, Reader};

/// Ed25519 ([RFC 8709](https://www.rfc-editor.org/rfc/rfc8709)).
#[derive(Debug)]
pub(super) struct Ed25519;

impl Verifier for Ed25519 {
    fn check_key(&self, key_blob: &[u8]) -> Result<(), InvalidMessage> {
        parse(key_blob).map(|_| ())
    }

    /// Strictly (RFC 8032 §5.1.7 and more): S is below the order of the group, so that a signature has one form, and
    /// neither key nor R is a point of small order, so that no signature fits more than one message. An honest signer
    /// makes nothing else.
    fn verify(&self, key_blob: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let key = parse(key_blob).map_err(|_| BadSignature)?;
        verify(&key, message, signature)
    }
}

pub(super) fn verify(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
    // RFC 8709 §6: "'signature' is the 64-octet signature".
    let signature: &[u8; 64] = signature.try_into().map_err(|_| BadSignature)?;
    key.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| BadSignature)
}

/// RFC 8709 §4.
///
/// ```text
/// string "ssh-ed25519" · string key (32 bytes)
/// ```
fn parse(key_blob: &[u8]) -> Result<VerifyingKey, InvalidMessage> {
    read_key(key_blob, "ssh-ed25519", read_point)
}

pub(super) fn read_point(reader: &mut Reader<'_>) -> Result<VerifyingKey, InvalidMessage> {
    let bytes = reader.string("key")?;
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| InvalidMessage::new("key", Problem::BadLength))?;
    match VerifyingKey::from_bytes(bytes) {
        Ok(key) if !key.is_weak() => Ok(key),
        _ => Err(InvalidMessage::new("key", Problem::BadValue)),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use vectors::records;

    use super::*;
    use crate::wire::Put;

    fn blob(key: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        blob.put_string(b"ssh-ed25519");
        blob.put_string(key);
        blob
    }

    #[test]
    fn known_answers() {
        for record in records("crypto/ed25519.txt") {
            let key = blob(&record.hex("key"));
            let (message, signature) = (record.hex("message"), record.hex("signature"));
            Ed25519.check_key(&key).unwrap();
            assert_eq!(Ed25519.verify(&key, &message, &signature), Ok(()));
            for bit in 0..512 {
                let mut signature = signature.clone();
                signature[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Ed25519.verify(&key, &message, &signature), Err(BadSignature), "bit {bit}");
            }
            let other = [&message[..], b"!"].concat();
            assert_eq!(Ed25519.verify(&key, &other, &signature), Err(BadSignature));
        }
    }

    /// CVE-2020-9283 was a panic here.
    #[test]
    fn rfc8709_s4_and_s6_wrong_lengths_are_refused() {
        let record = &records("crypto/ed25519.txt")[0];
        let (key, signature) = (record.hex("key"), record.hex("signature"));
        for length in [0, 1, 31, 33, 64] {
            let mut key = key.clone();
            key.resize(length, 0);
            assert_eq!(Ed25519.check_key(&blob(&key)), Err(InvalidMessage::new("key", Problem::BadLength)), "{length}");
            assert_eq!(Ed25519.verify(&blob(&key), b"", &signature), Err(BadSignature), "{length}");
        }
        for length in [0, 1, 32, 63, 65, 128] {
            let mut signature = signature.clone();
            signature.resize(length, 0);
            assert_eq!(Ed25519.verify(&blob(&key), b"", &signature), Err(BadSignature), "{length}");
        }
    }

    #[test]
    fn key_blobs_are_read_whole() {
        let key = blob(&records("crypto/ed25519.txt")[0].hex("key"));
        for end in 0..key.len() {
            assert!(Ed25519.check_key(&key[..end]).is_err(), "cut at {end}");
        }
        let longer = [&key[..], &[0]].concat();
        assert_eq!(Ed25519.check_key(&longer), Err(InvalidMessage::new("public key", Problem::TrailingBytes)));
        let mut other = key;
        other[4] = b'S';
        assert_eq!(Ed25519.check_key(&other), Err(InvalidMessage::new("key type", Problem::Mismatch)));
    }

    /// RFC 8032 §5.1.7: S must be below L, or each signature has a second form.
    #[test]
    fn rfc8709_s6_s_plus_the_order_of_the_group_is_refused() {
        const L: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
        for record in records("crypto/ed25519.txt") {
            let mut signature = record.hex("signature");
            let mut carry = 0;
            for (digit, l) in signature[32..].iter_mut().zip(vectors::hex(L)) {
                let sum = u16::from(*digit) + u16::from(l) + carry;
                [*digit, _] = sum.to_le_bytes();
                carry = sum >> 8;
            }
            let key = blob(&record.hex("key"));
            assert_eq!(Ed25519.verify(&key, &record.hex("message"), &signature), Err(BadSignature));
        }
    }

    /// Under a key of small order a signature of R = key and S = 0 fits one message in a few.
    #[test]
    fn keys_of_small_order_and_off_the_curve_are_refused() {
        for key in [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "0200000000000000000000000000000000000000000000000000000000000000",
        ] {
            let key = vectors::hex(key);
            assert_eq!(Ed25519.check_key(&blob(&key)), Err(InvalidMessage::new("key", Problem::BadValue)));
            let signature = [&key[..], &[0; 32]].concat();
            for message in 0..=255 {
                assert_eq!(Ed25519.verify(&blob(&key), &[message], &signature), Err(BadSignature));
            }
        }
    }
}
