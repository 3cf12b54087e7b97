//! What a hostile peer may send, and what nesting may do: errors and bounded cost, never a panic or an overflow.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use sshrpc::term::{
    DecodeError, DecodeErrorKind, DecodeLimits, Emit, List, Scanner, Style, Term, decode, decode_exact,
    decode_exact_with, decode_with, encode, parse_term, scan,
};

const MILLION: usize = 1_000_000;
/// Many times what the stack of a test would hold, where a million takes long without optimisation.
const DEEP: usize = 200_000;

fn limits(change: impl FnOnce(&mut DecodeLimits)) -> DecodeLimits {
    let mut limits = DecodeLimits::default();
    change(&mut limits);
    limits
}

fn deep() -> DecodeLimits {
    limits(|limits| limits.max_depth = 2 * MILLION)
}

fn kind(bytes: &[u8]) -> DecodeErrorKind {
    decode(bytes).expect_err("hostile").kind
}

/// The octets of `open` repeated, `middle`, and `close` repeated, as a term.
fn nested(depth: usize, open: &[u8], middle: &[u8], close: &[u8]) -> Vec<u8> {
    [&[131], &*open.repeat(depth), middle, &*close.repeat(depth)].concat()
}

/// Everything that one can do with a term.
fn exercise(bytes: &[u8]) {
    let (term, used) = decode_with(bytes, &deep()).expect("deep but right");
    assert_eq!(used, bytes.len());
    assert_eq!(scan(bytes, &deep()), Ok(Some(used)));
    let (other, _) = decode_with(bytes, &deep()).expect("deep but right");
    assert!(term == other);
    assert!(term.cmp(&other).is_eq());
    assert!(term.erlang_cmp(&other).is_eq());
    let hash = |term: &Term| {
        let mut hasher = DefaultHasher::new();
        term.hash(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(&term), hash(&other));
    let clone = term.clone();
    drop(term);
    assert!(format!("{clone:?}").len() > DEEP);
    assert!(clone.to_string().len() > DEEP);
    assert!(clone.text(Style::PlainLatin1).to_string().len() > DEEP);
    let mut out = Vec::new();
    encode(&clone, Emit::Otp26, &mut out).expect("small");
    assert!(out == bytes);
}

#[test]
fn a_list_nested_a_million_deep_overflows_no_stack() {
    exercise(&nested(MILLION, &[108, 0, 0, 0, 1], &[106], &[106]));
}

#[test]
fn a_tuple_nested_a_million_deep_overflows_no_stack() {
    exercise(&nested(MILLION, &[104, 1], &[106], &[]));
}

#[test]
fn a_map_nested_deeply_in_keys_and_in_values_overflows_no_stack() {
    exercise(&nested(DEEP, &[116, 0, 0, 0, 1], &[106], &[97, 1]));
    exercise(&nested(DEEP, &[116, 0, 0, 0, 1, 97, 1], &[106], &[]));
}

#[test]
fn improper_tails_nested_deeply_overflow_no_stack() {
    exercise(&nested(DEEP, &[108, 0, 0, 0, 1, 97, 1, 104, 1], &[106], &[]));
}

#[test]
fn closures_nested_deeply_overflow_no_stack() {
    let pid = [88, 119, 1, b'n', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    // The size, which decoding ignores, is left zero: written again, it is right.
    let head = [&[112, 0, 0, 0, 0, 1][..], &[7; 16], &[0, 0, 0, 5, 0, 0, 0, 1, 119, 1, b'm', 97, 5, 97, 6], &pid];
    let bytes = nested(10 * 1000, &head.concat(), &[106], &[]);
    let (term, _) = decode_with(&bytes, &deep()).expect("deep but right");
    let again = term.to_bytes().expect("small");
    assert!(again.len() == bytes.len() && again != bytes);
    assert!(decode_exact_with(&again, &deep()) == Ok(term.clone()));
    let bytes = nested(DEEP, &head.concat(), &[106], &[]);
    let (deeper, _) = decode_with(&bytes, &deep()).expect("deep but right");
    assert!(deeper == deeper.clone() && deeper != term);
}

#[test]
fn terms_built_and_shared_in_memory_drop_without_recursion() {
    let mut term = Term::NIL;
    let mut shared = Vec::new();
    for level in 0..MILLION {
        term = match level % 3 {
            0 => Term::tuple([term]),
            1 => Term::list([term, Term::atom("x")]),
            _ => Term::map([(1.into(), term)]),
        };
        if level % 1000 == 0 {
            shared.push(term.clone());
        }
    }
    drop(term);
    shared.reverse();
    drop(shared);
}

#[test]
fn depth_is_limited_by_default_and_to_the_level() {
    let error = decode(&nested(10_001, &[104, 1], &[106], &[])).expect_err("too deep");
    assert_eq!(error, decode_error(DecodeErrorKind::TooDeep, 1 + 2 * 10_000));
    assert!(decode(&nested(10_000, &[104, 1], &[106], &[])).is_ok());
    for (bytes, depth) in [
        (vec![131, 97, 1], 0),
        (vec![131, 106], 0),
        (vec![131, 104, 0], 0),
        (vec![131, 107, 0, 1, 7], 0),
        (vec![131, 104, 1, 97, 1], 1),
        (vec![131, 108, 0, 0, 0, 1, 108, 0, 0, 0, 1, 106, 106, 106], 2),
        // A chain of tails is one list.
        (vec![131, 108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 106], 1),
    ] {
        let at = limits(|limits| limits.max_depth = depth);
        assert!(decode_with(&bytes, &at).is_ok() && scan(&bytes, &at).is_ok(), "{bytes:?}");
        if let Some(below) = depth.checked_sub(1) {
            let below = limits(|limits| limits.max_depth = below);
            assert_eq!(decode_with(&bytes, &below).expect_err("deep").kind, DecodeErrorKind::TooDeep, "{bytes:?}");
            assert_eq!(scan(&bytes, &below).expect_err("deep").kind, DecodeErrorKind::TooDeep, "{bytes:?}");
        }
    }
}

fn decode_error(kind: DecodeErrorKind, offset: usize) -> DecodeError {
    let mut error = decode(&[]).expect_err("empty");
    (error.kind, error.offset) = (kind, offset);
    error
}

#[test]
fn announced_counts_that_the_input_cannot_hold_are_refused_at_once() {
    let count = 0xffff_ffff;
    for tag in [108, 105, 116, 109] {
        let exceeds = DecodeErrorKind::CountExceedsInput { count, left: 2 };
        assert_eq!(decode(&[131, tag, 255, 255, 255, 255, 97, 1]), Err(decode_error(exceeds, 2)), "{tag}");
    }
    assert!(matches!(kind(&[131, 111, 255, 255, 255, 255, 0, 1]), DecodeErrorKind::CountExceedsInput { .. }));
    assert!(matches!(kind(&[131, 104, 3, 97, 1]), DecodeErrorKind::CountExceedsInput { count: 3, left: 2 }));
    assert!(matches!(kind(&[131, 116, 0, 0, 0, 2, 97, 1, 97]), DecodeErrorKind::CountExceedsInput { .. }));
}

#[test]
fn the_number_of_terms_is_limited() {
    let three = limits(|limits| limits.max_nodes = 3);
    let two = [131, 104, 2, 97, 1, 97, 2];
    assert!(decode_with(&two, &three).is_ok() && scan(&two, &three).is_ok());
    let three_elements = [131, 104, 3, 97, 1, 97, 2, 97, 3];
    let too_many = Err(decode_error(DecodeErrorKind::TooManyNodes, 7));
    assert_eq!(decode_with(&three_elements, &three).map(drop), too_many);
    assert_eq!(scan(&three_elements, &three).map(drop), too_many);
    // A string costs an octet a character, but not as the tail of a list, where it becomes terms.
    let string = [131, 107, 0, 4, 1, 2, 3, 4];
    assert!(decode_with(&string, &three).is_ok() && scan(&string, &three).is_ok());
    let tail = [131, 108, 0, 0, 0, 1, 106, 107, 0, 4, 1, 2, 3, 4];
    assert_eq!(decode_with(&tail, &three).expect_err("many").kind, DecodeErrorKind::TooManyNodes);
    assert_eq!(scan(&tail, &three).expect_err("many").kind, DecodeErrorKind::TooManyNodes);
}

#[test]
fn the_length_is_limited_before_the_octets_are_there() {
    let ten = limits(|limits| limits.max_bytes = 10);
    let fits = [131, 109, 0, 0, 0, 4, 1, 2, 3, 4];
    assert!(decode_with(&fits, &ten).is_ok() && scan(&fits, &ten) == Ok(Some(10)));
    let exceeds = [131, 109, 0, 0, 0, 5, 1, 2, 3, 4, 5];
    assert_eq!(decode_with(&exceeds, &ten).expect_err("long").kind, DecodeErrorKind::TooLong);
    assert_eq!(scan(&exceeds[..6], &ten).expect_err("long").kind, DecodeErrorKind::TooLong);
    // Octets after the term do not count.
    assert!(decode_with(&[&fits[..], &[0; 100]].concat(), &ten).is_ok());
    for tag in [105, 108, 116, 111, 77] {
        let error = scan(&[131, tag, 255, 255, 255, 255], &DecodeLimits::DEFAULT).expect_err("long");
        assert_eq!(error.kind, DecodeErrorKind::TooLong, "{tag}");
    }
}

#[test]
fn different_atoms_are_limited_and_the_same_ones_are_not() {
    let two = limits(|limits| limits.max_atoms = 2);
    let same = Term::list((0..1000).map(|_| Term::atom("same"))).to_bytes().expect("small");
    assert!(decode_with(&same, &two).is_ok());
    let three = Term::list(["a", "b", "c"].map(Term::atom)).to_bytes().expect("small");
    assert_eq!(decode_with(&three, &two).expect_err("three").kind, DecodeErrorKind::TooManyAtoms);
}

#[test]
fn integers_are_limited_and_leading_zeros_are_not() {
    let eight = limits(|limits| limits.max_integer_bytes = 8);
    assert!(decode_with(&[131, 110, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8], &eight).is_ok());
    assert!(decode_with(&[131, 110, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0], &eight).is_ok());
    let error = decode_with(&[131, 110, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], &eight).expect_err("long");
    assert_eq!(error.kind, DecodeErrorKind::IntegerTooLong);
    let mut largest = vec![131, 111, 0, 1, 0, 0, 0];
    largest.resize(7 + 65_536, 255);
    let (term, _) = decode(&largest).expect("the limit");
    assert_eq!(term.to_string().len(), 157_827);
}

#[test]
fn a_long_chain_of_tails_is_one_list_in_linear_time() {
    let links = MILLION;
    let bytes = [&[131], &*[108, 0, 0, 0, 1, 119, 1, b'a'].repeat(links), &[107, 0, 2, 1, 2]].concat();
    let (term, _) = decode(&bytes).expect("a list");
    assert_eq!(term.as_list().map(|list| list.len()), Some(links + 2));
    assert_eq!(scan(&bytes, &DecodeLimits::DEFAULT), Ok(Some(bytes.len())));
    let empty = [&[131], &*[108, 0, 0, 0, 0].repeat(links), &[97, 1]].concat();
    assert_eq!(decode_exact(&empty), Ok(Term::from(1)));
}

#[test]
fn trailing_octets_are_ignored_or_refused_as_asked() {
    assert_eq!(decode(&[131, 97, 1, 97]), Ok((Term::from(1), 3)));
    assert_eq!(decode_exact(&[131, 97, 1, 97]), Err(decode_error(DecodeErrorKind::TrailingBytes, 3)));
}

#[test]
fn what_is_incomplete_is_told_from_what_is_wrong() {
    assert!(decode(&[131, 98, 0]).expect_err("cut").is_incomplete());
    assert!(!decode(&[131, 255]).expect_err("unknown").is_incomplete());
    assert!(!decode(&[130]).expect_err("version").is_incomplete());
}

#[test]
fn a_scanner_that_failed_repeats_its_error() {
    let mut scanner = Scanner::new(DecodeLimits::DEFAULT);
    let error = decode_error(DecodeErrorKind::UnknownTag(255), 1);
    assert_eq!(scanner.push(&[131, 255]), Err(error));
    assert_eq!(scanner.push(&[131, 97, 1]), Err(error));
}

#[test]
fn a_scanner_between_terms_waits() {
    let mut scanner = Scanner::new(DecodeLimits::DEFAULT);
    assert_eq!((scanner.push(&[]), scanner.scanned()), (Ok(None), 0));
    assert_eq!((scanner.push(&[131, 97]), scanner.scanned()), (Ok(None), 2));
    assert_eq!((scanner.push(&[1, 131]), scanner.scanned()), (Ok(Some(1)), 0));
    assert_eq!(scanner.push(&[131, 109, 0, 0, 0, 0]), Ok(Some(6)));
    assert_eq!(scanner.push(&[131, 106]), Ok(Some(2)));
}

#[test]
fn text_nests_as_deep_as_the_limit_and_not_deeper() {
    for (open, close) in [("[", "]"), ("{", "}"), ("#{1=>", "}"), ("(", ")"), ("<<(", "):0/bits>>"), ("#{", "=>1}")] {
        let middle = if open.contains('<') { "<<>>" } else { "1" };
        let fits = 4_990;
        let text = [&*open.repeat(fits), middle, &*close.repeat(fits)].concat();
        assert!(parse_term(&text).is_ok(), "{open}");
        let error = parse_term(&open.repeat(DEEP)).expect_err("too deep");
        assert_eq!(error.kind, sshrpc::term::SyntaxErrorKind::TooDeep, "{open}");
    }
    let bars = [&*"[a|".repeat(MILLION), "[]", &*"]".repeat(MILLION)].concat();
    assert_eq!(parse_term(&bars).expect("a list").as_list().map(|list| list.len()), Some(MILLION));
}

#[test]
fn text_asks_for_no_more_than_it_may() {
    use sshrpc::term::SyntaxErrorKind::{Number, TooLong};
    let kind = |text: &str| parse_term(text).expect_err("too much").kind;
    assert_eq!(kind("<<1:99999999999999>>"), TooLong);
    assert_eq!(kind("<<1:99999999999999999999999>>"), TooLong);
    assert_eq!(kind("<<1:536870912,1>>"), TooLong);
    // Each is within the limit, and a list of them would be as long as memory is.
    assert_eq!(kind("[<<1:400000000>>,<<1:400000000>>]"), TooLong);
    assert_eq!(kind("#{a => <<0:400000000>>, b => <<(<<0:400000000>>)/bits>>}"), TooLong);
    assert_eq!(kind(&"9".repeat(MILLION)), Number);
    assert!(parse_term(&"9".repeat(100_000)).is_ok());
    assert_eq!(kind("1.0e309"), Number);
}

#[test]
fn a_list_of_octets_is_the_same_however_it_came() {
    let string = decode_exact(&[131, 107, 0, 3, 97, 98, 99]).expect("string");
    let list = decode_exact(&[131, 108, 0, 0, 0, 3, 97, 97, 97, 98, 97, 99, 106]).expect("list");
    let mixed = decode_exact(&[131, 108, 0, 0, 0, 1, 98, 0, 0, 0, 97, 107, 0, 2, 98, 99]).expect("mixed");
    let built = Term::list([97, 98, 99].map(Term::from));
    for other in [list, mixed, built, Term::from("abc"), Term::List(List::from_bytes(b"abc"))] {
        assert_eq!(string, other);
        assert_eq!(other.to_bytes().expect("small"), [131, 107, 0, 3, 97, 98, 99]);
    }
}

#[cfg(feature = "zlib")]
mod compressed {
    use miniz_oxide::deflate::compress_to_vec_zlib;

    use super::*;

    fn term(announced: u32, inflated: &[u8]) -> Vec<u8> {
        [&[131, 80], &announced.to_be_bytes()[..], &compress_to_vec_zlib(inflated, 6)].concat()
    }

    #[test]
    fn a_bomb_stops_at_what_it_announced_or_at_the_limit() {
        let zeros = vec![0; 80 << 20];
        let lying = term(1000, &zeros);
        assert!(lying.len() < 100_000);
        assert_eq!(kind(&lying), DecodeErrorKind::InflatedLength { announced: 1000 });
        assert_eq!(
            scan(&lying, &DecodeLimits::DEFAULT).expect_err("lie").kind,
            DecodeErrorKind::InflatedLength { announced: 1000 }
        );
        let honest = term(80 << 20, &zeros);
        assert_eq!(kind(&honest), DecodeErrorKind::TooLong);
        assert_eq!(scan(&honest, &DecodeLimits::DEFAULT).expect_err("bomb").kind, DecodeErrorKind::TooLong);
        assert_eq!(kind(&term(u32::MAX, &[97, 1])), DecodeErrorKind::TooLong);
    }

    #[test]
    fn a_large_term_within_the_limit_inflates() {
        let mut inflated = vec![109, 2, 0, 0, 0];
        inflated.resize(5 + (32 << 20), 7);
        let bytes = term(u32::try_from(inflated.len()).expect("small"), &inflated);
        let (term, used) = decode(&bytes).expect("within the limit");
        assert_eq!((term.as_binary().map(<[u8]>::len), used), (Some(32 << 20), bytes.len()));
        let mut scanner = Scanner::new(DecodeLimits::DEFAULT);
        let (last, pieces) = bytes.split_last().expect("octets");
        assert!(pieces.chunks(7).all(|piece| scanner.push(piece) == Ok(None)));
        assert_eq!(scanner.push(&[*last]), Ok(Some(1)));
    }

    #[test]
    fn the_inner_term_may_not_be_compressed_and_must_be_complete() {
        let inner = &term(2, &[97, 1])[1..];
        let announced = u32::try_from(inner.len()).expect("small");
        assert_eq!(kind(&term(announced, inner)), DecodeErrorKind::UnknownTag(80));
        assert_eq!(kind(&term(1, &[97])), DecodeErrorKind::InflatedTruncated);
        assert_eq!(decode(&term(4, &[97, 1, 97, 2])).expect("as Erlang").0, Term::from(1));
    }

    #[test]
    fn a_changed_checksum_is_noticed() {
        let mut bytes = term(2, &[97, 1]);
        *bytes.last_mut().expect("octets") ^= 1;
        assert_eq!(kind(&bytes), DecodeErrorKind::Corrupt);
    }

    #[test]
    fn the_compressed_octets_count_too() {
        let random: Vec<u8> = (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let bytes = term(5005, &[&[109, 0, 0, 0x13, 0x88], &random[..]].concat());
        let limits = limits(|limits| limits.max_bytes = 5006);
        assert!(bytes.len() < 5006 || decode_with(&bytes, &limits).is_err());
        assert_eq!(decode_with(&bytes, &limits).is_err(), scan(&bytes, &limits).is_err());
    }
}

#[cfg(not(feature = "zlib"))]
#[test]
fn compressed_terms_are_refused_by_name() {
    assert_eq!(kind(&[131, 80, 0, 0, 0, 2, 1]), DecodeErrorKind::CompressionUnsupported);
    let scanned = scan(&[131, 80, 0, 0, 0, 2, 1], &DecodeLimits::DEFAULT);
    assert_eq!(scanned.expect_err("refused").kind, DecodeErrorKind::CompressionUnsupported);
}
