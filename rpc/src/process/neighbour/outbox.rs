//! What is on its way to another node.

use core::task::{Poll, Waker};
use std::collections::{BTreeMap, VecDeque};

use tokio::sync::oneshot;

use super::{Effects, Load, MailboxLimits, Pid, Reason, Reference, Signal, Term};

/// Signals for the processes of another node, and who watches across the connection.
pub(crate) struct Outbox {
    /// Stands for this end of the connection.
    pub(super) pid: Pid,
    signals: VecDeque<(Signal, usize)>,
    load: Load,
    limits: MailboxLimits,
    /// There was no room for a signal that nobody could be told of.
    overflown: bool,
    /// Wakes who writes to the connection.
    waker: Option<Waker>,
    /// Rust code that waits for the end of a process there.
    pub(super) watches: BTreeMap<Reference, oneshot::Sender<Term>>,
    /// Processes here that processes there monitor.
    pub(super) watched: BTreeMap<Reference, Pid>,
}

/// What a signal counts beside its message or reason.
const SIGNAL: usize = 16 * size_of::<Term>();

impl Outbox {
    pub(super) const fn new(pid: Pid, limits: MailboxLimits) -> Self {
        Self {
            pid,
            signals: VecDeque::new(),
            load: Load::NONE,
            limits,
            overflown: false,
            waker: None,
            watches: BTreeMap::new(),
            watched: BTreeMap::new(),
        }
    }

    /// Whether there is room for something that may be refused.
    pub(super) const fn fits(&self, octets: usize) -> bool {
        self.load.fits(octets.saturating_add(SIGNAL), self.limits)
    }

    pub(super) fn push(&mut self, signal: Signal, octets: usize, effects: &mut Effects) {
        let octets = octets.saturating_add(SIGNAL);
        self.load.add(octets);
        self.signals.push_back((signal, octets));
        effects.woken.extend(self.waker.take());
    }

    /// Puts in what may not be refused: where it has no room, the connection has to end.
    pub(super) fn push_signal(&mut self, signal: Signal, octets: usize, effects: &mut Effects) {
        if !self.overflown && self.load.fits_signal(octets.saturating_add(SIGNAL), self.limits) {
            self.push(signal, octets, effects);
        } else {
            self.overflown = true;
            effects.garbage.extend(signal.into_payload());
            effects.woken.extend(self.waker.take());
        }
    }

    pub(super) fn pop(&mut self) -> Option<Signal> {
        if self.overflown {
            return None;
        }
        let (signal, octets) = self.signals.pop_front()?;
        self.load.remove(octets);
        Some(signal)
    }

    /// The next signal; `None` once there were too many.
    pub(super) fn poll(&mut self, waker: &Waker, effects: &mut Effects) -> Poll<Option<Signal>> {
        if self.overflown {
            return Poll::Ready(None);
        }
        match self.pop() {
            Some(signal) => Poll::Ready(Some(signal)),
            None => {
                effects.spent.extend(self.waker.replace(waker.clone()));
                Poll::Pending
            }
        }
    }

    /// Tells whoever watches that there is no telling any more.
    pub(super) fn close(self, reason: &Reason, effects: &mut Effects) {
        effects.told.extend(self.watches.into_values().map(|told| (told, reason.term.clone())));
        effects.woken.extend(self.waker);
        effects.garbage.extend(self.signals.into_iter().filter_map(|(signal, _octets)| signal.into_payload()));
    }
}
