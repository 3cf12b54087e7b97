use subtle::{ConditionallySelectable, ConstantTimeGreater, ConstantTimeLess};
use zeroize::Zeroize;

/// p64 = 2^64 - 59.
const P64: u64 = 0_u64.wrapping_sub(P64_OFFSET);
const P64_OFFSET: u64 = 59;
/// Words from here on stand for themselves in two steps: 2^64 - 2^32.
const ESCAPED: u64 = 0_u64.wrapping_sub(1 << 32);
/// p36 = 2^36 - 5.
const P36: u64 = (1 << 36) - P36_OFFSET;
const P36_OFFSET: u64 = 5;

/// L2: "a polynomial-based hash" over p64 ([RFC 4418 §5.3](https://www.rfc-editor.org/rfc/rfc4418#section-5.3)).
#[derive(Clone, Copy)]
pub(super) struct Polynomial {
    /// Where the polynomial is evaluated.
    point: u64,
}

impl Polynomial {
    pub(super) const NONE: Self = Self { point: 0 };

    /// From the key of one hash; its other sixteen bytes are for messages beyond 2^24 bytes.
    pub(super) fn new(key: &[u8; 24]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *key;
        Self { point: u64::from_be_bytes([a, b, c, d, e, f, g, h]) & 0x01ff_ffff_01ff_ffff }
    }

    /// One step of Horner's rule. Coefficients that are no residues go in as two: a marker, and themselves less the
    /// offset. Both ways are gone, and one is taken.
    pub(super) fn step(self, value: u64, coefficient: u64) -> u64 {
        let plain = self.multiply_add(value, coefficient);
        let escaped = self.multiply_add(self.multiply_add(value, P64 - 1), coefficient.wrapping_sub(P64_OFFSET));
        u64::conditional_select(&escaped, &plain, coefficient.ct_lt(&ESCAPED))
    }

    /// `point * value + summand` modulo p64.
    fn multiply_add(self, value: u64, summand: u64) -> u64 {
        // The point is below 2^57: the high half is below 2^57 too, and 59 times that below 2^63.
        let product = u128::from(self.point).wrapping_mul(u128::from(value)).wrapping_add(u128::from(summand));
        let folded = fold(product);
        let [_, residue] = halves(fold(folded));
        u64::conditional_select(&residue, &residue.wrapping_sub(P64), !residue.ct_lt(&P64))
    }

    pub(super) fn zeroize(&mut self) {
        self.point.zeroize();
    }
}

/// The same modulo p64: 2^64 is 59.
fn fold(number: u128) -> u128 {
    let [high, low] = halves(number);
    u128::from(high).wrapping_mul(u128::from(P64_OFFSET)).wrapping_add(u128::from(low))
}

#[expect(clippy::cast_possible_truncation, reason = "the halves")]
const fn halves(number: u128) -> [u64; 2] {
    [(number >> 64) as u64, number as u64]
}

/// L3: "an inner-product hash" over p36 ([RFC 4418 §5.4](https://www.rfc-editor.org/rfc/rfc4418#section-5.4)).
#[derive(Clone, Copy)]
pub(super) struct InnerProduct {
    /// For the four words of 16 bits that can be other than zero: L2 makes eight bytes, behind eight that are zero.
    factors: [u64; 4],
    mask: u32,
}

impl InnerProduct {
    pub(super) const NONE: Self = Self { factors: [0; 4], mask: 0 };

    pub(super) fn new(key: &[u8; 64], mask: [u8; 4]) -> Self {
        let mut factors = [0; 4];
        for (to, from) in factors.iter_mut().zip(key.as_chunks().0.iter().skip(4)) {
            *to = modulo_p36(u64::from_be_bytes(*from));
        }
        Self { factors, mask: u32::from_be_bytes(mask) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "\"return Y mod 2^32\"")]
    pub(super) fn of(&self, value: u64) -> u32 {
        let sum = (0..4).rev().zip(self.factors).fold(0_u64, |sum, (word, factor)| {
            // Four products of 16 and 36 bits stay below 2^54.
            sum.wrapping_add((value >> (16 * word) & 0xffff).wrapping_mul(factor))
        });
        modulo_p36(sum) as u32 ^ self.mask
    }

    pub(super) fn zeroize(&mut self) {
        self.factors.zeroize();
        self.mask.zeroize();
    }
}

/// Without a division, whose time would tell something: 2^36 is 5.
fn modulo_p36(number: u64) -> u64 {
    let fold = |number: u64| (number >> 36).wrapping_mul(P36_OFFSET).wrapping_add(number & ((1 << 36) - 1));
    let folded = fold(fold(number));
    u64::conditional_select(&folded.wrapping_sub(P36), &folded, P36.ct_gt(&folded))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the folded numbers need all their care.
    #[test]
    fn arithmetic_is_that_of_the_residues() {
        let borders =
            [0, 1, 4, 5, 58, 59, P36 - 1, P36, P36 + 1, (1 << 36) - 1, 1 << 36, P64 - 1, P64, P64 + 1, u64::MAX];
        for number in borders.into_iter().chain((0..64).map(|bit| u64::MAX >> bit)) {
            assert_eq!(modulo_p36(number), number % P36, "{number}");
        }
        for point in [0, 1, 0x01ff_ffff_01ff_ffff, 0x0123_4567_0012_3456] {
            for value in borders.map(|value| value % P64) {
                for summand in borders {
                    let expected = (u128::from(point) * u128::from(value) + u128::from(summand)) % u128::from(P64);
                    assert_eq!(u128::from(Polynomial { point }.multiply_add(value, summand)), expected);
                }
            }
        }
    }

    #[test]
    fn rfc4418_s5_3_1_words_that_are_no_residues_go_in_as_two() {
        let polynomial = Polynomial { point: 3 };
        for word in [ESCAPED, P64 - 1, P64, u64::MAX] {
            let marked = (3 * 2 + u128::from(P64) - 1) % u128::from(P64);
            let expected = (3 * marked + u128::from(word - P64_OFFSET)) % u128::from(P64);
            assert_eq!(u128::from(polynomial.step(2, word)), expected);
        }
        assert_eq!(polynomial.step(2, ESCAPED - 1), ESCAPED + 5 - P64 * u64::from(ESCAPED + 5 >= P64));
    }
}
