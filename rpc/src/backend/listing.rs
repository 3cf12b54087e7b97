//! What there is to call: lists of modules and of their functions.

use std::collections::BTreeSet;

use super::Execution;
use crate::call::{Call, Outcome, Success};
use crate::term::{Atom, Term};

/// The modules of an Erlang that may be elsewhere: those in its code path, loaded or not.
pub(crate) fn modules(ask: impl FnOnce(Call) -> Execution) -> Execution {
    let available = Call::new(Atom::from_static("code"), Atom::from_static("all_available"), Vec::new());
    converted(ask(available), |entry| match entry.as_tuple()? {
        // {"lists","/usr/lib/erlang/lib/stdlib-4.2/ebin/lists.beam",true}
        [name, ..] => Some(Term::from(Atom::new(&name.to_text()?).ok()?)),
        [] => None,
    })
}

/// The functions of a module of an Erlang.
pub(crate) fn exports(module: &Atom, ask: impl FnOnce(Call) -> Execution) -> Execution {
    let info = Call::new(module.clone(), Atom::from_static("module_info"), vec![Term::atom("exports")]);
    converted(ask(info), |entry| {
        let [Term::Atom(_), arity] = entry.as_tuple()? else { return None };
        arity.as_u64().map(|_arity| entry.clone())
    })
}

/// A list that is there already.
pub(crate) fn ready(terms: impl Iterator<Item = Term>) -> Execution {
    Execution::Ready(Ok(Success::Value(Term::list(terms))))
}

/// `{Name,Arity}`
pub(crate) fn export((function, arity): (Atom, usize)) -> Term {
    Term::tuple([function.into(), arity.into()])
}

/// The list of an execution with more in it, each once and in order.
pub(crate) fn with(execution: Execution, more: Vec<Term>) -> Execution {
    let joined = |outcome: &Outcome| {
        let all: BTreeSet<Term> = elements(outcome).cloned().chain(more).collect();
        Ok(Success::Value(Term::list(all)))
    };
    match execution {
        Execution::Ready(outcome) => Execution::Ready(joined(&outcome)),
        Execution::Pending(work) => Execution::pending(async move { joined(&work.await) }),
    }
}

/// The atoms of a list.
pub(crate) fn atoms(outcome: &Outcome) -> BTreeSet<Atom> {
    elements(outcome).filter_map(Term::as_atom).cloned().collect()
}

/// What can be read of a list, each element once; nothing where there is no list.
fn converted(execution: Execution, convert: impl Fn(&Term) -> Option<Term> + Send + Sync + 'static) -> Execution {
    let read = move |outcome: &Outcome| {
        let found: BTreeSet<Term> = elements(outcome).filter_map(&convert).collect();
        Ok(Success::Value(Term::list(found)))
    };
    match execution {
        Execution::Ready(outcome) => Execution::Ready(read(&outcome)),
        Execution::Pending(work) => Execution::pending(async move { read(&work.await) }),
    }
}

/// What has failed is an empty list: there is no such module, or no such function to ask.
pub(crate) fn elements(outcome: &Outcome) -> impl Iterator<Item = &Term> {
    let list = match outcome {
        Ok(Success::Value(value)) => value.as_list(),
        Err(_failure) => None,
    };
    list.into_iter().flatten()
}
