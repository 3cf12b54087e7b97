//! `sshrpc.toml`, where a command finds it, and a node that reads it anew.

use std::path::{Path, PathBuf};

use sshrpc::acl::Acl;
use sshrpc::audit::Audit;
use sshrpc::config::{AuditLog, Config, Problem};
use tokio::signal::unix::{SignalKind, signal};

use super::config::{Folder, shown};
use super::failure::Failure;

/// The file that was named, or sshrpc's own where there is one.
pub(crate) fn load(named: Option<&Path>, folder: Option<&Folder>) -> Result<Option<(PathBuf, Config)>, Failure> {
    let path = match (named, folder.map(Folder::settings)) {
        (Some(path), _) => path.to_owned(),
        (None, Some(path)) if path.exists() => path,
        (None, _) => return Ok(None),
    };
    // Relative paths in it are to stay what they are.
    let path = std::path::absolute(&path).map_err(Failure::local)?;
    let config = Config::load(&path).map_err(|error| {
        let failure = Failure::local(&error);
        match *error.problem {
            Problem::File(_) => failure,
            _ => failure.hint("the file rpc/examples/sshrpc.toml of the source has every key, with what it is for"),
        }
    })?;
    Ok(Some((path, config)))
}

/// The audit log that the file asks for.
pub(crate) fn audit(log: &AuditLog) -> Result<Audit, Failure> {
    match log {
        AuditLog::StandardError => Audit::to_writer(std::io::stderr()).map_err(Failure::local),
        AuditLog::File(path) => Audit::to_file(path).map_err(|error| {
            Failure::local(format!("cannot open the audit log {}: {error}", shown(path)))
                .hint("`[audit] file` in sshrpc.toml says where it is")
        }),
        _ => Ok(Audit::off()),
    }
}

/// What a node reads anew on SIGHUP.
#[derive(Debug)]
pub(crate) struct Reload {
    pub(crate) path: PathBuf,
    pub(crate) acl: Acl,
    pub(crate) audit: Audit,
}

impl Reload {
    /// Waits for SIGHUP from here on. Without a file nobody does, and it ends the process as it ends others.
    pub(crate) fn start(self) -> Result<(), Failure> {
        let mut hangup = signal(SignalKind::hangup()).map_err(Failure::local)?;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                self.reload();
            }
        });
        Ok(())
    }

    fn reload(&self) {
        self.audit.reopen();
        match Config::load(&self.path) {
            Ok(config) => {
                let count = config.policy.rules().len();
                self.acl.replace(config.policy);
                tracing::info!("SIGHUP: {count} rules read from {}", self.path.display());
            }
            Err(error) => tracing::error!("SIGHUP: the rules stay as they were. {error}"),
        }
    }
}
