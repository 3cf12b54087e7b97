//! The input, and how far it has been read: every length is checked against what is there.

use super::{DecodeError, DecodeErrorKind};

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    /// What the end of `bytes` means: the input's end, or the limit's.
    at_end: DecodeErrorKind,
}

impl<'a> Reader<'a> {
    /// A reader of at most `max` octets.
    pub(super) fn new(bytes: &'a [u8], max: usize) -> Self {
        match bytes.get(..max) {
            Some(within) if within.len() < bytes.len() => {
                Self { bytes: within, offset: 0, at_end: DecodeErrorKind::TooLong }
            }
            _ => Self { bytes, offset: 0, at_end: DecodeErrorKind::Truncated },
        }
    }

    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// The error of wanting more than there is.
    pub(super) const fn ended(&self) -> DecodeError {
        DecodeError::new(self.at_end, self.bytes.len())
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest().get(..len) {
            Some(taken) => {
                self.offset += len;
                Ok(taken)
            }
            None => Err(self.ended()),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest().first_chunk() {
            Some(taken) => {
                self.offset += N;
                Ok(*taken)
            }
            None => Err(self.ended()),
        }
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[octet]| octet)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A number of things that take at least `each` octets apiece, refused when the input cannot hold them.
    pub(super) fn count(&mut self, each: usize) -> Result<usize, DecodeError> {
        let offset = self.offset;
        let count = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        self.check_count(count, each, offset)
    }

    pub(super) fn check_count(&self, count: usize, each: usize, offset: usize) -> Result<usize, DecodeError> {
        let left = self.bytes.len() - self.offset;
        if count.checked_mul(each).is_some_and(|least| least <= left) {
            return Ok(count);
        }
        let kind = match self.at_end {
            DecodeErrorKind::TooLong => DecodeErrorKind::TooLong,
            _ => DecodeErrorKind::CountExceedsInput { count, left },
        };
        Err(DecodeError::new(kind, offset))
    }

    /// The error of something at an offset of this input.
    pub(super) const fn error<T>(kind: DecodeErrorKind, offset: usize) -> Result<T, DecodeError> {
        Err(DecodeError::new(kind, offset))
    }
}
