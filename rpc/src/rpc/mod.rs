//! The functions of Erlang's `rpc`: calls, broadcasts, and parallel evaluation over many nodes.
//!
//! They have the names and the meanings of the manual page, over [`Client`]s and sets of [named ones](Nodes). `docs/rpc.md`
//! has the table: every function, its test, and every difference. What differs everywhere:
//!
//! - The nodes are always named; nobody here has an `[node()|nodes()]`.
//! - Timeouts are always said, as in [`erpc`](crate::erpc), which also keeps apart what these functions do not: a thrown value
//!   is a value here.
//! - A [`Key`] that is dropped stops its call. Erlang's goes on.
//!
//! ```
//! # use sshrpc::{erpc::Timeout, rpc};
//! async fn example(nodes: &rpc::Nodes) -> Result<(), Box<dyn std::error::Error>> {
//!     let (results, bad_nodes) = rpc::multicall(nodes, "erlang", "node", [""; 0], Timeout::Infinity).await?;
//!     println!("{results:?} but for {bad_nodes:?}");
//!     Ok(())
//! }
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod badrpc;
mod broadcast;
mod calls;
mod info;
mod key;
mod nodes;
mod parallel;
mod server;

pub use self::badrpc::BadRpc;
pub use self::broadcast::{abcast, eval_everywhere, sbcast};
pub use self::calls::{block_call, call, cast};
pub use self::info::{Items, pinfo};
pub use self::key::{Key, Yielded, async_call, nb_yield, r#yield};
pub use self::nodes::{NamedNode, Nodes};
pub use self::parallel::{multicall, parallel_eval, pmap};
pub use self::server::{NoReply, multi_server_call, server_call};
#[cfg(doc)]
use crate::Client;
