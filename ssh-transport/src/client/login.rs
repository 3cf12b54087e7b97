//! A login under way: the core's questions, answered.

use std::sync::Arc;

use ssh_proto::Client as ClientSide;
use ssh_proto::client::{self, Step};
use ssh_proto::error::{Error, Waiting};
use ssh_proto::keys::{Certificate, PublicKey};

use super::error::ConnectError;
use super::log;
use super::policy::{HostKeys, Policy};
use crate::clock;
use crate::ended::Ended;
use crate::identity::IdentityError;
use crate::known_hosts::{self, Verdict};
use crate::pipe::{Pipe, Woken};
use crate::revoked_keys::{self, Refused};
use crate::rng::os_rng;

/// A login under way.
pub(super) struct Login<'a> {
    pub(super) pipe: Pipe,
    pub(super) policy: &'a Policy,
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// The identity that is tried next.
    pub(super) next: usize,
    pub(super) tried: Vec<String>,
    pub(super) failed: Vec<IdentityError>,
    pub(super) password_tried: bool,
    /// The host key that was right, where it was no certificate's.
    pub(super) recognised: Option<PublicKey>,
}

impl Login<'_> {
    pub(super) async fn run(
        &mut self,
        config: client::Config,
    ) -> Result<ssh_proto::Connection<ClientSide>, ConnectError> {
        let rng = os_rng().map_err(ConnectError::Randomness)?;
        let now = self.pipe.clock.now();
        let ready = client::start(&Arc::new(config), Box::new(rng), now, &mut self.pipe.output.fresh).map_err(ended)?;
        let mut step = Step::Ready(ready);
        loop {
            step = match step {
                Step::Ready(mut ready) => {
                    while let Some(notice) = ready.poll_notice() {
                        log(&notice);
                    }
                    match ready
                        .process(self.pipe.clock.now(), &mut self.pipe.input, &mut self.pipe.output.fresh)
                        .map_err(ended)?
                    {
                        Step::Ready(ready) => Step::Ready(self.wait(ready).await?),
                        step => step,
                    }
                }
                Step::HostKey(verify) => {
                    let certificate = verify.certificate();
                    let key = certificate.map_or_else(|| verify.key(), Certificate::key);
                    if let Err(error) = self.check_host_key(key, certificate) {
                        let _ = verify.reject(&mut self.pipe.output.fresh);
                        return Err(error);
                    }
                    self.recognised = verify.certificate().is_none().then(|| verify.key().clone());
                    verify.accept(self.pipe.clock.now(), &mut self.pipe.output.fresh).map_err(ended)?
                }
                Step::Login(login) => self.attempt(login).await?,
                Step::Sign(sign) => self.sign(sign).await?,
                Step::Open(connection) => return Ok(connection),
                _ => return Err(ended(Error::SigningFailed)),
            };
        }
    }

    /// Writes, and waits for bytes or a deadline.
    async fn wait(&mut self, ready: client::Ready) -> Result<client::Ready, ConnectError> {
        let deadline = ready.poll_timeout();
        match self.pipe.wait(deadline).await? {
            Woken::Input => Ok(ready),
            Woken::Deadline => ready.handle_timeout(self.pipe.clock.now(), &mut self.pipe.output.fresh).map_err(ended),
        }
    }

    /// `certificate` is what the server showed where that was one, `key` is its key in either case.
    fn check_host_key(&self, key: &PublicKey, certificate: Option<&Certificate>) -> Result<(), ConnectError> {
        let host = known_hosts::host_name(self.host, self.port);
        if let Some(path) = &self.policy.revoked_host_keys {
            revoked_keys::check(path, key, certificate).map_err(|refused| match refused {
                Refused::Revoked(_why) => ConnectError::HostKeyRevoked { host: host.clone(), key: key.clone() },
                Refused::Unknown(error) => ConnectError::RevokedHostKeys(error),
            })?;
        }
        let (known, accept_new) = match &self.policy.host_keys {
            HostKeys::Pinned(pinned) if pinned == key => return Ok(()),
            HostKeys::Pinned(_) => return Err(ConnectError::NotThePinnedKey { host, key: key.clone() }),
            HostKeys::Known { known, accept_new } => (known, accept_new),
        };
        let verdict = match certificate {
            None => known.check(self.host, self.port, key),
            Some(certificate) => {
                let algorithms = &self.policy.config.algorithms.authorities;
                known.check_certificate(self.host, self.port, certificate, algorithms, clock::time_of_day())
            }
        };
        match verdict {
            Verdict::Known(_) => Ok(()),
            Verdict::Revoked(_) => Err(ConnectError::HostKeyRevoked { host, key: key.clone() }),
            Verdict::Changed(known) => Err(ConnectError::HostKeyChanged { host, key: key.clone(), known }),
            Verdict::Unknown => match accept_new {
                None => Err(ConnectError::UnknownHost { host, key: key.clone() }),
                Some(path) => known_hosts::append(path, self.host, self.port, key, self.policy.hash_names)
                    .map_err(|error| ConnectError::KnownHosts(path.clone(), error)),
            },
        }
    }

    /// The next thing to try: `none` first, because it tells what may be tried at all, then each identity, then the
    /// password.
    async fn attempt(&mut self, login: client::Login) -> Result<Step, ConnectError> {
        let now = self.pipe.clock.now();
        let takes = |name: &str| {
            login.refused().is_none_or(|refused| refused.can_continue.iter().any(|method| method.as_str() == name))
        };
        while takes("publickey")
            && let Some(identity) = self.policy.identities.get(self.next)
        {
            self.next += 1;
            let key = identity.public();
            let Some(algorithm) = login.choose_algorithm(&identity.algorithms()) else { continue };
            let certificate = if identity.certificate().is_some() { " (certificate)" } else { "" };
            self.tried.push(format!("{}{certificate}", identity.key().fingerprint()));
            return Ok(Step::Ready(login.query(algorithm, key, now, &mut self.pipe.output.fresh).map_err(ended)?));
        }
        if takes("password")
            && let Some(password) = self.policy.password.as_ref().filter(|_| !self.password_tried)
        {
            self.password_tried = true;
            return Ok(Step::Ready(login.password(password, now, &mut self.pipe.output.fresh).map_err(ended)?));
        }
        if login.refused().is_none() && self.tried.is_empty() {
            return Ok(Step::Ready(login.none(now, &mut self.pipe.output.fresh).map_err(ended)?));
        }
        let methods = login.refused().map_or(&[][..], |refused| &refused.can_continue);
        let denied = ConnectError::Denied {
            user: login.user().to_owned(),
            methods: methods.iter().map(ToString::to_string).collect(),
            tried: std::mem::take(&mut self.tried),
            failed: std::mem::take(&mut self.failed),
        };
        login.disconnect("no more authentication methods", &mut self.pipe.output.fresh);
        Err(denied)
    }

    async fn sign(&mut self, sign: client::SignAuth) -> Result<Step, ConnectError> {
        let identity = self.policy.identities.iter().find(|identity| identity.public() == sign.key());
        let deadline = sign.poll_timeout();
        let Some(identity) = identity else { return Ok(Step::Login(sign.abandon())) };
        let (algorithm, data) = (sign.algorithm().to_owned(), sign.to_sign().to_vec());
        match self.pipe.wait_for(deadline, identity.sign(&algorithm, &data)).await {
            None => Err(ended(Error::TimedOut(Waiting::Login))),
            Some(Ok(signature)) => {
                let now = self.pipe.clock.now();
                Ok(Step::Ready(sign.complete(&signature, now, &mut self.pipe.output.fresh).map_err(ended)?))
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "an identity cannot sign");
                self.failed.push(error);
                Ok(Step::Login(sign.abandon()))
            }
        }
    }
}

const fn ended(error: Error) -> ConnectError {
    ConnectError::Ended(Ended::Protocol(error))
}
