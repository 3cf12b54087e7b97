//! Small polynomials at random.

use rand_core::CryptoRng;
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use super::ring::{P, Small};

/// w: how many coefficients of a short polynomial are not 0.
pub(super) const WEIGHT: usize = 286;

/// Every coefficient by itself is -1, 0 or 1.
pub(super) fn small(rng: &mut dyn CryptoRng) -> Small {
    Small(words(rng).map(|word| (((word & 0x3fff_ffff) * 3) >> 30) as i8 - 1))
}

/// [`WEIGHT`] coefficients of 1 or -1, shuffled among zeros: they are the two low bits of random numbers that are sorted.
pub(super) fn short(rng: &mut dyn CryptoRng) -> Small {
    let mut words = words(rng);
    for (index, word) in words.iter_mut().enumerate() {
        *word = if index < WEIGHT { *word & !0b01 } else { *word & !0b10 | 0b01 };
    }
    sort(&mut *words);
    Small(words.map(|word| (word & 0b11) as i8 - 1))
}

fn words(rng: &mut dyn CryptoRng) -> Zeroizing<[u32; P]> {
    let mut bytes = Zeroizing::new([0; 4 * P]);
    rng.fill_bytes(&mut *bytes);
    let mut words = Zeroizing::new([0; P]);
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}

/// Batcher's merge exchange (Knuth, The Art of Computer Programming 3, §5.2.2, algorithm M): which numbers are compared
/// does not depend on them.
#[expect(clippy::indexing_slicing, reason = "index < length - distance")]
fn sort(numbers: &mut [u32]) {
    let length = numbers.len();
    let top = length.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut distance) = (top, 0, p);
        loop {
            for index in (0..length - distance).filter(|index| index & p == r) {
                let (mut low, mut high) = (numbers[index], numbers[index + distance]);
                order(&mut low, &mut high);
                (numbers[index], numbers[index + distance]) = (low, high);
            }
            if q == p {
                break;
            }
            (distance, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
}

fn order(low: &mut u32, high: &mut u32) {
    let borrow = u64::from(*high).wrapping_sub(u64::from(*low)) >> 63;
    u32::conditional_swap(low, high, Choice::from(borrow as u8));
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn sorted_numbers() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for length in (0..70).chain([255, 256, 257, 760, P]) {
            for mask in [u32::MAX, 0b111] {
                let mut numbers: alloc::vec::Vec<u32> = (0..length).map(|_| rng.next_u32() & mask).collect();
                let mut expected = numbers.clone();
                expected.sort_unstable();
                sort(&mut numbers);
                assert_eq!(numbers, expected);
            }
        }
        let mut extremes = [u32::MAX, 0, 1 << 31, (1 << 31) - 1, u32::MAX, 0];
        sort(&mut extremes);
        assert!(extremes.is_sorted());
    }

    #[test]
    fn short_polynomials_have_their_weight_and_every_coefficient_takes_every_value() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (mut seen_short, mut seen_small) = ([0_u8; P], [0_u8; P]);
        for _ in 0..40 {
            let short = short(&mut rng);
            assert_eq!(usize::from(short.weight()), WEIGHT);
            for (seen, polynomial) in [(&mut seen_short, short), (&mut seen_small, small(&mut rng))] {
                for (seen, coefficient) in seen.iter_mut().zip(polynomial.0) {
                    *seen |= 1 << (coefficient + 1);
                }
            }
        }
        assert!(seen_short.iter().chain(&seen_small).all(|&seen| seen == 0b111));
    }
}
