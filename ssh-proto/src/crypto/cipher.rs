use alloc::boxed::Box;
use core::fmt;

use super::Tier;

/// A cipher: a row of a provider's table.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CipherMethod {
    /// As negotiated: `aes128-ctr`.
    pub name: &'static str,
    /// See [`Tier`].
    pub tier: Tier,
    /// Bytes of key.
    pub key_length: usize,
    /// Bytes of initialisation vector; 0 when the cipher takes none.
    pub iv_length: usize,
    /// What packets are padded to; at least 8 (RFC 4253 §6).
    pub block_size: usize,
    /// How to make one.
    pub kind: CipherKind,
}

impl CipherMethod {
    /// A row: `lengths` are those of key, initialisation vector and block, in bytes.
    #[must_use]
    pub const fn new(name: &'static str, tier: Tier, lengths: (usize, usize, usize), kind: CipherKind) -> Self {
        let (key_length, iv_length, block_size) = lengths;
        Self { name, tier, key_length, iv_length, block_size, kind }
    }
}

/// The two shapes of a cipher. `make` functions take key and initialisation vector, of exactly the lengths that the row
/// states; the packet layer derives them so.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum CipherKind {
    /// Encrypts whole blocks, chained over all packets; a MAC stands beside it.
    Blocks {
        /// Makes the sender's half.
        encrypt: fn(key: &[u8], iv: &[u8]) -> Box<dyn BlockMode>,
        /// Makes the receiver's half.
        decrypt: fn(key: &[u8], iv: &[u8]) -> Box<dyn BlockMode>,
        /// Whether an error may be told from when it shows (CVE-2008-5161).
        chaining: Chaining,
    },
    /// Encrypts and authenticates a whole packet; no MAC is negotiated.
    Aead {
        /// Bytes that follow each packet.
        tag_length: usize,
        /// Makes one, for either direction.
        make: fn(key: &[u8], iv: &[u8]) -> Box<dyn PacketAead>,
    },
}

/// How blocks depend on one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "SSH has these two")]
pub enum Chaining {
    /// A counter (RFC 4344 §4).
    Counter,
    /// Cipher block chaining (RFC 4253 §6.3): garbage in the length is as likely as not, and the receiver hides it.
    Cbc,
}

/// One direction of a cipher without authentication. Its state runs on from packet to packet.
pub trait BlockMode: fmt::Debug + Send {
    /// Encrypts or decrypts `data` in place. Its length is a multiple of the block size.
    fn apply(&mut self, data: &mut [u8]);
}

/// One direction of a cipher with authentication.
///
/// `packet` is the whole binary packet without its tag: `uint32` length, padding length, payload, padding.
pub trait PacketAead: fmt::Debug + Send {
    /// The packet length that the first four bytes of packet number `sequence` hold. They are left as they are.
    fn length(&self, sequence: u32, head: [u8; 4]) -> u32;

    /// Encrypts `packet` in place and writes its tag.
    fn seal(&mut self, sequence: u32, packet: &mut [u8], tag: &mut [u8]);

    /// Checks the tag and only then decrypts `packet` in place (its first four bytes need not become readable).
    ///
    /// # Errors
    /// When the tag does not fit; `packet` is then not to be looked at.
    fn open(&mut self, sequence: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), BadTag>;
}

/// The tag is not that of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say without helping an attacker")]
pub struct BadTag;
