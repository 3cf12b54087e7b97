//! The answering end of a channel.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;

use super::hello::{Accepted, Limits, Offer};
use super::inbound::{Inbound, InboundError};
use super::message::{ClientMessage, Destination, Id, Malformed, Request, ServerMessage, StreamMessage, Streamed};
use super::outbound::{Line, Outbound};
use super::stream::{Incoming, Outgoing, Overrun, Streams};
use crate::call::{Answer, Failure, Framing, Outcome, Partial, Place, Status, Success, append};
use crate::term::{Atom, Binary, Emit, Pid, Term};

/// The answering end of one channel, after the hello: octets in, requests out, outcomes in, octets out.
///
/// Requests are handed out as they come and answered in any order. What needs no execution is answered here: what is no
/// request, what is too much, `ping`. Memory is bounded: [`receive`](Self::receive) takes nothing while more waits to be
/// sent than is good, requests are limited in number and length, streams by their credit.
#[derive(Debug)]
pub struct Server {
    /// What our hello said.
    limits: Limits,
    /// The window in the client's hello.
    window: u64,
    inbound: Inbound,
    outbound: Outbound,
    open: BTreeMap<Id, Open>,
    /// Requests that are not answered, and the sum of their lengths.
    unanswered: usize,
    pending: usize,
    events: VecDeque<ServerEvent>,
    failed: Option<ServerError>,
    ended: bool,
}

/// A number in use.
#[derive(Debug)]
enum Open {
    /// A request that is not answered, with its length.
    Request(usize, Kind),
    /// A monitor that was answered, and whom it watches.
    Monitor(Destination),
}

#[derive(Debug)]
enum Kind {
    Call { place: Place, streams: Streams, cancelled: bool },
    Monitor(Destination),
    Demonitor(Id),
    Other,
}

/// What a client wants of a node.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A request, to be answered once.
    Request {
        /// The duty to answer it.
        ticket: Ticket,
        /// What is asked for.
        request: Request,
    },
    /// A call is to be stopped; it is still to be answered.
    Cancel {
        /// The call.
        id: Id,
    },
    /// A piece of a call's input. Say [`consume`](Server::consume) when it is used.
    Data {
        /// The call.
        id: Id,
        /// The piece.
        bytes: Binary,
    },
    /// The end of a call's input.
    Eof {
        /// The call.
        id: Id,
    },
    /// The client wants no more of a call's output.
    Stop {
        /// The call.
        id: Id,
    },
}

/// The duty to answer one request.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "every request is answered"]
pub struct Ticket {
    id: Id,
}

impl Ticket {
    /// The number of the request.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }
}

/// Why a channel cannot go on: what its client did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerError {
    /// What came cannot be read.
    Inbound(InboundError),
    /// It is a term, and no message.
    Message(Term),
    /// The number of a request is in use.
    Id(Id),
    /// More came of a stream than its credit, or after its end; or credit that nobody can count.
    Stream(Id),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inbound(error) => error.fmt(f),
            Self::Message(term) => write!(f, "not a message: {}", crate::call::Brief(term)),
            Self::Id(id) => write!(f, "a request has the number {id}, which is in use"),
            Self::Stream(id) => {
                write!(f, "more came of a stream of call {id} than its credit allows, or after its end")
            }
        }
    }
}

impl core::error::Error for ServerError {}

/// Nothing is read while more octets than this wait to be sent.
const ENOUGH_WAITING: usize = 16 << 20;
/// No stream is written to, and no mailbox, while more octets than this wait to be sent in short messages: so much goes
/// before the answer to a small call.
const ENOUGH_FOR_STREAMS: usize = 32 << 10;

