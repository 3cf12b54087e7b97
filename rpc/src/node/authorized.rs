//! Who may log in to a node.

use std::path::PathBuf;

use ssh_proto::keys::PublicKey;
use ssh_transport::authorized_keys::AuthorizedKeys;
use ssh_transport::server::{Attempt, Credential, Permissions};

/// Keys that were named, and a file that is read at each login.
#[derive(Debug, Default)]
pub(super) struct Authorized {
    pub(super) keys: Vec<PublicKey>,
    pub(super) file: Option<PathBuf>,
}

impl Authorized {
    /// What a login by `key` is worth, if a signature by it lets in. The log says why not.
    pub(super) fn admits(&self, key: &PublicKey, attempt: &Attempt<'_>) -> Option<Permissions> {
        let (user, fingerprint) = (attempt.user, key.fingerprint());
        if self.keys.contains(key) && !matches!(attempt.credential, Credential::Untouched(_)) {
            return Some(Permissions::all());
        }
        let Some(file) = self.file.as_ref().filter(|file| file.exists()) else {
            tracing::warn!(user, key = %fingerprint, "refused: no key is authorized");
            return None;
        };
        let keys = match AuthorizedKeys::load(file) {
            Ok(keys) => keys,
            Err(error) => {
                tracing::error!(user, key = %fingerprint, "refused: {error}");
                return None;
            }
        };
        for warning in keys.warnings() {
            tracing::warn!("{warning}");
        }
        #[expect(clippy::disallowed_methods, reason = "expiry-time is about the time of day")]
        let now = std::time::SystemTime::now();
        match keys.find(key, attempt.source.map(|source| source.ip()), now) {
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
}
