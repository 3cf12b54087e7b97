//! Processes of other nodes: what passes between them and those of this one, in order.

use core::future::{Future, poll_fn};
use core::task::{Context, Poll};
use std::collections::BTreeMap;

use tokio::sync::oneshot;

use super::error::SendError;
use super::limits::{Load, MailboxLimits};
use super::processes::Processes;
use super::signal::{Effects, Letter, Reason, Watcher};
use super::table::{Dying, Exits, Table};
use crate::extended::Destination;
use crate::term::{Atom, Pid, Reference, Term};

mod outbox;
mod signals;

pub(super) use self::outbox::Outbox;
pub(crate) use self::signals::{Signal, SpawnRequest, Started};

impl Processes {
    /// Connects this node to another one: from now on, signals for its processes come out of the neighbour. `None` when
    /// the two are connected already.
    ///
    /// What is for it and not taken yet is bounded: a message that does not fit is refused, and a connection that leaves
    /// even links and monitors lying has overflown.
    pub(crate) fn connect(&self, node: Atom, limits: MailboxLimits) -> Option<Neighbour> {
        let pid = self.with(|table, _| {
            if node == *self.node() || table.neighbours.contains_key(&node) {
                return None;
            }
            let pid = table.identities.pid();
            table.neighbours.insert(node.clone(), Outbox::new(pid.clone(), limits));
            Some(pid)
        })?;
        Some(Neighbour { processes: self.clone(), node, pid })
    }

    /// Sends a message to a process of another node by its name there. Whether anybody has the name is not said.
    ///
    /// # Errors
    /// When there is no connection, or it has no room.
    pub(crate) fn send_there(&self, node: &Atom, name: &Atom, message: Term) -> Result<(), SendError> {
        let letter = Letter::new(message);
        self.with(|table, effects| table.send_there(node, &name.clone().into(), letter, effects))
    }

    /// Sends a signal that asks something of the other node itself.
    ///
    /// # Errors
    /// When there is no connection, or it has no room.
    pub(crate) fn post(&self, node: &Atom, signal: Signal, octets: usize) -> Result<(), SendError> {
        self.with(|table, effects| table.post_within(node, signal, octets, effects))
    }
}

/// The other end of a connection, as the processes of this node see it. When it is dropped the connection is over: links
/// and monitors across it end with `noconnection`.
#[derive(Debug)]
pub(crate) struct Neighbour {
    processes: Processes,
    node: Atom,
    pid: Pid,
}

impl Neighbour {
    /// The pid that stands for this end of the connection itself: no process has it.
    pub(crate) const fn pid(&self) -> &Pid {
        &self.pid
    }

    /// The next signal for the other node. `None` when there are so many that the connection must end.
    pub(crate) async fn next(&self) -> Option<Signal> {
        poll_fn(|task| self.poll_next(task)).await
    }

    /// The next signal, when there is one already.
    pub(crate) fn try_next(&self) -> Option<Signal> {
        self.processes.with(|table, _| table.neighbours.get_mut(&self.node).and_then(Outbox::pop))
    }

    fn poll_next(&self, task: &Context<'_>) -> Poll<Option<Signal>> {
        self.processes.with(|table, effects| match table.neighbours.get_mut(&self.node) {
            Some(outbox) => outbox.poll(task.waker(), effects),
            None => Poll::Ready(None),
        })
    }

    /// A signal has come from the other node. What is not from there, or not for here, has no effect.
    ///
    /// # Errors
    /// When a message was not delivered, of which its sender cannot be told.
    pub(crate) fn deliver(&self, signal: Signal) -> Result<(), SendError> {
        let here = self.processes.node();
        if !signal.is_between(&self.node, here) {
            return Ok(());
        }
        match signal {
            Signal::Send { to, message, .. } => return self.processes.send(&to, message),
            Signal::LinkExit { from, to, reason } => {
                let reason = Reason::new(reason);
                self.processes.with(|table, effects| table.link_ended(&from, &to, reason, effects));
            }
            Signal::Exit { from, to, reason } => self.processes.exit(&from, &to, reason),
            Signal::Down { reference, by, reason, .. } => {
                let reason = Reason::new(reason);
                self.processes.with(|table, effects| table.ended_there(&self.node, &reference, &by, reason, effects));
            }
            Signal::Link { from, to } => self.processes.with(|table, effects| table.linked(&from, &to, effects)),
            Signal::Unlink { id, from, to } => {
                self.processes.with(|table, effects| table.unlinked(id, &from, &to, effects));
            }
            Signal::UnlinkAck { id, from, to } => self.processes.with(|table, _| table.unlink_taken(id, &from, &to)),
            Signal::Monitor { reference, by, of } => {
                self.processes.with(|table, effects| table.monitored(reference, by, of, effects));
            }
            Signal::Demonitor { reference, by, .. } => {
                self.processes.with(|table, effects| table.demonitored(&reference, &by, effects));
            }
            // Between a node and what executes calls there: not about processes that are.
            Signal::SpawnRequest(_) | Signal::SpawnReply { .. } => {}
        }
        Ok(())
    }

