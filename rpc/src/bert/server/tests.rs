use alloc::string::{String, ToString};
use alloc::vec;

use super::*;
use crate::bert::{Access, Answer, AnswerError, Client, ClientConfig, FaultKind, Freshness, Known, RequestInfo};
use crate::call::Failure;
use crate::term::{decode_exact, parse_call, parse_term};

/// A message that BERT-RPC's own documents show, as their implementations write it.
fn berp(hex: &str) -> Vec<u8> {
    let bytes = vectors::hex(hex);
    let length = u32::try_from(bytes.len()).expect("short");
    [&length.to_be_bytes()[..], &bytes].concat()
}

/// Frames with these terms, as Erlang writes them.
fn frames(texts: &[&str]) -> Vec<u8> {
    let frame = |text: &&str| {
        let bytes = parse_term(text).expect(text).to_bytes().expect("short");
        [&u32::try_from(bytes.len()).expect("short").to_be_bytes()[..], &bytes].concat()
    };
    texts.iter().flat_map(frame).collect()
}

/// The terms of frames.
fn terms(mut bytes: &[u8]) -> Vec<String> {
    let mut terms = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (frame, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        terms.push(
            decode_exact(frame).map_or_else(|_| alloc::format!("{} octets", frame.len()), |term| term.to_string()),
        );
        bytes = rest;
    }
    terms
}

/// A server that computes its calls as this does.
fn served(input: &[u8], config: ServerConfig, answer: impl Fn(&Request) -> Reply) -> Vec<u8> {
    let (mut server, mut out, mut rest) = (Server::new(config), Vec::new(), input);
    loop {
        rest = &rest[server.receive(rest)..];
        match server.next_request(&mut out) {
            Some((ticket, request)) => server.reply(ticket, answer(&request), &mut out).expect("its own"),
            None if rest.is_empty() => break,
            None => {}
        }
    }
    server.end();
    assert!(server.is_finished());
    out
}

/// Replies with the request itself.
fn echo(request: &Request) -> Reply {
    match request {
        Request::Call { call, condition: None } => Term::list(call.args.clone()).into(),
        Request::Call { condition: Some(_), .. } => Reply::Valid,
        Request::Cast { .. } => Reply::Accepted,
    }
}

fn replies(requests: &[&str]) -> Vec<String> {
    terms(&served(&frames(requests), ServerConfig::default(), echo))
}

#[test]
fn the_documents_call_octet_by_octet() {
    // {call, nat, add, [1, 2]} and {reply, 3}
    let call = berp("83 68 04 64 0004 63616c6c 64 0003 6e6174 64 0003 616464 6c 00000002 61 01 61 02 6a");
    let add = |request: &Request| {
        let Request::Call { call, .. } = request else { panic!("a call") };
        assert_eq!(call.to_string(), "nat:add(1,2)");
        Term::from(3).into()
    };
    let reply = berp("83 68 02 64 0005 7265706c79 61 03");
    assert_eq!(served(&call, ServerConfig::default(), add), reply);
    let (mut client, mut out) = (Client::new(ClientConfig::default()), Vec::new());
    client.call(&parse_call("nat:add(1,2)").expect("a call"), RequestInfo::default(), &mut out).expect("sayable");
    assert_eq!(out, call);
    client.receive(&reply).expect("whole");
    assert_eq!(client.next_answer(), Some(Ok(Term::from(3).into())));
}

#[test]
fn values_have_berts_tags_alone() {
    let value = parse_term("[1.5,<<\"b\">>,\"ab\",true,#{k => nil},-1,[],99999999999]").expect("a term");
    let out = served(&frames(&["{call,m,f,[]}"]), ServerConfig::default(), |_| value.clone().into());
    let float = "63 312e3530303030303030303030303030303030303030652b3030 0000000000";
    let constant = |name: &str| alloc::format!("68 02 64 0004 62657274 64 {name}");
    let expected = alloc::format!(
        "83 68 02 64 0005 7265706c79 6c 00000008 {float} 6d 00000001 62 6c 00000002 61 61 61 62 6a {} \
         68 03 64 0004 62657274 64 0004 64696374 6c 00000001 68 02 64 0001 6b {} 6a 62 ffffffff 6a 6e 05 00 ff e7 76 48 17 6a",
        constant("0004 74727565"),
        constant("0003 6e696c"),
    );
    assert_eq!(out, berp(&expected));
}

