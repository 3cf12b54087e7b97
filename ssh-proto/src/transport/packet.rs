//! The binary packet protocol, [RFC 4253 §6](https://www.rfc-editor.org/rfc/rfc4253#section-6), for one direction each.
//!
//! ```text
//! uint32 packet_length · byte padding_length · byte[n1] payload · byte[n2] random padding · byte[m] mac
//! ```
//!
//! [`Sealer`] appends whole packets to the output, [`Opener`] decrypts them where they lie. Both know the four ways in
//! which SSH protects a packet: in clear, encrypt-and-MAC, encrypt-then-MAC, and authenticated encryption.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::keys::Suite;
use crate::crypto::{BlockMode, Chaining, Mac, MacOrder, PacketAead};
use crate::error::{Error, PeerMisbehaved};

/// "There MUST be at least four bytes of padding."
const MINIMUM_PADDING: usize = 4;
/// "arbitrary-length padding, such that the total length [...] is a multiple of the cipher block size or 8, whichever is
/// larger".
const MINIMUM_BLOCK: usize = 8;
/// The `packet_length` field.
const LENGTH: usize = 4;

/// Keys of one direction, ready to be used by a [`Sealer`] or an [`Opener`].
#[derive(Debug)]
pub(super) enum Protection {
    /// Before the first NEWKEYS: no encryption, no MAC.
    Clear,
    /// RFC 4253 §6.4: the MAC covers the packet before it is encrypted.
    EncryptAndMac { cipher: Box<dyn BlockMode>, block: usize, chaining: Chaining, mac: PacketMac },
    /// OpenSSH PROTOCOL §1.5: the length is in clear, the MAC covers what is sent.
    EncryptThenMac { cipher: Box<dyn BlockMode>, block: usize, mac: PacketMac },
    /// RFC 5647 and chacha20-poly1305@openssh.com.
    Aead { cipher: Box<dyn PacketAead>, block: usize, tag_length: usize },
}

/// A MAC and the length of its tags.
#[derive(Debug)]
pub(super) struct PacketMac {
    mac: Box<dyn Mac>,
    tag_length: usize,
}

/// Which half of a cipher is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Sealing,
    Opening,
}

impl Protection {
    /// Makes the `half` of a direction from keys of the lengths that the suite states.
    pub(super) fn new(half: Half, suite: &Suite, (key, iv): (&[u8], &[u8]), mac_key: &[u8]) -> Self {
        let block = suite.cipher().block_size.max(MINIMUM_BLOCK);
        match *suite {
            Suite::Aead { tag_length, make, .. } => Self::Aead { cipher: make(key, iv), block, tag_length },
            Suite::Blocks { encrypt, decrypt, chaining, mac: method, .. } => {
                let cipher = match half {
                    Half::Sealing => encrypt(key, iv),
                    Half::Opening => decrypt(key, iv),
                };
                let mac = PacketMac { mac: (method.make)(mac_key), tag_length: method.tag_length };
                match method.order {
                    MacOrder::EncryptAndMac => Self::EncryptAndMac { cipher, block, chaining, mac },
                    MacOrder::EncryptThenMac => Self::EncryptThenMac { cipher, block, mac },
                }
            }
        }
    }

    const fn block(&self) -> usize {
        match self {
            Self::Clear => MINIMUM_BLOCK,
            Self::EncryptAndMac { block, .. } | Self::EncryptThenMac { block, .. } | Self::Aead { block, .. } => *block,
        }
    }

    const fn tag_length(&self) -> usize {
        match self {
            Self::Clear => 0,
            Self::EncryptAndMac { mac, .. } | Self::EncryptThenMac { mac, .. } => mac.tag_length,
            Self::Aead { tag_length, .. } => *tag_length,
        }
    }

    /// How many bytes at the front of a packet do not count when it is padded to whole blocks.
    const fn unpadded(&self) -> usize {
        match self {
            Self::Clear | Self::EncryptAndMac { .. } => 0,
            Self::EncryptThenMac { .. } | Self::Aead { .. } => LENGTH,
        }
    }
}

