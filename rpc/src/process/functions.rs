//! Processes as a backend: Erlang's functions about them, messages and monitors from outside.

use core::time::Duration;

use super::error::SendError;
use super::processes::Processes;
use crate::acl::Subject;
use crate::backend::{Backend, Context, Execution, Origin, Watch};
use crate::call::{Call, Failure, Success};
use crate::extended::Destination;
use crate::term::{Atom, Pid, Term};

/// How long `gen_server:call/2` waits.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The functions that processes answer, with their arities.
const FUNCTIONS: [(&str, &str, usize); 12] = [
    ("erlang", "exit", 2),
    ("erlang", "is_process_alive", 1),
    ("erlang", "node", 0),
    ("erlang", "process_info", 1),
    ("erlang", "process_info", 2),
    ("erlang", "processes", 0),
    ("erlang", "registered", 0),
    ("erlang", "send", 2),
    ("erlang", "whereis", 1),
    ("gen_server", "call", 2),
    ("gen_server", "call", 3),
    ("gen_server", "cast", 2),
];

impl Processes {
    /// Whether this is a function about processes.
    pub(crate) fn has(call: &Call) -> bool {
        Self::has_function(call.module.as_str(), call.function.as_str(), call.args.len())
    }

    /// Whether this is one of these functions.
    pub(crate) fn has_function(module: &str, function: &str, arity: usize) -> bool {
        FUNCTIONS.contains(&(module, function, arity))
    }

    /// Whether one of these functions is of this module.
    pub(crate) fn has_module(name: &str) -> bool {
        FUNCTIONS.iter().any(|(module, ..)| *module == name)
    }

    /// The modules of these functions.
    pub(crate) fn modules() -> impl Iterator<Item = Atom> {
        FUNCTIONS.iter().map(|(module, ..)| Atom::from_static(module))
    }

    /// Those of these functions that are of this module.
    pub(crate) fn exports(name: &str) -> impl Iterator<Item = (Atom, usize)> {
        let own = FUNCTIONS.iter().filter(move |(module, ..)| *module == name);
        own.map(|(_, function, arity)| (Atom::from_static(function), *arity))
    }

    /// Whether a message for this, or a monitor of it, is for a process of this node.
    pub(crate) fn owns(&self, destination: &Destination) -> bool {
        match destination {
            // A backend's processes may be of a node with the same name: every Erlang without one is `nonode@nohost`.
            Destination::Pid(pid) => pid.node() == self.node() && pid.creation() == self.creation(),
            Destination::Name(name) => self.whereis(name).is_some(),
        }
    }

    fn evaluate(&self, call: &Call) -> Result<Term, Failure> {
        match (call.function.as_str(), call.args.as_slice()) {
            ("exit", [pid, reason]) => {
                let pid = self.own(pid)?;
                // Whoever calls is no process here: the signal is from one that has just ended.
                let from = self.with(|table, _| table.identities.pid());
                self.exit(&from, pid, reason.clone());
                Ok(true.into())
            }
            ("is_process_alive", [pid]) => Ok(self.is_alive(self.own(pid)?).into()),
            ("node", []) => Ok(self.node().clone().into()),
            ("process_info", [pid]) => Ok(self.info(self.own(pid)?).map_or(UNDEFINED, |info| info.to_term())),
            ("process_info", [pid, items]) => self.process_info(self.own(pid)?, items),
            ("processes", []) => Ok(self.processes().into()),
            ("registered", []) => Ok(self.registered().into()),
            ("send", [to, message]) => {
                self.send(&self.destination(to)?, message.clone()).map_err(|error| refusal(&error))?;
                Ok(message.clone())
            }
            ("whereis", [name]) => {
                let name = name.as_atom().ok_or(BADARG)?;
                Ok(self.whereis(name).map_or(UNDEFINED, Term::from))
            }
            ("cast", [to, request]) => match self.gen_cast(&self.destination(to)?, request.clone()) {
                // A cast does not care whether there is a server.
                Ok(()) | Err(SendError::NoName(_)) => Ok(Term::atom("ok")),
                Err(error) => Err(refusal(&error)),
            },
            _ => Err(Failure::undef(call)),
        }
    }

