//! Keys that must not be used any more: OpenSSH's `RevokedKeys` and `RevokedHostKeys`.
//!
//! Such a file is a key revocation list, as `ssh-keygen -k` makes it, or a text with a public key a line. Whoever names
//! one and cannot read it trusts nobody: what it says may be that the key at hand is stolen.

use std::io;
use std::path::Path;

use ssh_proto::keys::{Certificate, PublicKey, RevocationList, Revoked};

use crate::files::{self, Access, FileError, FileProblem, Place, Warning};

/// What a file revokes.
#[derive(Clone, Debug)]
pub struct RevokedKeys {
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    List(RevocationList),
    Keys(Vec<PublicKey>),
}

impl RevokedKeys {
    /// Reads a file.
    ///
    /// # Errors
    /// When it does not exist, cannot be read, or has something in it that is not understood.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let missing = || FileError::new(path, FileProblem::Io(io::ErrorKind::NotFound.into()));
        let content = files::read(path, RevocationList::MAX_BYTES, Access::Any)?.ok_or_else(missing)?;
        Self::parse(path, &content)
    }

    /// What a file that was read already revokes.
    ///
    /// # Errors
    /// When it has something in it that is not understood.
    pub fn parse(path: &Path, content: &[u8]) -> Result<Self, FileError> {
        if content.starts_with(RevocationList::MAGIC) {
            let list = RevocationList::from_bytes(content);
            let list = list.map_err(|error| FileError::new(path, FileProblem::RevocationList(error)))?;
            return Ok(Self { content: Content::List(list) });
        }
        let mut keys = Vec::new();
        for (number, line) in files::lines(content) {
            let key = line.and_then(|line| PublicKey::from_openssh_line(line).map_err(files::LineProblem::Key));
            let (key, _comment) = key.map_err(|problem| {
                let place = Place::new(path.into(), number);
                FileError::new(path, FileProblem::Line(Warning::new(place, problem)))
            })?;
            keys.push(key);
        }
        Ok(Self { content: Content::Keys(keys) })
    }

    /// Why `key` must not be used, if so.
    #[must_use]
    pub fn find(&self, key: &PublicKey) -> Option<Revoked> {
        match &self.content {
            Content::List(list) => list.find(key),
            Content::Keys(keys) => keys.contains(key).then_some(Revoked::Key),
        }
    }

    /// Why `certificate` must not be used, if so: it is revoked itself, or its key is, or its authority.
    #[must_use]
    pub fn find_certificate(&self, certificate: &Certificate) -> Option<Revoked> {
        match &self.content {
            Content::List(list) => list.find_certificate(certificate),
            Content::Keys(keys) => {
                let listed = |key, why| keys.contains(key).then_some(why);
                listed(certificate.public(), Revoked::Key)
                    .or_else(|| listed(certificate.key(), Revoked::Key))
                    .or_else(|| listed(certificate.authority(), Revoked::Authority))
            }
        }
    }
}

/// Whether the file `path` says nothing against `key`, or against `certificate` where one was shown.
///
/// # Errors
/// That it is revoked, or that nobody knows.
pub(crate) fn check(path: &Path, key: &PublicKey, certificate: Option<&Certificate>) -> Result<(), Refused> {
    let revoked = RevokedKeys::load(path).map_err(Refused::Unknown)?;
    match certificate.map_or_else(|| revoked.find(key), |certificate| revoked.find_certificate(certificate)) {
        None => Ok(()),
        Some(why) => Err(Refused::Revoked(why)),
    }
}

/// Why a key does not count.
#[derive(Debug)]
pub(crate) enum Refused {
    Revoked(Revoked),
    Unknown(FileError),
}

#[cfg(test)]
mod tests;
