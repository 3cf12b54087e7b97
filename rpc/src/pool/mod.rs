//! Connections to one or several nodes, which are made again when they break, and share the calls.
//!
//! ```text
//!   Request ──► Pool ── Balance ──► connection ──► node a
//!     Repeat::Once | Idempotent     connection ──► node a
//!     Route::Any | Key | Node       connection ✗   node b   (backoff, jitter, next attempt)
//! ```
//!
//! - A connection that answers nothing while it is idle is broken; so is one that the node closes. It is made again, after longer and
//!   longer times.
//! - A request goes to a connection that is up. When there is none it fails at once, or after the time that it may
//!   [wait](PoolBuilder::wait), and then it was not sent.
//! - A request is sent **once**, unless it says that it is [idempotent](Repeat::Idempotent). When its connection breaks before the
//!   answer, the error says that it may have run: [`PoolError::Lost`].
//! - [`Route::Key`] sends what has the same key to the same node, for as long as that one is up.
//! - The pool is a service as `tower`'s layers take them: `Service<Request>`, and so is a [`Client`]: `Service<Call>`.
//!
//! ```no_run
//! # use sshrpc::pool::{Pool, Repeat, Request};
//! # use sshrpc::term::{Atom, parse_call};
//! # use sshrpc::Connect;
//! # use std::time::Duration;
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = Pool::builder()
//!     .node(Atom::new("shop1")?, || async { Connect::to("shop1.example:2222")?.connect().await })
//!     .node(Atom::new("shop2")?, || async { Connect::to("shop2.example:2222")?.connect().await })
//!     .wait(Duration::from_secs(5))
//!     .build();
//!
//! let price = Request::call(parse_call("shop:price(17)")?).key("17").repeat(Repeat::idempotent(3));
//! println!("{}", pool.request(price).await?);
//! # Ok(())
//! # }
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod balance;
mod builder;
mod error;
mod member;
mod request;
mod service;
mod status;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::BackoffBuilder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use self::balance::Balance;
pub use self::builder::PoolBuilder;
pub use self::error::{Execution, PoolError};
pub use self::request::{Repeat, Request, Route};
pub use self::status::{ConnectionStatus, State};

use self::balance::Candidate;
use self::builder::Backoff;
use self::error::Fate;
use self::member::{InFlight, Member};
use crate::call::Call;
#[cfg(doc)]
use crate::client::Client;
use crate::client::Error;
use crate::erpc::Timeout;
use crate::rpc::{NamedNode, Nodes};
use crate::term::{Atom, Term};

/// Connections to nodes. Clones are handles to the same ones; they are closed with the last handle.
#[derive(Clone, Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    members: Vec<Arc<Member>>,
    balance: Balance,
    wait: Duration,
    retry: Backoff,
    /// Counts the changes of the connections' states.
    changes: Arc<watch::Sender<u64>>,
    /// Whose turn it is.
    turn: AtomicUsize,
    /// What keeps the connections up. Dropped, it stops.
    keepers: Mutex<JoinSet<()>>,
}

impl Pool {
    /// A pool without nodes yet.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }

    /// Calls `module:function(args...)` on some node, once, and waits for the value.
    ///
    /// # Errors
    /// [`PoolError`]
    pub async fn call<T: Into<Term>>(
        &self,
        module: &str,
        function: &str,
        args: impl IntoIterator<Item = T>,
    ) -> Result<Term, PoolError> {
        let atom = |name: &str| Atom::new(name).map_err(|_too_long| PoolError::Invalid(Error::Name(name.to_owned())));
        let args = args.into_iter().map(Into::into).collect();
        self.request(Request::call(Call::new(atom(module)?, atom(function)?, args))).await
    }

    /// Has a request executed, and waits for the value; `ok` for casts and messages.
    ///
    /// # Errors
    /// [`PoolError`], which says whether it [may have been executed](PoolError::execution).
    pub async fn request(&self, request: Request) -> Result<Term, PoolError> {
        let (timeout, begun) = (request.timeout.fixed(), Instant::now());
        let mut pauses = self.shared.retry.build();
        // Connections that this request does not go to again, where others are up.
        let mut avoided = Vec::new();
        let mut lost: Option<PoolError> = None;
        let mut unsent = 0;
        let mut attempts = 0;
        loop {
            let Some(picked) = self.pick(&request, &avoided, timeout, begun).await else {
                return Err(lost.unwrap_or_else(|| self.no_connection(begun.elapsed())));
            };
            let error = match picked.send(&request, timeout).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let node = picked.member.name.clone();
            avoided.push(picked.member.index);
            match Fate::of(&error, picked.client.mode()) {
                // Nobody has seen it: that it goes elsewhere is no repetition.
                Fate::NotSent if unsent <= self.shared.members.len() => {
                    unsent += 1;
                    continue;
                }
                Fate::NotSent => return Err(lost.unwrap_or_else(|| self.no_connection(begun.elapsed()))),
                Fate::Answered => return Err(PoolError::Failed { node, error }),
                Fate::Invalid => return Err(PoolError::Invalid(error)),
                Fate::TimedOut => return Err(PoolError::TimedOut { node, after: begun.elapsed() }),
                Fate::Unknown => {}
            }
            attempts += 1;
            lost = Some(PoolError::Lost { node, attempts, error });
            if attempts >= request.repeat.attempts() {
                break;
            }
            let pause = pauses.next().unwrap_or(Duration::ZERO);
            if timeout.limit(tokio::time::sleep(pause)).await.is_none() {
                break;
            }
        }
        Err(lost.unwrap_or_else(|| self.no_connection(begun.elapsed())))
    }

