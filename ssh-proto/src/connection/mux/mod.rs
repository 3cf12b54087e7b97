//! Many channels on one connection: routes what the peer sends, and keeps the order of answers.
//!
//! The rooms: [`open`] makes channels, [`data`] fills them, [`close`] ends them; [`requests`] are those of one channel,
//! [`global`] those of the connection.

mod close;
mod data;
mod global;
mod open;
mod requests;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use data::STDERR;
pub use data::SendError;
pub(crate) use global::decode_global_request;
pub use global::{GlobalRequestId, GlobalTicket};
pub(crate) use open::decode_open;
pub use open::{ChannelOptions, OpenError, OpenTicket};
pub(crate) use requests::decode_request;
pub use requests::{ReplyTicket, RequestId};

use super::channel::{Channel, ChannelId, Channels, Open, Receiving, Sending, Stage, Stream};
use super::messages::{Message, OpenFailureReason};
use super::replies::{Outcome, Pending};
use crate::error::{Error, PeerMisbehaved};
use crate::limits::Limits;
use crate::time::Instant;
use crate::transport::{Role, Transport};
use crate::userauth::proof::Authenticated;
use crate::wire::{MessageNumber, Reader, number};

/// The channels and requests of a connection whose user is logged in.
#[derive(Debug)]
pub(crate) struct Mux {
    _logged_in: Authenticated,
    role: Role,
    limits: Limits,
    channels: Channels,
    /// Our global requests that wait for the peer's answers, in order.
    asked: VecDeque<GlobalRequestId>,
    /// The peer's global requests that wait for ours.
    pending: Pending<Result<Vec<u8>, ()>>,
    next_request: u64,
    sessions: Sessions,
    /// How many channels wait for room.
    blocked: usize,
    /// The number of the channel whose turn it is to be told of room.
    turn: u32,
}

/// Whether the client may open sessions (PROTOCOL §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sessions {
    Allowed,
    /// It said that it would open no more.
    NoMore,
}

/// The channel of the ticket is gone: nobody waits for the answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say")]
pub struct StaleTicket;

impl fmt::Display for StaleTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel of this request is gone")
    }
}

impl core::error::Error for StaleTicket {}

/// Something for the caller. Ranges lie in the payload that it came from.
#[derive(Debug)]
pub(crate) enum Delivery {
    Open(OpenTicket, Range<usize>),
    Opened(ChannelId),
    OpenFailed { channel: ChannelId, reason: OpenFailureReason, description: String },
    Data { channel: ChannelId, stream: Stream, data: Range<usize> },
    Request { channel: ChannelId, ticket: ReplyTicket, payload: Range<usize> },
    Reply { channel: ChannelId, request: RequestId, outcome: Outcome },
    Eof(ChannelId),
    Closed(ChannelId),
    Writable(ChannelId),
    GlobalRequest { ticket: GlobalTicket, payload: Range<usize> },
    GlobalReply { request: GlobalRequestId, data: Option<Range<usize>> },
    Pong(Range<usize>),
}

/// Where everything about one call goes.
pub(crate) struct Outlet<'a> {
    pub(crate) transport: &'a mut Transport,
    pub(crate) now: Instant,
    pub(crate) out: &'a mut Vec<u8>,
}

impl Outlet<'_> {
    fn send(&mut self, message: &Message<'_>) -> Result<(), Error> {
        self.transport.send(self.now, self.out, |payload| message.encode(payload))
    }
}

impl Mux {
    pub(crate) fn new(proof: Authenticated, role: Role, limits: Limits) -> Self {
        Self {
            _logged_in: proof,
            role,
            limits,
            channels: Channels::default(),
            asked: VecDeque::new(),
            pending: Pending::default(),
            next_request: 0,
            sessions: Sessions::Allowed,
            blocked: 0,
            turn: 0,
        }
    }

