//! The extended protocol between a client and a node, over a real connection.
#![cfg(feature = "std")]

mod pair;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sshrpc::call::{CallError, Failure};
use sshrpc::client::{Error, Mode};
use sshrpc::term::{Atom, Binary, Pid, parse_call};
use sshrpc::{Client, Functions, Node, Term};
use tokio::sync::Notify;

/// What the functions of a node say to its test.
#[derive(Clone, Default)]
struct Told {
    begun: Arc<Notify>,
    go: Arc<Notify>,
    dropped: Arc<Notify>,
    calls: Arc<AtomicUsize>,
}

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// `t:wait()` waits to be told to go on; `t:throw()` throws; `t:size(Binary)` and `t:binary(Size)` are about large terms.
async fn node() -> (Client, Told) {
    let told = Told::default();
    let mut functions = Functions::with_builtins();
    let waits = told.clone();
    functions.register_async("t", "wait", 0, move |_args, _context| {
        let told = waits.clone();
        async move {
            let _guard = OnDrop(told.dropped.clone());
            told.calls.fetch_add(1, Ordering::SeqCst);
            told.begun.notify_one();
            told.go.notified().await;
            Ok(Term::atom("went"))
        }
    });
    functions.register("t", "throw", 0, |_args, _context| Err(Failure::throw(Term::atom("ball"))));
    functions.register("t", "size", 1, |args, _context| Ok(args[0].as_binary().map_or(0, <[u8]>::len).into()));
    functions.add("t", "binary", |size: usize| Term::Binary(Binary::from(vec![7; size])));
    let key = pair::key();
    let node = Node::builder().functions(functions).authorized_key(key.public().clone());
    (pair::log_in(node, key, Mode::Subsystem).await, told)
}

fn failure(result: Result<Term, Error>) -> Failure {
    match result {
        Err(Error::Call(CallError::Failed(failure))) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_thrown_value_is_no_success() {
    let (client, _told) = node().await;
    let thrown = client.apply(&parse_call("t:throw()").unwrap()).await;
    assert_eq!(failure(thrown), Failure::throw(Term::atom("ball")));
}

#[tokio::test]
async fn a_call_that_waits_holds_up_no_other() {
    let (client, told) = node().await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.apply(&parse_call("t:wait()").unwrap()).await }
    });
    told.begun.notified().await;
    for _ in 0..100 {
        assert_eq!(client.call("lists", "sum", [vec![1, 2, 3]]).await.unwrap(), 6.into());
    }
    assert!(!waiting.is_finished());
    told.go.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap(), Term::atom("went"));
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_stopped() {
    let (client, told) = node().await;
    let call = parse_call("t:wait()").unwrap();
    tokio::select! {
        answer = client.apply(&call) => panic!("{answer:?}"),
        () = told.begun.notified() => {}
    }
    told.dropped.notified().await;
    assert_eq!(client.call("erlang", "abs", [-1]).await.unwrap(), 1.into());
}

#[tokio::test]
async fn the_node_enforces_the_deadline() {
    let key = pair::key();
    let told = Told::default();
    let mut functions = Functions::new();
    let waits = told.clone();
    functions.register_async("t", "wait", 0, move |_args, context| {
        let told = waits.clone();
        async move {
            let _guard = OnDrop(told.dropped.clone());
            assert!(context.deadline().is_some());
            std::future::pending().await
        }
    });
    let node = Node::builder().functions(functions).authorized_key(key.public().clone());
    let client = pair::log_in_with(node, key, |connect| connect.timeout(Duration::from_millis(300))).await;
    let answer = client.apply(&parse_call("t:wait()").unwrap()).await;
    assert!(
        matches!(&answer, Err(Error::TimedOut(_)))
            || matches!(&answer, Err(Error::Call(CallError::Failed(failure))) if *failure == Failure::erpc("timeout")),
        "{answer:?}"
    );
    told.dropped.notified().await;
}

#[tokio::test]
async fn a_cast_runs_on_without_its_caller() {
    let (client, told) = node().await;
    client.cast(&parse_call("t:wait()").unwrap()).await.unwrap();
    told.begun.notified().await;
    client.close().await;
    told.go.notify_one();
    told.dropped.notified().await;
    assert_eq!(told.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn messages_and_monitors_of_processes_that_are_not_there() {
    let (client, _told) = node().await;
    let nobody = Atom::new("nobody").unwrap();
    assert_eq!(failure(client.send(nobody.clone(), Term::NIL).await.map(|()| Term::NIL)), Failure::of("badarg"));
    client.send(Pid::new(Atom::new("a@b").unwrap(), 1, 2, 3), Term::NIL).await.unwrap();
    assert_eq!(client.monitor(nobody).await.unwrap().await.unwrap(), Term::atom("noproc"));
    client.ping().await.unwrap();
}

#[tokio::test]
async fn large_and_small_calls_share_a_connection() {
    let (client, _told) = node().await;
    let size = 40 << 20;
    let large = Term::Binary(Binary::from(vec![1; size]));
    let args = vec![large];
    let small = async {
        for _ in 0..50 {
            client.call("erlang", "abs", [-1]).await.unwrap();
        }
    };
    let (there, back, ()) = tokio::join!(client.call("t", "size", args), client.call("t", "binary", [size]), small);
    assert_eq!(there.unwrap(), size.into());
    assert_eq!(back.unwrap().as_binary().map(<[u8]>::len), Some(size));
}

#[tokio::test]
async fn the_shell_carries_calls_alone() {
    let client = pair::client(Mode::Shell).await;
    let error = client.ping().await.unwrap_err();
    assert_eq!(error.to_string(), "mode shell carries calls and nothing else; the subsystem carries more");
}
