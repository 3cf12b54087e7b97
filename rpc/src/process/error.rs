//! What can be wrong with what is asked of processes.

use core::fmt;

use crate::call::Failure;
use crate::term::{Atom, Pid, Term};

/// Why a message was not delivered. That its process is gone is no error, as in Erlang.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// Nobody has this name.
    NoName(Atom),
    /// The mailbox of this process has no room for it.
    Full(Pid),
    /// The process is of another node, or the name is to be looked up there.
    Elsewhere(Atom),
}

impl SendError {
    /// The exit reason of a call that could not even be asked.
    pub(super) fn exit_reason(&self) -> Term {
        match self {
            Self::NoName(_) => Term::atom("noproc"),
            Self::Full(_) => Term::atom("system_limit"),
            Self::Elsewhere(node) => Term::tuple([Term::atom("nodedown"), node.clone().into()]),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName(name) => write!(f, "no process is registered as {name}"),
            Self::Full(pid) => write!(f, "the mailbox of {pid} is full: it receives more slowly than it is sent to"),
            Self::Elsewhere(node) => write!(f, "the process is of the node {node}, and there is no way to it"),
        }
    }
}

impl core::error::Error for SendError {}

/// `badarg`, as of Erlang's operator; else what the machinery around a call says, `{erpc,Reason}`.
impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NoName(_) => Self::of("badarg"),
            SendError::Full(_) => Self::erpc("system_limit"),
            SendError::Elsewhere(_) => Self::erpc("noconnection"),
        }
    }
}

/// Why a name was not given to a process, or not taken from it: Erlang's `badarg`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotRegistered {
    /// Another process has the name.
    Taken(Atom),
    /// Nobody has the name.
    Free(Atom),
    /// The process has this name already.
    Named(Atom),
    /// There is no such process.
    NoProcess(Pid),
    /// `undefined` is what `whereis` says of a name that nobody has.
    Undefined,
}

impl fmt::Display for NotRegistered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(name) => write!(f, "another process is registered as {name}"),
            Self::Free(name) => write!(f, "no process is registered as {name}"),
            Self::Named(name) => write!(f, "the process is registered as {name} already"),
            Self::NoProcess(pid) => write!(f, "there is no process {pid}"),
            Self::Undefined => f.write_str("no process can be registered as undefined"),
        }
    }
}

impl core::error::Error for NotRegistered {}

/// `badarg`
impl From<NotRegistered> for Failure {
    fn from(_: NotRegistered) -> Self {
        Self::of("badarg")
    }
}
