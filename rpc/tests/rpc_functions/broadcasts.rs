//! To all nodes at once.

use sshrpc::rpc::{self, NamedNode};
use sshrpc::{Term, erpc};

use crate::cluster::{Cluster, atom};

#[tokio::test]
async fn abcast_sends_to_all_in_order_and_asks_for_nothing() {
    let mut cluster = Cluster::start(3).await;
    cluster.nodes.push(NamedNode::down(atom("n4@test")));
    for number in 0..100 {
        rpc::abcast(&cluster.nodes, &atom("recorder"), number.into()).await.unwrap();
    }
    rpc::abcast(&cluster.nodes, &atom("nobody"), Term::atom("lost")).await.unwrap();
    for node in 0..3 {
        for number in 0..100 {
            assert_eq!(cluster.record(node).await, number.into());
        }
    }
    cluster.assert_nothing_else();
}

#[tokio::test]
async fn sbcast_knows_where_the_message_has_arrived() {
    let mut cluster = Cluster::start(3).await;
    let second = &cluster.processes[1];
    second.unregister(&atom("recorder")).unwrap();
    cluster.nodes.push(NamedNode::down(atom("n4@test")));
    let (good, bad) = rpc::sbcast(&cluster.nodes, &atom("recorder"), Term::atom("hello")).await;
    assert_eq!((good, bad), (vec![atom("n1@test"), atom("n3@test")], vec![atom("n2@test"), atom("n4@test")]));
    assert_eq!(cluster.record(0).await, Term::atom("hello"));
    assert_eq!(cluster.record(2).await, Term::atom("hello"));
    cluster.assert_nothing_else();
}

#[tokio::test]
async fn eval_everywhere_evaluates_everywhere() {
    let mut cluster = Cluster::start(3).await;
    rpc::eval_everywhere(&cluster.nodes, "test", "record", [Term::atom("here")]).await.unwrap();
    for node in 0..3 {
        assert_eq!(cluster.record(node).await, Term::atom("here"));
    }
    cluster.assert_nothing_else();
}

#[tokio::test]
async fn erpc_multicast_evaluates_everywhere() {
    let mut cluster = Cluster::start(2).await;
    cluster.nodes.push(NamedNode::down(atom("n3@test")));
    erpc::multicast(&cluster.nodes, "test", "record", [Term::atom("here")]).await.unwrap();
    for node in 0..2 {
        assert_eq!(cluster.record(node).await, Term::atom("here"));
    }
    cluster.assert_nothing_else();
}
