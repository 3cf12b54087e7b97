//! Calls that overlap on one channel.
#![cfg(feature = "std")]

mod pair;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pair::{client, client_of};
use sshrpc::client::Mode;
use sshrpc::term::DecodeLimits;
use sshrpc::{Node, Term};

fn ms(milliseconds: i64) -> [Term; 1] {
    [milliseconds.into()]
}

#[tokio::test]
async fn a_reply_that_is_held_and_not_polled_holds_up_no_other() {
    let client = client(Mode::Subsystem).await;
    let mut first = pin!(client.call("timer", "sleep", ms(50)));
    let mut held = pin!(client.call("sshrpc", "echo", ["held"]));
    let mut nobody = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut nobody).is_pending());
    let waiting = tokio::time::timeout(Duration::from_secs(30), async {
        std::future::poll_fn(|context| {
            assert!(first.as_mut().poll(context).is_pending());
            // Polled last, once, and never again while the first one is waited for.
            assert!(held.as_mut().poll(&mut nobody).is_pending());
            Poll::Ready(())
        })
        .await;
        first.await
    });
    assert_eq!(waiting.await.expect("nobody moved the channel").unwrap(), Term::atom("ok"));
    assert_eq!(held.await.unwrap(), Term::from("held"));
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_call_behind_it() {
    let client = client(Mode::Subsystem).await;
    let (echo, sleep) = (client.call("sshrpc", "echo", ["quick"]), client.call("timer", "sleep", ms(600_000)));
    let (mut echo, mut sleep) = (pin!(echo), pin!(sleep));
    // Both requests are on their way before the first answer is looked at.
    let mut nobody = Context::from_waker(Waker::noop());
    assert!(echo.as_mut().poll(&mut nobody).is_pending());
    assert!(sleep.as_mut().poll(&mut nobody).is_pending());
    let answer = tokio::time::timeout(Duration::from_secs(30), echo).await;
    assert_eq!(answer.expect("held back by the next call").unwrap(), Term::from("quick"));
}

#[tokio::test]
async fn a_client_opens_a_new_channel_when_the_node_has_closed_the_old_one() {
    let mut limits = DecodeLimits::DEFAULT;
    limits.max_bytes = 1000;
    let client = client_of(Node::builder().term_limits(limits), Mode::Subsystem).await;
    assert_eq!(client.call("sshrpc", "echo", [1]).await.unwrap(), 1.into());
    // A frame above the node's limit: it closes the channel, and the connection lives.
    client.call("sshrpc", "echo", ["x".repeat(2000)]).await.unwrap_err();
    assert_eq!(client.call("sshrpc", "echo", [2]).await.unwrap(), 2.into());
}

#[tokio::test]
async fn an_exec_request_that_no_packet_holds_is_an_error_and_the_connection_lives() {
    let client = client(Mode::Subsystem).await;
    let ssh = client.ssh().unwrap();
    let long = "x".repeat(300 * 1024);
    let error = ssh.exec(&long).await.unwrap_err();
    assert!(error.to_string().contains("longer than a packet"), "{error}");
    assert_eq!(client.call("sshrpc", "echo", [3]).await.unwrap(), 3.into());
}
