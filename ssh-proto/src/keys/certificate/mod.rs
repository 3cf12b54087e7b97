//! OpenSSH's certificates: a key, what its holder may do with it, and the signature of an authority over both.
//!
//! A certificate travels and is stored as a public key of a type of its own, so a [`PublicKey`] may be one: what it says
//! is in [`Certificate`]. That it says so proves nothing; [`Certificate::verify`] does, in one place and whole, and its
//! answer, a [`Grant`], can be had from nowhere else.

mod network;
mod option;
mod types;
mod verify;

#[cfg(test)]
mod tests;

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

pub use network::Network;
pub use option::{CertificateOption, Extension, Grant};
pub use verify::{CertificateError, CertificateUse, Holder};

use self::types::CertificateType;
use super::{PublicKey, Signature};
use crate::wire::{InvalidMessage, Problem, Put, Reader};

/// A certificate that was read field by field, and whose authority has not been looked at yet. Cloning copies pointers.
///
/// ```text
/// string type · string nonce · the key's own fields · uint64 serial · uint32 kind · string key id
/// string valid principals · uint64 valid after · uint64 valid before · string critical options · string extensions
/// string reserved · string signature key · string signature
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    public: PublicKey,
    fields: Arc<Fields>,
}

#[derive(Debug, PartialEq, Eq)]
struct Fields {
    key: PublicKey,
    serial: u64,
    kind: CertificateKind,
    key_id: String,
    principals: Vec<String>,
    valid_after: Duration,
    valid_before: Duration,
    critical_options: Vec<CertificateOption>,
    extensions: Vec<CertificateOption>,
    authority: PublicKey,
    /// How many bytes of the blob the signature covers.
    signed: usize,
    signature: Signature,
}

/// Whom a certificate is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the format knows two")]
pub enum CertificateKind {
    /// `SSH_CERT_TYPE_USER` (1): its principals are names of users.
    User,
    /// `SSH_CERT_TYPE_HOST` (2): its principals are names of hosts.
    Host,
}

impl Certificate {
    /// Principals beyond this many are refused, as OpenSSH does.
    pub const MAX_PRINCIPALS: usize = 256;
    /// Critical options, and extensions, beyond this many are refused.
    pub const MAX_OPTIONS: usize = 64;

    /// Reads what `public` says when it is of a certificate's type; `None` when it is a plain key, or of a type that is
    /// not known.
    ///
    /// # Errors
    /// Which field is wrong.
    pub fn from_public(public: &PublicKey) -> Result<Option<Self>, InvalidMessage> {
        types::by_name(public.key_type()).map(|row| Self::read(public, row)).transpose()
    }

