//! A connection that is kept up: dialled, used, and dialled again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::backend::{BeamDistBuilder, Link, Shared};
use super::calls::Calls;
use super::connection::{Receiver, Ticks, carry, shake_hands};
use super::error::{DistError, DistProblem, Ended};
use super::handshake::Handshake;
use super::name::NodeName;
use super::serve::Served;
use super::{epmd, serve};
use crate::backend::Caller;
use crate::call::{Call, Success};
use crate::extended::Destination;
use crate::process::{Neighbour, Signal};
use crate::term::{Atom, Pid, Term};

/// How long a node may take to agree, as Erlang's `net_setuptime`.
const PATIENCE: Duration = Duration::from_secs(7);
/// The least and the most time until the next attempt.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

const TARGET: &str = "sshrpc::dist";

/// A node that has agreed to be connected.
pub(super) struct Running {
    stream: TcpStream,
    neighbour: Neighbour,
    served: Option<Served>,
}

impl Running {
    /// Looks the node up, dials it, and does the handshake.
    pub(super) async fn dial(how: &BeamDistBuilder, shared: &Shared) -> Result<Self, DistError> {
        let connected = async {
            let (stream, served) = agreed(how, &how.peer, how.port, shared).await?;
            let neighbour = shared.connect().ok_or(DistProblem::Taken)?;
            Ok(Self { stream, neighbour, served })
        };
        connected.await.map_err(|problem| DistError { node: how.peer.to_string(), problem })
    }

    /// Serves until the connection ends. `up` is told when calls are executed, or why that did not come about.
    async fn run(self, how: &BeamDistBuilder, shared: &Arc<Shared>, up: &mut Option<Up>) -> Ended {
        let Self { mut stream, neighbour, served } = self;
        let pid = neighbour.pid().clone();
        *shared.link() = Some(Link { calls: Calls::default(), pid: pid.clone(), group_leader: None });
        // However this ends.
        let _linked = Linked(shared);
        let peer = Peer { shared, neighbour: &neighbour, served: served.as_ref() };
        let (limits, ticks) = (shared.bounds.terms, Ticks::every(how.net_ticktime));
        tokio::select! {
            ended = carry(stream.split(), &neighbour, &peer, &limits, ticks) => ended,
            // Never ready.
            () = greet(shared, pid, up) => Ended::Closed,
        }
    }
}

/// A connection with a node, that has agreed to it, and who serves its calls.
async fn agreed(
    how: &BeamDistBuilder,
    peer: &NodeName,
    port: Option<u16>,
    shared: &Shared,
) -> Result<(TcpStream, Option<Served>), DistProblem> {
    let (stream, address) = tokio::time::timeout(PATIENCE, shaken(how, peer, port, shared))
        .await
        .unwrap_or(Err(DistProblem::Slow(PATIENCE)))?;
    // By its principal, which no one who logs in can give himself, rules know it.
    let mut caller = Caller::new(peer.atom().as_str()).with_source(address);
    caller.principals.push(peer.to_string());
    Ok((stream, shared.served.clone().map(|executor| Served::new(executor, caller))))
}

/// A connection with a node that has the cookie, and where it listens.
async fn shaken(
    how: &BeamDistBuilder,
    peer: &NodeName,
    port: Option<u16>,
    shared: &Shared,
) -> Result<(TcpStream, SocketAddr), DistProblem> {
    let own = shared.processes.node().as_str();
    own.parse::<NodeName>().map_err(|_no_name| DistProblem::Unnamed(own.to_owned()))?;
    if !how.address.is_loopback() {
        return Err(DistProblem::NotLoopback(how.epmd()));
    }
    let mut address = how.epmd();
    address.set_port(match port {
        Some(port) => port,
        None => epmd::port(how.epmd(), peer.name()).await?,
    });
    let connected = TcpStream::connect(address).await;
    let mut stream = connected.map_err(|error| DistProblem::Connect(address, error))?;
    // Small frames are not to wait for each other.
    stream.set_nodelay(true).map_err(|error| DistProblem::Connect(address, error))?;
    let challenge = challenge().map_err(|error| DistProblem::Connect(address, error))?;
    let (name, creation) = (peer.atom().as_str(), shared.processes.creation());
    shake_hands(&mut stream, Handshake::begin(name, own, creation, how.cookie.clone(), challenge)).await?;
    Ok((stream, address))
}

/// Connects another node of the cluster, for the signals that wait for it, until that connection ends.
pub(super) async fn reach(how: Arc<BeamDistBuilder>, peer: NodeName, shared: Shared, neighbour: Neighbour) {
    let (mut stream, served) = match agreed(&how, &peer, None, &shared).await {
        Ok(agreed) => agreed,
        Err(problem) => {
            let error = DistError { node: peer.to_string(), problem };
            tracing::warn!(target: TARGET, "{error}");
            return;
        }
    };
    tracing::info!(target: TARGET, node = %peer, "connected");
    let receiver = Peer { shared: &shared, neighbour: &neighbour, served: served.as_ref() };
    let (limits, ticks) = (shared.bounds.terms, Ticks::every(how.net_ticktime));
    let ended = carry(stream.split(), &neighbour, &receiver, &limits, ticks).await;
    tracing::info!(target: TARGET, node = %peer, "the connection is over: {ended}");
}

