//! Where sshrpc keeps what is the user's, and how its paths are shown.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;

use super::failure::Failure;

/// sshrpc's own folder: `$XDG_CONFIG_HOME/sshrpc`, as a rule `~/.config/sshrpc`.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    home: PathBuf,
}

impl Folder {
    pub(crate) fn find() -> Result<Self, Failure> {
        let base = Xdg::new().map_err(|_none| {
            Failure::local("there is no home directory").hint("set HOME, or name each file: `--help` lists the options")
        })?;
        Ok(Self { path: base.config_dir().join("sshrpc"), home: base.home_dir().to_owned() })
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Who may log in to our node.
    pub(crate) fn authorized_keys(&self) -> PathBuf {
        self.path.join("authorized_keys")
    }

    /// What our node does, and who may call what.
    pub(crate) fn settings(&self) -> PathBuf {
        self.path.join("sshrpc.toml")
    }

    /// A user's key, as `sshrpc keygen` makes it.
    pub(crate) fn user_key(&self, kind: &str) -> PathBuf {
        self.path.join(format!("id_{kind}"))
    }

    /// Where our node's key is.
    pub(crate) fn host_key(&self, kind: &str) -> PathBuf {
        self.path.join(format!("host_{kind}"))
    }

    /// Makes the folder, for its owner alone.
    pub(crate) fn create(&self) -> Result<(), Failure> {
        make(&self.path).map_err(|error| Failure::local(format!("cannot make {}: {error}", self.path.display())))
    }
}

/// Where sshrpc keeps what it notes by itself: `$XDG_STATE_HOME/sshrpc`, as a rule `~/.local/state/sshrpc`. It is made, for
/// its owner alone; none where that is not possible.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let path = Xdg::new().ok()?.state_dir()?.join("sshrpc");
    make(&path).ok()?;
    Some(path)
}

fn make(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The kinds of keys that a node gets by itself, the best first.
pub(crate) const HOST_KINDS: [&str; 2] = ["ed25519", "rsa"];

/// The kinds of keys that users have, the best first.
pub(crate) const KINDS: [&str; 3] = ["ed25519", "rsa", "ecdsa"];

/// A path as one would type it into a shell: `~` for the home directory, quotes where they are needed.
pub(crate) fn shown(path: &Path) -> String {
    let home = Xdg::new().ok().map(|base| base.home_dir().to_owned());
    let path = std::path::absolute(path).unwrap_or_else(|_unknown| path.to_owned());
    let below = home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned));
    match below.filter(|rest| is_plain(&rest.to_string_lossy())) {
        Some(rest) => format!("~/{}", rest.display()),
        None => quoted(&path.to_string_lossy()),
    }
}

/// A word as one would type it into a shell.
pub(crate) fn quoted(word: &str) -> String {
    if is_plain(word) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "/._-+:@,=".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_change_them() {
        assert_eq!(quoted("[[1,2,3]]"), "'[[1,2,3]]'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("alice@127.0.0.1:2222"), "alice@127.0.0.1:2222");
        assert_eq!(quoted(""), "''");
    }
}
