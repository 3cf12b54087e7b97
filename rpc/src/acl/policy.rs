//! A list of rules, and what is decided by them.

use core::fmt;
use std::time::{Duration, Instant};

use super::rate::Limiter;
use super::rule::{Covers, Effect, Reach, Terms};
use super::survey::{funs, size_of};
use super::{Danger, Decision, Explanation, Kind, Object, Operation, Rate, Rule, Step, Subject};
use crate::backend::{Caller, Origin};
use crate::call::Failure;

/// Rules in their order: the first that matches decides.
#[derive(Debug, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    otherwise: Otherwise,
}

/// What is so where no rule matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Otherwise {
    /// What the node's own program registered is allowed, and nothing else: `builtin`.
    #[default]
    BuiltIn,
    /// Nothing is allowed: `deny`.
    Deny,
    /// Everything is allowed that is not [dangerous](Danger): `allow`.
    Allow,
    /// Everything is allowed.
    Everything,
}

impl Policy {
    /// These rules, and [`Otherwise::BuiltIn`] where none matches.
    #[must_use]
    pub const fn new(rules: Vec<Rule>) -> Self {
        Self { rules, otherwise: Otherwise::BuiltIn }
    }

    /// The same with another end.
    #[must_use]
    pub fn otherwise(self, otherwise: Otherwise) -> Self {
        Self { otherwise, ..self }
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Decides, and counts where there is a rate.
    pub(super) fn check(&self, caller: &Caller, operation: Operation<'_>, origin: Origin, now: Instant) -> Decision {
        let (reach, terms) = match self.find(caller, operation.subject(), origin) {
            Verdict::Open(reach) => (reach, None),
            Verdict::Allow(rule, terms) => (terms.reach, Some((rule, terms))),
            Verdict::Deny(denial) => return Decision::Deny(denial),
        };
        if let Err(denial) = self.check_funs(caller, operation, origin, reach) {
            return Decision::Deny(denial);
        }
        match terms.map(|(rule, terms)| terms.check(rule, caller, operation, now)) {
            Some(Err(denial)) => Decision::Deny(denial),
            Some(Ok(())) | None => Decision::Allow,
        }
    }

    /// Says how it decides, without counting.
    #[must_use]
    pub fn explain(&self, caller: &Caller, subject: Subject<'_>, origin: Origin) -> Explanation {
        let passed = self.rules.iter().map_while(|rule| {
            let why = rule.matches(caller, subject).err()?;
            Some(Step { rule: rule.to_string(), line: rule.line(), why })
        });
        let (decision, by, limits) = match self.find(caller, subject, origin) {
            Verdict::Open(_) => (Decision::Allow, self.otherwise.to_string(), Vec::new()),
            Verdict::Allow(rule, terms) => (Decision::Allow, rule.to_string(), terms.limits()),
            Verdict::Deny(denial) => (Decision::Deny(denial.clone()), denial.to_string(), Vec::new()),
        };
        let passed: Vec<_> = passed.collect();
        let line = self.rules.get(passed.len()).and_then(Rule::line);
        Explanation { passed, decision, by, line, limits }
    }

    /// Whether this caller may do this, rates and sizes aside.
    pub(crate) fn permits(&self, caller: &Caller, subject: Subject<'_>, origin: Origin) -> bool {
        !matches!(self.find(caller, subject, origin), Verdict::Deny(_))
    }

    /// Whether this caller may call anything of this module, for all that can be said without its functions.
    pub(crate) fn opens(&self, caller: &Caller, module: &str, origin: Origin) -> bool {
        for rule in &self.rules {
            match (rule.covers(caller, module), rule.effect()) {
                (Covers::Nothing, _) | (Covers::Some, Effect::Deny) => {}
                (Covers::All, Effect::Deny) => return false,
                (Covers::Some | Covers::All, Effect::Allow(_)) => return true,
            }
        }
        match self.otherwise {
            Otherwise::Everything | Otherwise::Allow => true,
            Otherwise::BuiltIn => origin == Origin::BuiltIn,
            Otherwise::Deny => false,
        }
    }

    fn find(&self, caller: &Caller, subject: Subject<'_>, origin: Origin) -> Verdict<'_> {
        let found = self.rules.iter().find(|rule| rule.matches(caller, subject).is_ok());
        match found.map(|rule| (rule, rule.effect())) {
            Some((rule, Effect::Allow(terms))) => Verdict::Allow(rule, terms),
            Some((rule, Effect::Deny)) => Verdict::Deny(Denial::Rule(rule.to_string())),
            None => self.otherwise.verdict(subject, origin),
        }
    }

    /// A function in an argument is as good as a call of it, where functions are called: `lists:map(fun os:cmd/1, ..)`.
    fn check_funs(
        &self,
        caller: &Caller,
        operation: Operation<'_>,
        origin: Origin,
        reach: Reach,
    ) -> Result<(), Denial> {
        if origin == Origin::BuiltIn || reach == Reach::Everything {
            return Ok(());
        }
        for fun in funs(operation.terms()) {
            let Some((module, function, arity)) = fun.as_external() else { return Err(Denial::Closure) };
            let arity = usize::try_from(arity).unwrap_or(usize::MAX);
            let object = Object::Function { module: module.as_str(), function: function.as_str(), arity };
            if let Verdict::Deny(denial) = self.find(caller, Subject::new(Kind::Call, object), origin) {
                return Err(Denial::Fun { fun: object.to_string(), because: Box::new(denial) });
            }
        }
        Ok(())
    }
}

enum Verdict<'a> {
    /// By what is so where no rule matches.
    Open(Reach),
    Allow(&'a Rule, &'a Terms),
    Deny(Denial),
}

impl Otherwise {
    /// By its name in a file.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "builtin" => Some(Self::BuiltIn),
            "deny" => Some(Self::Deny),
            "allow" => Some(Self::Allow),
            _ => None,
        }
    }

    fn verdict(self, subject: Subject<'_>, origin: Origin) -> Verdict<'static> {
        match (self, origin, Danger::of(subject)) {
            (Self::Everything, _, _) => Verdict::Open(Reach::Everything),
            (Self::BuiltIn, Origin::BuiltIn, _) | (Self::Allow, _, None) => Verdict::Open(Reach::Harmless),
            (Self::Allow, _, Some(danger)) => Verdict::Deny(Denial::Dangerous(danger)),
            (Self::BuiltIn, Origin::Foreign, _) | (Self::Deny, _, _) => Verdict::Deny(Denial::Otherwise(self)),
        }
    }
}

