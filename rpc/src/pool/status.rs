//! How a pool's connections are.

use core::fmt;
use core::time::Duration;

use crate::term::Atom;

/// How a connection is, and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStatus {
    /// Its node.
    pub node: Atom,
    /// Whether it is up.
    pub state: State,
    /// Requests that are under way.
    pub pending: usize,
    /// Requests that were answered, failures among them.
    pub answered: u64,
    /// Requests whose answer was lost, or came too late.
    pub lost: u64,
    /// How often the connection was made.
    pub connected: u64,
    /// The time of the last sign of life that was asked for.
    pub round_trip: Option<Duration>,
}

/// Whether a connection is up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It is being made.
    Connecting,
    /// It takes requests.
    Up,
    /// It will be tried again.
    Down {
        /// What broke, or why it could not be made.
        reason: String,
    },
    /// The pool was closed.
    Closed,
}

impl ConnectionStatus {
    /// Whether it takes requests.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }
}

/// `shop1@example is down: connection refused`
impl fmt::Display for ConnectionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, state, .. } = self;
        match state {
            State::Connecting => write!(f, "{node} is being connected to"),
            State::Up => write!(f, "{node} is up"),
            State::Down { reason } => write!(f, "{node} is down: {reason}"),
            State::Closed => write!(f, "{node} is closed"),
        }
    }
}
