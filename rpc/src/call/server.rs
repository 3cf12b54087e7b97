//! The answering end of a channel.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use super::frame::{self, Decoder, Expect, FrameError, Framing, Partial};
use super::{Answer, Failure, Outcome, Place, Request};
use crate::term::{Call, DecodeLimits, Emit, decode_with};

/// The answering end of one channel: octets in, calls out, outcomes in, octets out.
///
/// The plain protocol is strictly serial: a call is handed out when the one before it is completed, and answers go in the
/// order of the requests, each in the framing of its request. What needs no execution (terms that are no request, frames
/// that are no term) is answered here, in its turn.
///
/// Memory is bounded by the caller's pace: [`receive`](Self::receive) stops taking octets while the queue is full. What is
/// not taken stays in the channel's window and holds the peer back.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    decoder: Decoder,
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    outstanding: Option<Outstanding>,
    tickets: u64,
    ended: bool,
}

impl Server {
    /// The server at the start of a channel.
    #[must_use]
    pub const fn new(config: ServerConfig) -> Self {
        Self {
            decoder: Decoder::new(config.expect, config.limits),
            config,
            queue: VecDeque::new(),
            queued_bytes: 0,
            outstanding: None,
            tickets: 0,
            ended: false,
        }
    }

    /// Takes what came on the channel, and says how many octets of it: fewer than all only when the queue is full. Hand
    /// the others over again after the next [`complete`](Self::complete).
    ///
    /// # Errors
    /// [`FrameError`], now and on every later call: the channel is to be closed, after the calls that came before it.
    pub fn receive(&mut self, input: &[u8]) -> Result<usize, FrameError> {
        let mut rest = input;
        while self.has_room() {
            let Some(unit) = self.decoder.take(&mut rest)? else { break };
            let item = match decode_with(unit.bytes, &self.config.limits) {
                Ok((term, _)) => match Request::from(term) {
                    Request::Call(call) => Item::Call(call),
                    Request::Unknown(term) => Item::Answer(Answer::unknown(term)),
                },
                Err(_) => Item::Answer(Answer::undecodable()),
            };
            self.queued_bytes = self.queued_bytes.saturating_add(unit.bytes.len());
            self.queue.push_back(Queued { item, framing: unit.framing, bytes: unit.bytes.len() });
        }
        Ok(input.len() - rest.len())
    }

    /// Whether [`receive`](Self::receive) would take anything.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.queue.len() < self.config.max_queued && self.queued_bytes < self.config.max_queued_bytes
    }

    /// The next call to execute; `None` while another one is, and when nothing is queued. Appends to `out` the answers
    /// to what came before it and needs no execution.
    pub fn next_call(&mut self, out: &mut Vec<u8>) -> Option<(Ticket, Call)> {
        while self.outstanding.is_none() {
            let Queued { item, framing, bytes } = self.queue.pop_front()?;
            self.queued_bytes = self.queued_bytes.saturating_sub(bytes);
            match item {
                Item::Answer(answer) => self.append(answer, framing, None, out),
                Item::Call(call) => {
                    self.tickets += 1;
                    let number = self.tickets;
                    self.outstanding = Some(Outstanding { number, framing, place: Place::from(&call) });
                    return Some((Ticket { number }, call));
                }
            }
        }
        None
    }

    /// Answers a call. An outcome that is longer than the limit for terms becomes the error `system_limit`.
    ///
    /// # Errors
    /// [`StaleTicket`] when the ticket is of another channel.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is used up, so that no call is answered twice")]
    pub fn complete(&mut self, ticket: Ticket, outcome: Outcome, out: &mut Vec<u8>) -> Result<(), StaleTicket> {
        match self.outstanding.take() {
            Some(Outstanding { number, framing, place }) if number == ticket.number => {
                self.append(Answer::of(outcome), framing, Some(&place), out);
                Ok(())
            }
            other => {
                self.outstanding = other;
                Err(StaleTicket)
            }
        }
    }

    /// The peer's side of the channel ended: what came whole is still answered, what came of an unfinished request is
    /// reported and dropped.
    pub fn end(&mut self) -> Option<Partial> {
        self.ended = true;
        self.decoder.partial()
    }

    /// Whether the peer's side ended and everything is answered: the channel can be closed, with exit-status 0.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.ended && self.queue.is_empty() && self.outstanding.is_none()
    }

    /// Whether nothing is queued or executing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.outstanding.is_none()
    }

    fn append(&self, answer: Answer, framing: Framing, place: Option<&Place>, out: &mut Vec<u8>) {
        let ServerConfig { emit, limits: DecodeLimits { max_bytes, .. }, .. } = self.config;
        if frame::append(&answer.to_term(), framing, emit, max_bytes, out).is_err() {
            let failure = Failure::of("system_limit");
            let answer = Answer::of(Err(match place {
                Some(place) => failure.at(place),
                None => failure,
            }));
            // This one is short. Where the limit does not even hold it, the peer waits for an answer that nobody can give.
            let _ = frame::append(&answer.to_term(), framing, emit, usize::MAX, out);
        }
    }
}

/// How a [`Server`] answers. Start from [`default`](Self::default), which is for the subsystem.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// What the channel carries. Default: [`Expect::Frames`].
    pub expect: Expect,
    /// The bounds of requests and, in octets, of answers.
    pub limits: DecodeLimits,
    /// The form of answers.
    pub emit: Emit,
    /// How many requests may wait. Default: 64.
    pub max_queued: usize,
    /// How many octets of requests make the queue full; the last request may exceed it. Default: 1 MiB.
    pub max_queued_bytes: usize,
}

impl ServerConfig {
    /// For a channel that carries this.
    #[must_use]
    pub const fn new(expect: Expect) -> Self {
        Self { expect, limits: DecodeLimits::DEFAULT, emit: Emit::Otp26, max_queued: 64, max_queued_bytes: 1 << 20 }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self::new(Expect::Frames)
    }
}

/// The duty to answer one call. While it is held, the channel waits.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the channel waits until the call is completed"]
pub struct Ticket {
    number: u64,
}

/// The ticket is not of a call that this channel waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaleTicket;

impl fmt::Display for StaleTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel waits for no such call")
    }
}

impl core::error::Error for StaleTicket {}

#[derive(Debug)]
struct Queued {
    item: Item,
    framing: Framing,
    /// Its length when it came.
    bytes: usize,
}

#[derive(Debug)]
enum Item {
    Call(Call),
    /// What needs no execution.
    Answer(Answer),
}

#[derive(Debug)]
struct Outstanding {
    number: u64,
    framing: Framing,
    place: Place,
}

#[cfg(test)]
mod tests;
