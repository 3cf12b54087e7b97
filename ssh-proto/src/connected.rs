//! A connection whose user is logged in: one long-lived value, events out of it, and handles to its channels.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use crate::connection::mux::{self, Delivery, KEEPALIVE, Mux, Outlet};
use crate::connection::{
    ChannelId, ChannelRequest, GlobalRequest, GlobalRequestId, GlobalTicket, OpenError, OpenFailureReason, OpenTicket,
    PeerOpen, ReplyTicket, RequestId, SendError, StaleTicket, Stream, TcpChannel,
};
use crate::error::{DisconnectReason, Error, Waiting};
use crate::io::InputBuffer;
use crate::keys::Signature;
use crate::notice::Notice;
use crate::time::{Instant, earlier};
use crate::transport::kex::Sign;
use crate::transport::{Identification, Negotiated, SessionId, Transport, Turn, messages};
use crate::userauth::proof::Authenticated;

/// Which side of a connection we are. The two differ in what they may open and in what they are asked.
pub trait Side: sealed::Sealed + fmt::Debug + Send + Sync + Sized + 'static {
    /// What the connection asks of the caller during a key re-exchange.
    type Ask: fmt::Debug + Send;
    /// The channels that this side may open.
    type Open<'a>: Into<ChannelType<'a>>;

    #[doc(hidden)]
    fn ask(question: Question) -> Option<Self::Ask>;
}

mod sealed {
    pub trait Sealed {}
}

/// The client's side.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "no value of it exists")]
pub enum Client {}

/// The server's side.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "no value of it exists")]
pub enum Server {}

impl sealed::Sealed for Client {}
impl sealed::Sealed for Server {}

impl Side for Client {
    /// Nothing: "the host key of a re-key equals the first", which the core checks itself.
    type Ask = core::convert::Infallible;
    type Open<'a> = ClientOpen<'a>;

    fn ask(_question: Question) -> Option<Self::Ask> {
        None
    }
}

impl Side for Server {
    type Ask = RekeySignature;
    type Open<'a> = ServerOpen<'a>;

    fn ask(question: Question) -> Option<Self::Ask> {
        Some(RekeySignature(question.0))
    }
}

/// A question of the transport layer.
#[doc(hidden)]
#[derive(Debug)]
pub struct Question(alloc::boxed::Box<Sign>);

/// A key re-exchange wants the host key's signature. Everything else goes on meanwhile, as far as the peer lets it.
#[derive(Debug)]
#[must_use = "the re-exchange waits for the signature"]
pub struct RekeySignature(alloc::boxed::Box<Sign>);

impl RekeySignature {
    /// The host key that signs.
    #[must_use]
    pub const fn key(&self) -> &crate::keys::PublicKey {
        self.0.host_key()
    }

    /// The signature algorithm, by its name on the wire.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        self.0.algorithm()
    }

    /// The bytes to sign.
    #[must_use]
    pub fn to_sign(&self) -> &[u8] {
        self.0.to_sign()
    }
}

/// A channel that a client opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientOpen<'a> {
    /// `session` (RFC 4254 §6.1).
    Session,
    /// `direct-tcpip` (RFC 4254 §7.2).
    DirectTcpip(TcpChannel<'a>),
    /// Another type.
    Other {
        /// The channel type.
        channel_type: &'a str,
        /// The channel type specific data.
        data: &'a [u8],
    },
}

/// A channel that a server opens. It has no `session`: that one is opened by clients only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerOpen<'a> {
    /// `forwarded-tcpip` (RFC 4254 §7.2).
    ForwardedTcpip(TcpChannel<'a>),
    /// Another type.
    Other {
        /// The channel type.
        channel_type: &'a str,
        /// The channel type specific data.
        data: &'a [u8],
    },
}

/// A channel type and its data, from either side's vocabulary.
#[derive(Clone, Debug)]
pub struct ChannelType<'a> {
    channel_type: &'a str,
    data: Vec<u8>,
}

impl<'a> From<ClientOpen<'a>> for ChannelType<'a> {
    fn from(open: ClientOpen<'a>) -> Self {
        match open {
            ClientOpen::Session => Self { channel_type: "session", data: Vec::new() },
            ClientOpen::DirectTcpip(tcp) => Self { channel_type: "direct-tcpip", data: tcp.to_data() },
            ClientOpen::Other { channel_type, data } => Self { channel_type, data: data.to_vec() },
        }
    }
}