    /// The nodes, with a connection of each that is up: for the functions of [`rpc`](crate::rpc) and
    /// [`erpc`](crate::erpc).
    #[must_use]
    pub fn nodes(&self) -> Nodes {
        let mut nodes: Vec<NamedNode> = Vec::new();
        for member in &self.shared.members {
            let client = member.client();
            match nodes.iter_mut().find(|node| *node.name() == member.name) {
                Some(known) if known.client().is_some() => {}
                Some(known) => *known = named(member, client),
                None => nodes.push(named(member, client)),
            }
        }
        nodes.into_iter().collect()
    }

    /// How the connections are.
    #[must_use]
    pub fn status(&self) -> Vec<ConnectionStatus> {
        self.shared.members.iter().map(|member| member.status()).collect()
    }

    /// Waits until the states of the connections are like this.
    pub async fn wait_until(&self, mut condition: impl FnMut(&[ConnectionStatus]) -> bool) {
        let mut changes = self.shared.changes.subscribe();
        while !condition(&self.status()) {
            // The sender lives as long as the pool.
            let _ = changes.changed().await;
        }
    }

    /// Closes all connections. What is under way is lost, and what comes later finds no connection.
    pub async fn close(&self) {
        let mut keepers = std::mem::take(&mut *self.shared.keepers.lock().unwrap_or_else(PoisonError::into_inner));
        keepers.shutdown().await;
        for member in &self.shared.members {
            if let Some(client) = member.close() {
                client.close().await;
            }
        }
        // Who waits for a connection waits in vain.
        self.shared.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A connection for a request: at once, or as soon as there is one within the time that it may wait.
    async fn pick(&self, request: &Request, avoided: &[usize], timeout: Timeout, begun: Instant) -> Option<Picked> {
        let mut changes = self.shared.changes.subscribe();
        loop {
            changes.mark_unchanged();
            if let Some(picked) = self.pick_now(&request.route, avoided) {
                return Some(picked);
            }
            if self.shared.members.iter().all(|member| member.is_closed()) {
                return None;
            }
            let left = self.shared.wait.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())?;
            let left = timeout.left().map_or(left, |own| own.min(left));
            tokio::time::timeout(left, changes.changed()).await.ok()?.ok()?;
        }
    }

    fn pick_now(&self, route: &Route, avoided: &[usize]) -> Option<Picked> {
        let up: Vec<_> = self.shared.members.iter().filter_map(|member| Some((member, member.client()?))).collect();
        let fresh = |member: &Member| !avoided.contains(&member.index);
        // One that was tried is better than none.
        let any_fresh = up.iter().any(|(member, _)| fresh(member) && route.allows(&member.name));
        let candidates: Vec<_> = up
            .iter()
            .map(|(member, _)| Candidate { name: &member.name, pending: member.pending() })
            .zip(&up)
            .filter(|(candidate, (member, _))| route.allows(candidate.name) && (fresh(member) || !any_fresh))
            .collect();
        let turn = self.shared.turn.fetch_add(1, Ordering::Relaxed);
        let at = self.shared.balance.pick(route, turn, candidates.iter().map(|(candidate, _)| candidate))?;
        let (_, (member, client)) = candidates.get(at)?;
        Some(Picked { in_flight: member.begin(), member: Arc::clone(member), client: client.clone() })
    }

    fn no_connection(&self, waited: Duration) -> PoolError {
        // Looking takes no time worth telling.
        let waited = waited.min(self.shared.wait);
        PoolError::NoConnection { waited, connections: self.status() }
    }
}

fn named(member: &Member, client: Option<crate::Client>) -> NamedNode {
    match client {
        Some(client) => NamedNode::new(member.name.clone(), client),
        None => NamedNode::down(member.name.clone()),
    }
}

/// The connection that a request goes over.
struct Picked {
    member: Arc<Member>,
    client: crate::Client,
    in_flight: InFlight,
}

impl Picked {
    async fn send(&self, request: &Request, timeout: Timeout) -> Result<Term, Error> {
        let result = request.go(&self.client, timeout).await;
        self.in_flight.ended(&result, self.client.mode());
        result
    }
}
