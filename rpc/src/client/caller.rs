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
use crate::call::{Call, CallError, CallId, Client as Machine, ClientConfig};
use crate::term::Term;

/// A channel that carries calls.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    shared: Arc<Mutex<Shared>>,
}

/// Who waits: the channel wakes them all, each once.
#[derive(Debug, Default)]
struct Waiters(Mutex<BTreeMap<CallId, Waker>>);

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<CallId, Waker>> {
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
    answers: BTreeMap<CallId, Option<Result<Term, CallError>>>,
    waiters: Arc<Waiters>,
    /// `waiters`, as the channel has it.
    waker: Waker,
    broken: Option<Arc<io::Error>>,
    ended: bool,
}

impl Caller {
    pub(super) fn new(channel: Channel, config: ClientConfig) -> Self {
        let waiters = Arc::new(Waiters::default());
        let shared = Shared {
            channel,
            machine: Machine::new(config),
            unsent: Vec::new(),
            sent: 0,
            answers: BTreeMap::new(),
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

    /// Puts a request on its way; the future waits for the answer. Dropped, it gives up.
    pub(super) fn call(&self, call: &Call) -> Result<Reply, Error> {
        let mut guard = lock(&self.shared);
        let shared = &mut *guard;
        let id = shared.machine.call(call, &mut shared.unsent).map_err(Error::NotSent)?;
        shared.answers.insert(id, None);
        drop(guard);
        Ok(Reply { shared: self.shared.clone(), id })
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
    id: CallId,
}

impl Future for Reply {
    type Output = Result<Term, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut shared = lock(&self.shared);
        if let Some(None) = shared.answers.get(&self.id) {
            shared.waiters.lock().insert(self.id, context.waker().clone());
            shared.drive();
        }
        let answer = match shared.answers.get_mut(&self.id) {
            Some(None) => return Poll::Pending,
            Some(answer) => answer.take().unwrap_or(Err(CallError::Lost)),
            None => Err(CallError::Lost),
        };
        shared.answers.remove(&self.id);
        shared.waiters.lock().remove(&self.id);
        let broken = shared.broken.clone();
        drop(shared);
        Poll::Ready(answer.map_err(|error| match (error, broken) {
            (CallError::Lost, Some(broken)) => Error::Io(io::Error::new(broken.kind(), broken)),
            (error, _) => Error::Call(error),
        }))
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        if shared.answers.remove(&self.id).is_some() {
            shared.machine.give_up(self.id);
            shared.waiters.lock().remove(&self.id);
        }
    }
}

impl Shared {
    /// Writes and reads as far as the channel goes now, and wakes those whose answers came.
    fn drive(&mut self) {
        if let Err(error) = self.try_drive() {
            self.broken = Some(Arc::new(error));
            self.end();
        }
        while let Some((id, answer)) = self.machine.next_reply() {
            if let Some(slot) = self.answers.get_mut(&id) {
                *slot = Some(answer);
                if let Some(waiter) = self.waiters.lock().remove(&id) {
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
        while let Some(rest) = self.unsent.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.channel).poll_write(&mut context, rest)? {
                Poll::Ready(written) => self.sent += written,
                Poll::Pending => break,
            }
        }
        if self.sent == self.unsent.len() {
            self.sent = 0;
            self.unsent.clear();
            // A long request is no reason to keep as much room for the next one.
            self.unsent.shrink_to(KEPT);
        }
        loop {
            match self.channel.poll_chunk(&mut context)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(chunk) if chunk.is_empty() => {
                    self.end();
                    return Ok(());
                }
                Poll::Ready(chunk) => {
                    self.machine.receive(&chunk).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?
                }
            }
        }
    }

    /// No answer will come any more: each call that waits is lost, once.
    fn end(&mut self) {
        self.ended = true;
        let _ = self.machine.end();
    }
}
