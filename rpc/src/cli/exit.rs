//! Exit codes.

use std::fmt::Write;
use std::process::ExitCode;

/// How the command ended. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Success = 0,
    Failed = 1,
    Usage = 2,
    HostKey = 3,
    Denied = 4,
    Connection = 5,
    Timeout = 6,
    Protocol = 7,
    Local = 8,
}

impl Exit {
    const ALL: [Self; 9] = [
        Self::Success,
        Self::Failed,
        Self::Usage,
        Self::HostKey,
        Self::Denied,
        Self::Connection,
        Self::Timeout,
        Self::Protocol,
        Self::Local,
    ];

    /// As JSON has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::HostKey => "host_key",
            Self::Denied => "denied",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Local => "local",
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "it worked",
            Self::Failed => "the function failed on the node",
            Self::Usage => "the arguments make no sense, or a term has a syntax error",
            Self::HostKey => "the node's host key is unknown, changed or revoked",
            Self::Denied => "the node refused the login; or, of `acl test`, its rules deny it",
            Self::Connection => "nobody answers there, or the connection was lost",
            Self::Timeout => "no answer in time",
            Self::Protocol => "the other side does not speak our protocol, or not as asked",
            Self::Local => "something here: a file, a key, an address in use",
        }
    }

    /// The table for `--help`.
    pub(crate) fn table() -> String {
        Self::ALL.iter().fold("Exit codes:".to_owned(), |mut table, exit| {
            let _ = write!(table, "\n  {}  {}", *exit as u8, exit.meaning());
            table
        })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
