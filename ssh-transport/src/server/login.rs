//! A login under way: the core's questions, answered.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use ssh_proto::Server as ServerSide;
use ssh_proto::error::{Error, Waiting};
use ssh_proto::keys::{Certificate, Presence, PublicKey};
use ssh_proto::notice::Notice;
use ssh_proto::server::{self, MethodName, Step};
use ssh_proto::time::Instant;

use super::conversation::Conversation;
use super::handler::{Attempt, Credential, Decision, Handler};
use super::identity_of;
use super::permissions::Permissions;
use super::policy::Policy;
use crate::ended::Ended;
use crate::pipe::{Pipe, Woken};
use crate::revoked_keys;
use crate::rng::os_rng;

/// A login under way.
pub(super) struct Login<'a, H> {
    pub(super) pipe: Pipe,
    pub(super) policy: &'a Policy,
    pub(super) handler: &'a H,
    pub(super) source: Option<SocketAddr>,
    pub(super) shown: Shown,
}

/// What a user has shown so far.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The last key that signed.
    pub(super) key: Option<PublicKey>,
    /// The certificate that was shown with it.
    pub(super) certificate: Option<Certificate>,
    /// What all factors so far permit.
    pub(super) permissions: Permissions,
}

impl Shown {
    /// One more factor. False when it forces another command than an earlier one: both cannot be had.
    fn add(&mut self, proven: Option<Proven>, permissions: Permissions) -> bool {
        let Ok(permissions) = self.permissions.clone().and(permissions) else {
            tracing::warn!("refused: two factors force two different commands");
            return false;
        };
        self.permissions = permissions;
        if let Some(proven) = proven {
            (self.key, self.certificate) = match proven {
                Proven::Key(key) => (Some(key), None),
                Proven::Certificate(certificate) => (Some(certificate.key().clone()), Some(certificate)),
            };
        }
        true
    }
}

/// What signed.
enum Proven {
    Key(PublicKey),
    Certificate(Certificate),
}

impl Proven {
    /// What the core has read already.
    fn of(public: &PublicKey) -> Self {
        let certificate = Certificate::from_public(public).ok().flatten();
        certificate.map_or_else(|| Self::Key(public.clone()), Self::Certificate)
    }
}

