//! A node: answers calls over SSH in all four modes, on one port.

mod authorized;
mod bert;
mod blocking;
mod connections;
mod own;
mod serve;
mod session;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ssh_proto::algorithms::{Compression, Missing, UnknownAlgorithm};
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::crypto::{CryptoProvider, Tier};
use ssh_proto::keys::{PrivateKey, PublicKey};
use ssh_proto::{Algorithms, Limits};
use ssh_transport::ChannelOffer;
use ssh_transport::Server;
use ssh_transport::forward::Forwarding;
use ssh_transport::identity::Identity;
use ssh_transport::server::{
    Attempt, Connection, ConnectionRequest, Credential, Decision, Handler, Policy, ProgramRequest,
};
use tokio::sync::Semaphore;

use self::authorized::Authorized;
use self::bert::Listener;
pub use self::bert::{BertRpc, Keep};
use self::blocking::Turns;
use self::connections::Connections;
use self::own::Own;
use self::serve::Service;
use crate::acl::Acl;
use crate::audit::Audit;
use crate::backend::statistics::Statistics;
use crate::backend::{Backend, Cancellation, Executor, Functions};
use crate::process::{Front, Links, ProcessFunctions, Processes};
use crate::term::{Atom, DecodeLimits};
use crate::windows;

/// A node that listens. Clients reach it by exec, shell and subsystem alike.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use sshrpc::{Client, Connect, Functions, Identity, Node, PrivateKey};
///
/// let mut rng = sshrpc::os_rng()?;
/// let (host_key, user_key) = (PrivateKey::generate_ed25519(&mut rng), PrivateKey::generate_ed25519(&mut rng));
/// let mut functions = Functions::with_builtins();
/// functions.add("math", "double", |x: i64| x * 2);
///
/// let node = Node::builder().functions(functions).host_key(host_key.clone());
/// let node = node.authorized_key(user_key.public().clone()).listen("127.0.0.1:0").bind().await?;
/// let address = node.local_addr()?;
/// tokio::spawn(node.run(std::future::pending()));
///
/// let to = Connect::to(&address.to_string())?.host_key(host_key.public().clone());
/// let client = to.identity(Identity::from_key(user_key, "")).connect().await?;
/// assert_eq!(client.call("math", "double", [21]).await?, 42.into());
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug)]
pub struct Node {
    server: Server<NodeHandler>,
    processes: Processes,
    bert: Option<Listener>,
}

impl Node {
    /// A node with the built-in functions, on 127.0.0.1:2222, without keys yet.
    pub fn builder() -> NodeBuilder {
        NodeBuilder {
            listen: "127.0.0.1:2222".to_owned(),
            host_keys: Vec::new(),
            authorized: Authorized::default(),
            revoked_keys: None,
            backend: None,
            processes: Processes::default(),
            acl: Acl::default(),
            audit: Audit::off(),
            provider: &PROVIDER,
            algorithms: Algorithms::up_to(Tier::Default, &PROVIDER),
            limits: DecodeLimits::DEFAULT,
            ssh_limits: node_limits(),
            idle_timeout: None,
            banner: None,
            forwarding: Forwarding::default(),
            bert: BertRpc::default(),
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.server.local_addr()
    }

    /// Its processes.
    #[must_use]
    pub const fn processes(&self) -> &Processes {
        &self.processes
    }

    /// Where it listens for plain BERT-RPC, if it does.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn bert_addr(&self) -> io::Result<Option<SocketAddr>> {
        self.bert.as_ref().map(Listener::local_addr).transpose()
    }

    /// Answers calls until `shutdown` is ready; then lets the calls under way end, and returns.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (canceller, stopping) = Cancellation::new();
        let bert = async {
            if let Some(listener) = self.bert {
                listener.run(stopping).await;
            }
        };
        let shutdown = async {
            shutdown.await;
            canceller.cancel();
        };
        tokio::join!(self.server.run(shutdown), bert);
    }
}

