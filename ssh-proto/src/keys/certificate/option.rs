//! Critical options and extensions.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Certificate, CertificateError, Network};
use crate::keys::Presence;
use crate::wire::{InvalidMessage, Problem, Reader};

/// A critical option or an extension, as it stands in the certificate.
///
/// ```text
/// string name · string data
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateOption {
    /// `force-command`, `permit-pty`, `name@domain`.
    pub name: String,
    /// What the name says it is.
    pub data: Vec<u8>,
}

/// "Options must be lexically ordered by 'name' if they appear in the sequence. Each named option may only appear once in
/// a certificate."
pub(super) fn read_all(packed: &[u8], field: &'static str) -> Result<Vec<CertificateOption>, InvalidMessage> {
    let mut reader = Reader::new(packed);
    let mut options: Vec<CertificateOption> = Vec::new();
    while !reader.is_empty() {
        let (name, data) = (reader.utf8(field)?, reader.string(field)?);
        if options.len() == Certificate::MAX_OPTIONS {
            return Err(InvalidMessage::new(field, Problem::TooLong));
        }
        if options.last().is_some_and(|last| last.name.as_str() >= name) {
            return Err(InvalidMessage::new(field, Problem::NotCanonical));
        }
        options.push(CertificateOption { name: name.to_owned(), data: data.to_owned() });
    }
    Ok(options)
}

/// What a certificate grants to its holder: nothing but what it names. Only [`Certificate::verify`] makes one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// `force-command`: this runs, whatever the client asks for.
    pub force_command: Option<String>,
    /// `verify-required`: signatures of the key must say that its owner proved to be there, by a PIN or a finger.
    pub verify_required: bool,
    sources: Option<Vec<Network>>,
    extensions: BTreeSet<Extension>,
}

/// What a certificate may permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Extension {
    /// `permit-X11-forwarding`.
    X11Forwarding,
    /// `permit-agent-forwarding`.
    AgentForwarding,
    /// `permit-port-forwarding`.
    PortForwarding,
    /// `permit-pty`.
    Pty,
    /// `permit-user-rc`.
    UserRc,
    /// `no-touch-required`: signatures of a security key need not say that somebody touched it.
    NoTouchRequired,
}

impl Extension {
    fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "permit-X11-forwarding" => Self::X11Forwarding,
            "permit-agent-forwarding" => Self::AgentForwarding,
            "permit-port-forwarding" => Self::PortForwarding,
            "permit-pty" => Self::Pty,
            "permit-user-rc" => Self::UserRc,
            "no-touch-required" => Self::NoTouchRequired,
            _ => return None,
        })
    }
}

impl Grant {
    /// Whether the certificate permits it.
    #[must_use]
    pub fn permits(&self, extension: Extension) -> bool {
        self.extensions.contains(&extension)
    }

    /// Whether a signature with which a security key said `presence` of its owner is enough. Other keys say nothing, and
    /// nothing more is asked of them.
    #[must_use]
    pub fn admits_presence(&self, presence: Option<Presence>) -> bool {
        presence.is_none_or(|presence| {
            (presence.user_present() || self.permits(Extension::NoTouchRequired))
                && (presence.user_verified() || !self.verify_required)
        })
    }

    /// `source-address`: the networks from which the holder may come; `None` when it may come from anywhere.
    #[must_use]
    pub fn sources(&self) -> Option<&[Network]> {
        self.sources.as_deref()
    }

    /// "The format of this field is a sequence of zero or more tuples". Every critical option is understood, or the
    /// certificate is worth nothing; "an implementation that encounters [an extension] that it does not recognise may
    /// safely ignore it".
    pub(super) fn of_user(certificate: &Certificate) -> Result<Self, CertificateError> {
        let mut grant = Self::default();
        for option in certificate.critical_options() {
            match option.name.as_str() {
                "force-command" => grant.force_command = Some(option.text("force-command")?.to_owned()),
                "source-address" => grant.sources = Some(option.networks()?),
                "verify-required" => {
                    option.flag("verify-required")?;
                    grant.verify_required = true;
                }
                _ => return Err(CertificateError::CriticalOption(option.name.clone())),
            }
        }
        for option in certificate.extensions() {
            if let Some(extension) = Extension::by_name(&option.name) {
                option.flag("extension")?;
                grant.extensions.insert(extension);
            }
        }
        Ok(grant)
    }

    /// "No critical options are defined for host certificates at present", and no extensions either.
    pub(super) fn of_host(certificate: &Certificate) -> Result<Self, CertificateError> {
        match certificate.critical_options().first() {
            Some(option) => Err(CertificateError::CriticalOption(option.name.clone())),
            None => Ok(Self::default()),
        }
    }
}

impl CertificateOption {
    /// The data is one `string`.
    fn text(&self, field: &'static str) -> Result<&str, InvalidMessage> {
        let mut reader = Reader::new(&self.data);
        let text = reader.utf8(field)?;
        reader.finish(field)?;
        // It becomes an argument of a program, which would end here.
        if text.contains('\0') { Err(InvalidMessage::new(field, Problem::BadValue)) } else { Ok(text) }
    }

    /// There are no data.
    const fn flag(&self, field: &'static str) -> Result<(), InvalidMessage> {
        if self.data.is_empty() { Ok(()) } else { Err(InvalidMessage::new(field, Problem::TrailingBytes)) }
    }

    /// "Comma-separated list of source addresses from which this certificate is accepted for authentication."
    fn networks(&self) -> Result<Vec<Network>, InvalidMessage> {
        let wrong = InvalidMessage::new("source-address", Problem::BadValue);
        self.text("source-address")?.split(',').map(|text| Network::parse(text).ok_or(wrong)).collect()
    }
}
