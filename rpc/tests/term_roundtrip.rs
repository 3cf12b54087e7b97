//! Random terms, octets and texts: what goes out comes back, and nothing panics.

#[expect(dead_code, reason = "what other files of tests need too")]
mod terms;

use proptest::collection::vec;
use proptest::prelude::*;
use sshrpc::term::{
    DecodeLimits, Emit, Map, Scanner, Style, Term, decode, decode_exact, encode, parse_call, parse_expression,
    parse_term, scan,
};
use terms::{atom, literals, terms};

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
