//! The answering end of a connection.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use super::message::{self, Info, Message, NotSayable, append, append_stream, info};
use super::{Caching, Callback, Fault, to_bert};
use crate::call::{Decoder, Expect, FrameError, Partial};
use crate::term::{Binary, Call, DecodeLimits, Term};

/// The answering end of one connection: octets in, requests out, replies in, octets out.
///
/// Strictly serial, as BERT-RPC is: a request is handed out when the one before it is answered. What is no request is
/// answered here, in its turn. A length beyond the limit is answered too, and ends the connection.
///
/// Memory is bounded by the caller's pace: [`receive`](Self::receive) stops taking octets while the queue is full.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    decoder: Decoder,
    /// What is known about the next message.
    next: Infos,
    streaming: Option<Streaming>,
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    outstanding: Option<u64>,
    tickets: u64,
    failed: Option<FrameError>,
    ended: bool,
}

impl Server {
    /// The server at the start of a connection.
    #[must_use]
    pub const fn new(config: ServerConfig) -> Self {
        Self {
            decoder: Decoder::new(Expect::Frames, config.limits),
            config,
            next: Infos::NONE,
            streaming: None,
            queue: VecDeque::new(),
            queued_bytes: 0,
            outstanding: None,
            tickets: 0,
            failed: None,
            ended: false,
        }
    }

    /// Takes what came, and says how many octets of it: fewer than all only when the queue is full. Hand the others over
    /// again after the next [`reply`](Self::reply). Behind a length that cannot be, everything is taken and dropped.
    pub fn receive(&mut self, input: &[u8]) -> usize {
        let mut rest = input;
        while self.has_room() {
            let unit = match self.decoder.take(&mut rest) {
                Ok(Some(unit)) => unit,
                Ok(None) => break,
                Err(error) => {
                    if self.failed.replace(error).is_none() {
                        self.queue.push_back(Queued { item: Err(Fault::unreadable_header(error)), bytes: 0 });
                    }
                    return input.len();
                }
            };
            let bytes = unit.bytes.len();
            let item = match self.streaming.take() {
                Some(streaming) => match streaming.chunk(unit.bytes, self.config.limits.max_bytes) {
                    Ok(streaming) => {
                        self.streaming = Some(streaming);
                        continue;
                    }
                    Err(whole) => *whole,
                },
                None => match Message::decode(unit.bytes, &self.config.limits) {
                    Ok(Message::Info(info)) => {
                        self.next.note(info);
                        continue;
                    }
                    Err(fault) if is_info(unit.bytes, &self.config.limits) => {
                        self.next.fault.get_or_insert(fault);
                        continue;
                    }
                    message => {
                        let infos = core::mem::replace(&mut self.next, Infos::NONE);
                        let stream = infos.stream;
                        let item = infos.request(message);
                        if let Stream::Follows = stream {
                            self.streaming = Some(Streaming { item, gathered: Vec::new(), head: bytes });
                            continue;
                        }
                        Queued { item, bytes }
                    }
                },
            };
            self.queued_bytes = self.queued_bytes.saturating_add(item.bytes);
            self.queue.push_back(item);
        }
        input.len() - rest.len()
    }

