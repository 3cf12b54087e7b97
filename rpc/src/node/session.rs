//! A channel that speaks the extended protocol: requests run side by side, answers go as they come.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use ssh_transport::{Channel, Ended};
use tokio::io::AsyncWriteExt;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::serve::{Service, finish, log, refuse};
use crate::backend::{Backend, Cancellation, Canceller, Context, Execution};
use crate::call::{Call, Failure, Outcome, Success};
use crate::extended::{Blocking, CallOptions, Destination, Id, Request, Server, ServerEvent, Streamed, Ticket};
use crate::term::Term;

/// How many casts a node runs at once.
pub(super) const MAX_CASTS: usize = 4096;
/// Answers are written once this many octets of them have come together.
const ENOUGH: usize = 64 * 1024;
/// The room that is kept for answers between two of them.
const KEPT: usize = 32 * 1024;

/// What runs for one channel. Dropped, it stops.
pub(super) struct Session<'a> {
    service: &'a Service,
    machine: Box<Server>,
    context: &'a Context,
    /// What is executing, and what it gave.
    running: JoinSet<Done>,
    /// Whom to tell that a call is not wanted any more.
    cancellers: HashMap<Id, Canceller>,
    watches: HashMap<Id, AbortHandle>,
    /// What is being written to the channel.
    out: Vec<u8>,
}

/// What a task of a session has to say.
enum Done {
    Answer(Ticket, Outcome),
    Down(Id, Term),
}

impl<'a> Session<'a> {
    /// A session behind the hello, whose answer is in `out`.
    pub(super) fn new(service: &'a Service, machine: Box<Server>, context: &'a Context, out: Vec<u8>) -> Self {
        Self {
            service,
            machine,
            context,
            running: JoinSet::new(),
            cancellers: HashMap::new(),
            watches: HashMap::new(),
            out,
        }
    }

    /// Serves the channel to its end. `first` is what came behind the hello.
    pub(super) async fn run(mut self, channel: &mut Channel, first: &[u8]) -> io::Result<()> {
        let mut unread = self.receive(channel, first).await?;
        let mut input = Input::Open;
        loop {
            while let Some(event) = self.machine.next_event() {
                self.handle(event);
            }
            while let Some(Ok(done)) = self.running.try_join_next() {
                self.done(done);
            }
            self.machine.fill(&mut self.out, ENOUGH);
            if !self.out.is_empty() {
                channel.write_all(&self.out).await?;
                self.out.clear();
                self.out.shrink_to(KEPT);
                unread = self.receive(channel, &unread).await?;
                continue;
            }
            if input == Input::Ended && self.machine.is_finished() {
                return finish(channel, 0);
            }
            tokio::select! {
                // An error is a watch that was given up.
                Some(done) = self.running.join_next(), if !self.running.is_empty() => {
                    done.into_iter().for_each(|done| self.done(done));
                }
                chunk = next(channel, input) => {
                    let chunk = chunk?;
                    unread = self.receive(channel, &chunk).await?;
                    if chunk.is_empty() {
                        input = Input::Ended;
                        if let Some(partial) = self.machine.end() {
                            let user = &self.context.caller().user;
                            tracing::warn!(user, "dropped at the end of the channel: {partial}");
                        }
                    }
                }
            }
        }
    }

    /// Hands octets to the machine: those for which there is no room yet are given back.
    async fn receive(&mut self, channel: &Channel, octets: &[u8]) -> io::Result<Vec<u8>> {
        match self.machine.receive(octets) {
            Ok(taken) => Ok(octets.get(taken..).unwrap_or_default().to_vec()),
            Err(error) => {
                tracing::warn!(user = self.context.caller().user, "channel closed: {error}");
                refuse(channel, &error).await?;
                Err(io::Error::new(io::ErrorKind::InvalidData, error))
            }
        }
    }

