//! How to connect: a target, and what differs from what `ssh` would do.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ssh_proto::algorithms::UnknownAlgorithm;
use ssh_proto::client::TrivialPolicy;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::crypto::{CryptoProvider, Tier};
use ssh_proto::keys::PublicKey;
use ssh_proto::{Algorithms, StrictPolicy};
use ssh_transport::client::{Guesses, Prompter};
use ssh_transport::files::FileError;
use ssh_transport::identity::{Identity, IdentityError};
use ssh_transport::ssh_config::{ConfigError, HostConfig, Jump, Selections, SshConfig};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::route::{Route, Traveller};
use super::{Client, Inner, InvalidTarget, MAX_POSTS, Mode, Target};
use crate::windows;

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
    provider: &'static dyn CryptoProvider,
    tier: Tier,
    selections: Selections,
    compress: Compress,
    config: ConfigSource,
    /// What the configuration was found to say, once somebody asked.
    found: Option<(Arc<SshConfig>, HostConfig)>,
    guesses: Guesses,
    timeout: Option<Duration>,
    prompter: Option<Arc<dyn Prompter>>,
    trivial: TrivialPolicy,
}

/// Whether a host that nobody knows is accepted, and remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum AcceptNew {
    #[default]
    No,
    Yes,
}

/// Whether to compress, though the configuration does not say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Compress {
    #[default]
    AsConfigured,
    Yes,
}

