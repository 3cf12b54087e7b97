//! The asking end of a channel.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;

use super::hello::{Accepted, Limits, Offer};
use super::inbound::{Inbound, InboundError};
use super::message::{ClientMessage, Destination, Id, Malformed, Request, ServerMessage, StreamMessage, Streamed};
use super::outbound::{Line, Outbound};
use super::plain::Plain;
use super::stream::{Incoming, Outgoing, Overrun, Streams};
use crate::call::{Answer, CallError, CallNotSent, Failure, Outcome, Success};
use crate::term::{Binary, Pid, Term};

/// The asking end of one subsystem channel: requests in, octets out, octets in, answers out.
///
/// It begins with a hello and does not wait for the answer. A node that speaks only the plain protocol is asked again in
/// that one, as far as it goes: calls are the same, casts are calls whose answers are dropped, all else is answered here
/// with the error `{erpc,notsup}`.
///
/// Every request is answered once: [`ClientEvent::Answer`], also when the channel ends. There is no clock here: who sets a deadline
/// says [`cancel`](Self::cancel) when it has passed.
#[derive(Debug)]
pub struct Client {
    limits: Limits,
    state: State,
    inbound: Inbound,
    outbound: Outbound,
    open: BTreeMap<Id, Open>,
    /// The mailboxes that we have.
    mailboxes: BTreeSet<Pid>,
    last_id: u64,
    /// Requests that are on their way, and the sum of their lengths.
    unanswered: usize,
    pending: usize,
    /// Requests that the node's limits hold back, in the order of their numbers.
    held: VecDeque<Id>,
    /// Calls that were cancelled before the hello was answered.
    cancelled: Vec<Id>,
    events: VecDeque<ClientEvent>,
}

#[derive(Debug)]
enum State {
    /// The hello is not answered. So many requests were sent behind it.
    Probing {
        sent: usize,
    },
    Extended(Accepted),
    Plain(Box<Plain>),
    Ended,
    Failed(ClientError),
}

/// A number in use.
#[derive(Debug)]
enum Open {
    /// A request that is not answered. It is kept while it is held back, or may have to be asked again.
    Request { kind: Kind, request: Option<Request>, progress: Progress, streams: Streams, waiter: Waiter },
    /// A monitor that was answered.
    Monitor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Call,
    Monitor,
    Mailbox,
    Other,
}

