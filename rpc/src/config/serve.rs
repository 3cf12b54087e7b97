//! `[serve]`

use std::path::PathBuf;

use super::ConfigError;
use super::read::{Entry, Table};
use crate::term::Atom;

/// The options of `sshrpc serve`, under the names that they have on the command line, which wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Serve {
    /// `listen`: an address and a port.
    pub listen: Option<String>,
    /// `name`: the node's name, as `erlang:node()` has it.
    pub name: Option<Atom>,
    /// `host_keys`: files of private keys.
    pub host_keys: Vec<PathBuf>,
    /// `authorized_keys`: a file.
    pub authorized_keys: Option<PathBuf>,
    /// `revoked_keys`: a file.
    pub revoked_keys: Option<PathBuf>,
    /// `allow_forwarding`: `no`, `local`, `remote` or `yes`.
    pub allow_forwarding: Option<&'static str>,
    /// `tier`: `default`, `compatible` or `legacy`.
    pub tier: Option<&'static str>,
    /// `cipher`: names with commas between them.
    pub cipher: Option<String>,
    /// `mac`: the same.
    pub mac: Option<String>,
    /// `kex`: the same.
    pub kex: Option<String>,
    /// `compress`: none where it is not said.
    pub compress: Option<bool>,
}

impl Serve {
    pub(super) fn read(mut table: Table<'_>) -> Result<Self, ConfigError> {
        let text = |entry: Entry<'_>| entry.text().map(str::to_owned);
        let path = |entry: Entry<'_>| entry.path();
        let serve = Self {
            listen: table.take("listen").map(text).transpose()?,
            name: table
                .take("name")
                .map(|entry| node_name(entry.text()?).map_err(|why| entry.wrong(why)))
                .transpose()?,
            host_keys: table.take("host_keys").map(|keys| keys.some(Entry::path)).transpose()?.unwrap_or_default(),
            authorized_keys: table.take("authorized_keys").map(path).transpose()?,
            revoked_keys: table.take("revoked_keys").map(path).transpose()?,
            allow_forwarding: word(&mut table, "allow_forwarding", &["no", "local", "remote", "yes"])?,
            tier: word(&mut table, "tier", &["default", "compatible", "legacy"])?,
            cipher: names(&mut table, "cipher")?,
            mac: names(&mut table, "mac")?,
            kex: names(&mut table, "kex")?,
            compress: table.take("compress").map(|entry| entry.is_true()).transpose()?,
        };
        table.finish()?;
        Ok(serve)
    }
}

fn word(table: &mut Table<'_>, key: &'static str, words: &[&'static str]) -> Result<Option<&'static str>, ConfigError> {
    table.take(key).map(|entry| entry.one_of(words)).transpose()
}

/// Reads a node's name, `name@host`.
///
/// # Errors
/// What would be right.
pub fn node_name(text: &str) -> Result<Atom, &'static str> {
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let parts = text.split_once('@').filter(|(name, host)| plain(name) && plain(host));
    parts.and_then(|_| Atom::new(text).ok()).ok_or("a node's name is written `name@host`")
}

/// A list of names, or one text with commas in it.
fn names(table: &mut Table<'_>, key: &'static str) -> Result<Option<String>, ConfigError> {
    let names = table.take(key).map(|entry| entry.some(|name| name.text().map(str::to_owned))).transpose()?;
    Ok(names.map(|names| names.join(",")))
}
