//! PuTTY's private key files (PPK), versions 2 and 3.
//!
//! ```text
//! PuTTY-User-Key-File-3: ssh-ed25519
//! Encryption: aes256-cbc
//! Comment: me@here
//! Public-Lines: 2        and so many lines of base64: the public key as it travels
//! Key-Derivation: Argon2id, Argon2-Memory, Argon2-Passes, Argon2-Parallelism, Argon2-Salt: of encrypted keys of version 3
//! Private-Lines: 1       and so many lines of base64: the secret fields alone
//! Private-MAC: 8ef44a…   over all but the key derivation
//! ```

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::str::Lines;

use aes::Aes256;
use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::cipher::{self, Sealed};
use super::{KeyFileError, PrivateKeyFile, armor, types};
use crate::keys::PublicKey;
use crate::wire::{InvalidMessage, Problem, Put, Reader};

pub(super) const START: &str = "PuTTY-User-Key-File-";

/// Reads a file, `text` being all of it.
pub(super) fn read(text: &str, passphrase: Option<&[u8]>) -> Result<PrivateKeyFile, KeyFileError> {
    let file = File::parse(text)?;
    let public = PublicKey::from_blob(&file.public)?;
    if public.key_type() != file.key_type {
        return Err(InvalidMessage::new("PuTTY key type", Problem::Mismatch).into());
    }
    let passphrase = match file.encryption {
        "none" => None,
        "aes256-cbc" => Some(passphrase.ok_or(KeyFileError::PassphraseNeeded)?),
        _ => return Err(KeyFileError::UnsupportedEncryption),
    };
    let private = file.open(passphrase)?;
    let (mut fields, mut secrets) = (Reader::new(public.blob()), Reader::new(&private));
    let key = types::read_putty(&mut fields, &mut secrets)?;
    // Of encrypted keys random padding may follow, which fills the last block.
    let padding = if passphrase.is_some() { 16 } else { 1 };
    if secrets.rest().len() >= padding {
        return Err(InvalidMessage::new("PuTTY private key", Problem::TrailingBytes).into());
    }
    if *key.public() != public {
        return Err(InvalidMessage::new("PuTTY public key", Problem::Mismatch).into());
    }
    Ok(PrivateKeyFile { key, comment: file.comment.to_owned() })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FileVersion {
    /// SHA-1 throughout, from 2000.
    Two,
    /// Argon2 and SHA-256, from 2021.
    Three,
}

struct File<'a> {
    version: FileVersion,
    key_type: &'a str,
    encryption: &'a str,
    comment: &'a str,
    public: Vec<u8>,
    derivation: Option<Derivation>,
    private: Zeroizing<Vec<u8>>,
    mac: Vec<u8>,
}

impl<'a> File<'a> {
    fn parse(text: &'a str) -> Result<Self, KeyFileError> {
        let mut lines = text.trim().lines();
        let (name, key_type) = header(&mut lines)?;
        let version = match name.strip_prefix(START) {
            Some("2") => FileVersion::Two,
            Some("3") => FileVersion::Three,
            _ => return Err(KeyFileError::Putty),
        };
        let encryption = expect(&mut lines, "Encryption")?;
        let comment = expect(&mut lines, "Comment")?;
        let public = base64(&mut lines, "Public-Lines")?.to_vec();
        let derivation = match (version, encryption) {
            (_, "none") | (FileVersion::Two, _) => None,
            (FileVersion::Three, _) => Some(Derivation::parse(&mut lines)?),
        };
        let private = base64(&mut lines, "Private-Lines")?;
        let mac = armor::hex(expect(&mut lines, "Private-MAC")?)?;
        match lines.next() {
            None => Ok(Self { version, key_type, encryption, comment, public, derivation, private, mac }),
            Some(_) => Err(KeyFileError::BrokenArmor),
        }
    }

    /// The secret fields, decrypted and checked.
    fn open(&self, passphrase: Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        let mut private = self.private.clone();
        // No file is encrypted with an empty passphrase.
        if passphrase.is_some_and(<[u8]>::is_empty) {
            return Err(KeyFileError::WrongPassphrase);
        }
        let mac_key = match (self.version, passphrase, &self.derivation) {
            (FileVersion::Two, passphrase, _) => {
                if let Some(passphrase) = passphrase {
                    let halves = [0_u32, 1].map(|half| {
                        Zeroizing::new(Sha1::new().chain_update(half.to_be_bytes()).chain_update(passphrase).finalize())
                    });
                    let key = Zeroizing::new(halves.iter().flat_map(|half| half.iter().copied()).collect::<Vec<u8>>());
                    decrypt(key.get(..32).unwrap_or_default(), &[0; 16], &mut private)?;
                }
                let label = Sha1::new().chain_update(b"putty-private-key-file-mac-key");
                Zeroizing::new(label.chain_update(passphrase.unwrap_or_default()).finalize().to_vec())
            }
            (FileVersion::Three, Some(passphrase), Some(derivation)) => {
                let material = derivation.derive(passphrase)?;
                let (key, rest) = material.split_at_checked(32).ok_or(KeyFileError::UnsupportedEncryption)?;
                let (iv, mac_key) = rest.split_at_checked(16).ok_or(KeyFileError::UnsupportedEncryption)?;
                decrypt(key, iv, &mut private)?;
                Zeroizing::new(mac_key.to_vec())
            }
            (FileVersion::Three, ..) => Zeroizing::new(Vec::new()),
        };
        let good = match self.version {
            FileVersion::Two => self.has_mac::<Hmac<Sha1>>(&mac_key, &private),
            FileVersion::Three => self.has_mac::<Hmac<Sha256>>(&mac_key, &private),
        };
        match (good, passphrase) {
            (true, _) => Ok(private),
            (false, Some(_)) => Err(KeyFileError::WrongPassphrase),
            (false, None) => Err(InvalidMessage::new("Private-MAC", Problem::Mismatch).into()),
        }
    }

