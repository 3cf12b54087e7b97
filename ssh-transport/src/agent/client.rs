use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{env, fmt, io};

use ssh_proto::client::HostProof;
use ssh_proto::keys::{PublicKey, Signature};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{AgentError, message};

/// An agent. Cloning copies a pointer.
#[derive(Clone)]
pub struct Agent {
    path: Arc<Path>,
    /// A connection with no question under way. Who asks takes it and brings it back after the answer: a question that
    /// was given up takes its connection along, and no answer can come to the wrong one.
    idle: Arc<Mutex<Option<UnixStream>>>,
    /// What each connection begins with: `session-bind@openssh.com`.
    binding: Option<Arc<[u8]>>,
    answer_limit: Duration,
    sign_limit: Duration,
}

impl Agent {
    /// How long the agent may take to answer.
    pub const ANSWER_LIMIT: Duration = Duration::from_secs(10);
    /// How long it may take to sign: it may ask its owner first.
    pub const SIGN_LIMIT: Duration = Duration::from_secs(120);
    /// The longest message, in bytes: as OpenSSH.
    pub const MAX_MESSAGE: usize = 256 * 1024;

    /// The agent of this session: `SSH_AUTH_SOCK`.
    ///
    /// # Errors
    /// When there is none ([`AgentError::NotRunning`]), or it is not there any more.
    pub async fn connect_env() -> Result<Self, AgentError> {
        let path = env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).ok_or(AgentError::NotRunning)?;
        Self::connect(PathBuf::from(path)).await
    }

    /// The agent that listens on the Unix socket at `path`.
    ///
    /// # Errors
    /// When it does not.
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self, AgentError> {
        let path: Arc<Path> = path.as_ref().into();
        let agent = Self {
            path,
            idle: Arc::default(),
            binding: None,
            answer_limit: Self::ANSWER_LIMIT,
            sign_limit: Self::SIGN_LIMIT,
        };
        let stream = within(agent.answer_limit, agent.open()).await?;
        agent.keep(stream);
        Ok(agent)
    }

    /// Other limits than [`Self::ANSWER_LIMIT`] and [`Self::SIGN_LIMIT`].
    #[must_use]
    pub fn with_limits(self, answer: Duration, sign: Duration) -> Self {
        Self { answer_limit: answer, sign_limit: sign, ..self }
    }

    /// The same agent over connections of their own, each of which tells it first which host the session goes to
    /// (`session-bind@openssh.com`): keys that are for some hosts only (`ssh-add -h`) sign for those then, and for nobody
    /// else. An agent that knows nothing of this is used as it is.
    #[must_use]
    pub fn bind(&self, proof: &HostProof) -> Self {
        let binding = message::session_bind(proof, message::Use::Authentication);
        Self { idle: Arc::default(), binding: Some(binding.into()), ..self.clone() }
    }

    /// A connection to the agent for whoever is at the other end of the session that `proof` is about: what comes from
    /// there goes into it, and back. The agent is told so first, and refuses keys that are not to be used from there. One
    /// that answers that it knows nothing of this is used as it is.
    ///
    /// # Errors
    /// When the agent does not answer, or hangs up on being told: over another connection it would take whoever is there
    /// for its owner.
    pub async fn dial_for_forwarding(&self, proof: &HostProof) -> Result<UnixStream, AgentError> {
        let binding = message::session_bind(proof, message::Use::Forwarding);
        within(self.answer_limit, async {
            let mut stream = self.open().await?;
            introduce(&mut stream, &binding).await?;
            Ok(stream)
        })
        .await
    }

    /// Its keys.
    ///
    /// # Errors
    /// When it does not answer, or answers nonsense. An agent without keys, or a locked one, gives an empty list.
    pub async fn identities(&self) -> Result<Vec<AgentKey>, AgentError> {
        let answer = self.ask(&message::request_identities(), self.answer_limit).await?;
        message::read_identities(&answer)
    }

    /// Has `data` signed with the private half of `key`, by `algorithm`: for an RSA key `rsa-sha2-512`.
    ///
    /// # Errors
    /// When it refuses, does not answer, or signs by another algorithm. Whether the signature is right is not checked.
    pub async fn sign(&self, key: &PublicKey, algorithm: &str, data: &[u8]) -> Result<Signature, AgentError> {
        let answer = self.ask(&message::sign_request(key, algorithm, data)?, self.sign_limit).await?;
        message::read_signature(&answer, algorithm)
    }

    async fn ask(&self, request: &[u8], limit: Duration) -> Result<Vec<u8>, AgentError> {
        if request.len() > Self::MAX_MESSAGE {
            return Err(AgentError::TooLong { length: request.len() });
        }
        within(limit, async {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(stream) = idle {
                match self.exchange(stream, request).await {
                    // An agent may hang up on who is silent, or have been started anew.
                    Err(AgentError::Broken(_)) => {}
                    other => return other,
                }
            }
            let mut stream = self.open().await?;
            if let Some(binding) = &self.binding {
                match introduce(&mut stream, binding).await {
                    // One that hangs up on what it does not know. It is ourselves who ask.
                    Err(AgentError::Broken(error)) => {
                        tracing::debug!(%error, "the agent does not want to be bound to the session");
                        stream = self.open().await?;
                    }
                    introduced => introduced?,
                }
            }
            self.exchange(stream, request).await
        })
        .await
    }

    async fn exchange(&self, mut stream: UnixStream, request: &[u8]) -> Result<Vec<u8>, AgentError> {
        let answer = round_trip(&mut stream, request).await?;
        self.keep(stream);
        Ok(answer)
    }

    async fn open(&self) -> Result<UnixStream, AgentError> {
        let unreachable = |error: io::Error| AgentError::Unreachable { path: self.path.to_path_buf(), error };
        UnixStream::connect(&self.path).await.map_err(unreachable)
    }

    fn keep(&self, stream: UnixStream) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
    }
}

/// Says which session a connection is for. What the agent makes of it shows when a key is asked for.
async fn introduce(stream: &mut UnixStream, binding: &[u8]) -> Result<(), AgentError> {
    let answer = round_trip(stream, binding).await?;
    if let Err(error) = message::read_bound(&answer) {
        tracing::debug!(%error, "the agent is not bound to the session");
    }
    Ok(())
}

/// ```text
/// uint32 message length · byte[message length] message contents
/// ```
async fn round_trip(stream: &mut UnixStream, request: &[u8]) -> Result<Vec<u8>, AgentError> {
    let length = u32::try_from(request.len()).map_err(|_| AgentError::TooLong { length: request.len() })?;
    let framed = [&length.to_be_bytes(), request].concat();
    stream.write_all(&framed).await.map_err(AgentError::Broken)?;
    let length = stream.read_u32().await.map_err(AgentError::Broken)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > Agent::MAX_MESSAGE {
        return Err(AgentError::TooLong { length });
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.map_err(AgentError::Broken)?;
    Ok(answer)
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("path", &self.path).finish_non_exhaustive()
    }
}

async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, AgentError>>) -> Result<T, AgentError> {
    timeout(limit, answer).await.map_err(|_| AgentError::Timeout(limit))?
}

/// A key that an agent has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentKey {
    /// Its public half.
    pub key: PublicKey,
    /// What its owner called it.
    pub comment: String,
}
