//! What a node answers about itself, in the module `sshrpc`: what there is to call, and what was called.

use std::sync::Arc;

use super::connections::Connections;
use crate::acl::{Acl, Kind, Object, Subject};
use crate::backend::statistics::Statistics;
use crate::backend::{Backend, Context, Execution, Origin, Watch, listing};
use crate::bert::Known;
use crate::call::{Call, Failure, Outcome, Success};
use crate::extended::Destination;
use crate::term::{Atom, Term};

/// The functions of a node about itself, and a backend behind them for everything else.
///
/// - `sshrpc:modules/0`: the modules of which the caller may call something, as atoms. With rules for single functions it is
///   the modules that the rules name.
/// - `sshrpc:functions/1`: the functions of a module that the caller may call, as `{Name,Arity}`.
/// - `sshrpc:statistics/0`: what was called, how often and for how long.
pub(super) struct Own {
    pub(super) behind: Arc<dyn Backend>,
    pub(super) acl: Acl,
    pub(super) statistics: Arc<Statistics>,
    pub(super) connections: Arc<Connections>,
    pub(super) node: Atom,
}

const MODULE: &str = "sshrpc";
const FUNCTIONS: [(&str, usize); 3] = [("functions", 1), ("modules", 0), ("statistics", 0)];

/// Whether every node answers this itself.
pub(super) fn has(module: &str, function: &str, arity: usize) -> bool {
    module == MODULE && FUNCTIONS.contains(&(function, arity))
}

impl Own {
    fn list_modules(&self, context: &Context) -> Execution {
        let (policy, caller) = (self.acl.policy(), context.shared_caller());
        let origin = {
            let behind = self.behind.clone();
            move |module: &str| behind.origin(subject(module, "", 0))
        };
        filtered(self.modules(context), move |term| {
            term.as_atom().is_some_and(|module| policy.opens(&caller, module.as_str(), origin(module.as_str())))
        })
    }

    fn list_functions(&self, module: Atom, context: &Context) -> Execution {
        let (policy, caller) = (self.acl.policy(), context.shared_caller());
        let name = module.as_str();
        // To ask for the functions of a module has Erlang load it.
        if !policy.opens(&caller, name, self.behind.origin(subject(name, "", 0))) && name != MODULE {
            return listing::ready(core::iter::empty());
        }
        let exports = self.exports(&module, context);
        let behind = self.behind.clone();
        filtered(exports, move |term| {
            let Some([Term::Atom(function), arity]) = term.as_tuple() else { return false };
            let Some(arity) = arity.as_u64().and_then(|arity| usize::try_from(arity).ok()) else { return false };
            let subject = subject(module.as_str(), function.as_str(), arity);
            let origin = match has(module.as_str(), function.as_str(), arity) {
                true => Origin::BuiltIn,
                false => behind.origin(subject),
            };
            policy.permits(&caller, subject, origin)
        })
    }

    /// What the figures are of whose names the caller may know: of what it may call itself.
    fn list_statistics(&self, context: &Context) -> Term {
        let (policy, caller) = (self.acl.policy(), context.caller());
        let mut entries = self.statistics.snapshot(|module, function, arity| {
            let subject = subject(module, function, arity);
            policy.permits(caller, subject, self.origin(subject))
        });
        let (open, total) = self.connections.count();
        let counts = [("open", open), ("total", total)].map(|(name, count)| (Term::atom(name), Term::from(count)));
        entries.extend([
            (Term::atom("node"), self.node.clone().into()),
            (Term::atom("version"), Term::binary(env!("CARGO_PKG_VERSION").as_bytes())),
            (Term::atom("connections"), Term::map(counts)),
        ]);
        Term::map(entries)
    }
}

const fn subject<'a>(module: &'a str, function: &'a str, arity: usize) -> Subject<'a> {
    Subject::new(Kind::Call, Object::Function { module, function, arity })
}

/// The elements of a list that may be known.
fn filtered(execution: Execution, keep: impl Fn(&Term) -> bool + Send + Sync + 'static) -> Execution {
    let kept = move |outcome: &Outcome| {
        let kept = listing::elements(outcome).filter(|term| keep(term)).cloned();
        Ok(Success::Value(Term::list(kept.collect::<Vec<_>>())))
    };
    match execution {
        Execution::Ready(outcome) => Execution::Ready(kept(&outcome)),
        Execution::Pending(work) => Execution::pending(async move { kept(&work.await) }),
    }
}

impl Backend for Own {
    fn call(&self, call: Call, context: &Context) -> Execution {
        if call.module.as_str() != MODULE {
            return self.behind.call(call, context);
        }
        match (call.function.as_str(), call.args.as_slice()) {
            ("modules", []) => self.list_modules(context),
            ("functions", [Term::Atom(module)]) => self.list_functions(module.clone(), context),
            ("functions", [_no_module]) => Execution::Ready(Err(Failure::of("badarg"))),
            ("statistics", []) => Execution::Ready(Ok(Success::Value(self.list_statistics(context)))),
            _ => self.behind.call(call, context),
        }
    }

    fn module(&self, name: &Atom) -> Known {
        if name.as_str() == MODULE { Known::Yes } else { self.behind.module(name) }
    }

    fn modules(&self, context: &Context) -> Execution {
        listing::with(self.behind.modules(context), vec![Term::atom(MODULE)])
    }

    fn exports(&self, module: &Atom, context: &Context) -> Execution {
        let behind = self.behind.exports(module, context);
        if module.as_str() != MODULE {
            return behind;
        }
        let own = FUNCTIONS.map(|(function, arity)| listing::export((Atom::from_static(function), arity)));
        listing::with(behind, own.to_vec())
    }

    fn send(&self, to: &Destination, message: Term, context: &Context) -> Execution {
        self.behind.send(to, message, context)
    }

    fn monitor(&self, of: &Destination, context: &Context) -> Result<Watch, Failure> {
        self.behind.monitor(of, context)
    }

    fn origin(&self, subject: Subject<'_>) -> Origin {
        match subject.object {
            Object::Function { module, function, arity } if has(module, function, arity) => Origin::BuiltIn,
            _ => self.behind.origin(subject),
        }
    }
}
