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
    /// RFC 4419 §3: the client says which sizes it likes and the server chooses a group; then as in RFC 4253 §8.
    GroupExchange(&'static dyn GroupExchange),
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

impl<T: KeyAgreement + ?Sized> KeyAgreement for &T {
    fn initiate(&self, rng: &mut dyn CryptoRng) -> Box<dyn Initiated> {
        (**self).initiate(rng)
    }

    fn respond(&self, init: &[u8], rng: &mut dyn CryptoRng) -> Result<Responded, BadPublicValue> {
        (**self).respond(init, rng)
    }
}

/// Groups that are chosen for each exchange, and arithmetic modulo any of them (RFC 4419).
///
/// The protocol holds the sizes to its bounds ([RFC 8270](https://www.rfc-editor.org/rfc/rfc8270): 2048 to 8192 bits)
/// before it asks.
pub trait GroupExchange: fmt::Debug + Send + Sync {
    /// The server's choice, by [`GroupSizes::choose`]; `None` when it knows no group within the bounds.
    fn choose(&self, sizes: &GroupSizes) -> Option<DhGroup>;

    /// Arithmetic in `group`, whoever chose it.
    ///
    /// What must hold for it to be arithmetic at all is checked: an odd p, and 1 < g < p-1. That p is a safe prime is
    /// not: it would cost a client as much as several key exchanges, and a server that means harm can as well give
    /// the secret itself away (RFC 8270 §5). Nobody else can have chosen the group: it stands in the hash that the host
    /// key signs.
    ///
    /// # Errors
    /// When there is no arithmetic in it.
    fn agreement(&self, group: &DhGroup) -> Result<Box<dyn KeyAgreement>, BadGroup>;
}

/// Integers modulo p, and an element g that generates all or half of them.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "two numbers are a group")]
pub struct DhGroup {
    /// p, a safe prime, as a big-endian magnitude.
    pub prime: Vec<u8>,
    /// g, as a big-endian magnitude.
    pub generator: Vec<u8>,
}

impl fmt::Debug for DhGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DhGroup({} bytes)", self.prime.len())
    }
}

/// Sizes of p in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the wire has these three")]
pub struct GroupSizes {
    /// No smaller one is acceptable.
    pub minimum: u32,
    /// The one that the client would like.
    pub preferred: u32,
    /// No larger one is acceptable.
    pub maximum: u32,
}

impl GroupSizes {
    /// The best of the `known` sizes: "the smallest group it knows that is larger than the size the client requested",
    /// or as large, and else "the largest group it knows" (RFC 4419 §3), within the bounds.
    #[must_use]
    pub fn choose(&self, known: impl IntoIterator<Item = u32>) -> Option<u32> {
        let acceptable = known.into_iter().filter(|size| (self.minimum..=self.maximum).contains(size));
        // Those that are large enough first, the smallest first; then the others, the largest first.
        acceptable.min_by_key(|&size| (size < self.preferred, size.abs_diff(self.preferred)))
    }
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

/// A group in which there is no arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what is wrong with it helps nobody")]
pub struct BadGroup;

/// A peer's public value that its method does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say without helping an attacker")]
pub struct BadPublicValue;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4419_s3_the_smallest_that_is_large_enough_else_the_largest() {
        let known = [2048, 3072, 4096, 6144, 8192];
        for (minimum, preferred, maximum, chosen) in [
            (2048, 2048, 8192, Some(2048)),
            (2048, 2049, 8192, Some(3072)),
            (2048, 3072, 8192, Some(3072)),
            (2048, 7680, 8192, Some(8192)),
            (2048, 8192, 8192, Some(8192)),
            // None is large enough and small enough.
            (2048, 5000, 6000, Some(4096)),
            (2048, 3000, 3000, Some(2048)),
            (3000, 3000, 4096, Some(3072)),
            (2049, 2500, 3071, None),
            (8193, 8193, 9000, None),
        ] {
            let sizes = GroupSizes { minimum, preferred, maximum };
            assert_eq!(sizes.choose(known), chosen, "{sizes:?}");
            assert_eq!(sizes.choose(known.into_iter().rev()), chosen, "{sizes:?}");
        }
    }
}