    /// `gen_server:call/2,3`
    fn call_server(&self, call: &Call) -> Result<Execution, Failure> {
        let (to, request, timeout) = match call.args.as_slice() {
            [to, request] => (to, request, Some(CALL_TIMEOUT)),
            [to, request, timeout] if timeout.is_atom("infinity") => (to, request, None),
            [to, request, timeout] => {
                (to, request, Some(Duration::from_millis(timeout.as_u64().ok_or(Failure::of("timeout_value"))?)))
            }
            _ => return Err(Failure::undef(call)),
        };
        let (processes, to, request) = (self.clone(), self.destination(to)?, request.clone());
        Ok(Execution::pending(async move { processes.gen_call(&to, request, timeout).await.map(Success::Value) }))
    }

    fn process_info(&self, pid: &Pid, items: &Term) -> Result<Term, Failure> {
        let Some(info) = self.info(pid) else { return Ok(UNDEFINED) };
        let item = |item: &Term| item.as_atom().and_then(|name| info.item(name.as_str())).ok_or(BADARG);
        match items.as_list() {
            // In a list, one that has no name has the name [].
            Some(items) => items
                .map(|key| match item(key)? {
                    Term::List(_) => Ok(Term::tuple([key.clone(), Term::NIL])),
                    found => Ok(found),
                })
                .collect(),
            None => item(items),
        }
    }

    /// A pid of this node.
    fn own<'a>(&self, term: &'a Term) -> Result<&'a Pid, Failure> {
        match term {
            Term::Pid(pid) if pid.node() == self.node() => Ok(pid),
            _ => Err(BADARG),
        }
    }

    /// A pid, a name, or `{Name,Node}` with this node.
    fn destination(&self, term: &Term) -> Result<Destination, Failure> {
        match term {
            Term::Pid(pid) => Ok(pid.clone().into()),
            Term::Atom(name) => Ok(name.clone().into()),
            term => match term.as_tuple() {
                Some([Term::Atom(name), Term::Atom(node)]) if node == self.node() => Ok(name.clone().into()),
                Some([Term::Atom(_), Term::Atom(node)]) => Err(refusal(&SendError::Elsewhere(node.clone()))),
                _ => Err(BADARG),
            },
        }
    }
}

/// Answers Erlang's functions about processes (`erlang:send/2`, `gen_server:call/3`, ...), and what comes from outside for
/// its own.
impl Backend for Processes {
    /// The program's own.
    fn origin(&self, _subject: Subject<'_>) -> Origin {
        Origin::BuiltIn
    }

    fn call(&self, call: Call, _context: &Context) -> Execution {
        if !Self::has(&call) {
            return Execution::Ready(Err(Failure::undef(&call)));
        }
        let execution = match (call.module.as_str(), call.function.as_str()) {
            ("gen_server", "call") => self.call_server(&call),
            _ => Ok(Execution::Ready(self.evaluate(&call).map(Success::Value))),
        };
        execution.unwrap_or_else(|failure| Execution::Ready(Err(failure)))
    }

    fn send(&self, to: &Destination, message: Term, _context: &Context) -> Execution {
        let sent = self.send(to, message).map(|()| Success::Value(Term::atom("ok")));
        Execution::Ready(sent.map_err(Failure::from))
    }

    fn monitor(&self, of: &Destination, _context: &Context) -> Result<Watch, Failure> {
        Ok(Box::pin(self.monitor(of)))
    }
}

/// As one of Erlang's functions fails.
fn refusal(error: &SendError) -> Failure {
    match error {
        SendError::NoName(_) => BADARG,
        SendError::Full(_) => Failure::of("system_limit"),
        SendError::Elsewhere(_) => Failure::of("noconnection"),
    }
}

const BADARG: Failure = Failure::of("badarg");
const UNDEFINED: Term = Term::Atom(Atom::from_static("undefined"));

#[cfg(test)]
mod tests;
