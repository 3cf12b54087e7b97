//! Private keys in files: what kind a file is, and what can be wrong with it.
//!
//! | label                   | format                                  | encrypted by                                    |
//! |-------------------------|-----------------------------------------|-------------------------------------------------|
//! | `OPENSSH PRIVATE KEY`   | OpenSSH PROTOCOL.key: all types         | bcrypt-pbkdf and AES-CTR, -CBC, -GCM, ChaCha20  |
//! | `PRIVATE KEY`           | PKCS#8 (RFC 5958): all types            |                                                 |
//! | `ENCRYPTED PRIVATE KEY` | PKCS#8 (RFC 5958): all types            | PBES2 (RFC 8018): PBKDF2 or scrypt, and AES     |
//! | `RSA PRIVATE KEY`       | PKCS#1 (RFC 8017 A.1.2)                 | RFC 1421 headers: MD5 and AES-CBC               |
//! | `EC PRIVATE KEY`        | SEC 1 (RFC 5915)                        | RFC 1421 headers: MD5 and AES-CBC               |
//!
//! PuTTY's files (PPK, versions 2 and 3) begin with `PuTTY-User-Key-File-`; all types, encrypted by SHA-1 or Argon2 and AES.

mod armor;
mod cipher;
pub(super) mod ecdsa;
pub(super) mod ed25519;
mod openssh;
mod pem;
mod putty;
#[cfg(feature = "rsa")]
mod rsa;
mod types;

use alloc::string::String;
use core::fmt;

use super::PrivateKey;
use crate::wire::{InvalidMessage, Problem};
use armor::Armor;
pub use types::Unsupported;

/// What a private key file holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PrivateKeyFile {
    /// The key.
    pub key: PrivateKey,
    /// What the owner called it. Only OpenSSH's own format has a place for that; empty in the others.
    pub comment: String,
}

impl PrivateKey {
    /// The largest file that is read, in bytes: an RSA key of 8192 bits takes a tenth of it.
    pub const MAX_FILE: usize = 65_536;

    /// Reads a private key file of any supported format; text around the key is skipped.
    ///
    /// A file says how much work its passphrase is to cost. What it may ask for is limited: [`KeyFileError::TooCostly`].
    ///
    /// # Errors
    /// What the file is instead, or what is wrong with it, and what helps. An encrypted file without a `passphrase` is
    /// [`KeyFileError::PassphraseNeeded`], which is the moment to ask for one.
    pub fn from_pem(file: &[u8], passphrase: Option<&[u8]>) -> Result<PrivateKeyFile, KeyFileError> {
        if file.len() > Self::MAX_FILE {
            return Err(KeyFileError::Malformed(InvalidMessage::new("private key file", Problem::TooLong)));
        }
        if file.trim_ascii_start().starts_with(putty::START.as_bytes()) {
            return putty::read(file, passphrase);
        }
        let text = core::str::from_utf8(file).map_err(|_| KeyFileError::NotAKey)?;
        let armor = Armor::find(text)?;
        let without_comment = |key| PrivateKeyFile { key, comment: String::new() };
        match armor.label {
            openssh::LABEL => openssh::read(&armor, passphrase),
            pem::PKCS1 => pem::read_traditional(&armor, passphrase, types::read_pkcs1).map(without_comment),
            pem::SEC1 => pem::read_traditional(&armor, passphrase, ecdsa::read_sec1).map(without_comment),
            pem::PKCS8 => pem::read_pkcs8(&armor).map(without_comment),
            pem::ENCRYPTED_PKCS8 => pem::read_encrypted_pkcs8(&armor, passphrase).map(without_comment),
            "DSA PRIVATE KEY" => Err(KeyFileError::Unsupported(Unsupported::Dsa)),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Err(KeyFileError::PublicKey),
            _ => Err(KeyFileError::NotAKey),
        }
    }
}

/// Why there is no key in a file, or no file of a key. Prints what helps; `FILE` stands for the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFileError {
    /// No private key in any known form.
    NotAKey,
    /// The public half.
    PublicKey,
    /// A key in a form of PuTTY's that is not read: of version 1.
    Putty,
    /// A key that this crate cannot use.
    Unsupported(Unsupported),
    /// Encrypted in a way that this crate cannot undo.
    UnsupportedEncryption,
    /// Encrypted, and no passphrase was given.
    PassphraseNeeded,
    /// Encrypted, and not with this passphrase.
    WrongPassphrase,
    /// To write: an empty passphrase protects nothing.
    EmptyPassphrase,
    /// To write: the format has no place for this type of key.
    WrongFormat,
    /// The passphrase would cost more than a file may ask for: more than 1024 rounds of bcrypt, ten million of PBKDF2,
    /// scrypt with more than 64 MiB or 2^22 blocks, Argon2 with more than 64 MiB or 4 GiB in all its passes.
    TooCostly,
    /// The lines around the key or its base64 are damaged.
    BrokenArmor,
    /// The key itself is damaged.
    Malformed(InvalidMessage),
}

impl From<InvalidMessage> for KeyFileError {
    fn from(error: InvalidMessage) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAKey => "there is no private key in the file",
            Self::PublicKey => "this is a public key: the private key is in the file of the same name without .pub",
            Self::Putty => "this is a PuTTY key of a version that is not supported: convert it with `puttygen FILE -O private-openssh -o NEWFILE`",
            Self::Unsupported(kind @ Unsupported::SecurityKey) => return kind.fmt(f),
            Self::Unsupported(kind) => return write!(f, "{kind}: make another one with `ssh-keygen -t ed25519`"),
            Self::UnsupportedEncryption => {
                "the file is encrypted in a way that is not supported: encrypt it anew with `ssh-keygen -p -f FILE`"
            }
            Self::PassphraseNeeded => "the file is encrypted: its passphrase is needed",
            Self::WrongPassphrase => "the passphrase is wrong",
            Self::EmptyPassphrase => "the passphrase is empty",
            Self::WrongFormat => "the format has no place for this type of key",
            Self::TooCostly => {
                "the passphrase would take too long to check: encrypt the file anew with `ssh-keygen -p -a 64 -f FILE`"
            }
            Self::BrokenArmor => "the file is damaged: its lines are not base64 between BEGIN and END",
            Self::Malformed(error) => return write!(f, "the file is damaged: {error}"),
        })
    }
}

impl core::error::Error for KeyFileError {}

#[cfg(test)]
mod tests;
