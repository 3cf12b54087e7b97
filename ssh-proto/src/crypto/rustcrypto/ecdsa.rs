use core::fmt;
use core::marker::PhantomData;

use ecdsa::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use ecdsa::elliptic_curve::{CurveArithmetic, FieldBytes};
use ecdsa::signature::Verifier as _;
use ecdsa::{DigestAlgorithm, EcdsaCurve, Signature, VerifyingKey};
use p256::NistP256;
use p384::NistP384;
use p521::NistP521;

use super::read_key;
use crate::crypto::{BadSignature, Verifier};
use crate::keys::Curve;
use crate::wire::{InvalidMessage, Mpint, Problem, Reader};

/// `ecdsa-sha2-nistp256`.
pub(super) static NISTP256: Ecdsa<NistP256> = Ecdsa(PhantomData);
/// `ecdsa-sha2-nistp384`.
pub(super) static NISTP384: Ecdsa<NistP384> = Ecdsa(PhantomData);
/// `ecdsa-sha2-nistp521`.
pub(super) static NISTP521: Ecdsa<NistP521> = Ecdsa(PhantomData);

/// A curve with its arithmetic, and the hash function that RFC 5656 §6.2.1 pairs with it.
pub(crate) trait NistCurve:
    EcdsaCurve<FieldBytesSize: ModulusSize>
    + CurveArithmetic<AffinePoint: FromSec1Point<Self> + ToSec1Point<Self>>
    + DigestAlgorithm
    + Send
    + Sync
{
    const CURVE: Curve;
    /// [`Curve::key_type`] alone.
    const ALGORITHMS: &'static [&'static str] = &[Self::CURVE.key_type()];
}

impl NistCurve for NistP256 {
    const CURVE: Curve = Curve::Nistp256;
}

impl NistCurve for NistP384 {
    const CURVE: Curve = Curve::Nistp384;
}

impl NistCurve for NistP521 {
    const CURVE: Curve = Curve::Nistp521;
}

/// ECDSA ([RFC 5656 §3.1](https://www.rfc-editor.org/rfc/rfc5656#section-3.1)) on one curve.
pub(super) struct Ecdsa<C>(PhantomData<fn() -> C>);

impl<C: NistCurve> Verifier for Ecdsa<C> {
    fn check_key(&self, key_blob: &[u8]) -> Result<(), InvalidMessage> {
        parse::<C>(key_blob).map(|_| ())
    }

    fn verify(&self, key_blob: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let key = parse::<C>(key_blob).map_err(|_| BadSignature)?;
        verify(&key, message, signature)
    }
}

impl<C: NistCurve> fmt::Debug for Ecdsa<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(C::CURVE.key_type())
    }
}

/// ```text
/// string "ecdsa-sha2-[identifier]" · string identifier · string Q
/// ```
fn parse<C: NistCurve>(key_blob: &[u8]) -> Result<VerifyingKey<C>, InvalidMessage> {
    on_curve(read_key(key_blob, C::CURVE.key_type(), |reader| C::CURVE.read_point(reader))?)
}

/// The key, when its point is on the curve; the curves have no points of small order.
pub(super) fn on_curve<C: NistCurve>(point: &[u8]) -> Result<VerifyingKey<C>, InvalidMessage> {
    VerifyingKey::from_sec1_bytes(point).map_err(|_| InvalidMessage::new("ecdsa Q", Problem::BadValue))
}

/// RFC 5656 §3.1.2:
///
/// ```text
/// mpint r · mpint s
/// ```
/// Both numbers are below the order of the group and not zero, each in its one form. That `r`, `n - s` is a signature of
/// the same message is in the nature of ECDSA.
pub(super) fn verify<C: NistCurve>(
    key: &VerifyingKey<C>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    let mut reader = Reader::new(signature);
    let (r, s) = (reader.mpint("r"), reader.mpint("s"));
    let (Ok(r), Ok(s), true) = (r, s, reader.is_empty()) else { return Err(BadSignature) };
    let signature = Signature::<C>::from_scalars(number::<C>(r)?, number::<C>(s)?).map_err(|_| BadSignature)?;
    key.verify(message, &signature).map_err(|_| BadSignature)
}