/// Whether this is a function that `sshrpc serve` has by itself, and every node that was given nothing else: one of
/// [`Functions::with_builtins`], one about processes, or one about the node.
#[must_use]
pub fn is_built_in(module: &str, function: &str, arity: usize) -> bool {
    own::has(module, function, arity)
        || Processes::has_function(module, function, arity)
        || Functions::with_builtins().contains(module, function, arity)
}

/// What a node will be.
#[derive(Debug)]
#[must_use = "a node exists once it is bound"]
pub struct NodeBuilder {
    listen: String,
    host_keys: Vec<Identity>,
    authorized: Authorized,
    revoked_keys: Option<PathBuf>,
    backend: Option<(Arc<dyn Backend>, ProcessFunctions)>,
    processes: Processes,
    acl: Acl,
    audit: Audit,
    provider: &'static dyn CryptoProvider,
    algorithms: Algorithms,
    limits: DecodeLimits,
    ssh_limits: Limits,
    idle_timeout: Option<Duration>,
    banner: Option<String>,
    forwarding: Forwarding,
    bert: BertRpc,
}

/// Clients that vanish are noticed after three minutes without a sign of life.
fn node_limits() -> Limits {
    let mut limits = windows::for_calls(Limits::default());
    limits.keepalive_interval = Some(Duration::from_secs(60));
    limits
}

impl fmt::Debug for dyn Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backend")
    }
}

/// Why a node does not listen.
#[derive(Debug)]
#[non_exhaustive]
pub enum NodeError {
    /// It has no host key.
    NoHostKey,
    /// Of some kind of algorithm nothing is left to offer: its keys may all be of types that are off.
    Nothing(Missing),
    /// The address cannot be had.
    Listen(String, io::Error),
    /// Plain BERT-RPC, where nobody logs in, is not for other machines.
    NotLoopback(String),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHostKey => f.write_str("the node has no host key"),
            Self::Nothing(Missing::HostKeys) => f.write_str("the types of the host keys are all off"),
            Self::Nothing(Missing::KeyExchange) => f.write_str("no key exchange method is left that a node offers"),
            Self::Nothing(Missing::Ciphers) => f.write_str("no cipher is left that a node offers"),
            Self::Nothing(_) => f.write_str("of some kind of algorithm nothing is left that a node offers"),
            Self::NotLoopback(address) => {
                write!(f, "cannot listen on {address} for plain BERT-RPC: it is not an address of this machine alone")
            }
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
        }
    }
}

impl std::error::Error for NodeError {}

impl NodeBuilder {
    /// Listens on this address; port 0 takes a free one.
    pub fn listen(mut self, address: &str) -> Self {
        self.listen = address.to_owned();
        self
    }

    /// Is this host. One key a type; the first of a type counts.
    pub fn host_key(self, key: PrivateKey) -> Self {
        self.host_identity(Identity::from_key(key, ""))
    }

    /// Is the host as which this signs: a key from a file, say, or one that shows a certificate. One a type; the first of a
    /// type counts.
    pub fn host_identity(mut self, identity: Identity) -> Self {
        self.host_keys.push(identity);
        self
    }

    /// Lets the holder of this key in, under any user name.
    pub fn authorized_key(mut self, key: PublicKey) -> Self {
        self.authorized.keys.push(key);
        self
    }

    /// Lets in who shows a certificate by this authority (`TrustedUserCAKeys`), under the names that are its principals.
    pub fn user_authority(mut self, key: PublicKey) -> Self {
        self.authorized.authorities.push(key);
        self
    }

