//! Processes that run Rust code.

use core::future::Future;

use tokio::sync::oneshot;

use super::error::NotRegistered;
use super::limits::MailboxLimits;
use super::mailbox::Mailbox;
use super::processes::Processes;
use super::table::Exits;
use crate::backend::panics::Caught;
use crate::call::{Brief, Failure};
use crate::term::{Atom, Pid, Term};

/// How a process begins: without a name and links, with the default mailbox, ended by exit signals.
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until a process is spawned with them"]
pub struct SpawnOptions {
    name: Option<Atom>,
    parent: Option<Pid>,
    limits: MailboxLimits,
    exits: Exits,
}

impl SpawnOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has this name from the beginning.
    pub fn name(self, name: Atom) -> Self {
        Self { name: Some(name), ..self }
    }

    /// Is linked to this process from the beginning, which is its parent: `spawn_link`.
    pub fn link(self, parent: Pid) -> Self {
        Self { parent: Some(parent), ..self }
    }

    /// Has a mailbox of this size.
    pub fn limits(self, limits: MailboxLimits) -> Self {
        Self { limits, ..self }
    }

    /// Takes exit signals as messages: `process_flag(trap_exit, true)`.
    pub fn trap_exits(self) -> Self {
        Self { exits: Exits::Trap, ..self }
    }

    pub(super) const fn parent(&self) -> Option<&Pid> {
        self.parent.as_ref()
    }
}

impl Processes {
    /// Starts a process that executes `body` with its mailbox.
    ///
    /// It ends when `body` does, with the reason `normal` or that of the failure, as in Erlang: `exit(R)` has the reason
    /// `R`, `error(E)` has `{E,Stack}`, `throw(V)` has `{{nocatch,V},[]}`. A panic is the error `{panic,<<"message">>}`; it is
    /// logged, and ends nothing else but what is linked. (Not where the program is built with `panic = "abort"`.)
    ///
    /// An exit signal takes effect at once for all others, and drops `body` where it next waits: what it does until then
    /// it does as a ghost.
    ///
    /// # Panics
    /// Outside a runtime of tokio's.
    pub fn spawn<F, W>(&self, body: F) -> Pid
    where
        F: FnOnce(Mailbox) -> W + Send + 'static,
        W: Future<Output = Result<(), Failure>> + Send,
    {
        let (pid, end) = self.open(MailboxLimits::default(), Exits::default());
        self.start(&pid, end, body);
        pid
    }

    /// The same with options.
    ///
    /// # Errors
    /// When the name is taken; nothing is started then.
    ///
    /// # Panics
    /// Outside a runtime of tokio's.
    pub fn spawn_with<F, W>(&self, options: SpawnOptions, body: F) -> Result<Pid, NotRegistered>
    where
        F: FnOnce(Mailbox) -> W + Send + 'static,
        W: Future<Output = Result<(), Failure>> + Send,
    {
        let (pid, end) = self.open(options.limits, options.exits);
        if let Some(name) = options.name
            && let Err(error) = self.register(name, &pid)
        {
            self.end(&pid, Term::atom("normal"));
            return Err(error);
        }
        if let Some(parent) = &options.parent {
            // Seen from the child, so that one without a parent gets the exit signal.
            self.link(&pid, parent);
        }
        self.start(&pid, end, body);
        Ok(pid)
    }

    fn start<F, W>(&self, pid: &Pid, end: oneshot::Receiver<Term>, body: F)
    where
        F: FnOnce(Mailbox) -> W + Send + 'static,
        W: Future<Output = Result<(), Failure>> + Send,
    {
        let mailbox = Mailbox::new(self.clone(), pid.clone());
        let process = Running { processes: self.clone(), pid: pid.clone() };
        let work = Caught::new(Box::pin(async move { body(mailbox).await }));
        tokio::spawn(process.run(work, end));
    }
}

/// A process whose code runs. When it is dropped half-way, because the runtime ends, the process is killed.
struct Running {
    processes: Processes,
    pid: Pid,
}

impl Running {
    async fn run(self, mut work: Caught<Result<(), Failure>>, end: oneshot::Receiver<Term>) {
        let outcome = tokio::select! {
            biased;
            _reason = end => return,
            outcome = &mut work => outcome,
        };
        let reason = match outcome.flatten() {
            Ok(()) => Term::atom("normal"),
            Err(failure) => {
                let reason = exit_reason(failure);
                log(&self, &reason);
                reason
            }
        };
        self.processes.end(&self.pid, reason);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.processes.end(&self.pid, Term::atom("killed"));
    }
}

/// The reason with which a process ends that does not catch this.
pub(super) fn exit_reason(failure: Failure) -> Term {
    match failure {
        Failure::Exit { reason } => reason,
        Failure::Error { reason, stack } => Term::tuple([reason, stack]),
        Failure::Throw { value } => Term::tuple([Term::tuple([Term::atom("nocatch"), value]), Term::NIL]),
    }
}

/// Ends are logged as OTP's are: those that a supervisor would not wonder about are not.
fn log(process: &Running, reason: &Term) {
    let shutdown = reason.as_tuple().is_some_and(|pair| matches!(pair, [tag, _] if tag.is_atom("shutdown")));
    if !reason.is_atom("normal") && !reason.is_atom("shutdown") && !shutdown {
        let name = process.processes.info(&process.pid).and_then(|info| info.registered_name);
        let name = name.as_ref().map(Atom::as_str);
        tracing::error!(pid = %process.pid, name, reason = %Brief(reason), "a process has failed");
    }
}