/// Asks where what functions print goes there; from then on calls are executed.
async fn greet(shared: &Arc<Shared>, pid: Pid, up: &mut Option<Up>) {
    let user = Call::new(Atom::from_static("erlang"), Atom::from_static("whereis"), vec![Term::atom("user")]);
    let asked = match shared.call_with(user, pid.clone()) {
        Ok(answer) => answer.await,
        Err(failure) => Err(failure),
    };
    let group_leader = match asked {
        Ok(Success::Value(Term::Pid(user))) => user,
        // Then it is us, who say that we cannot print.
        _ => pid,
    };
    if let Some(link) = shared.link().as_mut() {
        link.group_leader = Some(group_leader);
    }
    tracing::info!(target: TARGET, node = %shared.peer, "connected");
    if let Some(up) = up.take() {
        // Nobody waits who has gone.
        let _ = up.send(Ok(()));
    }
    core::future::pending().await
}

/// Is told whether the first connection serves.
pub(super) type Up = oneshot::Sender<Result<(), DistProblem>>;

/// Users of a connection know of it until this is dropped.
struct Linked<'a>(&'a Shared);

impl Drop for Linked<'_> {
    fn drop(&mut self) {
        // Those who wait are woken outside the lock.
        let link = self.0.link().take();
        drop(link);
    }
}

/// Keeps the connection up.
pub(super) async fn supervise(how: Arc<BeamDistBuilder>, shared: Arc<Shared>, first: Running, up: Up) {
    let (least, most) = DELAYS;
    let (mut delay, mut up, mut running) = (least, Some(up), first);
    loop {
        let began = tokio::time::Instant::now();
        let ended = running.run(&how, &shared, &mut up).await;
        if let Some(up) = up.take() {
            let _ = up.send(Err(DistProblem::Ended(ended.to_string())));
            return;
        }
        if began.elapsed() > most {
            delay = least;
        }
        tracing::warn!(target: TARGET, node = %shared.peer, "the connection is over: {ended}");
        running = loop {
            tokio::time::sleep(delay).await;
            delay = most.min(delay * 2);
            match Running::dial(&how, &shared).await {
                Ok(running) => break running,
                Err(error) => tracing::warn!(target: TARGET, "{error}"),
            }
        };
    }
}

/// 32 bits that nobody foresees.
fn challenge() -> std::io::Result<u32> {
    let mut octets = [0; 4];
    let filled = getrandom::fill(&mut octets);
    filled.map_err(|error| std::io::Error::other(format!("the operating system has no random numbers: {error}")))?;
    Ok(u32::from_be_bytes(octets))
}

/// What the other node says, and whom it concerns.
struct Peer<'a> {
    shared: &'a Shared,
    neighbour: &'a Neighbour,
    served: Option<&'a Served>,
}

impl Peer<'_> {
    fn with_calls<T>(&self, change: impl FnOnce(&mut Calls) -> T) -> Option<T> {
        self.shared.link().as_mut().map(|link| change(&mut link.calls))
    }

    fn deliver(&self, signal: Signal) {
        if let Err(error) = self.neighbour.deliver(signal) {
            // The protocol has no word for it.
            tracing::warn!(target: TARGET, node = %self.shared.peer, "a message is lost: {error}");
        }
    }
}

impl Receiver for Peer<'_> {
    fn receive(&self, signal: Signal) {
        match signal {
            Signal::SpawnReply { request, result, .. } => {
                let unwanted = self.with_calls(|calls| calls.started(&request, result)).flatten();
                if let Some(process) = unwanted {
                    self.shared.kill(self.neighbour.pid(), &process);
                }
            }
            Signal::Down { reference, by, reason, .. }
                if by == *self.neighbour.pid() && self.with_calls(|calls| calls.has(&reference)) == Some(true) =>
            {
                self.with_calls(|calls| calls.ended(&reference, reason));
            }
            Signal::Send { to: Destination::Pid(to), message, .. } if to == *self.neighbour.pid() => {
                serve::refuse_output(&self.shared.processes, &message);
            }
            Signal::SpawnRequest(request) => serve::spawn(self.neighbour, self.served, request),
            signal if serve::is_for_node(&signal) => {
                serve::message(&self.shared.processes, self.served, signal);
            }
            signal => self.deliver(signal),
        }
    }

    fn receive_too_large(&self, signal: Signal) {
        match signal {
            Signal::Down { reference, by, .. }
                if by == *self.neighbour.pid() && self.with_calls(|calls| calls.has(&reference)) == Some(true) =>
            {
                self.with_calls(|calls| calls.too_large(&reference));
            }
            Signal::SpawnRequest(request) => self.neighbour.refuse(&request, "system_limit"),
            Signal::Send { to, .. } => {
                let node = &self.shared.peer;
                tracing::warn!(target: TARGET, %node, "a message for {} is lost: it is too large", to.to_term());
            }
            signal => self.deliver(signal),
        }
    }
}
