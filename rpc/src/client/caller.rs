//! Overlapping calls on one channel, without a task of their own.
//!
//! Whoever waits for an answer moves the channel: the future that was polled last reads for everybody, and hands over to
//! another when it ends. No answer takes a detour through a task that only reads.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

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

#[derive(Debug)]
struct Shared {
    channel: Channel,
    machine: Machine,
    unsent: Vec<u8>,
    waiting: BTreeMap<CallId, Waiting>,
    broken: Option<Arc<io::Error>>,
    ended: bool,
}

#[derive(Debug)]
enum Waiting {
    /// Nobody has polled for it yet, or has since the last wake-up.
    Silent,
    For(Waker),
    Answered(Result<Term, CallError>),
}

impl Caller {
    pub(super) fn new(channel: Channel, config: ClientConfig) -> Self {
        let shared = Shared {
            channel,
            machine: Machine::new(config),
            unsent: Vec::new(),
            waiting: BTreeMap::new(),
            broken: None,
            ended: false,
        };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    /// Puts a request on its way; the future waits for the answer. Dropped, it gives up.
    pub(super) fn call(&self, call: &Call) -> Result<Reply, Error> {
        let mut guard = lock(&self.shared);
        let shared = &mut *guard;
        let id = shared.machine.call(call, &mut shared.unsent).map_err(Error::NotSent)?;
        shared.waiting.insert(id, Waiting::Silent);
        drop(guard);
        Ok(Reply { shared: self.shared.clone(), id })
    }
}

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
        if !matches!(shared.waiting.get(&self.id), Some(Waiting::Answered(_))) {
            shared.drive(context);
        }
        match shared.waiting.get_mut(&self.id) {
            Some(Waiting::Answered(_)) => {}
            Some(waiting) => {
                *waiting = Waiting::For(context.waker().clone());
                return Poll::Pending;
            }
            None => return Poll::Ready(Err(Error::Call(CallError::Lost))),
        }
        let Some(Waiting::Answered(answer)) = shared.waiting.remove(&self.id) else {
            return Poll::Ready(Err(Error::Call(CallError::Lost)));
        };
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
        if shared.waiting.remove(&self.id).is_some() {
            shared.machine.give_up(self.id);
        }
        // This one may have been the one that reads: another takes over.
        if let Some(waiting) = shared.waiting.values_mut().find(|waiting| matches!(waiting, Waiting::For(_)))
            && let Waiting::For(waker) = std::mem::replace(waiting, Waiting::Silent)
        {
            waker.wake();
        }
    }
}

impl Shared {
    /// Writes and reads as far as the channel goes now, and wakes those whose answers came.
    fn drive(&mut self, context: &mut Context<'_>) {
        if let Err(error) = self.try_drive(context) {
            self.broken = Some(Arc::new(error));
            self.end();
        }
        while let Some((id, answer)) = self.machine.next_reply() {
            if let Some(waiting) = self.waiting.get_mut(&id)
                && let Waiting::For(waker) = std::mem::replace(waiting, Waiting::Answered(answer))
            {
                waker.wake();
            }
        }
    }

    fn try_drive(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.ended {
            self.end();
            return Ok(());
        }
        while !self.unsent.is_empty() {
            match Pin::new(&mut self.channel).poll_write(context, &self.unsent)? {
                Poll::Ready(written) => drop(self.unsent.drain(..written)),
                Poll::Pending => break,
            }
        }
        loop {
            match self.channel.poll_chunk(context)? {
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
