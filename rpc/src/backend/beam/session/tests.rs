use super::*;
use crate::backend::beam::Bounds;
use crate::backend::{Backend, Caller, Context, Execution};
use crate::call::Outcome;
use crate::extended::Destination;
use crate::term::{Atom, decode_exact, parse_call};

/// The BEAM's end, by hand.
struct Beam(tokio::io::DuplexStream);

impl Beam {
    async fn hears(&mut self) -> String {
        let frame = read_frame(&mut self.0, 1 << 20).await.expect("a frame");
        decode_exact(&frame).expect("a term").to_string()
    }

    async fn says(&mut self, text: &str) {
        let mut out = Vec::new();
        let term: Term = text.parse().expect("a term");
        append(&term, Framing::Frame, Emit::default(), usize::MAX, &mut out).expect("short");
        self.0.write_all(&out).await.expect("somebody listens");
    }
}

const OFFER: &str =
    "{sshrpc,hello,#{assembly => 134217728,frame => 67109888,message => 67109888,versions => [1],window => 1048576}}";
const ACCEPTED: &str = "{answer,{{sshrpc,hello,#{version => 1}},0}}";

/// A link to a BEAM that has answered the hello, and how its session ends.
async fn connected(bounds: Bounds) -> (Link, Beam, tokio::task::JoinHandle<Ended>) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (link, mut beam) = (Link::new(bounds), Beam(theirs));
    let (reader, writer) = tokio::io::split(ours);
    let opening = tokio::spawn(Session::open(reader, writer, &[], link.clone()));
    beam.hears().await;
    beam.says(ACCEPTED).await;
    let session = opening.await.expect("no panic").expect("a session");
    (link, beam, tokio::spawn(session.run()))
}

fn call(link: &Link, text: &str) -> Execution {
    link.call(parse_call(text).expect("a call"), &Context::new(Caller::local()))
}

fn caught(outcome: Outcome) -> String {
    outcome.expect_err("a failure").into_caught().to_string()
}

const GONE: &str = "{'EXIT',{{erpc,noconnection},[]}}";
const BEYOND: &str = "{'EXIT',{{erpc,system_limit},[]}}";

#[tokio::test]
async fn whoever_answers_otherwise_is_a_stranger() {
    for answer in ["hello", "{answer,{{exec_error,badarg},-1}}", "{answer,{{sshrpc,hello,#{version => 2}},0}}"] {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (reader, writer) = tokio::io::split(ours);
        let mut beam = Beam(theirs);
        let opening = tokio::spawn(Session::open(reader, writer, &[], Link::new(Bounds::default())));
        assert_eq!(beam.hears().await, OFFER);
        beam.says(answer).await;
        let stranger = opening.await.expect("no panic").expect_err("no session");
        assert!(matches!(&stranger, Ended::Stranger(term) if term.to_string() == answer), "{stranger}");
    }
}

#[tokio::test]
async fn calls_are_answered_in_any_order_and_the_end_answers_the_rest() {
    let (link, mut beam, ended) = connected(Bounds::default()).await;
    let [first, second, third] = ["m:a()", "m:b(1)", "m:c()"].map(|text| call(&link, text));
    assert_eq!(beam.hears().await, "{call,1,{m,a,[]},#{}}");
    assert_eq!(beam.hears().await, "{call,2,{m,b,[1]},#{}}");
    assert_eq!(beam.hears().await, "{call,3,{m,c,[]},#{}}");
    beam.says("{answer,2,{throw,x}}").await;
    assert_eq!(caught(second.outcome().await), "x");
    beam.says("{answer,1,{error,badarg,[{m,a,0,[]}]}}").await;
    assert_eq!(caught(first.outcome().await), "{'EXIT',{badarg,[{m,a,0,[]}]}}");
    drop(beam);
    assert_eq!(caught(third.outcome().await), GONE);
    assert!(matches!(ended.await.expect("no panic"), Ended::Closed));
    assert_eq!(caught(call(&link, "m:d()").ready().expect("at once")), GONE);
}