impl<H: Handler> Login<'_, H> {
    pub(super) async fn run(&mut self) -> Result<ssh_proto::Connection<ServerSide>, Ended> {
        let rng = os_rng().map_err(|error| Ended::Lost(Arc::new(error)))?;
        let now = self.pipe.clock.now();
        let config = Arc::new(self.policy.config.clone());
        let mut step =
            Step::Ready(server::start(&config, Box::new(rng), now, &mut self.pipe.output.fresh).map_err(ended)?);
        loop {
            step = match step {
                Step::Offer(offer) => {
                    let (user, key, deadline) = (offer.user().to_owned(), offer.key().clone(), offer.poll_timeout());
                    let certificate = offer.certificate().cloned();
                    let credential =
                        certificate.as_ref().map_or(Credential::Offered(&key), Credential::OfferedCertificate);
                    let decision = self.ask(&user, credential, None, deadline).await?;
                    let now = self.pipe.clock.now();
                    Step::Ready(match decision {
                        Decision::Refuse => offer.reject(now, &mut self.pipe.output.fresh).map_err(ended)?,
                        _ => offer.would_accept(now, &mut self.pipe.output.fresh).map_err(ended)?,
                    })
                }
                Step::Attempt(attempt) => self.decide(attempt).await?,
                Step::Exchange(exchange) => self.converse(exchange).await?,
                Step::Open(connection) => return Ok(*connection),
                step => self.advance(step).await?,
            };
        }
    }

    /// What the protocol needs of nobody's opinion: bytes, time, and the host key's signature.
    async fn advance(&mut self, step: Step) -> Result<Step, Ended> {
        match step {
            Step::Ready(mut ready) => {
                while let Some(notice) = ready.poll_notice() {
                    self.log(&notice);
                }
                let now = self.pipe.clock.now();
                match ready.process(now, &mut self.pipe.input, &mut self.pipe.output.fresh).map_err(ended)? {
                    Step::Ready(ready) => Ok(Step::Ready(self.wait(ready).await?)),
                    step => Ok(step),
                }
            }
            Step::Sign(sign) => {
                let identity = identity_of(self.policy, sign.key());
                let (algorithm, data) = (sign.algorithm(), sign.to_sign().to_vec());
                let signing = async { identity?.sign(algorithm, &data).await.ok() };
                match self.pipe.wait_for(sign.poll_timeout(), signing).await {
                    None => Err(ended(Error::TimedOut(Waiting::Login))),
                    Some(None) => Err(ended(sign.fail(&mut self.pipe.output.fresh))),
                    Some(Some(signature)) => {
                        Ok(Step::Ready(sign.complete(&signature, &mut self.pipe.output.fresh).map_err(ended)?))
                    }
                }
            }
            _ => Err(ended(Error::SigningFailed)),
        }
    }

    async fn ask(
        &mut self,
        user: &str,
        credential: Credential<'_>,
        presence: Option<Presence>,
        deadline: Option<Instant>,
    ) -> Result<Decision, Ended> {
        if !self.may_count(credential) {
            return Ok(Decision::Refuse);
        }
        let authorities = &self.policy.config.algorithms.authorities;
        let attempt = Attempt { user, credential, presence, source: self.source, authorities };
        let decision = self.pipe.wait_for(deadline, self.handler.authorize(&attempt)).await;
        decision.ok_or(ended(Error::TimedOut(Waiting::Login)))
    }

    /// Whether the file of revoked keys, where there is one, says nothing against the key: no handler is asked about one
    /// that is revoked.
    fn may_count(&self, credential: Credential<'_>) -> bool {
        let Some(path) = &self.policy.revoked_keys else { return true };
        let checked = match credential {
            Credential::Offered(key) | Credential::Proven(key) | Credential::Untouched(key) => {
                revoked_keys::check(path, key, None)
            }
            Credential::OfferedCertificate(certificate)
            | Credential::ProvenCertificate(certificate)
            | Credential::UntouchedCertificate(certificate) => {
                revoked_keys::check(path, certificate.key(), Some(certificate))
            }
            Credential::None
            | Credential::Password(_)
            | Credential::PasswordChange { .. }
            | Credential::KeyboardInteractive => return true,
        };
        match checked {
            Ok(()) => return true,
            Err(revoked_keys::Refused::Revoked(why)) => tracing::warn!("refused: {why}"),
            Err(revoked_keys::Refused::Unknown(error)) => tracing::error!("refused: {error}"),
        }
        false
    }

    async fn decide(&mut self, attempt: server::AuthAttempt) -> Result<Step, Ended> {
        let (user, deadline) = (attempt.user().to_owned(), attempt.poll_timeout());
        let untouched = match attempt.method() {
            server::Method::Untouched(key) => Some(Proven::of(key)),
            _ => None,
        };
        let credential = match attempt.method() {
            server::Method::None => Some(Credential::None),
            server::Method::PublicKey(key) => Some(Credential::Proven(key)),
            server::Method::Certificate(certificate) => Some(Credential::ProvenCertificate(certificate)),
            server::Method::Untouched(_) => untouched.as_ref().map(|shown| match shown {
                Proven::Key(key) => Credential::Untouched(key),
                Proven::Certificate(certificate) => Credential::UntouchedCertificate(certificate),
            }),
            server::Method::Password(password) => Some(Credential::Password(password)),
            server::Method::PasswordChange { old, new } => Some(Credential::PasswordChange { old, new }),
            _ => None,
        };
        let decision = match credential {
            Some(credential) => self.ask(&user, credential, attempt.presence(), deadline).await?,
            None => Decision::Refuse,
        };
        self.settle(Judged::Attempt(attempt), decision)
    }

    /// Lets the handler ask until it knows.
    async fn converse(&mut self, mut exchange: server::Exchange) -> Result<Step, Ended> {
        let user = exchange.user().to_owned();
        let attempt = Attempt {
            user: &user,
            credential: Credential::KeyboardInteractive,
            presence: None,
            source: self.source,
            authorities: &self.policy.config.algorithms.authorities,
        };
        let (mut conversation, mut asked) = Conversation::new(exchange.submethods());
        let handler = self.handler;
        let mut decision = pin!(handler.converse(&attempt, &mut conversation));
        loop {
            let wish = async {
                tokio::select! {
                    biased;
                    Some(ask) = asked.recv() => Err(ask),
                    decision = &mut decision => Ok(decision),
                }
            };
            let ask = match self.pipe.wait_for(exchange.poll_timeout(), wish).await {
                None => return Err(ended(Error::TimedOut(Waiting::Login))),
                Some(Ok(decision)) => return self.settle(Judged::Exchange(exchange), decision),
                Some(Err(ask)) => ask,
            };
            let now = self.pipe.clock.now();
            let mut step = Step::Ready(exchange.ask(&ask.questions, now, &mut self.pipe.output.fresh).map_err(ended)?);
            exchange = loop {
                step = match step {
                    Step::Ready(_) | Step::Sign(_) => self.advance(step).await?,
                    Step::Exchange(answered) if answered.answers().is_some() => break answered,
                    // The client tries something else, and nobody waits for the handler's decision.
                    step => return Ok(step),
                };
            };
            // The handler may not wait for them.
            let _ = ask.answers.send(exchange.answers().unwrap_or_default().to_vec());
        }
    }

    /// What becomes of what somebody has shown.
    fn settle(&mut self, judged: Judged, decision: Decision) -> Result<Step, Ended> {
        if judged.passed().is_empty() {
            // A first factor, or another user's: what somebody else showed is nothing to this one (RFC 4252 §5).
            self.shown = Shown::default();
        }
        let now = self.pipe.clock.now();
        let out = &mut self.pipe.output.fresh;
        let (permissions, remaining) = match decision {
            Decision::Accept => (Permissions::all(), None),
            Decision::AcceptWith(permissions) => (*permissions, None),
            Decision::Partial(remaining) => (Permissions::all(), Some(remaining)),
            Decision::PartialWith(remaining, permissions) => (*permissions, Some(remaining)),
            Decision::NewPassword(prompt) => {
                return judged.ask_for_new_password(&prompt, now, out).map(Step::Ready).map_err(ended);
            }
            Decision::Refuse => return judged.reject(now, out).map(Step::Ready).map_err(ended),
        };
        if !self.shown.add(judged.proven(), permissions) {
            return judged.reject(now, out).map(Step::Ready).map_err(ended);
        }
        match remaining {
            None => judged.accept(now, out),
            Some(remaining) => judged.partial(remaining, now, out).map(Step::Ready),
        }
        .map_err(ended)
    }

    /// Writes, and waits for bytes or a deadline.
    async fn wait(&mut self, ready: server::Ready) -> Result<server::Ready, Ended> {
        let deadline = ready.poll_timeout();
        match self.pipe.wait(deadline).await? {
            Woken::Input => Ok(ready),
            Woken::Deadline => ready.handle_timeout(self.pipe.clock.now(), &mut self.pipe.output.fresh).map_err(ended),
        }
    }

    fn log(&self, notice: &Notice) {
        let source = self.source.map(tracing::field::display);
        match notice {
            Notice::PeerIdentified(peer) => tracing::debug!(source, %peer, "the client identified itself"),
            Notice::LoginRefused { user, method, tries } => {
                tracing::warn!(source, user, method, tries, "login refused");
            }
            notice => tracing::debug!(source, ?notice),
        }
    }
}

