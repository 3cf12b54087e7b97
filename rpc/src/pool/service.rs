//! Pools and clients as services: `tower`'s layers limit, delay and watch what goes to them.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use tower_service::Service;

use super::{Pool, PoolError, Request};
use crate::call::Call;
use crate::client::{Client, Error};
use crate::term::Term;

/// Always ready: what has to wait for a connection waits in the response. Requests are counted and refused by the layers in
/// front.
impl Service<Request> for Pool {
    type Response = Term;
    type Error = PoolError;
    type Future = Pin<Box<dyn Future<Output = Result<Term, PoolError>> + Send>>;

    fn poll_ready(&mut self, _task: &mut Context<'_>) -> Poll<Result<(), PoolError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let pool = self.clone();
        Box::pin(async move { pool.request(request).await })
    }
}

/// Always ready. Calls overlap.
impl Service<Call> for Client {
    type Response = Term;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Term, Error>> + Send>>;

    fn poll_ready(&mut self, _task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let client = self.clone();
        Box::pin(async move { client.apply(&call).await })
    }
}
