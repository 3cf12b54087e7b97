//! The value itself, and what makes it pleasant to build and to take apart.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Atom, Binary, BitString, Elements, Float, Fun, Integer, List, Map, Pid, Port, Reference, Tuple};

/// An Erlang term.
///
/// Clones are cheap: what is large is shared. Nothing here recurses, so a term may be nested as deeply as memory allows;
/// comparing, hashing, printing, encoding and dropping it take no stack.
///
/// Two terms are equal when Erlang's `=:=` says so (`1` and `1.0` differ), and [`Ord`] is the order of map keys: Erlang's
/// order of terms with every integer before every float. For the order that `<` and `lists:sort/1` see, where `1 == 1.0`,
/// there is [`Term::erlang_cmp`].
///
/// [`Display`](fmt::Display) and [`Debug`](fmt::Debug) print what `io_lib:format("~0tp", [Term])` prints; for other forms
/// see [`Term::text`].
///
/// ```
/// use sshrpc::term::Term;
/// let request = Term::tuple([Term::atom("mfa"), Term::list([1.into(), Term::binary(b"two"), "three".into()])]);
/// assert_eq!(request.to_string(), r#"{mfa,[1,<<"two">>,"three"]}"#);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Term {
    /// `42`
    Integer(Integer),
    /// `1.5`
    Float(Float),
    /// `ok`
    Atom(Atom),
    /// `{a,b}`
    Tuple(Tuple),
    /// `[a,b]`, `"text"`, `[a|b]`
    List(List),
    /// `<<"text">>`
    Binary(Binary),
    /// `<<1:3>>`
    BitString(BitString),
    /// `#{key => value}`
    Map(Map),
    /// `<0.1.0>`
    Pid(Pid),
    /// `#Port<0.1>`
    Port(Port),
    /// `#Ref<0.1.2.3>`
    Reference(Reference),
    /// `fun lists:seq/2`
    Fun(Fun),
}

impl Term {
    /// The empty list, `[]`.
    pub const NIL: Self = Self::List(List::new());

    /// An atom from a literal; see [`Atom::new`] for one from text that comes from elsewhere.
    ///
    /// # Panics
    /// When the literal has more than 255 bytes; in a constant that stops the build.
    #[must_use]
    pub const fn atom(name: &'static str) -> Self {
        Self::Atom(Atom::from_static(name))
    }

    /// A tuple.
    #[must_use]
    pub fn tuple<I: IntoIterator<Item = Self>>(elements: I) -> Self {
        Self::Tuple(elements.into_iter().collect())
    }

    /// A proper list.
    #[must_use]
    pub fn list<I: IntoIterator<Item = Self>>(elements: I) -> Self {
        Self::List(elements.into_iter().collect())
    }

    /// A binary.
    #[must_use]
    pub fn binary(bytes: impl Into<Binary>) -> Self {
        Self::Binary(bytes.into())
    }

    /// A map; of two equal keys the later one stays.
    #[must_use]
    pub fn map<I: IntoIterator<Item = (Self, Self)>>(entries: I) -> Self {
        Self::Map(entries.into_iter().collect())
    }

    /// The atom, when this is one.
    #[must_use]
    pub const fn as_atom(&self) -> Option<&Atom> {
        match self {
            Self::Atom(atom) => Some(atom),
            _ => None,
        }
    }

    /// Whether this is the atom of that name.
    #[must_use]
    pub fn is_atom(&self, name: &str) -> bool {
        self.as_atom().is_some_and(|atom| atom == name)
    }

    /// The elements of a tuple.
    #[must_use]
    pub fn as_tuple(&self) -> Option<&[Self]> {
        match self {
            Self::Tuple(tuple) => Some(tuple.as_slice()),
            _ => None,
        }
    }

