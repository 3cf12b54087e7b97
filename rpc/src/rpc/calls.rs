//! Calls of one node.

use super::badrpc::{BadRpc, result};
use crate::client::Client;
use crate::erpc::{self, Timeout};
use crate::extended::Blocking;
use crate::term::Term;

/// Evaluates `apply(Module, Function, Args)` on a node: `rpc:call/4,5`.
///
/// # Errors
/// [`BadRpc`]
pub async fn call<T: Into<Term>>(
    node: &Client,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
    timeout: impl Into<Timeout>,
) -> Result<Term, BadRpc> {
    result(erpc::call(node, module, function, args, timeout).await)
}

/// The same, while no other `block_call` runs on the node, whoever made it: `rpc:block_call/4,5`. They run one after the
/// other, in the order in which they came; those of one [`Client`] come in the order in which they were made. The timeout
/// includes the time until it is this one's turn.
///
/// # Errors
/// [`BadRpc`]; `notsup` from a node that speaks only the plain protocol.
pub async fn block_call<T: Into<Term>>(
    node: &Client,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
    timeout: impl Into<Timeout>,
) -> Result<Term, BadRpc> {
    let call = erpc::mfa(module, function, args).map_err(BadRpc::of)?;
    result(erpc::apply(node, &call, timeout.into(), Blocking::Yes).await)
}

/// Has `apply(Module, Function, Args)` evaluated on a node, and waits for nothing: `rpc:cast/4`. What fails there, or on the
/// way, is not told.
///
/// # Errors
/// As for [`erpc::cast`].
pub async fn cast<T: Into<Term>>(
    node: &Client,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
) -> Result<(), BadRpc> {
    erpc::cast(node, module, function, args).await.map_err(BadRpc::of)
}
