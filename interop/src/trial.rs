//! One test for each peer and role.

use std::fs;
use std::path::Path;
use std::time::Duration;

use peers::{Failed, Trial};
use serde_json::Value;

use crate::kexinit::Offer;
use crate::ours::{self, Kind};
use crate::report::{Cell, Report, Role, Row};
use crate::table::{Ability, Key, PEERS, Peer, Side};
use crate::{our_client, our_server, publish};

/// What goes there and back by each algorithm: more than one packet.
pub(crate) const SHORT: u64 = 40_000;
/// What a command ends with.
pub(crate) const STATUS: i32 = 7;
/// Long enough for 64 MiB by the slowest peer on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(240);

/// A test for each peer and role: ignored, with the reason, where the peer is not installed. A cell that failed fails it, and so does one
/// that was published as ok and is no longer there.
/// `done` gets each report.
pub fn trials(done: impl Fn(Report) + Clone + Send + 'static) -> Vec<Trial> {
    let mut trials = Vec::new();
    for peer in PEERS {
        for role in Role::ALL {
            let Some(side) = role.side(peer) else { continue };
            let done = done.clone();
            let missing = peer.package.version().err();
            let name = format!("{}::{}", slug(peer.name), role.name());
            trials.push(peers::trial_unless(&name, missing, move || {
                let report = report(peer, role, side)?;
                let failures = report.failures() + &publish::lost(&published(), &report);
                done(report);
                if failures.is_empty() { Ok(()) } else { Err(failures.into()) }
            }));
        }
    }
    trials
}

/// The matrix that was published last; none of it where there is none.
fn published() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/interop.json");
    fs::read(file).ok().and_then(|file| serde_json::from_slice(&file).ok()).unwrap_or_default()
}

/// Where a report stands in the matrix.
#[must_use]
pub fn place(report: &Report) -> (usize, bool) {
    let number = PEERS.iter().position(|peer| peer.name == report.peer);
    (number.unwrap_or(PEERS.len()), report.role == Role::Server)
}

/// A name that can be typed.
fn slug(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric() && character != '.');
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").to_lowercase()
}

fn report(peer: &Peer, role: Role, side: &Side) -> Result<Report, Failed> {
    let (offer, rows) = match role {
        Role::Client => our_server::report(side)?,
        Role::Server => our_client::report(side)?,
    };
    let version = peer.package.version()?;
    Ok(Report { peer: peer.name, role, package: peer.package.to_string(), version, offer, rows })
}

/// The rows of a peer in a role, as they come to be.
pub(crate) struct Rows<'a> {
    side: &'a Side,
    rows: Vec<Row>,
}

impl<'a> Rows<'a> {
    pub(crate) const fn new(side: &'a Side) -> Self {
        Self { side, rows: Vec::new() }
    }

    /// One for each algorithm of ours: tried, where the peer offers it.
    pub(crate) fn algorithms(&mut self, role: Role, offer: &Offer, test: impl Fn(Kind, &str) -> Result<(), Failed>) {
        for kind in Kind::ALL {
            for name in kind.names(role) {
                let offered = kind.is_offered(name, offer);
                let cell = if offered { judge(self.side, name, test(kind, name)) } else { Cell::NotOffered };
                self.push(kind.title(), name, cell);
            }
        }
    }

    /// One for each type of key. That the peer knows nothing of a type is tried as well, by `refused`.
    pub(crate) fn logins(
        &mut self,
        test: impl Fn(Key) -> Result<(), Failed>,
        refused: impl Fn(Key) -> Result<Cell, Failed>,
    ) {
        for key in ours::user_keys() {
            let cell = if self.side.keys.contains(&key) {
                judge(self.side, key.file(), test(key))
            } else {
                refused(key).unwrap_or_else(|error| Cell::Failed(format!("{error:?}")))
            };
            self.push("login", key.file(), cell);
        }
    }

    /// One for something that not every peer can do.
    pub(crate) fn ability(
        &mut self,
        group: &'static str,
        name: &str,
        ability: Ability,
        test: impl FnOnce() -> Result<(), Failed>,
    ) {
        let cell = match ability {
            Ability::Yes => judge(self.side, name, test()),
            Ability::No(reason) => Cell::Absent(reason.to_owned()),
        };
        self.push(group, name, cell);
    }

    pub(crate) fn done(self) -> Vec<Row> {
        self.rows
    }

    fn push(&mut self, group: &'static str, name: &str, cell: Cell) {
        self.rows.push(Row { group, name: name.to_owned(), cell });
    }
}

/// What a test says about a cell, when the table may know that it cannot work.
fn judge(side: &Side, row: &str, outcome: Result<(), Failed>) -> Cell {
    let limit = side.limits.iter().find(|limit| limit.row == row);
    match (outcome, limit) {
        (Ok(()), None) => Cell::Ok,
        (Err(failed), None) => Cell::Failed(failed.message().unwrap_or("for no reason that it told").to_owned()),
        (Err(_failed), Some(limit)) => Cell::Limited(limit.reason),
        (Ok(()), Some(limit)) => Cell::Failed(format!("it works, and the table says that {}", limit.reason)),
    }
}
