//! Tokio adapter.

pub mod agent;
pub mod authorized_keys;
pub mod files;
pub mod identity;
pub mod known_hosts;
pub mod rng;
