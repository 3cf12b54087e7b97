//! Calls that the other node executes.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::call::{Failure, Outcome, Success};
use crate::term::{Atom, Pid, Reference, Term};

/// The calls that are under way on one connection. Dropping it tells everybody who waits that there will be no outcome.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: BTreeMap<Reference, Call>,
    octets: usize,
}

#[derive(Debug)]
struct Call {
    octets: usize,
    /// The process that executes it, once that is known.
    process: Option<Pid>,
    /// `None` when nobody waits any more.
    waits: Option<oneshot::Sender<Outcome>>,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether this one is under way.
    pub(super) fn has(&self, reference: &Reference) -> bool {
        self.calls.contains_key(reference)
    }

    /// The sum of the sizes of their arguments.
    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    /// A call is asked for.
    pub(super) fn begin(&mut self, reference: Reference, octets: usize) -> oneshot::Receiver<Outcome> {
        let (waits, outcome) = oneshot::channel();
        self.octets += octets;
        self.calls.insert(reference, Call { octets, process: None, waits: Some(waits) });
        outcome
    }

    /// The other node has started a process for a call, or not. Gives the process when nobody wants it any more.
    pub(super) fn started(&mut self, reference: &Reference, result: Result<Pid, Atom>) -> Option<Pid> {
        match result {
            Ok(pid) => {
                let call = self.calls.get_mut(reference)?;
                call.process = Some(pid.clone());
                call.waits.is_none().then_some(pid)
            }
            Err(reason) => {
                self.end(reference, Err(Failure::error(Term::tuple([Term::atom("erpc"), reason.into()]))));
                None
            }
        }
    }

    /// The process of a call has ended with this reason, which tells what came of it.
    pub(super) fn ended(&mut self, reference: &Reference, reason: Term) {
        self.end(reference, outcome(reference, reason));
    }

    /// What came of a call cannot be taken.
    pub(super) fn too_large(&mut self, reference: &Reference) {
        self.end(reference, Err(Failure::erpc("system_limit")));
    }

    /// Nobody waits for this call any more. Gives its process, which is of no use now.
    pub(super) fn abandon(&mut self, reference: &Reference) -> Option<Pid> {
        let call = self.calls.get_mut(reference)?;
        call.waits.take()?;
        call.process.clone()
    }

    /// A call was not asked for after all.
    pub(super) fn forget(&mut self, reference: &Reference) {
        if let Some(call) = self.calls.remove(reference) {
            self.octets -= call.octets;
        }
    }

    fn end(&mut self, reference: &Reference, outcome: Outcome) {
        let Some(call) = self.calls.remove(reference) else { return };
        self.octets -= call.octets;
        if let Some(waits) = call.waits {
            // Who has gone away meanwhile wants no outcome.
            drop(waits.send(outcome));
        }
    }
}

/// What the exit reason of a process says that runs `erpc:execute_call/4` with this reference.
fn outcome(reference: &Reference, reason: Term) -> Outcome {
    let says = |tag: &Term, what: &Term, name: &str| *tag == Term::from(reference.clone()) && what.is_atom(name);
    match reason.as_tuple() {
        Some([tag, what, value]) if says(tag, what, "return") => Ok(Success::Value(value.clone())),
        Some([tag, what, value]) if says(tag, what, "throw") => Err(Failure::throw(value.clone())),
        Some([tag, what, reason]) if says(tag, what, "exit") => Err(Failure::exit(reason.clone())),
        Some([tag, what, reason]) if says(tag, what, "error") => Err(Failure::error(reason.clone())),
        Some([tag, what, reason, stack]) if says(tag, what, "error") => {
            Err(Failure::Error { reason: reason.clone(), stack: stack.clone() })
        }
        // An exit signal has ended it.
        _ => Err(Failure::exit(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(number: u32) -> Reference {
        Reference::new(Atom::from_static("us@here"), 4, &[number, 0, 0]).expect("a reference")
    }

    fn pid() -> Pid {
        Pid::new(Atom::from_static("shop@here"), 1, 0, 4)
    }

    /// The reason with this text, in which `ref` stands for the reference of the call.
    fn ended(text: &str) -> Outcome {
        let mut calls = Calls::default();
        let mut outcome = calls.begin(reference(1), 5);
        let reason: Term = text.parse().expect("a term");
        let elements = reason.as_tuple().map(|elements| {
            let with = |term: &Term| if term.is_atom("ref") { reference(1).into() } else { term.clone() };
            Term::tuple(elements.iter().map(with))
        });
        calls.ended(&reference(1), elements.unwrap_or(reason));
        assert_eq!((calls.len(), calls.octets()), (0, 0));
        outcome.try_recv().expect("an outcome")
    }

    #[test]
    fn an_exit_reason_tells_the_outcome_with_its_class() {
        let term = |text: &str| text.parse::<Term>().expect("a term");
        assert_eq!(ended("{ref,return,[1]}"), Ok(Success::Value(term("[1]"))));
        assert_eq!(ended("{ref,throw,x}"), Err(Failure::throw(term("x"))));
        assert_eq!(ended("{ref,exit,{a,b}}"), Err(Failure::exit(term("{a,b}"))));
        let (reason, stack) = (term("badarith"), term("[{m,f,1,[]}]"));
        assert_eq!(ended("{ref,error,badarith,[{m,f,1,[]}]}"), Err(Failure::Error { reason, stack }));
        assert_eq!(ended("{ref,error,{erpc,badarg}}"), Err(Failure::erpc("badarg")));
        assert_eq!(ended("killed"), Err(Failure::exit(term("killed"))));
        assert_eq!(ended("{other,return,1}"), Err(Failure::exit(term("{other,return,1}"))));
    }

    #[test]
    fn what_nobody_waits_for_has_its_process_killed_once() {
        let mut calls = Calls::default();
        // Before it is known.
        drop(calls.begin(reference(1), 5));
        assert_eq!(calls.abandon(&reference(1)), None);
        assert_eq!(calls.started(&reference(1), Ok(pid())), Some(pid()));
        assert_eq!(calls.abandon(&reference(1)), None);
        // Afterwards.
        drop(calls.begin(reference(2), 5));
        assert_eq!(calls.started(&reference(2), Ok(pid())), None);
        assert_eq!(calls.abandon(&reference(2)), Some(pid()));
        assert_eq!((calls.len(), calls.octets()), (2, 10));
        calls.ended(&reference(1), Term::atom("killed"));
        calls.ended(&reference(2), Term::atom("killed"));
        assert_eq!((calls.len(), calls.octets()), (0, 0));
    }

    #[test]
    fn a_process_that_is_not_started_is_an_error_of_the_machinery() {
        let mut calls = Calls::default();
        let mut outcome = calls.begin(reference(1), 0);
        assert_eq!(calls.started(&reference(1), Err(Atom::from_static("notsup"))), None);
        assert_eq!(outcome.try_recv(), Ok(Err(Failure::erpc("notsup"))));
        let mut outcome = calls.begin(reference(2), 0);
        calls.too_large(&reference(2));
        assert_eq!(outcome.try_recv(), Ok(Err(Failure::erpc("system_limit"))));
    }

    #[test]
    fn a_connection_that_is_gone_is_told_to_whoever_waits() {
        let mut calls = Calls::default();
        let mut outcome = calls.begin(reference(1), 0);
        drop(calls);
        assert_eq!(outcome.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
