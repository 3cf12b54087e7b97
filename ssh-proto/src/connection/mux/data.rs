//! Data and its flow, [RFC 4254 §5.2](https://www.rfc-editor.org/rfc/rfc4254#section-5.2).

use core::fmt;
use core::ops::Range;

use super::{Delivery, Mux, Outlet, misbehaved};
use crate::connection::channel::{Blocked, Channel, ChannelId, Receiving, Sending, Stage, Stream, Wanted};
use crate::connection::messages::Message;
use crate::error::{Error, PeerMisbehaved};
use crate::transport::Transport;
use crate::wire::{Put, number};

/// SSH_EXTENDED_DATA_STDERR.
pub(super) const STDERR: u32 = 1;

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
    /// The peer reads no more data of this channel (`eow@openssh.com`); it may still send some.
    Unwanted,
    /// A request that no packet can hold.
    TooLong,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "the channel has no room now",
            Self::Rekeying => "keys are being exchanged",
            Self::Closed => "the channel takes no more data",
            Self::Unwanted => "the peer reads no more data",
            Self::TooLong => "the request is longer than a packet may be",
        })
    }
}

impl core::error::Error for SendError {}

impl Mux {
    pub(super) fn receive_data(
        &mut self,
        to: &mut Outlet<'_>,
        number: u32,
        stream: Option<Stream>,
        data: Range<usize>,
    ) -> Result<Option<Delivery>, Error> {
        let unknown = misbehaved(PeerMisbehaved::UnknownChannel);
        let Some((id, channel)) = self.channels.by_number(number) else { return Err(unknown) };
        let Channel { inbound, stage: Stage::Open(open), .. } = channel else { return Err(unknown) };
        if open.receiving != Receiving::Data {
            return Err(misbehaved(PeerMisbehaved::DataAfterEof));
        }
        inbound.receive(data.len(), to.now).map_err(Error::PeerMisbehaved)?;
        // We closed while this was under way: nobody wants it, and no credit returns.
        if open.sending == Sending::Closed || data.is_empty() {
            return Ok(None);
        }
        let Some(stream) = stream.filter(|_| open.receiving_data == Wanted::Yes) else {
            // A stream that we do not know, or data that nobody reads any more: dropped, its credit returned.
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
        if open.sending == Sending::Closed || open.receiving != Receiving::Data {
            return Ok(());
        }
        let Some(bytes_to_add) = inbound.take_credit(to.now) else { return Ok(()) };
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
        if open.sending != Sending::Open {
            return Err(SendError::Closed);
        }
        if open.sending_data == Wanted::No {
            return Err(SendError::Unwanted);
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
            Some(open) if open.sending == Sending::Open => open.outbound.left(),
            _ => 0,
        }
    }

    /// A channel that was blocked and has room now. Costs nothing while none is blocked.
    pub(crate) fn poll_writable(&mut self, transport: &Transport, out: &[u8]) -> Option<Delivery> {
        if self.blocked == 0 || !transport.may_send() || out.len() >= self.limits.output_high_water {
            return None;
        }
        let blocked = self.channels.iter_mut().filter_map(|(id, channel)| match &mut channel.stage {
            Stage::Open(open) if open.blocked == Blocked::Yes && open.outbound.left() > 0 => Some((id, open)),
            _ => None,
        });
        // In turn: whoever is told first may take all the room that there is.
        let (id, open) = blocked.min_by_key(|(id, _)| (id.number() < self.turn, id.number()))?;
        self.turn = id.number().saturating_add(1);
        open.blocked = Blocked::No;
        self.blocked = self.blocked.saturating_sub(1);
        Some(Delivery::Writable(id))
    }
}
