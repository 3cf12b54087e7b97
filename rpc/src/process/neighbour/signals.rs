//! What a process does to one of another node. Erlang calls these signals.

use crate::extended::Destination;
use crate::term::{Atom, Pid, Reference, Term};

/// A signal between processes of two nodes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Signal {
    /// A message.
    Send {
        /// Who sends it, where that is known.
        from: Option<Pid>,
        to: Destination,
        message: Term,
    },
    Link {
        from: Pid,
        to: Pid,
    },
    Unlink {
        /// By which it is acknowledged.
        id: u64,
        from: Pid,
        to: Pid,
    },
    UnlinkAck {
        id: u64,
        from: Pid,
        to: Pid,
    },
    /// A linked process has ended.
    LinkExit {
        from: Pid,
        to: Pid,
        reason: Term,
    },
    /// `exit(To, Reason)`
    Exit {
        from: Pid,
        to: Pid,
        reason: Term,
    },
    Monitor {
        reference: Reference,
        by: Pid,
        of: Destination,
    },
    Demonitor {
        reference: Reference,
        by: Pid,
        of: Destination,
    },
    /// A monitored process has ended.
    Down {
        reference: Reference,
        of: Destination,
        by: Pid,
        reason: Term,
    },
    SpawnRequest(SpawnRequest),
    SpawnReply {
        request: Reference,
        to: Pid,
        started: Started,
        /// The process, or why there is none.
        result: Result<Pid, Atom>,
    },
}

/// A process to be started on another node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpawnRequest {
    /// Names the answer, and the monitor if one is wanted.
    pub(crate) reference: Reference,
    pub(crate) from: Pid,
    pub(crate) group_leader: Pid,
    pub(crate) module: Atom,
    pub(crate) function: Atom,
    pub(crate) args: Vec<Term>,
    pub(crate) options: Term,
}

/// What a process was started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) link: bool,
    pub(crate) monitor: bool,
}

impl SpawnRequest {
    /// What it is to be started with. Options about memory and priorities mean nothing here.
    pub(super) fn wanted(&self) -> Started {
        let has = |name: &str| {
            self.options.as_list().is_some_and(|mut options| {
                options.any(|option| {
                    option.is_atom(name)
                        || option.as_tuple().is_some_and(|pair| pair.first().is_some_and(|tag| tag.is_atom(name)))
                })
            })
        };
        Started { link: has("link"), monitor: has("monitor") }
    }
}

impl Signal {
    /// Whether it comes from a process of `there`, and goes to one of `here`.
    pub(super) fn is_between(&self, there: &Atom, here: &Atom) -> bool {
        let is_here = |to: &Destination| match to {
            Destination::Pid(pid) => pid.node() == here,
            Destination::Name(_) => true,
        };
        match self {
            // Whom it is from is not said for sure.
            Self::Send { to, .. } => is_here(to),
            Self::Link { from, to }
            | Self::Unlink { from, to, .. }
            | Self::UnlinkAck { from, to, .. }
            | Self::LinkExit { from, to, .. }
            | Self::Exit { from, to, .. } => from.node() == there && to.node() == here,
            Self::Monitor { reference, by, of } | Self::Demonitor { reference, by, of } => {
                reference.node() == there && by.node() == there && is_here(of)
            }
            Self::Down { reference, by, .. } => reference.node() == here && by.node() == here,
            Self::SpawnRequest(request) => request.reference.node() == there && request.from.node() == there,
            Self::SpawnReply { request, to, .. } => request.node() == here && to.node() == here,
        }
    }

    /// What may be large in it.
    pub(super) fn into_payload(self) -> Option<Term> {
        match self {
            Self::Send { message: payload, .. }
            | Self::LinkExit { reason: payload, .. }
            | Self::Exit { reason: payload, .. }
            | Self::Down { reason: payload, .. } => Some(payload),
            Self::SpawnRequest(request) => Some(Term::list(request.args)),
            _ => None,
        }
    }
}
