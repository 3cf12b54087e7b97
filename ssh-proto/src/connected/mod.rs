//! A connection whose user is logged in: one long-lived value, events out of it, and handles to its channels.
//!
//! The rooms: [`Connection`] is here, what happens on it in `event.rs`, one channel of it in `channel.rs`, in what the
//! two sides differ in `side.rs`, and a server's new host keys in `host_keys.rs`.

mod channel;
mod event;
mod host_keys;
mod side;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

pub use channel::Channel;
pub use event::{Event, Events, Happened};
pub use side::{ChannelType, Client, ClientOpen, RekeySignature, Server, ServerOpen, Side};

use crate::connection::mux::{Mux, Outlet};
use crate::connection::{
    ChannelId, ChannelOptions, GlobalRequest, GlobalRequestId, GlobalTicket, OpenError, OpenFailureReason, OpenTicket,
    ReplyTicket, StaleTicket,
};
pub use crate::connection::{Outcome, WantReply};
use crate::error::{DisconnectReason, Error, Waiting};
use crate::io::InputBuffer;
use crate::keys::Signature;
use crate::time::{Instant, earlier};
use crate::transport::{HostProof, Identification, Negotiated, Payload, SessionId, Transport, messages};
use crate::userauth::proof::Authenticated;

/// A connection whose user is logged in. Only [`crate::client`] and [`crate::server`] make one, at the end of a login.
///
/// Whatever can produce bytes appends them to `out`, which the caller writes to the peer.
#[derive(Debug)]
pub struct Connection<S> {
    transport: Transport,
    mux: Mux,
    user: String,
    keepalive: Option<Keepalive>,
    side: PhantomData<S>,
}

#[derive(Debug)]
struct Keepalive {
    due: Instant,
    /// Intervals without a packet from the peer.
    unanswered: u32,
    /// The questions that have no answer yet: never more than the limit of tries.
    asked: Vec<GlobalRequestId>,
    /// How many packets had come when somebody looked last.
    packets: u64,
}

impl<S: Side> Connection<S> {
    pub(crate) fn new(transport: Transport, proof: Authenticated, user: String, now: Instant) -> Self {
        let limits = transport.limits().clone();
        let keepalive = limits.keepalive_interval.map(|interval| Keepalive {
            due: now.plus(interval),
            unanswered: 0,
            asked: Vec::new(),
            packets: transport.packets_received(),
        });
        let mux = Mux::new(proof, transport.role(), limits);
        Self { transport, mux, user, keepalive, side: PhantomData }
    }

