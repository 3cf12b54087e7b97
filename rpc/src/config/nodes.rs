//! `[nodes]` and `[groups]`

use std::collections::BTreeMap;

use super::ConfigError;
use super::read::{Entry, Table};
use crate::client::Target;

/// Names for nodes, and for several of them at once.
///
/// ```
/// # use std::path::Path;
/// use sshrpc::config::Config;
///
/// let text = "[nodes.front]\naddress = \"alice@front.example:2222\"\n\n[groups]\nweb = [\"front\", \"back.example\"]\n";
/// let nodes = Config::parse(Path::new("sshrpc.toml"), text)?.nodes;
/// assert_eq!(nodes.target("front").unwrap().to_string(), "alice@front.example:2222");
/// assert_eq!(nodes.group("web").unwrap(), ["front", "back.example"]);
/// # Ok::<(), sshrpc::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    nodes: BTreeMap<String, Target>,
    groups: BTreeMap<String, Vec<String>>,
}

impl Nodes {
    /// Where the node of this name is.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<&Target> {
        self.nodes.get(name)
    }

    /// Who is in the group of this name: names of nodes, and addresses.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&[String]> {
        self.groups.get(name).map(Vec::as_slice)
    }

    /// The nodes, by their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Target)> {
        self.nodes.iter().map(|(name, target)| (name.as_str(), target))
    }

    /// The groups, by their names.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.groups.iter().map(|(name, members)| (name.as_str(), members.as_slice()))
    }

    /// The names of the groups that a node is in.
    pub fn groups_of(&self, node: &str) -> impl Iterator<Item = &str> {
        self.groups().filter(move |(_, members)| members.iter().any(|member| member == node)).map(|(name, _)| name)
    }

    /// Whether nothing has a name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.groups.is_empty()
    }

    pub(super) fn read(nodes: Option<Table<'_>>, groups: Option<Table<'_>>) -> Result<Self, ConfigError> {
        let mut read = Self::default();
        for (name, entry) in nodes.map(|mut table| table.rest()).unwrap_or_default() {
            is_name(&name, &entry)?;
            read.nodes.insert(name.clone(), node(&name, entry)?);
        }
        let groups = groups.map(|mut table| table.rest()).unwrap_or_default();
        let names: Vec<String> = groups.iter().map(|(name, _)| name.clone()).collect();
        for (name, entry) in groups {
            is_name(&name, &entry)?;
            if read.nodes.contains_key(&name) {
                return Err(entry.wrong("a node has this name"));
            }
            let members = entry.some(|member| match member.text()? {
                text if names.iter().any(|name| name == text) => {
                    Err(member.wrong("this is a group, and groups are of nodes"))
                }
                text if read.nodes.contains_key(text) => Ok(text.to_owned()),
                text => member.parse::<Target>().map(|_target| text.to_owned()),
            })?;
            read.groups.insert(name, members);
        }
        Ok(read)
    }
}

/// `name = "address"`, or a table with the address.
fn node(name: &str, entry: Entry<'_>) -> Result<Target, ConfigError> {
    if !entry.is_table() {
        return entry.parse();
    }
    let mut table = entry.table(format!("[nodes.{name}]"))?;
    let address = table.take("address");
    table.left_over()?;
    match address {
        Some(address) => address.parse(),
        None => Err(table.missing("address", "where the node is, as `alice@host:2222`")),
    }
}

/// What could be an address, or several names, is none.
fn is_name(name: &str, entry: &Entry<'_>) -> Result<(), ConfigError> {
    match name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || "@:,[]".contains(c)) {
        true => Err(entry.wrong("a name has no spaces, and none of the characters @ : , [ ]")),
        false => Ok(()),
    }
}
