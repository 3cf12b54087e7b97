//! RFC 4252: user authentication.
//!
//! Messages 50 to 79 exist here only, each in the one direction that it travels: the server's decoder knows no SUCCESS
//! (CVE-2018-10933). What comes out of a completed login is a [`proof::Authenticated`], and nothing else can make one.

mod attempt;
pub(crate) mod client;
mod factors;
pub(crate) mod keyboard;
mod messages;
pub(crate) mod proof;
pub(crate) mod server;
mod signature;

/// The service that logs users in (RFC 4252 §1).
pub(crate) const SSH_USERAUTH: &str = "ssh-userauth";
/// The service that users log in to (RFC 4254 §1).
pub(crate) const SSH_CONNECTION: &str = "ssh-connection";

pub use keyboard::{Echo, Question, Questions};
pub use messages::{MethodName, Partial};
