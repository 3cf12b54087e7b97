//! Integers modulo q and modulo 3, each by its representative nearest 0. No division: its time may depend on what is
//! divided.

/// q, a prime.
pub(super) const Q: i16 = 4591;

/// `value` modulo q, for |value| < 2^25.
///
/// The rounded value * (1/q) is exact: the constant is off by less than 2^-41, which moves the quotient by less than
/// 2^-16, and a quotient by an odd number is at least 1/2q away from where rounding turns.
pub(super) fn modulo_q(value: i32) -> i16 {
    const INVERSE: i64 = ((1 << 40) + Q as i64 / 2) / Q as i64;
    let quotient = (i64::from(value) * INVERSE + (1 << 39)) >> 40;
    (value - quotient as i32 * i32::from(Q)) as i16
}

/// `value` modulo 3, for |value| < 2^13, by the same argument.
pub(super) fn modulo_3(value: i32) -> i8 {
    const INVERSE: i32 = (1 << 16) / 3;
    let quotient = (value * INVERSE + (1 << 15)) >> 16;
    (value - quotient * 3) as i8
}

/// a * b / 2^16 modulo q, below q for |a * b| < 2^15 q (Montgomery).
pub(super) fn scaled_product(a: i16, b: i16) -> i16 {
    let product = i32::from(a) * i32::from(b);
    let multiple = i32::from((product as i16).wrapping_mul(Q_INVERSE)) * i32::from(Q);
    // The lower halves are the same.
    (product >> 16) as i16 - (multiple >> 16) as i16
}

/// 1/q modulo 2^16.
const Q_INVERSE: i16 = 15631;

/// 1/value modulo q, and 0 of 0: value^(q-2) (Fermat).
pub(super) fn inverse_modulo_q(value: i16) -> i16 {
    let value = i32::from(value);
    let mut power = 1;
    for bit in (0..i16::BITS).rev() {
        power = i32::from(modulo_q(power * power));
        if (Q - 2) >> bit & 1 == 1 {
            power = i32::from(modulo_q(power * value));
        }
    }
    power as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn representatives_are_the_nearest_to_0() {
        let q = i32::from(Q);
        // Every residue, near 0 and at both ends.
        for start in [-(1 << 25) + 1, -q, (1 << 25) - 2 * q] {
            for value in start..start + 2 * q {
                let found = i32::from(modulo_q(value));
                assert!((-(q / 2)..=q / 2).contains(&found) && (value - found) % q == 0, "{value}: {found}");
            }
        }
        for value in -(1 << 13) + 1..1 << 13 {
            let found = i32::from(modulo_3(value));
            assert!((-1..=1).contains(&found) && (value - found) % 3 == 0, "{value}: {found}");
        }
    }

    #[test]
    fn products_are_scaled_by_2_to_the_16() {
        let q = i64::from(Q);
        for a in (-9182..=9182).step_by(97) {
            for b in (-9182..=9182).step_by(101) {
                let found = scaled_product(a, b);
                assert!(found.abs() < Q, "{a} * {b}: {found}");
                assert_eq!((i64::from(found) * (1 << 16) - i64::from(a) * i64::from(b)) % q, 0, "{a} * {b}: {found}");
            }
        }
    }

    #[test]
    fn inverses() {
        for value in -(Q / 2)..=Q / 2 {
            let product = modulo_q(i32::from(value) * i32::from(inverse_modulo_q(value)));
            assert_eq!(product, i16::from(value != 0), "{value}");
        }
    }
}
