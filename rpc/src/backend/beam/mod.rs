//! Calls that a real Erlang executes, in one of two ways:
//!
//! - [`BeamPort`]: a BEAM of the node's own. It is started, watched, started again when it dies, and ends with the node.
//! - [`BeamNode`]: a BEAM that runs anyway, with whatever it runs. It dials a Unix socket of the node's, by the module
//!   `sshrpc_bridge`, and calls are executed within it.
//!
//! Either way the two ends speak the extended protocol (`docs/protocol.md`), with the node as its client. On this way within
//! one machine there are no parts: a frame may be as long as a term may be, 64 MiB by default, and a long one holds up
//! those behind it for as long as it takes to copy.
//!
//! Each call has a process of its own in the BEAM, which is killed when nobody waits for it any more, or when its deadline
//! passes. Failures keep their class and their stack. While there is no BEAM, and for what was under way when it went,
//! the outcome is the error `{erpc,noconnection}`; nobody can say then whether the function was executed.
//!
//! Atoms that callers make up stay in a BEAM for as long as it runs, and it ends when there are too many of them (1,048,576
//! by default): who may call anything there may end it, as any node of an Erlang cluster may.

mod error;
mod link;
mod node;
mod port;
mod session;
mod table;

pub use self::error::BeamError;
pub use self::node::BeamNode;
pub use self::port::{BeamPort, BeamPortBuilder};
use crate::term::DecodeLimits;

/// The module that serves calls within a BEAM, for Erlang's compiler. It needs OTP 21 or later, and no other module but those
/// of `kernel` and `stdlib`.
pub const BRIDGE: &str = include_str!("../../../erlang/src/sshrpc_bridge.erl");

/// How much may be under way to a BEAM. What exceeds it is answered with the error `{erpc,system_limit}`, at once. Start from
/// [`Bounds::default`], and change what should differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// Requests without an answer, and processes that are watched. Default: 16,384.
    pub calls: usize,
    /// Octets of requests without an answer. Default: 256 MiB.
    pub pending: usize,
    /// What an answer may be. One that is longer is replaced by the error in the BEAM, and one that breaks another limit
    /// here.
    pub terms: DecodeLimits,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { calls: 16_384, pending: 256 << 20, terms: DecodeLimits::DEFAULT }
    }
}
