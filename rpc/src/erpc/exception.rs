//! How an operation fails: the classes and reasons of the manual page.

use core::fmt;

use crate::call::{Brief, CallError, CallNotSent, Failure};
use crate::client::Error;
use crate::term::Term;

/// What `erpc:call/5` raises.
#[derive(Debug)]
#[non_exhaustive]
pub enum Exception {
    /// `throw:Value`: the function threw this.
    Throw(Term),
    /// `exit:{exception,Reason}`: the function exited.
    Exit(Term),
    /// `error:{exception,Reason,Stack}`: an error occurred in the function.
    Error {
        /// Which.
        reason: Term,
        /// Where.
        stack: Term,
    },
    /// `error:{erpc,Reason}`: not the function failed, but the operation.
    Erpc {
        /// How.
        reason: Reason,
        /// What the client said, where it says more.
        cause: Option<Box<Error>>,
    },
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// `badarg`: the caller's mistake.
    BadArg,
    /// `noconnection`: the connection to the node was lost, or there is none. The function may have been applied, unless
    /// there was none from the beginning.
    NoConnection,
    /// `notsup`: the node does not do this, or its access rules deny it.
    NotSup,
    /// `system_limit`: the call or its answer is too large, or the node has too much to do.
    SystemLimit,
    /// `timeout`: it took longer. The function may have been applied.
    Timeout,
    /// Another one; `badreply` for an answer that makes no sense.
    Other(Term),
}

impl Exception {
    pub(crate) const fn erpc(reason: Reason) -> Self {
        Self::Erpc { reason, cause: None }
    }

    /// `{Class,Reason}`, as `erpc:multicall/5` lists it.
    #[must_use]
    pub fn to_term(&self) -> Term {
        let exception = Term::atom("exception");
        let (class, reason) = match self {
            Self::Throw(value) => ("throw", value.clone()),
            Self::Exit(reason) => ("exit", Term::tuple([exception, reason.clone()])),
            Self::Error { reason, stack } => ("error", Term::tuple([exception, reason.clone(), stack.clone()])),
            Self::Erpc { reason, .. } => ("error", Term::tuple([Term::atom("erpc"), reason.to_term()])),
        };
        Term::tuple([Term::atom(class), reason])
    }

    fn of(failure: Failure) -> Self {
        if failure.is_erpc()
            && let Some([_tag, reason]) = failure.reason().as_tuple()
        {
            let reason = Reason::read(reason);
            return Self::Erpc { reason, cause: Some(Box::new(Error::Call(CallError::Failed(failure)))) };
        }
        match failure {
            Failure::Error { reason, stack } => Self::Error { reason, stack },
            Failure::Exit { reason } => Self::Exit(reason),
            Failure::Throw { value } => Self::Throw(value),
        }
    }
}

impl Reason {
    /// The term.
    #[must_use]
    pub fn to_term(&self) -> Term {
        Term::atom(match self {
            Self::BadArg => "badarg",
            Self::NoConnection => "noconnection",
            Self::NotSup => "notsup",
            Self::SystemLimit => "system_limit",
            Self::Timeout => "timeout",
            Self::Other(reason) => return reason.clone(),
        })
    }

    fn read(term: &Term) -> Self {
        let known = [Self::BadArg, Self::NoConnection, Self::NotSup, Self::SystemLimit, Self::Timeout];
        known.into_iter().find(|reason| reason.to_term() == *term).unwrap_or_else(|| Self::Other(term.clone()))
    }
}

impl From<Error> for Exception {
    fn from(error: Error) -> Self {
        use ssh_transport::client::ProgramError;
        let reason = match error {
            Error::Call(CallError::Failed(failure)) => return Self::of(failure),
            Error::Name(_) | Error::NotExpressible => Reason::BadArg,
            Error::Call(CallError::Refused(_)) | Error::Plain(_) | Error::Program(ProgramError::Refused(_)) => {
                Reason::NotSup
            }
            Error::Call(CallError::BadReply(_) | CallError::Undecodable(_)) => Reason::Other(Term::atom("badreply")),
            Error::NotSent(CallNotSent::TooLong)
            | Error::Program(ProgramError::ChannelRefused(..) | ProgramError::TooManyChannels) => Reason::SystemLimit,
            Error::TimedOut(_) => Reason::Timeout,
            _ => Reason::NoConnection,
        };
        Self::Erpc { reason, cause: Some(Box::new(error)) }
    }
}

/// One line for people.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throw(value) => Failure::throw(value.clone()).fmt(f),
            Self::Exit(reason) => Failure::exit(reason.clone()).fmt(f),
            Self::Error { reason, stack } => Failure::Error { reason: reason.clone(), stack: stack.clone() }.fmt(f),
            Self::Erpc { cause: Some(cause), .. } => cause.fmt(f),
            Self::Erpc { reason, cause: None } => reason.fmt(f),
        }
    }
}

impl core::error::Error for Exception {}

/// One line for people.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadArg => f.write_str("badarg: these arguments make no sense"),
            Self::NoConnection => f.write_str("noconnection: there is no connection to the node"),
            Self::NotSup => f.write_str("notsup: the node does not do this"),
            Self::SystemLimit => f.write_str("system_limit: a limit would be exceeded"),
            Self::Timeout => f.write_str("timeout: it took too long; the function may have run"),
            Self::Other(reason) => write!(f, "erpc failed: {}", Brief(reason)),
        }
    }
}
