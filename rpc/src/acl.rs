//! Who may call what.

use crate::backend::Context;
use crate::call::Call;

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

    /// Whether this call may be executed. A denied one is answered with the error `{erpc,notsup}`, as Erlang's `erpc`
    /// reports what a node does not support.
    #[must_use]
    pub const fn check(&self, _context: &Context, _call: &Call) -> Decision {
        match self.rules {
            Rules::AllowAll => Decision::Allow,
            Rules::DenyAll => Decision::Deny,
        }
    }
}

/// What the access rules say about a call.
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
