//! What is known about a process, wherever it is.

use super::badrpc::{BadRpc, result};
use super::nodes::Nodes;
use crate::erpc::{self, Timeout};
use crate::term::{Atom, Pid, Term};

/// Which items [`pinfo`] asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Items {
    /// All, as `rpc:pinfo/1`.
    All,
    /// This one.
    One(Atom),
    /// These.
    List(Vec<Atom>),
}

/// What is known about a process: `rpc:pinfo/1,2`, that is `erlang:process_info/1,2` on the node that the pid names.
/// `undefined` when the process is gone. Which items there are is the node's affair.
///
/// # Errors
/// [`BadRpc`]; `nodedown` when none of the nodes has the name of the pid's.
pub async fn pinfo(nodes: &Nodes, pid: &Pid, items: Items) -> Result<Term, BadRpc> {
    let client = nodes.find(pid.node()).and_then(super::NamedNode::client).ok_or(BadRpc::NodeDown)?;
    let items = match items {
        Items::All => None,
        Items::One(item) => Some(item.into()),
        Items::List(items) => Some(Term::from(items)),
    };
    let args = [Some(Term::from(pid.clone())), items].into_iter().flatten();
    result(erpc::call(client, "erlang", "process_info", args, Timeout::Infinity).await)
}
