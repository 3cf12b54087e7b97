use alloc::string::String;
use alloc::sync::Arc;
#[cfg(feature = "rustcrypto")]
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding};

use super::Curve;
#[cfg(feature = "rustcrypto")]
use crate::wire::Put;
use crate::wire::{InvalidMessage, Mpint, Problem, Reader};

/// A public key: a blob as [RFC 4253 §6.6](https://www.rfc-editor.org/rfc/rfc4253#section-6.6) has it, checked field
/// by field. Cloning copies a pointer.
///
/// Types that this crate does not know are kept as they are, under their name, so that they can be listed and compared.
/// Whether a key is *acceptable* (large enough, its point on the curve) is for
/// [`Verifier::check_key`](crate::crypto::Verifier::check_key) to say.
///
/// ```text
/// string "ssh-ed25519" · string key (32 bytes)             RFC 8709 §4
/// string "ssh-rsa" · mpint e · mpint n                     RFC 4253 §6.6
/// string "ecdsa-sha2-[curve]" · string curve · string Q    RFC 5656 §3.1
/// string "sk-ssh-ed25519@openssh.com" · string key (32 bytes) · string application                OpenSSH PROTOCOL.u2f
/// string "sk-ecdsa-sha2-nistp256@openssh.com" · string curve · string Q · string application      OpenSSH PROTOCOL.u2f
/// string anything else · byte[] type-specific data
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    blob: Arc<[u8]>,
    kind: Kind,
}

/// What the blob says it is: a function of the blob.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Ed25519,
    Rsa { bits: usize },
    Ecdsa(Curve),
    SkEd25519,
    SkEcdsa,
    Other(Arc<str>),
}

impl PublicKey {
    /// The longest blob that is read: room for a certificate with hundreds of principals.
    pub const MAX_BLOB: usize = 65_536;
    /// The largest RSA modulus that is read, in bits: as OpenSSH.
    pub const MAX_RSA_BITS: usize = 16_384;

    /// Reads a blob.
    ///
    /// # Errors
    /// Which field is wrong, when the blob is of a known type; when the name of its type is not a name, or the whole is
    /// larger than [`Self::MAX_BLOB`], for all types.
    pub fn from_blob(blob: &[u8]) -> Result<Self, InvalidMessage> {
        if blob.len() > Self::MAX_BLOB {
            return Err(InvalidMessage::new("public key", Problem::TooLong));
        }
        let mut reader = Reader::new(blob);
        let kind = match reader.utf8("public key type")? {
            ED25519 => {
                read_ed25519(&mut reader)?;
                reader.finish("ssh-ed25519 public key")?;
                Kind::Ed25519
            }
            SK_ED25519 => {
                read_ed25519(&mut reader)?;
                read_application(&mut reader)?;
                reader.finish("sk-ssh-ed25519 public key")?;
                Kind::SkEd25519
            }
            SK_ECDSA => {
                Curve::Nistp256.read_point(&mut reader)?;
                read_application(&mut reader)?;
                reader.finish("sk-ecdsa public key")?;
                Kind::SkEcdsa
            }
            RSA => {
                let (e, n) = (reader.mpint("ssh-rsa e")?, reader.mpint("ssh-rsa n")?);
                reader.finish("ssh-rsa public key")?;
                check_rsa(e, n)?;
                Kind::Rsa { bits: n.bits() }
            }
            name => match Curve::by_key_type(name) {
                Some(curve) => {
                    curve.read_point(&mut reader)?;
                    reader.finish("ecdsa public key")?;
                    Kind::Ecdsa(curve)
                }
                None => Kind::Other(checked_name(name)?.into()),
            },
        };
        Ok(Self { blob: blob.into(), kind })
    }

    /// The blob of an Ed25519 key.
    #[cfg(feature = "rustcrypto")]
    pub(super) fn ed25519(point: &[u8; 32]) -> Self {
        let mut blob = Vec::with_capacity(64);
        blob.put_string(ED25519.as_bytes());
        blob.put_string(point);
        Self { blob: blob.into(), kind: Kind::Ed25519 }
    }

