//! Who may call what: rules in `sshrpc.toml`, as a node keeps them, reads them anew and writes down who did what.

use peers::{Failed, LIMIT, Peers, Trial};
use serde_json::Value;

use crate::support::{Done, Home, Node, ensure, signal};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("a_node_keeps_its_rules_and_says_who_was_denied_what", &[], keeps_rules),
        peers::trial("sighup_reads_the_rules_anew_and_drops_no_connection", &[], reload),
        peers::trial("what_is_too_often_is_system_limit", &[], too_often),
        peers::trial("the_audit_log_has_a_line_for_each_call_and_moves_on_sighup", &[], audit),
        peers::trial("the_file_has_the_options_of_serve_and_the_command_line_wins", &[], options),
        peers::trial("a_file_that_makes_no_sense_is_8_and_names_its_line", &[], nonsense),
        peers::trial("acl_test_explains_the_rules_of_the_documentation", &[], explains),
        peers::trial("acl_test_knows_a_caller_by_key_user_and_address", &[], callers),
    ]
}

/// A node with these rules, in `rules.toml` of the user's home. All of them let `erlang:node/0` pass.
fn node(rules: &str) -> Result<Node, Failed> {
    let home = Home::new()?;
    std::fs::write(home.path("rules.toml"), rules)?;
    Node::start_in(home, &["-v", "--config", "rules.toml"])
}

const SEQ: [&str; 3] = ["lists", "seq", "[1,3]"];
const REVERSE: [&str; 3] = ["lists", "reverse", "[[1,2]]"];

/// The node as alice logs in to it.
fn alice(node: &Node) -> String {
    format!("alice@{}", node.target())
}

fn call(node: &Node, what: &[&str]) -> Result<Done, Failed> {
    node.call(&[&[&*alice(node)], what].concat())
}

/// The term that a call failed with.
fn failure(node: &Node, what: &[&str]) -> Result<String, Failed> {
    let done = node.call(&[&["--json", &*alice(node)], what].concat())?;
    ensure(done.code == Some(1), "a call that fails", &done)?;
    Ok(done.json()?["error"]["term"].as_str().unwrap_or_default().to_owned())
}

fn contains(text: &str, part: &str) -> Result<(), Failed> {
    if text.contains(part) { Ok(()) } else { Err(format!("no {part:?} in {text:?}").into()) }
}

fn keeps_rules(_: &Peers) -> Result<(), Failed> {
    let mut node = node("[[rule]]\nname = \"no seq\"\nuser = \"al*\"\ndeny = [\"lists:seq/2\"]\n")?;
    call(&node, &REVERSE)?.expect(0, "[2,1]\n", "")?;
    contains(&failure(&node, &SEQ)?, "{erpc,notsup}")?;
    node.child.wait_for("denied: call of lists:seq/2: rule \"no seq\" at line 1", LIMIT)?;
    contains(&node.child.stderr(), "user=\"alice\" key=\"SHA256:")
}

fn reload(_: &Peers) -> Result<(), Failed> {
    let mut node = node("[[rule]]\nallow = [\"*:*\"]\n")?;
    call(&node, &SEQ)?.expect(0, "[1,2,3]\n", "")?;
    // A call that goes on meanwhile, on a connection that must live.
    let target = node.target();
    let sleeper = ["call", &target, "timer", "sleep", "[1500]"];
    let mut sleeping = peers::Child::spawn(&mut node.home.sshrpc(&sleeper))?;
    node.child.wait_for("call of timer:sleep/1", LIMIT)?;
    let rules = node.home.path("rules.toml");
    std::fs::write(&rules, "[[rule]]\ndeny = [\"lists:seq/2\"]\n")?;
    signal(&node.child, "HUP")?;
    node.child.wait_for("SIGHUP: 1 rules read from ", LIMIT)?;
    contains(&failure(&node, &SEQ)?, "{erpc,notsup}")?;
    // What makes no sense leaves the rules as they are.
    std::fs::write(&rules, "[[rule]]\nalow = [\"lists:seq/2\"]\n")?;
    signal(&node.child, "HUP")?;
    node.child.wait_for("rules.toml:2:1: [[rule]] has no key \"alow\": did you mean \"allow\"?", LIMIT)?;
    contains(&failure(&node, &SEQ)?, "{erpc,notsup}")?;
    call(&node, &REVERSE)?.expect(0, "[2,1]\n", "")?;
    let code = sleeping.wait(LIMIT)?.code();
    if code == Some(0) { Ok(()) } else { Err(sleeping.failed("the call that went on")) }
}

