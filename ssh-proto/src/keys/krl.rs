//! Key revocation lists, as `ssh-keygen -k` writes them (OpenSSH's PROTOCOL.krl).

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{Certificate, PublicKey};
use crate::wire::{InvalidMessage, Problem, Reader};

/// Keys and certificates that must not be used any more.
///
/// ```text
/// uint64 magic "SSHKRL\n\0" · uint32 format version (1) · uint64 list's version · uint64 date · uint64 flags
/// string reserved · string comment · sections: byte type, string content
/// ```
///
/// What is there counts; a section that is not understood makes the whole list unreadable, because it may revoke
/// something. The signatures that a list may carry say nothing here: whoever can change the file can remove them.
#[derive(Clone, Debug, Default)]
pub struct RevocationList {
    version: u64,
    comment: String,
    keys: BTreeSet<Vec<u8>>,
    sha1: BTreeSet<[u8; 20]>,
    sha256: BTreeSet<[u8; 32]>,
    /// By the blob of the authority; an empty one stands for all.
    certificates: BTreeMap<Vec<u8>, Certificates>,
}

/// The certificates of one authority.
#[derive(Clone, Debug, Default)]
struct Certificates {
    serials: BTreeSet<u64>,
    /// First and last.
    ranges: Vec<(u64, u64)>,
    /// The serial of the lowest bit, and the bits, the highest byte first.
    bitmaps: Vec<(u64, Vec<u8>)>,
    key_ids: BTreeSet<String>,
}

impl RevocationList {
    /// The longest list that is read: a million fingerprints and more.
    pub const MAX_BYTES: usize = 64 << 20;
    /// What every list begins with.
    pub const MAGIC: &'static [u8; 8] = b"SSHKRL\n\0";

    /// Reads a list.
    ///
    /// # Errors
    /// Which field is wrong, or which section is not understood. Then nobody knows what is revoked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidMessage> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(InvalidMessage::new("revocation list", Problem::TooLong));
        }
        let mut reader = Reader::new(bytes);
        if reader.array("magic of the revocation list")? != *Self::MAGIC {
            return Err(InvalidMessage::new("magic of the revocation list", Problem::BadValue));
        }
        if reader.u32("format version of the revocation list")? != 1 {
            return Err(InvalidMessage::new("format version of the revocation list", Problem::BadValue));
        }
        let mut list = Self { version: reader.u64("version of the revocation list")?, ..Self::default() };
        reader.u64("generation date")?;
        reader.u64("flags of the revocation list")?;
        reader.string("reserved")?;
        reader.utf8("comment of the revocation list")?.clone_into(&mut list.comment);
        while !reader.is_empty() {
            match reader.u8("section type of the revocation list")? {
                SIGNATURE => {
                    read_signatures(reader)?;
                    break;
                }
                section => list.read_section(section, Reader::new(reader.string("section of the revocation list")?))?,
            }
        }
        Ok(list)
    }

    fn read_section(&mut self, section: u8, mut content: Reader<'_>) -> Result<(), InvalidMessage> {
        match section {
            CERTIFICATES => self.read_certificates(content),
            EXPLICIT_KEY => collect(&mut self.keys, content, |content| Ok(content.string("revoked key")?.to_owned())),
            FINGERPRINT_SHA1 => collect(&mut self.sha1, content, |content| fixed(content, "SHA-1 of a revoked key")),
            FINGERPRINT_SHA256 => {
                collect(&mut self.sha256, content, |content| fixed(content, "SHA-256 of a revoked key"))
            }
            EXTENSION => read_extension(&mut content),
            _ => Err(InvalidMessage::new("section type of the revocation list", Problem::BadValue)),
        }
    }

    /// ```text
    /// string authority (empty: any) · string reserved · sections: byte type, string content
    /// ```
    fn read_certificates(&mut self, mut content: Reader<'_>) -> Result<(), InvalidMessage> {
        let authority = content.string("authority of revoked certificates")?;
        if !authority.is_empty() {
            PublicKey::from_blob(authority)?;
        }
        content.string("reserved")?;
        let certificates = self.certificates.entry(authority.to_owned()).or_default();
        while !content.is_empty() {
            let section = content.u8("type of a certificate section")?;
            certificates.read_section(section, Reader::new(content.string("certificate section")?))?;
        }
        Ok(())
    }

    /// The number of the list, which its author increases.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// What its author says about it.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Why `key` must not be used, if so.
    #[must_use]
    pub fn find(&self, key: &PublicKey) -> Option<Revoked> {
        let blob = key.blob();
        let by_fingerprint = || {
            (!self.sha1.is_empty() && self.sha1.contains(&<[u8; 20]>::from(Sha1::digest(blob))))
                || (!self.sha256.is_empty() && self.sha256.contains(&<[u8; 32]>::from(Sha256::digest(blob))))
        };
        (self.keys.contains(blob) || by_fingerprint()).then_some(Revoked::Key)
    }

    /// Why `certificate` must not be used, if so: it is revoked itself, or its key is, or its authority.
    #[must_use]
    pub fn find_certificate(&self, certificate: &Certificate) -> Option<Revoked> {
        let by = |authority: &[u8]| self.certificates.get(authority).and_then(|revoked| revoked.find(certificate));
        self.find(certificate.key())
            .or_else(|| self.find(certificate.authority()).map(|_key| Revoked::Authority))
            .or_else(|| by(certificate.authority().blob()))
            .or_else(|| by(&[]))
    }
}

