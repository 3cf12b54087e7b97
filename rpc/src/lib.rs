//! Erlang remote procedure calls over SSH.
#![cfg_attr(not(feature = "std"), no_std)]
extern crate alloc;

#[cfg(feature = "std")]
pub mod acl;
#[cfg(feature = "std")]
pub mod backend;
pub mod call;
pub mod term;
