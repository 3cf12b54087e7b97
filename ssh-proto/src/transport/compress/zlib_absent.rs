//! Stands in for `zlib` in builds without it: neither half is ever made.

use alloc::vec::Vec;
use core::convert::Infallible;

use crate::error::Error;

/// Never made.
pub(in crate::transport) struct Deflater(Infallible);

impl Deflater {
    #[expect(clippy::needless_pass_by_ref_mut, reason = "the signature of the one that compresses")]
    pub(super) fn append(&mut self, _: &mut Vec<u8>, _: impl FnOnce(&mut Vec<u8>)) {
        match self.0 {}
    }
}

/// Never made.
pub(in crate::transport) struct Inflater(Infallible);

/// Never made.
#[derive(Debug)]
pub(crate) struct Inflated(Infallible);

impl Inflater {
    #[expect(clippy::needless_pass_by_ref_mut, reason = "the signature of the one that expands")]
    pub(super) fn expand(&mut self, _: &[u8], _: usize) -> Result<Inflated, Error> {
        match self.0 {}
    }

    #[expect(clippy::needless_pass_by_ref_mut, reason = "the signature of the one that expands")]
    pub(super) fn recycle(&mut self, payload: Inflated) {
        match payload.0 {}
    }
}

impl Inflated {
    #[expect(clippy::needless_pass_by_ref_mut, reason = "the signature of the one that holds a payload")]
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        match self.0 {}
    }
}
