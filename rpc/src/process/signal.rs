//! What passes between processes, and what is to be done once the table is unlocked.

use core::task::Waker;

use tokio::sync::oneshot;

use super::limits::MailboxLimits;
use crate::extended::Destination;
use crate::term::{Pid, Reference, Term};

/// A message in a mailbox.
pub(super) struct Letter {
    pub(super) message: Term,
    /// What it counts against the bound.
    pub(super) octets: usize,
}

impl Letter {
    /// Measures a message. One that is larger than any mailbox fits none.
    pub(super) fn new(message: Term) -> Self {
        let octets = message.size_within(MailboxLimits::MAX_OCTETS).unwrap_or(usize::MAX);
        Self { message, octets }
    }
}

/// An exit reason, measured.
#[derive(Clone)]
pub(super) struct Reason {
    pub(super) term: Term,
    pub(super) octets: usize,
}

/// What `{'EXIT',From,_}` and `{'DOWN',Reference,process,Object,_}` count beside the reason.
const SIGNAL: usize = 16 * size_of::<Term>();

impl Reason {
    pub(super) fn new(term: Term) -> Self {
        let Letter { message: term, octets } = Letter::new(term);
        Self { term, octets }
    }

    pub(super) const fn of(name: &'static str) -> Self {
        Self { term: Term::atom(name), octets: size_of::<Term>() }
    }

    pub(super) fn is_normal(&self) -> bool {
        self.term.is_atom("normal")
    }

    /// `{'EXIT',From,Reason}`
    pub(super) fn exit_message(&self, from: &Pid) -> Letter {
        self.letter(Term::tuple([Term::atom("EXIT"), from.clone().into(), self.term.clone()]))
    }

    /// `{'DOWN',Reference,process,Object,Reason}`
    pub(super) fn down_message(&self, reference: &Reference, object: Term) -> Letter {
        let process = Term::atom("process");
        self.letter(Term::tuple([Term::atom("DOWN"), reference.clone().into(), process, object, self.term.clone()]))
    }

    const fn letter(&self, message: Term) -> Letter {
        Letter { message, octets: self.octets.saturating_add(SIGNAL) }
    }
}

/// Who is told of the end of a process.
pub(super) enum Watcher {
    /// A process, by `'DOWN'` with this object.
    Process(Pid, Term),
    /// A process of another node, which monitors it by this name or pid.
    There(Pid, Destination),
    /// Rust code that waits.
    Future(oneshot::Sender<Term>),
}

/// What a change of the table leaves to do once it is unlocked: it runs other people's code, or takes long.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) woken: Vec<Waker>,
    pub(super) told: Vec<(oneshot::Sender<Term>, Term)>,
    /// To be dropped.
    pub(super) garbage: Vec<Term>,
    pub(super) spent: Vec<Waker>,
    pub(super) unwatched: Vec<Watcher>,
}

impl Effects {
    pub(super) fn take_place(self) {
        for (who, reason) in self.told {
            // Who does not listen any more needs not be told.
            let _ = who.send(reason);
        }
        for waker in self.woken {
            waker.wake();
        }
    }
}
