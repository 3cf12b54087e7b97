//! Many calls at once, on many nodes.

use futures_util::future::join_all;

use super::badrpc::{BadRpc, result};
use super::nodes::Nodes;
use crate::call::Call;
use crate::client::Client;
use crate::erpc::{self, Timeout};
use crate::extended::Blocking;
use crate::term::{Atom, Term};

/// Evaluates `apply(Module, Function, Args)` on all nodes at once: `rpc:multicall/4,5`, that is `{ResL,BadNodes}`. Both are in
/// the order of the nodes. A node that is down, or was not done in time, is a bad one, and has no result.
///
/// # Errors
/// For a name that is too long, and then nothing was called.
pub async fn multicall<T: Into<Term>>(
    nodes: &Nodes,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
    timeout: impl Into<Timeout>,
) -> Result<(Vec<Result<Term, BadRpc>>, Vec<Atom>), BadRpc> {
    let call = erpc::mfa(module, function, args).map_err(BadRpc::of)?;
    let (mut results, mut bad_nodes) = (Vec::new(), Vec::new());
    for (node, value) in nodes.iter().zip(erpc::apply_everywhere(nodes, &call, timeout.into()).await) {
        match result(value) {
            Err(BadRpc::NodeDown | BadRpc::Timeout) => bad_nodes.push(node.name().clone()),
            value => results.push(value),
        }
    }
    Ok((results, bad_nodes))
}

/// Evaluates each of the calls on some node, all at once: `rpc:parallel_eval/1`. The results are in the order of the calls.
/// The nodes that are up take turns; with none, every result is `nodedown`.
pub async fn parallel_eval(nodes: &Nodes, calls: impl IntoIterator<Item = Call>) -> Vec<Result<Term, BadRpc>> {
    let up: Vec<&Client> = nodes.iter().filter_map(super::NamedNode::live).collect();
    let mut turns = up.into_iter().cycle();
    let evaluations = calls.into_iter().map(|call| {
        let node = turns.next();
        async move {
            match node {
                Some(node) => result(erpc::apply(node, &call, Timeout::Infinity, Blocking::No).await),
                None => Err(BadRpc::NodeDown),
            }
        }
    });
    join_all(evaluations).await
}

/// Evaluates `apply(Module, Function, [Elem|ExtraArgs])` for every element, all at once, each on some node: `rpc:pmap/3`.
///
/// # Errors
/// The first failure in the order of the list, of which Erlang's tells only `exit(badrpc)`.
pub async fn pmap<T: Into<Term>>(
    nodes: &Nodes,
    module: &str,
    function: &str,
    extra_args: &[Term],
    list: impl IntoIterator<Item = T>,
) -> Result<Vec<Term>, BadRpc> {
    let call = erpc::mfa(module, function, extra_args.iter().cloned()).map_err(BadRpc::of)?;
    let calls = list.into_iter().map(|element| {
        let args = [element.into()].into_iter().chain(call.args.iter().cloned()).collect();
        Call::new(call.module.clone(), call.function.clone(), args)
    });
    parallel_eval(nodes, calls).await.into_iter().collect()
}
