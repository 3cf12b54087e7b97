use super::*;
use alloc::string::{String, ToString};
use alloc::vec;
use proptest::prelude::*;

use crate::call::{Success, append};
use crate::term::{Term, decode_exact};

fn term(text: &str) -> Term {
    text.parse().expect("a term")
}

fn frames(terms: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for text in terms {
        append(&term(text), Framing::Frame, Emit::Otp26, usize::MAX, &mut out).expect("short");
    }
    out
}

/// The answers in an output, each with a `#` in front when it is in a frame.
fn answers(out: &[u8]) -> Vec<String> {
    let (mut decoder, mut rest) = (Decoder::new(Expect::Either, DecodeLimits::DEFAULT), out);
    let mut answers = Vec::new();
    while let Some(unit) = decoder.take(&mut rest).expect("well-formed") {
        let mark = if unit.framing == Framing::Frame { "#" } else { "" };
        answers.push(mark.to_string() + &decode_exact(unit.bytes).expect("a term").to_string());
    }
    assert_eq!(decoder.partial(), None);
    answers
}

/// Executes every queued call by giving its own text back.
fn run(server: &mut Server, out: &mut Vec<u8>) -> Vec<String> {
    let mut calls = Vec::new();
    while let Some((ticket, call)) = server.next_call(out) {
        let text = call.to_string();
        calls.push(text.clone());
        server.complete(ticket, Ok(Success::Value(text.into())), out).expect("its own ticket");
    }
    calls
}

#[test]
fn calls_are_handed_out_in_order_and_one_at_a_time() {
    let mut server = Server::new(ServerConfig::default());
    let mut out = Vec::new();
    server.receive(&frames(&["{mfa,{a,b,[1]}}", "{mfa,{a,c,[]}}"])).expect("frames");
    let (ticket, call) = server.next_call(&mut out).expect("the first call");
    assert_eq!(call.to_string(), "a:b(1)");
    assert_eq!(server.next_call(&mut out), None, "the second waits for the first");
    server.complete(ticket, Ok(Success::Value(Term::atom("done"))), &mut out).expect("its ticket");
    assert_eq!(answers(&out), ["#{answer,{done,0}}"]);
    assert_eq!(run(&mut server, &mut out), ["a:c()"]);
    assert!(server.is_idle());
}

#[test]
fn what_is_no_request_is_answered_in_its_turn() {
    let mut server = Server::new(ServerConfig::default());
    let mut stream = frames(&["{mfa,{a,b,[]}}", "{foo,1}"]);
    stream.extend([0, 0, 0, 2, 131, 99, 0, 0, 0, 0]);
    stream.extend(frames(&["{mfa,{a,c,[]}}"]));
    let mut out = Vec::new();
    server.receive(&stream).expect("frames");
    assert_eq!(run(&mut server, &mut out), ["a:b()", "a:c()"]);
    let expected = [
        "#{answer,{\"a:b()\",0}}",
        "#{answer,{{exec_error,{foo,1}},-1}}",
        "#{answer,{{exec_error,badarg},-1}}",
        "#{answer,{{exec_error,badarg},-1}}",
        "#{answer,{\"a:c()\",0}}",
    ];
    assert_eq!(answers(&out), expected);
}

#[test]
fn a_bare_term_is_answered_bare_and_a_frame_with_a_frame() {
    let mut server = Server::new(ServerConfig::new(Expect::Either));
    let (mut stream, mut out) = (frames(&["{mfa,{a,b,[]}}"]), Vec::new());
    stream.extend(term("{mfa,{a,c,[]}}").to_bytes().expect("short"));
    stream.extend(term("hello").to_bytes().expect("short"));
    server.receive(&stream).expect("well-formed");
    run(&mut server, &mut out);
    let expected = ["#{answer,{\"a:b()\",0}}", "{answer,{\"a:c()\",0}}", "{answer,{{exec_error,hello},-1}}"];
    assert_eq!(answers(&out), expected);
}

#[test]
fn octets_after_the_term_in_a_frame_are_ignored_as_binary_to_term_does() {
    let mut server = Server::new(ServerConfig::default());
    let mut out = Vec::new();
    server.receive(&[0, 0, 0, 5, 131, 97, 1, 99, 99]).expect("a frame");
    run(&mut server, &mut out);
    assert_eq!(answers(&out), ["#{answer,{{exec_error,1},-1}}"]);
}

#[test]
fn a_full_queue_takes_no_more_until_a_call_is_taken_from_it() {
    let mut server = Server::new(ServerConfig { max_queued: 2, ..ServerConfig::default() });
    let one = frames(&["{mfa,{a,b,[]}}"]);
    let stream = one.repeat(4);
    let used = server.receive(&stream).expect("frames");
    assert_eq!((used, server.has_room()), (2 * one.len(), false));
    assert_eq!(server.receive(&stream[used..]), Ok(0));
    let mut out = Vec::new();
    let _ticket = server.next_call(&mut out).expect("a call");
    assert_eq!(server.receive(&stream[used..]), Ok(one.len()));
}

