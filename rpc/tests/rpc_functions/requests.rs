//! Requests of `erpc` whose responses are received later.

use sshrpc::Term;
use sshrpc::erpc::{self, Checked, Exception, Reason, Timeout, Waited};

use crate::cluster::{Cluster, LIMIT, NONE, SHORT, args};

fn is_timeout(exception: &Exception) -> bool {
    matches!(exception, Exception::Erpc { reason: Reason::Timeout, .. })
}

#[tokio::test]
async fn a_response_is_received_once_it_is_there() {
    let cluster = Cluster::start(1).await;
    let node = cluster.client(0);
    let request = erpc::send_request(node, "lists", "sum", [vec![1, 2]]).unwrap();
    assert_eq!(erpc::receive_response(request, Timeout::Infinity).await.unwrap(), 3.into());
    let request = erpc::send_request(node, "erlang", "throw", [1]).unwrap();
    let thrown = erpc::receive_response(request, LIMIT).await;
    assert!(matches!(&thrown, Err(Exception::Throw(value)) if *value == 1.into()), "{thrown:?}");
    let request = erpc::send_request(node, "timer", "sleep", args("[infinity]")).unwrap();
    assert!(is_timeout(&erpc::receive_response(request, SHORT).await.unwrap_err()));
}

#[tokio::test]
async fn a_response_is_waited_for_as_often_as_one_likes() {
    let mut cluster = Cluster::start(1).await;
    let request = erpc::send_request(cluster.client(0), "timer", "sleep", args("[infinity]")).unwrap();
    let Checked::NoResponse(request) = erpc::wait_response(request, SHORT).await else { panic!("it sleeps") };
    let Checked::NoResponse(request) = erpc::check_response(request) else { panic!("it sleeps") };
    drop(request);
    let request = erpc::send_request(cluster.client(0), "test", "record", [1]).unwrap();
    cluster.record(0).await;
    let Checked::Response(response) = erpc::wait_response(request, LIMIT).await else { panic!("it has ended") };
    assert_eq!(response.unwrap(), Term::atom("recorded"));
    let mut request = erpc::send_request(cluster.client(0), "erlang", "node", NONE).unwrap();
    let response = loop {
        match erpc::check_response(request) {
            Checked::Response(response) => break response,
            Checked::NoResponse(same) => request = same,
            _ => unreachable!("there is no third"),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(response.unwrap().to_string(), "n1@test");
}

#[tokio::test]
async fn a_collection_gives_the_first_response_with_its_label() {
    let cluster = Cluster::start(2).await;
    let mut collection = erpc::reqids_new();
    assert!(collection.receive_response(LIMIT).await.unwrap().is_none());
    let slow = erpc::send_request(cluster.client(0), "timer", "sleep", args("[infinity]")).unwrap();
    collection = erpc::reqids_add(slow, "slow", collection);
    collection.send_request(cluster.client(1), "erlang", "exit", [7], "quick").unwrap();
    assert_eq!(erpc::reqids_size(&collection), 2);
    let mut labels: Vec<_> = erpc::reqids_to_list(&collection).into_iter().map(|(_, label)| *label).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["quick", "slow"]);

    let response = collection.receive_response(LIMIT).await.unwrap().unwrap();
    assert_eq!(response.label, "quick");
    assert!(matches!(&response.result, Err(Exception::Exit(reason)) if *reason == 7.into()), "{response:?}");
    assert!(matches!(collection.wait_response(SHORT).await, Waited::NoResponse));
    assert!(matches!(collection.check_response(), Waited::NoResponse));
    assert_eq!(erpc::reqids_size(&collection), 1);
    // After the timeout nothing is left to be received.
    assert!(is_timeout(&collection.receive_response(SHORT).await.unwrap_err()));
    assert_eq!(erpc::reqids_size(&collection), 0);
    assert!(matches!(collection.wait_response(SHORT).await, Waited::NoRequest));
    assert!(matches!(collection.check_response(), Waited::NoRequest));
}

#[tokio::test]
async fn all_responses_of_many_nodes_are_received() {
    let cluster = Cluster::start(3).await;
    let mut collection = erpc::reqids_new();
    for number in 0..300 {
        let node = cluster.client(number % 3);
        collection.send_request(node, "erlang", "+", [number, 1], number).unwrap();
    }
    let mut seen = vec![false; 300];
    while let Some(response) = collection.receive_response(LIMIT).await.unwrap() {
        assert_eq!(response.result.unwrap(), (response.label + 1).into());
        assert!(!std::mem::replace(&mut seen[response.label], true));
    }
    assert!(seen.into_iter().all(|seen| seen));
}
