//! Erlang remote procedure calls over SSH.
#![cfg_attr(not(feature = "std"), no_std)]
extern crate alloc;

pub mod call;
pub mod term;