    fn handle(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Request { ticket, request } => self.request(ticket, request),
            ServerEvent::Cancel { id } => drop(self.cancellers.remove(&id)),
            // No call with streams is begun.
            ServerEvent::Data { .. } | ServerEvent::Eof { .. } | ServerEvent::Stop { .. } => {}
        }
    }

    fn request(&mut self, ticket: Ticket, request: Request) {
        match request {
            Request::Call { call, options } => self.call(ticket, call, options),
            Request::Cast { call } => self.cast(ticket, call),
            Request::Send { to, message } => {
                let sent = self.service.executor.send(&to, message, self.context);
                self.settle(ticket, sent);
            }
            Request::Monitor { of } => self.monitor(ticket, &of),
            Request::Demonitor { monitor } => {
                if let Some(watch) = self.watches.remove(&monitor) {
                    watch.abort();
                }
                self.machine.answer(ticket, ok());
            }
            _ => self.machine.answer(ticket, Err(Failure::erpc("notsup"))),
        }
    }

    fn call(&mut self, ticket: Ticket, call: Call, options: CallOptions) {
        log(self.context, &call);
        if options.input == Streamed::Yes || options.output == Streamed::Yes {
            return self.machine.answer(ticket, Err(Failure::erpc("notsup")));
        }
        let (canceller, cancellation) = Cancellation::new();
        let mut context = self.context.clone().with_cancellation(cancellation);
        // A deadline beyond what the clock can say is none.
        if let Some(deadline) = options.deadline.and_then(|limit| Instant::now().checked_add(limit)) {
            context = context.with_deadline(deadline.into_std());
        }
        let execution = match options.block {
            Blocking::Yes => self.service.blocking.call(&self.service.executor, call, &context),
            _ => self.service.executor.call(call, &context),
        };
        if matches!(execution, Execution::Pending(_)) {
            self.cancellers.insert(ticket.id(), canceller);
        }
        self.settle(ticket, execution);
    }

    /// Runs on when the channel is gone.
    fn cast(&mut self, ticket: Ticket, call: Call) {
        log(self.context, &call);
        let Ok(permit) = Arc::clone(&self.service.casts).try_acquire_owned() else {
            return self.machine.answer(ticket, Err(Failure::erpc("system_limit")));
        };
        let context = self.context.clone().with_cancellation(Cancellation::NEVER);
        let outcome = match self.service.executor.cast(call, &context) {
            Execution::Ready(Err(failure)) if failure.is_erpc() => Err(failure),
            Execution::Ready(_) => ok(),
            execution => {
                tokio::spawn(async move {
                    let outcome = execution.outcome().await;
                    if let Err(failure) = outcome {
                        tracing::info!(user = context.caller().user, "a cast failed: {failure}");
                    }
                    drop(permit);
                });
                ok()
            }
        };
        self.machine.answer(ticket, outcome);
    }

    fn monitor(&mut self, ticket: Ticket, of: &Destination) {
        match self.service.executor.monitor(of, self.context) {
            Err(failure) => self.machine.answer(ticket, Err(failure)),
            Ok(watch) => {
                let id = ticket.id();
                self.machine.answer(ticket, ok());
                let watch = self.running.spawn(async move { Done::Down(id, watch.await) });
                self.watches.insert(id, watch);
            }
        }
    }

    fn settle(&mut self, ticket: Ticket, execution: Execution) {
        match execution {
            Execution::Ready(outcome) => self.machine.answer(ticket, outcome),
            execution => drop(self.running.spawn(async move { Done::Answer(ticket, execution.outcome().await) })),
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Answer(ticket, outcome) => {
                self.cancellers.remove(&ticket.id());
                self.machine.answer(ticket, outcome);
            }
            Done::Down(id, reason) => {
                self.watches.remove(&id);
                self.machine.down(id, reason);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    Ended,
}

/// What comes next on the channel: octets, none at its end, or an error when it is closed.
async fn next(channel: &mut Channel, input: Input) -> io::Result<Vec<u8>> {
    match input {
        Input::Open => channel.chunk().await,
        Input::Ended => {
            channel.closed().await;
            Err(Ended::Closed.into())
        }
    }
}

fn ok() -> Outcome {
    Ok(Success::Value(Term::atom("ok")))
}
