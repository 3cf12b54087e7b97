//! What arguments and messages are made of: how large they are, and which functions they carry.

use crate::term::{Fun, Term};

/// The octets of these terms in the External Term Format, counted without writing them.
pub(crate) fn size_of(terms: &[Term]) -> usize {
    Walk::new(terms).map(own_size).fold(0, usize::saturating_add)
}

/// The functions in these terms, at any depth. What is inside a closure is not looked at: it is code.
pub(super) fn funs(terms: &[Term]) -> impl Iterator<Item = &Fun> {
    Walk::new(terms).filter_map(|term| if let Term::Fun(fun) = term { Some(fun) } else { None })
}

/// The octets of a term without those of the terms in it.
fn own_size(term: &Term) -> usize {
    match term {
        Term::Tuple(tuple) => {
            if tuple.as_slice().len() > 255 {
                5
            } else {
                2
            }
        }
        Term::Map(_) => 5,
        Term::List(list) if list.is_empty() => 1,
        Term::List(list) => match (list.as_bytes(), list.tail()) {
            // STRING_EXT, or a list of small integers.
            (Some(bytes), None) if bytes.len() <= 65_535 => 3 + bytes.len(),
            (Some(bytes), None) => 6 + 2 * bytes.len(),
            (_, None) => 6,
            (_, Some(_)) => 5,
        },
        Term::Binary(binary) => binary.as_bytes().len().saturating_add(5),
        // Leaves, which are short, and closures, which are rare. One octet is that of the version.
        leaf => leaf.to_bytes().map_or(usize::MAX, |bytes| bytes.len().saturating_sub(1)),
    }
}

/// All terms, containers before what is in them.
struct Walk<'a> {
    open: Vec<Box<dyn Iterator<Item = &'a Term> + 'a>>,
}

impl<'a> Walk<'a> {
    fn new(terms: &'a [Term]) -> Self {
        Self { open: vec![Box::new(terms.iter())] }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = &'a Term;

    fn next(&mut self) -> Option<&'a Term> {
        loop {
            let Some(term) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            match term {
                Term::Tuple(tuple) => self.open.push(Box::new(tuple.as_slice().iter())),
                Term::Map(map) => self.open.push(Box::new(map.as_slice().iter().flat_map(|(key, value)| [key, value]))),
                // Small integers in one piece have no functions in them, and their size is known.
                Term::List(list) if list.as_bytes().is_none() => {
                    self.open.push(Box::new(list.iter().chain(list.tail())));
                }
                _ => {}
            }
            return Some(term);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_that_of_the_external_term_format() {
        let wide = Term::tuple((0..300).map(Term::from));
        let long = Term::list((0..70_000).map(|_| Term::from(7)));
        let deep = (0..100_000).fold(Term::NIL, |inner, _| Term::list([inner]));
        let texts = [
            "[]",
            "0",
            "-1",
            "300",
            "1.5",
            "12345678901234567890",
            "ok",
            "'h\u{e9}'",
            "{}",
            "{a,b}",
            "[a|b]",
            "[a,b]",
            "\"text\"",
            "[1,2,300]",
            "<<>>",
            "<<\"abc\">>",
            "<<1:3>>",
            "#{a => 1,b => [x]}",
            "fun lists:seq/2",
        ];
        let parsed = texts.iter().map(|text| text.parse::<Term>().unwrap());
        for term in parsed.chain([wide, long, deep]) {
            assert_eq!(size_of(std::slice::from_ref(&term)), term.to_bytes().unwrap().len() - 1);
        }
    }

    #[test]
    fn functions_are_found_at_any_depth() {
        let term: Term = "[x,{#{k => [fun a:b/1],fun c:d/2 => 1}}|fun e:f/3]".parse().unwrap();
        let mut found: Vec<_> = funs(std::slice::from_ref(&term)).map(|fun| fun.as_external().unwrap().2).collect();
        found.sort_unstable();
        assert_eq!(found, [1, 2, 3]);
    }
}
