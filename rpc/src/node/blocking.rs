//! Calls that block each other: `rpc:block_call/4`.

use core::future::Future;
use core::task::{Context as Task, Poll, Waker};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::backend::{Backend, Context, Execution, Executor, passed};
use crate::call::{Call, Failure, Outcome};
use crate::term::Term;

/// Whose turn it is among the blocking calls of a node: one runs at a time, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Mutex<()>>);

impl Turns {
    /// Executes a call in its turn. It gives up the turn when it has ended, or is dropped.
    pub(super) fn call(&self, executor: &Executor, call: Call, context: &Context) -> Execution {
        let mut turn = Box::pin(Arc::clone(&self.0).lock_owned());
        // Asked once here, it has its place in the queue before any call that is read later.
        match turn.as_mut().poll(&mut Task::from_waker(Waker::noop())) {
            Poll::Ready(turn) => match executor.call(call, context) {
                Execution::Ready(outcome) => Execution::Ready(outcome),
                execution => Execution::pending(in_turn(turn, execution)),
            },
            Poll::Pending => {
                let (executor, context) = (executor.clone(), context.clone());
                Execution::pending(async move {
                    let turn = tokio::select! {
                        biased;
                        turn = turn => turn,
                        () = context.cancellation().cancelled() => return Err(Failure::exit(Term::atom("killed"))),
                        () = passed(context.deadline()) => return Err(Failure::erpc("timeout")),
                    };
                    in_turn(turn, executor.call(call, &context)).await
                })
            }
        }
    }
}

async fn in_turn(turn: OwnedMutexGuard<()>, execution: Execution) -> Outcome {
    let outcome = execution.outcome().await;
    drop(turn);
    outcome
}
