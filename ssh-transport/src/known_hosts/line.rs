use ssh_proto::keys::PublicKey;

use super::name::{HashedName, Hosts};
use crate::files::pattern::PatternList;
use crate::files::{LineProblem, Place};

/// A line: `[marker] hosts keytype base64 [comment]`.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) hosts: Hosts,
    pub(super) known: KnownKey,
}

impl Line {
    pub(super) fn parse(place: Place, text: &str) -> Result<Self, LineProblem> {
        let (first, rest) = split(text);
        let (marker, hosts, key) = if first.starts_with('@') {
            let (hosts, key) = split(rest);
            (Some(Marker::parse(first)?), hosts, key)
        } else {
            (None, first, rest)
        };
        let hosts = if hosts.starts_with('|') {
            Hosts::Hashed(HashedName::parse(hosts).ok_or(LineProblem::HashedName)?)
        } else {
            Hosts::Patterns(PatternList::parse(hosts))
        };
        let (key, _) = PublicKey::from_openssh_line(key).map_err(LineProblem::Key)?;
        Ok(Self { hosts, known: KnownKey { place, key, marker } })
    }
}

/// The first field of a line, and what follows it.
fn split(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (first, rest.trim_start_matches([' ', '\t']))
}

/// A key, and the line that knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownKey {
    /// Where the line stands.
    pub place: Place,
    /// The key.
    pub key: PublicKey,
    /// What the line starts with.
    pub marker: Option<Marker>,
}

/// What makes a line more than "this host has this key".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Marker {
    /// `@revoked`: the key must not be used any more.
    Revoked,
    /// `@cert-authority`: the key signs certificates of such hosts.
    CertAuthority,
}

impl Marker {
    fn parse(text: &str) -> Result<Self, LineProblem> {
        match text {
            "@revoked" => Ok(Self::Revoked),
            "@cert-authority" => Ok(Self::CertAuthority),
            _ => Err(LineProblem::Marker(text.to_owned())),
        }
    }
}