#[test]
fn a_queue_is_full_of_octets_too() {
    let config = ServerConfig { max_queued_bytes: 1000, ..ServerConfig::default() };
    let mut server = Server::new(config);
    let mut large = Vec::new();
    let request = Request::call_term(&Call::new(
        crate::term::Atom::from_static("a"),
        crate::term::Atom::from_static("b"),
        vec![Term::binary(vec![0; 2000])],
    ));
    append(&request, Framing::Frame, Emit::Otp26, usize::MAX, &mut large).expect("short");
    let stream = large.repeat(3);
    assert_eq!(server.receive(&stream), Ok(large.len()));
    assert_eq!(run(&mut server, &mut Vec::new()).len(), 1);
    assert_eq!(server.receive(&stream[large.len()..]), Ok(large.len()));
}

#[test]
fn requests_before_the_end_are_answered_and_a_partial_one_is_reported() {
    let mut server = Server::new(ServerConfig::default());
    let mut stream = frames(&["{mfa,{a,b,[]}}", "{mfa,{a,c,[]}}"]);
    stream.extend([0, 0, 0, 9, 131, 104]);
    server.receive(&stream).expect("frames");
    let partial = server.end().expect("a partial frame");
    assert_eq!((partial.received, partial.announced), (2, Some(9)));
    assert!(!server.is_finished());
    assert_eq!(run(&mut server, &mut Vec::new()), ["a:b()", "a:c()"]);
    assert!(server.is_finished());
}

#[test]
fn requests_before_a_broken_frame_are_answered() {
    let mut server = Server::new(ServerConfig::default());
    let mut stream = frames(&["{mfa,{a,b,[]}}"]);
    stream.extend([0xff; 8]);
    let error = server.receive(&stream).expect_err("a frame of 4 GiB");
    assert_eq!(error, FrameError::TooLong { announced: u32::MAX, limit: DecodeLimits::DEFAULT.max_bytes });
    assert_eq!(run(&mut server, &mut Vec::new()), ["a:b()"]);
    assert_eq!(server.receive(&[]), Err(error), "the error is final");
}

#[test]
fn an_answer_above_the_limit_becomes_system_limit_and_the_channel_lives() {
    let limits = DecodeLimits { max_bytes: 200, ..DecodeLimits::DEFAULT };
    let mut server = Server::new(ServerConfig { limits, ..ServerConfig::default() });
    let mut out = Vec::new();
    server.receive(&frames(&["{mfa,{a,b,[1,2]}}", "{mfa,{a,c,[]}}"])).expect("frames");
    let (ticket, _) = server.next_call(&mut out).expect("a call");
    server.complete(ticket, Ok(Success::Value(Term::binary(vec![0; 300]))), &mut out).expect("its ticket");
    assert_eq!(answers(&out), ["#{answer,{{exec_badrpc,{'EXIT',{system_limit,[{a,b,2,[]}]}}},-1}}"]);
    assert_eq!(run(&mut server, &mut out), ["a:c()"]);
}

#[test]
fn the_ticket_of_another_channel_is_refused() {
    let mut server = Server::new(ServerConfig::default());
    let mut out = Vec::new();
    server.receive(&frames(&["{mfa,{a,b,[]}}"])).expect("frames");
    assert_eq!(server.complete(Ticket { number: 1 }, Ok(Success::Value(1.into())), &mut out), Err(StaleTicket));
    let (ticket, _) = server.next_call(&mut out).expect("a call");
    assert_eq!(server.complete(Ticket { number: 7 }, Ok(Success::Value(1.into())), &mut out), Err(StaleTicket));
    assert!(out.is_empty());
    server.complete(ticket, Ok(Success::Value(1.into())), &mut out).expect("its ticket");
}

proptest! {
    #[test]
    fn whatever_comes_is_answered_in_whole_terms_or_refused(
        octets in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(131), Just(104), Just(2)], 0..200),
        split in 1_usize..50,
    ) {
        for expect in [Expect::Frames, Expect::Bare, Expect::Either] {
            let mut server = Server::new(ServerConfig::new(expect));
            let mut out = Vec::new();
            for piece in octets.chunks(split) {
                let mut rest = piece;
                while let Ok(used @ 1..) = server.receive(rest) {
                    rest = &rest[used..];
                    run(&mut server, &mut out);
                }
            }
            run(&mut server, &mut out);
            server.end();
            prop_assert!(server.is_finished());
            let well_formed = answers(&out).iter().all(|answer| answer.trim_start_matches('#').starts_with("{answer,{"));
            prop_assert!(well_formed);
        }
    }
}
