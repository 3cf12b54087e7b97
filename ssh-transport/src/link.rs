//! A connection after login: its state behind a mutex, and the one task that drives it.
//!
//! The mutex is held for one `process` or one `send`. A caller that sends seals its own bytes and writes them when the
//! socket takes them at once; only the driver ever waits for the socket.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use ssh_proto::time::Instant;
use ssh_proto::{
    ChannelId, ChannelRequest, Connection, DisconnectReason, Error, OpenFailureReason, Outcome, RequestId, SendError,
    Side, Stream, WantReply,
};
use tokio::sync::oneshot;

use crate::buffer::ReadBuffer;
use crate::channel::Channel;
use crate::clock::Clock;
use crate::io::Io;

/// What a side does with events that are not about data. It is called with the state locked: it answers, or leaves
/// something to be done after the lock in its own queue.
pub(crate) trait Events<S: Side>: Send + 'static {
    /// An event that the link does not handle itself.
    fn event(&mut self, event: ssh_proto::Event<'_, S>, link: &mut Locked<'_, S>);
    /// A channel is gone.
    fn closed(&mut self, id: ChannelId);
    /// What was put off until nothing is locked.
    fn unlocked(&mut self, link: &Arc<Link<S>>);
}

/// A connection after login.
#[derive(Debug)]
pub(crate) struct Link<S: Side> {
    io: Io,
    clock: Clock,
    state: Mutex<State<S>>,
}

#[derive(Debug)]
struct State<S: Side> {
    /// `None` once the connection has ended.
    connection: Option<Connection<S>>,
    out: Vec<u8>,
    channels: BTreeMap<ChannelId, ChannelState>,
    /// Wakes the driver: there is output that only it can write, or a deadline has moved.
    driver: Option<Waker>,
    ended: Option<Ended>,
    /// Nobody wants anything any more: the driver says good-bye when the output is written.
    closing: bool,
    last_activity: Instant,
}

/// Why a connection ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Ended {
    /// We closed it.
    Closed,
    /// The peer closed the stream, or it broke.
    Lost(Arc<io::Error>),
    /// The protocol ended it.
    Protocol(Error),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection is closed"),
            Self::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the peer closed the connection")
            }
            Self::Lost(error) => write!(f, "the connection was lost: {error}"),
            Self::Protocol(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Ended {}

impl From<Ended> for io::Error {
    fn from(ended: Ended) -> Self {
        let kind = match &ended {
            Ended::Lost(error) => error.kind(),
            Ended::Closed => io::ErrorKind::NotConnected,
            Ended::Protocol(_) => io::ErrorKind::ConnectionAborted,
        };
        Self::new(kind, ended)
    }
}

/// How a program ended (RFC 4254 §6.10).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// `exit-status`.
    Status(u32),
    /// `exit-signal`: the signal's name without SIG, and the peer's words.
    Signal(String, String),
}

/// What the adapter keeps for one channel: data that nobody has read yet, never more than the window.
#[derive(Debug, Default)]
pub(crate) struct ChannelState {
    data: Unread,
    stderr: Unread,
    writer: Option<Waker>,
    eof: bool,
    closed: bool,
    exit: Option<Exit>,
    exit_waiter: Option<Waker>,
    close_waiter: Option<Waker>,
    opening: Option<Opening>,
    /// Somebody has a `Channel` for it: what came is kept until it is read.
    held: bool,
    replies: Vec<(RequestId, oneshot::Sender<Outcome>)>,
}

/// Waits for a channel to open.
type Opening = oneshot::Sender<Result<Channel, Refusal>>;

/// The peer refused to open a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: OpenFailureReason,
    pub(crate) description: String,
}

/// Bytes between the wire and their reader.
#[derive(Debug, Default)]
struct Unread {
    bytes: Vec<u8>,
    start: usize,
    reader: Option<Waker>,
}

/// A buffer that nobody reads from keeps no more than this.
const KEPT: usize = 4096;

impl Unread {
    fn push(&mut self, data: &[u8]) {
        if self.start > 0 && self.bytes.len() + data.len() > self.bytes.capacity() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(data);
        wake(&mut self.reader);
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let unread = &self.bytes[self.start..];
        let length = unread.len().min(buffer.len());
        buffer[..length].copy_from_slice(&unread[..length]);
        self.start += length;
        if self.start == self.bytes.len() {
            self.start = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEPT {
                self.bytes = Vec::new();
            }
        }
        length
    }

    /// Everything, without a copy.
    fn take_all(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.drain(..std::mem::take(&mut self.start));
        bytes
    }

    fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl ChannelState {
    fn wake_all(&mut self) {
        wake(&mut self.data.reader);
        wake(&mut self.stderr.reader);
        wake(&mut self.writer);
        wake(&mut self.exit_waiter);
        wake(&mut self.close_waiter);
    }

    fn close(&mut self) {
        self.closed = true;
        self.opening = None;
        self.replies.clear();
        self.wake_all();
    }
}

/// The state, locked, with everything that a call into the core needs.
pub(crate) struct Locked<'a, S: Side> {
    pub(crate) connection: &'a mut Connection<S>,
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) now: Instant,
    channels: &'a mut BTreeMap<ChannelId, ChannelState>,
}

impl<S: Side> Locked<'_, S> {
    /// Makes room for a channel that was accepted. Nobody holds it yet.
    pub(crate) fn add_channel(&mut self, id: ChannelId) {
        self.channels.insert(id, ChannelState::default());
    }

    /// Somebody takes the channel; false when it is gone.
    pub(crate) fn hold_channel(&mut self, id: ChannelId) -> bool {
        self.channels.get_mut(&id).is_some_and(|state| {
            state.held = true;
            !state.closed
        })
    }
}

impl<S: Side> Link<S> {
    /// Takes over a connection whose login is complete, and starts its driver.
    pub(crate) fn start(
        connection: Connection<S>,
        io: Io,
        clock: Clock,
        (input, out): (ReadBuffer, Vec<u8>),
        events: impl Events<S>,
        idle: Option<std::time::Duration>,
    ) -> Arc<Self> {
        let state = State {
            connection: Some(connection),
            out,
            channels: BTreeMap::new(),
            driver: None,
            ended: None,
            closing: false,
            last_activity: clock.now(),
        };
        let link = Arc::new(Self { io, clock, state: Mutex::new(state) });
        let driver = Driver {
            link: link.clone(),
            input,
            events,
            timer: Box::pin(tokio::time::sleep(std::time::Duration::ZERO)),
            armed: None,
            idle,
            end_of_input: false,
            opened: Vec::new(),
        };
        tokio::spawn(driver);
        link
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Calls into the core, and writes what comes of it.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&mut Locked<'_, S>) -> T) -> Result<T, Ended> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(connection) = &mut state.connection else {
            return Err(state.ended.clone().unwrap_or(Ended::Closed));
        };
        let now = self.clock.now();
        let result = call(&mut Locked { connection, out: &mut state.out, now, channels: &mut state.channels });
        state.last_activity = now;
        self.write_at_once(state);
        Ok(result)
    }

    /// Writes what the socket takes; the rest is the driver's.
    fn write_at_once(&self, state: &mut State<S>) {
        if state.out.is_empty() {
            return;
        }
        if let Ok(written) = self.io.try_write(&state.out) {
            drop_front(&mut state.out, written);
        }
        if !state.out.is_empty() {
            wake(&mut state.driver);
        }
    }

    /// Opens a channel, and waits for the peer's answer.
    pub(crate) async fn open(&self, open: S::Open<'_>) -> Result<Channel, OpenFailed> {
        let (sender, answer) = oneshot::channel();
        let asked = self.with(|locked| {
            let id = locked.connection.open(open, locked.now, locked.out).map_err(OpenFailed::Here)?;
            let state = ChannelState { opening: Some(sender), held: true, ..ChannelState::default() };
            locked.channels.insert(id, state);
            Ok(())
        });
        asked.map_err(OpenFailed::Ended)??;
        match answer.await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(refusal)) => Err(OpenFailed::Refused(refusal)),
            Err(_ended) => Err(OpenFailed::Ended(self.ended())),
        }
    }

    /// Lets `take` take of what nobody has read yet: it answers how much that was, and what the caller gets. At the end
    /// of the stream the caller gets the default.
    fn poll_unread<T: Default>(
        &self,
        id: ChannelId,
        stream: Stream,
        context: &Context<'_>,
        take: impl FnOnce(&mut Unread) -> (usize, T),
    ) -> Poll<io::Result<T>> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(channel) = state.channels.get_mut(&id) else { return Poll::Ready(Ok(T::default())) };
        let unread = match stream {
            Stream::Stderr => &mut channel.stderr,
            _ => &mut channel.data,
        };
        if unread.is_empty() {
            if channel.eof || channel.closed {
                return Poll::Ready(Ok(T::default()));
            }
            if let Some(ended) = &state.ended {
                return Poll::Ready(Err(ended.clone().into()));
            }
            unread.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let (length, taken) = take(unread);
        if let Some(connection) = &mut state.connection {
            let now = self.clock.now();
            let consumed = u32::try_from(length).unwrap_or(u32::MAX);
            // An error ends the connection, which the driver tells.
            let _ = connection.channel(id).consume(consumed, now, &mut state.out);
            self.write_at_once(state);
        }
        Poll::Ready(Ok(taken))
    }

    pub(crate) fn ended(&self) -> Ended {
        self.lock().ended.clone().unwrap_or(Ended::Closed)
    }

    /// Says good-bye once everything that was sent is written.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        wake(&mut state.driver);
    }

    pub(crate) fn has_channels(&self) -> bool {
        let state = self.lock();
        state.connection.is_some() && !state.channels.is_empty()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().connection.is_none()
    }
}

