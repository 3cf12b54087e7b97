use alloc::boxed::Box;
use core::fmt;

use super::Tier;

/// A message authentication code: a row of a provider's table.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MacMethod {
    /// As negotiated: `hmac-sha2-256-etm@openssh.com`.
    pub name: &'static str,
    /// See [`Tier`].
    pub tier: Tier,
    /// Bytes of key.
    pub key_length: usize,
    /// Bytes of tag; at most 64.
    pub tag_length: usize,
    /// What the tag covers.
    pub order: MacOrder,
    /// Makes one from a key of exactly `key_length` bytes.
    pub make: fn(key: &[u8]) -> Box<dyn Mac>,
}

impl MacMethod {
    /// A row: `lengths` are those of key and tag, in bytes.
    #[must_use]
    pub const fn new(
        name: &'static str,
        tier: Tier,
        lengths: (usize, usize),
        order: MacOrder,
        make: fn(key: &[u8]) -> Box<dyn Mac>,
    ) -> Self {
        let (key_length, tag_length) = lengths;
        Self { name, tier, key_length, tag_length, order, make }
    }
}

/// What a tag covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "SSH has these two")]
pub enum MacOrder {
    /// The packet before it is encrypted (RFC 4253 §6.4).
    EncryptAndMac,
    /// The encrypted packet behind its length in clear (OpenSSH PROTOCOL §1.5, `-etm@openssh.com`).
    EncryptThenMac,
}

/// A keyed message authentication code.
pub trait Mac: fmt::Debug + Send {
    /// Writes the tag of packet number `sequence`, whose bytes are `packet`, into `tag` (of the row's length).
    fn sign(&self, sequence: u32, packet: &[u8], tag: &mut [u8]);
}
