//! A login under way: the core's questions, answered.

use std::sync::Arc;

use ssh_proto::Client as ClientSide;
use ssh_proto::client::{self, Step};
use ssh_proto::error::Error;
use ssh_proto::keys::{Certificate, PublicKey};

use super::error::ConnectError;
use super::log;
use super::policy::{HostKeys, NewHosts, Policy};
use super::tries::Progress;
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
    pub(super) tried: Vec<String>,
    pub(super) failed: Vec<IdentityError>,
    pub(super) progress: Progress,
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
                        log(&notice, self.policy.prompter.as_deref());
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
                Step::Prompt(prompt) => self.answer(prompt).await?,
                Step::NewPassword(change) => self.change_password(change).await?,
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
        let mut keys = [Some(key), certificate.map(Certificate::authority)].into_iter().flatten();
        if let Some(key) = keys.find(|key| self.policy.is_too_small(key)) {
            let required = self.policy.required_rsa_bits;
            return Err(ConnectError::KeyTooSmall { host, key: key.clone(), required });
        }
        if let Some(path) = &self.policy.revoked_host_keys {
            revoked_keys::check(path, key, certificate).map_err(|refused| match refused {
                Refused::Revoked(_why) => ConnectError::HostKeyRevoked { host: host.clone(), key: key.clone() },
                Refused::Unknown(error) => ConnectError::RevokedHostKeys(error),
            })?;
        }
        let (known, new) = match &self.policy.host_keys {
            HostKeys::Pinned(pinned) if pinned == key => return Ok(()),
            HostKeys::Pinned(_) => return Err(ConnectError::NotThePinnedKey { host, key: key.clone() }),
            HostKeys::Known { known, new } => (known, new),
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
            Verdict::Unknown => match new {
                NewHosts::Refuse => Err(ConnectError::UnknownHost { host, key: key.clone() }),
                NewHosts::Accept => Ok(()),
                // As for `ssh`, a home that cannot be written to is no reason not to connect: the host stays unknown.
                NewHosts::Remember(path) => {
                    if let Err(error) = known_hosts::append(path, self.host, self.port, key, self.policy.hash_names) {
                        tracing::warn!(path = %path.display(), %error, "the host key cannot be written down");
                    }
                    Ok(())
                }
            },
        }
    }
}

pub(super) const fn ended(error: Error) -> ConnectError {
    ConnectError::Ended(Ended::Protocol(error))
}
