//! What every call passes through, whichever backend executes it.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use super::panics::{Caught, caught};
use super::statistics::{Counted, Statistics};
use super::{Backend, Context, Execution, Origin, Streams, Watch};
use crate::acl::{Acl, Decision, Operation, Subject};
use crate::audit::{Audit, Entry};
use crate::bert::Known;
use crate::call::{Call, Failure, Outcome, Place};
use crate::extended::Destination;
use crate::term::{Atom, Pid, Term};

/// A backend behind the access rules, the audit log, the deadline, the cancellation and a net under panics.
///
/// - What the rules deny is answered with the error `{erpc,notsup}`; what is too large or too soon for them with
///   `{erpc,system_limit}`. It is logged with who and what.
/// - A function that panics, at once or while it is polled, is answered with the error `{panic,<<"message">>}`, and the
///   node lives on. (Not where the program is built with `panic = "abort"`.)
/// - A call that is pending at its deadline is stopped and answered with the error `{erpc,timeout}`; a cancelled one is
///   stopped and exits with `killed`, which nobody waits for.
/// - An error that names no place gets the stack `[{Module,Function,Arity,[]}]`.
#[derive(Clone)]
pub struct Executor {
    backend: Arc<dyn Backend>,
    acl: Acl,
    audit: Audit,
    statistics: Option<Arc<Statistics>>,
}

impl Executor {
    /// This backend behind these rules.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, acl: Acl) -> Self {
        Self { backend, acl, audit: Audit::off(), statistics: None }
    }

    /// The same with an audit log.
    #[must_use]
    pub fn audit(self, audit: Audit) -> Self {
        Self { audit, ..self }
    }

    /// The same with figures.
    pub(crate) fn statistics(self, statistics: Arc<Statistics>) -> Self {
        Self { statistics: Some(statistics), ..self }
    }

    /// Executes a call whose outcome nobody waits for: the rules for casts apply.
    pub fn cast(&self, call: Call, context: &Context) -> Execution {
        let admitted = self.admit(context, Operation::Cast(&call));
        Self::execute(admitted, Place::from(&call), context, || self.backend.call(call, context))
    }

    /// Asks the rules. What they deny is written down here; what they allow, when it has ended.
    fn admit(&self, context: &Context, operation: Operation<'_>) -> Result<Admitted, Failure> {
        let entry = self.audit.begin(context, operation);
        match self.acl.check(context, operation, self.origin(operation.subject())) {
            Decision::Allow => {
                let counted = self.statistics.as_ref().map_or_else(Counted::none, |figures| figures.begin(operation));
                Ok(Admitted { entry, counted })
            }
            Decision::Deny(denial) => {
                let (caller, subject) = (context.caller(), operation.subject());
                let (user, key) = (&caller.user, caller.key.as_deref().unwrap_or("none"));
                tracing::warn!(
                    user,
                    key,
                    source = caller.source.map(tracing::field::display),
                    "denied: {subject}: {denial}"
                );
                entry.denied(&denial);
                self.statistics.iter().for_each(|figures| figures.denied());
                Err(denial.failure())
            }
        }
    }

    fn execute(
        admitted: Result<Admitted, Failure>,
        place: Place,
        context: &Context,
        begin: impl FnOnce() -> Execution,
    ) -> Execution {
        let entry = match admitted {
            Ok(entry) => entry,
            Err(failure) => return Execution::Ready(Err(failure.at(&place))),
        };
        match caught(begin) {
            Ok(Execution::Pending(work)) => {
                let work = supervise(work, place, context.clone());
                Execution::pending(recorded(work, entry))
            }
            Ok(Execution::Ready(outcome)) => ready(outcome.map_err(|failure| failure.at(&place)), entry),
            Err(failure) => ready(Err(failure.at(&place)), entry),
        }
    }
}

impl Backend for Executor {
    fn call(&self, call: Call, context: &Context) -> Execution {
        let admitted = self.admit(context, Operation::Call(&call));
        Self::execute(admitted, Place::from(&call), context, || self.backend.call(call, context))
    }

