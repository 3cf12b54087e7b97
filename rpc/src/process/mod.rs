//! Processes: Rust code with a mailbox, which Erlang's pids name, and which is linked, monitored, called and cast to as
//! processes of Erlang's are.
//!
//! ```text
//!   Processes ── spawn ──► a task with a Mailbox         ◄── send · exit · link · monitor
//!       │    ── start_server ──► a GenServer             ◄── gen_call · gen_cast
//!       └──  ── open_mailbox ──► an OpenMailbox, for somebody elsewhere
//! ```
//!
//! - [`Processes`] is the table of a node: pids, names, and what processes do to each other.
//! - [`Processes::spawn`] runs an async closure as a process; [`GenServer`] has the callbacks of OTP's `gen_server`, and speaks
//!   its messages, `{'$gen_call',From,Request}` and `{'$gen_cast',Request}`.
//! - Every mailbox is bounded by its [`MailboxLimits`]. Who sends to a full one is told so.
//!
//! A [`Node`](crate::Node) has its processes from [`NodeBuilder::processes`](crate::node::NodeBuilder::processes).
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod error;
mod front;
mod functions;
mod gen_call;
mod gen_server;
mod identity;
mod info;
mod limits;
mod links;
mod mailbox;
mod neighbour;
mod processes;
mod signal;
mod spawn;
mod table;

pub use self::error::{NotRegistered, SendError};
pub(crate) use self::front::{Front, ProcessFunctions};
pub use self::gen_server::{Called, GenServer, Handled, ReplyTo};
pub use self::info::ProcessInfo;
pub use self::limits::MailboxLimits;
pub(crate) use self::links::Links;
pub use self::mailbox::{Closed, Mailbox, OpenMailbox};
pub(crate) use self::neighbour::{Neighbour, Signal, SpawnRequest, Started};
pub use self::processes::{Monitor, Processes};
pub use self::spawn::SpawnOptions;
pub use self::table::Exits;

#[cfg(test)]
mod tests;
