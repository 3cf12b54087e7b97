//! Who executes calls: the [`Backend`] trait, Rust functions behind it, and the built-in ones.
//!
//! A node holds one [`Executor`], which puts the access rules, the deadline, the cancellation and a net under panics in
//! front of any backend, and so is a backend itself.
//!
//! ```
//! use std::sync::Arc;
//! use sshrpc::acl::Acl;
//! use sshrpc::backend::{Backend, Caller, Context, Executor, Functions};
//! use sshrpc::call::Success;
//! use sshrpc::term::parse_call;
//!
//! let mut functions = Functions::with_builtins();
//! functions.add("math", "double", |x: i64| x * 2);
//! let node = Executor::new(Arc::new(functions), Acl::default());
//!
//! let context = Context::new(Caller::local());
//! let execution = node.call(parse_call("math:double(21)")?, &context);
//! assert_eq!(execution.ready(), Some(Ok(Success::Value(42.into()))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

pub mod beam;
mod builtin;
mod context;
pub mod dist;
mod executor;
pub(crate) mod listing;
pub(crate) mod panics;
mod registry;
mod router;
pub(crate) mod statistics;
mod streams;
mod typed;

use core::fmt;
use core::future::Future;
use core::pin::Pin;

pub use self::beam::{BeamNode, BeamPort};
pub use self::builtin::Limits;
pub use self::context::{Caller, Cancellation, Canceller, Context};
pub use self::dist::BeamDist;
pub use self::executor::Executor;
pub(crate) use self::executor::passed;
pub use self::registry::Functions;
pub use self::router::Router;
pub(crate) use self::streams::{Drain, Feed};
pub use self::streams::{Input, Output, Streams};
pub use self::typed::{Argument, Reply, TypedFunction};
use crate::acl::Subject;
use crate::bert::Known;
use crate::call::{Call, Failure, Outcome, Success};
use crate::extended::Destination;
use crate::term::{Atom, Pid, Term};

/// Something that executes calls.
pub trait Backend: Send + Sync + 'static {
    /// Executes a call, or begins to. What can be answered at once should be: the answer then leaves in the same turn of
    /// the connection, without a task in between. What waits or computes for long belongs in the future.
    ///
    /// The access rules were asked before. Dropping the future cancels the call.
    fn call(&self, call: Call, context: &Context) -> Execution;

    /// Executes a call with streams. By default no function has any: `{erpc,notsup}`.
    fn stream(&self, _call: Call, _streams: Streams, _context: &Context) -> Execution {
        Execution::Ready(Err(Failure::erpc("notsup")))
    }

    /// Whether there is such a module, as far as it can tell without calling: not at all by default.
    fn module(&self, _name: &Atom) -> Known {
        Known::Unsure
    }

    /// Delivers a message to a process. The outcome is `ok`; or the error `badarg` for a name that nobody has, as for
    /// `Name ! Message`; or `{erpc,system_limit}` when the mailbox is full. A pid that is gone, or was never there, is no error.
    /// By default there are no processes.
    fn send(&self, to: &Destination, _message: Term, _context: &Context) -> Execution {
        Execution::Ready(match to {
            Destination::Name(_) => Err(Failure::of("badarg")),
            Destination::Pid(_) => Ok(Success::Value(Term::atom("ok"))),
        })
    }

    /// Watches a process: the future has the reason why it ended, `noproc` when it is not there, and `noconnection` when
    /// there is no telling any more. Dropping the future ends the watch.
    ///
    /// # Errors
    /// Why it cannot be watched.
    fn monitor(&self, _of: &Destination, _context: &Context) -> Result<Watch, Failure> {
        Ok(Box::pin(core::future::ready(Term::atom("noproc"))))
    }

    /// Links a mailbox of this node's to a process: whichever of the two ends, the other one gets its exit signal. The
    /// outcome is `ok`, also when the process is not there, which the mailbox is told as `{'EXIT',Pid,noproc}`.
    ///
    /// By default there is no way to link processes: `{erpc,notsup}`.
    fn link(&self, _mailbox: &Pid, _to: &Pid, _context: &Context) -> Outcome {
        Err(Failure::erpc("notsup"))
    }

    /// Removes the link: no exit signal comes from it afterwards.
    fn unlink(&self, _mailbox: &Pid, _from: &Pid) {}

    /// Sends an exit signal from a mailbox of this node's, as `erlang:exit/2`. The outcome is `ok`; a process that is gone, or was
    /// never there, is no error. By default there are no processes.
    fn exit(&self, _from: &Pid, _to: &Pid, _reason: Term, _context: &Context) -> Execution {
        Execution::Ready(Ok(Success::Value(Term::atom("ok"))))
    }

    /// The names of the modules that it has, as a list of atoms. Who may know of them is not asked here.
    ///
    /// Unless a backend knows better, it is asked as one asks an Erlang: `code:all_available()`.
    fn modules(&self, context: &Context) -> Execution {
        listing::modules(|call| self.call(call, context))
    }

    /// The functions of a module, as a list of `{Name,Arity}`, empty where there is no such module. Who may know of them is
    /// not asked here.
    ///
    /// Unless a backend knows better, it is asked as one asks an Erlang: `Module:module_info(exports)`.
    fn exports(&self, module: &Atom, context: &Context) -> Execution {
        listing::exports(module, |call| self.call(call, context))
    }

    /// Whose code would do this. Where no rule says otherwise, what is built in is open to whoever may log in, and what is
    /// foreign to nobody. A backend says of itself that it is built in; one that puts others together asks the one that
    /// would serve it.
    fn origin(&self, _subject: Subject<'_>) -> Origin {
        Origin::Foreign
    }
}

/// Whose code executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Functions and processes that this program registered: what they do was chosen one by one.
    BuiltIn,
    /// A whole run time with all that is installed in it.
    Foreign,
}

/// Waits for the end of a process, and has its exit reason.
pub type Watch = Pin<Box<dyn Future<Output = Term> + Send>>;

/// A call that was executed, or is being.
#[must_use = "a call that is not driven does not proceed"]
#[non_exhaustive]
pub enum Execution {
    /// It has ended.
    Ready(Outcome),
    /// It proceeds as the future is polled.
    Pending(Pin<Box<dyn Future<Output = Outcome> + Send>>),
}

impl Execution {
    /// One that proceeds as `work` is polled.
    pub fn pending(work: impl Future<Output = Outcome> + Send + 'static) -> Self {
        Self::Pending(Box::pin(work))
    }

    /// The outcome, when there is one already.
    #[must_use]
    pub fn ready(self) -> Option<Outcome> {
        match self {
            Self::Ready(outcome) => Some(outcome),
            Self::Pending(_) => None,
        }
    }

    /// The outcome, waited for.
    pub async fn outcome(self) -> Outcome {
        match self {
            Self::Ready(outcome) => outcome,
            Self::Pending(work) => work.await,
        }
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(outcome) => f.debug_tuple("Ready").field(outcome).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}
