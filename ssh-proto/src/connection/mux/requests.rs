//! Requests on a channel, [RFC 4254 §5.4](https://www.rfc-editor.org/rfc/rfc4254#section-5.4).

use alloc::vec::Vec;

use super::{Delivery, Mux, Outlet, SendError, StaleTicket, misbehaved};
use crate::connection::channel::{Channel, ChannelId, Program, Receiving, Sending, Stage, Wanted};
use crate::connection::messages::{ChannelRequestMessage, Message};
use crate::connection::replies::{Outcome, Place, WantReply};
use crate::connection::session::ChannelRequest;
use crate::error::{Error, Limit, PeerMisbehaved};
use crate::wire::{MessageNumber, number};

/// One of our channel requests, to tell its answer from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

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

/// What a packet holds beside the data of a request: more than its other fields and the longest padding.
const MARGIN: usize = 1024;

impl Mux {
    /// Sends a request on a channel; the id names its answer, where one is wanted.
    pub(crate) fn request(
        &mut self,
        to: &mut Outlet<'_>,
        id: ChannelId,
        request: &ChannelRequest<'_>,
        reply: WantReply,
    ) -> Result<RequestId, SendError> {
        let request_id = RequestId(self.next_request);
        let Some(Channel { stage: Stage::Open(open), .. }) = self.channels.get_mut(id) else {
            return Err(SendError::Closed);
        };
        if open.sending == Sending::Closed {
            return Err(SendError::Closed);
        }
        let mut data = Vec::new();
        request.encode_data(&mut data);
        // Peers read packets as large as we do, and take longer ones for an attack.
        if data.len() > self.limits.packet.saturating_sub(MARGIN) {
            return Err(SendError::TooLong);
        }
        if !to.transport.has_room_for(data.len()) {
            return Err(SendError::Rekeying);
        }
        self.next_request = self.next_request.wrapping_add(1);
        let want_reply = reply == WantReply::Yes;
        if want_reply {
            open.asked.push_back(request_id);
        }
        let message = ChannelRequestMessage {
            recipient_channel: open.peer.0,
            request_type: request.request_type(),
            want_reply,
            data: &data,
        };
        to.send(&Message::ChannelRequest(message)).map_err(|_ended| SendError::Closed)?;
        Ok(request_id)
    }

    /// Tells the peer that its data is not wanted any more (PROTOCOL §2.1), and drops what comes all the same.
    ///
    /// "Due to certain broken SSH implementations aborting upon receipt of this message", only those are told that are
    /// known to understand.
    pub(crate) fn end_of_write(&mut self, to: &mut Outlet<'_>, id: ChannelId) -> Result<(), Error> {
        let Some(Channel { stage: Stage::Open(open), .. }) = self.channels.get_mut(id) else { return Ok(()) };
        if core::mem::replace(&mut open.receiving_data, Wanted::No) == Wanted::No
            || open.sending == Sending::Closed
            || open.receiving != Receiving::Data
            || !to.transport.peer_knows_openssh_extensions()
        {
            return Ok(());
        }
        to.send(&Message::ChannelRequest(ChannelRequestMessage {
            recipient_channel: open.peer.0,
            request_type: ChannelRequest::EndOfWrite.request_type(),
            want_reply: false,
            data: &[],
        }))
    }

    pub(super) fn receive_request(
        &mut self,
        to: &mut Outlet<'_>,
        message: &ChannelRequestMessage<'_>,
        payload: &[u8],
    ) -> Result<Option<Delivery>, Error> {
        let invalid = |error| Error::InvalidMessage(MessageNumber(number::CHANNEL_REQUEST), error);
        let request = ChannelRequest::decode(message.request_type, message.data).map_err(invalid)?;
        let (role, limit) = (self.role, self.limits.pending_requests);
        let (id, open) = self.opened(message.recipient_channel)?;
        // We closed while this was under way: there is nobody to ask and no way to answer.
        if open.sending == Sending::Closed {
            return Ok(None);
        }
        let place = message.want_reply.then(|| open.pending.push());
        if open.pending.len() > limit {
            return Err(Error::LimitReached(Limit::PendingRequests));
        }
        let ticket = ReplyTicket { channel: id, place, starts_program: request.starts_program() };
        // A channel runs one program.
        let second = ticket.starts_program && open.program != Program::None;
        if !request.is_for().includes(role) || second {
            let ticket = ReplyTicket { starts_program: false, ..ticket };
            let _ = self.reply(to, &ticket, Outcome::Failure);
            return Ok(None);
        }
        if request == ChannelRequest::EndOfWrite {
            open.sending_data = Wanted::No;
            self.unblock(id);
        } else if ticket.starts_program {
            open.program = if message.want_reply { Program::Asked } else { Program::Started };
        }
        Ok(Some(Delivery::Request { channel: id, ticket, payload: 1..payload.len() }))
    }

    /// The caller's answer to [`Delivery::Request`].
    pub(crate) fn reply(
        &mut self,
        to: &mut Outlet<'_>,
        ticket: &ReplyTicket,
        outcome: Outcome,
    ) -> Result<(), StaleTicket> {
        let Some(Channel { stage: Stage::Open(open), .. }) = self.channels.get_mut(ticket.channel) else {
            return Err(StaleTicket);
        };
        if open.sending == Sending::Closed {
            return Err(StaleTicket);
        }
        if ticket.starts_program {
            open.program = if outcome == Outcome::Success { Program::Started } else { Program::None };
        }
        let Some(place) = ticket.place else { return Ok(()) };
        if !open.pending.answer(place, outcome) {
            return Err(StaleTicket);
        }
        let recipient_channel = open.peer.0;
        while let Some(answer) = open.pending.pop() {
            let message = match answer {
                Outcome::Success => Message::ChannelSuccess { recipient_channel },
                Outcome::Failure => Message::ChannelFailure { recipient_channel },
            };
            to.send(&message).map_err(|_ended| StaleTicket)?;
        }
        Ok(())
    }

    pub(super) fn receive_reply(&mut self, number: u32, outcome: Outcome) -> Result<Option<Delivery>, Error> {
        let (channel, open) = self.opened(number)?;
        let request = open.asked.pop_front().ok_or(misbehaved(PeerMisbehaved::UnsolicitedReply))?;
        Ok((open.sending != Sending::Closed).then_some(Delivery::Reply { channel, request, outcome }))
    }
}

/// Reads the CHANNEL_REQUEST behind a [`Delivery::Request`] again.
pub(crate) fn decode_request(body: &[u8]) -> Option<ChannelRequest<'_>> {
    match Message::decode(number::CHANNEL_REQUEST, body) {
        Ok(Some(Message::ChannelRequest(request))) => ChannelRequest::decode(request.request_type, request.data).ok(),
        _ => None,
    }
}
