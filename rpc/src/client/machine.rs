//! The two protocols of a channel, as who calls sees them.

use std::io;

use crate::call::{self, Call, CallError, CallId, CallNotSent, ClientConfig};
use crate::extended::{self, CallOptions, ClientEvent, Id, Limits, Request};
use crate::term::{Binary, Pid, Term};

/// The machine of a channel.
#[derive(Debug)]
pub(super) enum Machine {
    /// The original protocol: a shell channel's.
    Plain(Box<call::Client>),
    /// The extended one, and the original one where the node knows no other: the subsystem's.
    Extended(Box<extended::Client>),
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Plain(CallId),
    Extended(Id),
}

/// What came for somebody who waits.
#[derive(Debug)]
pub(super) enum Event {
    Answer(Key, Result<Term, CallError>),
    Down(Key, Result<Term, CallError>),
    Message(Pid, Term),
    Data(Key, Binary),
    Eof(Key),
    Stop(Key),
    Closed(Pid, Term),
}

/// How much is taken out of the machine at once: enough for one write, little enough for short calls to overtake.
const ENOUGH: usize = 64 << 10;

impl Machine {
    pub(super) fn plain(config: ClientConfig) -> Self {
        Self::Plain(Box::new(call::Client::new(config)))
    }

    pub(super) fn extended() -> Self {
        Self::Extended(Box::new(extended::Client::new(Limits::DEFAULT)))
    }

    pub(super) fn call(&mut self, call: &Call, options: CallOptions, out: &mut Vec<u8>) -> Result<Key, CallNotSent> {
        match self {
            Self::Plain(machine) => machine.call(call, out).map(Key::Plain),
            Self::Extended(_) => self.request(Request::Call { call: call.clone(), options }),
        }
    }

    /// Asks for what only the extended protocol has.
    pub(super) fn request(&mut self, request: Request) -> Result<Key, CallNotSent> {
        match self {
            Self::Plain(_) => Err(CallNotSent::Ended),
            Self::Extended(machine) => machine.request(request).map(Key::Extended),
        }
    }

    pub(super) fn give_up(&mut self, key: Key) {
        match (self, key) {
            (Self::Plain(machine), Key::Plain(id)) => machine.give_up(id),
            (Self::Extended(machine), Key::Extended(id)) => machine.give_up(id),
            _ => {}
        }
    }

    /// Stops a call, whose answer then comes soon.
    pub(super) fn cancel(&mut self, key: Key) {
        self.on(key, extended::Client::cancel);
    }

    /// Sends a piece of a call's input, and says how much of it.
    pub(super) fn send_data(&mut self, key: Key, octets: &[u8]) -> usize {
        self.on(key, |machine, id| machine.send_data(id, octets)).unwrap_or_default()
    }

    pub(super) fn send_eof(&mut self, key: Key) {
        self.on(key, extended::Client::send_eof);
    }

    /// So much of a call's output was used.
    pub(super) fn consume(&mut self, key: Key, octets: usize) {
        self.on(key, |machine, id| machine.consume(id, octets));
    }

    /// Wants no more of a call's output.
    pub(super) fn stop(&mut self, key: Key) {
        self.on(key, extended::Client::stop);
    }

    /// Whether there is something to be sent.
    pub(super) fn has_output(&self) -> bool {
        matches!(self, Self::Extended(machine) if machine.has_output())
    }

    fn on<T>(&mut self, key: Key, what: impl FnOnce(&mut extended::Client, Id) -> T) -> Option<T> {
        let Key::Extended(id) = key else { return None };
        match self {
            Self::Extended(machine) => Some(what(machine, id)),
            Self::Plain(_) => None,
        }
    }

    /// Whether calls were cancelled that the node could not be told of yet.
    pub(super) fn holds_cancelled(&self) -> bool {
        matches!(self, Self::Extended(machine) if machine.holds_cancelled())
    }

    /// Asks for something whose answer nobody waits for.
    pub(super) fn tell(&mut self, request: Request) {
        if let Self::Extended(machine) = self
            && let Ok(id) = machine.request(request)
        {
            machine.give_up(id);
        }
    }

    pub(super) fn demonitor(&mut self, key: Key) {
        if let Key::Extended(monitor) = key {
            self.tell(Request::Demonitor { monitor });
        }
    }

    pub(super) fn receive(&mut self, octets: &[u8]) -> io::Result<()> {
        let invalid =
            |error: Box<dyn std::error::Error + Send + Sync>| io::Error::new(io::ErrorKind::InvalidData, error);
        match self {
            Self::Plain(machine) => machine.receive(octets).map_err(|error| invalid(error.into())),
            Self::Extended(machine) => machine.receive(octets).map_err(|error| invalid(error.into())),
        }
    }

    pub(super) fn fill(&mut self, out: &mut Vec<u8>) {
        if let Self::Extended(machine) = self {
            machine.fill(out, ENOUGH);
        }
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        let machine = match self {
            Self::Plain(machine) => {
                let (id, result) = machine.next_reply()?;
                return Some(Event::Answer(Key::Plain(id), result));
            }
            Self::Extended(machine) => machine,
        };
        Some(match machine.next_event()? {
            ClientEvent::Answer { id, result } => Event::Answer(Key::Extended(id), result),
            ClientEvent::Down { monitor, reason, .. } => Event::Down(Key::Extended(monitor), Ok(reason)),
            ClientEvent::Lost { monitor } => Event::Down(Key::Extended(monitor), Err(CallError::Lost)),
            ClientEvent::Message { mailbox, message } => Event::Message(mailbox, message),
            ClientEvent::Closed { mailbox, reason } => Event::Closed(mailbox, reason),
            ClientEvent::Data { id, bytes } => Event::Data(Key::Extended(id), bytes),
            ClientEvent::Eof { id } => Event::Eof(Key::Extended(id)),
            ClientEvent::Stop { id } => Event::Stop(Key::Extended(id)),
        })
    }

    /// No answer will come any more.
    pub(super) fn end(&mut self) {
        match self {
            Self::Plain(machine) => drop(machine.end()),
            Self::Extended(machine) => machine.end(),
        }
    }
}
