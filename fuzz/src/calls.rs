//! The two ends of a channel of calls, each fed by a hostile other.

use sshrpc::bert;
use sshrpc::call::{Call, Client, ClientConfig, Expect, Framing, Server, ServerConfig, Success};
use sshrpc::term::Term;

use crate::terms::limits;

/// Requests to a server and replies to a client, in frames and bare, whole and in pieces.
pub fn calls(data: &[u8]) {
    let Some((&mode, stream)) = data.split_first() else { return };
    let expect = [Expect::Frames, Expect::Bare, Expect::Either][usize::from(mode % 3)];
    let piece = usize::from(mode / 3).max(1);
    let whole = serve(expect, stream, usize::MAX);
    let pieces = serve(expect, stream, piece);
    assert!(whole == pieces, "the pieces make no difference: {whole:?} {pieces:?}");
    let framing = if expect == Expect::Bare { Framing::Bare } else { Framing::Frame };
    assert!(ask(framing, stream, usize::MAX) == ask(framing, stream, piece), "the pieces make no difference");
    bert_rpc(stream, piece);
    // What a server writes, a client understands.
    if let (framing, Ok(replies)) = (framing, &whole.result)
        && expect != Expect::Either
    {
        // No answer is shorter than this many octets.
        let mut client = client(framing, whole.out.len() / 8);
        client.receive(&whole.out).expect("answers of ours");
        assert!(core::iter::from_fn(|| client.next_reply()).count() >= *replies);
    }
}

#[derive(Debug, PartialEq)]
struct Served {
    calls: Vec<Call>,
    out: Vec<u8>,
    /// How many calls were answered. Why no more can be depends on the pieces, where a term is compressed and corrupt.
    result: Result<usize, ()>,
}

fn serve(expect: Expect, stream: &[u8], piece: usize) -> Served {
    let mut config = ServerConfig::new(expect);
    config.limits = limits();
    config.max_queued = 4;
    let mut server = Server::new(config);
    let mut served = Served { calls: Vec::new(), out: Vec::new(), result: Ok(0) };
    for piece in stream.chunks(piece.max(1)) {
        let mut rest = piece;
        loop {
            let taken = server.receive(rest);
            rest = &rest[*taken.as_ref().unwrap_or(&0)..];
            while let Some((ticket, call)) = server.next_call(&mut served.out) {
                let outcome = Ok(Success::Value(Term::list(call.args.clone())));
                served.calls.push(call);
                server.complete(ticket, outcome, &mut served.out).expect("it is outstanding");
            }
            if let Err(error) = taken {
                let _ = error.to_string();
                served.result = Err(());
                return served;
            }
            if rest.is_empty() {
                break;
            }
        }
    }
    server.end();
    assert!(server.is_finished());
    served.result = Ok(served.calls.len());
    served
}

fn client(framing: Framing, calls: usize) -> Client {
    let mut config = ClientConfig::new(framing);
    config.limits = limits();
    let mut client = Client::new(config);
    for _ in 0..calls {
        client.expect_answer().expect("it is open");
    }
    client
}

fn ask(framing: Framing, stream: &[u8], piece: usize) -> Vec<String> {
    let mut client = client(framing, 3);
    let mut results = Vec::new();
    for piece in stream.chunks(piece.max(1)) {
        let received = client.receive(piece);
        results.extend(core::iter::from_fn(|| client.next_reply()).map(|reply| format!("{reply:?}")));
        if received.is_err() {
            results.push("failed".to_owned());
            break;
        }
    }
    client.end();
    results.extend(core::iter::from_fn(|| client.next_reply()).map(|reply| format!("{reply:?}")));
    results
}

/// The same octets as requests and as replies of BERT-RPC.
fn bert_rpc(stream: &[u8], piece: usize) {
    let whole = bert_serve(stream, usize::MAX);
    assert!(whole == bert_serve(stream, piece), "the pieces make no difference");
    let mut client = bert_client(whole.0);
    client.receive(&whole.1).expect("answers of ours");
    assert!(client.pending() == 0, "each request is answered once");
    assert!(bert_ask(stream, usize::MAX) == bert_ask(stream, piece), "the pieces make no difference");
}

/// How many answers there were, and they.
fn bert_serve(stream: &[u8], piece: usize) -> (usize, Vec<u8>) {
    let mut config = bert::ServerConfig::default();
    config.limits = limits();
    config.max_queued = 4;
    let (mut server, mut out) = (bert::Server::new(config), Vec::new());
    for piece in stream.chunks(piece.max(1)) {
        let mut rest = piece;
        loop {
            rest = &rest[server.receive(rest)..];
            while let Some((ticket, request)) = server.next_request(&mut out) {
                let reply = match request {
                    bert::Request::Call { condition: Some(_), .. } => bert::Reply::Valid,
                    bert::Request::Call { call, .. } => Term::list(call.args).into(),
                    _ => bert::Reply::Accepted,
                };
                server.reply(ticket, reply, &mut out).expect("it is outstanding");
            }
            if rest.is_empty() {
                break;
            }
        }
    }
    server.end();
    assert!(server.is_finished());
    (answers(&out), out)
}

/// How many requests these frames answer: an `info` is no answer, nor is a chunk.
fn answers(mut out: &[u8]) -> usize {
    let (mut answers, mut chunks) = (0, false);
    while let Some((length, rest)) = out.split_first_chunk() {
        let (frame, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        out = rest;
        if chunks {
            chunks = !frame.is_empty();
            continue;
        }
        let (term, _) = sshrpc::term::decode(frame).expect("ours");
        match term.as_tuple().expect("a message") {
            [_, command, _] => chunks = command.is_atom("stream"),
            _ => answers += 1,
        }
        if chunks {
            // The reply that announces the chunks.
            let (length, rest) = out.split_first_chunk().expect("a reply");
            out = &rest[u32::from_be_bytes(*length) as usize..];
            answers += 1;
        }
    }
    answers
}

fn bert_client(requests: usize) -> bert::Client {
    let mut config = bert::ClientConfig::default();
    config.limits = limits();
    config.limits.max_bytes *= 2;
    config.max_stream_bytes = 1 << 20;
    let mut client = bert::Client::new(config);
    let call = Call::new(sshrpc::term::Atom::from_static("m"), sshrpc::term::Atom::from_static("f"), Vec::new());
    for _ in 0..requests {
        client.cast(&call, None, &mut Vec::new()).expect("it is open");
    }
    client
}

fn bert_ask(stream: &[u8], piece: usize) -> Vec<String> {
    let mut client = bert_client(3);
    for piece in stream.chunks(piece.max(1)) {
        if client.receive(piece).is_err() {
            break;
        }
    }
    client.end();
    core::iter::from_fn(|| client.next_answer()).map(|answer| format!("{answer:?}")).collect()
}
