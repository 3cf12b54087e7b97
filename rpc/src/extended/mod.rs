//! The extended protocol as machines without sockets, clocks or tasks: `docs/protocol.md` specifies it.
//!
//! Calls with numbers, answered in any order and executed concurrently; casts, messages, monitors and mailboxes;
//! cancellation and deadlines; streams with credit; long messages in parts, so that they hold up nothing else.
//!
//! The types know who says what: a [`ClientMessage`] cannot be sent by a node, nor a [`ServerMessage`] by a client.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod client;
mod hello;
mod inbound;
mod message;
mod opening;
mod outbound;
mod plain;
mod server;
mod stream;

pub use self::client::{Client, ClientError, ClientEvent};
#[cfg(feature = "std")]
pub(crate) use self::hello::Offer;
pub use self::hello::{Accepted, Limits};
pub use self::inbound::{InboundError, PartError};
pub use self::message::{
    Blocking, CallOptions, ClientMessage, Destination, Fault, Id, Malformed, Request, ServerMessage, StreamMessage,
    Streamed,
};
pub use self::opening::{Opened, Opening};
pub use self::server::{Server, ServerError, ServerEvent, Ticket, Undelivered};
