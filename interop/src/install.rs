//! Whether a peer is installed, and in which version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::table::Package;

/// Where the scripts of the peers are.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// Where `setup.sh` puts what no package manager of the system looks after.
pub(crate) fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/interop")
}

impl Package {
    /// The version that is installed.
    pub(crate) fn version(self) -> Result<String, String> {
        let version = match self {
            Self::Debian(name) => debian(name),
            Self::Python(name) => python(name),
            Self::Node(name) => node(name),
            Self::Crate(name) => locked(name),
        };
        version.ok_or_else(|| format!("{self} is not installed"))
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Debian(name) => write!(f, "{name} (Debian)"),
            Self::Python(name) => write!(f, "{name} (PyPI)"),
            Self::Node(name) => write!(f, "{name} (npm)"),
            Self::Crate(name) => write!(f, "{name} (crate)"),
        }
    }
}

fn debian(name: &str) -> Option<String> {
    let mut query = Command::new("dpkg-query");
    let output = query.args(["--show", "--showformat", "${db:Status-Status} ${Version}", name]).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = said.strip_prefix("installed ")?;
    // The epoch means nothing to anybody.
    Some(version.split_once(':').map_or(version, |(_epoch, version)| version).to_owned())
}

/// `venv/lib/python3.11/site-packages/paramiko-5.1.0.dist-info`
fn python(name: &str) -> Option<String> {
    let prefix = format!("{}-", name.replace('-', "_"));
    let entries = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten();
    entries(home().join("venv/lib")).flat_map(|python| entries(python.path().join("site-packages"))).find_map(|entry| {
        let entry = entry.file_name().into_string().ok()?.to_lowercase();
        Some(entry.strip_prefix(&prefix)?.strip_suffix(".dist-info")?.to_owned())
    })
}

fn node(name: &str) -> Option<String> {
    let package = fs::read_to_string(home().join("node/node_modules").join(name).join("package.json")).ok()?;
    let package: serde_json::Value = serde_json::from_str(&package).ok()?;
    Some(package.get("version")?.as_str()?.to_owned())
}

/// What the lock file beside our program says, where the program is built.
fn locked(name: &str) -> Option<String> {
    home().join("russhpeer").exists().then_some(())?;
    let lock = fs::read_to_string(scripts().join("russhpeer/Cargo.lock")).ok()?;
    let (_before, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(after.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::PEERS;

    #[test]
    fn setup_installs_every_package_of_the_table() {
        let read = |name: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
        let setup = read("setup.sh");
        for peer in PEERS {
            let named = match peer.package {
                // Comes with the one for building against it.
                Package::Debian("libssh-4") => setup.contains(" libssh-dev "),
                // Comes with the binding to PHP.
                Package::Debian("libssh2-1") => setup.contains(" php-ssh2 "),
                Package::Debian(name) => setup.contains(&format!(" {name} ")),
                Package::Python(name) => read("peers/requirements.txt").to_lowercase().contains(&format!("\n{name}==")),
                Package::Node(name) => read("peers/node/package.json").contains(&format!("\"{name}\":")),
                Package::Crate(name) => read("peers/russhpeer/Cargo.toml").contains(&format!("\n{name} = ")),
            };
            assert!(named, "{}", peer.package);
        }
    }

    #[test]
    fn what_nobody_installed_has_no_version() {
        assert_eq!(Package::Python("nobody").version(), Err("nobody (PyPI) is not installed".to_owned()));
    }
}
