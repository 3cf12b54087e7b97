//! Whether a window is too small for its connection.

use core::time::Duration;

use crate::time::Instant;

/// A stall that is shorter is not worth a larger window, behind which everything else on the channel waits.
const SHORTEST: Duration = Duration::from_millis(2);
/// A window is too small after so many stalls in a row, lest one of the peer's own pass for the connection's.
const STALLS: u32 = 4;

/// What the receiver sees of the time that credit takes to have an effect.
///
/// When all that was allowed before has come and is read, and nothing comes of the credit that was given meanwhile, the
/// peer may have more and must not send it. A window is too small when this is so for a quarter of the time.
#[derive(Debug, Default)]
pub(super) struct Pace {
    received: u64,
    probe: Option<Probe>,
    stalls: u32,
}

/// Credit whose effect has not been seen.
#[derive(Debug)]
struct Probe {
    granted: Instant,
    /// How much will have come of what was allowed before.
    edge: u64,
    /// Since when all of it has come, and is read.
    starved: Option<Instant>,
}

impl Pace {
    /// `length` bytes came.
    pub(super) fn receive(&mut self, length: u32, now: Instant) {
        self.received = self.received.saturating_add(length.into());
        if let Some(Probe { granted, starved, .. }) = self.probe.take_if(|probe| self.received > probe.edge) {
            let stall = starved.map_or(Duration::ZERO, |since| now.0.saturating_sub(since.0));
            let stalled = stall >= SHORTEST && stall.saturating_mul(4) >= now.0.saturating_sub(granted.0);
            self.stalls = if stalled { self.stalls.saturating_add(1) } else { 0 };
        }
    }

    /// Everything that came is read.
    pub(super) fn drained(&mut self, now: Instant) {
        if let Some(probe) = &mut self.probe
            && self.received == probe.edge
        {
            probe.starved.get_or_insert(now);
        }
    }

    /// Credit is given while `left` bytes of what was allowed before have not come.
    pub(super) fn grant(&mut self, left: u32, now: Instant) {
        let edge = self.received.saturating_add(left.into());
        self.probe.get_or_insert(Probe { granted: now, edge, starved: None });
    }

    /// Whether the window is too small. Said once, until it was tried again.
    pub(super) const fn is_too_slow(&mut self) -> bool {
        let slow = self.stalls >= STALLS;
        if slow {
            self.stalls = 0;
        }
        slow
    }
}
