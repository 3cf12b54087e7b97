//! A channel that speaks the extended protocol: requests run side by side, answers go as they come.

mod flows;
mod mailboxes;
mod ready;

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use ssh_transport::{Channel, Ended};
use tokio::io::AsyncWrite;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use self::flows::Flows;
use self::mailboxes::Mailboxes;
use super::serve::{Service, finish, log, refuse};
use crate::backend::{Backend, Cancellation, Canceller, Context, Execution};
use crate::call::{Call, Failure, Outcome, Success};
use crate::extended::{
    Blocking, CallOptions, Destination, Id, Request, Server, ServerError, ServerEvent, Streamed, Ticket,
};
use crate::term::{Pid, Term};

/// How many casts a node runs at once.
pub(super) const MAX_CASTS: usize = 4096;
/// How many processes a channel watches at most.
const MAX_MONITORS: usize = 4096;
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
    mailboxes: Mailboxes,
    flows: Flows,
    /// What came and the machine has no room for yet.
    unread: Vec<u8>,
    input: Input,
    /// What is being written to the channel, and how much of it has been.
    out: Vec<u8>,
    written: usize,
}

/// What a task of a session has to say.
enum Done {
    Answer(Ticket, Outcome),
    Down(Id, Term),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    Ended,
}

/// Why a session does not go on.
enum Broken {
    Io(io::Error),
    /// The client broke the rules.
    Rules(ServerError),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ServerError> for Broken {
    fn from(error: ServerError) -> Self {
        Self::Rules(error)
    }
}

impl<'a> Session<'a> {
    /// A session behind the hello, whose answer is in `out`. `first` is what came behind the hello.
    pub(super) fn new(
        service: &'a Service,
        machine: Box<Server>,
        context: &'a Context,
        out: Vec<u8>,
        first: Vec<u8>,
    ) -> Self {
        Self {
            service,
            machine,
            context,
            running: JoinSet::new(),
            cancellers: HashMap::new(),
            watches: HashMap::new(),
            mailboxes: Mailboxes::new(service.processes.clone()),
            flows: Flows::new(),
            unread: first,
            input: Input::Open,
            out,
            written: 0,
        }
    }

    /// Serves the channel to its end.
    pub(super) async fn run(mut self, channel: &mut Channel) -> io::Result<()> {
        match self.serve(channel).await {
            Ok(()) => finish(channel, 0),
            Err(Broken::Io(error)) => Err(error),
            Err(Broken::Rules(error)) => {
                tracing::warn!(user = self.context.caller().user, "channel closed: {error}");
                refuse(channel, &error).await?;
                Err(io::Error::new(io::ErrorKind::InvalidData, error))
            }
        }
    }

    async fn serve(&mut self, channel: &mut Channel) -> Result<(), Broken> {
        loop {
            self.take_unread()?;
            while let Some(event) = self.machine.next_event() {
                self.handle(event);
            }
            self.mailboxes.deliver(&mut self.machine);
            self.flows.pump(&mut self.machine);
            if self.out.is_empty() {
                self.machine.fill(&mut self.out, ENOUGH);
            }
            if self.input == Input::Ended && self.out.is_empty() && self.machine.is_finished() {
                return Ok(());
            }
            poll_fn(|task| self.poll_turn(channel, task)).await?;
        }
    }

    /// Hands octets to the machine: for all of them there may be no room yet.
    fn take_unread(&mut self) -> Result<(), ServerError> {
        if !self.unread.is_empty() {
            let taken = self.machine.receive(&self.unread)?;
            self.unread.drain(..taken);
        }
        Ok(())
    }

