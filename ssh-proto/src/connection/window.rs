//! Flow control, [RFC 4254 §5.2](https://www.rfc-editor.org/rfc/rfc4254#section-5.2).
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use super::mux::ChannelOptions;
use crate::error::PeerMisbehaved;
use crate::time::Instant;

mod pace;

use self::pace::Pace;

/// How much the peer may still send us. Credit returns when the caller has consumed what came, never on receipt: the
/// window is the back-pressure. It grows where the connection is too long for it.
#[derive(Debug)]
pub(super) struct InboundWindow {
    /// What the peer may still send.
    left: u32,
    /// What came and is not consumed.
    unconsumed: u32,
    /// What is consumed and not yet given back.
    credit: u32,
    /// How much may be under way and unconsumed, and the most that this becomes.
    size: u32,
    largest: u32,
    maximum_packet: u32,
    pace: Pace,
}

impl InboundWindow {
    pub(super) fn new(options: ChannelOptions) -> Self {
        let ChannelOptions { window, largest_window, maximum_packet } = options;
        let largest = largest_window.max(window);
        Self { left: window, unconsumed: 0, credit: 0, size: window, largest, maximum_packet, pace: Pace::default() }
    }

    #[cfg(test)]
    pub(super) const fn left(&self) -> u32 {
        self.left
    }

    /// `length` bytes came.
    pub(super) fn receive(&mut self, length: usize, now: Instant) -> Result<(), PeerMisbehaved> {
        let length = u32::try_from(length).map_err(|_over| PeerMisbehaved::WindowExceeded)?;
        self.left = self.left.checked_sub(length).ok_or(PeerMisbehaved::WindowExceeded)?;
        self.unconsumed = self.unconsumed.saturating_add(length);
        self.pace.receive(length, now);
        Ok(())
    }

    /// The caller is done with `length` bytes. More than came does not count.
    pub(super) fn consume(&mut self, length: u32) {
        let length = length.min(self.unconsumed);
        self.unconsumed = self.unconsumed.saturating_sub(length);
        self.credit = self.credit.saturating_add(length);
    }

    /// What a WINDOW_ADJUST should give back now.
    pub(super) fn take_credit(&mut self, now: Instant) -> Option<u32> {
        let credit = self.worthwhile_credit(now);
        if self.unconsumed == 0 {
            self.pace.drained(now);
        }
        credit
    }

    fn worthwhile_credit(&mut self, now: Instant) -> Option<u32> {
        if self.credit < self.worthwhile() {
            return None;
        }
        let size = if self.pace.is_too_slow() { self.size.saturating_mul(2).min(self.largest) } else { self.size };
        let credit = core::mem::take(&mut self.credit).saturating_add(size.saturating_sub(self.size));
        self.pace.grant(self.left, now);
        self.size = size;
        self.left = self.left.saturating_add(credit);
        Some(credit)
    }

    /// Credit below this is not worth a message.
    fn worthwhile(&self) -> u32 {
        (self.size / 2).min(self.maximum_packet.saturating_mul(4)).max(1)
    }
}

/// How much we may still send.
#[derive(Debug)]
pub(super) struct OutboundWindow {
    left: u32,
    maximum_packet: u32,
}

impl OutboundWindow {
    pub(super) const fn new(initial: u32, maximum_packet: u32) -> Self {
        Self { left: initial, maximum_packet }
    }

    pub(super) const fn left(&self) -> u32 {
        self.left
    }

    /// The most that one packet may carry now.
    pub(super) fn next_packet(&self) -> usize {
        usize::try_from(self.left.min(self.maximum_packet)).unwrap_or(usize::MAX)
    }

    pub(super) fn sent(&mut self, length: usize) {
        self.left = self.left.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX));
    }

    /// "The window size MUST NOT be increased above 2^32 - 1 bytes" (CVE-2025-54804).
    pub(super) fn adjust(&mut self, bytes_to_add: u32) -> Result<(), PeerMisbehaved> {
        self.left = self.left.checked_add(bytes_to_add).ok_or(PeerMisbehaved::WindowOverflow)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
