//! Where panics of other people's code end.

use core::any::Any;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::call::Failure;
use crate::term::Term;

/// A future whose panics, in its polls and its drop, are failures.
pub(crate) struct Caught<T>(Option<Work<T>>);

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<T> Caught<T> {
    pub(crate) const fn new(work: Work<T>) -> Self {
        Self(Some(work))
    }
}

impl<T> Future for Caught<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let polled = caught(|| work.as_mut().poll(task));
        if matches!(polled, Ok(Poll::Pending)) {
            return Poll::Pending;
        }
        let work = self.0.take();
        let dropped = caught(|| drop(work));
        match polled {
            Ok(output) => output.map(Ok),
            Err(failure) => {
                drop(dropped);
                Poll::Ready(Err(failure))
            }
        }
    }
}

impl<T> Drop for Caught<T> {
    fn drop(&mut self) {
        let work = self.0.take();
        drop(caught(|| drop(work)));
    }
}

/// What the code gives, or its panic as the error `{panic,<<"message">>}`. What the code shares is behind locks that say
/// when they are poisoned, so that no broken state goes unseen.
pub(crate) fn caught<T>(code: impl FnOnce() -> T) -> Result<T, Failure> {
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
