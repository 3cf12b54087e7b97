//! One side of a connection, with what it saw and how it answers.

use std::collections::VecDeque;
use std::convert::Infallible;

use ssh_proto::connected::RekeySignature;
use ssh_proto::io::InputBuffer;
use ssh_proto::notice::Notice;
use ssh_proto::time::Instant;
use ssh_proto::{
    ChannelId, Client, Connection, Error, Event, GlobalRequestId, GlobalTicket, OpenFailureReason, OpenTicket, Outcome,
    ReplyTicket, RequestId, Server, Side, Stream,
};

use super::Signer;

/// What a side does by itself when it is asked. Where the habit is `None`, the ticket is kept for the test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    pub(crate) open: Option<Outcome>,
    pub(crate) request: Option<Outcome>,
    pub(crate) global_request: Option<Outcome>,
    pub(crate) sign: Option<()>,
    /// Data counts as consumed at once.
    pub(crate) consume: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            open: Some(Outcome::Success),
            request: Some(Outcome::Success),
            global_request: Some(Outcome::Success),
            sign: Some(()),
            consume: true,
        }
    }
}

/// An event that outlives its buffer. Requests and kinds of channels are kept as they print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Open(String),
    Opened(ChannelId),
    OpenFailed(ChannelId, OpenFailureReason),
    Data(ChannelId, Stream, Vec<u8>),
    Request(ChannelId, String),
    Reply(ChannelId, RequestId, Outcome),
    Writable(ChannelId),
    Eof(ChannelId),
    Closed(ChannelId),
    GlobalRequest(String),
    GlobalReply(GlobalRequestId, Option<Vec<u8>>),
    Pong(Vec<u8>),
    Rekey,
    Notice(Notice),
}

/// A connection, what it saw, and the questions that it has not answered.
#[derive(Debug)]
pub(crate) struct End<S: TestSide> {
    pub(crate) connection: Connection<S>,
    pub(crate) habits: Habits,
    pub(crate) seen: Vec<Seen>,
    /// The channels that it accepted.
    pub(crate) opened: Vec<ChannelId>,
    pub(crate) opens: VecDeque<OpenTicket>,
    pub(crate) requests: VecDeque<ReplyTicket>,
    pub(crate) global_requests: VecDeque<GlobalTicket>,
    pub(crate) asks: VecDeque<S::Ask>,
    pub(crate) error: Option<Error>,
}

impl<S: TestSide> End<S> {
    pub(crate) fn new(connection: Connection<S>) -> Self {
        Self {
            connection,
            habits: Habits::default(),
            seen: Vec::new(),
            opened: Vec::new(),
            opens: VecDeque::new(),
            requests: VecDeque::new(),
            global_requests: VecDeque::new(),
            asks: VecDeque::new(),
            error: None,
        }
    }

    /// Looks at everything that came; true when something happened.
    pub(crate) fn process(
        &mut self,
        now: Instant,
        input: &mut dyn InputBuffer,
        out: &mut Vec<u8>,
        signer: &mut Signer,
    ) -> bool {
        if self.error.is_some() {
            return false;
        }
        let seen = self.seen.len();
        let Self { connection, habits, opened, opens, requests, global_requests, asks, .. } = self;
        let mut events = connection.process(now, input, out);
        while let Some(happened) = events.next() {
            let (event, connection, out) = match happened {
                Ok(happened) => happened,
                Err(error) => {
                    self.error = Some(error);
                    return true;
                }
            };
            self.seen.push(Seen::of(&event));
            match event {
                Event::Open { ticket, .. } => match habits.open {
                    None => opens.push_back(ticket),
                    Some(Outcome::Success) => opened.push(connection.accept(ticket, now, out).unwrap()),
                    Some(Outcome::Failure) => {
                        let reason = OpenFailureReason::UNKNOWN_CHANNEL_TYPE;
                        connection.reject(ticket, reason, "no", now, out).unwrap();
                    }
                },
                Event::Data { channel, data, .. } if habits.consume => {
                    let length = u32::try_from(data.len()).unwrap();
                    connection.channel(channel).consume(length, now, out).unwrap();
                }
                Event::Request { ticket, .. } => match habits.request {
                    None => requests.push_back(ticket),
                    Some(outcome) => connection.reply(ticket, outcome, now, out).unwrap(),
                },
                Event::GlobalRequest { ticket, .. } => match habits.global_request {
                    None => global_requests.push_back(ticket),
                    Some(outcome) => {
                        let data = (outcome == Outcome::Success).then_some(&b"yes"[..]);
                        connection.reply_global(ticket, data, now, out).unwrap();
                    }
                },
                Event::Rekey(ask) => match habits.sign {
                    None => asks.push_back(ask),
                    Some(()) => S::sign(connection, ask, signer, out),
                },
                _ => {}
            }
        }
        self.seen.len() > seen
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.error.is_some() { None } else { self.connection.poll_timeout() }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Vec<u8>) {
        if self.error.is_none() {
            self.error = self.connection.handle_timeout(now, out).err();
        }
    }

