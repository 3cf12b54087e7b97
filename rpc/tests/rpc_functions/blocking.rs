//! `rpc:block_call/4,5`

use std::sync::{Arc, Mutex};

use sshrpc::client::Mode;
use sshrpc::erpc::Timeout;
use sshrpc::rpc::{self, BadRpc};
use sshrpc::{Client, Functions, Node, Term};
use tokio::sync::{Notify, mpsc};

use crate::cluster::{LIMIT, SHORT};
use crate::pair::{key, log_in};

/// What happened, in its order.
type Events = Arc<Mutex<Vec<String>>>;

/// A client of a node with `test:hold/1`, which says that it has begun, and ends when it is told to.
async fn client() -> (Client, Events, mpsc::UnboundedReceiver<()>, Arc<Notify>) {
    let (events, release) = (Events::default(), Arc::new(Notify::new()));
    let (begun, beginnings) = mpsc::unbounded_channel();
    let mut functions = Functions::with_builtins();
    let (log, gate) = (events.clone(), release.clone());
    functions.register_async("test", "hold", 1, move |args, _context| {
        let (log, gate, begun) = (log.clone(), gate.clone(), begun.clone());
        async move {
            log.lock().unwrap().push(format!("begin {}", args[0]));
            begun.send(()).unwrap();
            gate.notified().await;
            log.lock().unwrap().push(format!("end {}", args[0]));
            Ok(args[0].clone())
        }
    });
    let key = key();
    let node = Node::builder().functions(functions).authorized_key(key.public().clone());
    (log_in(node, key, Mode::Subsystem).await, events, beginnings, release)
}

#[tokio::test]
async fn block_calls_run_one_after_the_other_and_other_calls_beside_them() {
    let (client, events, mut begun, release) = client().await;
    let hold = |number: i64| rpc::block_call(&client, "test", "hold", [number], LIMIT);
    let (first, second, third) = (hold(1), hold(2), hold(3));
    let director = async {
        for _ in 1..=3 {
            begun.recv().await.unwrap();
            // The node has read all that was sent before this.
            let beside = rpc::call(&client, "lists", "sum", [vec![1, 2]], LIMIT).await;
            assert_eq!(beside, Ok(Term::from(3)));
            assert_eq!(events.lock().unwrap().len() % 2, 1, "two at once");
            release.notify_one();
        }
    };
    let (first, second, third, ()) = tokio::join!(first, second, third, director);
    assert_eq!((first, second, third), (Ok(1.into()), Ok(2.into()), Ok(3.into())));
    let events = events.lock().unwrap();
    assert_eq!(*events, ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"]);
}

#[tokio::test]
async fn a_block_call_that_is_late_or_given_up_blocks_nobody() {
    let (client, events, mut begun, release) = client().await;
    let client = &client;
    let holder = client.clone();
    let first = tokio::spawn(async move { rpc::block_call(&holder, "test", "hold", [1], Timeout::Infinity).await });
    begun.recv().await.unwrap();
    // This one's time passes while it waits for its turn, and it never runs.
    assert_eq!(rpc::block_call(client, "test", "hold", [2], SHORT).await, Err(BadRpc::Timeout));
    // Dropped, the first one gives its turn away.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let third = rpc::block_call(client, "test", "hold", [3], LIMIT);
    let director = async {
        let turn = tokio::time::timeout(LIMIT, begun.recv()).await;
        turn.expect("the turn is taken").unwrap();
        release.notify_one();
    };
    let (third, ()) = tokio::join!(third, director);
    assert_eq!(third, Ok(3.into()));
    assert_eq!(*events.lock().unwrap(), ["begin 1", "begin 3", "end 3"]);
}
