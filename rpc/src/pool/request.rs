//! What is asked of a pool.

use core::num::NonZeroU32;

use crate::call::Call;
use crate::client::{Client, Error};
use crate::erpc::Timeout;
use crate::extended::{Blocking, Destination};
use crate::term::{Atom, Term};

/// What is asked of a pool: what, on which node, how long, and whether it may be asked again.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until a pool has it"]
pub struct Request {
    pub(super) work: Work,
    pub(super) route: Route,
    pub(super) repeat: Repeat,
    pub(super) timeout: Timeout,
}

#[derive(Clone, Debug)]
pub(super) enum Work {
    Call(Call),
    Cast(Call),
    Send(Destination, Term),
}

/// Which nodes a request may go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// Any, as the pool balances.
    #[default]
    Any,
    /// The one that this key belongs to, and while that one is down the next one: by rendezvous hashing, so that the keys of
    /// the other nodes stay where they are.
    Key(Vec<u8>),
    /// This one.
    Node(Atom),
}

/// Whether a request may be sent again when nobody knows whether it was executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeat {
    /// It is sent once, and never again.
    #[default]
    Once,
    /// Executed again it does no harm: it is sent until it is answered, so many times in all, to other nodes where others
    /// are up.
    Idempotent {
        /// How many times at most.
        attempts: NonZeroU32,
    },
}

impl Repeat {
    /// Sent so many times at most, and at least once.
    #[must_use]
    pub const fn idempotent(attempts: u32) -> Self {
        let attempts = match NonZeroU32::new(attempts) {
            Some(attempts) => attempts,
            None => NonZeroU32::MIN,
        };
        Self::Idempotent { attempts }
    }

    pub(super) const fn attempts(self) -> u32 {
        match self {
            Self::Once => 1,
            Self::Idempotent { attempts } => attempts.get(),
        }
    }
}

impl Request {
    /// A call, whose value is waited for.
    pub fn call(call: Call) -> Self {
        Self::new(Work::Call(call))
    }

    /// A call that is waited for until it has begun.
    pub fn cast(call: Call) -> Self {
        Self::new(Work::Cast(call))
    }

    /// A message to a process, by its name or its pid. A pid is of one node: say which by [`node`](Self::node).
    pub fn send(to: impl Into<Destination>, message: Term) -> Self {
        Self::new(Work::Send(to.into(), message))
    }

    const fn new(work: Work) -> Self {
        Self { work, route: Route::Any, repeat: Repeat::Once, timeout: Timeout::Infinity }
    }

    /// On the node that this key belongs to.
    pub fn key(self, key: impl AsRef<[u8]>) -> Self {
        self.route(Route::Key(key.as_ref().to_vec()))
    }

    /// On this node.
    pub fn node(self, name: Atom) -> Self {
        self.route(Route::Node(name))
    }

    /// On a node of these.
    pub fn route(self, route: Route) -> Self {
        Self { route, ..self }
    }

    /// Sent again, or not, when nobody knows whether it was executed: once, unless it is said.
    pub const fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// Given up after this time, over all attempts, and with it the time to wait for a connection. A node stops a call
    /// then.
    pub fn within(self, timeout: impl Into<Timeout>) -> Self {
        Self { timeout: timeout.into(), ..self }
    }

    pub(super) async fn go(&self, client: &Client, timeout: Timeout) -> Result<Term, Error> {
        let ok = |()| Term::atom("ok");
        let late = || Err(Error::TimedOut(timeout.left().unwrap_or_default()));
        match &self.work {
            Work::Call(call) => client.apply_in_turn(call, timeout.left(), Blocking::No).await,
            Work::Cast(call) => timeout.limit(client.cast(call)).await.unwrap_or_else(late).map(ok),
            Work::Send(to, message) => {
                let sent = timeout.limit(client.send(to.clone(), message.clone())).await;
                sent.unwrap_or_else(late).map(ok)
            }
        }
    }
}

impl Route {
    pub(super) fn allows(&self, name: &Atom) -> bool {
        match self {
            Self::Node(wanted) => wanted == name,
            Self::Any | Self::Key(_) => true,
        }
    }
}
