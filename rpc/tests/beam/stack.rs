//! From a command line to a real Erlang and back.

use peers::{Child, Failed, LIMIT, Peers, Trial};

use crate::support::{Home, Node, ensure, ssh};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("sshrpc_calls_erlang_through_a_node", &["erl", "ssh"], through_a_node),
        peers::trial("erlang_ends_with_a_killed_node", &["erl"], killed),
        peers::trial("what_erlang_prints_is_in_the_log_of_the_node", &["erl"], printed),
        peers::trial("a_node_says_what_it_lacks_for_erlang", &[], lacks),
    ]
}

const BEAM: &[&str] = &["--backend", "beam", "--allow-all"];

fn through_a_node(peers: &Peers) -> Result<(), Failed> {
    let node = Node::start_with(BEAM)?;
    let target = node.target();
    let host = "alice@127.0.0.1";
    for (call, value) in [
        ("string:uppercase(\"real erlang\")", "\"REAL ERLANG\"\n"),
        ("math:pow(2,10)", "1024.0\n"),
        ("sshrpc:echo(hello)", "hello\n"),
    ] {
        for mode in ["subsystem", "shell", "exec-mod", "exec"] {
            node.call(&["--mode", mode, &target, call])?.expect(0, value, "")?;
        }
        ssh(peers, &node, &[host, &format!("text {call}.")], b"")?.expect(0, value, "")?;
    }
    let failed = node.call(&[&target, "erlang:atom_to_list(1)"])?;
    let stack = "{'EXIT',{badarg,[{erlang,atom_to_list,[1],";
    ensure(failed.code == Some(1) && failed.stderr.contains(stack), stack, &failed)?;
    let undefined = node.call(&[&target, "nomod:f(1)"])?;
    ensure(undefined.stderr.contains("{'EXIT',{undef,[{nomod,f,[1],[]}]}}"), "undef", &undefined)?;
    let halted = node.call(&[&target, "erlang:halt()"])?;
    ensure(halted.code == Some(1) && halted.stderr.contains("{erpc,noconnection}"), "noconnection", &halted)
}

/// However the node ends, nothing of it goes on.
fn killed(_: &Peers) -> Result<(), Failed> {
    let node = Node::start_with(BEAM)?;
    let done = node.call(&[&node.target(), "os:getpid()"])?;
    let process = std::path::PathBuf::from(format!("/proc/{}", done.stdout().trim().trim_matches('"')));
    ensure(process.exists(), "a process", &done)?;
    // By SIGKILL.
    drop(node.child);
    let ended = || std::fs::read_to_string(process.join("stat")).map_or(true, |stat| stat.contains(") Z "));
    if peers::wait_until(LIMIT, ended) { Ok(()) } else { Err(format!("{} goes on", process.display()).into()) }
}

fn printed(_: &Peers) -> Result<(), Failed> {
    let mut node = Node::start_with(BEAM)?;
    node.call(&[&node.target(), "io:format(\"printed by a function~n\")"])?.expect(0, "ok\n", "")?;
    node.child.wait_for("printed by a function", LIMIT)?;
    let stderr = node.child.stderr();
    if stderr.contains("printed by a function") { Ok(()) } else { Err(stderr.into()) }
}

fn lacks(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let host = home.key("host")?;
    let serve = |more: &[&str]| -> Result<_, Failed> {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--host-key", &host];
        let mut child = Child::spawn(&mut home.sshrpc(&[&serve[..], more].concat()))?;
        Ok((child.wait(LIMIT)?.code(), child.stderr()))
    };
    let missing = ["--backend", "beam", "--allow-all", "--erl", "/nonexistent/erl"];
    for (arguments, code, said) in [
        (&["--backend", "beam"][..], 2, "--allow-all"),
        (&["--backend", "beam-node=s"], 2, "--allow-all"),
        (&["--backend", "jvm"], 2, "there are builtin, beam, beam-node=SOCKET and beam-dist=NAME@HOST"),
        (&missing, 8, "there is no program `/nonexistent/erl`"),
    ] {
        let (exit, stderr) = serve(arguments)?;
        if exit != Some(code) || !stderr.contains(said) {
            return Err(format!("expected {code} and {said}\nfound {exit:?}\n{stderr}").into());
        }
    }
    Ok(())
}
