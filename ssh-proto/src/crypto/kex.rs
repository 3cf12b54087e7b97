use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{Hash, Tier};

/// A key exchange method: a row of a provider's table.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KexMethod {
    /// As negotiated: `curve25519-sha256`.
    pub name: &'static str,
    /// See [`Tier`].
    pub tier: Tier,
    /// The hash of the exchange hash H and of key derivation.
    pub hash: &'static dyn Hash,
    /// Which messages carry it, and the arithmetic.
    pub exchange: Exchange,
    /// Who may offer it.
    pub roles: KexRoles,
}

impl KexMethod {
    /// A row, for both roles.
    #[must_use]
    pub const fn new(name: &'static str, tier: Tier, hash: &'static dyn Hash, exchange: Exchange) -> Self {
        Self { name, tier, hash, exchange, roles: KexRoles::Both }
    }

    /// The same for clients alone: there are servers that have nothing better, and no clients.
    #[must_use]
    pub const fn client_only(mut self) -> Self {
        self.roles = KexRoles::Client;
        self
    }
}

/// Who may offer a key exchange method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KexRoles {
    /// Clients and servers.
    Both,
    /// Clients. A server leaves it out, whatever its configuration says.
    Client,
}

/// The message layout of a method (RFC 4253 §12: numbers 30 to 49 mean what the method says), with its arithmetic.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Exchange {
    /// RFC 4253 §8: the public values e and f are `mpint`s.
    DiffieHellman(&'static dyn KeyAgreement),
    /// RFC 5656 §4, RFC 8731 §3 and the hybrids: the public values are `string`s.
    Ecdh(&'static dyn KeyAgreement),
}

/// The arithmetic of one method, for both roles. Key encapsulation fits too: what the responder sends depends on what
/// the initiator sent, and the two have any sizes.
pub trait KeyAgreement: fmt::Debug + Send + Sync {
    /// The client's half: an ephemeral key.
    fn initiate(&self, rng: &mut dyn CryptoRng) -> Box<dyn Initiated>;

    /// The server's half, whole: validates `init`, the client's public value, and answers it.
    ///
    /// # Errors
    /// When `init` is not a value that the method allows (RFC 8268 §4: 1 < e < p-1; RFC 8731 §3: 32 bytes, a secret
    /// that is not zero).
    fn respond(&self, init: &[u8], rng: &mut dyn CryptoRng) -> Result<Responded, BadPublicValue>;
}

/// An ephemeral key that waits for the server's public value.
pub trait Initiated: fmt::Debug + Send {
    /// Our public value: a big-endian magnitude for Diffie-Hellman, the `string`'s content otherwise.
    fn public(&self) -> &[u8];

    /// Validates `reply`, the server's public value, and agrees on the secret.
    ///
    /// # Errors
    /// When `reply` is not a value that the method allows.
    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, BadPublicValue>;
}

/// What [`KeyAgreement::respond`] found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Responded {
    /// The server's public value, in the same form as the client's.
    pub public: Vec<u8>,
    /// The secret that both sides now share.
    pub secret: SharedSecret,
}

impl Responded {
    /// A public value and the secret behind it.
    #[must_use]
    pub const fn new(public: Vec<u8>, secret: SharedSecret) -> Self {
        Self { public, secret }
    }
}

/// The secret K, with the encoding in which it is hashed.
#[expect(clippy::exhaustive_enums, reason = "the wire knows these two")]
pub enum SharedSecret {
    /// A big-endian magnitude, hashed as an `mpint` (RFC 4253 §8, RFC 8731 §3.1).
    Mpint(Zeroizing<Vec<u8>>),
    /// Bytes, hashed as a `string` (the post-quantum hybrids).
    String(Zeroizing<Vec<u8>>),
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A peer's public value that its method does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say without helping an attacker")]
pub struct BadPublicValue;
