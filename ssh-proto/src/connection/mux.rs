//! Many channels on one connection: routes what the peer sends, and keeps the order of answers.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::channel::{Answer, Blocked, Channel, ChannelId, Channels, Half, Open, PeerChannel, Program, Stage, Stream};
use super::messages::{
    ChannelOpen, ChannelOpenConfirmation, ChannelOpenFailure, ChannelRequestMessage, GlobalRequestMessage, Message,
    OpenFailureReason,
};
use super::replies::{Pending, Place};
use super::requests::{GlobalRequest, PeerOpen};
use super::session::ChannelRequest;
use super::window::{InboundWindow, OutboundWindow};
use crate::error::{Error, Limit, PeerMisbehaved};
use crate::limits::Limits;
use crate::notice::printable;
use crate::time::Instant;
use crate::transport::{Role, Transport};
use crate::userauth::proof::Authenticated;
use crate::wire::{MessageNumber, Put, number};

/// OpenSSH's question for a sign of life.
pub(crate) const KEEPALIVE: &str = "keepalive@openssh.com";
/// SSH_EXTENDED_DATA_STDERR.
const STDERR: u32 = 1;

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
    blocked: usize,
}

/// One of our channel requests, to tell its answer from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

/// One of our global requests, to tell its answer from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalRequestId(u64);

/// The right to answer one CHANNEL_OPEN. Dropped, it leaves the peer waiting for as long as the connection lives.
#[derive(Debug)]
#[must_use = "the peer waits for an answer: accept or reject"]
pub struct OpenTicket {
    channel: ChannelId,
}

impl OpenTicket {
    /// The id that the channel has once it is accepted.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }
}

/// The right to answer one channel request. Answers leave in the order of their requests, whenever they are given.
#[derive(Debug)]
#[must_use = "the peer may wait for an answer"]
pub struct ReplyTicket {
    channel: ChannelId,
    /// `None` where the peer wants no reply.
    place: Option<Place>,
    starts_program: bool,
}

impl ReplyTicket {
    /// Whether the peer asked for a reply; where it did not, replying does nothing.
    #[must_use]
    pub const fn wants_reply(&self) -> bool {
        self.place.is_some()
    }
}

/// The right to answer one global request. Answers leave in the order of their requests, whenever they are given.
#[derive(Debug)]
#[must_use = "the peer may wait for an answer"]
pub struct GlobalTicket {
    place: Option<Place>,
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

/// Why a channel could not be opened here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// As many channels are open as the limits allow.
    TooManyChannels,
    /// The connection has ended.
    Ended(Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyChannels => f.write_str("too many channels are open on this connection"),
            Self::Ended(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OpenError {}

/// Why data was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// No room now: `Event::Writable` says when to try again.
    Blocked,
    /// Keys are being exchanged: `Event::Writable` says when to try again.
    Rekeying,
    /// The channel takes no more data: it was closed, or EOF was sent.
    Closed,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "the channel has no room now",
            Self::Rekeying => "keys are being exchanged",
            Self::Closed => "the channel takes no more data",
        })
    }
}

impl core::error::Error for SendError {}

