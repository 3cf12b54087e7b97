//! BERT-RPC on a node: as the subsystem `bert-rpc`, and as plain TCP for whoever is on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ssh_transport::{Channel, Ended};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::task::JoinSet;

use super::NodeError;
use super::serve::{ENOUGH, KEPT, PATIENCE, Service, log};
use super::session::MAX_CASTS;
use crate::backend::{Backend, Caller, Cancellation, Context, Execution};
use crate::bert::{
    Access, AnswerError, Caching, Callback, Client, ClientConfig, Fault, FaultKind, Freshness, Reply, Request,
    Server as Machine, ServerConfig,
};
use crate::call::{Call, Outcome, Place, Success};
use crate::term::{Atom, Term};

/// How a node speaks BERT-RPC. Over SSH it is the subsystem `bert-rpc`, for whoever may log in.
///
/// ```
/// use sshrpc::bert::Access;
/// use sshrpc::node::{BertRpc, Keep};
/// let bert = BertRpc::default()
///     .listen("127.0.0.1:9999")
///     .keep("lists", "seq", Keep::WhileTheSame { access: Access::Public })
///     .allow_callbacks_to("127.0.0.1:9998");
/// ```
#[derive(Clone, Debug, Default)]
pub struct BertRpc {
    pub(super) listen: Option<String>,
    keep: BTreeMap<(Atom, Atom), Keep>,
    callbacks: BTreeSet<String>,
}

impl BertRpc {
    /// Also listens on this address, which must be of this machine alone (127.0.0.0/8, ::1): plain TCP, where nobody logs in
    /// and nothing is encrypted, for clients of that time. **Everybody on this machine** may call there what the access
    /// rules allow the user `bert`.
    #[must_use]
    pub fn listen(self, address: &str) -> Self {
        Self { listen: Some(address.to_owned()), ..self }
    }

    /// Tells clients how long they may keep what this function returns; of others nothing is said.
    #[must_use]
    pub fn keep(mut self, module: &'static str, function: &'static str, keep: Keep) -> Self {
        self.keep.insert((Atom::from_static(module), Atom::from_static(function)), keep);
        self
    }

    /// Brings the results of casts to this service (`host:port`, as the clients write it) where a client asks for it. Others
    /// are refused, and at first all: whoever may cast could otherwise have the node connect to what it alone can reach.
    #[must_use]
    pub fn allow_callbacks_to(mut self, service: &str) -> Self {
        self.callbacks.insert(service.to_owned());
        self
    }
}

/// How long clients may keep what a function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// For a time.
    For {
        /// Who.
        access: Access,
        /// Seconds; 0 is for ever.
        seconds: u64,
    },
    /// As long as it is the same: clients get its SHA-256, and ask whether it still holds. The function is called each time,
    /// and what did not change is not sent again.
    WhileTheSame {
        /// Who.
        access: Access,
    },
}

/// Where requests come from and replies go to.
trait Link: AsyncRead + AsyncWrite + Unpin + Send + Sync {
    /// Ready when nobody waits for a reply any more.
    fn gone(&self) -> impl Future<Output = ()> + Send;
}

impl Link for Channel {
    fn gone(&self) -> impl Future<Output = ()> + Send {
        self.closed()
    }
}