#[derive(Clone, Copy, Debug)]
enum Progress {
    Held,
    /// Sent, with this length.
    Sent(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiter {
    Here,
    Gone,
}

/// What a client learns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A request was answered, or never will be. The last event of a call.
    Answer {
        /// The request.
        id: Id,
        /// The value, or why there is none.
        result: Result<Term, CallError>,
    },
    /// A watched process has ended.
    Down {
        /// The request that began to watch.
        monitor: Id,
        /// Whom.
        of: Destination,
        /// Why it ended.
        reason: Term,
    },
    /// Nobody will tell any more when a watched process ends.
    Lost {
        /// The request that began to watch.
        monitor: Id,
    },
    /// A message for a mailbox.
    Message {
        /// The mailbox.
        mailbox: Pid,
        /// The message.
        message: Term,
    },
    /// A mailbox has ended, not by us.
    Closed {
        /// The mailbox.
        mailbox: Pid,
        /// Why.
        reason: Term,
    },
    /// A piece of a call's output. Say [`consume`](Client::consume) when it is used.
    Data {
        /// The call.
        id: Id,
        /// The piece.
        bytes: Binary,
    },
    /// The end of a call's output.
    Eof {
        /// The call.
        id: Id,
    },
    /// The node wants no more of a call's input.
    Stop {
        /// The call.
        id: Id,
    },
}

/// Why a channel cannot go on: what its node did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientError {
    /// What came cannot be read.
    Inbound(InboundError),
    /// It is a term, and no message.
    Message(Term),
    /// An answer came that no request asked for.
    Unasked(Id),
    /// More came of a stream than its credit, or after its end.
    Stream(Id),
    /// The plain protocol was broken.
    Plain(crate::call::ClientError),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inbound(error) => error.fmt(f),
            Self::Message(term) => write!(f, "not a message: {}", crate::call::Brief(term)),
            Self::Unasked(id) => write!(f, "an answer came that no request asked for: {id}"),
            Self::Stream(id) => {
                write!(f, "more came of a stream of call {id} than its credit allows, or after its end")
            }
            Self::Plain(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ClientError {}

/// No stream is written to while more octets than this wait to be sent in short messages.
const ENOUGH_FOR_STREAMS: usize = 32 << 10;

impl Client {
    /// The client at the start of a channel, which takes this. The hello is the first thing to be sent.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let mut outbound = Outbound::new();
        let _ = outbound.push(&Offer { limits }.to_term(), None);
        Self {
            limits,
            state: State::Probing { sent: 0 },
            inbound: Inbound::new(limits),
            outbound,
            open: BTreeMap::new(),
            mailboxes: BTreeSet::new(),
            last_id: 0,
            unanswered: 0,
            pending: 0,
            held: VecDeque::new(),
            cancelled: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// What the node said of itself; `None` before it did, and when it speaks only the plain protocol.
    #[must_use]
    pub const fn accepted(&self) -> Option<&Accepted> {
        match &self.state {
            State::Extended(accepted) => Some(accepted),
            _ => None,
        }
    }

    /// Asks for something. The node's limits may hold it back for a while.
    ///
    /// # Errors
    /// [`CallNotSent`], and then it was not asked for.
    pub fn request(&mut self, request: Request) -> Result<Id, CallNotSent> {
        if let State::Ended | State::Failed(_) = self.state {
            return Err(CallNotSent::Ended);
        }
        let id = Id::new(self.last_id + 1).ok_or(CallNotSent::Ended)?;
        if let Request::Demonitor { monitor } = &request
            && matches!(self.open.get(monitor), Some(Open::Monitor))
        {
            self.open.remove(monitor);
        }
        if let Request::Close { mailbox, .. } = &request {
            self.mailboxes.remove(mailbox);
        }
        let streams = self.streams_of(&request);
        let kind = match request {
            Request::Call { .. } => Kind::Call,
            Request::Monitor { .. } => Kind::Monitor,
            Request::Mailbox => Kind::Mailbox,
            _ => Kind::Other,
        };
        let (request, progress, waiter) = (Some(request), Progress::Held, Waiter::Here);
        self.open.insert(id, Open::Request { kind, request, progress, streams, waiter });
        self.last_id = id.get();
        if !self.held.is_empty() || !self.has_room() {
            self.held.push_back(id);
            return Ok(id);
        }
        self.send(id).map(|()| id).inspect_err(|_not_sent| drop(self.open.remove(&id)))
    }

    /// Stops a call, whose answer then comes soon: `{exit,killed}`, unless it has ended otherwise.
    pub fn cancel(&mut self, call: Id) {
        let Some(Open::Request { kind: Kind::Call, progress, .. }) = self.open.get(&call) else { return };
        let killed = || Err(CallError::Failed(Failure::exit(Term::atom("killed"))));
        match (progress, &mut self.state) {
            (Progress::Held, _) => {
                self.held.retain(|held| *held != call);
                self.answer(call, killed());
            }
            (Progress::Sent(_), State::Extended(_)) => {
                self.push(&ClientMessage::Cancel { id: call }, Some(Line::Call(call.get())))
            }
            (Progress::Sent(_), State::Plain(plain)) => {
                plain.give_up(call);
                self.answer(call, killed());
            }
            // A plain node would answer it: it waits until that is known.
            (Progress::Sent(_), State::Probing { .. }) => self.cancelled.push(call),
            (Progress::Sent(_), State::Ended | State::Failed(_)) => {}
        }
    }

    /// Whether calls were cancelled of which the node is told once it has answered the hello.
    #[must_use]
    pub const fn holds_cancelled(&self) -> bool {
        !self.cancelled.is_empty()
    }

    /// Nobody waits for this request any more, and no event of it comes. A call is cancelled; a mailbox or a monitor that the
    /// node gives all the same is given back.
    pub fn give_up(&mut self, id: Id) {
        if let Some(Open::Request { waiter, .. }) = self.open.get_mut(&id) {
            *waiter = Waiter::Gone;
            self.cancel(id);
        }
        self.events.retain(|event| {
            !matches!(event, ClientEvent::Answer { id: of, .. } | ClientEvent::Data { id: of, .. }
                | ClientEvent::Eof { id: of } | ClientEvent::Stop { id: of } if *of == id)
        });
    }

    /// Takes what came on the channel.
    ///
    /// # Errors
    /// [`ClientError`], now and on every later call: the channel is to be closed, and what was not answered is lost.
    pub fn receive(&mut self, input: &[u8]) -> Result<(), ClientError> {
        let mut rest = input;
        loop {
            let taken = match &mut self.state {
                State::Failed(error) => return Err(error.clone()),
                State::Ended => return Ok(()),
                State::Plain(plain) => {
                    let read = plain.receive(rest).map_err(ClientError::Plain);
                    self.take_plain();
                    return read.map_err(|error| self.fail(error));
                }
                State::Probing { .. } | State::Extended(_) => self.inbound.take(&mut rest),
            };
            let went = match (taken, &self.state) {
                (Ok(None), _) => return Ok(()),
                (Ok(Some((term, _))), State::Probing { .. }) => self.greeted(term),
                (Ok(Some((term, _))), _) => self.message(term),
                (Err(error), _) => Err(ClientError::Inbound(error)),
            };
            went.map_err(|error| self.fail(error))?;
        }
    }

    /// What there is to know.
    pub fn next_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Sends a piece of a call's input, and says how many octets of it: 0 while there is no credit, or enough waits to be
    /// sent, or the node wants no more.
    pub fn send_data(&mut self, call: Id, octets: &[u8]) -> usize {
        if self.outbound.waiting_short() >= ENOUGH_FOR_STREAMS {
            return 0;
        }
        let Some(Open::Request { progress: Progress::Sent(_), streams, .. }) = self.open.get_mut(&call) else {
            return 0;
        };
        let Some(outgoing) = streams.outgoing.as_mut() else { return 0 };
        let piece = octets.get(..outgoing.room()).unwrap_or(octets);
        if piece.is_empty() {
            return 0;
        }
        outgoing.sent(piece.len() as u64);
        self.stream(call, StreamMessage::Data(piece.into()));
        piece.len()
    }

    /// Says that a call's input has ended.
    pub fn send_eof(&mut self, call: Id) {
        let held = matches!(self.open.get(&call), Some(Open::Request { progress: Progress::Held, .. }));
        let outgoing = self.streams(call).and_then(|streams| streams.outgoing.as_mut());
        if outgoing.is_some_and(Outgoing::end) && !held {
            self.stream(call, StreamMessage::Eof);
        }
    }

    /// Octets of a call's output were used: as many more may come.
    pub fn consume(&mut self, call: Id, octets: usize) {
        let incoming = self.streams(call).and_then(|streams| streams.incoming.as_mut());
        if let Some(credit) = incoming.and_then(|incoming| incoming.consume(octets as u64)) {
            self.stream(call, StreamMessage::Credit(credit));
        }
    }

    /// Wants no more of a call's output.
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
        if let State::Plain(plain) = &mut self.state {
            plain.fill(out);
        }
    }

    /// Whether [`fill`](Self::fill) would append anything.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.outbound.is_ready() || matches!(&self.state, State::Plain(plain) if plain.has_output())
    }

    /// How many requests are not answered.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.unanswered + self.held.len()
    }

