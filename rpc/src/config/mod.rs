//! `sshrpc.toml`: what a node and who calls are told once, instead of on every command line.
//!
//! ```
//! # use std::path::Path;
//! use sshrpc::config::Config;
//!
//! let text = "[acl]\ndefault = \"deny\"\n\n[[rule]]\nuser = \"alice\"\nallow = [\"lists:*\"]\n";
//! let config = Config::parse(Path::new("sshrpc.toml"), text)?;
//! assert_eq!(config.policy.rules().len(), 1);
//!
//! let error = Config::parse(Path::new("sshrpc.toml"), "[[rule]]\nalow = [\"lists:*\"]\n").unwrap_err();
//! assert_eq!(error.to_string(), "sshrpc.toml:2:1: [[rule]] has no key \"alow\": did you mean \"allow\"?");
//! # Ok::<(), sshrpc::config::ConfigError>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod error;
mod nodes;
mod read;
mod rules;
mod serve;

use std::path::{Path, PathBuf};

pub use self::error::{ConfigError, Place, Problem};
pub use self::nodes::Nodes;
use self::read::{Source, Table};
pub use self::serve::{Serve, node_name};
use crate::acl::Policy;

/// What an `sshrpc.toml` says. `rpc/examples/sshrpc.toml` has every key.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// `[serve]`: the options of `sshrpc serve`.
    pub serve: Serve,
    /// `[acl]` and `[[rule]]`: who may call what.
    pub policy: Policy,
    /// `[audit]`: where it is written who did.
    pub audit: AuditLog,
    /// `[nodes]` and `[groups]`: names for nodes, for who calls them.
    pub nodes: Nodes,
}

/// `[audit]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditLog {
    /// Nowhere.
    #[default]
    Off,
    /// To standard error: `file = "-"`.
    StandardError,
    /// To this file.
    File(PathBuf),
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or makes no sense: which file, line and key, and what would be right.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::file(path, error))?;
        Self::parse(path, &text)
    }

    /// Reads a text as that of the file `path`, whose folder is where relative paths in it begin.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let source = Source { path, text };
        let mut file = Table::parse(source)?;
        let serve = file.table("serve")?.map(Serve::read).transpose()?.unwrap_or_default();
        let otherwise = file.table("acl")?.map(rules::otherwise).transpose()?.unwrap_or_default();
        let rules = file.tables("rule")?.into_iter().map(rules::rule).collect::<Result<_, _>>()?;
        let audit = file.table("audit")?.map(AuditLog::read).transpose()?.unwrap_or_default();
        let nodes = Nodes::read(file.table("nodes")?, file.table("groups")?)?;
        file.finish()?;
        Ok(Self { serve, policy: Policy::new(rules).otherwise(otherwise), audit, nodes })
    }
}

impl AuditLog {
    fn read(mut table: Table<'_>) -> Result<Self, ConfigError> {
        let file = table.need("file", "a path, or \"-\" for standard error")?;
        let log = match file.text()? {
            "-" => Self::StandardError,
            _ => Self::File(file.path()?),
        };
        table.finish()?;
        Ok(log)
    }
}

#[cfg(test)]
mod tests;
