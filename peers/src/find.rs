use std::collections::BTreeMap;
use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs that a test asked for, all of them installed.
#[derive(Clone, Debug)]
pub struct Peers {
    paths: BTreeMap<String, PathBuf>,
}

impl Peers {
    /// Where the program `name` is installed: on the `PATH` or where servers live, which is not on everybody's.
    #[must_use]
    pub fn find(name: &str) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path)
            .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
            .map(|directory| directory.join(name))
            .find(|path| path.is_absolute() && is_executable(path))
    }

    /// All of `names`, or the name of the first that is missing.
    pub(crate) fn all(names: &[&str]) -> Result<Self, String> {
        let find = |name: &&str| match Self::find(name) {
            Some(path) => Ok(((*name).to_owned(), path)),
            None => Err((*name).to_owned()),
        };
        Ok(Self { paths: names.iter().map(find).collect::<Result<_, _>>()? })
    }

    /// The path of the program `name`.
    ///
    /// # Panics
    /// When the trial did not ask for it.
    #[must_use]
    pub fn path(&self, name: &str) -> &Path {
        self.paths.get(name).unwrap_or_else(|| panic!("the trial must name {name} among its peers"))
    }

    /// A command that runs the program `name`. By its absolute path: `sshd` insists.
    ///
    /// # Panics
    /// When the trial did not ask for it.
    #[must_use]
    pub fn command(&self, name: &str) -> Command {
        Command::new(self.path(name))
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// What a missing peer means.
#[derive(Debug)]
pub(crate) enum Policy {
    /// The test is ignored.
    Optional,
    /// The test fails.
    Require,
    /// Every test fails: somebody meant something.
    Unknown(String),
}

pub(crate) fn policy() -> Policy {
    match env::var_os("SSHRPC_PEERS") {
        None => Policy::Optional,
        Some(value) if value.is_empty() => Policy::Optional,
        Some(value) if value == "require" => Policy::Require,
        Some(value) => Policy::Unknown(value.to_string_lossy().into_owned()),
    }
}
