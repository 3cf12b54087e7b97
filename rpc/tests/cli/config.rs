//! What stands in `~/.ssh/config` is how a node is reached.

use peers::{Failed, Peers, Trial};

use crate::support::{Done, Home, Node, ensure};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("a_host_of_the_configuration_just_works", &[], just_works),
        peers::trial("a_proxy_command_is_the_connection", &["bash"], proxy_command),
        peers::trial("a_node_is_reached_through_other_hosts", &[], proxy_jump),
        peers::trial("a_method_that_is_switched_off_is_not_tried", &[], methods_off),
        peers::trial("commands_of_match_exec_run_once", &[], match_exec),
        peers::trial("batch_mode_asks_for_no_passphrase", &["script"], batch_mode),
        peers::trial("a_configuration_that_makes_no_sense_is_8_and_names_its_line", &[], nonsense),
    ]
}

/// A node, and a user whose configuration says how to reach it.
fn configured(config: impl Fn(&Node) -> String) -> Result<Node, Failed> {
    configured_with(&[], config)
}

/// A node that was started so.
fn configured_with(arguments: &[&str], config: impl Fn(&Node) -> String) -> Result<Node, Failed> {
    let node = Node::start_with(arguments)?;
    // Where nothing is found that is not named.
    std::fs::rename(node.home.path(".ssh/known_hosts"), node.home.path("hosts"))?;
    // The public half is what lets its owner in.
    std::fs::rename(&node.identity, node.home.path("key"))?;
    std::fs::write(node.home.path(".ssh/config"), config(&node))?;
    Ok(node)
}

/// The home directory is where the configuration is; tokens and names are those of `ssh`.
fn host(node: &Node, more: &str) -> String {
    let port = node.port;
    format!(
        "Host myserver\n  HostName 127.0.0.1\n  Port {port}\n  User al\n  IdentityFile ~/key\n  \
         UserKnownHostsFile %d/hosts\n{more}"
    )
}

const CALL: [&str; 4] = ["myserver", "lists", "reverse", "[[1,2,3]]"];

fn just_works(_: &Peers) -> Result<(), Failed> {
    let node = configured(|node| host(node, "  Ciphers no-such-cipher,aes256-ctr\n  ServerAliveInterval 5\n"))?;
    for mode in ["subsystem", "exec"] {
        node.call(&[&["--mode", mode], &CALL[..]].concat())?.expect(0, "[3,2,1]\n", "")?;
    }
    let told = node.call(&[&["-v"], &CALL[..]].concat())?;
    ensure(told.stderr.contains("aes256-ctr"), "the cipher of the configuration", &told)?;
    // Without it there is no such host.
    let none = node.call(&[&["-F", "none"], &CALL[..]].concat())?;
    ensure(none.code == Some(5) && none.stderr.contains("myserver"), "no such host", &none)?;
    // What the command line says counts first.
    let elsewhere = node.call(&["myserver:1", "lists", "reverse", "[[1,2,3]]"])?;
    elsewhere.expect_error(5, "nobody listens on 127.0.0.1:1", &[])
}

fn proxy_command(_: &Peers) -> Result<(), Failed> {
    let relay = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/$0; cat <&3 & exec cat >&3' %p";
    let node = configured(|node| host(node, &format!("  HostKeyAlias [127.0.0.1]:%p\n  ProxyCommand {relay}\n")))?;
    let alias = format!("[127.0.0.1]:{}", node.port);
    let config = node.home.path(".ssh/config");
    let text = std::fs::read_to_string(&config)?.replace("[127.0.0.1]:%p", &alias).replace("127.0.0.1\n", "no.where\n");
    std::fs::write(&config, text)?;
    node.call(&CALL)?.expect(0, "[3,2,1]\n", "")?;
    std::fs::write(&config, host(&node, "  ProxyCommand echo this is no server\n"))?;
    let nonsense = node.call(&CALL)?;
    ensure(nonsense.code == Some(5) || nonsense.code == Some(7), "no connection", &nonsense)
}

fn proxy_jump(_: &Peers) -> Result<(), Failed> {
    let node = configured_with(&["--allow-forwarding", "local"], |node| {
        let key = "  IdentityFile ~/key\n  UserKnownHostsFile ~/hosts\n";
        let gate = format!("Host gate*\n  HostName 127.0.0.1\n  Port {}\n{key}", node.port);
        host(node, "  ProxyJump gate1,al@gate2\n") + &gate
    })?;
    node.call(&CALL)?.expect(0, "[3,2,1]\n", "")?;
    let circle = std::fs::read_to_string(node.home.path(".ssh/config"))? + "  ProxyJump gate1\n";
    std::fs::write(node.home.path(".ssh/config"), circle)?;
    let circle = node.call(&CALL)?;
    circle.expect_error(8, "gate1: ProxyJump leads through more than 16 hosts, perhaps in a circle", &[])
}

fn methods_off(_: &Peers) -> Result<(), Failed> {
    let node = configured(|node| host(node, "  PubkeyAuthentication no\n"))?;
    let named = [&["--identity", "key"], &CALL[..]].concat();
    for call in [&CALL[..], &named] {
        node.call(call)?.expect_error(4, "myserver refused the login of \"al\"", &["there was no key to try"])?;
    }
    std::fs::write(node.home.path(".ssh/config"), host(&node, "  PreferredAuthentications hostbased,publickey\n"))?;
    node.call(&CALL)?.expect(0, "[3,2,1]\n", "")
}

fn match_exec(_: &Peers) -> Result<(), Failed> {
    let node = configured(|node| host(node, "Match exec \"echo once >> %d/ran\"\n  ServerAliveInterval 5\n"))?;
    let done = node.call(&CALL)?;
    done.expect(0, "[3,2,1]\n", "")?;
    ensure(std::fs::read_to_string(node.home.path("ran"))? == "once\n", "one run of the command", &done)
}

/// At a terminal, which `script` makes.
fn batch_mode(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let mut keygen = home.sshrpc(&["keygen", "--passphrase", "--file", ".config/sshrpc/id_ed25519"]);
    std::fs::create_dir_all(home.path(".config/sshrpc"))?;
    let made = Done::of(keygen.env("SSHRPC_PASSPHRASE", "correct horse"), b"")?;
    ensure(made.code == Some(0), "a key", &made)?;
    std::fs::create_dir(home.path(".ssh"))?;
    let call = |options: &str, config: &str| {
        std::fs::write(home.path(".ssh/config"), config)?;
        let command = format!("sshrpc call {options} 127.0.0.1:1 lists seq '[1,2]'");
        Done::of(home.program("script").args(["-qec", &command, "/dev/null"]), b"\n\n\n")
    };
    let asked = call("", "")?;
    ensure(asked.stdout().contains("Passphrase of"), "a question", &asked)?;
    for done in [call("", "BatchMode yes\n")?, call("--batch", "")?] {
        let none = done.stdout().contains("nobody listens") && !done.stdout().contains("Passphrase of");
        ensure(none, "no question", &done)?;
    }
    Ok(())
}

fn nonsense(_: &Peers) -> Result<(), Failed> {
    let node = configured(|_| "Host *\n  Prot 22\n".to_owned())?;
    let path = node.home.path(".ssh/config");
    node.call(&CALL)?.expect_error(8, &format!("{}:2: there is no option \"Prot\"", path.display()), &[])
}
