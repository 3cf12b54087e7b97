//! Streams: credit in both directions.

use sshrpc::extended::{CallOptions, ClientEvent, Id, Limits, Request, ServerEvent, Streamed, Ticket};
use sshrpc::term::parse_call;

use super::pair::{Pair, value};

const WINDOW: usize = 100_000;

fn begun() -> (Pair, Id, Ticket) {
    let mut limits = Limits::DEFAULT;
    limits.window = WINDOW as u64;
    let mut pair = Pair::with(limits, limits, 1000);
    let mut options = CallOptions::default();
    (options.input, options.output) = (Streamed::Yes, Streamed::Yes);
    let id = pair.ask(Request::Call { call: parse_call("a:copy()").unwrap(), options });
    let (ticket, _) = pair.asked();
    (pair, id, ticket)
}

#[test]
fn no_more_comes_than_there_is_credit() {
    let (mut pair, id, ticket) = begun();
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[2]).collect();
    let (mut sent, mut echoed, mut received, mut unconsumed) = (0, 0, Vec::new(), 0);
    let mut waiting: Vec<u8> = Vec::new();
    while received.len() < content.len() {
        while let n @ 1.. = pair.client.send_data(id, &content[sent..]) {
            sent += n;
            assert!(sent - echoed <= WINDOW + WINDOW / 2, "{sent} sent, {echoed} used");
        }
        pair.settle();
        while let Some(ServerEvent::Data { bytes, .. }) = pair.server.next_event() {
            waiting.extend_from_slice(bytes.as_bytes());
        }
        let n = pair.server.send_data(id, &waiting);
        waiting.drain(..n);
        pair.server.consume(id, n);
        echoed += n;
        pair.settle();
        while let Some(ClientEvent::Data { bytes, .. }) = pair.client.next_event() {
            unconsumed += bytes.as_bytes().len();
            assert!(unconsumed <= WINDOW);
            received.extend_from_slice(bytes.as_bytes());
        }
        if n == 0 {
            pair.client.consume(id, unconsumed);
            unconsumed = 0;
        }
    }
    assert!(received == content);
    pair.client.send_eof(id);
    pair.settle();
    assert!(matches!(pair.server.next_event(), Some(ServerEvent::Eof { .. })));
    pair.server.send_eof(id);
    pair.answer(ticket, value("3000000"));
    assert_eq!(pair.client.next_event(), Some(ClientEvent::Eof { id }));
    assert_eq!(pair.answered(), (id, "3000000".to_owned()));
}

#[test]
fn the_octets_of_a_stream_keep_their_order_and_hold_up_nothing() {
    let (mut pair, id, ticket) = begun();
    let mut sent = 0;
    let content: Vec<u8> = (0..WINDOW).map(|n| n.to_le_bytes()[1]).collect();
    while sent < WINDOW {
        let before = sent;
        while let n @ 1.. = pair.server.send_data(id, &content[sent..]) {
            sent += n;
        }
        assert!(sent > before, "{sent} of what there is credit for");
        if sent < WINDOW {
            // Enough waits to be sent.
            pair.settle();
        }
    }
    pair.server.send_eof(id);
    pair.answer(ticket, value("ok"));
    let mut received = Vec::new();
    loop {
        match pair.client.next_event() {
            Some(ClientEvent::Data { bytes, .. }) => received.extend_from_slice(bytes.as_bytes()),
            Some(ClientEvent::Eof { .. }) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(received == content);
    assert_eq!(pair.answered(), (id, "ok".to_owned()));
}

#[test]
fn without_credit_the_sender_stands_still() {
    let (mut pair, id, _ticket) = begun();
    let content = vec![1; 3 * WINDOW];
    let mut sent = 0;
    for _ in 0..20 {
        sent += pair.server.send_data(id, &content[sent..]);
        pair.settle();
    }
    assert_eq!(sent, WINDOW);
    while pair.client.next_event().is_some() {}
    pair.client.consume(id, WINDOW);
    pair.settle();
    assert!(pair.server.send_data(id, &content) > 0);
}

#[test]
fn who_wants_no_more_gets_no_more() {
    let (mut pair, id, ticket) = begun();
    pair.server.send_data(id, b"one");
    pair.client.stop(id);
    pair.settle();
    assert!(matches!(pair.server.next_event(), Some(ServerEvent::Stop { .. })));
    assert_eq!(pair.server.send_data(id, b"two"), 0);
    pair.server.stop(id);
    pair.client.send_data(id, b"three");
    pair.settle();
    // What was under way when it was stopped is dropped.
    assert_eq!(pair.client.next_event(), Some(ClientEvent::Stop { id }));
    assert!(pair.server.next_event().is_none());
    assert_eq!(pair.client.send_data(id, b"four"), 0);
    pair.client.send_eof(id);
    pair.server.send_eof(id);
    pair.answer(ticket, value("ok"));
    assert_eq!(pair.answered(), (id, "ok".to_owned()));
    assert!(pair.server.next_event().is_none());
}

#[test]
fn what_is_under_way_to_a_call_that_has_ended_is_dropped() {
    let (mut pair, id, ticket) = begun();
    pair.server.answer(ticket, value("done"));
    pair.client.send_data(id, b"late");
    pair.client.send_eof(id);
    pair.settle();
    assert_eq!(pair.answered(), (id, "done".to_owned()));
    assert!(pair.server.next_event().is_none());
    assert_eq!((pair.client.send_data(id, b"later"), pair.server.send_data(id, b"later")), (0, 0));
}

#[test]
fn an_input_that_ends_before_its_call_is_sent_ends_behind_it() {
    let mut limits = Limits::DEFAULT;
    limits.calls = 1;
    let mut pair = Pair::with(Limits::DEFAULT, limits, usize::MAX);
    pair.ask(super::pair::call("a:b(1)"));
    let mut options = CallOptions::default();
    options.input = Streamed::Yes;
    let held = pair.ask(Request::Call { call: parse_call("a:copy()").unwrap(), options });
    pair.client.send_eof(held);
    pair.settle();
    let (ticket, _) = pair.asked();
    pair.answer(ticket, value("ok"));
    assert_eq!(pair.asked().0.id(), held);
    assert!(matches!(pair.server.next_event(), Some(ServerEvent::Eof { id }) if id == held));
}
