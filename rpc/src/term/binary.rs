//! Binaries and bit strings.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// A sequence of octets. Clones share the octets.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Binary(Arc<[u8]>);

impl Binary {
    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, when the octets are UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        core::str::from_utf8(&self.0).ok()
    }
}

impl AsRef<[u8]> for Binary {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Binary {
    fn from(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }
}

impl<const N: usize> From<&[u8; N]> for Binary {
    fn from(bytes: &[u8; N]) -> Self {
        Self(Arc::from(bytes.as_slice()))
    }
}

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::from(bytes))
    }
}

impl From<Arc<[u8]>> for Binary {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(bytes)
    }
}

impl From<&str> for Binary {
    fn from(text: &str) -> Self {
        Self(Arc::from(text.as_bytes()))
    }
}

impl From<String> for Binary {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::print::write_binary(f, &self.0, super::print::Style::Pretty)
    }
}

/// A sequence of bits whose number is not a multiple of eight; one whose number is, is a [`Binary`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BitString {
    /// Never empty; the unused low bits of the last octet are zero.
    bytes: Arc<[u8]>,
    /// 1 to 7.
    last_bits: u8,
}

impl BitString {
    /// The bits of `bytes`, of which the last octet gives only its `last_bits` high ones; the others are cleared.
    ///
    /// # Errors
    /// [`InvalidBits`] unless there is an octet and `last_bits` is 1 to 7: eight would be a [`Binary`].
    pub fn new(bytes: &[u8], last_bits: u8) -> Result<Self, InvalidBits> {
        let (Some((last, whole)), 1..=7) = (bytes.split_last(), last_bits) else {
            return Err(InvalidBits);
        };
        let mask = 0xff_u8 << (8 - last_bits);
        if last & !mask == 0 {
            return Ok(Self { bytes: Arc::from(bytes), last_bits });
        }
        let mut cleared = whole.to_vec();
        cleared.push(last & mask);
        Ok(Self { bytes: Arc::from(cleared), last_bits })
    }

    /// The octets, the last one with its unused low bits zero.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many high bits of the last octet belong to the bit string: 1 to 7.
    #[must_use]
    pub const fn last_bits(&self) -> u8 {
        self.last_bits
    }

    /// The length in bits.
    #[must_use]
    pub fn bit_len(&self) -> usize {
        (self.bytes.len() - 1) * 8 + usize::from(self.last_bits)
    }
}

impl fmt::Debug for BitString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::print::write_bit_string(f, self)
    }
}

/// A bit string needs an octet, and 1 to 7 bits of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidBits;

impl fmt::Display for InvalidBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bit string needs at least one octet, the last with 1 to 7 bits")
    }
}

impl core::error::Error for InvalidBits {}
