use core::fmt;

use zeroize::Zeroize;

/// A hash function, for the exchange hash and the keys that come from it (RFC 4253 §7.2, §8).
pub trait Hash: fmt::Debug + Send + Sync {
    /// The hash of `parts`, one after another.
    fn digest(&self, parts: &[&[u8]]) -> Digest;
}

/// A hash value of at most 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    bytes: [u8; 64],
    length: usize,
}

impl Digest {
    /// The first 64 of `bytes`: no hash of this crate is longer.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut digest = Self { bytes: [0; 64], length: bytes.len().min(64) };
        for (to, from) in digest.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        digest
    }

    /// The value.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Zeroize for Digest {
    /// Keys are derived through digests.
    fn zeroize(&mut self) {
        self.bytes.zeroize();
    }
}
