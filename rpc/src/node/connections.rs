//! How many are connected.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ssh_transport::server::Peer;

/// The connections that have asked for a program.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Who is logged in is known for as long as the connection lives.
    open: Vec<Weak<Peer>>,
    total: u64,
}

impl Connections {
    /// A program begins for this client.
    pub(super) fn see(&self, peer: &Arc<Peer>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.open.retain(|open| open.strong_count() > 0);
        if !seen.open.iter().any(|open| core::ptr::eq(open.as_ptr(), Arc::as_ptr(peer))) {
            seen.open.push(Arc::downgrade(peer));
            seen.total += 1;
        }
    }

    /// How many there are, and were altogether.
    pub(super) fn count(&self) -> (u64, u64) {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = seen.open.iter().filter(|open| open.strong_count() > 0).count();
        (u64::try_from(open).unwrap_or(u64::MAX), seen.total)
    }
}
