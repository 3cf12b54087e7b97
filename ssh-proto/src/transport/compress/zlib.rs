use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use miniz_oxide::deflate::CompressionLevel;
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use crate::error::{Error, Limit, PeerMisbehaved};

/// The window of RFC 1950, with its header: 32 KiB.
const WINDOW_BITS: i32 = 15;
/// What a payload is expanded into at first; longer ones make it grow.
const FIRST: usize = 4096;

/// One direction's compressor.
pub(in crate::transport) struct Deflater {
    state: Box<CompressorOxide>,
    payload: Vec<u8>,
}

impl Deflater {
    pub(super) fn new() -> Self {
        let level = CompressionLevel::DefaultLevel as i32;
        let flags = create_comp_flags_from_zip_params(level, WINDOW_BITS, 0);
        Self { state: Box::new(CompressorOxide::new(flags)), payload: Vec::new() }
    }

    /// Appends what `write` appends, compressed and flushed: "the current compressed block is ended and all data will be
    /// output".
    pub(super) fn append(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.payload.clear();
        write(&mut self.payload);
        compress_to_output(&mut self.state, &self.payload, TDEFLFlush::Sync, |bytes| {
            out.extend_from_slice(bytes);
            true
        });
    }
}

/// One direction's decompressor.
pub(in crate::transport) struct Inflater {
    state: Box<InflateState>,
    /// Memory of payloads that nobody looks at any more.
    spare: Vec<u8>,
}

/// A payload that was compressed.
pub(crate) struct Inflated {
    memory: Vec<u8>,
    length: usize,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self { state: InflateState::new_boxed(DataFormat::Zlib), spare: Vec::new() }
    }

    /// Expands one payload. What is longer than `limit` is never held: at most one byte more is looked at.
    pub(super) fn expand(&mut self, mut bytes: &[u8], limit: usize) -> Result<Inflated, Error> {
        let most = limit.saturating_add(1);
        let mut memory = core::mem::take(&mut self.spare);
        let mut length = 0;
        loop {
            if length == memory.len() {
                let longer = memory.len().saturating_mul(2).clamp(FIRST.min(most), most);
                memory.resize(longer, 0);
            }
            let room = memory.get_mut(length..).unwrap_or_default();
            let result = inflate(&mut self.state, bytes, room, MZFlush::None);
            bytes = bytes.get(result.bytes_consumed..).unwrap_or_default();
            length = length.saturating_add(result.bytes_written);
            if length > limit {
                return Err(Error::LimitReached(Limit::InflatedPayload));
            }
            match result.status {
                // Nothing is left, neither of what came nor of what came of it.
                Ok(MZStatus::Ok) if bytes.is_empty() && length < memory.len() => break,
                Err(MZError::Buf) if bytes.is_empty() => break,
                Ok(MZStatus::Ok) => {}
                // The stream has no end, and no dictionary but itself.
                _ => return Err(Error::PeerMisbehaved(PeerMisbehaved::BadCompression)),
            }
        }
        Ok(Inflated { memory, length })
    }

    pub(super) fn recycle(&mut self, payload: Inflated) {
        self.spare = payload.memory;
    }
}

impl Inflated {
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        self.memory.get_mut(..self.length).unwrap_or_default()
    }
}

/// Its size only, as with the input.
impl fmt::Debug for Inflated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflated").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::collection::vec as bytes;
    use proptest::prelude::{any, proptest};

    use super::*;

    const LIMIT: usize = 100_000;

    fn deflate(deflater: &mut Deflater, payload: &[u8]) -> Vec<u8> {
        let mut out = b"before".to_vec();
        deflater.append(&mut out, |out| out.extend_from_slice(payload));
        out.split_off(b"before".len())
    }

    /// Bytes that do not compress.
    fn noise(length: usize, seed: u32) -> Vec<u8> {
        let mut state = seed;
        let next = core::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        });
        next.take(length).collect()
    }

    #[test]
    fn rfc4253_s6_2_the_context_passes_from_packet_to_packet() {
        let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
        let mut sizes = Vec::new();
        for payload in [&noise(20_000, 1)[..], &noise(20_000, 1), b"", b"x", &[7; LIMIT], &noise(33_000, 2), &[0; 4096]]
        {
            let compressed = deflate(&mut deflater, payload);
            sizes.push(compressed.len());
            let mut inflated = inflater.expand(&compressed, LIMIT).unwrap();
            assert_eq!(inflated.bytes(), payload);
            inflater.recycle(inflated);
        }
        // The second of two equal ones refers to the first; what does not compress grows by little.
        assert!(sizes[0] > 20_000 && sizes[0] < 20_100 && sizes[1] < 1000 && sizes[4] < 1000, "{sizes:?}");
    }

    #[test]
    fn a_payload_that_expands_beyond_the_limit_is_an_error_and_never_in_memory() {
        let mut deflater = Deflater::new();
        let bomb = deflate(&mut deflater, &vec![0; 100 << 20]);
        assert!(bomb.len() < 200_000);
        for limit in [1, 1000, LIMIT, 1 << 20] {
            let error = Inflater::new().expand(&bomb, limit).unwrap_err();
            assert_eq!(error, Error::LimitReached(Limit::InflatedPayload));
        }
        // The last length that is let through.
        for (length, fits) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
            let compressed = deflate(&mut Deflater::new(), &vec![0; length]);
            assert_eq!(Inflater::new().expand(&compressed, LIMIT).is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn rfc1951_what_is_no_stream_is_an_error() {
        let good = deflate(&mut Deflater::new(), b"payload payload payload");
        for bytes in [b"no zlib".to_vec(), vec![0; 100], vec![0x78, 0x9c, 0xff, 0xff], [&good[..], &[0x07]].concat()] {
            let bad = Error::PeerMisbehaved(PeerMisbehaved::BadCompression);
            assert_eq!(Inflater::new().expand(&bytes, LIMIT).unwrap_err(), bad, "{bytes:?}");
        }
        // A stream that ends: whatever follows could not be read.
        let whole = miniz_oxide::deflate::compress_to_vec_zlib(b"payload", 6);
        assert!(Inflater::new().expand(&whole, LIMIT).is_err());
        let mut inflater = Inflater::new();
        for end in 0..good.len() {
            let _ = inflater.expand(&good[..end], LIMIT);
        }
    }

    proptest! {
        /// Whatever comes, in whatever pieces: no panic, no endless loop, and never more than the limit.
        #[test]
        fn arbitrary_bytes_expand_to_no_more_than_the_limit(
            packets in bytes(bytes(any::<u8>(), 0..200), 0..10),
            zlib in any::<bool>(),
            limit in 0..5000_usize,
        ) {
            let mut inflater = Inflater::new();
            if zlib {
                inflater.expand(&[0x78, 0x9c], limit).unwrap();
            }
            for packet in packets {
                let Ok(mut inflated) = inflater.expand(&packet, limit) else { break };
                assert!(inflated.bytes().len() <= limit);
                inflater.recycle(inflated);
            }
        }
    }

    /// What OpenSSH does: the flush ends with an empty block, in the middle of a byte as a rule.
    #[test]
    fn rfc4253_s6_2_a_partial_flush_is_enough() {
        let mut inflater = Inflater::new();
        for record in vectors::records("crypto/zlib.txt") {
            let mut inflated = inflater.expand(&record.hex("compressed"), LIMIT).unwrap();
            assert_eq!(inflated.bytes(), record.hex("payload"));
        }
    }
}
