use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use p256::elliptic_curve::bigint::BitOps as _;
use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use p256::elliptic_curve::{AffinePoint, Curve, CurveArithmetic, FieldBytes, FieldBytesSize, PublicKey, SecretKey};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::{BadPublicValue, Initiated, KeyAgreement, Responded, SharedSecret};

/// `ecdh-sha2-nistp256`.
pub(super) static P256: Ecdh<p256::NistP256> = Ecdh(PhantomData);
/// `ecdh-sha2-nistp384`.
pub(super) static P384: Ecdh<p384::NistP384> = Ecdh(PhantomData);
/// `ecdh-sha2-nistp521`.
pub(super) static P521: Ecdh<p521::NistP521> = Ecdh(PhantomData);

/// Diffie-Hellman on a curve of NIST's ([RFC 5656 §4](https://www.rfc-editor.org/rfc/rfc5656#section-4)). Their cofactor
/// is 1: a point on the curve that is not infinity generates the whole group.
#[derive(Debug)]
pub(super) struct Ecdh<C>(PhantomData<C>);

impl<C> KeyAgreement for Ecdh<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn initiate(&self, rng: &mut dyn CryptoRng) -> Box<dyn Initiated> {
        Box::new(EphemeralKey::<C>::new(rng))
    }

    fn respond(&self, init: &[u8], rng: &mut dyn CryptoRng) -> Result<Responded, BadPublicValue> {
        // First, so that a bad value costs nothing.
        let init = validate(init)?;
        let key = EphemeralKey::<C>::new(rng);
        let secret = key.agree(&init);
        Ok(Responded::new(key.public, secret))
    }
}

struct EphemeralKey<C: Curve> {
    secret: SecretKey<C>,
    public: Vec<u8>,
}

impl<C> EphemeralKey<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn new(rng: &mut dyn CryptoRng) -> Self {
        let secret = draw::<C>(rng);
        let public = secret.public_key().to_sec1_point(false).as_bytes().to_vec();
        Self { secret, public }
    }

    fn agree(&self, peer: &PublicKey<C>) -> SharedSecret {
        let secret = self.secret.diffie_hellman(peer);
        SharedSecret::Mpint(Zeroizing::new(secret.raw_secret_bytes().to_vec()))
    }
}

impl<C> Initiated for EphemeralKey<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        Ok(self.agree(&validate(reply)?))
    }
}

impl<C: Curve> fmt::Debug for EphemeralKey<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey([redacted])")
    }
}

/// Draws until a number is below the order of the curve's group and not 0; one draw in two at least is. What was thrown
/// away says nothing about what was kept.
fn draw<C: CurveArithmetic>(rng: &mut dyn CryptoRng) -> SecretKey<C> {
    let mut bytes = FieldBytes::<C>::default();
    loop {
        rng.fill_bytes(&mut bytes);
        // The order of P-521 is 7 bits short of whole bytes.
        let surplus = 8 * bytes.len() as u32 - C::ORDER.bit_width_vartime();
        if let Some(highest) = bytes.first_mut() {
            *highest &= 0xff >> surplus;
        }
        if let Ok(key) = SecretKey::from_bytes(&bytes) {
            bytes.zeroize();
            return key;
        }
    }
}

/// RFC 5656 §4: "All elliptic curve public keys MUST be validated after they are received."
///
/// A point is uncompressed: "point compression MAY be used", but nobody does.
fn validate<C>(point: &[u8]) -> Result<PublicKey<C>, BadPublicValue>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    if point.first() != Some(&UNCOMPRESSED) {
        return Err(BadPublicValue);
    }
    PublicKey::from_sec1_bytes(point).map_err(|_| BadPublicValue)
}

/// SEC 1 §2.3.3: the byte before the two coordinates.
const UNCOMPRESSED: u8 = 4;

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use vectors::{Chosen, records};

    use super::*;
    use crate::crypto::rustcrypto::tests::number;

    const ALL: [(&str, &dyn KeyAgreement); 3] =
        [("ecdh-sha2-nistp256", &P256), ("ecdh-sha2-nistp384", &P384), ("ecdh-sha2-nistp521", &P521)];

    #[test]
    fn known_answers() {
        let mut seen = [0; 3];
        for record in records("crypto/ecdh.txt") {
            let index = ALL.iter().position(|(name, _)| *name == record.text("name")).unwrap();
            let method = ALL[index].1;
            let initiated = method.initiate(&mut Chosen(record.hex("random")));
            assert_eq!(initiated.public(), record.hex("public"));
            assert_eq!(number(&initiated.finish(&record.hex("peer")).unwrap()), record.hex("secret"));
            let responded = method.respond(&record.hex("peer"), &mut Chosen(record.hex("random"))).unwrap();
            assert_eq!(responded.public, record.hex("public"));
            assert_eq!(number(&responded.secret), record.hex("secret"));
            seen[index] += 1;
        }
        assert_eq!(seen, [4; 3]);
    }

    #[test]
    fn rfc5656_s4_what_is_no_uncompressed_point_of_the_curve_is_refused() {
        for record in records("crypto/ecdh.txt") {
            let (_, method) = ALL.into_iter().find(|(name, _)| *name == record.text("name")).unwrap();
            let good = record.hex("peer");
            let size = good.len() / 2;
            let (x, y) = good[1..].split_at(size);
            let changed = |index: usize| {
                let mut point = good.clone();
                point[index] ^= 1;
                point
            };
            let tagged = |tag: u8, rest: &[u8]| [&[tag], rest].concat();
            let compressed = tagged(2 + (y[size - 1] & 1), x);
            let hybrid = tagged(6 + (y[size - 1] & 1), &good[1..]);
            let bad: [Vec<u8>; 13] = [
                Vec::new(),
                alloc::vec![0],
                alloc::vec![4],
                // Infinity in the clothes of a point.
                tagged(4, &alloc::vec![0; 2 * size]),
                // Beyond the field.
                tagged(4, &alloc::vec![0xff; 2 * size]),
                changed(1 + size / 2),
                changed(2 * size),
                compressed,
                hybrid,
                tagged(0, &good[1..]),
                tagged(5, x),
                good[..2 * size].to_vec(),
                [&good[..], &[0]].concat(),
            ];
            for point in bad {
                let refused = (Some(BadPublicValue), Some(BadPublicValue));
                assert_eq!(refusals(method, &point), refused, "{point:02x?}");
            }
            assert_eq!(refusals(method, &good), (None, None));
        }
    }

    #[test]
    fn a_draw_that_is_zero_or_not_below_the_order_is_not_used() {
        for record in records("crypto/ecdh.txt") {
            let (_, method) = ALL.into_iter().find(|(name, _)| *name == record.text("name")).unwrap();
            let good = record.hex("random");
            let length = good.len();
            let draws = [alloc::vec![0; length], alloc::vec![0xff; length], good].concat();
            assert_eq!(method.initiate(&mut Chosen(draws)).public(), record.hex("public"));
        }
    }

    /// What client and server say to a point.
    fn refusals(method: &dyn KeyAgreement, point: &[u8]) -> (Option<BadPublicValue>, Option<BadPublicValue>) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        (method.initiate(&mut rng).finish(point).err(), method.respond(point, &mut rng).err())
    }
}