impl PacketMac {
    fn sign(&self, sequence: u32, packet: &[u8], tag: &mut [u8]) {
        self.mac.sign(sequence, packet, tag);
    }

    /// Compares in constant time.
    fn verify(&self, sequence: u32, packet: &[u8], tag: &[u8]) -> bool {
        let mut expected = [0; 64];
        let Some(expected) = expected.get_mut(..self.tag_length) else { return false };
        self.mac.sign(sequence, packet, expected);
        expected.ct_eq(tag).into()
    }
}

/// Appends packets to the output.
#[derive(Debug)]
pub(super) struct Sealer {
    protection: Protection,
    sequence: u32,
}

impl Sealer {
    pub(super) const fn new() -> Self {
        Self { protection: Protection::Clear, sequence: 0 }
    }

    /// Takes new keys into use. The sequence number runs on (RFC 4253 §6.4), or restarts (strict key exchange).
    pub(super) fn rekey(&mut self, protection: Protection, numbering: Numbering) {
        self.protection = protection;
        if numbering == Numbering::Restart {
            self.sequence = 0;
        }
    }

    /// Appends one packet whose payload is what `write` appends, and answers how many bytes it took.
    pub(super) fn seal(
        &mut self,
        rng: &mut dyn CryptoRng,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let start = out.len();
        out.extend_from_slice(&[0; LENGTH + 1]);
        write(out);
        let unpadded = out.len().saturating_sub(start);
        let padding = self.padding(unpadded);
        let length = unpadded.saturating_add(padding).saturating_sub(LENGTH);
        let mut random = [0; 64];
        if let Some(random) = random.get_mut(..padding) {
            rng.fill_bytes(random);
            out.extend_from_slice(random);
        }
        if let Some(head) = out.get_mut(start..).and_then(|packet| packet.first_chunk_mut::<5>()) {
            let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
            *head = [a, b, c, d, u8::try_from(padding).unwrap_or(u8::MAX)];
        }
        self.seal_packet(out, start)
    }

    /// Protects the packet that begins at `start` and ends with `out`, and answers how many bytes it takes now.
    fn seal_packet(&mut self, out: &mut Vec<u8>, start: usize) -> usize {
        let end = out.len();
        out.resize(end.saturating_add(self.protection.tag_length()), 0);
        let whole = out.get_mut(start..).unwrap_or_default();
        let taken = whole.len();
        if let Some((packet, tag)) = whole.split_at_mut_checked(end.saturating_sub(start)) {
            self.protect(packet, tag);
        }
        self.sequence = self.sequence.wrapping_add(1);
        taken
    }

    /// As [`seal`](Self::seal), with something wrong: for `raw.rs`.
    ///
    /// What stands behind the last whole block is neither encrypted nor authenticated: no receiver gets as far as that.
    pub(super) fn seal_flawed(&mut self, out: &mut Vec<u8>, payload: &[u8], flaw: Flaw) {
        let start = out.len();
        let least = self.padding(payload.len().saturating_add(LENGTH).saturating_add(1));
        let padding = if let Flaw::Padding(padding) = flaw { usize::from(padding) } else { least };
        let length = payload.len().saturating_add(padding).saturating_add(1);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let claimed = if let Flaw::PacketLength(claimed) = flaw { claimed } else { length };
        out.extend_from_slice(&claimed.to_be_bytes());
        let least = u8::try_from(padding).unwrap_or(u8::MAX);
        out.push(if let Flaw::PaddingLength(claimed) = flaw { claimed } else { least });
        out.extend_from_slice(payload);
        out.resize(out.len().saturating_add(padding), 0);
        let counted = out.len().saturating_sub(start).saturating_sub(self.protection.unpadded());
        let over = counted.checked_rem(self.protection.block()).unwrap_or_default();
        let tail = out.split_off(out.len().saturating_sub(over));
        self.seal_packet(out, start);
        if flaw == Flaw::Tag
            && let Some(last) = out.last_mut()
        {
            *last ^= 1;
        }
        out.extend_from_slice(&tail);
    }