/// Why a channel was not opened.
#[derive(Debug)]
pub(crate) enum OpenFailed {
    Here(ssh_proto::OpenError),
    Refused(Refusal),
    Ended(Ended),
}

/// Removes what has been written.
fn drop_front(out: &mut Vec<u8>, written: usize) {
    /// Output that is written keeps no more room than this.
    const KEPT: usize = 64 * 1024;
    if written >= out.len() {
        out.clear();
        if out.capacity() > KEPT {
            *out = Vec::new();
        }
    } else {
        out.drain(..written);
    }
}

/// What a channel can do, whichever side its link is.
pub(crate) trait ChannelOps: Send + Sync + std::fmt::Debug {
    fn poll_read(
        &self,
        id: ChannelId,
        stream: Stream,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>>;
    fn poll_chunk(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>>;
    fn poll_write(
        &self,
        id: ChannelId,
        stream: Stream,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>>;
    fn eof(&self, id: ChannelId) -> io::Result<()>;
    fn close(&self, id: ChannelId);
    fn forget(&self, id: ChannelId);
    fn poll_exit(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<Option<Exit>>;
    fn poll_closed(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<()>;
    fn request(
        &self,
        id: ChannelId,
        request: &ChannelRequest<'_>,
        reply: WantReply,
    ) -> io::Result<oneshot::Receiver<Outcome>>;
}

impl<S: Side> ChannelOps for Link<S> {
    fn poll_read(
        &self,
        id: ChannelId,
        stream: Stream,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_unread(id, stream, context, |unread| {
            let length = unread.take(buffer);
            (length, length)
        })
    }

    fn poll_chunk(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        self.poll_unread(id, Stream::Data, context, |unread| {
            let bytes = unread.take_all();
            (bytes.len(), bytes)
        })
    }

    fn poll_write(
        &self,
        id: ChannelId,
        stream: Stream,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(connection) = &mut state.connection else {
            return Poll::Ready(Err(state.ended.clone().unwrap_or(Ended::Closed).into()));
        };
        let now = self.clock.now();
        match connection.channel(id).send(stream, data, now, &mut state.out) {
            Ok(sent) => {
                state.last_activity = now;
                self.write_at_once(state);
                Poll::Ready(Ok(sent))
            }
            Err(SendError::Closed) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Err(_later) => {
                let Some(channel) = state.channels.get_mut(&id) else {
                    return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                };
                channel.writer = Some(context.waker().clone());
                // Room may be made by output that is still to be written.
                wake(&mut state.driver);
                Poll::Pending
            }
        }
    }

    fn eof(&self, id: ChannelId) -> io::Result<()> {
        let result = self.with(|locked| locked.connection.channel(id).eof(locked.now, locked.out));
        result?.map_err(|error| Ended::Protocol(error).into())
    }

    fn close(&self, id: ChannelId) {
        let _ = self.with(|locked| locked.connection.channel(id).close(locked.now, locked.out));
    }

    fn forget(&self, id: ChannelId) {
        ChannelOps::close(self, id);
        self.lock().channels.remove(&id);
    }

    fn poll_exit(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<Option<Exit>> {
        let mut state = self.lock();
        let ended = state.ended.is_some();
        let Some(channel) = state.channels.get_mut(&id) else { return Poll::Ready(None) };
        if channel.exit.is_some() || channel.closed || ended {
            return Poll::Ready(channel.exit.clone());
        }
        channel.exit_waiter = Some(context.waker().clone());
        Poll::Pending
    }

    fn poll_closed(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let ended = state.ended.is_some();
        let Some(channel) = state.channels.get_mut(&id).filter(|channel| !channel.closed && !ended) else {
            return Poll::Ready(());
        };
        channel.close_waiter = Some(context.waker().clone());
        Poll::Pending
    }

    fn request(
        &self,
        id: ChannelId,
        request: &ChannelRequest<'_>,
        reply: WantReply,
    ) -> io::Result<oneshot::Receiver<Outcome>> {
        let (sender, receiver) = oneshot::channel();
        let sent = self.with(|locked| {
            let asked = locked.connection.channel(id).request(request, reply, locked.now, locked.out);
            let asked = asked.map_err(|_closed| io::Error::from(io::ErrorKind::BrokenPipe))?;
            if let Some(channel) = locked.channels.get_mut(&id).filter(|_| reply == WantReply::Yes) {
                channel.replies.push((asked, sender));
            }
            Ok::<(), io::Error>(())
        });
        sent??;
        Ok(receiver)
    }
}

/// The one task of a connection: reads, processes, writes, and sleeps until something is due.
struct Driver<S: Side, E> {
    link: Arc<Link<S>>,
    input: ReadBuffer,
    events: E,
    timer: Pin<Box<tokio::time::Sleep>>,
    armed: Option<Instant>,
    idle: Option<std::time::Duration>,
    end_of_input: bool,
    /// Channels that opened, for those who wait for them. They are told when nothing is locked.
    opened: Vec<(Opening, ChannelId)>,
}

impl<S: Side, E> Unpin for Driver<S, E> {}

impl<S: Side, E: Events<S>> Future for Driver<S, E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let ended = match this.run(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(ended) => ended,
        };
        this.events.unlocked(&this.link);
        let mut state = this.link.lock();
        state.connection = None;
        state.ended = Some(ended);
        for channel in state.channels.values_mut() {
            channel.opening = None;
            channel.replies.clear();
            channel.wake_all();
        }
        drop(state);
        this.link.io.shut_down();
        Poll::Ready(())
    }
}

impl<S: Side, E: Events<S>> Driver<S, E> {
    fn run(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        /// Reads in a row before other tasks get their turn.
        const ROUNDS: usize = 32;
        for _round in 0..ROUNDS {
            let processed = self.process(context);
            for (opening, id) in self.opened.drain(..) {
                // Nobody may wait any more: the channel is then dropped here, and closed by that.
                let _ = opening.send(Ok(Channel::new(self.link.clone(), id)));
            }
            self.events.unlocked(&self.link);
            if let Some(ended) = processed {
                return Poll::Ready(ended);
            }
            if self.end_of_input {
                let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                return Poll::Ready(Ended::Lost(Arc::new(error)));
            }
            let spare = self.input.spare();
            let read = if spare.is_empty() {
                // The output is full: first the peer reads, and the socket wakes us.
                Poll::Pending
            } else {
                self.link.io.poll_read(context, spare)
            };
            match read {
                Poll::Ready(Ok(0)) => self.end_of_input = true,
                Poll::Ready(Ok(length)) => self.input.advance(length),
                Poll::Ready(Err(error)) => return Poll::Ready(Ended::Lost(Arc::new(error))),
                Poll::Pending => {
                    self.input.release();
                    return match self.poll_timer(context) {
                        Poll::Ready(Some(ended)) => Poll::Ready(ended),
                        Poll::Ready(None) => {
                            context.waker().wake_by_ref();
                            Poll::Pending
                        }
                        Poll::Pending => Poll::Pending,
                    };
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Everything that needs the lock: what came is processed, what is to be sent is written.
    fn process(&mut self, context: &mut Context<'_>) -> Option<Ended> {
        let link = self.link.clone();
        let mut guard = link.lock();
        let state = &mut *guard;
        if state.driver.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
            state.driver = Some(context.waker().clone());
        }
        loop {
            let now = link.clock.now();
            let connection = state.connection.as_mut()?;
            let mut events = connection.process(now, &mut self.input, &mut state.out);
            let mut failed = None;
            while let Some(event) = events.next() {
                match event {
                    Ok((event, connection, out)) => {
                        state.last_activity = now;
                        let mut locked = Locked { connection, out, now, channels: &mut state.channels };
                        handle(event, &mut locked, &mut self.events, &mut self.opened);
                    }
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            if let Some(error) = failed {
                // The peer is told why, as far as it listens.
                let _ = link.io.poll_write(context, &state.out);
                let _ = link.io.poll_flush(context);
                return Some(Ended::Protocol(error));
            }
            if state.closing
                && let Some(connection) = state.connection.take()
            {
                connection.disconnect(DisconnectReason::ByApplication, "closed", &mut state.out);
                let _ = link.io.poll_write(context, &state.out);
                let _ = link.io.poll_flush(context);
                return Some(Ended::Closed);
            }
            if state.out.is_empty() {
                let _ = link.io.poll_flush(context);
                return None;
            }
            match link.io.poll_write(context, &state.out) {
                // What has been written makes room: more input may be processed, more data sent.
                Poll::Ready(Ok(written)) => drop_front(&mut state.out, written),
                Poll::Ready(Err(error)) => return Some(Ended::Lost(Arc::new(error))),
                Poll::Pending => return None,
            }
        }
    }

    /// Wakes up when something is due. `Ready(None)` asks for another round.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<Option<Ended>> {
        let link = self.link.clone();
        loop {
            let (due, now) = {
                let state = link.lock();
                let idle = self.idle.filter(|_| state.channels.is_empty());
                let idle = idle.map(|idle| state.last_activity.plus(idle));
                let Some(connection) = &state.connection else { return Poll::Pending };
                let due = match (connection.poll_timeout(), idle) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                (due, link.clock.now())
            };
            let Some(due) = due else { return Poll::Pending };
            if due <= now {
                return Poll::Ready(self.timeout(now));
            }
            if self.armed != Some(due) {
                self.timer.as_mut().reset(link.clock.at(due));
                self.armed = Some(due);
            }
            std::task::ready!(self.timer.as_mut().poll(context));
            self.armed = None;
        }
    }

    fn timeout(&self, now: Instant) -> Option<Ended> {
        let mut guard = self.link.lock();
        let state = &mut *guard;
        if let Some(idle) = self.idle
            && state.channels.is_empty()
            && now >= state.last_activity.plus(idle)
        {
            state.closing = true;
            return None;
        }
        let connection = state.connection.as_mut()?;
        connection.handle_timeout(now, &mut state.out).err().map(|error| {
            let _ = self.link.io.try_write(&state.out);
            Ended::Protocol(error)
        })
    }
}

/// What every side does with its channels; the rest is for the side.
fn handle<S: Side, E: Events<S>>(
    event: ssh_proto::Event<'_, S>,
    locked: &mut Locked<'_, S>,
    events: &mut E,
    opened: &mut Vec<(Opening, ChannelId)>,
) {
    use ssh_proto::Event;
    match event {
        Event::Data { channel, stream, data } => match (locked.channels.get_mut(&channel), stream) {
            (Some(state), Stream::Stderr) => state.stderr.push(data),
            (Some(state), _) => state.data.push(data),
            // The channel was dropped here, and its CLOSE is under way.
            (None, _) => {}
        },
        Event::Opened(id) => {
            if let Some(opening) = locked.channels.get_mut(&id).and_then(|state| state.opening.take()) {
                opened.push((opening, id));
            }
        }
        Event::OpenFailed { channel, reason, description } => {
            if let Some(mut state) = locked.channels.remove(&channel)
                && let Some(opening) = state.opening.take()
            {
                let _ = opening.send(Err(Refusal { reason, description }));
            }
        }
        Event::Reply { channel, request, outcome } => {
            if let Some(state) = locked.channels.get_mut(&channel)
                && let Some(index) = state.replies.iter().position(|(id, _)| *id == request)
            {
                let _ = state.replies.swap_remove(index).1.send(outcome);
            }
        }
        Event::Writable(id) => {
            if let Some(state) = locked.channels.get_mut(&id) {
                wake(&mut state.writer);
            }
        }
        Event::Eof(id) => {
            if let Some(state) = locked.channels.get_mut(&id) {
                state.eof = true;
                wake(&mut state.data.reader);
                wake(&mut state.stderr.reader);
            }
        }
        Event::Closed(id) => {
            match locked.channels.get_mut(&id) {
                Some(state) if state.held => state.close(),
                _ => drop(locked.channels.remove(&id)),
            }
            events.closed(id);
        }
        Event::Request { channel, request: ChannelRequest::ExitStatus(status), ticket } => {
            set_exit(locked, channel, Exit::Status(status));
            let _ = locked.connection.reply(ticket, Outcome::Success, locked.now, locked.out);
        }
        Event::Request { channel, request: ChannelRequest::ExitSignal(signal), ticket } => {
            let message = String::from_utf8_lossy(signal.message).chars().filter(|c| !c.is_control()).collect();
            set_exit(locked, channel, Exit::Signal(signal.name.to_owned(), message));
            let _ = locked.connection.reply(ticket, Outcome::Success, locked.now, locked.out);
        }
        event => events.event(event, locked),
    }
}

fn set_exit<S: Side>(locked: &mut Locked<'_, S>, id: ChannelId, exit: Exit) {
    if let Some(state) = locked.channels.get_mut(&id) {
        state.exit = Some(exit);
        wake(&mut state.exit_waiter);
    }
}
