//! Calls of one node.

use sshrpc::client::Mode;
use sshrpc::erpc::{self, Exception, Reason, Timeout};
use sshrpc::rpc::{self, BadRpc, Items, Yielded};
use sshrpc::{Client, Term};

use crate::cluster::{Cluster, LIMIT, NONE, SHORT, args, atom, term};

/// `Res | {badrpc, Reason}`
async fn rpc_call(node: &Client, function: &str, arguments: &str) -> String {
    let result = rpc::call(node, "erlang", function, args(arguments), Timeout::Infinity).await;
    result.unwrap_or_else(|error| error.to_term()).to_string()
}

/// `{ok, Res} | {Class, Reason}`
async fn erpc_call(node: &Client, function: &str, arguments: &str) -> String {
    let result = erpc::call(node, "erlang", function, args(arguments), Timeout::Infinity).await;
    result.map_or_else(|exception| exception.to_term(), |value| Term::tuple([Term::atom("ok"), value])).to_string()
}

/// What Erlang/OTP 25 gives for the same.
#[tokio::test]
async fn rpc_call_tells_values_and_badrpc_as_erlang_does() {
    let cluster = Cluster::start(1).await;
    let node = cluster.client(0);
    for (function, arguments, result) in [
        ("node", "[]", "n1@test"),
        ("throw", "[ball]", "ball"),
        ("throw", "[{'EXIT',ball}]", "{badrpc,{'EXIT',ball}}"),
        ("exit", "[x]", "{badrpc,{'EXIT',x}}"),
        ("error", "[x]", "{badrpc,{'EXIT',{x,[{erlang,error,1,[]}]}}}"),
        ("nothing", "[1]", "{badrpc,{'EXIT',{undef,[{erlang,nothing,[1],[]}]}}}"),
    ] {
        assert_eq!(rpc_call(node, function, arguments).await, result, "{function}{arguments}");
    }
    let value = rpc::call(node, "sshrpc", "echo", [term("{'EXIT',x}")], Timeout::Infinity).await;
    assert_eq!(value, Err(BadRpc::Exit(term("x"))));
    let slow = rpc::call(node, "timer", "sleep", args("[infinity]"), SHORT).await;
    assert_eq!(slow, Err(BadRpc::Timeout));
    node.close().await;
    let down = rpc::call(node, "erlang", "node", NONE, LIMIT).await;
    assert_eq!(down, Err(BadRpc::NodeDown));
}

