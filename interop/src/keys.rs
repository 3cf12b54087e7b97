//! The keys of a run: made anew by OpenSSH's ssh-keygen, in a directory that goes with the run.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use peers::{Child, Failed, LIMIT, TempDir};
use ssh_transport::identity::Identity;

use crate::install;
use crate::table::Key;

/// A directory of keys, for one peer in one role: `host_rsa`, `host_ecdsa` and so on for a server, `rsa`, `ecdsa` and
/// `ed25519` for a user, and `authorized_keys` with the latter.
///
/// A user's RSA and ECDSA keys are in the old format with PEM, which every peer reads; `ecdsa.openssh` is the same key
/// in OpenSSH's own.
#[derive(Debug)]
pub(crate) struct Keys {
    directory: TempDir,
}

/// File, type, bits, and whether it is in the old format.
const FILES: [(&str, &str, &str, bool); 8] = [
    ("host_rsa", "rsa", "3072", false),
    ("host_ecdsa", "ecdsa", "256", false),
    ("host_ecdsa384", "ecdsa", "384", false),
    ("host_ecdsa521", "ecdsa", "521", false),
    ("host_ed25519", "ed25519", "256", false),
    ("rsa", "rsa", "3072", true),
    ("ecdsa", "ecdsa", "256", true),
    ("ed25519", "ed25519", "256", false),
];

impl Keys {
    /// Makes them below the workspace's `target`, or below the home directory where that is below `/tmp`.
    pub(crate) fn new() -> Result<Self, Failed> {
        let keys = Self { directory: TempDir::new_in(guarded()?)? };
        for (file, kind, bits, old) in FILES {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-N", "", "-C", file, "-t", kind, "-b", bits]);
            keygen.args(if old { &["-m", "PEM"][..] } else { &[] }).arg("-f").arg(keys.path(file));
            Child::spawn(&mut keygen)?.succeed(LIMIT)?;
        }
        fs::copy(keys.path("ecdsa"), keys.path("ecdsa.openssh"))?;
        let mut convert = Command::new("ssh-keygen");
        convert.args(["-q", "-p", "-N", "", "-f"]).arg(keys.path("ecdsa.openssh"));
        Child::spawn(&mut convert)?.succeed(LIMIT)?;
        let public = |key: Key| fs::read_to_string(keys.path(&format!("{}.pub", key.file())));
        let lines = Key::ALL.map(public).into_iter().collect::<Result<String, _>>()?;
        fs::write(keys.path("authorized_keys"), lines)?;
        Ok(keys)
    }

    /// Where they are.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file with this name.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.directory().join(file)
    }

    /// A user's key.
    pub(crate) fn user(&self, key: Key) -> Result<Identity, Failed> {
        let file = if key == Key::Ecdsa { "ecdsa.openssh" } else { key.file() };
        Ok(Identity::from_file(&self.path(file), |_path| None)?)
    }

    /// The host keys of ours with an algorithm among `algorithms`.
    pub(crate) fn host(&self, algorithms: &[&str]) -> Result<Vec<Identity>, Failed> {
        let wanted = |file: &&str| match *file {
            "host_rsa" => algorithms.iter().any(|name| name.starts_with("rsa-") || *name == "ssh-rsa"),
            "host_ecdsa" => algorithms.contains(&"ecdsa-sha2-nistp256"),
            "host_ecdsa384" => algorithms.contains(&"ecdsa-sha2-nistp384"),
            "host_ecdsa521" => algorithms.contains(&"ecdsa-sha2-nistp521"),
            _ => algorithms.contains(&"ssh-ed25519"),
        };
        let files = FILES.map(|(file, ..)| file).into_iter().filter(|file| file.starts_with("host_")).filter(wanted);
        files.map(|file| Ok(Identity::from_file(&self.path(file), |_path| None)?)).collect()
    }
}

/// A directory that nobody else could have changed, as far as there is one: some servers take no keys from below a
/// directory to which everybody can write, `/tmp` included.
fn guarded() -> io::Result<PathBuf> {
    let target = install::home().join("runs");
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/sshrpc-interop"));
    for candidate in [&target].into_iter().chain(&home) {
        fs::create_dir_all(candidate)?;
        let path = candidate.canonicalize()?;
        if path.ancestors().all(|folder| fs::metadata(folder).is_ok_and(|found| found.mode() & 0o022 == 0)) {
            return Ok(path);
        }
    }
    target.canonicalize()
}
