//! Equality, order and hash, each with a stack of its own in memory.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::hash::{Hash, Hasher};
use core::slice;

use super::fun::Closure;
use super::value::NIL;
use super::{Elements, Fun, List, Map, Term, Tuple};

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        compare(self, other, Numbers::Exact) == Ordering::Equal
    }
}

impl Eq for Term {}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of map keys: types, then values; integers before floats.
impl Ord for Term {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self, other, Numbers::Exact)
    }
}

impl Term {
    /// The order that Erlang's `<`, `==` and `lists:sort/1` see: integers and floats compare by value (`1 == 1.0`),
    /// except in the keys of maps.
    ///
    /// It is not consistent with [`Eq`]: equal in this order are also `1` and `1.0`.
    #[must_use]
    pub fn erlang_cmp(&self, other: &Self) -> Ordering {
        compare(self, other, Numbers::ByValue)
    }
}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut pending: Vec<Children<'_>> = Vec::new();
        hash_one(self, state, &mut pending);
        while let Some(children) = pending.last_mut() {
            match children.next() {
                Some(child) => hash_one(child, state, &mut pending),
                None => drop(pending.pop()),
            }
        }
    }
}

/// How an integer compares with a float.
#[derive(Clone, Copy, PartialEq)]
enum Numbers {
    /// Every integer comes before every float.
    Exact,
    /// `1 == 1.0`
    ByValue,
}

/// Two containers of one shape, of which the rest is still to be compared.
struct Pair<'a> {
    left: Children<'a>,
    right: Children<'a>,
    numbers: Numbers,
}

/// The children of a container, in the order in which they are compared.
enum Children<'a> {
    Terms(slice::Iter<'a, Term>),
    List { elements: Elements<'a>, tail: Option<&'a Term> },
    Keys { map: &'a Map, position: usize },
    Values { map: &'a Map, position: usize },
}

impl<'a> Iterator for Children<'a> {
    type Item = &'a Term;

    fn next(&mut self) -> Option<&'a Term> {
        match self {
            Self::Terms(terms) => terms.next(),
            Self::List { elements, tail } => elements.next().or_else(|| tail.take()),
            Self::Keys { map, position } => map.in_key_order(*position).map(|(key, _)| {
                *position += 1;
                key
            }),
            Self::Values { map, position } => map.in_key_order(*position).map(|(_, value)| {
                *position += 1;
                value
            }),
        }
    }
}

impl<'a> Children<'a> {
    fn of_tuple(tuple: &'a Tuple) -> Self {
        Self::Terms(tuple.as_slice().iter())
    }

    fn of_list(list: &'a List) -> Self {
        Self::List { elements: list.iter(), tail: list.tail() }
    }
}

fn compare(left: &Term, right: &Term, numbers: Numbers) -> Ordering {
    let mut pending = Vec::new();
    let mut order = compare_one(left, right, numbers, &mut pending);
    while order == Ordering::Equal {
        let Some(pair) = pending.last_mut() else { break };
        let numbers = pair.numbers;
        match next_pair(pair) {
            Next::Pair(left, right) => order = compare_one(left, right, numbers, &mut pending),
            Next::Differ(differ) => order = differ,
            Next::End => drop(pending.pop()),
        }
    }
    order
}

enum Next<'a> {
    Pair(&'a Term, &'a Term),
    Differ(Ordering),
    End,
}

fn next_pair<'a>(pair: &mut Pair<'a>) -> Next<'a> {
    if let (Children::List { elements: left, tail: left_tail }, Children::List { elements: right, tail: right_tail }) =
        (&mut pair.left, &mut pair.right)
    {
        // One list may end where the other goes on: its tail is then compared with a list, by type alone.
        return match (left.next(), right.next()) {
            (Some(left), Some(right)) => Next::Pair(left, right),
            (Some(_), None) => Next::Differ(Rank::List.cmp(&right_tail.map_or(Rank::Nil, rank))),
            (None, Some(_)) => Next::Differ(left_tail.map_or(Rank::Nil, rank).cmp(&Rank::List)),
            (None, None) => match (left_tail.take(), right_tail.take()) {
                (None, None) => Next::End,
                (left, right) => Next::Pair(left.unwrap_or(&NIL), right.unwrap_or(&NIL)),
            },
        };
    }
    match (pair.left.next(), pair.right.next()) {
        (Some(left), Some(right)) => Next::Pair(left, right),
        _ => Next::End, // both: they have one length
    }
}

