//! Which keys may log in: OpenSSH's `authorized_keys`, as `sshd(8)` describes the format. Every line counts.
//!
//! An option restricts what a key is worth. The ones that this crate enforces, or that take away what it does not have,
//! are understood; a key with any other one is refused, aloud, as its owner meant it to be worth less.
//!
//! | option                                                   |                                                     |
//! |----------------------------------------------------------|-----------------------------------------------------|
//! | `from="pattern-list"`                                    | enforced: addresses, networks, patterns of addresses |
//! | `expiry-time="YYYYMMDD[HHMM[SS]]Z"`                      | enforced                                            |
//! | `restrict`, `[no-]pty`, `[no-]port-forwarding`, `[no-]agent-forwarding`, `[no-]X11-forwarding`, `[no-]user-rc` | kept: [`Entry::forbids`] |
//! | `command`, `environment`, `cert-authority`, all others   | the key is refused                                  |

mod entry;
mod expiry;
mod find;
mod options;
mod source;

#[cfg(test)]
mod tests;

pub use entry::{Entry, Feature};
pub use find::{AuthorizedKeys, Refused};
