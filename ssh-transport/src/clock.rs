//! The one place that reads a clock.

use std::time::SystemTime;

use ssh_proto::time::Instant;

/// What the calendar says: certificates are valid from one time of day to another.
#[expect(clippy::disallowed_methods, reason = "this is the adapter's clock")]
pub(crate) fn time_of_day() -> SystemTime {
    SystemTime::now()
}

/// A connection's clock: its epoch is when it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: tokio::time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { epoch: tokio::time::Instant::now() }
    }

    /// Now, as the core has it.
    pub(crate) fn now(&self) -> Instant {
        Instant(self.epoch.elapsed())
    }

    /// A moment of the core, as tokio has it.
    pub(crate) fn at(&self, moment: Instant) -> tokio::time::Instant {
        // Moments that lie beyond what tokio can tell are as good as never.
        let never = || self.epoch + std::time::Duration::from_secs(u64::from(u32::MAX));
        self.epoch.checked_add(moment.0).unwrap_or_else(never)
    }
}