    /// The elements of a proper list, in whatever form it is kept.
    #[must_use]
    pub fn as_list(&self) -> Option<Elements<'_>> {
        match self {
            Self::List(list) if list.tail().is_none() => Some(list.iter()),
            _ => None,
        }
    }

    /// The map.
    #[must_use]
    pub const fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The octets of a binary.
    #[must_use]
    pub fn as_binary(&self) -> Option<&[u8]> {
        match self {
            Self::Binary(binary) => Some(binary.as_bytes()),
            _ => None,
        }
    }

    /// The integer.
    #[must_use]
    pub const fn as_integer(&self) -> Option<&Integer> {
        match self {
            Self::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// An integer that fits an `i64`.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_integer().and_then(Integer::to_i64)
    }

    /// An integer that fits a `u64`.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_integer().and_then(Integer::to_u64)
    }

    /// A float; not an integer.
    #[must_use]
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(float) => Some(float.get()),
            _ => None,
        }
    }

    /// The atoms `true` and `false`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_atom()?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The text of a list of code points or of a binary in UTF-8; `[]` is the empty text.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Binary(binary) => binary.as_str().map(String::from),
            Self::List(_) => self
                .as_list()?
                .map(|element| element.as_u64().and_then(|code| char::from_u32(u32::try_from(code).ok()?)))
                .collect(),
            _ => None,
        }
    }
}

/// The empty list, where one must be borrowed.
pub(super) static NIL: Term = Term::NIL;

/// `[]`
impl Default for Term {
    fn default() -> Self {
        Self::NIL
    }
}

/// A `&str` becomes what a string literal is in Erlang: the list of its code points.
impl From<&str> for Term {
    fn from(text: &str) -> Self {
        Self::List(List::from_text(text))
    }
}

impl From<String> for Term {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<bool> for Term {
    fn from(value: bool) -> Self {
        Self::atom(if value { "true" } else { "false" })
    }
}

/// Becomes a list, also when it holds octets: a binary is [`Term::binary`].
impl<T: Into<Self>> From<Vec<T>> for Term {
    fn from(elements: Vec<T>) -> Self {
        Self::list(elements.into_iter().map(Into::into))
    }
}

impl FromIterator<Self> for Term {
    fn from_iter<I: IntoIterator<Item = Self>>(elements: I) -> Self {
        Self::list(elements)
    }
}

impl TryFrom<f64> for Term {
    type Error = super::NotFinite;

    fn try_from(value: f64) -> Result<Self, super::NotFinite> {
        Float::new(value).map(Self::Float)
    }
}

macro_rules! from_variant {
    ($($variant:ident)*) => {$(
        impl From<$variant> for Term {
            fn from(value: $variant) -> Self {
                Self::$variant(value)
            }
        }

        impl TryFrom<Term> for $variant {
            type Error = UnexpectedTerm;

            fn try_from(term: Term) -> Result<Self, UnexpectedTerm> {
                match term {
                    Term::$variant(value) => Ok(value),
                    _ => Err(UnexpectedTerm),
                }
            }
        }
    )*};
}

macro_rules! from_integer {
    ($($number:ty)*) => {$(
        impl From<$number> for Term {
            fn from(value: $number) -> Self {
                Self::Integer(value.into())
            }
        }

        impl TryFrom<&Term> for $number {
            type Error = UnexpectedTerm;

            fn try_from(term: &Term) -> Result<Self, UnexpectedTerm> {
                term.as_integer().and_then(|integer| integer.try_into().ok()).ok_or(UnexpectedTerm)
            }
        }
    )*};
}

impl From<num_bigint::BigInt> for Term {
    fn from(value: num_bigint::BigInt) -> Self {
        Self::Integer(value.into())
    }
}

from_variant!(Integer Float Atom Tuple List Binary BitString Map Pid Port Reference Fun);
from_integer!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// A term was of another type, or out of the range, that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnexpectedTerm;

impl fmt::Display for UnexpectedTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the term has another type or is out of range")
    }
}

impl core::error::Error for UnexpectedTerm {}
