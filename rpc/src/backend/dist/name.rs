//! Names of nodes.

use core::fmt;
use core::str::FromStr;

use crate::term::Atom;

/// The name of a node: `NAME@HOST`, in visible US-ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName {
    atom: Atom,
    /// Where the `@` is.
    at: usize,
}

impl NodeName {
    /// What is in front of the `@`, which the port mapper knows.
    #[must_use]
    pub fn name(&self) -> &str {
        self.atom.as_str().get(..self.at).unwrap_or_default()
    }

    /// What is behind the `@`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.atom.as_str().get(self.at + 1..).unwrap_or_default()
    }

    /// All of it.
    #[must_use]
    pub const fn atom(&self) -> &Atom {
        &self.atom
    }
}

impl FromStr for NodeName {
    type Err = InvalidNodeName;

    fn from_str(text: &str) -> Result<Self, InvalidNodeName> {
        let (name, host) = text.split_once('@').ok_or(InvalidNodeName)?;
        let visible = text.bytes().all(|octet| octet.is_ascii_graphic());
        if !visible || name.is_empty() || host.is_empty() || host.contains('@') {
            return Err(InvalidNodeName);
        }
        let atom = Atom::new(text).map_err(|_too_long| InvalidNodeName)?;
        Ok(Self { atom, at: name.len() })
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.atom.as_str())
    }
}

/// A text is no name of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidNodeName;

impl fmt::Display for InvalidNodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node has a name and a host: NAME@HOST")
    }
}

impl core::error::Error for InvalidNodeName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_a_name_and_a_host() {
        let name: NodeName = "shop@127.0.0.1".parse().expect("a name");
        assert_eq!((name.name(), name.host(), name.to_string().as_str()), ("shop", "127.0.0.1", "shop@127.0.0.1"));
        let long = format!("{}@h", "x".repeat(254));
        for text in ["", "shop", "@host", "shop@", "a@b@c", "a b@c", "sh\u{f6}p@host", &long] {
            assert_eq!(text.parse::<NodeName>(), Err(InvalidNodeName), "{text}");
        }
    }
}
