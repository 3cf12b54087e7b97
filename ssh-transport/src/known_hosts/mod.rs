//! Which key belongs to which host: OpenSSH's `known_hosts`, as `sshd(8)` describes the format.
//!
//! Reading understands names, lists, `[host]:port`, wildcards, negation, hashed names, and the markers `@revoked` and
//! `@cert-authority`. Writing only ever adds a line.

mod append;
mod check;
mod line;
mod name;

#[cfg(test)]
mod tests;

pub use append::{HashNames, append};
pub(crate) use check::Learnable;
pub use check::{KnownHosts, Verdict};
pub use line::{KnownKey, Marker};

/// The name under which known_hosts knows a server: the host in lower case, in brackets and with its port where that is
/// not 22.
#[must_use]
pub fn host_name(host: &str, port: u16) -> String {
    name::HostName::new(host, port).exact().to_owned()
}
