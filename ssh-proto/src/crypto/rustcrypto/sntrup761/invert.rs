//! Inverses of polynomials, by division steps: Euclid's algorithm in a number of steps that depends on nothing
//! (Bernstein and Yang, "Fast constant-time gcd computation and modular inversion", 2019, §5 to §7).
//!
//! f is x^p - x - 1 and g what is inverted, both reversed, so that f(0) is its leading coefficient. A step is
//!
//! ```text
//! (delta, f, g) -> (1 - delta, g, (g(0) f - f(0) g) / x)    if delta > 0 and g(0) is not 0
//!                  (1 + delta, f, (f(0) g - g(0) f) / x)    otherwise
//! ```
//!
//! and v and r keep count of how much of g is in f and g. After 2p - 1 steps f is a constant; where delta is then not 0,
//! there is no inverse.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroize;

use super::field::{inverse_modulo_q, modulo_q, scaled_product};
use super::ring::{P, Rq, Small};

const STEPS: usize = 2 * P - 1;

/// 1/(3a) modulo q. A short polynomial has an inverse always: x^p - x - 1 is irreducible modulo q.
pub(super) fn inverse_of_3_times(a: &Small) -> Rq {
    let Divided { f, v, .. } = divide::<Scaled>(a);
    let scale = i32::from(inverse_modulo_q(modulo_q(3 * i32::from(f.lowest()))));
    let mut inverse = Rq([0; P]);
    for (to, &from) in inverse.0.iter_mut().rev().zip(&v.0) {
        *to = modulo_q(scale * i32::from(from));
    }
    inverse
}

/// 1/a modulo 3, where there is one, which is no secret: x^p - x - 1 has factors modulo 3.
pub(super) fn inverse_modulo_3(a: &Small) -> Option<Small> {
    let Divided { f, v, exact } = divide::<Trits>(a);
    if !bool::from(exact) {
        return None;
    }
    let scale = f.lowest();
    let mut inverse = Small([0; P]);
    for (index, to) in inverse.0.iter_mut().rev().enumerate() {
        *to = scale.times(v.coefficient(index));
    }
    Some(inverse)
}

/// Polynomials of p + 1 coefficients, up to a factor that f and v, or g and r, have in common.
trait Polynomial {
    fn new(coefficients: impl Iterator<Item = i8>) -> Self;
    fn multiply_by_x(&mut self);
    fn divide_by_x(&mut self);
    fn starts_with_zero(&self) -> Choice;
    fn swap(&mut self, other: &mut Self, swap: Choice);
    /// f(0) g - g(0) f to g, and f(0) r - g(0) v to r.
    fn eliminate(f: &Self, g: &mut Self, v: &Self, r: &mut Self);
}

/// What the last step leaves.
struct Divided<T> {
    f: T,
    v: T,
    /// Whether f is a constant.
    exact: Choice,
}

fn divide<T: Polynomial>(a: &Small) -> Divided<T> {
    let (mut f, mut g) = (T::new(reversed_modulus().into_iter()), T::new(a.0.iter().rev().copied()));
    let (mut v, mut r) = (T::new([].into_iter()), T::new([1].into_iter()));
    let mut delta = 1_i16;
    for _ in 0..STEPS {
        v.multiply_by_x();
        let is_positive = Choice::from((delta.wrapping_neg() as u16 >> 15) as u8);
        let swap = is_positive & !g.starts_with_zero();
        f.swap(&mut g, swap);
        v.swap(&mut r, swap);
        T::eliminate(&f, &mut g, &v, &mut r);
        g.divide_by_x();
        delta = 1 + i16::conditional_select(&delta, &-delta, swap);
    }
    Divided { f, v, exact: delta.ct_eq(&0) }
}

/// x^p - x - 1, the highest coefficient first.
fn reversed_modulus() -> [i8; P + 1] {
    let mut f = [0; P + 1];
    f[0] = 1;
    f[P - 1] = -1;
    f[P] = -1;
    f
}