    /// All data that came on a channel.
    pub(crate) fn data(&self, channel: ChannelId) -> Vec<u8> {
        self.stream(channel, Stream::Data)
    }

    pub(crate) fn stream(&self, channel: ChannelId, wanted: Stream) -> Vec<u8> {
        self.seen
            .iter()
            .filter_map(|seen| match seen {
                Seen::Data(id, stream, data) if (*id, *stream) == (channel, wanted) => Some(data),
                _ => None,
            })
            .flatten()
            .copied()
            .collect()
    }

    /// Forgets what was seen, and gives it.
    pub(crate) fn take(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }

    /// What was seen but for notices, forgotten.
    pub(crate) fn take_events(&mut self) -> Vec<Seen> {
        self.take().into_iter().filter(|seen| !matches!(seen, Seen::Notice(_))).collect()
    }

    /// How many events there were, notices aside.
    pub(crate) fn event_count(&self) -> usize {
        self.seen.iter().filter(|seen| !matches!(seen, Seen::Notice(_))).count()
    }

    /// How many key exchanges were over since somebody asked for the events.
    pub(crate) fn key_exchanges(&self) -> usize {
        self.seen.iter().filter(|seen| matches!(seen, Seen::Notice(Notice::Negotiated(_)))).count()
    }
}

impl Seen {
    fn of<S: Side>(event: &Event<'_, S>) -> Self {
        match event {
            Event::Open { kind, .. } => Self::Open(format!("{kind:?}")),
            Event::Opened(id) => Self::Opened(*id),
            Event::OpenFailed { channel, reason, .. } => Self::OpenFailed(*channel, *reason),
            Event::Data { channel, stream, data } => Self::Data(*channel, *stream, data.to_vec()),
            Event::Request { channel, request, .. } => Self::Request(*channel, format!("{request:?}")),
            Event::Reply { channel, request, outcome } => Self::Reply(*channel, *request, *outcome),
            Event::Writable(id) => Self::Writable(*id),
            Event::Eof(id) => Self::Eof(*id),
            Event::Closed(id) => Self::Closed(*id),
            Event::GlobalRequest { request, .. } => Self::GlobalRequest(format!("{request:?}")),
            Event::GlobalReply { request, data } => Self::GlobalReply(*request, data.map(<[u8]>::to_vec)),
            Event::Pong(data) => Self::Pong(data.to_vec()),
            Event::Rekey(_) => Self::Rekey,
            Event::Notice(notice) => Self::Notice(notice.clone()),
            _ => unreachable!("an event that the tests do not know"),
        }
    }
}

/// How a side answers the questions of a re-exchange.
pub(crate) trait TestSide: Side {
    fn sign(connection: &mut Connection<Self>, ask: Self::Ask, signer: &mut Signer, out: &mut Vec<u8>);
}

impl TestSide for Client {
    fn sign(_connection: &mut Connection<Self>, ask: Infallible, _signer: &mut Signer, _out: &mut Vec<u8>) {
        match ask {}
    }
}

impl TestSide for Server {
    fn sign(connection: &mut Connection<Self>, ask: RekeySignature, signer: &mut Signer, out: &mut Vec<u8>) {
        let signature = signer.sign(ask.key(), ask.algorithm(), ask.to_sign());
        connection.resume_rekey(ask, &signature, out);
    }
}
