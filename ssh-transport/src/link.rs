//! A connection after login: its state behind a mutex, and the one task that drives it.
//!
//! The mutex is held for one `process` or one `send`. A caller that sends seals its own bytes and writes them when the
//! socket takes them at once; only the driver ever waits for the socket.

mod channel_ops;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use ssh_proto::time::Instant;
use ssh_proto::{
    ChannelId, ChannelRequest, Connection, DisconnectReason, OpenFailureReason, OpenTicket, Outcome, ReplyTicket, Side,
};
use tokio::sync::{Notify, oneshot};

pub(crate) use self::channel_ops::ChannelOps;
use crate::buffer::ReadBuffer;
use crate::channel::Channel;
use crate::channel_state::{ChannelState, Refusal, wake};
use crate::clock::Clock;
use crate::driver::Driver;
use crate::ended::Ended;
use crate::io::Io;
use crate::output::Output;

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
    pub(crate) io: Io,
    pub(crate) clock: Clock,
    state: Mutex<State<S>>,
    /// Told when the last channel goes, and when the connection has left.
    changed: Notify,
}

/// What the adapter bounds by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Channels that may be in use here. The core has forgotten those that are closed; whoever has one still holds what came
    /// on it.
    pub(crate) channels: usize,
    /// A connection without channels is closed after this time.
    pub(crate) idle: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct State<S: Side> {
    /// `None` once the connection has ended.
    pub(crate) connection: Option<Connection<S>>,
    pub(crate) output: Output,
    pub(crate) channels: BTreeMap<ChannelId, ChannelState>,
    pub(crate) last_activity: Instant,
    pub(crate) bounds: Bounds,
    /// Nobody wants anything any more: the driver says good-bye, at the latest then.
    pub(crate) closing: Option<Instant>,
    /// How many [`Hold`]s there are.
    pub(crate) holds: usize,
    ended: Option<Ended>,
    /// The stream is closed too.
    gone: bool,
    /// Wakes the driver: there is output that only it can write, or something is due earlier than it thinks.
    driver: Option<Waker>,
    /// When the driver wakes up by itself.
    pub(crate) armed: Option<Instant>,
}

impl<S: Side> State<S> {
    pub(crate) fn set_driver(&mut self, waker: &Waker) {
        if self.driver.as_ref().is_none_or(|driver| !driver.will_wake(waker)) {
            self.driver = Some(waker.clone());
        }
    }

    /// Channels that are open, or being opened.
    fn has_channels(&self) -> bool {
        self.channels.values().any(|channel| !channel.closed)
    }

    /// When the connection will have been idle for too long.
    pub(crate) fn idle_until(&self) -> Option<Instant> {
        let idle = self.bounds.idle.filter(|_| self.closing.is_none() && !self.has_channels())?;
        Some(self.last_activity.plus(idle))
    }

    /// When something is to be done, at the latest.
    pub(crate) fn due(&self) -> Option<Instant> {
        let due = self.connection.as_ref()?.poll_timeout();
        [due, self.idle_until(), self.closing].into_iter().flatten().min()
    }

    /// Says good-bye when what had to wait for a key exchange has been sent and nobody [holds](Link::hold) the connection; the
    /// peer cannot put that off for ever.
    pub(crate) fn begin_closing(&mut self, now: Instant) {
        /// How long what is under way may still take.
        const PATIENCE: Duration = Duration::from_secs(5);
        self.closing.get_or_insert_with(|| now.plus(PATIENCE));
    }

    /// Whether something is due before the driver wakes up.
    fn is_due_earlier(&self) -> bool {
        self.due().is_some_and(|due| self.armed.is_none_or(|armed| due < armed))
    }
}

/// The state, locked, with everything that a call into the core needs.
pub(crate) struct Locked<'a, S: Side> {
    pub(crate) connection: &'a mut Connection<S>,
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) now: Instant,
    pub(crate) channels: &'a mut BTreeMap<ChannelId, ChannelState>,
}

