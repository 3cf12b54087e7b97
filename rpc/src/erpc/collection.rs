//! Several requests, of which the first response is received: `request_id_collection()`.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::exception::{Exception, Reason};
use super::request::{RequestId, send_request};
use super::timeout::Timeout;
use crate::client::Client;
use crate::term::Term;

/// Requests, each with a label. Handled ones are removed, as by `Delete = true`; dropped, all are stopped.
#[derive(Debug)]
pub struct RequestIds<L> {
    open: FuturesUnordered<Labelled<L>>,
}

#[derive(Debug)]
struct Labelled<L> {
    request: RequestId,
    /// Taken with the response.
    label: Option<L>,
}

/// A response, and the label of its request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Response<L> {
    /// The value, or the exception.
    pub result: Result<Term, Exception>,
    /// The label.
    pub label: L,
}

/// What [`RequestIds::wait_response`] and [`RequestIds::check_response`] found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Waited<L> {
    /// The first response.
    Response(Response<L>),
    /// `no_response`: all are still under way.
    NoResponse,
    /// `no_request`: the collection is empty.
    NoRequest,
}

/// An empty collection: `erpc:reqids_new/0`.
#[must_use]
pub fn reqids_new<L>() -> RequestIds<L> {
    RequestIds::default()
}

/// The collection with one more request: `erpc:reqids_add/3`.
#[must_use]
pub fn reqids_add<L>(request: RequestId, label: L, collection: RequestIds<L>) -> RequestIds<L> {
    collection.open.push(Labelled { request, label: Some(label) });
    collection
}

/// How many requests there are: `erpc:reqids_size/1`.
#[must_use]
pub fn reqids_size<L>(collection: &RequestIds<L>) -> usize {
    collection.open.len()
}

/// The requests and their labels, in no order: `erpc:reqids_to_list/1`.
#[must_use]
pub fn reqids_to_list<L>(collection: &RequestIds<L>) -> Vec<(&RequestId, &L)>
where
    L: Unpin,
{
    collection.open.iter().filter_map(|entry| Some((&entry.request, entry.label.as_ref()?))).collect()
}

impl<L: Unpin> RequestIds<L> {
    /// Puts a call on its way, and adds it: `erpc:send_request/6`.
    ///
    /// # Errors
    /// As for [`send_request`].
    ///
    /// # Panics
    /// Outside a runtime of tokio's.
    pub fn send_request<T: Into<Term>>(
        &mut self,
        node: &Client,
        module: &str,
        function: &str,
        args: impl IntoIterator<Item = T>,
        label: L,
    ) -> Result<(), Exception> {
        let request = send_request(node, module, function, args)?;
        self.open.push(Labelled { request, label: Some(label) });
        Ok(())
    }

    /// Waits for the first response: `erpc:receive_response/3`. `None` is `no_request`.
    ///
    /// # Errors
    /// `{erpc,timeout}`: then all requests are abandoned, and the collection is empty.
    pub async fn receive_response(&mut self, timeout: impl Into<Timeout>) -> Result<Option<Response<L>>, Exception> {
        match self.wait_response(timeout).await {
            Waited::Response(response) => Ok(Some(response)),
            Waited::NoRequest => Ok(None),
            Waited::NoResponse => {
                self.open.clear();
                Err(Exception::erpc(Reason::Timeout))
            }
        }
    }

    /// Waits for the first response, and keeps the requests after the timeout: `erpc:wait_response/3`.
    pub async fn wait_response(&mut self, timeout: impl Into<Timeout>) -> Waited<L> {
        match timeout.into().limit(self.open.next()).await {
            Some(Some(response)) => Waited::Response(response),
            Some(None) => Waited::NoRequest,
            None => Waited::NoResponse,
        }
    }

    /// Looks for a response, and does not wait: `erpc:check_response/3`. Erlang's looks at a message; here are none.
    pub fn check_response(&mut self) -> Waited<L> {
        match self.open.poll_next_unpin(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(response)) => Waited::Response(response),
            Poll::Ready(None) => Waited::NoRequest,
            Poll::Pending => Waited::NoResponse,
        }
    }
}

impl<L> Default for RequestIds<L> {
    fn default() -> Self {
        Self { open: FuturesUnordered::new() }
    }
}

impl<L: Unpin> Future for Labelled<L> {
    type Output = Response<L>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Response<L>> {
        let Poll::Ready(result) = Pin::new(&mut self.request).poll(task) else { return Poll::Pending };
        match self.label.take() {
            Some(label) => Poll::Ready(Response { result, label }),
            // Its response was taken.
            None => Poll::Pending,
        }
    }
}
