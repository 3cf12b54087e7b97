//! The module `lists`.

use num_bigint::BigInt;

use super::{BADARG, FUNCTION_CLAUSE, Limits, SYSTEM_LIMIT, arithmetic};
use crate::backend::Functions;
use crate::call::Failure;
use crate::term::{Integer, List, Term};

pub(super) fn register(functions: &mut Functions, limits: Limits) {
    functions
        .add("lists", "reverse", move |list: Term| reverse(&list, limits))
        .add("lists", "seq", move |from: Term, to: Term| seq(&from, &to, limits))
        .add("lists", "sum", move |list: Term| limits.number(sum(&list)?))
        .add("lists", "sort", move |list: Term| sort(&list, limits));
}

fn reverse(list: &Term, limits: Limits) -> Result<Term, Failure> {
    let Term::List(list) = list else { return Err(FUNCTION_CLAUSE) };
    if let Some(bytes) = list.as_bytes() {
        let bytes: Vec<u8> = bytes.iter().rev().copied().collect();
        return Ok(List::from_bytes(&bytes).into());
    }
    match (list.tail(), list.len()) {
        (None, len) => limits.check_list(len)?,
        // Erlang takes two elements off before it looks further.
        (Some(_), 0..=1) => return Err(FUNCTION_CLAUSE),
        (Some(_), _) => return Err(BADARG),
    }
    Ok(list.iter().rev().cloned().collect())
}

fn seq(from: &Term, to: &Term, limits: Limits) -> Result<Term, Failure> {
    let (Term::Integer(from), Term::Integer(to)) = (from, to) else { return Err(FUNCTION_CLAUSE) };
    if let (Some(from), Some(to)) = (from.to_i64(), to.to_i64()) {
        let len = i128::from(to) - i128::from(from) + 1;
        if len < 0 {
            return Err(FUNCTION_CLAUSE);
        }
        limits.check_list(usize::try_from(len).map_err(|_| SYSTEM_LIMIT)?)?;
        return Ok((from..=to).map(Term::from).collect());
    }
    let (from, to) = (from.to_bigint(), to.to_bigint());
    let len: BigInt = &to - &from + 1;
    if len < BigInt::ZERO {
        return Err(FUNCTION_CLAUSE);
    }
    let len = usize::try_from(len).map_err(|_| SYSTEM_LIMIT)?;
    // Of each element, the term, the number and its digits are in places of their own.
    let digits = usize::try_from(from.bits().max(to.bits()) / 8 + 1).map_err(|_| SYSTEM_LIMIT)?;
    limits.check(len, size_of::<Term>() + size_of::<[usize; 2]>() + size_of::<BigInt>() + digits)?;
    Ok((0..len).map(|offset| Term::from(&from + offset)).collect())
}

fn sum(list: &Term) -> Result<Term, Failure> {
    let Term::List(list) = list else { return Err(FUNCTION_CLAUSE) };
    let mut elements = list.iter();
    let whole = whole_sum(&mut elements);
    // From the first float on, sums are floats.
    let mut sum = Term::Integer(whole.sum);
    if let Some(first) = whole.other {
        sum = arithmetic::add(&sum, first)?;
    }
    for element in elements {
        sum = arithmetic::add(&sum, element)?;
    }
    match list.tail() {
        None => Ok(sum),
        Some(_) => Err(FUNCTION_CLAUSE),
    }
}

/// The sum of integers, and what came after them.
struct WholeSum<'a> {
    sum: Integer,
    other: Option<&'a Term>,
}

/// Adds integers up to something else. Small ones are gathered apart, so that they cost no walk over a long sum.
fn whole_sum<'a>(elements: &mut impl Iterator<Item = &'a Term>) -> WholeSum<'a> {
    let (mut small, mut big) = (0_i128, BigInt::ZERO);
    let other = elements.find(|element| {
        let Term::Integer(integer) = element else { return true };
        match integer.to_i64().and_then(|value| small.checked_add(i128::from(value))) {
            Some(sum) => small = sum,
            None => big += integer.to_bigint(),
        }
        false
    });
    WholeSum { sum: Integer::from(big + small), other }
}

fn sort(list: &Term, limits: Limits) -> Result<Term, Failure> {
    let Term::List(list) = list else { return Err(FUNCTION_CLAUSE) };
    if list.tail().is_some() {
        return Err(FUNCTION_CLAUSE);
    }
    if let Some(bytes) = list.as_bytes() {
        let mut bytes = bytes.to_vec();
        bytes.sort_unstable();
        return Ok(List::from_bytes(&bytes).into());
    }
    limits.check_list(list.len())?;
    let mut elements: Vec<Term> = list.iter().cloned().collect();
    elements.sort_by(Term::erlang_cmp);
    Ok(elements.into())
}
