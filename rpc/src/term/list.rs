//! Lists, proper and improper, with a compact form for lists of octets.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::slice;

use super::release::{Release, release, take_containers};
use super::{Integer, Term};

/// A list. Clones share its elements.
///
/// A list is *proper* when it ends in `[]`, as nearly all do; `[a|b]` is *improper*, its [`tail`](Self::tail) is `b`.
/// A proper list of integers from 0 to 255 (text, often) takes one octet an element instead of a whole [`Term`]; it is
/// a list like any other to all but [`as_bytes`](Self::as_bytes).
#[derive(Clone, Default)]
pub struct List(Repr);

impl List {
    /// The empty list, `[]`.
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::Nil)
    }

    /// The list of these octets as integers: what Erlang writes `"abc"`.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(if bytes.is_empty() { Repr::Nil } else { Repr::Bytes(Arc::from(bytes)) })
    }

    /// The list of the text's code points: what Erlang writes `"text"`.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        text.chars().map(|c| Term::from(u32::from(c))).collect()
    }

    /// `[E1,E2|Tail]`, which is a proper list when `tail` is one, and `tail` itself when there are no elements.
    #[must_use]
    pub fn with_tail(elements: Vec<Term>, tail: Term) -> Term {
        if elements.is_empty() {
            return tail;
        }
        let Term::List(end) = tail else {
            return Term::List(Self(Repr::Improper(Arc::new(Improper { elements, tail }))));
        };
        if end.is_empty() {
            return Term::List(elements.into());
        }
        let mut elements = elements;
        elements.extend(end.iter().cloned());
        match end.tail() {
            None => Term::List(elements.into()),
            Some(tail) => {
                let tail = tail.clone();
                Term::List(Self(Repr::Improper(Arc::new(Improper { elements, tail }))))
            }
        }
    }

    /// How many elements there are, not counting an improper tail.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Whether this is `[]`.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self.0, Repr::Nil)
    }

    /// The elements in order, without an improper tail.
    #[must_use]
    pub fn iter(&self) -> Elements<'_> {
        Elements(match &self.0 {
            Repr::Nil => Source::Terms([].iter()),
            Repr::Bytes(bytes) => Source::Bytes(bytes.iter()),
            Repr::Terms(terms) => Source::Terms(terms.iter()),
            Repr::Improper(improper) => Source::Terms(improper.elements.iter()),
        })
    }

    /// The tail of an improper list; `None` for a proper one.
    #[must_use]
    pub fn tail(&self) -> Option<&Term> {
        match &self.0 {
            Repr::Improper(improper) => Some(&improper.tail),
            Repr::Nil | Repr::Bytes(_) | Repr::Terms(_) => None,
        }
    }

    /// The elements as octets, when the list is proper and all are integers from 0 to 255; empty for `[]`.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Repr::Nil => Some(&[]),
            Repr::Bytes(bytes) => Some(bytes),
            Repr::Terms(_) | Repr::Improper(_) => None,
        }
    }

    /// Whether both share one allocation, and so are equal without a look at the elements.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Bytes(a), Repr::Bytes(b)) => Arc::ptr_eq(a, b),
            (Repr::Terms(a), Repr::Terms(b)) => Arc::ptr_eq(a, b),
            (Repr::Improper(a), Repr::Improper(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The proper list of the terms from `start` on, which are taken from `terms`.
    pub(super) fn take_from(terms: &mut Vec<Term>, start: usize) -> Self {
        let elements = terms.get(start..).unwrap_or_default();
        // Most lists that are not octets show it within a few elements.
        let repr = if elements.is_empty() {
            Repr::Nil
        } else if elements.iter().all(|element| byte(element).is_some()) {
            let bytes = elements.iter().filter_map(byte).collect();
            terms.truncate(start);
            Repr::Bytes(bytes)
        } else {
            Repr::Terms(terms.drain(start..).collect())
        };
        Self(repr)
    }
}

impl From<Vec<Term>> for List {
    fn from(mut elements: Vec<Term>) -> Self {
        Self::take_from(&mut elements, 0)
    }
}

impl FromIterator<Term> for List {
    fn from_iter<I: IntoIterator<Item = Term>>(elements: I) -> Self {
        Self::from(elements.into_iter().collect::<Vec<_>>())
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Term;
    type IntoIter = Elements<'a>;

    fn into_iter(self) -> Elements<'a> {
        self.iter()
    }
}

impl Release for List {
    fn release(&mut self, pending: &mut Vec<Term>) {
        match &mut self.0 {
            Repr::Nil | Repr::Bytes(_) => {}
            Repr::Terms(terms) => {
                if let Some(terms) = Arc::get_mut(terms) {
                    take_containers(terms, pending);
                }
            }
            Repr::Improper(improper) => {
                if let Some(improper) = Arc::get_mut(improper) {
                    take_containers(&mut improper.elements, pending);
                    take_containers([&mut improper.tail], pending);
                }
            }
        }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        release(self);
    }
}

/// The elements of a [`List`], in order.
#[derive(Clone)]
pub struct Elements<'a>(Source<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a Term;

    fn next(&mut self) -> Option<&'a Term> {
        match &mut self.0 {
            Source::Bytes(bytes) => bytes.next().and_then(|byte| shared_octet(*byte)),
            Source::Terms(terms) => terms.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Source::Bytes(bytes) => bytes.size_hint(),
            Source::Terms(terms) => terms.size_hint(),
        }
    }
}

impl DoubleEndedIterator for Elements<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Bytes(bytes) => bytes.next_back().and_then(|byte| shared_octet(*byte)),
            Source::Terms(terms) => terms.next_back(),
        }
    }
}

impl ExactSizeIterator for Elements<'_> {}

impl core::fmt::Debug for Elements<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

#[derive(Clone, Default)]
enum Repr {
    #[default]
    Nil,
    /// Not empty.
    Bytes(Arc<[u8]>),
    /// Not empty, and not all are octets.
    Terms(Arc<[Term]>),
    Improper(Arc<Improper>),
}

struct Improper {
    /// Not empty.
    elements: Vec<Term>,
    /// Not a list.
    tail: Term,
}

#[derive(Clone)]
enum Source<'a> {
    Bytes(slice::Iter<'a, u8>),
    Terms(slice::Iter<'a, Term>),
}

fn byte(term: &Term) -> Option<u8> {
    match term {
        Term::Integer(integer) => integer.as_byte(),
        _ => None,
    }
}

/// The term of an octet, without making one: what lets a compact list lend its elements.
fn shared_octet(byte: u8) -> Option<&'static Term> {
    OCTETS.get(usize::from(byte >> 4)).and_then(|row| row.get(usize::from(byte & 15)))
}

macro_rules! octets {
    ($($row:literal)*) => { [$(octets!(@row $row, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)),*] };
    (@row $row:literal, $($column:literal)*) => { [$(Term::Integer(Integer::small($row * 16 + $column))),*] };
}

static OCTETS: [[Term; 16]; 16] = octets!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
