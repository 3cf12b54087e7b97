//! How to connect: a target, and what differs from what `ssh` would do.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ssh_proto::algorithms::UnknownAlgorithm;
use ssh_proto::client::TrivialPolicy;
use ssh_proto::crypto::Tier;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::keys::PublicKey;
use ssh_proto::{Algorithms, StrictPolicy};
use ssh_transport::client::{HostKeys, Policy, Prompter};
use ssh_transport::files::{FileError, Warning};
use ssh_transport::identity::{Identity, IdentityError, default_identities};
use ssh_transport::known_hosts::KnownHosts;
use zeroize::Zeroizing;

use super::{Client, Inner, InvalidTarget, Mode, Target};

/// A connection to be made.
#[derive(Debug)]
pub struct Connect {
    target: Target,
    mode: Mode,
    identities: Vec<Identity>,
    identity_files: Vec<PathBuf>,
    known_hosts: Option<PathBuf>,
    accept_new: AcceptNew,
    pinned: Option<PublicKey>,
    strict: StrictPolicy,
    algorithms: Algorithms,
    timeout: Option<Duration>,
    prompter: Option<Arc<dyn Prompter>>,
    trivial: TrivialPolicy,
}

/// Whether a host that nobody knows is accepted, and remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AcceptNew {
    #[default]
    No,
    Yes,
}

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The target makes no sense.
    Target(InvalidTarget),
    /// There is no home directory, and so no `~/.ssh`.
    NoHome,
    /// A known_hosts file cannot be read.
    KnownHosts(FileError),
    /// A named identity cannot be used.
    Identity(IdentityError),
    /// An algorithm has a name that nobody knows.
    Algorithm(UnknownAlgorithm),
    /// The connection could not be made.
    Ssh(ssh_transport::client::ConnectError),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(error) => error.fmt(f),
            Self::NoHome => f.write_str("HOME is not set: name the identity and the known_hosts file"),
            Self::KnownHosts(error) => error.fmt(f),
            Self::Identity(error) => error.fmt(f),
            Self::Algorithm(error) => error.fmt(f),
            Self::Ssh(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {}

impl From<InvalidTarget> for ConnectError {
    fn from(error: InvalidTarget) -> Self {
        Self::Target(error)
    }
}

impl From<UnknownAlgorithm> for ConnectError {
    fn from(error: UnknownAlgorithm) -> Self {
        Self::Algorithm(error)
    }
}

impl Connect {
    /// To `[user@]host[:port]`.
    ///
    /// # Errors
    /// When the target makes no sense.
    pub fn to(target: &str) -> Result<Self, InvalidTarget> {
        Ok(Self {
            target: target.parse()?,
            mode: Mode::default(),
            identities: Vec::new(),
            identity_files: Vec::new(),
            known_hosts: None,
            accept_new: AcceptNew::default(),
            pinned: None,
            strict: StrictPolicy::default(),
            algorithms: Algorithms::up_to(Tier::Compatible, &PROVIDER),
            timeout: None,
            prompter: None,
            trivial: TrivialPolicy::default(),
        })
    }

    /// In this mode; the subsystem otherwise.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// With this key, instead of the agent's and those in `~/.ssh`.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }

    /// With the key in this file, instead of the agent's and those in `~/.ssh`.
    #[must_use]
    pub fn identity_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.identity_files.push(path.into());
        self
    }

    /// Hosts that are known in this file, instead of `~/.ssh/known_hosts`.
    #[must_use]
    pub fn known_hosts(mut self, path: impl Into<PathBuf>) -> Self {
        self.known_hosts = Some(path.into());
        self
    }

    /// Accepts a host that nobody knows yet, and writes its key down. A host whose key has changed stays refused.
    #[must_use]
    pub const fn accept_new(mut self) -> Self {
        self.accept_new = AcceptNew::Yes;
        self
    }

    /// Exactly this host key, whatever known_hosts says.
    #[must_use]
    pub fn host_key(mut self, key: PublicKey) -> Self {
        self.pinned = Some(key);
        self
    }

    /// Asks `prompter` for passwords and whatever else a server wants to know, and tells it what the server says. Nobody
    /// is asked otherwise.
    #[must_use]
    pub fn prompter(mut self, prompter: Arc<dyn Prompter>) -> Self {
        self.prompter = Some(prompter);
        self
    }

    /// Refuses a server that lets us in and asks for nothing: what it asks for later would be a trap (CVE-2021-36367).
    #[must_use]
    pub const fn refuse_trivial_login(mut self) -> Self {
        self.trivial = TrivialPolicy::Refuse;
        self
    }

    /// Refuses a node without strict key exchange.
    #[must_use]
    pub const fn require_strict(mut self) -> Self {
        self.strict = StrictPolicy::Require;
        self
    }

    /// Offers algorithms up to this tier; the compatible ones otherwise.
    #[must_use]
    pub fn tier(mut self, tier: Tier) -> Self {
        self.algorithms = Algorithms::up_to(tier, &PROVIDER);
        self
    }

    /// Offers these key exchange methods, comma-separated, of whatever tier.
    ///
    /// # Errors
    /// When one is not known.
    pub fn kex(mut self, names: &str) -> Result<Self, UnknownAlgorithm> {
        self.algorithms.select_kex(&PROVIDER, names).map(|()| self)
    }

    /// Offers these ciphers, comma-separated, of whatever tier.
    ///
    /// # Errors
    /// When one is not known.
    pub fn ciphers(mut self, names: &str) -> Result<Self, UnknownAlgorithm> {
        self.algorithms.select_ciphers(&PROVIDER, names).map(|()| self)
    }

    /// Offers these MACs, comma-separated, of whatever tier.
    ///
    /// # Errors
    /// When one is not known.
    pub fn macs(mut self, names: &str) -> Result<Self, UnknownAlgorithm> {
        self.algorithms.select_macs(&PROVIDER, names).map(|()| self)
    }

    /// Gives up a call that has no answer after this time, and a connection that takes longer.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Connects and logs in; in mode exec, only makes ready for it.
    ///
    /// # Errors
    /// When a file cannot be read, nobody listens there, the host key is not known, or the node does not let us in.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let (target, mode, timeout) = (self.target.clone(), self.mode, self.timeout);
        let policy = self.policy().await?;
        let mut inner = Inner { target, policy, ssh: None, mode, timeout, caller: tokio::sync::Mutex::default() };
        if mode != Mode::Exec {
            inner.ssh = Some(inner.new_connection().await?);
        }
        Ok(Client { inner: Arc::new(inner) })
    }

    async fn policy(mut self) -> Result<Policy, ConnectError> {
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let user = self.target.user.clone().unwrap_or_else(local_user);
        let host_keys = match self.pinned.take() {
            Some(key) => HostKeys::Pinned(key),
            None => {
                let files = match (&self.known_hosts, &home) {
                    (Some(path), _) => vec![path.clone()],
                    (None, Some(home)) => vec![home.join(".ssh/known_hosts"), "/etc/ssh/ssh_known_hosts".into()],
                    (None, None) => return Err(ConnectError::NoHome),
                };
                let known = KnownHosts::load(&files).map_err(ConnectError::KnownHosts)?;
                known.warnings().iter().for_each(warn);
                let accept_new = (self.accept_new == AcceptNew::Yes).then(|| files.into_iter().next()).flatten();
                HostKeys::Known { known, accept_new }
            }
        };
        for path in &self.identity_files {
            let identity = Identity::from_file(path, |_| passphrase_from_environment());
            self.identities.push(identity.map_err(ConnectError::Identity)?);
        }
        if self.identities.is_empty()
            && let Some(home) = &home
        {
            let defaults = default_identities(home).await;
            for problem in &defaults.problems {
                tracing::debug!(%problem, "an identity is left out");
            }
            self.identities = defaults.identities;
        }
        let mut config = ssh_proto::client::Config::new(&user, self.algorithms);
        config.strict = self.strict;
        config.trivial = self.trivial;
        let mut policy = Policy::new(config, host_keys);
        policy.identities = self.identities;
        policy.prompter = self.prompter;
        if let Some(timeout) = self.timeout {
            policy.connect_timeout = timeout;
            policy.config.limits.login_grace = timeout;
        }
        Ok(policy)
    }
}

fn warn(warning: &Warning) {
    tracing::warn!("{warning}");
}

/// The passphrase of encrypted key files, for programs that nobody watches.
fn passphrase_from_environment() -> Option<Zeroizing<String>> {
    std::env::var("SSHRPC_PASSPHRASE").ok().map(Zeroizing::new)
}

/// The account that runs this program, as `ssh` takes it.
fn local_user() -> String {
    whoami::username().unwrap_or_else(|_unknown| "nobody".to_owned())
}