#[test]
fn what_bert_cannot_say_is_an_error_of_the_server() {
    for (value, what) in [
        ("<<1:3>>", "a bit string"),
        ("[a|b]", "an improper list"),
        ("fun a:b/1", "a fun"),
        ("'ł'", "an atom that is not Latin-1"),
        ("{bert,x}", "none of BERT's complex types"),
    ] {
        let value = parse_term(value).expect("a term");
        let out = terms(&served(&frames(&["{call,m,f,[]}"]), ServerConfig::default(), |_| value.clone().into()));
        assert!(
            out.len() == 1 && out[0].starts_with("{error,{server,0,<<\"badarg\">>") && out[0].contains(what),
            "{out:?}"
        );
    }
}

#[test]
fn casts_are_accepted_and_have_callbacks() {
    assert_eq!(replies(&["{cast,stats,incr,[]}"]), ["{noreply}"]);
    let callback = "{info,callback,[{service,<<\"localhost:9998\">>},{mfa,m,f,[a,{bert,true}]}]}";
    let out = served(&frames(&[callback, "{cast,m,g,[]}", "{cast,m,h,[]}"]), ServerConfig::default(), |request| {
        let Request::Cast { call, callback } = request else { panic!("a cast") };
        match (call.function.as_str(), callback) {
            ("g", Some(callback)) => {
                assert_eq!(callback.service, "localhost:9998");
                assert_eq!(callback.clone().with_result(Term::from(7)).to_string(), "m:f(a,true,7)");
            }
            ("h", None) => {}
            other => panic!("{other:?}"),
        }
        Reply::Accepted
    });
    assert_eq!(terms(&out), ["{noreply}", "{noreply}"]);
}

#[test]
fn caching_is_said_before_the_reply_and_a_condition_before_the_call() {
    let caching = |freshness| Some(Caching::new(Access::Public, freshness));
    for (freshness, said) in [
        (Freshness::Expires { seconds: 600 }, "{info,cache,[{access,public},{expiration,600}]}"),
        (Freshness::Validates { token: b"t".into() }, "{info,cache,[{access,public},{validation,<<\"t\">>}]}"),
    ] {
        let reply = Reply::Value { value: Term::from(1), caching: caching(freshness.clone()) };
        let out = served(&frames(&["{call,m,f,[]}"]), ServerConfig::default(), |_| reply.clone());
        assert_eq!(terms(&out), [said, "{reply,1}"]);
        let mut client = asking(1);
        client.receive(&out).expect("whole");
        let value = Answer::Value { value: Term::from(1), caching: caching(freshness) };
        assert_eq!(client.next_answer(), Some(Ok(value)));
    }
    // The second is how a client of 2010 writes it.
    for condition in ["{info,cache,[{validation,<<\"t\">>}]}", "{info,cache,[validation,t]}"] {
        let out = served(&frames(&[condition, "{call,m,f,[]}", "{call,m,f,[1]}"]), ServerConfig::default(), echo);
        assert_eq!(terms(&out), ["{info,valid,[]}", "{noreply}", "{reply,[1]}"]);
        let mut client = asking(2);
        client.receive(&out).expect("whole");
        assert_eq!(client.next_answer(), Some(Ok(Answer::Valid)));
    }
}

#[test]
fn a_streamed_request_has_one_argument_more() {
    let chunk = |octets: &[u8]| [&u32::try_from(octets.len()).expect("short").to_be_bytes()[..], octets].concat();
    let request = [frames(&["{info,stream,[]}", "{call,m,f,[a]}"]), chunk(b"one "), chunk(b"two"), chunk(b"")].concat();
    let next = frames(&["{call,m,f,[b]}"]);
    let out = served(&[request, next.clone()].concat(), ServerConfig::default(), echo);
    assert_eq!(terms(&out), ["{reply,[a,<<\"one two\">>]}", "{reply,[b]}"]);
    let mut config = ServerConfig::default();
    config.limits.max_bytes = 50;
    let request =
        [frames(&["{info,stream,[]}", "{call,m,f,[a]}"]), chunk(&[7; 40]), chunk(&[7; 40]), chunk(b"")].concat();
    let out = terms(&served(&[request, next].concat(), config, echo));
    assert!(out[0].contains("{protocol,2,") && out[0].contains("more than 50 octets"), "{out:?}");
    assert_eq!(out[1..], ["{reply,[b]}"]);
}

