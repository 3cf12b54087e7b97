//! What rules are about: functions and processes, with wildcards.

use core::fmt;
use core::str::FromStr;

use super::Object;

/// What a rule allows or denies.
///
/// | Text | What it stands for |
/// |---|---|
/// | `lists:seq/2` | a function |
/// | `lists:seq`, `lists:seq/*` | a function with any number of arguments |
/// | `lists:*`, `my_*:get_*/1`, `*:*` | functions by wildcards |
/// | `counter`, `worker_*`, `*` | processes by their registered names |
/// | `<*>` | processes by their pids |
///
/// `*` stands for any characters, none included. A name that has one of `:/*'` in it is quoted: `erlang:'/'/2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Function { module: Wildcard, function: Wildcard, arity: Option<usize> },
    Name(Wildcard),
    Pid,
}

/// How a target has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// By its full name.
    Exact,
    /// By a wildcard.
    Wildcard,
    /// It has it not.
    Miss,
}

impl Target {
    pub(super) fn hit(&self, object: Object<'_>) -> Hit {
        let (hit, exact) = match (&self.0, object) {
            (
                Kind::Function { module, function, arity },
                Object::Function { module: of, function: name, arity: count },
            ) => (
                module.matches(of) && function.matches(name) && arity.is_none_or(|arity| arity == count),
                module.is_exact() && function.is_exact() && arity.is_some(),
            ),
            (Kind::Name(wildcard), Object::Name(name)) => (wildcard.matches(name), wildcard.is_exact()),
            (Kind::Pid, Object::Pid) => (true, false),
            _ => (false, false),
        };
        match (hit, exact) {
            (false, _) => Hit::Miss,
            (true, true) => Hit::Exact,
            (true, false) => Hit::Wildcard,
        }
    }
}

impl Target {
    /// Whether it may have functions of this module.
    pub(super) fn is_about(&self, module: &str) -> bool {
        matches!(&self.0, Kind::Function { module: of, .. } if of.matches(module))
    }

    /// Whether it has every function of this module.
    pub(super) fn has_all_of(&self, module: &str) -> bool {
        let Kind::Function { function, arity: None, .. } = &self.0 else { return false };
        self.is_about(module) && function.parts.iter().all(String::is_empty) && !function.is_exact()
    }
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        if text == "<*>" {
            return Ok(Self(Kind::Pid));
        }
        if text.starts_with('<') {
            return Err(BadTarget::Pid);
        }
        let (first, rest) = name(text)?;
        let Some(rest) = rest.strip_prefix(':') else {
            return if rest.is_empty() { Ok(Self(Kind::Name(first))) } else { Err(BadTarget::Form) };
        };
        let (function, arity) = function(rest)?;
        Ok(Self(Kind::Function { module: first, function, arity }))
    }
}

/// `seq`, `seq/2`, `seq/*`, `+/2`, `'/'/2`
fn function(text: &str) -> Result<(Wildcard, Option<usize>), BadTarget> {
    let (name, rest) = match text.starts_with('\'') {
        true => name(text)?,
        false => {
            let end = text.rfind('/').unwrap_or(text.len());
            let (name, arity) = text.split_at_checked(end).unwrap_or((text, ""));
            (plain(name)?, arity)
        }
    };
    let arity = match rest.strip_prefix('/') {
        None if rest.is_empty() => None,
        None => return Err(BadTarget::Form),
        Some("*") => None,
        Some(arity) => Some(arity.parse::<u8>().map_err(|_no_number| BadTarget::Arity)?.into()),
    };
    Ok((name, arity))
}

/// A name and what follows it, from the colon on.
fn name(text: &str) -> Result<(Wildcard, &str), BadTarget> {
    match text.strip_prefix('\'') {
        Some(quoted) => {
            let (name, rest) = quoted.split_once('\'').ok_or(BadTarget::Quote)?;
            Ok((Wildcard::literal(name), rest))
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
            Ok((plain(name)?, rest))
        }
    }
}

fn plain(name: &str) -> Result<Wildcard, BadTarget> {
    let strange = |c: char| c.is_whitespace() || "(),'\"[]{}".contains(c);
    if name.is_empty() || name.contains(strange) { Err(BadTarget::Form) } else { Ok(Wildcard::new(name)) }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Function { module, function, arity: None } => write!(f, "{module}:{function}"),
            Kind::Function { module, function, arity: Some(arity) } => write!(f, "{module}:{function}/{arity}"),
            Kind::Name(name) => name.fmt(f),
            Kind::Pid => f.write_str("<*>"),
        }
    }
}