    /// The deadline and the cancellation are also for the output: the call has ended when its caller has taken it.
    fn stream(&self, call: Call, streams: Streams, context: &Context) -> Execution {
        let admitted = self.admit(context, Operation::Call(&call));
        let tail = streams.output.tail();
        Self::execute(admitted, Place::from(&call), context, || match self.backend.stream(call, streams, context) {
            Execution::Ready(Err(failure)) => Execution::Ready(Err(failure)),
            execution => Execution::pending(async move {
                let value = execution.outcome().await?;
                tail.finish().await;
                Ok(value)
            }),
        })
    }

    fn module(&self, name: &Atom) -> Known {
        caught(|| self.backend.module(name)).unwrap_or(Known::Unsure)
    }

    fn send(&self, to: &Destination, message: Term, context: &Context) -> Execution {
        let entry = match self.admit(context, Operation::Send { to, message: &message }) {
            Ok(entry) => entry,
            Err(failure) => return Execution::Ready(Err(failure)),
        };
        record(entry, || self.backend.send(to, message, context))
    }

    fn monitor(&self, of: &Destination, context: &Context) -> Result<Watch, Failure> {
        let entry = self.admit(context, Operation::Monitor { of })?;
        match caught(|| self.backend.monitor(of, context)).flatten() {
            Ok(watch) => {
                entry.begun();
                let watch = Caught::new(watch);
                Ok(Box::pin(async move { watch.await.unwrap_or(Term::atom("noconnection")) }))
            }
            Err(failure) => {
                entry.ended(&Err(failure.clone()));
                Err(failure)
            }
        }
    }

    fn link(&self, mailbox: &Pid, to: &Pid, context: &Context) -> Outcome {
        let entry = self.admit(context, Operation::Link { to })?;
        let outcome = caught(|| self.backend.link(mailbox, to, context)).flatten();
        entry.ended(&outcome);
        outcome
    }

    fn unlink(&self, mailbox: &Pid, from: &Pid) {
        // What panics has not linked anything, either.
        drop(caught(|| self.backend.unlink(mailbox, from)));
    }

    fn exit(&self, from: &Pid, to: &Pid, reason: Term, context: &Context) -> Execution {
        let entry = match self.admit(context, Operation::Exit { to, reason: &reason }) {
            Ok(entry) => entry,
            Err(failure) => return Execution::Ready(Err(failure)),
        };
        record(entry, || self.backend.exit(from, to, reason, context))
    }

    fn origin(&self, subject: Subject<'_>) -> Origin {
        caught(|| self.backend.origin(subject)).unwrap_or(Origin::Foreign)
    }
}

/// What was allowed, and is written down and counted when it ends.
struct Admitted {
    entry: Entry,
    counted: Counted,
}

impl Admitted {
    fn ended(self, outcome: &Outcome) {
        self.entry.ended(outcome);
        self.counted.ended(outcome);
    }

    fn begun(self) {
        self.entry.begun();
    }
}

/// What has no deadline: a message, an exit signal.
fn record(entry: Admitted, work: impl FnOnce() -> Execution) -> Execution {
    match caught(work) {
        Ok(Execution::Pending(work)) => {
            let work = Caught::new(work);
            Execution::pending(recorded(async move { work.await.flatten() }, entry))
        }
        Ok(Execution::Ready(outcome)) => ready(outcome, entry),
        Err(failure) => ready(Err(failure), entry),
    }
}

fn ready(outcome: Outcome, entry: Admitted) -> Execution {
    entry.ended(&outcome);
    Execution::Ready(outcome)
}

async fn recorded(work: impl Future<Output = Outcome>, entry: Admitted) -> Outcome {
    let outcome = work.await;
    entry.ended(&outcome);
    outcome
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("acl", &self.acl).finish_non_exhaustive()
    }
}

type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

async fn supervise(work: Work, place: Place, context: Context) -> Outcome {
    let mut work = Caught::new(work);
    let outcome = tokio::select! {
        biased;
        outcome = &mut work => outcome.flatten(),
        () = context.cancellation().cancelled() => Err(Failure::exit(Term::atom("killed"))),
        () = passed(context.deadline()) => Err(Failure::erpc("timeout")),
    };
    outcome.map_err(|failure| failure.at(&place))
}

pub(crate) async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => core::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
