use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use ssh_proto::keys::PublicKey;

use super::entry::Entry;
use crate::files::{self, Access, FileError, Place, Warning};

/// The keys of a file.
#[derive(Clone, Debug, Default)]
pub struct AuthorizedKeys {
    entries: Vec<Entry>,
    warnings: Vec<Warning>,
}

impl AuthorizedKeys {
    /// The largest file that is read, in bytes: ten thousand keys.
    pub const MAX_FILE: usize = 8 << 20;

    /// Reads a file. One that does not exist authorizes nobody; a line that cannot be used is a warning.
    ///
    /// # Errors
    /// When the file exists and cannot be read, or others can change it: as `sshd` with `StrictModes`.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let content = files::read(path, Self::MAX_FILE, Access::NotWrite)?;
        Ok(content.map(|content| Self::parse(path, &content)).unwrap_or_default())
    }

    /// The keys of a file that was read already.
    #[must_use]
    pub fn parse(file: &Path, content: &[u8]) -> Self {
        let file: Arc<Path> = file.into();
        let mut keys = Self::default();
        for (number, text) in files::lines(content) {
            let place = Place::new(Arc::clone(&file), number);
            let warn = |problem| Warning::new(place.clone(), problem);
            match text.and_then(|text| Entry::parse(place.clone(), text)) {
                Ok((entry, problems)) => {
                    keys.warnings.extend(problems.into_iter().map(warn));
                    keys.entries.push(entry);
                }
                Err(problem) => keys.warnings.push(warn(problem)),
            }
        }
        keys
    }

    /// The keys, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The lines that do not count, or not fully, and why.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The first line that lets `key` in. `source` is where its owner comes from, `None` when that is not an address (a
    /// Unix socket): no `from` matches it.
    ///
    /// # Errors
    /// Why no line does. For the log: whoever was refused should not learn it.
    pub fn find(&self, key: &PublicKey, source: Option<IpAddr>, now: SystemTime) -> Result<&Entry, Refused> {
        self.first(|entry| !entry.is_authority() && entry.key == *key, source, now)
    }

    /// The first line by which a certificate lets `user` in that `authority` signed for `principals`. That the signature is
    /// right and the certificate valid, the caller has checked.
    ///
    /// # Errors
    /// Why no line does.
    pub fn find_authority<T: AsRef<str>>(
        &self,
        authority: &PublicKey,
        principals: &[T],
        user: &str,
        source: Option<IpAddr>,
        now: SystemTime,
    ) -> Result<&Entry, Refused> {
        let trusted =
            |entry: &Entry| entry.is_authority() && entry.key == *authority && entry.admits_principal(principals, user);
        self.first(trusted, source, now)
    }

    fn first(
        &self,
        wanted: impl Fn(&Entry) -> bool,
        source: Option<IpAddr>,
        now: SystemTime,
    ) -> Result<&Entry, Refused> {
        let mut refused = Refused::NotListed;
        for entry in self.entries.iter().filter(|entry| wanted(entry)) {
            match entry.check(source, now) {
                Ok(()) => return Ok(entry),
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }
}

/// Why a key is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// No line has it.
    NotListed,
    /// It may not come from where it came: `from`.
    Source(Place),
    /// Its time is over: `expiry-time`.
    Expired(Place),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed => f.write_str("the key is not authorized"),
            Self::Source(place) => write!(f, "{place}: the key is not authorized from this address"),
            Self::Expired(place) => write!(f, "{place}: the key has expired"),
        }
    }
}

impl Error for Refused {}