fn too_often(_: &Peers) -> Result<(), Failed> {
    let node = node("[[rule]]\nallow = [\"lists:seq/2\"]\nrate = \"2/h\"\n")?;
    for _ in 0..2 {
        call(&node, &SEQ)?.expect(0, "[1,2,3]\n", "")?;
    }
    contains(&failure(&node, &SEQ)?, "{erpc,system_limit}")?;
    call(&node, &REVERSE)?.expect(0, "[2,1]\n", "")
}

fn audit(_: &Peers) -> Result<(), Failed> {
    let mut node = node("[audit]\nfile = \"audit.log\"\n[[rule]]\ndeny = [\"lists:seq/2\"]\n")?;
    let lines = |name: &str| -> Result<Vec<Value>, Failed> {
        let text = std::fs::read_to_string(node.home.path(name))?;
        text.lines().map(|line| serde_json::from_str(line).map_err(Failed::from)).collect()
    };
    call(&node, &REVERSE)?.expect(0, "[2,1]\n", "")?;
    failure(&node, &SEQ)?;
    std::fs::rename(node.home.path("audit.log"), node.home.path("audit.1"))?;
    signal(&node.child, "HUP")?;
    node.child.wait_for("SIGHUP: 1 rules read from ", LIMIT)?;
    failure(&node, &["erlang", "error", "[why]"])?;
    signal(&node.child, "TERM")?;
    node.child.wait(LIMIT)?;
    let brief = |lines: Vec<Value>| -> Vec<String> {
        let word = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let line =
            |line: &Value| ["user", "operation", "function", "outcome", "reason"].map(|key| word(line, key)).join(" ");
        lines.iter().map(line).collect()
    };
    let (old, new) = (brief(lines("audit.1")?), brief(lines("audit.log")?));
    let expected = ["alice call reverse ok ", "alice call seq denied the rule at line 3"];
    // The first one is from when the node was started, and of whoever runs the tests.
    if old.len() != 3 || old[1..] != expected || new != ["alice call error error why"] {
        return Err(format!("{old:?} {new:?}").into());
    }
    for line in lines("audit.1")? {
        let known = line["key"].as_str().is_some_and(|key| key.starts_with("SHA256:"))
            && line["source"].as_str().is_some_and(|source| source.starts_with("127.0.0.1:"));
        if !known {
            return Err(format!("who was it? {line}").into());
        }
    }
    Ok(())
}

fn options(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let serve = "[serve]\nlisten = \"192.0.2.1:1\"\ntier = \"compatible\"\nrevoked_keys = \"no-such-file\"\n";
    std::fs::create_dir_all(home.path(".config/sshrpc"))?;
    let own = home.path(".config/sshrpc/sshrpc.toml");
    std::fs::write(&own, serve)?;
    // The address of the command line wins, and keys that cannot be looked up let nobody in.
    let refused = Node::start_unknown(home, &[])?;
    let done = refused.call(&["--accept-new", &refused.target(), "erlang", "node"])?;
    ensure(done.code == Some(4), "revoked_keys of the file", &done)?;
    let home = Home::new()?;
    std::fs::create_dir_all(home.path(".config/sshrpc"))?;
    std::fs::write(home.path(".config/sshrpc/sshrpc.toml"), "[serve]\nlisten = \"127.0.0.1:x\"\n")?;
    home.run(&["serve"])?.expect_error(8, "sshrpc.toml: [serve] listen: the port is missing: 127.0.0.1:2222", &[])
}

