//! Flow control, [RFC 4254 §5.2](https://www.rfc-editor.org/rfc/rfc4254#section-5.2).
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::error::PeerMisbehaved;

/// How much the peer may still send us. Credit returns when the caller has consumed what came, never on receipt: the
/// window is the back-pressure.
#[derive(Debug)]
pub(super) struct InboundWindow {
    /// What the peer may still send.
    left: u32,
    /// What came and is not consumed.
    unconsumed: u32,
    /// What is consumed and not yet given back.
    credit: u32,
    /// Credit below this is not worth a message.
    worthwhile: u32,
}

impl InboundWindow {
    pub(super) fn new(initial: u32, maximum_packet: u32) -> Self {
        let worthwhile = (initial / 2).min(maximum_packet.saturating_mul(4)).max(1);
        Self { left: initial, unconsumed: 0, credit: 0, worthwhile }
    }

    #[cfg(test)]
    pub(super) const fn left(&self) -> u32 {
        self.left
    }

    /// `length` bytes came.
    pub(super) fn receive(&mut self, length: usize) -> Result<(), PeerMisbehaved> {
        let length = u32::try_from(length).map_err(|_over| PeerMisbehaved::WindowExceeded)?;
        self.left = self.left.checked_sub(length).ok_or(PeerMisbehaved::WindowExceeded)?;
        self.unconsumed = self.unconsumed.saturating_add(length);
        Ok(())
    }

    /// The caller is done with `length` bytes. More than came does not count.
    pub(super) fn consume(&mut self, length: u32) {
        let length = length.min(self.unconsumed);
        self.unconsumed = self.unconsumed.saturating_sub(length);
        self.credit = self.credit.saturating_add(length);
    }

    /// What a WINDOW_ADJUST should give back now.
    pub(super) const fn take_credit(&mut self) -> Option<u32> {
        if self.credit < self.worthwhile {
            return None;
        }
        let credit = self.credit;
        self.credit = 0;
        self.left = self.left.saturating_add(credit);
        Some(credit)
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
mod tests {
    use super::*;

    #[test]
    fn rfc4254_s5_2_data_beyond_the_window_is_an_error_and_credit_returns_on_consume() {
        let mut window = InboundWindow::new(100, 10);
        assert_eq!(window.receive(60), Ok(()));
        assert_eq!(window.receive(41), Err(PeerMisbehaved::WindowExceeded));
        assert_eq!(window.take_credit(), None);
        window.consume(30);
        assert_eq!(window.take_credit(), None, "not worth a message");
        window.consume(10);
        assert_eq!(window.take_credit(), Some(40));
        assert_eq!(window.left(), 80);
        window.consume(1000);
        assert_eq!(window.left(), 80, "what did not come is not given back");
    }

    #[test]
    fn cve_2025_54804_a_window_beyond_32_bits_is_an_error() {
        let mut window = OutboundWindow::new(u32::MAX, 32);
        assert_eq!(window.adjust(1), Err(PeerMisbehaved::WindowOverflow));
        assert_eq!(window.next_packet(), 32);
        window.sent(7);
        assert_eq!(window.adjust(7), Ok(()));
        assert_eq!(window.left(), u32::MAX);
    }
}
