//! Terms as JSON.

use serde_json::{Number, Value, json};
use sshrpc::term::Term;

/// The nearest JSON, as `sshrpc call --help` documents it:
///
/// | Erlang | JSON |
/// |---|---|
/// | integers of up to 64 bits, floats | numbers |
/// | `true`, `false`, `null` | the same |
/// | other atoms; binaries in UTF-8 | strings |
/// | lists and tuples | arrays |
/// | maps whose keys are distinct atoms and binaries | objects |
/// | everything else | `{"$term":"as Erlang prints it"}` |
///
/// What is nested deeper than most JSON parsers go is a `$term`, too.
pub(crate) fn from_term(term: &Term) -> Value {
    convert(term, DEPTH).unwrap_or_else(|| as_text(term))
}

/// `None` for a term that only has its text.
fn convert(term: &Term, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    let child = |term: &Term| convert(term, depth).unwrap_or_else(|| as_text(term));
    Some(match term {
        Term::Integer(_) => match (term.as_i64(), term.as_u64()) {
            (Some(number), _) => number.into(),
            (None, number) => number?.into(),
        },
        Term::Float(float) => Value::Number(Number::from_f64(float.get())?),
        Term::Atom(_) => match (term.as_bool(), key(term)?) {
            (Some(value), _) => Value::Bool(value),
            (None, name) if name == "null" => Value::Null,
            (None, name) => Value::String(name),
        },
        Term::Binary(_) => Value::String(key(term)?),
        Term::Tuple(elements) => elements.as_slice().iter().map(child).collect(),
        Term::List(_) => term.as_list()?.map(child).collect(),
        Term::Map(map) => {
            let entries: Option<serde_json::Map<_, _>> =
                map.as_slice().iter().map(|(name, value)| Some((key(name)?, child(value)))).collect();
            Value::Object(entries.filter(|entries| entries.len() == map.len())?)
        }
        _ => return None,
    })
}

/// An atom, or a binary in UTF-8.
fn key(term: &Term) -> Option<String> {
    match term {
        Term::Atom(atom) => Some(atom.as_str().to_owned()),
        term => String::from_utf8(term.as_binary()?.to_vec()).ok(),
    }
}

fn as_text(term: &Term) -> Value {
    json!({ "$term": term.to_string() })
}

/// serde_json itself reads 128.
const DEPTH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_have_the_documented_json() {
        for (term, json) in [
            ("[1,-2,18446744073709551615,1.5]", "[1,-2,18446744073709551615,1.5]"),
            ("{ok,[true,false,null,undefined]}", r#"["ok",[true,false,null,"undefined"]]"#),
            ("\"ab\"", "[97,98]"),
            ("<<\"ab\">>", r#""ab""#),
            ("#{a => 1, <<\"b\">> => {}}", r#"{"a":1,"b":[]}"#),
            ("#{a => 1, <<\"a\">> => 2}", r##"{"$term":"#{a => 1,<<\"a\">> => 2}"}"##),
            ("[#{1 => 2}]", r##"[{"$term":"#{1 => 2}"}]"##),
            (
                "{<<0,255>>,[a|b],18446744073709551616}",
                r#"[{"$term":"<<0,255>>"},{"$term":"[a|b]"},{"$term":"18446744073709551616"}]"#,
            ),
        ] {
            assert_eq!(from_term(&term.parse().unwrap()).to_string(), json, "{term}");
        }
    }

    #[test]
    fn deep_terms_stay_readable() {
        let deep = (0..100_000).fold(Term::NIL, |inner, _| Term::list([inner]));
        let text = from_term(&deep).to_string();
        assert!(serde_json::from_str::<Value>(&text).is_ok());
    }
}
