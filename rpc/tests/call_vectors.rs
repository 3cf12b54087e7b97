//! What a real Erlang puts on the channel, against what our machines read and write: `vectors/erlang/hex_examples.txt`.

use sshrpc::call::{Answer, Call, Client, ClientConfig, Failure, Outcome, Server, ServerConfig, Success, Ticket};
use sshrpc::term::{Emit, Term, decode_exact};

struct Example {
    name: String,
    emit: Emit,
    term: Term,
    frame: Vec<u8>,
}

impl Example {
    fn is_request(&self) -> bool {
        self.name.starts_with("req ")
    }
}

fn examples() -> Vec<Example> {
    let text = vectors::text("erlang/hex_examples.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let examples: Vec<_> = lines.map(example).collect();
    assert_eq!(examples.iter().filter(|example| example.is_request()).count(), 8);
    assert_eq!(examples.len(), 22);
    examples
}

fn example(line: &str) -> Example {
    let columns: Vec<_> = line.split('\t').collect();
    let [name, term, frame] = columns[..] else { panic!("three columns: {line}") };
    let emit = match name.rsplit(' ').next() {
        Some("otp25") => Emit::Otp25,
        Some("otp26+") => Emit::Otp26,
        other => panic!("a release: {other:?}"),
    };
    let frame = vectors::hex(frame.strip_prefix("frame=").expect("a frame"));
    Example { name: name.to_owned(), emit, term: term.parse().expect("a term"), frame }
}

fn server(emit: Emit) -> Server {
    let mut config = ServerConfig::default();
    config.emit = emit;
    Server::new(config)
}

fn client(emit: Emit) -> Client {
    let mut config = ClientConfig::default();
    config.emit = emit;
    Client::new(config)
}

/// A server that executes a call of ours.
fn asked(emit: Emit) -> (Server, Ticket) {
    let (mut server, mut requests) = (server(emit), Vec::new());
    let call = Call::new("any".try_into().unwrap(), "call".try_into().unwrap(), Vec::new());
    client(emit).call(&call, &mut requests).unwrap();
    server.receive(&requests).unwrap();
    let (ticket, _) = server.next_call(&mut Vec::new()).unwrap();
    (server, ticket)
}

#[test]
fn requests_of_both_releases_are_read_and_written_byte_for_byte() {
    for example in examples().iter().filter(|example| example.is_request()) {
        let mut server = server(example.emit);
        assert_eq!(server.receive(&example.frame), Ok(example.frame.len()), "{}", example.name);
        let (_, call) = server.next_call(&mut Vec::new()).expect("a call");
        assert_eq!(Term::tuple([Term::atom("mfa"), mfa(&call)]), example.term);
        let mut out = Vec::new();
        client(example.emit).call(&call, &mut out).expect("short");
        assert_eq!(out, example.frame, "{}", example.name);
    }
}

fn mfa(call: &Call) -> Term {
    Term::tuple([call.module.clone().into(), call.function.clone().into(), call.args.clone().into()])
}

/// What the function did that the example answers.
fn outcome(name: &str) -> Option<Outcome> {
    let nomod = Call::new("nomod".try_into().unwrap(), "f".try_into().unwrap(), Vec::new());
    Some(match name.rsplit_once(' ').expect("a release").0 {
        "ans [1..5]" => Ok(Success::Value((1..=5).map(Term::from).collect())),
        "ans now" => Ok(Success::Value("{1256,540000,123456}".parse().unwrap())),
        "ans throw(foo) -> plain" => Err(Failure::throw(Term::atom("foo"))),
        "ans exit(foo)" => Err(Failure::exit(Term::atom("foo"))),
        "ans 1/0 (stack elided)" => Err(Failure::of("badarith")),
        "ans undef" => Err(Failure::undef(&nomod)),
        "ans to unknown {foo,1}" => return None,
        other => panic!("an example of its own: {other}"),
    })
}

#[test]
fn answers_of_both_releases_are_written_byte_for_byte() {
    for example in examples().iter().filter(|example| !example.is_request()) {
        let mut out = Vec::new();
        match outcome(&example.name) {
            Some(outcome) => {
                let (mut server, ticket) = asked(example.emit);
                server.complete(ticket, outcome, &mut out).unwrap();
            }
            None => {
                let mut server = server(example.emit);
                server.receive(&[&[0, 0, 0, 10, 131, 104, 2, 119, 3][..], b"foo", &[97, 1]].concat()).unwrap();
                assert_eq!(server.next_call(&mut out), None);
            }
        }
        assert_eq!(out, example.frame, "{}", example.name);
    }
}

#[test]
fn answers_of_both_releases_are_read() {
    for example in examples().iter().filter(|example| !example.is_request()) {
        let mut client = client(example.emit);
        let id = client.expect_answer().unwrap();
        client.receive(&example.frame).unwrap();
        let answer = Answer::try_from(&example.term).expect("an answer");
        assert_eq!(answer.to_term(), decode_exact(&example.frame[4..]).unwrap());
        assert_eq!(client.next_reply(), Some((id, answer.into_result())), "{}", example.name);
    }
}

#[test]
fn a_returned_exit_tuple_is_an_exit_and_a_thrown_one_too() {
    let exit: Term = "{'EXIT',foo}".parse().unwrap();
    let expected = examples().into_iter().find(|example| example.name == "ans exit(foo) otp26+").unwrap();
    for outcome in [Ok(Success::Value(exit.clone())), Err(Failure::throw(exit))] {
        let ((mut server, ticket), mut out) = (asked(Emit::Otp26), Vec::new());
        server.complete(ticket, outcome, &mut out).unwrap();
        assert_eq!(out, expected.frame);
    }
}
