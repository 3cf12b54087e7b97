//! What has come for a mailbox and was not received yet.

use std::collections::VecDeque;

use crate::process::MailboxLimits;
use crate::term::Term;

/// The messages of a mailbox on this side of the channel.
#[derive(Debug)]
pub(super) struct Queue {
    limits: MailboxLimits,
    letters: VecDeque<(Term, usize)>,
    /// The sum of their sizes.
    octets: usize,
    /// Why it has ended.
    closed: Option<Term>,
}

/// There is no room for a message.
#[derive(Debug)]
pub(super) struct Refused;

impl Queue {
    pub(super) const fn new(limits: MailboxLimits) -> Self {
        Self { limits, letters: VecDeque::new(), octets: 0, closed: None }
    }

    /// Takes a message.
    pub(super) fn push(&mut self, message: Term) -> Result<(), Refused> {
        if self.closed.is_some() {
            return Ok(());
        }
        let octets = message.size_within(self.limits.octets).ok_or(Refused)?;
        if self.letters.len() >= self.limits.messages || self.octets + octets > self.limits.octets {
            return Err(Refused);
        }
        self.octets += octets;
        self.letters.push_back((message, octets));
        Ok(())
    }

    /// The next message.
    pub(super) fn pop(&mut self) -> Option<Term> {
        let (message, octets) = self.letters.pop_front()?;
        self.octets -= octets;
        Some(message)
    }

    /// It has ended, first for this reason. What has come before can still be received.
    pub(super) fn close(&mut self, reason: Term) {
        self.closed.get_or_insert(reason);
    }

    /// Why it has ended.
    pub(super) const fn closed(&self) -> Option<&Term> {
        self.closed.as_ref()
    }
}
