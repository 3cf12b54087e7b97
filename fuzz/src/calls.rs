//! The two ends of a channel of calls, each fed by a hostile other.

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
