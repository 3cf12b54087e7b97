//! The functions of the manual pages `rpc` and `erpc`, over nodes of our own. `docs/rpc.md` names these tests.
#![cfg(feature = "std")]

#[path = "rpc_functions/blocking.rs"]
mod blocking;
#[path = "rpc_functions/broadcasts.rs"]
mod broadcasts;
#[path = "rpc_functions/calls.rs"]
mod calls;
#[path = "rpc_functions/cluster.rs"]
mod cluster;
#[path = "rpc_functions/many.rs"]
mod many;
#[expect(dead_code, reason = "its clients are logged in with the functions of these tests")]
mod pair;
#[path = "rpc_functions/requests.rs"]
mod requests;
#[path = "rpc_functions/servers.rs"]
mod servers;
