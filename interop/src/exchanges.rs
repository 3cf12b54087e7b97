//! Counts key exchanges: our log tells of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Counts what happens on the thread for which it is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchanges(Arc<AtomicUsize>);

impl Exchanges {
    /// How many were completed since it was asked last.
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }

    /// Counts those of this thread, until the answer is dropped.
    pub(crate) fn watch(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(self.clone())
    }
}

impl Subscriber for Exchanges {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Notices(self));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

struct Notices<'a>(&'a Exchanges);

impl Visit for Notices<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "notice" && format!("{value:?}").starts_with("Negotiated(") {
            self.0.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}
