//! Numbers: integers of any size and finite floats.

use alloc::sync::Arc;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};

/// An integer of any size.
///
/// One number has one representation, so equality and hash follow the value: whatever fits an `i64` is kept as one,
/// and only larger magnitudes are allocated.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Integer(Repr);

impl Integer {
    pub(super) const fn small(value: i64) -> Self {
        Self(Repr::Small(value))
    }

    /// The value, when it fits an `i64`.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Small(value) => Some(*value),
            Repr::Big(_) => None,
        }
    }

    /// The value, when it fits a `u64`.
    #[must_use]
    pub fn to_u64(&self) -> Option<u64> {
        match &self.0 {
            Repr::Small(value) => u64::try_from(*value).ok(),
            Repr::Big(value) => value.to_u64(),
        }
    }

    /// The value as a big integer; allocates.
    #[must_use]
    pub fn to_bigint(&self) -> BigInt {
        match &self.0 {
            Repr::Small(value) => BigInt::from(*value),
            Repr::Big(value) => BigInt::clone(value),
        }
    }

    /// The big integer, when the value does not fit an `i64`.
    pub(super) fn as_big(&self) -> Option<&BigInt> {
        match &self.0 {
            Repr::Small(_) => None,
            Repr::Big(value) => Some(value),
        }
    }

    /// The value as an octet, when it is one: 0 to 255.
    pub(super) fn as_byte(&self) -> Option<u8> {
        match &self.0 {
            Repr::Small(value) => u8::try_from(*value).ok(),
            Repr::Big(_) => None,
        }
    }

    /// The exact comparison with a float, without rounding either.
    pub(super) fn cmp_float(&self, float: f64) -> Ordering {
        const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
        match &self.0 {
            Repr::Small(_) if float >= TWO_TO_63 => Ordering::Less,
            Repr::Small(_) if float < -TWO_TO_63 => Ordering::Greater,
            Repr::Small(value) => {
                #[expect(clippy::cast_possible_truncation, reason = "in range, checked above; truncation is meant")]
                let whole = float as i64;
                #[expect(clippy::cast_precision_loss, reason = "`whole` came from a float, so it is one exactly")]
                let fraction = float - whole as f64;
                value.cmp(&whole).then_with(|| 0.0.partial_cmp(&fraction).unwrap_or(Ordering::Equal))
            }
            Repr::Big(value) => {
                if float.abs() >= TWO_TO_63
                    && let Some(whole) = BigInt::from_f64(float)
                {
                    return BigInt::cmp(value, &whole);
                }
                if value.sign() == num_bigint::Sign::Minus { Ordering::Less } else { Ordering::Greater }
            }
        }
    }
}

impl From<BigInt> for Integer {
    fn from(value: BigInt) -> Self {
        match value.to_i64() {
            Some(small) => Self::small(small),
            None => Self(Repr::Big(Arc::new(value))),
        }
    }
}

macro_rules! from_small {
    ($($from:ty)*) => {$(
        impl From<$from> for Integer {
            fn from(value: $from) -> Self {
                Self::small(i64::from(value))
            }
        }
    )*};
}

macro_rules! from_large {
    ($($from:ty)*) => {$(
        impl From<$from> for Integer {
            fn from(value: $from) -> Self {
                match i64::try_from(value) {
                    Ok(small) => Self::small(small),
                    Err(_) => Self(Repr::Big(Arc::new(BigInt::from(value)))),
                }
            }
        }
    )*};
}

from_small!(i8 i16 i32 i64 u8 u16 u32);
from_large!(u64 i128 u128 usize isize);

macro_rules! try_into {
    ($($to:ty)*) => {$(
        impl TryFrom<&Integer> for $to {
            type Error = IntegerOutOfRange;

            fn try_from(value: &Integer) -> Result<Self, IntegerOutOfRange> {
                match &value.0 {
                    Repr::Small(value) => Self::try_from(*value).map_err(|_| IntegerOutOfRange),
                    Repr::Big(value) => Self::try_from(&**value).map_err(|_| IntegerOutOfRange),
                }
            }
        }
    )*};
}

try_into!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

impl PartialOrd for Integer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Integer {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Small(a), Repr::Small(b)) => a.cmp(b),
            (Repr::Big(a), Repr::Big(b)) => a.cmp(b),
            (Repr::Small(_), Repr::Big(b)) if b.sign() == num_bigint::Sign::Minus => Ordering::Greater,
            (Repr::Small(_), Repr::Big(_)) => Ordering::Less,
            (Repr::Big(_), Repr::Small(_)) => other.cmp(self).reverse(),
        }
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Small(value) => write!(f, "{value}"),
            Repr::Big(value) => write!(f, "{value}"),
        }
    }
}

impl fmt::Debug for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An integer did not fit the type that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegerOutOfRange;

impl fmt::Display for IntegerOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the integer is out of range")
    }
}

impl core::error::Error for IntegerOutOfRange {}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Small(i64),
    /// Never a value that fits an `i64`.
    Big(Arc<BigInt>),
}

/// A finite float: Erlang has neither infinities nor NaN.
///
/// `0.0` and `-0.0` are different values here, as for `=:=` since Erlang/OTP 27.
#[derive(Clone, Copy)]
pub struct Float(f64);

impl Float {
    /// A float from a finite number.
    ///
    /// # Errors
    /// [`NotFinite`] for infinities and NaN.
    pub const fn new(value: f64) -> Result<Self, NotFinite> {
        if value.is_finite() { Ok(Self(value)) } else { Err(NotFinite) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Float {
    type Error = NotFinite;

    fn try_from(value: f64) -> Result<Self, NotFinite> {
        Self::new(value)
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Float {}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Hash for Float {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::print::write_float(f, self.0)
    }
}

impl fmt::Debug for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A float was infinite or not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotFinite;

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a float must be finite")
    }
}

impl core::error::Error for NotFinite {}
