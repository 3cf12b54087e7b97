//! The one task of a connection: reads, processes, writes, sleeps until something is due, and says good-bye.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ssh_proto::io::InputBuffer;
use ssh_proto::time::Instant;
use ssh_proto::{ChannelId, ChannelRequest, Error, Event, Outcome, Side};
use tokio::time::Sleep;

use crate::buffer::ReadBuffer;
use crate::channel::Channel;
use crate::channel_state::{Opening, Refusal};
use crate::ended::{Ended, Exit};
use crate::link::{Events, Link, Locked};

/// Drives a connection to its end, and then for as long as it takes to leave.
pub(crate) struct Driver<S: Side, E> {
    link: Arc<Link<S>>,
    input: ReadBuffer,
    events: E,
    timer: Pin<Box<Sleep>>,
    end_of_input: bool,
    /// The stream takes no more. What the peer sent before that still counts: it may say why.
    broken: Option<io::Error>,
    /// Channels that opened, for those who wait for them. They are told when nothing is locked.
    opened: Vec<(Opening, ChannelId)>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// The connection has ended. What was sent before is still being written, and then the reason.
    Writing,
    /// Everything is written; the peer closes too. Were the stream closed at once, with input in it that nobody has
    /// read, some systems would take back what was written last.
    Lingering,
    Gone,
}

/// Reads in a row before other tasks get their turn.
const ROUNDS: usize = 32;
/// How long a peer may take to read what was sent before a good-bye.
const CLOSING: Duration = Duration::from_secs(30);
/// How long a peer may take to read why it is left, and to close.
const LINGERING: Duration = Duration::from_secs(1);

impl<S: Side, E> Unpin for Driver<S, E> {}

impl<S: Side, E: Events<S>> Future for Driver<S, E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.stage == Stage::Running {
            let ended = std::task::ready!(this.run(context));
            this.events.unlocked(&this.link);
            this.end(ended);
        }
        std::task::ready!(this.leave(context));
        this.stage = Stage::Gone;
        this.link.set_gone();
        Poll::Ready(())
    }
}

impl<S: Side, E> Drop for Driver<S, E> {
    /// Whatever happened to the task, a handler's panic or the end of the runtime: nobody waits for it any more.
    fn drop(&mut self) {
        if self.stage != Stage::Gone {
            self.link.end(Ended::Closed);
            self.link.set_gone();
        }
    }
}

impl<S: Side, E: Events<S>> Driver<S, E> {
    pub(crate) fn new(link: Arc<Link<S>>, input: ReadBuffer, events: E) -> Self {
        Self {
            link,
            input,
            events,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            end_of_input: false,
            broken: None,
            opened: Vec::new(),
            stage: Stage::Running,
        }
    }

    fn run(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
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
                return Poll::Ready(lost(io::ErrorKind::UnexpectedEof.into()));
            }
            let spare = self.input.spare();
            let read = if spare.is_empty() {
                // The output is full: first the peer reads, and the stream wakes us.
                Poll::Pending
            } else {
                self.link.io.poll_read(context, spare)
            };
            match (read, self.broken.take()) {
                (Poll::Ready(Ok(0)), _) => self.end_of_input = true,
                (Poll::Ready(Ok(length)), broken) => {
                    self.input.advance(length);
                    self.broken = broken;
                }
                (Poll::Ready(Err(error)), _) | (Poll::Pending, Some(error)) => return Poll::Ready(lost(error)),
                (Poll::Pending, None) => {
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
        state.set_driver(context.waker());
        let mut closed = false;
        loop {
            let now = link.clock.now();
            let Some(connection) = &mut state.connection else { return Some(Ended::Closed) };
            let mut events = connection.process(now, &mut self.input, &mut state.output.fresh);
            while let Some(event) = events.next() {
                match event {
                    Ok((event, connection, out)) => {
                        state.last_activity = now;
                        let full = state.channels.len() >= state.bounds.channels;
                        let mut locked = Locked { connection, out, now, channels: &mut state.channels };
                        closed |= matches!(event, Event::Closed(_) | Event::OpenFailed { .. });
                        match event {
                            Event::Open { ticket, .. } if full => locked.refuse(ticket),
                            event => handle(event, &mut locked, &mut self.events, &mut self.opened),
                        }
                    }
                    Err(error) => return Some(Ended::Protocol(error)),
                }
            }
            if std::mem::take(&mut closed) {
                link.channel_went(state);
            }
            let Some(connection) = &state.connection else { return Some(Ended::Closed) };
            let is_busy = connection.is_rekeying() || state.holds > 0;
            if state.closing.is_some_and(|until| !is_busy || now >= until) {
                return Some(Ended::Closed);
            }
            if self.broken.is_some() {
                state.output.discard();
                return None;
            }
            if state.output.is_empty() {
                let _ = link.io.poll_flush(context);
                return None;
            }
            let waiting = state.output.fresh.len();
            match state.output.poll_write(|bytes| link.io.poll_write(context, bytes)) {
                // What has been written makes room: more input may be processed, more data sent.
                Poll::Ready(Ok(())) => {}
                Poll::Pending if state.output.fresh.len() < waiting => {}
                Poll::Pending => return None,
                Poll::Ready(Err(error)) => self.broken = Some(error),
            }
        }
    }

    /// Wakes up when something is due. `Ready(None)` asks for another round.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<Option<Ended>> {
        let link = self.link.clone();
        loop {
            let now = link.clock.now();
            let mut state = link.lock();
            let due = state.due();
            let armed = std::mem::replace(&mut state.armed, due);
            drop(state);
            let Some(due) = due else { return Poll::Pending };
            if due <= now {
                return Poll::Ready(self.timeout(now));
            }
            if armed != Some(due) {
                self.timer.as_mut().reset(link.clock.at(due));
            }
            std::task::ready!(self.timer.as_mut().poll(context));
            link.lock().armed = None;
        }
    }

