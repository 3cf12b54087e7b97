//! What came of a peer in a role.

use crate::kexinit::Offer;
use crate::table::{Peer, Side};

/// Which side the peer is; ours is the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Role {
    /// The peer's client against our server.
    Client,
    /// Our client against the peer's server.
    Server,
}

impl Role {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Client, Self::Server];

    /// As it stands in names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    pub(crate) const fn side(self, peer: &Peer) -> Option<&Side> {
        match self {
            Self::Client => peer.client.as_ref(),
            Self::Server => peer.server.as_ref(),
        }
    }
}

/// A peer in a role, and all its rows of the matrix.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Who.
    pub peer: &'static str,
    /// As what.
    pub role: Role,
    /// Where it comes from.
    pub package: String,
    /// The version that was tried.
    pub version: String,
    /// What it offers.
    pub offer: Offer,
    /// What came of it.
    pub rows: Vec<Row>,
}

/// One line of the matrix for one peer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Row {
    /// What is tried: `cipher`, `login`.
    pub group: &'static str,
    /// Which of those: `aes128-ctr`, `rsa`.
    pub name: String,
    /// What came of it.
    pub cell: Cell,
}

/// What came of one line for one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cell {
    /// It works.
    Ok,
    /// The peer's KEXINIT does not have it.
    NotOffered,
    /// The peer has no such thing, and why we think so.
    Absent(String),
    /// The peer says that it has it, and it is known not to work there; it was tried, and did not.
    Limited(&'static str),
    /// It should work.
    Failed(String),
}

impl Cell {
    /// One word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotOffered => "not offered",
            Self::Absent(_) => "absent",
            Self::Limited(_) => "limited",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it is not [`Cell::Ok`], where that is not said by the word.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Absent(reason) | Self::Failed(reason) => Some(reason),
            Self::Limited(reason) => Some(reason),
            _ => None,
        }
    }
}

impl Report {
    /// The rows that failed, for a person; empty when none did.
    #[must_use]
    pub fn failures(&self) -> String {
        let failed = |row: &Row| match &row.cell {
            Cell::Failed(why) => Some(format!("{} {}: {}\n", row.group, row.name, why)),
            _ => None,
        };
        self.rows.iter().filter_map(failed).collect()
    }
}