    /// Starts a process as another node has asked, which ends with the reason that `work` gives.
    pub(crate) fn spawn(&self, request: &SpawnRequest, work: impl Future<Output = Term> + Send + 'static) {
        let (pid, end) = self.processes.open(MailboxLimits::default(), Exits::End);
        let SpawnRequest { reference, from, .. } = request;
        let started = request.wanted();
        self.processes.with(|table, effects| table.started(reference, from, &pid, started, effects));
        let running = Running { processes: self.processes.clone(), pid };
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ended = end => {}
                reason = work => running.processes.end(&running.pid, reason),
            }
        });
    }

    /// Answers that nothing is started, for this reason.
    pub(crate) fn refuse(&self, request: &SpawnRequest, reason: &'static str) {
        let SpawnRequest { reference, from, .. } = request;
        let result = Err(Atom::from_static(reason));
        let reply =
            Signal::SpawnReply { request: reference.clone(), to: from.clone(), started: Started::default(), result };
        self.processes.with(|table, effects| table.post(&self.node, reply, 0, effects));
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.processes.with(|table, effects| table.disconnect(&self.node, effects));
    }
}

/// A process that executes a call. When the runtime ends it is killed.
struct Running {
    processes: Processes,
    pid: Pid,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.processes.end(&self.pid, Term::atom("killed"));
    }
}

/// What processes of this node do to those of others.
impl Table {
    /// Whether this pid is of another node that is connected.
    pub(super) fn is_neighbour(&self, pid: &Pid) -> bool {
        *pid.node() != self.identities.node && self.neighbours.contains_key(pid.node())
    }

    /// A message for a process of another node.
    pub(super) fn send_there(
        &mut self,
        node: &Atom,
        to: &Destination,
        letter: Letter,
        effects: &mut Effects,
    ) -> Result<(), SendError> {
        let Letter { message, octets } = letter;
        let from = self.neighbours.get(node).map(|outbox| outbox.pid.clone());
        let signal = Signal::Send { from, to: to.clone(), message };
        self.post_within(node, signal, octets, effects).map_err(|error| match (error, to) {
            (SendError::Full(_), Destination::Pid(pid)) => SendError::Full(pid.clone()),
            (error, _) => error,
        })
    }

    /// Puts in the outbox what may be refused.
    fn post_within(
        &mut self,
        node: &Atom,
        signal: Signal,
        octets: usize,
        effects: &mut Effects,
    ) -> Result<(), SendError> {
        match self.neighbours.get_mut(node) {
            Some(outbox) if outbox.fits(octets) => {
                outbox.push(signal, octets, effects);
                Ok(())
            }
            Some(outbox) => {
                let full = SendError::Full(outbox.pid.clone());
                effects.garbage.extend(signal.into_payload());
                Err(full)
            }
            None => {
                effects.garbage.extend(signal.into_payload());
                Err(SendError::Elsewhere(node.clone()))
            }
        }
    }

    /// Puts in the outbox what nobody could be told was refused.
    pub(super) fn post(&mut self, node: &Atom, signal: Signal, octets: usize, effects: &mut Effects) {
        match self.neighbours.get_mut(node) {
            Some(outbox) => outbox.push_signal(signal, octets, effects),
            None => effects.garbage.extend(signal.into_payload()),
        }
    }

