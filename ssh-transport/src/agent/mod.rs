//! Keys in an agent: the client's half of draft-miller-ssh-agent. The agent keeps the private keys and signs with them.
//!
//! Whatever answers on the socket is not trusted to answer well: a message is at most 256 KiB long, every answer has a
//! time by which it must be there, and an answer to another question is an error.

mod client;
mod error;
mod message;

#[cfg(test)]
mod tests;

pub use client::{Agent, AgentKey};
pub use error::AgentError;
