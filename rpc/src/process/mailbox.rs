//! Mailboxes: those of processes, and those that stand for somebody elsewhere.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::processes::Processes;
use super::signal::Letter;
use super::table::Exits;
use crate::extended::Destination;
use crate::term::{Pid, Reference, Term};

/// The mailbox of a process, and what the process may do in its own name.
///
/// A process whose mailbox is dropped goes on, and is sent to in vain.
pub struct Mailbox {
    processes: Processes,
    pid: Pid,
    /// Messages that came before the one that was wanted. They count as not received.
    aside: VecDeque<Letter>,
}

impl Mailbox {
    pub(super) const fn new(processes: Processes, pid: Pid) -> Self {
        Self { processes, pid, aside: VecDeque::new() }
    }

    /// The process: `self()`.
    #[must_use]
    pub const fn pid(&self) -> &Pid {
        &self.pid
    }

    /// The processes of this node.
    #[must_use]
    pub const fn processes(&self) -> &Processes {
        &self.processes
    }

    /// The next message. `None` once the process has ended, which it sees only where it has given its mailbox away.
    pub async fn recv(&mut self) -> Option<Term> {
        poll_fn(|task| self.poll_recv(task)).await
    }

    /// The next message, as [`recv`](Self::recv).
    pub fn poll_recv(&mut self, task: &mut Context<'_>) -> Poll<Option<Term>> {
        let letter = match self.aside.pop_front() {
            Some(letter) => Some(letter),
            None => core::task::ready!(self.poll_letter(task)),
        };
        Poll::Ready(letter.map(|letter| self.receive(letter)))
    }

    /// Selective receive: the first message that `pattern` gives something for; the others stay, in their order. `None` as
    /// for [`recv`](Self::recv).
    ///
    /// ```
    /// # use sshrpc::process::Mailbox;
    /// # use sshrpc::term::{Reference, Term};
    /// async fn reply(mailbox: &mut Mailbox, tag: &Reference) -> Option<Term> {
    ///     let tag = Term::from(tag.clone());
    ///     mailbox
    ///         .recv_matching(|message| match message.as_tuple() {
    ///             Some([known, reply]) if *known == tag => Some(reply.clone()),
    ///             _ => None,
    ///         })
    ///         .await
    /// }
    /// ```
    pub async fn recv_matching<T>(&mut self, mut pattern: impl FnMut(&Term) -> Option<T>) -> Option<T> {
        let found = self.aside.iter().enumerate().find_map(|(at, letter)| Some((at, pattern(&letter.message)?)));
        if let Some((at, value)) = found {
            let letter = self.aside.remove(at)?;
            self.receive(letter);
            return Some(value);
        }
        loop {
            let letter = poll_fn(|task| self.poll_letter(task)).await?;
            match pattern(&letter.message) {
                Some(value) => {
                    self.receive(letter);
                    return Some(value);
                }
                None => self.aside.push_back(letter),
            }
        }
    }

    /// Sets what becomes of exit signals, and says what became of them before: `process_flag(trap_exit, _)`.
    pub fn set_exits(&self, exits: Exits) -> Exits {
        self.processes.with(|table, _| table.set_exits(&self.pid, exits))
    }

    /// Links to a process.
    pub fn link(&self, to: &Pid) {
        self.processes.link(&self.pid, to);
    }

    /// Removes a link.
    pub fn unlink(&self, from: &Pid) {
        self.processes.unlink(&self.pid, from);
    }

    /// Monitors a process: `{'DOWN',Reference,process,Object,Reason}` will come, once, where `Object` is the pid, or
    /// `{Name,Node}`.
    #[must_use]
    pub fn monitor(&self, of: &Destination) -> Reference {
        let object = match of {
            Destination::Name(name) => Term::tuple([name.clone().into(), self.processes.node().clone().into()]),
            Destination::Pid(pid) => pid.clone().into(),
        };
        self.processes.reach(of);
        self.processes.with(|table, effects| {
            let pid = table.find(of);
            table.monitor(&self.pid, pid.as_ref(), object, effects)
        })
    }

    /// Ends a monitor: no `'DOWN'` comes from now on. One that has come stays.
    pub fn demonitor(&self, reference: &Reference) {
        self.processes.with(|table, effects| table.demonitor(&self.pid, reference, effects));
    }

    fn poll_letter(&self, task: &Context<'_>) -> Poll<Option<Letter>> {
        self.processes.with(|table, effects| table.poll_letter(&self.pid, task.waker(), effects))
    }

    fn receive(&self, letter: Letter) -> Term {
        self.processes.with(|table, _| table.received(&self.pid, letter.octets));
        letter.message
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// A process that stands for somebody elsewhere: the client of a session, say. It traps exits.
///
/// Dropping it ends the process with the reason `noconnection`.
pub struct OpenMailbox {
    mailbox: Mailbox,
    end: oneshot::Receiver<Term>,
    /// Why it has ended, once it was looked.
    ended: Option<Term>,
}

impl OpenMailbox {
    pub(super) const fn new(processes: Processes, pid: Pid, end: oneshot::Receiver<Term>) -> Self {
        Self { mailbox: Mailbox::new(processes, pid), end, ended: None }
    }

    /// The process.
    #[must_use]
    pub const fn pid(&self) -> &Pid {
        self.mailbox.pid()
    }

    /// The next message.
    ///
    /// # Errors
    /// [`Closed`] once the process has ended, by `exit(Pid, kill)` or because its messages were not taken.
    pub async fn recv(&mut self) -> Result<Term, Closed> {
        poll_fn(|task| self.poll_recv(task)).await
    }

    /// The next message, as [`recv`](Self::recv).
    pub fn poll_recv(&mut self, task: &mut Context<'_>) -> Poll<Result<Term, Closed>> {
        if let Some(message) = core::task::ready!(self.mailbox.poll_recv(task)) {
            return Poll::Ready(Ok(message));
        }
        if self.ended.is_none() {
            let reason = core::task::ready!(Pin::new(&mut self.end).poll(task));
            self.ended = Some(reason.unwrap_or(Term::atom("killed")));
        }
        Poll::Ready(Err(Closed { reason: self.ended.clone().unwrap_or_default() }))
    }

    /// The messages, and what the process may do in its own name.
    pub const fn mailbox(&mut self) -> &mut Mailbox {
        &mut self.mailbox
    }

    /// Links the process to another one.
    pub fn link(&self, to: &Pid) {
        self.mailbox.link(to);
    }

    /// Removes a link.
    pub fn unlink(&self, from: &Pid) {
        self.mailbox.unlink(from);
    }

    /// Sends an exit signal from this process.
    pub fn exit(&self, to: &Pid, reason: Term) {
        self.mailbox.processes.exit(self.pid(), to, reason);
    }

    /// Ends the process with this reason: an end of its own, so that whoever is linked to it gets the exit signal.
    pub fn close(self, reason: Term) {
        self.mailbox.processes.end(self.pid(), reason);
    }
}

impl Drop for OpenMailbox {
    fn drop(&mut self) {
        self.mailbox.processes.end(self.pid(), Term::atom("noconnection"));
    }
}

impl fmt::Debug for OpenMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenMailbox").field("pid", self.pid()).finish_non_exhaustive()
    }
}

/// A mailbox has ended otherwise than by its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Why: `killed`, or `system_limit` when its messages were not taken.
    pub reason: Term,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the process has ended: {}", self.reason)
    }
}

impl core::error::Error for Closed {}
