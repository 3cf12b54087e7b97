//! What happens on a connection.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::side::{Question, Side};
use super::{Connection, outlet};
use crate::connection::mux::{self, Delivery};
use crate::connection::{
    ChannelId, ChannelRequest, GlobalRequest, GlobalRequestId, GlobalTicket, OpenFailureReason, OpenTicket, Outcome,
    PeerOpen, ReplyTicket, RequestId, Stream,
};
use crate::error::Error;
use crate::io::InputBuffer;
use crate::notice::Notice;
use crate::time::Instant;
use crate::transport::{Payload, Turn};

/// Something that happened on a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a, S: Side> {
    /// The peer wants to open a channel: [`Connection::accept`] or [`Connection::reject`] it.
    Open {
        /// What answers.
        ticket: OpenTicket,
        /// Which kind of channel.
        kind: PeerOpen<'a>,
    },
    /// The peer accepted a channel that we opened.
    Opened(ChannelId),
    /// The peer refused a channel that we opened.
    OpenFailed {
        /// The id that [`Connection::open`] answered; it is gone.
        channel: ChannelId,
        /// Why.
        reason: OpenFailureReason,
        /// The peer's words, control characters removed.
        description: String,
    },
    /// Data. Its credit returns to the peer when it is [consumed](super::Channel::consume).
    Data {
        /// On which channel.
        channel: ChannelId,
        /// On which of its streams.
        stream: Stream,
        /// It lies in the input buffer.
        data: &'a [u8],
    },
    /// The peer asks for something on a channel: [`Connection::reply`].
    Request {
        /// On which channel.
        channel: ChannelId,
        /// What it asks for.
        request: ChannelRequest<'a>,
        /// What answers.
        ticket: ReplyTicket,
    },
    /// The peer answered a request of ours on a channel.
    Reply {
        /// On which channel.
        channel: ChannelId,
        /// The id that [`Channel::request`](super::Channel::request) answered.
        request: RequestId,
        /// What it said.
        outcome: Outcome,
    },
    /// A channel that had no room takes data again.
    Writable(ChannelId),
    /// The peer sends no more data on a channel; requests may still come, and we may go on sending.
    Eof(ChannelId),
    /// A channel is gone. Its id is worth nothing any more.
    Closed(ChannelId),
    /// The peer asks for something of the connection: [`Connection::reply_global`].
    GlobalRequest {
        /// What it asks for.
        request: GlobalRequest<'a>,
        /// What answers.
        ticket: GlobalTicket,
    },
    /// The peer answered a global request of ours: with data, or with a refusal.
    GlobalReply {
        /// The id that [`Connection::global_request`] answered.
        request: GlobalRequestId,
        /// The response specific data; `None` for a refusal.
        data: Option<&'a [u8]>,
    },
    /// The peer answered a [ping](Connection::ping): with the data that it held.
    Pong(&'a [u8]),
    /// A key re-exchange asks something: [`Connection::resume_rekey`].
    Rekey(S::Ask),
    /// For a log.
    Notice(Notice),
}

/// What the bytes that came mean. See [`Connection::process`].
#[derive(Debug)]
pub struct Events<'a, S: Side> {
    pub(super) connection: &'a mut Connection<S>,
    pub(super) now: Instant,
    pub(super) input: &'a mut dyn InputBuffer,
    /// What the event in the caller's hands borrows.
    pub(super) payload: Payload,
    pub(super) out: &'a mut Vec<u8>,
}

impl fmt::Debug for dyn InputBuffer + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputBuffer").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

/// An [`Event`], and beside it what answers it: the event borrows the input buffer, not the connection.
pub type Happened<'e, S> = (Event<'e, S>, &'e mut Connection<S>, &'e mut Vec<u8>);

