//! Stands in for `aws_lc` in builds without it: no key signs by it.

use std::convert::Infallible;

use ssh_proto::keys::{SignError, Signature};

/// Never made.
#[derive(Debug)]
pub(crate) struct RsaSigner(Infallible);

impl RsaSigner {
    pub(crate) const fn sign(&self, _: &str, _: &[u8]) -> Option<Result<Signature, SignError>> {
        match self.0 {}
    }
}
