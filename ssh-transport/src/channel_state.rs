//! What the adapter keeps for one channel.

use std::collections::VecDeque;
use std::task::Waker;

use ssh_proto::{OpenFailureReason, Outcome, RequestId, Stream};
use tokio::sync::oneshot;

use crate::channel::Channel;
use crate::ended::Exit;
use crate::requests::Queue;

/// One channel: data that nobody has read yet, never more than the window, and who waits for what.
#[derive(Debug, Default)]
pub(crate) struct ChannelState {
    data: HalfState,
    stderr: HalfState,
    pub(crate) eof: bool,
    pub(crate) closed: bool,
    pub(crate) exit: Option<Exit>,
    /// Who waits for the exit, or for the end of the channel.
    end_waiters: Vec<Waker>,
    pub(crate) opening: Option<Opening>,
    /// Somebody has a `Channel` for it: what came is kept until it is read.
    pub(crate) held: bool,
    pub(crate) requests: Queue,
    pub(crate) replies: Vec<(RequestId, oneshot::Sender<Outcome>)>,
}

/// One of a channel's streams. The two may be in the hands of two tasks.
#[derive(Debug, Default)]
pub(crate) struct HalfState {
    pub(crate) unread: Unread,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
}

/// Waits for a channel to open.
pub(crate) type Opening = oneshot::Sender<Result<Channel, Refusal>>;

/// The peer refused to open a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: OpenFailureReason,
    pub(crate) description: String,
}

impl ChannelState {
    /// A channel that somebody waits for.
    pub(crate) fn opening(opening: Opening) -> Self {
        Self { opening: Some(opening), held: true, ..Self::default() }
    }

    pub(crate) const fn half(&mut self, stream: Stream) -> &mut HalfState {
        match stream {
            Stream::Stderr => &mut self.stderr,
            _ => &mut self.data,
        }
    }

    /// Data came.
    pub(crate) fn push(&mut self, stream: Stream, data: &[u8]) {
        let half = self.half(stream);
        half.unread.push(data);
        wake(&mut half.reader);
    }

    /// Nobody reads any more: forgets what came, and says how much that was.
    pub(crate) fn drop_unread(&mut self) -> u32 {
        self.end_of_data();
        let dropped = self.data.unread.take_all().len() + self.stderr.unread.take_all().len();
        u32::try_from(dropped).unwrap_or(u32::MAX)
    }

    pub(crate) fn end_of_data(&mut self) {
        self.eof = true;
        wake(&mut self.data.reader);
        wake(&mut self.stderr.reader);
    }

    /// There is room again.
    pub(crate) fn wake_writers(&mut self) {
        wake(&mut self.data.writer);
        wake(&mut self.stderr.writer);
    }

    pub(crate) fn wait_for_end(&mut self, waker: &Waker) {
        if !self.end_waiters.iter().any(|waiter| waiter.will_wake(waker)) {
            self.end_waiters.push(waker.clone());
        }
    }

    pub(crate) fn exited(&mut self, exit: Exit) {
        self.exit = Some(exit);
        self.end_waiters.drain(..).for_each(Waker::wake);
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.give_up();
    }

    /// Nothing more will come, and nothing can be sent: everybody who waits is told.
    pub(crate) fn give_up(&mut self) {
        self.opening = None;
        self.replies.clear();
        wake(&mut self.data.reader);
        wake(&mut self.stderr.reader);
        wake(&mut self.requests.reader);
        self.wake_writers();
        self.end_waiters.drain(..).for_each(Waker::wake);
    }
}

pub(crate) fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// Bytes between the wire and their reader.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    bytes: VecDeque<u8>,
}

/// A buffer that nobody reads from keeps no more than this.
const KEPT: usize = 4096;

impl Unread {
    fn push(&mut self, data: &[u8]) {
        self.bytes.extend(data);
    }

    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let (front, back) = self.bytes.as_slices();
        let first = front.len().min(buffer.len());
        buffer[..first].copy_from_slice(&front[..first]);
        let second = back.len().min(buffer.len() - first);
        buffer[first..first + second].copy_from_slice(&back[..second]);
        self.bytes.drain(..first + second);
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT {
            self.bytes = VecDeque::new();
        }
        first + second
    }

    /// Everything, without a copy as a rule.
    pub(crate) fn take_all(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes).into()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_and_an_empty_buffer_holds_no_memory() {
        let mut unread = Unread::default();
        let (mut pushed, mut taken) = (0_u32, 0_u32);
        for round in 0..2000_usize {
            let data: Vec<u8> = (pushed..).take(round * 7919 % 5000).map(|byte| byte.to_le_bytes()[0]).collect();
            unread.push(&data);
            pushed += data.len() as u32;
            let mut buffer = vec![0; round * 104_729 % 5000];
            let length = unread.take(&mut buffer);
            for byte in &buffer[..length] {
                assert_eq!(*byte, taken.to_le_bytes()[0]);
                taken += 1;
            }
        }
        assert!(taken > 1_000_000);
        while !unread.is_empty() {
            taken += unread.take(&mut [0; 100]) as u32;
        }
        assert_eq!((taken, unread.bytes.capacity()), (pushed, 0));
    }
}
