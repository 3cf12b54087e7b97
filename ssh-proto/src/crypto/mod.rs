//! What the protocol needs of cryptography, as traits and tables. No cipher is implemented here.
//!
//! A [`CryptoProvider`] is four tables, in order of preference. An entry says how the algorithm is named on the wire, in
//! which [`Tier`] it stands, and how to make one. `rustcrypto` (behind the default feature) is the provider of this
//! crate; another one is chosen at run time in `Config`.

mod cipher;
mod hash;
mod kex;
mod mac;
#[cfg(feature = "rustcrypto")]
pub mod rustcrypto;
mod signature;

use core::fmt;

pub use cipher::{BadTag, BlockMode, Chaining, CipherKind, CipherMethod, PacketAead};
pub use hash::{Digest, Hash};
pub use kex::{
    BadGroup, BadPublicValue, DhGroup, Exchange, GroupExchange, GroupSizes, Initiated, KexMethod, KexRoles,
    KeyAgreement, Responded, SharedSecret,
};
pub use mac::{Mac, MacMethod, MacOrder};
pub use signature::{BadSignature, SignatureMethod, Signers, Verifier};

/// Where the algorithms come from: tables in order of preference, the default tier first.
///
/// An object of this trait stands in the configuration of a connection, so that a program can choose at run time.
pub trait CryptoProvider: fmt::Debug + Send + Sync {
    /// Key exchange methods.
    fn key_exchanges(&self) -> &'static [KexMethod];
    /// Ciphers, with and without their own authentication.
    fn ciphers(&self) -> &'static [CipherMethod];
    /// Message authentication codes, for ciphers that have none.
    fn macs(&self) -> &'static [MacMethod];
    /// Signature algorithms: host keys and user keys.
    fn signatures(&self) -> &'static [SignatureMethod];
}

/// How far an algorithm is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Tier {
    /// The best there is: on everywhere.
    Default,
    /// Sound, but not what a new design would choose: on in the client, off in `serve` until named.
    Compatible,
    /// Broken or close to it (CBC, SHA-1): off everywhere until named.
    Legacy,
}
