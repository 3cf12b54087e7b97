//! Stands in for `inflate` in builds without zlib: a compressed term is refused.

use alloc::vec::Vec;
use core::convert::Infallible;

use super::DecodeErrorKind;

pub(in crate::term) fn whole(_: &[u8], _: usize) -> Result<(Vec<u8>, usize), DecodeErrorKind> {
    Err(DecodeErrorKind::CompressionUnsupported)
}

/// Never made.
#[derive(Clone, Debug)]
pub(in crate::term) struct Inflater(Infallible);

impl Inflater {
    pub(in crate::term) fn new(_: usize) -> Result<Self, DecodeErrorKind> {
        Err(DecodeErrorKind::CompressionUnsupported)
    }

    #[expect(clippy::needless_pass_by_ref_mut, reason = "the signature of the one that inflates")]
    pub(in crate::term) fn push(
        &mut self,
        _: &[u8],
        _: &mut dyn FnMut(&[u8]),
    ) -> Result<(usize, bool), DecodeErrorKind> {
        match self.0 {}
    }
}
