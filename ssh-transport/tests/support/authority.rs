//! An authority that certifies and revokes, by ssh-keygen.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use peers::{Child, Failed, LIMIT, Peers, TempDir};
use ssh_proto::keys::PublicKey;
use ssh_transport::identity::Identity;

use super::vector_key;

/// A directory with an authority's key, and the keys of the vectors that it certifies.
pub(crate) struct Authority<'a> {
    peers: &'a Peers,
    pub(crate) directory: TempDir,
}

impl<'a> Authority<'a> {
    pub(crate) fn new(peers: &'a Peers) -> Result<Self, Failed> {
        Self::of_type(peers, "ed25519")
    }

    pub(crate) fn of_type(peers: &'a Peers, key_type: &str) -> Result<Self, Failed> {
        let authority = Self { peers, directory: peers::temp_dir()? };
        authority.keygen(["-t", key_type, "-N", "", "-f"].map(OsStr::new), &[&authority.file("ca")])?;
        Ok(authority)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Its public key, as a line.
    pub(crate) fn line(&self) -> Result<String, Failed> {
        Ok(fs::read_to_string(self.file("ca.pub"))?)
    }

    pub(crate) fn public(&self) -> Result<PublicKey, Failed> {
        let line = self.line()?;
        let (key, _) = PublicKey::from_openssh_line(&line).map_err(|error| error.to_string())?;
        Ok(key)
    }

    fn keygen<'s>(&self, options: impl IntoIterator<Item = &'s OsStr>, files: &[&Path]) -> Result<(), Failed> {
        let mut command = self.peers.command("ssh-keygen");
        command.arg("-q").args(options).args(files).stdin(std::process::Stdio::null());
        Child::spawn(&mut command)?.succeed(LIMIT).map(drop)
    }

    /// Certifies the key `name` of the vectors, and gives where it lies; its certificate is beside it.
    pub(crate) fn certify(&self, name: &str, options: &[&str]) -> Result<PathBuf, Failed> {
        let key = vector_key(self.directory.path(), name)?;
        let public = self.file(&format!("{name}.pub"));
        fs::write(&public, vectors::bytes(&format!("keys/{name}.pub")))?;
        let ca = self.file("ca");
        let signing = [OsStr::new("-s"), ca.as_os_str(), OsStr::new("-I"), OsStr::new(KEY_ID)];
        self.keygen(signing.into_iter().chain(options.iter().map(OsStr::new)), &[&public])?;
        Ok(key)
    }

    /// The key `name` of the vectors, certified.
    pub(crate) fn identity(&self, name: &str, options: &[&str]) -> Result<Identity, Failed> {
        let key = self.certify(name, options)?;
        let identity = Identity::from_file(&key, |_| None).map_err(|error| error.to_string())?;
        let certified = identity.certified().map_err(|error| error.to_string())?;
        certified.ok_or_else(|| "there is no certificate beside the key".into())
    }

    /// A key revocation list of what `specification` says about its certificates.
    pub(crate) fn revoke(&self, specification: &str) -> Result<PathBuf, Failed> {
        let (list, text, ca) = (self.file("krl"), self.file("krl.text"), self.file("ca.pub"));
        fs::write(&text, specification)?;
        let options = [OsStr::new("-k"), OsStr::new("-f"), list.as_os_str(), OsStr::new("-s"), ca.as_os_str()];
        self.keygen(options, &[&text])?;
        Ok(list)
    }
}

/// What the certificates are called in logs.
pub(crate) const KEY_ID: &str = "made for a test";