/// A polynomial modulo q. Each elimination divides g and r by 2^16, both alike.
///
/// Coefficients stay below 2q without being reduced: a scaled product of two such numbers is below
/// (4q^2 + 2^15 q) / 2^16 < 0.8 q, and a difference of two of them below 1.6 q.
struct Scaled([i16; P + 1]);

impl Scaled {
    const fn lowest(&self) -> i16 {
        self.0[0]
    }
}

impl Polynomial for Scaled {
    fn new(coefficients: impl Iterator<Item = i8>) -> Self {
        let mut polynomial = Self([0; P + 1]);
        for (to, from) in polynomial.0.iter_mut().zip(coefficients) {
            *to = from.into();
        }
        polynomial
    }

    fn multiply_by_x(&mut self) {
        self.0.copy_within(..P, 1);
        self.0[0] = 0;
    }

    fn divide_by_x(&mut self) {
        self.0.copy_within(1.., 0);
        self.0[P] = 0;
    }

    fn starts_with_zero(&self) -> Choice {
        modulo_q(self.lowest().into()).ct_eq(&0)
    }

    fn swap(&mut self, other: &mut Self, swap: Choice) {
        for (a, b) in self.0.iter_mut().zip(&mut other.0) {
            i16::conditional_swap(a, b, swap);
        }
    }

    fn eliminate(f: &Self, g: &mut Self, v: &Self, r: &mut Self) {
        let (f0, g0) = (f.lowest(), g.lowest());
        for (above, below) in [(f, g), (v, r)] {
            for (below, &above) in below.0.iter_mut().zip(&above.0) {
                *below = scaled_product(f0, *below) - scaled_product(g0, above);
            }
        }
    }
}

impl Drop for Scaled {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A polynomial modulo 3 with a bit of two words for each coefficient: whether it is 1, and whether it is -1. 64
/// coefficients are added at once.
struct Trits {
    plus: [u64; WORDS],
    minus: [u64; WORDS],
}

/// Words for p + 1 coefficients.
const WORDS: usize = P / 64 + 1;

impl Trits {
    fn coefficient(&self, index: usize) -> Trit {
        let bit = |words: &[u64; WORDS]| words.get(index / 64).map_or(0, |word| word >> (index % 64) & 1);
        Trit { plus: bit(&self.plus).wrapping_neg(), minus: bit(&self.minus).wrapping_neg() }
    }

    fn lowest(&self) -> Trit {
        self.coefficient(0)
    }

    fn add_multiple(&mut self, other: &Self, factor: Trit) {
        let ours = self.plus.iter_mut().zip(&mut self.minus);
        for ((plus, minus), (&other_plus, &other_minus)) in ours.zip(other.plus.iter().zip(&other.minus)) {
            let sum = Trit { plus: *plus, minus: *minus }.plus(factor.times_all(other_plus, other_minus));
            (*plus, *minus) = (sum.plus, sum.minus);
        }
    }
}

impl Polynomial for Trits {
    fn new(coefficients: impl Iterator<Item = i8>) -> Self {
        let mut trits = Self { plus: [0; WORDS], minus: [0; WORDS] };
        for (index, coefficient) in coefficients.enumerate() {
            let bits = (coefficient as u64 & 1, coefficient as u64 >> 63);
            if let (Some(plus), Some(minus)) = (trits.plus.get_mut(index / 64), trits.minus.get_mut(index / 64)) {
                *plus |= (bits.0 ^ bits.1) << (index % 64);
                *minus |= bits.1 << (index % 64);
            }
        }
        trits
    }

    fn multiply_by_x(&mut self) {
        for words in [&mut self.plus, &mut self.minus] {
            let mut carry = 0;
            for word in words {
                let next = *word >> 63;
                *word = *word << 1 | carry;
                carry = next;
            }
        }
    }

    fn divide_by_x(&mut self) {
        for words in [&mut self.plus, &mut self.minus] {
            let mut carry = 0;
            for word in words.iter_mut().rev() {
                let next = *word << 63;
                *word = *word >> 1 | carry;
                carry = next;
            }
        }
    }