/// Something for the caller. Ranges lie in the payload that it came from.
#[derive(Debug)]
pub(crate) enum Delivery {
    Open(OpenTicket, Range<usize>),
    Opened(ChannelId),
    OpenFailed { channel: ChannelId, reason: OpenFailureReason, description: String },
    Data { channel: ChannelId, stream: Stream, data: Range<usize> },
    Request { channel: ChannelId, ticket: ReplyTicket, payload: Range<usize> },
    Reply { channel: ChannelId, request: RequestId, success: bool },
    Eof(ChannelId),
    Closed(ChannelId),
    Writable(ChannelId),
    GlobalRequest { ticket: GlobalTicket, payload: Range<usize> },
    GlobalReply { request: GlobalRequestId, data: Option<Range<usize>> },
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
            blocked: 0,
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
                    Half::Open => open.receiving = Half::Eof,
                    Half::Eof | Half::Closed => return Err(misbehaved(PeerMisbehaved::DataAfterEof)),
                }
                Ok((open.sending != Half::Closed).then_some(Delivery::Eof(id)))
            }
            Message::ChannelClose { recipient_channel } => self.receive_close(to, recipient_channel),
            Message::ChannelRequest(request) => self.receive_request(to, &request, payload),
            Message::ChannelSuccess { recipient_channel } => self.receive_reply(recipient_channel, true),
            Message::ChannelFailure { recipient_channel } => self.receive_reply(recipient_channel, false),
        }
    }

    /// The channel that the peer means, which must be open.
    fn opened(&mut self, number: u32) -> Result<(ChannelId, &mut Open), Error> {
        match self.channels.by_number(number) {
            Some((id, Channel { stage: Stage::Open(open), .. })) => Ok((id, open)),
            _ => Err(misbehaved(PeerMisbehaved::UnknownChannel)),
        }
    }

    // ---- opening -------------------------------------------------------------------------------------------------

    /// Asks the peer for a channel.
    pub(crate) fn open(
        &mut self,
        to: &mut Outlet<'_>,
        channel_type: &str,
        data: &[u8],
        window: u32,
    ) -> Result<ChannelId, OpenError> {
        if self.channels.len() >= self.limits.channels {
            return Err(OpenError::TooManyChannels);
        }
        let id = self.insert(window, Stage::Opening);
        let open = ChannelOpen {
            channel_type,
            sender_channel: PeerChannel(id.number),
            initial_window_size: window,
            maximum_packet_size: self.limits.maximum_packet,
            data,
        };
        to.send(&Message::ChannelOpen(open)).map_err(OpenError::Ended)?;
        Ok(id)
    }

    fn insert(&mut self, window: u32, stage: Stage) -> ChannelId {
        let maximum_packet = self.limits.maximum_packet;
        let inbound = InboundWindow::new(window, maximum_packet);
        self.channels.insert(Channel { inbound, maximum_packet, stage })
    }

    fn receive_open(
        &mut self,
        to: &mut Outlet<'_>,
        open: &ChannelOpen<'_>,
        payload: &[u8],
    ) -> Result<Option<Delivery>, Error> {
        let invalid = |error| Error::InvalidMessage(MessageNumber(number::CHANNEL_OPEN), error);
        let kind = PeerOpen::decode(open.channel_type, open.data).map_err(invalid)?;
        let refusal = match (self.role, kind) {
            // "Client implementations SHOULD reject any session channel open requests" (RFC 4254 §6.1); the same holds for
            // the forwarding type that runs the other way (§7.2).
            (Role::Client, PeerOpen::Session | PeerOpen::DirectTcpip(_))
            | (Role::Server, PeerOpen::ForwardedTcpip(_)) => {
                Some((OpenFailureReason::ADMINISTRATIVELY_PROHIBITED, "not in this direction"))
            }
            _ if open.maximum_packet_size == 0 => {
                Some((OpenFailureReason::CONNECT_FAILED, "a maximum packet size of 0 lets nothing through"))
            }
            _ if self.channels.len() >= self.limits.channels => {
                Some((OpenFailureReason::RESOURCE_SHORTAGE, "too many channels are open"))
            }
            _ => None,
        };
        if let Some((reason, description)) = refusal {
            send_open_failure(to, open.sender_channel, reason, description)?;
            return Ok(None);
        }
        let outbound = self.outbound_window(open.initial_window_size, open.maximum_packet_size);
        let id = self.insert(self.limits.window, Stage::Offered { peer: open.sender_channel, outbound });
        Ok(Some(Delivery::Open(OpenTicket { channel: id }, 1..payload.len())))
    }

    /// A peer may allow packets of any size; ours are never larger than what we ask for ourselves.
    fn outbound_window(&self, initial: u32, maximum_packet: u32) -> OutboundWindow {
        OutboundWindow::new(initial, maximum_packet.min(self.limits.maximum_packet))
    }

    /// The caller's yes to [`Delivery::Open`].
    pub(crate) fn accept(&mut self, to: &mut Outlet<'_>, ticket: &OpenTicket) -> Result<ChannelId, StaleTicket> {
        let id = ticket.channel;
        let channel = self.channels.get_mut(id).ok_or(StaleTicket)?;
        let stage = core::mem::replace(&mut channel.stage, Stage::Opening);
        let Stage::Offered { peer, outbound } = stage else {
            channel.stage = stage;
            return Err(StaleTicket);
        };
        let confirmation = ChannelOpenConfirmation {
            recipient_channel: peer.0,
            sender_channel: PeerChannel(id.number),
            initial_window_size: channel.inbound.left(),
            maximum_packet_size: channel.maximum_packet,
        };
        channel.stage = Stage::Open(Open::new(peer, outbound));
        to.send(&Message::ChannelOpenConfirmation(confirmation)).map_err(|_ended| StaleTicket)?;
        Ok(id)
    }

    /// The caller's no to [`Delivery::Open`].
    pub(crate) fn reject(
        &mut self,
        to: &mut Outlet<'_>,
        ticket: &OpenTicket,
        reason: OpenFailureReason,
        description: &str,
    ) -> Result<(), StaleTicket> {
        let channel = self.channels.get_mut(ticket.channel).ok_or(StaleTicket)?;
        let Stage::Offered { peer, .. } = channel.stage else { return Err(StaleTicket) };
        self.channels.remove(ticket.channel);
        send_open_failure(to, peer, reason, description).map_err(|_ended| StaleTicket)
    }

    fn receive_confirmation(
        &mut self,
        to: &mut Outlet<'_>,
        confirmation: &ChannelOpenConfirmation,
    ) -> Result<Option<Delivery>, Error> {
        if confirmation.maximum_packet_size == 0 {
            return Err(misbehaved(PeerMisbehaved::ZeroMaximumPacket));
        }
        let outbound = self.outbound_window(confirmation.initial_window_size, confirmation.maximum_packet_size);
        let unsolicited = misbehaved(PeerMisbehaved::UnsolicitedOpenAnswer);
        let Some((id, channel)) = self.channels.by_number(confirmation.recipient_channel) else {
            return Err(unsolicited);
        };
        let mut open = Open::new(confirmation.sender_channel, outbound);
        match channel.stage {
            Stage::Opening => {
                channel.stage = Stage::Open(open);
                Ok(Some(Delivery::Opened(id)))
            }
            Stage::Abandoned => {
                open.sending = Half::Closed;
                channel.stage = Stage::Open(open);
                to.send(&Message::ChannelClose { recipient_channel: confirmation.sender_channel.0 })?;
                Ok(None)
            }
            Stage::Offered { .. } | Stage::Open(_) => Err(unsolicited),
        }
    }

    fn receive_open_failure(&mut self, failure: &ChannelOpenFailure<'_>) -> Result<Option<Delivery>, Error> {
        match self.channels.by_number(failure.recipient_channel) {
            Some((channel, Channel { stage: Stage::Opening, .. })) => {
                self.channels.remove(channel);
                let description = printable(failure.description);
                Ok(Some(Delivery::OpenFailed { channel, reason: failure.reason, description }))
            }
            Some((channel, Channel { stage: Stage::Abandoned, .. })) => {
                self.channels.remove(channel);
                Ok(Some(Delivery::Closed(channel)))
            }
            _ => Err(misbehaved(PeerMisbehaved::UnsolicitedOpenAnswer)),
        }
    }

    // ---- data ----------------------------------------------------------------------------------------------------

    fn receive_data(
        &mut self,
        to: &mut Outlet<'_>,
        number: u32,
        stream: Option<Stream>,
        data: Range<usize>,
    ) -> Result<Option<Delivery>, Error> {
        let unknown = misbehaved(PeerMisbehaved::UnknownChannel);
        let Some((id, channel)) = self.channels.by_number(number) else { return Err(unknown) };
        let Channel { inbound, stage: Stage::Open(open), .. } = channel else { return Err(unknown) };
        if open.receiving != Half::Open {
            return Err(misbehaved(PeerMisbehaved::DataAfterEof));
        }
        inbound.receive(data.len()).map_err(Error::PeerMisbehaved)?;
        // We closed while this was under way: nobody wants it, and no credit returns.
        if open.sending == Half::Closed || data.is_empty() {
            return Ok(None);
        }
        let Some(stream) = stream else {
            // A stream that we do not know: dropped, its credit returned.
            let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
            self.consume(to, id, length)?;
            return Ok(None);
        };
        Ok(Some(Delivery::Data { channel: id, stream, data }))
    }

    /// The caller is done with `length` bytes that came on a channel.
    pub(crate) fn consume(&mut self, to: &mut Outlet<'_>, id: ChannelId, length: u32) -> Result<(), Error> {
        let Some(Channel { inbound, stage: Stage::Open(open), .. }) = self.channels.get_mut(id) else {
            return Ok(());
        };
        inbound.consume(length);
        // Credit is of use only while the peer may send and we have not said good-bye.
        if open.sending == Half::Closed || open.receiving != Half::Open {
            return Ok(());
        }
        let Some(bytes_to_add) = inbound.take_credit() else { return Ok(()) };
        to.send(&Message::ChannelWindowAdjust { recipient_channel: open.peer.0, bytes_to_add })
    }

    /// Sends as much of `data` as window, packet sizes and output allow.
    pub(crate) fn send(
        &mut self,
        to: &mut Outlet<'_>,
        id: ChannelId,
        stream: Stream,
        data: &[u8],
    ) -> Result<usize, SendError> {
        let high_water = self.limits.output_high_water;
        let Some(Channel { stage: Stage::Open(open), .. }) = self.channels.get_mut(id) else {
            return Err(SendError::Closed);
        };
        if open.sending != Half::Open {
            return Err(SendError::Closed);
        }
        let mut sent = 0;
        while let Some(rest) = data.get(sent..).filter(|rest| !rest.is_empty()) {
            let length = open.outbound.next_packet().min(rest.len());
            let may_send = to.transport.may_send();
            if length == 0 || to.out.len() >= high_water || !may_send {
                if open.blocked == Blocked::No {
                    open.blocked = Blocked::Yes;
                    self.blocked = self.blocked.saturating_add(1);
                }
                if sent > 0 {
                    break;
                }
                return Err(if may_send { SendError::Blocked } else { SendError::Rekeying });
            }
            let chunk = rest.get(..length).unwrap_or_default();
            let peer = open.peer.0;
            to.transport.send_now(to.out, |payload| match stream {
                Stream::Data => {
                    payload.put_u8(number::CHANNEL_DATA);
                    payload.put_u32(peer);
                    payload.put_string(chunk);
                }
                Stream::Stderr => {
                    payload.put_u8(number::CHANNEL_EXTENDED_DATA);
                    payload.put_u32(peer);
                    payload.put_u32(STDERR);
                    payload.put_string(chunk);
                }
            });
            open.outbound.sent(length);
            sent = sent.saturating_add(length);
            to.transport.rekey_if_due(to.now, to.out);
        }
        Ok(sent)
    }

    /// How many bytes a send could take now, as far as the peer's window goes.
    pub(crate) fn writable(&mut self, id: ChannelId) -> u32 {
        match self.channels.get_mut(id).and_then(|channel| channel.open()) {
            Some(open) if open.sending == Half::Open => open.outbound.left(),
            _ => 0,
        }
    }

    /// A channel that was blocked and has room now. Costs nothing while none is blocked.
    pub(crate) fn poll_writable(&mut self, transport: &Transport, out: &[u8]) -> Option<Delivery> {
        if self.blocked == 0 || !transport.may_send() || out.len() >= self.limits.output_high_water {
            return None;
        }
        let (id, open) = self.channels.iter_mut().find_map(|(id, channel)| match &mut channel.stage {
            Stage::Open(open) if open.blocked == Blocked::Yes && open.outbound.left() > 0 => Some((id, open)),
            _ => None,
        })?;
        open.blocked = Blocked::No;
        self.blocked = self.blocked.saturating_sub(1);
        Some(Delivery::Writable(id))
    }

    // ---- end of file and close -----------------------------------------------------------------------------------

    /// "When a party will no longer send more data to a channel, it SHOULD send SSH_MSG_CHANNEL_EOF."
    pub(crate) fn eof(&mut self, to: &mut Outlet<'_>, id: ChannelId) -> Result<(), Error> {
        let Some(Channel { stage: Stage::Open(open), .. }) = self.channels.get_mut(id) else { return Ok(()) };
        if open.sending != Half::Open {
            return Ok(());
        }
        open.sending = Half::Eof;
        let recipient_channel = open.peer.0;
        self.unblock(id);
        to.send(&Message::ChannelEof { recipient_channel })
    }

    /// Says good-bye to a channel, whatever stage it is in.
    pub(crate) fn close(&mut self, to: &mut Outlet<'_>, id: ChannelId) -> Result<(), Error> {
        let Some(channel) = self.channels.get_mut(id) else { return Ok(()) };
        match &mut channel.stage {
            Stage::Opening => channel.stage = Stage::Abandoned,
            Stage::Abandoned => {}
            Stage::Offered { peer, .. } => {
                let peer = *peer;
                self.channels.remove(id);
                let reason = OpenFailureReason::ADMINISTRATIVELY_PROHIBITED;
                return send_open_failure(to, peer, reason, "refused");
            }
            Stage::Open(open) if open.sending != Half::Closed => {
                open.sending = Half::Closed;
                let recipient_channel = open.peer.0;
                self.unblock(id);
                return to.send(&Message::ChannelClose { recipient_channel });
            }
            Stage::Open(_) => {}
        }
        Ok(())
    }

    fn receive_close(&mut self, to: &mut Outlet<'_>, number: u32) -> Result<Option<Delivery>, Error> {
        let (id, open) = self.opened(number)?;
        let (peer, sending) = (open.peer, open.sending);
        self.unblock(id);
        self.channels.remove(id);
        // "Upon receiving this message, a party MUST send back an SSH_MSG_CHANNEL_CLOSE unless it has already sent this
        // message for the channel."
        if sending != Half::Closed {
            to.send(&Message::ChannelClose { recipient_channel: peer.0 })?;
        }
        Ok(Some(Delivery::Closed(id)))
    }

    fn unblock(&mut self, id: ChannelId) {
        if let Some(Channel { stage: Stage::Open(open), .. }) = self.channels.get_mut(id)
            && core::mem::replace(&mut open.blocked, Blocked::No) == Blocked::Yes
        {
            self.blocked = self.blocked.saturating_sub(1);
        }
    }

    // ---- channel requests ----------------------------------------------------------------------------------------

    /// Sends a request on a channel; the id names its answer, where one is wanted.
    pub(crate) fn request(
        &mut self,
        to: &mut Outlet<'_>,
        id: ChannelId,
        request: &ChannelRequest<'_>,
        wants_reply: bool,
    ) -> Result<RequestId, SendError> {
        let request_id = RequestId(self.next_request);
        let Some(Channel { stage: Stage::Open(open), .. }) = self.channels.get_mut(id) else {
            return Err(SendError::Closed);
        };
        if open.sending == Half::Closed {
            return Err(SendError::Closed);
        }
        self.next_request = self.next_request.wrapping_add(1);
        if wants_reply {
            open.asked.push_back(request_id);
        }
        let mut data = Vec::new();
        request.encode_data(&mut data);
        let message = ChannelRequestMessage {
            recipient_channel: open.peer.0,
            request_type: request.request_type(),
            want_reply: wants_reply,
            data: &data,
        };
        to.send(&Message::ChannelRequest(message)).map_err(|_ended| SendError::Closed)?;
        Ok(request_id)
    }

    fn receive_request(
        &mut self,
        to: &mut Outlet<'_>,
        message: &ChannelRequestMessage<'_>,
        payload: &[u8],
    ) -> Result<Option<Delivery>, Error> {
        let invalid = |error| Error::InvalidMessage(MessageNumber(number::CHANNEL_REQUEST), error);
        let request = ChannelRequest::decode(message.request_type, message.data).map_err(invalid)?;
        let (role, limit) = (self.role, self.limits.pending_requests);
        let (id, open) = self.opened(message.recipient_channel)?;
        if open.receiving == Half::Closed {
            return Err(misbehaved(PeerMisbehaved::DataAfterEof));
        }
        // We closed while this was under way: there is nobody to ask and no way to answer.
        if open.sending == Half::Closed {
            return Ok(None);
        }
        let place = message.want_reply.then(|| open.pending.push());
        if open.pending.len() > limit {
            return Err(Error::LimitReached(Limit::PendingRequests));
        }
        let ticket = ReplyTicket { channel: id, place, starts_program: request.starts_program() };
        // A client runs nothing for a server (RFC 4254 §6.5), and a channel runs one program.
        let for_servers = matches!(
            request,
            ChannelRequest::Pty(_)
                | ChannelRequest::Env { .. }
                | ChannelRequest::Shell
                | ChannelRequest::Exec { .. }
                | ChannelRequest::Subsystem { .. }
                | ChannelRequest::WindowChange(_)
        );
        let second = ticket.starts_program && open.program != Program::None;
        if (role == Role::Client && for_servers) || second {
            let ticket = ReplyTicket { starts_program: false, ..ticket };
            let _ = self.reply(to, &ticket, false);
            return Ok(None);
        }
        if ticket.starts_program {
            open.program = if message.want_reply { Program::Asked } else { Program::Started };
        }
        Ok(Some(Delivery::Request { channel: id, ticket, payload: 1..payload.len() }))
    }

    /// The caller's answer to [`Delivery::Request`].
    pub(crate) fn reply(
        &mut self,
        to: &mut Outlet<'_>,
        ticket: &ReplyTicket,
        success: bool,
    ) -> Result<(), StaleTicket> {
        let Some(Channel { stage: Stage::Open(open), .. }) = self.channels.get_mut(ticket.channel) else {
            return Err(StaleTicket);
        };
        if open.sending == Half::Closed {
            return Err(StaleTicket);
        }
        if ticket.starts_program {
            open.program = if success { Program::Started } else { Program::None };
        }
        let Some(place) = ticket.place else { return Ok(()) };
        if !open.pending.answer(place, if success { Answer::Success } else { Answer::Failure }) {
            return Err(StaleTicket);
        }
        let recipient_channel = open.peer.0;
        while let Some(answer) = open.pending.pop() {
            let message = match answer {
                Answer::Success => Message::ChannelSuccess { recipient_channel },
                Answer::Failure => Message::ChannelFailure { recipient_channel },
            };
            to.send(&message).map_err(|_ended| StaleTicket)?;
        }
        Ok(())
    }

    fn receive_reply(&mut self, number: u32, success: bool) -> Result<Option<Delivery>, Error> {
        let (channel, open) = self.opened(number)?;
        let request = open.asked.pop_front().ok_or(misbehaved(PeerMisbehaved::UnsolicitedReply))?;
        Ok((open.sending != Half::Closed).then_some(Delivery::Reply { channel, request, success }))
    }

    // ---- global requests -----------------------------------------------------------------------------------------

    /// Sends a global request; the id names its answer, where one is wanted.
    pub(crate) fn global_request(
        &mut self,
        to: &mut Outlet<'_>,
        name: &str,
        data: &[u8],
        want_reply: bool,
    ) -> Result<GlobalRequestId, Error> {
        let id = GlobalRequestId(self.next_request);
        self.next_request = self.next_request.wrapping_add(1);
        if want_reply {
            self.asked.push_back(id);
        }
        to.send(&Message::GlobalRequest(GlobalRequestMessage { name, want_reply, data }))?;
        Ok(id)
    }

    fn receive_global_request(
        &mut self,
        to: &mut Outlet<'_>,
        message: &GlobalRequestMessage<'_>,
        payload: &[u8],
    ) -> Result<Option<Delivery>, Error> {
        let invalid = |error| Error::InvalidMessage(MessageNumber(number::GLOBAL_REQUEST), error);
        GlobalRequest::decode(message.name, message.data).map_err(invalid)?;
        let ticket = GlobalTicket { place: message.want_reply.then(|| self.pending.push()) };
        if self.pending.len() > self.limits.pending_requests {
            return Err(Error::LimitReached(Limit::PendingRequests));
        }
        if message.name == KEEPALIVE {
            self.reply_global(to, &ticket, Ok(&[]))?;
            return Ok(None);
        }
        Ok(Some(Delivery::GlobalRequest { ticket, payload: 1..payload.len() }))
    }

    /// The caller's answer to [`Delivery::GlobalRequest`].
    pub(crate) fn reply_global(
        &mut self,
        to: &mut Outlet<'_>,
        ticket: &GlobalTicket,
        answer: Result<&[u8], ()>,
    ) -> Result<(), Error> {
        let Some(place) = ticket.place else { return Ok(()) };
        self.pending.answer(place, answer.map(<[u8]>::to_vec));
        while let Some(answer) = self.pending.pop() {
            match answer {
                Ok(data) => to.send(&Message::RequestSuccess { data: &data })?,
                Err(()) => to.send(&Message::RequestFailure)?,
            }
        }
        Ok(())
    }

    fn receive_global_reply(&mut self, data: Option<Range<usize>>) -> Result<Option<Delivery>, Error> {
        let request = self.asked.pop_front().ok_or(misbehaved(PeerMisbehaved::UnsolicitedReply))?;
        Ok(Some(Delivery::GlobalReply { request, data }))
    }
}

