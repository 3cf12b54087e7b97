//! What a BEAM was asked, and has not answered.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::call::{Failure, Outcome};
use crate::extended::Id;
use crate::term::Term;

/// The requests and watches that are under way on one connection. Dropping it tells everybody who waits that there will be
/// no answer.
#[derive(Debug, Default)]
pub(super) struct Table {
    requests: BTreeMap<Id, Request>,
    watches: BTreeMap<Id, oneshot::Sender<Term>>,
    octets: usize,
}

#[derive(Debug)]
struct Request {
    octets: usize,
    /// `None` when nobody waits any more; the answer comes all the same.
    waits: Option<oneshot::Sender<Outcome>>,
}

impl Table {
    /// How many requests and watches there are.
    pub(super) fn len(&self) -> usize {
        self.requests.len() + self.watches.len()
    }

    /// The sum of the lengths of the requests.
    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    /// A request was sent, and its outcome is waited for.
    pub(super) fn ask(&mut self, id: Id, octets: usize) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        self.insert(id, Request { octets, waits: Some(sender) });
        receiver
    }

    /// A request was sent whose outcome means nothing to anybody.
    pub(super) fn tell(&mut self, id: Id, octets: usize) {
        self.insert(id, Request { octets, waits: None });
    }

    /// A monitor was asked for.
    pub(super) fn watch(&mut self, id: Id, octets: usize) -> oneshot::Receiver<Term> {
        let (sender, receiver) = oneshot::channel();
        self.tell(id, octets);
        self.watches.insert(id, sender);
        receiver
    }

    fn insert(&mut self, id: Id, request: Request) {
        self.octets += request.octets;
        self.requests.insert(id, request);
    }

    /// Nobody waits for this outcome any more. Whether it was still to come.
    pub(super) fn abandon(&mut self, id: Id) -> bool {
        self.requests.get_mut(&id).is_some_and(|request| request.waits.take().is_some())
    }

    /// Nobody waits for this process any more. Whether it was still watched.
    pub(super) fn unwatch(&mut self, id: Id) -> bool {
        self.watches.remove(&id).is_some()
    }

    /// A request is answered.
    ///
    /// # Errors
    /// When there is no such request.
    pub(super) fn answered(&mut self, id: Id, outcome: Outcome) -> Result<(), Unasked> {
        let request = self.requests.remove(&id).ok_or(Unasked(id))?;
        self.octets -= request.octets;
        if let (Err(failure), true) = (&outcome, self.watches.contains_key(&id)) {
            // A process that cannot be watched gets the reason for that, lest somebody waits for ever.
            self.down(id, failure.reason().clone());
        }
        if let Some(waits) = request.waits {
            // Who has gone away meanwhile wants no answer.
            drop(waits.send(outcome));
        }
        Ok(())
    }

    /// A watched process has ended. The watch may have been given up while this was on its way.
    pub(super) fn down(&mut self, monitor: Id, reason: Term) {
        if let Some(waits) = self.watches.remove(&monitor) {
            drop(waits.send(reason));
        }
    }
}

/// The BEAM answers what it was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unasked(pub(super) Id);

/// What becomes of a request when the BEAM is gone.
pub(super) fn noconnection() -> Failure {
    Failure::erpc("noconnection")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Success;

    fn id(number: u64) -> Id {
        Id::new(number).expect("a small number")
    }

    fn value(number: i64) -> Outcome {
        Ok(Success::Value(number.into()))
    }

    #[test]
    fn each_request_has_one_answer() {
        let mut table = Table::default();
        let (mut first, mut second) = (table.ask(id(1), 10), table.ask(id(2), 20));
        assert_eq!((table.len(), table.octets()), (2, 30));
        assert_eq!(table.answered(id(2), value(2)), Ok(()));
        assert_eq!(table.answered(id(2), value(3)), Err(Unasked(id(2))));
        assert_eq!(second.try_recv(), Ok(value(2)));
        assert_eq!((table.len(), table.octets()), (1, 10));
        drop(table);
        assert_eq!(first.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }

    #[test]
    fn what_nobody_waits_for_is_answered_all_the_same() {
        let mut table = Table::default();
        let _receiver = table.ask(id(1), 10);
        assert!(table.abandon(id(1)));
        assert!(!table.abandon(id(1)));
        table.tell(id(2), 5);
        assert!(!table.abandon(id(2)));
        assert_eq!(table.octets(), 15);
        assert_eq!(table.answered(id(1), value(1)), Ok(()));
        assert_eq!(table.answered(id(2), value(1)), Ok(()));
        assert_eq!((table.len(), table.octets()), (0, 0));
    }

    #[test]
    fn a_watch_outlives_its_answer() {
        let mut table = Table::default();
        let mut reason = table.watch(id(1), 10);
        assert_eq!(table.answered(id(1), value(0)), Ok(()));
        assert_eq!(table.len(), 1);
        table.down(id(1), Term::atom("normal"));
        assert_eq!(reason.try_recv(), Ok(Term::atom("normal")));
        assert!(!table.unwatch(id(1)));
        table.down(id(1), Term::atom("late"));
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_watch_that_cannot_be_ends_with_the_reason() {
        let mut table = Table::default();
        let mut reason = table.watch(id(1), 10);
        assert_eq!(table.answered(id(1), Err(Failure::of("badarg"))), Ok(()));
        assert_eq!(reason.try_recv(), Ok(Term::atom("badarg")));
        assert_eq!((table.len(), table.octets()), (0, 0));
    }
}
