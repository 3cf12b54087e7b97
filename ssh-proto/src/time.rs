//! Time as the caller tells it.

use core::time::Duration;

/// A moment: the time since an epoch of the caller's choice. This crate reads no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
#[expect(clippy::exhaustive_structs, reason = "it is its one number")]
pub struct Instant(pub Duration);

impl Instant {
    /// The moment `after` this one; the end of time where that cannot be told.
    #[must_use]
    pub const fn plus(self, after: Duration) -> Self {
        Self(self.0.saturating_add(after))
    }
}

/// The earlier of two moments that may never come.
#[must_use]
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