    /// The blob of an ECDSA key, from the uncompressed point.
    #[cfg(feature = "rustcrypto")]
    pub(super) fn ecdsa(curve: Curve, point: &[u8]) -> Self {
        let mut blob = Vec::with_capacity(192);
        for field in [curve.key_type().as_bytes(), curve.name().as_bytes(), point] {
            blob.put_string(field);
        }
        Self { blob: blob.into(), kind: Kind::Ecdsa(curve) }
    }

    /// The blob of an RSA key, from big-endian magnitudes.
    #[cfg(feature = "rsa")]
    pub(super) fn rsa(e: &[u8], n: &[u8]) -> Result<Self, InvalidMessage> {
        let mut blob = Vec::new();
        blob.put_string(RSA.as_bytes());
        blob.put_mpint(e);
        blob.put_mpint(n);
        Self::from_blob(&blob)
    }

    /// The name in the blob: `ssh-ed25519`.
    #[must_use]
    pub fn key_type(&self) -> &str {
        match &self.kind {
            Kind::Ed25519 => ED25519,
            Kind::Rsa { .. } => RSA,
            Kind::Ecdsa(curve) => curve.key_type(),
            Kind::SkEd25519 => SK_ED25519,
            Kind::SkEcdsa => SK_ECDSA,
            Kind::Other(name) => name,
        }
    }

    /// The blob.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The size as people state it: the bits of an RSA modulus, those of a curve, 256 for Ed25519. `None` when the type is not known.
    #[must_use]
    pub const fn bits(&self) -> Option<usize> {
        match self.kind {
            Kind::Ed25519 | Kind::SkEd25519 | Kind::SkEcdsa => Some(256),
            Kind::Rsa { bits } => Some(bits),
            Kind::Ecdsa(curve) => Some(curve.bits()),
            Kind::Other(_) => None,
        }
    }

    /// Whether the private half is in a security key (FIDO), which says in each signature who was there: [`Presence`](super::Presence).
    #[must_use]
    pub const fn is_security_key(&self) -> bool {
        matches!(self.kind, Kind::SkEd25519 | Kind::SkEcdsa)
    }

    /// The line of a `.pub` file: type, blob in base64, `comment`. Control characters in the comment become blanks, so
    /// that one key stays one line.
    #[must_use]
    pub fn to_openssh_line(&self, comment: &str) -> String {
        let mut line = String::from(self.key_type());
        line.push(' ');
        line.push_str(&Base64::encode_string(&self.blob));
        if !comment.is_empty() {
            line.push(' ');
            line.extend(comment.chars().map(|c| if c.is_control() { ' ' } else { c }));
        }
        line
    }

    /// Reads such a line, and gives the comment with the key.
    ///
    /// # Errors
    /// When a field is missing, is not base64 or does not hold a key of the type that the line names.
    pub fn from_openssh_line(line: &str) -> Result<(Self, &str), InvalidMessage> {
        let line = line.trim_matches(BLANK);
        let (key_type, rest) =
            line.split_once(BLANK).ok_or(InvalidMessage::new("public key line", Problem::Truncated))?;
        let rest = rest.trim_start_matches(BLANK);
        let (base64, comment) = rest.split_once(BLANK).unwrap_or((rest, ""));
        let key = Self::from_base64(base64)?;
        if key.key_type() != key_type {
            return Err(InvalidMessage::new("public key type", Problem::Mismatch));
        }
        Ok((key, comment.trim_start_matches(BLANK)))
    }

    /// A blob as files hold it.
    pub(super) fn from_base64(base64: &str) -> Result<Self, InvalidMessage> {
        let wrong = |problem| InvalidMessage::new("public key in base64", problem);
        if base64.len() / 4 * 3 > Self::MAX_BLOB {
            return Err(wrong(Problem::TooLong));
        }
        Self::from_blob(&Base64::decode_vec(base64).map_err(|_| wrong(Problem::BadValue))?)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_openssh_line(""))
    }
}

fn read_ed25519(reader: &mut Reader<'_>) -> Result<(), InvalidMessage> {
    match reader.string("ssh-ed25519 key")?.len() {
        32 => Ok(()),
        _ => Err(InvalidMessage::new("ssh-ed25519 key", Problem::BadLength)),
    }
}

/// What the key was made for: `ssh:`, as a rule. The security key signs its hash, and looks for nothing else in it.
fn read_application(reader: &mut Reader<'_>) -> Result<(), InvalidMessage> {
    let application = reader.utf8("application")?;
    if application.contains('\0') { Err(InvalidMessage::new("application", Problem::BadValue)) } else { Ok(()) }
}

