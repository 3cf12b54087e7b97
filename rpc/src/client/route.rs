//! The way to a node: over TCP, over a command, or through other hosts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ssh_proto::Algorithms;
use ssh_proto::StrictPolicy;
use ssh_proto::algorithms::Compression;
use ssh_proto::client::TrivialPolicy;
use ssh_proto::crypto::{CryptoProvider, Tier};
use ssh_proto::keys::PublicKey;
use ssh_transport::client::{ConnectError as SshError, Guesses, HostKeys, NewHosts, Policy, Prompter};
use ssh_transport::identity::{DefaultIdentities, Identity};
use ssh_transport::known_hosts::{HashNames, KnownHosts};
use ssh_transport::ssh_config::{HostConfig, Jump, Proxy, Query, Selections, SshConfig, StrictHostKeyChecking};

use super::connect::{AcceptNew, Compress, ConnectError};

/// Connections to be made one after the other, each through the one before.
#[derive(Debug)]
pub(super) struct Route {
    /// What the first connection goes over, if that is not TCP.
    command: Option<String>,
    via: Vec<Hop>,
    node: Hop,
}

/// A host, and how to log in there.
#[derive(Debug)]
pub(super) struct Hop {
    host: String,
    port: u16,
    pub(super) policy: Policy,
}

/// Where on the way a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Between,
    Node,
}

/// What holds for every host on the way, beside the configuration.
#[derive(Debug)]
pub(super) struct Traveller<'a> {
    pub(super) config: Arc<SshConfig>,
    /// Where `.ssh` is.
    pub(super) home: Option<PathBuf>,
    pub(super) local_user: String,
    /// Keys that were named, instead of those that the configuration names for the node.
    pub(super) identities: &'a [Identity],
    /// The node's key, whatever known_hosts says.
    pub(super) pinned: Option<&'a PublicKey>,
    pub(super) known_hosts: Option<&'a Path>,
    pub(super) accept_new: AcceptNew,
    pub(super) strict: StrictPolicy,
    pub(super) provider: &'a dyn CryptoProvider,
    pub(super) tier: Tier,
    pub(super) compress: Compress,
    pub(super) prompter: Option<&'a Arc<dyn Prompter>>,
    pub(super) trivial: TrivialPolicy,
    /// Algorithms that were named, instead of those that the configuration names.
    pub(super) selections: &'a Selections,
    /// Where the last connections would have guessed right.
    pub(super) guesses: &'a Guesses,
}

impl Route {
    /// Each configuration may name a host whose configuration names another.
    const MAXIMUM_HOPS: usize = 16;

    /// The way to the node for which the configuration has `found` this. Of several hosts in between, each is reached
    /// through the ones before it, and what its own configuration says of the way does not count.
    pub(super) async fn find(traveller: &Traveller<'_>, found: HostConfig) -> Result<Self, ConnectError> {
        let (node, mut proxy) = traveller.hop(found, Place::Node).await?;
        let mut via = Vec::new();
        let command = loop {
            let mut jumps = match proxy {
                Proxy::Jump(jumps) => jumps,
                Proxy::Command(command) => break Some(command),
                _ => break None,
            };
            let Some(last) = jumps.pop() else { break None };
            if via.len() == Self::MAXIMUM_HOPS {
                return Err(ConnectError::TooManyJumps(last.host));
            }
            let found = traveller.look_up(last).await?;
            let (hop, own) = traveller.hop(found, Place::Between).await?;
            via.insert(0, hop);
            proxy = if jumps.is_empty() { own } else { Proxy::Jump(jumps) };
        };
        Ok(Self { command, via, node })
    }

    /// The node at its end.
    pub(super) const fn node(&mut self) -> &mut Hop {
        &mut self.node
    }

    /// Makes all the connections. The last one is the answer; the others live as long as it does.
    pub(super) async fn connect(&self) -> Result<ssh_transport::Client, SshError> {
        let mut reached = None;
        for hop in &self.via {
            reached = Some(self.reach(hop, reached.as_ref()).await?);
        }
        self.reach(&self.node, reached.as_ref()).await
    }

    async fn reach(
        &self,
        hop: &Hop,
        through: Option<&ssh_transport::Client>,
    ) -> Result<ssh_transport::Client, SshError> {
        let Hop { host, port, policy } = hop;
        match (through, &self.command) {
            (Some(client), _) => client.connect_through(host, *port, policy).await,
            (None, Some(command)) => ssh_transport::Client::connect_by_command(command, host, *port, policy).await,
            (None, None) => ssh_transport::Client::connect(host, *port, policy).await,
        }
    }
}

