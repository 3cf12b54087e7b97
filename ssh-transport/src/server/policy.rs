//! How a server behaves.

use std::path::PathBuf;
use std::time::Duration;

use ssh_proto::server;

use crate::identity::Identity;

/// How a server behaves: all of it data.
#[derive(Debug)]
#[non_exhaustive]
pub struct Policy {
    /// The protocol's configuration: algorithms, limits, methods. Its host keys are those of the signers.
    pub config: server::Config,
    /// What signs as the host, one a key type. One that shows a certificate is offered before those that do not.
    pub host_keys: Vec<Identity>,
    /// A file of user keys and certificates that must not be used any more (`RevokedKeys`), read at each login: see
    /// [`revoked_keys`](crate::revoked_keys). While it cannot be read no key lets anybody in.
    pub revoked_keys: Option<PathBuf>,
    /// How many connections may be logging in at once.
    pub max_startups: MaxStartups,
    /// A connection without channels is closed after this time: never.
    pub idle_timeout: Option<Duration>,
    /// How long a shutdown waits for channels to end: 5 seconds.
    pub shutdown_grace: Duration,
}

impl Policy {
    /// Signs with `host_keys`, and offers `algorithms`.
    #[must_use]
    pub fn new(host_keys: Vec<Identity>, algorithms: ssh_proto::Algorithms) -> Self {
        let public = host_keys.iter().map(|identity| identity.public().clone()).collect();
        Self {
            config: server::Config::new(public, algorithms),
            host_keys,
            revoked_keys: None,
            max_startups: MaxStartups::default(),
            idle_timeout: None,
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

/// OpenSSH's `MaxStartups`: from `begin` connections that are logging in, each further one is dropped with a probability
/// that grows from `rate` percent to certainty at `full`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "OpenSSH's three numbers")]
pub struct MaxStartups {
    /// Up to here nobody is dropped: 10.
    pub begin: usize,
    /// The percentage that is dropped from there: 30.
    pub rate: usize,
    /// From here everybody is dropped: 100.
    pub full: usize,
}

impl Default for MaxStartups {
    fn default() -> Self {
        Self { begin: 10, rate: 30, full: 100 }
    }
}

impl MaxStartups {
    /// Whether the next connection is dropped while `running` are logging in. `dice` is a random number.
    pub(super) fn drops(&self, running: usize, dice: u32) -> bool {
        if running < self.begin {
            return false;
        }
        if running >= self.full {
            return true;
        }
        let span = (self.full - self.begin).max(1);
        let chance = self.rate + (100 - self.rate.min(100)) * (running - self.begin) / span;
        (dice as usize % 100) < chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_startups_drops_nobody_first_some_then_and_everybody_in_the_end() {
        let rule = MaxStartups::default();
        let dropped = |running| (0..100).filter(|dice| rule.drops(running, *dice)).count();
        assert_eq!(
            [dropped(0), dropped(9), dropped(10), dropped(55), dropped(100), dropped(500)],
            [0, 0, 30, 65, 100, 100]
        );
    }
}
