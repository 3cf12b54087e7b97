//! Calls that are more than one question and one answer, messages, and signs of life.

use std::io::Read;

use peers::{Child, Failed, LIMIT, Peers, Trial};
use serde_json::{Value, json};
use sshrpc::process::{Mailbox, Processes, SpawnOptions};
use sshrpc::term::{Atom, Term};
use sshrpc::{Identity, PrivateKey};
use tokio::sync::mpsc;

use crate::support::{Home, Node, ensure, signal};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("calls_side_by_side_are_answered_as_they_end", &[], side_by_side),
        peers::trial("a_cast_is_begun_and_not_waited_for", &[], cast),
        peers::trial("a_deadline_stops_the_call_on_the_node", &[], deadline),
        peers::trial("streams_come_from_files_and_go_to_files", &[], streams),
        peers::trial("streams_of_standard_input_and_output", &[], streams_of_pipes),
        peers::trial("a_stream_that_fails_says_so_and_leaves_files_alone", &[], streams_that_fail),
        peers::trial("a_message_reaches_a_process_by_name_and_by_pid", &[], send),
        peers::trial("ping_says_how_long_answers_take", &[], ping),
        peers::trial("ping_sums_up_when_it_is_interrupted", &[], interrupted),
        peers::trial("a_node_has_the_name_that_it_was_given", &[], node_name),
    ]
}

fn lines(stdout: &str) -> Result<Vec<Value>, Failed> {
    stdout.lines().map(|line| serde_json::from_str(line).map_err(Failed::from)).collect()
}

fn side_by_side(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let target = node.target();
    let calls = ["timer:sleep(500)", "lists:seq(1,3)", "lists:nothing(1)", "erlang:node()", "lists:sum([1,2])"];
    let done = node.call(&[&["--async", &target], &calls[..]].concat())?;
    ensure(done.code == Some(1), "the code of the one that failed", &done)?;
    let last = done.stdout().lines().last().unwrap_or_default().to_owned();
    ensure(last == "[1] timer:sleep(500) -> ok", "the first call, which ended last", &done)?;
    ensure(done.stdout().contains("[2] lists:seq(1,3) -> [1,2,3]\n"), "the second", &done)?;
    ensure(done.stderr.contains("[5] begun: lists:sum([1,2])\n"), "what began", &done)?;
    ensure(done.stderr.contains("error: [3] lists:nothing(1): undef: "), "the failure", &done)?;

    let json = node.call(&["--json", "--async", &target, "timer:sleep(500)", "lists:seq(1,2)"])?;
    let expected =
        [json!({ "call": 2, "ok": [1, 2], "term": "[1,2]" }), json!({ "call": 1, "ok": "ok", "term": "ok" })];
    ensure(json.code == Some(0) && lines(&json.stdout())? == expected, "a line a call", &json)?;
    let one = node.call(&["--async", &target, "lists", "seq", "[1,2]"])?;
    ensure(one.stdout() == "[1] lists:seq(1,2) -> [1,2]\n", "one call by its words", &one)?;
    let several = node.call(&[&target, "lists:seq(1,2)", "lists:seq(1,3)"])?;
    several.expect_error(2, "there are more words than a call has", &["sshrpc call --async "])
}

fn cast(_: &Peers) -> Result<(), Failed> {
    let mut node = Node::start_with(&["-v"])?;
    // It would take for ever.
    node.call(&["--cast", &node.target(), "timer", "sleep", "[infinity]"])?.expect(0, "ok\n", "")?;
    node.child.wait_for("call of timer:sleep/1", LIMIT)?;
    let plain = node.call(&["--cast", "--mode", "exec", &node.target(), "erlang", "node"])?;
    plain.expect_error(2, "`--cast` is for the subsystem; mode exec carries calls alone", &[])
}

