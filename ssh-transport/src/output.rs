//! What is to be written: the core appends to one buffer while another one is being written, so that nothing moves.

use std::io;
use std::task::Poll;

/// Output on its way to the peer.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// What the core has to say. Its limits count this alone; as much again may lie in `writing`.
    pub(crate) fresh: Vec<u8>,
    writing: Vec<u8>,
    written: usize,
}

impl Output {
    pub(crate) const fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.written == self.writing.len()
    }

    /// Writes by `write` until nothing is left or nothing goes.
    pub(crate) fn poll_write(
        &mut self,
        mut write: impl FnMut(&[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.written == self.writing.len() {
                recycle(&mut self.writing);
                self.written = 0;
                if self.fresh.is_empty() {
                    recycle(&mut self.fresh);
                    return Poll::Ready(Ok(()));
                }
                std::mem::swap(&mut self.writing, &mut self.fresh);
            }
            match std::task::ready!(write(&self.writing[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                length => self.written += length,
            }
        }
    }

    /// Forgets everything: it cannot be written.
    pub(crate) fn discard(&mut self) {
        *self = Self::default();
    }
}

/// Empties a buffer; only a small one is kept.
fn recycle(buffer: &mut Vec<u8>) {
    const KEPT: usize = 128 * 1024;
    buffer.clear();
    if buffer.capacity() > KEPT {
        *buffer = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_written_once_and_in_order_whatever_goes_at_a_time() {
        let (mut output, mut written) = (Output::default(), Vec::new());
        for round in 0..100_u8 {
            output.fresh.extend(std::iter::repeat_n(round, usize::from(round)));
            let mut allowed = usize::from(round) * 31 % 97;
            let polled = output.poll_write(|bytes| {
                let length = bytes.len().min(allowed);
                allowed -= length;
                written.extend_from_slice(&bytes[..length]);
                if length == 0 { Poll::Pending } else { Poll::Ready(Ok(length)) }
            });
            assert_eq!(polled.is_ready(), output.is_empty());
        }
        let rest = output.poll_write(|bytes| {
            written.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        });
        assert!(matches!(rest, Poll::Ready(Ok(()))) && output.is_empty());
        assert_eq!(written.len(), 99 * 50);
        assert!(written.is_sorted());
    }
}
