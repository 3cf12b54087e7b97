//! How to connect.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ssh_proto::client::{self, MethodName};
use ssh_proto::keys::PublicKey;
use zeroize::Zeroizing;

use super::guesses::Guesses;
use super::prompter::Prompter;
use crate::identity::Identity;
use crate::known_hosts::{HashNames, KnownHosts};

/// How to connect: all of it data.
#[derive(Debug)]
#[non_exhaustive]
pub struct Policy {
    /// The protocol's configuration: the user, the algorithms, the limits.
    pub config: client::Config,
    /// Which host keys are right.
    pub host_keys: HostKeys,
    /// What known_hosts calls the server, when that is not its name and port (`HostKeyAlias`).
    pub host_key_alias: Option<String>,
    /// A file of host keys and certificates that must not be used any more (`RevokedHostKeys`), read at each login. While
    /// it cannot be read no host is trusted.
    pub revoked_host_keys: Option<PathBuf>,
    /// RSA keys with fewer bits count for nothing, be they the server's, its authority's or among the identities
    /// (`RequiredRSASize`): 2048, below which the algorithms here take none anyway.
    pub required_rsa_bits: usize,
    /// The methods that may be tried, in this order: `publickey`, `keyboard-interactive`, `password`, which are all that
    /// there are here.
    pub methods: Vec<MethodName>,
    /// What may sign a login, in the order in which it is tried.
    pub identities: Vec<Identity>,
    /// A password, tried before anybody is asked for one; also the answer to the single hidden question of a server that
    /// wants it by `keyboard-interactive`.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// Who is asked for what else a server wants, and told what it says.
    pub prompter: Option<Arc<dyn Prompter>>,
    /// How often somebody is asked for a password, or for answers: 3 times.
    pub password_prompts: u32,
    /// Whether names of hosts are hashed where they are written: not.
    pub hash_names: HashNames,
    /// Where further keys that a known server proves to have are written (OpenSSH's `UpdateHostKeys`): nowhere. A server
    /// that is known by a pattern teaches nothing.
    pub update_host_keys: Option<PathBuf>,
    /// The servers at which the next connection begins with a guess. Where `config.guess` is
    /// [`KexGuess::Send`](ssh_proto::KexGuess::Send), all do.
    pub guesses: Guesses,
    /// How long TCP may take to connect: 30 seconds.
    pub connect_timeout: Duration,
}

impl Policy {
    /// No identities yet, and a 30 second time-out.
    #[must_use]
    pub fn new(config: client::Config, host_keys: HostKeys) -> Self {
        Self {
            config,
            host_keys,
            host_key_alias: None,
            revoked_host_keys: None,
            required_rsa_bits: 2048,
            methods: vec![MethodName::PublicKey, MethodName::KeyboardInteractive, MethodName::Password],
            identities: Vec::new(),
            password: None,
            prompter: None,
            password_prompts: 3,
            hash_names: HashNames::No,
            update_host_keys: None,
            guesses: Guesses::new(),
            connect_timeout: Duration::from_secs(30),
        }
    }
}

impl Policy {
    /// Whether `key` is an RSA key of fewer bits than it should have.
    pub(super) fn is_too_small(&self, key: &PublicKey) -> bool {
        key.key_type() == "ssh-rsa" && key.bits().is_none_or(|bits| bits < self.required_rsa_bits)
    }
}

/// Which host keys are right.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostKeys {
    /// Those of a known_hosts file.
    Known {
        /// What the files say.
        known: KnownHosts,
        /// What becomes of a host that they do not know.
        new: NewHosts,
    },
    /// Exactly this one.
    Pinned(PublicKey),
}

/// What becomes of hosts that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewHosts {
    /// They are refused.
    Refuse,
    /// They are accepted each time.
    Accept,
    /// They are accepted, and known from then on: their keys are written to this file.
    Remember(PathBuf),
}
