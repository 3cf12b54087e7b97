//! A long sequence of bytes of which every place is known: what is lost, doubled or moved shows.

use peers::Failed;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Not a multiple of any buffer or packet: a prime.
pub(crate) const PERIOD: usize = 65_521;
/// More than 64 MiB, in whole periods.
pub(crate) const CHUNK: u64 = 1025 * PERIOD as u64;

/// A place in the sequence.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// Two periods, so that the next bytes always lie in one slice.
    bytes: Vec<u8>,
    at: usize,
}

impl Default for Pattern {
    fn default() -> Self {
        let mut state = 0x9e37_79b9_u32;
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[1]
        })
        .take(PERIOD)
        .collect();
        bytes.extend_from_within(..);
        Self { bytes, at: 0 }
    }
}

impl Pattern {
    /// The next bytes, at most a period of them.
    pub(crate) fn next(&self, length: u64) -> &[u8] {
        let length = usize::try_from(length).unwrap_or(PERIOD).min(PERIOD);
        &self.bytes[self.at..self.at + length]
    }

    /// Goes on by this many bytes.
    pub(crate) fn skip(&mut self, length: usize) {
        self.at = (self.at + length) % PERIOD;
    }

    /// Whether `bytes` are the next ones.
    pub(crate) fn accept(&mut self, bytes: &[u8]) -> bool {
        bytes.chunks(PERIOD).all(|part| {
            let right = self.bytes[self.at..].starts_with(part);
            self.skip(part.len());
            right
        })
    }

    /// `length` bytes from the start.
    pub(crate) fn file(length: u64) -> Vec<u8> {
        let length = usize::try_from(length).expect("it fits into memory");
        Self::default().bytes[..PERIOD].iter().copied().cycle().take(length).collect()
    }
}

/// Writes `length` bytes of the sequence.
pub(crate) async fn write(to: &mut (impl AsyncWrite + Unpin), length: u64) -> std::io::Result<()> {
    let mut pattern = Pattern::default();
    let mut left = length;
    while left > 0 {
        let written = to.write(pattern.next(left)).await?;
        pattern.skip(written);
        left -= written as u64;
    }
    Ok(())
}

/// Reads to the end, and fails unless exactly the first `length` bytes of the sequence came.
pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin), length: u64) -> Result<(), Failed> {
    let mut pattern = Pattern::default();
    let mut buffer = vec![0; 256 * 1024];
    let mut total = 0;
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        if !pattern.accept(&buffer[..read]) {
            return Err(format!("other bytes than expected between {total} and {}", total + read as u64).into());
        }
        total += read as u64;
    }
    if total == length { Ok(()) } else { Err(format!("{total} bytes came instead of {length}").into()) }
}
