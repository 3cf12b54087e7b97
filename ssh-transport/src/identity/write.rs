use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ssh_proto::keys::PrivateKey;

use super::IdentityError;
use crate::files::{self, FileError, FileProblem};
use crate::rng::os_rng;

/// Writes `key` to a new file `path`, for its owner alone, and its public half to `path` with `.pub`, in the formats of
/// `ssh-keygen`. With a passphrase the first is encrypted. The directory is made when it does not exist.
///
/// # Errors
/// When one of the two exists: no key is overwritten. Then, as whenever something fails, neither file is made.
pub fn write_key_pair(
    path: &Path,
    key: &PrivateKey,
    comment: &str,
    passphrase: Option<&str>,
) -> Result<(), IdentityError> {
    let mut rng = os_rng().map_err(IdentityError::Randomness)?;
    let private = key
        .to_openssh(comment, passphrase.map(str::as_bytes), &mut rng)
        .map_err(|error| IdentityError::Key { path: path.to_owned(), error })?;
    let public = key.public().to_openssh_line(comment) + "\n";
    files::create_directory_of(path).map_err(FileError::io(path))?;
    create(path, 0o600, private.as_bytes())?;
    create(&public_path(path), 0o644, public.as_bytes()).inspect_err(|_| remove(path))?;
    Ok(())
}

/// Where the public half of the key in `path` is.
pub(super) fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn create(path: &Path, mode: u32, content: &[u8]) -> Result<(), FileError> {
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(FileError::new(path, FileProblem::Exists));
        }
        other => other.map_err(FileError::io(path))?,
    };
    let written = file.write_all(content).and_then(|()| file.sync_all());
    written.inspect_err(|_| remove(path)).map_err(FileError::io(path))
}

/// Takes back what this call made; the error that made it necessary is the one to report.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}
