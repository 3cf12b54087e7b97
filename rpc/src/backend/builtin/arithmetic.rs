//! Numbers: Erlang's operators over integers of any size and floats.

use num_bigint::{BigInt, Sign};

use super::{BADARG, BADARITH, Limits, SYSTEM_LIMIT};
use crate::backend::Functions;
use crate::call::Failure;
use crate::term::{Float, Integer, Term};

pub(super) fn register(functions: &mut Functions, limits: Limits) {
    functions
        .add("erlang", "+", move |a: Term, b: Term| limits.number(add(&a, &b)?))
        .add("erlang", "-", move |a: Term, b: Term| limits.number(subtract(&a, &b)?))
        .add("erlang", "*", move |a: Term, b: Term| limits.number(multiply(&a, &b, limits)?))
        .add("erlang", "/", |a: Term, b: Term| divide(&a, &b))
        .add("erlang", "div", |a: Term, b: Term| quotient(&a, &b))
        .add("erlang", "rem", |a: Term, b: Term| remainder(&a, &b))
        .add("erlang", "bsl", move |a: Term, b: Term| shift_left(&a, &b, limits))
        .add("erlang", "abs", |a: Term| absolute(&a));
}

impl Limits {
    /// The number, unless it is an integer beyond the limit.
    pub(super) fn number(&self, number: Term) -> Result<Term, Failure> {
        match &number {
            Term::Integer(integer) if integer.to_i64().is_none() => {
                self.check_bits(integer.to_bigint().bits())?;
                Ok(number)
            }
            _ => Ok(number),
        }
    }

    fn check_bits(&self, bits: u64) -> Result<(), Failure> {
        if bits.div_ceil(8) > self.max_integer_bytes as u64 { Err(SYSTEM_LIMIT) } else { Ok(()) }
    }
}

/// The float nearest to an integer, as Erlang computes it: digit by digit of 64 bits, from the most significant on. `None`
/// where no float is that large.
pub(in crate::backend) fn to_float(integer: &Integer) -> Option<f64> {
    const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;
    #[expect(clippy::cast_precision_loss, reason = "rounding is meant")]
    let float = match integer.to_i64() {
        Some(small) => small as f64,
        None => {
            let (sign, digits) = integer.to_bigint().to_u64_digits();
            let magnitude = digits.iter().rev().fold(0.0, |sum, digit| sum * TWO_TO_64 + *digit as f64);
            if sign == Sign::Minus { -magnitude } else { magnitude }
        }
    };
    float.is_finite().then_some(float)
}

/// `A + B`
pub(super) fn add(a: &Term, b: &Term) -> Result<Term, Failure> {
    combine(a, b, i64::checked_add, |a, b| a + b, |a, b| a + b)
}

fn subtract(a: &Term, b: &Term) -> Result<Term, Failure> {
    combine(a, b, i64::checked_sub, |a, b| a - b, |a, b| a - b)
}

fn multiply(a: &Term, b: &Term, limits: Limits) -> Result<Term, Failure> {
    if let (Term::Integer(a), Term::Integer(b)) = (a, b) {
        // A product has as many bits as its factors together, or one less.
        limits.check_bits((bits(a) + bits(b)).saturating_sub(1))?;
    }
    combine(a, b, i64::checked_mul, |a, b| a * b, |a, b| a * b)
}

fn divide(a: &Term, b: &Term) -> Result<Term, Failure> {
    let divisor = float(b)?;
    if divisor == 0.0 {
        return Err(BADARITH);
    }
    finite(float(a)? / divisor)
}

fn quotient(a: &Term, b: &Term) -> Result<Term, Failure> {
    whole(a, b, i64::checked_div, |a, b| a / b)
}

fn remainder(a: &Term, b: &Term) -> Result<Term, Failure> {
    whole(a, b, i64::checked_rem, |a, b| a % b)
}

fn shift_left(value: &Term, shift: &Term, limits: Limits) -> Result<Term, Failure> {
    let (Term::Integer(value), Term::Integer(shift)) = (value, shift) else { return Err(BADARITH) };
    let negative = *value < Integer::from(0);
    if *shift < Integer::from(0) {
        // To the right, towards minus infinity.
        let places = shift.to_i64().map_or(u64::MAX, i64::unsigned_abs);
        if places >= bits(value) {
            return Ok(Term::from(if negative { -1 } else { 0 }));
        }
        return Ok(Term::from(value.to_bigint() >> places));
    }
    if *value == Integer::from(0) {
        return Ok(Term::from(0));
    }
    let places = shift.to_u64().ok_or(SYSTEM_LIMIT)?;
    limits.check_bits(bits(value).saturating_add(places))?;
    Ok(Term::from(value.to_bigint() << places))
}

fn absolute(a: &Term) -> Result<Term, Failure> {
    match a {
        Term::Integer(integer) => Ok(match integer.to_i64().and_then(i64::checked_abs) {
            Some(small) => Term::from(small),
            None => Term::from(BigInt::from(integer.to_bigint().into_parts().1)),
        }),
        // The sign of a zero stays, as in Erlang.
        Term::Float(float) if float.get() < 0.0 => finite(-float.get()),
        Term::Float(_) => Ok(a.clone()),
        _ => Err(BADARG),
    }
}

/// An operator over integers when both are, and over floats otherwise.
fn combine(
    a: &Term,
    b: &Term,
    small: fn(i64, i64) -> Option<i64>,
    big: fn(BigInt, BigInt) -> BigInt,
    floats: fn(f64, f64) -> f64,
) -> Result<Term, Failure> {
    if let (Term::Integer(a), Term::Integer(b)) = (a, b) {
        let result = a.to_i64().zip(b.to_i64()).and_then(|(a, b)| small(a, b));
        return Ok(result.map_or_else(|| big(a.to_bigint(), b.to_bigint()).into(), Term::from));
    }
    finite(floats(float(a)?, float(b)?))
}

/// A division of integers.
fn whole(
    a: &Term,
    b: &Term,
    small: fn(i64, i64) -> Option<i64>,
    big: fn(BigInt, BigInt) -> BigInt,
) -> Result<Term, Failure> {
    let (Term::Integer(a), Term::Integer(b)) = (a, b) else { return Err(BADARITH) };
    if *b == Integer::from(0) {
        return Err(BADARITH);
    }
    let result = a.to_i64().zip(b.to_i64()).and_then(|(a, b)| small(a, b));
    Ok(result.map_or_else(|| big(a.to_bigint(), b.to_bigint()).into(), Term::from))
}

fn float(number: &Term) -> Result<f64, Failure> {
    match number {
        Term::Float(float) => Ok(float.get()),
        Term::Integer(integer) => to_float(integer).ok_or(BADARITH),
        _ => Err(BADARITH),
    }
}

fn finite(float: f64) -> Result<Term, Failure> {
    Float::new(float).map(Term::Float).map_err(|_| BADARITH)
}

/// The bits of an integer's magnitude.
fn bits(integer: &Integer) -> u64 {
    match integer.to_i64() {
        Some(small) => u64::from(u64::BITS - small.unsigned_abs().leading_zeros()),
        None => integer.to_bigint().bits(),
    }
}
