use std::io;
use std::path::{Path, PathBuf};

use ssh_proto::keys::{KeyFileError, PrivateKey, PublicKey, Signature};
use zeroize::Zeroizing;

use super::IdentityError;
use crate::agent::{Agent, AgentError};
use crate::files::{self, Access, FileError, FileProblem};
use crate::rng::os_rng;

/// What can sign: a private key in memory, or one that an agent keeps.
#[derive(Clone, Debug)]
pub struct Identity {
    signer: Signer,
    public: PublicKey,
    comment: String,
    path: Option<PathBuf>,
}

#[derive(Clone, Debug)]
enum Signer {
    Key(PrivateKey),
    Agent(Agent),
}

impl Identity {
    /// A key that the caller has.
    #[must_use]
    pub fn from_key(key: PrivateKey, comment: &str) -> Self {
        Self { public: key.public().clone(), signer: Signer::Key(key), comment: comment.to_owned(), path: None }
    }

    /// The key in a file: OpenSSH's own format, PKCS#8 or PKCS#1. When it is encrypted `passphrase` is asked, once, with
    /// the name of the file. Undoing the encryption takes time on purpose: a server with other work calls this from a
    /// thread of its own.
    ///
    /// # Errors
    /// When the file cannot be read, others can read it, or there is no key in it that can be used.
    /// [`IdentityError::needs_passphrase`] says that the passphrase was missing or wrong.
    pub fn from_file(
        path: &Path,
        passphrase: impl FnOnce(&Path) -> Option<Zeroizing<String>>,
    ) -> Result<Self, IdentityError> {
        let missing = || FileError::new(path, FileProblem::Io(io::ErrorKind::NotFound.into()));
        let file = files::read(path, PrivateKey::MAX_FILE, Access::Nothing)?.ok_or_else(missing)?;
        let read = match PrivateKey::from_pem(&file, None) {
            Err(KeyFileError::PassphraseNeeded) => match passphrase(path) {
                Some(passphrase) => PrivateKey::from_pem(&file, Some(passphrase.as_bytes())),
                None => Err(KeyFileError::PassphraseNeeded),
            },
            other => other,
        };
        let read = read.map_err(|error| IdentityError::Key { path: path.to_owned(), error })?;
        Ok(Self { path: Some(path.to_owned()), ..Self::from_key(read.key, &read.comment) })
    }

    /// The keys that an agent keeps, in its order.
    ///
    /// # Errors
    /// When the agent does not answer, or answers nonsense.
    pub async fn from_agent(agent: &Agent) -> Result<Vec<Self>, AgentError> {
        let keys = agent.identities().await?.into_iter();
        let identity = |key: crate::agent::AgentKey| Self {
            signer: Signer::Agent(agent.clone()),
            public: key.key,
            comment: key.comment,
            path: None,
        };
        Ok(keys.map(identity).collect())
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What its owner called it. Empty where the file has no place for it.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// The file it comes from, if it does.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The signature algorithms it can sign by, best first. None for what only an agent understands: certificates and
    /// keys in security keys.
    #[must_use]
    pub fn algorithms(&self) -> Vec<&str> {
        match (&self.signer, self.public.key_type()) {
            (Signer::Key(key), _) => key.algorithms().to_vec(),
            (Signer::Agent(_), "ssh-rsa") => vec!["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
            (Signer::Agent(_), other) if other.starts_with("sk-") || other.contains("-cert-v0") => Vec::new(),
            (Signer::Agent(_), other) => vec![other],
        }
    }

    /// Signs `data` by `algorithm`. A key in memory does so at once, an agent may ask its owner first.
    ///
    /// # Errors
    /// When `algorithm` is not one of [`Self::algorithms`], or the agent does not help.
    pub async fn sign(&self, algorithm: &str, data: &[u8]) -> Result<Signature, IdentityError> {
        match &self.signer {
            Signer::Key(key) => {
                let mut rng = os_rng().map_err(IdentityError::Randomness)?;
                Ok(key.sign(algorithm, data, &mut rng)?)
            }
            Signer::Agent(agent) => Ok(agent.sign(&self.public, algorithm, data).await?),
        }
    }
}
