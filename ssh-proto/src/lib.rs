#![no_std]
//! SSH as pure state machines.
extern crate alloc;