    /// The node's side of the channel ended: what was not answered is lost, and each reported so, once.
    pub fn end(&mut self) {
        if !matches!(self.state, State::Failed(_)) {
            self.state = State::Ended;
        }
        self.lose();
    }

    fn take_plain(&mut self) {
        while let State::Plain(plain) = &mut self.state
            && let Some((id, result)) = plain.next_answer()
        {
            self.answer(id, result);
        }
    }

    fn fail(&mut self, error: ClientError) -> ClientError {
        self.state = State::Failed(error.clone());
        self.lose();
        error
    }

    fn has_room(&self) -> bool {
        match &self.state {
            State::Extended(Accepted { limits, .. }) => self.unanswered < limits.calls && self.pending < limits.pending,
            State::Probing { sent } => *sent < PROBES,
            State::Plain(_) => true,
            State::Ended | State::Failed(_) => false,
        }
    }

    fn streams_of(&self, request: &Request) -> Streams {
        let Request::Call { options, .. } = request else { return Streams::default() };
        Streams {
            incoming: (options.output == Streamed::Yes).then(|| Incoming::new(self.limits.window)),
            // The node's window is known when the call is sent.
            outgoing: (options.input == Streamed::Yes).then(|| Outgoing::new(0)),
        }
    }

    /// Sends a request that is new, or was held back.
    fn send(&mut self, id: Id) -> Result<(), CallNotSent> {
        let Some(Open::Request { request, progress, streams, .. }) = self.open.get_mut(&id) else { return Ok(()) };
        let Some(asked) = request.take() else { return Ok(()) };
        match &mut self.state {
            State::Extended(accepted) => {
                let line = line_of(id, &asked);
                let ended = streams.outgoing.as_mut().is_some_and(|outgoing| outgoing.begin(accepted.limits.window));
                let message = ClientMessage::Request { id, request: asked }.to_term();
                let length = self.outbound.push(&message, line).map_err(|_too_long| CallNotSent::TooLong)?;
                *progress = Progress::Sent(length);
                self.unanswered += 1;
                self.pending = self.pending.saturating_add(length);
                if ended {
                    self.stream(id, StreamMessage::Eof);
                }
            }
            State::Probing { sent } => {
                let message = ClientMessage::Request { id, request: asked.clone() }.to_term();
                *request = Some(asked);
                let plain = streams.incoming.is_none() && streams.outgoing.is_none();
                match plain.then(|| self.outbound.push_whole(&message)).flatten() {
                    Some(length) => {
                        *progress = Progress::Sent(length);
                        *sent += 1;
                        self.unanswered += 1;
                        self.pending = self.pending.saturating_add(length);
                    }
                    None => self.held.push_back(id),
                }
            }
            State::Plain(plain) => {
                *progress = Progress::Sent(0);
                self.unanswered += 1;
                if let Some(result) = plain.request(id, asked)? {
                    self.answer(id, result);
                }
            }
            State::Ended | State::Failed(_) => return Err(CallNotSent::Ended),
        }
        Ok(())
    }

