//! What a call brings with it beside its arguments.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

/// Who calls, until when, and whether anybody still waits. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Context {
    caller: Arc<Caller>,
    deadline: Option<Instant>,
    cancellation: Cancellation,
}

impl Context {
    /// The context of calls of this caller, without a deadline, and never cancelled.
    #[must_use]
    pub fn new(caller: impl Into<Arc<Caller>>) -> Self {
        Self { caller: caller.into(), deadline: None, cancellation: Cancellation::NEVER }
    }

    /// The same with a deadline.
    #[must_use]
    pub fn with_deadline(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The same with a cancellation.
    #[must_use]
    pub fn with_cancellation(self, cancellation: Cancellation) -> Self {
        Self { cancellation, ..self }
    }

    /// Who calls.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Who calls, to be kept.
    pub(crate) fn shared_caller(&self) -> Arc<Caller> {
        self.caller.clone()
    }

    /// When the caller stops waiting. The [`Executor`](super::Executor) stops the call then; a function may look ahead.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the caller still waits. The [`Executor`](super::Executor) drops the future of a cancelled call; what
    /// goes on elsewhere must look here.
    #[must_use]
    pub const fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The user name of the login.
    pub user: String,
    /// The fingerprint of the public key that the caller proved to hold, `SHA256:..`.
    pub key: Option<String>,
    /// The fingerprint of the key of the authority whose certificate the caller showed.
    pub authority: Option<String>,
    /// The principals of that certificate: names that the authority vouches for.
    pub principals: Vec<String>,
    /// Where the connection comes from, when it comes over a network.
    pub source: Option<SocketAddr>,
    /// Variables that the caller's line in authorized_keys sets, and `SSH_ORIGINAL_COMMAND` where that line forces
    /// another command. None is from the caller but the value of the latter.
    pub environment: Vec<(String, String)>,
}

impl Caller {
    /// A caller by user name, of whom nothing else is known.
    #[must_use]
    pub fn new(user: impl Into<String>) -> Self {
        let (authority, principals, environment) = (None, Vec::new(), Vec::new());
        Self { user: user.into(), key: None, authority, principals, source: None, environment }
    }

    /// This process itself.
    #[must_use]
    pub fn local() -> Self {
        Self::new("local")
    }

    /// The same with the fingerprint of a key.
    #[must_use]
    pub fn with_key(self, fingerprint: impl Into<String>) -> Self {
        Self { key: Some(fingerprint.into()), ..self }
    }

    /// The same with a certificate of this authority, by the fingerprint of its key, for these principals.
    #[must_use]
    pub fn with_certificate(self, authority: impl Into<String>, principals: Vec<String>) -> Self {
        Self { authority: Some(authority.into()), principals, ..self }
    }

    /// The same with a variable.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The value of a variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same with an address.
    #[must_use]
    pub fn with_source(self, source: SocketAddr) -> Self {
        Self { source: Some(source), ..self }
    }
}

/// Tells a call that nobody waits for it any more. Clones are cheap, and belong to the same [`Canceller`].
#[derive(Clone, Debug)]
pub struct Cancellation(Option<watch::Receiver<bool>>);

impl Cancellation {
    /// One that never comes.
    pub const NEVER: Self = Self(None);

    /// A cancellation, and the one who brings it about.
    #[must_use]
    pub fn new() -> (Canceller, Self) {
        let (sender, receiver) = watch::channel(false);
        (Canceller(sender), Self(Some(receiver)))
    }

    /// Whether the call was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|receiver| *receiver.borrow() || receiver.has_changed().is_err())
    }

    /// Waits until the call is cancelled.
    pub async fn cancelled(&self) {
        match self.0.clone() {
            // An error says that the canceller was dropped, which cancels too.
            Some(mut receiver) => drop(receiver.wait_for(|cancelled| *cancelled).await),
            None => core::future::pending().await,
        }
    }
}

/// Cancels what holds its [`Cancellation`]s: on request, or when dropped, so that nothing goes on for a channel that is
/// gone.
#[derive(Debug)]
pub struct Canceller(watch::Sender<bool>);

impl Canceller {
    /// Cancels.
    pub fn cancel(self) {
        self.0.send_replace(true);
    }

    /// One more cancellation that this brings about.
    #[must_use]
    pub fn cancellation(&self) -> Cancellation {
        Cancellation(Some(self.0.subscribe()))
    }
}
