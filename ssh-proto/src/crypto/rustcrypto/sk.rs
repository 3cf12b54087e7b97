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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rustcrypto::tests::{Record, records};

    fn verifier(record: &Record) -> &'static dyn Verifier {
        if record.text("name").contains("ecdsa") { &SkEcdsa } else { &SkEd25519 }
    }

    fn presence(record: &Record) -> Presence {
        let counter = record.hex("counter").try_into().map(u32::from_be_bytes).unwrap();
        Presence::new(record.hex("flags")[0], counter)
    }

    #[test]
    fn known_answers() {
        let records = records("sk.txt");
        for record in &records {
            let (key, message, signature) = (record.hex("key"), record.hex("message"), record.hex("signature"));
            let verifier = verifier(record);
            assert_eq!(verifier.check_key(&key), Ok(()));
            let verify = |message: &[u8], signature: &[u8], presence| {
                verifier.verify_presence(&key, message, signature, presence)
            };
            let said = presence(record);
            assert_eq!(verify(&message, &signature, said), Ok(()));
            assert_eq!(verify(&message[1..], &signature, said), Err(BadSignature));
            // What it says of its owner is signed too.
            for bit in 0..8 {
                assert_eq!(
                    verify(&message, &signature, Presence::new(said.flags ^ (1 << bit), said.counter)),
                    Err(BadSignature)
                );
            }
            for bit in 0..32 {
                assert_eq!(
                    verify(&message, &signature, Presence::new(said.flags, said.counter ^ (1 << bit))),
                    Err(BadSignature)
                );
            }
            for bit in 0..signature.len() * 8 {
                let mut changed = signature.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(verify(&message, &changed, said), Err(BadSignature), "bit {bit}");
            }
            assert_eq!(verifier.verify(&key, &message, &signature), Err(BadSignature));
        }
        let bits = |of: fn(Presence) -> bool| records.iter().filter(|record| of(presence(record))).count();
        assert_eq!((bits(Presence::user_present), bits(Presence::user_verified), records.len()), (4, 4, 8));
    }

    /// A signature for one application, a web site say, is none for another.
    #[test]
    fn a_signature_is_for_one_application() {
        for record in records("sk.txt") {
            let mut key = record.hex("key");
            let (message, signature) = (record.hex("message"), record.hex("signature"));
            let last = key.len() - 1;
            // Of an empty application, the last byte is the one of its length, which then points beyond the key.
            key[last] ^= 1;
            let verdict = verifier(&record).verify_presence(&key, &message, &signature, presence(&record));
            assert_eq!(verdict, Err(BadSignature));
        }
    }

    #[test]
    fn keys_are_read_whole_and_of_their_own_type() {
        let records = records("sk.txt");
        for (record, other) in records.iter().zip(records.iter().skip(1)) {
            let key = record.hex("key");
            for end in 0..key.len() {
                assert!(verifier(record).check_key(&key[..end]).is_err(), "cut at {end}");
            }
            let longer = [&key[..], &[0]].concat();
            let trailing = Err(InvalidMessage::new("public key", Problem::TrailingBytes));
            assert_eq!(verifier(record).check_key(&longer), trailing);
            let mismatch = Err(InvalidMessage::new("key type", Problem::Mismatch));
            assert_eq!(verifier(other).check_key(&key), mismatch);
        }
    }
}