impl Traveller<'_> {
    /// How to log in to a host, and how to get there.
    async fn hop(&self, found: HostConfig, place: Place) -> Result<(Hop, Proxy), ConnectError> {
        let policy = self.policy(&found, place).await?;
        Ok((Hop { host: found.host_name, port: found.port, policy }, found.proxy))
    }

    /// What the configuration says for `destination`. The commands of `Match exec` take what time they take.
    pub(super) async fn look_up(&self, destination: Jump) -> Result<HostConfig, ConnectError> {
        let (config, local_user) = (Arc::clone(&self.config), self.local_user.clone());
        let home = self.home.clone().unwrap_or_default();
        let asked = tokio::task::spawn_blocking(move || {
            let local_host = whoami::hostname().unwrap_or_default();
            let mut query = Query::new(&destination.host, &local_user, &home);
            (query.user, query.port) = (destination.user.as_deref(), destination.port);
            query.local_host = &local_host;
            config.lookup(&query)
        });
        let found = asked.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        found.map_err(ConnectError::Config)
    }

    async fn policy(&self, found: &HostConfig, place: Place) -> Result<Policy, ConnectError> {
        let mut algorithms = Algorithms::up_to(self.tier, self.provider);
        if self.compress == Compress::Yes || found.compression == Some(true) {
            algorithms.compression = Compression::ALL.iter().rev().copied().collect();
        }
        let selections = self.selections.clone().or(&found.algorithms);
        for unknown in selections.apply(&mut algorithms, self.provider)? {
            tracing::debug!(unknown, "the configuration names an algorithm that there is not");
        }
        let user = found.user.as_deref().unwrap_or(&self.local_user);
        let mut config = ssh_proto::client::Config::new(user, algorithms);
        config.strict = self.strict;
        config.trivial = self.trivial;
        config.limits.keepalive_interval = found.server_alive_interval;
        if let Some(tries) = found.server_alive_count_max {
            config.limits.keepalive_tries = tries;
        }
        let (host_keys, update) = match (place, self.pinned) {
            (Place::Node, Some(key)) => (HostKeys::Pinned(key.clone()), None),
            _ => self.host_keys(found)?,
        };
        let mut policy = Policy::new(config, host_keys);
        policy.guesses = self.guesses.clone();
        if let Some(bits) = found.required_rsa_bits {
            policy.required_rsa_bits = usize::try_from(bits).unwrap_or(usize::MAX);
        }
        policy.methods = found.methods();
        policy.prompter = self.prompter.filter(|_| !found.batch_mode).cloned();
        if let Some(times) = found.number_of_password_prompts {
            policy.password_prompts = times;
        }
        policy.host_key_alias.clone_from(&found.host_key_alias);
        policy.update_host_keys = update;
        policy.hash_names = if found.hash_known_hosts { HashNames::Yes } else { HashNames::No };
        policy.revoked_host_keys.clone_from(&found.revoked_host_keys);
        if let Some(timeout) = found.connect_timeout {
            policy.connect_timeout = timeout;
        }
        if let (false, Some(home)) = (place == Place::Node && !self.identities.is_empty(), &self.home) {
            let usual = DefaultIdentities::for_host(found, home).await;
            for problem in &usual.problems {
                tracing::debug!(%problem, "an identity is left out");
            }
            policy.identities = usual.identities;
        }
        policy.identities.extend_from_slice(self.identities);
        Ok(policy)
    }

    /// Which host keys are right, and where further ones are written. `ssh` writes by itself; here somebody must have said
    /// that hosts may be written down.
    fn host_keys(&self, found: &HostConfig) -> Result<(HostKeys, Option<PathBuf>), ConnectError> {
        let usual = || self.home.as_ref().map(|home| vec![home.join(".ssh/known_hosts")]).ok_or(ConnectError::NoHome);
        let (users, machines) = match self.known_hosts {
            Some(path) => (vec![path.to_owned()], Vec::new()),
            None => (
                found.user_known_hosts.clone().map_or_else(usual, Ok)?,
                found.global_known_hosts.clone().unwrap_or_else(|| vec!["/etc/ssh/ssh_known_hosts".into()]),
            ),
        };
        let known = KnownHosts::load(users.iter().chain(&machines)).map_err(ConnectError::KnownHosts)?;
        known.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
        let may_accept = self.accept_new == AcceptNew::Yes
            || matches!(
                found.strict_host_key_checking,
                Some(StrictHostKeyChecking::AcceptNew | StrictHostKeyChecking::No)
            );
        // Who has no file (`none`) accepts without writing.
        let own = users.into_iter().next();
        let update = own.clone().filter(|_| found.update_host_keys.unwrap_or(may_accept));
        let new = match own {
            _ if !may_accept => NewHosts::Refuse,
            Some(file) => NewHosts::Remember(file),
            None => NewHosts::Accept,
        };
        Ok((HostKeys::Known { known, new }, update))
    }
}
