use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ssh_proto::wire::InvalidMessage;

use super::Warning;

/// A file that cannot be used at all.
#[derive(Debug)]
#[non_exhaustive]
pub struct FileError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub problem: FileProblem,
}

impl FileError {
    pub(crate) fn new(path: &Path, problem: FileProblem) -> Self {
        Self { path: path.to_owned(), problem }
    }

    /// For `map_err`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::new(path, FileProblem::Io(error))
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            FileProblem::Io(error) => write!(f, "{path}: {error}"),
            FileProblem::TooLarge { limit } => write!(f, "{path}: the file is larger than {limit} bytes"),
            FileProblem::Exists => {
                write!(f, "{path}: there is such a file already: remove it, or choose another name")
            }
            FileProblem::NotAFile => write!(f, "{path}: this is not a file"),
            FileProblem::WritableByOthers => {
                write!(f, "{path}: other users can change it, so it proves nothing: run `chmod go-w {path}`")
            }
            FileProblem::OwnedByOther => {
                write!(f, "{path}: it belongs to another user, who can change it, so it proves nothing")
            }
            FileProblem::ReadableByOthers => {
                write!(f, "{path}: other users can read this private key: run `chmod 600 {path}`")
            }
            FileProblem::RevocationList(error) => {
                write!(f, "{path}: nobody is trusted, as this key revocation list cannot be read: {error}")
            }
            FileProblem::Line(warning) => {
                write!(f, "{}: nobody is trusted, as this is no revoked key: {}", warning.place, warning.problem)
            }
        }
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            FileProblem::Io(error) => Some(error),
            FileProblem::RevocationList(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileProblem {
    /// The operating system says no.
    Io(io::Error),
    /// Larger than any sensible file of its kind.
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// It was to be made, and is there.
    Exists,
    /// A directory, or something else that is not a file.
    NotAFile,
    /// The group or everybody may write to it.
    WritableByOthers,
    /// Another user than us or root owns it.
    OwnedByOther,
    /// A private key that the group or everybody may read.
    ReadableByOthers,
    /// A key revocation list that is damaged, or says something that is not understood.
    RevocationList(InvalidMessage),
    /// A list of revoked keys with something else in it.
    Line(Warning),
}
