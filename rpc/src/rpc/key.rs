//! Calls whose values are collected later.

use super::badrpc::{BadRpc, result};
use crate::client::Client;
use crate::erpc::{self, Checked, RequestId, Timeout};
use crate::term::Term;

/// The promise of a value: `key()`. Dropped, its call is stopped.
#[derive(Debug)]
pub struct Key(RequestId);

/// What [`nb_yield`] found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Yielded {
    /// `{value,Val}`
    Value(Result<Term, BadRpc>),
    /// `timeout`: it is not there yet.
    Timeout(Key),
}

/// Puts a call on its way, and promises its value: `rpc:async_call/4`.
///
/// # Errors
/// For a name that is too long.
///
/// # Panics
/// Outside a runtime of tokio's.
pub fn async_call<T: Into<Term>>(
    node: &Client,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
) -> Result<Key, BadRpc> {
    erpc::send_request(node, module, function, args).map(Key).map_err(BadRpc::of)
}

/// Waits for the promised value: `rpc:yield/1`.
///
/// # Errors
/// [`BadRpc`], as of [`call`](super::call).
pub async fn r#yield(key: Key) -> Result<Term, BadRpc> {
    result(key.0.await)
}

/// Waits for the promised value as long as this, and gives the key back when it is not there: `rpc:nb_yield/1,2`. With a time
/// of zero it only looks.
pub async fn nb_yield(key: Key, timeout: impl Into<Timeout>) -> Yielded {
    match erpc::wait_response(key.0, timeout).await {
        Checked::Response(value) => Yielded::Value(result(value)),
        Checked::NoResponse(request) => Yielded::Timeout(Key(request)),
    }
}
