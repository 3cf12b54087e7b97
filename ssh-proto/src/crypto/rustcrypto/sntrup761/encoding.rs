//! Sequences of numbers below a modulus as bytes, close to the least number of them (NTRU Prime, round 3, §3.2 to §3.4
//! "Encode" and "Decode").
//!
//! Two neighbours become one number below the product of their moduli. Its low bytes go out as long as the modulus is
//! 2^14 or more; what remains forms a sequence of half the length, until there is one number. What is encoded may be
//! secret, what is decoded never is: the peer sent it.

use alloc::vec::Vec;

use super::field::Q;
use super::ring::{P, Rq, Small};

/// Bytes of a polynomial modulo q: a public key.
pub(super) const RQ_LENGTH: usize = 1158;
/// Bytes of one that is rounded to multiples of 3: most of a ciphertext.
pub(super) const ROUNDED_LENGTH: usize = 1007;
/// Bytes of a small one.
pub(super) const SMALL_LENGTH: usize = P.div_ceil(4);

const HALF_Q: i16 = Q / 2;
/// How many multiples of 3 there are.
const MULTIPLES: u32 = HALF_Q as u32 * 2 / 3 + 1;

impl Rq {
    /// Appends the [`RQ_LENGTH`] bytes.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        encode(self.0.map(|coefficient| (coefficient + HALF_Q) as u16), Q as u32, out);
    }

    /// The first of `bytes`: any [`RQ_LENGTH`] are a polynomial.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        Self(decode(bytes, Q as u32).map(|number| number as i16 - HALF_Q))
    }

    /// Appends the [`ROUNDED_LENGTH`] bytes of a polynomial whose coefficients are multiples of 3.
    pub(super) fn encode_rounded(&self, out: &mut Vec<u8>) {
        // A third, exactly: 10923 is 1/3 more than 2^15 / 3, which adds less than 1/3 for numbers below q.
        let third = |coefficient: i16| (((coefficient + HALF_Q) as u32 * 10923) >> 15) as u16;
        encode(self.0.map(third), MULTIPLES, out);
    }

    /// The reverse.
    pub(super) fn decode_rounded(bytes: &[u8]) -> Self {
        Self(decode(bytes, MULTIPLES).map(|number| number as i16 * 3 - HALF_Q))
    }
}

impl Small {
    /// Four coefficients a byte.
    pub(super) fn encode(&self) -> [u8; SMALL_LENGTH] {
        let mut bytes = [0; SMALL_LENGTH];
        for (byte, coefficients) in bytes.iter_mut().zip(self.0.chunks(4)) {
            *byte = coefficients.iter().rev().fold(0, |byte, coefficient| byte << 2 | (coefficient + 1) as u8);
        }
        bytes
    }
}

/// A sequence of which all numbers but the last have the same modulus.
#[derive(Clone, Copy)]
struct Sequence {
    length: usize,
    modulus: u32,
    last: u32,
}

impl Sequence {
    /// The sequence of pairs, without their low bytes.
    const fn pairs(self) -> Self {
        let last = if self.length.is_multiple_of(2) { split(self.modulus * self.last).0 } else { self.last };
        Self { length: self.length.div_ceil(2), modulus: split(self.modulus * self.modulus).0, last }
    }

    /// The modulus of the second number of a pair.
    const fn second(self, pair: usize) -> u32 {
        if 2 * pair + 2 == self.length { self.last } else { self.modulus }
    }

    /// How many low bytes a pair has.
    const fn low_bytes(self, pair: usize) -> u32 {
        split(self.modulus * self.second(pair)).1
    }
}

/// What remains of a modulus without low bytes, and how many those are.
const fn split(mut modulus: u32) -> (u32, u32) {
    let mut bytes = 0;
    while modulus >= 1 << 14 {
        modulus = modulus.div_ceil(256);
        bytes += 1;
    }
    (modulus, bytes)
}

/// How many bytes the last number of all has.
const fn last_bytes(modulus: u32) -> u32 {
    (u32::BITS - (modulus - 1).leading_zeros()).div_ceil(8)
}

#[expect(clippy::indexing_slicing, reason = "pairs of a sequence of at most p numbers")]
fn encode(mut numbers: [u16; P], modulus: u32, out: &mut Vec<u8>) {
    let put = |mut number: u32, bytes: u32, out: &mut Vec<u8>| {
        for _ in 0..bytes {
            out.push(number as u8);
            number >>= 8;
        }
        number as u16
    };
    let mut sequence = Sequence { length: P, modulus, last: modulus };
    while sequence.length > 1 {
        for pair in 0..sequence.length / 2 {
            let number = u32::from(numbers[2 * pair]) + u32::from(numbers[2 * pair + 1]) * sequence.modulus;
            numbers[pair] = put(number, sequence.low_bytes(pair), out);
        }
        if sequence.length % 2 == 1 {
            numbers[sequence.length / 2] = numbers[sequence.length - 1];
        }
        sequence = sequence.pairs();
    }
    put(numbers[0].into(), last_bytes(sequence.last), out);
    zeroize::Zeroize::zeroize(&mut numbers);
}

#[expect(clippy::indexing_slicing, reason = "pairs of a sequence of at most p numbers")]
fn decode(bytes: &[u8], modulus: u32) -> [u16; P] {
    let mut rest = bytes.iter().rev();
    let mut take = |number: u32, bytes: u32| {
        rest.by_ref().take(bytes as usize).fold(number, |number, &byte| number << 8 | u32::from(byte))
    };
    let mut sequences = Vec::new();
    let mut sequence = Sequence { length: P, modulus, last: modulus };
    while sequence.length > 1 {
        sequences.push(sequence);
        sequence = sequence.pairs();
    }
    let mut numbers = [0; P];
    // Nobody who encodes makes a remainder necessary.
    numbers[0] = (take(0, last_bytes(sequence.last)) % sequence.last) as u16;
    for sequence in sequences.into_iter().rev() {
        if sequence.length % 2 == 1 {
            numbers[sequence.length - 1] = numbers[sequence.length / 2];
        }
        for pair in (0..sequence.length / 2).rev() {
            let number = take(numbers[pair].into(), sequence.low_bytes(pair));
            numbers[2 * pair] = (number % sequence.modulus) as u16;
            numbers[2 * pair + 1] = (number / sequence.modulus % sequence.second(pair)) as u16;
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i32
        };
        for _ in 0..20 {
            let any = Rq([0; P].map(|_: i16| (random() % i32::from(Q)) as i16 - HALF_Q));
            for (edge, length) in [(&any, RQ_LENGTH), (&Rq([-HALF_Q; P]), RQ_LENGTH), (&Rq([HALF_Q; P]), RQ_LENGTH)] {
                let mut bytes = Vec::new();
                edge.encode(&mut bytes);
                assert_eq!((bytes.len(), Rq::decode(&bytes).0), (length, edge.0));
                let rounded = edge.rounded();
                let mut bytes = Vec::new();
                rounded.encode_rounded(&mut bytes);
                assert_eq!((bytes.len(), Rq::decode_rounded(&bytes).0), (ROUNDED_LENGTH, rounded.0));
            }
        }
    }

    #[test]
    fn any_bytes_are_a_polynomial() {
        for byte in 0..=255 {
            let coefficients =
                [Rq::decode(&alloc::vec![byte; RQ_LENGTH]).0, Rq::decode_rounded(&alloc::vec![byte; ROUNDED_LENGTH]).0];
            assert!(coefficients.iter().flatten().all(|coefficient| coefficient.abs() <= HALF_Q));
        }
    }
}
