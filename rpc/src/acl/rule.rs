//! One rule: for whom, for what, and what then.

use core::fmt;

use ipnet::IpNet;

use super::pattern::Hit;
use super::rate::Limiter;
use super::{Danger, Kind, Rate, Subject, Target, Wildcard};
use crate::backend::Caller;

/// Says of some operations of some callers whether they are allowed. What it does not restrict is as it may be: a rule
/// without users is for all.
#[derive(Debug)]
pub struct Rule {
    name: Option<String>,
    line: Option<usize>,
    who: Who,
    kinds: Vec<Kind>,
    targets: Vec<Target>,
    effect: Effect,
}

#[derive(Debug)]
pub(super) enum Effect {
    Allow(Terms),
    Deny,
}

/// On what terms something is allowed.
#[derive(Debug, Default)]
pub(super) struct Terms {
    pub(super) reach: Reach,
    pub(super) max_size: Option<usize>,
    pub(super) limiter: Option<Limiter>,
}

/// What the wildcards of a rule reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reach {
    #[default]
    Harmless,
    Everything,
}

#[derive(Debug, Default)]
struct Who {
    keys: Vec<String>,
    authorities: Vec<String>,
    users: Vec<Wildcard>,
    principals: Vec<Wildcard>,
    sources: Vec<IpNet>,
}

impl Rule {
    /// Allows these.
    #[must_use]
    pub fn allow(targets: Vec<Target>) -> Self {
        Self::new(targets, Effect::Allow(Terms::default()))
    }

    /// Denies these.
    #[must_use]
    pub fn deny(targets: Vec<Target>) -> Self {
        Self::new(targets, Effect::Deny)
    }

    fn new(targets: Vec<Target>, effect: Effect) -> Self {
        Self { name: None, line: None, who: Who::default(), kinds: Vec::new(), targets, effect }
    }

    /// What people call the rule.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Where in its file the rule begins, from 1.
    #[must_use]
    pub fn at_line(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }

    /// For who logged in by one of these keys: fingerprints, `SHA256:..`.
    #[must_use]
    pub fn keys(mut self, fingerprints: Vec<String>) -> Self {
        self.who.keys = fingerprints;
        self
    }

    /// For who logged in by a certificate of one of these authorities: fingerprints of their keys.
    #[must_use]
    pub fn authorities(mut self, fingerprints: Vec<String>) -> Self {
        self.who.authorities = fingerprints;
        self
    }

    /// For who logged in under one of these names. A key in authorized_keys lets its holder in under any name; a
    /// certificate under its principals alone.
    #[must_use]
    pub fn users(mut self, users: Vec<Wildcard>) -> Self {
        self.who.users = users;
        self
    }

    /// For who logged in by a certificate with one of these principals.
    #[must_use]
    pub fn principals(mut self, principals: Vec<Wildcard>) -> Self {
        self.who.principals = principals;
        self
    }

    /// For who comes from one of these networks.
    #[must_use]
    pub fn sources(mut self, networks: Vec<IpNet>) -> Self {
        self.who.sources = networks;
        self
    }

    /// For these operations alone.
    #[must_use]
    pub fn operations(self, kinds: Vec<Kind>) -> Self {
        Self { kinds, ..self }
    }

    /// Allows by its wildcards what is [dangerous](Danger), too. A rule that denies does so anyway.
    #[must_use]
    pub fn dangerous(self) -> Self {
        self.on_terms(|terms| terms.reach = Reach::Everything)
    }

    /// Allows arguments and messages of so many octets in the External Term Format.
    #[must_use]
    pub fn max_size(self, octets: usize) -> Self {
        self.on_terms(|terms| terms.max_size = Some(octets))
    }

    /// Allows each caller so many.
    #[must_use]
    pub fn rate(self, rate: Rate) -> Self {
        self.on_terms(|terms| terms.limiter = Some(Limiter::new(rate)))
    }

    fn on_terms(mut self, change: impl FnOnce(&mut Terms)) -> Self {
        if let Effect::Allow(terms) = &mut self.effect {
            change(terms);
        }
        self
    }

    pub(super) const fn effect(&self) -> &Effect {
        &self.effect
    }