    /// Takes packets from `input` and tells what they mean, one [`Events::next`] at a time.
    ///
    /// Call it when bytes have come, and when output has been written: input is left alone while `out` is above its
    /// high-water mark.
    pub fn process<'a>(
        &'a mut self,
        now: Instant,
        input: &'a mut dyn InputBuffer,
        out: &'a mut Vec<u8>,
    ) -> Events<'a, S> {
        Events { connection: self, now, input, payload: Payload::NONE, out }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        earlier(self.transport.poll_timeout(), self.keepalive.as_ref().map(|keepalive| keepalive.due))
    }

    /// Does what is due at `now`.
    ///
    /// # Errors
    /// When the peer let a deadline pass, or the connection has ended already.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.transport.handle_timeout(now, out)?;
        let Some(keepalive) = self.keepalive.as_mut().filter(|keepalive| now >= keepalive.due) else { return Ok(()) };
        let limits = self.transport.limits();
        if keepalive.unanswered >= limits.keepalive_tries {
            return Err(self.transport.fail(Error::TimedOut(Waiting::Keepalive), out));
        }
        keepalive.unanswered = keepalive.unanswered.saturating_add(1);
        keepalive.due = now.plus(limits.keepalive_interval.unwrap_or_default());
        // A peer that lives and never answers is not asked without end.
        if keepalive.asked.len() < usize::try_from(limits.keepalive_tries).unwrap_or(usize::MAX) {
            let asked = self.mux.global_request(
                &mut outlet(&mut self.transport, now, out),
                &GlobalRequest::Keepalive,
                WantReply::Yes,
            )?;
            keepalive.asked.push(asked);
        }
        Ok(())
    }

    /// Opens a channel. [`Event::Opened`] or [`Event::OpenFailed`] says what came of it.
    ///
    /// # Errors
    /// When too many channels are open, or the connection has ended.
    pub fn open(&mut self, open: S::Open<'_>, now: Instant, out: &mut Vec<u8>) -> Result<ChannelId, OpenError> {
        let options = self.channel_options();
        self.open_with(open, options, now, out)
    }

    /// Opens a channel with a window and a packet size of its own.
    ///
    /// # Errors
    /// When too many channels are open, or the connection has ended.
    pub fn open_with(
        &mut self,
        open: S::Open<'_>,
        options: ChannelOptions,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<ChannelId, OpenError> {
        self.transport.check_not_failed().map_err(OpenError::Ended)?;
        let open: ChannelType<'_> = open.into();
        self.mux.open(&mut outlet(&mut self.transport, now, out), open.channel_type, &open.data, options)
    }

    /// What channels are opened and accepted with unless said otherwise; a start for what differs.
    #[must_use]
    pub const fn channel_options(&self) -> ChannelOptions {
        ChannelOptions::of(self.transport.limits())
    }

    /// A channel that is open or being opened.
    pub fn channel(&mut self, id: ChannelId) -> Channel<'_, S> {
        Channel { connection: self, id }
    }

    /// Accepts a channel that the peer opens.
    ///
    /// # Errors
    /// When the peer no longer waits.
    pub fn accept(&mut self, ticket: OpenTicket, now: Instant, out: &mut Vec<u8>) -> Result<ChannelId, StaleTicket> {
        let options = self.channel_options();
        self.accept_with(ticket, options, now, out)
    }

    /// Accepts a channel that the peer opens, with a window and a packet size of its own.
    ///
    /// # Errors
    /// When the peer no longer waits.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is used up, so that no open is answered twice")]
    pub fn accept_with(
        &mut self,
        ticket: OpenTicket,
        options: ChannelOptions,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<ChannelId, StaleTicket> {
        self.mux.accept(&mut outlet(&mut self.transport, now, out), &ticket, options)
    }

    /// Refuses a channel that the peer opens.
    ///
    /// # Errors
    /// When the peer no longer waits.
    pub fn reject(
        &mut self,
        ticket: OpenTicket,
        reason: OpenFailureReason,
        description: &str,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), StaleTicket> {
        self.mux.reject(&mut outlet(&mut self.transport, now, out), &ticket, reason, description)
    }

    /// Answers a request on a channel. Answers leave in the order of their requests (RFC 4254 §5.4).
    ///
    /// # Errors
    /// When the channel is gone.
    pub fn reply(
        &mut self,
        ticket: ReplyTicket,
        outcome: Outcome,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), StaleTicket> {
        self.mux.reply(&mut outlet(&mut self.transport, now, out), &ticket, outcome)
    }

    /// Answers a global request: with response specific data, or, by `None`, with a refusal. Answers leave in the order
    /// of their requests (RFC 4254 §4).
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn reply_global(
        &mut self,
        ticket: GlobalTicket,
        data: Option<&[u8]>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.transport.check_not_failed()?;
        self.mux.reply_global(&mut outlet(&mut self.transport, now, out), &ticket, data.ok_or(()))
    }

    /// Sends a global request. [`Event::GlobalReply`] brings the answer.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn global_request(
        &mut self,
        request: &GlobalRequest<'_>,
        reply: WantReply,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<GlobalRequestId, Error> {
        self.transport.check_not_failed()?;
        self.mux.global_request(&mut outlet(&mut self.transport, now, out), request, reply)
    }

    /// Whether the peer understands OpenSSH's requests that "certain broken SSH implementations" leave over, such as
    /// [`GlobalRequest::NoMoreSessions`]: it is OpenSSH, or one of us.
    #[must_use]
    pub fn peer_knows_openssh_extensions(&self) -> bool {
        self.transport.peer_knows_openssh_extensions()
    }

    /// Exchanges keys again now, instead of when the limits say so.
    pub fn rekey(&mut self, now: Instant, out: &mut Vec<u8>) {
        if self.transport.check_not_failed().is_ok() {
            self.transport.start_key_exchange(now, out);
        }
    }

    /// Whether keys are being exchanged, so that messages of ours may wait for the end of that.
    #[must_use]
    pub fn is_rekeying(&self) -> bool {
        !self.transport.may_send()
    }

    /// Ends the connection: `description` is for people. Nothing can be sent afterwards.
    pub fn disconnect(mut self, reason: DisconnectReason, description: &str, out: &mut Vec<u8>) {
        if self.transport.check_not_failed().is_ok() {
            self.transport.send_now(out, |payload| messages::put_disconnect(payload, reason, description));
        }
    }

    /// The user that is logged in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What the last key exchange agreed on. Always there: keys come before logins.
    #[must_use]
    pub const fn negotiated(&self) -> Option<&Negotiated> {
        self.transport.negotiated()
    }

    /// Who the peer says it is.
    #[must_use]
    pub const fn peer(&self) -> Option<&Identification> {
        self.transport.peer()
    }

    /// The session identifier (RFC 4253 §7.2).
    #[must_use]
    pub const fn session_id(&self) -> Option<SessionId> {
        self.transport.session_id()
    }

    /// What proves to others which host a client's session goes to; a server has none of this.
    #[must_use]
    pub fn host_proof(&self) -> Option<HostProof> {
        self.transport.host_proof()
    }
}

