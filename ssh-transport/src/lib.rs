//! Tokio adapter.

pub mod files;
pub mod known_hosts;
pub mod rng;
