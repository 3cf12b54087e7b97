//! What the peer asks of a channel while a program runs on it: signals, sizes of the window, breaks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use ssh_proto::{ChannelRequest, Outcome, ReplyTicket, WindowSize};

use crate::channel::Inner;
use crate::channel_state::wake;

/// What the peer asks of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked {
    /// `signal` (RFC 4254 §6.9): the name without SIG, `TERM` or `INFO@openssh.com` say.
    Signal(String),
    /// `window-change` (RFC 4254 §6.7).
    WindowChange(WindowSize),
    /// `break` (RFC 4335): for so long, or for as long as is usual.
    Break(Option<Duration>),
    /// `eow@openssh.com`: the peer reads no more data. Writing fails from now on.
    EndOfWrite,
    /// `xon-xoff` (RFC 4254 §6.8): whether the client may do flow control by itself.
    XonXoff(bool),
    /// Any other request.
    Other {
        /// The request type.
        name: String,
        /// The type-specific data.
        data: Vec<u8>,
    },
}

impl Asked {
    /// The longest name of a signal, and of a request, that is kept (RFC 4251 §6).
    const NAME: usize = 64;
    /// The most data of a request that nobody here knows.
    const DATA: usize = 4096;

    /// `None` for what is no business of a running program, or too long.
    fn of(request: &ChannelRequest<'_>) -> Option<Self> {
        Some(match request {
            ChannelRequest::Signal { name } if name.len() <= Self::NAME => Self::Signal((*name).to_owned()),
            ChannelRequest::WindowChange(size) => Self::WindowChange(*size),
            // RFC 4335 §3: "If the BREAK length parameter is 0, the BREAK SHOULD be interpreted as the default BREAK signal
            // length"; others are brought between 500 and 3000 ms.
            ChannelRequest::Break { length: 0 } => Self::Break(None),
            ChannelRequest::Break { length } => {
                Self::Break(Some(Duration::from_millis((*length).clamp(500, 3000).into())))
            }
            ChannelRequest::EndOfWrite => Self::EndOfWrite,
            ChannelRequest::XonXoff { client_can_do } => Self::XonXoff(*client_can_do),
            ChannelRequest::Other { name, data } if name.len() <= Self::NAME && data.len() <= Self::DATA => {
                Self::Other { name: (*name).to_owned(), data: data.to_vec() }
            }
            _ => return None,
        })
    }
}

/// The requests of one channel that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<(Asked, ReplyTicket)>,
    /// Somebody has [`Requests`] of the channel.
    pub(crate) attended: bool,
    pub(crate) reader: Option<Waker>,
}

impl Queue {
    /// The most requests that wait; further ones are refused.
    const MAXIMUM: usize = 64;

    /// Keeps a request until somebody takes it. The ticket comes back where nobody will: who wants an answer gets a
    /// refusal now.
    pub(crate) fn push(&mut self, request: &ChannelRequest<'_>, ticket: ReplyTicket) -> Result<(), ReplyTicket> {
        let Some(asked) = Asked::of(request) else { return Err(ticket) };
        // Somebody may attend to what is short and waits for nobody; the rest would only lie here.
        if !self.attended && (ticket.wants_reply() || matches!(asked, Asked::Other { .. })) {
            return Err(ticket);
        }
        // Of sizes of the window only the last one counts.
        if let (Asked::WindowChange(size), Some((Asked::WindowChange(last), _))) = (&asked, self.waiting.back_mut())
            && !ticket.wants_reply()
        {
            *last = *size;
            return Ok(());
        }
        if self.waiting.len() >= Self::MAXIMUM {
            return Err(ticket);
        }
        self.waiting.push_back((asked, ticket));
        wake(&mut self.reader);
        Ok(())
    }

    pub(crate) fn pop(&mut self) -> Option<(Asked, ReplyTicket)> {
        self.waiting.pop_front()
    }
}

/// What the peer asks of a [`Channel`](crate::Channel), one after the other. There is one for a channel at a time; while
/// there is none, requests that want an answer are refused.
#[derive(Debug)]
pub struct Requests {
    inner: Arc<Inner>,
}

impl Requests {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        inner.link.attend(inner.id, true);
        Self { inner }
    }

    /// Waits for the next request; `None` when the channel is closed.
    pub async fn next(&mut self) -> Option<PeerRequest> {
        let (asked, ticket) =
            std::future::poll_fn(|context| self.inner.link.poll_request(self.inner.id, context)).await?;
        Some(PeerRequest { asked, ticket: Some(ticket), inner: self.inner.clone() })
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.inner.link.attend(self.inner.id, false);
    }
}

/// A request of the peer. Dropped, it is refused, where an answer is wanted.
#[derive(Debug)]
pub struct PeerRequest {
    asked: Asked,
    ticket: Option<ReplyTicket>,
    inner: Arc<Inner>,
}

impl PeerRequest {
    /// What is asked.
    #[must_use]
    pub const fn asked(&self) -> &Asked {
        &self.asked
    }

    /// It is done.
    pub fn accept(mut self) {
        self.answer(Outcome::Success);
    }

    fn answer(&mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            self.inner.link.reply(ticket, outcome);
        }
    }
}

impl Drop for PeerRequest {
    fn drop(&mut self) {
        self.answer(Outcome::Failure);
    }
}
