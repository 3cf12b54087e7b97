//! Functions that behave as Erlang's do, errors included.
//!
//! Results are held to [`Limits`]: what would be longer fails with `system_limit`, as in Erlang what no node can hold. One
//! difference is left: where Erlang's `lists:sort/1` swaps numbers that are equal (`1` and `1.0`), ours keeps their order.

mod arithmetic;
mod data;
mod lists;
mod stream;
mod time;

pub(super) use self::arithmetic::to_float;
use super::Functions;
use crate::call::Failure;
use crate::term::{Atom, DecodeLimits, Term};

/// How large the results of built-in functions may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of memory that a binary, or the elements of a list, may take. Default: 64 MiB.
    pub max_result_bytes: usize,
    /// Octets of an integer's magnitude. Default: 65,536, what a peer of ours accepts.
    pub max_integer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_result_bytes: 64 << 20, max_integer_bytes: DecodeLimits::DEFAULT.max_integer_bytes }
    }
}

impl Limits {
    /// Whether so many things of this size may be made.
    fn check(&self, count: usize, size: usize) -> Result<(), Failure> {
        match count.checked_mul(size) {
            Some(bytes) if bytes <= self.max_result_bytes => Ok(()),
            _ => Err(SYSTEM_LIMIT),
        }
    }

    /// Whether a list of so many elements may be made.
    fn check_list(&self, len: usize) -> Result<(), Failure> {
        self.check(len, size_of::<Term>())
    }
}

pub(super) fn register(functions: &mut Functions, limits: Limits) {
    arithmetic::register(functions, limits);
    data::register(functions, limits);
    lists::register(functions, limits);
    stream::register(functions);
    time::register(functions);
    functions
        .add("erlang", "node", || Atom::from_static("nonode@nohost"))
        .add("erlang", "exit", |reason: Term| Err::<Term, _>(Failure::exit(reason)))
        .add("erlang", "throw", |value: Term| Err::<Term, _>(Failure::throw(value)))
        .add("erlang", "error", |reason: Term| Err::<Term, _>(Failure::error(reason)))
        .add("sshrpc", "echo", |term: Term| term);
}

const BADARG: Failure = Failure::of("badarg");
const BADARITH: Failure = Failure::of("badarith");
const FUNCTION_CLAUSE: Failure = Failure::of("function_clause");
const SYSTEM_LIMIT: Failure = Failure::of("system_limit");

#[cfg(test)]
mod tests;