impl<S: Side> Events<'_, S> {
    /// The next event, together with the connection and the output, so that it can be answered at once.
    ///
    /// `None` when more input is needed, or room in the output. An error ends the connection.
    #[expect(clippy::should_implement_trait, reason = "each event borrows the buffers until the next one")]
    pub fn next(&mut self) -> Option<Result<Happened<'_, S>, Error>> {
        let step = match self.step() {
            Ok(Some(step)) => step,
            Ok(None) => return None,
            Err(error) => return Some(Err(self.connection.transport.fail(error, self.out))),
        };
        let Self { connection, input, payload, out, .. } = self;
        let event = match step {
            Step::Notice(notice) => Event::Notice(notice),
            Step::Rekey(ask) => Event::Rekey(ask),
            Step::Delivery(delivery) => deliver(delivery, payload.bytes(*input))?,
        };
        Some(Ok((event, connection, out)))
    }

    fn step(&mut self) -> Result<Option<Step<S>>, Error> {
        loop {
            let transport = &mut self.connection.transport;
            if let Some(notice) = transport.notices.pop() {
                return Ok(Some(Step::Notice(notice)));
            }
            if let Some(writable) = self.connection.mux.poll_writable(transport, self.out) {
                return Ok(Some(Step::Delivery(writable)));
            }
            transport.recycle(core::mem::replace(&mut self.payload, Payload::NONE));
            let turn = transport.turn(self.now, self.input, self.out)?;
            self.connection.look_for_life(self.now);
            match turn {
                Turn::Idle => return Ok(None),
                Turn::KeysChanged => {}
                Turn::Verify(_) => {}
                Turn::Sign(sign) => {
                    if let Some(ask) = S::ask(Question(sign)) {
                        return Ok(Some(Step::Rekey(ask)));
                    }
                }
                Turn::Packet { sequence, payload } => {
                    self.payload = payload;
                    let bytes = self.payload.bytes(self.input);
                    let connection = &mut *self.connection;
                    let mut to = outlet(&mut connection.transport, self.now, self.out);
                    match connection.mux.receive(&mut to, sequence, bytes)? {
                        Some(Delivery::GlobalReply { request, .. }) if connection.is_keepalive(request) => {}
                        Some(delivery) => return Ok(Some(Step::Delivery(delivery))),
                        None => {}
                    }
                }
            }
        }
    }
}

enum Step<S: Side> {
    Notice(Notice),
    Rekey(S::Ask),
    Delivery(Delivery),
}

/// Gives a delivery the bytes that it speaks of. Messages that were read once are read again here: only what cannot be
/// read, which `mux` has refused already, would be `None`.
fn deliver<S: Side>(delivery: Delivery, payload: &[u8]) -> Option<Event<'_, S>> {
    let bytes = |range: core::ops::Range<usize>| payload.get(range).unwrap_or_default();
    Some(match delivery {
        Delivery::Open(ticket, body) => Event::Open { ticket, kind: mux::decode_open(bytes(body))? },
        Delivery::Opened(id) => Event::Opened(id),
        Delivery::OpenFailed { channel, reason, description } => Event::OpenFailed { channel, reason, description },
        Delivery::Data { channel, stream, data } => Event::Data { channel, stream, data: bytes(data) },
        Delivery::Request { channel, ticket, payload } => {
            Event::Request { channel, request: mux::decode_request(bytes(payload))?, ticket }
        }
        Delivery::Reply { channel, request, outcome } => Event::Reply { channel, request, outcome },
        Delivery::Eof(id) => Event::Eof(id),
        Delivery::Closed(id) => Event::Closed(id),
        Delivery::Writable(id) => Event::Writable(id),
        Delivery::GlobalRequest { ticket, payload } => {
            Event::GlobalRequest { request: mux::decode_global_request(bytes(payload))?, ticket }
        }
        Delivery::Pong(data) => Event::Pong(bytes(data)),
        Delivery::GlobalReply { request, data } => Event::GlobalReply { request, data: data.map(bytes) },
    })
}
