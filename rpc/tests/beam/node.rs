//! A BEAM that runs, and dials the backend.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use peers::{Child, Failed, LIMIT, Peers, Trial};
use sshrpc::backend::BeamNode;
use sshrpc::backend::beam::{BRIDGE, BeamError, Bounds};

use crate::{becomes, block_on, same, value};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("a_running_beam_dials_and_serves", &["erl", "erlc"], live),
        peers::trial("a_running_beam_dials_again", &["erl", "erlc"], again),
        peers::trial("a_socket_is_for_its_owner_and_goes", &[], socket),
    ]
}

/// A system that has a process of its own, and the module.
struct Live {
    home: peers::TempDir,
}

impl Live {
    fn new(peers: &Peers) -> Result<Self, Failed> {
        let home = peers::temp_dir()?;
        std::fs::write(home.path().join("sshrpc_bridge.erl"), BRIDGE)?;
        let mut compile = peers.command("erlc");
        Child::spawn(compile.arg("-Werror").arg("sshrpc_bridge.erl").current_dir(home.path()))?.succeed(LIMIT)?;
        Ok(Self { home })
    }

    fn socket(&self) -> std::path::PathBuf {
        self.home.path().join("sshrpc.sock")
    }

    fn start(&self, peers: &Peers) -> Result<Child, Failed> {
        let own = "register(own, spawn(fun() -> receive stop -> halt() end end))";
        let start = format!("{own}, {{ok, _}} = sshrpc_bridge:start({:?}).", self.socket().display().to_string());
        let mut erl = peers.command("erl");
        erl.args(["-noinput", "-boot", "no_dot_erlang", "-eval", &start]).current_dir(self.home.path());
        Ok(Child::spawn(&mut erl)?)
    }
}

const GONE: &str = "Error {'EXIT',{{erpc,noconnection},[]}}";

fn live(peers: &Peers) -> Result<(), Failed> {
    let live = Live::new(peers)?;
    block_on(async {
        let node = BeamNode::listen(live.socket(), Bounds::default())?;
        same(&value(&node, "erlang:whereis(own)").await?, GONE)?;
        let mut child = live.start(peers)?;
        becomes(&node, "whereis(own) =/= undefined.", "true").await?;
        same(&value(&node, "os:getpid()").await?, &format!("\"{}\"", child.id()))?;
        same(&value(&node, "io:format(\"seen by the system~n\")").await?, "ok")?;
        child.wait_for("seen by the system", LIMIT)?;
        Ok(())
    })
}

fn again(peers: &Peers) -> Result<(), Failed> {
    let live = Live::new(peers)?;
    block_on(async {
        let node = BeamNode::listen(live.socket(), Bounds::default())?;
        let first = live.start(peers)?;
        let first_id = format!("\"{}\"", first.id());
        becomes(&node, "os:getpid().", &first_id).await?;
        // A second one waits until the first has gone.
        let second = live.start(peers)?;
        same(&value(&node, "os:getpid()").await?, &first_id)?;
        drop(first);
        becomes(&node, "os:getpid().", &format!("\"{}\"", second.id())).await?;
        // The node goes, and another comes.
        drop(node);
        let node = BeamNode::listen(live.socket(), Bounds::default())?;
        becomes(&node, "os:getpid().", &format!("\"{}\"", second.id())).await
    })
}

fn socket(_: &Peers) -> Result<(), Failed> {
    let home = peers::temp_dir()?;
    let path = home.path().join("s");
    let listen = |path: &Path| BeamNode::listen(path, Bounds::default());
    block_on(async {
        let node = listen(&path)?;
        let mode = std::fs::metadata(&path)?.permissions().mode() & 0o777;
        same(&format!("{mode:o}"), "600")?;
        let second = listen(&path);
        let Err(BeamError::Listen(_, _)) = second else { return Err(format!("{second:?}").into()) };
        drop(node);
        same(&path.exists().to_string(), "false")?;
        // Abandoned by one that had no time to remove it.
        drop(std::os::unix::net::UnixListener::bind(&path)?);
        drop(listen(&path)?);
        std::fs::write(&path, "not a socket")?;
        let third = listen(&path);
        let Err(BeamError::Listen(_, _)) = third else { return Err(format!("{third:?}").into()) };
        same(&std::fs::read_to_string(&path)?, "not a socket")
    })
}
