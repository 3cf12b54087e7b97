//! Each algorithm by itself, for a provider of one's own that has fewer: what it leaves out is left out of the program
//! too, which on a microcontroller is most of the flash.
//!
//! ```
//! use ssh_proto::Algorithms;
//! use ssh_proto::crypto::{CipherMethod, CryptoProvider, KexMethod, MacMethod, SignatureMethod, Tier, rustcrypto::rows};
//!
//! #[derive(Debug)]
//! struct Small;
//!
//! impl CryptoProvider for Small {
//!     fn key_exchanges(&self) -> &'static [KexMethod] {
//!         &[rows::CURVE25519_SHA256]
//!     }
//!     fn ciphers(&self) -> &'static [CipherMethod] {
//!         &[rows::CHACHA20_POLY1305]
//!     }
//!     fn macs(&self) -> &'static [MacMethod] {
//!         &[]
//!     }
//!     fn signatures(&self) -> &'static [SignatureMethod] {
//!         &[rows::SSH_ED25519]
//!     }
//! }
//!
//! let algorithms = Algorithms::up_to(Tier::Default, &Small);
//! # assert_eq!(algorithms.ciphers.len(), 1);
//! ```
#![expect(missing_docs, reason = "each is named as on the wire, without the domain of those who invented it")]

use aes::{Aes128, Aes192, Aes256};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

#[cfg(feature = "rsa")]
use super::rsa;
use super::{
    aead, aes_cbc, aes_ctr, aes_gcm, cbc, chacha20_poly1305, ctr, curve25519, dh, ecdh, ecdsa, ed25519, group_exchange,
    hash, hmac, mlkem768x25519, sk, sntrup761x25519, umac,
};
use crate::crypto::MacOrder::{EncryptAndMac, EncryptThenMac};
use crate::crypto::{CipherMethod, Exchange, KexMethod, MacMethod, SignatureMethod, Tier};

pub const MLKEM768_X25519_SHA256: KexMethod = KexMethod::new(
    "mlkem768x25519-sha256",
    Tier::Default,
    &hash::SHA256,
    Exchange::Ecdh(&mlkem768x25519::MlKem768X25519),
);
pub const SNTRUP761X25519_SHA512: KexMethod = KexMethod::new(
    "sntrup761x25519-sha512",
    Tier::Default,
    &hash::SHA512,
    Exchange::Ecdh(&sntrup761x25519::Sntrup761X25519),
);
pub const SNTRUP761X25519_SHA512_OPENSSH: KexMethod = KexMethod::new(
    "sntrup761x25519-sha512@openssh.com",
    Tier::Default,
    &hash::SHA512,
    Exchange::Ecdh(&sntrup761x25519::Sntrup761X25519),
);
pub const CURVE25519_SHA256: KexMethod =
    KexMethod::new("curve25519-sha256", Tier::Default, &hash::SHA256, Exchange::Ecdh(&curve25519::X25519));
pub const CURVE25519_SHA256_LIBSSH: KexMethod =
    KexMethod::new("curve25519-sha256@libssh.org", Tier::Default, &hash::SHA256, Exchange::Ecdh(&curve25519::X25519));
pub const DIFFIE_HELLMAN_GROUP16_SHA512: KexMethod = KexMethod::new(
    "diffie-hellman-group16-sha512",
    Tier::Default,
    &hash::SHA512,
    Exchange::DiffieHellman(&dh::GROUP16),
);
pub const DIFFIE_HELLMAN_GROUP18_SHA512: KexMethod = KexMethod::new(
    "diffie-hellman-group18-sha512",
    Tier::Default,
    &hash::SHA512,
    Exchange::DiffieHellman(&dh::GROUP18),
);
pub const ECDH_SHA2_NISTP256: KexMethod =
    KexMethod::new("ecdh-sha2-nistp256", Tier::Compatible, &hash::SHA256, Exchange::Ecdh(&ecdh::P256));
