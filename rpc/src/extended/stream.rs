//! The streams of a call: who may still send how much.

use super::outbound::PIECE;

/// The most octets in one message of ours: with what is around them, it still travels in one frame, and in order.
const DATA: usize = PIECE - 64;

/// The streams of one call, as one end of it sees them.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) outgoing: Option<Outgoing>,
    pub(super) incoming: Option<Incoming>,
}

/// What this end sends.
#[derive(Debug)]
pub(super) struct Outgoing {
    credit: u64,
    state: Sending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Open,
    /// The receiver wants no more.
    Stopped,
    Ended,
}

impl Outgoing {
    /// One that begins with the receiver's window.
    pub(super) const fn new(window: u64) -> Self {
        Self { credit: window, state: Sending::Open }
    }

    /// The call is sent, and the receiver's window known. Whether the stream had ended before it began.
    pub(super) fn begin(&mut self, window: u64) -> bool {
        self.credit = window;
        self.state == Sending::Ended
    }

    /// How many octets can be sent in one message now.
    pub(super) fn room(&self) -> usize {
        match self.state {
            Sending::Open => usize::try_from(self.credit).unwrap_or(DATA).min(DATA),
            Sending::Stopped | Sending::Ended => 0,
        }
    }

    /// So many octets were sent, of those there was room for.
    pub(super) const fn sent(&mut self, octets: u64) {
        self.credit = self.credit.saturating_sub(octets);
    }

    /// More may be sent. `None` when it is more than anybody can count.
    pub(super) fn credit(&mut self, octets: u64) -> Option<()> {
        self.credit = self.credit.checked_add(octets).filter(|sum| i64::try_from(*sum).is_ok())?;
        Some(())
    }

    /// The receiver wants no more. Whether that is news.
    pub(super) fn stop(&mut self) -> bool {
        let news = self.state == Sending::Open;
        if news {
            self.state = Sending::Stopped;
        }
        news
    }

    /// That was all. Whether the receiver is to be told.
    pub(super) fn end(&mut self) -> bool {
        let first = self.state != Sending::Ended;
        self.state = Sending::Ended;
        first
    }
}

/// What this end receives.
#[derive(Debug)]
pub(super) struct Incoming {
    /// How much may still come.
    granted: u64,
    /// How much was consumed since credit was given.
    consumed: u64,
    window: u64,
    state: Receiving,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiving {
    Open,
    /// No more is wanted; what is under way is dropped.
    Stopped,
    Ended,
}

/// What a sender did that it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overrun;

impl Incoming {
    /// One whose sender begins with our window.
    pub(super) const fn new(window: u64) -> Self {
        Self { granted: window, consumed: 0, window, state: Receiving::Open }
    }

    /// So many octets came. Whether anybody wants them.
    pub(super) fn data(&mut self, octets: usize) -> Result<bool, Overrun> {
        if self.state == Receiving::Ended || octets > PIECE {
            return Err(Overrun);
        }
        let left = u64::try_from(octets).ok().and_then(|octets| self.granted.checked_sub(octets));
        self.granted = left.ok_or(Overrun)?;
        Ok(self.state == Receiving::Open)
    }

    /// That was all. Whether anybody waits for it.
    pub(super) fn eof(&mut self) -> Result<bool, Overrun> {
        match core::mem::replace(&mut self.state, Receiving::Ended) {
            Receiving::Ended => Err(Overrun),
            Receiving::Stopped => Ok(false),
            Receiving::Open => Ok(true),
        }
    }

    /// So many octets were used: the credit that the sender is to get for them, once it is worth a message.
    pub(super) fn consume(&mut self, octets: u64) -> Option<u64> {
        self.consumed = self.consumed.saturating_add(octets);
        if self.state != Receiving::Open || self.consumed < self.window.div_ceil(2) {
            return None;
        }
        let credit = core::mem::take(&mut self.consumed);
        self.granted = self.granted.saturating_add(credit);
        Some(credit)
    }

    /// No more is wanted. Whether the sender is to be told.
    pub(super) fn stop(&mut self) -> bool {
        let open = self.state == Receiving::Open;
        if open {
            self.state = Receiving::Stopped;
        }
        open
    }
}
