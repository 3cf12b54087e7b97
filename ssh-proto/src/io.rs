//! The bytes that came from the peer and wait to be read.

use alloc::vec::Vec;
use core::fmt;

/// Bytes from the peer, owned by the caller and decrypted in place.
///
/// The core reads from the front, and says with `discard` what it is done with. Between two calls the caller may append
/// at the end, and nothing else.
pub trait InputBuffer {
    /// What has come and is not discarded yet.
    fn filled(&mut self) -> &mut [u8];

    /// Drops `length` bytes at the front. The core never drops more than `filled` holds.
    fn discard(&mut self, length: usize);

    /// How long `filled` can ever become. A packet that does not fit is an error, never a wait: at least 35,000 bytes
    /// make every packet of RFC 4253 §6.1 fit, and 256 KiB + 1 KiB those of every peer we know.
    fn capacity(&self) -> usize;
}

/// An [`InputBuffer`] in a `Vec`: simple, for tests and small programs.
pub struct InputVec {
    bytes: Vec<u8>,
    start: usize,
    capacity: usize,
}

/// Its size only: what it holds was decrypted in place.
impl fmt::Debug for InputVec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filled = self.bytes.len().saturating_sub(self.start);
        f.debug_struct("InputVec").field("filled", &filled).field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl InputVec {
    /// An empty buffer that grows to `capacity` bytes.
    #[must_use]
    pub const fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, capacity }
    }

    /// Appends `bytes` that came from the peer.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// How many more bytes fit.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.capacity.saturating_sub(self.bytes.len().saturating_sub(self.start))
    }
}

impl InputBuffer for InputVec {
    fn filled(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..).unwrap_or_default()
    }

    fn discard(&mut self, length: usize) {
        self.start = self.start.saturating_add(length).min(self.bytes.len());
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}
