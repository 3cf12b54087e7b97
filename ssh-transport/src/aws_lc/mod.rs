//! A second crypto provider: AWS-LC, by `aws-lc-rs`. In C and assembly, and faster than the pure Rust of
//! [`rustcrypto`](ssh_proto::crypto::rustcrypto) where that matters: bulk data, and RSA.
//!
//! ```
//! use ssh_proto::Algorithms;
//! use ssh_proto::crypto::Tier;
//! use ssh_transport::aws_lc;
//!
//! let algorithms = Algorithms::up_to(Tier::Default, &aws_lc::PROVIDER);
//! # assert_eq!(algorithms.ciphers[0].name, "chacha20-poly1305@openssh.com");
//! ```
//!
//! Its tables have the names, tiers and order of RustCrypto's. A row that AWS-LC has no arithmetic for is RustCrypto's own:
//!
//! | | AWS-LC | borrowed |
//! |---|---|---|
//! | key exchange | X25519, the NIST curves, ML-KEM-768 with X25519 | Diffie-Hellman in groups, Streamlined NTRU Prime |
//! | ciphers | AES-GCM, ChaCha20-Poly1305, AES-CTR | AES-CBC, whose decryption it does not give out without padding |
//! | MACs | HMAC with SHA-1, SHA-256 and SHA-512 | UMAC |
//! | signatures, checked | Ed25519, RSA, ECDSA | those of security keys |
//! | signatures, made | RSA with SHA-2: [`Identity::with_aws_lc`](crate::identity::Identity::with_aws_lc) | all others |
//!
//! The hashes of key exchanges are RustCrypto's too. Ephemeral keys come from AWS-LC's own random numbers, so that a
//! seeded connection does not repeat itself.

mod cipher;
mod kex;
mod mac;
mod sign;
mod signature;

use std::sync::LazyLock;

pub(crate) use sign::RsaSigner;
use ssh_proto::crypto::rustcrypto::PROVIDER as RUSTCRYPTO;
use ssh_proto::crypto::{CipherMethod, CryptoProvider, Exchange, KexMethod, MacMethod, SignatureMethod};

/// The provider, for configurations that want a reference.
pub static PROVIDER: AwsLc = AwsLc;

/// AWS-LC, and RustCrypto for what it lacks.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AwsLc;

impl CryptoProvider for AwsLc {
    fn key_exchanges(&self) -> &'static [KexMethod] {
        &KEY_EXCHANGES
    }

    fn ciphers(&self) -> &'static [CipherMethod] {
        &CIPHERS
    }

    fn macs(&self) -> &'static [MacMethod] {
        &MACS
    }

    fn signatures(&self) -> &'static [SignatureMethod] {
        &SIGNATURES
    }
}

static KEY_EXCHANGES: LazyLock<Vec<KexMethod>> = LazyLock::new(|| {
    let ours = |mut row: KexMethod| {
        row.exchange = kex::agreement(row.name).map_or(row.exchange, Exchange::Ecdh);
        row
    };
    RUSTCRYPTO.key_exchanges().iter().copied().map(ours).collect()
});

static CIPHERS: LazyLock<Vec<CipherMethod>> = LazyLock::new(|| {
    let ours = |mut row: CipherMethod| {
        row.kind = cipher::kind(row.name).unwrap_or(row.kind);
        row
    };
    RUSTCRYPTO.ciphers().iter().copied().map(ours).collect()
});

static MACS: LazyLock<Vec<MacMethod>> = LazyLock::new(|| {
    let ours = |mut row: MacMethod| {
        row.make = mac::make(row.name).unwrap_or(row.make);
        row
    };
    RUSTCRYPTO.macs().iter().copied().map(ours).collect()
});

static SIGNATURES: LazyLock<Vec<SignatureMethod>> = LazyLock::new(|| {
    let ours = |mut row: SignatureMethod| {
        if let Some(verifier) = signature::verifier(&row) {
            row.verifier = verifier;
        }
        row
    };
    RUSTCRYPTO.signatures().iter().copied().map(ours).collect()
});