pub const ECDH_SHA2_NISTP384: KexMethod =
    KexMethod::new("ecdh-sha2-nistp384", Tier::Compatible, &hash::SHA384, Exchange::Ecdh(&ecdh::P384));
pub const ECDH_SHA2_NISTP521: KexMethod =
    KexMethod::new("ecdh-sha2-nistp521", Tier::Compatible, &hash::SHA512, Exchange::Ecdh(&ecdh::P521));
pub const DIFFIE_HELLMAN_GROUP15_SHA512: KexMethod = KexMethod::new(
    "diffie-hellman-group15-sha512",
    Tier::Compatible,
    &hash::SHA512,
    Exchange::DiffieHellman(&dh::GROUP15),
);
pub const DIFFIE_HELLMAN_GROUP17_SHA512: KexMethod = KexMethod::new(
    "diffie-hellman-group17-sha512",
    Tier::Compatible,
    &hash::SHA512,
    Exchange::DiffieHellman(&dh::GROUP17),
);
pub const DIFFIE_HELLMAN_GROUP14_SHA256: KexMethod = KexMethod::new(
    "diffie-hellman-group14-sha256",
    Tier::Compatible,
    &hash::SHA256,
    Exchange::DiffieHellman(&dh::GROUP14),
);
pub const DIFFIE_HELLMAN_GROUP14_SHA1: KexMethod =
    KexMethod::new("diffie-hellman-group14-sha1", Tier::Legacy, &hash::SHA1, Exchange::DiffieHellman(&dh::GROUP14));
/// For clients alone: for old servers there is nothing else, and 1024 bits are within reach of large computations.
pub const DIFFIE_HELLMAN_GROUP1_SHA1: KexMethod =
    KexMethod::new("diffie-hellman-group1-sha1", Tier::Legacy, &hash::SHA1, Exchange::DiffieHellman(&dh::GROUP1))
        .client_only();
pub const DIFFIE_HELLMAN_GROUP_EXCHANGE_SHA256: KexMethod = KexMethod::new(
    "diffie-hellman-group-exchange-sha256",
    Tier::Compatible,
    &hash::SHA256,
    Exchange::GroupExchange(&group_exchange::NamedGroups),
);
/// For clients alone.
pub const DIFFIE_HELLMAN_GROUP_EXCHANGE_SHA1: KexMethod = KexMethod::new(
    "diffie-hellman-group-exchange-sha1",
    Tier::Legacy,
    &hash::SHA1,
    Exchange::GroupExchange(&group_exchange::NamedGroups),
)
.client_only();

pub const CHACHA20_POLY1305: CipherMethod =
    CipherMethod::new("chacha20-poly1305@openssh.com", Tier::Default, (64, 0, 8), aead(chacha20_poly1305::make));
pub const AES128_GCM: CipherMethod =
    CipherMethod::new("aes128-gcm@openssh.com", Tier::Default, (16, 12, 16), aead(aes_gcm::make::<Aes128>));
pub const AES256_GCM: CipherMethod =
    CipherMethod::new("aes256-gcm@openssh.com", Tier::Default, (32, 12, 16), aead(aes_gcm::make::<Aes256>));
pub const AES128_CTR: CipherMethod =
    CipherMethod::new("aes128-ctr", Tier::Default, (16, 16, 16), ctr(aes_ctr::make::<Aes128>));
pub const AES192_CTR: CipherMethod =
    CipherMethod::new("aes192-ctr", Tier::Default, (24, 16, 16), ctr(aes_ctr::make::<Aes192>));
pub const AES256_CTR: CipherMethod =
    CipherMethod::new("aes256-ctr", Tier::Default, (32, 16, 16), ctr(aes_ctr::make::<Aes256>));
