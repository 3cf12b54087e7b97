//! Between Erlang's terms and BERT's complex types.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::term::{List, Term};

/// A term as BERT says it: `nil`, `true`, `false` and maps become complex types.
///
/// What BERT has no tag for stays, for the [encoder](crate::term::Emit::Bert) to refuse.
///
/// # Errors
/// [`NotBert`]
pub fn to_bert(term: &Term) -> Result<Term, NotBert> {
    rebuilt(term, |term| match &term {
        Term::Atom(atom) if CONSTANTS.contains(&atom.as_str()) => Ok(Term::tuple([BERT, term])),
        Term::Map(map) => {
            let pairs = map.as_slice().iter().map(|(key, value)| Term::tuple([key.clone(), value.clone()]));
            Ok(Term::tuple([BERT, Term::atom("dict"), Term::list(pairs)]))
        }
        _ => match complex(&term) {
            // The constant within was translated before what is around it, which said so already.
            Some([constant]) if constant.as_tuple().is_some() => Ok(constant.clone()),
            Some(parts) if !is_known(parts) => Err(NotBert),
            _ => Ok(term),
        },
    })
}

/// The reverse of [`to_bert`], as far as there is one.
///
/// # Errors
/// [`NotBert`]
pub fn from_bert(term: &Term) -> Result<Term, NotBert> {
    rebuilt(term, |term| match complex(&term) {
        None => Ok(term),
        Some([constant]) if is_constant(constant) => Ok(constant.clone()),
        Some([kind, pairs]) if kind.is_atom("dict") => {
            let pair = |pair: &Term| match pair.as_tuple() {
                Some([key, value]) => Ok((key.clone(), value.clone())),
                _ => Err(NotBert),
            };
            let pairs: Result<Vec<_>, _> = pairs.as_list().ok_or(NotBert)?.map(pair).collect();
            Ok(Term::map(pairs?))
        }
        Some([kind, encoding, text @ Term::Binary(_)]) if kind.is_atom("string") && is_utf8(encoding) => {
            Ok(text.clone())
        }
        Some(parts) if is_known(parts) => Ok(term),
        Some(_) => Err(NotBert),
    })
}

/// A tuple begins with the atom `bert`, which is reserved for complex types, and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotBert;

impl fmt::Display for NotBert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tuple begins with the reserved atom bert, and is none of BERT's complex types")
    }
}

impl core::error::Error for NotBert {}

/// What follows the reserved atom.
fn complex(term: &Term) -> Option<&[Term]> {
    match term.as_tuple() {
        Some([first, parts @ ..]) if first.is_atom("bert") => Some(parts),
        _ => None,
    }
}

fn is_constant(term: &Term) -> bool {
    term.as_atom().is_some_and(|atom| CONSTANTS.contains(&atom.as_str()))
}

fn is_utf8(encoding: &Term) -> bool {
    encoding.as_atom().is_some_and(|name| name.as_str().eq_ignore_ascii_case("utf-8"))
}

/// The complex types that stay tuples here.
fn is_known(parts: &[Term]) -> bool {
    let kind = |name| parts.first().is_some_and(|kind| kind.is_atom(name));
    match parts {
        [_, pairs] if kind("dict") => {
            pairs.as_list().is_some_and(|mut pairs| pairs.all(|pair| matches!(pair.as_tuple(), Some([_, _]))))
        }
        [_, times @ ..] if kind("time") => {
            times.len() == 3 && times.iter().all(|time| matches!(time, Term::Integer(_)))
        }
        // Some write the options as a tuple.
        [_, Term::Binary(_), Term::List(_) | Term::Tuple(_)] if kind("regex") => true,
        [_, Term::Atom(_), Term::Binary(_)] if kind("string") => true,
        _ => false,
    }
}

/// The term, made anew from the inside out, each part by `change`. Without recursion: a peer nests as deeply as it likes.
fn rebuilt<E>(root: &Term, mut change: impl FnMut(Term) -> Result<Term, E>) -> Result<Term, E> {
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut term = root;
    loop {
        let mut value = match children(term) {
            Some(children) => {
                open.push(Open { term, children, done: Vec::new() });
                None
            }
            None => Some(change(term.clone())?),
        };
        term = loop {
            match (open.last_mut(), value.take()) {
                (None, Some(value)) => return Ok(value),
                (None, None) => return Ok(root.clone()),
                (Some(top), done) => top.done.extend(done),
            }
            if let Some(next) = open.last_mut().and_then(|top| top.children.next()) {
                break next;
            }
            if let Some(Open { term, done, .. }) = open.pop() {
                value = Some(change(container(term, done))?);
            }
        };
    }
}

