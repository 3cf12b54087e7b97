//! Calls with streams, over a real connection.
#![cfg(feature = "std")]

#[expect(dead_code, reason = "its node has functions of its own")]
mod pair;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use pair::{key, log_in_with};
use sha2::{Digest, Sha256};
use sshrpc::acl::{Acl, Policy, Rule};
use sshrpc::backend::Streams;
use sshrpc::call::{CallError, Failure};
use sshrpc::client::{Error, StreamCall, StreamInput};
use sshrpc::term::parse_call;
use sshrpc::{Client, Functions, Node, Term};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

/// What either end takes before it has used any of it, as the hello says where it says nothing.
const WINDOW: usize = 1 << 20;
/// How much of an output waits for its channel.
const OUTPUT: usize = 128 << 10;

/// What the functions of a node say to its test.
#[derive(Clone, Default)]
struct Told {
    begun: Arc<Notify>,
    dropped: Arc<Notify>,
    written: Arc<AtomicUsize>,
    wrote: Arc<Notify>,
}

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn client() -> (Client, Told) {
    client_with(Acl::default(), None).await
}

async fn client_with(acl: Acl, timeout: Option<Duration>) -> (Client, Told) {
    let told = Told::default();
    let key = key();
    let node = Node::builder().functions(functions(&told)).acl(acl).authorized_key(key.public().clone());
    let client = log_in_with(node, key, |connect| match timeout {
        Some(timeout) => connect.timeout(timeout),
        None => connect,
    });
    (client.await, told)
}

fn functions(told: &Told) -> Functions {
    let mut functions = Functions::with_builtins();
    let tell = told.clone();
    // Neither reads nor ends.
    functions.register_stream("t", "hold", 0, move |_args, streams, _context| {
        let told = tell.clone();
        async move {
            let _guard = (OnDrop(told.dropped.clone()), streams);
            told.begun.notify_one();
            std::future::pending().await
        }
    });
    let tell = told.clone();
    functions.register_stream("t", "pour", 0, move |_args, streams, _context| {
        let told = tell.clone();
        async move {
            let _guard = OnDrop(told.dropped.clone());
            Err(pour(streams, &told).await.into())
        }
    });
    functions.register_stream("t", "first", 1, |args, mut streams, _context| async move {
        let mut octets = vec![0; args[0].as_u64().unwrap_or(0).try_into().unwrap_or(0)];
        streams.input.read_exact(&mut octets).await?;
        Ok(Term::binary(octets))
    });
    functions.register_stream("t", "fail", 0, |_args, mut streams, _context| async move {
        streams.output.write_all(b"half").await?;
        streams.output.flush().await?;
        Err(Failure::throw(Term::atom("enough")))
    });
    functions
}

/// Writes until nobody wants it.
async fn pour(mut streams: Streams, told: &Told) -> io::Error {
    loop {
        match streams.output.write(&[7; 1000]).await {
            Ok(octets) => drop(told.written.fetch_add(octets, Ordering::SeqCst)),
            Err(error) => return error,
        }
        told.wrote.notify_one();
    }
}

async fn begin(client: &Client, call: &str) -> StreamCall {
    client.stream_call(&parse_call(call).unwrap()).await.unwrap()
}

fn failure(result: Result<Term, Error>) -> Failure {
    match result {
        Err(Error::Call(CallError::Failed(failure))) => failure,
        other => panic!("{other:?}"),
    }
}

fn reason(result: Result<Term, Error>) -> String {
    failure(result).reason().to_string()
}

/// How much of this can be written without waiting, until something else has gone there and back.
async fn write_what_goes(client: &Client, input: &mut StreamInput, octets: &[u8]) -> usize {
    let mut written = 0;
    for _ in 0..20 {
        while written < octets.len() {
            let rest = &octets[written..];
            let write = std::future::poll_fn(|task| Poll::Ready(Pin::new(&mut *input).poll_write(task, rest)));
            match write.await {
                Poll::Ready(Ok(octets)) => written += octets,
                Poll::Ready(Err(error)) => panic!("{error}"),
                Poll::Pending => break,
            }
        }
        client.ping().await.unwrap();
    }
    written
}

