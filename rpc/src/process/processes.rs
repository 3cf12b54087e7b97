//! The processes of a node, as everybody sees them.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::error::{NotRegistered, SendError};
use super::identity::Identities;
use super::info::ProcessInfo;
use super::limits::MailboxLimits;
use super::mailbox::OpenMailbox;
use super::signal::{Effects, Letter, Reason, Watcher};
use super::table::{Exits, Table};
use crate::extended::Destination;
use crate::term::{Atom, Pid, Reference, Term};

/// The processes of a node: Rust code with mailboxes, which Erlang's pids name.
///
/// Clones are cheap, and are the same processes. They run as tasks of tokio's, and live until they end themselves or an exit
/// signal ends them, whatever becomes of this.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// use sshrpc::process::Processes;
/// use sshrpc::term::{Atom, Term};
///
/// let processes = Processes::new(Atom::new("shop@example")?);
/// let echo = processes.spawn(|mut mailbox| async move {
///     // What is not for us is none of our business: {From,Message} is.
///     while let Some(message) = mailbox.recv().await {
///         if let Some([Term::Pid(from), message]) = message.as_tuple() {
///             mailbox.processes().send(&from.clone().into(), message.clone())?;
///         }
///     }
///     Ok(())
/// });
/// let mut me = processes.open_mailbox();
/// processes.send(&echo.into(), Term::tuple([me.pid().clone().into(), Term::atom("hello")]))?;
/// assert_eq!(me.recv().await, Ok(Term::atom("hello")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Processes(Arc<Shared>);

struct Shared {
    node: Atom,
    creation: u32,
    table: Mutex<Table>,
    dialler: Mutex<Option<Arc<Dialler>>>,
}

/// Connects a node, or does not.
pub(crate) type Dialler = dyn Fn(&Atom) + Send + Sync;

impl Processes {
    /// No processes yet, on a node of this name. What it gives out differs from what another incarnation of the node has
    /// given out, by its creation.
    #[must_use]
    pub fn new(node: Atom) -> Self {
        let identities = Identities::new(node.clone());
        let creation = identities.creation;
        let (table, dialler) = (Mutex::new(Table::new(identities)), Mutex::new(None));
        Self(Arc::new(Shared { node, creation, table, dialler }))
    }

    /// The name of the node, which `erlang:node/0` gives.
    #[must_use]
    pub fn node(&self) -> &Atom {
        &self.0.node
    }

    /// Which incarnation of the node this is, as its pids and references carry it: a random number, and never 0.
    #[must_use]
    pub fn creation(&self) -> u32 {
        self.0.creation
    }

    /// A reference that nobody has seen before: `erlang:make_ref/0`.
    #[must_use]
    pub fn make_ref(&self) -> Reference {
        self.with(|table, _| table.identities.reference())
    }

    /// A process without code of its own, which stands for somebody elsewhere: its messages come from
    /// [`recv`](OpenMailbox::recv), and it ends with `noconnection` when it is dropped. It traps exits.
    #[must_use]
    pub fn open_mailbox(&self) -> OpenMailbox {
        self.open_mailbox_with(MailboxLimits::default())
    }

    /// The same with a mailbox of this size.
    #[must_use]
    pub fn open_mailbox_with(&self, limits: MailboxLimits) -> OpenMailbox {
        let (pid, end) = self.open(limits, Exits::Trap);
        OpenMailbox::new(self.clone(), pid, end)
    }

    /// Delivers a message, or says why not. That a process is gone, or has never been, is no error.
    ///
    /// # Errors
    /// [`SendError`]
    pub fn send(&self, to: &Destination, message: Term) -> Result<(), SendError> {
        let letter = Letter::new(message);
        self.reach(to);
        self.with(|table, effects| match to {
            Destination::Pid(pid) if pid.node() != self.node() => table.send_there(pid.node(), to, letter, effects),
            Destination::Pid(pid) => table.send(pid, letter, effects),
            Destination::Name(name) => {
                let pid = table.whereis(name).cloned().ok_or_else(|| SendError::NoName(name.clone()))?;
                table.send(&pid, letter, effects)
            }
        })
    }

    /// Watches a process: the future has the reason why it ended, `noproc` when it is not there, and
    /// `noconnection` when it is of a node that is not connected (any more). Dropping it ends the
    /// watch.
    pub fn monitor(&self, of: &Destination) -> Monitor {
        if let Destination::Pid(pid) = of
            && pid.node() != self.node()
        {
            self.reach(of);
            return self.monitor_there(pid.node(), of);
        }
        let (sender, end) = oneshot::channel();
        let watched = self.with(|table, _| {
            let pid = table.find(of).ok_or(Reason::of("noproc"))?;
            let reference = table.identities.reference();
            let watched = table.watch(&pid, reference.clone(), Watcher::Future(sender));
            watched.map_err(|_sender| table.absence(&pid)).map(|()| (Watched::Here(pid), reference))
        });
        Monitor { processes: self.clone(), watched: watched.map_err(|absence| absence.term), end }
    }

