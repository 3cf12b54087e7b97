//! `sshrpc shell`: lines from a pipe, and a person at a terminal, which `script` makes.

use std::io::Write;

use peers::{Child, Failed, LIMIT, Peers, Trial};

use crate::support::{Done, Home, Node, ensure};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("a_shell_executes_lines_and_keeps_values", &[], lines),
        peers::trial("a_shell_goes_on_after_a_failure_and_says_so_at_the_end", &[], failures),
        peers::trial("a_node_names_what_the_rules_let_its_caller_call", &[], listing),
        peers::trial("a_shell_at_a_terminal_completes_stops_calls_and_keeps_its_history", &["script"], terminal),
        peers::trial("an_erlang_behind_rules_names_what_they_open", &["erl"], beam),
        peers::trial("a_principal_of_a_certificate_opens_what_the_rules_say", &["ssh-keygen"], principal),
    ]
}

fn shell(node: &Node, arguments: &[&str], input: &str) -> Result<Done, Failed> {
    node.home.run_with_input(&[&["shell", &node.target()], arguments].concat(), input.as_bytes())
}

fn lines(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let input =
        "X = lists:seq(1,3).\nlists:sum(X)\n\n% nothing\nlists:reverse(\n  [a|X]).\nnode().\n{X, \"b\"}.\nb().\n";
    let values = "[1,2,3]\n6\n[3,2,1,a]\nnonode@nohost\n{[1,2,3],\"b\"}\nX = [1,2,3]\n";
    shell(&node, &[], input)?.expect(0, values, "")?;
    let left = shell(&node, &[], "lists:seq(1,2).\nq().\nlists:seq(1,3).\n")?;
    left.expect(0, "[1,2]\n", "")?;
    let json = shell(&node, &["--json"], "lists:seq(1,2).\nf(1).\n")?;
    let said: Vec<_> = json.stdout().lines().map(str::to_owned).collect();
    ensure(said.len() == 2 && said[0] == "{\"ok\":[1,2],\"term\":\"[1,2]\"}", "a line a value", &json)?;
    ensure(json.code == Some(1) && said[1].starts_with("{\"error\":{\"code\":1,"), "and a failure", &json)?;
    let help = shell(&node, &[], "help\n")?;
    ensure(help.code == Some(0) && help.stdout().contains("Ctrl-D"), "help", &help)
}

fn failures(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let done = shell(&node, &[], "lists:nothing(1).\nX = 1.\nX = 2.\nlists:sum([Y]).\nlists:seq(1,2).\nlists:seq(")?;
    ensure(done.code == Some(1) && done.stdout() == "1\n[1,2]\n", "the values", &done)?;
    for text in [
        "error: undef: lists:nothing/1 is not defined on the node\n  {'EXIT',{undef,[{lists,nothing,[1],[]}]}}\n",
        "error: badmatch: X has another value already\n  2\n hint: f(X) forgets the value that it has\n",
        "line 1, column 12: Y is a variable, and has no value here; an atom would be 'Y'\n  | lists:sum([Y]).\n",
        "line 1, column 11: a term is expected, and the text ends",
    ] {
        ensure(done.stderr.contains(text), text, &done)?;
    }
    let nowhere = node.home.run_with_input(&["shell", "127.0.0.1:1"], b"")?;
    nowhere.expect_error(5, "nobody listens on 127.0.0.1:1", &[])
}

fn with_rules(rules: &str, arguments: &[&str]) -> Result<Node, Failed> {
    let home = Home::new()?;
    std::fs::write(home.path("rules.toml"), rules)?;
    Node::start_in(home, &[&["--config", "rules.toml"], arguments].concat())
}

fn listing(_: &Peers) -> Result<(), Failed> {
    let open = Node::start()?;
    let done = shell(&open, &[], "sshrpc:modules().\nsshrpc:functions(lists).\nsshrpc:functions(nothing).\n")?;
    let all = "[binary,erlang,gen_server,lists,sshrpc,timer]\n[{reverse,1},{seq,2},{sort,1},{sum,1}]\n[]\n";
    done.expect(0, all, "")?;
    let own = shell(&open, &[], "sshrpc:functions(sshrpc).\nsshrpc:functions(1).\n")?;
    let names =
        "[{echo,1},{functions,1},{modules,0},{statistics,0},{stream_echo,0},{stream_sink,0},{stream_source,1}]\n";
    ensure(own.stdout() == names, "the node's own", &own)?;
    ensure(own.code == Some(1) && own.stderr.contains("badarg"), "a module is an atom", &own)?;
    let rules = "[acl]\ndefault = \"deny\"\n[[rule]]\ndeny = [\"timer:*\", \"lists:seq\"]\n[[rule]]\n\
                 allow = [\"lists:s*\", \"erlang:node/0\", \"sshrpc:modules/0\", \"sshrpc:functions/1\", \
                 \"timer:sleep/1\"]\n";
    let some = shell(&with_rules(rules, &[])?, &[], "sshrpc:modules().\nsshrpc:functions(lists).\nhelp(timer).\n")?;
    ensure(some.stdout() == "[erlang,lists,sshrpc]\n[{sort,1},{sum,1}]\n", "what is allowed", &some)?;
    ensure(some.stderr.contains("the node names no function of timer that you may call"), "nothing else", &some)
}