#[tokio::test]
async fn who_drops_a_call_cancels_it_once() {
    let (link, mut beam, _ended) = connected(Bounds::default()).await;
    drop(call(&link, "m:a()"));
    let answered = call(&link, "m:b()");
    assert_eq!(beam.hears().await, "{call,1,{m,a,[]},#{}}");
    assert_eq!(beam.hears().await, "{cancel,1}");
    assert_eq!(beam.hears().await, "{call,2,{m,b,[]},#{}}");
    beam.says("{answer,1,{exit,killed}}").await;
    beam.says("{answer,2,{return,ok}}").await;
    answered.outcome().await.expect("a value");
    drop(call(&link, "m:c()"));
    assert_eq!(beam.hears().await, "{call,3,{m,c,[]},#{}}");
    assert_eq!(beam.hears().await, "{cancel,3}");
}

#[tokio::test]
async fn a_watch_ends_with_its_process_or_with_who_watches_or_with_the_connection() {
    let (link, mut beam, _ended) = connected(Bounds::default()).await;
    let context = Context::new(Caller::local());
    let watch = |name| link.monitor(&Destination::Name(Atom::from_static(name)), &context).expect("a watch");
    let [first, second, third] = ["a", "b", "c"].map(watch);
    for message in ["{monitor,1,a}", "{monitor,2,b}", "{monitor,3,c}"] {
        assert_eq!(beam.hears().await, message);
    }
    beam.says("{answer,1,{return,ok}}").await;
    beam.says("{down,1,a,shutdown}").await;
    assert_eq!(first.await, Term::atom("shutdown"));
    drop(second);
    assert_eq!(beam.hears().await, "{demonitor,4,2}");
    // Both were on their way.
    beam.says("{down,2,b,normal}").await;
    beam.says("{answer,2,{return,ok}}").await;
    drop(beam);
    assert_eq!(third.await, Term::atom("noconnection"));
}

#[tokio::test]
async fn what_exceeds_the_bounds_is_answered_at_once() {
    let bounds = Bounds { calls: 2, pending: 100, ..Bounds::default() };
    let (link, mut beam, _ended) = connected(bounds).await;
    let long = format!("m:a(\"{}\")", "x".repeat(100));
    assert_eq!(caught(call(&link, &long).ready().expect("at once")), BEYOND);
    let [first, _second, third] = ["m:a()", "m:b()", "m:c()"].map(|text| call(&link, text));
    assert_eq!(caught(third.ready().expect("at once")), BEYOND);
    assert_eq!(beam.hears().await, "{call,2,{m,a,[]},#{}}");
    beam.says("{answer,2,{return,ok}}").await;
    first.outcome().await.expect("a value");
    assert!(call(&link, "m:d()").ready().is_none());
}

#[tokio::test]
async fn an_answer_of_too_many_terms_fails_its_call_alone() {
    let mut bounds = Bounds::default();
    bounds.terms.max_nodes = 10;
    let (link, mut beam, _ended) = connected(bounds).await;
    let (large, small) = (call(&link, "m:a()"), call(&link, "m:b()"));
    beam.says("{answer,1,{return,[a,b,c,d,e,f,g,h,i]}}").await;
    beam.says("{answer,2,{return,[a]}}").await;
    assert_eq!(caught(large.outcome().await), BEYOND);
    small.outcome().await.expect("a value");
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_connection() {
    for (said, expected) in [
        ("{answer,7,{return,ok}}", "it answered request 7, which is not under way"),
        ("{answer,1,ok}", "it sent what is no message: {answer,1,ok}"),
        ("{data,1,<<>>}", "it sent what is no message: {data,1,<<>>}"),
        ("hello", "it sent what is no message: hello"),
    ] {
        let (link, mut beam, ended) = connected(Bounds::default()).await;
        let waiting = call(&link, "m:a()");
        beam.says(said).await;
        assert_eq!(ended.await.expect("no panic").to_string(), expected);
        assert_eq!(caught(waiting.outcome().await), GONE);
    }
    for (octets, expected) in [
        (&[255, 255, 255, 255][..], "it announced a frame of 4294967295 octets"),
        (&[0, 0, 0, 2, 131, 255], "it sent octets that are no term"),
        (&[0, 0, 0, 5, 131, 104, 3, 1, 2], "it sent octets that are no term"),
    ] {
        let (_link, mut beam, ended) = connected(Bounds::default()).await;
        beam.0.write_all(octets).await.expect("somebody listens");
        assert_eq!(ended.await.expect("no panic").to_string(), expected);
    }
}
