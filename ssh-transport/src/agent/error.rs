use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use ssh_proto::wire::InvalidMessage;

/// Why the agent did not help.
#[derive(Debug)]
#[non_exhaustive]
pub enum AgentError {
    /// No agent runs: `SSH_AUTH_SOCK` is not set.
    NotRunning,
    /// Nobody answers where the agent should be.
    Unreachable {
        /// Its socket.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The connection broke.
    Broken(io::Error),
    /// No answer came in time.
    Timeout(Duration),
    /// The agent refused: it does not have the key, is locked, or its owner said no.
    Refused,
    /// The answer belongs to another question.
    Unexpected {
        /// Its message number.
        number: u8,
    },
    /// The answer is damaged.
    Malformed(InvalidMessage),
    /// A message is longer than 256 KiB, which no agent takes.
    TooLong {
        /// In bytes.
        length: usize,
    },
    /// The type of the key has no such signature algorithm.
    NoSuchAlgorithm {
        /// What the key blob names itself.
        key_type: String,
        /// What was asked for.
        algorithm: String,
    },
    /// The agent signed by another algorithm: it is too old to know the one it was asked for.
    WrongAlgorithm {
        /// What was asked for.
        asked: String,
        /// What came.
        answered: String,
    },
}

impl From<InvalidMessage> for AgentError {
    fn from(error: InvalidMessage) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => f.write_str("no agent is running: start one with `eval $(ssh-agent)`"),
            Self::Unreachable { path, error } => {
                write!(f, "no agent answers at {}: {error}; set SSH_AUTH_SOCK anew", path.display())
            }
            Self::Broken(error) => write!(f, "the agent hung up: {error}"),
            Self::Timeout(limit) => write!(f, "the agent did not answer within {} s", limit.as_secs_f32()),
            Self::Refused => f.write_str("the agent refused: see with `ssh-add -l` whether it has the key"),
            Self::Unexpected { number } => write!(f, "the agent answered with message {number}, which is no answer"),
            Self::Malformed(error) => write!(f, "the agent's answer is damaged: {error}"),
            Self::TooLong { length } => write!(f, "a message of {length} bytes is too long for an agent"),
            Self::NoSuchAlgorithm { key_type, algorithm } => {
                write!(f, "a key of type {key_type} cannot sign by {algorithm}")
            }
            Self::WrongAlgorithm { asked, answered } => {
                write!(f, "the agent signed by {answered} instead of {asked}: it needs an update")
            }
        }
    }
}

impl Error for AgentError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { error, .. } | Self::Broken(error) => Some(error),
            Self::Malformed(error) => Some(error),
            _ => None,
        }
    }
}
