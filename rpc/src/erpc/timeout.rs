//! How long to wait.

use core::time::Duration;

use tokio::time::Instant;

/// How long to wait: `timeout_time()` of the manual page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// `infinity`: as long as the node is there.
    Infinity,
    /// So long from now.
    After(Duration),
    /// `{abs, Time}`: until then, for several requests together.
    At(std::time::Instant),
}

impl Timeout {
    /// What is left; `None` without an end.
    pub(crate) fn left(self) -> Option<Duration> {
        match self {
            Self::Infinity => None,
            Self::After(time) => Some(time),
            Self::At(end) => Some(Instant::from_std(end).saturating_duration_since(Instant::now())),
        }
    }

    /// The same end for all who begin now or later.
    pub(crate) fn fixed(self) -> Self {
        match self {
            Self::After(time) => match Instant::now().checked_add(time) {
                Some(end) => Self::At(end.into_std()),
                // Later than the clock can say.
                None => Self::Infinity,
            },
            other => other,
        }
    }

    /// Waits for `work` as long as this says; `None` when it took longer.
    pub(crate) async fn limit<T>(self, work: impl Future<Output = T>) -> Option<T> {
        match self.left() {
            Some(left) => tokio::time::timeout(left, work).await.ok(),
            None => Some(work.await),
        }
    }
}

impl From<Duration> for Timeout {
    fn from(time: Duration) -> Self {
        Self::After(time)
    }
}

impl From<std::time::Instant> for Timeout {
    fn from(end: std::time::Instant) -> Self {
        Self::At(end)
    }
}
