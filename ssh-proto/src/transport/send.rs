//! The sending half: the gate that a key exchange closes, and what waits behind it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::compress::{Compression, Deflater, Delayed};
use super::packet::{Numbering, Protection, Sealer};
use super::{Transport, messages};
use crate::error::{Error, Limit};
use crate::time::Instant;
use crate::wire::number;

/// What a message that waits costs beside its bytes.
const HELD_OVERHEAD: usize = 64;

/// Our half of the outgoing stream.
pub(super) struct Outbound {
    pub(super) sealer: Sealer,
    pub(super) compressor: Delayed<Deflater>,
    gate: Gate,
    /// Wiped when they are gone: a password may be among them.
    held: VecDeque<Zeroizing<Vec<u8>>>,
    held_bytes: usize,
}

/// "Once a party has sent a SSH_MSG_KEXINIT message for key exchange or re-exchange, until it has sent a SSH_MSG_NEWKEYS
/// message [...], it MUST NOT send any messages other than" those of the key exchange (RFC 4253 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    Closed,
}

impl Outbound {
    pub(super) const fn new() -> Self {
        Self {
            sealer: Sealer::new(),
            compressor: Delayed::new(),
            gate: Gate::Open,
            held: VecDeque::new(),
            held_bytes: 0,
        }
    }

    pub(super) const fn close_gate(&mut self) {
        self.gate = Gate::Closed;
    }

    pub(super) fn rekey(&mut self, protection: Protection, numbering: Numbering, compression: Compression) {
        self.sealer.rekey(protection, numbering);
        self.compressor.rekey(compression);
    }
}

impl Transport {
    /// True when messages of the layers above may go out now.
    pub(crate) fn may_send(&self) -> bool {
        self.outbound.gate == Gate::Open
    }

    /// Whether a message of `length` bytes goes out now, or may wait for the end of the key exchange under way.
    pub(crate) fn has_room_for(&self, length: usize) -> bool {
        self.may_send()
            || self.outbound.held_bytes.saturating_add(length).saturating_add(HELD_OVERHEAD)
                <= self.settings.limits.held_output
    }

    /// Sends a message that a key exchange does not hold up: the transport layer's own.
    pub(crate) fn send_now(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let Outbound { sealer, compressor, .. } = &mut self.outbound;
        let taken = sealer.seal(&mut *self.rng, out, |payload| compressor.append(payload, write));
        self.meter.count_outbound(taken);
    }

    /// Sends a message of the layers above, or holds it until the key exchange under way is over.
    ///
    /// What piles up meanwhile is bounded: the peer that stalls a re-exchange and keeps asking is disconnected.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Error> {
        // "The sender MUST NOT send or receive any data after this message" (RFC 4253 §11.1, DISCONNECT).
        self.check_not_failed()?;
        if self.may_send() {
            self.send_now(out, write);
            self.rekey_if_due(now, out);
            return Ok(());
        }
        let mut payload = Zeroizing::new(Vec::new());
        write(&mut payload);
        self.outbound.held_bytes = self.outbound.held_bytes.saturating_add(payload.len()).saturating_add(HELD_OVERHEAD);
        self.outbound.held.push_back(payload);
        if self.outbound.held_bytes > self.settings.limits.held_output {
            return Err(self.fail(Error::LimitReached(Limit::HeldOutput), out));
        }
        Ok(())
    }

    /// Our NEWKEYS is out: what waited may go.
    pub(super) fn open_gate(&mut self, out: &mut Vec<u8>) {
        self.outbound.gate = Gate::Open;
        self.outbound.held_bytes = 0;
        while let Some(payload) = self.outbound.held.pop_front() {
            self.send_now(out, |packet| packet.extend_from_slice(&payload));
            if payload.first() == Some(&number::USERAUTH_SUCCESS) {
                self.outbound.compressor.logged_in();
            }
        }
    }

    /// Answers a message that is not known (RFC 4253 §11.4).
    pub(crate) fn send_unimplemented(&mut self, sequence: u32, out: &mut Vec<u8>) {
        self.send_now(out, |payload| messages::put_unimplemented(payload, sequence));
    }
}
