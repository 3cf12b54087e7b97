//! Functions that behave as Erlang's do, errors included.

use super::Functions;

pub(super) fn register(functions: &mut Functions, limits: Limits) {
    let _ = (functions, limits);
}
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Limits {}
pub(super) fn to_float(integer: &crate::term::Integer) -> Option<f64> {
    None
}
