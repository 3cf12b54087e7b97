use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::KeyFileError;
use super::types::FileType;
use crate::keys::PrivateKey;
use crate::keys::ed25519::from_seed;
use crate::keys::public::{ED25519, PublicKey};
use crate::wire::{InvalidMessage, Problem, Reader};

pub(super) const TYPE: FileType = FileType { name: ED25519, oid: OID, read_openssh, read_putty, read_pkcs8 };

/// ```text
/// string public (32 bytes) · string seed and public (64 bytes)
/// ```
fn read_openssh(reader: &mut Reader<'_>) -> Result<PrivateKey, KeyFileError> {
    let public = reader.string("ssh-ed25519 public key")?;
    let pair = reader.string("ssh-ed25519 private key")?;
    let (seed, again) =
        pair.split_first_chunk().ok_or(InvalidMessage::new("ssh-ed25519 private key", Problem::BadLength))?;
    if public != again {
        return Err(InvalidMessage::new("ssh-ed25519 public key", Problem::Mismatch).into());
    }
    Ok(with_public(seed, public)?)
}

/// ```text
/// string public (32 bytes)
/// string seed (32 bytes)
/// ```
fn read_putty(public: &mut Reader<'_>, private: &mut Reader<'_>) -> Result<PrivateKey, KeyFileError> {
    let seed = private.string("ssh-ed25519 private key")?;
    let seed = seed.try_into().map_err(|_| InvalidMessage::new("ssh-ed25519 private key", Problem::BadLength))?;
    Ok(with_public(seed, public.string("ssh-ed25519 public key")?)?)
}

/// RFC 8410 §7: the seed in an OCTET STRING within the OCTET STRING; the public key may stand beside it.
fn read_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<PrivateKey, KeyFileError> {
    let wrong = InvalidMessage::new("CurvePrivateKey", Problem::BadValue);
    let seed = info.private_key.as_bytes().strip_prefix(&HEADER).ok_or(wrong)?;
    let seed = seed.try_into().map_err(|_| wrong)?;
    if info.algorithm.parameters.is_some() {
        return Err(InvalidMessage::new("AlgorithmIdentifier", Problem::BadValue).into());
    }
    match info.public_key {
        Some(public) => Ok(with_public(seed, public.raw_bytes())?),
        None => Ok(from_seed(seed)),
    }
}

/// A public key that is not the seed's would make signatures that give the seed away.
fn with_public(seed: &[u8; 32], public: &[u8]) -> Result<PrivateKey, InvalidMessage> {
    let key = from_seed(seed);
    let point = public.try_into().map_err(|_| InvalidMessage::new("ssh-ed25519 public key", Problem::BadLength))?;
    if *key.public() == PublicKey::ed25519(point) {
        Ok(key)
    } else {
        Err(InvalidMessage::new("ssh-ed25519 public key", Problem::Mismatch))
    }
}

/// The content of PKCS#8's `privateKey`.
pub(in crate::keys) fn pkcs8_content(seed: &[u8; 32]) -> Zeroizing<[u8; 34]> {
    let mut content = Zeroizing::new([0; 34]);
    for (to, from) in content.iter_mut().zip(HEADER.iter().chain(seed)) {
        *to = *from;
    }
    content
}

pub(in crate::keys) const ALGORITHM: AlgorithmIdentifierRef<'static> =
    AlgorithmIdentifierRef { oid: OID, parameters: None };
/// RFC 8410 §3: `id-Ed25519`.
const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// An OCTET STRING of 32 bytes.
const HEADER: [u8; 2] = [4, 32];
