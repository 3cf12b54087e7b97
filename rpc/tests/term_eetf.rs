//! The External Term Format against another codec, `eetf`: it reads what we write, and we read what it writes of that.

#[expect(dead_code, reason = "what other files of tests need too")]
mod terms;

use eetf::Term as Other;
use proptest::prelude::*;
use sshrpc::term::{Emit, Term, decode_exact, encode};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn each_reads_what_the_other_writes(term in terms::terms().prop_filter("eetf has it", eetf_has)) {
        let ours = term.to_bytes().expect("small");
        let read = Other::decode(&ours[..]).map_err(|error| TestCaseError::fail(format!("{error}: {term}")))?;
        let mut theirs = Vec::new();
        read.encode(&mut theirs).map_err(|error| TestCaseError::fail(format!("{error}: {term}")))?;
        prop_assert_eq!(decode_exact(&theirs), Ok(term), "{:?}", read);
    }
}

/// The differences are eetf's, and each has its test below.
fn eetf_has(term: &Term) -> bool {
    let parts: Vec<&Term> = match term {
        Term::List(list) => {
            let small =
                |element: &Term| element.as_i64().is_some_and(|small| i32::try_from(small).is_ok() && small < 256);
            let negative = |element: &Term| element.as_i64().is_some_and(|small| small < 0);
            if list.iter().all(small) && list.iter().any(negative) {
                return false;
            }
            list.iter().chain(list.tail()).collect()
        }
        Term::Tuple(tuple) => tuple.as_slice().iter().collect(),
        Term::Map(_) if terms::has_zero_in_key(term) => return false,
        Term::Map(map) => map.as_slice().iter().flat_map(|(key, value)| [key, value]).collect(),
        _ => return true,
    };
    parts.into_iter().all(eetf_has)
}

/// It writes a list of small integers as octets when none is above 255, negative ones too.
#[test]
fn eetf_writes_lists_of_negative_integers_as_octets() {
    let list = Term::list([Term::from(-1)]);
    assert!(!eetf_has(&list));
    let read = Other::decode(&list.to_bytes().expect("small")[..]).expect("a list");
    let mut theirs = Vec::new();
    read.encode(&mut theirs).expect("small");
    assert_eq!(decode_exact(&theirs), Ok(Term::list([Term::from(255)])));
}

/// It reads the older tags of atoms, which are Latin-1, as UTF-8: hence the newer ones above.
#[test]
fn eetf_takes_latin1_for_utf8() {
    let mut ours = Vec::new();
    encode(&Term::atom("é"), Emit::Otp25, &mut ours).expect("small");
    assert!(Other::decode(&ours[..]).is_err());
}

/// To it 0.0 and -0.0 are one key of a map.
#[test]
fn eetf_has_one_zero_in_the_keys_of_a_map() {
    let zeros = [0.0, -0.0].map(|zero| (Term::try_from(zero).expect("finite"), Term::NIL));
    let map = Term::map(zeros);
    assert!(!eetf_has(&map));
    let read = Other::decode(&map.to_bytes().expect("small")[..]).expect("a map");
    let mut theirs = Vec::new();
    read.encode(&mut theirs).expect("small");
    let back = decode_exact(&theirs).expect("a map");
    assert_eq!((map.as_map().map(|map| map.len()), back.as_map().map(|map| map.len())), (Some(2), Some(1)));
}
