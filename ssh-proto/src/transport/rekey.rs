//! When keys are exchanged again, [RFC 4253 §9](https://www.rfc-editor.org/rfc/rfc4253#section-9) and RFC 4344 §3.

use alloc::vec::Vec;

use super::Transport;
use crate::limits::Limits;
use crate::time::Instant;

/// How much the keys in use have done.
#[derive(Debug)]
pub(super) struct Meter {
    inbound: Amount,
    outbound: Amount,
    deadline: Instant,
}

#[derive(Debug, Default)]
struct Amount {
    bytes: u64,
    packets: u64,
}

impl Amount {
    fn count(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.packets = self.packets.saturating_add(1);
    }

    const fn reaches(&self, limits: &Limits) -> bool {
        self.bytes >= limits.rekey_bytes || self.packets >= limits.rekey_packets
    }
}

impl Meter {
    pub(super) fn new(now: Instant, limits: &Limits) -> Self {
        Self { inbound: Amount::default(), outbound: Amount::default(), deadline: now.plus(limits.rekey_interval) }
    }

    pub(super) fn count_inbound(&mut self, bytes: usize) {
        self.inbound.count(bytes);
    }

    pub(super) fn count_outbound(&mut self, bytes: usize) {
        self.outbound.count(bytes);
    }

    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    fn is_due(&self, now: Instant, limits: &Limits) -> bool {
        self.inbound.reaches(limits) || self.outbound.reaches(limits) || now >= self.deadline
    }
}

impl Transport {
    /// Starts a key re-exchange when the keys have done enough.
    pub(crate) fn rekey_if_due(&mut self, now: Instant, out: &mut Vec<u8>) {
        if self.may_cross_success() {
            return;
        }
        if self.kex.is_complete() && self.meter.is_due(now, &self.settings.limits) {
            self.start_key_exchange(now, out);
        }
    }
}
