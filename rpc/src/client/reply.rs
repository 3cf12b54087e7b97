//! What is waited for: the answer to a request, and the end of a process.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::Error;
use super::caller::{Shared, Waiter, lock};
use super::machine::Key;
use crate::term::Term;

/// The answer to one request.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) shared: Arc<Mutex<Shared>>,
    pub(super) key: Key,
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
        if let Some(answer) = shared.answers.remove(&self.key) {
            shared.give_up(self.key, answer);
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
    pub(super) shared: Arc<Mutex<Shared>>,
    pub(super) key: Key,
}

impl Future for Cancelling {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut shared = lock(&self.shared);
        shared.waiters.wait(Waiter::Answer(self.key), context);
        shared.drive();
        if shared.machine.holds_cancelled() && !shared.ended {
            return Poll::Pending;
        }
        shared.waiters.forget(&Waiter::Answer(self.key));
        Poll::Ready(())
    }
}

/// The end of a process that is watched: its exit reason.
#[derive(Debug)]
pub(super) struct Down {
    pub(super) shared: Arc<Mutex<Shared>>,
    pub(super) key: Key,
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
            shared.waiters.forget(&Waiter::Answer(self.key));
            shared.drive();
        }
    }
}