#[test]
fn a_binary_beyond_the_limit_is_streamed_and_other_values_are_not() {
    let mut config = ServerConfig::default();
    config.limits.max_bytes = 100;
    let big = |_: &Request| Term::binary(vec![7; 200]).into();
    let out = served(&frames(&["{call,m,f,[]}"]), config, big);
    assert_eq!(terms(&out), ["{info,stream,[]}", "{reply,[]}", "200 octets", "0 octets"]);
    let mut client = asking(1);
    client.receive(&out).expect("whole");
    assert_eq!(client.next_answer(), Some(Ok(Term::binary(vec![7; 200]).into())));
    let mut client = Client::new(ClientConfig { max_stream_bytes: 199, ..ClientConfig::default() });
    client.cast(&parse_call("m:f()").expect("a call"), None, &mut Vec::new()).expect("sayable");
    client.receive(&out).expect("whole");
    assert_eq!(client.next_answer(), Some(Err(AnswerError::StreamTooLong)));
    let out = terms(&served(&frames(&["{call,m,f,[]}"]), config, |_| Term::list(vec![7.into(); 100]).into()));
    assert!(out[0].starts_with("{error,{server,0,<<\"system_limit\">>"), "{out:?}");
}

#[test]
fn what_is_no_request_is_answered_in_its_turn() {
    let garbage = [&[0, 0, 0, 3, 1, 2, 3][..], &frames(&["{call,m,f,[1]}"])].concat();
    let out = terms(&served(&garbage, ServerConfig::default(), echo));
    assert!(out[0].starts_with("{error,{protocol,2,<<\"BERTRPC\">>"), "{out:?}");
    assert_eq!(out[1], "{reply,[1]}");
    for text in ["foo", "{call,m,f}", "{call,m,f,a}", "{call,\"m\",f,[]}", "{call,m,f,[a|b]}", "{reply,1}", "{}"] {
        assert!(replies(&[text])[0].starts_with("{error,{protocol,0,"), "{text}");
    }
    assert!(replies(&["{call,m,f,[{bert,x}]}"])[0].starts_with("{error,{protocol,2,"));
}

#[test]
fn a_wrong_info_is_the_error_of_the_request_after_it() {
    for wrong in [
        "{info,foo,[]}",
        "{info,cache,[]}",
        "{info,callback,[{service,<<\"h:1\">>}]}",
        "{info,callback,[{service,x},{mfa,m,f,[]}]}",
        "{info,1,[]}",
    ] {
        assert_eq!(replies(&[wrong]), [""; 0], "{wrong}");
        let out = replies(&[wrong, "{call,m,f,[1]}", "{call,m,f,[2]}"]);
        assert!(out.len() == 2 && out[0].starts_with("{error,{protocol,0,"), "{out:?}");
        assert_eq!(out[1], "{reply,[2]}");
    }
    let callback = "{info,callback,[{service,<<\"h:1\">>},{mfa,m,f,[]}]}";
    assert!(replies(&[callback, "{call,m,f,[]}"])[0].contains("a callback belongs to a cast"));
}

#[test]
fn a_length_beyond_the_limit_is_answered_and_ends_the_connection() {
    // As a browser's request begins.
    let out = terms(&served(b"\0\0\0\x02\x83jPOST / HTTP/1.1\r\n\r\n", ServerConfig::default(), echo));
    assert_eq!(out.len(), 2);
    assert!(out[1].starts_with("{error,{protocol,1,"), "{out:?}");
    let mut server = Server::new(ServerConfig::default());
    assert_eq!(server.receive(b"POST / HTTP/1.1"), 15);
    assert_eq!(server.receive(b"more"), 4);
    assert!(server.failed().is_some() && server.next_request(&mut Vec::new()).is_none() && server.is_finished());
}

#[test]
fn pieces_make_no_difference_and_every_truncation_is_silent() {
    let requests = [
        frames(&["{info,stream,[]}", "{call,m,f,[a]}"]),
        b"\0\0\0\x03abc\0\0\0\0".to_vec(),
        frames(&["{cast,m,f,[]}", "{info,cache,[{validation,<<1>>}]}", "{call,m,f,[]}"]),
    ]
    .concat();
    let whole = served(&requests, ServerConfig::default(), echo);
    for end in 0..requests.len() {
        let (mut server, mut out) = (Server::new(ServerConfig::default()), Vec::new());
        for octet in &requests[..end] {
            assert_eq!(server.receive(core::slice::from_ref(octet)), 1);
            while let Some((ticket, request)) = server.next_request(&mut out) {
                server.reply(ticket, echo(&request), &mut out).expect("its own");
            }
        }
        server.end();
        assert!(server.is_finished());
        assert!(whole.starts_with(&out) && out.len() < whole.len(), "{end}");
        let mut client = asking(3);
        client.receive(&out).expect("a part");
        client.end();
        assert_eq!(core::iter::from_fn(|| client.next_answer()).count(), 3);
    }
}

