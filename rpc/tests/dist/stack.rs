//! From a command line to a cluster and back.

use peers::{Child, Failed, LIMIT, Peers, Trial};

use crate::cluster::{Cluster, write_cookie};
use crate::support::{Home, Node, ensure};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("sshrpc_calls_a_cluster_through_a_node", &["erl", "epmd"], through_a_node),
        peers::trial("rules_say_who_may_call_what_of_a_cluster", &["erl", "epmd"], rules),
        peers::trial("a_node_says_what_it_lacks_for_a_cluster", &["erl", "epmd"], lacks),
    ]
}

fn through_a_node(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    let (cookie, port) = (cluster.cookie_file(), cluster.epmd_port.to_string());
    let serve = ["--backend", "beam-dist=shop@127.0.0.1", "--allow-all", "--epmd-port", &port, "--cookie-file"];
    let cookie = cookie.to_string_lossy();
    let node = Node::start_unknown(Home::new()?, &[&serve[..], &[&cookie, "--name", "us@127.0.0.1"]].concat())?;
    let target = node.target();
    node.call(&["--accept-new", &target, "erlang:node()"])?.expect(0, "'shop@127.0.0.1'\n", "")?;
    for (call, value) in [
        ("string:uppercase(\"real erlang\")", "\"REAL ERLANG\"\n"),
        ("erlang:nodes(hidden)", "['us@127.0.0.1']\n"),
        ("sshrpc:echo(hello)", "hello\n"),
        ("rpc:call('us@127.0.0.1',sshrpc,echo,[{round,trip}])", "{round,trip}\n"),
    ] {
        for mode in ["subsystem", "exec"] {
            node.call(&["--mode", mode, &target, call])?.expect(0, value, "")?;
        }
    }
    let failed = node.call(&[&target, "erlang:atom_to_list(1)"])?;
    let stack = "{'EXIT',{badarg,[{erlang,atom_to_list,[1],";
    ensure(failed.code == Some(1) && failed.stderr.contains(stack), stack, &failed)
}

/// The cluster's calls go by the rules as others' do, for a principal with the name of the node.
fn rules(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    let home = Home::new()?;
    let config = home.path("rules.toml");
    std::fs::write(&config, RULES)?;
    let (config, port) = (config.to_string_lossy().into_owned(), cluster.epmd_port.to_string());
    let cookie = cluster.cookie_file().to_string_lossy().into_owned();
    let serve = ["--config", &config, "--backend", "beam-dist=shop@127.0.0.1", "--epmd-port", &port];
    let more = ["--cookie-file", &cookie, "--name", "us@127.0.0.1"];
    let node = Node::start_unknown(home, &[&serve[..], &more].concat())?;
    let target = node.target();
    node.call(&["--accept-new", &target, "lists:seq(1,3)"])?.expect(0, "[1,2,3]\n", "")?;
    let denied = node.call(&[&target, "os:getpid()"])?;
    ensure(denied.code == Some(1) && denied.stderr.contains("{erpc,notsup}"), "{erpc,notsup}", &denied)?;
    let back = |call: &str| node.call(&[&target, &format!("rpc:call('us@127.0.0.1',{call})")]);
    back("sshrpc,echo,[1]")?.expect(0, "1\n", "")?;
    back("lists,reverse,[[1,2]]")?.expect(0, "{badrpc,notsup}\n", "")
}

const RULES: &str = "\
[[rule]]
allow = [\"sshrpc:echo/1\"]
principal = [\"shop@127.0.0.1\"]

[[rule]]
deny = [\"*:*\"]
principal = [\"shop@127.0.0.1\"]

[[rule]]
allow = [\"lists:*\", \"rpc:call/4\"]
dangerous = true

[acl]
default = \"deny\"
";

fn lacks(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    let home = Home::new()?;
    let (host, port) = (home.key("host")?, cluster.epmd_port.to_string());
    let serve = |backend: &str, more: &[&str]| -> Result<_, Failed> {
        let serve =
            ["serve", "--listen", "127.0.0.1:0", "--host-key", &host, "--epmd-port", &port, "--backend", backend];
        let mut child = Child::spawn(&mut home.sshrpc(&[&serve[..], more].concat()))?;
        Ok((child.wait(LIMIT)?.code(), child.stderr()))
    };
    let expect = |(code, stderr): (Option<i32>, String), expected, said: &str| -> Result<(), Failed> {
        match code == Some(expected) && stderr.contains(said) {
            true => Ok(()),
            false => Err(format!("expected {expected} and {said}\nfound {code:?}\n{stderr}").into()),
        }
    };
    let shop = "beam-dist=shop@127.0.0.1";
    expect(serve(shop, &[])?, 2, "--allow-all")?;
    expect(serve("beam-dist=shop", &[])?, 2, "NAME@HOST")?;
    expect(serve(shop, &["--allow-all"])?, 8, "cannot read the cookie in")?;
    write_cookie(&home.path(".erlang.cookie"), "another_one")?;
    let wrong = serve(shop, &["--allow-all"])?;
    if wrong.1.contains("another_one") {
        return Err(format!("the cookie is shown:\n{}", wrong.1).into());
    }
    expect(wrong, 8, "cannot connect to the node shop@127.0.0.1: the cookies differ")?;
    expect(serve("beam-dist=nobody@127.0.0.1", &["--allow-all"])?, 8, "knows no node of this name")
}