    /// The least padding, 4 to `4 + block - 1` bytes, that makes whole blocks of `unpadded` bytes.
    fn padding(&self, unpadded: usize) -> usize {
        let block = self.protection.block();
        let counted = unpadded.saturating_add(MINIMUM_PADDING).saturating_sub(self.protection.unpadded());
        let short = counted.checked_rem(block).map_or(0, |over| if over == 0 { 0 } else { block.saturating_sub(over) });
        MINIMUM_PADDING.saturating_add(short)
    }

    fn protect(&mut self, packet: &mut [u8], tag: &mut [u8]) {
        match &mut self.protection {
            Protection::Clear => {}
            Protection::EncryptAndMac { cipher, mac, .. } => {
                mac.sign(self.sequence, packet, tag);
                cipher.apply(packet);
            }
            Protection::EncryptThenMac { cipher, mac, .. } => {
                cipher.apply(packet.get_mut(LENGTH..).unwrap_or_default());
                mac.sign(self.sequence, packet, tag);
            }
            Protection::Aead { cipher, .. } => cipher.seal(self.sequence, packet, tag),
        }
    }
}

/// Whether sequence numbers restart when new keys come into use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "SSH has these two")]
pub enum Numbering {
    /// "It is never reset, even if keys/algorithms are renegotiated later" (RFC 4253 §6.4).
    Continue,
    /// Strict key exchange.
    Restart,
}

/// What is wrong with a packet that [`raw`](crate::raw) sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// `packet_length` says this; the packet itself is as long as it should be.
    PacketLength(u32),
    /// `padding_length` says this; the padding itself is as long as it should be.
    PaddingLength(u8),
    /// There are so many bytes of padding, and `padding_length` says so: not whole blocks, too few, or just many.
    Padding(u8),
    /// The authentication tag is wrong. Before keys are in use, the last byte of the padding is changed, which is none.
    Tag,
}

/// Opens packets where they lie.
#[derive(Debug)]
pub(super) struct Opener {
    protection: Protection,
    sequence: u32,
    maximum_length: usize,
    begun: Begun,
}

/// How far the packet at the front of the input has been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// Not at all.
    Nothing,
    /// Its first block has been decrypted in place, and holds this packet length.
    FirstBlock(usize),
    /// It is bad, and this many bytes are read before that shows (CVE-2008-5161).
    Discarding(usize),
}

/// What [`Opener::open`] found at the front of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// No whole packet yet.
    Incomplete,
    /// This many bytes belong to a bad packet whose end is not reached: they are to be discarded.
    Discard(usize),
    /// A packet: its number, where its payload lies, and how many bytes it took.
    Packet { sequence: u32, payload: Range<usize>, taken: usize },
}

impl Opener {
    pub(super) const fn new(maximum_length: usize) -> Self {
        Self { protection: Protection::Clear, sequence: 0, maximum_length, begun: Begun::Nothing }
    }

    /// Takes new keys into use; between two packets.
    pub(super) fn rekey(&mut self, protection: Protection, numbering: Numbering) {
        self.protection = protection;
        if numbering == Numbering::Restart {
            self.sequence = 0;
        }
    }

    /// Sets the largest `packet_length` that is read.
    pub(super) const fn set_maximum_length(&mut self, maximum_length: usize) {
        self.maximum_length = maximum_length;
    }

