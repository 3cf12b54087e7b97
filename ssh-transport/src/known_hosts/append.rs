use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rand_core::Rng;
use ssh_proto::keys::PublicKey;

use super::name::{HashedName, HostName, LENGTH};
use crate::files;
use crate::rng::os_rng;

/// Whether a line says in clear which host it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashNames {
    /// Everybody who reads the file sees where its owner connects to.
    No,
    /// Only who knows a host's name can find it: `HashKnownHosts yes`.
    Yes,
}

/// Adds a line: the host at `port` has `key`. What is there stays as it is; a missing file is made for its owner alone,
/// as is its directory. The line is written at once, so that two programs that do this at the same time do not mix theirs.
///
/// # Errors
/// When the file cannot be written, the machine has no random numbers for a salt, or `host` is not the name of a host.
pub fn append(path: &Path, host: &str, port: u16, key: &PublicKey, hash: HashNames) -> io::Result<()> {
    check_name(host)?;
    let name = HostName::new(host, port);
    let name = match hash {
        HashNames::No => name.exact().to_owned(),
        HashNames::Yes => HashedName::new(random_salt()?, name.exact()).to_string(),
    };
    files::create_directory_of(path)?;
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let end = if ends_in_a_line(&mut file)? { "\n" } else { "" };
    file.write_all(format!("{end}{name} {}\n", key.to_openssh_line("")).as_bytes())?;
    // What is no file, /dev/null say, has nothing to be made sure of.
    if file.metadata()?.is_file() { file.sync_all() } else { Ok(()) }
}

/// A name is written between others, so it must not contain what separates, negates or matches them.
fn check_name(host: &str) -> io::Result<()> {
    let special = |c: char| c.is_whitespace() || c.is_control() || ",*?!|#@[]\"\\".contains(c);
    if host.is_empty() || host.contains(special) {
        return Err(io::Error::new(ErrorKind::InvalidInput, format!("{host:?} is not the name of a host")));
    }
    Ok(())
}

/// Whether the last line lacks its end.
fn ends_in_a_line(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn random_salt() -> io::Result<[u8; LENGTH]> {
    let mut salt = [0; LENGTH];
    os_rng()?.fill_bytes(&mut salt);
    Ok(salt)
}
