//! Why there is no BEAM.

use core::fmt;
use std::io;
use std::path::PathBuf;

/// Why a backend of a BEAM cannot begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum BeamError {
    /// There is no such program as this one, which should be Erlang's `erl`.
    NotInstalled(PathBuf),
    /// The program cannot be started.
    Start(PathBuf, io::Error),
    /// It was started, and did not come to serve calls.
    Failed {
        /// The program.
        program: PathBuf,
        /// Why.
        reason: String,
        /// The last lines that it printed.
        printed: String,
    },
    /// The Unix socket cannot be had.
    Listen(PathBuf, io::Error),
}

impl fmt::Display for BeamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled(program) => write!(f, "there is no program `{}`", program.display()),
            Self::Start(program, error) => write!(f, "`{}` cannot be started: {error}", program.display()),
            Self::Failed { program, reason, printed } => {
                write!(f, "`{}` does not serve calls: {reason}", program.display())?;
                printed.lines().try_for_each(|line| write!(f, "\n  {line}"))
            }
            Self::Listen(path, error) => write!(f, "cannot listen on {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for BeamError {}
