//! `{badrpc,Reason}`

use core::fmt;

use crate::call::{Brief, Failure};
use crate::erpc::{Exception, Reason};
use crate::term::Term;

/// `{badrpc,Reason}`: why a call gave no value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRpc {
    /// `nodedown`: there is no connection to the node, or it broke; then the function may have run.
    NodeDown,
    /// `timeout`: it took longer; the function may have run.
    Timeout,
    /// `notsup`: the node does not do this, or its access rules deny it.
    NotSup,
    /// `{'EXIT',Reason}`: the function exited with this reason, failed with an error `{Error,Stack}`, or returned or threw
    /// this; also `{erpc,_}`, where the operation failed.
    Exit(Term),
}

impl BadRpc {
    /// `{badrpc,Reason}`
    #[must_use]
    pub fn to_term(&self) -> Term {
        let reason = match self {
            Self::NodeDown => Term::atom("nodedown"),
            Self::Timeout => Term::atom("timeout"),
            Self::NotSup => Term::atom("notsup"),
            Self::Exit(reason) => Term::tuple([Term::atom("EXIT"), reason.clone()]),
        };
        Term::tuple([Term::atom("badrpc"), reason])
    }
}

/// What `rpc:call/5` makes of a result of `erpc:call/5`: a thrown value is a value, and one that looks like a caught exit
/// is an exit.
pub(super) fn result(result: Result<Term, Exception>) -> Result<Term, BadRpc> {
    match result {
        Ok(value) | Err(Exception::Throw(value)) => match value.as_tuple() {
            Some([tag, reason]) if tag.is_atom("EXIT") => Err(BadRpc::Exit(reason.clone())),
            _ => Ok(value),
        },
        Err(exception) => Err(BadRpc::of(exception)),
    }
}

impl BadRpc {
    /// What becomes of an exception that is no value.
    pub(super) fn of(exception: Exception) -> Self {
        Self::Exit(match exception {
            Exception::Erpc { reason: Reason::NoConnection, .. } => return Self::NodeDown,
            Exception::Erpc { reason: Reason::Timeout, .. } => return Self::Timeout,
            Exception::Erpc { reason: Reason::NotSup, .. } => return Self::NotSup,
            Exception::Erpc { reason, .. } => Term::tuple([Term::atom("erpc"), reason.to_term()]),
            Exception::Exit(reason) | Exception::Throw(reason) => reason,
            Exception::Error { reason, stack } => Term::tuple([reason, stack]),
        })
    }
}

/// One line for people.
impl fmt::Display for BadRpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodeDown => f.write_str("nodedown: there is no connection to the node"),
            Self::Timeout => f.write_str("timeout: it took too long; the function may have run"),
            Self::NotSup => f.write_str("notsup: the node does not do this"),
            Self::Exit(reason) => match Failure::from_caught(&Term::tuple([Term::atom("EXIT"), reason.clone()])) {
                Some(failure) => failure.fmt(f),
                None => Brief(reason).fmt(f),
            },
        }
    }
}

impl core::error::Error for BadRpc {}
