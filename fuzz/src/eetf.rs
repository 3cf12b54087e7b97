//! The external term format against another codec, `eetf`, whose differences are named here.

use eetf::Term as Other;
use sshrpc::term::{Term, decode_exact, decode_with};

use crate::terms::limits;

const COMPRESSED: u8 = 80;
/// `ATOM_EXT` and `SMALL_ATOM_EXT`, whose octets are Latin-1, which it reads as UTF-8.
const LATIN1_ATOMS: [u8; 2] = [100, 115];
/// `FLOAT_EXT`, whose text it reads with fewer digits than it has.
const FLOAT_AS_TEXT: u8 = 99;

/// What we take for a term, `eetf` takes for the same one as we write it, and as it came unless it refuses that: it wants
/// signs of integers that are 0 or 1, say, where Erlang takes what is not 0 for a minus.
///
/// # Panics
/// When the two disagree.
pub fn term_eetf(data: &[u8]) {
    // eetf believes the lengths that it reads, so that only what we have read comes before it.
    let Ok((term, used)) = decode_with(data, &limits()) else { return };
    if !agreed(&term) {
        return;
    }
    let ours = term.to_bytes().expect("short");
    let read = Other::decode(&ours[..]).unwrap_or_else(|error| panic!("eetf: {error}: {term}"));
    assert_eq!(written_by_eetf(&read), term, "as we write it");
    let came = data.get(..used).unwrap_or_default();
    // It inflates past the end of what is compressed.
    let compressed = came.get(1) == Some(&COMPRESSED);
    let latin1 = !came.is_ascii() && came.iter().any(|octet| LATIN1_ATOMS.contains(octet));
    if !compressed
        && !latin1
        && !came.contains(&FLOAT_AS_TEXT)
        && let Ok(read) = Other::decode(came)
    {
        assert_eq!(written_by_eetf(&read), term, "as it came");
    }
}

fn written_by_eetf(read: &Other) -> Term {
    let mut theirs = Vec::new();
    read.encode(&mut theirs).unwrap_or_else(|error| panic!("eetf: {error}: {read:?}"));
    decode_exact(&theirs).unwrap_or_else(|error| panic!("{error}: {read:?}"))
}

/// Whether eetf can say this term: it writes lists of negative integers as octets, and has one zero among floats in the
/// keys of maps, say. `rpc/tests/term_eetf.rs` shows the first.
fn agreed(term: &Term) -> bool {
    let parts: Vec<&Term> = match term {
        Term::List(list) => {
            let small = |element: &Term| element.as_i64().filter(|integer| i32::try_from(*integer).is_ok());
            let octets = list.iter().all(|element| small(element).is_some_and(|integer| integer < 256));
            if octets && list.iter().any(|element| small(element).is_some_and(|integer| integer < 0)) {
                return false;
            }
            list.iter().chain(list.tail()).collect()
        }
        Term::Tuple(tuple) => tuple.as_slice().iter().collect(),
        Term::Map(map) if map.as_slice().iter().any(|(key, _)| key.to_string().contains("-0.0")) => return false,
        Term::Map(map) => map.as_slice().iter().flat_map(|(key, value)| [key, value]).collect(),
        // It reads no more arguments than a function of Erlang can have.
        Term::Fun(fun) => match fun.as_external() {
            Some((_, _, arity)) => return arity <= 255,
            None => return short_numbers(&term.to_string()),
        },
        _ => return true,
    };
    parts.into_iter().all(agreed)
}

/// Whether the two numbers in a closure's text, `#Fun<module.index.uniq>`, have 32 bits: Erlang has no longer ones, and eetf
/// takes no others. What the closure closes over does not stand in the text, and is not looked at.
fn short_numbers(text: &str) -> bool {
    let numbers = text.trim_end_matches('>').rsplit('.').take(2);
    numbers.map(str::parse::<i32>).all(|number| number.is_ok())
}
