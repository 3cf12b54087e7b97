//! Answers in the order of their requests: RFC 4254 §4 ("the recipient will respond [...] in the same order") and §5.4.

use alloc::collections::VecDeque;

/// Whether the peer is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a boolean of the wire, with names")]
pub enum WantReply {
    /// `want reply` is TRUE.
    Yes,
    /// `want reply` is FALSE.
    No,
}

/// A yes or a no to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the wire knows these two")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was not.
    Failure,
}

/// Requests of the peer that want an answer, in the order in which they came. The caller may answer in any order.
#[derive(Debug)]
pub(super) struct Pending<A> {
    first: u64,
    answers: VecDeque<Option<A>>,
}

impl<A> Default for Pending<A> {
    fn default() -> Self {
        Self { first: 0, answers: VecDeque::new() }
    }
}

/// The place of one request in its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u64);

impl<A> Pending<A> {
    /// A request that wants an answer has come.
    pub(super) fn push(&mut self) -> Place {
        let place = self.first.saturating_add(u64::try_from(self.answers.len()).unwrap_or(u64::MAX));
        self.answers.push_back(None);
        Place(place)
    }

    pub(super) fn len(&self) -> usize {
        self.answers.len()
    }

    /// The caller answers; false when the place is not, or no longer, in the line.
    pub(super) fn answer(&mut self, place: Place, answer: A) -> bool {
        let slot = place.0.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        match slot.and_then(|index| self.answers.get_mut(index)) {
            Some(slot @ None) => {
                *slot = Some(answer);
                true
            }
            _ => false,
        }
    }

    /// The next answer that may be sent: the first in the line, once it is there.
    pub(super) fn pop(&mut self) -> Option<A> {
        self.answers.front()?.as_ref()?;
        self.first = self.first.saturating_add(1);
        self.answers.pop_front().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4254_s4_answers_leave_in_the_order_of_their_requests() {
        let mut pending = Pending::default();
        let (a, b, c) = (pending.push(), pending.push(), pending.push());
        assert!(pending.answer(c, 'c'));
        assert!(pending.answer(a, 'a'));
        assert_eq!(pending.pop(), Some('a'));
        assert_eq!(pending.pop(), None);
        assert!(!pending.answer(a, 'x'), "answered already");
        assert!(pending.answer(b, 'b'));
        assert!(!pending.answer(b, 'x'), "answered already");
        assert_eq!([pending.pop(), pending.pop(), pending.pop()], [Some('b'), Some('c'), None]);
        assert_eq!(pending.len(), 0);
    }
}
