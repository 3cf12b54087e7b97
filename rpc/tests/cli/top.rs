//! `sshrpc top`, and the figures behind it.

use std::io::Write;

use peers::{Child, Failed, LIMIT, Peers, Trial};
use serde_json::Value;

use crate::support::{Done, Home, Node, ensure};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("a_node_counts_what_it_is_asked_for", &[], figures),
        peers::trial("figures_name_only_what_their_reader_may_call", &[], names),
        peers::trial("top_prints_a_table_without_a_terminal", &[], tables),
        peers::trial("top_draws_at_a_terminal_until_q", &["script"], terminal),
    ]
}

fn once(node: &Node, target: &str) -> Result<(Done, Value), Failed> {
    let done = node.home.run(&["top", "--once", "--json", target])?;
    let said = done.json()?;
    Ok((done, said))
}

fn figures(_: &Peers) -> Result<(), Failed> {
    let mut node = Node::start_with(&["-v"])?;
    let target = node.target();
    for _ in 0..3 {
        node.call(&[&target, "lists", "seq", "[1,3]"])?.expect(0, "[1,2,3]\n", "")?;
    }
    ensure_failed(&node.call(&[&target, "lists", "seq", "[a,b]"])?)?;
    node.call(&["--cast", &target, "timer", "sleep", "[infinity]"])?.expect(0, "ok\n", "")?;
    node.child.wait_for("call of timer:sleep/1", LIMIT)?;
    let (done, said) = once(&node, &target)?;
    let figures = &said["nodes"][0]["statistics"];
    // One call more is that of whoever starts the node for a test, and one is this question.
    ensure(done.code == Some(0) && figures["calls"] == 6 && figures["casts"] == 1, "calls and casts", &done)?;
    ensure(figures["ok"] == 4 && figures["errors"] == 1 && figures["running"] == 2, "how they ended", &done)?;
    ensure(figures["connections"]["total"] == 7 && figures["node"] == "nonode@nohost", "the connection", &done)?;
    let functions = figures["functions"].as_array().ok_or("functions")?;
    let seq = functions.iter().find(|function| function["function"] == "seq").ok_or("lists:seq/2")?;
    ensure(seq["module"] == "lists" && seq["arity"] == 2 && seq["begun"] == 4, "a function", &done)?;
    ensure(seq["ok"] == 3 && seq["errors"] == 1 && seq["micros"]["p99"].is_u64(), "its figures", &done)
}

fn ensure_failed(done: &Done) -> Result<(), Failed> {
    ensure(done.code == Some(1), "a failure", done)
}

fn names(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let rules = "[[rule]]\nuser = \"eve\"\ndeny = [\"lists:sum/1\"]\n[[rule]]\nuser = \"mallory\"\ndeny = [\"sshrpc:statistics/0\"]\n";
    std::fs::write(home.path("rules.toml"), rules)?;
    let node = Node::start_in(home, &["--config", "rules.toml"])?;
    let as_user = |user: &str| format!("{user}@{}", node.target());
    node.call(&[&as_user("alice"), "lists", "sum", "[[1,2]]"])?.expect(0, "3\n", "")?;
    ensure_failed(&node.call(&[&as_user("eve"), "lists", "sum", "[[1,2]]"])?)?;
    let (done, said) = once(&node, &as_user("eve"))?;
    let figures = &said["nodes"][0]["statistics"];
    ensure(figures["denied"] == 1 && figures["others"]["begun"] == 1, "a number without a name", &done)?;
    ensure(!done.stdout().contains("\"sum\""), "no name", &done)?;
    let (done, said) = once(&node, &as_user("mallory"))?;
    let error = &said["nodes"][0]["error"];
    ensure(done.code == Some(1) && error["message"].to_string().contains("notsup"), "nothing at all", &done)
}

fn tables(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let done = node.home.run(&["top", &node.target(), "127.0.0.1:1"])?;
    let text = done.stdout();
    let heads = ["NODE ", "FUNCTION "].iter().all(|head| text.lines().any(|line| line.starts_with(head)));
    ensure(done.code == Some(5) && heads && text.contains("\nerlang:node/0  "), "two tables", &done)?;
    ensure(text.ends_with("\n127.0.0.1:1: nobody listens on 127.0.0.1:1\n"), "and who is missing", &done)?;
    let alone = node.home.run(&["top", "127.0.0.1:1", "--json"])?;
    ensure(alone.code == Some(5) && alone.json()?["error"]["code"] == 5, "nobody there", &alone)
}

fn terminal(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let command = format!("stty cols 100 rows 20; exec sshrpc top {}", node.target());
    let mut script = node.home.program("script");
    let (mut child, mut keys) =
        Child::spawn_with_input(script.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm"))?;
    child.wait_for("sshrpc:statistics/0", LIMIT)?;
    keys.write_all(b"q")?;
    let left = child.wait(LIMIT)?;
    if left.code() != Some(0) {
        return Err(child.failed(&format!("leaving is no failure: {left}")));
    }
    // The screen that was there before is back.
    let drawn = String::from_utf8_lossy(&child.stdout()).into_owned();
    if drawn.contains("\u{1b}[?1049l") { Ok(()) } else { Err(child.failed("the screen is left")) }
}
