//! Random terms, octets and texts: what goes out comes back, and nothing panics.

use num_bigint::{BigInt, Sign};
use proptest::collection::vec;
use proptest::prelude::*;
use sshrpc::term::{
    Atom, BitString, DecodeLimits, Emit, Fun, List, Map, Pid, Port, Reference, Scanner, Style, Term, decode,
    decode_exact, encode, parse_call, parse_expression, parse_term, scan,
};

fn atom() -> impl Strategy<Value = Atom> {
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

fn literals() -> impl Strategy<Value = Term> {
    nested(literal())
}

fn terms() -> impl Strategy<Value = Term> {
    nested(prop_oneof![4 => literal(), 1 => identifier()])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn encoded_terms_decode_equal(term in terms()) {
        for emit in [Emit::Otp25, Emit::Otp26] {
            let mut out = b"before".to_vec();
            encode(&term, emit, &mut out).expect("small");
            let bytes = &out[6..];
            let back = decode_exact(bytes).expect("ours");
            prop_assert_eq!(&back, &term);
            let mut again = Vec::new();
            encode(&back, emit, &mut again).expect("small");
            prop_assert_eq!(&again, bytes);
            prop_assert_eq!(scan(bytes, &DecodeLimits::DEFAULT), Ok(Some(bytes.len())));
        }
    }

    #[test]
    fn printed_literals_parse_equal(term in literals()) {
        for style in [Style::Pretty, Style::Plain, Style::PlainLatin1] {
            let text = term.text(style).to_string();
            prop_assert_eq!(parse_term(&text), Ok(term.clone()), "{}", text);
        }
    }

    #[test]
    fn calls_of_literals_parse_equal(args in vec(literals(), 0..4), module in atom(), function in atom()) {
        let call = sshrpc::term::Call::new(module, function, args);
        prop_assert_eq!(parse_call(&call.to_string()), Ok(call));
    }

    #[test]
    fn the_order_is_total_and_agrees_with_equality(terms in vec(terms(), 3)) {
        let [a, b, c] = &terms[..] else { unreachable!("three") };
        prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
        prop_assert_eq!(a.cmp(b).is_eq(), a == b);
        prop_assert!(!(a <= b && b <= c) || a <= c);
        prop_assert_eq!(a.erlang_cmp(b), b.erlang_cmp(a).reverse());
        prop_assert_eq!(a.cmp(&a.clone()), std::cmp::Ordering::Equal);
    }

    #[test]
    fn maps_find_their_keys(entries in vec((terms(), any::<u8>()), 0..50), other in terms()) {
        let map: Map = entries.iter().map(|(key, value)| (key.clone(), Term::from(*value))).collect();
        for (key, _) in &entries {
            let last = entries.iter().rev().find(|(other, _)| other == key).map(|(_, value)| Term::from(*value));
            prop_assert_eq!(map.get(key), last.as_ref());
        }
        prop_assert_eq!(map.get(&other).is_some(), entries.iter().any(|(key, _)| *key == other));
    }

    #[test]
    fn changed_octets_never_panic_and_the_scanner_agrees(term in terms(), at in any::<prop::sample::Index>(), octet: u8) {
        let mut bytes = term.to_bytes().expect("small");
        let at = at.index(bytes.len());
        bytes[at] = octet;
        if let Ok((term, used)) = decode(&bytes) {
            prop_assert_eq!(scan(&bytes, &DecodeLimits::DEFAULT), Ok(Some(used)));
            let _ = term.to_string();
        }
    }

    #[test]
    fn random_octets_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        let bytes = [&[131], &bytes[..]].concat();
        if let Ok((_, used)) = decode(&bytes) {
            prop_assert_eq!(scan(&bytes, &DecodeLimits::DEFAULT), Ok(Some(used)));
        }
    }

    #[test]
    fn the_scanner_needs_no_whole_pieces(terms in vec(terms(), 1..4), cuts in vec(1..9_usize, 1..20)) {
        let encoded: Vec<_> = terms.iter().map(|term| term.to_bytes().expect("small")).collect();
        let stream = encoded.concat();
        let mut scanner = Scanner::new(DecodeLimits::DEFAULT);
        let (mut at, mut ends, mut cuts) = (0, Vec::new(), cuts.iter().cycle());
        while at < stream.len() {
            let piece = &stream[at..stream.len().min(at + cuts.next().expect("cycle"))];
            match scanner.push(piece).expect("valid") {
                Some(used) => { at += used; ends.push(at); }
                None => at += piece.len(),
            }
        }
        let expected: Vec<_> = encoded.iter().scan(0, |end, bytes| { *end += bytes.len(); Some(*end) }).collect();
        prop_assert_eq!(ends, expected);
    }

    #[test]
    fn random_text_never_panics(text in "\\PC{0,60}") {
        let _ = (parse_term(&text), parse_call(&text), parse_expression(&text));
    }

    #[test]
    fn nearly_erlang_never_panics(text in "[]\\[{}()<>#|,.:/=\\-$\"'\\\\a-c0-9xX_ \n%]{0,60}") {
        let _ = (parse_term(&text), parse_call(&text), parse_expression(&text));
    }
}
