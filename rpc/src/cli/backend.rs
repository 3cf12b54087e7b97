//! Who executes the calls of `sshrpc serve`.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use sshrpc::acl::Acl;
use sshrpc::audit::Audit;
use sshrpc::backend::beam::{BeamError, Bounds};
use sshrpc::backend::dist::{InvalidNodeName, NodeName};
use sshrpc::backend::{Backend, BeamNode, BeamPort, Router};
use sshrpc::node::NodeBuilder;
use sshrpc::{Functions, term::Atom};

use super::cluster::Joining;
use super::config::shown;
use super::failure::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct Executing {
    /// builtin; beam: an Erlang that is started and stopped with the node; beam-node=SOCKET: a running Erlang, which dials this
    /// Unix socket by `sshrpc_bridge:start("SOCKET")`; beam-dist=NAME@HOST: a running node of this machine, whose cluster is
    /// joined
    ///
    /// With any Erlang, calls of the module sshrpc are still executed by the node itself.
    #[arg(long, value_name = "WHO", default_value = "builtin", value_parser = parse)]
    backend: Who,

    /// Let whoever may log in call every function of that Erlang, which may do whatever this user may; otherwise the rules
    /// of sshrpc.toml say who may call what
    #[arg(long)]
    allow_all: bool,

    /// The program that starts Erlang; ERL_LIBS and ERL_FLAGS, in the environment, give it modules and options
    #[arg(long, value_name = "PROGRAM", default_value = "erl")]
    erl: PathBuf,

    #[command(flatten)]
    joining: Joining,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Builtin,
    Beam,
    BeamNode(PathBuf),
    BeamDist(NodeName),
}

fn parse(text: &str) -> Result<Who, String> {
    match text.split_once('=') {
        None if text == "builtin" => Ok(Who::Builtin),
        None if text == "beam" => Ok(Who::Beam),
        Some(("beam-node", path)) if !path.is_empty() => Ok(Who::BeamNode(path.into())),
        Some(("beam-dist", name)) => {
            name.parse().map(Who::BeamDist).map_err(|error: InvalidNodeName| error.to_string())
        }
        _ => Err("there are builtin, beam, beam-node=SOCKET and beam-dist=NAME@HOST".to_owned()),
    }
}

impl Executing {
    /// Who may call what, where the configuration has these rules, or is none.
    pub(crate) fn acl(&self, rules: Option<Acl>) -> Result<Acl, Failure> {
        match (rules, self.allow_all) {
            (None, true) => Ok(Acl::allow_all()),
            (Some(_), true) => Err(Failure::usage("`--allow-all` leaves nothing to the rules of the configuration")
                .hint("`[acl] default = \"allow\"` there opens all that is not dangerous")),
            (Some(rules), false) => Ok(rules),
            (None, false) if self.backend == Who::Builtin => Ok(Acl::default()),
            (None, false) => Err(Failure::usage(
                "nobody may call anything of an Erlang until it is said who may call what",
            )
            .hint(
                "rules in sshrpc.toml say so (docs/acl.md); `--allow-all` opens every function to whoever may log in",
            )),
        }
    }

    /// The node, of this name, with its backend, ready for calls. Those from a cluster go by these rules too, and into this
    /// log.
    pub(crate) async fn start(
        &self,
        mut node: NodeBuilder,
        name: Option<&Atom>,
        acl: &Acl,
        audit: &Audit,
    ) -> Result<NodeBuilder, Failure> {
        if let Some(name) = name {
            node = node.name(name.clone());
        }
        let builtin = Functions::with_builtins();
        if self.backend == Who::Builtin {
            return Ok(node.functions(builtin));
        }
        let builtin = Arc::new(builtin);
        let erlang: Arc<dyn Backend> = match &self.backend {
            Who::Builtin => builtin.clone(),
            Who::Beam => {
                Arc::new(BeamPort::builder().program(&self.erl).start().await.map_err(|error| failed(&error))?)
            }
            Who::BeamNode(path) => Arc::new(BeamNode::listen(path, Bounds::default()).map_err(|error| failed(&error))?),
            Who::BeamDist(peer) => {
                let served: (Arc<dyn Backend>, _, _) = (builtin.clone(), acl.clone(), audit.clone());
                let joined = self.joining.join(peer, name, served).await?;
                node = node.processes(joined.processes().clone());
                Arc::new(joined)
            }
        };
        Ok(node.backend(Arc::new(Router::new(erlang).route("sshrpc", builtin))))
    }

    /// Who executes what, by module, in the order in which they are asked.
    pub(crate) fn json(&self) -> Value {
        let builtin = |modules: &str| json!({ "backend": "builtin", "modules": modules });
        match &self.backend {
            Who::Builtin => json!([builtin("*")]),
            Who::Beam => json!([builtin("sshrpc"), { "backend": "beam", "modules": "*", "program": self.erl }]),
            Who::BeamNode(path) => {
                json!([builtin("sshrpc"), { "backend": "beam-node", "modules": "*", "socket": path }])
            }
            Who::BeamDist(peer) => {
                json!([builtin("sshrpc"), { "backend": "beam-dist", "modules": "*", "node": peer.to_string() }])
            }
        }
    }

    /// What who starts the node is told about it.
    pub(crate) fn lines(&self) -> Vec<String> {
        let who = match &self.backend {
            Who::Builtin => return Vec::new(),
            Who::Beam => format!("Calls are executed by `{}`", self.erl.display()),
            Who::BeamNode(path) => format!("Calls are executed by the Erlang that dials {}", shown(path)),
            Who::BeamDist(node) => format!("Calls are executed by the node {node}"),
        };
        let whose = match self.allow_all {
            true => "whoever may log in may call every function there.",
            false => "the rules of the configuration say who may call what.",
        };
        vec![format!("{who}: {whose}"), String::new()]
    }
}

fn failed(error: &BeamError) -> Failure {
    let text = error.to_string();
    let mut lines = text.lines();
    let failure = Failure::local(lines.next().unwrap_or_default());
    let failure = lines.fold(failure, |failure, line| failure.detail(line.trim_start()));
    match error {
        BeamError::NotInstalled(_) => {
            failure.hint("install Erlang (`apt install erlang-base`), or say where it is: `--erl PROGRAM`")
        }
        BeamError::Listen(_, error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            failure.hint("another node listens there, or it is no socket")
        }
        _ => failure,
    }
}
