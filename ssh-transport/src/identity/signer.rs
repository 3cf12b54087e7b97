use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ssh_proto::client::HostProof;
use ssh_proto::keys::{Certificate, KeyFileError, PrivateKey, PublicKey, Signature};
use ssh_proto::wire::{InvalidMessage, Problem};
use zeroize::Zeroizing;

use super::IdentityError;
use crate::agent::{Agent, AgentError};
use crate::aws_lc::RsaSigner;
use crate::files::{self, Access, FileError, FileProblem};
use crate::rng::os_rng;

/// What can sign: a private key in memory, or one that an agent keeps; and what it shows, the key or a certificate of it.
#[derive(Clone, Debug)]
pub struct Identity {
    signer: Signer,
    public: PublicKey,
    certificate: Option<Certificate>,
    comment: String,
    path: Option<PathBuf>,
}

#[derive(Clone, Debug)]
enum Signer {
    /// With AWS-LC's form of it, if that was asked for.
    Key(PrivateKey, Option<Arc<RsaSigner>>),
    /// And by which blob the agent knows it: a key, or a certificate that was added with it.
    Agent(Agent, PublicKey),
}

impl Identity {
    /// A key that the caller has.
    #[must_use]
    pub fn from_key(key: PrivateKey, comment: &str) -> Self {
        Self {
            public: key.public().clone(),
            certificate: None,
            signer: Signer::Key(key, None),
            comment: comment.to_owned(),
            path: None,
        }
    }

    /// The key in a file: OpenSSH's own format, PKCS#8, PKCS#1, SEC 1 or PuTTY's. When it is encrypted `passphrase` is asked, once, with
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
            signer: Signer::Agent(agent.clone(), key.key.clone()),
            // One that is damaged is no use, and can do no harm: no algorithm is known for it.
            certificate: Certificate::from_public(&key.key).ok().flatten(),
            public: key.key,
            comment: key.comment,
            path: None,
        };
        Ok(keys.map(identity).collect())
    }

    /// The same key, which shows `certificate`. `None` when that is for another key.
    #[must_use]
    pub fn with_certificate(&self, certificate: Certificate) -> Option<Self> {
        (certificate.key() == self.key()).then(|| Self {
            public: certificate.public().clone(),
            certificate: Some(certificate),
            ..self.clone()
        })
    }

    /// The same key with the certificate that lies beside its file: `id_ed25519-cert.pub`. `None` when there is no such
    /// file, or the key is from none.
    ///
    /// # Errors
    /// When there is one and it cannot be read, holds no certificate, or one for another key.
    pub fn certified(&self) -> Result<Option<Self>, IdentityError> {
        match &self.path {
            Some(path) => self.certified_by(&certificate_path(path)),
            None => Ok(None),
        }
    }

    /// The same key with the certificate in the file `path`; `None` when there is no such file.
    ///
    /// # Errors
    /// When there is one and it cannot be read, holds no certificate, or one for another key.
    pub fn certified_by(&self, path: &Path) -> Result<Option<Self>, IdentityError> {
        let Some(content) = files::read(path, PublicKey::MAX_BLOB * 2, Access::Any)? else { return Ok(None) };
        let wrong = |error| IdentityError::Certificate { path: path.to_owned(), error };
        let none = || wrong(InvalidMessage::new("certificate", Problem::Truncated));
        let (_, line) = files::lines(&content).next().ok_or_else(none)?;
        let line = line.map_err(|_| wrong(InvalidMessage::new("certificate", Problem::NotUtf8)))?;
        let (public, _comment) = PublicKey::from_openssh_line(line).map_err(wrong)?;
        let certificate = Certificate::from_public(&public).map_err(wrong)?;
        let certificate =
            certificate.ok_or_else(|| wrong(InvalidMessage::new("certificate type", Problem::BadValue)))?;
        self.with_certificate(certificate).map(Some).ok_or_else(|| IdentityError::OtherKey(path.to_owned()))
    }

    /// What it shows to others: the public half, or the certificate.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The same, where an agent keeps it over a connection that is [bound](Agent::bind) to a session.
    #[must_use]
    pub fn bind(&self, proof: &HostProof) -> Self {
        match &self.signer {
            Signer::Agent(agent, blob) => {
                Self { signer: Signer::Agent(agent.bind(proof), blob.clone()), ..self.clone() }
            }
            _ => self.clone(),
        }
    }

    /// The same key, signing by AWS-LC where that is faster: RSA with SHA-2, of a key in memory. All other keys sign as
    /// before.
    #[cfg(feature = "aws-lc")]
    #[must_use]
    pub fn with_aws_lc(mut self) -> Self {
        if let Signer::Key(key, signer) = &mut self.signer {
            *signer = RsaSigner::new(key).map(Arc::new);
        }
        self
    }

    /// The public half.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        self.certificate.as_ref().map_or(&self.public, Certificate::key)
    }

    /// The certificate that it shows, if it does.
    #[must_use]
    pub const fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
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

    /// The algorithms by which it can log in or be a host, best first: those of signatures, or where it shows a certificate
    /// those of certificates. None for a certificate that is not understood.
    #[must_use]
    pub fn algorithms(&self) -> Vec<&str> {
        let plain = match (&self.signer, self.key().key_type()) {
            (Signer::Key(key, _), _) => key.algorithms().to_vec(),
            (Signer::Agent(..), "ssh-rsa") => vec!["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
            (Signer::Agent(..), other) if other.contains("-cert-v0") => Vec::new(),
            (Signer::Agent(..), other) => vec![other],
        };
        match self.certificate {
            None => plain,
            Some(_) => Certificate::algorithms(&plain),
        }
    }

    /// Signs `data` by `algorithm`, which is a signature's also where a certificate is shown. A key in memory does so at
    /// once, an agent may ask its owner first.
    ///
    /// # Errors
    /// When `algorithm` is not one of the key's, or the agent does not help.
    pub async fn sign(&self, algorithm: &str, data: &[u8]) -> Result<Signature, IdentityError> {
        match &self.signer {
            Signer::Key(key, fast) => {
                if let Some(signed) = fast.as_ref().and_then(|fast| fast.sign(algorithm, data)) {
                    return Ok(signed?);
                }
                let mut rng = os_rng().map_err(IdentityError::Randomness)?;
                Ok(key.sign(algorithm, data, &mut rng)?)
            }
            Signer::Agent(agent, key) => Ok(agent.sign(key, algorithm, data).await?),
        }
    }
}

/// Where `ssh-keygen -s` puts the certificate of the key in `path`.
pub(super) fn certificate_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-cert.pub");
    name.into()
}
