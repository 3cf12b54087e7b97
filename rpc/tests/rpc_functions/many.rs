//! Many calls at once.

use sshrpc::call::Call;
use sshrpc::erpc::{self, Exception, Reason, Timeout};
use sshrpc::rpc::{self, BadRpc, NamedNode, Nodes};
use sshrpc::term::parse_call;
use sshrpc::{Connect, Term};

use crate::cluster::{Cluster, LIMIT, NONE, SHORT, args, atom, term};

#[tokio::test]
async fn rpc_multicall_has_results_and_bad_nodes_in_the_order_of_the_nodes() {
    let mut cluster = Cluster::start(3).await;
    cluster.nodes.push(NamedNode::down(atom("n4@test")));
    cluster.client(1).close().await;
    let nodes = &cluster.nodes;
    let bad = vec![atom("n2@test"), atom("n4@test")];
    let names = rpc::multicall(nodes, "erlang", "node", NONE, LIMIT).await.unwrap();
    assert_eq!(names, (vec![Ok(term("n1@test")), Ok(term("n3@test"))], bad.clone()));
    let failures = rpc::multicall(nodes, "erlang", "exit", [1], LIMIT).await.unwrap();
    assert_eq!(failures, (vec![Err(BadRpc::Exit(1.into())), Err(BadRpc::Exit(1.into()))], bad));
    // Who is late is bad, too, as in Erlang.
    let (results, bad) = rpc::multicall(nodes, "timer", "sleep", args("[infinity]"), SHORT).await.unwrap();
    assert_eq!((results, bad), (vec![], nodes.names().cloned().collect()));
}

#[tokio::test]
async fn erpc_multicall_has_a_result_for_each_node() {
    let mut cluster = Cluster::start(2).await;
    cluster.nodes.push(NamedNode::down(atom("n3@test")));
    let shown = |results: Vec<Result<Term, Exception>>| {
        let shown = |result: Result<Term, Exception>| match result {
            Ok(value) => format!("{{ok,{value}}}"),
            Err(exception) => exception.to_term().to_string(),
        };
        results.into_iter().map(shown).collect::<Vec<_>>()
    };
    let nodes = &cluster.nodes;
    let names = erpc::multicall(nodes, "erlang", "node", NONE, LIMIT).await.unwrap();
    assert_eq!(shown(names), ["{ok,n1@test}", "{ok,n2@test}", "{error,{erpc,noconnection}}"]);
    let thrown = erpc::multicall(nodes, "erlang", "throw", [1], Timeout::Infinity).await.unwrap();
    assert_eq!(shown(thrown), ["{throw,1}", "{throw,1}", "{error,{erpc,noconnection}}"]);
    let late = erpc::multicall(nodes, "timer", "sleep", args("[infinity]"), SHORT).await.unwrap();
    assert_eq!(shown(late), ["{error,{erpc,timeout}}", "{error,{erpc,timeout}}", "{error,{erpc,noconnection}}"]);
    let wrong = erpc::multicall(nodes, &"x".repeat(256), "f", NONE, LIMIT).await;
    assert!(matches!(wrong, Err(Exception::Erpc { reason: Reason::BadArg, .. })), "{wrong:?}");
}

#[tokio::test]
async fn parallel_eval_takes_turns_and_keeps_the_order() {
    let mut cluster = Cluster::start(2).await;
    cluster.nodes.push(NamedNode::down(atom("n3@test")));
    let calls = |texts: &[&str]| texts.iter().map(|text| parse_call(text).unwrap()).collect::<Vec<Call>>();
    let texts = ["erlang:node()", "erlang:node()", "erlang:exit(a)", "lists:sum([1,2])"];
    let results = rpc::parallel_eval(&cluster.nodes, calls(&texts)).await;
    let first = [Ok(term("n1@test")), Ok(term("n2@test")), Err(BadRpc::Exit(term("a"))), Ok(3.into())];
    assert_eq!(results, first);
    let nowhere = rpc::parallel_eval(&Nodes::new(), calls(&["erlang:node()"])).await;
    assert_eq!(nowhere, [Err(BadRpc::NodeDown)]);
}

#[tokio::test]
async fn pmap_keeps_the_order_of_the_list() {
    let cluster = Cluster::start(3).await;
    let nodes = &cluster.nodes;
    let sums = rpc::pmap(nodes, "erlang", "+", &[10.into()], 1..=100).await.unwrap();
    assert_eq!(sums, (11..=110).map(Term::from).collect::<Vec<_>>());
    let failed = rpc::pmap(nodes, "erlang", "+", &[1.into()], [Term::from(1), Term::atom("a")]).await;
    assert!(matches!(&failed, Err(BadRpc::Exit(reason)) if reason.to_string().starts_with("{badarith,")), "{failed:?}");
}

#[tokio::test]
async fn nodes_that_cannot_be_reached_are_down_and_the_reason_is_told() {
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connect = Connect::to(&port.to_string()).unwrap().no_config();
    let (nodes, errors) = Nodes::connect([(atom("gone@test"), connect)]).await;
    assert!(nodes.find(&atom("gone@test")).unwrap().client().is_none());
    let [(name, error)] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!(name, &atom("gone@test"));
    assert!(error.to_string().contains(&port.to_string()), "{error}");
    let (results, bad) = rpc::multicall(&nodes, "erlang", "node", NONE, LIMIT).await.unwrap();
    assert_eq!((results, bad), (vec![], vec![atom("gone@test")]));
}
