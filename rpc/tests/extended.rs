//! The extended protocol, machine against machine: `docs/protocol.md` says what has to happen.

#[path = "extended/pair.rs"]
mod pair;
#[path = "extended/plain.rs"]
mod plain;
#[path = "extended/requests.rs"]
mod requests;
#[path = "extended/rules.rs"]
mod rules;
#[path = "extended/streams.rs"]
mod streams;