#[tokio::test]
async fn more_than_the_window_and_any_frame_travels_both_ways_at_once() {
    let (client, _told) = client().await;
    let content: Vec<u8> = (0..40_000_000_u32).map(|n| (n ^ (n >> 8) ^ (n >> 16)).to_le_bytes()[0]).collect();
    let StreamCall { mut input, mut output, answer, .. } = begin(&client, "sshrpc:stream_echo()").await;
    let send = async {
        input.write_all(&content).await.unwrap();
        input.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (answer, read, ()) = tokio::join!(answer, output.read_to_end(&mut received), send);
    assert_eq!((read.unwrap(), answer.unwrap()), (content.len(), content.len().into()));
    assert!(received == content);
}

#[tokio::test]
async fn an_input_is_an_argument_and_an_output_a_value() {
    let (client, _told) = client().await;
    let content = vec![42; 5_000_000];
    let StreamCall { mut input, output, answer, .. } = begin(&client, "sshrpc:stream_sink()").await;
    drop(output);
    let (written, answer) = tokio::join!(
        async {
            input.write_all(&content).await?;
            input.shutdown().await
        },
        answer
    );
    written.unwrap();
    let digest = Term::from(sshrpc::term::Binary::from(Sha256::digest(&content).as_slice()));
    assert_eq!(answer.unwrap(), Term::tuple([content.len().into(), digest]));

    let StreamCall { mut input, mut output, answer, .. } = begin(&client, "sshrpc:stream_source(3000001)").await;
    input.shutdown().await.unwrap();
    let mut received = Vec::new();
    let (read, answer) = tokio::join!(output.read_to_end(&mut received), answer);
    assert_eq!((read.unwrap(), answer.unwrap()), (3_000_001, Term::atom("ok")));
    assert!(received.iter().enumerate().all(|(at, octet)| *octet == at.to_le_bytes()[0]));
}

#[tokio::test]
async fn who_does_not_read_gets_no_more_than_the_window() {
    let (client, told) = client().await;
    let StreamCall { mut input, output: _output, answer: _answer, .. } = begin(&client, "t:hold()").await;
    assert_eq!(write_what_goes(&client, &mut input, &vec![1; 3 * WINDOW]).await, WINDOW);

    let StreamCall { input: _input, mut output, answer: _answer, .. } = begin(&client, "t:pour()").await;
    let full = async {
        while told.written.load(Ordering::SeqCst) < WINDOW + OUTPUT {
            told.wrote.notified().await;
        }
    };
    let moved = async {
        loop {
            client.ping().await.unwrap();
        }
    };
    tokio::select! {
        () = full => {}
        () = moved => {}
    }
    for _ in 0..50 {
        client.ping().await.unwrap();
    }
    assert_eq!(told.written.load(Ordering::SeqCst), WINDOW + OUTPUT);
    // What is read makes room for as much again, and no more.
    let mut read = vec![0; WINDOW];
    output.read_exact(&mut read).await.unwrap();
    let full = async {
        while told.written.load(Ordering::SeqCst) < 2 * WINDOW + OUTPUT {
            client.ping().await.unwrap();
        }
    };
    full.await;
    for _ in 0..50 {
        client.ping().await.unwrap();
    }
    assert_eq!(told.written.load(Ordering::SeqCst), 2 * WINDOW + OUTPUT);
}

#[tokio::test]
async fn a_call_whose_answer_nobody_waits_for_stops() {
    let (client, told) = client().await;
    let StreamCall { mut input, mut output, answer, .. } = begin(&client, "t:hold()").await;
    write_what_goes(&client, &mut input, b"hello").await;
    told.begun.notified().await;
    drop(answer);
    told.dropped.notified().await;
    assert_eq!(input.write(b"more").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(output.read(&mut [0; 9]).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    client.ping().await.unwrap();
}

#[tokio::test]
async fn an_input_that_is_dropped_half_way_cancels_the_call() {
    let (client, told) = client().await;
    let StreamCall { mut input, output: _output, answer, .. } = begin(&client, "sshrpc:stream_sink()").await;
    input.write_all(b"half of").await.unwrap();
    drop(input);
    assert_eq!(failure(answer.await), Failure::exit(Term::atom("killed")));
    drop(told);
}

#[tokio::test]
async fn the_deadline_is_for_the_streams_too() {
    let (client, told) = client_with(Acl::default(), Some(Duration::from_millis(300))).await;
    let StreamCall { input: _input, mut output, answer, .. } = begin(&client, "t:pour()").await;
    let answer = answer.await;
    let timeout = Failure::erpc("timeout").reason().clone();
    assert!(
        matches!(&answer, Err(Error::TimedOut(_)))
            || matches!(&answer, Err(Error::Call(CallError::Failed(failure))) if *failure.reason() == timeout),
        "{answer:?}"
    );
    told.dropped.notified().await;
    let mut received = Vec::new();
    let cut = output.read_to_end(&mut received).await.unwrap_err();
    assert_eq!((cut.kind(), received.len() <= WINDOW), (io::ErrorKind::UnexpectedEof, true));
}

#[tokio::test]
async fn a_function_stops_an_input_that_it_does_not_need() {
    let (client, _told) = client().await;
    let StreamCall { mut input, output: _output, answer, .. } = begin(&client, "t:first(3)").await;
    let endless = async {
        loop {
            if let Err(error) = input.write_all(&[b'x'; 100_000]).await {
                break error;
            }
        }
    };
    let (error, answer) = tokio::join!(endless, answer);
    assert_eq!((error.kind(), answer.unwrap()), (io::ErrorKind::BrokenPipe, Term::binary("xxx")));
}

#[tokio::test]
async fn a_client_stops_an_output_that_it_does_not_need() {
    let (client, told) = client().await;
    let StreamCall { input: _input, mut output, answer, .. } = begin(&client, "t:pour()").await;
    output.read_exact(&mut [0; 10]).await.unwrap();
    drop(output);
    assert_eq!(reason(answer.await), "epipe");
    told.dropped.notified().await;
}

#[tokio::test]
async fn a_failure_ends_the_output_before_its_end() {
    let (client, _told) = client().await;
    let StreamCall { input: _input, mut output, answer, .. } = begin(&client, "t:fail()").await;
    assert_eq!(failure(answer.await), Failure::throw(Term::atom("enough")));
    let mut received = Vec::new();
    let cut = output.read_to_end(&mut received).await.unwrap_err();
    assert_eq!((cut.kind(), received.as_slice()), (io::ErrorKind::UnexpectedEof, b"half".as_slice()));
}

#[tokio::test]
async fn functions_without_streams_say_so() {
    let (client, _told) = client().await;
    for (call, expected) in [("lists:seq(1,2)", "{erpc,notsup}"), ("lists:nothing()", "undef")] {
        let StreamCall { mut input, mut output, answer, .. } = begin(&client, call).await;
        assert_eq!(reason(answer.await), expected);
        assert_eq!(input.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(output.read(&mut [0; 9]).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
    // And functions with streams can be called without.
    let call = |text: &str| parse_call(text).unwrap();
    let empty = client.apply(&call("sshrpc:stream_sink()")).await.unwrap();
    assert_eq!(empty.as_tuple().map(|pair| &pair[0]), Some(&0.into()));
    assert_eq!(reason(client.apply(&call("sshrpc:stream_source(1)")).await), "epipe");
}

#[tokio::test]
async fn the_rules_are_asked_for_calls_with_streams() {
    let deny = Rule::deny(vec!["sshrpc:stream_echo/0".parse().unwrap()]);
    let small = Rule::allow(vec!["sshrpc:stream_source/1".parse().unwrap()]).max_size(2);
    let (client, _told) = client_with(Acl::new(Policy::new(vec![deny, small])), None).await;
    let answer = |call: &'static str| {
        let client = client.clone();
        async move {
            let StreamCall { mut input, mut output, answer, .. } = begin(&client, call).await;
            // A call that is denied takes no input, however far it has come.
            let _ = input.shutdown().await;
            let mut received = Vec::new();
            let (_, answer) = tokio::join!(output.read_to_end(&mut received), answer);
            answer
        }
    };
    assert_eq!(reason(answer("sshrpc:stream_echo()").await), "{erpc,notsup}");
    // The size is that of the arguments, whatever the streams carry.
    assert_eq!(reason(answer("sshrpc:stream_source(70000)").await), "{erpc,system_limit}");
    assert_eq!(answer("sshrpc:stream_source(255)").await.unwrap(), Term::atom("ok"));
}

#[tokio::test]
async fn the_end_of_the_connection_ends_streams() {
    let (client, told) = client().await;
    let StreamCall { mut input, mut output, answer, .. } = begin(&client, "t:hold()").await;
    write_what_goes(&client, &mut input, b"hello").await;
    told.begun.notified().await;
    client.close().await;
    told.dropped.notified().await;
    assert!(answer.await.is_err());
    assert_eq!(output.read(&mut [0; 9]).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(input.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn many_streams_and_calls_share_a_connection() {
    let (client, _told) = client().await;
    let streams = (0..8_u8).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            let content = vec![number; 3_000_000];
            let StreamCall { mut input, mut output, answer, .. } = begin(&client, "sshrpc:stream_echo()").await;
            let send = async {
                input.write_all(&content).await.unwrap();
                input.shutdown().await.unwrap();
            };
            let mut received = Vec::new();
            let (answer, _, ()) = tokio::join!(answer, output.read_to_end(&mut received), send);
            assert!(received == content);
            answer.unwrap()
        })
    });
    let streams: Vec<_> = streams.collect();
    for _ in 0..100 {
        assert_eq!(client.call("erlang", "abs", [-1]).await.unwrap(), 1.into());
    }
    for stream in streams {
        assert_eq!(stream.await.unwrap(), 3_000_000.into());
    }
}
