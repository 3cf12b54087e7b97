//! Before login: one task reads, asks and writes.

use std::future::Future;
use std::io;
use std::sync::Arc;

use ssh_proto::time::Instant;

use crate::buffer::ReadBuffer;
use crate::clock::Clock;
use crate::io::Io;
use crate::link::Ended;

/// A stream, what came on it, and what is to be written.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) io: Io,
    pub(crate) input: ReadBuffer,
    pub(crate) out: Vec<u8>,
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
        Self { io, input: ReadBuffer::default(), out: Vec::new(), clock: Clock::start() }
    }

    /// Writes everything.
    pub(crate) async fn flush(&mut self, deadline: Option<Instant>) -> Result<(), Ended> {
        while !self.out.is_empty() {
            let write = std::future::poll_fn(|context| self.io.poll_write(context, &self.out));
            let written = match within(&self.clock, deadline, write).await {
                Some(written) => written.map_err(lost)?,
                None => return Err(lost(io::ErrorKind::TimedOut.into())),
            };
            if written == 0 {
                return Err(lost(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..written);
        }
        std::future::poll_fn(|context| self.io.poll_flush(context)).await.map_err(lost)
    }

    /// Writes what is to be told to the peer before the end, as far as that goes at once.
    pub(crate) async fn say_good_bye(mut self) {
        let patience = tokio::time::timeout(std::time::Duration::from_secs(1), self.flush(None));
        let _ = patience.await;
        self.io.shut_down();
    }

    /// Waits for more bytes.
    pub(crate) async fn read(&mut self, deadline: Option<Instant>) -> Result<Woken, Ended> {
        let spare = self.input.spare();
        let read = std::future::poll_fn(|context| self.io.poll_read(context, spare));
        match within(&self.clock, deadline, read).await {
            None => Ok(Woken::Deadline),
            Some(Ok(0)) => Err(lost(io::ErrorKind::UnexpectedEof.into())),
            Some(Ok(length)) => {
                self.input.advance(length);
                Ok(Woken::Input)
            }
            Some(Err(error)) => Err(lost(error)),
        }
    }

    /// Waits for somebody's answer, for as long as the login may take.
    pub(crate) async fn wait_for<T>(&self, deadline: Option<Instant>, answer: impl Future<Output = T>) -> Option<T> {
        within(&self.clock, deadline, answer).await
    }
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