/// Which `ssh_config(5)` counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum ConfigSource {
    #[default]
    Usual,
    File(PathBuf),
    None,
}

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The target makes no sense.
    Target(InvalidTarget),
    /// There is no home directory, and so no `~/.ssh`.
    NoHome,
    /// `~/.ssh/config`, or a file in its place, cannot be used.
    Config(ConfigError),
    /// The hosts on the way are configured to be reached through each other without end; this one was the last.
    TooManyJumps(String),
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
            Self::Config(error) => error.fmt(f),
            Self::TooManyJumps(host) => {
                write!(f, "{host}: ProxyJump leads through more than 16 hosts, perhaps in a circle")
            }
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
            provider: &PROVIDER,
            tier: Tier::Compatible,
            selections: Selections::default(),
            compress: Compress::default(),
            config: ConfigSource::default(),
            found: None,
            guesses: Guesses::new(),
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

    /// With what earlier connections remembered: at servers that are known, this one may then begin with a guess, which
    /// saves a round trip. Give a clone of the same to every connection.
    #[must_use]
    pub fn guesses(mut self, guesses: Guesses) -> Self {
        self.guesses = guesses;
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

    /// Calculates by `provider`; by RustCrypto otherwise. What it lacks is not offered.
    #[must_use]
    pub const fn provider(mut self, provider: &'static dyn CryptoProvider) -> Self {
        self.provider = provider;
        self
    }

    /// With the configuration in this file, instead of `~/.ssh/config` and `/etc/ssh/ssh_config`.
    #[must_use]
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        (self.config, self.found) = (ConfigSource::File(path.into()), None);
        self
    }

    /// Without any configuration of `ssh`.
    #[must_use]
    pub fn no_config(mut self) -> Self {
        (self.config, self.found) = (ConfigSource::None, None);
        self
    }

    /// Offers algorithms up to this tier; the compatible ones otherwise.
    #[must_use]
    pub const fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// Offers these key exchange methods, comma-separated, of whatever tier.
    ///
    /// # Errors
    /// When one is not known.
    pub fn kex(mut self, names: &str) -> Result<Self, UnknownAlgorithm> {
        Algorithms::up_to(self.tier, self.provider).select_kex(self.provider, names)?;
        names.clone_into(&mut self.selections.kex);
        Ok(self)
    }

    /// Offers these ciphers, comma-separated, of whatever tier.
    ///
    /// # Errors
    /// When one is not known.
    pub fn ciphers(mut self, names: &str) -> Result<Self, UnknownAlgorithm> {
        Algorithms::up_to(self.tier, self.provider).select_ciphers(self.provider, names)?;
        names.clone_into(&mut self.selections.ciphers);
        Ok(self)
    }

    /// Offers these MACs, comma-separated, of whatever tier.
    ///
    /// # Errors
    /// When one is not known.
    pub fn macs(mut self, names: &str) -> Result<Self, UnknownAlgorithm> {
        Algorithms::up_to(self.tier, self.provider).select_macs(self.provider, names)?;
        names.clone_into(&mut self.selections.macs);
        Ok(self)
    }

    /// Asks for compression (`zlib@openssh.com`). It is off otherwise: it costs time, and the length of what is compressed
    /// tells something about it.
    #[must_use]
    pub const fn compress(mut self) -> Self {
        self.compress = Compress::Yes;
        self
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
    pub async fn connect(mut self) -> Result<Client, ConnectError> {
        let route = self.route().await?;
        let Self { target, mode, timeout, .. } = self;
        let posts = Arc::new(Semaphore::new(MAX_POSTS));
        let mut inner = Inner { target, route, ssh: None, mode, timeout, posts, caller: tokio::sync::Mutex::default() };
        if mode != Mode::Exec {
            inner.ssh = Some(inner.new_connection().await?);
        }
        Ok(Client { inner: Arc::new(inner) })
    }

    /// What the configuration of `ssh` says for the node. It is read once: the connection goes by the same answer.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub async fn host_config(&mut self) -> Result<&HostConfig, ConnectError> {
        self.found().await.map(|(_, found)| found)
    }

    async fn found(&mut self) -> Result<&(Arc<SshConfig>, HostConfig), ConnectError> {
        let found = match self.found.take() {
            Some(found) => found,
            None => {
                let config = Arc::new(self.load_config()?);
                let found = self.traveller(&config, &[]).look_up(self.destination()).await?;
                (config, found)
            }
        };
        Ok(self.found.insert(found))
    }

    fn load_config(&self) -> Result<SshConfig, ConnectError> {
        let config = match (&self.config, home()) {
            (ConfigSource::File(path), home) => SshConfig::load_file(path, &home.unwrap_or_default()),
            (ConfigSource::Usual, Some(home)) => SshConfig::load(&home),
            (ConfigSource::Usual, None) | (ConfigSource::None, _) => Ok(SshConfig::default()),
        };
        config.map_err(ConnectError::Config)
    }

    fn destination(&self) -> Jump {
        let Target { user, host, port } = &self.target;
        Jump::new(user.clone(), host, *port)
    }

    fn traveller<'a>(&'a self, config: &Arc<SshConfig>, identities: &'a [Identity]) -> Traveller<'a> {
        Traveller {
            config: Arc::clone(config),
            home: home(),
            local_user: local_user(),
            identities,
            pinned: self.pinned.as_ref(),
            known_hosts: self.known_hosts.as_deref(),
            accept_new: self.accept_new,
            strict: self.strict,
            provider: self.provider,
            tier: self.tier,
            selections: &self.selections,
            compress: self.compress,
            guesses: &self.guesses,
            prompter: self.prompter.as_ref(),
            trivial: self.trivial,
        }
    }

    async fn route(&mut self) -> Result<Route, ConnectError> {
        let mut identities = self.identities.clone();
        for path in &self.identity_files {
            let identity = Identity::from_file(path, |_| passphrase_from_environment());
            identities.push(identity.map_err(ConnectError::Identity)?);
        }
        let (config, found) = self.found().await?.clone();
        let mut route = Route::find(&self.traveller(&config, &identities), found).await?;
        let policy = &mut route.node().policy;
        policy.config.limits = windows::for_calls(policy.config.limits.clone());
        if let Some(timeout) = self.timeout {
            policy.connect_timeout = timeout;
            policy.config.limits.login_grace = timeout;
        }
        Ok(route)
    }
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}

/// The passphrase of encrypted key files, for programs that nobody watches.
fn passphrase_from_environment() -> Option<Zeroizing<String>> {
    std::env::var("SSHRPC_PASSPHRASE").ok().map(Zeroizing::new)
}

/// The account that runs this program, as `ssh` takes it.
fn local_user() -> String {
    whoami::username().unwrap_or_else(|_unknown| "nobody".to_owned())
}