fn terminal(_: &Peers) -> Result<(), Failed> {
    let mut node = Node::start_with(&["-v"])?;
    // Without a shell in between, which Ctrl-C would end.
    let command = format!("exec sshrpc shell {}", node.target());
    let begin = || -> Result<_, Failed> {
        let mut script = node.home.program("script");
        Ok(Child::spawn_with_input(script.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm"))?)
    };
    let (mut child, mut keys) = begin()?;
    child.wait_for("Ctrl-D leaves", LIMIT)?;
    keys.write_all(b"lists:rev\t[1,2,77]).\r")?;
    child.wait_for("[77,2,1]", LIMIT)?;
    keys.write_all(b"timer:sleep(infinity).\r")?;
    node.child.wait_for("call of timer:sleep/1", LIMIT)?;
    keys.write_all(b"\x03")?;
    child.wait_for("stopped: nobody waits for this call any more", LIMIT)?;
    keys.write_all(b"lists:nothing().\r")?;
    child.wait_for("{'EXIT',{undef,[{lists,nothing,[],[]}]}}", LIMIT)?;
    child.wait_for(" 4> ", LIMIT)?;
    keys.write_all(b"\x04")?;
    let left = child.wait(LIMIT)?;
    if left.code() != Some(0) {
        return Err(child.failed(&format!("leaving is no failure: {left}")));
    }
    // The next one begins where this one left: two lines up.
    let (mut child, mut keys) = begin()?;
    child.wait_for("Ctrl-D leaves", LIMIT)?;
    keys.write_all(b"\x1b[A\x1b[A\x1b[A\r")?;
    child.wait_for("[77,2,1]", LIMIT)?;
    keys.write_all(b"q().\r")?;
    match child.wait(LIMIT)?.code() {
        Some(0) => Ok(()),
        _ => Err(child.failed("q() is no failure")),
    }
}

fn beam(_: &Peers) -> Result<(), Failed> {
    let rules = "[[rule]]\nallow = [\"lists:*\", \"erlang:node/0\", \"os:*\", \"string:length/1\"]\n";
    let node = with_rules(rules, &["--backend", "beam"])?;
    let backends = serde_json::from_slice::<serde_json::Value>(&node.child.stdout())?["backends"].clone();
    let names: Vec<_> = [&backends[0], &backends[1]].map(|backend| backend["backend"].as_str()).to_vec();
    if names != [Some("builtin"), Some("beam")] {
        return Err(format!("the backends: {backends}").into());
    }
    let done = shell(
        &node,
        &[],
        "lists:usort([c,a,b,a]).\nstring:length(\"four\").\nsshrpc:modules().\nsshrpc:functions(string).\nhelp(os).\n\
         os:cmd(\"true\").\n",
    )?;
    let values = "[a,b,c]\n4\n[erlang,lists,os,sshrpc,string]\n[{length,1}]\n";
    ensure(done.stdout().starts_with(values), "values, and what the rules open", &done)?;
    ensure(done.stdout().contains("getpid/0") && !done.stdout().contains("cmd/1"), "nothing dangerous", &done)?;
    ensure(done.code == Some(1) && done.stderr.contains("notsup: the node does not allow this call"), "denied", &done)
}

/// Who shows a certificate for `ops` may call, and who shows one for somebody else may not.
fn principal(peers: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let authority = home.key("authority")?;
    let certified = |key: &str, principals: &str| -> Result<String, Failed> {
        let path = home.key(key)?;
        let mut keygen = peers.command("ssh-keygen");
        keygen.args(["-q", "-s", &authority, "-I", key, "-n", principals, &format!("{path}.pub")]);
        let done = Done::of(&mut keygen, b"")?;
        ensure(done.code == Some(0), "a certificate", &done)?;
        Ok(path)
    };
    let (ops, others) = (certified("ops", "alice,ops")?, certified("others", "alice,others")?);
    let line = std::fs::read_to_string(format!("{authority}.pub"))?;
    let rules = "[acl]\ndefault = \"deny\"\n[[rule]]\nname = \"operators\"\nprincipal = \"ops\"\nallow = \"lists:*\"\n";
    std::fs::write(home.path("rules.toml"), rules)?;
    let mut node = Node::start_unknown(home, &["-v", "--config", "rules.toml"])?;
    // It is read at each login.
    std::fs::write(format!("{}.pub", node.identity), format!("cert-authority {line}"))?;
    let target = format!("alice@{}", node.target());
    let call = |identity: &str| node.call(&["--accept-new", "-i", identity, &target, "lists", "seq", "[1,3]"]);
    call(&ops)?.expect(0, "[1,2,3]\n", "")?;
    call(&others)?.expect_error(1, "notsup: the node does not allow this call (in lists:seq/2)", &[])?;
    node.child.wait_for("denied: call of lists:seq/2: the default, which opens nothing", LIMIT)
}
