use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use ssh_proto::crypto::SignatureMethod;
use ssh_proto::keys::{Certificate, CertificateError, CertificateUse, Holder, Presence, PublicKey};

use super::entry::Entry;
use crate::files::{self, Access, FileError, Place, Warning};
use crate::server::Permissions;

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

    /// What a login by `certificate` as `user` is worth, by the first line with its authority (`cert-authority`) that is for
    /// one of its principals: what both the certificate and the line permit. The authority may sign by one of `algorithms`;
    /// what a security key said with its signature must be enough for both.
    ///
    /// # Errors
    /// Why no line lets it in. For the log: whoever was refused should not learn it.
    pub fn find_certificate(
        &self,
        certificate: &Certificate,
        user: &str,
        source: Option<IpAddr>,
        algorithms: &[SignatureMethod],
        presence: Option<Presence>,
        now: SystemTime,
    ) -> Result<(&Entry, Permissions), Refused> {
        let entry = self.find_authority(certificate.authority(), certificate.principals(), user, source, now)?;
        let principals = entry.principals_for(user);
        let wanted = CertificateUse {
            authority: &entry.key,
            algorithms,
            holder: Holder::User { principals: &principals, source },
            now: now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        };
        let wrong = |error| Refused::Certificate(entry.place.clone(), error);
        let grant = certificate.verify(&wanted).map_err(wrong)?;
        if !grant.admits_presence(presence) || !entry.admits_presence(presence) {
            return Err(wrong(CertificateError::Presence));
        }
        let permissions = Permissions::from(&grant).and(entry.permissions().clone());
        permissions.map(|permissions| (entry, permissions)).map_err(|_conflict| Refused::Command(entry.place.clone()))
    }

    /// The first line with this authority that is for one of these principals. Nothing says that it signed for them.
    pub(super) fn find_authority<T: AsRef<str>>(
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
    /// The line trusts the authority, and the certificate is wrong.
    Certificate(Place, CertificateError),
    /// The line and the certificate force two different commands.
    Command(Place),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed => f.write_str("the key is not authorized"),
            Self::Source(place) => write!(f, "{place}: the key is not authorized from this address"),
            Self::Expired(place) => write!(f, "{place}: the key has expired"),
            Self::Certificate(place, error) => write!(f, "{place}: {error}"),
            Self::Command(place) => write!(f, "{place}: the certificate forces another command than the line"),
        }
    }
}

impl Error for Refused {}
