//! From the octets of a channel to messages: frames, and the parts of long messages put together.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use super::hello::Limits;
use crate::call::{Decoder, Expect, FrameError, Partial};
use crate::term::{DecodeError, DecodeLimits, Term, decode_exact_with};

/// Cuts the stream of a channel into the terms of messages.
#[derive(Debug)]
pub(super) struct Inbound {
    decoder: Decoder,
    /// What our hello said.
    limits: Limits,
    terms: DecodeLimits,
    parts: BTreeMap<u64, Assembly>,
    /// The sum of the sizes of what is in `parts`.
    under_way: usize,
    last_serial: Option<u64>,
}

/// What has come of a message in parts.
#[derive(Debug)]
struct Assembly {
    size: usize,
    octets: Vec<u8>,
}

/// Why nothing more can be read from a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InboundError {
    /// The stream cannot be cut into frames.
    Frame(FrameError),
    /// A message is no term, or exceeds the limits for terms.
    Term(DecodeError),
    /// A part is not where it belongs, or not as it should be.
    Part(PartError),
}

/// What is wrong with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartError {
    /// It is not `{part, Serial, Size, Binary}` with some octets.
    Malformed,
    /// Its serial number neither continues a message nor begins the next one.
    Serial(u64),
    /// The message is longer than the limit, in octets.
    TooLong(usize),
    /// Too much is under way at once, in octets.
    TooMuch(usize),
    /// More octets came than the message has, or another size was named than at first.
    Size(u64),
}

impl fmt::Display for InboundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Term(error) => write!(f, "a message is no term: {error}"),
            Self::Part(PartError::Malformed) => f.write_str("a part is not {part, Serial, Size, Binary}"),
            Self::Part(PartError::Serial(serial)) => write!(f, "part {serial} belongs to no message"),
            Self::Part(PartError::TooLong(size)) => {
                write!(f, "a message in parts has {size} octets, more than the limit")
            }
            Self::Part(PartError::TooMuch(sum)) => {
                write!(f, "messages in parts sum up to {sum} octets, more than the limit")
            }
            Self::Part(PartError::Size(serial)) => {
                write!(f, "the parts of message {serial} do not agree about its size")
            }
        }
    }
}

impl core::error::Error for InboundError {}

impl Inbound {
    /// At the start of a stream, with what our hello said.
    pub(super) fn new(limits: Limits) -> Self {
        let frame = DecodeLimits { max_bytes: limits.frame, ..DecodeLimits::DEFAULT };
        Self {
            decoder: Decoder::new(Expect::Frames, frame),
            limits,
            terms: DecodeLimits { max_bytes: limits.message, ..DecodeLimits::DEFAULT },
            parts: BTreeMap::new(),
            under_way: 0,
            last_serial: None,
        }
    }

    /// Takes octets off the front of `input` until a message is whole: its term, and how many octets that took.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> Result<Option<(Term, usize)>, InboundError> {
        while let Some(unit) = self.decoder.take(input).map_err(InboundError::Frame)? {
            let (length, term) = (unit.bytes.len(), decode_exact_with(unit.bytes, &self.terms));
            let term = term.map_err(InboundError::Term)?;
            if !is_part(&term) {
                return Ok(Some((term, length)));
            }
            if let Some(whole) = self.part(&term).map_err(InboundError::Part)? {
                let term = decode_exact_with(&whole, &self.terms).map_err(InboundError::Term)?;
                return Ok(Some((term, whole.len())));
            }
        }
        Ok(None)
    }

    /// What came of a frame that is not whole.
    pub(super) fn partial(&self) -> Option<Partial> {
        self.decoder.partial()
    }

    /// Takes a part; the whole message with its last one.
    fn part(&mut self, term: &Term) -> Result<Option<Vec<u8>>, PartError> {
        let Some([_, serial, size, Term::Binary(piece)]) = term.as_tuple() else { return Err(PartError::Malformed) };
        let (Some(serial), Some(size), piece) = (serial.as_u64(), size.as_u64(), piece.as_bytes()) else {
            return Err(PartError::Malformed);
        };
        if piece.is_empty() {
            return Err(PartError::Malformed);
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if self.last_serial.is_none_or(|last| serial > last) {
            self.begin(serial, size)?;
        }
        let assembly = self.parts.get_mut(&serial).ok_or(PartError::Serial(serial))?;
        if assembly.size != size || piece.len() > size - assembly.octets.len() {
            return Err(PartError::Size(serial));
        }
        assembly.octets.extend_from_slice(piece);
        if assembly.octets.len() < size {
            return Ok(None);
        }
        self.under_way -= size;
        Ok(self.parts.remove(&serial).map(|assembly| assembly.octets))
    }

    fn begin(&mut self, serial: u64, size: usize) -> Result<(), PartError> {
        if size > self.limits.message {
            return Err(PartError::TooLong(size));
        }
        let sum = self.under_way.saturating_add(size);
        if sum > self.limits.assembly {
            return Err(PartError::TooMuch(sum));
        }
        self.under_way = sum;
        self.last_serial = Some(serial);
        self.parts.insert(serial, Assembly { size, octets: Vec::new() });
        Ok(())
    }
}

fn is_part(term: &Term) -> bool {
    matches!(term.as_tuple(), Some([tag, ..]) if tag.is_atom("part"))
}
