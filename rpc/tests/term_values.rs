//! Terms as values: equality, order, hash, conversions, containers.

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use num_bigint::BigInt;
use sshrpc::term::{Atom, Binary, BitString, Float, Fun, Integer, List, Map, Pid, Port, Reference, Term, parse_term};

fn t(text: &str) -> Term {
    parse_term(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn hash(term: &Term) -> u64 {
    let mut hasher = DefaultHasher::new();
    term.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn equal_numbers_are_equal_values_however_they_were_made() {
    for (small, big) in [(5_i64, BigInt::from(5)), (i64::MAX, BigInt::from(i64::MAX)), (i64::MIN, i64::MIN.into())] {
        let (small, big) = (Term::from(small), Term::from(big));
        assert_eq!(small, big);
        assert_eq!(hash(&small), hash(&big));
    }
    assert_eq!(Integer::from(u64::MAX), Integer::from(BigInt::from(u64::MAX)));
    assert_eq!(Integer::from(u64::MAX).to_u64(), Some(u64::MAX));
    assert_eq!(Integer::from(u64::MAX).to_i64(), None);
    assert_eq!(Integer::from(-1).to_u64(), None);
    assert_eq!(Term::from(i128::MIN).to_string(), i128::MIN.to_string());
    assert_ne!(Term::from(1), t("1.0"));
    assert_ne!(t("0.0"), t("-0.0"));
}

#[test]
fn types_order_as_in_erlang() {
    let pid = Pid::new(Atom::from_static("n"), 1, 0, 0);
    let port = Port::new(Atom::from_static("n"), 1, 0);
    let reference = Reference::new(Atom::from_static("n"), 0, &[1, 2, 3]).expect("three words");
    let fun = Fun::external(Atom::from_static("m"), Atom::from_static("f"), 1);
    let ordered = [
        t("1"),
        t("a"),
        reference.into(),
        fun.into(),
        port.into(),
        pid.into(),
        t("{}"),
        t("#{}"),
        t("[]"),
        t("[1]"),
        t("<<>>"),
    ];
    assert!(ordered.is_sorted_by(|a, b| a < b));
    assert!(ordered.is_sorted_by(|a, b| a.erlang_cmp(b).is_lt()));
}

/// As `lists:sort/1` of Erlang/OTP 25 sorts them.
#[test]
fn values_order_as_in_erlang() {
    let ordered = [
        "-18446744073709551616",
        "-1",
        "0.5",
        "1",
        "2",
        "9223372036854775807",
        "18446744073709551616",
        "1.0e300",
        "a",
        "ab",
        "b",
        "é",
        "{}",
        "{1}",
        "{2}",
        "{1,2}",
        "#{a=>1}",
        "#{a=>2}",
        "#{b=>1}",
        "#{a=>1,b=>2}",
        "[]",
        "[1|a]",
        "[1|2.5]",
        "[1]",
        "[1,2]",
        "[2]",
        "[a]",
        "<<>>",
        "<<0:1>>",
        "<<0>>",
        "<<1>>",
        "<<1,0:1>>",
        "<<1:1>>",
        "<<128>>",
        "<<255>>",
        "<<255,1:1>>",
        "<<255,128>>",
    ];
    // `[1|a]` is before `[1]`, since an atom is before a list; `[1|2.5]` is before both.
    let mut sorted: Vec<_> = ordered.iter().map(|text| t(text)).collect();
    sorted.sort_by(Term::erlang_cmp);
    let sorted: Vec<_> = sorted.iter().map(|term| term.to_string()).collect();
    let expected: Vec<_> = [
        "-18446744073709551616",
        "-1",
        "0.5",
        "1",
        "2",
        "9223372036854775807",
        "18446744073709551616",
        "1.0e300",
        "a",
        "ab",
        "b",
        "é",
        "{}",
        "{1}",
        "{2}",
        "{1,2}",
        "#{a=>1}",
        "#{a=>2}",
        "#{b=>1}",
        "#{a=>1,b=>2}",
        "[]",
        "[1|2.5]",
        "[1|a]",
        "[1]",
        "[1,2]",
        "[2]",
        "[a]",
        "<<>>",
        "<<0:1>>",
        "<<0>>",
        "<<1>>",
        "<<1,0:1>>",
        "<<1:1>>",
        "<<128>>",
        "<<255>>",
        "<<255,1:1>>",
        "<<255,128>>",
    ]
    .iter()
    .map(|text| t(text).to_string())
    .collect();
    assert_eq!(sorted, expected);
}

#[test]
fn integers_and_floats_compare_by_value_without_rounding() {
    let cmp = |a: &str, b: &str| t(a).erlang_cmp(&t(b));
    assert_eq!(cmp("1", "1.0"), Ordering::Equal);
    assert_eq!(cmp("{1,[2.0]}", "{1.0,[2]}"), Ordering::Equal);
    assert_eq!(cmp("0.0", "-0.0"), Ordering::Equal);
    assert_eq!(cmp("1", "1.5"), Ordering::Less);
    assert_eq!(cmp("-1", "-1.5"), Ordering::Greater);
    assert_eq!(cmp("9007199254740993", "9007199254740992.0"), Ordering::Greater);
    assert_eq!(cmp("9223372036854775807", "9223372036854775808.0"), Ordering::Less);
    assert_eq!(cmp("9223372036854775808", "9223372036854775808.0"), Ordering::Equal);
    assert_eq!(cmp("-9223372036854775808", "-9223372036854775808.0"), Ordering::Equal);
    assert_eq!(cmp("18446744073709551617", "18446744073709551616.0"), Ordering::Greater);
    assert_eq!(cmp("-18446744073709551617", "1.0"), Ordering::Less);
    assert_eq!(cmp("1.0e308", "18446744073709551617"), Ordering::Greater);
    // Keys of maps are told apart even here.
    assert_ne!(cmp("#{1=>a}", "#{1.0=>a}"), Ordering::Equal);
    assert_eq!(cmp("#{a=>1}", "#{a=>1.0}"), Ordering::Equal);
}

#[test]
fn the_order_of_keys_puts_integers_before_floats() {
    assert_eq!(t("#{2=>a,1.5=>b,1=>c,0.5=>d}").to_string(), "#{1 => c,2 => a,0.5 => d,1.5 => b}");
    assert!(t("2") < t("0.5"));
}

#[test]
fn maps_are_equal_in_any_order_of_entries() {
    for count in [3, 32, 33, 200] {
        let entries: Vec<_> = (0..count).map(|n| (Term::from(n), Term::tuple([n.into()]))).collect();
        let backwards = entries.iter().rev().cloned().collect();
        let (map, other) = (Map::from_entries(entries.clone()), Map::from_entries(backwards));
        let (map, other) = (map.expect("no duplicates"), other.expect("no duplicates"));
        let collected: Map = entries.iter().cloned().collect();
        for n in 0..count {
            assert_eq!(other.get(&n.into()), Some(&Term::tuple([n.into()])));
        }
        assert_eq!(other.get(&count.into()), None);
        let terms = [map, other, collected.clone()].map(Term::from);
        assert!(terms.iter().all(|term| *term == terms[0] && hash(term) == hash(&terms[0])));
        let printed = Term::from(collected).to_string();
        assert!(printed.starts_with("#{0 => {0},1 => {1},2 => {2}"), "{printed}");
    }
}

#[test]
fn duplicate_keys_are_refused_or_the_last_stays() {
    for count in [2, 40] {
        let mut entries: Vec<_> = (0..count).map(|n| (Term::from(n), Term::NIL)).collect();
        entries.push((0.into(), Term::atom("last")));
        assert!(Map::from_entries(entries.clone()).is_err());
        let map: Map = entries.into_iter().collect();
        assert_eq!((map.len(), map.get(&0.into())), (count, Some(&Term::atom("last"))));
    }
    let map = Map::from_entries(vec![(1.into(), 1.into()), (t("1.0"), 2.into())]).expect("two keys");
    assert_eq!(map.get(&t("1.0")), Some(&2.into()));
}

#[test]
fn lists_end_in_nil_or_are_improper() {
    let list = |text| match t(text) {
        Term::List(list) => list,
        other => panic!("{other}"),
    };
    let proper = list("[1,a]");
    assert_eq!((proper.len(), proper.tail(), proper.as_bytes()), (2, None, None));
    let improper = list("[1,2|a]");
    assert_eq!((improper.len(), improper.tail()), (2, Some(&Term::atom("a"))));
    assert_eq!(Term::from(improper.clone()).as_list().map(|_| ()), None);
    assert_eq!(list("\"ab\"").as_bytes(), Some(&b"ab"[..]));
    assert_eq!(list("[]").as_bytes(), Some(&[][..]));
    assert_eq!(List::with_tail(vec![], Term::atom("a")), Term::atom("a"));
    assert_eq!(List::with_tail(vec![0.into()], improper.into()), t("[0,1,2|a]"));
    assert_eq!(List::with_tail(vec![0.into()], t("\"ab\"")), t("[0,97,98]"));
    let elements: Vec<_> = list("\"abc\"").iter().rev().cloned().collect();
    assert_eq!(Term::from(elements), t("\"cba\""));
}

#[test]
fn values_convert_to_terms_and_back() {
    assert_eq!(Term::from("né"), t("[110,233]"));
    assert_eq!(Term::from(true), Term::atom("true"));
    assert_eq!(Term::binary("né"), t("<<\"né\"/utf8>>"));
    assert_eq!(Term::binary(vec![1, 2]), t("<<1,2>>"));
    assert!(Term::try_from(f64::NAN).is_err());
    assert_eq!(Term::try_from(1.5), Ok(t("1.5")));
    assert_eq!(u8::try_from(&t("255")), Ok(255));
    assert!(u8::try_from(&t("256")).is_err() && i64::try_from(&t("a")).is_err());
    assert_eq!(i128::try_from(&t("-18446744073709551616")), Ok(-18_446_744_073_709_551_616));
    assert!(Atom::try_from(t("1")).is_err());
    assert_eq!(Binary::try_from(t("<<1>>")).map(|binary| binary.as_bytes().to_vec()), Ok(vec![1]));
    assert_eq!(t("{a,\"b\"}").as_tuple(), Some(&[Term::atom("a"), Term::from("b")][..]));
    assert_eq!(t("[1,2]").as_list().map(|list| list.filter_map(Term::as_i64).sum()), Some(3_i64));
    assert_eq!(t("<<\"a\">>").to_text().as_deref(), Some("a"));
    assert_eq!(t("[233,128512]").to_text().as_deref(), Some("é😀"));
    assert_eq!(t("[a]").to_text(), None);
    assert_eq!(t("[]").to_text().as_deref(), Some(""));
    assert_eq!((t("true").as_bool(), t("false").as_bool(), t("ok").as_bool()), (Some(true), Some(false), None));
    assert!(t("ok").is_atom("ok") && !t("\"ok\"").is_atom("ok"));
    assert_eq!(t("#{a=>1}").as_map().and_then(|map| map.get(&Term::atom("a"))).and_then(Term::as_u64), Some(1));
    assert_eq!(t("-0.5").as_f64(), Some(-0.5));
}

#[test]
fn atoms_have_at_most_255_characters() {
    assert!(Atom::new(&"é".repeat(255)).is_ok());
    assert!(Atom::new(&"é".repeat(256)).is_err());
    assert!(Atom::new(&"x".repeat(256)).is_err());
    assert_eq!(Atom::new("ok"), Ok(Atom::from_static("ok")));
    assert_eq!(Atom::new("né"), Ok(Atom::from_static("né")));
}

#[test]
fn bit_strings_clear_what_they_do_not_use() {
    assert_eq!(BitString::new(&[0xff], 3), BitString::new(&[0xe0], 3));
    assert!(BitString::new(&[1], 8).is_err() && BitString::new(&[1], 0).is_err() && BitString::new(&[], 1).is_err());
    assert_eq!(BitString::new(&[1, 2], 3).map(|bits| bits.bit_len()), Ok(11));
    assert!(Float::new(f64::INFINITY).is_err());
    assert!(Reference::new(Atom::from_static("n"), 0, &[]).is_err());
}

#[test]
fn terms_go_between_threads_and_stay_small() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Term>();
    assert!(size_of::<Term>() <= 32);
}

#[test]
fn a_deep_term_that_threads_share_drops_without_recursion() {
    let mut term = Term::NIL;
    for _ in 0..100_000 {
        term = Term::tuple([term]);
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let share = term.clone();
            scope.spawn(move || drop(share));
        }
        drop(term);
    });
}
