//! Floats, in the shortest form that reads back as the same float.

use alloc::format;
use alloc::string::String;
use core::fmt::{self, Write};

/// The shortest digits: with a point alone, or, where that is shorter or the float is 2^53 or more, with an exponent.
pub(in crate::term) fn write_float(f: &mut dyn Write, float: f64) -> fmt::Result {
    const TWO_TO_53: f64 = 9_007_199_254_740_992.0;
    if float.is_sign_negative() {
        f.write_char('-')?;
    }
    let (digits, exponent) = shortest(float.abs());
    let len = i32::try_from(digits.len()).unwrap_or(17);
    let with_exponent = len.max(2) + 2 + i32::try_from(format!("{exponent}").len()).unwrap_or(4);
    let with_point = if exponent < 0 { len + 1 - exponent } else { len.max(exponent + 2) + 1 };
    let at = |place: i32| digits.split_at_checked(usize::try_from(place).unwrap_or(0)).unwrap_or((&digits, ""));
    let zeros = |count: i32| usize::try_from(count).unwrap_or(0);
    if with_point > with_exponent || float.abs() >= TWO_TO_53 {
        let (first, rest) = at(1);
        let rest = if rest.is_empty() { "0" } else { rest };
        return write!(f, "{first}.{rest}e{exponent}");
    }
    if exponent < 0 {
        return write!(f, "0.{:0<1$}{digits}", "", zeros(-exponent - 1));
    }
    let (whole, fraction) = at(exponent + 1);
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    write!(f, "{whole}{:0<1$}.{fraction}", "", zeros(exponent + 1 - len))
}

/// The digits, and the power of ten of the first one.
fn shortest(float: f64) -> (String, i32) {
    let text = format!("{float:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let even = even_digits(&digits, exponent, float);
    (even.unwrap_or(digits), exponent.parse().unwrap_or(0))
}

/// The even one of two equally short and equally near candidates, which Erlang prefers, when `digits` are the odd one.
fn even_digits(digits: &str, exponent: &str, float: f64) -> Option<String> {
    /// No float is nearer to a number of 18 digits than this many digits show, unless it is that number.
    const EXACT: usize = 60;
    let (len, last) = (digits.len(), digits.bytes().last()?);
    if last % 2 == 0 || !format!("{float:.len$e}").split('e').next()?.ends_with('5') {
        return None;
    }
    let exact: String = format!("{float:.EXACT$e}").split('e').next()?.chars().filter(char::is_ascii_digit).collect();
    let (below, rest) = exact.split_at_checked(len)?;
    if !rest.strip_prefix('5')?.bytes().all(|digit| digit == b'0') {
        return None;
    }
    let last = match below == digits {
        true if last == b'9' => return None, // the other one would be shorter
        true => last + 1,
        false => last - 1,
    };
    let even = format!("{}{}", digits.get(..len - 1)?, char::from(last));
    let (first, others) = even.split_at_checked(1)?;
    let back: f64 = format!("{first}.{others}e{exponent}").parse().ok()?;
    (back.to_bits() == float.to_bits()).then_some(even)
}
