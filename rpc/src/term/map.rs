//! Maps.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::iter::Rev;
use core::slice;

use super::Term;
use super::release::{Release, release, take_containers};

/// An association of keys with values; no key occurs twice. Clones share the entries.
///
/// Keys differ as for `=:=`: `1` and `1.0` are two keys. Printing and encoding follow Erlang/OTP 25: a map of at most
/// [`Map::SMALL`] entries is in key order; a larger one, whose order in Erlang follows an internal hash, is encoded in
/// the order in which its entries came, and printed in the reverse of it, as there. Equality does not depend on the order.
#[derive(Clone, Default)]
pub struct Map(Option<Arc<Entries>>);

impl Map {
    /// The most entries that are kept in key order.
    pub const SMALL: usize = 32;

    /// The empty map.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// A map of these entries.
    ///
    /// # Errors
    /// [`DuplicateKey`] when two keys are equal.
    pub fn from_entries(mut entries: Vec<(Term, Term)>) -> Result<Self, DuplicateKey> {
        if entries.len() <= Self::SMALL {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            if entries.windows(2).any(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
                return Err(DuplicateKey);
            }
            return Ok(Self::from_sorted(entries));
        }
        let mut order: Vec<(&Term, usize)> =
            entries.iter().enumerate().map(|(position, entry)| (&entry.0, position)).collect();
        order.sort_by(|a, b| a.0.cmp(b.0));
        if order.windows(2).any(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
            return Err(DuplicateKey);
        }
        let order: Vec<usize> = order.into_iter().map(|(_, position)| position).collect();
        let order = if order.is_sorted() { Vec::new() } else { order };
        Ok(Self(Some(Arc::new(Entries { entries, order }))))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The entries in the order in which they are encoded.
    #[must_use]
    pub fn as_slice(&self) -> &[(Term, Term)] {
        self.0.as_ref().map(|entries| entries.entries.as_slice()).unwrap_or_default()
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &Term) -> Option<&Term> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let (found, value) = self.in_key_order(middle)?;
            match found.cmp(key) {
                Ordering::Equal => return Some(value),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The entries in the order in which they are printed.
    pub(super) fn in_print_order(&self) -> PrintOrder<'_> {
        let entries = self.as_slice().iter();
        if entries.len() <= Self::SMALL { PrintOrder::Forwards(entries) } else { PrintOrder::Backwards(entries.rev()) }
    }

    /// The entry at a position in the order of the keys.
    pub(super) fn in_key_order(&self, position: usize) -> Option<&(Term, Term)> {
        let entries = self.0.as_ref()?;
        match entries.order.get(position) {
            Some(position) => entries.entries.get(*position),
            None => entries.entries.get(position),
        }
    }

    /// Whether both share one allocation, and so are equal without a look at the entries.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }

    fn from_sorted(entries: Vec<(Term, Term)>) -> Self {
        Self((!entries.is_empty()).then(|| Arc::new(Entries { entries, order: Vec::new() })))
    }
}

/// Of two equal keys the later one stays, as in Erlang's `maps:from_list/1`. The map prints in key order.
impl FromIterator<(Term, Term)> for Map {
    fn from_iter<I: IntoIterator<Item = (Term, Term)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.reverse();
        entries.sort_by(|a, b| a.0.cmp(&b.0)); // stable: the latest of equal keys comes first, and stays
        entries.dedup_by(|a, b| a.0 == b.0);
        if entries.len() <= Self::SMALL {
            return Self::from_sorted(entries);
        }
        entries.reverse(); // what is large prints backwards
        let order = (0..entries.len()).rev().collect();
        Self(Some(Arc::new(Entries { entries, order })))
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = &'a (Term, Term);
    type IntoIter = slice::Iter<'a, (Term, Term)>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter()
    }
}

impl Release for Map {
    fn release(&mut self, pending: &mut Vec<Term>) {
        if let Some(entries) = self.0.as_mut().and_then(Arc::get_mut) {
            for (key, value) in &mut entries.entries {
                take_containers([key, value], pending);
            }
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        release(self);
    }
}

/// Two keys of a map were equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DuplicateKey;

impl fmt::Display for DuplicateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key occurs twice in a map")
    }
}

impl core::error::Error for DuplicateKey {}

/// The entries of a map in the order in which they are printed.
pub(super) enum PrintOrder<'a> {
    Forwards(slice::Iter<'a, (Term, Term)>),
    Backwards(Rev<slice::Iter<'a, (Term, Term)>>),
}

impl<'a> Iterator for PrintOrder<'a> {
    type Item = &'a (Term, Term);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Forwards(entries) => entries.next(),
            Self::Backwards(entries) => entries.next(),
        }
    }
}

struct Entries {
    /// Not empty.
    entries: Vec<(Term, Term)>,
    /// The positions of the entries in the order of their keys; empty when that is their order anyway.
    order: Vec<usize>,
}
