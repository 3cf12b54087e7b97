//! The process table: what all processes of a node share. It wakes nobody and drops nothing of theirs while it is locked.

use core::task::{Poll, Waker};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::sync::oneshot;

use super::error::{NotRegistered, SendError};
use super::identity::Identities;
use super::info::ProcessInfo;
use super::limits::{Load, MailboxLimits};
use super::neighbour::Outbox;
use super::signal::{Effects, Letter, Reason, Watcher};
use crate::extended::Destination;
use crate::term::{Atom, Pid, Reference, Term};

/// The processes that are alive, and their names.
pub(super) struct Table {
    pub(super) identities: Identities,
    pub(super) processes: BTreeMap<Pid, Entry>,
    names: BTreeMap<Atom, Pid>,
    /// The nodes that are connected.
    pub(super) neighbours: BTreeMap<Atom, Outbox>,
    /// The number of the next link that is removed across a connection.
    pub(super) next_unlink: u64,
}

/// What becomes of exit signals that come to a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exits {
    /// They end it, but for the reason `normal`.
    #[default]
    End,
    /// They become messages `{'EXIT',From,Reason}`, but for `exit(Pid, kill)`: `process_flag(trap_exit, true)`.
    Trap,
}

/// A process that is alive.
pub(super) struct Entry {
    letters: VecDeque<Letter>,
    /// What the process has not received yet: the letters, and those that it has put aside.
    load: Load,
    limits: MailboxLimits,
    exits: Exits,
    /// Wakes who waits for a letter.
    waker: Option<Waker>,
    name: Option<Atom>,
    pub(super) links: BTreeSet<Pid>,
    /// Processes of other nodes that it was linked to, and that have not acknowledged the end of that.
    pub(super) unlinking: BTreeMap<Pid, u64>,
    /// Whom it monitors: the process, and the term for it in `'DOWN'`.
    pub(super) monitors: BTreeMap<Reference, (Pid, Term)>,
    /// Who monitors it.
    watchers: BTreeMap<Reference, Watcher>,
    /// Is told the exit reason.
    ended: oneshot::Sender<Term>,
}

/// Those whose end is due, with their reasons, the first one first.
pub(super) type Dying = VecDeque<(Pid, Reason)>;

impl Table {
    pub(super) const fn new(identities: Identities) -> Self {
        Self {
            identities,
            processes: BTreeMap::new(),
            names: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            next_unlink: 1,
        }
    }

    /// Makes a process. The receiver gets its exit reason.
    pub(super) fn open(&mut self, limits: MailboxLimits, exits: Exits) -> (Pid, oneshot::Receiver<Term>) {
        let pid = loop {
            let pid = self.identities.pid();
            if !self.processes.contains_key(&pid) {
                break pid;
            }
        };
        let (ended, end) = oneshot::channel();
        let entry = Entry {
            letters: VecDeque::new(),
            load: Load::default(),
            limits,
            exits,
            waker: None,
            name: None,
            links: BTreeSet::new(),
            unlinking: BTreeMap::new(),
            monitors: BTreeMap::new(),
            watchers: BTreeMap::new(),
            ended,
        };
        self.processes.insert(pid.clone(), entry);
        (pid, end)
    }

    pub(super) fn is_alive(&self, pid: &Pid) -> bool {
        self.processes.contains_key(pid)
    }

    pub(super) fn pids(&self) -> Vec<Pid> {
        self.processes.keys().cloned().collect()
    }

    pub(super) fn names(&self) -> Vec<Atom> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn whereis(&self, name: &Atom) -> Option<&Pid> {
        self.names.get(name)
    }

    /// The process that is meant; `None` for a name that nobody has.
    pub(super) fn find(&self, destination: &Destination) -> Option<Pid> {
        match destination {
            Destination::Name(name) => self.whereis(name).cloned(),
            Destination::Pid(pid) => Some(pid.clone()),
        }
    }