    fn timeout(&self, now: Instant) -> Option<Ended> {
        let mut guard = self.link.lock();
        let state = &mut *guard;
        if state.idle_until().is_some_and(|until| now >= until) {
            state.begin_closing(now);
        }
        let connection = state.connection.as_mut()?;
        connection.handle_timeout(now, &mut state.output.fresh).err().map(Ended::Protocol)
    }

    /// Nobody can use the connection from now on; the peer is told why, unless it knows.
    fn end(&mut self, ended: Ended) {
        let patience = match &ended {
            Ended::Lost(_) | Ended::Protocol(Error::Disconnected(_)) => None,
            Ended::Protocol(_) => Some(LINGERING),
            Ended::Closed => Some(CLOSING),
        };
        self.stage = if patience.is_some() { Stage::Writing } else { Stage::Gone };
        self.wait(patience.unwrap_or_default());
        self.link.end(ended);
    }

    /// Leaves for this long at most.
    fn wait(&mut self, patience: Duration) {
        let until = self.link.clock.now().plus(patience);
        self.timer.as_mut().reset(self.link.clock.at(until));
    }

    /// Writes what there is, closes, and reads until the peer has closed too: all of it for a short time only.
    fn leave(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let link = self.link.clone();
        for _round in 0..ROUNDS {
            if self.stage == Stage::Writing && Self::write_last(&link, context).is_ready() {
                self.stage = Stage::Lingering;
                self.wait(LINGERING);
            }
            if self.stage == Stage::Gone || self.timer.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            // What comes is of no use any more. But a peer that cannot write may not read either.
            let all = self.input.filled().len();
            self.input.discard(all);
            match link.io.poll_read(context, self.input.spare()) {
                Poll::Ready(Ok(1..)) => {}
                // It may still read.
                Poll::Ready(_) if self.stage == Stage::Writing => return Self::write_last(&link, context),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    self.input.release();
                    return Poll::Pending;
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready when everything is written and the stream is closed, or nothing can be written any more.
    fn write_last(link: &Link<S>, context: &mut Context<'_>) -> Poll<()> {
        let written = link.lock().output.poll_write(|bytes| link.io.poll_write(context, bytes));
        if std::task::ready!(written).is_ok() && std::task::ready!(link.io.poll_flush(context)).is_ok() {
            let _ = std::task::ready!(link.io.poll_shut_down_writing(context));
        }
        Poll::Ready(())
    }
}

fn lost(error: io::Error) -> Ended {
    Ended::Lost(Arc::new(error))
}

/// What every side does with its channels; the rest is for the side.
fn handle<S: Side, E: Events<S>>(
    event: Event<'_, S>,
    locked: &mut Locked<'_, S>,
    events: &mut E,
    opened: &mut Vec<(Opening, ChannelId)>,
) {
    match event {
        Event::Data { channel, stream, data } => {
            // Without a state, the channel was dropped here, and its CLOSE is under way.
            if let Some(state) = locked.channels.get_mut(&channel) {
                state.push(stream, data);
            }
        }
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
                state.wake_writers();
            }
        }
        Event::Eof(id) => {
            if let Some(state) = locked.channels.get_mut(&id) {
                state.end_of_data();
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
        Event::Request { channel, request: ChannelRequest::EndOfWrite, ticket } => {
            // Who waits for room waits in vain.
            if let Some(state) = locked.channels.get_mut(&channel) {
                state.wake_writers();
            }
            locked.ask(channel, &ChannelRequest::EndOfWrite, ticket);
        }
        event => events.event(event, locked),
    }
}

fn set_exit<S: Side>(locked: &mut Locked<'_, S>, id: ChannelId, exit: Exit) {
    if let Some(state) = locked.channels.get_mut(&id) {
        state.exited(exit);
    }
}
