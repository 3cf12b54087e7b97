use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use ssh_proto::keys::{KeyFileError, SignError};
use ssh_proto::wire::InvalidMessage;

use crate::agent::AgentError;
use crate::files::FileError;

/// Why there is no identity, or no signature by it.
#[derive(Debug)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file cannot be read or written, or others can read it.
    File(FileError),
    /// The file holds no key that can be used.
    Key {
        /// The file.
        path: PathBuf,
        /// What it is instead, or what it needs.
        error: KeyFileError,
    },
    /// What stands where a certificate should.
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: InvalidMessage,
    },
    /// The certificate is for another key.
    OtherKey(PathBuf),
    /// The agent that has the key did not help.
    Agent(AgentError),
    /// The key cannot sign that way.
    Sign(SignError),
    /// The operating system has no random numbers.
    Randomness(io::Error),
}

impl IdentityError {
    /// The file it is about.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(error) => Some(&error.path),
            Self::Key { path, .. } | Self::Certificate { path, .. } | Self::OtherKey(path) => Some(path),
            _ => None,
        }
    }

    /// Whether the file would do with its passphrase.
    #[must_use]
    pub const fn needs_passphrase(&self) -> bool {
        matches!(self, Self::Key { error: KeyFileError::PassphraseNeeded | KeyFileError::WrongPassphrase, .. })
    }
}

impl From<FileError> for IdentityError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<AgentError> for IdentityError {
    fn from(error: AgentError) -> Self {
        Self::Agent(error)
    }
}

impl From<SignError> for IdentityError {
    fn from(error: SignError) -> Self {
        Self::Sign(error)
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Key { path, error } => {
                let path = path.display().to_string();
                // The core does not know the name of the file, and leaves a blank for it.
                write!(f, "{path}: {}", error.to_string().replace(" FILE", &format!(" {path}")))
            }
            Self::Certificate { path, error } => {
                write!(f, "{}: there is no certificate in it: {error}", path.display())
            }
            Self::OtherKey(path) => write!(f, "{}: the certificate is for another key", path.display()),
            Self::Agent(error) => error.fmt(f),
            Self::Sign(error) => error.fmt(f),
            Self::Randomness(error) => error.fmt(f),
        }
    }
}

impl Error for IdentityError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File(error) => error.source(),
            Self::Key { error, .. } => Some(error),
            Self::Certificate { error, .. } => Some(error),
            Self::Agent(error) => error.source(),
            Self::Sign(_) | Self::OtherKey(_) => None,
            Self::Randomness(error) => Some(error),
        }
    }
}