    /// One message of the connection layer, `payload[0]` being its number.
    pub(crate) fn receive(
        &mut self,
        to: &mut Outlet<'_>,
        sequence: u32,
        payload: &[u8],
    ) -> Result<Option<Delivery>, Error> {
        let number = payload.first().copied().unwrap_or_default();
        let invalid = |error| Error::InvalidMessage(MessageNumber(number), error);
        match number {
            // "any further authentication requests received after that SHOULD be silently ignored" (RFC 4252 §5.1); what
            // else a login may still have had in flight goes the same way.
            number::USERAUTH_REQUEST..=79 => return Ok(None),
            0..80 => return Err(unexpected(number)),
            number::PONG => return Self::receive_pong(payload),
            80.. => {}
        }
        let body = payload.get(1..).unwrap_or_default();
        let Some(message) = Message::decode(number, body).map_err(invalid)? else {
            to.transport.send_unimplemented(sequence, to.out);
            return Ok(None);
        };
        match message {
            Message::GlobalRequest(request) => self.receive_global_request(to, &request, payload),
            Message::RequestSuccess { .. } => self.receive_global_reply(Some(1..payload.len())),
            Message::RequestFailure => self.receive_global_reply(None),
            Message::ChannelOpen(open) => self.receive_open(to, &open, payload),
            Message::ChannelOpenConfirmation(confirmation) => self.receive_confirmation(to, &confirmation),
            Message::ChannelOpenFailure(failure) => self.receive_open_failure(&failure),
            Message::ChannelWindowAdjust { recipient_channel, bytes_to_add } => {
                let (_, open) = self.opened(recipient_channel)?;
                open.outbound.adjust(bytes_to_add).map_err(Error::PeerMisbehaved)?;
                Ok(None)
            }
            Message::ChannelData { recipient_channel, data } => {
                let data = range_in(payload, data);
                self.receive_data(to, recipient_channel, Some(Stream::Data), data)
            }
            Message::ChannelExtendedData { recipient_channel, data_type_code, data } => {
                let data = range_in(payload, data);
                self.receive_data(to, recipient_channel, (data_type_code == STDERR).then_some(Stream::Stderr), data)
            }
            Message::ChannelEof { recipient_channel } => {
                let (id, open) = self.opened(recipient_channel)?;
                match open.receiving {
                    Receiving::Data => open.receiving = Receiving::Requests,
                    Receiving::Requests => return Err(misbehaved(PeerMisbehaved::DataAfterEof)),
                }
                Ok((open.sending != Sending::Closed).then_some(Delivery::Eof(id)))
            }
            Message::ChannelClose { recipient_channel } => self.receive_close(to, recipient_channel),
            Message::ChannelRequest(request) => self.receive_request(to, &request, payload),
            Message::ChannelSuccess { recipient_channel } => self.receive_reply(recipient_channel, Outcome::Success),
            Message::ChannelFailure { recipient_channel } => self.receive_reply(recipient_channel, Outcome::Failure),
        }
    }

    /// An answer to a ping of ours (PROTOCOL §1.8), or to none: it says that the peer lives, and no more.
    fn receive_pong(payload: &[u8]) -> Result<Option<Delivery>, Error> {
        let mut reader = Reader::new(payload.get(1..).unwrap_or_default());
        let invalid = |error| Error::InvalidMessage(MessageNumber(number::PONG), error);
        let data = reader.string("data").map_err(invalid)?;
        reader.finish("SSH_MSG_PONG").map_err(invalid)?;
        Ok(Some(Delivery::Pong(range_in(payload, data))))
    }

    /// The channel that the peer means, which must be open.
    fn opened(&mut self, number: u32) -> Result<(ChannelId, &mut Open), Error> {
        match self.channels.by_number(number) {
            Some((id, Channel { stage: Stage::Open(open), .. })) => Ok((id, open)),
            _ => Err(misbehaved(PeerMisbehaved::UnknownChannel)),
        }
    }
}

const fn misbehaved(blame: PeerMisbehaved) -> Error {
    Error::PeerMisbehaved(blame)
}

const fn unexpected(number: u8) -> Error {
    misbehaved(PeerMisbehaved::UnexpectedMessage(MessageNumber(number)))
}

/// Where `inner`, a part of `outer`, lies in it.
fn range_in(outer: &[u8], inner: &[u8]) -> Range<usize> {
    let start = (inner.as_ptr() as usize).saturating_sub(outer.as_ptr() as usize);
    start..start.saturating_add(inner.len())
}
