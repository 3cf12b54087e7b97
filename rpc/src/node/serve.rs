//! The programs of a node: what its session channels run.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ssh_transport::server::{ORIGINAL_COMMAND, Peer, Program, ProgramRequest};
use ssh_transport::{Asked, Channel, Ended, Requests};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

use super::BertRpc;
use super::blocking::Turns;
use super::connections::Connections;
use super::session::Session;
use crate::backend::{Backend, Caller, Cancellation, Context, Execution, Executor};
use crate::call::{Answer, Call, Command, Expect, Form, Place, Server as Machine, ServerConfig};
use crate::client::SUBSYSTEM;
use crate::extended::{Limits, Opened, Opening};
use crate::process::Processes;
use crate::term::{DecodeLimits, Emit};

/// Executes what comes on channels.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) executor: Executor,
    pub(super) limits: DecodeLimits,
    pub(super) processes: Processes,
    pub(super) bert: BertRpc,
    pub(super) connections: Arc<Connections>,
    /// Whose turn it is among the calls that block each other.
    pub(super) blocking: Turns,
    /// The casts that can still begin.
    pub(super) casts: Arc<Semaphore>,
}

/// The room that is kept for answers between two of them.
pub(super) const KEPT: usize = 32 * 1024;
/// Answers are written once this many bytes of them have come together.
pub(super) const ENOUGH: usize = 64 * 1024;
/// How long a peer may take to read why its channel is closed.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// The subsystem of BERT-RPC.
const BERT_RPC: &str = "bert-rpc";

/// What a person at a terminal is told, who asked for a shell.
const NO_SHELL: &str = "This is an sshrpc node: its shell speaks Erlang's external term format, not text.\r\n\
                        Call a function instead:  ssh HOST 'text lists:seq(1,5).'\r\n";

impl Service {
    /// Runs one program to its end.
    pub(super) async fn run(&self, request: ProgramRequest) {
        self.connections.see(request.peer());
        let peer = request.peer().clone();
        let (user, program) = (peer.user.clone(), request.program().clone());
        let terminal = request.terminal().is_some();
        let ran = match &program {
            Program::Subsystem(name) if name == SUBSYSTEM => self.subsystem(request).await,
            Program::Subsystem(name) if name == BERT_RPC => self.bert_rpc(request).await,
            Program::Shell if terminal => self.no_shell(request).await,
            Program::Shell => self.shell(request).await,
            Program::Exec(command) => {
                let form = if terminal { Form::Terminal } else { Form::Term };
                self.command(request, command, form).await
            }
            program => {
                tracing::warn!(user, ?program, "refused: there is no such program");
                request.reject();
                Ok(())
            }
        };
        if let Err(error) = ran {
            tracing::trace!(user, ?program, %error, "the channel ended early");
        }
    }

    /// The context of every call on a channel.
    fn context(request: &ProgramRequest, cancellation: Cancellation) -> Context {
        let peer = request.peer();
        let mut caller = Caller::new(peer.user.clone());
        if let Some(key) = &peer.key {
            caller = caller.with_key(key.fingerprint().to_string());
        }
        if let Some(certificate) = &peer.certificate {
            let authority = certificate.authority().fingerprint().to_string();
            caller = caller.with_certificate(authority, certificate.principals().to_vec());
        }
        if let Some(source) = peer.source {
            caller = caller.with_source(source);
        }
        // What the client sent itself is not passed on: nobody vouches for it.
        caller.environment = peer.permissions.environment().to_vec();
        caller.environment.extend(request.original_command().map(|command| (ORIGINAL_COMMAND.to_owned(), command)));
        Context::new(caller).with_cancellation(cancellation)
    }

