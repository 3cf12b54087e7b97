//! `sshrpc serve`: the first start, the lines it prints, and how it stops.

use peers::{Child, Failed, LIMIT, Peers, Trial};

use crate::support::{Done, Home, Node, ensure, listening, signal};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("the_first_start_prints_lines_that_work_as_they_are", &["ssh"], first_start),
        peers::trial("a_second_start_has_the_same_keys", &[], second_start),
        peers::trial("two_nodes_do_not_share_a_port", &[], one_port),
        peers::trial("a_signal_stops_it_cleanly", &[], stops_cleanly),
        peers::trial("a_second_signal_stops_it_at_once", &[], stops_at_once),
        peers::trial("calls_are_logged_on_request", &[], logs),
        peers::trial("calls_are_compressed_where_both_sides_want_it", &[], compression),
        peers::trial("a_node_with_nothing_to_offer_says_so_and_what_to_do", &[], nothing_to_offer),
        peers::trial("providers_are_chosen_by_name", &[], providers),
    ]
}

/// Types into a shell what the node prints.
fn first_start(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let mut node = Child::spawn(&mut home.sshrpc(&["serve", "--listen", "127.0.0.1:0"]))?;
    node.wait_for("Ctrl-C", LIMIT)?;
    let text = String::from_utf8(node.stdout())?;
    let line = |start: &str| {
        let found = text.lines().map(str::trim).find(|line| line.starts_with(start));
        found.map(str::to_owned).ok_or_else(|| node.failed(&format!("no line {start:?}")))
    };
    ensure_lines(&node, &text)?;
    let shell = |script: &str| Done::of(home.program("/bin/sh").args(["-c", script]), b"");
    let call = line("sshrpc call ")?;
    ensure_code(&shell(&call)?, 4)?;
    ensure_code(&shell(&line("sshrpc keygen ")?)?, 0)?;
    shell(&call)?.expect(0, "[3,2,1]\n", "")?;
    // The same for `ssh`, which looks for its files where the system's user has them.
    let quiet = "ssh -F none -o BatchMode=yes -o LogLevel=ERROR -o IdentityAgent=none -o StrictHostKeyChecking=no \
                 -o UserKnownHostsFile=/dev/null ";
    let ssh = line("ssh -p ")?.replacen("ssh ", quiet, 1);
    shell(&ssh)?.expect(0, "[1,2,3,4,5]\n", "")
}

fn ensure_lines(node: &Child, text: &str) -> Result<(), Failed> {
    for part in [
        "Listening on 127.0.0.1:",
        "host key  ssh-ed25519  SHA256:",
        "host key  ssh-rsa      SHA256:",
        "Nobody may log in yet",
    ] {
        if !text.contains(part) {
            return Err(node.failed(&format!("no {part:?}")));
        }
    }
    Ok(())
}

fn ensure_code(done: &Done, code: i32) -> Result<(), Failed> {
    ensure(done.code == Some(code), &format!("exit code {code}"), done)
}

fn second_start(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let fingerprints = || -> Result<serde_json::Value, Failed> {
        let node = Child::spawn(&mut home.sshrpc(&["serve", "--json", "--listen", "127.0.0.1:0"]))?;
        let (node, _) = listening(node)?;
        let said: serde_json::Value = serde_json::from_slice(&node.stdout())?;
        Ok(said["host_keys"].clone())
    };
    let (first, second) = (fingerprints()?, fingerprints()?);
    if first == second && first.as_array().map(Vec::len) == Some(2) {
        Ok(())
    } else {
        Err(format!("{first} {second}").into())
    }
}

fn one_port(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let host = node.home.path("host").to_string_lossy().into_owned();
    let done = node.home.run(&["serve", "--listen", &node.target(), "--host-key", &host])?;
    let line = format!("cannot listen on {}: somebody else does already", node.target());
    done.expect_error(8, &line, &["--listen 127.0.0.1:0"])
}

