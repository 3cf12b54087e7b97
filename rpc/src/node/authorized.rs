//! Who may log in to a node.

use std::path::PathBuf;

use ssh_proto::keys::PublicKey;
use ssh_transport::authorized_keys::AuthorizedKeys;
use ssh_transport::server::Attempt;

/// Keys that were named, and a file that is read at each login.
#[derive(Debug, Default)]
pub(super) struct Authorized {
    pub(super) keys: Vec<PublicKey>,
    pub(super) file: Option<PathBuf>,
}

impl Authorized {
    /// Whether a signature by `key` lets in. The log says why not.
    pub(super) fn admits(&self, key: &PublicKey, attempt: &Attempt<'_>) -> bool {
        let (user, fingerprint) = (attempt.user, key.fingerprint());
        if self.keys.contains(key) {
            return true;
        }
        let Some(file) = self.file.as_ref().filter(|file| file.exists()) else {
            tracing::warn!(user, key = %fingerprint, "refused: no key is authorized");
            return false;
        };
        let keys = match AuthorizedKeys::load(file) {
            Ok(keys) => keys,
            Err(error) => {
                tracing::error!(user, key = %fingerprint, "refused: {error}");
                return false;
            }
        };
        for warning in keys.warnings() {
            tracing::warn!("{warning}");
        }
        #[expect(clippy::disallowed_methods, reason = "expiry-time is about the time of day")]
        let now = std::time::SystemTime::now();
        match keys.find(key, attempt.source.map(|source| source.ip()), now) {
            Ok(_entry) => true,
            Err(refused) => {
                tracing::warn!(user, key = %fingerprint, file = %file.display(), "refused: {refused}");
                false
            }
        }
    }
}
