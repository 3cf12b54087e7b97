//! Pools over nodes that come and go.
#![cfg(feature = "std")]

#[path = "pool/breaking.rs"]
mod breaking;
#[path = "pool/cluster.rs"]
mod cluster;
#[path = "../examples/soak/host.rs"]
mod host;
#[expect(dead_code, reason = "nothing goes wrong here by chance")]
#[path = "../examples/soak/proxy.rs"]
mod proxy;
#[path = "pool/sharing.rs"]
mod sharing;
#[path = "pool/towers.rs"]
mod towers;
