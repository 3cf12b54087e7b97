//! Where one term ends and the next begins in a channel's stream of octets.

use alloc::vec::Vec;
use core::fmt;

use crate::term::{DecodeError, DecodeLimits, Emit, Scanner, Term, encode};

/// How a term travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// Behind its length: `uint32 length · term`. The subsystem, and what our own clients send to a shell.
    #[default]
    Frame,
    /// As it is: an external term says where it ends. The shell of the paper, and every answer to an exec request.
    Bare,
}

/// What a stream may carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// Frames only.
    #[default]
    Frames,
    /// Bare terms only.
    Bare,
    /// Either, term by term: a bare term starts with 131; the length of any frame within a sane limit starts lower.
    Either,
}

/// Cuts a stream that arrives in pieces into terms, which it leaves encoded.
///
/// Every octet is looked at once. A term that lies whole within a piece is lent from there; only what arrives in several
/// pieces is gathered, in a buffer that grows with what came and is given back after a large term.
///
/// An error is final, and repeated: behind it there is no telling where another term would start.
#[derive(Debug)]
pub struct Decoder {
    expect: Expect,
    max_bytes: usize,
    state: State,
    scanner: Scanner,
    buffer: Vec<u8>,
    /// Octets that were moved into the buffer, and within it when it grew.
    copied: u64,
    failed: Option<FrameError>,
}

impl Decoder {
    /// A decoder at the start of a stream. Of the limits, frames obey [`max_bytes`](DecodeLimits::max_bytes) here;
    /// bare terms have to be followed, and obey what [`Scanner`] can see.
    #[must_use]
    pub const fn new(expect: Expect, limits: DecodeLimits) -> Self {
        Self {
            expect,
            max_bytes: limits.max_bytes,
            state: State::Between,
            scanner: Scanner::new(limits),
            buffer: Vec::new(),
            copied: 0,
            failed: None,
        }
    }

    /// Takes octets off the front of `input` until a term is whole; `None` when the input was used up before.
    ///
    /// # Errors
    /// [`FrameError`], now and whenever called again.
    pub fn take<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Option<Unit<'a>>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if matches!(self.state, State::Between) {
            self.recycle();
        }
        match self.advance(input) {
            Ok(None) => Ok(None),
            Ok(Some((framing, whole))) => {
                self.state = State::Between;
                let bytes = match whole {
                    Whole::InInput(bytes) => bytes,
                    Whole::InBuffer => &self.buffer,
                };
                Ok(Some(Unit { framing, bytes }))
            }
            Err(error) => {
                self.failed = Some(error);
                self.buffer = Vec::new();
                Err(error)
            }
        }
    }

    /// What came of a term that is not whole; at the end of the stream, what the peer left unfinished.
    #[must_use]
    pub fn partial(&self) -> Option<Partial> {
        match self.state {
            State::Between => None,
            State::Length { len, .. } => Some(Partial { received: len, announced: None }),
            State::Frame { len } => Some(Partial { received: self.buffer.len(), announced: Some(len) }),
            State::Bare => Some(Partial { received: self.buffer.len(), announced: None }),
        }
    }

    /// How many octets were copied so far, between pieces and buffer and within a growing buffer: the cost of terms
    /// that arrive in pieces. It grows with the length of the stream, not faster.
    #[must_use]
    pub const fn copied(&self) -> u64 {
        self.copied
    }

    fn advance<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<(Framing, Whole<'i>)>, FrameError> {
        while let Some(first) = input.first().copied() {
            match &mut self.state {
                State::Between => self.state = self.start(first)?,
                State::Length { octets, len } => {
                    if let Some(place) = octets.get_mut(*len) {
                        *place = first;
                    }
                    *len += 1;
                    *input = input.get(1..).unwrap_or_default();
                    if *len == octets.len() {
                        let announced = u32::from_be_bytes(*octets);
                        if let Some(whole) = self.frame(announced, input)? {
                            return Ok(Some((Framing::Frame, whole)));
                        }
                    }
                }
                State::Frame { len } => {
                    let len = *len;
                    let piece = split(input, len - self.buffer.len());
                    self.gather(piece, len);
                    if self.buffer.len() == len {
                        return Ok(Some((Framing::Frame, Whole::InBuffer)));
                    }
                }
                State::Bare => {
                    let end = self.scanner.push(input).map_err(FrameError::Term)?;
                    let piece = split(input, end.unwrap_or(input.len()));
                    if end.is_some() && self.buffer.is_empty() {
                        return Ok(Some((Framing::Bare, Whole::InInput(piece))));
                    }
                    self.gather(piece, self.max_bytes);
                    if end.is_some() {
                        return Ok(Some((Framing::Bare, Whole::InBuffer)));
                    }
                }
            }
        }
        Ok(None)
    }

    fn start(&self, first: u8) -> Result<State, FrameError> {
        match self.expect {
            Expect::Frames => Ok(State::LENGTH),
            Expect::Bare => Ok(State::Bare),
            Expect::Either if first < VERSION => Ok(State::LENGTH),
            Expect::Either if first == VERSION => Ok(State::Bare),
            Expect::Either => Err(FrameError::Start(first)),
        }
    }

    /// Begins a frame whose length has come, and ends it when all of it is there.
    fn frame<'i>(&mut self, announced: u32, input: &mut &'i [u8]) -> Result<Option<Whole<'i>>, FrameError> {
        let too_long = FrameError::TooLong { announced, limit: self.max_bytes };
        let len = usize::try_from(announced).map_err(|_| too_long)?;
        if len > self.max_bytes {
            return Err(too_long);
        }
        if input.len() >= len {
            return Ok(Some(Whole::InInput(split(input, len))));
        }
        self.state = State::Frame { len };
        Ok(None)
    }

    /// Appends to the buffer, which at most doubles, and never beyond what can still come.
    fn gather(&mut self, piece: &[u8], most: usize) {
        let (len, capacity) = (self.buffer.len(), self.buffer.capacity());
        let needed = len + piece.len();
        if needed > capacity {
            let target = needed.max(capacity.saturating_mul(2).min(most));
            self.buffer.reserve_exact(target - len);
            self.copied += len as u64;
        }
        self.buffer.extend_from_slice(piece);
        self.copied += piece.len() as u64;
    }

    /// Empties the buffer, and gives it back when it is large: an idle channel should be small.
    fn recycle(&mut self) {
        if self.buffer.capacity() > KEPT_CAPACITY {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
    }
}

