//! From terms to text, exactly as Erlang prints them.
//!
//! What is printable, and therefore shown as text, is what `io_lib` takes for it in a node started without `+pc unicode`:
//! the printable characters of Latin-1, and the usual controls.

mod float;
mod quote;

use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::slice;

pub(super) use self::float::write_float;
use self::quote::Text;
pub(super) use self::quote::{Charset, continues_atom, starts_atom, write_atom};
use super::map::PrintOrder;
use super::{BitString, Elements, Fun, List, Map, Term};

/// Which of Erlang's forms to print a term in; see [`Term::text`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Style {
    /// `~0tp`: text where lists and binaries look like it, on one line.
    #[default]
    Pretty,
    /// `~tw`: lists and binaries always as numbers.
    Plain,
    /// `~w`: as [`Plain`](Self::Plain), with characters of atoms beyond Latin-1 as `\x{..}`.
    PlainLatin1,
}

impl Term {
    /// Prints the term in one of Erlang's forms. Identifiers are printed as their own node prints them, `<0.1.2>`: the
    /// first number that other nodes print is a position in a table of theirs.
    #[must_use]
    pub const fn text(&self, style: Style) -> impl fmt::Display {
        Styled { term: self, style }
    }
}

/// As `io_lib:format("~0tp", [Term])`.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_term(f, self, Style::Pretty)
    }
}

/// As [`Display`](fmt::Display).
impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! debug_as_term {
    ($($variant:ident)*) => {$(
        impl fmt::Debug for super::$variant {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_term(f, &Term::from(self.clone()), Style::Pretty)
            }
        }
    )*};
}

debug_as_term!(Tuple List Map Fun);

struct Styled<'a> {
    term: &'a Term,
    style: Style,
}

impl fmt::Display for Styled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_term(f, self.term, self.style)
    }
}

/// What is left of a container.
enum Open<'a> {
    Tuple { elements: slice::Iter<'a, Term>, separator: &'static str },
    List { elements: Elements<'a>, tail: Option<&'a Term>, separator: &'static str },
    Map { entries: PrintOrder<'a>, value: Option<&'a Term>, separator: &'static str },
}

fn write_term(f: &mut dyn Write, term: &Term, style: Style) -> fmt::Result {
    let mut open = Vec::new();
    write_one(f, term, style, &mut open)?;
    while let Some(container) = open.last_mut() {
        let next = match container {
            Open::Tuple { elements, separator } => match elements.next() {
                Some(element) => Ok((core::mem::replace(separator, ","), element)),
                None => Err("}"),
            },
            Open::List { elements, tail, separator } => match elements.next() {
                Some(element) => Ok((core::mem::replace(separator, ","), element)),
                None => tail.take().map(|tail| ("|", tail)).ok_or("]"),
            },
            Open::Map { entries, value, separator } => match value.take() {
                Some(value) => Ok((" => ", value)),
                None => match entries.next() {
                    Some((key, next)) => {
                        *value = Some(next);
                        Ok((core::mem::replace(separator, ","), key))
                    }
                    None => Err("}"),
                },
            },
        };
        match next {
            Ok((separator, child)) => {
                f.write_str(separator)?;
                write_one(f, child, style, &mut open)?;
            }
            Err(end) => {
                f.write_str(end)?;
                open.pop();
            }
        }
    }
    Ok(())
}

/// Writes a term up to its children.
fn write_one<'a>(f: &mut dyn Write, term: &'a Term, style: Style, open: &mut Vec<Open<'a>>) -> fmt::Result {
    match term {
        Term::Integer(integer) => write!(f, "{integer}"),
        Term::Float(float) => write!(f, "{float}"),
        Term::Atom(atom) => write_atom(f, atom.as_str(), charset(style)),
        Term::Tuple(tuple) => {
            open.push(Open::Tuple { elements: tuple.as_slice().iter(), separator: "" });
            f.write_str("{")
        }
        Term::List(list) => write_list(f, list, style, open),
        Term::Binary(binary) => write_binary(f, binary.as_bytes(), style),
        Term::BitString(bits) => write_bit_string(f, bits),
        Term::Map(map) => write_map(f, map, open),
        Term::Pid(pid) => write!(f, "{pid}"),
        Term::Port(port) => write!(f, "{port}"),
        Term::Reference(reference) => write!(f, "{reference}"),
        Term::Fun(fun) => write_fun(f, fun, style),
    }
}

fn write_list<'a>(f: &mut dyn Write, list: &'a List, style: Style, open: &mut Vec<Open<'a>>) -> fmt::Result {
    match list.as_bytes() {
        Some(text) if style == Style::Pretty && quote::is_printable(text) => {
            quote::write_string(f, text.iter().copied().map(char::from))
        }
        _ => {
            open.push(Open::List { elements: list.iter(), tail: list.tail(), separator: "" });
            f.write_str("[")
        }
    }
}

fn write_map<'a>(f: &mut dyn Write, map: &'a Map, open: &mut Vec<Open<'a>>) -> fmt::Result {
    open.push(Open::Map { entries: map.in_print_order(), value: None, separator: "" });
    f.write_str("#{")
}

pub(super) fn write_binary(f: &mut dyn Write, bytes: &[u8], style: Style) -> fmt::Result {
    f.write_str("<<")?;
    let text = if style == Style::Pretty { quote::printable_binary(bytes) } else { None };
    match text {
        Some(Text::Latin1) => quote::write_string(f, bytes.iter().copied().map(char::from))?,
        Some(Text::Utf8(text)) => {
            quote::write_string(f, text.chars())?;
            f.write_str("/utf8")?;
        }
        None => {
            let mut separator = "";
            for octet in bytes {
                write!(f, "{separator}{octet}")?;
                separator = ",";
            }
        }
    }
    f.write_str(">>")
}

/// A bit string is never text, even where its whole octets are.
pub(super) fn write_bit_string(f: &mut dyn Write, bits: &BitString) -> fmt::Result {
    f.write_str("<<")?;
    if let Some((last, whole)) = bits.as_bytes().split_last() {
        for octet in whole {
            write!(f, "{octet},")?;
        }
        write!(f, "{}:{}", last >> (8 - bits.last_bits()), bits.last_bits())?;
    }
    f.write_str(">>")
}

fn write_fun(f: &mut dyn Write, fun: &Fun, style: Style) -> fmt::Result {
    if let Some((module, function, arity)) = fun.as_external() {
        f.write_str("fun ")?;
        write_atom(f, module.as_str(), charset(style))?;
        f.write_str(":")?;
        write_atom(f, function.as_str(), charset(style))?;
        write!(f, "/{arity}")?;
    }
    if let Some(closure) = fun.as_closure() {
        let head = &closure.head;
        f.write_str("#Fun<")?;
        quote::write_bare(f, head.module.as_str(), charset(style))?;
        write!(f, ".{}.{}>", head.old_index, head.old_uniq)?;
    }
    Ok(())
}

const fn charset(style: Style) -> Charset {
    match style {
        Style::Pretty | Style::Plain => Charset::Unicode,
        Style::PlainLatin1 => Charset::Latin1,
    }
}
