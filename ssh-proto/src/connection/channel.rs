//! One channel, [RFC 4254 §5](https://www.rfc-editor.org/rfc/rfc4254#section-5): its stages and its half-open states.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::mux::RequestId;
use super::replies::{Outcome, Pending};
use super::window::{InboundWindow, OutboundWindow};

/// A channel of ours, by its local number. The number is reused when the channel is gone; the id is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId {
    pub(super) number: u32,
    generation: u32,
}

impl ChannelId {
    /// The number on the wire, for logs.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }
}

/// The peer's number for a channel. It is the `recipient channel` of what we send, and never an index of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PeerChannel(pub(super) u32);

/// Which stream of a channel data belongs to (RFC 4254 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stream {
    /// SSH_MSG_CHANNEL_DATA.
    Data,
    /// SSH_MSG_CHANNEL_EXTENDED_DATA with SSH_EXTENDED_DATA_STDERR (1).
    Stderr,
}

/// Where a channel is in its life.
#[derive(Debug)]
pub(super) enum Stage {
    /// Our CHANNEL_OPEN has no answer yet.
    Opening,
    /// The same, and the caller no longer wants it: it is closed as soon as it opens.
    Abandoned,
    /// The peer's CHANNEL_OPEN waits for the caller's answer.
    Offered { peer: PeerChannel, outbound: OutboundWindow },
    /// Both sides know it.
    Open(Open),
}

/// The state of a channel that both sides know.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) peer: PeerChannel,
    pub(super) outbound: OutboundWindow,
    pub(super) sending: Sending,
    pub(super) receiving: Receiving,
    /// Whether the peer reads what we send.
    pub(super) sending_data: Wanted,
    /// Whether anybody here reads what the peer sends.
    pub(super) receiving_data: Wanted,
    /// Our requests that wait for the peer's answers, in order.
    pub(super) asked: VecDeque<RequestId>,
    /// The peer's requests that wait for ours.
    pub(super) pending: Pending<Outcome>,
    pub(super) program: Program,
    /// The caller had more to send than went through.
    pub(super) blocked: Blocked,
}

impl Open {
    pub(super) fn new(peer: PeerChannel, outbound: OutboundWindow) -> Self {
        Self {
            peer,
            outbound,
            sending: Sending::Open,
            receiving: Receiving::Data,
            sending_data: Wanted::Yes,
            receiving_data: Wanted::Yes,
            asked: VecDeque::new(),
            pending: Pending::default(),
            program: Program::None,
            blocked: Blocked::No,
        }
    }
}

/// What we have said of what we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// Nothing: data may go out.
    Open,
    /// CHANNEL_EOF: no more data, but requests and answers.
    Eof,
    /// CHANNEL_CLOSE: nothing more.
    Closed,
}

/// What the peer may still send. There is no third: with its CHANNEL_CLOSE the channel is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiving {
    Data,
    /// Behind its CHANNEL_EOF: requests and answers.
    Requests,
}

/// Whether data is still read at its end: "eow@openssh.com" says when no more (PROTOCOL §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Yes,
    No,
}

/// "Only one of these requests can succeed per channel" (RFC 4254 §6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    None,
    /// Asked for; the caller has not answered.
    Asked,
    Started,
}

/// Whether the caller waits for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    No,
    Yes,
}

/// A channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) inbound: InboundWindow,
    pub(super) stage: Stage,
}

impl Channel {
    pub(super) const fn open(&self) -> Option<&Open> {
        match &self.stage {
            Stage::Open(open) => Some(open),
            Stage::Opening | Stage::Abandoned | Stage::Offered { .. } => None,
        }
    }
}

/// All channels, by local number.
#[derive(Debug, Default)]
pub(super) struct Channels {
    slots: Vec<Slot>,
    used: usize,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    channel: Option<Channel>,
}

impl Channels {
    pub(super) const fn len(&self) -> usize {
        self.used
    }

    /// Puts a channel under the lowest free number.
    pub(super) fn insert(&mut self, channel: Channel) -> ChannelId {
        let free = self.slots.iter().position(|slot| slot.channel.is_none());
        let index = free.unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len().saturating_sub(1)
        });
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let mut generation = 0;
        if let Some(slot) = self.slots.get_mut(index) {
            slot.channel = Some(channel);
            generation = slot.generation;
        }
        self.used = self.used.saturating_add(1);
        ChannelId { number, generation }
    }

    pub(super) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        let slot = self.slots.get_mut(usize::try_from(id.number).ok()?)?;
        if slot.generation == id.generation { slot.channel.as_mut() } else { None }
    }

    /// The channel that the peer means by `number`.
    pub(super) fn by_number(&mut self, number: u32) -> Option<(ChannelId, &mut Channel)> {
        let slot = self.slots.get_mut(usize::try_from(number).ok()?)?;
        let id = ChannelId { number, generation: slot.generation };
        slot.channel.as_mut().map(|channel| (id, channel))
    }

    /// Frees a number: ids of the channel that had it are worth nothing from now on.
    pub(super) fn remove(&mut self, id: ChannelId) {
        let Some(slot) = usize::try_from(id.number).ok().and_then(|index| self.slots.get_mut(index)) else { return };
        if slot.generation == id.generation && slot.channel.take().is_some() {
            slot.generation = slot.generation.wrapping_add(1);
            self.used = self.used.saturating_sub(1);
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (ChannelId, &mut Channel)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| {
            let id = ChannelId { number: u32::try_from(index).unwrap_or(u32::MAX), generation: slot.generation };
            slot.channel.as_mut().map(|channel| (id, channel))
        })
    }
}
