//! Overlapping calls on one channel, without a task of their own.
//!
//! Whoever waits for an answer moves the channel: the future that is polled reads for everybody. The channel wakes all who
//! wait, because any one of them may be held without being polled. No answer takes a detour through a task that only reads.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use ssh_transport::Channel;
use tokio::io::AsyncWrite;

use super::Error;
use super::machine::{Event, Key, Machine};
use crate::call::{Call, CallError, CallNotSent};
use crate::extended::{CallOptions, Destination, Request};
use crate::term::Term;

/// A channel that carries calls.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    shared: Arc<Mutex<Shared>>,
}

/// Who waits: the channel wakes them all, each once.
#[derive(Debug, Default)]
struct Waiters(Mutex<BTreeMap<Key, Waker>>);

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Waker>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        let waiters = std::mem::take(&mut *self.lock());
        waiters.into_values().for_each(Waker::wake);
    }
}

#[derive(Debug)]
struct Shared {
    channel: Channel,
    machine: Machine,
    unsent: Vec<u8>,
    /// How much of `unsent` has been sent.
    sent: usize,
    /// Calls whose answers somebody waits for, and the answers that are there.
    answers: BTreeMap<Key, Option<Result<Term, CallError>>>,
    /// Processes that somebody watches, and why they ended.
    downs: BTreeMap<Key, Option<Result<Term, CallError>>>,
    waiters: Arc<Waiters>,
    /// `waiters`, as the channel has it.
    waker: Waker,
    broken: Option<Arc<io::Error>>,
    ended: bool,
}

impl Caller {
    pub(super) fn new(channel: Channel, machine: Machine) -> Self {
        let waiters = Arc::new(Waiters::default());
        let shared = Shared {
            channel,
            machine,
            unsent: Vec::new(),
            sent: 0,
            answers: BTreeMap::new(),
            downs: BTreeMap::new(),
            waker: Waker::from(waiters.clone()),
            waiters,
            broken: None,
            ended: false,
        };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    /// Whether calls can go this way: the channel has not ended.
    pub(super) fn is_open(&self) -> bool {
        !lock(&self.shared).ended
    }

    /// Puts a call on its way; the future waits for the answer. Dropped, it gives up, and the call is stopped where the node
    /// can do that.
    pub(super) fn call(&self, call: &Call, options: CallOptions) -> Result<Reply, Error> {
        self.ask(|machine, out| machine.call(call, options, out))
    }

    /// Asks for something else than a call.
    pub(super) fn request(&self, request: Request) -> Result<Reply, Error> {
        self.ask(|machine, _out| machine.request(request))
    }

    /// Watches a process: the first future waits until it is watched, the second until it has ended.
    pub(super) fn monitor(&self, of: Destination) -> Result<(Reply, Down), Error> {
        let reply = self.ask(|machine, _out| machine.request(Request::Monitor { of }))?;
        let key = reply.key;
        lock(&self.shared).downs.insert(key, None);
        Ok((reply, Down { shared: self.shared.clone(), key }))
    }

    fn ask(&self, ask: impl FnOnce(&mut Machine, &mut Vec<u8>) -> Result<Key, CallNotSent>) -> Result<Reply, Error> {
        let mut guard = lock(&self.shared);
        let shared = &mut *guard;
        let key = ask(&mut shared.machine, &mut shared.unsent).map_err(Error::NotSent)?;
        shared.answers.insert(key, None);
        // What is answered here is known at once; the rest goes when somebody waits.
        shared.take_events();
        drop(guard);
        Ok(Reply { shared: self.shared.clone(), key })
    }
}

/// The room that is kept for requests between two of them.
const KEPT: usize = 32 * 1024;

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The answer to one call.
#[derive(Debug)]
pub(super) struct Reply {
    shared: Arc<Mutex<Shared>>,
    key: Key,
}

impl Future for Reply {
    type Output = Result<Term, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        lock(&self.shared).poll(self.key, |shared| &mut shared.answers, context)
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        if shared.answers.remove(&self.key).is_some() {
            shared.machine.give_up(self.key);
            shared.downs.remove(&self.key);
            shared.waiters.lock().remove(&self.key);
            shared.drive();
            let waits = shared.machine.holds_cancelled();
            drop(shared);
            if let (true, Ok(runtime)) = (waits, tokio::runtime::Handle::try_current()) {
                runtime.spawn(Cancelling { shared: self.shared.clone(), key: self.key });
            }
        }
    }
}

