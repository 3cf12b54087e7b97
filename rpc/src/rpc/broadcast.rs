//! To all nodes at once.

use futures_util::future::join_all;

use super::badrpc::BadRpc;
use super::nodes::Nodes;
use crate::client::Error;
use crate::erpc::{self, Exception};
use crate::extended::Request;
use crate::term::{Atom, Term};

/// Sends a message to the process of this name on all nodes, and waits for nothing: `rpc:abcast/3`. Where there is no such
/// process or no connection, nothing happens. Messages that are sent one after the other arrive in this order.
///
/// It waits only where 1024 of what was posted to a node are not answered; Erlang's waits while a connection is busy.
///
/// # Errors
/// `notsup` for a client that carries calls and nothing else; the other nodes were sent to.
pub async fn abcast(nodes: &Nodes, name: &Atom, message: Term) -> Result<(), BadRpc> {
    let sends = nodes.clients().map(|client| {
        let (to, message) = (name.clone().into(), message.clone());
        erpc::post(client, Request::Send { to, message })
    });
    let sent: Result<(), Exception> = join_all(sends).await.into_iter().collect();
    sent.map_err(BadRpc::of)
}

/// Sends a message to the process of this name on all nodes, and waits until they have it: `rpc:sbcast/3`. The nodes that
/// have, and those that have no such process, no room in its mailbox, or no connection.
///
/// What is sent to the process afterwards arrives after it.
pub async fn sbcast(nodes: &Nodes, name: &Atom, message: Term) -> (Vec<Atom>, Vec<Atom>) {
    let sends = nodes.iter().map(|node| {
        let message = message.clone();
        async move {
            let sent: Option<Result<(), Error>> = match node.client() {
                Some(client) => Some(client.send(name.clone(), message).await),
                None => None,
            };
            (node.name().clone(), matches!(sent, Some(Ok(()))))
        }
    });
    let (good, bad): (Vec<_>, Vec<_>) = join_all(sends).await.into_iter().partition(|(_, arrived)| *arrived);
    let names = |nodes: Vec<(Atom, bool)>| nodes.into_iter().map(|(name, _)| name).collect();
    (names(good), names(bad))
}

/// Has `apply(Module, Function, Args)` evaluated on all nodes, and waits for nothing: `rpc:eval_everywhere/4`.
///
/// # Errors
/// As for [`cast`](super::cast), of the first node that has one; the others were told.
pub async fn eval_everywhere<T: Into<Term>>(
    nodes: &Nodes,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
) -> Result<(), BadRpc> {
    erpc::multicast(nodes, module, function, args).await.map_err(BadRpc::of)
}
