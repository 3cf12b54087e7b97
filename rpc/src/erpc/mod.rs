//! The functions of Erlang's `erpc`: calls whose results, exceptions and errors cannot be taken for each other.
//!
//! They have the names and the meanings of the manual page, over [`Client`]s and sets of [named ones](Nodes). `docs/rpc.md`
//! has the table: every function, its test, and every difference. What differs everywhere:
//!
//! - Timeouts are always said: [`Timeout::Infinity`] is Erlang's default. A deadline goes with the call, and the node stops the
//!   call then; Erlang's goes on.
//! - A request whose [`RequestId`] is dropped is stopped. Erlang's goes on, and its response is thrown away.
//! - A signal that ended the process which executed the function counts as an exit of the function.
//! - There are no calls of funs without a name.
//!
//! ```
//! # use sshrpc::{Client, erpc, term::Term};
//! # use std::time::Duration;
//! async fn example(node: &Client) -> Result<(), erpc::Exception> {
//!     let sum = erpc::call(node, "lists", "sum", [vec![1, 2]], Duration::from_secs(5)).await?;
//!     assert_eq!(sum, 3.into());
//!
//!     let request = erpc::send_request(node, "erlang", "throw", [1])?;
//!     let thrown = erpc::receive_response(request, erpc::Timeout::Infinity).await;
//!     assert!(matches!(thrown, Err(erpc::Exception::Throw(value)) if value == 1.into()));
//!     Ok(())
//! }
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod collection;
mod exception;
mod request;
mod timeout;

use futures_util::future::join_all;

pub use self::collection::{RequestIds, Response, Waited, reqids_add, reqids_new, reqids_size, reqids_to_list};
pub use self::exception::{Exception, Reason};
pub use self::request::{Checked, RequestId, check_response, receive_response, send_request, wait_response};
pub use self::timeout::Timeout;
use crate::call::Call;
use crate::client::{Client, Error};
use crate::extended::{Blocking, Request};
use crate::rpc::Nodes;
use crate::term::{Atom, Term};

/// Evaluates `apply(Module, Function, Args)` on a node: `erpc:call/4,5`.
///
/// # Errors
/// [`Exception`]
pub async fn call<T: Into<Term>>(
    node: &Client,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
    timeout: impl Into<Timeout>,
) -> Result<Term, Exception> {
    apply(node, &mfa(module, function, args)?, timeout.into(), Blocking::No).await
}

/// Has `apply(Module, Function, Args)` evaluated on a node, and waits for nothing: `erpc:cast/4`. What fails there, or on the
/// way, is not told.
///
/// # Errors
/// `badarg` for a name that is too long, `notsup` for a client that carries calls and nothing else.
pub async fn cast<T: Into<Term>>(
    node: &Client,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
) -> Result<(), Exception> {
    post(node, Request::Cast { call: mfa(module, function, args)? }).await
}

/// Evaluates `apply(Module, Function, Args)` on all these nodes at once: `erpc:multicall/4,5`. The results are in the order
/// of the nodes.
///
/// # Errors
/// `badarg` for a name that is too long, and then nothing was called.
pub async fn multicall<T: Into<Term>>(
    nodes: &Nodes,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
    timeout: impl Into<Timeout>,
) -> Result<Vec<Result<Term, Exception>>, Exception> {
    let (call, timeout) = (mfa(module, function, args)?, timeout.into());
    Ok(apply_everywhere(nodes, &call, timeout).await)
}

/// Has `apply(Module, Function, Args)` evaluated on all these nodes, and waits for nothing: `erpc:multicast/4`.
///
/// # Errors
/// As for [`cast`], of the first node that has one; the others were told.
pub async fn multicast<T: Into<Term>>(
    nodes: &Nodes,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
) -> Result<(), Exception> {
    let call = mfa(module, function, args)?;
    let casts = nodes.clients().map(|client| post(client, Request::Cast { call: call.clone() }));
    join_all(casts).await.into_iter().collect()
}

/// Evaluates a call within a time.
pub(crate) async fn apply(node: &Client, call: &Call, timeout: Timeout, block: Blocking) -> Result<Term, Exception> {
    node.apply_in_turn(call, timeout.left(), block).await.map_err(Exception::from)
}

/// Evaluates a call on all nodes at once, in their order.
pub(crate) async fn apply_everywhere(nodes: &Nodes, call: &Call, timeout: Timeout) -> Vec<Result<Term, Exception>> {
    let timeout = timeout.fixed();
    let calls = nodes.iter().map(|node| async move {
        match node.client() {
            Some(client) => apply(client, call, timeout, Blocking::No).await,
            None => Err(Exception::erpc(Reason::NoConnection)),
        }
    });
    join_all(calls).await
}

/// Puts something on its way that nobody waits for. That it does not arrive is no error.
pub(crate) async fn post(node: &Client, request: Request) -> Result<(), Exception> {
    match node.post(request).await.map_err(Exception::from) {
        Err(Exception::Erpc { reason: Reason::NoConnection, .. }) | Ok(()) => Ok(()),
        Err(exception) => Err(exception),
    }
}

pub(crate) fn mfa<T: Into<Term>>(
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
) -> Result<Call, Exception> {
    let atom = |name: &str| Atom::new(name).map_err(|_too_long| Exception::from(Error::Name(name.to_owned())));
    Ok(Call::new(atom(module)?, atom(function)?, args.into_iter().map(Into::into).collect()))
}