    /// Whether [`receive`](Self::receive) would take anything.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.queue.len() < self.config.max_queued && self.queued_bytes < self.config.max_queued_bytes
    }

    /// The next request; `None` while another one is unanswered, and when nothing is queued. Appends to `out` the answers to
    /// what came before it and is no request.
    pub fn next_request(&mut self, out: &mut Vec<u8>) -> Option<(Ticket, Request)> {
        while self.outstanding.is_none() {
            let Queued { item, bytes } = self.queue.pop_front()?;
            self.queued_bytes = self.queued_bytes.saturating_sub(bytes);
            match item {
                Err(fault) => self.fault(&fault, out),
                Ok(request) => {
                    self.tickets += 1;
                    self.outstanding = Some(self.tickets);
                    return Some((Ticket { number: self.tickets }, request));
                }
            }
        }
        None
    }

    /// Answers a request. A binary that is longer than the limit for terms is sent as a stream; another value of such a length
    /// becomes the error `server` of class `system_limit`, and one that BERT cannot say that of class `badarg`.
    ///
    /// # Errors
    /// [`StaleTicket`] when the ticket is of another connection.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is used up, so that no request is answered twice")]
    pub fn reply(&mut self, ticket: Ticket, reply: Reply, out: &mut Vec<u8>) -> Result<(), StaleTicket> {
        if self.outstanding != Some(ticket.number) {
            return Err(StaleTicket);
        }
        self.outstanding = None;
        let start = out.len();
        let said = match reply {
            Reply::Value { value, caching } => self.value(&value, caching, out),
            Reply::Valid => {
                self.append(&info("valid", []), out).and_then(|()| self.append(&Term::tuple([NOREPLY]), out))
            }
            Reply::Accepted => self.append(&Term::tuple([NOREPLY]), out),
            Reply::Fault(fault) => {
                self.fault(&fault, out);
                Ok(())
            }
        };
        if let Err(error) = said {
            out.truncate(start);
            let class = if error == NotSayable::TooLong { "system_limit" } else { "badarg" };
            self.fault(&Fault::server(class, error), out);
        }
        Ok(())
    }

    /// The peer's side ended: what came whole is still answered, what came of an unfinished message is reported and
    /// dropped, and so is a stream without its end.
    pub fn end(&mut self) -> Option<Partial> {
        self.ended = true;
        self.streaming = None;
        self.decoder.partial()
    }

    /// Why the connection cannot go on. What came before it is answered.
    #[must_use]
    pub const fn failed(&self) -> Option<FrameError> {
        self.failed
    }

    /// Whether everything is answered and nothing more can come: the connection can be closed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        (self.ended || self.failed.is_some()) && self.queue.is_empty() && self.outstanding.is_none()
    }

    fn value(&self, value: &Term, caching: Option<Caching>, out: &mut Vec<u8>) -> Result<(), NotSayable> {
        if let Some(caching) = caching {
            self.append(&caching.to_term(), out)?;
        }
        let said = self.append(&Term::tuple([REPLY, to_bert(value)?]), out);
        match (said, value) {
            (Err(NotSayable::TooLong), Term::Binary(octets)) => {
                self.append(&info("stream", []), out)?;
                self.append(&Term::tuple([REPLY, Term::NIL]), out)?;
                append_stream(octets.as_bytes(), out);
                Ok(())
            }
            (said, _) => said,
        }
    }

    fn append(&self, message: &Term, out: &mut Vec<u8>) -> Result<(), NotSayable> {
        append(message, self.config.limits.max_bytes, out)
    }

    fn fault(&self, fault: &Fault, out: &mut Vec<u8>) {
        // Its texts are cut to some kilobytes. Where the limit does not even hold it, the peer waits for an answer that nobody
        // can give.
        let _ = append(&Term::tuple([Term::atom("error"), fault.to_term()]), usize::MAX, out);
    }
}

/// How a [`Server`] answers. Start from [`default`](Self::default).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The bounds of messages; of octets also for what a stream brings, and for replies.
    pub limits: DecodeLimits,
    /// How many requests may wait. Default: 64.
    pub max_queued: usize,
    /// How many octets of requests make the queue full; the last request may exceed it. Default: 1 MiB.
    pub max_queued_bytes: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { limits: DecodeLimits::DEFAULT, max_queued: 64, max_queued_bytes: 1 << 20 }
    }
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Call a function, and reply with its value.
    Call {
        /// Of what. What came as a stream is the last argument, a binary.
        call: Call,
        /// The token of a reply that the client has: [`Reply::Valid`] while it holds.
        condition: Option<Binary>,
    },
    /// Say [`Reply::Accepted`] at once, call a function, and reply nothing.
    Cast {
        /// Of what.
        call: Call,
        /// Whom to tell the result.
        callback: Option<Callback>,
    },
}