    fn read(public: &PublicKey, row: &CertificateType) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(public.blob());
        let key = read_key(&mut reader, row)?;
        let serial = reader.u64("certificate serial")?;
        let kind = match reader.u32("certificate type")? {
            1 => CertificateKind::User,
            2 => CertificateKind::Host,
            _ => return Err(InvalidMessage::new("certificate type", Problem::BadValue)),
        };
        let key_id = reader.utf8("certificate key id")?.to_owned();
        let principals = read_principals(reader.string("valid principals")?)?;
        let valid_after = Duration::from_secs(reader.u64("valid after")?);
        let valid_before = Duration::from_secs(reader.u64("valid before")?);
        let critical_options = option::read_all(reader.string("critical options")?, "critical options")?;
        let extensions = option::read_all(reader.string("extensions")?, "extensions")?;
        reader.string("reserved")?;
        let authority = PublicKey::from_blob(reader.string("signature key")?)?;
        // "'Chained' certificates, where the signature key type is a certificate type itself are NOT supported."
        if types::by_name(authority.key_type()).is_some() {
            return Err(InvalidMessage::new("signature key", Problem::BadValue));
        }
        let signed = public.blob().len().saturating_sub(reader.rest().len());
        let signature = Signature::from_wire(reader.string("certificate signature")?)?;
        reader.finish("certificate")?;
        let fields = Fields {
            key,
            serial,
            kind,
            key_id,
            principals,
            valid_after,
            valid_before,
            critical_options,
            extensions,
            authority,
            signed,
            signature,
        };
        Ok(Self { public: public.clone(), fields: fields.into() })
    }

    /// The certificate as it travels.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The key that it is about.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.fields.key
    }

    /// Who signed it, says the certificate: see [`Self::verify`].
    #[must_use]
    pub fn authority(&self) -> &PublicKey {
        &self.fields.authority
    }

    /// Its number; 0 when its authority does not number them.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.fields.serial
    }

    /// Whom it is about.
    #[must_use]
    pub fn kind(&self) -> CertificateKind {
        self.fields.kind
    }

    /// What its authority calls it in logs. Nothing says that a terminal can show it.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.fields.key_id
    }

    /// The names for which it is valid. None is valid for nobody.
    #[must_use]
    pub fn principals(&self) -> &[String] {
        &self.fields.principals
    }

    /// From when it is valid, since 1970-01-01 00:00:00 UTC.
    #[must_use]
    pub fn valid_after(&self) -> Duration {
        self.fields.valid_after
    }

    /// From when it is not valid any more; `u64::MAX` seconds stand for ever.
    #[must_use]
    pub fn valid_before(&self) -> Duration {
        self.fields.valid_before
    }

    /// Restrictions, of which each must be understood.
    #[must_use]
    pub fn critical_options(&self) -> &[CertificateOption] {
        &self.fields.critical_options
    }

    /// Permissions, of which those that are not understood permit nothing.
    #[must_use]
    pub fn extensions(&self) -> &[CertificateOption] {
        &self.fields.extensions
    }

    /// The algorithms of certificates that belong to the signature algorithms `plain` of a key, in their order: for
    /// `rsa-sha2-512` it is `rsa-sha2-512-cert-v01@openssh.com`.
    #[must_use]
    pub fn algorithms(plain: &[&str]) -> Vec<&'static str> {
        plain.iter().filter_map(|plain| Self::algorithm_for(plain)).map(|(name, _)| name).collect()
    }

    /// The algorithm for certificates, and their type, that belong to the signature algorithm `plain`.
    pub(crate) fn algorithm_for(plain: &str) -> Option<(&'static str, &'static str)> {
        types::algorithm_for(plain)
    }

    /// By which algorithm a key signs when `algorithm` was agreed on: the same one, unless that is for certificates.
    #[must_use]
    pub fn signature_name(algorithm: &str) -> &str {
        types::signature_name(algorithm)
    }

    /// The key that signs for `public`: the one in the certificate, or itself.
    pub(crate) fn plain_key(public: &PublicKey) -> Result<Cow<'_, PublicKey>, InvalidMessage> {
        match types::by_name(public.key_type()) {
            Some(row) => read_key(&mut Reader::new(public.blob()), row).map(Cow::Owned),
            None => Ok(Cow::Borrowed(public)),
        }
    }

    /// What the authority's signature covers: "all preceding fields from the initial string up to, and including the
    /// signature key".
    fn signed(&self) -> &[u8] {
        self.public.blob().get(..self.fields.signed).unwrap_or_default()
    }
}

impl PublicKey {
    /// Whether this is a certificate, of a type that [`Certificate`] reads.
    #[must_use]
    pub fn is_certificate(&self) -> bool {
        types::by_name(self.key_type()).is_some()
    }
}

/// The fields up to the key's last, from which the plain key is made.
fn read_key(reader: &mut Reader<'_>, row: &CertificateType) -> Result<PublicKey, InvalidMessage> {
    reader.string("certificate type name")?;
    reader.string("certificate nonce")?;
    let mut blob = Vec::new();
    blob.put_string(row.plain.as_bytes());
    for _field in 0..row.fields {
        blob.put_string(reader.string("certified key")?);
    }
    PublicKey::from_blob(&blob)
}

/// "valid principals": "zero or more principals as strings packed inside it".
fn read_principals(packed: &[u8]) -> Result<Vec<String>, InvalidMessage> {
    let mut reader = Reader::new(packed);
    let mut principals = Vec::new();
    while !reader.is_empty() {
        if principals.len() == Certificate::MAX_PRINCIPALS {
            return Err(InvalidMessage::new("valid principals", Problem::TooLong));
        }
        principals.push(reader.utf8("principal")?.to_owned());
    }
    Ok(principals)
}
