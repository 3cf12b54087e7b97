use ed25519_dalek::{Signature, VerifyingKey};

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
        // RFC 8709 §6: "the 64-octet signature".
        let signature: &[u8; 64] = signature.try_into().map_err(|_| BadSignature)?;
        key.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| BadSignature)
    }
}

/// RFC 8709 §4.
///
/// ```text
/// string "ssh-ed25519" · string key (32 bytes)
/// ```
fn parse(key_blob: &[u8]) -> Result<VerifyingKey, InvalidMessage> {
    let mut reader = Reader::new(key_blob);
    if reader.string("key type")? != b"ssh-ed25519" {
        return Err(InvalidMessage::new("key type", Problem::Mismatch));
    }
    let bytes = reader.string("key")?;
    reader.finish("public key")?;
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| InvalidMessage::new("key", Problem::BadLength))?;
    match VerifyingKey::from_bytes(bytes) {
        Ok(key) if !key.is_weak() => Ok(key),
        _ => Err(InvalidMessage::new("key", Problem::BadValue)),
    }
}