/// How a request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// The value of a call.
    Value {
        /// It.
        value: Term,
        /// Whether it may be kept.
        caching: Option<Caching>,
    },
    /// What the client has still holds: `{info,valid,[]}` and `{noreply}`.
    Valid,
    /// A cast will be executed: `{noreply}`.
    Accepted,
    /// There is none, and why.
    Fault(Fault),
}

impl From<Term> for Reply {
    fn from(value: Term) -> Self {
        Self::Value { value, caching: None }
    }
}

impl From<Fault> for Reply {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The duty to answer one request. While it is held, the connection waits.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the connection waits until the request is answered"]
pub struct Ticket {
    number: u64,
}

/// The ticket is not of a request that this connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaleTicket;

impl fmt::Display for StaleTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection waits for no such request")
    }
}

impl core::error::Error for StaleTicket {}

/// What `info` messages said about the next message.
#[derive(Debug)]
struct Infos {
    callback: Option<Callback>,
    condition: Option<Binary>,
    stream: Stream,
    /// What was wrong with the first of them that was wrong: it is the error of the message.
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug)]
enum Stream {
    None,
    Follows,
}

impl Infos {
    const NONE: Self = Self { callback: None, condition: None, stream: Stream::None, fault: None };

    fn note(&mut self, info: Info) {
        match info {
            Info::Callback(callback) => self.callback = Some(callback),
            Info::Condition(token) => self.condition = Some(token),
            Info::Stream => self.stream = Stream::Follows,
        }
    }

    fn request(self, message: Result<Message, Fault>) -> Result<Request, Fault> {
        let message = match self.fault {
            Some(fault) => Err(fault),
            None => message,
        };
        match message? {
            Message::Call(_) if self.callback.is_some() => {
                Err(Fault::protocol("a callback belongs to a cast, not to a call"))
            }
            Message::Call(call) => Ok(Request::Call { call, condition: self.condition }),
            Message::Cast(call) => Ok(Request::Cast { call, callback: self.callback }),
            Message::Info(_) => Err(Fault::protocol("an info is no request")),
        }
    }
}

/// A request whose stream is coming.
#[derive(Debug)]
struct Streaming {
    item: Result<Request, Fault>,
    gathered: Vec<u8>,
    /// The octets of the request itself.
    head: usize,
}

impl Streaming {
    /// Takes the next chunk. The request is whole (`Err`) with an empty one. What is too long is read to its end, not kept.
    fn chunk(mut self, octets: &[u8], max_bytes: usize) -> Result<Self, Box<Queued>> {
        if octets.is_empty() {
            let bytes = self.head.saturating_add(self.gathered.len());
            if let Ok(Request::Call { call, .. } | Request::Cast { call, .. }) = &mut self.item {
                call.args.push(Term::binary(self.gathered));
            }
            return Err(Box::new(Queued { item: self.item, bytes }));
        }
        if self.item.is_ok() && self.gathered.len().saturating_add(octets.len()) > max_bytes {
            self.item = Err(Fault::unreadable_data(alloc::format!("a stream has more than {max_bytes} octets")));
            self.gathered = Vec::new();
        }
        if self.item.is_ok() {
            self.gathered.extend_from_slice(octets);
        }
        Ok(self)
    }
}

#[derive(Debug)]
struct Queued {
    item: Result<Request, Fault>,
    /// Its length when it came.
    bytes: usize,
}

/// Whether what cannot be understood was meant to be an `info`, which has no answer of its own.
fn is_info(bytes: &[u8], limits: &DecodeLimits) -> bool {
    message::read(bytes, limits).is_ok_and(|term| matches!(term.as_tuple(), Some([kind, _, _]) if kind.is_atom("info")))
}

const REPLY: Term = Term::atom("reply");
const NOREPLY: Term = Term::atom("noreply");

#[cfg(test)]
mod tests;
