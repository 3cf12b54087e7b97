//! `--backend beam-dist=NAME@HOST`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sshrpc::acl::Acl;
use sshrpc::audit::Audit;
use sshrpc::backend::Backend;
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

    /// After how long a silence a node counts as gone, as the parameter of Erlang's application kernel
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u32).range(1..))]
    net_ticktime: u32,

    /// The port where the node listens, which then no port mapper is asked for
    #[arg(long, value_name = "PORT")]
    dist_port: Option<u16>,
}

impl Joining {
    /// Joins, under this name, and answers calls from there by these functions, under these rules.
    pub(crate) async fn join(
        &self,
        peer: &NodeName,
        name: Option<&Atom>,
        (functions, acl, audit): (Arc<dyn Backend>, Acl, Audit),
    ) -> Result<BeamDist, Failure> {
        let file = match &self.cookie_file {
            Some(file) => file.clone(),
            None => Folder::find()?.home().join(".erlang.cookie"),
        };
        let cookie = Cookie::from_file(&file).map_err(|error| no_cookie(&error))?;
        let mut builder = BeamDist::builder(peer.clone(), cookie).epmd_port(self.epmd_port);
        let ticktime = Duration::from_secs(self.net_ticktime.into());
        builder = builder.net_ticktime(ticktime).serve(functions, acl, audit);
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
