//! The asking end of a connection.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::message::{append, append_stream, callback_info, info, read, request};
use super::{Caching, Callback, Fault, NotSayable, RequestInfo};
use crate::call::{Decoder, Expect, FrameError};
use crate::term::{Call, DecodeLimits, Term};

/// The asking end of one connection: requests in, octets out, octets in, answers out, in the order of the requests.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    decoder: Decoder,
    /// How many answers are to come.
    pending: usize,
    /// What the server said about its next message.
    caching: Option<Caching>,
    expect: Expecting,
    answers: VecDeque<Result<Answer, AnswerError>>,
    state: State,
}

impl Client {
    /// The client at the start of a connection.
    #[must_use]
    pub const fn new(config: ClientConfig) -> Self {
        Self {
            decoder: Decoder::new(Expect::Frames, config.limits),
            config,
            pending: 0,
            caching: None,
            expect: Expecting::Message,
            answers: VecDeque::new(),
            state: State::Open,
        }
    }

    /// Appends a call, and what it has to it, to `out`.
    ///
    /// # Errors
    /// [`NotSayable`], with nothing appended.
    pub fn call(&mut self, call: &Call, about: RequestInfo, out: &mut Vec<u8>) -> Result<(), NotSayable> {
        let mut infos = Vec::new();
        if let Some(token) = about.condition {
            infos.push(info("cache", [Term::tuple([Term::atom("validation"), token.into()])]));
        }
        if about.stream.is_some() {
            infos.push(info("stream", []));
        }
        infos.push(request("call", call)?);
        self.ask(&infos, out)?;
        if let Some(octets) = about.stream {
            append_stream(&octets, out);
        }
        Ok(())
    }

    /// Appends a cast to `out`; its result goes to the callback, if there is one.
    ///
    /// # Errors
    /// [`NotSayable`], with nothing appended.
    pub fn cast(&mut self, call: &Call, callback: Option<&Callback>, out: &mut Vec<u8>) -> Result<(), NotSayable> {
        let mut messages = Vec::new();
        if let Some(callback) = callback {
            messages.push(callback_info(callback)?);
        }
        messages.push(request("cast", call)?);
        self.ask(&messages, out)
    }

    /// Takes what came.
    ///
    /// # Errors
    /// [`ClientError`], now and on every later call: the connection is to be closed, and the pending answers are lost.
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
            if self.pending == 0 {
                return Err(self.fail(ClientError::Unasked));
            }
            let answer = match core::mem::replace(&mut self.expect, Expecting::Message) {
                Expecting::Chunks(stream) if !unit.bytes.is_empty() => {
                    self.expect = Expecting::Chunks(stream.and(unit.bytes, self.config.max_stream_bytes));
                    None
                }
                Expecting::Chunks(Streamed::Octets(octets)) => {
                    Some(Ok(Answer::Value { value: Term::binary(octets), caching: self.caching.take() }))
                }
                Expecting::Chunks(Streamed::TooLong) => Some(Err(AnswerError::StreamTooLong)),
                expecting => match read(unit.bytes, &self.config.limits) {
                    Err(detail) => Some(Err(AnswerError::Undecodable(detail))),
                    Ok(term) => self.message(expecting, term),
                },
            };
            if let Some(answer) = answer {
                self.pending -= 1;
                self.caching = None;
                self.answers.push_back(answer);
            }
        }
    }

    /// The next answer, in the order of the requests.
    pub fn next_answer(&mut self) -> Option<Result<Answer, AnswerError>> {
        self.answers.pop_front()
    }

    /// How many answers are to come.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.pending
    }

    /// The peer's side ended: the pending answers are lost, and each is reported so.
    pub fn end(&mut self) {
        if matches!(self.state, State::Open) {
            self.state = State::Ended;
        }
        self.lose();
    }

    fn ask(&mut self, messages: &[Term], out: &mut Vec<u8>) -> Result<(), NotSayable> {
        if !matches!(self.state, State::Open) {
            return Err(NotSayable::Ended);
        }
        let start = out.len();
        for message in messages {
            if let Err(error) = append(message, self.config.limits.max_bytes, out) {
                out.truncate(start);
                return Err(error);
            }
        }
        self.pending += 1;
        Ok(())
    }

    /// What a message means; `None` while it is not the answer yet.
    fn message(&mut self, expecting: Expecting, term: Term) -> Option<Result<Answer, AnswerError>> {
        let answer = match (term.as_tuple(), expecting) {
            (Some([kind, _]), Expecting::Stream) if kind.is_atom("reply") => {
                self.expect = Expecting::Chunks(Streamed::Octets(Vec::new()));
                return None;
            }
            (Some([kind, value]), Expecting::Message) if kind.is_atom("reply") => {
                Ok(Answer::Value { value: value.clone(), caching: self.caching.take() })
            }
            (Some([kind]), Expecting::Message) if kind.is_atom("noreply") => Ok(Answer::NoReply),
            (Some([kind]), Expecting::Valid) if kind.is_atom("noreply") => Ok(Answer::Valid),
            (Some([kind, fault]), _) if kind.is_atom("error") => match Fault::from_term(fault) {
                Some(fault) => Err(AnswerError::Fault(fault)),
                None => Err(AnswerError::NotAnAnswer(term)),
            },
            (Some([kind, command, options]), expecting) if kind.is_atom("info") => {
                self.expect = match command.as_atom().map(|command| command.as_str()) {
                    Some("valid") => Expecting::Valid,
                    Some("stream") => Expecting::Stream,
                    Some("cache") => {
                        self.caching = Caching::from_options(options);
                        expecting
                    }
                    // What is not known says nothing about how the answer is read.
                    _ => expecting,
                };
                return None;
            }
            _ => Err(AnswerError::NotAnAnswer(term)),
        };
        Some(answer)
    }

    fn fail(&mut self, error: ClientError) -> ClientError {
        self.state = State::Failed(error);
        self.lose();
        error
    }

    fn lose(&mut self) {
        for _lost in 0..core::mem::take(&mut self.pending) {
            self.answers.push_back(Err(AnswerError::Lost));
        }
    }
}