/// One whole term, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unit<'a> {
    /// How it came.
    pub framing: Framing,
    /// Its octets, without the length of a frame. Those of a frame may be anything.
    pub bytes: &'a [u8],
}

/// A term that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partial {
    /// How many of its octets came; of its length's when none is announced yet.
    pub received: usize,
    /// How many were announced, in a frame whose length came.
    pub announced: Option<usize>,
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.announced {
            Some(announced) => write!(f, "it ended within a frame: {} of {announced} octets came", self.received),
            None => write!(f, "it ended within a term or its length: {} octets came", self.received),
        }
    }
}

/// Why a stream cannot be cut into terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame announces more than the limit.
    TooLong {
        /// The announced length in octets.
        announced: u32,
        /// The limit in octets.
        limit: usize,
    },
    /// Neither a bare term nor the length of a frame starts with this octet.
    Start(u8),
    /// A bare term cannot be followed to its end, or exceeds a limit.
    Term(DecodeError),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { announced, limit } => {
                write!(f, "a frame announces {announced} octets; the limit is {limit}")
            }
            Self::Start(octet) => write!(f, "neither a term nor the length of a frame starts with {octet}"),
            Self::Term(error) => write!(f, "not a term: {error}"),
        }
    }
}

impl core::error::Error for FrameError {}

/// Appends a term to `out`, behind its length or bare.
///
/// # Errors
/// [`TooLong`] when the encoded term is longer than `max_bytes`, or than the format can say; `out` is then as it was.
pub fn append(term: &Term, framing: Framing, emit: Emit, max_bytes: usize, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let start = out.len();
    if framing == Framing::Frame {
        out.extend_from_slice(&[0; LENGTH_OCTETS]);
    }
    let term_at = out.len();
    let encoded = encode(term, emit, out).map_err(|_| TooLong);
    let length = out.len() - term_at;
    match encoded.and_then(|()| u32::try_from(length).map_err(|_| TooLong)) {
        Ok(announced) if length <= max_bytes => {
            if framing == Framing::Frame
                && let Some(place) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut)
            {
                *place = announced.to_be_bytes();
            }
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(TooLong)
        }
    }
}

/// A term is longer, encoded, than is allowed or can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the encoded term is longer than the limit")
    }
}

impl core::error::Error for TooLong {}

#[derive(Clone, Copy, Debug)]
enum State {
    Between,
    Length { octets: [u8; LENGTH_OCTETS], len: usize },
    Frame { len: usize },
    Bare,
}

impl State {
    const LENGTH: Self = Self::Length { octets: [0; LENGTH_OCTETS], len: 0 };
}

/// Where a whole term lies.
enum Whole<'i> {
    InInput(&'i [u8]),
    InBuffer,
}

/// Splits off the first `at` octets, or all when there are fewer.
fn split<'i>(input: &mut &'i [u8], at: usize) -> &'i [u8] {
    let (piece, rest) = input.split_at_checked(at).unwrap_or((input, &[]));
    *input = rest;
    piece
}

/// The octet that every external term starts with.
const VERSION: u8 = 131;
const LENGTH_OCTETS: usize = 4;
/// A buffer up to this size is kept from term to term.
const KEPT_CAPACITY: usize = 64 << 10;

#[cfg(test)]
mod tests;
