//! Keys: public key blobs, private keys and what they sign, fingerprints.
//!
//! Bytes in, keys out: nothing here opens a file. A [`PublicKey`] is a blob that was checked field by field; a
//! `PrivateKey` keeps its secret to itself, wipes it when dropped, and hands out signatures only.

mod certificate;
mod curve;
mod presence;
mod public;
mod public_file;
mod signature;

#[cfg(feature = "rustcrypto")]
mod ecdsa;
#[cfg(feature = "rustcrypto")]
mod ed25519;
#[cfg(feature = "key-files")]
mod file;
#[cfg(feature = "rustcrypto")]
mod fingerprint;
#[cfg(feature = "rustcrypto")]
mod krl;
#[cfg(feature = "rustcrypto")]
mod private;
#[cfg(feature = "rsa")]
mod rsa;

pub use certificate::{
    Certificate, CertificateError, CertificateKind, CertificateOption, CertificateUse, Extension, Grant, Holder,
    Network,
};
pub use curve::Curve;
#[cfg(feature = "key-files")]
pub use file::{KeyFileError, PrivateKeyFile, Unsupported};
#[cfg(feature = "rustcrypto")]
pub use fingerprint::Fingerprint;
#[cfg(feature = "rustcrypto")]
pub use krl::{RevocationList, Revoked};
pub use presence::Presence;
#[cfg(feature = "rustcrypto")]
pub use private::{PrivateKey, SignError};
pub use public::PublicKey;
#[cfg(feature = "rsa")]
pub use rsa::GenerateError;
pub use signature::{Signature, SignatureRef};
