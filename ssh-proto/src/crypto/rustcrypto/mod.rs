//! A provider on the crates of RustCrypto and dalek: pure Rust, no assembler, no_std.

mod aes_cbc;
mod aes_ctr;
mod aes_gcm;
mod chacha20_poly1305;
mod curve25519;
mod dh;
mod ecdh;
pub(crate) mod ecdsa;
mod ed25519;
mod group_exchange;
mod hash;
mod hmac;
mod mlkem768x25519;
pub mod rows;
#[cfg(feature = "rsa")]
mod rsa;
mod sk;
mod sntrup761;
mod sntrup761x25519;
mod umac;

use alloc::boxed::Box;

use super::{
    BlockMode, Chaining, CipherKind, CipherMethod, CryptoProvider, KexMethod, MacMethod, PacketAead, SignatureMethod,
};
use crate::wire::{InvalidMessage, Problem, Reader};

/// The provider, for configurations that want a reference.
pub static PROVIDER: RustCrypto = RustCrypto;

/// All algorithms of this crate. RSA signatures depend on the cargo feature `rsa`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RustCrypto;

impl CryptoProvider for RustCrypto {
    fn key_exchanges(&self) -> &'static [KexMethod] {
        KEY_EXCHANGES
    }

    fn ciphers(&self) -> &'static [CipherMethod] {
        CIPHERS
    }

    fn macs(&self) -> &'static [MacMethod] {
        MACS
    }

    fn signatures(&self) -> &'static [SignatureMethod] {
        SIGNATURES
    }
}

static KEY_EXCHANGES: &[KexMethod] = &[
    rows::MLKEM768_X25519_SHA256,
    rows::SNTRUP761X25519_SHA512,
    rows::SNTRUP761X25519_SHA512_OPENSSH,
    rows::CURVE25519_SHA256,
    rows::CURVE25519_SHA256_LIBSSH,
    rows::DIFFIE_HELLMAN_GROUP16_SHA512,
    rows::DIFFIE_HELLMAN_GROUP18_SHA512,
    rows::ECDH_SHA2_NISTP256,
    rows::ECDH_SHA2_NISTP384,
    rows::ECDH_SHA2_NISTP521,
    rows::DIFFIE_HELLMAN_GROUP15_SHA512,
    rows::DIFFIE_HELLMAN_GROUP17_SHA512,
    // A group of the server's choice costs a round more and is taken on trust: after those with names, of which the last
    // is smaller than what is asked for.
    rows::DIFFIE_HELLMAN_GROUP_EXCHANGE_SHA256,
    rows::DIFFIE_HELLMAN_GROUP14_SHA256,
    rows::DIFFIE_HELLMAN_GROUP_EXCHANGE_SHA1,
    rows::DIFFIE_HELLMAN_GROUP14_SHA1,
    rows::DIFFIE_HELLMAN_GROUP1_SHA1,
];

static CIPHERS: &[CipherMethod] = &[
    rows::CHACHA20_POLY1305,
    rows::AES128_GCM,
    rows::AES256_GCM,
    rows::AES128_CTR,
    rows::AES192_CTR,
    rows::AES256_CTR,
    rows::AES128_CBC,
    rows::AES256_CBC,
];

static MACS: &[MacMethod] = &[
    rows::HMAC_SHA2_256_ETM,
    rows::HMAC_SHA2_512_ETM,
    rows::UMAC_64_ETM,
    rows::UMAC_128_ETM,
    rows::UMAC_64,
    rows::UMAC_128,
    rows::HMAC_SHA2_256,
    rows::HMAC_SHA2_512,
    rows::HMAC_SHA1_ETM,
    rows::HMAC_SHA1,
];

static SIGNATURES: &[SignatureMethod] = &[
    rows::SSH_ED25519,
    rows::SK_SSH_ED25519,
    #[cfg(feature = "rsa")]
    rows::RSA_SHA2_512,
    #[cfg(feature = "rsa")]
    rows::RSA_SHA2_256,
    rows::ECDSA_SHA2_NISTP256,
    rows::ECDSA_SHA2_NISTP384,
    rows::ECDSA_SHA2_NISTP521,
    rows::SK_ECDSA_SHA2_NISTP256,
    #[cfg(feature = "rsa")]
    rows::SSH_RSA,
];

/// Every AEAD here has a tag of 16 bytes.
const fn aead(make: fn(&[u8], &[u8]) -> Box<dyn PacketAead>) -> CipherKind {
    CipherKind::Aead { tag_length: 16, make }
}

/// Encryption and decryption in counter mode are the same.
const fn ctr(make: fn(&[u8], &[u8]) -> Box<dyn BlockMode>) -> CipherKind {
    CipherKind::Blocks { encrypt: make, decrypt: make, chaining: Chaining::Counter }
}

const fn cbc(
    encrypt: fn(&[u8], &[u8]) -> Box<dyn BlockMode>,
    decrypt: fn(&[u8], &[u8]) -> Box<dyn BlockMode>,
) -> CipherKind {
    CipherKind::Blocks { encrypt, decrypt, chaining: Chaining::Cbc }
}

/// Reads a public key (RFC 4253 §6.6) whole: its type, which must be `key_type`, and the `fields` behind it.
fn read_key<'a, T>(
    key_blob: &'a [u8],
    key_type: &str,
    fields: impl FnOnce(&mut Reader<'a>) -> Result<T, InvalidMessage>,
) -> Result<T, InvalidMessage> {
    let mut reader = Reader::new(key_blob);
    if reader.string("key type")? != key_type.as_bytes() {
        return Err(InvalidMessage::new("key type", Problem::Mismatch));
    }
    let key = fields(&mut reader)?;
    reader.finish("public key")?;
    Ok(key)
}

#[cfg(test)]
pub(crate) mod tests;
