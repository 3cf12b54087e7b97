use super::*;
use alloc::string::ToString;
use alloc::vec;
use proptest::prelude::*;

use crate::call::{Failure, Outcome, Server, ServerConfig, Success, append};
use crate::term::Atom;

fn call(function: &'static str, args: Vec<Term>) -> Call {
    Call::new(Atom::from_static("m"), Atom::from_static(function), args)
}

fn answer(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let term: Term = text.parse().expect("a term");
    append(&term, Framing::Frame, Emit::Otp26, usize::MAX, &mut out).expect("short");
    out
}

/// The result that a client makes of an answer.
fn result_of(text: &str) -> Result<Term, CallError> {
    let mut client = Client::new(ClientConfig::default());
    let id = client.call(&call("f", Vec::new()), &mut Vec::new()).expect("open");
    client.receive(&answer(text)).expect("one answer");
    let (replied, result) = client.next_reply().expect("its reply");
    assert_eq!(replied, id);
    result
}

#[test]
fn replies_belong_to_calls_in_their_order() {
    let mut client = Client::new(ClientConfig::default());
    let mut out = Vec::new();
    let ids: Vec<_> = (0..3).map(|_| client.call(&call("f", Vec::new()), &mut out).expect("open")).collect();
    let stream = [answer("{answer,{a,0}}"), answer("{answer,{{exec_error,x},-1}}"), answer("{answer,{c,0}}")].concat();
    client.receive(&stream).expect("three answers");
    assert_eq!(client.next_reply(), Some((ids[0], Ok(Term::atom("a")))));
    assert_eq!(client.next_reply(), Some((ids[1], Err(CallError::Refused(Term::atom("x"))))));
    assert_eq!(client.next_reply(), Some((ids[2], Ok(Term::atom("c")))));
    assert_eq!((client.next_reply(), client.pending()), (None, 0));
}

#[test]
fn a_call_that_was_given_up_still_takes_its_reply() {
    let mut client = Client::new(ClientConfig::default());
    let mut out = Vec::new();
    let gone = client.call(&call("f", Vec::new()), &mut out).expect("open");
    let kept = client.call(&call("g", Vec::new()), &mut out).expect("open");
    client.give_up(gone);
    assert_eq!(client.pending(), 2);
    client.receive(&[answer("{answer,{late,0}}"), answer("{answer,{mine,0}}")].concat()).expect("two answers");
    assert_eq!(client.next_reply(), Some((kept, Ok(Term::atom("mine")))));
    assert_eq!(client.next_reply(), None);
}

#[test]
fn a_call_that_was_given_up_with_its_reply_here_is_not_reported() {
    let mut client = Client::new(ClientConfig::default());
    let id = client.call(&call("f", Vec::new()), &mut Vec::new()).expect("open");
    client.receive(&answer("{answer,{a,0}}")).expect("an answer");
    client.give_up(id);
    assert_eq!(client.next_reply(), None);
}

#[test]
fn calls_that_wait_at_the_end_are_lost_once_each() {
    let mut client = Client::new(ClientConfig::default());
    let mut out = Vec::new();
    let ids: Vec<_> = (0..4).map(|_| client.call(&call("f", Vec::new()), &mut out).expect("open")).collect();
    client.give_up(ids[2]);
    client.receive(&answer("{answer,{a,0}}")).expect("an answer");
    client.receive(&[0, 0]).expect("a part of a length");
    assert_eq!(client.end().map(|partial| partial.received), Some(2));
    client.end();
    assert_eq!(client.next_reply(), Some((ids[0], Ok(Term::atom("a")))));
    assert_eq!(client.next_reply(), Some((ids[1], Err(CallError::Lost))));
    assert_eq!(client.next_reply(), Some((ids[3], Err(CallError::Lost))));
    assert_eq!(client.next_reply(), None);
    assert_eq!(client.call(&call("f", Vec::new()), &mut out), Err(CallNotSent::Ended));
}

