use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::SystemTime;

use ssh_proto::keys::PublicKey;

use super::find::Refused;
use super::source::Sources;
use super::{expiry, options};
use crate::files::{LineProblem, Place};

/// A line: `[options] keytype base64 [comment]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// The key.
    pub key: PublicKey,
    /// What the line says about it, which nothing proves.
    pub comment: String,
    forbidden: BTreeSet<Feature>,
    sources: Option<Sources>,
    expiry: Option<SystemTime>,
}

impl Entry {
    /// Whether the line takes `feature` from the key. That it does not takes nothing from anybody else who does.
    #[must_use]
    pub fn forbids(&self, feature: Feature) -> bool {
        self.forbidden.contains(&feature)
    }

    /// What the line says, and what is wrong with it although it counts.
    pub(super) fn parse(place: Place, text: &str) -> Result<(Self, Vec<LineProblem>), LineProblem> {
        let (options, (key, comment)) = match PublicKey::from_openssh_line(text) {
            Ok(key) => (Vec::new(), key),
            Err(error) => match options::split(text) {
                // It says that it is a key.
                None => return Err(LineProblem::Key(error)),
                Some(split) => {
                    let (options, rest) = split?;
                    (options, PublicKey::from_openssh_line(rest).map_err(LineProblem::Key)?)
                }
            },
        };
        let comment = comment.to_owned();
        let mut entry = Self { place, key, comment, forbidden: BTreeSet::new(), sources: None, expiry: None };
        let mut problems = Vec::new();
        for (name, value) in options {
            entry.apply(&name, value, &mut problems)?;
        }
        Ok((entry, problems))
    }

    fn apply(&mut self, name: &str, value: Option<String>, problems: &mut Vec<LineProblem>) -> Result<(), LineProblem> {
        match name {
            "from" => {
                let list = value.filter(|_| self.sources.is_none()).ok_or(LineProblem::OptionValue("from"))?;
                self.sources = Some(Sources::parse(&list, problems)?);
            }
            "expiry-time" => {
                let time = value.ok_or(LineProblem::OptionValue("expiry-time"))?;
                let time = expiry::parse(&time)?;
                self.expiry = Some(self.expiry.map_or(time, |earlier| earlier.min(time)));
            }
            _ if value.is_some() => return Err(LineProblem::Option(name.to_owned())),
            "restrict" => self.forbidden.extend(Feature::ALL.map(|(feature, _)| feature)),
            _ => {
                let (forbidden, feature) = name.strip_prefix("no-").map_or((false, name), |feature| (true, feature));
                let (feature, _) = Feature::ALL
                    .into_iter()
                    .find(|(_, name)| *name == feature)
                    .ok_or_else(|| LineProblem::Option(name.to_owned()))?;
                if forbidden {
                    self.forbidden.insert(feature);
                } else {
                    self.forbidden.remove(&feature);
                }
            }
        }
        Ok(())
    }

    pub(super) fn check(&self, source: Option<IpAddr>, now: SystemTime) -> Result<(), Refused> {
        if self.expiry.is_some_and(|expiry| now > expiry) {
            return Err(Refused::Expired(self.place.clone()));
        }
        if let Some(sources) = &self.sources
            && !source.is_some_and(|source| sources.contain(source))
        {
            return Err(Refused::Source(self.place.clone()));
        }
        Ok(())
    }
}

/// What a line can take from a key. None of it has anything to do with calls; who offers one of these has to ask
/// [`Entry::forbids`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Feature {
    /// A terminal: `no-pty`.
    Pty,
    /// TCP and Unix sockets: `no-port-forwarding`.
    PortForwarding,
    /// The client's agent: `no-agent-forwarding`.
    AgentForwarding,
    /// `no-X11-forwarding`.
    X11Forwarding,
    /// `no-user-rc`.
    UserRc,
}

impl Feature {
    /// All that `restrict` forbids, with their options in lower case.
    const ALL: [(Self, &'static str); 5] = [
        (Self::Pty, "pty"),
        (Self::PortForwarding, "port-forwarding"),
        (Self::AgentForwarding, "agent-forwarding"),
        (Self::X11Forwarding, "x11-forwarding"),
        (Self::UserRc, "user-rc"),
    ];
}
