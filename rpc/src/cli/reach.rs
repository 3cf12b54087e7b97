//! The way to a node from the command line: its name or address, the keys to log in with, and how long to wait.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ssh_proto::crypto::Tier;
use ssh_transport::identity::{DefaultIdentities, Identity};
use ssh_transport::ssh_config::HostConfig;
use sshrpc::Client;
use sshrpc::client::{Connect, ConnectError, Mode, Target};

use super::config::{Folder, KINDS};
use super::exit::Exit;
use super::explain::Attempt;
use super::failure::Failure;
use super::names::Names;
use super::secret;
use super::serve::Algorithms;
use super::terminal::{Ask, Terminal};

/// What every command has that connects.
#[derive(Debug, clap::Args)]
pub(crate) struct Reach {
    /// Where nodes and groups have their names [default: sshrpc's own sshrpc.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten, next_help_heading = "Keys")]
    keys: Keys,

    #[command(flatten, next_help_heading = "Algorithms")]
    algorithms: Algorithms,
}

#[derive(Debug, clap::Args)]
struct Keys {
    /// The private key to log in with [default: those of sshrpc's own folder, the agent and ~/.ssh]
    #[arg(long, short, value_name = "FILE")]
    identity: Vec<PathBuf>,

    /// The host keys that are known [default: ~/.ssh/known_hosts]
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,

    /// The configuration of ssh [default: ~/.ssh/config and /etc/ssh/ssh_config]; none reads none
    #[arg(long, short = 'F', value_name = "FILE")]
    ssh_config: Option<PathBuf>,

    /// Trust a host that is not known yet, and note its key; never one that changed
    #[arg(long)]
    accept_new: bool,

    /// Never ask for a password or anything else, not even at a terminal
    #[arg(long)]
    batch: bool,
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeout(pub(crate) Option<Duration>);

/// As it is typed.
pub(crate) fn timeout(text: &str) -> Result<Timeout, humantime::DurationError> {
    if text == "none" { Ok(Timeout(None)) } else { humantime::parse_duration(text).map(|time| Timeout(Some(time))) }
}

/// A connection, and what is needed to say what went wrong with it.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) client: Client,
    pub(crate) attempt: Attempt,
}

impl Reach {
    /// The names that nodes and groups have.
    pub(crate) fn names(&self) -> Result<Names, Failure> {
        Names::load(self.config.as_deref())
    }

    /// From here on nobody is asked for anything.
    pub(crate) const fn ask_nobody(&mut self) {
        self.keys.batch = true;
    }

    /// Connects and logs in.
    pub(crate) async fn connect(
        &self,
        target: &Target,
        mode: Mode,
        patience: &mut Patience,
    ) -> Result<Reached, Failure> {
        let mut attempt = Attempt {
            target: target.clone(),
            mode,
            known_hosts: self.keys.known_hosts.clone(),
            tried: Vec::new(),
            unusable: Vec::new(),
            folder: Folder::find().ok(),
        };
        let mut connect = self.prepare(target, mode).map_err(|error| attempt.not_connected(&error))?;
        let found = connect.host_config().await.map_err(|error| attempt.not_connected(&error))?;
        let whom = if self.keys.batch || found.batch_mode { Ask::Nobody } else { Ask::Somebody };
        let identities = self.identities(attempt.folder.as_ref(), found, whom).await?;
        let named =
            |identity: &Identity| Some((identity.public().fingerprint().to_string(), identity.path()?.to_owned()));
        attempt.tried = identities.identities.iter().filter_map(named).collect();
        attempt.unusable = identities.problems;
        let terminal = Arc::new(Terminal::new(whom));
        let connect = connect.prompter(terminal.clone());
        let sign = self.algorithms.provider.sign;
        let connect = identities.identities.into_iter().map(sign).fold(connect, Connect::identity);
        let connected = patience.wait_for_login(&terminal, connect.connect()).await;
        let client = connected.ok_or_else(|| patience.timed_out("no connection to", target, ""))?;
        let client = client.map_err(|error| attempt.not_connected(&error))?;
        if let Some(agreed) = client.ssh().and_then(|ssh| ssh.negotiated()) {
            let (kex, host_key, cipher) = (agreed.kex, agreed.host_key, agreed.client_to_server.cipher);
            let compression = agreed.client_to_server.compression;
            let strictness = agreed.strictness;
            tracing::info!(kex, host_key, cipher, compression, ?strictness, "connected to {target}");
        }
        Ok(Reached { client, attempt })
    }