/// Compares all but the children, which it leaves on `pending`.
fn compare_one<'a>(left: &'a Term, right: &'a Term, numbers: Numbers, pending: &mut Vec<Pair<'a>>) -> Ordering {
    match (left, right) {
        (Term::Integer(a), Term::Integer(b)) => a.cmp(b),
        (Term::Float(a), Term::Float(b)) if numbers == Numbers::Exact => a.cmp(b),
        (Term::Float(a), Term::Float(b)) => a.get().partial_cmp(&b.get()).unwrap_or(Ordering::Equal),
        (Term::Integer(a), Term::Float(b)) if numbers == Numbers::ByValue => a.cmp_float(b.get()),
        (Term::Float(a), Term::Integer(b)) if numbers == Numbers::ByValue => b.cmp_float(a.get()).reverse(),
        (Term::Atom(a), Term::Atom(b)) => a.cmp(b),
        (Term::Reference(a), Term::Reference(b)) => a.cmp(b),
        (Term::Port(a), Term::Port(b)) => a.cmp(b),
        (Term::Pid(a), Term::Pid(b)) => a.cmp(b),
        (Term::Fun(a), Term::Fun(b)) => compare_funs(a, b, numbers, pending),
        (Term::Tuple(a), Term::Tuple(b)) => {
            if !core::ptr::eq(a.as_slice(), b.as_slice()) {
                pending.push(Pair { left: Children::of_tuple(a), right: Children::of_tuple(b), numbers });
            }
            a.as_slice().len().cmp(&b.as_slice().len())
        }
        (Term::Map(a), Term::Map(b)) => {
            if !a.is_same(b) {
                let values = (Children::Values { map: a, position: 0 }, Children::Values { map: b, position: 0 });
                let keys = (Children::Keys { map: a, position: 0 }, Children::Keys { map: b, position: 0 });
                pending.push(Pair { left: values.0, right: values.1, numbers });
                pending.push(Pair { left: keys.0, right: keys.1, numbers: Numbers::Exact });
            }
            a.len().cmp(&b.len())
        }
        (Term::List(a), Term::List(b)) => compare_lists(a, b, numbers, pending),
        (Term::Binary(_) | Term::BitString(_), Term::Binary(_) | Term::BitString(_)) => {
            let ((a, a_bits), (b, b_bits)) = (bits(left), bits(right));
            // Octets decide first. The unused bits of a last octet are zero, so that only a length can decide after them.
            a.cmp(b).then(a_bits.cmp(&b_bits))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

fn compare_lists<'a>(a: &'a List, b: &'a List, numbers: Numbers, pending: &mut Vec<Pair<'a>>) -> Ordering {
    if let (Some(a), Some(b)) = (a.as_bytes(), b.as_bytes()) {
        return a.cmp(b);
    }
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => {
            if !a.is_same(b) {
                pending.push(Pair { left: Children::of_list(a), right: Children::of_list(b), numbers });
            }
            Ordering::Equal
        }
    }
}

/// Erlang's order of funs is of no use outside a node; this one is total, and closures come before names as there.
fn compare_funs<'a>(a: &'a Fun, b: &'a Fun, numbers: Numbers, pending: &mut Vec<Pair<'a>>) -> Ordering {
    match (a.as_closure(), b.as_closure()) {
        (None, None) => a.as_external().cmp(&b.as_external()),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(a), Some(b)) => {
            let children = |closure: &'a Closure| Children::Terms(closure.free.iter());
            pending.push(Pair { left: children(a), right: children(b), numbers });
            a.head.cmp(&b.head).then(a.free.len().cmp(&b.free.len()))
        }
    }
}

/// Erlang's order of types: number < atom < reference < fun < port < pid < tuple < map < nil < list < bit string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Integer,
    Float,
    Atom,
    Reference,
    Fun,
    Port,
    Pid,
    Tuple,
    Map,
    Nil,
    List,
    Bits,
}

fn rank(term: &Term) -> Rank {
    match term {
        Term::Integer(_) => Rank::Integer,
        Term::Float(_) => Rank::Float,
        Term::Atom(_) => Rank::Atom,
        Term::Reference(_) => Rank::Reference,
        Term::Fun(_) => Rank::Fun,
        Term::Port(_) => Rank::Port,
        Term::Pid(_) => Rank::Pid,
        Term::Tuple(_) => Rank::Tuple,
        Term::Map(_) => Rank::Map,
        Term::List(list) if list.is_empty() => Rank::Nil,
        Term::List(_) => Rank::List,
        Term::Binary(_) | Term::BitString(_) => Rank::Bits,
    }
}

/// The octets of a binary or bit string, and how many bits of the last octet count.
fn bits(term: &Term) -> (&[u8], u8) {
    match term {
        Term::Binary(binary) => (binary.as_bytes(), 8),
        Term::BitString(bits) => (bits.as_bytes(), bits.last_bits()),
        _ => (&[], 8),
    }
}

/// Hashes all but the children, which it leaves on `pending`.
fn hash_one<'a, H: Hasher>(term: &'a Term, state: &mut H, pending: &mut Vec<Children<'a>>) {
    core::mem::discriminant(term).hash(state);
    match term {
        Term::Integer(value) => value.hash(state),
        Term::Float(value) => value.hash(state),
        Term::Atom(value) => value.hash(state),
        Term::Reference(value) => value.hash(state),
        Term::Port(value) => value.hash(state),
        Term::Pid(value) => value.hash(state),
        Term::Binary(value) => value.hash(state),
        Term::BitString(value) => value.hash(state),
        Term::Fun(fun) => match fun.as_closure() {
            None => fun.as_external().hash(state),
            Some(closure) => {
                closure.head.hash(state);
                pending.push(Children::Terms(closure.free.iter()));
            }
        },
        Term::Tuple(tuple) => {
            tuple.as_slice().len().hash(state);
            pending.push(Children::of_tuple(tuple));
        }
        Term::Map(map) => {
            map.len().hash(state);
            pending.push(Children::Values { map, position: 0 });
            pending.push(Children::Keys { map, position: 0 });
        }
        Term::List(list) => {
            if let Some(bytes) = list.as_bytes() {
                return bytes.hash(state);
            }
            list.len().hash(state);
            list.tail().is_some().hash(state);
            pending.push(Children::of_list(list));
        }
    }
}
