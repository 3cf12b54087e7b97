//! What ends a channel, what is answered, and that nothing else happens whatever comes.

use proptest::prelude::*;
use sshrpc::call::{Framing, append};
use sshrpc::extended::{Limits, ServerEvent};
use sshrpc::term::Emit;

use super::pair::{Pair, call, term};

fn frames(texts: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for text in texts {
        append(&term(text), Framing::Frame, Emit::Otp26, usize::MAX, &mut out).unwrap();
    }
    out
}

/// What a server says to these messages: its error, or its answers.
fn said(messages: &[&str]) -> Result<Vec<String>, String> {
    let mut pair = Pair::new();
    pair.server.receive(&frames(messages)).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    pair.server.fill(&mut out, usize::MAX);
    let mut answers = Vec::new();
    let mut rest = out.as_slice();
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let (frame, more) = more.split_at(u32::from_be_bytes(*length) as usize);
        answers.push(sshrpc::term::decode_exact(frame).unwrap().to_string());
        rest = more;
    }
    Ok(answers)
}

#[test]
fn requests_that_are_not_known_or_malformed_are_answered() {
    let answers = said(&[
        "{teleport,1,{a,b,[]},#{}}",
        "{call,2,{a,b,c},#{}}",
        "{call,3,{a,b,[]}}",
        "{call,4,{a,b,[]},#{deadline => soon}}",
        "{send,5,\"logger\",hello}",
        "{monitor,6}",
        "{link,7,a,b}",
    ]);
    let expected: Vec<_> = ["notsup", "badarg", "badarg", "badarg", "badarg", "badarg", "badarg"]
        .iter()
        .zip(1..)
        .map(|(why, id)| format!("{{answer,{id},{{error,{{erpc,{why}}},[]}}}}"))
        .collect();
    assert_eq!(answers, Ok(expected));
}

#[test]
fn what_is_no_message_ends_the_channel() {
    for (messages, why) in [
        (&["hello"][..], "not a message: hello"),
        (&["{call,-1,{a,b,[]},#{}}"], "not a message: {call,-1,{a,b,[]},#{}}"),
        (&["{cancel,1,now}"], "not a message: {cancel,1,now}"),
        (&["{data,1,\"text\"}"], "not a message: {data,1,\"text\"}"),
        (&["{call,1,{a,b,[]},#{}}", "{ping,1}"], "a request has the number 1, which is in use"),
        (
            &["{call,1,{a,b,[]},#{}}", "{data,1,<<1>>}"],
            "more came of a stream of call 1 than its credit allows, or after its end",
        ),
        (
            &["{call,1,{a,b,[]},#{input => stream}}", "{eof,1}", "{data,1,<<1>>}"],
            "more came of a stream of call 1 than its credit allows, or after its end",
        ),
        (
            &["{call,1,{a,b,[]},#{output => stream}}", "{credit,1,9223372036854775807}"],
            "more came of a stream of call 1 than its credit allows, or after its end",
        ),
        (&["{part,1,10,<<>>}"], "a part is not {part, Serial, Size, Binary}"),
        (&["{part,1,ten,<<1>>}"], "a part is not {part, Serial, Size, Binary}"),
        (&["{part,1,100000000,<<1>>}"], "a message in parts has 100000000 octets, more than the limit"),
        (
            &["{part,1,60000000,<<1>>}", "{part,2,60000000,<<1>>}", "{part,3,60000000,<<1>>}"],
            "messages in parts sum up to 180000000 octets, more than the limit",
        ),
        (&["{part,2,10,<<1>>}", "{part,1,10,<<1>>}"], "part 1 belongs to no message"),
        (&["{part,1,1,<<1,2>>}"], "the parts of message 1 do not agree about its size"),
        (&["{part,1,10,<<1>>}", "{part,1,11,<<1>>}"], "the parts of message 1 do not agree about its size"),
    ] {
        assert_eq!(said(messages), Err(why.to_owned()), "{messages:?}");
    }
}

#[test]
fn frames_are_bounded_from_the_hello_on() {
    let mut pair = Pair::new();
    let error = pair.server.receive(&[0, 1, 0, 1]).unwrap_err();
    assert_eq!(error.to_string(), "a frame announces 65537 octets; the limit is 65536");
    // It stays so.
    assert_eq!(pair.server.receive(&frames(&["{ping,1}"])), Err(error));
}

