//! Processes in front of what else a node executes.

use std::sync::Arc;

use super::processes::Processes;
use crate::acl::{Object, Subject};
use crate::backend::{Backend, Context, Execution, Origin, Streams, Watch, listing};
use crate::bert::Known;
use crate::call::{Call, Failure, Outcome, Success};
use crate::extended::Destination;
use crate::term::{Atom, Pid, Term};

/// Processes, and a backend behind them for what is not theirs.
pub(crate) struct Front {
    pub(crate) processes: Processes,
    pub(crate) behind: Arc<dyn Backend>,
    pub(crate) functions: ProcessFunctions,
}

/// Who answers Erlang's functions about processes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ProcessFunctions {
    /// The processes.
    Front,
    /// The backend, which may have other processes.
    Behind,
}

impl Backend for Front {
    fn call(&self, call: Call, context: &Context) -> Execution {
        match self.functions {
            ProcessFunctions::Front if Processes::has(&call) => Backend::call(&self.processes, call, context),
            _ => self.behind.call(call, context),
        }
    }

    fn stream(&self, call: Call, streams: Streams, context: &Context) -> Execution {
        match self.functions {
            ProcessFunctions::Front if Processes::has(&call) => self.processes.stream(call, streams, context),
            _ => self.behind.stream(call, streams, context),
        }
    }

    fn module(&self, name: &Atom) -> Known {
        let own = self.functions == ProcessFunctions::Front && Processes::has_module(name.as_str());
        if own { Known::Yes } else { self.behind.module(name) }
    }

    fn send(&self, to: &Destination, message: Term, context: &Context) -> Execution {
        match self.processes.owns(to) {
            true => Backend::send(&self.processes, to, message, context),
            false => self.behind.send(to, message, context),
        }
    }

    fn monitor(&self, of: &Destination, context: &Context) -> Result<Watch, Failure> {
        match self.processes.owns(of) {
            true => Backend::monitor(&self.processes, of, context),
            false => self.behind.monitor(of, context),
        }
    }

    fn link(&self, mailbox: &Pid, to: &Pid, _context: &Context) -> Outcome {
        // To a process elsewhere there is no way: the mailbox is told so.
        self.processes.link(mailbox, to);
        Ok(Success::Value(Term::atom("ok")))
    }

    fn unlink(&self, mailbox: &Pid, from: &Pid) {
        self.processes.unlink(mailbox, from);
    }

    fn exit(&self, from: &Pid, to: &Pid, reason: Term, context: &Context) -> Execution {
        if self.processes.owns(&to.clone().into()) {
            self.processes.exit(from, to, reason);
            return Execution::Ready(Ok(Success::Value(Term::atom("ok"))));
        }
        self.behind.exit(from, to, reason, context)
    }

    fn modules(&self, context: &Context) -> Execution {
        let behind = self.behind.modules(context);
        match self.functions {
            ProcessFunctions::Front => listing::with(behind, Processes::modules().map(Term::from).collect()),
            ProcessFunctions::Behind => behind,
        }
    }

    fn exports(&self, module: &Atom, context: &Context) -> Execution {
        let behind = self.behind.exports(module, context);
        match self.functions {
            ProcessFunctions::Front => {
                listing::with(behind, Processes::exports(module.as_str()).map(listing::export).collect())
            }
            ProcessFunctions::Behind => behind,
        }
    }

    fn origin(&self, subject: Subject<'_>) -> Origin {
        let own = match subject.object {
            Object::Function { module, function, arity } => {
                self.functions == ProcessFunctions::Front && Processes::has_function(module, function, arity)
            }
            Object::Name(name) => Atom::new(name).is_ok_and(|name| self.processes.whereis(&name).is_some()),
            // Whose it is, is not known here: what may be foreign counts as foreign.
            _ => false,
        };
        if own { Origin::BuiltIn } else { self.behind.origin(subject) }
    }
}
