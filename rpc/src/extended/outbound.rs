//! From messages to the octets of a channel: short ones at once, long ones in parts that hold up nothing else.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::hello::Limits;
use crate::call::{Framing, TooLong, append};
use crate::term::{Binary, Emit, Term, encode};

/// The longest external term that travels in one frame, and the most octets in one part or piece of a stream.
pub(super) const PIECE: usize = 32 << 10;

/// What waits to be sent on a channel.
#[derive(Debug)]
pub(super) struct Outbound {
    /// What the peer's hello said.
    peer: Limits,
    /// Frames of short messages.
    frames: Vec<u8>,
    /// Long messages that were begun, in turns.
    begun: VecDeque<Long>,
    /// The sum of the sizes of those.
    under_way: usize,
    /// Long messages that the peer's limit holds back.
    held: VecDeque<Long>,
    /// What must not overtake a long message, by the line it stands in.
    lines: BTreeMap<Line, VecDeque<Waiting>>,
    serials: u64,
    /// How many octets of messages wait.
    waiting: usize,
}

/// Messages of one line keep their order; those of different lines, and those of none, overtake each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    /// What goes to processes.
    Processes,
    /// A call and its streams.
    Call(u64),
}

#[derive(Debug)]
struct Long {
    serial: u64,
    octets: Vec<u8>,
    sent: usize,
    line: Option<Line>,
}

/// An encoded message that stands in a line.
#[derive(Debug)]
enum Waiting {
    Short(Vec<u8>),
    Long(Vec<u8>),
}

impl Outbound {
    pub(super) const fn new() -> Self {
        Self {
            peer: Limits::DEFAULT,
            frames: Vec::new(),
            begun: VecDeque::new(),
            under_way: 0,
            held: VecDeque::new(),
            lines: BTreeMap::new(),
            serials: 0,
            waiting: 0,
        }
    }

    /// What the peer takes, once it has said so.
    pub(super) fn set_peer(&mut self, peer: Limits) {
        self.peer = peer;
        self.release();
    }

    /// Puts a message among those to be sent, and says how long it is.
    pub(super) fn push(&mut self, message: &Term, line: Option<Line>) -> Result<usize, TooLong> {
        let free = line.is_none_or(|line| !self.lines.contains_key(&line));
        let start = self.frames.len();
        if append(message, Framing::Frame, Emit::Otp26, PIECE, &mut self.frames).is_ok() {
            let length = self.frames.len() - start;
            self.waiting += length;
            if let (false, Some(line)) = (free, line) {
                let frame = self.frames.split_off(start);
                self.lines.entry(line).or_default().push_back(Waiting::Short(frame));
            }
            return Ok(length);
        }
        let mut octets = Vec::new();
        encode(message, Emit::Otp26, &mut octets).map_err(|_too_long| TooLong)?;
        if octets.len() > self.peer.message {
            return Err(TooLong);
        }
        let length = octets.len();
        self.waiting += length;
        match line {
            Some(line) if !free => self.lines.entry(line).or_default().push_back(Waiting::Long(octets)),
            line => self.begin(octets, line),
        }
        Ok(length)
    }

    /// Puts a message among those to be sent if it is short, and says how long it is; `None` otherwise.
    pub(super) fn push_whole(&mut self, message: &Term) -> Option<usize> {
        let start = self.frames.len();
        append(message, Framing::Frame, Emit::Otp26, PIECE, &mut self.frames).ok()?;
        let length = self.frames.len() - start;
        self.waiting += length;
        Some(length)
    }

    /// The longest message that the peer takes.
    pub(super) const fn longest_message(&self) -> usize {
        self.peer.message
    }

    /// How many octets of short messages wait.
    pub(super) const fn waiting_short(&self) -> usize {
        self.frames.len()
    }

    /// How many octets of messages wait.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether there is something to be sent now.
    pub(super) fn is_ready(&self) -> bool {
        !self.frames.is_empty() || !self.begun.is_empty()
    }

    /// Appends what is to be sent now: all short messages, and parts of long ones while `out` has less than `enough` octets.
    pub(super) fn fill(&mut self, out: &mut Vec<u8>, enough: usize) {
        loop {
            self.waiting -= self.frames.len();
            if out.is_empty() {
                core::mem::swap(out, &mut self.frames);
            } else {
                out.append(&mut self.frames);
            }
            if out.len() >= enough {
                return;
            }
            let Some(mut long) = self.begun.pop_front() else { return };
            let end = long.octets.len().min(long.sent + PIECE);
            let piece = long.octets.get(long.sent..end).unwrap_or_default();
            append_part(long.serial, long.octets.len(), piece, out);
            self.waiting -= piece.len();
            long.sent = end;
            if end < long.octets.len() {
                self.begun.push_back(long);
            } else {
                self.under_way -= long.octets.len();
                self.ended(long.line);
                self.release();
            }
        }
    }

    fn begin(&mut self, octets: Vec<u8>, line: Option<Line>) {
        self.serials += 1;
        if let Some(line) = line {
            self.lines.entry(line).or_default();
        }
        self.held.push_back(Long { serial: self.serials, octets, sent: 0, line });
        self.release();
    }

    /// Begins what the peer's limit lets begin.
    fn release(&mut self) {
        while let Some(long) = self.held.pop_front() {
            let sum = self.under_way.saturating_add(long.octets.len());
            if sum > self.peer.assembly {
                self.held.push_front(long);
                return;
            }
            self.under_way = sum;
            self.begun.push_back(long);
        }
    }

    /// A long message is sent: what stood behind it goes, up to the next long one.
    fn ended(&mut self, line: Option<Line>) {
        let Some(line) = line else { return };
        while let Some(next) = self.lines.get_mut(&line).map(VecDeque::pop_front) {
            match next {
                Some(Waiting::Short(frame)) => self.frames.extend_from_slice(&frame),
                Some(Waiting::Long(octets)) => return self.begin(octets, Some(line)),
                None => {
                    self.lines.remove(&line);
                    return;
                }
            }
        }
    }
}

fn append_part(serial: u64, size: usize, piece: &[u8], out: &mut Vec<u8>) {
    let part = Term::tuple([Term::atom("part"), serial.into(), size.into(), Binary::from(piece).into()]);
    // A part is short: it has always a place in a frame.
    let _ = append(&part, Framing::Frame, Emit::Otp26, Limits::FRAME, out);
}
