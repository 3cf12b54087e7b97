//! What the two streams of a call have come to.

use std::io;
use std::task::Poll;

use tokio::io::ReadBuf;

use super::caller::{Shared, Waiter};
use super::machine::Key;
use crate::pieces::Pieces;

/// The streams of a call.
#[derive(Debug)]
pub(super) struct Flow {
    /// Output that nobody has read yet: never more than the window.
    pub(super) received: Pieces,
    pub(super) receiving: Receiving,
    pub(super) sending: Sending,
    pub(super) over: Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiving {
    Open,
    /// The function has said that this was all.
    Ended,
    /// Nobody reads any more.
    Dropped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    Open,
    /// The function wants no more.
    Stopped,
    /// That was all, or nobody writes any more.
    Ended,
}

/// Whether the call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    No,
    Yes,
}

impl Flow {
    pub(super) fn new() -> Self {
        let received = Pieces::default();
        Self { received, receiving: Receiving::Open, sending: Sending::Open, over: Over::No }
    }
}

impl Shared {
    /// Sends as much as there is credit for.
    pub(super) fn send_data(&mut self, call: Key, octets: &[u8]) -> io::Result<usize> {
        match self.flows.get(&call) {
            Some(Flow { sending: Sending::Open, over: Over::No, .. }) => {}
            _ => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        let mut sent = 0;
        while let Some(rest) = octets.get(sent..)
            && let piece @ 1.. = self.machine.send_data(call, rest)
        {
            sent += piece;
        }
        Ok(sent)
    }

    /// The input has come to its end.
    pub(super) fn end_input(&mut self, call: Key) {
        if let Some(flow) = self.flows.get_mut(&call)
            && flow.sending == Sending::Open
        {
            flow.sending = Sending::Ended;
            self.machine.send_eof(call);
        }
    }

    /// Reads what is there of the output, and gives credit for it.
    pub(super) fn read_output(&mut self, call: Key, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(flow) = self.flows.get_mut(&call) else {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        };
        let read = flow.received.read(buffer);
        if read > 0 {
            self.machine.consume(call, read);
            if !self.is_written() {
                self.drive();
            }
            return Poll::Ready(Ok(()));
        }
        match (flow.receiving, flow.over) {
            (Receiving::Ended, _) => Poll::Ready(Ok(())),
            (Receiving::Open, Over::No) => Poll::Pending,
            _ => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// A piece of an output came.
    pub(super) fn data(&mut self, call: Key, octets: &[u8]) {
        if let Some(flow) = self.flows.get_mut(&call)
            && flow.receiving == Receiving::Open
        {
            flow.received.push(octets);
            self.waiters.notify(&Waiter::Output(call));
        }
    }

    /// An output has come to its end.
    pub(super) fn eof(&mut self, call: Key) {
        if let Some(flow) = self.flows.get_mut(&call)
            && flow.receiving == Receiving::Open
        {
            flow.receiving = Receiving::Ended;
            self.waiters.notify(&Waiter::Output(call));
        }
    }

    /// A function wants no more input, which so has come to its end.
    pub(super) fn stopped(&mut self, call: Key) {
        self.machine.send_eof(call);
        if let Some(flow) = self.flows.get_mut(&call)
            && flow.sending == Sending::Open
        {
            flow.sending = Sending::Stopped;
            self.waiters.notify(&Waiter::Input(call));
        }
    }

    /// A call has ended, or nobody waits for it.
    pub(super) fn over(&mut self, call: Key) {
        if let Some(flow) = self.flows.get_mut(&call) {
            flow.over = Over::Yes;
            self.waiters.notify(&Waiter::Input(call));
            self.waiters.notify(&Waiter::Output(call));
        }
    }

    /// Nobody holds an end of the streams any more.
    pub(super) fn forget_flow(&mut self, call: Key) {
        let gone = |flow: &Flow| flow.receiving == Receiving::Dropped && flow.sending != Sending::Open;
        if self.flows.get(&call).is_some_and(gone) {
            self.flows.remove(&call);
        }
    }
}