    /// Waits until something has moved: octets one way or the other, or the work of somebody here.
    fn poll_turn(&mut self, channel: &mut Channel, task: &mut Task<'_>) -> Poll<Result<(), Broken>> {
        let mut moved = self.poll_write(channel, task)?.is_ready();
        moved |= self.poll_read(channel, task)?.is_ready();
        while let Poll::Ready(Some(done)) = self.running.poll_join_next(task) {
            // An error is a watch that was given up.
            done.into_iter().for_each(|done| self.done(done));
            moved = true;
        }
        moved |= self.flows.poll(task).is_ready();
        if self.machine.has_room_for_messages() {
            moved |= self.mailboxes.poll(task).is_ready();
        }
        if moved { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_write(&mut self, channel: &mut Channel, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        let rest = self.out.get(self.written..).unwrap_or_default();
        if rest.is_empty() {
            return Poll::Pending;
        }
        self.written += std::task::ready!(Pin::new(channel).poll_write(task, rest))?;
        if self.written == self.out.len() {
            self.written = 0;
            self.out.clear();
            self.out.shrink_to(KEPT);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what comes next on the channel. When it is closed, that is an error.
    fn poll_read(&mut self, channel: &mut Channel, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        if self.input == Input::Ended {
            return channel.poll_closed(task).map(|()| Err(Ended::Closed.into()));
        }
        if !self.unread.is_empty() {
            return Poll::Pending;
        }
        self.unread = std::task::ready!(channel.poll_chunk(task))?;
        if self.unread.is_empty() {
            self.input = Input::Ended;
            if let Some(partial) = self.machine.end() {
                tracing::warn!(user = self.context.caller().user, "dropped at the end of the channel: {partial}");
            }
        }
        Poll::Ready(Ok(()))
    }

    fn handle(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Request { ticket, request } => self.request(ticket, request),
            ServerEvent::Cancel { id } => drop(self.cancellers.remove(&id)),
            ServerEvent::Data { id, bytes } => self.flows.data(id, bytes.as_bytes()),
            ServerEvent::Eof { id } => self.flows.eof(id),
            ServerEvent::Stop { id } => self.flows.stop(id, &mut self.machine),
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
            Request::Mailbox => self.open_mailbox(ticket),
            Request::Close { mailbox, reason } => {
                let closed = self.mailboxes.close(&mailbox, reason);
                self.machine.answer(ticket, if closed { ok() } else { Err(NOT_YOURS) });
            }
            Request::Link { mailbox, .. } | Request::Unlink { mailbox, .. } | Request::Exit { mailbox, .. }
                if !self.mailboxes.contains(&mailbox) =>
            {
                self.machine.answer(ticket, Err(NOT_YOURS));
            }
            Request::Link { mailbox, to } => {
                let linked = self.service.executor.link(&mailbox, &to, self.context);
                self.machine.answer(ticket, linked);
            }
            Request::Unlink { mailbox, from } => {
                self.service.executor.unlink(&mailbox, &from);
                self.machine.answer(ticket, ok());
            }
            Request::Exit { mailbox, to, reason } => {
                let sent = self.service.executor.exit(&mailbox, &to, reason, self.context);
                self.settle(ticket, sent);
            }
            // Its machine has answered that.
            Request::Ping => {}
        }
    }

    fn open_mailbox(&mut self, ticket: Ticket) {
        let octets = self.machine.longest_message();
        let opened = self.mailboxes.open(octets).map(|pid: Pid| Success::Value(pid.into()));
        self.machine.answer(ticket, opened.ok_or_else(|| Failure::erpc("system_limit")));
    }

    fn call(&mut self, ticket: Ticket, call: Call, options: CallOptions) {
        log(self.context, &call);
        let (canceller, cancellation) = Cancellation::new();
        let mut context = self.context.clone().with_cancellation(cancellation);
        // A deadline beyond what the clock can say is none.
        if let Some(deadline) = options.deadline.and_then(|limit| Instant::now().checked_add(limit)) {
            context = context.with_deadline(deadline.into_std());
        }
        let streamed = options.input == Streamed::Yes || options.output == Streamed::Yes;
        let execution = match options.block {
            Blocking::Yes if streamed => Execution::Ready(Err(Failure::erpc("notsup"))),
            _ if streamed => {
                let streams = self.flows.begin(ticket.id(), options);
                self.service.executor.stream(call, streams, &context)
            }
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
        if self.watches.len() >= MAX_MONITORS {
            return self.machine.answer(ticket, Err(Failure::erpc("system_limit")));
        }
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
            Execution::Ready(outcome) => self.done(Done::Answer(ticket, outcome)),
            execution => drop(self.running.spawn(async move { Done::Answer(ticket, execution.outcome().await) })),
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Answer(ticket, outcome) => {
                self.cancellers.remove(&ticket.id());
                self.flows.end(ticket.id(), &mut self.machine);
                self.machine.answer(ticket, outcome);
            }
            Done::Down(id, reason) => {
                self.watches.remove(&id);
                self.machine.down(id, reason);
            }
        }
    }
}

/// A pid that is no mailbox of this channel.
const NOT_YOURS: Failure = Failure::of("badarg");

fn ok() -> Outcome {
    Ok(Success::Value(Term::atom("ok")))
}
