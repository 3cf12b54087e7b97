//! A client and a server that hand each other octets, in pieces of any size.

use sshrpc::call::{Outcome, Success};
use sshrpc::extended::{Client, ClientEvent, Id, Limits, Opened, Opening, Request, Server, ServerEvent, Ticket};
use sshrpc::term::{Atom, Term, parse_call};

pub(crate) struct Pair {
    pub(crate) client: Client,
    pub(crate) server: Server,
    /// How many octets travel at once.
    piece: usize,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(Limits::DEFAULT, Limits::DEFAULT, usize::MAX)
    }

    /// With what each end takes, and how many octets travel at once.
    pub(crate) fn with(client: Limits, server: Limits, piece: usize) -> Self {
        let mut client = Client::new(client);
        let (mut hello, mut answer) = (Vec::new(), Vec::new());
        client.fill(&mut hello, 1);
        let mut opening = Opening::new(Atom::new("n@h").unwrap(), server);
        let mut pieces = hello.chunks(piece.min(hello.len()));
        let server = loop {
            match opening.receive(pieces.next().expect("a whole hello"), &mut answer) {
                Opened::Waiting(waiting) => opening = waiting,
                Opened::Extended { server, rest } if rest.is_empty() => break *server,
                other => panic!("{other:?}"),
            }
        };
        let mut pair = Self { client, server, piece };
        pair.hear(&answer);
        pair
    }

    /// Lets octets travel until both ends are silent.
    pub(crate) fn settle(&mut self) {
        loop {
            let (mut up, mut down) = (Vec::new(), Vec::new());
            self.client.fill(&mut up, 1 << 16);
            self.server.fill(&mut down, 1 << 16);
            if up.is_empty() && down.is_empty() {
                return;
            }
            self.serve(&up);
            self.hear(&down);
        }
    }

    pub(crate) fn serve(&mut self, octets: &[u8]) {
        for piece in octets.chunks(self.piece.min(octets.len().max(1))) {
            assert_eq!(self.server.receive(piece), Ok(piece.len()));
        }
    }

    pub(crate) fn hear(&mut self, octets: &[u8]) {
        for piece in octets.chunks(self.piece.min(octets.len().max(1))) {
            self.client.receive(piece).expect("what a server says");
        }
    }

    /// Asks, and lets the request travel.
    pub(crate) fn ask(&mut self, request: Request) -> Id {
        let id = self.client.request(request).expect("an open channel");
        self.settle();
        id
    }

    /// The next request that reached the server.
    pub(crate) fn asked(&mut self) -> (Ticket, Request) {
        match self.server.next_event() {
            Some(ServerEvent::Request { ticket, request }) => (ticket, request),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn answer(&mut self, ticket: Ticket, outcome: Outcome) {
        self.server.answer(ticket, outcome);
        self.settle();
    }

    /// The next answer, as text.
    pub(crate) fn answered(&mut self) -> (Id, String) {
        match self.client.next_event() {
            Some(ClientEvent::Answer { id, result: Ok(value) }) => (id, value.to_string()),
            Some(ClientEvent::Answer { id, result: Err(error) }) => (id, format!("{error:#}")),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn term(text: &str) -> Term {
    text.parse().expect("a term")
}

pub(crate) fn call(text: &str) -> Request {
    Request::Call { call: parse_call(text).expect("a call"), options: Default::default() }
}

pub(crate) fn value(text: &str) -> Outcome {
    Ok(Success::Value(term(text)))
}
