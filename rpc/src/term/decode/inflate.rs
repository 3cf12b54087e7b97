//! Compressed terms: zlib streams that say beforehand how much they inflate to, and are held to it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use super::DecodeErrorKind;

/// Inflates the stream at the start of `bytes` to exactly `announced` octets; also says how many octets the stream took.
///
/// Memory grows with what was really inflated, never with what was announced alone.
pub(in crate::term) fn whole(bytes: &[u8], announced: usize) -> Result<(Vec<u8>, usize), DecodeErrorKind> {
    let mut inflated = Vec::new();
    let mut inflater = Inflater::new(announced)?;
    match inflater.push(bytes, &mut |piece| inflated.extend_from_slice(piece))? {
        (used, true) => Ok((inflated, used)),
        (_, false) => Err(DecodeErrorKind::Truncated),
    }
}

/// A stream that arrives in pieces. Takes some 50 KiB, however long the stream.
pub(in crate::term) struct Inflater {
    state: Box<InflateState>,
    announced: usize,
    inflated: usize,
}

impl Inflater {
    /// # Errors
    /// None here; builds without zlib refuse.
    #[expect(clippy::unnecessary_wraps, reason = "builds without zlib refuse, with the same signature")]
    pub(in crate::term) fn new(announced: usize) -> Result<Self, DecodeErrorKind> {
        Ok(Self { state: InflateState::new_boxed(DataFormat::Zlib), announced, inflated: 0 })
    }

    /// Inflates a piece of the stream: how much of the piece was used, and whether the stream ended there.
    pub(in crate::term) fn push(
        &mut self,
        piece: &[u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(usize, bool), DecodeErrorKind> {
        let mut buffer = [0; 4096];
        let mut used = 0;
        loop {
            let rest = piece.get(used..).unwrap_or_default();
            let result = inflate(&mut self.state, rest, &mut buffer, MZFlush::None);
            used += result.bytes_consumed;
            let fresh = buffer.get(..result.bytes_written).unwrap_or_default();
            self.inflated += fresh.len();
            if self.inflated > self.announced {
                return Err(DecodeErrorKind::InflatedLength { announced: self.announced });
            }
            sink(fresh);
            match result.status {
                Ok(MZStatus::StreamEnd) if self.inflated == self.announced => return Ok((used, true)),
                Ok(MZStatus::StreamEnd) => {
                    return Err(DecodeErrorKind::InflatedLength { announced: self.announced });
                }
                // A full buffer may have left output behind, even when all input is used.
                Ok(MZStatus::Ok) if used < piece.len() || result.bytes_written == buffer.len() => {}
                Ok(MZStatus::Ok) | Err(MZError::Buf) => return Ok((used, false)),
                Ok(MZStatus::NeedDict) | Err(_) => return Err(DecodeErrorKind::Corrupt),
            }
        }
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater")
            .field("announced", &self.announced)
            .field("inflated", &self.inflated)
            .finish_non_exhaustive()
    }
}