/// What makes no sense in any RSA key, checked on the lengths alone: nobody calculates with an oversized number to find
/// out that it is one.
fn check_rsa(e: Mpint<'_>, n: Mpint<'_>) -> Result<(), InvalidMessage> {
    if n.bits() > PublicKey::MAX_RSA_BITS {
        return Err(InvalidMessage::new("ssh-rsa n", Problem::TooLong));
    }
    if n.bits() == 0 {
        return Err(InvalidMessage::new("ssh-rsa n", Problem::BadValue));
    }
    if e.bits() < 2 || e.bits() > n.bits() {
        return Err(InvalidMessage::new("ssh-rsa e", Problem::BadValue));
    }
    Ok(())
}

/// [RFC 4251 §6](https://www.rfc-editor.org/rfc/rfc4251#section-6): "They MUST be printable US-ASCII, MUST NOT contain
/// the characters at-sign ("@"), comma (","), whitespace, control characters (ASCII codes 32 or less), or the ASCII code
/// 127 (DEL) [..] and MUST NOT be longer than 64 characters." An at-sign separates the domain of a local name.
fn checked_name(name: &str) -> Result<&str, InvalidMessage> {
    let wrong = |problem| Err(InvalidMessage::new("public key type", problem));
    match name.len() {
        0 => wrong(Problem::BadLength),
        65.. => wrong(Problem::TooLong),
        _ if name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') => Ok(name),
        _ => wrong(Problem::NotAscii),
    }
}

pub(super) const ED25519: &str = "ssh-ed25519";
pub(super) const RSA: &str = "ssh-rsa";

const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
const SK_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";