impl<S: Side> Locked<'_, S> {
    /// Makes room for a channel that was accepted. Nobody holds it yet.
    pub(crate) fn add_channel(&mut self, id: ChannelId) {
        self.channels.insert(id, ChannelState::default());
    }

    /// The peer asks something of a channel on which a program may run: whoever has the channel is told.
    pub(crate) fn ask(&mut self, id: ChannelId, request: &ChannelRequest<'_>, ticket: ReplyTicket) {
        let refused = match self.channels.get_mut(&id).filter(|state| state.held) {
            Some(state) => state.requests.push(request, ticket).err(),
            None => Some(ticket),
        };
        if let Some(ticket) = refused {
            let _ = self.connection.reply(ticket, Outcome::Failure, self.now, self.out);
        }
    }

    /// The peer wants one more channel than there may be.
    pub(crate) fn refuse(&mut self, ticket: OpenTicket) {
        let reason = OpenFailureReason::RESOURCE_SHORTAGE;
        let _ = self.connection.reject(ticket, reason, "too many channels are in use", self.now, self.out);
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
        (input, output): (ReadBuffer, Output),
        events: impl Events<S>,
        bounds: Bounds,
    ) -> Arc<Self> {
        let state = State {
            connection: Some(connection),
            output,
            channels: BTreeMap::new(),
            last_activity: clock.now(),
            bounds,
            closing: None,
            holds: 0,
            ended: None,
            gone: false,
            driver: None,
            armed: None,
        };
        let link = Arc::new(Self { io, clock, state: Mutex::new(state), changed: Notify::new() });
        tokio::spawn(Driver::new(link.clone(), input, events));
        link
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State<S>> {
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
        let out = &mut state.output.fresh;
        let result = call(&mut Locked { connection, out, now, channels: &mut state.channels });
        state.last_activity = now;
        self.write_at_once(state);
        Ok(result)
    }

    /// Writes what the socket takes; the rest is the driver's.
    fn write_at_once(&self, state: &mut State<S>) {
        let written = state.output.poll_write(|bytes| match self.io.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        });
        if !matches!(written, Poll::Ready(Ok(()))) || state.is_due_earlier() {
            wake(&mut state.driver);
        }
    }

    /// Opens a channel, and waits for the peer's answer.
    pub(crate) async fn open(&self, open: S::Open<'_>) -> Result<Channel, OpenFailed> {
        let (sender, answer) = oneshot::channel();
        let asked = self.with(|locked| {
            let id = locked.connection.open(open, locked.now, locked.out).map_err(OpenFailed::Here)?;
            locked.channels.insert(id, ChannelState::opening(sender));
            Ok(())
        });
        asked.map_err(OpenFailed::Ended)??;
        match answer.await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(refusal)) => Err(OpenFailed::Refused(refusal)),
            Err(_ended) => Err(OpenFailed::Ended(self.ended())),
        }
    }

    pub(crate) fn ended(&self) -> Ended {
        self.lock().ended.clone().unwrap_or(Ended::Closed)
    }

    /// Says good-bye once everything that was sent is written.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.begin_closing(self.clock.now());
        wake(&mut state.driver);
    }

    /// Has a good-bye wait until this is dropped, for as long as it would wait for a key exchange.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold<S> {
        self.lock().holds += 1;
        Hold { link: self.clone() }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().connection.is_none()
    }

    /// Nobody can use the connection from now on.
    pub(crate) fn end(&self, ended: Ended) {
        let mut guard = self.lock();
        let state = &mut *guard;
        if let Some(connection) = state.connection.take()
            && matches!(ended, Ended::Closed)
        {
            connection.disconnect(DisconnectReason::ByApplication, "closed", &mut state.output.fresh);
        }
        state.ended.get_or_insert(ended);
        state.channels.values_mut().for_each(ChannelState::give_up);
        self.changed.notify_waiters();
    }

    /// The stream is closed.
    pub(crate) fn set_gone(&self) {
        self.io.shut_down();
        self.lock().gone = true;
        self.changed.notify_waiters();
    }

    /// Waits until the connection has left: everything is written that will ever be, and the stream is closed.
    pub(crate) async fn gone(&self) {
        self.wait_until(|state| state.gone).await;
    }

    /// Waits until no channel is open.
    pub(crate) async fn without_channels(&self) {
        self.wait_until(|state| state.connection.is_none() || !state.has_channels()).await;
    }

    async fn wait_until(&self, holds: impl Fn(&State<S>) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if holds(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// A channel went: perhaps nothing keeps the connection busy any more.
    pub(crate) fn channel_went(&self, state: &mut State<S>) {
        if !state.has_channels() {
            self.changed.notify_waiters();
            wake(&mut state.driver);
        }
    }
}

/// Somebody has still something to do with a connection.
#[derive(Debug)]
pub(crate) struct Hold<S: Side> {
    link: Arc<Link<S>>,
}

impl<S: Side> Drop for Hold<S> {
    fn drop(&mut self) {
        let mut state = self.link.lock();
        state.holds -= 1;
        wake(&mut state.driver);
    }
}

/// Why a channel was not opened.
#[derive(Debug)]
pub(crate) enum OpenFailed {
    Here(ssh_proto::OpenError),
    Refused(Refusal),
    Ended(Ended),
}
