//! The `sshrpc` command as its users meet it: the real binary, in a home directory of its own, and OpenSSH's `ssh`.

#[path = "cli/acl.rs"]
mod acl;
#[path = "cli/calls.rs"]
mod calls;
#[path = "cli/config.rs"]
mod config;
#[path = "cli/errors.rs"]
mod errors;
#[path = "cli/keys.rs"]
mod keys;
#[path = "cli/nodes.rs"]
mod nodes;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/shell.rs"]
mod shell;
#[path = "cli/ssh.rs"]
mod ssh;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/top.rs"]
mod top;

use std::process::ExitCode;

use peers::{Failed, Peers};
use support::{Home, Node, ensure};

fn main() -> ExitCode {
    let mut trials = vec![
        peers::trial("a_call_travels_in_every_mode", &[], a_call_travels_in_every_mode),
        peers::trial("a_call_has_many_spellings", &[], a_call_has_many_spellings),
        peers::trial("values_are_json_on_request", &[], values_are_json_on_request),
        peers::trial("the_demonstration_has_a_figure_for_every_mode_and_cipher", &[], demonstration),
        peers::trial("help_and_completions_are_complete", &[], help_and_completions_are_complete),
    ];
    trials.extend(acl::trials());
    trials.extend(calls::trials());
    trials.extend(config::trials());
    trials.extend(errors::trials());
    trials.extend(keys::trials());
    trials.extend(nodes::trials());
    trials.extend(serve::trials());
    trials.extend(shell::trials());
    trials.extend(ssh::trials());
    trials.extend(top::trials());
    peers::run(trials)
}

fn a_call_travels_in_every_mode(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    for mode in ["subsystem", "shell", "exec-mod", "exec"] {
        let done = node.call(&["--mode", mode, &node.target(), "lists", "reverse", "[[1,2,3]]"])?;
        done.expect(0, "[3,2,1]\n", "")?;
    }
    Ok(())
}

fn a_call_has_many_spellings(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let target = node.target();
    for arguments in [
        &["lists", "seq", "[1,5]"][..],
        &["lists", "seq", "[1, 5]."],
        &["lists:seq(1,5)"],
        &["lists:seq(1, 5)."],
        &["'lists'", "'seq'", "[1,5]"],
    ] {
        node.call(&[&[&*target], arguments].concat())?.expect(0, "[1,2,3,4,5]\n", "")?;
    }
    node.call(&[&target, "erlang", "+", "[1,-2]"])?.expect(0, "-1\n", "")?;
    node.call(&[&target, "erlang", "node"])?.expect(0, "nonode@nohost\n", "")?;
    let from_input = node.home.run_with_input(&["call", &target, "sshrpc", "echo", "-"], b"[\n\"h\xc3\xa9\"\n]\n")?;
    from_input.expect(0, "\"h\u{e9}\"\n", "")
}

fn values_are_json_on_request(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let echo = node.call(&["--json", &node.target(), "sshrpc", "echo", "[#{k => {<<\"v\">>,[1]}}]"])?;
    echo.expect(0, "{\"ok\":{\"k\":[\"v\",[1]]},\"term\":\"#{k => {<<\\\"v\\\">>,[1]}}\"}\n", "")?;
    let failed = node.call(&["--json", &node.target(), "nomod", "f", "[1]"])?;
    let error = &failed.json()?["error"];
    ensure(error["code"] == 1 && error["kind"] == "failed", "the exit code", &failed)?;
    ensure(error["term"] == "{'EXIT',{undef,[{nomod,f,[1],[]}]}}", "the term", &failed)?;
    ensure(failed.code == Some(1) && failed.stderr.is_empty(), "no words beside the JSON", &failed)
}

fn demonstration(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let done = home.run(&["demo", "--json", "--sets", "2"])?;
    ensure(done.code == Some(0) && done.stderr.is_empty(), "success without a word", &done)?;
    let report = done.json()?;
    let rows = report["rows"].as_array().ok_or("rows")?;
    let mut names = Vec::new();
    for row in rows {
        names.push(format!("{} {}", row["mode"], row["cipher"]).replace('"', ""));
        let (mean, rate) = (row["mean_ms"].as_f64(), row["calls_per_second"].as_f64());
        ensure(mean.is_some_and(|mean| mean > 0.0) && rate.is_some_and(|rate| rate > 0.0), "figures", &done)?;
        ensure(row["sigma_ms"].as_f64().is_some_and(|sigma| sigma >= 0.0), "a deviation", &done)?;
        ensure(row["paper"].is_null() == (row["mode"] == "subsystem"), "the paper's three modes", &done)?;
    }
    let modes = ["exec", "exec-mod", "shell", "subsystem"];
    let expected = modes.iter().flat_map(|mode| ["aes128-ctr", "aes128-cbc"].map(|cipher| format!("{mode} {cipher}")));
    ensure(names == expected.collect::<Vec<_>>(), "each mode with each cipher", &done)
}

fn help_and_completions_are_complete(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md"))?;
    for command in ["demo", "serve", "call", "send", "shell", "ping", "nodes", "top", "acl", "keygen", "completions"] {
        for help in ["-h", "--help"] {
            let done = home.run(&[command, help])?;
            ensure(done.code == Some(0) && done.stdout().contains("Usage: sshrpc "), "help", &done)?;
            ensure(page.contains(&format!("`sshrpc {command}")), "a place in docs/cli.md", &done)?;
        }
    }
    let help = home.run(&["call", "--help"])?;
    for code in 0..=8 {
        ensure(help.stdout().contains(&format!("\n  {code}  ")), "every exit code", &help)?;
    }
    let version = home.run(&["--version"])?;
    version.expect(0, concat!("sshrpc ", env!("CARGO_PKG_VERSION"), "\n"), "")?;
    let nothing = home.run(&[])?;
    ensure(nothing.code == Some(2) && nothing.stderr.contains("sshrpc demo"), "help without arguments", &nothing)?;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let done = home.run(&["completions", shell])?;
        ensure(done.code == Some(0) && done.stdout().contains("accept-new"), "completions", &done)?;
    }
    Ok(())
}