    fn swap(&mut self, other: &mut Self, swap: Choice) {
        for (ours, theirs) in [(&mut self.plus, &mut other.plus), (&mut self.minus, &mut other.minus)] {
            for (a, b) in ours.iter_mut().zip(theirs) {
                u64::conditional_swap(a, b, swap);
            }
        }
    }

    fn starts_with_zero(&self) -> Choice {
        let lowest = self.lowest();
        (lowest.plus | lowest.minus).ct_eq(&0)
    }

    /// g - (g(0) f(0)) f: f(0) is its own inverse, and its sign another factor that g and r have in common.
    fn eliminate(f: &Self, g: &mut Self, v: &Self, r: &mut Self) {
        let factor = f.lowest().minus_product(g.lowest());
        g.add_multiple(f, factor);
        r.add_multiple(v, factor);
    }
}

impl Drop for Trits {
    fn drop(&mut self) {
        self.plus.zeroize();
        self.minus.zeroize();
    }
}

/// 64 numbers modulo 3, or one of them 64 times.
#[derive(Clone, Copy)]
struct Trit {
    plus: u64,
    minus: u64,
}

impl Trit {
    fn plus(self, other: Self) -> Self {
        let turned = (self.plus | other.minus) ^ (self.minus | other.plus);
        Self { plus: (self.minus | other.minus) ^ turned, minus: (self.plus | other.plus) ^ turned }
    }

    /// The product with the numbers that have these bits.
    fn times_all(self, plus: u64, minus: u64) -> Self {
        Self { plus: self.plus & plus | self.minus & minus, minus: self.plus & minus | self.minus & plus }
    }

    fn minus_product(self, other: Self) -> Self {
        self.times_all(other.minus, other.plus)
    }

    /// The product of the two lowest.
    fn times(self, other: Self) -> i8 {
        let product = self.times_all(other.plus, other.minus);
        (product.plus & 1) as i8 - (product.minus & 1) as i8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_products_modulo_3() {
        let trit = |value: i8| <Trits as Polynomial>::new([value].into_iter()).lowest();
        let value = |trit: Trit| (trit.plus & 1) as i8 - (trit.minus & 1) as i8;
        for a in -1..=1_i8 {
            for b in -1..=1_i8 {
                let sum = match a + b {
                    2 => -1,
                    -2 => 1,
                    sum => sum,
                };
                assert_eq!(value(trit(a).plus(trit(b))), sum, "{a} + {b}");
                assert_eq!(trit(a).times(trit(b)), a * b, "{a} * {b}");
                assert_eq!(value(trit(a).minus_product(trit(b))), -a * b, "-{a} * {b}");
            }
        }
    }

    /// Polynomials with much, little and nothing in them.
    fn smalls() -> impl Iterator<Item = Small> {
        (1..=12_u32).map(|step| {
            let mut small = Small([0; P]);
            for (index, coefficient) in (0_u32..).zip(&mut small.0) {
                let mixed = (index * step).wrapping_mul(2_654_435_761) >> 16;
                *coefficient = if mixed % 12 <= step { (mixed / 12 % 3) as i8 - 1 } else { 0 };
            }
            small.0[0] |= 1;
            small
        })
    }

    #[test]
    fn the_product_with_the_inverse_is_1() {
        let mut one = [0; P];
        one[0] = 1;
        let mut inverted = 0;
        for small in smalls() {
            assert_eq!(inverse_of_3_times(&small).times(&small).scaled(3).0, one);
            if let Some(inverse) = inverse_modulo_3(&small) {
                assert_eq!(inverse.times(&small).0, one.map(|coefficient| coefficient as i8));
                inverted += 1;
            }
        }
        assert!(inverted > 6, "{inverted}");
    }

    #[test]
    fn what_shares_a_factor_with_the_modulus_has_no_inverse_modulo_3() {
        assert!(inverse_modulo_3(&Small([0; P])).is_none());
    }
}
