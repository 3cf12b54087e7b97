//! Polynomials modulo x^p - x - 1, the lowest coefficient first.

use zeroize::{Zeroize, Zeroizing};

use super::field::{modulo_3, modulo_q};

/// p, the number of coefficients.
pub(super) const P: usize = 761;

/// Coefficients modulo q.
pub(super) struct Rq(pub(super) [i16; P]);

/// Coefficients of -1, 0 and 1: small numbers, or numbers modulo 3.
pub(super) struct Small(pub(super) [i8; P]);

impl Rq {
    /// The product.
    pub(super) fn times(&self, other: &Small) -> Self {
        Self(product(&self.0, other).map(modulo_q))
    }

    /// Each coefficient times `factor`, for |factor| < 2^13.
    pub(super) fn scaled(&self, factor: i16) -> Self {
        Self(self.0.map(|coefficient| modulo_q(i32::from(coefficient) * i32::from(factor))))
    }

    /// Each coefficient rounded to a multiple of 3.
    pub(super) fn rounded(&self) -> Self {
        Self(self.0.map(|coefficient| coefficient - i16::from(modulo_3(coefficient.into()))))
    }

    /// Each coefficient modulo 3.
    pub(super) fn modulo_3(&self) -> Small {
        Small(self.0.map(|coefficient| modulo_3(coefficient.into())))
    }
}

impl Small {
    /// The product modulo 3.
    pub(super) fn times(&self, other: &Self) -> Self {
        Self(product(&self.0.map(i16::from), other).map(modulo_3))
    }

    /// How many coefficients are not 0.
    pub(super) fn weight(&self) -> u16 {
        self.0.iter().map(|&coefficient| u16::from(coefficient as u8 & 1)).sum()
    }
}

impl Drop for Rq {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The product with integer coefficients: of numbers up to q/2 they stay below 2^23, since x^p = x + 1 adds up no more
/// than three sums of p products.
#[expect(clippy::indexing_slicing, reason = "every index is below 2p-1, the number of sums")]
fn product(a: &[i16; P], b: &Small) -> Zeroizing<[i32; P]> {
    let mut sums = Zeroizing::new([0_i32; 2 * P - 1]);
    for (start, &factor) in b.0.iter().enumerate() {
        for (sum, &coefficient) in sums[start..start + P].iter_mut().zip(a) {
            *sum += i32::from(factor) * i32::from(coefficient);
        }
    }
    for power in (P..sums.len()).rev() {
        let sum = sums[power];
        sums[power - P] += sum;
        sums[power - P + 1] += sum;
    }
    let mut product = Zeroizing::new([0; P]);
    product.copy_from_slice(&sums[..P]);
    product
}
