//! A node of a running Erlang cluster, which ours joins as a hidden node over the distribution protocol of OTP 23.3 and later.
//!
//! ```text
//!   Backend ── call ──► spawn_request of erpc:execute_call/4 ──► a process there, whose exit reason is the outcome
//!   Processes ◄── messages, links, monitors, exit signals ──► every process there
//!   Executor ◄── erpc:call/4, rpc:call/4 from there
//! ```
//!
//! [`BeamDist`] dials the node, on this machine alone: the protocol has no encryption, and its proof of the cookie is MD5.
//! Nothing has to be loaded into the node, and nothing of ours listens. Messages to processes there have the order and
//! the reliability of Erlang's: whether they arrive nobody says. When the connection ends, what is under way ends with
//! `noconnection`. Other nodes of the cluster on the same host are dialled when a pid of theirs is first used.
//!
//! Each message is one frame. A long one holds up those behind it for as long as it takes to copy (nodes of OTP send long
//! ones to each other in fragments). One from there that is larger than the [bounds](super::beam::Bounds) say is not taken: a call ends with
//! the error `{erpc,system_limit}`, a reason becomes `system_limit`, and a message is lost, which is logged.
//!
//! Whoever has the cookie may do everything on each node of the cluster. This node serves its own functions alone, and those to the cluster
//! under the access rules; but the peer can have its processes linked, monitored, sent to and ended as every node may.

mod backend;
mod calls;
mod connection;
mod control;
mod cookie;
mod epmd;
mod error;
mod flags;
mod frame;
mod handshake;
mod name;
mod others;
mod running;
mod serve;

pub use self::backend::{BeamDist, BeamDistBuilder};
pub use self::cookie::{Cookie, CookieError};
pub use self::epmd::EpmdError;
pub use self::error::{DistError, DistProblem};
pub use self::handshake::HandshakeError;
pub use self::name::{InvalidNodeName, NodeName};