impl<'a> From<ServerOpen<'a>> for ChannelType<'a> {
    fn from(open: ServerOpen<'a>) -> Self {
        match open {
            ServerOpen::ForwardedTcpip(tcp) => Self { channel_type: "forwarded-tcpip", data: tcp.to_data() },
            ServerOpen::Other { channel_type, data } => Self { channel_type, data: data.to_vec() },
        }
    }
}

/// Something that happened on a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a, S: Side> {
    /// The peer wants to open a channel: [`Connection::accept`] or [`Connection::reject`] it.
    Open {
        /// What answers.
        ticket: OpenTicket,
        /// Which kind of channel.
        kind: PeerOpen<'a>,
    },
    /// The peer accepted a channel that we opened.
    Opened(ChannelId),
    /// The peer refused a channel that we opened.
    OpenFailed {
        /// The id that [`Connection::open`] answered; it is gone.
        channel: ChannelId,
        /// Why.
        reason: OpenFailureReason,
        /// The peer's words, control characters removed.
        description: String,
    },
    /// Data. Its credit returns to the peer when it is [consumed](Channel::consume).
    Data {
        /// On which channel.
        channel: ChannelId,
        /// On which of its streams.
        stream: Stream,
        /// It lies in the input buffer.
        data: &'a [u8],
    },
    /// The peer asks for something on a channel: [`Connection::reply`].
    Request {
        /// On which channel.
        channel: ChannelId,
        /// What it asks for.
        request: ChannelRequest<'a>,
        /// What answers.
        ticket: ReplyTicket,
    },
    /// The peer answered a request of ours on a channel.
    Reply {
        /// On which channel.
        channel: ChannelId,
        /// The id that [`Channel::request`] answered.
        request: RequestId,
        /// What it said.
        outcome: Outcome,
    },
    /// A channel that had no room takes data again.
    Writable(ChannelId),
    /// The peer sends no more data on a channel; requests may still come, and we may go on sending.
    Eof(ChannelId),
    /// A channel is gone. Its id is worth nothing any more.
    Closed(ChannelId),
    /// The peer asks for something of the connection: [`Connection::reply_global`].
    GlobalRequest {
        /// What it asks for.
        request: GlobalRequest<'a>,
        /// What answers.
        ticket: GlobalTicket,
    },
    /// The peer answered a global request of ours: with data, or with a refusal.
    GlobalReply {
        /// The id that [`Connection::global_request`] answered.
        request: GlobalRequestId,
        /// The response specific data; `None` for a refusal.
        data: Option<&'a [u8]>,
    },
    /// A key re-exchange asks something: [`Connection::resume_rekey`].
    Rekey(S::Ask),
    /// For a log.
    Notice(Notice),
}

/// A yes or a no to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the wire knows these two")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was not.
    Failure,
}

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
    unanswered: u32,
    asked: Vec<GlobalRequestId>,
}

