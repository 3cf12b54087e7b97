use core::fmt;

use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};

#[cfg(feature = "rsa")]
use super::rsa;
use super::{KeyFileError, ecdsa, ed25519};
use crate::keys::PrivateKey;
use crate::wire::Reader;

/// A type of key, as files have it: a row of [`TYPES`].
pub(super) struct FileType {
    /// In OpenSSH's format.
    pub(super) name: &'static str,
    /// In PKCS#8.
    pub(super) oid: ObjectIdentifier,
    /// Reads what follows the name.
    pub(super) read_openssh: fn(&mut Reader<'_>) -> Result<PrivateKey, KeyFileError>,
    /// Reads a public key behind its type's name, and the secret fields of PuTTY's format.
    pub(super) read_putty: fn(&mut Reader<'_>, &mut Reader<'_>) -> Result<PrivateKey, KeyFileError>,
    pub(super) read_pkcs8: fn(&PrivateKeyInfoRef<'_>) -> Result<PrivateKey, KeyFileError>,
}

/// Every type of key that can be read.
const TYPES: &[FileType] = &[
    ed25519::TYPE,
    ecdsa::NISTP256,
    ecdsa::NISTP384,
    ecdsa::NISTP521,
    #[cfg(feature = "rsa")]
    rsa::TYPE,
];

/// `byte[] privatekey` of OpenSSH's format: the type's name, then its fields.
pub(super) fn read_openssh(reader: &mut Reader<'_>) -> Result<PrivateKey, KeyFileError> {
    let name = reader.utf8("private key type")?;
    let row = TYPES.iter().find(|row| row.name == name).ok_or_else(|| Unsupported::by_name(name))?;
    (row.read_openssh)(reader)
}

/// A public key as it travels, and the secret fields of PuTTY's format.
pub(super) fn read_putty(public: &mut Reader<'_>, private: &mut Reader<'_>) -> Result<PrivateKey, KeyFileError> {
    let name = public.utf8("public key type")?;
    let row = TYPES.iter().find(|row| row.name == name).ok_or_else(|| Unsupported::by_name(name))?;
    (row.read_putty)(public, private)
}

pub(super) fn read_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<PrivateKey, KeyFileError> {
    let oid = info.algorithm.oid;
    let row = TYPES.iter().find(|row| row.oid == oid).ok_or_else(|| Unsupported::by_oid(oid))?;
    (row.read_pkcs8)(info)
}

#[cfg(feature = "rsa")]
pub(super) fn read_pkcs1(der: &[u8]) -> Result<PrivateKey, KeyFileError> {
    rsa::read_pkcs1(der)
}

#[cfg(not(feature = "rsa"))]
pub(super) fn read_pkcs1(_: &[u8]) -> Result<PrivateKey, KeyFileError> {
    Err(Unsupported::Rsa.into())
}

/// A type of key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsupported {
    /// ECDSA on another curve than the three of [`Curve`](crate::keys::Curve), or on one that is written out.
    Curve,
    /// DSA: 1024 bits and SHA-1.
    Dsa,
    /// In a security key (FIDO), which an agent has to ask.
    SecurityKey,
    /// RSA, when the crate was built without it.
    Rsa,
    /// Something else.
    Other,
}

impl Unsupported {
    fn by_name(name: &str) -> Self {
        match name {
            "ssh-rsa" => Self::Rsa,
            "ssh-dss" => Self::Dsa,
            _ if name.starts_with("sk-") => Self::SecurityKey,
            _ => Self::Other,
        }
    }

    fn by_oid(oid: ObjectIdentifier) -> Self {
        match oid {
            RSA_OID => Self::Rsa,
            DSA_OID => Self::Dsa,
            _ => Self::Other,
        }
    }
}

impl From<Unsupported> for KeyFileError {
    fn from(kind: Unsupported) -> Self {
        Self::Unsupported(kind)
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Curve => "of ECDSA keys those on nistp256, nistp384 and nistp521 are supported, by these names",
            Self::Dsa => "DSA keys are too weak and not supported",
            Self::SecurityKey => {
                "the key itself is in a security key (FIDO), and the file only tells which: run `ssh-add FILE`, and the \
                 agent will have it sign"
            }
            Self::Rsa => "this program was built without RSA",
            Self::Other => "keys of this type are not supported",
        })
    }
}

pub(super) const RSA_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const DSA_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
pub(super) const EC_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