pub const AES128_CBC: CipherMethod = CipherMethod::new(
    "aes128-cbc",
    Tier::Legacy,
    (16, 16, 16),
    cbc(aes_cbc::encrypt::<Aes128>, aes_cbc::decrypt::<Aes128>),
);
pub const AES256_CBC: CipherMethod = CipherMethod::new(
    "aes256-cbc",
    Tier::Legacy,
    (32, 16, 16),
    cbc(aes_cbc::encrypt::<Aes256>, aes_cbc::decrypt::<Aes256>),
);

pub const HMAC_SHA2_256_ETM: MacMethod =
    MacMethod::new("hmac-sha2-256-etm@openssh.com", Tier::Default, (32, 32), EncryptThenMac, hmac::make::<Sha256>);
pub const HMAC_SHA2_512_ETM: MacMethod =
    MacMethod::new("hmac-sha2-512-etm@openssh.com", Tier::Default, (64, 64), EncryptThenMac, hmac::make::<Sha512>);
pub const UMAC_64_ETM: MacMethod =
    MacMethod::new("umac-64-etm@openssh.com", Tier::Compatible, (16, 8), EncryptThenMac, umac::make::<2>);
pub const UMAC_128_ETM: MacMethod =
    MacMethod::new("umac-128-etm@openssh.com", Tier::Compatible, (16, 16), EncryptThenMac, umac::make::<4>);
pub const UMAC_64: MacMethod =
    MacMethod::new("umac-64@openssh.com", Tier::Compatible, (16, 8), EncryptAndMac, umac::make::<2>);
pub const UMAC_128: MacMethod =
    MacMethod::new("umac-128@openssh.com", Tier::Compatible, (16, 16), EncryptAndMac, umac::make::<4>);
pub const HMAC_SHA2_256: MacMethod =
    MacMethod::new("hmac-sha2-256", Tier::Compatible, (32, 32), EncryptAndMac, hmac::make::<Sha256>);
pub const HMAC_SHA2_512: MacMethod =
    MacMethod::new("hmac-sha2-512", Tier::Compatible, (64, 64), EncryptAndMac, hmac::make::<Sha512>);
pub const HMAC_SHA1_ETM: MacMethod =
    MacMethod::new("hmac-sha1-etm@openssh.com", Tier::Legacy, (20, 20), EncryptThenMac, hmac::make::<Sha1>);
pub const HMAC_SHA1: MacMethod = MacMethod::new("hmac-sha1", Tier::Legacy, (20, 20), EncryptAndMac, hmac::make::<Sha1>);

pub const SSH_ED25519: SignatureMethod =
    SignatureMethod::new("ssh-ed25519", "ssh-ed25519", Tier::Default, &ed25519::Ed25519);
pub const SK_SSH_ED25519: SignatureMethod =
    SignatureMethod::new("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", Tier::Default, &sk::ED25519)
        .for_users_only();
#[cfg(feature = "rsa")]
pub const RSA_SHA2_512: SignatureMethod = SignatureMethod::new("rsa-sha2-512", "ssh-rsa", Tier::Default, &rsa::SHA512);
#[cfg(feature = "rsa")]
pub const RSA_SHA2_256: SignatureMethod = SignatureMethod::new("rsa-sha2-256", "ssh-rsa", Tier::Default, &rsa::SHA256);
pub const ECDSA_SHA2_NISTP256: SignatureMethod =
    SignatureMethod::new("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", Tier::Compatible, &ecdsa::NISTP256);
pub const ECDSA_SHA2_NISTP384: SignatureMethod =
    SignatureMethod::new("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", Tier::Compatible, &ecdsa::NISTP384);
pub const ECDSA_SHA2_NISTP521: SignatureMethod =
    SignatureMethod::new("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", Tier::Compatible, &ecdsa::NISTP521);
pub const SK_ECDSA_SHA2_NISTP256: SignatureMethod = SignatureMethod::new(
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    Tier::Compatible,
    &sk::ECDSA,
)
.for_users_only();
#[cfg(feature = "rsa")]
pub const SSH_RSA: SignatureMethod = SignatureMethod::new("ssh-rsa", "ssh-rsa", Tier::Legacy, &rsa::SHA1);
