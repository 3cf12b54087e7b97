//! `Host` and `Match`: for whom the following options are.

use std::fmt;
use std::process::{Command, Stdio};

use super::tokens::Tokens;
use crate::files::pattern::PatternList;

/// A `Host` or `Match` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// For `ssh` they have upper and lower case.
    Host(PatternList),
    Match(Vec<Criterion>),
}

/// One condition of a `Match` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Criterion {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    All,
    /// Host names are never made canonical here.
    Canonical,
    Final,
    Host(PatternList),
    OriginalHost(PatternList),
    /// Names of users and tags have upper and lower case.
    User(PatternList),
    LocalUser(PatternList),
    Tagged(PatternList),
    Exec(String),
}

/// What a condition is about.
pub(super) struct Subject<'a> {
    pub(super) tokens: Tokens<'a>,
    pub(super) tag: &'a str,
    /// The second reading of the configuration, which `Match final` asks for.
    pub(super) last_pass: bool,
    pub(super) exec: Exec,
}

/// What becomes of the commands of `Match exec`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "they run or they do not")]
pub enum Exec {
    /// They do not run, and match nothing.
    Never,
    /// They run in a shell, as `ssh` runs them.
    #[default]
    Shell,
}

/// Why a `Match` line makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadMatch {
    /// There is no condition.
    Empty,
    /// Nobody knows the criterion.
    Unknown(String),
    /// The criterion wants a value.
    Missing(&'static str),
    /// `all` stands alone, or behind `canonical` or `final`.
    All,
}

impl fmt::Display for BadMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Match wants a condition"),
            Self::Unknown(name) => write!(f, "Match has no criterion {name:?}"),
            Self::Missing(name) => write!(f, "the criterion {name} wants a value"),
            Self::All => f.write_str("`Match all` has no other conditions beside it than canonical or final"),
        }
    }
}

impl Condition {
    /// `Host pattern ..`. `None` without patterns.
    pub(super) fn host(arguments: &[String]) -> Option<Self> {
        (!arguments.is_empty()).then(|| Self::Host(PatternList::exactly(arguments)))
    }

    /// `Match criterion ..`
    pub(super) fn criteria(arguments: &[String]) -> Result<Self, BadMatch> {
        let mut criteria = Vec::new();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let (negated, word) = word.strip_prefix('!').map_or((false, word.as_str()), |word| (true, word));
            let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            let mut value = |name| {
                let value = value.map(str::to_owned).or_else(|| words.next().cloned());
                value.filter(|value| !value.is_empty()).ok_or(BadMatch::Missing(name))
            };
            let test = match &*name.to_ascii_lowercase() {
                "all" => Test::All,
                "canonical" => Test::Canonical,
                "final" => Test::Final,
                "host" => Test::Host(PatternList::parse(&value("host")?)),
                "originalhost" => Test::OriginalHost(PatternList::parse(&value("originalhost")?)),
                "user" => Test::User(PatternList::parse_exact(&value("user")?)),
                "localuser" => Test::LocalUser(PatternList::parse_exact(&value("localuser")?)),
                "tagged" => Test::Tagged(PatternList::parse_exact(&value("tagged")?)),
                "exec" => Test::Exec(value("exec")?),
                _ => return Err(BadMatch::Unknown(name.to_owned())),
            };
            criteria.push(Criterion { negated, test });
        }
        let is_all = |criterion: &Criterion| criterion.test == Test::All;
        match criteria.as_slice() {
            [] => Err(BadMatch::Empty),
            [criterion] if is_all(criterion) && criterion.negated => Err(BadMatch::All),
            [before, criterion] if is_all(criterion) => match before.test {
                Test::Canonical | Test::Final if !criterion.negated => Ok(Self::Match(criteria)),
                _ => Err(BadMatch::All),
            },
            [_] => Ok(Self::Match(criteria)),
            more if more.iter().any(is_all) => Err(BadMatch::All),
            _ => Ok(Self::Match(criteria)),
        }
    }

    /// Whether it asks for a second reading.
    pub(super) fn wants_last_pass(&self) -> bool {
        matches!(self, Self::Match(criteria) if criteria.iter().any(|criterion| criterion.test == Test::Final))
    }

    pub(super) fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Host(patterns) => patterns.matches(subject.tokens.original),
            Self::Match(criteria) => {
                criteria.iter().all(|criterion| criterion.test.holds(subject) != criterion.negated)
            }
        }
    }
}

impl Test {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        let Subject { tokens, tag, last_pass, exec } = subject;
        let among = |list: &PatternList, text: &str| list.matches(&text.to_ascii_lowercase());
        match self {
            Self::All => true,
            Self::Canonical => false,
            Self::Final => *last_pass,
            Self::Host(list) => among(list, tokens.host),
            Self::OriginalHost(list) => among(list, tokens.original),
            Self::User(list) => list.matches(tokens.user),
            Self::LocalUser(list) => list.matches(tokens.local_user),
            Self::Tagged(list) => list.matches(tag),
            Self::Exec(_) if *exec == Exec::Never => false,
            Self::Exec(command) => match tokens.expand(command, EXEC_TOKENS) {
                Ok(command) => succeeds(&command),
                Err(bad) => {
                    tracing::warn!(command, ?bad, "Match exec: the command cannot be run");
                    false
                }
            },
        }
    }
}

const EXEC_TOKENS: &str = "CdhijkLlnpru";

/// "If the command returns a zero exit status then the condition is considered true."
fn succeeds(command: &str) -> bool {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into());
    match Command::new(shell).arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::null()).status() {
        Ok(status) => status.success(),
        Err(error) => {
            tracing::warn!(%error, "Match exec: the shell cannot be run");
            false
        }
    }
}
