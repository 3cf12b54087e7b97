//! How the execution of a call ends.

use core::fmt;

use super::error::{Brief, explain};
use crate::term::{Atom, Call, Term};

/// How the execution of a call ended.
pub type Outcome = Result<Success, Failure>;

/// What a call that ended well gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Success {
    /// The value that the function returned.
    Value(Term),
}

impl From<Term> for Success {
    fn from(value: Term) -> Self {
        Self::Value(value)
    }
}

/// How a function failed, with Erlang's class kept.
///
/// Plain clients see less: to them an exit and an error look much alike, and a thrown value like a returned one, as the
/// old `catch` shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// `error(Reason)`, and every error of the run time: `badarg`, `undef`, ...
    Error {
        /// Why.
        reason: Term,
        /// Where: `[{Module,Function,ArityOrArgs,Info}]`, or `[]` where nobody has said.
        stack: Term,
    },
    /// `exit(Reason)`
    Exit {
        /// Why.
        reason: Term,
    },
    /// `throw(Value)`
    Throw {
        /// What was thrown.
        value: Term,
    },
}

impl Failure {
    /// An error without a stack; the node fills in the function that was called.
    #[must_use]
    pub const fn error(reason: Term) -> Self {
        Self::Error { reason, stack: Term::NIL }
    }

    /// An error whose reason is an atom: `Failure::of("badarg")`.
    #[must_use]
    pub const fn of(reason: &'static str) -> Self {
        Self::error(Term::atom(reason))
    }

    /// An exit.
    #[must_use]
    pub const fn exit(reason: Term) -> Self {
        Self::Exit { reason }
    }

    /// A thrown value.
    #[must_use]
    pub const fn throw(value: Term) -> Self {
        Self::Throw { value }
    }

    /// `undef`: there is no such function. The stack names the arguments themselves, as Erlang's does.
    #[must_use]
    pub fn undef(call: &Call) -> Self {
        let args = Term::list(call.args.iter().cloned());
        Self::Error { reason: Term::atom("undef"), stack: stack(&call.module, &call.function, args) }
    }

    /// What the machinery around a function reports, as Erlang's `erpc` does: `{erpc,Reason}` with `timeout`, `notsup`,
    /// `noconnection`, `system_limit`, ...
    #[must_use]
    pub fn erpc(reason: &'static str) -> Self {
        Self::error(Term::tuple([Term::atom("erpc"), Term::atom(reason)]))
    }

    /// Whether it is [one of the machinery](Self::erpc), and not the function's.
    #[must_use]
    pub fn is_erpc(&self) -> bool {
        matches!(self, Self::Error { reason, .. }
            if matches!(reason.as_tuple(), Some([tag, _]) if tag.is_atom("erpc")))
    }

    /// The same, with this place as the stack of an error that has none.
    #[must_use]
    pub fn at(self, place: &Place) -> Self {
        match self {
            Self::Error { reason, stack } if stack == Term::NIL => Self::Error { reason, stack: place.stack() },
            other => other,
        }
    }

    /// The class.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Error { .. } => Class::Error,
            Self::Exit { .. } => Class::Exit,
            Self::Throw { .. } => Class::Throw,
        }
    }

    /// The reason, or what was thrown.
    #[must_use]
    pub const fn reason(&self) -> &Term {
        match self {
            Self::Error { reason, .. } | Self::Exit { reason } | Self::Throw { value: reason } => reason,
        }
    }

    /// What the old `catch Expression` gives: the thrown value, `{'EXIT',Reason}`, or `{'EXIT',{Reason,Stack}}`.
    #[must_use]
    pub fn into_caught(self) -> Term {
        let reason = match self {
            Self::Throw { value } => return value,
            Self::Exit { reason } => reason,
            Self::Error { reason, stack } => Term::tuple([reason, stack]),
        };
        Term::tuple([EXIT, reason])
    }

    /// The reverse of [`into_caught`](Self::into_caught), as far as the form tells: `None` when it is no `{'EXIT',_}`.
    /// A reason that is a pair with a stack in it is taken for an error.
    #[must_use]
    pub fn from_caught(term: &Term) -> Option<Self> {
        let [tag, reason] = term.as_tuple()? else { return None };
        if !tag.is_atom("EXIT") {
            return None;
        }
        Some(match reason.as_tuple() {
            Some([error, stack]) if is_stack(stack) => Self::Error { reason: error.clone(), stack: stack.clone() },
            _ => Self::exit(reason.clone()),
        })
    }

    /// Where an error happened: its innermost function and arity.
    pub(super) fn place(&self) -> Option<(&Atom, &Atom, usize)> {
        let Self::Error { stack, .. } = self else { return None };
        let [module, function, arity, ..] = stack.as_list()?.next()?.as_tuple()? else { return None };
        let arity = match arity.as_list() {
            Some(args) => args.len(),
            None => usize::try_from(arity).ok()?,
        };
        Some((module.as_atom()?, function.as_atom()?, arity))
    }
}

/// One line for people; with `{:#}`, a second one with the Erlang term.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        explain(f, self)?;
        match f.alternate() {
            true => write!(f, "\n  {}", Brief(&self.clone().into_caught())),
            false => Ok(()),
        }
    }
}

impl core::error::Error for Failure {}

/// Erlang's three classes of exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// `error`
    Error,
    /// `exit`
    Exit,
    /// `throw`
    Throw,
}

/// A function that was called: what a stack names. Clones are cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The module.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// The number of arguments.
    pub arity: usize,
}

impl Place {
    /// `[{Module,Function,Arity,[]}]`
    #[must_use]
    pub fn stack(&self) -> Term {
        stack(&self.module, &self.function, self.arity.into())
    }
}

impl From<&Call> for Place {
    fn from(call: &Call) -> Self {
        Self { module: call.module.clone(), function: call.function.clone(), arity: call.args.len() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.module, self.function, self.arity)
    }
}

fn stack(module: &Atom, function: &Atom, arity_or_args: Term) -> Term {
    Term::list([Term::tuple([module.clone().into(), function.clone().into(), arity_or_args, Term::NIL])])
}

/// Whether a term looks like a stack: `{Module,Function,ArityOrArgs,Info}`, without `Info` up to R14.
fn is_stack(term: &Term) -> bool {
    term.as_list().is_some_and(|mut frames| {
        frames.all(|frame| {
            matches!(frame.as_tuple(), Some([module, function, _] | [module, function, _, _])
                if module.as_atom().is_some() && function.as_atom().is_some())
        })
    })
}

const EXIT: Term = Term::atom("EXIT");
