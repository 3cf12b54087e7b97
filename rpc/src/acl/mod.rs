//! Who may call what.
//!
//! A [`Policy`] is a list of [rules](Rule), the first of which that matches decides, and what is so where none does. An [`Acl`]
//! holds one, and can be given another while calls are answered. `docs/acl.md` has the rules as people write them in
//! `sshrpc.toml`.
//!
//! ```
//! use sshrpc::acl::{Acl, Policy, Rule};
//!
//! let readers = Rule::allow(vec!["lists:*".parse()?, "erlang:node/0".parse()?]).users(vec!["alice".parse()?]);
//! let acl = Acl::new(Policy::new(vec![readers]));
//! assert_eq!(acl.policy().rules().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod dangerous;
mod explain;
mod pattern;
mod policy;
mod rate;
mod rule;
mod survey;

use core::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

pub use self::dangerous::{DANGEROUS_FUNCTIONS, DANGEROUS_PROCESSES, Danger};
pub use self::explain::{Explanation, Step};
pub use self::pattern::{BadTarget, Target, Wildcard};
pub use self::policy::{Denial, Otherwise, Policy};
pub use self::rate::{BadRate, Rate};
pub use self::rule::{Mismatch, Rule};
pub(crate) use self::survey::size_of;
use crate::backend::{Context, Origin};
use crate::call::Call;
use crate::extended::Destination;
use crate::term::{Pid, Term};

/// The access rules of a node. Every call passes [`check`](Self::check) before a backend sees it, in
/// [`Executor`](crate::backend::Executor) and nowhere else. Clones share the rules, also when they are replaced.
///
/// By default built-in and registered Rust functions are everybody's who may log in, and nothing else is anybody's.
#[derive(Clone, Default)]
pub struct Acl {
    policy: Arc<RwLock<Arc<Policy>>>,
}

impl Acl {
    /// These rules.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy: Arc::new(RwLock::new(Arc::new(policy))) }
    }

    /// Every caller may call everything, dangerous functions too.
    #[must_use]
    pub fn allow_all() -> Self {
        Self::new(Policy::new(Vec::new()).otherwise(Otherwise::Everything))
    }

    /// Nobody may call anything.
    #[must_use]
    pub fn deny_all() -> Self {
        Self::new(Policy::new(Vec::new()).otherwise(Otherwise::Deny))
    }

    /// Puts other rules in the place of these, for every call from now on. What was counted for rates begins anew.
    pub fn replace(&self, policy: Policy) {
        // What is behind the lock is replaced as a whole, so a panic beside it leaves nothing half done.
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// The rules as they are now.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this may be done. `origin` is whose code would do it.
    ///
    /// What is denied is answered with the error of [`Denial::failure`].
    #[must_use]
    pub fn check(&self, context: &Context, operation: Operation<'_>, origin: Origin) -> Decision {
        #[expect(clippy::disallowed_methods, reason = "rates are about the time between calls")]
        let now = Instant::now();
        self.policy().check(context.caller(), operation, origin, now)
    }
}

impl fmt::Debug for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Acl").field(&self.policy()).finish()
    }
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// Call a function, and have its value.
    Call(&'a Call),
    /// Call a function, and not have its value.
    Cast(&'a Call),
    /// Send a message to a process.
    Send {
        /// Which.
        to: &'a Destination,
        /// What.
        message: &'a Term,
    },
    /// Watch a process.
    Monitor {
        /// Which.
        of: &'a Destination,
    },
    /// Link a mailbox to a process, which then ends with it.
    Link {
        /// Which.
        to: &'a Pid,
    },
    /// Send an exit signal to a process.
    Exit {
        /// Which.
        to: &'a Pid,
        /// Why it is to exit.
        reason: &'a Term,
    },
}

impl<'a> Operation<'a> {
    /// What it is about, without arguments and messages.
    #[must_use]
    pub fn subject(self) -> Subject<'a> {
        let (kind, object) = match self {
            Self::Call(call) => (Kind::Call, Object::function(call)),
            Self::Cast(call) => (Kind::Cast, Object::function(call)),
            Self::Send { to, .. } => (Kind::Send, to.into()),
            Self::Monitor { of } => (Kind::Monitor, of.into()),
            Self::Link { .. } => (Kind::Link, Object::Pid),
            Self::Exit { .. } => (Kind::Exit, Object::Pid),
        };
        Subject { kind, object }
    }

    /// The terms that travel with it.
    pub(crate) fn terms(self) -> &'a [Term] {
        match self {
            Self::Call(call) | Self::Cast(call) => &call.args,
            Self::Send { message, .. } => core::slice::from_ref(message),
            Self::Exit { reason, .. } => core::slice::from_ref(reason),
            Self::Monitor { .. } | Self::Link { .. } => &[],
        }
    }
}

/// The kind of an [`Operation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// `call`
    Call,
    /// `cast`
    Cast,
    /// `send`
    Send,
    /// `monitor`
    Monitor,
    /// `link`
    Link,
    /// `exit`
    Exit,
}

impl Kind {
    /// All that there are.
    pub const ALL: [Self; 6] = [Self::Call, Self::Cast, Self::Send, Self::Monitor, Self::Link, Self::Exit];

    /// As rules name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Cast => "cast",
            Self::Send => "send",
            Self::Monitor => "monitor",
            Self::Link => "link",
            Self::Exit => "exit",
        }
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What an operation is about: what rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject<'a> {
    /// What is to be done.
    pub kind: Kind,
    /// To what.
    pub object: Object<'a>,
}

impl<'a> Subject<'a> {
    /// This, done to that.
    #[must_use]
    pub const fn new(kind: Kind, object: Object<'a>) -> Self {
        Self { kind, object }
    }
}

/// `call of lists:seq/2`
impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let preposition = match self.kind {
            Kind::Send | Kind::Link | Kind::Exit => "to",
            Kind::Call | Kind::Cast | Kind::Monitor => "of",
        };
        write!(f, "{} {preposition} {}", self.kind.name(), self.object)
    }
}

/// A function or a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Object<'a> {
    /// `module:function/arity`
    Function {
        /// The module.
        module: &'a str,
        /// The function.
        function: &'a str,
        /// The number of arguments.
        arity: usize,
    },
    /// The process of this name.
    Name(&'a str),
    /// A process by its pid.
    Pid,
}

impl<'a> Object<'a> {
    fn function(call: &'a Call) -> Self {
        Self::Function { module: call.module.as_str(), function: call.function.as_str(), arity: call.args.len() }
    }
}

impl<'a> From<&'a Destination> for Object<'a> {
    fn from(destination: &'a Destination) -> Self {
        match destination {
            Destination::Name(name) => Self::Name(name.as_str()),
            Destination::Pid(_) => Self::Pid,
        }
    }
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function { module, function, arity } => write!(f, "{module}:{function}/{arity}"),
            Self::Name(name) => f.write_str(name),
            Self::Pid => f.write_str("a pid"),
        }
    }
}

/// What the access rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// It may be executed.
    Allow,
    /// It may not.
    Deny(Denial),
}

#[cfg(test)]
mod tests;