/// How a [`Client`] asks. Start from [`default`](Self::default).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The bounds of messages.
    pub limits: DecodeLimits,
    /// How many octets a reply may have that comes as a stream. Default: 256 MiB.
    pub max_stream_bytes: usize,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self { limits: DecodeLimits::DEFAULT, max_stream_bytes: 256 << 20 }
    }
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The value of a call. What came as a stream is a binary.
    Value {
        /// It.
        value: Term,
        /// Whether it may be kept.
        caching: Option<Caching>,
    },
    /// What the client has still holds.
    Valid,
    /// The cast is accepted.
    NoReply,
}

impl From<Term> for Answer {
    fn from(value: Term) -> Self {
        Self::Value { value, caching: None }
    }
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// The server says why.
    Fault(Fault),
    /// What came is no term, or a tuple with the reserved atom: what is wrong.
    Undecodable(String),
    /// What came is no answer.
    NotAnAnswer(Term),
    /// The stream is longer than the limit.
    StreamTooLong,
    /// The connection ended before.
    Lost,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fmt::Display::fmt(fault, f),
            Self::Undecodable(detail) => write!(f, "the answer cannot be decoded: {detail}"),
            Self::NotAnAnswer(term) => write!(f, "this is no answer: {}", crate::call::Brief(term)),
            Self::StreamTooLong => f.write_str("the reply's stream is longer than the limit"),
            Self::Lost => f.write_str("the connection closed before the answer came; the function may have run"),
        }
    }
}

impl core::error::Error for AnswerError {}

/// Why a connection cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The stream cannot be cut into messages.
    Frame(FrameError),
    /// Something came that no request asked for.
    Unasked,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => fmt::Display::fmt(error, f),
            Self::Unasked => f.write_str("an answer came that no request asked for"),
        }
    }
}

impl core::error::Error for ClientError {}

/// What comes next.
#[derive(Debug)]
enum Expecting {
    Message,
    /// `{noreply}`, which says that what the client has is valid.
    Valid,
    /// `{reply,[]}`, and then chunks.
    Stream,
    Chunks(Streamed),
}

#[derive(Debug)]
enum Streamed {
    Octets(Vec<u8>),
    /// It is read to its end, and not kept.
    TooLong,
}

impl Streamed {
    fn and(self, chunk: &[u8], max: usize) -> Self {
        match self {
            Self::Octets(mut octets) if octets.len().saturating_add(chunk.len()) <= max => {
                octets.extend_from_slice(chunk);
                Self::Octets(octets)
            }
            _ => Self::TooLong,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    Open,
    Ended,
    Failed(ClientError),
}
