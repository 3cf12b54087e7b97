//! Requests of the connection, [RFC 4254 §4](https://www.rfc-editor.org/rfc/rfc4254#section-4).

use alloc::vec::Vec;
use core::ops::Range;

use super::{Delivery, Mux, Outlet, Sessions, misbehaved};
use crate::connection::messages::{GlobalRequestMessage, Message};
use crate::connection::replies::{Place, WantReply};
use crate::connection::requests::GlobalRequest;
use crate::error::{Error, Limit, PeerMisbehaved};
use crate::wire::{MessageNumber, number};

/// One of our global requests, to tell its answer from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalRequestId(u64);

/// The right to answer one global request. Answers leave in the order of their requests, whenever they are given.
#[derive(Debug)]
#[must_use = "the peer may wait for an answer"]
pub struct GlobalTicket {
    place: Option<Place>,
}

impl GlobalTicket {
    /// Whether the peer asked for a reply; where it did not, replying does nothing.
    #[must_use]
    pub const fn wants_reply(&self) -> bool {
        self.place.is_some()
    }
}

impl Mux {
    /// Sends a global request; the id names its answer, where one is wanted.
    pub(crate) fn global_request(
        &mut self,
        to: &mut Outlet<'_>,
        request: &GlobalRequest<'_>,
        reply: WantReply,
    ) -> Result<GlobalRequestId, Error> {
        let mut data = Vec::new();
        request.encode_data(&mut data);
        let id = GlobalRequestId(self.next_request);
        self.next_request = self.next_request.wrapping_add(1);
        let want_reply = reply == WantReply::Yes;
        if want_reply {
            self.asked.push_back(id);
        }
        to.send(&Message::GlobalRequest(GlobalRequestMessage { name: request.name(), want_reply, data: &data }))?;
        Ok(id)
    }

    pub(super) fn receive_global_request(
        &mut self,
        to: &mut Outlet<'_>,
        message: &GlobalRequestMessage<'_>,
        payload: &[u8],
    ) -> Result<Option<Delivery>, Error> {
        let invalid = |error| Error::InvalidMessage(MessageNumber(number::GLOBAL_REQUEST), error);
        let request = GlobalRequest::decode(message.name, message.data).map_err(invalid)?;
        let ticket = GlobalTicket { place: message.want_reply.then(|| self.pending.push()) };
        if self.pending.len() > self.limits.pending_requests {
            return Err(Error::LimitReached(Limit::PendingRequests));
        }
        let own = match request {
            _ if !request.is_for().includes(self.role) => Some(Err(())),
            GlobalRequest::Keepalive => Some(Ok(&[][..])),
            GlobalRequest::NoMoreSessions => {
                self.sessions = Sessions::NoMore;
                Some(Ok(&[][..]))
            }
            _ => None,
        };
        if let Some(answer) = own {
            self.reply_global(to, &ticket, answer)?;
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

    /// A refusal of what nobody wanted an answer to says nothing, and is passed over: phpseclib 2 refuses `hostkeys-00` so,
    /// and OpenSSH bears it. A yes to nothing is a peer that has lost count.
    pub(super) fn receive_global_reply(&mut self, data: Option<Range<usize>>) -> Result<Option<Delivery>, Error> {
        match (self.asked.pop_front(), data) {
            (Some(request), data) => Ok(Some(Delivery::GlobalReply { request, data })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(misbehaved(PeerMisbehaved::UnsolicitedReply)),
        }
    }
}

/// Reads the GLOBAL_REQUEST behind a [`Delivery::GlobalRequest`] again.
pub(crate) fn decode_global_request(body: &[u8]) -> Option<GlobalRequest<'_>> {
    match Message::decode(number::GLOBAL_REQUEST, body) {
        Ok(Some(Message::GlobalRequest(request))) => GlobalRequest::decode(request.name, request.data).ok(),
        _ => None,
    }
}