    fn prepare(&self, target: &Target, mode: Mode) -> Result<Connect, ConnectError> {
        let mut connect = Connect::to(&target.to_string())?.mode(mode);
        connect = match &self.keys.ssh_config {
            None => connect,
            Some(path) if path.as_os_str() == "none" => connect.no_config(),
            Some(path) => connect.config_file(path),
        };
        if let Some(path) = &self.keys.known_hosts {
            connect = connect.known_hosts(path);
        }
        if self.keys.accept_new {
            connect = connect.accept_new();
        }
        let Algorithms { tier, cipher, mac, kex, compress, provider } = &self.algorithms;
        connect = connect.provider(provider.provider).tier(tier.unwrap_or(Tier::Compatible));
        if let Some(names) = cipher {
            connect = connect.ciphers(names)?;
        }
        if let Some(names) = mac {
            connect = connect.macs(names)?;
        }
        if let Some(names) = kex {
            connect = connect.kex(names)?;
        }
        if *compress {
            connect = connect.compress();
        }
        Ok(connect)
    }

    /// The keys to try: those that were named; or else sshrpc's own, and those that `ssh` would try.
    async fn identities(
        &self,
        folder: Option<&Folder>,
        config: &HostConfig,
        whom: Ask,
    ) -> Result<DefaultIdentities, Failure> {
        let mut found = DefaultIdentities::default();
        for path in &self.keys.identity {
            found.identities.extend(secret::read_identities(path, whom)?);
        }
        let Some(folder) = folder.filter(|_| self.keys.identity.is_empty()) else { return Ok(found) };
        for path in KINDS.iter().map(|kind| folder.user_key(kind)).filter(|path| path.exists()) {
            match Identity::from_file(&path, |_| None) {
                Ok(identity) => found.identities.push(identity),
                Err(error) => match secret::read_identity(&path, whom) {
                    Ok(identity) if error.needs_passphrase() => found.identities.push(identity),
                    _ => found.problems.push(error),
                },
            }
        }
        let usual = DefaultIdentities::for_host(config, folder.home()).await;
        let is_new = |identity: &Identity| found.identities.iter().all(|have| have.public() != identity.public());
        let new: Vec<Identity> = usual.identities.into_iter().filter(is_new).collect();
        found.identities.extend(new);
        found.problems.extend(usual.problems);
        Ok(found)
    }
}

/// What is left of the time.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Timeout,
    deadline: Option<tokio::time::Instant>,
}

impl Patience {
    /// From now on.
    pub(crate) fn new(limit: Timeout) -> Self {
        let deadline = limit.0.and_then(|limit| tokio::time::Instant::now().checked_add(limit));
        Self { limit, deadline }
    }

    /// Waits, and the time that somebody takes to answer does not count.
    async fn wait_for_login<T>(&mut self, terminal: &Terminal, work: impl Future<Output = T>) -> Option<T> {
        let Some(deadline) = self.deadline else { return Some(work.await) };
        let mut work = std::pin::pin!(work);
        loop {
            let extended = deadline.checked_add(terminal.time_spent()).unwrap_or(deadline);
            match tokio::time::timeout_at(extended, &mut work).await {
                Ok(done) => {
                    self.deadline = deadline.checked_add(terminal.time_spent());
                    return Some(done);
                }
                Err(_elapsed) if deadline.checked_add(terminal.time_spent()) > Some(extended) => {}
                Err(_elapsed) => return None,
            }
        }
    }

    /// Waits; none when the time is over.
    pub(crate) async fn wait<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match self.deadline {
            None => Some(work.await),
            Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
        }
    }

    /// The failure of what took too long.
    pub(crate) fn timed_out(&self, what: &str, target: &Target, and: &str) -> Failure {
        let limit = humantime::format_duration(self.limit.0.unwrap_or_default());
        Failure::new(Exit::Timeout, format!("{what} {} within {limit}{and}", target.host_and_port()))
            .hint("`--timeout 1m` waits longer, `--timeout none` for ever")
    }
}