    /// Sends what was held back, as far as there is room now.
    fn release(&mut self) {
        while self.has_room()
            && let Some(id) = self.held.pop_front()
        {
            if let Err(error) = self.send(id) {
                let error = match error {
                    CallNotSent::TooLong => CallError::Failed(Failure::erpc("system_limit")),
                    CallNotSent::Ended => CallError::Lost,
                };
                self.answer(id, Err(error));
            }
        }
    }

    /// The answer to the hello.
    fn greeted(&mut self, term: Term) -> Result<(), ClientError> {
        let Ok(answer) = Answer::try_from(&term) else { return Err(ClientError::Message(term)) };
        match Accepted::read(&answer.reply) {
            Some(accepted) => self.go_extended(accepted),
            None => self.go_plain(),
        }
        Ok(())
    }

    fn go_extended(&mut self, accepted: Accepted) {
        self.outbound.set_peer(accepted.limits);
        self.state = State::Extended(accepted);
        for open in self.open.values_mut() {
            if let Open::Request { request, progress: Progress::Sent(_), .. } = open {
                *request = None;
            }
        }
        for id in core::mem::take(&mut self.cancelled) {
            self.cancel(id);
        }
        self.release();
    }

    /// What was sent behind the hello is answered without effect, and asked again.
    fn go_plain(&mut self) {
        let State::Probing { sent } = self.state else { return };
        self.state = State::Plain(Box::new(Plain::new(sent, self.limits)));
        self.unanswered = 0;
        self.pending = 0;
        let cancelled = core::mem::take(&mut self.cancelled);
        self.held.clear();
        for (id, open) in &mut self.open {
            if let Open::Request { progress, .. } = open {
                *progress = Progress::Held;
                self.held.push_back(*id);
            }
        }
        for id in cancelled {
            self.cancel(id);
        }
        self.release();
    }

    fn message(&mut self, term: Term) -> Result<(), ClientError> {
        match ServerMessage::try_from(term) {
            Ok(ServerMessage::Answer { id, outcome }) => match self.open.get(&id) {
                Some(Open::Request { progress: Progress::Sent(_), .. }) => {
                    self.answer(id, value(outcome));
                    self.release();
                    Ok(())
                }
                _ => Err(ClientError::Unasked(id)),
            },
            Ok(ServerMessage::Down { monitor, of, reason }) => {
                // One that is being given up may still come.
                if matches!(self.open.get(&monitor), Some(Open::Monitor)) {
                    self.open.remove(&monitor);
                    self.events.push_back(ClientEvent::Down { monitor, of, reason });
                }
                Ok(())
            }
            // To a mailbox that we have just closed, something may still be under way.
            Ok(ServerMessage::Message { mailbox, message }) => {
                if self.mailboxes.contains(&mailbox) {
                    self.events.push_back(ClientEvent::Message { mailbox, message });
                }
                Ok(())
            }
            Ok(ServerMessage::Closed { mailbox, reason }) => {
                if self.mailboxes.remove(&mailbox) {
                    self.events.push_back(ClientEvent::Closed { mailbox, reason });
                }
                Ok(())
            }
            Ok(ServerMessage::Stream { id, message }) => {
                self.stream_message(id, message).map_err(|Overrun| ClientError::Stream(id))
            }
            Err(Malformed::Message(term)) => Err(ClientError::Message(term)),
            Err(Malformed::Request { id, .. }) => Err(ClientError::Unasked(id)),
        }
    }