    pub(super) fn register(&mut self, name: Atom, pid: &Pid) -> Result<(), NotRegistered> {
        if name == "undefined" {
            return Err(NotRegistered::Undefined);
        }
        if self.names.contains_key(&name) {
            return Err(NotRegistered::Taken(name));
        }
        let entry = self.processes.get_mut(pid).ok_or_else(|| NotRegistered::NoProcess(pid.clone()))?;
        if let Some(other) = &entry.name {
            return Err(NotRegistered::Named(other.clone()));
        }
        entry.name = Some(name.clone());
        self.names.insert(name, pid.clone());
        Ok(())
    }

    pub(super) fn unregister(&mut self, name: &Atom) -> Result<(), NotRegistered> {
        let pid = self.names.remove(name).ok_or_else(|| NotRegistered::Free(name.clone()))?;
        if let Some(entry) = self.processes.get_mut(&pid) {
            entry.name = None;
        }
        Ok(())
    }

    /// Delivers a message. One to a process that is gone is dropped, as in Erlang.
    pub(super) fn send(&mut self, to: &Pid, letter: Letter, effects: &mut Effects) -> Result<(), SendError> {
        match self.processes.get_mut(to) {
            Some(entry) if entry.load.fits(letter.octets, entry.limits) => entry.push(letter, effects),
            Some(_) => {
                effects.garbage.push(letter.message);
                return Err(SendError::Full(to.clone()));
            }
            None => effects.garbage.push(letter.message),
        }
        Ok(())
    }

