//! A provider on the crates of RustCrypto and dalek: pure Rust, no assembler, no_std.

mod aes_cbc;
mod aes_ctr;
mod aes_gcm;
mod chacha20_poly1305;
mod curve25519;
mod dh;
mod ed25519;
mod hash;
mod hmac;
#[cfg(feature = "rsa")]
mod rsa;

use alloc::boxed::Box;

use aes::{Aes128, Aes192, Aes256};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::MacOrder::{EncryptAndMac, EncryptThenMac};
use super::{
    BlockMode, Chaining, CipherKind, CipherMethod, CryptoProvider, Exchange, KexMethod, MacMethod, PacketAead,
    SignatureMethod, Tier,
};

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
    KexMethod::new("curve25519-sha256", Tier::Default, &hash::SHA256, Exchange::Ecdh(&curve25519::X25519)),
    KexMethod::new("curve25519-sha256@libssh.org", Tier::Default, &hash::SHA256, Exchange::Ecdh(&curve25519::X25519)),
    KexMethod::new(
        "diffie-hellman-group16-sha512",
        Tier::Default,
        &hash::SHA512,
        Exchange::DiffieHellman(&dh::GROUP16),
    ),
    KexMethod::new(
        "diffie-hellman-group18-sha512",
        Tier::Default,
        &hash::SHA512,
        Exchange::DiffieHellman(&dh::GROUP18),
    ),
    KexMethod::new(
        "diffie-hellman-group14-sha256",
        Tier::Compatible,
        &hash::SHA256,
        Exchange::DiffieHellman(&dh::GROUP14),
    ),
    KexMethod::new("diffie-hellman-group14-sha1", Tier::Legacy, &hash::SHA1, Exchange::DiffieHellman(&dh::GROUP14)),
];

static CIPHERS: &[CipherMethod] = &[
    CipherMethod::new("chacha20-poly1305@openssh.com", Tier::Default, (64, 0, 8), aead(chacha20_poly1305::make)),
    CipherMethod::new("aes128-gcm@openssh.com", Tier::Default, (16, 12, 16), aead(aes_gcm::make::<Aes128>)),
    CipherMethod::new("aes256-gcm@openssh.com", Tier::Default, (32, 12, 16), aead(aes_gcm::make::<Aes256>)),
    CipherMethod::new("aes128-ctr", Tier::Default, (16, 16, 16), ctr(aes_ctr::make::<Aes128>)),
    CipherMethod::new("aes192-ctr", Tier::Default, (24, 16, 16), ctr(aes_ctr::make::<Aes192>)),
    CipherMethod::new("aes256-ctr", Tier::Default, (32, 16, 16), ctr(aes_ctr::make::<Aes256>)),
    CipherMethod::new(
        "aes128-cbc",
        Tier::Legacy,
        (16, 16, 16),
        cbc(aes_cbc::encrypt::<Aes128>, aes_cbc::decrypt::<Aes128>),
    ),
    CipherMethod::new(
        "aes256-cbc",
        Tier::Legacy,
        (32, 16, 16),
        cbc(aes_cbc::encrypt::<Aes256>, aes_cbc::decrypt::<Aes256>),
    ),
];

static MACS: &[MacMethod] = &[
    MacMethod::new("hmac-sha2-256-etm@openssh.com", Tier::Default, (32, 32), EncryptThenMac, hmac::make::<Sha256>),
    MacMethod::new("hmac-sha2-512-etm@openssh.com", Tier::Default, (64, 64), EncryptThenMac, hmac::make::<Sha512>),
    MacMethod::new("hmac-sha2-256", Tier::Compatible, (32, 32), EncryptAndMac, hmac::make::<Sha256>),
    MacMethod::new("hmac-sha2-512", Tier::Compatible, (64, 64), EncryptAndMac, hmac::make::<Sha512>),
    MacMethod::new("hmac-sha1-etm@openssh.com", Tier::Legacy, (20, 20), EncryptThenMac, hmac::make::<Sha1>),
    MacMethod::new("hmac-sha1", Tier::Legacy, (20, 20), EncryptAndMac, hmac::make::<Sha1>),
];

static SIGNATURES: &[SignatureMethod] = &[
    SignatureMethod::new("ssh-ed25519", "ssh-ed25519", Tier::Default, &ed25519::Ed25519),
    #[cfg(feature = "rsa")]
    SignatureMethod::new("rsa-sha2-512", "ssh-rsa", Tier::Default, &rsa::SHA512),
    #[cfg(feature = "rsa")]
    SignatureMethod::new("rsa-sha2-256", "ssh-rsa", Tier::Default, &rsa::SHA256),
    #[cfg(feature = "rsa")]
    SignatureMethod::new("ssh-rsa", "ssh-rsa", Tier::Legacy, &rsa::SHA1),
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

#[cfg(test)]
mod tests;
