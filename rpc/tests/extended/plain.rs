//! Where only one of the two ends knows the extended protocol.

use sshrpc::call::{CallError, Failure, Framing, Server as PlainServer, ServerConfig, Success, append};
use sshrpc::extended::{
    Blocking, CallOptions, Client, ClientEvent, Destination, Limits, Opened, Opening, Request, Streamed,
};
use sshrpc::term::{Atom, Emit, parse_call};

use super::pair::{call, term};

/// A plain node that gives the text of each call back, until both are silent.
fn run(client: &mut Client, node: &mut PlainServer) -> Vec<String> {
    let mut executed = Vec::new();
    loop {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        client.fill(&mut up, 1 << 16);
        if up.is_empty() {
            return executed;
        }
        let mut rest = up.as_slice();
        while !rest.is_empty() {
            rest = &rest[node.receive(rest).unwrap()..];
            while let Some((ticket, call)) = node.next_call(&mut down) {
                executed.push(call.to_string());
                let outcome = match call.function.as_str() {
                    "fails" => Err(Failure::of("badarg")),
                    _ => Ok(Success::Value(call.to_string().into())),
                };
                node.complete(ticket, outcome, &mut down).unwrap();
            }
        }
        client.receive(&down).unwrap();
    }
}

#[test]
fn calls_are_asked_again_and_run_once() {
    let (mut client, mut node) = (Client::new(Limits::DEFAULT), PlainServer::new(ServerConfig::default()));
    let first = client.request(call("a:b(1)")).unwrap();
    let cast = client.request(Request::Cast { call: parse_call("a:cast()").unwrap() }).unwrap();
    let to = Destination::Name(Atom::new("logger").unwrap());
    let send = client.request(Request::Send { to, message: term("hello") }).unwrap();
    let cancelled = client.request(call("a:never()")).unwrap();
    client.cancel(cancelled);
    assert_eq!(run(&mut client, &mut node), ["a:b(1)", "a:cast()"]);
    let answers: Vec<_> = std::iter::from_fn(|| client.next_event()).collect();
    let answer = |id, result| ClientEvent::Answer { id, result };
    let failed = |failure| Err(CallError::Failed(failure));
    for expected in [
        answer(first, Ok("a:b(1)".into())),
        answer(cast, Ok(term("ok"))),
        answer(send, failed(Failure::erpc("notsup"))),
        answer(cancelled, failed(Failure::exit(term("killed")))),
    ] {
        assert!(answers.contains(&expected), "{expected:?} is not in {answers:?}");
    }
    assert_eq!((answers.len(), client.unanswered()), (4, 0));
    // From here on the protocol is known.
    let failing = client.request(call("a:fails()")).unwrap();
    assert_eq!(run(&mut client, &mut node), ["a:fails()"]);
    let Some(ClientEvent::Answer { id, result: Err(error) }) = client.next_event() else { panic!("an answer") };
    assert_eq!((id, error.to_string().as_str()), (failing, "badarg: bad argument"));
    assert_eq!(client.accepted(), None);
}

#[test]
fn there_are_no_streams() {
    let (mut client, mut node) = (Client::new(Limits::DEFAULT), PlainServer::new(ServerConfig::default()));
    let mut options = CallOptions::default();
    options.input = Streamed::Yes;
    let id = client.request(Request::Call { call: parse_call("a:b()").unwrap(), options }).unwrap();
    assert_eq!(client.send_data(id, b"input"), 0);
    client.send_eof(id);
    assert!(run(&mut client, &mut node).is_empty());
    let result = Err(CallError::Failed(Failure::erpc("notsup")));
    assert_eq!(client.next_event(), Some(ClientEvent::Answer { id, result }));
}

#[test]
fn there_are_no_calls_that_block_others() {
    let (mut client, mut node) = (Client::new(Limits::DEFAULT), PlainServer::new(ServerConfig::default()));
    let mut options = CallOptions::default();
    options.block = Blocking::Yes;
    let id = client.request(Request::Call { call: parse_call("a:b()").unwrap(), options }).unwrap();
    assert!(run(&mut client, &mut node).is_empty());
    let result = Err(CallError::Failed(Failure::erpc("notsup")));
    assert_eq!(client.next_event(), Some(ClientEvent::Answer { id, result }));
}

#[test]
fn more_than_is_sent_at_random_waits_for_the_answer_to_the_hello() {
    let (mut client, mut node) = (Client::new(Limits::DEFAULT), PlainServer::new(ServerConfig::default()));
    for _ in 0..100 {
        client.request(call("a:b(1)")).unwrap();
    }
    assert_eq!(run(&mut client, &mut node).len(), 100);
    assert_eq!(std::iter::from_fn(|| client.next_event()).count(), 100);
}

#[test]
fn a_plain_client_gets_the_plain_protocol() {
    let mut octets = Vec::new();
    for text in ["{mfa,{a,b,[]}}", "{sshrpc,hello,#{versions => [99]}}", "{sshrpc,hello}", "hello"] {
        let start = octets.len();
        append(&term(text), Framing::Frame, Emit::Otp26, usize::MAX, &mut octets).unwrap();
        let mut out = Vec::new();
        let opened = Opening::new(Atom::new("n@h").unwrap(), Limits::DEFAULT).receive(&octets[start..], &mut out);
        assert!(matches!(&opened, Opened::Plain(all) if all == &octets[start..]), "{opened:?}");
        assert!(out.is_empty());
    }
    // A length that no hello has is enough.
    let opened = Opening::new(Atom::new("n@h").unwrap(), Limits::DEFAULT).receive(&[0, 1, 0, 1], &mut Vec::new());
    assert!(matches!(opened, Opened::Plain(_)));
}