    fn stream_message(&mut self, id: Id, message: StreamMessage) -> Result<(), Overrun> {
        let Some(Open::Request { streams, waiter, .. }) = self.open.get_mut(&id) else { return Ok(()) };
        let event = match message {
            StreamMessage::Data(bytes) => {
                let wanted = streams.incoming.as_mut().ok_or(Overrun)?.data(bytes.as_bytes().len())?;
                wanted.then_some(ClientEvent::Data { id, bytes })
            }
            StreamMessage::Eof => {
                let wanted = streams.incoming.as_mut().ok_or(Overrun)?.eof()?;
                wanted.then_some(ClientEvent::Eof { id })
            }
            StreamMessage::Credit(octets) => {
                streams.outgoing.as_mut().ok_or(Overrun)?.credit(octets).ok_or(Overrun)?;
                None
            }
            StreamMessage::Stop => {
                let news = streams.outgoing.as_mut().ok_or(Overrun)?.stop();
                news.then_some(ClientEvent::Stop { id })
            }
        };
        if *waiter == Waiter::Here {
            self.events.extend(event);
        }
        Ok(())
    }

    /// A request has its answer.
    fn answer(&mut self, id: Id, result: Result<Term, CallError>) {
        let Some(Open::Request { kind, progress, waiter, .. }) = self.open.remove(&id) else { return };
        if let Progress::Sent(length) = progress {
            self.unanswered = self.unanswered.saturating_sub(1);
            self.pending = self.pending.saturating_sub(length);
        }
        let result = match (kind, result) {
            (Kind::Monitor, Ok(_)) if waiter == Waiter::Gone => {
                return self.unasked(Request::Demonitor { monitor: id });
            }
            (Kind::Monitor, Ok(value)) => {
                self.open.insert(id, Open::Monitor);
                Ok(value)
            }
            (Kind::Mailbox, Ok(Term::Pid(mailbox))) if waiter == Waiter::Gone => {
                let reason = Term::atom("normal");
                return self.unasked(Request::Close { mailbox, reason });
            }
            (Kind::Mailbox, Ok(Term::Pid(mailbox))) => {
                self.mailboxes.insert(mailbox.clone());
                Ok(mailbox.into())
            }
            (Kind::Mailbox, Ok(other)) => Err(CallError::BadReply(other)),
            (_, result) => result,
        };
        if waiter == Waiter::Here {
            self.events.push_back(ClientEvent::Answer { id, result });
        }
    }

    /// Gives back what was got for somebody who does not wait any more.
    fn unasked(&mut self, request: Request) {
        if let Ok(id) = self.request(request) {
            self.give_up(id);
        }
    }

    fn lose(&mut self) {
        self.held.clear();
        for (id, open) in core::mem::take(&mut self.open) {
            match open {
                Open::Request { waiter: Waiter::Here, .. } => {
                    self.events.push_back(ClientEvent::Answer { id, result: Err(CallError::Lost) });
                }
                Open::Request { waiter: Waiter::Gone, .. } => {}
                // Nobody will tell of what was watched, either.
                Open::Monitor => self.events.push_back(ClientEvent::Lost { monitor: id }),
            }
        }
        for mailbox in core::mem::take(&mut self.mailboxes) {
            self.events.push_back(ClientEvent::Closed { mailbox, reason: Term::atom("noconnection") });
        }
        self.unanswered = 0;
        self.cancelled.clear();
    }

    fn streams(&mut self, call: Id) -> Option<&mut Streams> {
        match self.open.get_mut(&call) {
            Some(Open::Request { streams, .. }) => Some(streams),
            _ => None,
        }
    }

    fn stream(&mut self, id: Id, message: StreamMessage) {
        self.push(&ClientMessage::Stream { id, message }, Some(Line::Call(id.get())));
    }

    /// What is short: it fits.
    fn push(&mut self, message: &ClientMessage, line: Option<Line>) {
        let _ = self.outbound.push(&message.to_term(), line);
    }
}

/// Calls overtake each other; what goes to processes keeps its order.
const fn line_of(id: Id, request: &Request) -> Option<Line> {
    match request {
        Request::Call { .. } => Some(Line::Call(id.get())),
        Request::Cast { .. } | Request::Ping | Request::Demonitor { .. } | Request::Mailbox => None,
        _ => Some(Line::Processes),
    }
}

fn value(outcome: Outcome) -> Result<Term, CallError> {
    match outcome {
        Ok(Success::Value(value)) => Ok(value),
        Err(failure) => Err(CallError::Failed(failure)),
    }
}

/// How many requests are sent before the answer to the hello.
const PROBES: usize = 64;
