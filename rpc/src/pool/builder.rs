//! How a pool is made.

use core::fmt;
use core::future::Future;
use core::num::NonZeroUsize;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::balance::Balance;
use super::member::{Dial, Member};
use super::{Pool, Shared};
use crate::client::{Client, ConnectError};
use crate::term::Atom;

/// What a pool will be.
#[must_use = "a pool exists once it is built"]
pub struct PoolBuilder {
    nodes: Vec<(Atom, Arc<Dial>)>,
    connections: NonZeroUsize,
    balance: Balance,
    wait: Duration,
    retry: Backoff,
    keeping: Keeping,
}

/// How connections are kept up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeping {
    pub(super) connect_timeout: Duration,
    pub(super) ping_interval: Duration,
    pub(super) ping_timeout: Duration,
    pub(super) reconnect: Backoff,
}

/// Times that double from one to the next, up to a longest one, each with a random part of the shortest one on top.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    shortest: Duration,
    longest: Duration,
}

impl BackoffBuilder for Backoff {
    type Backoff = ExponentialBackoff;

    fn build(self) -> ExponentialBackoff {
        let Self { shortest, longest } = self;
        let backoff = ExponentialBuilder::new().with_jitter().without_max_times();
        backoff.with_min_delay(shortest).with_max_delay(longest.max(shortest)).build()
    }
}

impl PoolBuilder {
    pub(super) fn new() -> Self {
        let keeping = Keeping {
            connect_timeout: Duration::from_secs(30),
            ping_interval: Duration::from_secs(15),
            ping_timeout: Duration::from_secs(10),
            reconnect: Backoff { shortest: Duration::from_millis(100), longest: Duration::from_secs(30) },
        };
        Self {
            nodes: Vec::new(),
            connections: NonZeroUsize::MIN,
            balance: Balance::default(),
            wait: Duration::ZERO,
            retry: Backoff { shortest: Duration::from_millis(20), longest: Duration::from_secs(1) },
            keeping,
        }
    }

    /// One more node, under this name, to which `dial` makes connections: the first one, and each that follows one that
    /// broke.
    pub fn node<W>(mut self, name: Atom, dial: impl Fn() -> W + Send + Sync + 'static) -> Self
    where
        W: Future<Output = Result<Client, ConnectError>> + Send + 'static,
    {
        self.nodes.push((name, Arc::new(move || Box::pin(dial()))));
        self
    }

    /// So many connections to each node; one, unless it is said.
    pub const fn connections(mut self, each: NonZeroUsize) -> Self {
        self.connections = each;
        self
    }

    /// How requests that may go anywhere are shared: to the connection with the fewest under way, unless it is said.
    pub const fn balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// Requests wait so long for a connection when none is up. They fail at once, unless it is said.
    pub const fn wait(mut self, time: Duration) -> Self {
        self.wait = time;
        self
    }

    /// A connection that breaks is made again after this time, then after twice that, and so on up to the longest one, each with
    /// a random part on top: 0.1 to 30 seconds, unless it is said.
    pub const fn reconnect(mut self, shortest: Duration, longest: Duration) -> Self {
        self.keeping.reconnect = Backoff { shortest, longest };
        self
    }

    /// What is idempotent is sent again after such times: 20 milliseconds to one second, unless it is said.
    pub const fn retry(mut self, shortest: Duration, longest: Duration) -> Self {
        self.retry = Backoff { shortest, longest };
        self
    }

    /// A connection on which nothing was answered for `interval` is asked for a sign of life, and is broken when there is none
    /// within `timeout`: 15 and 10 seconds, unless it is said.
    pub const fn ping(mut self, interval: Duration, timeout: Duration) -> Self {
        (self.keeping.ping_interval, self.keeping.ping_timeout) = (interval, timeout);
        self
    }

    /// A connection that is not made in this time is given up: 30 seconds, unless it is said.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.keeping.connect_timeout = timeout;
        self
    }

    /// Begins to connect.
    ///
    /// # Panics
    /// Outside a runtime of tokio's.
    #[must_use]
    pub fn build(self) -> Pool {
        let changes = Arc::new(watch::Sender::new(0));
        let mut keepers = JoinSet::new();
        let mut members = Vec::new();
        for (name, dial) in &self.nodes {
            for _ in 0..self.connections.get() {
                let member = Arc::new(Member::new(name.clone(), members.len(), Arc::clone(dial)));
                keepers.spawn(Arc::clone(&member).keep(self.keeping, Arc::clone(&changes)));
                members.push(member);
            }
        }
        let Self { balance, wait, retry, .. } = self;
        let (turn, keepers) = (AtomicUsize::new(0), Mutex::new(keepers));
        Pool { shared: Arc::new(Shared { members, balance, wait, retry, changes, turn, keepers }) }
    }
}

impl fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.nodes.iter().map(|(name, _)| name).collect();
        f.debug_struct("PoolBuilder").field("nodes", &names).field("keeping", &self.keeping).finish_non_exhaustive()
    }
}