impl Certificates {
    fn read_section(&mut self, section: u8, mut content: Reader<'_>) -> Result<(), InvalidMessage> {
        let wrong = Err(InvalidMessage::new("revoked serials", Problem::BadValue));
        match section {
            SERIAL_LIST => {
                collect(&mut self.serials, content, |content| content.u64("revoked serial"))?;
                // 0 is the serial of all certificates that have none: who has it is not told apart by it.
                if self.serials.contains(&0) { wrong } else { Ok(()) }
            }
            SERIAL_RANGE => {
                while !content.is_empty() {
                    let (first, last) = (content.u64("first revoked serial")?, content.u64("last revoked serial")?);
                    if first == 0 || first > last {
                        return wrong;
                    }
                    self.ranges.push((first, last));
                }
                Ok(())
            }
            SERIAL_BITMAP => {
                let (offset, bits) = (content.u64("serial of the first bit")?, content.mpint("revoked serials")?);
                content.finish("bitmap of serials")?;
                let last = u64::try_from(bits.bits()).unwrap_or(u64::MAX).saturating_sub(1);
                let names_zero = offset == 0 && bits.magnitude().last().is_some_and(|byte| byte & 1 == 1);
                if names_zero || offset.checked_add(last).is_none() {
                    return wrong;
                }
                self.bitmaps.push((offset, bits.magnitude().to_owned()));
                Ok(())
            }
            KEY_IDS => collect(&mut self.key_ids, content, |content| Ok(content.utf8("revoked key id")?.to_owned())),
            CERTIFICATE_EXTENSION => read_extension(&mut content),
            _ => Err(InvalidMessage::new("type of a certificate section", Problem::BadValue)),
        }
    }

    fn find(&self, certificate: &Certificate) -> Option<Revoked> {
        let serial = certificate.serial();
        if self.key_ids.contains(certificate.key_id()) {
            return Some(Revoked::KeyId);
        }
        let listed = self.serials.contains(&serial)
            || self.ranges.iter().any(|&(first, last)| (first..=last).contains(&serial))
            || self
                .bitmaps
                .iter()
                .any(|(offset, bits)| serial.checked_sub(*offset).is_some_and(|bit| is_set(bits, bit)));
        (serial != 0 && listed).then_some(Revoked::Serial)
    }
}

/// Bit 0 is the lowest of the last byte.
fn is_set(bits: &[u8], bit: u64) -> bool {
    let byte = usize::try_from(bit / 8).ok().and_then(|byte| bits.iter().nth_back(byte));
    byte.is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
}

/// Reads until nothing is left.
fn collect<'a, T: Ord>(
    into: &mut BTreeSet<T>,
    mut content: Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<T, InvalidMessage>,
) -> Result<(), InvalidMessage> {
    while !content.is_empty() {
        into.insert(read(&mut content)?);
    }
    Ok(())
}

/// A `string` of so many bytes.
fn fixed<const N: usize>(content: &mut Reader<'_>, field: &'static str) -> Result<[u8; N], InvalidMessage> {
    content.string(field)?.try_into().map_err(|_| InvalidMessage::new(field, Problem::BadLength))
}

/// "This section must appear last in the KRL. If multiple signature sections appear, they must appear consecutively at
/// the end of the KRL file." `reader` is behind the first one's type.
///
/// ```text
/// string signature key · string signature
/// ```
fn read_signatures(mut reader: Reader<'_>) -> Result<(), InvalidMessage> {
    loop {
        reader.string("signature key")?;
        reader.string("signature of the revocation list")?;
        if reader.is_empty() {
            return Ok(());
        }
        if reader.u8("section type of the revocation list")? != SIGNATURE {
            return Err(InvalidMessage::new("signature of the revocation list", Problem::TrailingBytes));
        }
    }
}

/// No extension is known, so that a critical one cannot be read.
///
/// ```text
/// string name · boolean is critical · string content
/// ```
fn read_extension(content: &mut Reader<'_>) -> Result<(), InvalidMessage> {
    const FIELD: &str = "extension of the revocation list";
    content.string(FIELD)?;
    let is_critical = content.boolean(FIELD)?;
    content.string(FIELD)?;
    content.clone().finish(FIELD)?;
    if is_critical { Err(InvalidMessage::new(FIELD, Problem::BadValue)) } else { Ok(()) }
}

/// By what a key or a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revoked {
    /// The key itself.
    Key,
    /// The key of its authority.
    Authority,
    /// The serial of the certificate.
    Serial,
    /// The key id of the certificate.
    KeyId,
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "the key is revoked",
            Self::Authority => "the authority that signed the certificate is revoked",
            Self::Serial => "the certificate is revoked by its serial",
            Self::KeyId => "the certificate is revoked by its key id",
        })
    }
}

impl core::error::Error for Revoked {}

const CERTIFICATES: u8 = 1;
const EXPLICIT_KEY: u8 = 2;
const FINGERPRINT_SHA1: u8 = 3;
const SIGNATURE: u8 = 4;
const FINGERPRINT_SHA256: u8 = 5;
const EXTENSION: u8 = 255;

const SERIAL_LIST: u8 = 0x20;
const SERIAL_RANGE: u8 = 0x21;
const SERIAL_BITMAP: u8 = 0x22;
const KEY_IDS: u8 = 0x23;
const CERTIFICATE_EXTENSION: u8 = 0x39;

#[cfg(test)]
mod tests;