/// What is decided about.
enum Judged {
    Attempt(server::AuthAttempt),
    Exchange(server::Exchange),
}

impl Judged {
    fn passed(&self) -> &[MethodName] {
        match self {
            Self::Attempt(attempt) => attempt.passed(),
            Self::Exchange(exchange) => exchange.passed(),
        }
    }

    fn proven(&self) -> Option<Proven> {
        match self {
            Self::Attempt(attempt) => match attempt.method() {
                server::Method::PublicKey(key) => Some(Proven::Key(key.clone())),
                server::Method::Certificate(certificate) => Some(Proven::Certificate(certificate.clone())),
                server::Method::Untouched(key) => Some(Proven::of(key)),
                _ => None,
            },
            Self::Exchange(_) => None,
        }
    }

    fn accept(self, now: Instant, out: &mut Vec<u8>) -> Result<Step, Error> {
        match self {
            Self::Attempt(attempt) => attempt.accept(now, out),
            Self::Exchange(exchange) => exchange.accept(now, out),
        }
    }

    fn partial(self, remaining: Vec<MethodName>, now: Instant, out: &mut Vec<u8>) -> Result<server::Ready, Error> {
        match self {
            Self::Attempt(attempt) => attempt.partial(remaining, now, out),
            Self::Exchange(exchange) => exchange.partial(remaining, now, out),
        }
    }

    fn ask_for_new_password(self, prompt: &str, now: Instant, out: &mut Vec<u8>) -> Result<server::Ready, Error> {
        match self {
            Self::Attempt(attempt)
                if matches!(attempt.method(), server::Method::Password(_) | server::Method::PasswordChange { .. }) =>
            {
                attempt.ask_for_new_password(prompt, now, out)
            }
            judged => judged.reject(now, out),
        }
    }

    fn reject(self, now: Instant, out: &mut Vec<u8>) -> Result<server::Ready, Error> {
        match self {
            Self::Attempt(attempt) => attempt.reject(now, out),
            Self::Exchange(exchange) => exchange.reject(now, out),
        }
    }
}

const fn ended(error: Error) -> Ended {
    Ended::Protocol(error)
}