    fn has_mac<M: Mac + KeyInit>(&self, key: &[u8], private: &[u8]) -> bool {
        let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return false };
        let mut covered = Zeroizing::new(Vec::with_capacity(self.public.len() + private.len() + 512));
        let texts = [self.key_type, self.encryption, self.comment].map(str::as_bytes);
        for field in texts.into_iter().chain([&*self.public, private]) {
            covered.put_string(field);
        }
        mac.update(&covered);
        bool::from(mac.finalize().into_bytes().as_slice().ct_eq(&self.mac))
    }
}

fn decrypt(key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), KeyFileError> {
    cipher::aes_cbc::<Aes256>(Sealed { key, iv, data, tag: b"" })
        .map_err(|_| InvalidMessage::new("PuTTY private key", Problem::BadLength).into())
}

/// How much work the passphrase costs in version 3.
struct Derivation {
    algorithm: Algorithm,
    params: Params,
    salt: Vec<u8>,
}

impl Derivation {
    fn parse(lines: &mut Lines<'_>) -> Result<Self, KeyFileError> {
        let algorithm = match expect(lines, "Key-Derivation")? {
            "Argon2id" => Algorithm::Argon2id,
            "Argon2i" => Algorithm::Argon2i,
            "Argon2d" => Algorithm::Argon2d,
            _ => return Err(KeyFileError::UnsupportedEncryption),
        };
        let mut cost = |name| expect(lines, name)?.parse::<u32>().map_err(|_| KeyFileError::BrokenArmor);
        let (memory, passes) = (cost("Argon2-Memory")?, cost("Argon2-Passes")?);
        let parallelism = cost("Argon2-Parallelism")?;
        if memory > MAX_MEMORY || u64::from(memory) * u64::from(passes) > MAX_WORK {
            return Err(KeyFileError::TooCostly);
        }
        let params = Params::new(memory, passes, parallelism, Some(MATERIAL))
            .map_err(|_| InvalidMessage::new("Argon2 parameters", Problem::BadValue))?;
        Ok(Self { algorithm, params, salt: armor::hex(expect(lines, "Argon2-Salt")?)? })
    }

    /// Key, initialisation vector, and the key of the MAC.
    fn derive(&self, passphrase: &[u8]) -> Result<Zeroizing<[u8; MATERIAL]>, KeyFileError> {
        let mut material = Zeroizing::new([0; MATERIAL]);
        Argon2::new(self.algorithm, Version::V0x13, self.params.clone())
            .hash_password_into(passphrase, &self.salt, &mut *material)
            .map_err(|_| InvalidMessage::new("Argon2 parameters", Problem::BadValue))?;
        Ok(material)
    }
}

/// `Name: value`.
fn header<'a>(lines: &mut Lines<'a>) -> Result<(&'a str, &'a str), KeyFileError> {
    lines
        .next()
        .and_then(|line| line.split_once(": ").or_else(|| line.strip_suffix(':').map(|name| (name, ""))))
        .ok_or(KeyFileError::BrokenArmor)
}

fn expect<'a>(lines: &mut Lines<'a>, wanted: &str) -> Result<&'a str, KeyFileError> {
    match header(lines)? {
        (name, value) if name == wanted => Ok(value),
        _ => Err(KeyFileError::BrokenArmor),
    }
}

/// A header that says how many lines follow, and what they hold.
fn base64(lines: &mut Lines<'_>, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let count = expect(lines, name)?.parse::<usize>().map_err(|_| KeyFileError::BrokenArmor)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(count.min(MAX_LINES) * 64));
    for _line in 0..count {
        let line = lines.next().ok_or(KeyFileError::BrokenArmor)?;
        bytes.extend_from_slice(line.trim_end().as_bytes());
    }
    let length = Base64::decode_in_place(&mut bytes).map_err(|_| KeyFileError::BrokenArmor)?.len();
    bytes.truncate(length);
    Ok(bytes)
}

/// A key of AES-256, its initialisation vector, and a key for HMAC.
const MATERIAL: usize = 32 + 16 + 32;
/// In KiB. PuTTY uses 8 MiB unless told otherwise.
const MAX_MEMORY: u32 = 64 << 10;
/// In KiB, all passes together: a few seconds.
const MAX_WORK: u64 = 4 << 20;
/// Of an RSA key of 8192 bits.
const MAX_LINES: usize = 64;
