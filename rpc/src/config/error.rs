//! What is wrong with a file: where, and what would be right.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConfigError {
    /// Which file.
    pub path: PathBuf,
    /// Where in it.
    pub place: Option<Place>,
    /// What is wrong.
    pub problem: Box<Problem>,
}

/// A place in a file. Both numbers are from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// What is wrong with a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// It cannot be read.
    File(io::Error),
    /// It is no TOML.
    Syntax(String),
    /// There is no such key.
    Unknown {
        /// The table it stands in, with its brackets; empty at the top.
        table: String,
        /// The key.
        key: String,
        /// The key that may have been meant.
        meant: Option<String>,
        /// All that there are.
        known: Vec<&'static str>,
    },
    /// A key is missing.
    Missing {
        /// The table.
        table: String,
        /// The key, or several of which one is needed.
        key: &'static str,
        /// What it has.
        wanted: &'static str,
    },
    /// Keys exclude each other.
    Conflict {
        /// The table.
        table: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A value is not what belongs there.
    Value {
        /// The table.
        table: String,
        /// The key.
        key: String,
        /// What stands there.
        found: String,
        /// What would be right.
        wanted: String,
    },
}

impl ConfigError {
    pub(super) fn file(path: &Path, error: io::Error) -> Self {
        Self { path: path.to_owned(), place: None, problem: Box::new(Problem::File(error)) }
    }
}

impl Place {
    /// That of an octet of a text.
    pub(super) fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Syntax(message) => write!(f, "this is no TOML: {}", message.lines().collect::<Vec<_>>().join(", ")),
            Self::Unknown { table, key, meant, known } => {
                let table = if table.is_empty() { "the file" } else { table };
                write!(f, "{table} has no key {key:?}: ")?;
                match meant {
                    Some(meant) => write!(f, "did you mean {meant:?}?"),
                    None => write!(f, "there are {}", known.join(", ")),
                }
            }
            Self::Missing { table, key, wanted } => write!(f, "{table} has no {key}: {wanted}"),
            Self::Conflict { table, why } => write!(f, "{table}: {why}"),
            Self::Value { table, key, found, wanted } => {
                let space = if table.is_empty() { "" } else { " " };
                write!(f, "{table}{space}{key}: {found} is wrong: {wanted}")
            }
        }
    }
}

impl core::error::Error for ConfigError {}