    pub(super) fn link_there(&mut self, from: &Pid, to: &Pid, effects: &mut Effects) {
        let Some(entry) = self.processes.get_mut(from) else { return };
        entry.unlinking.remove(to);
        if entry.links.insert(to.clone()) {
            let signal = Signal::Link { from: from.clone(), to: to.clone() };
            self.post(to.node(), signal, 0, effects);
        }
    }

    pub(super) fn unlink_there(&mut self, from: &Pid, to: &Pid, effects: &mut Effects) {
        let id = self.next_unlink;
        let Some(entry) = self.processes.get_mut(from) else { return };
        if entry.links.remove(to) {
            entry.unlinking.insert(to.clone(), id);
            self.next_unlink = id.wrapping_add(1).max(1);
            let signal = Signal::Unlink { id, from: from.clone(), to: to.clone() };
            self.post(to.node(), signal, 0, effects);
        }
    }

    pub(super) fn exit_there(&mut self, from: &Pid, to: &Pid, reason: Reason, effects: &mut Effects) {
        let octets = reason.octets;
        let signal = Signal::Exit { from: from.clone(), to: to.clone(), reason: reason.term };
        self.post(to.node(), signal, octets, effects);
    }

    pub(super) fn monitor_there(&mut self, by: &Pid, of: &Pid, reference: &Reference, effects: &mut Effects) {
        let signal = Signal::Monitor { reference: reference.clone(), by: by.clone(), of: of.clone().into() };
        self.post(of.node(), signal, 0, effects);
    }

    pub(super) fn demonitor_there(&mut self, by: &Pid, of: &Pid, reference: &Reference, effects: &mut Effects) {
        let signal = Signal::Demonitor { reference: reference.clone(), by: by.clone(), of: of.clone().into() };
        self.post(of.node(), signal, 0, effects);
    }

    /// Has Rust code told when a process of another node ends; `None` when there is no connection.
    pub(super) fn watch_there(
        &mut self,
        node: &Atom,
        of: &Destination,
        told: oneshot::Sender<Term>,
        effects: &mut Effects,
    ) -> Option<Reference> {
        let reference = self.identities.reference();
        let outbox = self.neighbours.get_mut(node)?;
        outbox.watches.insert(reference.clone(), told);
        let signal = Signal::Monitor { reference: reference.clone(), by: outbox.pid.clone(), of: of.clone() };
        outbox.push_signal(signal, 0, effects);
        Some(reference)
    }

    pub(super) fn unwatch_there(
        &mut self,
        node: &Atom,
        of: &Destination,
        reference: &Reference,
        effects: &mut Effects,
    ) {
        if let Some(outbox) = self.neighbours.get_mut(node)
            && let Some(told) = outbox.watches.remove(reference)
        {
            effects.unwatched.push(Watcher::Future(told));
            let signal = Signal::Demonitor { reference: reference.clone(), by: outbox.pid.clone(), of: of.clone() };
            outbox.push_signal(signal, 0, effects);
        }
    }

    /// A process has ended that a process of another node is linked to.
    pub(super) fn link_exit_there(&mut self, from: &Pid, to: &Pid, reason: &Reason, effects: &mut Effects) {
        let signal = Signal::LinkExit { from: from.clone(), to: to.clone(), reason: reason.term.clone() };
        self.post(to.node(), signal, reason.octets, effects);
    }

    /// A process has ended that a process of another node monitors.
    pub(super) fn down_there(
        &mut self,
        reference: Reference,
        of: Destination,
        by: Pid,
        reason: &Reason,
        effects: &mut Effects,
    ) {
        let node = by.node().clone();
        if let Some(outbox) = self.neighbours.get_mut(&node) {
            outbox.watched.remove(&reference);
        }
        let octets = reason.octets;
        self.post(&node, Signal::Down { reference, of, by, reason: reason.term.clone() }, octets, effects);
    }
}

/// What processes of other nodes do to those of this one.
impl Table {
    fn linked(&mut self, from: &Pid, to: &Pid, effects: &mut Effects) {
        match self.processes.get_mut(to) {
            // Both ends did something at once: the other one will learn that it is unlinked.
            Some(entry) if entry.unlinking.contains_key(from) => {}
            Some(entry) => drop(entry.links.insert(from.clone())),
            None => self.link_exit_there(to, from, &Reason::of("noproc"), effects),
        }
    }