fn deadline(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let done = node.call(&["--deadline", "100ms", &node.target(), "timer", "sleep", "[infinity]"])?;
    let line = "timeout: the call did not end before its deadline (in timer:sleep/1)";
    done.expect_error(6, line, &["\n  {'EXIT',{{erpc,timeout},[{timer,sleep,1,[]}]}}\n"])?;
    let in_time = node.call(&["--deadline", "1m", &node.target(), "lists", "seq", "[1,2]"])?;
    in_time.expect(0, "[1,2]\n", "")
}

const ECHO: &str = "sshrpc:stream_echo()";

fn streams(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let (target, from, to) = (node.target(), node.home.path("from"), node.home.path("to"));
    // More than the windows of both sides.
    let octets: Vec<u8> = (0..5_000_003_u32).map(|n| n.to_le_bytes().iter().fold(7, |a, b| a ^ b)).collect();
    std::fs::write(&from, &octets)?;
    std::fs::write(&to, "what was there before")?;
    node.call(&[&target, ECHO, "--stream-in", "from", "--stream-out", "to"])?.expect(0, "5000003\n", "")?;
    if std::fs::read(&to)? != octets {
        return Err("the copy differs".into());
    }
    let json = node.call(&["--json", &target, "sshrpc", "stream_source", "[3]", "--stream-out", "three"])?;
    ensure(json.json()? == json!({ "ok": "ok", "term": "ok" }), "the value", &json)?;
    if std::fs::read(node.home.path("three"))? != [0, 1, 2] {
        return Err("stream_source has its pattern".into());
    }
    // An output of nothing is an empty file.
    node.call(&[&target, ECHO, "--stream-out", "nothing", "--deadline", "1m"])?.expect(0, "0\n", "")?;
    if !std::fs::read(node.home.path("nothing"))?.is_empty() {
        return Err("nothing is something".into());
    }
    Ok(())
}

fn streams_of_pipes(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let target = node.target();
    let octets = vec![0xe2; 3 << 20];
    let done = node.home.run_with_input(&["call", &target, ECHO, "--stream-in", "-", "--stream-out", "-"], &octets)?;
    ensure(done.code == Some(0) && done.stderr == "3145728\n", "the value aside", &done)?;
    if done.stdout != octets {
        return Err(format!("{} octets came back", done.stdout.len()).into());
    }
    // Standard input is still open when the function ends: nobody waits for it.
    let arguments = ["call", &target, "sshrpc:stream_source(2)", "--stream-in", "-", "--stream-out", "two"];
    let (mut child, stdin) = Child::spawn_with_input(&mut node.home.sshrpc(&arguments))?;
    let code = child.wait(LIMIT)?.code();
    drop(stdin);
    if code != Some(0) || std::fs::read(node.home.path("two"))? != [0, 1] {
        return Err(format!("{code:?}: {}", child.stderr()).into());
    }
    // The reader of a pipe has enough: so has the call, which is no failure.
    let arguments = ["call", &target, "sshrpc:stream_source(1000000000000)", "--stream-out", "-"];
    let (mut child, _stdin, mut stdout) = Child::spawn_with_pipes(&mut node.home.sshrpc(&arguments))?;
    let mut first = [0; 3];
    stdout.read_exact(&mut first)?;
    drop(stdout);
    let code = child.wait(LIMIT)?.code();
    if code != Some(0) || first != [0, 1, 2] || !child.stderr().is_empty() {
        return Err(format!("{code:?}: {}", child.stderr()).into());
    }
    let both = node.call(&["--json", &target, ECHO, "--stream-out", "-"])?;
    ensure(both.code == Some(2) && both.stdout().contains("cannot have both"), "one use of standard output", &both)?;
    let both = node.call(&[&target, "sshrpc", "stream_echo", "-", "--stream-in", "-"])?;
    both.expect_error(2, "standard input cannot be both the arguments and the stream", &[])
}

