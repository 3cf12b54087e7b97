//! Frames between connected nodes: one message each, passed through whole, or none, as a sign of life.
//!
//! ```text
//! 4 Length · 1 112 (pass through) · ControlMessage · Message
//! 4 0
//! ```

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, BufReader};

use super::control::{self, Malformed, Payload, Received};
use super::error::Ended;
use crate::process::Signal;
use crate::term::{DecodeLimits, Emit, EncodeError, decode_exact_with, decode_with, encode};

/// What passes a message through as it is.
const PASS_THROUGH: u8 = 112;
/// A sign of life.
pub(super) const TICK: [u8; 4] = [0; 4];
/// Octets that a control message may take beside its payload, by far.
const CONTROL: usize = 64 * 1024;

/// Appends the frame of a signal.
pub(super) fn append(signal: Signal, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, PASS_THROUGH]);
    let (control, payload) = control::to_terms(signal);
    encode(&control, Emit::Otp26, out)?;
    if let Some(payload) = &payload {
        encode(payload, Emit::Otp26, out)?;
    }
    let length = u32::try_from(out.len() - start - 4).map_err(|_too_long| EncodeError::TooLong)?;
    match out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        Some(place) => *place = length.to_be_bytes(),
        None => return Err(EncodeError::TooLong),
    }
    Ok(())
}

/// What a frame says. Of one that is not whole, `complete` is not.
pub(super) fn parse(frame: &[u8], complete: Complete, limits: &DecodeLimits) -> Result<Received, Malformed> {
    let message = frame.strip_prefix(&[PASS_THROUGH]).ok_or(Malformed)?;
    let (control, used) = decode_with(message, limits).map_err(|_no_term| Malformed)?;
    let payload = match message.get(used..).unwrap_or_default() {
        [] if complete == Complete::Yes => Payload::None,
        rest if complete == Complete::Yes => decode_exact_with(rest, limits).map_or(Payload::Unreadable, Payload::Term),
        _ => Payload::Unreadable,
    };
    control::from_terms(&control, payload)
}

/// Whether all of a frame is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complete {
    Yes,
    /// It is longer than we take; this is its beginning.
    No,
}

/// Reads frames.
#[derive(Debug)]
pub(super) struct FrameReader<R> {
    reader: BufReader<R>,
    /// Octets of the longest message that is read whole.
    most: usize,
    /// For how long nothing may come.
    silence: Duration,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(reader: R, limits: &DecodeLimits, silence: Duration) -> Self {
        let most = limits.max_bytes.saturating_add(CONTROL);
        Self { reader: BufReader::with_capacity(CONTROL, reader), most, silence }
    }

    /// The next frame; an empty one is a tick.
    pub(super) async fn next(&mut self) -> Result<(Vec<u8>, Complete), Ended> {
        let mut length = Vec::with_capacity(4);
        self.read(4, &mut length).await?;
        let length = length.first_chunk().map_or(0, |length| u32::from_be_bytes(*length));
        let mut frame = Vec::new();
        if usize::try_from(length).is_ok_and(|length| length <= self.most) {
            self.read(u64::from(length), &mut frame).await?;
            return Ok((frame, Complete::Yes));
        }
        let head = u64::try_from(CONTROL).unwrap_or(u64::MAX);
        self.read(head, &mut frame).await?;
        self.skip(u64::from(length).saturating_sub(head)).await?;
        Ok((frame, Complete::No))
    }

    /// Room is made for what comes, not for what is announced.
    async fn read(&mut self, octets: u64, into: &mut Vec<u8>) -> Result<(), Ended> {
        let mut from = (&mut self.reader).take(octets);
        while from.limit() > 0 {
            match tokio::time::timeout(self.silence, from.read_buf(into)).await {
                Ok(Ok(0)) => return Err(Ended::Closed),
                Ok(read) => drop(read.map_err(Ended::from)?),
                Err(_elapsed) => return Err(Ended::Silent(self.silence)),
            }
        }
        Ok(())
    }

    async fn skip(&mut self, mut octets: u64) -> Result<(), Ended> {
        let mut passed = Vec::new();
        while octets > 0 {
            let part = octets.min(CHUNK);
            passed.clear();
            self.read(part, &mut passed).await?;
            octets -= part;
        }
        Ok(())
    }
}

/// Octets that are passed over at once.
const CHUNK: u64 = 64 * 1024;

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

#[cfg(test)]
mod tests;