    fn unlinked(&mut self, id: u64, from: &Pid, to: &Pid, effects: &mut Effects) {
        if let Some(entry) = self.processes.get_mut(to) {
            entry.links.remove(from);
        }
        // "MUST be sent before any other signals are sent to the sender."
        self.post(from.node(), Signal::UnlinkAck { id, from: to.clone(), to: from.clone() }, 0, effects);
    }

    fn unlink_taken(&mut self, id: u64, from: &Pid, to: &Pid) {
        if let Some(entry) = self.processes.get_mut(to)
            && entry.unlinking.get(from) == Some(&id)
        {
            entry.unlinking.remove(from);
        }
    }

    fn link_ended(&mut self, from: &Pid, to: &Pid, reason: Reason, effects: &mut Effects) {
        let mut dying = Dying::new();
        if let Some(entry) = self.processes.get_mut(to) {
            entry.unlinking.remove(from);
            if entry.links.contains(from) {
                self.exit_by_link(from, to, &reason, &mut dying, effects);
            }
        }
        self.end_all(dying, effects);
        effects.garbage.push(reason.term);
    }

    fn monitored(&mut self, reference: Reference, by: Pid, of: Destination, effects: &mut Effects) {
        let pid = self.find(&of).filter(|pid| self.is_alive(pid));
        match (pid, self.neighbours.get_mut(by.node())) {
            (Some(pid), Some(outbox)) => {
                outbox.watched.insert(reference.clone(), pid.clone());
                effects.unwatched.extend(self.watch(&pid, reference, Watcher::There(by, of)).err());
            }
            _ => self.down_there(reference, of, by, &Reason::of("noproc"), effects),
        }
    }

    fn demonitored(&mut self, reference: &Reference, by: &Pid, effects: &mut Effects) {
        let watched = self.neighbours.get_mut(by.node()).and_then(|outbox| outbox.watched.remove(reference));
        if let Some(pid) = watched {
            self.unwatch(&pid, reference, effects);
        }
    }

    fn ended_there(&mut self, node: &Atom, reference: &Reference, by: &Pid, reason: Reason, effects: &mut Effects) {
        if let Some(told) = self.neighbours.get_mut(node).and_then(|outbox| outbox.watches.remove(reference)) {
            effects.told.push((told, reason.term));
            return;
        }
        let monitor = self.processes.get(by).and_then(|entry| entry.monitors.get(reference));
        if let Some((of, object)) = monitor
            && of.node() == node
        {
            let (object, mut dying) = (object.clone(), Dying::new());
            self.down(by, reference, object, &reason, &mut dying, effects);
            self.end_all(dying, effects);
        }
        effects.garbage.push(reason.term);
    }

    fn started(&mut self, request: &Reference, by: &Pid, pid: &Pid, started: Started, effects: &mut Effects) {
        let result = Ok(pid.clone());
        let reply = Signal::SpawnReply { request: request.clone(), to: by.clone(), started, result };
        self.post(by.node(), reply, 0, effects);
        if started.link {
            self.linked(by, pid, effects);
        }
        if started.monitor {
            self.monitored(request.clone(), by.clone(), pid.clone().into(), effects);
        }
    }

    /// The connection with a node is over.
    fn disconnect(&mut self, node: &Atom, effects: &mut Effects) {
        let Some(outbox) = self.neighbours.remove(node) else { return };
        let reason = Reason::of("noconnection");
        let (mut links, mut monitors) = (Vec::new(), BTreeMap::new());
        for (pid, entry) in &mut self.processes {
            entry.unlinking.retain(|other, _id| other.node() != node);
            links.extend(entry.links.iter().filter(|to| to.node() == node).map(|to| (pid.clone(), to.clone())));
            for (reference, (of, object)) in &entry.monitors {
                if of.node() == node {
                    monitors.insert(reference.clone(), (pid.clone(), object.clone()));
                }
            }
        }
        let mut dying = Dying::new();
        for (pid, to) in links {
            self.exit_by_link(&to, &pid, &reason, &mut dying, effects);
        }
        for (reference, (by, object)) in monitors {
            self.down(&by, &reference, object, &reason, &mut dying, effects);
        }
        self.end_all(dying, effects);
        for (reference, pid) in &outbox.watched {
            self.unwatch(pid, reference, effects);
        }
        outbox.close(&reason, effects);
    }
}

#[cfg(test)]
mod tests;
