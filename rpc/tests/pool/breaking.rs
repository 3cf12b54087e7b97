//! Connections that break, and nodes that die.

use std::time::Duration;

use sshrpc::Term;
use sshrpc::pool::{Execution, Pool, PoolError, Repeat, State};

use crate::cluster::{Cluster, LIMIT, call, name, until_up};
use crate::proxy::{Flow, Proxy};

#[tokio::test]
async fn a_node_that_comes_back_is_connected_to_again() {
    let mut cluster = Cluster::start(1).await;
    let pool = cluster.pool().build();
    until_up(&pool, 1).await;
    for times in 2..=4 {
        cluster.hosts[0].kill().await;
        until_up(&pool, 0).await;
        cluster.hosts[0].restart().await.unwrap();
        until_up(&pool, 1).await;
        assert_eq!(pool.request(call("test:record(1)")).await.unwrap(), name(1).into());
        assert_eq!(pool.status()[0].connected, times);
    }
}

#[tokio::test]
async fn with_no_node_up_a_request_fails_at_once_and_was_not_sent() {
    let mut cluster = Cluster::start(2).await;
    let pool = cluster.pool().build();
    until_up(&pool, 2).await;
    cluster.hosts[0].kill().await;
    cluster.hosts[1].kill().await;
    until_up(&pool, 0).await;
    let error = pool.request(call("test:record(1)").repeat(Repeat::idempotent(5))).await.unwrap_err();
    assert_eq!(error.execution(), Execution::Never);
    let text = error.to_string();
    assert!(text.starts_with("noconnection: no node was up; nothing was sent; n1 is "), "{text}");
    assert!(cluster.recorded().is_empty());
}

#[tokio::test]
async fn a_request_may_wait_for_a_node() {
    let mut cluster = Cluster::start(1).await;
    let pool = cluster.pool().wait(LIMIT).build();
    until_up(&pool, 1).await;
    cluster.hosts[0].kill().await;
    until_up(&pool, 0).await;
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.request(call("test:record(1)")).await }
    });
    // Its own time is shorter.
    let late = pool.request(call("test:record(2)").within(Duration::from_millis(20))).await.unwrap_err();
    assert!(late.to_string().starts_with("noconnection: no node was up within "), "{late}");
    cluster.hosts[0].restart().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), name(1).into());
    assert_eq!(cluster.recorded(), [(name(1), 1.into())]);
}

#[tokio::test]
async fn a_call_whose_node_dies_is_not_sent_again() {
    let mut cluster = Cluster::start(2).await;
    let pool = cluster.pool().build();
    until_up(&pool, 2).await;
    let held = tokio::spawn({
        let pool = pool.clone();
        async move { pool.request(call("test:hold(1)")).await }
    });
    let node = cluster.holding.recv().await.unwrap();
    let index = usize::from(node == name(2));
    cluster.hosts[index].kill().await;
    let error = held.await.unwrap().unwrap_err();
    assert_eq!(error.execution(), Execution::Unknown);
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("the connection to {node} broke before the answer came: it may have run")),
        "{text}"
    );
    assert_eq!(cluster.recorded(), [(node.clone(), 1.into())]);
    assert_eq!(pool.status()[index].lost, 1);
}

#[tokio::test]
async fn an_idempotent_call_whose_node_dies_is_sent_to_another() {
    let mut cluster = Cluster::start(2).await;
    let pool = cluster.pool().build();
    until_up(&pool, 2).await;
    let held = tokio::spawn({
        let pool = pool.clone();
        async move { pool.request(call("test:hold(1)").repeat(Repeat::idempotent(2))).await }
    });
    let first = cluster.holding.recv().await.unwrap();
    cluster.hosts[usize::from(first == name(2))].kill().await;
    let second = cluster.holding.recv().await.unwrap();
    assert_ne!(first, second);
    cluster.release.notify_one();
    assert_eq!(held.await.unwrap().unwrap(), second.into());
    assert_eq!(cluster.recorded(), [(name(1), 1.into()), (name(2), 1.into())]);
}