    /// The same of a process of another node, by its pid or its name there.
    pub(crate) fn monitor_there(&self, node: &Atom, of: &Destination) -> Monitor {
        let (sender, end) = oneshot::channel();
        let watched = self.with(|table, effects| {
            let reference = table.watch_there(node, of, sender, effects)?;
            Some((Watched::There(node.clone(), of.clone()), reference))
        });
        Monitor { processes: self.clone(), watched: watched.ok_or(Term::atom("noconnection")), end }
    }

    /// Links two processes, as one of them by `erlang:link/1`. When `to` is not there, `pid` gets its exit signal `noproc`.
    pub fn link(&self, pid: &Pid, to: &Pid) {
        self.reach(&to.clone().into());
        self.with(|table, effects| table.link(pid, to, effects));
    }

    /// Removes the link, as one of them by `erlang:unlink/1`: what has come from it already stays.
    pub fn unlink(&self, pid: &Pid, from: &Pid) {
        self.with(|table, effects| table.unlink(pid, from, effects));
    }

    /// Sends an exit signal to a process, as `from` by `erlang:exit/2`.
    pub fn exit(&self, from: &Pid, to: &Pid, reason: Term) {
        let reason = Reason::new(reason);
        self.reach(&to.clone().into());
        self.with(|table, effects| table.exit(from, to, reason, effects));
    }

    /// Has nodes dialled by this, when something is wanted of their processes and they are not connected.
    pub(crate) fn dial_by(&self, dialler: Option<Arc<Dialler>>) {
        *self.0.dialler.lock().unwrap_or_else(PoisonError::into_inner) = dialler;
    }

    /// Has the node of a process dialled, where it is another one that is not connected.
    pub(super) fn reach(&self, of: &Destination) {
        let Destination::Pid(pid) = of else { return };
        if pid.node() == self.node() || self.with(|table, _| table.is_neighbour(pid)) {
            return;
        }
        let dialler = self.0.dialler.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(dial) = dialler {
            dial(pid.node());
        }
    }

    /// Gives a process a name.
    ///
    /// # Errors
    /// When the name is taken, the process has one, or is not there.
    pub fn register(&self, name: Atom, pid: &Pid) -> Result<(), NotRegistered> {
        self.with(|table, _| table.register(name, pid))
    }

    /// Takes a name from its process.
    ///
    /// # Errors
    /// When nobody has it.
    pub fn unregister(&self, name: &Atom) -> Result<(), NotRegistered> {
        self.with(|table, _| table.unregister(name))
    }

    /// The process of this name.
    #[must_use]
    pub fn whereis(&self, name: &Atom) -> Option<Pid> {
        self.with(|table, _| table.whereis(name).cloned())
    }

    /// The names that processes have, in their order.
    #[must_use]
    pub fn registered(&self) -> Vec<Atom> {
        self.with(|table, _| table.names())
    }

    /// The processes that are alive, the oldest first.
    #[must_use]
    pub fn processes(&self) -> Vec<Pid> {
        self.with(|table, _| table.pids())
    }

    /// Whether a process is alive.
    #[must_use]
    pub fn is_alive(&self, pid: &Pid) -> bool {
        self.with(|table, _| table.is_alive(pid))
    }

    /// What there is to know about a process; `None` when it is not alive.
    #[must_use]
    pub fn info(&self, pid: &Pid) -> Option<ProcessInfo> {
        self.with(|table, _| table.info(pid))
    }

    pub(super) fn open(&self, limits: MailboxLimits, exits: Exits) -> (Pid, oneshot::Receiver<Term>) {
        self.with(|table, _| table.open(limits, exits))
    }

    pub(super) fn end(&self, pid: &Pid, reason: Term) {
        let reason = Reason::new(reason);
        self.with(|table, effects| table.end(pid, reason, effects));
    }

    /// The one place where the table is locked. What may run other people's code comes after.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Table, &mut Effects) -> T) -> T {
        let mut effects = Effects::default();
        // Nothing under the lock panics: a poisoned table would be a whole one.
        let value = change(&mut self.0.table.lock().unwrap_or_else(PoisonError::into_inner), &mut effects);
        effects.take_place();
        value
    }
}

/// Those of a node that has no name: `nonode@nohost`.
impl Default for Processes {
    fn default() -> Self {
        Self::new(Atom::from_static("nonode@nohost"))
    }
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processes").field("node", self.node()).finish_non_exhaustive()
    }
}

/// Waits for the end of a process, and has its exit reason. Dropping it ends the watch.
#[must_use = "a watch ends when it is dropped"]
pub struct Monitor {
    processes: Processes,
    /// What is watched, or the reason when it was not there.
    watched: Result<(Watched, Reference), Term>,
    end: oneshot::Receiver<Term>,
}

/// Whom a monitor watches.
#[derive(Debug)]
enum Watched {
    Here(Pid),
    There(Atom, Destination),
}

impl Future for Monitor {
    type Output = Term;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Term> {
        match &self.watched {
            Ok(_) => Pin::new(&mut self.end).poll(task).map(|reason| reason.unwrap_or(Term::atom("noproc"))),
            Err(absence) => Poll::Ready(absence.clone()),
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let Ok((watched, reference)) = &self.watched else { return };
        self.processes.with(|table, effects| match watched {
            Watched::Here(pid) => table.unwatch(pid, reference, effects),
            Watched::There(node, of) => table.unwatch_there(node, of, reference, effects),
        });
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(&self.watched).finish()
    }
}
