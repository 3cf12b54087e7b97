//! Who did what, how long it took and how it ended: one line of JSON for every call, cast, message, monitor, link
//! and exit signal.
//!
//! ```text
//! {"time":"2009-11-05T09:30:00.000042Z","user":"alice","key":"SHA256:..","source":"192.0.2.7:50022",
//!  "operation":"call","module":"lists","function":"seq","arity":2,"size":4,"micros":11,"outcome":"ok","result_size":8}
//! ```
//!
//! The line is written when the operation has ended, by a thread that nobody waits for. The queue to it is bounded: what
//! does not fit is lost, and the log itself says how much that was, as `{"time":"..","lost":3}`.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod entry;
mod writer;

use core::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use self::entry::Entry;
use self::writer::{Destination, Queue};
use crate::acl::Operation;
use crate::backend::Context;

/// An audit log, or none. Clones write into the same one.
#[derive(Clone, Default)]
pub struct Audit(Option<Arc<Queue>>);

impl Audit {
    /// Nothing is written.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Appends to this file, which is made where it is missing, for its owner alone.
    ///
    /// # Errors
    /// When it cannot be opened, or there is no thread to be had.
    pub fn to_file(path: impl Into<PathBuf>) -> io::Result<Self> {
        Self::start(Destination::file(path.into())?)
    }

    /// Writes to this.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn to_writer(writer: impl Write + Send + 'static) -> io::Result<Self> {
        Self::start(Destination::writer(writer))
    }

    fn start(destination: Destination) -> io::Result<Self> {
        Ok(Self(Some(Arc::new(Queue::start(destination, CAPACITY)?))))
    }

    /// Opens the file anew, for who has moved it away (`logrotate`). What does not work is logged, and the old one is
    /// written on.
    pub fn reopen(&self) {
        if let Some(queue) = &self.0 {
            queue.reopen();
        }
    }

    /// Waits until everything is written that has ended before.
    pub fn flush(&self) {
        if let Some(queue) = &self.0 {
            queue.flush();
        }
    }

    /// Something begins. The entry is written when it ends or is dropped.
    pub(crate) fn begin(&self, context: &Context, operation: Operation<'_>) -> Entry {
        match &self.0 {
            Some(queue) => Entry::begin(queue.clone(), context, operation),
            None => Entry::none(),
        }
    }
}

/// So many entries wait for the thread that writes them.
const CAPACITY: usize = 4096;

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Audit" } else { "Audit(off)" })
    }
}

#[cfg(test)]
mod tests;
