//! Who may call what.

use crate::backend::Context;
use crate::call::Call;
use crate::extended::Destination;
use crate::term::Term;

/// The access rules of a node. Every call passes [`check`](Self::check) before a backend sees it, in
/// [`Executor`](crate::backend::Executor) and nowhere else.
///
/// So far there are two sets of rules, all and nothing: whoever may log in may call every function of the node.
#[derive(Clone, Debug)]
pub struct Acl {
    rules: Rules,
}

impl Acl {
    /// Every caller may call everything.
    #[must_use]
    pub const fn allow_all() -> Self {
        Self { rules: Rules::AllowAll }
    }

    /// Nobody may call anything.
    #[must_use]
    pub const fn deny_all() -> Self {
        Self { rules: Rules::DenyAll }
    }

    /// Whether this may be done. What is denied is answered with the error `{erpc,notsup}`, as Erlang's `erpc` reports what
    /// a node does not support.
    #[must_use]
    pub const fn check(&self, _context: &Context, _operation: Operation<'_>) -> Decision {
        match self.rules {
            Rules::AllowAll => Decision::Allow,
            Rules::DenyAll => Decision::Deny,
        }
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
}

/// What the access rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// It may be executed.
    Allow,
    /// It may not.
    Deny,
}

#[derive(Clone, Debug)]
enum Rules {
    AllowAll,
    DenyAll,
}