fn nonsense(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let path = home.path("rules.toml");
    std::fs::write(&path, "[[rule]]\nallow = [\"lists:*\"]\nusr = \"alice\"\n")?;
    let line = format!("{}:3:1: [[rule]] has no key \"usr\": did you mean \"user\"?", path.display());
    home.run(&["serve", "--config", "rules.toml"])?.expect_error(8, &line, &["sshrpc.toml"])?;
    home.run(&["acl", "test", "--config", "rules.toml", "lists:seq/2"])?.expect_error(8, &line, &[])?;
    let missing = home.run(&["serve", "--config", "none.toml"])?;
    ensure(missing.code == Some(8) && missing.stderr.contains("none.toml: "), "the missing file", &missing)
}

/// Each row of the page's table.
fn explains(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/acl.md"))?;
    let rules = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).ok_or("no rules")?;
    std::fs::write(home.path("rules.toml"), rules)?;
    let mut count = 0;
    for row in page.lines().filter(|line| line.starts_with("| `") && line.contains("ed | ")) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [command, verdict, by] = cells[..] else { return Err(format!("a row: {row}").into()) };
        let words: Vec<_> = command.trim_matches('`').split(' ').collect();
        let test = |more: &[&str]| home.run(&[&["acl", "test", "--config", "rules.toml"], more, &words].concat());
        let code = if verdict == "allowed" { 0 } else { 4 };
        let text = test(&[])?;
        let first = text.stdout().lines().next().unwrap_or_default().to_owned();
        let said = first.starts_with(&format!("{verdict}: ")) && first.ends_with(&format!(", by {by}"));
        ensure(text.code == Some(code) && said && text.stderr.is_empty(), row, &text)?;
        let json = test(&["--json"])?;
        let value = json.json()?;
        ensure(json.code == Some(code) && value["allowed"] == (code == 0) && value["by"] == by, row, &json)?;
        count += 1;
    }
    if count == 9 { Ok(()) } else { Err(format!("{count} rows").into()) }
}

fn callers(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let public = format!("{}.pub", home.key("key")?);
    let shown = home.run(&["--json", "keygen", "--file", &home.path("other").to_string_lossy()])?;
    ensure(shown.code == Some(0), "another key", &shown)?;
    let test =
        |who: &[&str], what: &[&str]| home.run(&[&["acl", "test", "--config", "rules.toml"], who, what].concat());
    let line = std::fs::read_to_string(&public)?;
    let (key, _) = sshrpc::PublicKey::from_openssh_line(line.trim())?;
    let fingerprint = key.fingerprint().to_string();
    let rules = format!(
        "[acl]\ndefault = \"deny\"\n[[rule]]\nkey = \"{fingerprint}\"\nuser = \"bob\"\nfrom = \"10.0.0.1\"\nallow = \"lists:*\"\n"
    );
    std::fs::write(home.path("rules.toml"), rules)?;
    let other = format!("{}.pub", home.path("other").display());
    for what in [&["lists:seq/2"][..], &["lists", "seq", "2"], &["lists", "seq", "[1,5]"], &["lists:seq(1,5)"]] {
        let done = test(&["--as", &public, "--as", "bob", "--as", "10.0.0.1"], what)?;
        ensure(done.code == Some(0), "all three", &done)?;
        let done = test(&["--key", &fingerprint, "--user", "bob", "--from", "10.0.0.1"], what)?;
        ensure(done.code == Some(0), "all three by their names", &done)?;
    }
    for (who, why) in [
        (["--as", &other, "--user", "bob", "--from", "10.0.0.1"], "it is for other keys"),
        (["--as", &public, "--user", "eve", "--from", "10.0.0.1"], "it is for other users"),
        (["--as", &public, "--user", "bob", "--from", "10.0.0.2"], "it is for callers from elsewhere"),
    ] {
        let done = test(&who, &["lists:seq/2"])?;
        let said = format!("not by the rule at line 3: {why}");
        ensure(done.code == Some(4) && done.stdout().contains(&said), &said, &done)?;
    }
    Ok(())
}
