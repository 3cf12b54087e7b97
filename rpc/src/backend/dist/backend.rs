//! A node of a cluster as a backend.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::calls::Calls;
use super::cookie::Cookie;
use super::error::DistError;
use super::name::NodeName;
use super::others::Others;
use super::running::{Running, supervise};
use crate::acl::Acl;
use crate::audit::Audit;
use crate::backend::beam::Bounds;
use crate::backend::{Backend, Context, Execution, Executor, Watch};
use crate::call::{Call, Failure, Outcome};
use crate::extended::Destination;
use crate::process::{Front, MailboxLimits, Neighbour, ProcessFunctions, Processes, SendError, Signal, SpawnRequest};
use crate::term::{Atom, Pid, Reference, Term};

/// A node of a cluster, which executes calls as for `erpc:call/4`, and whose processes are sent to, linked and monitored.
/// Those of other nodes on the same host are so, too: their nodes are dialled when they are first needed.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::path::Path;
/// use std::sync::Arc;
/// use sshrpc::Node;
/// use sshrpc::backend::dist::{BeamDist, Cookie};
///
/// let cookie = Cookie::from_file(Path::new("/home/shop/.erlang.cookie"))?;
/// let shop = BeamDist::builder("shop@127.0.0.1".parse()?, cookie).start().await?;
/// let node = Node::builder().processes(shop.processes().clone()).backend(Arc::new(shop));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BeamDist {
    shared: Arc<Shared>,
    supervisor: JoinHandle<()>,
    others: Arc<Others>,
}

impl BeamDist {
    /// The node of this name on this machine, at the port that its port mapper says.
    pub fn builder(peer: NodeName, cookie: Cookie) -> BeamDistBuilder {
        let host = peer.host().parse().ok().filter(IpAddr::is_loopback);
        BeamDistBuilder {
            processes: None,
            address: host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port: None,
            epmd_port: EPMD_PORT,
            net_ticktime: NET_TICKTIME,
            bounds: Bounds::default(),
            served: None,
            peer,
            cookie,
        }
    }

    /// The processes of this node, which those of the cluster reach and are reached by. They belong to a
    /// [`Node`](crate::Node) by [`NodeBuilder::processes`](crate::node::NodeBuilder::processes).
    #[must_use]
    pub fn processes(&self) -> &Processes {
        &self.shared.processes
    }
}

/// The port of the port mapper.
const EPMD_PORT: u16 = 4369;
/// As in Erlang's application `kernel`.
const NET_TICKTIME: Duration = Duration::from_secs(60);

impl Drop for BeamDist {
    fn drop(&mut self) {
        self.shared.processes.dial_by(None);
        self.others.tasks().abort_all();
        self.supervisor.abort();
    }
}

/// How a node will be connected.
#[derive(Debug)]
#[must_use = "nothing is connected until it is started"]
pub struct BeamDistBuilder {
    pub(super) peer: NodeName,
    pub(super) cookie: Cookie,
    processes: Option<Processes>,
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
    pub(super) epmd_port: u16,
    pub(super) net_ticktime: Duration,
    pub(super) bounds: Bounds,
    served: Option<(Arc<dyn Backend>, Acl, Audit)>,
}

impl BeamDistBuilder {
    /// Has these processes, and their node's name in the cluster, which must be `NAME@HOST` and nobody else's. Otherwise there
    /// are none yet, on a node `sshrpc-` and a random number, of the other's host.
    pub fn processes(mut self, processes: Processes) -> Self {
        self.processes = Some(processes);
        self
    }

    /// Dials this address, of this machine: 127.0.0.1 unless said otherwise, or unless the node's host is such an address.
    pub const fn address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Dials this port, and asks no port mapper.
    pub const fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Asks the port mapper at this port: 4369 unless said otherwise.
    pub const fn epmd_port(mut self, port: u16) -> Self {
        self.epmd_port = port;
        self
    }