/// A number in as many bytes as the group's order has.
fn number<C: NistCurve>(number: Mpint<'_>) -> Result<FieldBytes<C>, BadSignature> {
    let mut bytes = FieldBytes::<C>::default();
    let zeros = bytes.len().checked_sub(number.magnitude().len()).ok_or(BadSignature)?;
    for (to, from) in bytes.iter_mut().skip(zeros).zip(number.magnitude()) {
        *to = *from;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use vectors::{Record, records};

    use super::*;
    use crate::wire::Put;

    fn verifier(record: &Record) -> (Curve, &'static dyn Verifier) {
        match record.text("curve") {
            "nistp256" => (Curve::Nistp256, &NISTP256),
            "nistp384" => (Curve::Nistp384, &NISTP384),
            _ => (Curve::Nistp521, &NISTP521),
        }
    }

    fn blob(curve: Curve, point: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        for field in [curve.key_type().as_bytes(), curve.name().as_bytes(), point] {
            blob.put_string(field);
        }
        blob
    }

    fn signature(r: &[u8], s: &[u8]) -> Vec<u8> {
        let mut signature = Vec::new();
        signature.put_mpint(r);
        signature.put_mpint(s);
        signature
    }

    fn verify(record: &Record, signature: &[u8]) -> Result<(), BadSignature> {
        let (curve, verifier) = verifier(record);
        verifier.verify(&blob(curve, &record.hex("point")), &record.hex("message"), signature)
    }

    /// One good signature on each curve.
    fn good() -> Vec<Record> {
        let mut records = records("crypto/ecdsa.txt");
        records.retain(|record| record.text("good") == "yes");
        records.dedup_by(|a, b| a.text("curve") == b.text("curve"));
        records
    }

    #[test]
    fn known_answers() {
        for record in records("crypto/ecdsa.txt") {
            let (curve, verifier) = verifier(&record);
            assert_eq!(verifier.check_key(&blob(curve, &record.hex("point"))), Ok(()));
            let expected = if record.text("good") == "yes" { Ok(()) } else { Err(BadSignature) };
            let verdict = verify(&record, &signature(&record.hex("r"), &record.hex("s")));
            assert_eq!(verdict, expected, "{curve:?} {}", record.text("message"));
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        for record in good() {
            let good = signature(&record.hex("r"), &record.hex("s"));
            assert_eq!(verify(&record, &good), Ok(()));
            for bit in 0..good.len() * 8 {
                let mut changed = good.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(verify(&record, &changed), Err(BadSignature), "bit {bit}");
            }
            for end in 0..good.len() {
                assert_eq!(verify(&record, &good[..end]), Err(BadSignature), "cut at {end}");
            }
            assert_eq!(verify(&record, &[&good[..], &[0]].concat()), Err(BadSignature));
        }
    }

    /// Each number has one form, and is between 1 and the order of the group.
    #[test]
    fn rfc5656_s3_1_2_numbers_out_of_range_are_refused() {
        const ORDERS: [(&str, &str); 3] = [
            ("nistp256", "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
            (
                "nistp384",
                "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
            ),
            (
                "nistp521",
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa\
                 51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
            ),
        ];
        for record in good() {
            let (_, order) = ORDERS.into_iter().find(|(curve, _)| *curve == record.text("curve")).unwrap();
            let (r, s, order) = (record.hex("r"), record.hex("s"), vectors::hex(order));
            let mut above = vec![1];
            above.resize(r.len() + 1, 0);
            for wrong in [&[][..], &[0], &order, &above, &[0x7f; 100]] {
                assert_eq!(verify(&record, &signature(wrong, &s)), Err(BadSignature));
                assert_eq!(verify(&record, &signature(&r, wrong)), Err(BadSignature));
            }
            // s plus the order is the same number to who does not look.
            let mut sum = vec![0; s.len() + 1];
            let mut carry = 0;
            for at in (0..s.len()).rev() {
                let digit = u16::from(s[at]) + u16::from(order[at]) + carry;
                [carry, sum[at + 1]] = [digit >> 8, digit & 0xff];
            }
            sum[0] = carry;
            let sum: Vec<u8> = sum.into_iter().map(|digit| u8::try_from(digit).unwrap()).collect();
            assert_eq!(verify(&record, &signature(&r, &sum)), Err(BadSignature));
            let mut padded = Vec::new();
            padded.put_string(&[&[0, 0], &r[..]].concat());
            padded.put_mpint(&s);
            assert_eq!(verify(&record, &padded), Err(BadSignature));
        }
    }

    #[test]
    fn a_key_is_of_one_curve_and_read_whole() {
        for record in good() {
            let ((curve, verifier), point) = (verifier(&record), record.hex("point"));
            let key = blob(curve, &point);
            for end in 0..key.len() {
                assert!(verifier.check_key(&key[..end]).is_err(), "cut at {end}");
            }
            let longer = [&key[..], &[0]].concat();
            assert_eq!(verifier.check_key(&longer), Err(InvalidMessage::new("public key", Problem::TrailingBytes)));
            for other in Curve::ALL.into_iter().filter(|other| *other != curve) {
                let mismatch = |field| Err(InvalidMessage::new(field, Problem::Mismatch));
                assert_eq!(verifier.check_key(&blob(other, &point)), mismatch("key type"));
                let mut key = Vec::new();
                for field in [curve.key_type().as_bytes(), other.name().as_bytes(), &point] {
                    key.put_string(field);
                }
                assert_eq!(verifier.check_key(&key), mismatch("curve identifier"));
            }
        }
    }

    /// Invalid-curve points, the point at infinity, compressed and hybrid points.
    #[test]
    fn rfc5656_s3_1_only_uncompressed_points_on_the_curve_are_keys() {
        for record in good() {
            let ((curve, verifier), point) = (verifier(&record), record.hex("point"));
            let wrong = |point: &[u8], problem| {
                let error = InvalidMessage::new("ecdsa Q", problem);
                assert_eq!(verifier.check_key(&blob(curve, point)), Err(error));
                let signature = signature(&record.hex("r"), &record.hex("s"));
                let verdict = verifier.verify(&blob(curve, point), &record.hex("message"), &signature);
                assert_eq!(verdict, Err(BadSignature));
            };
            let mut off = point.clone();
            *off.last_mut().unwrap() ^= 1;
            wrong(&off, Problem::BadValue);
            wrong(&[&[4][..], &vec![0; point.len() - 1]].concat(), Problem::BadValue);
            wrong(&[&[4][..], &vec![0xff; point.len() - 1]].concat(), Problem::BadValue);
            wrong(&[0], Problem::BadValue);
            wrong(&[], Problem::BadLength);
            wrong(&[&[2 + point.last().unwrap() % 2], &point[1..=point.len() / 2]].concat(), Problem::BadValue);
            wrong(&[&[6 + point.last().unwrap() % 2], &point[1..]].concat(), Problem::BadValue);
            wrong(&point[..point.len() - 1], Problem::BadLength);
            wrong(&[&point[..], &[0]].concat(), Problem::BadLength);
        }
    }
}