const fn misbehaved(blame: PeerMisbehaved) -> Error {
    Error::PeerMisbehaved(blame)
}

const fn unexpected(number: u8) -> Error {
    misbehaved(PeerMisbehaved::UnexpectedMessage(MessageNumber(number)))
}

fn send_open_failure(
    to: &mut Outlet<'_>,
    peer: PeerChannel,
    reason: OpenFailureReason,
    description: &str,
) -> Result<(), Error> {
    to.send(&Message::ChannelOpenFailure(ChannelOpenFailure {
        recipient_channel: peer.0,
        reason,
        description: description.as_bytes(),
    }))
}

/// Where `inner`, a part of `outer`, lies in it.
fn range_in(outer: &[u8], inner: &[u8]) -> Range<usize> {
    let start = (inner.as_ptr() as usize).saturating_sub(outer.as_ptr() as usize);
    start..start.saturating_add(inner.len())
}

/// Reads the CHANNEL_OPEN behind a [`Delivery::Open`] again.
pub(crate) fn decode_open(body: &[u8]) -> Option<PeerOpen<'_>> {
    match Message::decode(number::CHANNEL_OPEN, body) {
        Ok(Some(Message::ChannelOpen(open))) => PeerOpen::decode(open.channel_type, open.data).ok(),
        _ => None,
    }
}

/// Reads the CHANNEL_REQUEST behind a [`Delivery::Request`] again.
pub(crate) fn decode_request(body: &[u8]) -> Option<ChannelRequest<'_>> {
    match Message::decode(number::CHANNEL_REQUEST, body) {
        Ok(Some(Message::ChannelRequest(request))) => ChannelRequest::decode(request.request_type, request.data).ok(),
        _ => None,
    }
}

/// Reads the GLOBAL_REQUEST behind a [`Delivery::GlobalRequest`] again.
pub(crate) fn decode_global_request(body: &[u8]) -> Option<GlobalRequest<'_>> {
    match Message::decode(number::GLOBAL_REQUEST, body) {
        Ok(Some(Message::GlobalRequest(request))) => GlobalRequest::decode(request.name, request.data).ok(),
        _ => None,
    }
}
