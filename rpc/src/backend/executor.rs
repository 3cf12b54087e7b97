//! What every call passes through, whichever backend executes it.

use core::any::Any;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::{Backend, Context, Execution, Watch};
use crate::acl::{Acl, Decision, Operation};
use crate::bert::Known;
use crate::call::{Call, Failure, Outcome, Place};
use crate::extended::Destination;
use crate::term::{Atom, Term};

/// A backend behind the access rules, the deadline, the cancellation and a net under panics.
///
/// - A call that the rules deny is answered with the error `{erpc,notsup}`.
/// - A function that panics, at once or while it is polled, is answered with the error `{panic,<<"message">>}`, and the
///   node lives on. (Not where the program is built with `panic = "abort"`.)
/// - A call that is pending at its deadline is stopped and answered with the error `{erpc,timeout}`; a cancelled one is
///   stopped and exits with `killed`, which nobody waits for.
/// - An error that names no place gets the stack `[{Module,Function,Arity,[]}]`.
#[derive(Clone)]
pub struct Executor {
    backend: Arc<dyn Backend>,
    acl: Acl,
}

impl Executor {
    /// This backend behind these rules.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, acl: Acl) -> Self {
        Self { backend, acl }
    }

    /// Executes a call whose outcome nobody waits for: the rules for casts apply.
    pub fn cast(&self, call: Call, context: &Context) -> Execution {
        let decision = self.acl.check(context, Operation::Cast(&call));
        self.execute(decision, call, context)
    }

    fn execute(&self, decision: Decision, call: Call, context: &Context) -> Execution {
        let place = Place::from(&call);
        let execution = match decision {
            Decision::Allow => caught(|| self.backend.call(call, context)),
            Decision::Deny => Err(Failure::erpc("notsup")),
        };
        match execution {
            Ok(Execution::Pending(work)) => Execution::pending(supervise(work, place, context.clone())),
            Ok(Execution::Ready(Err(failure))) | Err(failure) => Execution::Ready(Err(failure.at(&place))),
            Ok(Execution::Ready(Ok(success))) => Execution::Ready(Ok(success)),
        }
    }
}

impl Backend for Executor {
    fn call(&self, call: Call, context: &Context) -> Execution {
        let decision = self.acl.check(context, Operation::Call(&call));
        self.execute(decision, call, context)
    }

    fn module(&self, name: &Atom) -> Known {
        caught(|| self.backend.module(name)).unwrap_or(Known::Unsure)
    }

    fn send(&self, to: &Destination, message: Term, context: &Context) -> Execution {
        let sent = match self.acl.check(context, Operation::Send { to, message: &message }) {
            Decision::Allow => caught(|| self.backend.send(to, message, context)),
            Decision::Deny => Err(Failure::erpc("notsup")),
        };
        sent.unwrap_or_else(|failure| Execution::Ready(Err(failure)))
    }

    fn monitor(&self, of: &Destination, context: &Context) -> Result<Watch, Failure> {
        match self.acl.check(context, Operation::Monitor { of }) {
            Decision::Allow => caught(|| self.backend.monitor(of, context)).flatten(),
            Decision::Deny => Err(Failure::erpc("notsup")),
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("acl", &self.acl).finish_non_exhaustive()
    }
}

type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

async fn supervise(work: Work, place: Place, context: Context) -> Outcome {
    let mut work = Caught(Some(work));
    let outcome = tokio::select! {
        biased;
        outcome = &mut work => outcome,
        () = context.cancellation().cancelled() => Err(Failure::exit(Term::atom("killed"))),
        () = passed(context.deadline()) => Err(Failure::erpc("timeout")),
    };
    outcome.map_err(|failure| failure.at(&place))
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => core::future::pending().await,
    }
}

/// A future whose panics, in its polls and its drop, are failures.
struct Caught(Option<Work>);

impl Future for Caught {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Outcome> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let polled = caught(|| work.as_mut().poll(task));
        if matches!(polled, Ok(Poll::Pending)) {
            return Poll::Pending;
        }
        let work = self.0.take();
        let dropped = caught(|| drop(work));
        match polled {
            Ok(outcome) => outcome,
            Err(failure) => {
                drop(dropped);
                Poll::Ready(Err(failure))
            }
        }
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        let work = self.0.take();
        drop(caught(|| drop(work)));
    }
}

/// The one place where panics end. What the code shares is behind locks that say when they are poisoned, so that no
/// broken state goes unseen.
fn caught<T>(code: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let failure = Failure::error(Term::tuple([Term::atom("panic"), Term::binary(message(&*payload))]));
        // A payload is anything, and may panic when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(core::mem::forget);
        failure
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic")
}

#[cfg(test)]
mod tests;
