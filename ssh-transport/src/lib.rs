//! `ssh-proto` over real streams: a thin tokio adapter.
//!
//! No protocol logic lives here. A [`Client`] connects and logs in, a [`Server`] accepts and hands programs to its
//! [`Handler`](server::Handler), and a [`Channel`] of either is a stream of bytes. What stands in files is here too:
//! [`known_hosts`], [`authorized_keys`], [`revoked_keys`], key files and the agent ([`identity`], [`agent`]), and
//! `~/.ssh/config` ([`ssh_config`]).
//!
//! The arithmetic is RustCrypto's, or, behind the feature `aws-lc`, also AWS-LC's (`aws_lc::PROVIDER`), as the configuration
//! of a connection says.
//!
//! Each connection has one driver task: it reads, lets the core process, and writes. Its state stands behind a mutex that
//! is held for one `process` or one `send`, so a caller writes its own bytes without a detour through another task.

pub mod agent;
pub mod authorized_keys;
#[cfg(feature = "aws-lc")]
pub mod aws_lc;
#[cfg(not(feature = "aws-lc"))]
#[path = "aws_lc_absent.rs"]
mod aws_lc;
mod buffer;
mod channel;
mod channel_state;
pub mod client;
mod clock;
mod driver;
mod ended;
pub mod files;
pub mod forward;
pub mod identity;
mod io;
pub mod known_hosts;
mod link;
mod offer;
mod output;
mod pipe;
mod requests;
pub mod revoked_keys;
pub mod rng;
pub mod server;
pub mod ssh_config;

pub use channel::{Channel, Stderr};
pub use client::Client;
pub use ended::{Ended, Exit};
pub use io::Duplex;
pub use offer::{ChannelKind, ChannelOffer, TcpAddresses};
pub use requests::{Asked, PeerRequest, Requests};
pub use server::Server;
