//! Funs: names of exported functions, and closures that are carried and echoed.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::release::{Release, release, take_containers};
use super::{Atom, Integer, Pid, Term};

/// A function value: `fun M:F/A`, or a closure.
#[derive(Clone)]
pub struct Fun(Repr);

impl Fun {
    /// `fun module:function/arity`.
    #[must_use]
    pub fn external(module: Atom, function: Atom, arity: u32) -> Self {
        Self(Repr::External(Arc::new((module, function, arity))))
    }

    /// The module, function and arity of `fun M:F/A`; `None` for a closure.
    #[must_use]
    pub fn as_external(&self) -> Option<(&Atom, &Atom, u32)> {
        match &self.0 {
            Repr::External(parts) => Some((&parts.0, &parts.1, parts.2)),
            Repr::Closure(_) => None,
        }
    }

    pub(super) fn closure(closure: Closure) -> Self {
        Self(Repr::Closure(Arc::new(closure)))
    }

    pub(super) fn as_closure(&self) -> Option<&Closure> {
        match &self.0 {
            Repr::External(_) => None,
            Repr::Closure(closure) => Some(closure),
        }
    }
}

impl Release for Fun {
    fn release(&mut self, pending: &mut Vec<Term>) {
        if let Repr::Closure(closure) = &mut self.0
            && let Some(closure) = Arc::get_mut(closure)
        {
            take_containers(&mut closure.free, pending);
        }
    }
}

impl Drop for Fun {
    fn drop(&mut self) {
        release(self);
    }
}

#[derive(Clone)]
enum Repr {
    External(Arc<(Atom, Atom, u32)>),
    Closure(Arc<Closure>),
}

/// What `NEW_FUN_EXT` carries.
pub(super) struct Closure {
    pub(super) head: ClosureHead,
    /// The values that it closes over.
    pub(super) free: Vec<Term>,
}

/// What `NEW_FUN_EXT` carries before the free variables. The order of the fields is the one that funs are compared in.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ClosureHead {
    pub(super) module: Atom,
    pub(super) old_index: Integer,
    pub(super) old_uniq: Integer,
    pub(super) arity: u8,
    /// The MD5 of the significant parts of the module's code.
    pub(super) uniq: [u8; 16],
    pub(super) index: u32,
    /// The process that made it.
    pub(super) creator: Pid,
}
