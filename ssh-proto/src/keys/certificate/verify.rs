//! Whether a certificate is to be believed.

use alloc::string::String;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use super::{Certificate, CertificateKind, Grant};
use crate::crypto::SignatureMethod;
use crate::keys::PublicKey;
use crate::pattern::wildcard;
use crate::wire::InvalidMessage;

/// What a certificate is wanted for.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "whoever forgets one of these forgets to check it")]
pub struct CertificateUse<'a> {
    /// The authority that is trusted for this.
    pub authority: &'a PublicKey,
    /// By which algorithms it may sign: [`Algorithms::authorities`](crate::Algorithms::authorities).
    pub algorithms: &'a [SignatureMethod],
    /// Who holds it.
    pub holder: Holder<'a>,
    /// The time of day, since 1970-01-01 00:00:00 UTC.
    pub now: Duration,
}

/// Who holds a certificate.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the two kinds of certificates")]
pub enum Holder<'a> {
    /// Somebody who logs in.
    User {
        /// The certificate must be for one of these: the user's name, unless the authority is trusted for others. Names
        /// are compared whole; an empty one is nobody's.
        principals: &'a [&'a str],
        /// From where, if that is an address.
        source: Option<IpAddr>,
    },
    /// A host, by the name under which it was asked for. A principal may be a pattern with `*` and `?`.
    Host(&'a str),
}

impl Certificate {
    /// Whether the certificate is what it is wanted for: of the right kind, by this authority and an algorithm that it
    /// may use, for this holder, now, and with no restriction that is not understood.
    ///
    /// # Errors
    /// The first thing that is wrong. For the log: whoever was refused should not learn it.
    pub fn verify(&self, wanted: &CertificateUse<'_>) -> Result<Grant, CertificateError> {
        if self.authority() != wanted.authority {
            return Err(CertificateError::Authority);
        }
        let kind = match wanted.holder {
            Holder::User { .. } => CertificateKind::User,
            Holder::Host(_) => CertificateKind::Host,
        };
        if self.kind() != kind {
            return Err(CertificateError::Kind(self.kind()));
        }
        self.verify_signature(wanted.algorithms)?;
        if wanted.now < self.valid_after() {
            return Err(CertificateError::NotYetValid);
        }
        if wanted.now >= self.valid_before() {
            return Err(CertificateError::Expired);
        }
        if !self.is_for(wanted.holder) {
            return Err(CertificateError::Principal);
        }
        match wanted.holder {
            Holder::Host(_) => Grant::of_host(self),
            Holder::User { source, .. } => {
                let grant = Grant::of_user(self)?;
                let from = |networks: &[super::Network]| {
                    source.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
                };
                if grant.sources().is_none_or(from) { Ok(grant) } else { Err(CertificateError::Source) }
            }
        }
    }

    /// The algorithm is looked up among those that are allowed: under one signature by RSA and SHA-1 two certificates can
    /// be made that say different things.
    fn verify_signature(&self, allowed: &[SignatureMethod]) -> Result<(), CertificateError> {
        let name = &self.fields.signature.algorithm;
        let method = allowed.iter().find(|method| method.name == *name);
        let method = method.ok_or_else(|| CertificateError::Algorithm(name.clone()))?;
        method
            .verify(self.authority(), self.signed(), self.fields.signature.as_ref())
            .map_err(|_bad| CertificateError::Signature)
    }

    /// The format says that a certificate without principals is for everybody, and a mistake of its authority then opens
    /// every door. Here, as with OpenSSH from 10.3, it is for nobody.
    fn is_for(&self, holder: Holder<'_>) -> bool {
        let mut names = self.principals().iter().filter(|name| !name.is_empty());
        match holder {
            Holder::User { principals, .. } => names.any(|name| principals.contains(&name.as_str())),
            Holder::Host(host) => {
                let host = host.to_ascii_lowercase();
                names.any(|name| wildcard(name.to_ascii_lowercase().as_bytes(), host.as_bytes()))
            }
        }
    }
}

/// Why a certificate is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// Another authority signed it.
    Authority,
    /// It is for users where a host's is wanted, or the other way round.
    Kind(CertificateKind),
    /// Its authority signed by this algorithm, which is not allowed.
    Algorithm(String),
    /// The signature is not its authority's.
    Signature,
    /// Its time has not come.
    NotYetValid,
    /// Its time is over.
    Expired,
    /// It is for somebody else.
    Principal,
    /// It restricts its holder in a way that is not known.
    CriticalOption(String),
    /// One of its options is damaged.
    Option(InvalidMessage),
    /// The security key was not touched, or did not verify its owner, as it must.
    Presence,
    /// Its holder comes from an address from which the certificate is not valid.
    Source,
}

impl From<InvalidMessage> for CertificateError {
    fn from(error: InvalidMessage) -> Self {
        Self::Option(error)
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authority => "the certificate is by another authority",
            Self::Kind(CertificateKind::User) => "the certificate is for a user, not for a host",
            Self::Kind(CertificateKind::Host) => "the certificate is for a host, not for a user",
            Self::Algorithm(name) => {
                return write!(f, "the certificate is signed by {name:?}, which authorities may not use");
            }
            Self::Signature => "the signature of the certificate is not by its authority",
            Self::NotYetValid => "the certificate is not valid yet",
            Self::Expired => "the certificate has expired",
            Self::Principal => "the certificate is for somebody else",
            Self::CriticalOption(name) => {
                return write!(f, "the certificate has the critical option {name:?}, which is not known");
            }
            Self::Option(error) => return write!(f, "an option of the certificate is damaged: {error}"),
            Self::Presence => "a security key was not touched or not unlocked",
            Self::Source => "the certificate is not valid from this address",
        })
    }
}

impl core::error::Error for CertificateError {}