    /// Takes the other node for gone when it is silent for about this time: a minute unless said otherwise, as in Erlang's
    /// `net_ticktime`. A shorter one than the other node has would take a quiet one for gone.
    pub const fn net_ticktime(mut self, time: Duration) -> Self {
        self.net_ticktime = time;
        self
    }

    /// How much may be under way to it.
    pub const fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Answers calls from there (`erpc:call/4`, `rpc:call/4`, `rpc:cast/4`, ..) by these functions, and by Erlang's functions
    /// about our [`processes`](Self::processes), under these rules, for a caller whose user and one principal are the name of
    /// the other node. Otherwise they fail with `notsup`.
    ///
    /// A backend that leads to this very one would send the other node's calls back to it.
    pub fn serve(mut self, functions: Arc<dyn Backend>, acl: Acl, audit: Audit) -> Self {
        self.served = Some((functions, acl, audit));
        self
    }

    /// Connects. From then on, when the connection ends, the node is dialled again: after a tenth of a second, and twice as long
    /// each time it is in vain, up to ten seconds.
    ///
    /// # Errors
    /// When it cannot be reached, or does not agree.
    pub async fn start(self) -> Result<BeamDist, DistError> {
        let processes = self.processes.clone().unwrap_or_else(|| Processes::new(own_name(&self.peer)));
        let served = self.served.clone().map(|(behind, acl, audit)| {
            let front = Front { processes: processes.clone(), behind, functions: ProcessFunctions::Front };
            Executor::new(Arc::new(front), acl).audit(audit)
        });
        let (peer, bounds) = (self.peer.atom().clone(), self.bounds);
        let shared = Arc::new(Shared { peer, processes, bounds, served, link: Mutex::new(None) });
        let how = Arc::new(self);
        let first = Running::dial(&how, &shared).await?;
        let (up, is_up) = oneshot::channel();
        let others = Arc::new(Others::new(how.clone(), shared.clone()));
        let (peer, supervisor) = (how.peer.clone(), tokio::spawn(supervise(how, shared.clone(), first, up)));
        let dist = BeamDist { shared, supervisor, others };
        match is_up.await {
            Ok(Ok(())) => {
                let others = Arc::downgrade(&dist.others);
                let dial = move |node: &Atom| {
                    if let Some(others) = others.upgrade() {
                        others.dial(node);
                    }
                };
                dist.shared.processes.dial_by(Some(Arc::new(dial)));
                Ok(dist)
            }
            Ok(Err(problem)) => Err(DistError { node: peer.to_string(), problem }),
            Err(_gone) => Err(DistError { node: peer.to_string(), problem: super::DistProblem::Taken }),
        }
    }

    /// Where its port mapper is.
    pub(super) const fn epmd(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.epmd_port)
    }
}

/// A name that no other node has.
fn own_name(peer: &NodeName) -> Atom {
    use core::hash::{BuildHasher, Hasher};
    let random = std::hash::RandomState::new().build_hasher().finish();
    let name = format!("sshrpc-{random:016x}@{}", peer.host());
    Atom::new(&name).unwrap_or(Atom::from_static("sshrpc@localhost"))
}

/// What the connection and its users share.
pub(super) struct Shared {
    pub(super) peer: Atom,
    pub(super) processes: Processes,
    pub(super) bounds: Bounds,
    pub(super) served: Option<Executor>,
    /// The connection, while there is one.
    pub(super) link: Mutex<Option<Link>>,
}

/// What callers know of a connection.
pub(super) struct Link {
    pub(super) calls: Calls,
    /// Stands for our end.
    pub(super) pid: Pid,
    /// Where what called functions print goes. `None` until it is known, and the connection serves.
    pub(super) group_leader: Option<Pid>,
}

impl Shared {
    /// Nothing panics with the lock held; were it so, what is there would be whole all the same.
    pub(super) fn link(&self) -> MutexGuard<'_, Option<Link>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the outbox for the node; `None` when it is open already.
    pub(super) fn connect(&self) -> Option<Neighbour> {
        let limits = MailboxLimits::new(self.bounds.calls.saturating_mul(4), self.bounds.pending);
        self.processes.connect(self.peer.clone(), limits)
    }