#[test]
fn more_calls_than_were_allowed_are_answered_with_system_limit() {
    let mut limits = Limits::DEFAULT;
    limits.calls = 1;
    let mut pair = Pair::with(Limits::DEFAULT, limits, usize::MAX);
    pair.server.receive(&frames(&["{call,1,{a,b,[]},#{}}", "{call,2,{a,b,[]},#{}}"])).unwrap();
    assert_eq!(pair.asked().0.id().get(), 1);
    assert!(pair.server.next_event().is_none());
}

#[test]
fn a_client_believes_only_what_it_asked_for() {
    for (message, why) in [
        ("{answer,7,{return,ok}}", "an answer came that no request asked for: 7"),
        ("{answer,1,{gift,ok}}", "not a message: {answer,1,{gift,ok}}"),
        ("{data,1,<<1>>}", "more came of a stream of call 1 than its credit allows, or after its end"),
        ("{call,1,{a,b,[]},#{}}", "not a message: {call,1,{a,b,[]},#{}}"),
    ] {
        let mut pair = Pair::new();
        pair.ask(call("a:b(1)"));
        let error = pair.client.receive(&frames(&[message])).unwrap_err();
        assert_eq!(error.to_string(), why);
        assert!(pair.client.next_event().is_some(), "the call is lost");
        assert_eq!(pair.client.receive(&[]), Err(error));
    }
}

#[test]
fn who_reads_nothing_is_not_heard_for_ever() {
    let mut pair = Pair::new();
    let flood = frames(&["{ping,1}"]).repeat(2000);
    let mut taken = 0;
    for _ in 0..1000 {
        let n = pair.server.receive(&flood).unwrap();
        taken += n;
        if n < flood.len() {
            assert!(taken < 40 << 20);
            return;
        }
    }
    panic!("{taken} octets of questions were taken, and no answer was read");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_octets_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut pair = Pair::new();
        let _ = pair.server.receive(&octets);
        let _ = pair.client.receive(&octets);
        let mut frame = u32::try_from(octets.len()).unwrap().to_be_bytes().to_vec();
        frame.extend_from_slice(&octets);
        let mut pair = Pair::new();
        let _ = pair.server.receive(&frame);
        let _ = pair.client.receive(&frame);
    }

    /// Any order of answers, any sizes, any pieces: each call has its own answer.
    #[test]
    fn every_call_gets_its_answer(
        sizes in proptest::collection::vec(prop_oneof![0..100_usize, 30_000..70_000_usize], 1..20),
        piece in 1..50_000_usize,
        seed in any::<u64>(),
    ) {
        let mut pair = Pair::with(Limits::DEFAULT, Limits::DEFAULT, piece);
        let mut waiting = Vec::new();
        for size in &sizes {
            let mut request = sshrpc::term::parse_call("a:b()").unwrap();
            request.args = vec![sshrpc::Term::binary(vec![1; *size])];
            pair.client.request(sshrpc::extended::Request::Call { call: request, options: Default::default() }).unwrap();
            pair.settle();
        }
        while let Some(event) = pair.server.next_event() {
            let ServerEvent::Request { ticket, .. } = event else { panic!("{event:?}") };
            waiting.push(ticket);
        }
        prop_assert_eq!(waiting.len(), sizes.len());
        let mut state = seed;
        while !waiting.is_empty() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let ticket = waiting.swap_remove((state >> 33) as usize % waiting.len());
            let size = sizes[ticket.id().get() as usize - 1];
            let value = sshrpc::Term::tuple([ticket.id().get().into(), sshrpc::Term::binary(vec![2; size])]);
            pair.server.answer(ticket, Ok(value.into()));
        }
        pair.settle();
        for _ in &sizes {
            let Some(sshrpc::extended::ClientEvent::Answer { id, result: Ok(value) }) = pair.client.next_event() else {
                panic!("an answer")
            };
            let [number, bytes] = value.as_tuple().unwrap() else { panic!("{value}") };
            prop_assert_eq!(number.as_u64(), Some(id.get()));
            prop_assert_eq!(bytes.as_binary().unwrap().len(), sizes[id.get() as usize - 1]);
        }
    }
}