impl Connection<Client> {
    /// Asks for a sign of life below all requests: the answer, [`Event::Pong`], holds `data` again (PROTOCOL §1.8).
    ///
    /// # Errors
    /// When the server has not said that it answers pings, or the connection has ended.
    pub fn ping(&mut self, data: &[u8], now: Instant, out: &mut Vec<u8>) -> Result<(), PingError> {
        if !self.transport.peer_answers_pings() {
            return Err(PingError::NotOffered);
        }
        self.transport.send_ping(data, now, out).map_err(PingError::Ended)
    }
}

/// Why no ping was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PingError {
    /// The server has not said that it answers pings (`ping@openssh.com` in its EXT_INFO).
    NotOffered,
    /// The connection has ended.
    Ended(Error),
}

impl fmt::Display for PingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered => f.write_str("the server does not say that it answers pings"),
            Self::Ended(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for PingError {}

impl Connection<Server> {
    /// Answers [`Event::Rekey`] with the host key's signature.
    pub fn resume_rekey(&mut self, ask: RekeySignature, signature: &Signature, out: &mut Vec<u8>) {
        if self.transport.check_not_failed().is_ok() {
            self.transport.complete_signature(*ask.0, signature, out);
        }
    }
}

impl<S> Connection<S> {
    /// Where packets came, the peer lives: the next keepalive is due a whole interval from now.
    fn look_for_life(&mut self, now: Instant) {
        let Some(keepalive) = &mut self.keepalive else { return };
        let packets = self.transport.packets_received();
        if core::mem::replace(&mut keepalive.packets, packets) != packets {
            keepalive.due = now.plus(self.transport.limits().keepalive_interval.unwrap_or_default());
            keepalive.unanswered = 0;
        }
    }

    fn is_keepalive(&mut self, request: GlobalRequestId) -> bool {
        let Some(keepalive) = &mut self.keepalive else { return false };
        let before = keepalive.asked.len();
        keepalive.asked.retain(|asked| *asked != request);
        keepalive.asked.len() < before
    }
}

const fn outlet<'a>(transport: &'a mut Transport, now: Instant, out: &'a mut Vec<u8>) -> Outlet<'a> {
    Outlet { transport, now, out }
}
