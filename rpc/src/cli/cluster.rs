//! `--backend beam-dist=NAME@HOST`

use std::path::PathBuf;

use sshrpc::backend::Executor;
use sshrpc::backend::dist::{
    BeamDist, Cookie, CookieError, DistError, DistProblem, EpmdError, HandshakeError, NodeName,
};
use sshrpc::process::Processes;
use sshrpc::term::Atom;

use super::config::{Folder, shown};
use super::failure::Failure;

/// How a node of a cluster is joined.
#[derive(Debug, clap::Args)]
pub(crate) struct Joining {
    /// The file with the cluster's cookie, which nobody but its owner may read [default: ~/.erlang.cookie]
    #[arg(long, value_name = "FILE")]
    cookie_file: Option<PathBuf>,

    /// The port of the cluster's port mapper, epmd
    #[arg(long, value_name = "PORT", env = "ERL_EPMD_PORT", default_value_t = 4369)]
    epmd_port: u16,

    /// The port where the node listens, which then no port mapper is asked for
    #[arg(long, value_name = "PORT")]
    dist_port: Option<u16>,
}

impl Joining {
    /// Joins, under this name, and answers calls from there by `served`.
    pub(crate) async fn join(
        &self,
        peer: &NodeName,
        name: Option<&Atom>,
        served: Executor,
    ) -> Result<BeamDist, Failure> {
        let file = match &self.cookie_file {
            Some(file) => file.clone(),
            None => Folder::find()?.home().join(".erlang.cookie"),
        };
        let cookie = Cookie::from_file(&file).map_err(|error| no_cookie(&error))?;
        let mut builder = BeamDist::builder(peer.clone(), cookie).epmd_port(self.epmd_port).serve(served);
        if let Some(name) = name {
            builder = builder.processes(Processes::new(name.clone()));
        }
        if let Some(port) = self.dist_port {
            builder = builder.port(port);
        }
        builder.start().await.map_err(|error| not_joined(&error, &file))
    }
}

fn no_cookie(error: &CookieError) -> Failure {
    let failure = Failure::local(error);
    match error {
        CookieError::Exposed(path, _) => failure.hint(format!("`chmod 400 {}`, and make a new one", shown(path))),
        CookieError::Unreadable(..) => {
            failure.hint("Erlang makes one when a node first starts; `--cookie-file` names another")
        }
        _ => failure,
    }
}

fn not_joined(error: &DistError, cookie: &std::path::Path) -> Failure {
    let failure = Failure::local(error);
    match &error.problem {
        DistProblem::Handshake(HandshakeError::Cookie) => {
            failure.hint(format!("ours is that of {}; `erlang:get_cookie()` there says its own", shown(cookie)))
        }
        DistProblem::Epmd(EpmdError::Absent(..)) => {
            failure.hint("no node with a name runs here, or its port mapper has another port: `--epmd-port`")
        }
        DistProblem::Epmd(EpmdError::NoNode) => {
            failure.hint("`epmd -names` lists the nodes of this machine; `erl -name NAME@HOST` starts one")
        }
        _ => failure,
    }
}