#[test]
fn a_full_queue_takes_no_more() {
    let mut server = Server::new(ServerConfig { max_queued: 2, ..ServerConfig::default() });
    let one = frames(&["{call,m,f,[]}"]);
    let three = [one.clone(), one.clone(), one.clone()].concat();
    assert_eq!(server.receive(&three), 2 * one.len());
    assert_eq!(server.receive(&three), 0);
    let (ticket, _) = server.next_request(&mut Vec::new()).expect("one");
    assert!(server.next_request(&mut Vec::new()).is_none());
    assert_eq!(server.receive(&one), one.len());
    assert_eq!(server.reply(Ticket { number: 7 }, Reply::Valid, &mut Vec::new()), Err(StaleTicket));
    assert_eq!(server.reply(ticket, Reply::Valid, &mut Vec::new()), Ok(()));
}

#[test]
fn failures_have_berts_kinds_and_come_back() {
    let call = parse_call("m:f(1)").expect("a call");
    let stack = parse_term("[{m,g,2,[]},{m,f,1,[]}]").expect("a term");
    for (failure, known, expected) in [
        (Failure::undef(&call), Known::No, "{server,1,<<\"undef\">>,<<\"no such module: m\">>,[]}"),
        (Failure::undef(&call), Known::Unsure, "{server,2,<<\"undef\">>,<<\"no such function: m:f/1\">>,[]}"),
        (Failure::erpc("notsup"), Known::Yes, "{server,0,<<\"erpc\">>,<<\"notsup\">>,[]}"),
        (
            Failure::Error { reason: Term::atom("badarith"), stack },
            Known::Yes,
            "{user,100,<<\"error\">>,<<\"badarith\">>,[<<\"{m,g,2,[]}\">>,<<\"{m,f,1,[]}\">>]}",
        ),
        (Failure::exit(Term::from("x")), Known::Yes, "{user,101,<<\"exit\">>,<<\"\\\"x\\\"\">>,[]}"),
        (Failure::throw(Term::atom("x")), Known::Yes, "{user,102,<<\"throw\">>,<<\"x\">>,[]}"),
    ] {
        let fault = Fault::of(&failure, &call, known);
        assert_eq!(fault.to_term().to_string(), expected);
        let out = served(&frames(&["{call,m,f,[]}"]), ServerConfig::default(), |_| fault.clone().into());
        let mut client = asking(1);
        client.receive(&out).expect("whole");
        assert_eq!(client.next_answer(), Some(Err(AnswerError::Fault(fault))));
    }
    let proxy = parse_term("{proxy,100,'C',\"detail\",[<<255>>,x]}").expect("a term");
    let fault = Fault::from_term(&proxy).expect("a fault");
    assert_eq!((fault.kind, fault.class.as_str(), fault.detail.as_str()), (FaultKind::Proxy, "C", "detail"));
    assert_eq!(fault.backtrace, ["\u{fffd}", "x"]);
}

#[test]
fn clients_refuse_what_is_no_answer() {
    for text in ["{reply}", "foo", "{error,x}", "{noreply,1}"] {
        let mut client = asking(1);
        client.receive(&frames(&[text])).expect("a frame");
        assert_eq!(client.next_answer(), Some(Err(AnswerError::NotAnAnswer(parse_term(text).expect("a term")))));
    }
    assert!(asking(0).receive(&frames(&["{reply,1}"])).is_err());
    let mut client = asking(2);
    assert!(client.receive(&[255; 4]).is_err());
    assert_eq!(client.next_answer(), Some(Err(AnswerError::Lost)));
    assert_eq!(client.cast(&parse_call("m:f()").expect("a call"), None, &mut Vec::new()), Err(NotSayable::Ended));
}

fn asking(requests: usize) -> Client {
    let mut client = Client::new(ClientConfig::default());
    for _ in 0..requests {
        client.cast(&parse_call("m:f()").expect("a call"), None, &mut Vec::new()).expect("sayable");
    }
    client
}
