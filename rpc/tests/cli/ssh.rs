//! OpenSSH's `ssh` against a node: exec, shell and subsystem, octet by octet.

use peers::{Failed, Peers, Trial};

use crate::support::{Node, ensure, ssh};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("ssh_prints_a_value_as_text", &["ssh"], text),
        peers::trial("ssh_gets_an_external_term", &["ssh"], term),
        peers::trial("ssh_gets_a_failure_as_exit_code", &["ssh"], failures),
        peers::trial("ssh_gets_a_syntax_error_with_its_place", &["ssh"], syntax_error),
        peers::trial("ssh_with_a_terminal_gets_text", &["ssh"], terminal),
        peers::trial("ssh_feeds_the_subsystem_with_frames", &["ssh"], subsystem),
        peers::trial("ssh_feeds_the_shell_with_bare_terms", &["ssh"], shell),
        peers::trial("ssh_feeds_the_subsystem_with_garbage", &["ssh"], garbage),
        peers::trial("ssh_connects_through_a_node_that_allows_it", &["ssh"], forwarding),
    ]
}

const HOST: &str = "alice@127.0.0.1";

/// A frame of the recorded examples, in the form of OTP 26.
fn frame(name: &str) -> Result<Vec<u8>, Failed> {
    let (name, examples) = (format!("{name} otp26+\t"), vectors::text("erlang/hex_examples.txt"));
    let line = examples.lines().find(|line| line.starts_with(&name)).ok_or("no such example")?;
    let (_, digits) = line.split_once("frame=").ok_or("no frame")?;
    Ok(vectors::hex(digits))
}

/// The term in a frame.
fn bare(name: &str) -> Result<Vec<u8>, Failed> {
    Ok(frame(name)?.split_off(4))
}

fn text(peers: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    ssh(peers, &node, &[HOST, "text lists:seq(1,5)."], b"")?.expect(0, "[1,2,3,4,5]\n", "")
}

fn term(peers: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    for command in ["lists:seq(1,5).", "{mfa,{lists,seq,[1,5]}}"] {
        let done = ssh(peers, &node, &[HOST, command], b"")?;
        let same = done.stdout == bare("ans [1..5]")? && done.stderr.is_empty();
        ensure(done.code == Some(0) && same, "the example's term", &done)?;
    }
    Ok(())
}

fn failures(peers: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let done = ssh(peers, &node, &[HOST, "nomod:f()."], b"")?;
    ensure(done.code == Some(255) && done.stdout == bare("ans undef")?, "255 and the term", &done)?;
    let done = ssh(peers, &node, &[HOST, "erlang:exit(foo)."], b"")?;
    ensure(done.code == Some(255) && done.stdout == bare("ans exit(foo)")?, "255 and the term", &done)?;
    let done = ssh(peers, &node, &[HOST, "text nomod:f()."], b"")?;
    done.expect(1, "", "undef: nomod:f/0 is not defined on the node\n")
}

fn syntax_error(peers: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let done = ssh(peers, &node, &[HOST, "text lists:seq(1,)."], b"")?;
    let told = done.stderr.starts_with("syntax error at line 1, column 18: ") && done.stderr.lines().count() == 1;
    ensure(done.code == Some(1) && done.stdout.is_empty() && told, "line 1, column 18", &done)
}

fn terminal(peers: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let done = ssh(peers, &node, &["-tt", HOST, "lists:seq(1,5)."], b"")?;
    ensure(done.code == Some(0) && done.stdout() == "[1,2,3,4,5]\r\n", "text for a terminal", &done)?;
    let done = ssh(peers, &node, &["-tt", HOST], b"")?;
    ensure(done.code == Some(1) && done.stdout().contains("'text lists:seq(1,5).'"), "what to do instead", &done)
}

fn subsystem(peers: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let (request, answer) = (frame("req lists:seq(1,5)")?, frame("ans [1..5]")?);
    let run = |input: &[u8]| ssh(peers, &node, &["-s", HOST, "sshrpc@k2r.org"], input);
    let one = run(&request)?;
    ensure(one.code == Some(0) && one.stdout == answer && one.stderr.is_empty(), "the example's frame", &one)?;
    let old = run(&vectors::hex("0000001e8368026400036d666168036400056c697374736400037365716b00020105"))?;
    ensure(old.code == Some(0) && old.stdout == answer, "atoms as OTP 25 writes them are understood", &old)?;
    let partial = run(&[&request[..], &request, &request[..9]].concat())?;
    ensure(partial.code == Some(0) && partial.stdout == [&answer[..], &answer].concat(), "two answers", &partial)?;
    let none = ssh(peers, &node, &["-s", HOST, "SSHRPC@k2r.org"], b"")?;
    ensure(none.code != Some(0), "no such subsystem", &none)
}

fn shell(peers: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let (request, answer) = (bare("req lists:seq(1,5)")?, bare("ans [1..5]")?);
    let done = ssh(peers, &node, &["-T", HOST], &[&request[..], &request].concat())?;
    ensure(done.code == Some(0) && done.stdout == [&answer[..], &answer].concat(), "two bare answers", &done)?;
    // The first octet tells: a frame is answered by a frame.
    let done = ssh(peers, &node, &["-T", HOST], &frame("req lists:seq(1,5)")?)?;
    ensure(done.code == Some(0) && done.stdout == frame("ans [1..5]")?, "a frame", &done)
}

fn garbage(peers: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let run = |input: &[u8]| ssh(peers, &node, &["-s", HOST, "sshrpc@k2r.org"], input);
    let (request, answer) = (frame("req lists:seq(1,5)")?, frame("ans [1..5]")?);
    // An intact frame around no term: {answer,{{exec_error,badarg},-1}}, and the channel lives.
    let badarg =
        vectors::hex("00000028 8368027706616e7377657268026802770a657865635f6572726f72770662616461726762ffffffff");
    let done = run(&[&[0, 0, 0, 2, 0xff, 0xff][..], &request].concat())?;
    ensure(done.code == Some(0) && done.stdout == [&badarg[..], &answer].concat(), "badarg, and the answer", &done)?;
    // A term that is no request.
    let done = run(&vectors::hex("0000000a 83 6802 7703 666f6f 6101"))?;
    ensure(done.code == Some(0) && done.stdout == frame("ans to unknown {foo,1}")?, "exec_error", &done)?;
    // A frame longer than any: one line, and the end.
    let done = run(&[&request[..], &[0xff; 64]].concat())?;
    let told = done.stderr.starts_with("sshrpc: ") && done.stderr.lines().count() == 1;
    ensure(done.code == Some(1) && done.stdout == answer && told, "one line, and the end", &done)
}

fn forwarding(peers: &Peers) -> Result<(), Failed> {
    for (allowed, connects) in [("no", false), ("local", true), ("remote", false), ("yes", true)] {
        let node = Node::start_with(&["--allow-forwarding", allowed])?;
        // What answers there is the node itself: it says who it is.
        let done = ssh(peers, &node, &["-W", &node.target(), HOST], b"not ssh\r\n")?;
        ensure(done.stdout.starts_with(b"SSH-2.0-sshrpc_") == connects, allowed, &done)?;
        let refused = done.stderr.contains("stdio forwarding failed");
        ensure(refused != connects, allowed, &done)?;
        let done = ssh(
            peers,
            &node,
            &["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", HOST, "text lists:seq(1,2)."],
            b"",
        )?;
        ensure((done.code == Some(0)) == ["remote", "yes"].contains(&allowed), allowed, &done)?;
    }
    Ok(())
}