impl<S: Side> Connection<S> {
    pub(crate) fn new(transport: Transport, proof: Authenticated, user: String, now: Instant) -> Self {
        let limits = transport.limits().clone();
        let keepalive = limits.keepalive_interval.map(|interval| Keepalive {
            due: now.plus(interval),
            unanswered: 0,
            asked: Vec::new(),
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
        Events { connection: self, now, input, out, heard: false }
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
        let asked = self.mux.global_request(&mut outlet(&mut self.transport, now, out), KEEPALIVE, b"", true)?;
        keepalive.asked.push(asked);
        Ok(())
    }

    /// Opens a channel. [`Event::Opened`] or [`Event::OpenFailed`] says what came of it.
    ///
    /// # Errors
    /// When too many channels are open, or the connection has ended.
    pub fn open(&mut self, open: S::Open<'_>, now: Instant, out: &mut Vec<u8>) -> Result<ChannelId, OpenError> {
        let window = self.transport.limits().window;
        self.open_with_window(open, window, now, out)
    }

    /// Opens a channel whose window is `window` bytes, up to 2^32 - 1.
    ///
    /// # Errors
    /// When too many channels are open, or the connection has ended.
    pub fn open_with_window(
        &mut self,
        open: S::Open<'_>,
        window: u32,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<ChannelId, OpenError> {
        self.transport.check_not_failed().map_err(OpenError::Ended)?;
        let open: ChannelType<'_> = open.into();
        self.mux.open(&mut outlet(&mut self.transport, now, out), open.channel_type, &open.data, window)
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
        self.mux.accept(&mut outlet(&mut self.transport, now, out), &ticket)
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
        self.mux.reply(&mut outlet(&mut self.transport, now, out), &ticket, outcome == Outcome::Success)
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
        name: &str,
        data: &[u8],
        reply: WantReply,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<GlobalRequestId, Error> {
        self.transport.check_not_failed()?;
        self.mux.global_request(&mut outlet(&mut self.transport, now, out), name, data, reply == WantReply::Yes)
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
}

impl Connection<Server> {
    /// Answers [`Event::Rekey`] with the host key's signature.
    pub fn resume_rekey(&mut self, ask: RekeySignature, signature: &Signature, out: &mut Vec<u8>) {
        if self.transport.check_not_failed().is_ok() {
            self.transport.complete_signature(*ask.0, signature, out);
        }
    }
}

/// Whether the peer is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a boolean of the wire, with names")]
pub enum WantReply {
    /// `want reply` is TRUE.
    Yes,
    /// `want reply` is FALSE.
    No,
}

const fn outlet<'a>(transport: &'a mut Transport, now: Instant, out: &'a mut Vec<u8>) -> Outlet<'a> {
    Outlet { transport, now, out }
}

/// What the bytes that came mean. See [`Connection::process`].
#[derive(Debug)]
pub struct Events<'a, S: Side> {
    connection: &'a mut Connection<S>,
    now: Instant,
    input: &'a mut dyn InputBuffer,
    out: &'a mut Vec<u8>,
    heard: bool,
}

impl fmt::Debug for dyn InputBuffer + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputBuffer").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

/// An [`Event`], and beside it what answers it: the event borrows the input buffer, not the connection.
pub type Happened<'e, S> = (Event<'e, S>, &'e mut Connection<S>, &'e mut Vec<u8>);

impl<S: Side> Events<'_, S> {
    /// The next event, together with the connection and the output, so that it can be answered at once.
    ///
    /// `None` when more input is needed, or room in the output. An error ends the connection.
    #[expect(clippy::should_implement_trait, reason = "each event borrows the buffers until the next one")]
    pub fn next(&mut self) -> Option<Result<Happened<'_, S>, Error>> {
        let step = match self.step() {
            Ok(Some(step)) => step,
            Ok(None) => return None,
            Err(error) => return Some(Err(self.connection.transport.fail(error, self.out))),
        };
        let Self { connection, input, out, .. } = self;
        let event = match step {
            Step::Notice(notice) => Event::Notice(notice),
            Step::Rekey(ask) => Event::Rekey(ask),
            Step::Delivery(delivery, start) => {
                let payload = input.filled().get(start..).unwrap_or_default();
                deliver(delivery, payload)?
            }
        };
        Some(Ok((event, connection, out)))
    }

    fn step(&mut self) -> Result<Option<Step<S>>, Error> {
        loop {
            let transport = &mut self.connection.transport;
            if let Some(notice) = transport.notices.pop() {
                return Ok(Some(Step::Notice(notice)));
            }
            if let Some(writable) = self.connection.mux.poll_writable(transport, self.out) {
                return Ok(Some(Step::Delivery(writable, 0)));
            }
            match transport.turn(self.now, self.input, self.out)? {
                Turn::Idle => return Ok(None),
                Turn::KeysChanged => {}
                Turn::Verify(_) => {}
                Turn::Sign(sign) => {
                    if let Some(ask) = S::ask(Question(sign)) {
                        return Ok(Some(Step::Rekey(ask)));
                    }
                }
                Turn::Packet { sequence, payload } => {
                    let (start, bytes) = (payload.start, self.input.filled().get(payload).unwrap_or_default());
                    self.connection.heard(self.now, &mut self.heard);
                    let connection = &mut *self.connection;
                    let mut to = outlet(&mut connection.transport, self.now, self.out);
                    match connection.mux.receive(&mut to, sequence, bytes)? {
                        Some(Delivery::GlobalReply { request, .. }) if connection.is_keepalive(request) => {}
                        Some(delivery) => return Ok(Some(Step::Delivery(delivery, start))),
                        None => {}
                    }
                }
            }
        }
    }
}

impl<S> Connection<S> {
    /// The peer lives: the next keepalive is due a whole interval from now.
    fn heard(&mut self, now: Instant, already: &mut bool) {
        if core::mem::replace(already, true) {
            return;
        }
        if let Some(keepalive) = &mut self.keepalive {
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

enum Step<S: Side> {
    Notice(Notice),
    Rekey(S::Ask),
    /// With the offset of the payload in the input.
    Delivery(Delivery, usize),
}

/// Gives a delivery the bytes that it speaks of. Messages that were read once are read again here: only what cannot be
/// read, which `mux` has refused already, would be `None`.
fn deliver<S: Side>(delivery: Delivery, payload: &[u8]) -> Option<Event<'_, S>> {
    let bytes = |range: core::ops::Range<usize>| payload.get(range).unwrap_or_default();
    Some(match delivery {
        Delivery::Open(ticket, body) => Event::Open { ticket, kind: mux::decode_open(bytes(body))? },
        Delivery::Opened(id) => Event::Opened(id),
        Delivery::OpenFailed { channel, reason, description } => Event::OpenFailed { channel, reason, description },
        Delivery::Data { channel, stream, data } => Event::Data { channel, stream, data: bytes(data) },
        Delivery::Request { channel, ticket, payload } => {
            Event::Request { channel, request: mux::decode_request(bytes(payload))?, ticket }
        }
        Delivery::Reply { channel, request, success } => {
            let outcome = if success { Outcome::Success } else { Outcome::Failure };
            Event::Reply { channel, request, outcome }
        }
        Delivery::Eof(id) => Event::Eof(id),
        Delivery::Closed(id) => Event::Closed(id),
        Delivery::Writable(id) => Event::Writable(id),
        Delivery::GlobalRequest { ticket, payload } => {
            Event::GlobalRequest { request: mux::decode_global_request(bytes(payload))?, ticket }
        }
        Delivery::GlobalReply { request, data } => Event::GlobalReply { request, data: data.map(bytes) },
    })
}

/// A channel, for as long as nothing else is done with its connection.
#[derive(Debug)]
pub struct Channel<'a, S: Side> {
    connection: &'a mut Connection<S>,
    id: ChannelId,
}

impl<S: Side> Channel<'_, S> {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// Sends as much of `data` as the peer's window and packet size and our output allow, and answers how much that was.
    ///
    /// # Errors
    /// When nothing can be sent now ([`Event::Writable`] will tell), or ever.
    pub fn send(&mut self, stream: Stream, data: &[u8], now: Instant, out: &mut Vec<u8>) -> Result<usize, SendError> {
        self.connection.transport.check_not_failed().map_err(|_ended| SendError::Closed)?;
        self.connection.mux.send(&mut outlet(&mut self.connection.transport, now, out), self.id, stream, data)
    }

