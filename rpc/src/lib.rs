//! Erlang remote procedure calls over SSH: terms, calls, nodes, and the `sshrpc` command.
//!
//! ```text
//!   your program        Client ── call ──►                     ──► Node ── Backend ── your functions
//!                          │      {mfa,{M,F,A}}   {answer,{R,S}}    │
//!   ssh-transport       ssh connection  ═══ exec · shell · subsystem ═══  ssh server
//!   ssh-proto           RFC 4253 · 4252 · 4254, as state machines
//! ```
//!
//! - [`Client`] calls functions on a node, [`Node`] answers calls, each in under ten lines.
//! - [`term`] has Erlang's values: the External Term Format both ways, and the text that people type and read.
//! - [`call`] has requests and replies as machines without sockets.
//! - [`bert`] has BERT-RPC 1.0, as machines too.
//! - [`extended`] has the protocol that goes beyond the original one: numbered calls, messages, monitors, streams.
//! - [`backend`] has who executes: Rust functions, and the built-in ones. [`acl`] has who may call what, [`audit`] who did.
//! - [`pool`] keeps connections up, and shares calls among nodes.
//! - [`rpc`] and [`erpc`] have the functions of Erlang's modules of these names.
//! - [`process`] has processes of Rust code: mailboxes, links, monitors, servers like `gen_server`.
//!
//! `term`, `call`, `bert` and `extended` need neither an operating system nor the standard library (`default-features = false`).
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "std")]
pub mod acl;
#[cfg(feature = "std")]
pub mod audit;
#[cfg(feature = "std")]
pub mod backend;
pub mod bert;
pub mod call;
#[cfg(feature = "std")]
pub mod client;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "std")]
pub mod erpc;
pub mod extended;
#[cfg(feature = "std")]
pub mod node;
#[cfg(feature = "std")]
mod pieces;
#[cfg(feature = "std")]
pub mod pool;
#[cfg(feature = "std")]
pub mod process;
#[cfg(feature = "std")]
pub mod rpc;
pub mod term;
#[cfg(feature = "std")]
mod windows;

#[cfg(feature = "std")]
pub use backend::Functions;
#[cfg(feature = "std")]
pub use client::{Client, Connect, Mode};
#[cfg(feature = "std")]
pub use node::Node;
#[cfg(feature = "std")]
pub use ssh_proto::keys::{PrivateKey, PublicKey};
#[cfg(feature = "std")]
pub use ssh_transport::identity::Identity;
#[cfg(feature = "std")]
pub use ssh_transport::rng::os_rng;
pub use term::Term;
