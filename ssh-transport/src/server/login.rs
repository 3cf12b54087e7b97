//! A login under way: the core's questions, answered.

use std::net::SocketAddr;
use std::sync::Arc;

use ssh_proto::Server as ServerSide;
use ssh_proto::error::{Error, Waiting};
use ssh_proto::keys::{Certificate, Presence, PublicKey};
use ssh_proto::notice::Notice;
use ssh_proto::server::{self, Step};
use zeroize::Zeroizing;

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
                Step::Ready(mut ready) => {
                    while let Some(notice) = ready.poll_notice() {
                        self.log(&notice);
                    }
                    let now = self.pipe.clock.now();
                    match ready.process(now, &mut self.pipe.input, &mut self.pipe.output.fresh).map_err(ended)? {
                        Step::Ready(ready) => Step::Ready(self.wait(ready).await?),
                        step => step,
                    }
                }
                Step::Sign(sign) => {
                    let identity = identity_of(self.policy, sign.key());
                    let (algorithm, data) = (sign.algorithm(), sign.to_sign().to_vec());
                    let signing = async { identity?.sign(algorithm, &data).await.ok() };
                    match self.pipe.wait_for(sign.poll_timeout(), signing).await {
                        None => return Err(ended(Error::TimedOut(Waiting::Login))),
                        Some(None) => return Err(ended(sign.fail(&mut self.pipe.output.fresh))),
                        Some(Some(signature)) => {
                            Step::Ready(sign.complete(&signature, &mut self.pipe.output.fresh).map_err(ended)?)
                        }
                    }
                }
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
                Step::Attempt(attempt) => match self.decide(attempt).await? {
                    Ok(connection) => return Ok(connection),
                    Err(ready) => Step::Ready(*ready),
                },
                _ => return Err(ended(Error::SigningFailed)),
            };
        }
    }

    async fn ask(
        &mut self,
        user: &str,
        credential: Credential<'_>,
        presence: Option<Presence>,
        deadline: Option<ssh_proto::time::Instant>,
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
            Credential::None | Credential::Password(_) => return true,
        };
        match checked {
            Ok(()) => return true,
            Err(revoked_keys::Refused::Revoked(why)) => tracing::warn!("refused: {why}"),
            Err(revoked_keys::Refused::Unknown(error)) => tracing::error!("refused: {error}"),
        }
        false
    }

    async fn decide(
        &mut self,
        attempt: server::AuthAttempt,
    ) -> Result<Result<ssh_proto::Connection<ServerSide>, Box<server::Ready>>, Ended> {
        let user = attempt.user().to_owned();
        let (mut proven, mut untouched, mut password) = (None, None, None);
        match attempt.method() {
            server::Method::PublicKey(key) => proven = Some(Proven::Key(key.clone())),
            server::Method::Certificate(certificate) => proven = Some(Proven::Certificate(certificate.clone())),
            server::Method::Untouched(key) => untouched = Some(Proven::of(key)),
            server::Method::Password(bytes) => password = Some(Zeroizing::new(bytes.to_vec())),
            _ => {}
        }
        let credential = match (&proven, &untouched, &password) {
            (Some(Proven::Key(key)), _, _) => Credential::Proven(key),
            (Some(Proven::Certificate(certificate)), _, _) => Credential::ProvenCertificate(certificate),
            (None, Some(Proven::Key(key)), _) => Credential::Untouched(key),
            (None, Some(Proven::Certificate(certificate)), _) => Credential::UntouchedCertificate(certificate),
            (None, None, Some(password)) => Credential::Password(password),
            (None, None, None) => Credential::None,
        };
        let decision = self.ask(&user, credential, attempt.presence(), attempt.poll_timeout()).await?;
        if attempt.passed().is_empty() {
            // A first factor, or another user's: what somebody else showed is nothing to this one (RFC 4252 §5).
            self.shown = Shown::default();
        }
        let proven = proven.or(untouched);
        let now = self.pipe.clock.now();
        let out = &mut self.pipe.output.fresh;
        let (permissions, remaining) = match decision {
            Decision::Accept => (Permissions::all(), None),
            Decision::AcceptWith(permissions) => (*permissions, None),
            Decision::Partial(remaining) => (Permissions::all(), Some(remaining)),
            Decision::Refuse => return Ok(Err(Box::new(attempt.reject(now, out).map_err(ended)?))),
        };
        if !self.shown.add(proven, permissions) {
            return Ok(Err(Box::new(attempt.reject(now, out).map_err(ended)?)));
        }
        Ok(match remaining {
            None => Ok(attempt.accept(now, out).map_err(ended)?),
            Some(remaining) => Err(Box::new(attempt.partial(remaining, now, out).map_err(ended)?)),
        })
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

const fn ended(error: Error) -> Ended {
    Ended::Protocol(error)
}
