use alloc::string::String;
use alloc::vec::Vec;

use aes::Aes256;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::armor::{self, Armor};
use super::cipher::{self, FileCipher, Sealed};
use super::{KeyFileError, PrivateKeyFile, Unsupported, types};
use crate::keys::PrivateKey;
use crate::keys::public::PublicKey;
use crate::wire::{InvalidMessage, Problem, Put, Reader};

impl PrivateKey {
    /// The key as OpenSSH keeps it, with a comment: for the file of a user or a host. With a passphrase it is encrypted
    /// as `ssh-keygen` does it: bcrypt-pbkdf in 24 rounds, AES-256 in counter mode.
    ///
    /// # Errors
    /// When the passphrase is empty.
    pub fn to_openssh(
        &self,
        comment: &str,
        passphrase: Option<&[u8]>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Zeroizing<String>, KeyFileError> {
        let mut file = Vec::new();
        file.put_bytes(MAGIC);
        let mut section = self.section(comment, rng);
        if let Some(passphrase) = passphrase {
            let mut salt = [0; 16];
            rng.fill_bytes(&mut salt);
            let material = derive(passphrase, &salt, ROUNDS, 32 + 16)?;
            let (key, iv) = material.split_at_checked(32).ok_or(KeyFileError::UnsupportedEncryption)?;
            cipher::aes_ctr::<Aes256>(Sealed { key, iv, data: &mut section, tag: b"" })
                .map_err(|_| KeyFileError::UnsupportedEncryption)?;
            file.put_string(b"aes256-ctr");
            file.put_string(b"bcrypt");
            file.put_nested(|options| {
                options.put_string(&salt);
                options.put_u32(ROUNDS);
            });
        } else {
            file.put_string(b"none");
            file.put_string(b"none");
            file.put_string(b"");
        }
        file.put_u32(1);
        file.put_string(self.public().blob());
        let mut file = Zeroizing::new(with_capacity(file, section.len() + 4));
        file.put_string(&section);
        Ok(armor::encode(LABEL, &file, 70))
    }

    /// The section that is encrypted: padded to the block of AES, which suits all.
    fn section(&self, comment: &str, rng: &mut dyn CryptoRng) -> Zeroizing<Vec<u8>> {
        let mut section = Zeroizing::new(Vec::with_capacity(MAX_PRIVATE + comment.len()));
        let check = rng.next_u32();
        section.put_u32(check);
        section.put_u32(check);
        self.secret().put_openssh(&mut section);
        section.put_string(comment.as_bytes());
        let padding = (1..16).take(section.len().next_multiple_of(16) - section.len());
        section.extend(padding);
        section
    }
}

/// Reads a file:
///
/// ```text
/// byte[] "openssh-key-v1" 0 · string ciphername · string kdfname · string kdfoptions · uint32 number of keys
/// string publickey · string encrypted, padded list of private keys · byte[] tag
/// ```
pub(super) fn read(armor: &Armor<'_>, passphrase: Option<&[u8]>) -> Result<PrivateKeyFile, KeyFileError> {
    let file = armor.decode()?;
    let after_magic =
        file.strip_prefix(MAGIC).ok_or(InvalidMessage::new("magic of the key file", Problem::BadValue))?;
    let mut reader = Reader::new(after_magic);
    let cipher_name = reader.utf8("ciphername")?;
    let kdf_name = reader.utf8("kdfname")?;
    let kdf_options = reader.string("kdfoptions")?;
    if reader.u32("number of keys")? != 1 {
        return Err(InvalidMessage::new("number of keys", Problem::BadValue).into());
    }
    let public = PublicKey::from_blob(reader.string("publickey")?)?;
    if public.is_security_key() {
        // The file has but a handle, for which no passphrase needs to be asked.
        return Err(Unsupported::SecurityKey.into());
    }
    let section = reader.string("list of private keys")?;
    let tag = reader.rest();
    if (cipher_name, kdf_name, kdf_options, tag) == ("none", "none", b"", b"") {
        return read_section(section, 8, &public);
    }
    let cipher = cipher::find(cipher_name).ok_or(KeyFileError::UnsupportedEncryption)?;
    if kdf_name != "bcrypt" {
        return Err(KeyFileError::UnsupportedEncryption);
    }
    if tag.len() != cipher.tag_length {
        return Err(InvalidMessage::new("tag", Problem::BadLength).into());
    }
    let passphrase = passphrase.ok_or(KeyFileError::PassphraseNeeded)?;
    let section = decrypt(cipher, passphrase, kdf_options, section, tag)?;
    // What decrypts to different check numbers was encrypted with another passphrase.
    match read_section(&section, cipher.block_size, &public) {
        Err(KeyFileError::Malformed(InvalidMessage { field: CHECK, .. })) => Err(KeyFileError::WrongPassphrase),
        other => other,
    }
}

/// ```text
/// string salt · uint32 rounds
/// ```
fn decrypt(
    cipher: &FileCipher,
    passphrase: &[u8],
    kdf_options: &[u8],
    section: &[u8],
    tag: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let mut options = Reader::new(kdf_options);
    let (salt, rounds) = (options.string("salt")?, options.u32("rounds")?);
    options.finish("kdfoptions")?;
    if salt.is_empty() || rounds == 0 {
        return Err(InvalidMessage::new("kdfoptions", Problem::BadValue).into());
    }
    check_blocks(section, cipher.block_size)?;
    let material = match derive(passphrase, salt, rounds, cipher.key_length + cipher.iv_length) {
        // No file is encrypted with an empty passphrase.
        Err(KeyFileError::EmptyPassphrase) => return Err(KeyFileError::WrongPassphrase),
        other => other?,
    };
    let (key, iv) = material.split_at_checked(cipher.key_length).ok_or(KeyFileError::UnsupportedEncryption)?;
    let mut section = Zeroizing::new(section.to_vec());
    (cipher.open)(Sealed { key, iv, data: &mut section, tag }).map_err(|_| KeyFileError::WrongPassphrase)?;
    Ok(section)
}

/// Key and initialisation vector.
fn derive(passphrase: &[u8], salt: &[u8], rounds: u32, length: usize) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    if rounds > MAX_ROUNDS {
        return Err(KeyFileError::TooCostly);
    }
    if passphrase.is_empty() {
        return Err(KeyFileError::EmptyPassphrase);
    }
    let mut material = Zeroizing::new(alloc::vec![0; length]);
    bcrypt_pbkdf::bcrypt_pbkdf(passphrase, salt, rounds, &mut material)
        .map_err(|_| KeyFileError::UnsupportedEncryption)?;
    Ok(material)
}

