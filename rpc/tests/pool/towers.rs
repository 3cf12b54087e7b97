//! Pools and clients behind `tower`'s layers.

use std::time::Duration;

use sshrpc::Term;
use sshrpc::term::parse_call;
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::cluster::{Cluster, LIMIT, call, until_up};

#[tokio::test]
async fn a_pool_is_a_service_with_a_limit_to_what_is_under_way() {
    let mut cluster = Cluster::start(1).await;
    let pool = cluster.pool().build();
    until_up(&pool, 1).await;
    let mut service = ServiceBuilder::new().concurrency_limit(2).service(pool.clone());
    let first = tokio::spawn(service.ready().await.unwrap().call(call("test:hold(1)")));
    let second = tokio::spawn(service.ready().await.unwrap().call(call("test:hold(2)")));
    cluster.holding.recv().await.unwrap();
    cluster.holding.recv().await.unwrap();
    // A third one has no room.
    assert!(futures_now(service.ready()).is_none());
    assert_eq!(pool.status()[0].pending, 2);
    cluster.release.notify_one();
    let third = tokio::time::timeout(LIMIT, service.ready()).await.expect("no room is made");
    assert_eq!(third.unwrap().call(call("lists:sum([1,2])")).await.unwrap(), 3.into());
    cluster.release.notify_one();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_pool_is_a_service_with_a_timeout_and_shared_by_a_buffer() {
    let mut cluster = Cluster::start(1).await;
    let pool = cluster.pool().wait(LIMIT).build();
    let service = ServiceBuilder::new().buffer(16).timeout(Duration::from_millis(50)).service(pool.clone());
    let error = service.clone().oneshot(call("test:hold(1)")).await.unwrap_err();
    assert!(error.is::<tower::timeout::error::Elapsed>(), "{error}");
    // The call was dropped with its answer, and is not counted any more.
    cluster.holding.recv().await.unwrap();
    while pool.status()[0].pending > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_is_a_service() {
    let cluster = Cluster::start(1).await;
    let host = &cluster.hosts[0];
    let client = host.dial(host.address)().connect().await.unwrap();
    let service = ServiceBuilder::new().concurrency_limit(1).map_request(|text: &str| parse_call(text).unwrap());
    let answer = service.service(client).oneshot("lists:reverse([1,2])").await;
    assert_eq!(answer.unwrap(), "[2,1]".parse::<Term>().unwrap());
}

/// What a future gives without waiting.
fn futures_now<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    match work.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}
