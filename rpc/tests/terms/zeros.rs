//! Maps whose keys have a zero with a minus.

use sshrpc::term::Term;

/// Whether a map in it has a key with -0.0 in it, which the text shows, as it may of some numbers that are none. Before
/// OTP 27, and to others, it is the same key as that with 0.0.
pub(crate) fn has_zero_in_key(term: &Term) -> bool {
    match term {
        Term::List(list) => list.iter().chain(list.tail()).any(has_zero_in_key),
        Term::Tuple(tuple) => tuple.as_slice().iter().any(has_zero_in_key),
        Term::Map(map) => map
            .as_slice()
            .iter()
            .any(|(key, value)| key.to_string().contains("-0.0") || has_zero_in_key(key) || has_zero_in_key(value)),
        _ => false,
    }
}