    /// The next letter; `None` when the process has ended. Otherwise the waker is called when there is one, or an end.
    pub(super) fn poll_letter(&mut self, pid: &Pid, waker: &Waker, effects: &mut Effects) -> Poll<Option<Letter>> {
        let Some(entry) = self.processes.get_mut(pid) else { return Poll::Ready(None) };
        match entry.letters.pop_front() {
            Some(letter) => Poll::Ready(Some(letter)),
            None => {
                if !entry.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    effects.spent.extend(entry.waker.replace(waker.clone()));
                }
                Poll::Pending
            }
        }
    }

    /// A letter was received: its room is free again.
    pub(super) fn received(&mut self, pid: &Pid, octets: usize) {
        if let Some(entry) = self.processes.get_mut(pid) {
            entry.load.remove(octets);
        }
    }

    /// Sets what becomes of exit signals; what it was before.
    pub(super) fn set_exits(&mut self, pid: &Pid, exits: Exits) -> Exits {
        self.processes.get_mut(pid).map_or(exits, |entry| core::mem::replace(&mut entry.exits, exits))
    }

    /// Links two processes. When the second one is not there, the first one gets its exit signal `noproc`.
    pub(super) fn link(&mut self, pid: &Pid, to: &Pid, effects: &mut Effects) {
        if pid == to {
            return;
        }
        if self.is_neighbour(to) {
            self.link_there(pid, to, effects);
        } else if !self.processes.contains_key(to) {
            let mut dying = Dying::new();
            self.exit_by_link(to, pid, &self.absence(to), &mut dying, effects);
            self.end_all(dying, effects);
        } else if let Some(entry) = self.processes.get_mut(pid) {
            entry.links.insert(to.clone());
            if let Some(other) = self.processes.get_mut(to) {
                other.links.insert(pid.clone());
            }
        }
    }

    /// A process elsewhere has ended that this one was linked to.
    pub(super) fn linked_has_ended(&mut self, from: &Pid, to: &Pid, reason: &Reason, effects: &mut Effects) {
        let mut dying = Dying::new();
        self.exit_by_link(from, to, reason, &mut dying, effects);
        self.end_all(dying, effects);
    }

    /// Why a process that is not in the table is not: what its links and monitors are told.
    pub(super) fn absence(&self, pid: &Pid) -> Reason {
        Reason::of(if *pid.node() == self.identities.node { "noproc" } else { "noconnection" })
    }

    /// Removes the link: no exit signal comes from it afterwards.
    pub(super) fn unlink(&mut self, pid: &Pid, from: &Pid, effects: &mut Effects) {
        if self.is_neighbour(from) {
            self.unlink_there(pid, from, effects);
            return;
        }
        for (one, other) in [(pid, from), (from, pid)] {
            if let Some(entry) = self.processes.get_mut(one) {
                entry.links.remove(other);
            }
        }
    }

    /// Sends an exit signal, as `erlang:exit/2`.
    pub(super) fn exit(&mut self, from: &Pid, to: &Pid, reason: Reason, effects: &mut Effects) {
        if self.is_neighbour(to) {
            self.exit_there(from, to, reason, effects);
            return;
        }
        let Some(entry) = self.processes.get(to) else {
            effects.garbage.push(reason.term);
            return;
        };
        let mut dying = Dying::new();
        if reason.term.is_atom("kill") {
            dying.push_back((to.clone(), Reason::of("killed")));
        } else if entry.exits == Exits::Trap {
            self.signal(to, reason.exit_message(from), &mut dying, effects);
        } else if from == to || !reason.is_normal() {
            dying.push_back((to.clone(), reason));
        }
        self.end_all(dying, effects);
    }

    /// Ends a process, and those whom its links take with it.
    pub(super) fn end(&mut self, pid: &Pid, reason: Reason, effects: &mut Effects) {
        self.end_all(Dying::from([(pid.clone(), reason)]), effects);
    }

    /// Has a watcher told, once, when the process ends; gives it back when there is no such process.
    pub(super) fn watch(&mut self, of: &Pid, reference: Reference, watcher: Watcher) -> Result<(), Watcher> {
        match self.processes.get_mut(of) {
            Some(entry) => {
                entry.watchers.insert(reference, watcher);
                Ok(())
            }
            None => Err(watcher),
        }
    }

    pub(super) fn unwatch(&mut self, of: &Pid, reference: &Reference, effects: &mut Effects) {
        if let Some(entry) = self.processes.get_mut(of) {
            effects.unwatched.extend(entry.watchers.remove(reference));
        }
    }

    /// Monitors a process for another one, which is sent `{'DOWN',Reference,process,Object,Reason}`. `of` is `None` for a
    /// name that nobody has.
    pub(super) fn monitor(&mut self, by: &Pid, of: Option<&Pid>, object: Term, effects: &mut Effects) -> Reference {
        let reference = self.identities.reference();
        let there = of.is_some_and(|of| self.is_neighbour(of));
        let Some(entry) = self.processes.get_mut(by) else { return reference };
        if let Some(of) = of {
            entry.monitors.insert(reference.clone(), (of.clone(), object.clone()));
            if there {
                self.monitor_there(by, of, &reference, effects);
                return reference;
            }
            let watcher = Watcher::Process(by.clone(), object.clone());
            if self.watch(of, reference.clone(), watcher).is_ok() {
                return reference;
            }
        }
        let absence = of.map_or(Reason::of("noproc"), |of| self.absence(of));
        let mut dying = Dying::new();
        self.down(by, &reference, object, &absence, &mut dying, effects);
        self.end_all(dying, effects);
        reference
    }

    /// Ends a monitor of this process's own.
    pub(super) fn demonitor(&mut self, by: &Pid, reference: &Reference, effects: &mut Effects) {
        let monitor = self.processes.get_mut(by).and_then(|entry| entry.monitors.remove(reference));
        if let Some((of, _object)) = monitor {
            match self.is_neighbour(&of) {
                true => self.demonitor_there(by, &of, reference, effects),
                false => self.unwatch(&of, reference, effects),
            }
        }
    }

    pub(super) fn info(&self, pid: &Pid) -> Option<ProcessInfo> {
        let entry = self.processes.get(pid)?;
        let by_process = |watcher: &Watcher| match watcher {
            Watcher::Process(by, _) | Watcher::There(by, _) => Some(by.clone()),
            Watcher::Future(_) => None,
        };
        Some(ProcessInfo {
            registered_name: entry.name.clone(),
            message_queue_len: entry.load.messages,
            links: entry.links.iter().cloned().collect(),
            monitors: entry.monitors.values().map(|(_pid, object)| object.clone()).collect(),
            monitored_by: entry.watchers.values().filter_map(by_process).collect(),
            exits: entry.exits,
        })
    }

    /// How many watch a process.
    #[cfg(test)]
    pub(super) fn watchers(&self, of: &Pid) -> usize {
        self.processes.get(of).map_or(0, |entry| entry.watchers.len())
    }

    pub(super) fn end_all(&mut self, mut dying: Dying, effects: &mut Effects) {
        while let Some((pid, reason)) = dying.pop_front() {
            if let Some(entry) = self.processes.remove(&pid) {
                self.bury(&pid, entry, &reason, &mut dying, effects);
            }
            effects.garbage.push(reason.term);
        }
    }

    /// Tells of the end of a process whoever is to know.
    fn bury(&mut self, pid: &Pid, entry: Entry, reason: &Reason, dying: &mut Dying, effects: &mut Effects) {
        if let Some(name) = &entry.name {
            self.names.remove(name);
        }
        for (reference, (of, _object)) in &entry.monitors {
            match self.is_neighbour(of) {
                true => self.demonitor_there(pid, of, reference, effects),
                false => self.unwatch(of, reference, effects),
            }
        }
        for link in &entry.links {
            match self.is_neighbour(link) {
                true => self.link_exit_there(pid, link, reason, effects),
                false => self.exit_by_link(pid, link, reason, dying, effects),
            }
        }
        for (reference, watcher) in entry.watchers {
            match watcher {
                Watcher::Process(by, object) => self.down(&by, &reference, object, reason, dying, effects),
                Watcher::There(by, of) => self.down_there(reference, of, by, reason, effects),
                Watcher::Future(sender) => effects.told.push((sender, reason.term.clone())),
            }
        }
        effects.told.push((entry.ended, reason.term.clone()));
        effects.woken.extend(entry.waker);
        effects.garbage.extend(entry.letters.into_iter().map(|letter| letter.message));
    }

    /// The exit signal of a link. Here `kill` is a reason like any other.
    pub(super) fn exit_by_link(
        &mut self,
        from: &Pid,
        to: &Pid,
        reason: &Reason,
        dying: &mut Dying,
        effects: &mut Effects,
    ) {
        let Some(entry) = self.processes.get_mut(to) else { return };
        entry.links.remove(from);
        match entry.exits {
            Exits::Trap => self.signal(to, reason.exit_message(from), dying, effects),
            Exits::End if reason.is_normal() => {}
            Exits::End => dying.push_back((to.clone(), reason.clone())),
        }
    }

    pub(super) fn down(
        &mut self,
        by: &Pid,
        reference: &Reference,
        object: Term,
        reason: &Reason,
        dying: &mut Dying,
        effects: &mut Effects,
    ) {
        if let Some(entry) = self.processes.get_mut(by) {
            entry.monitors.remove(reference);
            self.signal(by, reason.down_message(reference, object), dying, effects);
        }
    }

    /// Delivers what nobody could be told was refused: a process that has no room even for that ends.
    fn signal(&mut self, to: &Pid, letter: Letter, dying: &mut Dying, effects: &mut Effects) {
        let Some(entry) = self.processes.get_mut(to) else { return };
        if entry.load.fits_signal(letter.octets, entry.limits) {
            entry.push(letter, effects);
        } else {
            dying.push_back((to.clone(), Reason::of("system_limit")));
        }
    }
}

impl Entry {
    fn push(&mut self, letter: Letter, effects: &mut Effects) {
        self.load.add(letter.octets);
        self.letters.push_back(letter);
        effects.woken.extend(self.waker.take());
    }
}

#[cfg(test)]
mod tests;
