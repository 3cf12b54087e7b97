//! Requests whose responses are received later.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use tokio::task::JoinHandle;

use super::exception::{Exception, Reason};
use super::timeout::Timeout;
use super::{apply, mfa};
use crate::call::Call;
use crate::client::Client;
use crate::extended::Blocking;
use crate::term::Term;

/// A request that is under way: `request_id()`. Dropped, it is stopped.
#[derive(Debug)]
pub struct RequestId {
    task: JoinHandle<Result<Term, Exception>>,
}

/// What [`wait_response`] and [`check_response`] found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Checked {
    /// `{response, Result}`, or the exception.
    Response(Result<Term, Exception>),
    /// `no_response`: it is still under way.
    NoResponse(RequestId),
}

/// Puts a call on its way: `erpc:send_request/4`.
///
/// # Errors
/// `badarg` for a name that is too long.
///
/// # Panics
/// Outside a runtime of tokio's.
pub fn send_request<T: Into<Term>>(
    node: &Client,
    module: &str,
    function: &str,
    args: impl IntoIterator<Item = T>,
) -> Result<RequestId, Exception> {
    Ok(RequestId::send(node, mfa(module, function, args)?))
}

/// Waits for the response: `erpc:receive_response/1,2`. After the timeout the request is abandoned.
///
/// # Errors
/// [`Exception`], as of [`call`](super::call).
pub async fn receive_response(request: RequestId, timeout: impl Into<Timeout>) -> Result<Term, Exception> {
    match wait_response(request, timeout).await {
        Checked::Response(result) => result,
        Checked::NoResponse(_abandoned) => Err(Exception::erpc(Reason::Timeout)),
    }
}

/// Waits for the response, and gives the request back after the timeout: `erpc:wait_response/1,2`.
pub async fn wait_response(mut request: RequestId, timeout: impl Into<Timeout>) -> Checked {
    match timeout.into().limit(&mut request).await {
        Some(result) => Checked::Response(result),
        None => Checked::NoResponse(request),
    }
}

/// Looks for the response, and does not wait: `erpc:check_response/2`. Erlang's looks at a message; here are none.
#[must_use]
pub fn check_response(mut request: RequestId) -> Checked {
    match Pin::new(&mut request).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Checked::Response(result),
        Poll::Pending => Checked::NoResponse(request),
    }
}

impl RequestId {
    pub(crate) fn send(node: &Client, call: Call) -> Self {
        let node = node.clone();
        Self { task: tokio::spawn(async move { apply(&node, &call, Timeout::Infinity, Blocking::No).await }) }
    }
}

impl Future for RequestId {
    type Output = Result<Term, Exception>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(task).map(|ended| match ended {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends.
                Err(_stopped) => Err(Exception::erpc(Reason::NoConnection)),
            },
        })
    }
}

impl Drop for RequestId {
    fn drop(&mut self) {
        self.task.abort();
    }
}
