//! Random terms.

use num_bigint::{BigInt, Sign};
use proptest::collection::vec;
use proptest::prelude::*;
use sshrpc::term::{Atom, BitString, Fun, List, Pid, Port, Reference, Term};

pub(crate) fn atom() -> impl Strategy<Value = Atom> {
    prop_oneof!["[a-z][a-zA-Z0-9_@]{0,8}", "\\PC{0,12}", "[\\x00-\\xff]{0,4}", Just("end".to_owned())]
        .prop_map(|name| Atom::new(&name).expect("short"))
}

fn integer() -> impl Strategy<Value = Term> {
    prop_oneof![
        (0..=255_u8).prop_map(Term::from),
        any::<i32>().prop_map(Term::from),
        any::<i64>().prop_map(Term::from),
        (any::<bool>(), vec(any::<u8>(), 0..300)).prop_map(|(negative, magnitude)| {
            Term::from(BigInt::from_bytes_le(if negative { Sign::Minus } else { Sign::Plus }, &magnitude))
        }),
    ]
}

/// Leaves that text can express.
fn literal() -> impl Strategy<Value = Term> {
    prop_oneof![
        integer(),
        any::<f64>().prop_filter_map("finite", |value| Term::try_from(value).ok()),
        atom().prop_map(Term::from),
        vec(any::<u8>(), 0..20).prop_map(Term::binary),
        "\\PC{0,10}".prop_map(Term::binary),
        "\\PC{0,10}".prop_map(Term::from),
        "[ -~\\xa0-\\xff\\n\\t]{0,10}".prop_map(Term::from),
        (vec(any::<u8>(), 1..5), 1..8_u8).prop_map(|(bytes, bits)| BitString::new(&bytes, bits).expect("bits").into()),
        (atom(), atom(), 0..=255_u32)
            .prop_map(|(module, function, arity)| Fun::external(module, function, arity).into()),
    ]
}

/// Leaves that only the external format can express.
fn identifier() -> impl Strategy<Value = Term> {
    prop_oneof![
        (atom(), any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(node, a, b, c)| Pid::new(node, a, b, c).into()),
        (atom(), any::<u64>(), any::<u32>()).prop_map(|(node, id, creation)| Port::new(node, id, creation).into()),
        (atom(), any::<u32>(), vec(any::<u32>(), 1..=5)).prop_map(|(node, creation, words)| Reference::new(
            node, creation, &words
        )
        .expect("words")
        .into()),
    ]
}

fn nested(leaf: impl Strategy<Value = Term> + 'static) -> impl Strategy<Value = Term> {
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Term::tuple),
            vec(inner.clone(), 0..8).prop_map(Term::list),
            (vec(inner.clone(), 0..4), inner.clone()).prop_map(|(elements, tail)| List::with_tail(elements, tail)),
            vec((inner.clone(), inner.clone()), 0..5).prop_map(Term::map),
            vec((any::<i16>(), inner), 30..40)
                .prop_map(|entries| { Term::map(entries.into_iter().map(|(key, value)| (Term::from(key), value))) }),
        ]
    })
}

pub(crate) fn literals() -> impl Strategy<Value = Term> {
    nested(literal())
}

pub(crate) fn terms() -> impl Strategy<Value = Term> {
    nested(prop_oneof![4 => literal(), 1 => identifier()])
}

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