/// ```text
/// uint32 checkint · uint32 checkint · byte[] privatekey · string comment · byte 1 · byte 2 · byte 3 ..
/// ```
fn read_section(section: &[u8], block_size: usize, public: &PublicKey) -> Result<PrivateKeyFile, KeyFileError> {
    check_blocks(section, block_size)?;
    let mut reader = Reader::new(section);
    if reader.u32(CHECK)? != reader.u32(CHECK)? {
        return Err(InvalidMessage::new(CHECK, Problem::Mismatch).into());
    }
    let key = types::read_openssh(&mut reader)?;
    if key.public() != public {
        return Err(InvalidMessage::new("publickey", Problem::Mismatch).into());
    }
    let comment = String::from_utf8_lossy(reader.string("comment")?).into_owned();
    let padding = reader.rest();
    if padding.len() > 255 || padding.iter().zip(1..=255).any(|(&byte, expected)| byte != expected) {
        return Err(InvalidMessage::new("padding", Problem::BadValue).into());
    }
    Ok(PrivateKeyFile { key, comment })
}

fn check_blocks(section: &[u8], block_size: usize) -> Result<(), InvalidMessage> {
    if section.len().is_multiple_of(block_size) {
        Ok(())
    } else {
        Err(InvalidMessage::new("list of private keys", Problem::BadLength))
    }
}

/// The same bytes with room for what follows, so that no secret is left behind where a growing vector was.
fn with_capacity(bytes: Vec<u8>, additional: usize) -> Vec<u8> {
    let mut roomy = Vec::with_capacity(bytes.len() + additional);
    roomy.extend_from_slice(&bytes);
    roomy
}

pub(super) const LABEL: &str = "OPENSSH PRIVATE KEY";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const CHECK: &str = "checkint";
/// What OpenSSH uses since 9.4.
const ROUNDS: u32 = 24;
/// A few seconds of work; `ssh-keygen` uses 24 rounds unless told otherwise.
const MAX_ROUNDS: u32 = 1024;
/// Room for an RSA key of 8192 bits with everything around it.
const MAX_PRIVATE: usize = 8192;