/// Why a text is no [`Target`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadTarget {
    /// It has another form.
    Form,
    /// What follows the slash is no number of arguments.
    Arity,
    /// A quote is not closed.
    Quote,
    /// It is a pid: they change with every start.
    Pid,
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "this is written `lists:seq/2`, `lists:*`, `*:*`, or `counter` for a process",
            Self::Arity => "after the slash comes the number of arguments, from 0 to 255, or `*`",
            Self::Quote => "a quote is not closed",
            Self::Pid => "a pid is another after each start; `<*>` stands for them all",
        })
    }
}

impl core::error::Error for BadTarget {}

/// Text in which `*` stands for any characters, none included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wildcard {
    /// What is between the stars: one part where there is none.
    parts: Vec<String>,
}

impl Wildcard {
    /// This text, with its stars.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { parts: text.split('*').map(str::to_owned).collect() }
    }

    /// This text, whose stars stand for themselves.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self { parts: vec![text.to_owned()] }
    }

    /// Whether it stands for one text alone.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.parts.len() == 1
    }

    /// Whether it stands for this text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let inner = text.strip_prefix(first.as_str()).and_then(|text| text.strip_suffix(last.as_str()));
        let Some(mut inner) = inner else { return false };
        // The leftmost place of each part leaves the most room for the next one.
        middle.iter().all(|part| {
            let found = inner.find(part.as_str()).and_then(|at| inner.get(at + part.len()..));
            inner = found.unwrap_or_default();
            found.is_some()
        })
    }
}

impl FromStr for Wildcard {
    type Err = core::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.parts.join("*");
        let strange = |c: char| c.is_whitespace() || ":/'".contains(c) || (c == '*' && self.is_exact());
        if text.contains(strange) { write!(f, "'{text}'") } else { f.write_str(&text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_characters() {
        for (wildcard, matching, others) in [
            ("*", &["", "a", "lists"][..], &[][..]),
            ("lists", &["lists"], &["list", "lists2", ""]),
            ("my_*", &["my_", "my_app"], &["my", "amy_"]),
            ("a*b*c", &["abc", "aXbXc", "abbc"], &["ab", "ac", "abcd"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("*x*x", &["xx", "axbx"], &["x", "ax"]),
        ] {
            let parsed = Wildcard::new(wildcard);
            for text in matching {
                assert!(parsed.matches(text), "{wildcard} {text}");
            }
            for text in others {
                assert!(!parsed.matches(text), "{wildcard} {text}");
            }
        }
    }

    #[test]
    fn targets_are_functions_names_and_pids() {
        let function = |module, function, arity| Object::Function { module, function, arity };
        for (text, object, hit) in [
            ("lists:seq/2", function("lists", "seq", 2), Hit::Exact),
            ("lists:seq/2", function("lists", "seq", 3), Hit::Miss),
            ("lists:seq", function("lists", "seq", 3), Hit::Wildcard),
            ("lists:seq/*", function("lists", "seq", 3), Hit::Wildcard),
            ("*:*", function("os", "cmd", 1), Hit::Wildcard),
            ("*:*", Object::Name("rex"), Hit::Miss),
            ("*", Object::Name("rex"), Hit::Wildcard),
            ("*", function("os", "cmd", 1), Hit::Miss),
            ("<*>", Object::Pid, Hit::Wildcard),
            ("*", Object::Pid, Hit::Miss),
            ("erlang:+/2", function("erlang", "+", 2), Hit::Exact),
            ("erlang:'/'/2", function("erlang", "/", 2), Hit::Exact),
            ("erlang://2", function("erlang", "/", 2), Hit::Exact),
            ("erlang:'*'/2", function("erlang", "*", 2), Hit::Exact),
            ("erlang:'*'/2", function("erlang", "+", 2), Hit::Miss),
            ("Elixir.Enum:sum/1", function("Elixir.Enum", "sum", 1), Hit::Exact),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().hit(object), hit, "{text} {object}");
        }
    }

    #[test]
    fn what_is_no_target_says_why() {
        for (text, why) in [
            ("", BadTarget::Form),
            (":", BadTarget::Form),
            ("lists:", BadTarget::Form),
            ("lists:seq(1,5)", BadTarget::Form),
            ("lists seq", BadTarget::Form),
            ("lists:seq/two", BadTarget::Arity),
            ("lists:seq/-1", BadTarget::Arity),
            ("'lists:seq/2", BadTarget::Quote),
            ("<0.1.0>", BadTarget::Pid),
        ] {
            assert_eq!(text.parse::<Target>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_target_is_printed_as_it_is_read() {
        for text in ["lists:seq/2", "lists:*", "*:*", "counter", "<*>", "erlang:'/'/2", "erlang:'*'/2", "'a b':c"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
    }
}