    /// Looks at the front of `input`, which can never hold more than `capacity` bytes.
    pub(super) fn open(&mut self, input: &mut [u8], capacity: usize) -> Result<Opened, Error> {
        if let Begun::Discarding(left) = self.begun {
            return self.discard(left, input.len());
        }
        let Some(length) = self.packet_length(input) else { return Ok(Opened::Incomplete) };
        let whole = LENGTH.saturating_add(length);
        let taken = whole.saturating_add(self.protection.tag_length());
        if !self.is_reasonable(length) || taken > capacity {
            return self.fail(PeerMisbehaved::BadPacketLength, input.len());
        }
        let Some((packet, rest)) = input.split_at_mut_checked(whole) else { return Ok(Opened::Incomplete) };
        let Some(tag) = rest.get(..self.protection.tag_length()) else { return Ok(Opened::Incomplete) };
        if !self.unprotect(packet, tag) {
            let seen = input.len();
            return self.fail(PeerMisbehaved::BadMac, seen);
        }
        let padding = packet.get(LENGTH).map_or(0, |&padding| usize::from(padding));
        let end = whole.checked_sub(padding).filter(|&end| end > LENGTH && padding >= MINIMUM_PADDING);
        let Some(end) = end else { return Err(Error::PeerMisbehaved(PeerMisbehaved::BadPadding)) };
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.begun = Begun::Nothing;
        Ok(Opened::Packet { sequence, payload: LENGTH.saturating_add(1)..end, taken })
    }

    /// The `packet_length` of the packet at the front, once it can be told. Decrypts the first block on the way, where
    /// the length is encrypted with the rest.
    fn packet_length(&mut self, input: &mut [u8]) -> Option<usize> {
        if let Begun::FirstBlock(length) = self.begun {
            return Some(length);
        }
        let length = match &mut self.protection {
            Protection::Clear | Protection::EncryptThenMac { .. } => u32::from_be_bytes(*input.first_chunk()?),
            Protection::Aead { cipher, .. } => cipher.length(self.sequence, *input.first_chunk()?),
            Protection::EncryptAndMac { cipher, block, .. } => {
                let first = input.get_mut(..*block)?;
                cipher.apply(first);
                let length = u32::from_be_bytes(*first.first_chunk()?);
                self.begun = Begun::FirstBlock(usize::try_from(length).unwrap_or(usize::MAX));
                length
            }
        };
        Some(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Within the limits, and whole blocks.
    fn is_reasonable(&self, length: usize) -> bool {
        let counted = length.saturating_add(LENGTH).saturating_sub(self.protection.unpadded());
        length > MINIMUM_PADDING
            && length <= self.maximum_length
            && counted.checked_rem(self.protection.block()) == Some(0)
    }

    fn unprotect(&mut self, packet: &mut [u8], tag: &[u8]) -> bool {
        match &mut self.protection {
            Protection::Clear => true,
            Protection::EncryptAndMac { cipher, block, mac, .. } => {
                cipher.apply(packet.get_mut(*block..).unwrap_or_default());
                mac.verify(self.sequence, packet, tag)
            }
            Protection::EncryptThenMac { cipher, mac, .. } => {
                let authentic = mac.verify(self.sequence, packet, tag);
                if authentic {
                    cipher.apply(packet.get_mut(LENGTH..).unwrap_or_default());
                }
                authentic
            }
            Protection::Aead { cipher, .. } => cipher.open(self.sequence, packet, tag).is_ok(),
        }
    }

    /// Fails at once, or, under CBC, after as many bytes as the largest packet has, whatever was wrong and wherever it
    /// was: otherwise the moment of the error would tell a forger what four bytes decrypt to (CVE-2008-5161).
    fn fail(&mut self, blame: PeerMisbehaved, seen: usize) -> Result<Opened, Error> {
        match self.protection {
            Protection::EncryptAndMac { chaining: Chaining::Cbc, .. } => {
                let largest = LENGTH.saturating_add(self.maximum_length).saturating_add(self.protection.tag_length());
                self.begun = Begun::Discarding(largest);
                self.discard(largest, seen)
            }
            _ => Err(Error::PeerMisbehaved(blame)),
        }
    }

    const fn discard(&mut self, left: usize, seen: usize) -> Result<Opened, Error> {
        if seen >= left {
            return Err(Error::PeerMisbehaved(PeerMisbehaved::BadMac));
        }
        if seen == 0 {
            return Ok(Opened::Incomplete);
        }
        self.begun = Begun::Discarding(left.saturating_sub(seen));
        Ok(Opened::Discard(seen))
    }
}

#[cfg(test)]
mod tests;
