//! Which keys may log in: OpenSSH's `authorized_keys`, as `sshd(8)` describes the format. Every line counts.
//!
//! An option restricts what a key is worth. All that OpenSSH has are understood; a key with any other one is refused, aloud,
//! as its owner meant it to be worth less. What a login is worth in the end is its line's
//! [`Permissions`](crate::server::Permissions).
//!
//! | option                                      | what comes of it                                              |
//! |---------------------------------------------|---------------------------------------------------------------|
//! | `from="pattern-list"`                       | enforced: addresses, networks, patterns of addresses          |
//! | `expiry-time="YYYYMMDD[HHMM[SS]][Z]"`       | enforced                                                      |
//! | `command="COMMAND"`                         | runs instead of what the client asks for                      |
//! | `environment="NAME=value"`                  | a variable for the programs, which the client cannot override |
//! | `restrict`, `[no-]pty`, `[no-]port-forwarding`, `[no-]agent-forwarding`, `[no-]X11-forwarding` | enforced     |
//! | `permitopen="host:port"`, `permitlisten="[host:]port"` | enforced; with either, no Unix sockets             |
//! | `cert-authority`, `principals="a,b"`        | the key signs certificates, and lets nobody in by itself      |
//! | `no-touch-required`, `verify-required`      | for security keys: [`Entry::requires_touch`], [`Entry::requires_verification`] |
//! | `[no-]user-rc`                              | kept: nothing here runs `~/.ssh/rc`                           |
//! | `tunnel="n"`                                | a warning: there are no tunnels, and so nothing to number     |
//! | all others                                  | the key is refused                                            |

mod destination;
mod entry;
mod expiry;
mod find;
mod options;
mod source;

#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use find::{AuthorizedKeys, Refused};
