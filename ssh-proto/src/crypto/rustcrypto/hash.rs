use core::fmt;
use core::marker::PhantomData;

use crate::crypto::{Digest, Hash};

/// SHA-1, for `diffie-hellman-group14-sha1` alone.
pub(super) static SHA1: HashFunction<sha1::Sha1> = HashFunction::new("SHA-1");
/// SHA-256.
pub(super) static SHA256: HashFunction<sha2::Sha256> = HashFunction::new("SHA-256");
/// SHA-512.
pub(super) static SHA512: HashFunction<sha2::Sha512> = HashFunction::new("SHA-512");

/// Any hash function of the `digest` crate.
pub(super) struct HashFunction<D> {
    name: &'static str,
    function: PhantomData<fn() -> D>,
}

impl<D> HashFunction<D> {
    const fn new(name: &'static str) -> Self {
        Self { name, function: PhantomData }
    }
}

impl<D: digest::Digest> Hash for HashFunction<D> {
    fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut state = D::new();
        for part in parts {
            state.update(part);
        }
        Digest::new(&state.finalize())
    }
}

impl<D> fmt::Debug for HashFunction<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