    /// Where in its file the rule begins, from 1.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.line
    }

    /// Whether the rule decides about calls of functions of this module: of all, of some perhaps, or of none.
    pub(super) fn covers(&self, caller: &Caller, module: &str) -> Covers {
        let concerned = self.who.matches(caller).is_ok() && (self.kinds.is_empty() || self.kinds.contains(&Kind::Call));
        if !concerned || !self.targets.iter().any(|target| target.is_about(module)) {
            return Covers::Nothing;
        }
        if self.targets.iter().any(|target| target.has_all_of(module)) { Covers::All } else { Covers::Some }
    }

    /// Whether the rule decides about this; and if not, why.
    pub(super) fn matches(&self, caller: &Caller, subject: Subject<'_>) -> Result<(), Mismatch> {
        self.who.matches(caller)?;
        if !self.kinds.is_empty() && !self.kinds.contains(&subject.kind) {
            return Err(Mismatch::Operation);
        }
        let mut by_wildcard = false;
        for target in &self.targets {
            match target.hit(subject.object) {
                Hit::Exact => return Ok(()),
                Hit::Wildcard => by_wildcard = true,
                Hit::Miss => {}
            }
        }
        if !by_wildcard {
            return Err(Mismatch::Target);
        }
        match (&self.effect, Danger::of(subject)) {
            (Effect::Allow(Terms { reach: Reach::Harmless, .. }), Some(danger)) => Err(Mismatch::Dangerous(danger)),
            _ => Ok(()),
        }
    }
}

/// How much of a module a rule decides about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Covers {
    Nothing,
    Some,
    All,
}

/// `rule "name" at line 3`
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.line) {
            (Some(name), Some(line)) => write!(f, "rule {name:?} at line {line}"),
            (Some(name), None) => write!(f, "rule {name:?}"),
            (None, Some(line)) => write!(f, "the rule at line {line}"),
            (None, None) => f.write_str("a rule without a name"),
        }
    }
}

impl Who {
    fn matches(&self, caller: &Caller) -> Result<(), Mismatch> {
        let named = |list: &[String], name: &Option<String>| {
            list.is_empty() || name.as_ref().is_some_and(|name| list.contains(name))
        };
        if !named(&self.keys, &caller.key) {
            return Err(Mismatch::Key);
        }
        if !named(&self.authorities, &caller.authority) {
            return Err(Mismatch::Authority);
        }
        let one_of = |list: &[Wildcard], text: &str| list.iter().any(|wildcard| wildcard.matches(text));
        if !self.users.is_empty() && !one_of(&self.users, &caller.user) {
            return Err(Mismatch::User);
        }
        if !self.principals.is_empty() && !caller.principals.iter().any(|text| one_of(&self.principals, text)) {
            return Err(Mismatch::Principal);
        }
        // An IPv4 address may come in the clothes of IPv6, where a socket is for both.
        let source = caller.source.map(|source| source.ip().to_canonical());
        let inside = source.is_some_and(|source| self.sources.iter().any(|network| network.contains(&source)));
        if !self.sources.is_empty() && !inside {
            return Err(Mismatch::Source);
        }
        Ok(())
    }
}

/// Why a rule does not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The caller has another key, or none.
    Key,
    /// The caller's certificate is by another authority, or there is none.
    Authority,
    /// The caller has another name.
    User,
    /// The caller's certificate has other principals, or there is none.
    Principal,
    /// The caller comes from elsewhere, or nobody knows from where.
    Source,
    /// It is for other operations.
    Operation,
    /// It is about other functions or processes.
    Target,
    /// A wildcard has it, and it is dangerous.
    Dangerous(Danger),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "it is for other keys",
            Self::Authority => "it is for certificates of another authority",
            Self::User => "it is for other users",
            Self::Principal => "it is for certificates with other principals",
            Self::Source => "it is for callers from elsewhere",
            Self::Operation => "it is for other operations",
            Self::Target => "it is about other functions or processes",
            Self::Dangerous(danger) => {
                return write!(f, "only its wildcards have it, and that {danger}: `dangerous = true` is missing");
            }
        })
    }
}
