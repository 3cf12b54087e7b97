//! How much memory a term takes.

use alloc::vec::Vec;

use super::{Elements, Term};

impl Term {
    /// About how many octets of memory the term takes where nothing in it is shared; `None` above `limit`, without
    /// looking at more of it than that.
    ///
    /// ```
    /// # use sshrpc::Term;
    /// let term = Term::binary(vec![0; 1000]);
    /// assert!(term.size_within(2000).is_some_and(|octets| octets >= 1000));
    /// assert_eq!(term.size_within(500), None);
    /// ```
    #[must_use]
    pub fn size_within(&self, limit: usize) -> Option<usize> {
        let mut size = 0_usize;
        let mut add = |octets: usize| {
            size = size.saturating_add(octets);
            (size <= limit).then_some(size)
        };
        let mut pending = Vec::from([Children::One(self)]);
        let mut last = add(0)?;
        while let Some(children) = pending.last_mut() {
            let Some(child) = children.next() else {
                pending.pop();
                continue;
            };
            last = add(size_of::<Self>().saturating_add(child.payload()))?;
            pending.extend(Children::of(child));
        }
        Some(last)
    }

    /// The octets of what is no term of its own.
    fn payload(&self) -> usize {
        match self {
            Self::Integer(integer) => {
                integer.as_big().map_or(0, |big| usize::try_from(big.bits() / 8).unwrap_or(usize::MAX))
            }
            Self::Atom(atom) => atom.as_str().len(),
            Self::Binary(binary) => binary.as_bytes().len(),
            Self::BitString(bits) => bits.as_bytes().len(),
            Self::List(list) => list.as_bytes().map_or(0, <[u8]>::len),
            Self::Reference(reference) => size_of_val(reference.words()),
            _ => 0,
        }
    }
}

/// The terms within a term that were not looked at yet.
enum Children<'a> {
    One(&'a Term),
    None,
    Elements(Elements<'a>, Option<&'a Term>),
    Terms(core::slice::Iter<'a, Term>),
    Entries(core::slice::Iter<'a, (Term, Term)>, Option<&'a Term>),
}

impl<'a> Children<'a> {
    fn of(term: &'a Term) -> Option<Self> {
        match term {
            Term::Tuple(tuple) => Some(Self::Terms(tuple.as_slice().iter())),
            Term::List(list) if list.as_bytes().is_none() => Some(Self::Elements(list.iter(), list.tail())),
            Term::Map(map) => Some(Self::Entries(map.as_slice().iter(), None)),
            Term::Fun(fun) => fun.as_closure().map(|closure| Self::Terms(closure.free.iter())),
            _ => None,
        }
    }

    fn next(&mut self) -> Option<&'a Term> {
        match self {
            Self::One(term) => {
                let term = *term;
                *self = Self::None;
                Some(term)
            }
            Self::None => None,
            Self::Elements(elements, tail) => elements.next().or_else(|| tail.take()),
            Self::Terms(terms) => terms.next(),
            Self::Entries(entries, value) => value.take().or_else(|| {
                let (key, next) = entries.next()?;
                *value = Some(next);
                Some(key)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> usize {
        text.parse::<Term>().expect("a term").size_within(usize::MAX).expect("no limit")
    }

    #[test]
    fn every_term_within_a_term_counts() {
        let one = size_of::<Term>();
        assert_eq!(size("1"), one);
        assert_eq!(size("{1,2,3}"), 4 * one);
        assert_eq!(size("[1.0,2.0|3]"), 4 * one);
        assert_eq!(size("#{1 => 2, 3 => {}}"), 5 * one);
        assert_eq!(size("{abc,<<\"12345\">>,\"1234\"}"), 4 * one + 3 + 5 + 4);
    }

    #[test]
    fn what_is_shared_without_end_is_looked_at_up_to_the_limit() {
        let twice = |term: Term, _| Term::tuple([term.clone(), term]);
        let huge = (0..200).fold(Term::binary(b"x"), twice);
        assert_eq!(huge.size_within(1 << 16), None);
    }

    #[test]
    fn a_term_that_is_as_large_as_the_limit_is_within() {
        let term: Term = "{a,[b,c]}".parse().expect("a term");
        let size = term.size_within(usize::MAX).expect("no limit");
        assert_eq!(term.size_within(size), Some(size));
        assert_eq!(term.size_within(size - 1), None);
    }
}
