//! A login under way: the core's questions, answered.

use std::net::SocketAddr;
use std::sync::Arc;

use ssh_proto::Server as ServerSide;
use ssh_proto::error::{Error, Waiting};
use ssh_proto::keys::{Presence, PublicKey};
use ssh_proto::notice::Notice;
use ssh_proto::server::{self, Step};
use zeroize::Zeroizing;

use super::handler::{Attempt, Credential, Decision, Handler};
use super::identity_of;
use super::permissions::Permissions;
use super::policy::Policy;
use crate::ended::Ended;
use crate::pipe::{Pipe, Woken};
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
    /// What all factors so far permit.
    pub(super) permissions: Permissions,
}

impl Shown {
    /// One more factor. False when it forces another command than an earlier one: both cannot be had.
    fn add(&mut self, key: Option<PublicKey>, permissions: Permissions) -> bool {
        let Ok(permissions) = self.permissions.clone().and(permissions) else {
            tracing::warn!("refused: two factors force two different commands");
            return false;
        };
        self.permissions = permissions;
        self.key = key.or_else(|| self.key.take());
        true
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
                    let decision = self.ask(&user, Credential::Offered(&key), None, deadline).await?;
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
        let attempt = Attempt { user, credential, presence, source: self.source };
        let decision = self.pipe.wait_for(deadline, self.handler.authorize(&attempt)).await;
        decision.ok_or(ended(Error::TimedOut(Waiting::Login)))
    }

    async fn decide(
        &mut self,
        attempt: server::AuthAttempt,
    ) -> Result<Result<ssh_proto::Connection<ServerSide>, Box<server::Ready>>, Ended> {
        let user = attempt.user().to_owned();
        let (mut proven, mut untouched, mut password) = (None, None, None);
        match attempt.method() {
            server::Method::PublicKey(key) => proven = Some(key.clone()),
            server::Method::Untouched(key) => untouched = Some(key.clone()),
            server::Method::Password(bytes) => password = Some(Zeroizing::new(bytes.to_vec())),
            _ => {}
        }
        let credential = match (&proven, &untouched, &password) {
            (Some(key), _, _) => Credential::Proven(key),
            (None, Some(key), _) => Credential::Untouched(key),
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
