//! What nodes are called: names and groups of `sshrpc.toml`, and addresses.

use std::path::{Path, PathBuf};

use sshrpc::client::Target;
use sshrpc::config::Nodes;

use super::config::Folder;
use super::failure::Failure;
use super::settings;

/// The names that nodes have.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) nodes: Nodes,
    /// Where they are from.
    pub(crate) file: Option<PathBuf>,
}

/// A node as it was named, and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) target: Target,
}

impl Names {
    pub(crate) fn load(named: Option<&Path>) -> Result<Self, Failure> {
        let folder = Folder::find().ok();
        let found = settings::load(named, folder.as_ref())?;
        Ok(found.map(|(path, config)| Self { nodes: config.nodes, file: Some(path) }).unwrap_or_default())
    }

    /// One node, by its name or its address.
    pub(crate) fn one(&self, text: &str) -> Result<Named, Failure> {
        if let Some(members) = self.nodes.group(text) {
            let nodes = members.join(", ");
            return Err(Failure::usage(format!("{text} is a group, and one node is needed here"))
                .hint(format!("it has {nodes}; `sshrpc call -H {text}` calls all of them")));
        }
        let target = match self.nodes.target(text) {
            Some(target) => target.clone(),
            None => text.parse().map_err(|error| self.unknown(&error))?,
        };
        Ok(Named { name: text.to_owned(), target })
    }

    /// All that are named, groups by their nodes, each once and in this order.
    pub(crate) fn all(&self, texts: &[String]) -> Result<Vec<Named>, Failure> {
        let mut found: Vec<Named> = Vec::new();
        for text in texts {
            let members = self.nodes.group(text).unwrap_or_else(|| std::slice::from_ref(text));
            for member in members {
                if found.iter().all(|node| node.name != *member) {
                    found.push(self.one(member)?);
                }
            }
        }
        Ok(found)
    }

    fn unknown(&self, error: &sshrpc::client::InvalidTarget) -> Failure {
        let failure = Failure::usage(error);
        if self.nodes.is_empty() { failure } else { failure.hint("`sshrpc nodes` lists the names that there are") }
    }
}