    /// Has a call executed by a process there, whose output goes to the group leader of the connection.
    fn call(self: &Arc<Self>, call: Call) -> Result<Answer, Failure> {
        let group_leader = self.link().as_ref().and_then(|link| link.group_leader.clone());
        self.call_with(call, group_leader.ok_or_else(noconnection)?)
    }

    /// The same with this group leader.
    pub(super) fn call_with(self: &Arc<Self>, call: Call, group_leader: Pid) -> Result<Answer, Failure> {
        let reference = self.processes.make_ref();
        let args = Term::list(call.args);
        let mut guard = self.link();
        let link = guard.as_mut().ok_or_else(noconnection)?;
        let free = self.bounds.pending.saturating_sub(link.calls.octets());
        let octets = args.size_within(free).filter(|_fits| link.calls.len() < self.bounds.calls);
        let octets = octets.ok_or_else(|| Failure::erpc("system_limit"))?;
        let request = Signal::SpawnRequest(SpawnRequest {
            reference: reference.clone(),
            from: link.pid.clone(),
            group_leader,
            module: Atom::from_static("erpc"),
            function: Atom::from_static("execute_call"),
            args: vec![reference.clone().into(), call.module.into(), call.function.into(), args],
            options: Term::list([Term::atom("monitor")]),
        });
        let outcome = link.calls.begin(reference.clone(), octets);
        if let Err(error) = self.processes.post(&self.peer, request, octets) {
            link.calls.forget(&reference);
            return Err(error.into());
        }
        Ok(Answer { reference, outcome, shared: self.clone() })
    }

    /// Ends a process there that nobody waits for any more.
    pub(super) fn kill(&self, from: &Pid, process: &Pid) {
        self.processes.exit(from, process, Term::atom("kill"));
    }

    fn abandon(&self, reference: &Reference) {
        let mut link = self.link();
        let Some(link) = link.as_mut() else { return };
        if let Some(process) = link.calls.abandon(reference) {
            self.kill(&link.pid, &process);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("peer", &self.peer).field("node", self.processes.node()).finish_non_exhaustive()
    }
}

fn noconnection() -> Failure {
    Failure::erpc("noconnection")
}

impl Backend for BeamDist {
    fn call(&self, call: Call, context: &Context) -> Execution {
        let answer = match self.shared.call(call) {
            Ok(answer) => answer,
            Err(failure) => return Execution::Ready(Err(failure)),
        };
        match context.deadline() {
            None => Execution::pending(answer),
            Some(deadline) => Execution::pending(async move {
                let outcome = tokio::time::timeout_at(deadline.into(), answer).await;
                outcome.unwrap_or_else(|_elapsed| Err(Failure::erpc("timeout")))
            }),
        }
    }

    /// To a name, as `{Name, Node} ! Message`: nobody says whether there was such a process.
    fn send(&self, to: &Destination, message: Term, _context: &Context) -> Execution {
        let Shared { processes, peer, .. } = &*self.shared;
        let sent = match to {
            Destination::Name(name) => processes.send_there(peer, name, message),
            Destination::Pid(_) => processes.send(to, message),
        };
        Execution::Ready(sent.map(|()| Term::atom("ok").into()).map_err(|error: SendError| error.into()))
    }

    fn monitor(&self, of: &Destination, _context: &Context) -> Result<Watch, Failure> {
        let Shared { processes, peer, .. } = &*self.shared;
        Ok(match of {
            Destination::Name(_) => Box::pin(processes.monitor_there(peer, of)),
            Destination::Pid(_) => Box::pin(processes.monitor(of)),
        })
    }
}

/// An outcome that is to come. Dropping it ends the process that works on it.
pub(super) struct Answer {
    reference: Reference,
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
        self.shared.abandon(&self.reference);
    }
}
