use p256::NistP256;
use p384::NistP384;
use p521::NistP521;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{AnyRef, Decode, Encode, ErrorKind, Tag};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef, SecretDocument};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::types::{EC_OID, FileType};
use super::{KeyFileError, Unsupported};
use crate::crypto::rustcrypto::ecdsa::NistCurve;
use crate::keys::ecdsa::from_scalar;
use crate::keys::{Curve, PrivateKey};
use crate::wire::{InvalidMessage, Problem, Reader};

pub(super) const NISTP256: FileType = file_type::<NistP256>();
pub(super) const NISTP384: FileType = file_type::<NistP384>();
pub(super) const NISTP521: FileType = file_type::<NistP521>();

/// In PKCS#8 all curves have one algorithm, with the curve as its parameter: there, all rows are the same.
const fn file_type<C: NistCurve>() -> FileType {
    FileType {
        name: C::CURVE.key_type(),
        oid: EC_OID,
        read_openssh: read_openssh::<C>,
        read_putty: read_putty::<C>,
        read_pkcs8,
    }
}

/// ```text
/// string identifier · string Q · mpint d
/// ```
fn read_openssh<C: NistCurve>(reader: &mut Reader<'_>) -> Result<PrivateKey, KeyFileError> {
    let point = C::CURVE.read_point(reader)?;
    let scalar = reader.mpint("ecdsa private key")?;
    Ok(from_scalar::<C>(scalar.magnitude(), Some(point))?)
}

/// ```text
/// string identifier · string Q
/// mpint d
/// ```
fn read_putty<C: NistCurve>(public: &mut Reader<'_>, private: &mut Reader<'_>) -> Result<PrivateKey, KeyFileError> {
    let point = C::CURVE.read_point(public)?;
    let scalar = private.mpint("ecdsa private key")?;
    Ok(from_scalar::<C>(scalar.magnitude(), Some(point))?)
}

/// RFC 5915 within RFC 5958: the curve is in `privateKeyAlgorithm`, and may be in the key once more.
fn read_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<PrivateKey, KeyFileError> {
    let curve = info.algorithm.parameters_oid().map_err(|_| Unsupported::Curve)?;
    let key = decode(info.private_key.as_bytes())?;
    if key.parameters.and_then(EcParameters::named_curve).is_some_and(|again| again != curve) {
        return Err(InvalidMessage::new("ECPrivateKey parameters", Problem::Mismatch).into());
    }
    on_curve(curve, &key)
}

/// RFC 5915 §3: here the curve must be in the key. Curves that are written out are not read: only the named ones are
/// known to be good.
pub(super) fn read_sec1(der: &[u8]) -> Result<PrivateKey, KeyFileError> {
    let key = decode(der)?;
    on_curve(key.parameters.and_then(EcParameters::named_curve).ok_or(Unsupported::Curve)?, &key)
}

fn decode(der: &[u8]) -> Result<EcPrivateKey<'_>, KeyFileError> {
    EcPrivateKey::from_der(der).map_err(|error| match error.kind() {
        ErrorKind::TagUnexpected { expected: Some(Tag::ObjectIdentifier), actual: Tag::Sequence } => {
            Unsupported::Curve.into()
        }
        _ => InvalidMessage::new("ECPrivateKey", Problem::BadValue).into(),
    })
}

fn on_curve(curve: ObjectIdentifier, key: &EcPrivateKey<'_>) -> Result<PrivateKey, KeyFileError> {
    let read = match Curve::ALL.into_iter().find(|known| oid(*known) == curve) {
        Some(Curve::Nistp256) => from_scalar::<NistP256>,
        Some(Curve::Nistp384) => from_scalar::<NistP384>,
        Some(Curve::Nistp521) => from_scalar::<NistP521>,
        None => return Err(Unsupported::Curve.into()),
    };
    Ok(read(key.private_key, key.public_key)?)
}

/// As OpenSSL writes it: the public key in the key, the curve outside.
pub(in crate::keys) fn to_pkcs8(curve: Curve, scalar: &[u8], point: &[u8]) -> Option<SecretDocument> {
    let oid = oid(curve);
    let key = EcPrivateKey { private_key: scalar, parameters: None, public_key: Some(point) };
    let content = Zeroizing::new(key.to_der().ok()?);
    let content = OctetStringRef::new(&content).ok()?;
    let algorithm = AlgorithmIdentifierRef { oid: EC_OID, parameters: Some(AnyRef::from(&oid)) };
    PrivateKeyInfoRef::new(algorithm, content).try_into().ok()
}

/// RFC 5480 §2.1.1.1.
const fn oid(curve: Curve) -> ObjectIdentifier {
    match curve {
        Curve::Nistp256 => SECP256R1,
        Curve::Nistp384 => SECP384R1,
        Curve::Nistp521 => SECP521R1,
    }
}

const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
