use std::io;
use std::sync::Arc;

use ssh_proto::Error;

/// Why a connection ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Ended {
    /// We closed it.
    Closed,
    /// The peer closed the stream, or it broke.
    Lost(Arc<io::Error>),
    /// The protocol ended it.
    Protocol(Error),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection is closed"),
            Self::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the peer closed the connection")
            }
            Self::Lost(error) => write!(f, "the connection was lost: {error}"),
            Self::Protocol(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Ended {}

impl From<Ended> for io::Error {
    fn from(ended: Ended) -> Self {
        let kind = match &ended {
            Ended::Lost(error) => error.kind(),
            Ended::Closed => io::ErrorKind::NotConnected,
            Ended::Protocol(_) => io::ErrorKind::ConnectionAborted,
        };
        Self::new(kind, ended)
    }
}

/// How a program ended (RFC 4254 §6.10).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// `exit-status`.
    Status(u32),
    /// `exit-signal`: the signal's name without SIG, and the peer's words.
    Signal(String, String),
}