const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::wire::Put;

    fn ed25519(point: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        blob.put_string(ED25519.as_bytes());
        blob.put_string(point);
        blob
    }

    fn rsa(e: &[u8], n: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        blob.put_string(RSA.as_bytes());
        blob.put_mpint(e);
        blob.put_mpint(n);
        blob
    }

    fn ecdsa(curve: Curve, name: &str, point: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        for field in [curve.key_type().as_bytes(), name.as_bytes(), point] {
            blob.put_string(field);
        }
        blob
    }

    fn sk_ed25519(application: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        for field in [SK_ED25519.as_bytes(), &[7; 32], application] {
            blob.put_string(field);
        }
        blob
    }

    fn sk_ecdsa(application: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        for field in [SK_ECDSA.as_bytes(), b"nistp256", &[4; 65], application] {
            blob.put_string(field);
        }
        blob
    }

    fn problem(blob: &[u8]) -> (&'static str, Problem) {
        let error = PublicKey::from_blob(blob).unwrap_err();
        (error.field, error.problem)
    }

    #[test]
    fn rfc8709_s4_an_ed25519_key_is_32_bytes() {
        let key = PublicKey::from_blob(&ed25519(&[7; 32])).unwrap();
        assert_eq!((key.key_type(), key.bits()), ("ssh-ed25519", Some(256)));
        for length in [0, 31, 33, 64] {
            assert_eq!(problem(&ed25519(&[7; 64][..length])), ("ssh-ed25519 key", Problem::BadLength));
        }
    }

    #[test]
    fn rfc4253_s6_6_an_rsa_key_is_e_and_n() {
        let key = PublicKey::from_blob(&rsa(&[1, 0, 1], &[0x8f; 256])).unwrap();
        assert_eq!((key.key_type(), key.bits()), ("ssh-rsa", Some(2048)));
        assert_eq!(problem(&rsa(&[1, 0, 1], &[0x8f; 2049])), ("ssh-rsa n", Problem::TooLong));
        assert_eq!(problem(&rsa(&[1, 0, 1], &[])), ("ssh-rsa n", Problem::BadValue));
        assert_eq!(problem(&rsa(&[1], &[0x8f; 256])), ("ssh-rsa e", Problem::BadValue));
        assert_eq!(problem(&rsa(&[1; 300], &[0x8f; 256])), ("ssh-rsa e", Problem::BadValue));
    }

    #[test]
    fn rfc5656_s3_1_an_ecdsa_key_is_a_curve_and_an_uncompressed_point_of_its_size() {
        for (curve, length) in Curve::ALL.into_iter().zip([32, 48, 66]) {
            let point = [&[4][..], &[7; 2 * 66][..2 * length]].concat();
            let key = PublicKey::from_blob(&ecdsa(curve, curve.name(), &point)).unwrap();
            assert_eq!((key.key_type(), key.bits()), (curve.key_type(), Some(curve.bits())));
            let wrong = |name, point: &[u8]| problem(&ecdsa(curve, name, point));
            assert_eq!(wrong("nistp224", &point), ("curve identifier", Problem::Mismatch));
            assert_eq!(wrong(curve.name(), &point[1..]), ("ecdsa Q", Problem::BadValue));
            assert_eq!(wrong(curve.name(), &point[..2 * length]), ("ecdsa Q", Problem::BadLength));
            assert_eq!(wrong(curve.name(), &[&[3], &point[1..=length]].concat()), ("ecdsa Q", Problem::BadValue));
        }
    }

    #[test]
    fn a_key_in_a_security_key_has_an_application() {
        for (blob, name) in [
            (sk_ed25519 as fn(&[u8]) -> Vec<u8>, "sk-ssh-ed25519@openssh.com"),
            (sk_ecdsa, "sk-ecdsa-sha2-nistp256@openssh.com"),
        ] {
            let key = PublicKey::from_blob(&blob(b"ssh:work")).unwrap();
            assert_eq!((key.key_type(), key.bits(), key.is_security_key()), (name, Some(256), true));
            assert_eq!(problem(&blob(b"ssh:\0")), ("application", Problem::BadValue));
            assert_eq!(problem(&blob(b"\xff")), ("application", Problem::NotUtf8));
        }
        assert!(!PublicKey::from_blob(&ed25519(&[7; 32])).unwrap().is_security_key());
    }

    #[test]
    fn every_truncation_and_every_extension_of_a_known_type_is_an_error() {
        let ecdsa = ecdsa(Curve::Nistp256, "nistp256", &[4; 65]);
        for mut blob in [ed25519(&[7; 32]), rsa(&[3], &[0x55; 128]), ecdsa, sk_ed25519(b"ssh:"), sk_ecdsa(b"ssh:")] {
            for end in 0..blob.len() {
                assert!(PublicKey::from_blob(&blob[..end]).is_err(), "cut at {end}");
            }
            blob.push(0);
            assert_eq!(problem(&blob).1, Problem::TrailingBytes);
        }
    }

    #[test]
    fn rfc4251_s6_unknown_types_are_kept_under_a_name_that_is_one() {
        let blob = |name: &str| {
            let mut blob = Vec::new();
            blob.put_string(name.as_bytes());
            blob.put_bytes(b"whatever follows");
            blob
        };
        let new = blob("ssh-mldsa44-ed25519@openssh.com");
        let key = PublicKey::from_blob(&new).unwrap();
        assert_eq!((key.key_type(), key.bits(), key.blob()), ("ssh-mldsa44-ed25519@openssh.com", None, &new[..]));
        let long = "x".repeat(65);
        for name in ["", "two words", "a,b", "line\nbreak", "caf\u{e9}", &long] {
            assert!(PublicKey::from_blob(&blob(name)).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_line_round_trips_and_stays_one_line() {
        let key = PublicKey::from_blob(&ed25519(&[7; 32])).unwrap();
        let line = key.to_openssh_line("me@example.com laptop");
        assert_eq!(PublicKey::from_openssh_line(&line), Ok((key.clone(), "me@example.com laptop")));
        assert_eq!(
            PublicKey::from_openssh_line(&key.to_openssh_line("a\nssh-rsa b")),
            Ok((key.clone(), "a ssh-rsa b"))
        );
        assert_eq!(PublicKey::from_openssh_line(&key.to_openssh_line("")), Ok((key, "")));
        let wrong = line.replacen("ssh-ed25519", "ssh-rsa", 1);
        assert_eq!(PublicKey::from_openssh_line(&wrong).unwrap_err().problem, Problem::Mismatch);
        for line in ["", "ssh-ed25519", "ssh-ed25519 ???", "ssh-ed25519 AAAA"] {
            assert!(PublicKey::from_openssh_line(line).is_err(), "{line:?}");
        }
    }
}
