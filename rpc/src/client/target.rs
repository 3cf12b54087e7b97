//! Where a node is: `[user@]host[:port]`.

use std::fmt;
use std::str::FromStr;

/// Where a node is, as `ssh` writes it, with the port behind a colon.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// The user to log in as; the caller's own when it is not said.
    pub user: Option<String>,
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// If it is said; else the configuration's, or 22.
    pub port: Option<u16>,
}

impl Target {
    /// The place without the user, `host[:port]`.
    #[must_use]
    pub fn host_and_port(&self) -> impl fmt::Display {
        Self { user: None, ..self.clone() }
    }
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let invalid = |problem| InvalidTarget { text: text.to_owned(), problem };
        let (user, rest) = match text.rsplit_once('@') {
            Some(("", _)) => return Err(invalid("there is no user before the @")),
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, text),
        };
        let (host, port) = match rest.strip_prefix('[') {
            Some(bracketed) => {
                let (host, behind) = bracketed.split_once(']').ok_or_else(|| invalid("the ] is missing"))?;
                match behind.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if behind.is_empty() => (host, None),
                    None => return Err(invalid("behind the ] there may be a :port and nothing else")),
                }
            }
            // More than one colon without brackets: an IPv6 address.
            None if rest.matches(':').count() > 1 => (rest, None),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() {
            return Err(invalid("there is no host"));
        }
        // What a shell would understand is refused where names may reach one, with the configuration.
        if text.chars().any(|character| character.is_control() || character.is_whitespace()) || host.starts_with('-') {
            return Err(invalid("it has characters that no host and no user has"));
        }
        let port = match port {
            None => None,
            Some(port) => {
                Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(|| invalid("the port is no port"))?)
            }
        };
        Ok(Self { user, host: host.to_owned(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// A text that names no node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidTarget {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl fmt::Display for InvalidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no [user@]host[:port]: {}", self.text, self.problem)
    }
}

impl std::error::Error for InvalidTarget {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_printed_as_ssh_has_them() {
        for (text, user, host, port) in [
            ("node", None, "node", None),
            ("alice@node:2222", Some("alice"), "node", Some(2222)),
            ("a@b@node", Some("a@b"), "node", None),
            ("[::1]:2222", None, "::1", Some(2222)),
            ("::1", None, "::1", None),
            ("alice@[fe80::1%eth0]", Some("alice"), "fe80::1%eth0", None),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.user.as_deref(), target.host.as_str(), target.port), (user, host, port), "{text}");
            assert_eq!(target.to_string().parse(), Ok(target));
        }
    }

    #[test]
    fn what_is_no_target_is_refused_with_the_reason() {
        for text in ["", "@node", "alice@", "node:", "node:0", "node:99999", "[::1", "[::1]x", "a b", "-oProxy", "x\n"]
        {
            assert!(text.parse::<Target>().is_err(), "{text:?}");
        }
    }
}