#[tokio::test]
async fn an_idempotent_call_is_sent_as_often_as_it_says_and_no_more() {
    let mut cluster = Cluster::start(3).await;
    let pool = cluster.pool().build();
    until_up(&pool, 3).await;
    let held = tokio::spawn({
        let pool = pool.clone();
        async move { pool.request(call("test:hold(1)").repeat(Repeat::idempotent(2))).await }
    });
    for _ in 0..2 {
        let node = cluster.holding.recv().await.unwrap();
        let index: usize = node.as_str()[1..].parse().unwrap();
        cluster.hosts[index - 1].kill().await;
    }
    let error = held.await.unwrap().unwrap_err();
    assert!(matches!(error, PoolError::Lost { attempts: 2, .. }), "{error:?}");
    assert!(error.to_string().starts_with("sent 2 times and not answered, last by n"), "{error}");
    assert_eq!(cluster.recorded().len(), 2);
}

#[tokio::test]
async fn a_call_that_is_late_is_stopped_and_not_sent_again() {
    let mut cluster = Cluster::start(2).await;
    let pool = cluster.pool().build();
    until_up(&pool, 2).await;
    let late = call("test:hold(1)").repeat(Repeat::idempotent(3)).within(Duration::from_millis(20));
    let error = pool.request(late).await.unwrap_err();
    assert!(matches!(error, PoolError::TimedOut { .. }), "{error:?}");
    let node = cluster.holding.recv().await.unwrap();
    assert_eq!(cluster.recorded(), [(node, 1.into())]);
}

/// A pool of one node by way of a proxy, that looks often whether it is there.
async fn by_proxy(cluster: &Cluster) -> (Pool, Proxy) {
    let host = &cluster.hosts[0];
    let proxy = Proxy::start(host.address, None).await.unwrap();
    let dial = host.dial(proxy.address);
    let pool = Pool::builder().node(name(1), move || dial().connect());
    let often = Duration::from_millis(20);
    let pool = pool.reconnect(often, often).ping(often, Duration::from_secs(2)).connect_timeout(Duration::from_secs(5));
    (pool.build(), proxy)
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_is_noticed_and_made_again() {
    let mut cluster = Cluster::start(1).await;
    let (pool, proxy) = by_proxy(&cluster).await;
    until_up(&pool, 1).await;
    let held = tokio::spawn({
        let pool = pool.clone();
        async move { pool.request(call("test:hold(1)")).await }
    });
    cluster.holding.recv().await.unwrap();
    // Neither end is told anything.
    proxy.set_flow(Flow::Frozen);
    until_up(&pool, 0).await;
    let status = pool.status();
    assert!(matches!(status[0].state, State::Down { .. } | State::Connecting), "{status:?}");
    // What was under way is lost, and does not hang.
    let lost = tokio::time::timeout(LIMIT, held).await.expect("it hangs").unwrap().unwrap_err();
    assert_eq!(lost.execution(), Execution::Unknown);
    proxy.set_flow(Flow::Flowing);
    until_up(&pool, 1).await;
    assert_eq!(pool.request(call("test:record(2)")).await.unwrap(), name(1).into());
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_again() {
    let cluster = Cluster::start(1).await;
    let (pool, proxy) = by_proxy(&cluster).await;
    until_up(&pool, 1).await;
    let before = pool.status()[0].connected;
    proxy.cut();
    let again = pool.wait_until(|status| status[0].connected > before && status[0].is_up());
    tokio::time::timeout(LIMIT, again).await.expect("it stays down");
    assert_eq!(pool.request(call("test:record(1)")).await.unwrap(), name(1).into());
}

#[tokio::test]
async fn a_closed_pool_refuses_and_stays_closed() {
    let cluster = Cluster::start(1).await;
    let pool = cluster.pool().wait(LIMIT).build();
    assert_eq!(pool.call("lists", "sum", [vec![1, 2]]).await.unwrap(), 3.into());
    let other = pool.clone();
    pool.close().await;
    let refused = tokio::time::timeout(LIMIT, other.call("erlang", "node", [Term::NIL; 0])).await;
    let error = refused.expect("it waits for what will not come").unwrap_err();
    assert!(error.to_string().contains("n1 is closed"), "{error}");
    assert_eq!(error.execution(), Execution::Never);
}