#[test]
fn a_stream_that_is_no_protocol_loses_the_calls_and_stays_refused() {
    let mut client = Client::new(ClientConfig::default());
    let id = client.call(&call("f", Vec::new()), &mut Vec::new()).expect("open");
    let error = client.receive(b"Welcome to the shell").expect_err("no frame");
    assert!(matches!(error, ClientError::Frame(FrameError::TooLong { .. })), "{error}");
    assert_eq!(client.next_reply(), Some((id, Err(CallError::Lost))));
    assert_eq!(client.receive(&[]), Err(error));
}

#[test]
fn an_answer_that_nobody_asked_for_is_an_error() {
    let mut client = Client::new(ClientConfig::default());
    assert_eq!(client.receive(&answer("{answer,{a,0}}")), Err(ClientError::Unasked));
}

#[test]
fn an_exec_request_is_answered_by_a_bare_term() {
    let mut client = Client::new(ClientConfig::new(Framing::Bare));
    let id = client.expect_answer().expect("open");
    client.receive(&answer("{answer,{\"abc\",0}}")[4..]).expect("a bare term");
    assert_eq!(client.next_reply(), Some((id, Ok("abc".into()))));
}

#[test]
fn a_request_above_the_limit_is_not_sent() {
    let limits = DecodeLimits { max_bytes: 100, ..DecodeLimits::DEFAULT };
    let mut client = Client::new(ClientConfig { limits, ..ClientConfig::default() });
    let mut out = Vec::new();
    let large = call("f", vec![Term::binary(vec![0; 100])]);
    assert_eq!(client.call(&large, &mut out), Err(CallNotSent::TooLong));
    assert_eq!((out.len(), client.pending()), (0, 0));
}

#[test]
fn the_kinds_of_failure_are_told_apart() {
    let failed = |failure| Err(CallError::Failed(failure));
    assert_eq!(result_of("{answer,{{exec_badrpc,{'EXIT',foo}},-1}}"), failed(Failure::exit(Term::atom("foo"))));
    assert_eq!(
        result_of("{answer,{{exec_badrpc,{'EXIT',{foo,bar}}},-1}}"),
        failed(Failure::exit("{foo,bar}".parse().expect("a term")))
    );
    assert_eq!(result_of("{answer,{{exec_badrpc,{'EXIT',{badarith,[]}}},-1}}"), failed(Failure::of("badarith")));
    let undef = result_of("{answer,{{exec_badrpc,{'EXIT',{undef,[{nomod,f,[],[]}]}}},-1}}");
    let nomod = Call::new(Atom::from_static("nomod"), Atom::from_static("f"), Vec::new());
    assert_eq!(undef, failed(Failure::undef(&nomod)));
    assert_eq!(result_of("{answer,{{exec_error,{foo,1}},-1}}"), Err(CallError::Refused("{foo,1}".parse().unwrap())));
    assert_eq!(result_of("{answer,{{exec_error,{foo,1}},0}}"), Ok("{exec_error,{foo,1}}".parse().unwrap()));
    for other in ["{answer,{oops,-1}}", "{answer,oops}", "oops", "{answer,{a,b}}", "{answer,{{exec_badrpc,x},-1}}"] {
        assert_eq!(result_of(other), Err(CallError::BadReply(other.parse().expect("a term"))));
    }
}

#[test]
fn failures_are_told_in_words_with_the_term_beneath() {
    for (reply, words) in [
        ("{undef,[{nomod,f,[],[]}]}", "undef: nomod:f/0 is not defined on the node"),
        ("{undef,[{m,'F',[1,2],[]}]}", "undef: m:'F'/2 is not defined on the node"),
        (
            "{badarith,[{erlang,'/',[1,0],[{error_info,#{}}]}]}",
            "badarith: bad argument in an arithmetic expression (in erlang:'/'/2)",
        ),
        ("{badarg,[]}", "badarg: bad argument"),
        ("{function_clause,[{lists,seq,2,[]}]}", "function_clause: lists:seq/2 does not take these arguments"),
        (
            "{system_limit,[{binary,copy,2,[]}]}",
            "system_limit: a limit of the node would be exceeded (in binary:copy/2)",
        ),
        ("{{erpc,notsup},[{os,cmd,1,[]}]}", "notsup: the node does not allow this call (in os:cmd/1)"),
        ("{{badmatch,1},[{a,b,1,[]}]}", "error: {badmatch,1} (in a:b/1)"),
        ("{my,reason}", "exit: the function exited with {my,reason}"),
    ] {
        let error =
            result_of(&alloc::format!("{{answer,{{{{exec_badrpc,{{'EXIT',{reply}}}}},-1}}}}")).expect_err("a failure");
        assert_eq!(error.to_string(), words);
        assert_eq!(alloc::format!("{error:#}"), alloc::format!("{words}\n  {{'EXIT',{reply}}}"));
    }
    let syntax = result_of("{answer,{{exec_error,{syntax,1,7,<<\"expected a term\">>}},-1}}");
    assert_eq!(syntax.expect_err("refused").to_string(), "syntax error at line 1, column 7: expected a term");
    let unknown = result_of("{answer,{{exec_error,{foo,1}},-1}}");
    assert_eq!(unknown.expect_err("refused").to_string(), "the node does not know this request: {foo,1}");
}

