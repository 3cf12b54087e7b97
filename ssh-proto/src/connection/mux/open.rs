//! Opening channels, [RFC 4254 §5.1](https://www.rfc-editor.org/rfc/rfc4254#section-5.1).

use core::fmt;

use super::{Delivery, Mux, Outlet, Sessions, StaleTicket, misbehaved};
use crate::connection::channel::{Channel, ChannelId, Open, PeerChannel, Sending, Stage};
use crate::connection::messages::{
    ChannelOpen, ChannelOpenConfirmation, ChannelOpenFailure, Message, OpenFailureReason,
};
use crate::connection::requests::PeerOpen;
use crate::connection::window::{InboundWindow, OutboundWindow};
use crate::error::{Error, PeerMisbehaved};
use crate::limits::Limits;
use crate::notice::printable;
use crate::transport::Role;
use crate::wire::{MessageNumber, number};

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

/// What we offer the peer of one channel (RFC 4254 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelOptions {
    /// `initial window size`: the bytes that may be under way to us and unread, up to 2^32 - 1.
    pub window: u32,
    /// How many bytes that may become where the connection is too long for `window`, which 0 leaves as it is.
    pub largest_window: u32,
    /// `maximum packet size`: the most bytes of data in one message to us; at least 1.
    pub maximum_packet: u32,
}

impl ChannelOptions {
    /// Those of the limits.
    pub(crate) const fn of(limits: &Limits) -> Self {
        let Limits { window, largest_window, maximum_packet, .. } = *limits;
        Self { window, largest_window, maximum_packet }
    }
}

impl Mux {
    /// Asks the peer for a channel.
    pub(crate) fn open(
        &mut self,
        to: &mut Outlet<'_>,
        channel_type: &str,
        data: &[u8],
        options: ChannelOptions,
    ) -> Result<ChannelId, OpenError> {
        if self.channels.len() >= self.limits.channels {
            return Err(OpenError::TooManyChannels);
        }
        let id = self.insert(options, Stage::Opening);
        let open = ChannelOpen {
            channel_type,
            sender_channel: PeerChannel(id.number),
            initial_window_size: options.window,
            maximum_packet_size: options.maximum_packet.max(1),
            data,
        };
        to.send(&Message::ChannelOpen(open)).map_err(OpenError::Ended)?;
        Ok(id)
    }

    pub(super) fn insert(&mut self, options: ChannelOptions, stage: Stage) -> ChannelId {
        self.channels.insert(Channel { inbound: InboundWindow::new(options), stage })
    }

    pub(super) fn receive_open(
        &mut self,
        to: &mut Outlet<'_>,
        open: &ChannelOpen<'_>,
        payload: &[u8],
    ) -> Result<Option<Delivery>, Error> {
        let invalid = |error| Error::InvalidMessage(MessageNumber(number::CHANNEL_OPEN), error);
        let kind = PeerOpen::decode(open.channel_type, open.data).map_err(invalid)?;
        // "an OpenSSH server will refuse to open future channels of type "session" and instead immediately abort the
        // connection" (PROTOCOL §2.2).
        if kind == PeerOpen::Session && self.sessions == Sessions::NoMore && self.role == Role::Server {
            return Err(misbehaved(PeerMisbehaved::SessionAfterNoMore));
        }
        let refusal = if !kind.is_for().includes(self.role) {
            Some((OpenFailureReason::ADMINISTRATIVELY_PROHIBITED, "not in this direction"))
        } else if open.maximum_packet_size == 0 {
            Some((OpenFailureReason::CONNECT_FAILED, "a maximum packet size of 0 lets nothing through"))
        } else if self.channels.len() >= self.limits.channels {
            Some((OpenFailureReason::RESOURCE_SHORTAGE, "too many channels are open"))
        } else {
            None
        };
        if let Some((reason, description)) = refusal {
            send_open_failure(to, open.sender_channel, reason, description)?;
            return Ok(None);
        }
        let outbound = self.outbound_window(open.initial_window_size, open.maximum_packet_size);
        let id = self.insert(ChannelOptions::of(&self.limits), Stage::Offered { peer: open.sender_channel, outbound });
        Ok(Some(Delivery::Open(OpenTicket { channel: id }, 1..payload.len())))
    }

    /// A peer may allow packets of any size; ours are never larger than what we ask for ourselves.
    fn outbound_window(&self, initial: u32, maximum_packet: u32) -> OutboundWindow {
        OutboundWindow::new(initial, maximum_packet.min(self.limits.maximum_packet))
    }

    /// The caller's yes to [`Delivery::Open`].
    pub(crate) fn accept(
        &mut self,
        to: &mut Outlet<'_>,
        ticket: &OpenTicket,
        options: ChannelOptions,
    ) -> Result<ChannelId, StaleTicket> {
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
            initial_window_size: options.window,
            maximum_packet_size: options.maximum_packet.max(1),
        };
        channel.inbound = InboundWindow::new(options);
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

    pub(super) fn receive_confirmation(
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
                open.sending = Sending::Closed;
                channel.stage = Stage::Open(open);
                to.send(&Message::ChannelClose { recipient_channel: confirmation.sender_channel.0 })?;
                Ok(None)
            }
            Stage::Offered { .. } | Stage::Open(_) => Err(unsolicited),
        }
    }

    pub(super) fn receive_open_failure(&mut self, failure: &ChannelOpenFailure<'_>) -> Result<Option<Delivery>, Error> {
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
}

pub(super) fn send_open_failure(
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

/// Reads the CHANNEL_OPEN behind a [`Delivery::Open`] again.
pub(crate) fn decode_open(body: &[u8]) -> Option<PeerOpen<'_>> {
    match Message::decode(number::CHANNEL_OPEN, body) {
        Ok(Some(Message::ChannelOpen(open))) => PeerOpen::decode(open.channel_type, open.data).ok(),
        _ => None,
    }
}
