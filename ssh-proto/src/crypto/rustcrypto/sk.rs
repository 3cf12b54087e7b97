use alloc::vec::Vec;

use ed25519_dalek::VerifyingKey;
use p256::NistP256;
use sha2::{Digest, Sha256};

use super::{ecdsa, ed25519};
use crate::crypto::{BadSignature, Verifier};
use crate::keys::{Curve, Presence};
use crate::wire::{InvalidMessage, Problem, Put, Reader};

/// `sk-ssh-ed25519@openssh.com`: a security key (FIDO) that signs by Ed25519. OpenSSH PROTOCOL.u2f.
#[derive(Debug)]
pub(super) struct SkEd25519;

/// `sk-ecdsa-sha2-nistp256@openssh.com`: a security key that signs by ECDSA. OpenSSH PROTOCOL.u2f.
#[derive(Debug)]
pub(super) struct SkEcdsa;

impl Verifier for SkEd25519 {
    fn check_key(&self, key_blob: &[u8]) -> Result<(), InvalidMessage> {
        parse_ed25519(key_blob).map(|_| ())
    }

    /// Without what the key says of its owner a signature of it is not whole.
    fn verify(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), BadSignature> {
        Err(BadSignature)
    }

    fn verify_presence(
        &self,
        key_blob: &[u8],
        message: &[u8],
        signature: &[u8],
        presence: Presence,
    ) -> Result<(), BadSignature> {
        let (key, application) = parse_ed25519(key_blob).map_err(|_| BadSignature)?;
        ed25519::verify(&key, &signed(application, presence, message), signature)
    }
}

impl Verifier for SkEcdsa {
    fn check_key(&self, key_blob: &[u8]) -> Result<(), InvalidMessage> {
        parse_ecdsa(key_blob).map(|_| ())
    }

    /// Without what the key says of its owner a signature of it is not whole.
    fn verify(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), BadSignature> {
        Err(BadSignature)
    }

    fn verify_presence(
        &self,
        key_blob: &[u8],
        message: &[u8],
        signature: &[u8],
        presence: Presence,
    ) -> Result<(), BadSignature> {
        let (key, application) = parse_ecdsa(key_blob).map_err(|_| BadSignature)?;
        ecdsa::verify(&key, &signed(application, presence, message), signature)
    }
}

/// ```text
/// string "sk-ssh-ed25519@openssh.com" · string public key · string application
/// ```
fn parse_ed25519(key_blob: &[u8]) -> Result<(VerifyingKey, &[u8]), InvalidMessage> {
    let mut reader = Reader::new(key_blob);
    expect_type(&mut reader, b"sk-ssh-ed25519@openssh.com")?;
    let key = ed25519::read_point(&mut reader)?;
    let application = reader.string("application")?;
    reader.finish("public key")?;
    Ok((key, application))
}

/// ```text
/// string "sk-ecdsa-sha2-nistp256@openssh.com" · string curve name · string Q · string application
/// ```
fn parse_ecdsa(key_blob: &[u8]) -> Result<(::ecdsa::VerifyingKey<NistP256>, &[u8]), InvalidMessage> {
    let mut reader = Reader::new(key_blob);
    expect_type(&mut reader, b"sk-ecdsa-sha2-nistp256@openssh.com")?;
    let point = Curve::Nistp256.read_point(&mut reader)?;
    let application = reader.string("application")?;
    reader.finish("public key")?;
    Ok((ecdsa::on_curve(point)?, application))
}

fn expect_type(reader: &mut Reader<'_>, name: &[u8]) -> Result<(), InvalidMessage> {
    if reader.string("key type")? == name { Ok(()) } else { Err(InvalidMessage::new("key type", Problem::Mismatch)) }
}

/// What the key signs: for whom, who was there, and what.
///
/// ```text
/// byte[32] SHA256(application) · byte flags · uint32 counter · byte[32] SHA256(message)
/// ```
/// It could put extensions between the counter and the message, which OpenSSH does not ask for and does not know.
fn signed(application: &[u8], presence: Presence, message: &[u8]) -> Vec<u8> {
    let mut signed = Vec::with_capacity(69);
    signed.put_bytes(&Sha256::digest(application));
    presence.to_wire(&mut signed);
    signed.put_bytes(&Sha256::digest(message));
    signed
}
