//! The receiving half: one packet a turn, and which messages the transport layer keeps to itself.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::compress::{Compression, Delayed, Inflater, Payload};
use super::ident::{IdentificationReader, Line};
use super::kex::{Sign, Verify};
use super::messages::{Debug, Disconnect};
use super::packet::{Numbering, Opened, Opener, Protection};
use super::{Phase, Transport};
use crate::error::{Disconnected, Error, PeerMisbehaved};
use crate::io::InputBuffer;
use crate::limits::Limits;
use crate::notice::{Notice, printable};
use crate::time::Instant;
use crate::wire::{MessageNumber, number};

/// The peer's half of the stream.
pub(super) struct Inbound {
    identification: IdentificationReader,
    opener: Opener,
    pub(super) expander: Delayed<Inflater>,
    /// Bytes of the packet at the front of the input that has been handed up and may still be looked at.
    taken: usize,
    /// How many packets came.
    packets: u64,
}

/// What one turn came to.
#[derive(Debug)]
pub(crate) enum Turn {
    /// More input is needed, or room in the output.
    Idle,
    /// A message of the layers above. Who is done with its payload [recycles](Transport::recycle) it.
    Packet { sequence: u32, payload: Payload },
    /// The host key has signed the exchange; the caller says whether it is the right one.
    Verify(Box<Verify>),
    /// The caller signs the exchange with the host key.
    Sign(Box<Sign>),
    /// A key exchange is over: new keys are in use both ways.
    KeysChanged,
}

impl Inbound {
    pub(super) const fn new(limits: &Limits) -> Self {
        let opener = Opener::new(limits.packet_before_login);
        let identification = IdentificationReader::new(limits);
        Self { identification, opener, expander: Delayed::new(), taken: 0, packets: 0 }
    }

    pub(super) const fn set_maximum_length(&mut self, maximum_length: usize) {
        self.opener.set_maximum_length(maximum_length);
    }

    pub(super) fn rekey(&mut self, protection: Protection, numbering: Numbering, compression: Compression) {
        self.opener.rekey(protection, numbering);
        self.expander.rekey(compression);
    }
}

impl Transport {
    /// Takes packets from `input` until there is something to tell, and nothing more.
    ///
    /// Stops between packets when the output is above its high-water mark: a peer that sends and never reads costs a
    /// bounded amount.
    pub(crate) fn turn(&mut self, now: Instant, input: &mut dyn InputBuffer, out: &mut Vec<u8>) -> Result<Turn, Error> {
        self.check_not_failed()?;
        self.try_turn(now, input, out).map_err(|error| self.fail(error, out))
    }

    /// How many packets came, whatever they said: signs of life.
    pub(crate) const fn packets_received(&self) -> u64 {
        self.inbound.packets
    }

    /// Drops the packet that the last turn handed up: nobody looks at it any more.
    pub(crate) fn release(&mut self, input: &mut dyn InputBuffer) {
        input.discard(core::mem::take(&mut self.inbound.taken));
    }

    fn try_turn(&mut self, now: Instant, input: &mut dyn InputBuffer, out: &mut Vec<u8>) -> Result<Turn, Error> {
        loop {
            self.release(input);
            if out.len() >= self.settings.limits.output_high_water {
                return Ok(Turn::Idle);
            }
            let Some((sequence, mut payload)) = self.next_packet(input)? else { return Ok(Turn::Idle) };
            let received = self.receive(now, sequence, payload.bytes(input), out)?;
            self.rekey_if_due(now, out);
            if let Received::ForAbove = received {
                return Ok(Turn::Packet { sequence, payload });
            }
            self.recycle(payload);
            if let Received::Turn(turn) = received {
                return Ok(turn);
            }
        }
    }

    /// The next packet in `input`, past the peer's identification: its sequence number, and its payload until it is
    /// [released](Self::release).
    pub(super) fn next_packet(&mut self, input: &mut dyn InputBuffer) -> Result<Option<(u32, Payload)>, Error> {
        while self.peer.is_none() {
            match self.inbound.identification.read(self.settings.role, input.filled())? {
                Line::Incomplete => return Ok(None),
                Line::Banner(length) => {
                    let line = printable(input.filled().get(..length).unwrap_or_default());
                    self.notices.push(Notice::BannerLine(line));
                    input.discard(length);
                }
                Line::Identification(length, identification) => {
                    input.discard(length);
                    self.notices.push(Notice::PeerIdentified(identification.clone()));
                    self.peer = Some(identification);
                }
            }
        }
        let capacity = input.capacity();
        loop {
            match self.inbound.opener.open(input.filled(), capacity)? {
                Opened::Incomplete => return Ok(None),
                Opened::Discard(length) => input.discard(length),
                Opened::Packet { sequence, payload, taken } => {
                    self.inbound.taken = taken;
                    self.inbound.packets = self.inbound.packets.wrapping_add(1);
                    self.meter.count_inbound(taken);
                    let bytes = input.filled().get(payload.clone()).unwrap_or_default();
                    let expanded = self.inbound.expander.expand(bytes, self.settings.limits.packet)?;
                    let payload = expanded.map_or(Payload::InPlace(payload), Payload::Inflated);
                    return Ok(Some((sequence, payload)));
                }
            }
        }
    }

    pub(super) fn receive(
        &mut self,
        now: Instant,
        sequence: u32,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Received, Error> {
        let Some((&number, body)) = payload.split_first() else {
            return Err(Error::PeerMisbehaved(PeerMisbehaved::BadPacketLength));
        };
        let first_after_newkeys = self.ext_info.take_first();
        self.kex.check_allowed(number, sequence)?;
        let invalid = |error| Error::InvalidMessage(MessageNumber(number), error);
        match number {
            number::DISCONNECT => {
                let said = Disconnect::decode(body).map_err(invalid)?;
                let said = Disconnected::new(said.reason, printable(said.description));
                return Err(Error::Disconnected(Box::new(said)));
            }
            // "All implementations MUST understand (and ignore) this message at any time": even a malformed one.
            number::IGNORE => {}
            number::UNIMPLEMENTED => {
                if let Some(rejected) = body.first_chunk() {
                    self.notices.push(Notice::Unimplemented(u32::from_be_bytes(*rejected)));
                }
            }
            number::DEBUG => {
                let message = Debug::decode(body).map_err(invalid)?;
                self.notices.push(Notice::Debug(printable(message.message)));
            }
            number::EXT_INFO => self.receive_ext_info(body, first_after_newkeys)?,
            number::KEXINIT => self.receive_kexinit(now, sequence, payload, out)?,
            number::NEWKEYS => {
                self.receive_newkeys(now, body)?;
                return Ok(Received::Turn(Turn::KeysChanged));
            }
            30..=49 => {
                if let Some(turn) = self.receive_kex_message(number, body, out)? {
                    return Ok(Received::Turn(turn));
                }
            }
            // Before login 80 and above end the connection, whatever they are (RFC 4252 §6).
            number::PING if self.phase == Phase::LoggedIn => self.receive_ping(body, now, out)?,
            number::SERVICE_REQUEST | number::SERVICE_ACCEPT | 50.. => return Ok(Received::ForAbove),
            0 | 8..=19 | 22..=29 => self.send_unimplemented(sequence, out),
        }
        Ok(Received::Handled)
    }
}

/// What became of one message.
pub(super) enum Received {
    Handled,
    ForAbove,
    Turn(Turn),
}