impl fmt::Display for Otherwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BuiltIn => "the default, which opens what is built in and nothing else",
            Self::Deny => "the default, which opens nothing",
            Self::Allow => "the default, which opens everything that is not dangerous",
            Self::Everything => "the default, which opens everything",
        })
    }
}

impl Terms {
    fn check(&self, rule: &Rule, caller: &Caller, operation: Operation<'_>, now: Instant) -> Result<(), Denial> {
        if let Some(max) = self.max_size {
            let size = size_of(operation.terms());
            if size > max {
                return Err(Denial::Size { rule: rule.to_string(), size, max });
            }
        }
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.take(&identity(caller), now).map_err(|wait| Denial::Rate {
            rule: rule.to_string(),
            rate: limiter.rate(),
            wait,
        })
    }

    fn limits(&self) -> Vec<String> {
        let size = self.max_size.map(|max| format!("arguments of at most {max} octets"));
        let rate = self.limiter.as_ref().map(Limiter::rate).map(|rate| format!("at most {rate} for each caller"));
        size.into_iter().chain(rate).collect()
    }
}

/// Who counts as one caller for a rate: a key, whatever its user calls itself; else a name from an address.
fn identity(caller: &Caller) -> String {
    match (&caller.key, caller.source) {
        (Some(key), _) => key.clone(),
        (None, Some(source)) => format!("{}@{}", caller.user, source.ip()),
        (None, None) => caller.user.clone(),
    }
}

/// Why something is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denial {
    /// A rule says so.
    Rule(String),
    /// No rule allows it.
    Otherwise(Otherwise),
    /// No rule allows it, and the default opens nothing dangerous.
    Dangerous(Danger),
    /// A function in the arguments may not be called.
    Fun {
        /// Which.
        fun: String,
        /// Why.
        because: Box<Self>,
    },
    /// There is a closure in the arguments: code that the caller brings.
    Closure,
    /// The arguments are larger than the rule allows.
    Size {
        /// Which rule.
        rule: String,
        /// Their octets.
        size: usize,
        /// So many are allowed.
        max: usize,
    },
    /// It comes sooner than the rule allows.
    Rate {
        /// Which rule.
        rule: String,
        /// What it allows.
        rate: Rate,
        /// When it may be tried again.
        wait: Duration,
    },
}

impl Denial {
    /// What the caller is told: the error `{erpc,notsup}` for what it may not do, and `{erpc,system_limit}` for what it may
    /// do, but not so large or not so soon. Which rule says so is for the log of the node.
    #[must_use]
    pub fn failure(&self) -> Failure {
        Failure::erpc(match self {
            Self::Size { .. } | Self::Rate { .. } => "system_limit",
            _ => "notsup",
        })
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => f.write_str(rule),
            Self::Otherwise(otherwise) => otherwise.fmt(f),
            Self::Dangerous(danger) => write!(f, "the default, which opens nothing that {danger}"),
            Self::Fun { fun, because } => write!(f, "{because}: fun {fun} is among the arguments"),
            Self::Closure => {
                f.write_str("a closure is among the arguments: that is code, and no rule sees what it calls")
            }
            Self::Size { rule, size, max } => write!(f, "{rule}: {size} octets of arguments, and {max} are allowed"),
            Self::Rate { rule, rate, wait } => {
                write!(f, "{rule}: more than {rate}; the next one may come in {:.1} s", wait.as_secs_f64())
            }
        }
    }
}
