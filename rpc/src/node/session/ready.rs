//! Who of many has something to do, so that nobody else is asked.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// The keys of those who have something to do, in the order in which they said so, each once.
#[derive(Debug)]
pub(super) struct Ready<K>(Arc<Queue<K>>);

#[derive(Debug)]
struct Queue<K>(Mutex<State<K>>);

#[derive(Debug)]
struct State<K> {
    order: VecDeque<K>,
    known: BTreeSet<K>,
    waiter: Option<Waker>,
}

impl<K: Clone + Ord + Send + Sync + 'static> Ready<K> {
    pub(super) fn new() -> Self {
        let state = State { order: VecDeque::new(), known: BTreeSet::new(), waiter: None };
        Self(Arc::new(Queue(Mutex::new(state))))
    }

    /// This one has something to do.
    pub(super) fn tell(&self, key: K) {
        self.0.tell(key);
    }

    /// Woken, it says that this one has something to do.
    pub(super) fn waker(&self, key: K) -> Waker {
        Waker::from(Arc::new(Teller { queue: self.0.clone(), key }))
    }

    /// The next one.
    pub(super) fn next(&self) -> Option<K> {
        self.0.state().next()
    }

    /// Whether there is one; otherwise the task is woken when there is.
    pub(super) fn poll(&self, task: &Context<'_>) -> Poll<()> {
        let mut state = self.0.state();
        if !state.order.is_empty() {
            return Poll::Ready(());
        }
        state.waiter = Some(task.waker().clone());
        Poll::Pending
    }
}

impl<K: Clone + Ord> State<K> {
    fn next(&mut self) -> Option<K> {
        let key = self.order.pop_front()?;
        self.known.remove(&key);
        Some(key)
    }
}

impl<K: Clone + Ord> Queue<K> {
    /// Nothing panics with the lock held.
    fn state(&self) -> MutexGuard<'_, State<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, key: K) {
        let mut state = self.state();
        if state.known.insert(key.clone()) {
            state.order.push_back(key);
        }
        let waiter = state.waiter.take();
        drop(state);
        waiter.into_iter().for_each(Waker::wake);
    }
}

struct Teller<K> {
    queue: Arc<Queue<K>>,
    key: K,
}

impl<K: Clone + Ord + Send + Sync> Wake for Teller<K> {
    fn wake(self: Arc<Self>) {
        self.queue.tell(self.key.clone());
    }
}
