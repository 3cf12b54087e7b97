//! What all files of keys have in common: where a line stands, what can be wrong with a line or a whole file.
//!
//! A line that cannot be used is never dropped silently: it becomes a [`Warning`] with file and line.

mod error;
mod line;
mod open;
pub(crate) mod pattern;

pub use error::{FileError, FileProblem};
pub(crate) use line::lines;
pub use line::{LineProblem, Place, Warning};
pub(crate) use open::{Access, create_directory_of, read};
