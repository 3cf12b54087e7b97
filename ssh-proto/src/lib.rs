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
pub mod crypto;
pub mod error;
pub mod io;
pub mod keys;
pub mod limits;
pub mod notice;
pub mod time;
mod transport;
pub mod wire;
