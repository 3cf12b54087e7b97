use std::net::IpAddr;
use std::time::SystemTime;

use ssh_proto::keys::{Presence, PublicKey};

use super::find::Refused;
use super::source::Sources;
use super::{destination, expiry, options};
use crate::files::{LineProblem, Place};
use crate::server::{Feature, Permissions};

/// A line: `[options] keytype base64 [comment]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// The key: one that logs in, or one that signs certificates ([`Self::is_authority`]).
    pub key: PublicKey,
    /// What the line says about it, which nothing proves.
    pub comment: String,
    permissions: Permissions,
    sources: Option<Sources>,
    expiry: Option<SystemTime>,
    role: Role,
    principals: Option<Vec<String>>,
    touch: Touch,
    verification: Verification,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    User,
    /// `cert-authority`
    Authority,
}

/// Whether a security key must have been touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    Required,
    /// `no-touch-required`
    NotRequired,
}

/// Whether a security key must have verified its user, by a PIN for example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verification {
    NotRequired,
    /// `verify-required`
    Required,
}

impl Entry {
    /// What a login by this line is worth.
    #[must_use]
    pub const fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    /// Whether the key signs certificates and lets nobody in by itself: `cert-authority`.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.role == Role::Authority
    }

    /// Whether a signature by a security key counts only when its owner touched it: unless `no-touch-required` stands there.
    #[must_use]
    pub fn requires_touch(&self) -> bool {
        self.touch == Touch::Required
    }

    /// Whether a signature by a security key counts only when that verified its owner, by a PIN for example:
    /// `verify-required`.
    #[must_use]
    pub fn requires_verification(&self) -> bool {
        self.verification == Verification::Required
    }

    /// Whether a signature with which a security key said `presence` of its owner is enough for the line. Other keys say
    /// nothing, and nothing more is asked of them.
    #[must_use]
    pub fn admits_presence(&self, presence: Option<Presence>) -> bool {
        presence.is_none_or(|presence| {
            (presence.user_present() || !self.requires_touch())
                && (presence.user_verified() || !self.requires_verification())
        })
    }

    /// Whether a certificate for `principals` lets `user` in by this line, if its key is the certificate's authority: one
    /// of the line's own principals is among them, or the user is where the line names none. A certificate for nobody is
    /// for nobody.
    #[must_use]
    pub fn admits_principal<T: AsRef<str>>(&self, principals: &[T], user: &str) -> bool {
        let certified = |name: &str| principals.iter().any(|principal| principal.as_ref() == name);
        match &self.principals {
            Some(wanted) => wanted.iter().any(|name| certified(name)),
            None => certified(user),
        }
    }

    /// The names for which a certificate must be to let `user` in by this line.
    pub(super) fn principals_for<'a>(&'a self, user: &'a str) -> Vec<&'a str> {
        self.principals.as_ref().map_or_else(|| vec![user], |names| names.iter().map(String::as_str).collect())
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
        let mut entry = Self {
            place,
            key,
            comment: comment.to_owned(),
            permissions: Permissions::all(),
            sources: None,
            expiry: None,
            role: Role::User,
            principals: None,
            touch: Touch::Required,
            verification: Verification::NotRequired,
        };
        let mut problems = Vec::new();
        for (name, value) in options {
            match value {
                Some(value) => entry.apply_value(&name, &value, &mut problems)?,
                None => entry.apply(&name)?,
            }
        }
        if entry.principals.is_some() && entry.role == Role::User {
            problems.push(LineProblem::Principals);
        }
        Ok((entry, problems))
    }

    /// An option with a value.
    fn apply_value(&mut self, name: &str, value: &str, problems: &mut Vec<LineProblem>) -> Result<(), LineProblem> {
        let once = |is_first, name| if is_first { Ok(()) } else { Err(LineProblem::OptionValue(name)) };
        match name {
            "from" => {
                once(self.sources.is_none(), "from")?;
                self.sources = Some(Sources::parse(value, problems)?);
            }
            "expiry-time" => {
                let time = expiry::parse(value)?;
                self.expiry = Some(self.expiry.map_or(time, |earlier| earlier.min(time)));
            }
            "command" => {
                once(self.permissions.command().is_none(), "command")?;
                self.grant(|permissions| permissions.force_command(value));
            }
            "environment" => {
                let variable = value.split_once('=').filter(|(name, value)| is_variable(name) && !value.contains('\0'));
                let (name, value) = variable.ok_or_else(|| LineProblem::Variable(value.to_owned()))?;
                // "Environment variables set this way override other": the first of several counts, as in sshd.
                if self.permissions.environment().iter().all(|(known, _)| known != name) {
                    self.grant(|permissions| permissions.with_variable(name, value));
                }
            }
            "permitopen" => {
                let (host, port) = destination::open(value).ok_or_else(|| wrong("permitopen", value))?;
                self.grant(|permissions| permissions.open_only_to(host, port));
            }
            "permitlisten" => {
                let (host, port) = destination::listen(value).ok_or_else(|| wrong("permitlisten", value))?;
                self.grant(|permissions| permissions.listen_only_on(host, port));
            }
            "principals" => {
                once(self.principals.is_none(), "principals")?;
                let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                self.principals = Some(names.map(str::to_owned).collect());
            }
            "tunnel" => problems.push(LineProblem::Tunnel),
            _ => return Err(LineProblem::Option(name.to_owned())),
        }
        Ok(())
    }

    /// An option without a value.
    fn apply(&mut self, name: &str) -> Result<(), LineProblem> {
        const WITH_VALUE: [&str; 8] =
            ["from", "expiry-time", "command", "environment", "permitopen", "permitlisten", "principals", "tunnel"];
        match name {
            "restrict" => {
                for (feature, _) in Feature::ALL {
                    self.grant(|permissions| permissions.forbid(feature));
                }
            }
            "cert-authority" => self.role = Role::Authority,
            "no-touch-required" => self.touch = Touch::NotRequired,
            "verify-required" => self.verification = Verification::Required,
            _ => {
                if let Some(name) = WITH_VALUE.into_iter().find(|option| *option == name) {
                    return Err(LineProblem::OptionValue(name));
                }
                let forbidden = name.strip_prefix("no-");
                let feature = Feature::named(forbidden.unwrap_or(name));
                let feature = feature.ok_or_else(|| LineProblem::Option(name.to_owned()))?;
                self.grant(|permissions| match forbidden {
                    Some(_) => permissions.forbid(feature),
                    None => permissions.permit(feature),
                });
            }
        }
        Ok(())
    }

    fn grant(&mut self, change: impl FnOnce(Permissions) -> Permissions) {
        self.permissions = change(std::mem::take(&mut self.permissions));
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

impl From<&Entry> for Permissions {
    fn from(entry: &Entry) -> Self {
        entry.permissions.clone()
    }
}

fn wrong(option: &'static str, value: &str) -> LineProblem {
    LineProblem::Destination(option, value.to_owned())
}

/// The names that `sshd` takes.
fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