    /// One exec request: one call, and its answer.
    async fn command(&self, request: ProgramRequest, command: &[u8], form: Form) -> io::Result<()> {
        let (_canceller, cancellation) = Cancellation::new();
        let context = Self::context(&request, cancellation);
        let mut channel = request.accept()?;
        let command = Command::parse(command, form);
        let form = command.form;
        let answer = match command.into_call() {
            Ok(call) => {
                log(&context, &call);
                tokio::select! {
                    outcome = settle(&channel, self.executor.call(call, &context)) => Answer::of(outcome?),
                    name = fatal_signal(channel.requests()) => return end_by(&channel, &name),
                }
            }
            Err(answer) => answer,
        };
        let rendered = answer.render(form, Emit::default(), &self.limits);
        channel.write_all(&rendered.stdout).await?;
        channel.stderr().write_all(&rendered.stderr).await?;
        finish(&channel, rendered.exit_status)
    }

    /// The subsystem: its first frame says which protocol it is.
    async fn subsystem(&self, request: ProgramRequest) -> io::Result<()> {
        let (_canceller, cancellation) = Cancellation::new();
        let peer = request.peer().clone();
        let context = Self::context(&request, cancellation);
        let mut channel = request.accept()?;
        let requests = channel.requests();
        tokio::select! {
            ended = self.open(&mut channel, &peer, &context) => ended,
            name = fatal_signal(requests) => end_by(&channel, &name),
        }
    }

    async fn open(&self, channel: &mut Channel, peer: &Peer, context: &Context) -> io::Result<()> {
        let mut limits = Limits::DEFAULT;
        limits.message = self.limits.max_bytes;
        let (mut opening, mut out) = (Opening::new(self.processes.node().clone(), limits), Vec::new());
        loop {
            let chunk = channel.chunk().await?;
            if chunk.is_empty() {
                return self.answer(channel, peer, context, Expect::Frames, &opening.end()).await;
            }
            match opening.receive(&chunk, &mut out) {
                Opened::Waiting(waiting) => opening = waiting,
                Opened::Plain(octets) => return self.answer(channel, peer, context, Expect::Frames, &octets).await,
                Opened::Extended { server, rest } => {
                    return Session::new(self, server, context, out, rest).run(channel).await;
                }
            }
        }
    }

    /// The shell: a stream of calls in the plain protocol.
    async fn shell(&self, request: ProgramRequest) -> io::Result<()> {
        let (_canceller, cancellation) = Cancellation::new();
        let peer = request.peer().clone();
        let context = Self::context(&request, cancellation);
        let mut channel = request.accept()?;
        let requests = channel.requests();
        tokio::select! {
            ended = self.answer(&mut channel, &peer, &context, Expect::Either, &[]) => ended,
            name = fatal_signal(requests) => end_by(&channel, &name),
        }
    }

    /// A stream of BERT-RPC requests.
    async fn bert_rpc(&self, request: ProgramRequest) -> io::Result<()> {
        let (_canceller, cancellation) = Cancellation::new();
        let context = Self::context(&request, cancellation);
        let mut channel = request.accept()?;
        let requests = channel.requests();
        tokio::select! {
            status = self.bert_channel(&mut channel, &context) => finish(&channel, status?),
            name = fatal_signal(requests) => end_by(&channel, &name),
        }
    }

    /// Answers the calls of a stream, of which this came first, to its end.
    async fn answer(
        &self,
        channel: &mut Channel,
        peer: &Peer,
        context: &Context,
        expect: Expect,
        first: &[u8],
    ) -> io::Result<()> {
        let mut config = ServerConfig::new(expect);
        config.limits = self.limits;
        let (mut machine, mut out) = (Machine::new(config), Vec::new());
        self.take(channel, &mut machine, context, &mut out, first).await?;
        loop {
            let chunk = channel.chunk().await?;
            if chunk.is_empty() {
                if let Some(partial) = machine.end() {
                    tracing::warn!(user = peer.user, "dropped at the end of the channel: {partial}");
                }
                self.execute(channel, &mut machine, context, &mut out).await?;
                return finish(channel, 0);
            }
            self.take(channel, &mut machine, context, &mut out, &chunk).await?;
        }
    }

