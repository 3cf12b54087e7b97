use alloc::string::String;
use alloc::vec::Vec;

use md5::{Digest, Md5};
use pkcs8::der::{self, ErrorKind};
use pkcs8::pkcs5::pbes2::{Kdf, Parameters};
use pkcs8::pkcs5::{self, EncryptionScheme};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::armor::{self, Armor};
use super::cipher::{self, Sealed};
use super::{KeyFileError, types};
use crate::keys::PrivateKey;
use crate::wire::{InvalidMessage, Problem};

impl PrivateKey {
    /// The key in PKCS#8 (RFC 5958), not encrypted: for OpenSSL and the programs around it.
    ///
    /// # Errors
    /// When the type of key has no form there.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyFileError> {
        let der = self.secret().to_pkcs8().ok_or(KeyFileError::WrongFormat)?;
        Ok(armor::encode(PKCS8, der.as_bytes(), 64))
    }

    /// An RSA key in PKCS#1 (RFC 8017 A.1.2), not encrypted: for programs that read nothing newer.
    ///
    /// # Errors
    /// When it is not an RSA key.
    pub fn to_pkcs1_pem(&self) -> Result<Zeroizing<String>, KeyFileError> {
        let der = self.secret().to_pkcs1().ok_or(KeyFileError::WrongFormat)?;
        Ok(armor::encode(PKCS1, der.as_bytes(), 64))
    }
}

/// What OpenSSL wrote before PKCS#8: a format for each type of key, and encryption by RFC 1421 headers.
pub(super) fn read_traditional(
    armor: &Armor<'_>,
    passphrase: Option<&[u8]>,
    read: fn(&[u8]) -> Result<PrivateKey, KeyFileError>,
) -> Result<PrivateKey, KeyFileError> {
    let mut der = armor.decode()?;
    if armor.header("Proc-Type").is_none() {
        return read(&der);
    }
    let (name, iv) = armor.header("DEK-Info").and_then(|info| info.split_once(',')).ok_or(KeyFileError::BrokenArmor)?;
    let cipher = match name.trim() {
        "AES-128-CBC" => cipher::find("aes128-cbc"),
        "AES-192-CBC" => cipher::find("aes192-cbc"),
        "AES-256-CBC" => cipher::find("aes256-cbc"),
        _ => None,
    }
    .ok_or(KeyFileError::UnsupportedEncryption)?;
    let iv = armor::hex(iv.trim())?.try_into().map_err(|_| KeyFileError::BrokenArmor)?;
    let passphrase = passphrase.ok_or(KeyFileError::PassphraseNeeded)?;
    let key = bytes_to_key(passphrase, &iv);
    let key = key.get(..cipher.key_length).ok_or(KeyFileError::UnsupportedEncryption)?;
    (cipher.open)(Sealed { key, iv: &iv, data: &mut der, tag: b"" }).map_err(|_| KeyFileError::BrokenArmor)?;
    // Nothing authenticates the content: a wrong passphrase shows as nonsense.
    let der = unpadded(&der).ok_or(KeyFileError::WrongPassphrase)?;
    read(der).map_err(nonsense)
}

/// PKCS#8, not encrypted.
pub(super) fn read_pkcs8(armor: &Armor<'_>) -> Result<PrivateKey, KeyFileError> {
    from_pkcs8(&armor.decode()?)
}

/// PKCS#8, encrypted by PBES2 (RFC 8018 §6.2).
pub(super) fn read_encrypted_pkcs8(armor: &Armor<'_>, passphrase: Option<&[u8]>) -> Result<PrivateKey, KeyFileError> {
    let der = armor.decode()?;
    let info = EncryptedPrivateKeyInfoRef::try_from(der.as_slice()).map_err(|error| match error {
        pkcs8::Error::Asn1(error) => asn1(error),
        _ => broken("EncryptedPrivateKeyInfo"),
    })?;
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
        return Err(KeyFileError::UnsupportedEncryption);
    };
    check_cost(parameters)?;
    let passphrase = passphrase.ok_or(KeyFileError::PassphraseNeeded)?;
    let mut content = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let der = parameters.decrypt_in_place(passphrase, &mut content).map_err(|error| match error {
        pkcs5::Error::DecryptFailed => KeyFileError::WrongPassphrase,
        _ => KeyFileError::UnsupportedEncryption,
    })?;
    from_pkcs8(der).map_err(nonsense)
}

fn from_pkcs8(der: &[u8]) -> Result<PrivateKey, KeyFileError> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| broken("PrivateKeyInfo"))?;
    types::read_pkcs8(&info)
}

/// A file says itself how much work it wants done.
fn check_cost(parameters: &Parameters) -> Result<(), KeyFileError> {
    let acceptable = match &parameters.kdf {
        Kdf::Pbkdf2(pbkdf2) => pbkdf2.iteration_count <= MAX_ITERATIONS,
        Kdf::Scrypt(scrypt) => {
            let memory = scrypt.cost_parameter.saturating_mul(u64::from(scrypt.block_size)).saturating_mul(128);
            let blocks = (memory / 64).saturating_mul(u64::from(scrypt.parallelization));
            memory <= MAX_SCRYPT_MEMORY && blocks <= MAX_SCRYPT_BLOCKS
        }
        _ => return Err(KeyFileError::UnsupportedEncryption),
    };
    if acceptable { Ok(()) } else { Err(KeyFileError::TooCostly) }
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round, for at most 32 bytes: each hash covers the one before, the passphrase
/// and the salt, which is the first half of the initialisation vector.
fn bytes_to_key(passphrase: &[u8], iv: &[u8; 16]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let mut previous = Zeroizing::new(Vec::with_capacity(16));
    for half in key.chunks_mut(16) {
        let hash = Md5::new().chain_update(&*previous).chain_update(passphrase).chain_update(iv.split_at(8).0);
        previous.clear();
        previous.extend_from_slice(&hash.finalize());
        half.copy_from_slice(&previous);
    }
    key
}

/// What the padding of RFC 5652 §6.3 leaves.
fn unpadded(data: &[u8]) -> Option<&[u8]> {
    let &last = data.last()?;
    let (content, padding) = data.split_at_checked(data.len().checked_sub(usize::from(last))?)?;
    let valid = (1..=16).contains(&last) && padding.iter().all(|&byte| byte == last);
    valid.then_some(content)
}

/// After decryption, bytes that are no key come from a wrong passphrase.
fn nonsense(error: KeyFileError) -> KeyFileError {
    match error {
        KeyFileError::Malformed(_) => KeyFileError::WrongPassphrase,
        other => other,
    }
}

fn asn1(error: der::Error) -> KeyFileError {
    match error.kind() {
        ErrorKind::OidUnknown { .. } => KeyFileError::UnsupportedEncryption,
        _ => broken("EncryptedPrivateKeyInfo"),
    }
}

const fn broken(what: &'static str) -> KeyFileError {
    KeyFileError::Malformed(InvalidMessage::new(what, Problem::BadValue))
}

pub(super) const PKCS1: &str = "RSA PRIVATE KEY";
pub(super) const SEC1: &str = "EC PRIVATE KEY";
pub(super) const PKCS8: &str = "PRIVATE KEY";
pub(super) const ENCRYPTED_PKCS8: &str = "ENCRYPTED PRIVATE KEY";
/// Seconds of work; OpenSSL uses 2048 and OWASP recommends 600,000.
const MAX_ITERATIONS: u32 = 10_000_000;
const MAX_SCRYPT_MEMORY: u64 = 64 << 20;
/// Of 64 bytes: four times what fills the memory once.
const MAX_SCRYPT_BLOCKS: u64 = 1 << 22;