#[test]
fn words_about_a_failure_are_cut_before_they_are_a_page() {
    let error = CallError::Refused(Term::binary(vec![b'x'; 1 << 20])).to_string();
    assert!(error.len() < 1100 && error.ends_with("..."), "{}", error.len());
}

/// What a function of the property test does with its argument.
fn outcome(kind: u8, argument: &Term) -> Outcome {
    match kind % 4 {
        0 => Ok(Success::Value(argument.clone())),
        1 => Err(Failure::of("badarg")),
        2 => Err(Failure::exit(argument.clone())),
        _ => Err(Failure::undef(&call("g", vec![argument.clone()]))),
    }
}

fn expected(kind: u8, argument: &Term) -> Result<Term, CallError> {
    match outcome(kind, argument) {
        Ok(_) => Ok(argument.clone()),
        Err(failure) => Err(CallError::Failed(failure)),
    }
}

/// Moves the first few octets of one buffer to where `sink` takes them from; what it does not take stays.
fn pump(stream: &mut Vec<u8>, most: usize, sink: impl FnOnce(&[u8]) -> usize) {
    let piece = stream.len().min(most);
    let used = sink(&stream[..piece]);
    stream.drain(..used);
}

proptest! {
    #[test]
    fn client_and_server_agree_over_random_splits(
        calls in prop::collection::vec((any::<u8>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..40),
        sizes in prop::collection::vec(1_usize..300, 1..20),
        bare in any::<bool>(),
        max_queued in 1_usize..5,
    ) {
        let framing = if bare { Framing::Bare } else { Framing::Frame };
        let mut client = Client::new(ClientConfig::new(framing));
        let expect = Expect::Either;
        let mut server = Server::new(ServerConfig { max_queued, ..ServerConfig::new(expect) });
        let (mut requests, mut replies) = (Vec::new(), Vec::new());
        let mut wanted = Vec::new();
        for (kind, kept, argument) in &calls {
            let argument = Term::binary(argument.as_slice());
            let id = client.call(&call("f", vec![i64::from(*kind).into(), argument.clone()]), &mut requests).unwrap();
            if *kept {
                wanted.push((id, expected(*kind, &argument)));
            } else {
                client.give_up(id);
            }
        }
        let mut got = Vec::new();
        let mut sizes = sizes.into_iter().cycle();
        while client.pending() > 0 {
            pump(&mut requests, sizes.next().unwrap_or(1), |piece| server.receive(piece).expect("requests"));
            if let Some((ticket, call)) = server.next_call(&mut replies) {
                let kind = u8::try_from(&call.args[0]).expect("a kind");
                server.complete(ticket, outcome(kind, &call.args[1]), &mut replies).expect("its ticket");
            }
            pump(&mut replies, sizes.next().unwrap_or(1), |piece| {
                client.receive(piece).expect("replies");
                piece.len()
            });
            got.extend(core::iter::from_fn(|| client.next_reply()));
        }
        prop_assert_eq!(got, wanted);
        prop_assert!(server.is_idle() && requests.is_empty() && replies.is_empty());
        prop_assert_eq!((server.end(), client.end()), (None, None));
    }
}
