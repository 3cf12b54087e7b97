use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ssh_proto::keys::PublicKey;

use super::{Identity, IdentityError, signer, write};
use crate::agent::{Agent, AgentError};
use crate::files::{self, Access, FileProblem};
use crate::ssh_config::{HostConfig, IdentityAgent};

/// What [`default_identities`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct DefaultIdentities {
    /// What can sign, in the order in which to try: the agent's keys first.
    pub identities: Vec<Identity>,
    /// What is there and cannot be used, and why. A file that only lacks its passphrase
    /// ([`IdentityError::needs_passphrase`]) can be had by [`Identity::from_file`].
    pub problems: Vec<IdentityError>,
}

/// The identities that a user has without saying so: [`DefaultIdentities::find`] with the agent of this session. That no
/// agent runs is no problem.
pub async fn default_identities(home: &Path) -> DefaultIdentities {
    match Agent::connect_env().await {
        Ok(agent) => DefaultIdentities::find(home, Some(&agent)).await,
        Err(AgentError::NotRunning) => DefaultIdentities::find(home, None).await,
        Err(error) => {
            let mut found = DefaultIdentities::find(home, None).await;
            found.problems.push(error.into());
            found
        }
    }
}

impl DefaultIdentities {
    /// The keys of `agent`, then those in the files of the usual names in `.ssh` below `home`. A file that does not exist
    /// is no problem, and neither is one whose key the agent has.
    pub async fn find(home: &Path, agent: Option<&Agent>) -> Self {
        let mut found = Self::default();
        if let Some(agent) = agent {
            found.add_agent(agent).await;
        }
        found.add_files(&home.join(".ssh"));
        found
    }

    /// What the configuration says for a host: its agent, its files or those of the usual names, and only them where it
    /// says so. Keys that need a passphrase are among the problems.
    pub async fn for_host(config: &HostConfig, home: &Path) -> Self {
        let mut found = Self::default();
        if !config.pubkey_authentication {
            return found;
        }
        let agent = match &config.identity_agent {
            IdentityAgent::None => None,
            IdentityAgent::Session => Some(Agent::connect_env().await),
            IdentityAgent::Socket(path) => Some(Agent::connect(path).await),
        };
        match agent {
            Some(Ok(agent)) => found.add_agent(&agent).await,
            None | Some(Err(AgentError::NotRunning)) => {}
            Some(Err(error)) => found.problems.push(error.into()),
        }
        let usual = || NAMES.iter().map(|name| home.join(".ssh").join(name)).collect();
        let files: Vec<PathBuf> = config.identity_files.clone().unwrap_or_else(usual);
        if config.identities_only {
            let named: Vec<PublicKey> = files.iter().filter_map(|path| named_by(path)).collect();
            found.identities.retain(|identity| named.contains(identity.public()));
        }
        for path in &files {
            found.add_file(path);
        }
        for path in &config.certificate_files {
            found.add_certificate_file(path);
        }
        found
    }

    async fn add_agent(&mut self, agent: &Agent) {
        match Identity::from_agent(agent).await {
            Ok(identities) => self.identities.extend(identities),
            Err(error) => self.problems.push(error.into()),
        }
    }

    pub(super) fn add_files(&mut self, directory: &Path) {
        for name in NAMES {
            self.add_file(&directory.join(name));
        }
    }

    fn add_file(&mut self, path: &Path) {
        match Identity::from_file(path, |_| None) {
            Ok(identity) if self.has(identity.public()) => {
                self.add_certificate(identity.public(), &signer::certificate_path(path))
            }
            Ok(identity) => {
                let key = identity.public().clone();
                self.identities.push(identity);
                self.add_certificate(&key, &signer::certificate_path(path));
            }
            Err(error) => match named_by(path).filter(|key| self.has(key)) {
                Some(key) => self.add_certificate(&key, &signer::certificate_path(path)),
                None if is_missing(&error) => {}
                None => self.problems.push(error),
            },
        }
    }

    fn has(&self, key: &PublicKey) -> bool {
        self.identities.iter().any(|identity| identity.public() == key)
    }

    /// Has the key for which the certificate in `path` is show that before it shows itself.
    fn add_certificate_file(&mut self, path: &Path) {
        let certified = (0..).zip(&self.identities).find_map(|(at, identity)| match identity.certified_by(path) {
            Ok(certified) => Some(Ok((at, certified?))),
            Err(IdentityError::OtherKey(_)) => None,
            Err(error) => Some(Err(error)),
        });
        match certified {
            Some(Ok((at, certified))) if !self.has(certified.public()) => self.identities.insert(at, certified),
            Some(Err(error)) => self.problems.push(error),
            _ => {}
        }
    }

    /// Has `key` show the certificate in `path`, if it is one for it, before it shows itself.
    fn add_certificate(&mut self, key: &PublicKey, path: &Path) {
        let Some(at) = self.identities.iter().position(|identity| identity.public() == key) else { return };
        match self.identities.get(at).map(|identity| identity.certified_by(path)) {
            Some(Ok(Some(certified))) if !self.has(certified.public()) => self.identities.insert(at, certified),
            Some(Err(error)) => self.problems.push(error),
            _ => {}
        }
    }
}

fn is_missing(error: &IdentityError) -> bool {
    matches!(error, IdentityError::File(error)
        if matches!(&error.problem, FileProblem::Io(error) if error.kind() == ErrorKind::NotFound))
}

/// Which key a file means: a private key, or the public half of one that an agent has.
fn named_by(path: &Path) -> Option<PublicKey> {
    public_half(&write::public_path(path)).or_else(|| public_half(path))
}

/// What the file beside a private key says its public half is. It may be wrong, so it only serves to recognise a key
/// that the agent has.
fn public_half(path: &Path) -> Option<PublicKey> {
    let content = files::read(path, PublicKey::MAX_BLOB * 2, Access::Any).ok()??;
    Some(PublicKey::from_file(std::str::from_utf8(&content).ok()?).ok()?.0)
}

/// The best first. Of those in security keys it is said that the agent has to ask them.
const NAMES: [&str; 5] = ["id_ed25519", "id_rsa", "id_ecdsa", "id_ed25519_sk", "id_ecdsa_sk"];