/// Who has ended its side may wait for the reply all the same: that nobody does shows when it is written.
impl Link for TcpStream {
    fn gone(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

impl Service {
    /// The requests of a channel, to its end. The channel's exit status.
    pub(super) async fn bert_channel(&self, channel: &mut Channel, context: &Context) -> io::Result<u32> {
        let machine = self.bert(channel, context, &Cancellation::NEVER).await?;
        Ok(u32::from(machine.failed().is_some()))
    }

    /// Answers requests until there are no more, or `stopping`.
    async fn bert(&self, link: &mut impl Link, context: &Context, stopping: &Cancellation) -> io::Result<Machine> {
        let mut machine = Machine::new(ServerConfig { limits: self.limits, ..ServerConfig::default() });
        let (mut input, mut out) = (vec![0; INPUT], Vec::new());
        while !machine.is_finished() {
            let read = tokio::select! {
                read = link.read(&mut input) => read?,
                () = stopping.cancelled() => 0,
            };
            if read == 0
                && let Some(partial) = machine.end()
            {
                tracing::warn!(user = context.caller().user, "BERT-RPC: dropped at the end: {partial}");
            }
            let mut rest = input.get(..read).unwrap_or_default();
            loop {
                let taken = machine.receive(rest);
                rest = rest.get(taken..).unwrap_or_default();
                self.bert_answer(link, &mut machine, context, &mut out).await?;
                if rest.is_empty() {
                    break;
                }
            }
        }
        if let Some(error) = machine.failed() {
            tracing::warn!(user = context.caller().user, "BERT-RPC connection closed: {error}");
        }
        Ok(machine)
    }

    /// Executes what is queued, and writes the replies.
    async fn bert_answer(
        &self,
        link: &mut impl Link,
        machine: &mut Machine,
        context: &Context,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        while let Some((ticket, request)) = machine.next_request(out) {
            let reply = match request {
                Request::Call { call, condition } => {
                    log(context, &call);
                    let execution = self.executor.call(call.clone(), context);
                    if matches!(execution, Execution::Pending(_)) || out.len() >= ENOUGH {
                        write(link, out).await?;
                    }
                    let outcome = tokio::select! {
                        outcome = execution.outcome() => outcome,
                        () = link.gone() => return Err(Ended::Closed.into()),
                    };
                    self.reply(&call, condition.as_ref().map(|token| token.as_bytes()), outcome)
                }
                Request::Cast { call, callback } => self.cast(call, callback, context),
            };
            // The ticket is of this machine.
            let _ = machine.reply(ticket, reply, out);
        }
        write(link, out).await
    }

    fn reply(&self, call: &Call, condition: Option<&[u8]>, outcome: Outcome) -> Reply {
        let value = match outcome {
            Ok(Success::Value(value)) => value,
            Err(failure) => return self.fault(&failure, call).into(),
        };
        let keep = self.bert.keep.get(&(call.module.clone(), call.function.clone()));
        let caching = match keep {
            None => None,
            Some(Keep::For { access, seconds }) => Some((*access, Freshness::Expires { seconds: *seconds })),
            Some(Keep::WhileTheSame { access }) => {
                let Some(token) = token(&value) else { return value.into() };
                if condition == Some(&token[..]) {
                    return Reply::Valid;
                }
                Some((*access, Freshness::Validates { token: token.into() }))
            }
        };
        Reply::Value { value, caching: caching.map(|(access, freshness)| Caching::new(access, freshness)) }
    }

    fn fault(&self, failure: &crate::call::Failure, call: &Call) -> Fault {
        Fault::of(failure, call, self.executor.module(&call.module))
    }

    /// Begins a cast, which goes on when the connection has ended.
    fn cast(&self, call: Call, callback: Option<Callback>, context: &Context) -> Reply {
        if let Some(Callback { service, .. }) = &callback
            && !self.bert.callbacks.contains(service)
        {
            return Fault::server("callback", format!("this node calls nobody back at {service}")).into();
        }
        let Ok(permit) = self.casts.clone().try_acquire_owned() else {
            return Fault::server("system_limit", format!("{MAX_CASTS} casts run already")).into();
        };
        log(context, &call);
        let context = Context::new(context.caller().clone());
        let execution = match self.executor.cast(call.clone(), &context) {
            Execution::Ready(Err(failure)) => {
                let fault = self.fault(&failure, &call);
                if fault.kind == FaultKind::Server {
                    return fault.into();
                }
                Execution::Ready(Err(failure))
            }
            execution => execution,
        };
        tokio::spawn(async move {
            match (execution.outcome().await, callback) {
                (Ok(Success::Value(result)), Some(callback)) => call_back(callback, result).await,
                (Ok(_), None) => {}
                (Err(failure), _) => tracing::debug!("the cast of {} failed: {failure}", Place::from(&call)),
            }
            drop(permit);
        });
        Reply::Accepted
    }
}

/// What stands for a value. None where nothing could be sent anyway.
fn token(value: &Term) -> Option<Vec<u8>> {
    Some(Sha256::digest(value.to_bytes().ok()?).to_vec())
}

/// Brings a result where it belongs. Nobody waits to hear that it did not get there, but the log.
async fn call_back(callback: Callback, result: Term) {
    let service = callback.service.clone();
    let place = Place::from(&callback.call);
    match tokio::time::timeout(CALLBACK_TIME, deliver(callback, result)).await {
        Ok(Ok(())) => tracing::debug!(service, "called back: {place}"),
        Ok(Err(error)) => tracing::warn!(service, "the callback of {place} failed: {error}"),
        Err(_elapsed) => tracing::warn!(service, "the callback of {place} took too long"),
    }
}

async fn deliver(callback: Callback, result: Term) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (mut client, mut out) = (Client::new(ClientConfig::default()), Vec::new());
    let service = callback.service.clone();
    client.cast(&callback.with_result(result), None, &mut out)?;
    let mut stream = TcpStream::connect(service).await?;
    stream.write_all(&out).await?;
    let mut input = vec![0; INPUT];
    loop {
        if let Some(answer) = client.next_answer() {
            return answer.map(drop).map_err(Into::into);
        }
        match stream.read(&mut input).await? {
            0 => return Err(AnswerError::Lost.into()),
            read => client.receive(input.get(..read).unwrap_or_default())?,
        }
    }
}

/// Writes what there is.
async fn write(link: &mut impl Link, out: &mut Vec<u8>) -> io::Result<()> {
    link.write_all(out).await?;
    link.flush().await?;
    out.clear();
    out.shrink_to(KEPT);
    Ok(())
}

/// Listens for plain TCP from this machine.
#[derive(Debug)]
pub(super) struct Listener {
    listener: TcpListener,
    service: Arc<Service>,
}

impl Listener {
    pub(super) async fn bind(address: &str, service: Arc<Service>) -> Result<Self, NodeError> {
        let not_had = |error| NodeError::Listen(address.to_owned(), error);
        let addresses: Vec<SocketAddr> = lookup_host(address).await.map_err(not_had)?.collect();
        if !addresses.iter().all(|address| address.ip().is_loopback()) {
            return Err(NodeError::NotLoopback(address.to_owned()));
        }
        let listener = TcpListener::bind(&addresses[..]).await.map_err(not_had)?;
        Ok(Self { listener, service })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until `stopping`, and then those that came.
    pub(super) async fn run(self, stopping: Cancellation) {
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            // The others wait to be accepted.
            if connections.len() >= MAX_CONNECTIONS {
                connections.join_next().await;
            }
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopping.cancelled() => break,
            };
            match accepted {
                Ok((stream, source)) => {
                    connections.spawn(serve(self.service.clone(), stream, source, stopping.clone()));
                }
                // Of the connection that did not come, or of this process: then there may be room again when one ends.
                Err(error) => {
                    tracing::warn!("a BERT-RPC connection was not accepted: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }
}

async fn serve(service: Arc<Service>, mut stream: TcpStream, source: SocketAddr, stopping: Cancellation) {
    // Fails only where the connection is gone already.
    let _ = stream.set_nodelay(true);
    let context = Context::new(Caller::new("bert").with_source(source));
    match service.bert(&mut stream, &context, &stopping).await {
        Ok(_) => {
            let ended = stream.shutdown().await;
            // Who still writes would lose the last answer, were this side closed at once.
            let rest = tokio::time::timeout(PATIENCE, tokio::io::copy(&mut stream, &mut tokio::io::sink())).await;
            tracing::trace!(%source, ?ended, ?rest, "the BERT-RPC connection ended");
        }
        Err(error) => tracing::trace!(%source, %error, "the BERT-RPC connection ended early"),
    }
}

/// The octets that are read at once.
const INPUT: usize = 16 * 1024;
const MAX_CONNECTIONS: usize = 64;
/// How long nothing is accepted when that has failed.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a callback may take, from the name to the answer.
const CALLBACK_TIME: Duration = Duration::from_secs(30);
