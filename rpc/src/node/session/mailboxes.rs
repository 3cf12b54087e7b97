//! The mailboxes of a channel: processes that stand for its client.

use std::collections::HashMap;
use std::task::{Context, Poll, Waker};

use super::ready::Ready;
use crate::extended::{Server, Undelivered};
use crate::process::{MailboxLimits, OpenMailbox, Processes};
use crate::term::{Pid, Term};

/// How many mailboxes a channel has at most: one for each of the requests that may be under way.
pub(super) const MAX_MAILBOXES: usize = 1024;
/// How many messages wait in a mailbox at most.
const MAX_MESSAGES: usize = 8192;

/// The mailboxes of a channel. Dropped, they end with the reason `noconnection`.
///
/// Messages stay in their mailbox while there is no room on the way to the client: who sends to a full one is told so.
pub(super) struct Mailboxes {
    processes: Processes,
    open: HashMap<Pid, (OpenMailbox, Waker)>,
    /// Those that may have a message, or have ended.
    ready: Ready<Pid>,
}

impl Mailboxes {
    pub(super) fn new(processes: Processes) -> Self {
        Self { processes, open: HashMap::new(), ready: Ready::new() }
    }

    /// Opens one for messages of at most so many octets. `None` when there are too many.
    pub(super) fn open(&mut self, octets: usize) -> Option<Pid> {
        if self.open.len() >= MAX_MAILBOXES {
            return None;
        }
        let mailbox = self.processes.open_mailbox_with(MailboxLimits::new(MAX_MESSAGES, octets));
        let pid = mailbox.pid().clone();
        let waker = self.ready.waker(pid.clone());
        self.open.insert(pid.clone(), (mailbox, waker));
        self.ready.tell(pid.clone());
        Some(pid)
    }

    /// Whether this is one of them.
    pub(super) fn contains(&self, mailbox: &Pid) -> bool {
        self.open.contains_key(mailbox)
    }

    /// Ends one with this reason. Whether it is one of them.
    pub(super) fn close(&mut self, mailbox: &Pid, reason: Term) -> bool {
        let found = self.open.remove(mailbox);
        let known = found.is_some();
        if let Some((mailbox, _)) = found {
            mailbox.close(reason);
        }
        known
    }

    /// Waits until one of them has something for the client, or has ended.
    pub(super) fn poll(&self, task: &Context<'_>) -> Poll<()> {
        self.ready.poll(task)
    }

    /// Hands over what they have, in turns, as far as there is room.
    pub(super) fn deliver(&mut self, machine: &mut Server) {
        while machine.has_room_for_messages()
            && let Some(pid) = self.ready.next()
        {
            let Some((mailbox, waker)) = self.open.get_mut(&pid) else { continue };
            match mailbox.poll_recv(&mut Context::from_waker(waker)) {
                Poll::Pending => {}
                Poll::Ready(Ok(message)) => match machine.message_to(pid.clone(), message) {
                    Ok(()) => self.ready.tell(pid),
                    // Whoever is linked to it is to know that a message is missing, and so is the client.
                    Err(Undelivered::TooLong | Undelivered::Congested) => {
                        let reason = Term::atom("system_limit");
                        self.close(&pid, reason.clone());
                        machine.closed(pid, reason);
                    }
                },
                Poll::Ready(Err(closed)) => {
                    self.open.remove(&pid);
                    machine.closed(pid, closed.reason);
                }
            }
        }
    }
}
