//! Remote calls as machines without sockets, clocks or tasks: bytes in, calls and replies out.
//!
//! [`Server`] and [`Client`] are the two ends of one channel that speaks the `sshrpc@k2r.org` protocol: requests
//! `{mfa,{Module,Function,Args}}` and answers `{answer,{Reply,Status}}`, each an external term, in frames with a length
//! in front or bare. [`Command`] is the form of an SSH exec request: text in, an answer out.
//!
//! ```
//! use sshrpc::call::{Call, Client, ClientConfig, Server, ServerConfig, Success};
//! use sshrpc::term::{Atom, Term};
//!
//! let (mut client, mut server) = (Client::new(ClientConfig::default()), Server::new(ServerConfig::default()));
//! let (mut requests, mut replies) = (Vec::new(), Vec::new());
//!
//! let call = Call::new(Atom::new("lists")?, Atom::new("sum")?, vec![Term::list([1.into(), 2.into()])]);
//! let id = client.call(&call, &mut requests)?;
//!
//! assert_eq!(server.receive(&requests)?, requests.len());
//! while let Some((ticket, call)) = server.next_call(&mut replies) {
//!     assert_eq!(call.to_string(), "lists:sum([1,2])");
//!     server.complete(ticket, Ok(Success::Value(3.into())), &mut replies)?;
//! }
//!
//! client.receive(&replies)?;
//! assert_eq!(client.next_reply(), Some((id, Ok(3.into()))));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! Everything here takes what a peer sends: no input panics, each octet is looked at once and copied at most a few
//! times, and memory follows what came, never what was announced.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod answer;
mod client;
mod error;
mod failure;
mod frame;
mod request;
mod server;
mod text;

pub use self::answer::{Answer, NotAnAnswer, Status};
pub use self::client::{CallId, CallNotSent, Client, ClientConfig, ClientError};
pub(crate) use self::error::Brief;
pub use self::error::CallError;
pub use self::failure::{Class, Failure, Outcome, Place, Success};
pub use self::frame::{Decoder, Expect, FrameError, Framing, Partial, TooLong, Unit, append};
pub use self::request::Request;
pub use self::server::{Server, ServerConfig, StaleTicket, Ticket};
pub use self::text::{Command, Form, NotExpressible, Rendered, command_text};
pub use crate::term::Call;