    /// Executes the calls in what came.
    async fn take(
        &self,
        channel: &mut Channel,
        machine: &mut Machine,
        context: &Context,
        out: &mut Vec<u8>,
        octets: &[u8],
    ) -> io::Result<()> {
        let mut rest = octets;
        while !rest.is_empty() {
            let received = machine.receive(rest);
            self.execute(channel, machine, context, out).await?;
            match received {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(error) => {
                    tracing::warn!(user = context.caller().user, "channel closed: {error}");
                    refuse(channel, &error).await?;
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
        Ok(())
    }

    /// Executes what is queued, and writes the answers: those of short calls together, and none later than it must because
    /// the next call takes long.
    async fn execute(
        &self,
        channel: &mut Channel,
        machine: &mut Machine,
        context: &Context,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        while let Some((ticket, call)) = machine.next_call(out) {
            log(context, &call);
            let execution = self.executor.call(call, context);
            if matches!(execution, Execution::Pending(_)) || out.len() >= ENOUGH {
                write(channel, out).await?;
            }
            let outcome = settle(channel, execution).await?;
            // The ticket is of this machine.
            let _ = machine.complete(ticket, outcome, out);
        }
        write(channel, out).await
    }

    /// A person who asked for a shell is told what there is.
    async fn no_shell(&self, request: ProgramRequest) -> io::Result<()> {
        let mut channel = request.accept()?;
        channel.write_all(NO_SHELL.as_bytes()).await?;
        finish(&channel, 1)
    }
}

/// Writes what there is.
async fn write(channel: &mut Channel, out: &mut Vec<u8>) -> io::Result<()> {
    channel.write_all(out).await?;
    out.clear();
    // A long answer is no reason to keep as much room for the next one.
    out.shrink_to(KEPT);
    Ok(())
}

pub(super) fn log(context: &Context, call: &Call) {
    tracing::debug!(user = context.caller().user, "call of {}", Place::from(call));
}

/// Waits for an outcome for as long as the channel is there: a call whose caller is gone is dropped.
async fn settle(channel: &Channel, execution: Execution) -> io::Result<crate::call::Outcome> {
    match execution {
        Execution::Ready(outcome) => Ok(outcome),
        execution => tokio::select! {
            outcome = execution.outcome() => Ok(outcome),
            () = channel.closed() => Err(Ended::Closed.into()),
        },
    }
}

/// Waits for a signal that would end a program (RFC 4254 §6.9); others, and sizes of a window, mean nothing to a call.
async fn fatal_signal(mut requests: Requests) -> String {
    while let Some(request) = requests.next().await {
        if let Asked::Signal(name) = request.asked()
            && ["ABRT", "HUP", "INT", "KILL", "PIPE", "QUIT", "TERM"].contains(&name.as_str())
        {
            let name = name.clone();
            request.accept();
            return name;
        }
    }
    // Who closed the channel is noticed elsewhere.
    std::future::pending().await
}

/// The client's signal has ended the call: it is dropped, and the client told so.
fn end_by(channel: &Channel, signal: &str) -> io::Result<()> {
    channel.send_exit_signal(signal, "")?;
    channel.eof()?;
    channel.close();
    Ok(())
}

/// Closes the channel on a client that broke the rules. Who sends rubbish may not read either: the reason is told as far
/// as it goes at once.
pub(super) async fn refuse(channel: &Channel, error: &impl fmt::Display) -> io::Result<()> {
    let text = format!("sshrpc: {error}\n");
    let _ = tokio::time::timeout(PATIENCE, channel.stderr().write_all(text.as_bytes())).await;
    finish(channel, 1)
}

/// "exit-status, EOF, CLOSE, and the connection stays."
pub(super) fn finish(channel: &Channel, status: u32) -> io::Result<()> {
    channel.send_exit_status(status)?;
    channel.eof()?;
    channel.close();
    Ok(())
}