fn stops_cleanly(_: &Peers) -> Result<(), Failed> {
    for name in ["INT", "TERM"] {
        let mut node = Node::start()?;
        signal(&node.child, name)?;
        let status = node.child.wait(LIMIT)?;
        if status.code() != Some(0) {
            return Err(node.child.failed(&format!("{name}: {status}")));
        }
        node.child.wait_for("stopped", LIMIT)?;
    }
    Ok(())
}

fn stops_at_once(_: &Peers) -> Result<(), Failed> {
    let mut node = Node::start_with(&["-v"])?;
    let call = ["call", "--timeout", "none", &node.target(), "timer", "sleep", "[infinity]"];
    let _caller = Child::spawn(&mut node.home.sshrpc(&call))?;
    node.child.wait_for("timer:sleep/1", LIMIT)?;
    signal(&node.child, "TERM")?;
    node.child.wait_for("SIGTERM: stopping", LIMIT)?;
    signal(&node.child, "TERM")?;
    let status = node.child.wait(LIMIT)?;
    if status.code() == Some(143) { Ok(()) } else { Err(node.child.failed(&status.to_string())) }
}

fn logs(_: &Peers) -> Result<(), Failed> {
    let mut node = Node::start_with(&["-v"])?;
    node.call(&[&node.target(), "lists", "sum", "[[1,2]]"])?.expect(0, "3\n", "")?;
    node.child.wait_for("call of lists:sum/1", LIMIT)?;
    node.child.wait_for("logged in", LIMIT)
}

fn compression(_: &Peers) -> Result<(), Failed> {
    for (serve, call, compressed) in
        [("--compress", "-C", true), ("--compress", "-v", false), ("-v", "--compress", false)]
    {
        let node = Node::start_with(&[serve])?;
        let done = node.call(&["-v", call, &node.target(), "lists", "seq", "[1,5]"])?;
        let logged = done.stderr.contains("compression=\"zlib@openssh.com\"");
        ensure(done.code == Some(0) && done.stdout() == "[1,2,3,4,5]\n", "the list", &done)?;
        ensure(logged == compressed && done.stderr.contains("connected to"), "one line about it", &done)?;
    }
    Ok(())
}

fn nothing_to_offer(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let key = home.path("ecdsa").to_string_lossy().into_owned();
    let made = home.run(&["keygen", "--type", "ecdsa", "--file", &key])?;
    ensure(made.code == Some(0), "a key", &made)?;
    let serve = |arguments: &[&str]| home.run(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
    serve(&["--host-key", &key])?.expect_error(
        8,
        "the types of the host keys are all off",
        &["`--tier compatible`"],
    )?;
    let client_only = serve(&["--host-key", &key, "--tier", "legacy", "--kex", "diffie-hellman-group1-sha1"])?;
    client_only.expect_error(8, "no key exchange method is left that a node offers", &["clients"])
}

fn providers(_: &Peers) -> Result<(), Failed> {
    let node = Node::start_with(&["--provider", "rustcrypto"])?;
    let call = |provider: &str| node.call(&["--provider", provider, &node.target(), "lists", "seq", "[1,5]"]);
    call("rustcrypto")?.expect(0, "[1,2,3,4,5]\n", "")?;
    let done = call("no-such-provider")?;
    ensure(done.code == Some(2) && done.stderr.contains("this program was built with rustcrypto"), "the names", &done)?;
    ensure(done.stderr.contains("and aws-lc") == cfg!(feature = "aws-lc"), "what was built in", &done)?;
    if cfg!(feature = "aws-lc") {
        call("aws-lc")?.expect(0, "[1,2,3,4,5]\n", "")?;
        let node = Node::start_with(&["--provider", "aws-lc", "--tier", "legacy"])?;
        node.call(&[&node.target(), "lists", "seq", "[1,5]"])?.expect(0, "[1,2,3,4,5]\n", "")?;
    }
    Ok(())
}