impl Server {
    /// The node `node` at the client's hello, whose answer is the first thing to be sent.
    pub(super) fn new(offer: Offer, node: Atom, limits: Limits, emit_hello: &mut Vec<u8>) -> Self {
        let mut outbound = Outbound::new();
        outbound.set_peer(offer.limits);
        let answer = Answer { reply: Accepted { node, limits }.to_term(), status: Status::Success };
        // A hello is short.
        let _ = append(&answer.to_term(), Framing::Frame, Emit::Otp26, Limits::FRAME, emit_hello);
        Self {
            limits,
            window: offer.limits.window,
            inbound: Inbound::new(limits),
            outbound,
            open: BTreeMap::new(),
            unanswered: 0,
            pending: 0,
            events: VecDeque::new(),
            failed: None,
            ended: false,
        }
    }

    /// Takes what came on the channel, and says how many octets of it: fewer than all only while too much waits to be
    /// sent. Hand the others over again after the next [`fill`](Self::fill).
    ///
    /// # Errors
    /// [`ServerError`], now and on every later call: the channel is to be closed.
    pub fn receive(&mut self, input: &[u8]) -> Result<usize, ServerError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut rest = input;
        while self.outbound.waiting() < ENOUGH_WAITING {
            let taken = self.inbound.take(&mut rest).map_err(ServerError::Inbound);
            let handled = match taken {
                Ok(None) => break,
                Ok(Some((term, length))) => self.message(term, length),
                Err(error) => Err(error),
            };
            if let Err(error) = handled {
                self.failed = Some(error.clone());
                return Err(error);
            }
        }
        Ok(input.len() - rest.len())
    }

    /// What is to be done next.
    pub fn next_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    /// Answers a request. An outcome that is longer than the client takes becomes the error `system_limit`. Without effect
    /// when the ticket is of another channel.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is used up, so that no request is answered twice")]
    pub fn answer(&mut self, ticket: Ticket, outcome: Outcome) {
        let Ticket { id } = ticket;
        let Some(Open::Request(length, kind)) = self.open.remove(&id) else { return };
        self.unanswered -= 1;
        self.pending -= length;
        match (&kind, &outcome) {
            (Kind::Monitor(of), Ok(_)) => drop(self.open.insert(id, Open::Monitor(of.clone()))),
            (Kind::Demonitor(monitor), _) => self.forget(*monitor),
            _ => {}
        }
        let answer = ServerMessage::Answer { id, outcome };
        if self.outbound.push(&answer.to_term(), None).is_err() {
            let failure = Failure::of("system_limit");
            let failure = match &kind {
                Kind::Call { place, .. } => failure.at(place),
                Kind::Monitor(_) | Kind::Demonitor(_) | Kind::Other => failure,
            };
            self.push(&ServerMessage::Answer { id, outcome: Err(failure) }, None);
        }
    }

    /// Tells that a watched process has ended; with the reason `system_limit` where its own is longer than the client takes.
    /// Without effect once the client has given the monitor up.
    pub fn down(&mut self, monitor: Id, reason: Term) {
        if let Some(Open::Monitor(of)) = self.open.get(&monitor) {
            let of = of.clone();
            self.open.remove(&monitor);
            let down = ServerMessage::Down { monitor, of: of.clone(), reason };
            if self.outbound.push(&down.to_term(), Some(Line::Processes)).is_err() {
                let reason = Term::atom("system_limit");
                self.push(&ServerMessage::Down { monitor, of, reason }, Some(Line::Processes));
            }
        }
    }

    /// Whether there is room for [messages](Self::message_to) to mailboxes. Where there is none they are to be kept back
    /// until some of what waits has been [taken](Self::fill).
    #[must_use]
    pub const fn has_room_for_messages(&self) -> bool {
        self.outbound.waiting_short() < ENOUGH_FOR_STREAMS && self.outbound.waiting() < ENOUGH_WAITING
    }

    /// Delivers a message to a mailbox of the client.
    ///
    /// # Errors
    /// [`Undelivered`], and then the client will not hear of it.
    pub fn message_to(&mut self, mailbox: Pid, message: Term) -> Result<(), Undelivered> {
        if !self.has_room_for_messages() {
            return Err(Undelivered::Congested);
        }
        let message = ServerMessage::Message { mailbox, message };
        let pushed = self.outbound.push(&message.to_term(), Some(Line::Processes));
        pushed.map(drop).map_err(|_too_long| Undelivered::TooLong)
    }

    /// Tells that a mailbox has ended; with the reason `system_limit` where its own is longer than the client takes.
    pub fn closed(&mut self, mailbox: Pid, reason: Term) {
        let closed = ServerMessage::Closed { mailbox: mailbox.clone(), reason };
        if self.outbound.push(&closed.to_term(), Some(Line::Processes)).is_err() {
            let reason = Term::atom("system_limit");
            self.push(&ServerMessage::Closed { mailbox, reason }, Some(Line::Processes));
        }
    }

    /// The longest message that the client takes, in octets of its external term.
    #[must_use]
    pub const fn longest_message(&self) -> usize {
        self.outbound.longest_message()
    }

    /// Sends a piece of a call's output, and says how many octets of it: 0 while there is no credit, or enough waits to be
    /// sent, or the client wants no more.
    pub fn send_data(&mut self, call: Id, octets: &[u8]) -> usize {
        if self.outbound.waiting_short() >= ENOUGH_FOR_STREAMS {
            return 0;
        }
        let Some(outgoing) = self.streams(call).and_then(|streams| streams.outgoing.as_mut()) else { return 0 };
        let piece = octets.get(..outgoing.room()).unwrap_or(octets);
        if piece.is_empty() {
            return 0;
        }
        outgoing.sent(piece.len() as u64);
        self.stream(call, StreamMessage::Data(piece.into()));
        piece.len()
    }

    /// Says that a call's output has ended.
    pub fn send_eof(&mut self, call: Id) {
        let outgoing = self.streams(call).and_then(|streams| streams.outgoing.as_mut());
        if outgoing.is_some_and(Outgoing::end) {
            self.stream(call, StreamMessage::Eof);
        }
    }

    /// Octets of a call's input were used: as many more may come.
    pub fn consume(&mut self, call: Id, octets: usize) {
        let incoming = self.streams(call).and_then(|streams| streams.incoming.as_mut());
        if let Some(credit) = incoming.and_then(|incoming| incoming.consume(octets as u64)) {
            self.stream(call, StreamMessage::Credit(credit));
        }
    }

    /// Wants no more of a call's input.
    pub fn stop(&mut self, call: Id) {
        let incoming = self.streams(call).and_then(|streams| streams.incoming.as_mut());
        if incoming.is_some_and(Incoming::stop) {
            self.stream(call, StreamMessage::Stop);
        }
    }

    /// Appends to `out` what is to be sent now: all short messages, and parts of long ones while `out` has less than
    /// `enough` octets.
    pub fn fill(&mut self, out: &mut Vec<u8>, enough: usize) {
        self.outbound.fill(out, enough);
    }

    /// Whether [`fill`](Self::fill) would append anything.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.outbound.is_ready()
    }

    /// The client's side of the channel ended. What came of a message that is not whole is reported and dropped.
    pub fn end(&mut self) -> Option<Partial> {
        self.ended = true;
        self.inbound.partial()
    }

    /// Whether the client's side ended and everything is answered and sent: the channel can be closed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.ended && self.unanswered == 0 && self.events.is_empty() && !self.outbound.is_ready()
    }

    fn message(&mut self, term: Term, length: usize) -> Result<(), ServerError> {
        match ClientMessage::try_from(term) {
            Ok(ClientMessage::Request { id, request }) => self.request(id, request, length),
            Ok(ClientMessage::Cancel { id }) => {
                if let Some(Open::Request(_, Kind::Call { cancelled: cancelled @ false, .. })) = self.open.get_mut(&id)
                {
                    *cancelled = true;
                    self.events.push_back(ServerEvent::Cancel { id });
                }
                Ok(())
            }
            Ok(ClientMessage::Stream { id, message }) => {
                self.stream_message(id, message).map_err(|Overrun| ServerError::Stream(id))
            }
            Err(Malformed::Request { id, fault }) => {
                self.check_free(id)?;
                self.push(&ServerMessage::Answer { id, outcome: fault.outcome() }, None);
                Ok(())
            }
            Err(Malformed::Message(term)) => Err(ServerError::Message(term)),
        }
    }

    fn check_free(&self, id: Id) -> Result<(), ServerError> {
        if self.open.contains_key(&id) { Err(ServerError::Id(id)) } else { Ok(()) }
    }

    fn request(&mut self, id: Id, request: Request, length: usize) -> Result<(), ServerError> {
        self.check_free(id)?;
        if self.unanswered >= self.limits.calls || self.pending >= self.limits.pending {
            self.push(&ServerMessage::Answer { id, outcome: Err(Failure::erpc("system_limit")) }, None);
            return Ok(());
        }
        let kind = match &request {
            Request::Ping => {
                let pong = Ok(Success::Value(Term::atom("pong")));
                self.push(&ServerMessage::Answer { id, outcome: pong }, None);
                return Ok(());
            }
            Request::Call { call, options } => {
                let incoming = (options.input == Streamed::Yes).then(|| Incoming::new(self.limits.window));
                let outgoing = (options.output == Streamed::Yes).then(|| Outgoing::new(self.window));
                let streams = Streams { incoming, outgoing };
                Kind::Call { place: Place::from(call), streams, cancelled: false }
            }
            Request::Demonitor { monitor } => {
                // One that is not answered yet is forgotten when this is.
                self.forget(*monitor);
                Kind::Demonitor(*monitor)
            }
            Request::Monitor { of } => Kind::Monitor(of.clone()),
            _ => Kind::Other,
        };
        self.open.insert(id, Open::Request(length, kind));
        self.unanswered += 1;
        self.pending = self.pending.saturating_add(length);
        self.events.push_back(ServerEvent::Request { ticket: Ticket { id }, request });
        Ok(())
    }

    /// Nobody is to hear of this monitor any more.
    fn forget(&mut self, monitor: Id) {
        if matches!(self.open.get(&monitor), Some(Open::Monitor(_))) {
            self.open.remove(&monitor);
        }
    }

    /// What is said about the streams of a call that has ended was under way.
    fn stream_message(&mut self, id: Id, message: StreamMessage) -> Result<(), Overrun> {
        let Some(streams) = self.streams(id) else { return Ok(()) };
        let event = match message {
            StreamMessage::Data(bytes) => {
                let wanted = streams.incoming.as_mut().ok_or(Overrun)?.data(bytes.as_bytes().len())?;
                wanted.then_some(ServerEvent::Data { id, bytes })
            }
            StreamMessage::Eof => {
                let wanted = streams.incoming.as_mut().ok_or(Overrun)?.eof()?;
                wanted.then_some(ServerEvent::Eof { id })
            }
            StreamMessage::Credit(octets) => {
                streams.outgoing.as_mut().ok_or(Overrun)?.credit(octets).ok_or(Overrun)?;
                None
            }
            StreamMessage::Stop => {
                let news = streams.outgoing.as_mut().ok_or(Overrun)?.stop();
                news.then_some(ServerEvent::Stop { id })
            }
        };
        self.events.extend(event);
        Ok(())
    }

    fn streams(&mut self, call: Id) -> Option<&mut Streams> {
        match self.open.get_mut(&call) {
            Some(Open::Request(_, Kind::Call { streams, .. })) => Some(streams),
            _ => None,
        }
    }

    fn stream(&mut self, id: Id, message: StreamMessage) {
        self.push(&ServerMessage::Stream { id, message }, None);
    }

    /// What is short, or has been in a message of the client's: it fits.
    fn push(&mut self, message: &ServerMessage, line: Option<Line>) {
        let _ = self.outbound.push(&message.to_term(), line);
    }
}

/// Why a message was not delivered to a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undelivered {
    /// Too much waits to be sent.
    Congested,
    /// It is longer than the client takes.
    TooLong,
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Congested => "the receiver does not keep up with its messages",
            Self::TooLong => "the message is longer than the receiver takes",
        })
    }
}

impl core::error::Error for Undelivered {}
