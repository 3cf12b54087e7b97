//! SSH as pure state machines: RFC 4253, 4252 and 4254 for both roles, without I/O, clock or global randomness.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::alloc_instead_of_core,
        clippy::std_instead_of_core
    )
)]

extern crate alloc;

pub mod algorithms;
pub mod client;
pub mod connected;
mod connection;
pub mod crypto;
pub mod error;
pub mod io;
pub mod keys;
pub mod limits;
pub mod notice;
pub mod server;
pub mod time;
mod transport;
mod userauth;
pub mod wire;

pub use algorithms::Algorithms;
pub use connected::{Channel, Client, Connection, Event, Outcome, Server, Side, WantReply};
pub use connection::{
    ChannelId, ChannelRequest, GlobalRequest, GlobalRequestId, GlobalTicket, OpenError, OpenFailureReason, OpenTicket,
    PeerOpen, PtyRequest, ReplyTicket, RequestId, SendError, Signal, StaleTicket, Stream, TcpChannel, WindowSize,
};
pub use error::{DisconnectReason, Error};
pub use limits::Limits;
pub use transport::{DirectionAlgorithms, Identification, KexStrictness, Negotiated, Rng, SessionId, StrictPolicy};

/// What our identification says unless a configuration says otherwise.
const SOFTWARE: &str = concat!("sshrpc_", env!("CARGO_PKG_VERSION"));