    /// Lets nobody in by a key or certificate that this file revokes (`RevokedKeys`), however it is authorized. It is read
    /// at each login; while it cannot be, it lets nobody in.
    pub fn revoked_keys_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.revoked_keys = Some(path.into());
        self
    }

    /// Lets the holders of the keys in this file in, under any user name. The file is read at each login; while it does
    /// not exist, it lets nobody in.
    pub fn authorized_keys_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorized.file = Some(path.into());
        self
    }

    /// Answers calls of these functions, and of Erlang's functions about [`processes`](Self::processes).
    pub fn functions(mut self, functions: Functions) -> Self {
        self.backend = Some((Arc::new(functions), ProcessFunctions::Front));
        self
    }

    /// Answers all calls by this backend; messages and monitors that are not for [`processes`](Self::processes) go there too.
    pub fn backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.backend = Some((backend, ProcessFunctions::Behind));
        self
    }

    /// Has these processes, and their node's name. Clients send to them, and monitor them; `erlang:send/2`, `whereis/1`,
    /// `registered/0`, `processes/0`, `is_process_alive/1`, `process_info/1,2`, `exit/2`, `node/0` and
    /// `gen_server:call/2,3` and `cast/2` are about them. There are none otherwise, on `nonode@nohost`.
    pub fn processes(mut self, processes: Processes) -> Self {
        self.processes = processes;
        self
    }

    /// Has this name, and no processes yet; those who have some have given them a name.
    pub fn name(self, name: Atom) -> Self {
        self.processes(Processes::new(name))
    }

    /// Whose calls of what are allowed. Unless said otherwise, [functions](Functions) are everybody's who may log in, and
    /// what another backend has is nobody's.
    pub fn acl(mut self, acl: Acl) -> Self {
        self.acl = acl;
        self
    }

    /// Writes down who did what: nothing, unless said otherwise.
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = audit;
        self
    }

    /// Offers algorithms up to this tier; the default ones otherwise.
    pub fn tier(mut self, tier: Tier) -> Self {
        let compression = std::mem::take(&mut self.algorithms.compression);
        self.algorithms = Algorithms::up_to(tier, self.provider);
        self.algorithms.compression = compression;
        self
    }

    /// Calculates by `provider`; by RustCrypto otherwise. What it lacks is not offered.
    pub fn provider(mut self, provider: &'static dyn CryptoProvider) -> Self {
        self.algorithms = self.algorithms.by(provider);
        self.provider = provider;
        self
    }

    /// Allows compression (`zlib@openssh.com`) to clients that ask for it. It is off otherwise: it costs time, and the
    /// length of what is compressed tells something about it.
    pub fn compress(mut self) -> Self {
        self.algorithms.compression = Compression::ALL.to_vec();
        self
    }

    /// Offers these key exchange methods, comma-separated, of whatever tier.
    ///
    /// # Errors
    /// When one is not known.
    pub fn kex(mut self, names: &str) -> Result<Self, UnknownAlgorithm> {
        self.algorithms.select_kex(self.provider, names).map(|()| self)
    }

    /// Offers these ciphers, comma-separated, of whatever tier.
    ///
    /// # Errors
    /// When one is not known.
    pub fn ciphers(mut self, names: &str) -> Result<Self, UnknownAlgorithm> {
        self.algorithms.select_ciphers(self.provider, names).map(|()| self)
    }

    /// Offers these MACs, comma-separated, of whatever tier.
    ///
    /// # Errors
    /// When one is not known.
    pub fn macs(mut self, names: &str) -> Result<Self, UnknownAlgorithm> {
        self.algorithms.select_macs(self.provider, names).map(|()| self)
    }

    /// The bounds of requests and answers.
    pub const fn term_limits(mut self, limits: DecodeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Closes connections that have no channel for this time; otherwise they stay.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// The bounds of connections, instead of the defaults with windows that begin at 128 KiB and a keepalive every 60 seconds.
    pub fn ssh_limits(mut self, limits: Limits) -> Self {
        self.ssh_limits = limits;
        self
    }

    /// Carries connections for whoever may log in: none, unless said otherwise.
    pub const fn forwarding(mut self, forwarding: Forwarding) -> Self {
        self.forwarding = forwarding;
        self
    }

    /// Speaks BERT-RPC this way: over SSH alone, without callbacks or caching, unless said otherwise.
    pub fn bert_rpc(mut self, bert: BertRpc) -> Self {
        self.bert = bert;
        self
    }

    /// Text that users see before they log in.
    pub fn banner(mut self, banner: &str) -> Self {
        self.banner = Some(banner.to_owned());
        self
    }

    /// Listens.
    ///
    /// # Errors
    /// When there is no host key, the algorithms that are on leave nothing to offer, or the address cannot be had.
    pub async fn bind(self) -> Result<Node, NodeError> {
        if self.host_keys.is_empty() {
            return Err(NodeError::NoHostKey);
        }
        let mut policy = Policy::new(self.host_keys, self.algorithms);
        policy.config.limits = self.ssh_limits;
        policy.config.banner = self.banner;
        if let Some(missing) = policy.config.offered().missing() {
            return Err(NodeError::Nothing(missing));
        }
        policy.idle_timeout = self.idle_timeout;
        policy.revoked_keys = self.revoked_keys;
        let (behind, functions) =
            self.backend.unwrap_or_else(|| (Arc::new(Functions::with_builtins()), ProcessFunctions::Front));
        let links = Links::default();
        let front = Front { processes: self.processes.clone(), behind, functions, links };
        let (statistics, connections) = (Arc::new(Statistics::new()), Arc::new(Connections::default()));
        let own = Own {
            behind: Arc::new(front),
            acl: self.acl.clone(),
            statistics: statistics.clone(),
            connections: connections.clone(),
            node: self.processes.node().clone(),
        };
        let executor = Executor::new(Arc::new(own), self.acl).audit(self.audit).statistics(statistics);
        let listen = self.bert.listen.clone();
        let service = Arc::new(Service {
            executor,
            limits: self.limits,
            processes: self.processes.clone(),
            bert: self.bert,
            connections,
            blocking: Turns::default(),
            casts: Arc::new(Semaphore::new(session::MAX_CASTS)),
        });
        let bert = match listen {
            Some(address) => Some(Listener::bind(&address, service.clone()).await?),
            None => None,
        };
        let handler = NodeHandler { authorized: self.authorized, service, forwarding: self.forwarding };
        let server = Server::bind(&self.listen, policy, handler).await;
        let server = server.map_err(|error| NodeError::Listen(self.listen, error))?;
        Ok(Node { server, processes: self.processes, bert })
    }
}