    /// How many bytes the peer's window takes now.
    #[must_use]
    pub fn window(&mut self) -> u32 {
        self.connection.mux.writable(self.id)
    }

    /// Sends a request. [`Event::Reply`] brings the answer, where one is wanted.
    ///
    /// # Errors
    /// When the channel is not open.
    pub fn request(
        &mut self,
        request: &ChannelRequest<'_>,
        reply: WantReply,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<RequestId, SendError> {
        self.connection.transport.check_not_failed().map_err(|_ended| SendError::Closed)?;
        let mut to = outlet(&mut self.connection.transport, now, out);
        self.connection.mux.request(&mut to, self.id, request, reply == WantReply::Yes)
    }

    /// Is done with `length` bytes of data that came: the peer may send as many again.
    ///
    /// # Errors
    /// When the peer does not let our output through any more.
    pub fn consume(&mut self, length: u32, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.connection.transport.check_not_failed()?;
        self.connection.mux.consume(&mut outlet(&mut self.connection.transport, now, out), self.id, length)
    }

    /// Sends no more data; receiving goes on.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn eof(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.connection.transport.check_not_failed()?;
        self.connection.mux.eof(&mut outlet(&mut self.connection.transport, now, out), self.id)
    }

    /// Closes the channel. [`Event::Closed`] tells when the peer has closed it too.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn close(self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.connection.transport.check_not_failed()?;
        self.connection.mux.close(&mut outlet(&mut self.connection.transport, now, out), self.id)
    }
}
