//! The bytes that came and wait to be processed: one large buffer a busy connection, none an idle one.

use std::sync::Mutex;

use ssh_proto::io::InputBuffer;

/// What one read asks for. Large reads make for few system calls, and for few copies within the buffer.
const READ: usize = 128 * 1024;
/// The largest packet that the core reads after login (256 KiB and its tag), and a read behind it.
const CAPACITY: usize = 256 * 1024 + 1024 + READ;
/// Buffers of [`READ`] bytes that nobody uses at the moment.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
/// How many of them are kept.
const MAXIMUM_SPARE: usize = 16;

/// An [`InputBuffer`] that borrows its memory while it holds something.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReadBuffer {
    /// Room for the next read: at least one byte, and more as a rule.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        if self.bytes.is_empty() {
            let spare = SPARE.lock().ok().and_then(|mut spare| spare.pop());
            self.bytes = spare.unwrap_or_else(|| vec![0; READ]);
        }
        if self.start > 0 && self.bytes.len() - self.end < self.bytes.len() / 2 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() && self.bytes.len() < CAPACITY {
            let longer = (self.bytes.len() * 2).min(CAPACITY);
            self.bytes.resize(longer, 0);
        }
        &mut self.bytes[self.end..]
    }

    /// `length` bytes of [`spare`](Self::spare) have been filled.
    pub(crate) fn advance(&mut self, length: usize) {
        self.end = (self.end + length).min(self.bytes.len());
    }

    /// Gives the memory back when nothing is in it.
    pub(crate) fn release(&mut self) {
        if self.start < self.end || self.bytes.is_empty() {
            return;
        }
        (self.start, self.end) = (0, 0);
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.len() == READ
            && let Ok(mut spare) = SPARE.lock()
            && spare.len() < MAXIMUM_SPARE
        {
            spare.push(bytes);
        }
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        self.start = self.end;
        self.release();
    }
}

impl InputBuffer for ReadBuffer {
    fn filled(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    fn discard(&mut self, length: usize) {
        self.start = (self.start + length).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_whatever_the_sizes() {
        let mut buffer = ReadBuffer::default();
        let (mut written, mut read) = (0_u32, 0_u32);
        for round in 0..2000_usize {
            let length = (round * 7919 % 5000).min(buffer.spare().len());
            for slot in &mut buffer.spare()[..length] {
                *slot = written.to_le_bytes()[0];
                written += 1;
            }
            buffer.advance(length);
            let length = (round * 104_729 % 5000).min(buffer.filled().len());
            for byte in &buffer.filled()[..length] {
                assert_eq!(*byte, read.to_le_bytes()[0]);
                read += 1;
            }
            buffer.discard(length);
        }
        assert!(read > 1_000_000 && buffer.filled().len() == (written - read) as usize);
    }

    #[test]
    fn an_empty_buffer_holds_no_memory_and_a_full_one_is_bounded() {
        let mut buffer = ReadBuffer::default();
        loop {
            let room = buffer.spare().len();
            if room == 0 {
                break;
            }
            buffer.advance(room);
        }
        assert_eq!(buffer.filled().len(), CAPACITY);
        buffer.discard(CAPACITY);
        buffer.release();
        assert_eq!(buffer.bytes.capacity(), 0);
    }
}
