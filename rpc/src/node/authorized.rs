//! Who may log in to a node.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ssh_proto::keys::{Certificate, PublicKey};
use ssh_transport::authorized_keys::AuthorizedKeys;
use ssh_transport::server::{Attempt, Credential, Permissions};

/// Keys and authorities that were named, and a file that is read at each login.
#[derive(Debug, Default)]
pub(super) struct Authorized {
    pub(super) keys: Vec<PublicKey>,
    pub(super) authorities: Vec<PublicKey>,
    pub(super) file: Option<PathBuf>,
}

impl Authorized {
    /// What a login by `key` is worth, if a signature by it lets in. The log says why not.
    pub(super) fn admits(&self, key: &PublicKey, attempt: &Attempt<'_>) -> Option<Permissions> {
        let (user, fingerprint) = (attempt.user, key.fingerprint());
        if self.keys.contains(key) && !matches!(attempt.credential, Credential::Untouched(_)) {
            return Some(Permissions::all());
        }
        let (file, keys) = self.load(user, key)?;
        match keys.find(key, attempt.source.map(|source| source.ip()), now()) {
            Ok(entry) if entry.admits_presence(attempt.presence) => Some(entry.into()),
            Ok(entry) => {
                let place = &entry.place;
                tracing::warn!(user, key = %fingerprint, "refused: {place}: a security key was not touched or not unlocked");
                None
            }
            Err(refused) => {
                tracing::warn!(user, key = %fingerprint, file = %file.display(), "refused: {refused}");
                None
            }
        }
    }

    /// What a login by `certificate` is worth, if a signature by its key lets in. The log says why not.
    pub(super) fn admits_certificate(&self, certificate: &Certificate, attempt: &Attempt<'_>) -> Option<Permissions> {
        let (user, fingerprint) = (attempt.user, certificate.key().fingerprint());
        if let Some(authority) = self.authorities.iter().find(|authority| *authority == certificate.authority()) {
            let verified = attempt.verify(certificate, authority, &[user]);
            return verified.inspect_err(|refused| tracing::warn!(user, key = %fingerprint, "refused: {refused}")).ok();
        }
        let (file, keys) = self.load(user, certificate.key())?;
        let source = attempt.source.map(|source| source.ip());
        match keys.find_certificate(certificate, user, source, attempt.authorities, attempt.presence, now()) {
            Ok((_entry, permissions)) => Some(permissions),
            Err(refused) => {
                let authority = certificate.authority().fingerprint();
                tracing::warn!(user, key = %fingerprint, %authority, file = %file.display(), "refused: {refused}");
                None
            }
        }
    }

    /// The file, and what it says now.
    fn load(&self, user: &str, key: &PublicKey) -> Option<(&Path, AuthorizedKeys)> {
        let fingerprint = key.fingerprint();
        let Some(file) = self.file.as_ref().filter(|file| file.exists()) else {
            tracing::warn!(user, key = %fingerprint, "refused: no key is authorized");
            return None;
        };
        match AuthorizedKeys::load(file) {
            Ok(keys) => {
                for warning in keys.warnings() {
                    tracing::warn!("{warning}");
                }
                Some((file, keys))
            }
            Err(error) => {
                tracing::error!(user, key = %fingerprint, "refused: {error}");
                None
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "expiry-time and certificates are about the time of day")]
fn now() -> SystemTime {
    SystemTime::now()
}