fn streams_that_fail(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let target = node.target();
    let kept = node.home.path("kept");
    std::fs::write(&kept, "kept")?;
    let untouched = || std::fs::read(&kept).map(|octets| octets == b"kept");
    let none = node.call(&[&target, "lists:seq(1,2)", "--stream-out", "kept"])?;
    ensure(none.code == Some(1) && none.stderr.contains("{erpc,notsup}") && untouched()?, "no streams", &none)?;
    let missing = node.call(&[&target, ECHO, "--stream-in", "missing"])?;
    missing.expect_error(8, "cannot read ~/missing: No such file or directory (os error 2)", &[])?;
    let untaken = node.call(&[&target, ECHO, "--stream-in", "kept"])?;
    untaken.expect_error(2, "the function writes a stream, and nobody takes it", &["--stream-out FILE"])?;
    std::fs::create_dir(node.home.path("folder"))?;
    let folder = node.call(&[&target, ECHO, "--stream-in", "kept", "--stream-out", "folder"])?;
    folder.expect_error(8, "cannot write ~/folder: Is a directory (os error 21)", &[])?;
    // An output without end, until the deadline.
    let huge = "sshrpc:stream_source(1000000000000)";
    let stopped = "timeout: the call did not end before its deadline (in sshrpc:stream_source/1)";
    let late = node.call(&[&target, huge, "--stream-out", "part", "--deadline", "100ms"])?;
    late.expect_error(6, stopped, &["~/part has the beginning of the output, and not all of it"])?;
    let late = node.call(&[&target, huge, "--stream-out", "/dev/null", "--deadline", "100ms"])?;
    late.expect_error(6, stopped, &[])?;
    ensure(!late.stderr.contains("beginning"), "/dev/null keeps nothing", &late)?;
    // And until nobody waits any longer.
    let late = node.call(&[&target, huge, "--stream-out", "part", "--timeout", "500ms"])?;
    let unanswered = format!("no answer from {target} within 500ms; the function may have run");
    late.expect_error(6, &unanswered, &["~/part has the beginning of the output"])?;
    let exec = node.call(&["--mode", "exec", &target, ECHO, "--stream-in", "kept"])?;
    exec.expect_error(2, "`--stream-in` is for the subsystem; mode exec carries calls alone", &[])
}

/// A node in this process, whose process `inbox` passes on what it gets.
struct Inbox {
    target: String,
    home: Home,
    pid: String,
    messages: mpsc::Receiver<Term>,
    runtime: tokio::runtime::Runtime,
}

impl Inbox {
    fn start() -> Result<Self, Failed> {
        let home = Home::new()?;
        let key = home.key(".ssh/id_ed25519")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (sender, messages) = mpsc::channel(8);
        let host_key = PrivateKey::generate_ed25519(&mut sshrpc::os_rng()?);
        let hosts = home.path(".ssh/known_hosts");
        let (target, pid) = runtime.block_on(async {
            let processes = Processes::new(Atom::new("inbox@here")?);
            let body = |mut mailbox: Mailbox| async move {
                while let Some(message) = mailbox.recv().await {
                    if sender.send(message).await.is_err() {
                        break;
                    }
                }
                Ok(())
            };
            let pid = processes.spawn_with(SpawnOptions::new().name(Atom::new("inbox")?), body)?;
            let user = Identity::from_file(std::path::Path::new(&key), |_| None)?;
            let node = sshrpc::Node::builder().processes(processes).host_key(host_key.clone());
            let node = node.authorized_key(user.public().clone()).listen("127.0.0.1:0").bind().await?;
            let address = node.local_addr()?;
            tokio::spawn(node.run(std::future::pending()));
            Ok::<_, Failed>((address, pid.to_string()))
        })?;
        std::fs::write(hosts, format!("[127.0.0.1]:{} {}\n", target.port(), host_key.public().to_openssh_line("")))?;
        Ok(Self { target: target.to_string(), home, pid, messages, runtime })
    }

