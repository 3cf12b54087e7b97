//! Who gets which request.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use sshrpc::client::Mode;
use sshrpc::pool::{Balance, Execution, Pool, PoolError, Request};
use sshrpc::term::{Atom, parse_call};
use sshrpc::{Term, erpc, rpc};

use crate::cluster::{Cluster, LIMIT, call, name, until_up};

async fn node_of(pool: &Pool, request: Request) -> Atom {
    pool.request(request).await.unwrap().as_atom().unwrap().clone()
}

#[tokio::test]
async fn round_robin_takes_one_node_after_the_other() {
    let cluster = Cluster::start(3).await;
    let pool = cluster.pool().balance(Balance::RoundRobin).build();
    until_up(&pool, 3).await;
    let mut shares = BTreeMap::<Atom, u32>::new();
    for _ in 0..30 {
        *shares.entry(node_of(&pool, call("erlang:node()")).await).or_default() += 1;
    }
    assert_eq!(shares.into_values().collect::<Vec<_>>(), [10, 10, 10]);
}

#[tokio::test]
async fn what_has_least_to_do_gets_the_next_request() {
    let mut cluster = Cluster::start(2).await;
    let pool = cluster.pool().build();
    until_up(&pool, 2).await;
    let held = tokio::spawn({
        let pool = pool.clone();
        async move { pool.request(call("test:hold(1)")).await }
    });
    let busy = cluster.holding.recv().await.unwrap();
    for _ in 0..10 {
        assert_ne!(node_of(&pool, call("erlang:node()")).await, busy);
    }
    let pending = |pool: &Pool| pool.status().into_iter().find(|one| one.node == busy).unwrap().pending;
    assert_eq!(pending(&pool), 1);
    cluster.release.notify_one();
    assert_eq!(held.await.unwrap().unwrap(), busy.clone().into());
    assert_eq!(pending(&pool), 0);
}

#[tokio::test]
async fn a_key_goes_to_its_node_and_elsewhere_only_while_that_is_down() {
    let mut cluster = Cluster::start(3).await;
    let pool = cluster.pool().build();
    until_up(&pool, 3).await;
    let owners = async || {
        let mut owners = Vec::new();
        for key in 0..30u8 {
            owners.push(node_of(&pool, call("erlang:node()").key([key])).await);
        }
        owners
    };
    let all_up = owners().await;
    assert_eq!(owners().await, all_up);
    assert!((1..=3).all(|number| all_up.contains(&name(number))), "{all_up:?}");
    cluster.hosts[1].kill().await;
    until_up(&pool, 2).await;
    for (before, now) in all_up.iter().zip(owners().await) {
        assert_eq!(*before == name(2), now != *before, "{before} went to {now}");
    }
    cluster.hosts[1].restart().await.unwrap();
    until_up(&pool, 3).await;
    assert_eq!(owners().await, all_up);
}

#[tokio::test]
async fn a_node_may_be_named_and_have_several_connections() {
    let cluster = Cluster::start(2).await;
    let pool = cluster.pool().connections(NonZeroUsize::new(2).unwrap()).build();
    until_up(&pool, 4).await;
    for _ in 0..5 {
        assert_eq!(node_of(&pool, call("erlang:node()").node(name(2))).await, name(2));
    }
    assert_eq!(pool.nodes().names().cloned().collect::<Vec<_>>(), [name(1), name(2)]);
    let answered: Vec<_> = pool.status().iter().map(|connection| connection.answered).collect();
    assert_eq!((answered[0], answered[1], answered[2] + answered[3]), (0, 0, 5));
    let stranger = pool.request(call("erlang:node()").node(name(7))).await.unwrap_err();
    assert_eq!(stranger.execution(), Execution::Never);
}

