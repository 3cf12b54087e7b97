//! Atoms, binaries, tuples and lists: taking apart and converting.

use super::{BADARG, Limits, SYSTEM_LIMIT};
use crate::backend::Functions;
use crate::call::Failure;
use crate::term::{Atom, Binary, Elements, Integer, List, Term, Tuple};

pub(super) fn register(functions: &mut Functions, limits: Limits) {
    functions
        .add("erlang", "element", |position: usize, tuple: Tuple| element(position, &tuple))
        .add("erlang", "tuple_size", |tuple: Tuple| tuple.as_slice().len())
        .add("erlang", "size", |term: Term| size(&term))
        .add("erlang", "byte_size", |term: Term| byte_size(&term))
        .add("erlang", "length", |list: Term| list.as_list().map(|elements| elements.len()).ok_or(BADARG))
        .add("erlang", "hd", |list: List| list.iter().next().cloned().ok_or(BADARG))
        .add("erlang", "tl", |list: List| tail(&list))
        .add("erlang", "++", move |left: Term, right: Term| append(&left, right, limits))
        .add("erlang", "atom_to_binary", |atom: Atom| Binary::from(atom.as_str()))
        .add("erlang", "atom_to_list", |atom: Atom| List::from_text(atom.as_str()))
        .add("erlang", "integer_to_binary", |integer: Integer| Binary::from(integer.to_string()))
        .add("erlang", "binary_to_list", |binary: Binary| List::from_bytes(binary.as_bytes()))
        .add("erlang", "list_to_binary", |list: List| list_to_binary(&list))
        .add("binary", "copy", move |subject: Term, times: u64| copy(&subject, times, limits));
}

fn element(position: usize, tuple: &Tuple) -> Result<Term, Failure> {
    let index = position.checked_sub(1).ok_or(BADARG)?;
    tuple.as_slice().get(index).cloned().ok_or(BADARG)
}

/// Elements of a tuple, or whole octets of a bit string.
fn size(term: &Term) -> Result<usize, Failure> {
    match term {
        Term::Tuple(tuple) => Ok(tuple.as_slice().len()),
        Term::Binary(binary) => Ok(binary.as_bytes().len()),
        Term::BitString(bits) => Ok(bits.bit_len() / 8),
        _ => Err(BADARG),
    }
}

/// Octets of a bit string, the last one counted when it is not whole.
fn byte_size(term: &Term) -> Result<usize, Failure> {
    match term {
        Term::Binary(binary) => Ok(binary.as_bytes().len()),
        Term::BitString(bits) => Ok(bits.as_bytes().len()),
        _ => Err(BADARG),
    }
}

fn tail(list: &List) -> Result<Term, Failure> {
    if let Some((_, rest)) = list.as_bytes().and_then(<[u8]>::split_first) {
        return Ok(List::from_bytes(rest).into());
    }
    let mut elements = list.iter();
    elements.next().ok_or(BADARG)?;
    Ok(List::with_tail(elements.cloned().collect(), list.tail().cloned().unwrap_or_default()))
}

/// `Left ++ Right`: the first must be a proper list, the second becomes the tail whatever it is.
fn append(left: &Term, right: Term, limits: Limits) -> Result<Term, Failure> {
    let Term::List(left) = left else { return Err(BADARG) };
    if left.tail().is_some() {
        return Err(BADARG);
    }
    if left.is_empty() {
        return Ok(right);
    }
    let right_len = match &right {
        Term::List(right) => {
            if let (Some(left), Some(right)) = (left.as_bytes(), right.as_bytes()) {
                return Ok(List::from_bytes(&[left, right].concat()).into());
            }
            right.len()
        }
        _ => 1,
    };
    limits.check_list(left.len().saturating_add(right_len))?;
    Ok(List::with_tail(left.iter().cloned().collect(), right))
}

/// The octets of an I/O list: integers, binaries, and such lists, each of which may end in a binary.
fn list_to_binary(list: &List) -> Result<Binary, Failure> {
    let mut octets = Vec::new();
    let mut open: Vec<(Elements<'_>, Option<&Term>)> = vec![(list.iter(), list.tail())];
    while let Some((elements, tail)) = open.last_mut() {
        match elements.next() {
            Some(Term::List(list)) => match list.as_bytes() {
                Some(bytes) => octets.extend_from_slice(bytes),
                None => open.push((list.iter(), list.tail())),
            },
            Some(Term::Integer(integer)) => octets.push(integer.try_into().map_err(|_| BADARG)?),
            Some(Term::Binary(binary)) => octets.extend_from_slice(binary.as_bytes()),
            Some(_) => return Err(BADARG),
            None => {
                match tail.take() {
                    None => {}
                    Some(Term::Binary(binary)) => octets.extend_from_slice(binary.as_bytes()),
                    Some(_) => return Err(BADARG),
                }
                open.pop();
            }
        }
    }
    Ok(octets.into())
}

fn copy(subject: &Term, times: u64, limits: Limits) -> Result<Binary, Failure> {
    let octets = match subject {
        Term::Binary(binary) => binary.as_bytes(),
        // Erlang looks at what it copies only when it does.
        Term::BitString(_) if times == 0 => &[],
        _ => return Err(BADARG),
    };
    if octets.is_empty() {
        return Ok(Binary::default());
    }
    let times = usize::try_from(times).map_err(|_| SYSTEM_LIMIT)?;
    limits.check(times, octets.len())?;
    Ok(octets.repeat(times).into())
}
