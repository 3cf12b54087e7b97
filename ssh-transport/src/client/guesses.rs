//! Where a client may begin with a guess.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ssh_proto::{Algorithms, FirstChoices, Negotiated};

use crate::known_hosts::host_name;

/// How many servers are remembered.
const CAPACITY: usize = 1000;

/// The servers at which a key exchange packet sent on a guess would have been right the last time (RFC 4253 §7), so that
/// the next connection saves one of the six round trips to its first channel by one.
///
/// A guess is right when the server's first choices are ours, which only its KEXINIT tells; it is remembered in memory,
/// and clones share what they remember. At a server that nobody remembers, or whose host key nobody knows, a client waits.
#[derive(Clone, Debug)]
pub struct Guesses {
    right: Option<Arc<Mutex<BTreeMap<String, Choices>>>>,
}

/// The first key exchange method and the first host key algorithm of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Choices {
    kex: &'static str,
    host_key: &'static str,
}

impl Default for Guesses {
    fn default() -> Self {
        Self::new()
    }
}

impl Guesses {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { right: Some(Arc::default()) }
    }

    /// Never remembers anything: every connection waits for the server.
    #[must_use]
    pub const fn never() -> Self {
        Self { right: None }
    }

    /// Whether the first choices of `ours` were the server's the last time.
    pub(super) fn would_be_right(&self, host: &str, port: u16, ours: &Algorithms) -> bool {
        let Some(right) = self.lock() else { return false };
        let (Some(kex), Some(host_key)) = (ours.kex.first(), ours.host_keys.first()) else { return false };
        right.get(&host_name(host, port)) == Some(&Choices { kex: kex.name, host_key: host_key.name })
    }

    /// Remembers what a connection agreed on.
    pub(super) fn remember(&self, host: &str, port: u16, negotiated: &Negotiated) {
        let Some(mut right) = self.lock() else { return };
        let host = host_name(host, port);
        if negotiated.first_choices == FirstChoices::Differ {
            right.remove(&host);
            return;
        }
        if right.len() >= CAPACITY && !right.contains_key(&host) {
            right.pop_first();
        }
        right.insert(host, Choices { kex: negotiated.kex, host_key: negotiated.host_key });
    }

    /// A connection failed: perhaps for its guess, at a server that does not drop a wrong one.
    pub(super) fn forget(&self, host: &str, port: u16) {
        if let Some(mut right) = self.lock() {
            right.remove(&host_name(host, port));
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, BTreeMap<String, Choices>>> {
        // One entry is changed at a time: whoever panicked left nothing half done.
        self.right.as_ref().map(|right| right.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
