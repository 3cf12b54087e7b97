//! A BEAM behind a stream of octets, as a backend: what is asked of it, whether it is there or not.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::Bounds;
use super::table::{Table, noconnection};
use crate::backend::{Backend, Context, Execution, Watch};
use crate::call::{Call, Failure, Framing, Outcome, append};
use crate::extended::{CallOptions, ClientMessage, Destination, Id, Request};
use crate::term::{Emit, Pid, Term};

/// The one end of the stream that callers hold. Clones are of the same BEAM.
#[derive(Clone, Debug)]
pub(super) struct Link {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The number of the next request: they grow from connection to connection too, so that no late word about an old one is
    /// taken for a new one.
    next: u64,
    connection: Option<Connection>,
}

#[derive(Debug)]
struct Connection {
    table: Table,
    /// Frames to be written. The bounds of what is unanswered are also those of what waits here: each request is counted
    /// until its answer, and each has at most one message more, that nobody waits for it.
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
}

impl Link {
    /// A link to nobody yet.
    pub(super) fn new(bounds: Bounds) -> Self {
        let state = Mutex::new(State { next: 1, connection: None });
        Self { shared: Arc::new(Shared { bounds, state }) }
    }

    /// What callers and the BEAM are held to.
    pub(super) fn bounds(&self) -> Bounds {
        self.shared.bounds
    }

    /// A BEAM is there: what is asked from now on comes out of the receiver.
    pub(super) fn connect(&self) -> mpsc::UnboundedReceiver<Vec<u8>> {
        let (outgoing, receiver) = mpsc::unbounded_channel();
        self.shared.state().connection = Some(Connection { table: Table::default(), outgoing });
        receiver
    }

    /// The BEAM is gone: whoever waits has `{erpc,noconnection}`.
    pub(super) fn disconnect(&self) {
        let connection = self.shared.state().connection.take();
        // Those who wait are woken outside the lock.
        drop(connection);
    }

    /// Does something with what is under way; `None` when there is no BEAM.
    pub(super) fn with_table<T>(&self, what: impl FnOnce(&mut Table) -> T) -> Option<T> {
        self.shared.state().connection.as_mut().map(|connection| what(&mut connection.table))
    }

    fn ask(&self, request: Request) -> Execution {
        match self.shared.post(request, Table::ask) {
            Ok((id, outcome)) => Execution::pending(Answer { id, outcome, shared: self.shared.clone() }),
            Err(failure) => Execution::Ready(Err(failure)),
        }
    }
}

impl Backend for Link {
    fn call(&self, call: Call, context: &Context) -> Execution {
        let left =
            |deadline| tokio::time::Instant::from_std(deadline).saturating_duration_since(tokio::time::Instant::now());
        let options = CallOptions { deadline: context.deadline().map(left), ..CallOptions::default() };
        self.ask(Request::Call { call, options })
    }

    fn send(&self, to: &Destination, message: Term, _context: &Context) -> Execution {
        self.ask(Request::Send { to: to.clone(), message })
    }

    fn exit(&self, from: &Pid, to: &Pid, reason: Term, _context: &Context) -> Execution {
        self.ask(Request::Exit { mailbox: from.clone(), to: to.clone(), reason })
    }

    fn monitor(&self, of: &Destination, _context: &Context) -> Result<Watch, Failure> {
        let (id, reason) = self.shared.post(Request::Monitor { of: of.clone() }, Table::watch)?;
        Ok(Box::pin(Watching { id, reason, shared: self.shared.clone() }))
    }
}

impl Shared {
    /// Nothing panics with the lock held; were it so, every later word would fail, rather than the state be trusted.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state.is_poisoned() {
            state.connection = None;
        }
        state
    }

    /// Sends a request, within the bounds, and notes it in the table.
    fn post<T>(&self, request: Request, note: impl FnOnce(&mut Table, Id, usize) -> T) -> Result<(Id, T), Failure> {
        let mut state = self.state();
        let id = state.next()?;
        let connection = state.connection.as_mut().ok_or_else(noconnection)?;
        let free = self.bounds.pending.saturating_sub(connection.table.octets());
        if connection.table.len() >= self.bounds.calls {
            return Err(Failure::erpc("system_limit"));
        }
        let frame = frame(&ClientMessage::Request { id, request }, free)?;
        let noted = note(&mut connection.table, id, frame.len());
        connection.send(frame);
        Ok((id, noted))
    }

    /// Nobody waits for this call any more.
    fn abandon(&self, id: Id) {
        let mut state = self.state();
        if let Some(connection) = &mut state.connection
            && connection.table.abandon(id)
            && let Ok(frame) = frame(&ClientMessage::Cancel { id }, usize::MAX)
        {
            connection.send(frame);
        }
    }

    /// Nobody waits for the end of this process any more.
    fn unwatch(&self, monitor: Id) {
        let mut state = self.state();
        if !state.connection.as_mut().is_some_and(|connection| connection.table.unwatch(monitor)) {
            return;
        }
        let Ok(id) = state.next() else { return };
        let message = ClientMessage::Request { id, request: Request::Demonitor { monitor } };
        if let (Some(connection), Ok(frame)) = (&mut state.connection, frame(&message, usize::MAX)) {
            connection.table.tell(id, frame.len());
            connection.send(frame);
        }
    }
}

impl State {
    fn next(&mut self) -> Result<Id, Failure> {
        let id = Id::new(self.next).ok_or_else(|| Failure::erpc("system_limit"))?;
        self.next += 1;
        Ok(id)
    }
}

impl Connection {
    fn send(&self, frame: Vec<u8>) {
        // Fails when the connection has just ended, which its table will tell.
        drop(self.outgoing.send(frame));
    }
}

/// A message in its frame, of at most so many octets.
fn frame(message: &ClientMessage, most: usize) -> Result<Vec<u8>, Failure> {
    let mut frame = Vec::new();
    let appended = append(&message.to_term(), Framing::Frame, Emit::default(), most, &mut frame);
    appended.map_err(|_too_long| Failure::erpc("system_limit"))?;
    Ok(frame)
}

/// An outcome that is to come. Dropping it cancels.
struct Answer {
    id: Id,
    outcome: oneshot::Receiver<Outcome>,
    shared: Arc<Shared>,
}

impl Future for Answer {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Outcome> {
        let outcome = Pin::new(&mut self.outcome).poll(task);
        outcome.map(|outcome| outcome.unwrap_or_else(|_gone| Err(noconnection())))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.shared.abandon(self.id);
    }
}

/// The end of a process that is to come. Dropping it ends the watch.
struct Watching {
    id: Id,
    reason: oneshot::Receiver<Term>,
    shared: Arc<Shared>,
}

impl Future for Watching {
    type Output = Term;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Term> {
        let reason = Pin::new(&mut self.reason).poll(task);
        reason.map(|reason| reason.unwrap_or_else(|_gone| Term::atom("noconnection")))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.shared.unwatch(self.id);
    }
}