/// A container whose parts are being made.
struct Open<'a> {
    term: &'a Term,
    children: Children<'a>,
    done: Vec<Term>,
}

type Children<'a> = Box<dyn Iterator<Item = &'a Term> + 'a>;

/// The parts that may have to change; `None` where there are none.
fn children(term: &Term) -> Option<Children<'_>> {
    Some(match term {
        Term::Tuple(tuple) => Box::new(tuple.as_slice().iter()),
        Term::List(list) if list.as_bytes().is_none() => Box::new(list.iter().chain(list.tail())),
        Term::Map(map) => Box::new(map.as_slice().iter().flat_map(|(key, value)| [key, value])),
        _ => return None,
    })
}

/// A container of the kind of `term`, with these parts.
fn container(term: &Term, mut parts: Vec<Term>) -> Term {
    match term {
        Term::Tuple(_) => Term::tuple(parts),
        Term::Map(_) => {
            let mut parts = parts.into_iter();
            Term::map(core::iter::from_fn(|| parts.next().zip(parts.next())))
        }
        Term::List(list) => {
            let tail = list.tail().and_then(|_| parts.pop()).unwrap_or_default();
            List::with_tail(parts, tail)
        }
        other => other.clone(),
    }
}

const BERT: Term = Term::atom("bert");
const CONSTANTS: [&str; 3] = ["nil", "true", "false"];

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::term::parse_term;

    fn term(text: &str) -> Term {
        parse_term(text).expect(text)
    }

    #[test]
    fn each_way() {
        for (ours, bert) in [
            ("[nil,{true,[]},false,undefined]", "[{bert,nil},{{bert,true},[]},{bert,false},undefined]"),
            ("#{a => #{true => nil}}", "{bert,dict,[{a,{bert,dict,[{{bert,true},{bert,nil}}]}}]}"),
            ("#{}", "{bert,dict,[]}"),
            ("{bert,time,1254,295,7}", "{bert,time,1254,295,7}"),
            ("{bert,regex,<<\"^c(a)t$\">>,[caseless]}", "{bert,regex,<<\"^c(a)t$\">>,[caseless]}"),
            ("{x,bert,\"bytes\",<<\"b\">>,1.5,[bert]}", "{x,bert,\"bytes\",<<\"b\">>,1.5,[bert]}"),
            ("[a|true]", "[a|{bert,true}]"),
        ] {
            assert_eq!(to_bert(&term(ours)).map(|term| term.to_string()).as_deref(), Ok(bert));
            assert_eq!(from_bert(&term(bert)).map(|term| term.to_string()).as_deref(), Ok(ours));
        }
    }

    #[test]
    fn what_is_said_in_berts_words_is_said_once() {
        for (ours, bert) in [
            ("{bert,nil}", "{bert,nil}"),
            ("[{bert,true}]", "[{bert,true}]"),
            ("{bert,dict,[{a,true}]}", "{bert,dict,[{a,{bert,true}}]}"),
            ("{bert,string,latin1,<<233>>}", "{bert,string,latin1,<<233>>}"),
        ] {
            assert_eq!(to_bert(&term(ours)), Ok(term(bert)));
        }
    }

    #[test]
    fn strings_of_some_clients_are_binaries_and_of_equal_keys_the_last_stays() {
        assert_eq!(from_bert(&term("{bert,string,'UTF-8',<<195,164>>}")), Ok(Term::binary("ä")));
        assert_eq!(from_bert(&term("{bert,dict,[{a,1},{a,2}]}")), Ok(term("#{a => 2}")));
    }

    #[test]
    fn the_reserved_atom_begins_nothing_else() {
        for text in [
            "{bert}",
            "{bert,foo}",
            "[{bert,dict}]",
            "{bert,dict,a}",
            "{bert,dict,[a]}",
            "{bert,dict,[{a,b}|c]}",
            "{bert,time,1,2}",
            "{bert,time,1,2,a}",
            "{bert,regex,\"x\",[]}",
            "{bert,nil,nil}",
        ] {
            assert_eq!(from_bert(&term(text)), Err(NotBert), "{text}");
            assert_eq!(to_bert(&term(text)), Err(NotBert), "{text}");
        }
    }

    #[test]
    fn depth_takes_no_stack() {
        let mut deep = Term::atom("true");
        for _ in 0..1_000_000 {
            deep = Term::tuple([deep]);
        }
        let bert = to_bert(&deep).expect("deep");
        assert!(bert != deep);
        assert!(from_bert(&bert) == Ok(deep));
    }
}
