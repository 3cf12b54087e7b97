//! What our log tells: each key exchange, and what went wrong.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Listens to the threads for which it is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchanges(Arc<Heard>);

#[derive(Debug, Default)]
struct Heard {
    exchanges: AtomicUsize,
    warnings: Mutex<String>,
}

impl Exchanges {
    /// How many were completed since it was asked last.
    pub(crate) fn take(&self) -> usize {
        self.0.exchanges.swap(0, Ordering::SeqCst)
    }

    /// What was worth a warning since it was asked last.
    pub(crate) fn warnings(&self) -> String {
        std::mem::take(&mut *self.0.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Listens to this thread, until the answer is dropped.
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
        event.record(&mut Notices { heard: &self.0, level: *event.metadata().level() });
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

struct Notices<'a> {
    heard: &'a Heard,
    level: Level,
}

impl Visit for Notices<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "notice" && format!("{value:?}").starts_with("Negotiated(") {
            self.heard.exchanges.fetch_add(1, Ordering::SeqCst);
        }
        if field.name() == "message" && self.level <= Level::WARN {
            let mut warnings = self.heard.warnings.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(warnings, "{value:?}");
        }
    }
}