    fn expect(&mut self, message: &str) -> Result<(), Failed> {
        let received = self.runtime.block_on(async { tokio::time::timeout(LIMIT, self.messages.recv()).await });
        match received?.map(|message| message.to_string()) {
            Some(received) if received == message => Ok(()),
            other => Err(format!("{other:?}, and not {message}").into()),
        }
    }
}

fn send(_: &Peers) -> Result<(), Failed> {
    let mut inbox = Inbox::start()?;
    let send = |inbox: &Inbox, to: &str, message: &str, input: &[u8]| {
        inbox.home.run_with_input(&["send", &inbox.target, to, message], input)
    };
    send(&inbox, "inbox", "{hello,\"you\"}", b"")?.expect(0, "ok\n", "")?;
    inbox.expect("{hello,\"you\"}")?;
    send(&inbox, &inbox.pid.clone(), "-", b"[1,2]\n")?.expect(0, "ok\n", "")?;
    inbox.expect("[1,2]")?;
    let nobody = send(&inbox, "nobody", "x", b"")?;
    nobody.expect_error(1, "no process of the node is registered as nobody", &["\n  {'EXIT',{badarg,"])?;
    send(&inbox, "<0.999.999>", "x", b"")?.expect_error(1, "the node has no process <0.999.999>", &[])?;
    send(&inbox, "inbox", "{x", b"")?.expect_error(
        2,
        "syntax error in TERM, line 1, column 3: ',' or '}' is expected, and the text ends",
        &["\n  | {x\n  |   ^\n"],
    )
}

fn ping(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let ping = ["ping", &node.target(), "--count", "3", "--interval", "1ms"].map(str::to_owned);
    let ping: Vec<_> = ping.iter().map(String::as_str).collect();
    let done = node.home.run(&ping)?;
    let text = done.stdout();
    let count = text.lines().filter(|line| line.starts_with("answer ") && line.ends_with(" ms")).count();
    ensure(done.code == Some(0) && count == 3 && done.stderr.is_empty(), "three answers", &done)?;
    ensure(text.contains("3 asked, 3 answered\nmin/avg/max "), "a summary", &done)?;
    let json = node.home.run(&[&["--json"], &ping[..]].concat())?;
    let said = lines(&json.stdout())?;
    ensure(said.len() == 5 && said[0]["by"] == "ping" && said[2]["answer"] == 2, "a line an answer", &json)?;
    let figures = ["min_ms", "avg_ms", "max_ms"].map(|name| said[4][name].as_f64());
    ensure(said[4]["answered"] == 3 && figures.is_sorted() && figures[0] > Some(0.0), "a summary", &json)?;
    node.home.run(&["ping", "127.0.0.1:1"])?.expect_error(5, "nobody listens on 127.0.0.1:1", &[])
}

fn interrupted(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let mut child = Child::spawn(&mut node.home.sshrpc(&["ping", &node.target()]))?;
    child.wait_for("answer 1: ", LIMIT)?;
    signal(&child, "INT")?;
    let code = child.wait(LIMIT)?.code();
    let text = String::from_utf8(child.stdout())?;
    match code == Some(0) && text.contains("min/avg/max ") {
        true => Ok(()),
        false => Err(child.failed("a summary")),
    }
}

fn node_name(_: &Peers) -> Result<(), Failed> {
    let node = Node::start_unknown(Home::new()?, &["--name", "front@example"])?;
    let said: Value = serde_json::from_slice(&node.child.stdout())?;
    if said["backends"] != json!([{ "backend": "builtin", "modules": "*" }]) || said["name"] != "front@example" {
        return Err(format!("the welcome: {said}").into());
    }
    node.call(&["--accept-new", &node.target(), "erlang", "node"])?.expect(0, "front@example\n", "")?;
    let wrong = node.home.run(&["serve", "--name", "front"])?;
    ensure(wrong.code == Some(2) && wrong.stderr.contains("name@host"), "what would be right", &wrong)
}
