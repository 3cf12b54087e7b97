use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use ssh_proto::crypto::SignatureMethod;
use ssh_proto::keys::{Certificate, CertificateError, CertificateUse, Holder, PublicKey};

use super::append::HashNames;
use super::line::{KnownKey, Line, Marker};
use super::name::HostName;
use crate::files::{self, Access, FileError, Place, Warning};

/// What some files say about the keys of hosts.
#[derive(Clone, Debug, Default)]
pub struct KnownHosts {
    lines: Vec<Line>,
    warnings: Vec<Warning>,
}

impl KnownHosts {
    /// The largest file that is read, in bytes: a hundred thousand hosts.
    pub const MAX_FILE: usize = 32 << 20;

    /// Reads files, of which the first counts as much as the last. One that does not exist is an empty one; a line that
    /// cannot be used is a warning.
    ///
    /// # Errors
    /// When a file exists and cannot be read: it may say that a key is revoked.
    pub fn load<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, FileError> {
        let mut hosts = Self::default();
        for path in paths {
            if let Some(content) = files::read(path.as_ref(), Self::MAX_FILE, Access::Any)? {
                hosts.add(path.as_ref(), &content);
            }
        }
        Ok(hosts)
    }

    /// Adds the lines of a file that was read already.
    pub fn add(&mut self, file: &Path, content: &[u8]) {
        let file: Arc<Path> = file.into();
        for (number, text) in files::lines(content) {
            let place = Place::new(Arc::clone(&file), number);
            match text.and_then(|text| Line::parse(place.clone(), text)) {
                Ok(line) => self.lines.push(line),
                Err(problem) => self.warnings.push(Warning::new(place, problem)),
            }
        }
    }

    /// The lines that do not count, and why.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What to think of a host at `port` that has proved to have `key`.
    ///
    /// As with OpenSSH, a host known without its port counts for the ports of which nothing is known.
    #[must_use]
    pub fn check(&self, host: &str, port: u16, key: &PublicKey) -> Verdict {
        let name = HostName::new(host, port);
        let has_key = |known: &&KnownKey| known.key == *key;
        let revoked = |name| self.named(name, Some(Marker::Revoked)).find(has_key);
        if let Some(known) = name.each().find_map(revoked) {
            return Verdict::Revoked(known.clone());
        }
        let known: Vec<&KnownKey> = self.named(name.exact(), None).collect();
        if let Some(found) = known.iter().copied().find(has_key) {
            return Verdict::Known(found.clone());
        }
        if !known.is_empty() {
            return Verdict::Changed(known.into_iter().cloned().collect());
        }
        let elsewhere = name.without_port().and_then(|name| self.named(name, None).find(has_key));
        elsewhere.map_or(Verdict::Unknown, |known| Verdict::Known(known.clone()))
    }

    /// What to think of a host at `port` that has shown `certificate` and proved to have the key in it.
    ///
    /// As with OpenSSH, a certificate that is not believed, by whatever reason, is worth what its key is. The reason goes
    /// to the log. Its authority may sign by one of `algorithms`.
    #[must_use]
    pub fn check_certificate(
        &self,
        host: &str,
        port: u16,
        certificate: &Certificate,
        algorithms: &[SignatureMethod],
        now: SystemTime,
    ) -> Verdict {
        let name = HostName::new(host, port);
        let named = |marker| name.each().flat_map(move |name| self.named(name, Some(marker)));
        let is_revoked = |known: &&KnownKey| known.key == *certificate.authority() || known.key == *certificate.key();
        if let Some(known) = named(Marker::Revoked).find(is_revoked) {
            return Verdict::Revoked(known.clone());
        }
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let trusted = named(Marker::CertAuthority).find(|known| known.key == *certificate.authority());
        let verified = trusted.ok_or(CertificateError::Authority).and_then(|known| {
            let wanted = CertificateUse { authority: &known.key, algorithms, holder: Holder::Host(host), now };
            certificate.verify(&wanted).map(|_grant| known)
        });
        match verified {
            Ok(known) => Verdict::Known(known.clone()),
            Err(why) => {
                tracing::warn!(host, "the host's certificate does not count, so its key has to be known: {why}");
                self.check(host, port, certificate.key())
            }
        }
    }

    /// Whether an authority is known for the host, so that it makes sense to ask for a certificate.
    #[must_use]
    pub fn has_authority_for(&self, host: &str, port: u16) -> bool {
        let name = HostName::new(host, port);
        name.each().any(|name| self.named(name, Some(Marker::CertAuthority)).next().is_some())
    }

    /// The types of the keys that the host is known to have. A client asks for one of them: a key of another type would
    /// look as if the host had changed.
    #[must_use]
    pub fn key_types_for(&self, host: &str, port: u16) -> Vec<String> {
        let name = HostName::new(host, port);
        let types = |name| -> BTreeSet<&str> { self.named(name, None).map(|known| known.key.key_type()).collect() };
        let mut found = types(name.exact());
        if found.is_empty() {
            found = name.without_port().map(types).unwrap_or_default();
        }
        found.into_iter().map(str::to_owned).collect()
    }

    /// Whether further keys of the host may be written beside `recognised`, by which it is known: only where lines of its
    /// own say so, under exactly this name. Patterns and certification authorities speak for many hosts.
    pub(crate) fn learnable(&self, host: &str, port: u16, recognised: &PublicKey) -> Learnable {
        let name = HostName::new(host, port);
        let about = || self.lines.iter().filter(|line| line.hosts.contain(name.exact()));
        if about().any(|line| line.known.marker == Some(Marker::CertAuthority) || !line.hosts.is_literal()) {
            return Learnable::No;
        }
        match about().find(|line| line.known.marker.is_none() && line.known.key == *recognised) {
            Some(line) => Learnable::Yes(if line.hosts.is_hashed() { HashNames::Yes } else { HashNames::No }),
            None => Learnable::No,
        }
    }

    /// Whether `key` is new for the host, and nothing speaks against it.
    pub(crate) fn may_learn(&self, host: &str, port: u16, key: &PublicKey) -> bool {
        matches!(self.check(host, port, key), Verdict::Unknown | Verdict::Changed(_))
    }

    /// The keys on the lines with `marker` that name the host.
    fn named(&self, name: &str, marker: Option<Marker>) -> impl Iterator<Item = &KnownKey> {
        self.lines
            .iter()
            .filter(move |line| line.known.marker == marker && line.hosts.contain(name))
            .map(|line| &line.known)
    }
}

/// Whether further keys of a host may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learnable {
    /// With its name as on the line that it is known by.
    Yes(HashNames),
    No,
}

/// What is known about a host and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The host has this key, says this line.
    Known(KnownKey),
    /// Nothing is known about the host.
    Unknown,
    /// The host is known to have other keys: those of these lines. It got a new one, or somebody is in between.
    Changed(Vec<KnownKey>),
    /// The key must not be used any more, says this line.
    Revoked(KnownKey),
}
