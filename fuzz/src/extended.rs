//! The two ends of a channel of the extended protocol, each fed by a hostile other behind an honest hello.

use std::collections::BTreeSet;

use sshrpc::call::{Framing, Success, append};
use sshrpc::extended::{
    CallOptions, Client, ClientEvent, Id, Limits, Opened, Opening, Request, Server, ServerEvent, Streamed, Ticket,
};
use sshrpc::term::{Atom, Emit, Term, parse_call};

/// Messages to a node and to a client, in pieces; what the machines hand out is answered, used and stopped on the way.
pub fn extended(data: &[u8]) {
    let [piece, rest @ ..] = data else { return };
    let piece = usize::from(*piece) + 1;
    serve(rest, piece);
    ask(rest, piece);
}

fn limits() -> Limits {
    let mut limits = Limits::DEFAULT;
    limits.message = 1 << 16;
    limits.assembly = 1 << 17;
    limits.window = 256;
    limits.calls = 4;
    limits
}

fn server() -> Server {
    let mut hello = Vec::new();
    Client::new(limits()).fill(&mut hello, 1);
    match Opening::new(Atom::from_static("n@h"), limits()).receive(&hello, &mut Vec::new()) {
        Opened::Extended { server, .. } => *server,
        other => panic!("an honest hello: {other:?}"),
    }
}

fn serve(octets: &[u8], piece: usize) {
    let (mut server, mut out) = (server(), Vec::new());
    let mut held: Vec<Ticket> = Vec::new();
    for piece in octets.chunks(piece) {
        match server.receive(piece) {
            Ok(taken) => assert_eq!(taken, piece.len(), "what waits to be sent is taken away each time"),
            Err(error) => {
                let _ = error.to_string();
                assert_eq!(server.receive(b"more"), Err(error), "an error is final");
                return;
            }
        }
        while let Some(event) = server.next_event() {
            match event {
                ServerEvent::Request { ticket, request } => {
                    assert!(held.iter().all(|other| other.id() != ticket.id()), "a number in use");
                    if let Request::Call { .. } = request {
                        server.send_data(ticket.id(), &[1; 1000]);
                        held.push(ticket);
                        assert!(held.len() <= limits().calls, "more calls than are allowed");
                    } else {
                        server.answer(ticket, Ok(Success::Value(Term::atom("ok"))));
                    }
                }
                ServerEvent::Data { id, bytes } => server.consume(id, bytes.as_bytes().len()),
                ServerEvent::Eof { id } => server.send_eof(id),
                ServerEvent::Stop { id } | ServerEvent::Cancel { id } => {
                    if let Some(place) = held.iter().position(|ticket| ticket.id() == id) {
                        server.answer(held.swap_remove(place), Ok(Success::Value(Term::NIL)));
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        out.clear();
        server.fill(&mut out, usize::MAX);
    }
    for ticket in held {
        server.answer(ticket, Ok(Success::Value(Term::NIL)));
    }
    server.end();
    server.fill(&mut out, usize::MAX);
    assert!(server.is_finished());
}

fn ask(octets: &[u8], piece: usize) {
    let mut client = Client::new(limits());
    let (mut greeting, mut out) = (Vec::new(), Vec::new());
    let accepted = "{answer,{{sshrpc,hello,#{version => 1, calls => 3}},0}}".parse().expect("a term");
    append(&accepted, Framing::Frame, Emit::Otp26, usize::MAX, &mut greeting).expect("short");
    client.receive(&greeting).expect("an honest hello");
    let mut waiting: BTreeSet<Id> = BTreeSet::new();
    for _ in 0..4 {
        let mut options = CallOptions::default();
        (options.input, options.output) = (Streamed::Yes, Streamed::Yes);
        let call = parse_call("a:b(1)").expect("a call");
        waiting.insert(client.request(Request::Call { call, options }).expect("an open channel"));
    }
    let monitored = client.request(Request::Monitor { of: Atom::from_static("x").into() }).expect("an open channel");
    waiting.insert(monitored);
    for piece in octets.chunks(piece) {
        client.fill(&mut out, usize::MAX);
        out.clear();
        let received = client.receive(piece);
        while let Some(event) = client.next_event() {
            match event {
                ClientEvent::Answer { id, .. } => assert!(waiting.remove(&id), "answered twice"),
                ClientEvent::Data { id, bytes } => client.consume(id, bytes.as_bytes().len()),
                ClientEvent::Eof { id } | ClientEvent::Stop { id } => client.send_eof(id),
                _ => {}
            }
        }
        if let Err(error) = received {
            let _ = error.to_string();
            break;
        }
    }
    client.end();
    while let Some(event) = client.next_event() {
        if let ClientEvent::Answer { id, .. } = event {
            assert!(waiting.remove(&id), "answered twice");
        }
    }
    assert!(waiting.is_empty(), "every request has its answer: {waiting:?}");
}