#[tokio::test]
async fn casts_and_messages_go_by_the_pool_too() {
    let cluster = Cluster::start(1).await;
    let pool = cluster.pool().wait(LIMIT).build();
    pool.request(call("test:start_recorder()")).await.unwrap();
    pool.request(Request::cast(parse_call("test:record(1)").unwrap())).await.unwrap();
    let recorder = Atom::new("recorder").unwrap();
    pool.request(Request::send(recorder.clone(), 2.into()).within(LIMIT)).await.unwrap();
    let nobody = pool.request(Request::send(name(9), 3.into())).await.unwrap_err();
    assert_eq!(nobody.failure().unwrap().reason(), &Term::atom("badarg"));
    // The recorder is asked last, when it has taken the message: it takes messages in their order.
    let info = parse_call("erlang:whereis(recorder)").unwrap();
    let pid = pool.request(Request::call(info)).await.unwrap();
    let empty = sshrpc::call::Call::new(
        Atom::from_static("erlang"),
        Atom::from_static("process_info"),
        vec![pid, Term::atom("message_queue_len")],
    );
    while pool.request(Request::call(empty.clone())).await.unwrap().to_string() != "{message_queue_len,0}" {
        tokio::task::yield_now().await;
    }
    let recorded: Vec<_> = cluster.recorded().into_iter().map(|(_, record)| record).collect();
    assert_eq!(recorded, [1.into(), 2.into()]);
}

#[tokio::test]
async fn the_functions_of_rpc_run_over_a_pools_nodes() {
    let mut cluster = Cluster::start(3).await;
    let pool = cluster.pool().build();
    until_up(&pool, 3).await;
    cluster.hosts[0].kill().await;
    until_up(&pool, 2).await;
    let nodes = pool.nodes();
    let none: [Term; 0] = [];
    let (results, bad) = rpc::multicall(&nodes, "erlang", "node", none, LIMIT).await.unwrap();
    assert_eq!((results, bad), (vec![Ok(name(2).into()), Ok(name(3).into())], vec![name(1)]));
    let doubled = rpc::pmap(&nodes, "erlang", "*", &[2.into()], 1..=10).await.unwrap();
    assert_eq!(doubled, (1..=10).map(|number| Term::from(2 * number)).collect::<Vec<_>>());
    let sums = erpc::multicall(&nodes, "lists", "sum", [vec![1, 2]], LIMIT).await.unwrap();
    assert_eq!(sums.iter().filter(|sum| sum.is_ok()).count(), 2);
}

#[tokio::test]
async fn failures_of_functions_are_answers_and_name_the_node() {
    let cluster = Cluster::start(1).await;
    let pool = cluster.pool().wait(LIMIT).build();
    let error = pool.call("erlang", "exit", [1]).await.unwrap_err();
    assert_eq!(error.execution(), Execution::Answered);
    assert_eq!(error.to_string(), "n1: exit: the function exited with 1");
    let long = pool.call(&"x".repeat(256), "f", [1]).await.unwrap_err();
    assert!(matches!(long, PoolError::Invalid(_)), "{long:?}");
    let status = &pool.status()[0];
    assert_eq!((status.answered, status.lost, status.pending, status.connected), (1, 0, 0, 1));
    assert!(status.round_trip.is_some());
}

/// Connections that carry calls alone give no sign of life of their own, and are kept all the same.
#[tokio::test]
async fn connections_of_the_plain_protocol_are_pooled_too() {
    let mut cluster = Cluster::start(1).await;
    for mode in [Mode::ExecMod, Mode::Shell] {
        let dial = cluster.hosts[0].dial(cluster.hosts[0].address);
        let often = Duration::from_millis(5);
        let pool = Pool::builder().node(name(1), move || dial().mode(mode).connect()).ping(often, often);
        let pool = pool.reconnect(often, often).wait(LIMIT).build();
        assert_eq!(pool.request(call("test:record(1)")).await.unwrap(), name(1).into());
        let cast = pool.request(Request::cast(parse_call("test:record(2)").unwrap())).await.unwrap_err();
        assert!(matches!(cast, PoolError::Invalid(_)), "{cast:?}");
        let before = pool.status()[0].connected;
        cluster.hosts[0].restart().await.unwrap();
        let again = pool.wait_until(|status| status[0].connected > before && status[0].is_up());
        tokio::time::timeout(LIMIT, again).await.expect("it stays down");
        assert_eq!(pool.request(call("lists:sum([1,2])")).await.unwrap(), 3.into());
    }
    assert_eq!(cluster.recorded(), [(name(1), 1.into()), (name(1), 1.into())]);
}
