//! Before login: one task reads, asks and writes.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ssh_proto::time::Instant;

use crate::buffer::ReadBuffer;
use crate::clock::Clock;
use crate::ended::Ended;
use crate::io::Io;
use crate::output::Output;

/// A stream, what came on it, and what is to be written.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) io: Io,
    pub(crate) input: ReadBuffer,
    pub(crate) output: Output,
    pub(crate) clock: Clock,
}

/// What ended a wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    Input,
    Deadline,
}

impl Pipe {
    pub(crate) fn new(io: Io) -> Self {
        Self { io, input: ReadBuffer::default(), output: Output::default(), clock: Clock::start() }
    }

    /// Waits for more bytes, and writes meanwhile: a peer may read only after it has written.
    pub(crate) async fn wait(&mut self, deadline: Option<Instant>) -> Result<Woken, Ended> {
        let Self { io, input, output, clock } = self;
        let read = std::future::poll_fn(|context| {
            // What cannot be written is no reason not to read why.
            let written = poll_write(io, output, context);
            let spare = input.spare();
            let read = if spare.is_empty() { Poll::Pending } else { io.poll_read(context, spare) };
            match (read, written) {
                (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
                (read, _) => read,
            }
        });
        match within(clock, deadline, read).await {
            None => Ok(Woken::Deadline),
            Some(Ok(0)) => Err(lost(io::ErrorKind::UnexpectedEof.into())),
            Some(Ok(length)) => {
                self.input.advance(length);
                Ok(Woken::Input)
            }
            Some(Err(error)) => Err(lost(error)),
        }
    }

    /// Waits for somebody's answer, for as long as the login may take. What is written meanwhile saves a round trip.
    pub(crate) async fn wait_for<T>(
        &mut self,
        deadline: Option<Instant>,
        answer: impl Future<Output = T>,
    ) -> Option<T> {
        let Self { io, output, clock, .. } = self;
        let mut answer = pin!(answer);
        let answer = std::future::poll_fn(|context| {
            // Whether that went well shows when the answer is written.
            let _ = poll_write(io, output, context);
            answer.as_mut().poll(context)
        });
        within(clock, deadline, answer).await
    }

    /// Writes what is to be told to the peer before the end, as far as that goes in a short time.
    pub(crate) async fn say_good_bye(mut self) {
        let Self { io, output, .. } = &mut self;
        let written = std::future::poll_fn(|context| poll_write(io, output, context));
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), written).await;
        self.io.shut_down();
    }
}

/// Writes and flushes what goes.
fn poll_write(io: &Io, output: &mut Output, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    let written = output.poll_write(|bytes| io.poll_write(context, bytes));
    std::task::ready!(written)?;
    io.poll_flush(context)
}

fn lost(error: io::Error) -> Ended {
    Ended::Lost(Arc::new(error))
}

async fn within<T>(clock: &Clock, deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        None => Some(future.await),
        Some(deadline) => tokio::time::timeout_at(clock.at(deadline), future).await.ok(),
    }
}
