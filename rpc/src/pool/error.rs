//! How a request to a pool fails.

use core::fmt;
use core::time::Duration;

use ssh_transport::client::ProgramError;

use super::status::ConnectionStatus;
use crate::call::{CallError, CallNotSent, Failure};
use crate::client::{Error, Mode};
use crate::term::Atom;

/// Why a request has no value.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// No connection was up: `noconnection`. The request was not sent.
    NoConnection {
        /// How long it waited for one.
        waited: Duration,
        /// How the connections are.
        connections: Vec<ConnectionStatus>,
    },
    /// The connection broke before the answer, at each attempt. The request may have been executed, as often as it was
    /// sent.
    Lost {
        /// The last node that it was sent to.
        node: Atom,
        /// How often it was sent.
        attempts: u32,
        /// What broke last.
        error: Error,
    },
    /// There was no answer in time. The request may have been executed.
    TimedOut {
        /// The node that it was sent to last.
        node: Atom,
        /// The time that it took in all.
        after: Duration,
    },
    /// The node has answered, and not with a value.
    Failed {
        /// The node.
        node: Atom,
        /// Its answer.
        error: Error,
    },
    /// The request makes no sense, or the connections do not carry such. It was not sent.
    Invalid(Error),
}

/// Whether a request was executed that has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Execution {
    /// No node has seen it.
    Never,
    /// Nobody knows.
    Unknown,
    /// A node has seen it, and answered.
    Answered,
}

impl PoolError {
    /// Whether the request was executed.
    #[must_use]
    pub const fn execution(&self) -> Execution {
        match self {
            Self::NoConnection { .. } | Self::Invalid(_) => Execution::Never,
            Self::Lost { .. } | Self::TimedOut { .. } => Execution::Unknown,
            Self::Failed { .. } => Execution::Answered,
        }
    }

    /// The failure of the function, when that is what it was.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { error: Error::Call(error), .. } => error.failure(),
            _ => None,
        }
    }
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection { waited, connections } => {
                write!(f, "noconnection: no node was up")?;
                if !waited.is_zero() {
                    write!(f, " within {waited:.1?}")?;
                }
                f.write_str("; nothing was sent")?;
                connections.iter().try_for_each(|connection| write!(f, "; {connection}"))
            }
            Self::Lost { node, attempts: 1, error } => {
                write!(f, "the connection to {node} broke before the answer came: it may have run ({error})")
            }
            Self::Lost { node, attempts, error } => {
                write!(f, "sent {attempts} times and not answered, last by {node}: it may have run ({error})")
            }
            Self::TimedOut { node, after } => {
                write!(f, "timeout: no answer from {node} within {after:.1?}; it may have run")
            }
            Self::Failed { node, error } => write!(f, "{node}: {error}"),
            Self::Invalid(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Lost { error, .. } | Self::Failed { error, .. } | Self::Invalid(error) => Some(error),
            _ => None,
        }
    }
}

/// What became of a request that has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The node has not seen it.
    NotSent,
    /// The node has answered.
    Answered,
    /// It cannot be sent, to whomever.
    Invalid,
    TimedOut,
    /// The node may have executed it.
    Unknown,
}

impl Fate {
    /// What an error of a client says, whose calls travel in this mode.
    pub(super) fn of(error: &Error, mode: Mode) -> Self {
        match error {
            Error::NotSent(CallNotSent::Ended) | Error::Connect(_) => Self::NotSent,
            // Where calls share a channel, what fails so is its opening. An exec request is the call itself.
            Error::Program(ProgramError::Ended(_) | ProgramError::Io(_))
                if matches!(mode, Mode::Exec | Mode::ExecMod) =>
            {
                Self::Unknown
            }
            Error::Program(_) => Self::NotSent,
            Error::NotSent(_) | Error::Name(_) | Error::NotExpressible | Error::Plain(_) => Self::Invalid,
            Error::TimedOut(_) => Self::TimedOut,
            Error::Call(CallError::Failed(failure)) => match failure.reason().as_tuple() {
                Some([_, reason]) if failure.is_erpc() && reason.is_atom("timeout") => Self::TimedOut,
                // What executes on the node was lost.
                Some([_, reason]) if failure.is_erpc() && reason.is_atom("noconnection") => Self::Unknown,
                _ => Self::Answered,
            },
            Error::Call(CallError::Lost) | Error::Io(_) | Error::Channel(_) => Self::Unknown,
            Error::Call(_) => Self::Answered,
        }
    }
}
