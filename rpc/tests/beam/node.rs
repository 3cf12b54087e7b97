//! A BEAM that runs, and dials the backend.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use peers::{Child, Failed, LIMIT, Peers, Trial};
use sshrpc::backend::BeamNode;
use sshrpc::backend::beam::{BRIDGE, BeamError, Bounds};
use sshrpc::term::Term;

use crate::{becomes, block_on, same, value};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("a_running_beam_dials_and_serves", &["erl", "erlc"], live),
        peers::trial("a_running_beam_dials_again", &["erl", "erlc"], again),
        peers::trial("the_bridge_answers_every_request_once", &["erl", "erlc"], requests),
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

/// The node's end of the protocol, by hand.
fn requests(peers: &Peers) -> Result<(), Failed> {
    let live = Live::new(peers)?;
    let listener = UnixListener::bind(live.socket())?;
    let child = live.start(peers)?;
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(LIMIT))?;
    let hello = "{sshrpc,hello,#{versions => [1],frame => 65536}}";
    let accepted = "{answer,{{sshrpc,hello,#{node => nonode@nohost,version => 1}},0}}";
    let error = |id: u8, reason: &str| format!("{{answer,{id},{{error,{{erpc,{reason}}},[]}}}}");
    for (asked, answered) in [
        (hello, accepted.to_owned()),
        ("{ping,1}", "{answer,1,{return,pong}}".to_owned()),
        ("{cast,2,{erlang,send,[own,hello]}}", "{answer,2,{return,ok}}".to_owned()),
        ("{cast,3,{erlang,send}}", error(3, "badarg")),
        ("{call,4,{lists,seq,[1|2]},#{}}", error(4, "badarg")),
        ("{call,5,{lists,seq,[1,2]},[]}", error(5, "badarg")),
        ("{call,6,{lists,seq,[1,2]},#{output => stream}}", error(6, "notsup")),
        ("{mailbox,7}", error(7, "notsup")),
        ("{exit,12,own,own,kill}", error(12, "badarg")),
        ("{call,8,{binary,copy,[<<1>>,65536]},#{}}", error(8, "system_limit")),
        ("{demonitor,9,1}", "{answer,9,{return,ok}}".to_owned()),
    ] {
        say(&mut stream, &asked.parse::<Term>()?.to_bytes()?)?;
        same(&hear(&mut stream)?, &answered)?;
    }
    // A request that this Erlang cannot read, though its number.
    say(&mut stream, &[131, 104, 4, 119, 4, b'c', b'a', b'l', b'l', 97, 10, 255, 106])?;
    same(&hear(&mut stream)?, &error(10, "badarg"))?;
    // What is cancelled is answered, once; and what is not there to be cancelled, is not.
    for asked in ["{cancel,77}", "{call,11,{timer,sleep,[infinity]},#{}}", "{cancel,11}", "{cancel,11}"] {
        say(&mut stream, &asked.parse::<Term>()?.to_bytes()?)?;
    }
    same(&hear(&mut stream)?, "{answer,11,{exit,killed}}")?;
    // No message at all: the connection ends, and the BEAM dials again.
    say(&mut stream, &"hello".parse::<Term>()?.to_bytes()?)?;
    same(&format!("{:?}", stream.read(&mut [0; 1])), "Ok(0)")?;
    let (_stream, _) = listener.accept()?;
    drop(child);
    Ok(())
}

fn say(stream: &mut UnixStream, term: &[u8]) -> Result<(), Failed> {
    let length = u32::try_from(term.len())?;
    Ok(stream.write_all(&[&length.to_be_bytes(), term].concat())?)
}

fn hear(stream: &mut UnixStream) -> Result<String, Failed> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut term = vec![0; usize::try_from(u32::from_be_bytes(length))?];
    stream.read_exact(&mut term)?;
    Ok(sshrpc::term::decode_exact(&term)?.to_string())
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
        drop(UnixListener::bind(&path)?);
        drop(listen(&path)?);
        std::fs::write(&path, "not a socket")?;
        let third = listen(&path);
        let Err(BeamError::Listen(_, _)) = third else { return Err(format!("{third:?}").into()) };
        same(&std::fs::read_to_string(&path)?, "not a socket")
    })
}
