use core::fmt;
use core::marker::PhantomData;

use crate::crypto::{Digest, Hash};

/// SHA-1, for `diffie-hellman-group14-sha1` and its like.
pub(super) static SHA1: HashFunction<sha1::Sha1> = HashFunction::new("SHA-1");
/// SHA-256.
pub(super) static SHA256: HashFunction<sha2::Sha256> = HashFunction::new("SHA-256");
/// SHA-384.
pub(super) static SHA384: HashFunction<sha2::Sha384> = HashFunction::new("SHA-384");
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

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendices A.1, C.1 and D.1; FIPS 180-1, appendix A.
    #[test]
    fn abc() {
        let sha384 = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7";
        let sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        for (hash, value) in [
            (&SHA1 as &dyn Hash, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (&SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (&SHA384, sha384),
            (&SHA512, sha512),
        ] {
            assert_eq!(hash.digest(&[b"a", b"", b"bc"]).as_bytes(), vectors::hex(value), "{hash:?}");
        }
    }
}