/// Moves the channel until the node knows of the calls that nobody waits for any more.
struct Cancelling {
    shared: Arc<Mutex<Shared>>,
    key: Key,
}

impl Future for Cancelling {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut shared = lock(&self.shared);
        shared.waiters.lock().insert(self.key, context.waker().clone());
        shared.drive();
        if shared.machine.holds_cancelled() && !shared.ended {
            return Poll::Pending;
        }
        shared.waiters.lock().remove(&self.key);
        Poll::Ready(())
    }
}

/// The end of a process that is watched: its exit reason.
#[derive(Debug)]
pub(super) struct Down {
    shared: Arc<Mutex<Shared>>,
    key: Key,
}

impl Future for Down {
    type Output = Result<Term, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        lock(&self.shared).poll(self.key, |shared| &mut shared.downs, context)
    }
}

impl Drop for Down {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        if shared.downs.remove(&self.key).is_some() {
            shared.machine.demonitor(self.key);
            shared.waiters.lock().remove(&self.key);
            shared.drive();
        }
    }
}

type Awaited = BTreeMap<Key, Option<Result<Term, CallError>>>;

impl Shared {
    /// Waits for what one of the two tables will have.
    fn poll(
        &mut self,
        key: Key,
        table: impl Fn(&mut Self) -> &mut Awaited,
        context: &Context<'_>,
    ) -> Poll<Result<Term, Error>> {
        if let Some(None) = table(self).get(&key) {
            self.waiters.lock().insert(key, context.waker().clone());
            self.drive();
        }
        let answer = match table(self).get_mut(&key) {
            Some(None) => return Poll::Pending,
            Some(answer) => answer.take().unwrap_or(Err(CallError::Lost)),
            None => Err(CallError::Lost),
        };
        table(self).remove(&key);
        self.waiters.lock().remove(&key);
        Poll::Ready(answer.map_err(|error| match (error, &self.broken) {
            (CallError::Lost, Some(broken)) => Error::Io(io::Error::new(broken.kind(), broken.clone())),
            (error, _) => Error::Call(error),
        }))
    }

    /// Writes and reads as far as the channel goes now, and wakes those whose answers came.
    fn drive(&mut self) {
        if let Err(error) = self.try_drive() {
            self.broken = Some(Arc::new(error));
            self.end();
        }
        self.take_events();
    }

    fn take_events(&mut self) {
        while let Some(event) = self.machine.next_event() {
            let (key, answer, table) = match event {
                Event::Answer(key, answer) => (key, answer, &mut self.answers),
                Event::Down(key, reason) => (key, reason, &mut self.downs),
            };
            if let Some(slot) = table.get_mut(&key) {
                *slot = Some(answer);
                if let Some(waiter) = self.waiters.lock().remove(&key) {
                    waiter.wake();
                }
            }
        }
    }

    fn try_drive(&mut self) -> io::Result<()> {
        if self.ended {
            self.end();
            return Ok(());
        }
        let waker = self.waker.clone();
        let mut context = Context::from_waker(&waker);
        loop {
            self.write(&mut context)?;
            match self.channel.poll_chunk(&mut context)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(chunk) if chunk.is_empty() => {
                    self.end();
                    return Ok(());
                }
                Poll::Ready(chunk) => self.machine.receive(&chunk)?,
            }
        }
    }

    fn write(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            if self.sent == self.unsent.len() {
                self.sent = 0;
                self.unsent.clear();
                // A long request is no reason to keep as much room for the next one.
                self.unsent.shrink_to(KEPT);
                self.machine.fill(&mut self.unsent);
            }
            let rest = self.unsent.get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            match Pin::new(&mut self.channel).poll_write(context, rest)? {
                Poll::Ready(written) => self.sent += written,
                Poll::Pending => return Ok(()),
            }
        }
    }

    /// No answer will come any more: each call that waits is lost, once.
    fn end(&mut self) {
        self.ended = true;
        self.machine.end();
    }
}
