//! The asking end of a channel.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use super::frame::{self, Decoder, Expect, FrameError, Framing, Partial, TooLong};
use super::{Answer, CallError, Request};
use crate::term::{Call, DecodeLimits, Emit, Term, decode_with};

/// The asking end of one channel: calls in, octets out, octets in, results out.
///
/// Calls are pipelined: any number may be on the way. The plain protocol has no numbers, replies come in the order of the
/// calls; so a call that nobody waits for any more still takes its reply, which is dropped.
///
/// There is no clock here. Who sets a deadline calls [`give_up`](Self::give_up) when it has passed.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    decoder: Decoder,
    /// In the order of their numbers.
    pending: VecDeque<Pending>,
    replies: VecDeque<(CallId, Result<Term, CallError>)>,
    calls: u64,
    state: State,
}

impl Client {
    /// The client at the start of a channel.
    #[must_use]
    pub const fn new(config: ClientConfig) -> Self {
        let expect = match config.framing {
            Framing::Frame => Expect::Frames,
            Framing::Bare => Expect::Bare,
        };
        Self {
            decoder: Decoder::new(expect, config.limits),
            config,
            pending: VecDeque::new(),
            replies: VecDeque::new(),
            calls: 0,
            state: State::Open,
        }
    }

    /// Appends a request to `out`, to be sent on the channel.
    ///
    /// # Errors
    /// [`CallNotSent`], with nothing appended.
    pub fn call(&mut self, call: &Call, out: &mut Vec<u8>) -> Result<CallId, CallNotSent> {
        let ClientConfig { framing, emit, limits } = self.config;
        self.check_open()?;
        frame::append(&Request::call_term(call), framing, emit, limits.max_bytes, out)
            .map_err(|TooLong| CallNotSent::TooLong)?;
        Ok(self.note())
    }

    /// Takes note of a request that was sent another way, such as an SSH exec request, and whose answer comes here.
    ///
    /// # Errors
    /// [`CallNotSent::Ended`]
    pub fn expect_answer(&mut self) -> Result<CallId, CallNotSent> {
        self.check_open()?;
        Ok(self.note())
    }

    /// Takes what came on the channel.
    ///
    /// # Errors
    /// [`ClientError`], now and on every later call: the channel is to be closed, and the pending calls are lost.
    pub fn receive(&mut self, input: &[u8]) -> Result<(), ClientError> {
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        let mut rest = input;
        loop {
            let unit = match self.decoder.take(&mut rest) {
                Ok(Some(unit)) => unit,
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.fail(ClientError::Frame(error))),
            };
            match self.pending.pop_front() {
                None => return Err(self.fail(ClientError::Unasked)),
                Some(Pending { waiter: Waiter::Gone, .. }) => {}
                Some(Pending { id, waiter: Waiter::Here }) => {
                    self.replies.push_back((id, result(unit.bytes, &self.config.limits)));
                }
            }
        }
    }

    /// The next result, in the order of the calls.
    pub fn next_reply(&mut self) -> Option<(CallId, Result<Term, CallError>)> {
        self.replies.pop_front()
    }

    /// Nobody waits for this call any more: its reply will be dropped. Without effect when the reply is here already and
    /// was taken.
    pub fn give_up(&mut self, id: CallId) {
        if let Ok(position) = self.pending.binary_search_by_key(&id, |pending| pending.id)
            && let Some(pending) = self.pending.get_mut(position)
        {
            pending.waiter = Waiter::Gone;
        }
        self.replies.retain(|(replied, _)| *replied != id);
    }

    /// How many replies are to come, those of calls that were given up included. While the first of these does not come,
    /// no other does: a caller may prefer a new channel.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The peer's side of the channel ended: the pending calls are lost, and each is reported so, once. What came of an
    /// unfinished reply is returned.
    pub fn end(&mut self) -> Option<Partial> {
        if matches!(self.state, State::Open) {
            self.state = State::Ended;
        }
        self.lose();
        self.decoder.partial()
    }

    const fn check_open(&self) -> Result<(), CallNotSent> {
        match self.state {
            State::Open => Ok(()),
            State::Ended | State::Failed(_) => Err(CallNotSent::Ended),
        }
    }

    fn note(&mut self) -> CallId {
        self.calls += 1;
        let id = CallId(self.calls);
        self.pending.push_back(Pending { id, waiter: Waiter::Here });
        id
    }

    fn fail(&mut self, error: ClientError) -> ClientError {
        self.state = State::Failed(error);
        self.lose();
        error
    }

    fn lose(&mut self) {
        let waited_for = self.pending.drain(..).filter(|pending| matches!(pending.waiter, Waiter::Here));
        self.replies.extend(waited_for.map(|pending| (pending.id, Err(CallError::Lost))));
    }
}

/// How a [`Client`] asks.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ClientConfig {
    /// How requests and answers travel. Default: [`Framing::Frame`].
    pub framing: Framing,
    /// The form of requests.
    pub emit: Emit,
    /// The bounds of answers and, in octets, of requests.
    pub limits: DecodeLimits,
}

impl ClientConfig {
    /// For a channel that carries this.
    #[must_use]
    pub const fn new(framing: Framing) -> Self {
        Self { framing, emit: Emit::Otp26, limits: DecodeLimits::DEFAULT }
    }
}

/// The number of a call on its channel; later calls have larger ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(u64);

/// Why a call was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallNotSent {
    /// The request is longer than the limit.
    TooLong,
    /// The channel has ended, or failed.
    Ended,
}

impl fmt::Display for CallNotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the request is longer than the limit"),
            Self::Ended => f.write_str("the channel has ended"),
        }
    }
}

impl core::error::Error for CallNotSent {}

/// Why a channel cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The stream cannot be cut into terms.
    Frame(FrameError),
    /// A reply came that no call asked for.
    Unasked,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => fmt::Display::fmt(error, f),
            Self::Unasked => f.write_str("a reply came that no call asked for"),
        }
    }
}

impl core::error::Error for ClientError {}

#[derive(Debug)]
struct Pending {
    id: CallId,
    waiter: Waiter,
}

#[derive(Debug)]
enum Waiter {
    Here,
    Gone,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Open,
    Ended,
    Failed(ClientError),
}

fn result(bytes: &[u8], limits: &DecodeLimits) -> Result<Term, CallError> {
    let (term, _) = decode_with(bytes, limits).map_err(CallError::Undecodable)?;
    match Answer::try_from(&term) {
        Ok(answer) => answer.into_result(),
        Err(_) => Err(CallError::BadReply(term)),
    }
}

#[cfg(test)]
mod tests;
