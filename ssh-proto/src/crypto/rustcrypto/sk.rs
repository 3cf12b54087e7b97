use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use ed25519_dalek::VerifyingKey;
use p256::NistP256;
use sha2::{Digest, Sha256};

use super::{ecdsa, ed25519, read_key};
use crate::crypto::{BadSignature, Verifier};
use crate::keys::{Curve, Presence};
use crate::wire::{InvalidMessage, Put, Reader};

/// `sk-ssh-ed25519@openssh.com`.
pub(super) static ED25519: SecurityKey<VerifyingKey> = SecurityKey(PhantomData);
/// `sk-ecdsa-sha2-nistp256@openssh.com`.
pub(super) static ECDSA: SecurityKey<::ecdsa::VerifyingKey<NistP256>> = SecurityKey(PhantomData);

/// A security key (FIDO) that signs by a key `K`. OpenSSH PROTOCOL.u2f.
pub(super) struct SecurityKey<K>(PhantomData<fn() -> K>);

/// The key in a security key.
trait InnerKey: Sized {
    const KEY_TYPE: &'static str;

    /// What stands between the type and the application.
    fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidMessage>;

    fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), BadSignature>;
}

/// ```text
/// string "sk-ssh-ed25519@openssh.com" · string public key · string application
/// ```
impl InnerKey for VerifyingKey {
    const KEY_TYPE: &'static str = "sk-ssh-ed25519@openssh.com";

    fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidMessage> {
        ed25519::read_point(reader)
    }

    fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        ed25519::verify(self, signed, signature)
    }
}

/// ```text
/// string "sk-ecdsa-sha2-nistp256@openssh.com" · string curve name · string Q · string application
/// ```
impl InnerKey for ::ecdsa::VerifyingKey<NistP256> {
    const KEY_TYPE: &'static str = "sk-ecdsa-sha2-nistp256@openssh.com";

    fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidMessage> {
        ecdsa::on_curve(Curve::Nistp256.read_point(reader)?)
    }

    fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        ecdsa::verify(self, signed, signature)
    }
}

impl<K: InnerKey> Verifier for SecurityKey<K> {
    fn check_key(&self, key_blob: &[u8]) -> Result<(), InvalidMessage> {
        parse::<K>(key_blob).map(|_| ())
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
        let (key, application) = parse::<K>(key_blob).map_err(|_| BadSignature)?;
        key.verify(&signed(application, presence, message), signature)
    }
}

impl<K: InnerKey> fmt::Debug for SecurityKey<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(K::KEY_TYPE)
    }
}

/// The key, and the application that it is for.
fn parse<K: InnerKey>(key_blob: &[u8]) -> Result<(K, &[u8]), InvalidMessage> {
    read_key(key_blob, K::KEY_TYPE, |reader| Ok((K::read(reader)?, reader.string("application")?)))
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
    use vectors::{Record, records};

    use super::*;
    use crate::wire::Problem;

    fn verifier(record: &Record) -> &'static dyn Verifier {
        if record.text("name").contains("ecdsa") { &ECDSA } else { &ED25519 }
    }

    fn presence(record: &Record) -> Presence {
        let counter = record.hex("counter").try_into().map(u32::from_be_bytes).unwrap();
        Presence::new(record.hex("flags")[0], counter)
    }

    #[test]
    fn known_answers() {
        let records = records("crypto/sk.txt");
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
        for record in records("crypto/sk.txt") {
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
        let records = records("crypto/sk.txt");
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