#[tokio::test]
async fn erpc_call_keeps_the_class_of_what_failed() {
    let cluster = Cluster::start(1).await;
    let node = cluster.client(0);
    for (function, arguments, result) in [
        ("node", "[]", "{ok,n1@test}"),
        ("throw", "[ball]", "{throw,ball}"),
        ("exit", "[x]", "{exit,{exception,x}}"),
        ("error", "[x]", "{error,{exception,x,[{erlang,error,1,[]}]}}"),
        ("nothing", "[1]", "{error,{exception,undef,[{erlang,nothing,[1],[]}]}}"),
    ] {
        assert_eq!(erpc_call(node, function, arguments).await, result, "{function}{arguments}");
    }
    let erpc_error = |result: Result<Term, Exception>| match result {
        Err(Exception::Erpc { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let slow = erpc::call(node, "timer", "sleep", args("[infinity]"), SHORT).await;
    assert_eq!(erpc_error(slow), Reason::Timeout);
    #[expect(clippy::disallowed_methods, reason = "a time that has passed")]
    let past = std::time::Instant::now();
    assert_eq!(erpc_error(erpc::call(node, "timer", "sleep", args("[infinity]"), past).await), Reason::Timeout);
    let long = "x".repeat(256);
    assert_eq!(erpc_error(erpc::call(node, &long, "f", NONE, LIMIT).await), Reason::BadArg);
    node.close().await;
    assert_eq!(erpc_error(erpc::call(node, "erlang", "node", NONE, LIMIT).await), Reason::NoConnection);
}

#[tokio::test]
async fn over_the_plain_protocol_a_thrown_value_is_a_value() {
    let cluster = Cluster::start_with(1, Mode::Shell).await;
    let node = cluster.client(0);
    assert_eq!(erpc_call(node, "throw", "[ball]").await, "{ok,ball}");
    assert_eq!(erpc_call(node, "exit", "[x]").await, "{exit,{exception,x}}");
    assert_eq!(rpc_call(node, "throw", "[ball]").await, "ball");
    let cast = erpc::cast(node, "test", "record", [1]).await;
    assert!(matches!(cast, Err(Exception::Erpc { reason: Reason::NotSup, .. })), "{cast:?}");
    assert_eq!(rpc::block_call(node, "erlang", "node", NONE, LIMIT).await, Err(BadRpc::NotSup));
}

#[tokio::test]
async fn casts_are_executed_and_their_failures_are_nobodys() {
    let mut cluster = Cluster::start(1).await;
    let node = cluster.client(0);
    rpc::cast(node, "erlang", "exit", [1]).await.unwrap();
    erpc::cast(node, "erlang", "exit", [1]).await.unwrap();
    rpc::cast(node, "test", "record", [1]).await.unwrap();
    assert_eq!(cluster.record(0).await, 1.into());
    erpc::cast(cluster.client(0), "test", "record", [2]).await.unwrap();
    assert_eq!(cluster.record(0).await, 2.into());
    // As in Erlang, that nobody is there is no error.
    cluster.client(0).close().await;
    rpc::cast(cluster.client(0), "test", "record", [3]).await.unwrap();
    erpc::cast(cluster.client(0), "test", "record", [3]).await.unwrap();
    cluster.assert_nothing_else();
}

#[tokio::test]
async fn async_calls_yield_their_values() {
    let cluster = Cluster::start(1).await;
    let node = cluster.client(0);
    let (slow, quick) = (
        rpc::async_call(node, "timer", "sleep", args("[infinity]")).unwrap(),
        rpc::async_call(node, "lists", "sum", [vec![1, 2]]).unwrap(),
    );
    assert_eq!(rpc::r#yield(quick).await, Ok(3.into()));
    let Yielded::Timeout(slow) = rpc::nb_yield(slow, SHORT).await else { panic!("it sleeps for ever") };
    assert!(matches!(rpc::nb_yield(slow, std::time::Duration::ZERO).await, Yielded::Timeout(_)));
    let failing = rpc::async_call(node, "erlang", "exit", [1]).unwrap();
    let Yielded::Value(value) = rpc::nb_yield(failing, LIMIT).await else { panic!("it has failed") };
    assert_eq!(value, Err(BadRpc::Exit(1.into())));
}

#[tokio::test]
async fn pinfo_finds_the_node_of_a_process() {
    let cluster = Cluster::start(2).await;
    let pid = cluster.processes[1].whereis(&atom("recorder")).unwrap();
    let one = rpc::pinfo(&cluster.nodes, &pid, Items::One(atom("registered_name"))).await;
    assert_eq!(one, Ok(term("{registered_name,recorder}")));
    let two = vec![atom("message_queue_len"), atom("trap_exit")];
    let two = rpc::pinfo(&cluster.nodes, &pid, Items::List(two)).await;
    assert_eq!(two, Ok(term("[{message_queue_len,0},{trap_exit,false}]")));
    let all = rpc::pinfo(&cluster.nodes, &pid, Items::All).await.unwrap();
    assert!(all.as_list().unwrap().any(|item| *item == term("{registered_name,recorder}")), "{all}");
    let unknown = rpc::pinfo(&cluster.nodes, &pid, Items::One(atom("no_such_item"))).await;
    assert!(matches!(&unknown, Err(BadRpc::Exit(reason)) if reason.to_string().starts_with("{badarg,")), "{unknown:?}");

    let gone = cluster.processes[0].open_mailbox().pid().clone();
    assert_eq!(rpc::pinfo(&cluster.nodes, &gone, Items::All).await, Ok(term("undefined")));
    let stranger = sshrpc::process::Processes::new(atom("elsewhere@test")).open_mailbox().pid().clone();
    assert_eq!(rpc::pinfo(&cluster.nodes, &stranger, Items::All).await, Err(BadRpc::NodeDown));
}
