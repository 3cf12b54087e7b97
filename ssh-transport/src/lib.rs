//! Tokio adapter.

pub mod rng;