/// What a node decides about its SSH connections.
#[derive(Debug)]
struct NodeHandler {
    authorized: Authorized,
    service: Arc<Service>,
    forwarding: Forwarding,
}

impl Handler for NodeHandler {
    async fn authorize(&self, attempt: &Attempt<'_>) -> Decision {
        match attempt.credential {
            Credential::Offered(key) | Credential::Proven(key) | Credential::Untouched(key) => {
                let permissions = self.authorized.admits(key, attempt);
                permissions.map_or(Decision::Refuse, |permissions| Decision::AcceptWith(Box::new(permissions)))
            }
            Credential::OfferedCertificate(certificate)
            | Credential::ProvenCertificate(certificate)
            | Credential::UntouchedCertificate(certificate) => {
                let permissions = self.authorized.admits_certificate(certificate, attempt);
                permissions.map_or(Decision::Refuse, |permissions| Decision::AcceptWith(Box::new(permissions)))
            }
            _ => Decision::Refuse,
        }
    }

    fn program(&self, request: ProgramRequest) {
        let service = self.service.clone();
        tokio::spawn(async move { service.run(request).await });
    }

    fn channel(&self, offer: ChannelOffer, connection: &Connection) {
        self.forwarding.channel(offer, connection);
    }

    fn request(&self, request: ConnectionRequest) {
        self.forwarding.request(request);
    }
}
