//! The example for Python, `rpc/examples/python/sshrpc.py`, on a stock SSH library against our nodes and against the original protocol.

#[expect(dead_code, reason = "what other files of tests need too")]
#[path = "cli/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use peers::{Child, Failed, LIMIT, Peers, Trial};
use ssh_transport::identity::Identity;
use sshrpc::process::{Mailbox, Processes, SpawnOptions};
use sshrpc::term::{Atom, Term};
use sshrpc::{Functions, Node};
use support::{Done, Home, ensure};
use tokio::sync::Notify;

fn main() -> ExitCode {
    peers::run(vec![
        python("python_gets_values_and_failures", || own_node("values")),
        python("python_has_many_calls_in_flight", || own_node("many")),
        python("python_sends_and_gets_16_mib", || own_node("large")),
        python("what_python_gives_up_stops_on_the_node", || own_node("stops")),
        python("python_sends_to_processes", || own_node("processes")),
        python("python_learns_that_a_node_is_gone", lost),
        python("python_refuses_a_host_with_another_key", refused),
        python("python_calls_from_a_command_line", command_line),
        match missing() {
            None => peers::trial("python_calls_the_original", &["erl", "erlc", "escript"], original),
            some => peers::trial_unless("python_calls_the_original", some, || Ok(())),
        },
    ])
}

fn python(name: &str, test: fn() -> Result<(), Failed>) -> Trial {
    peers::trial_unless(name, missing(), test)
}

/// What `interop/setup.sh` installs.
fn missing() -> Option<String> {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| {
        let found = Command::new(interpreter()).args(["-c", "import asyncssh, erlang"]).output();
        found.is_ok_and(|output| output.status.success())
    });
    (!installed).then(|| "asyncssh or erlang_py (PyPI) is not installed".to_owned())
}

fn interpreter() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/interop/venv/bin/python")
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The program of the tests, for a user whose keys are `user` and `known` in this home.
fn program(home: &Home, check: &str, port: u16) -> Command {
    let mut command = home.program(interpreter());
    command.env("PYTHONPATH", source("examples/python")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(source("tests/python/program.py")).args([check, &format!("alice@127.0.0.1:{port}")]);
    command.arg(home.path("user")).arg(home.path("known"));
    command
}

/// Makes the keys of a user and of a host.
fn keys() -> Result<Home, Failed> {
    let home = Home::new()?;
    home.key("user")?;
    home.key("host")?;
    Ok(home)
}

/// Says in the file `known` that this public key is that of the host at `port`.
fn know(home: &Home, public: &str, port: u16) -> Result<(), Failed> {
    let key = std::fs::read_to_string(home.path(public))?;
    Ok(std::fs::write(home.path("known"), format!("[127.0.0.1]:{port} {key}"))?)
}

/// A check against a node in this process.
fn own_node(check: &str) -> Result<(), Failed> {
    let home = keys()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let node = runtime.block_on(async { node(&home).await })?;
    know(&home, "host.pub", node.local_addr()?.port())?;
    let mut command = program(&home, check, node.local_addr()?.port());
    let serving = runtime.spawn(node.run(std::future::pending()));
    let done = Child::spawn(&mut command)?.succeed(4 * LIMIT);
    serving.abort();
    done.map(drop)
}

/// A node with a process that adds what it is sent, and with functions that show when a call of `test:wait()` begins and ends.
async fn node(home: &Home) -> Result<Node, Failed> {
    let sum = Arc::new(AtomicU64::new(0));
    let (begun, stopped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let processes = Processes::new(Atom::new("counting@localhost")?);
    let total = Arc::clone(&sum);
    processes.spawn_with(SpawnOptions::new().name(Atom::new("counter")?), move |mut mailbox: Mailbox| async move {
        while let Some(number) = mailbox.recv().await {
            total.fetch_add(number.as_u64().unwrap_or_default(), Ordering::Relaxed);
        }
        Ok(())
    })?;

    let mut functions = Functions::with_builtins();
    functions.register("test", "sum", 0, move |_, _| Ok(sum.load(Ordering::Relaxed).into()));
    for (name, event) in [("begun", &begun), ("stopped", &stopped)] {
        let event = Arc::clone(event);
        functions.register_async("test", name, 0, move |_, _| {
            let event = Arc::clone(&event);
            async move {
                event.notified().await;
                Ok(Term::atom("ok"))
            }
        });
    }
    functions.register_async("test", "wait", 0, move |_, _| {
        let (begun, stopped) = (Arc::clone(&begun), Dropped(Arc::clone(&stopped)));
        async move {
            begun.notify_one();
            let result = std::future::pending().await;
            drop(stopped);
            result
        }
    });
    let host = Identity::from_file(&home.path("host"), |_| None)?;
    let builder = Node::builder().functions(functions).processes(processes).host_identity(host);
    Ok(builder.authorized_keys_file(home.path("user.pub")).listen("127.0.0.1:0").bind().await?)
}

/// Tells that the call whose it is ends.
struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn serve(home: &Home) -> Result<(Child, u16), Failed> {
    let path = |name: &str| home.path(name).to_string_lossy().into_owned();
    let child = Child::spawn(&mut home.sshrpc(&[
        "serve",
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--host-key",
        &path("host"),
        "--authorized-keys",
        &path("user.pub"),
    ]))?;
    support::listening(child)
}

fn lost() -> Result<(), Failed> {
    let home = keys()?;
    let (node, port) = serve(&home)?;
    know(&home, "host.pub", port)?;
    let mut program = Child::spawn(&mut program(&home, "lost", port))?;
    program.wait_for("waiting", LIMIT)?;
    drop(node);
    program.succeed(LIMIT).map(drop)
}

fn refused() -> Result<(), Failed> {
    let home = keys()?;
    let (_node, port) = serve(&home)?;
    know(&home, "user.pub", port)?;
    Child::spawn(&mut program(&home, "refused", port))?.succeed(LIMIT).map(drop)
}

fn command_line() -> Result<(), Failed> {
    let home = keys()?;
    let (_node, port) = serve(&home)?;
    know(&home, "host.pub", port)?;
    let run = |arguments: &[&str]| {
        let mut command = home.program(interpreter());
        command.arg(source("examples/python/sshrpc.py")).arg("--identity").arg(home.path("user"));
        command.arg("--known-hosts").arg(home.path("known")).arg(format!("alice@127.0.0.1:{port}")).args(arguments);
        Done::of(&mut command, b"")
    };
    run(&["lists", "reverse", "[[1,2,3]]"])?.expect(0, "[3,2,1]\n", "")?;
    let text = "[(foo, 'text', b'bin', {a: 1.5}, [], -3, [1000])]";
    run(&["sshrpc", "echo", text])?.expect(0, "{foo,\"text\",<<\"bin\">>,#{a => 1.5},[],-3,[1000]}\n", "")?;
    run(&["erlang", "exit", "[why]"])?.expect(1, "", "error: exit: why\n")?;
    let timed_out = "error: the time of the call has passed\n";
    run(&["timer", "sleep", "[infinity]", "--timeout", "0.1"])?.expect(1, "", timed_out)?;
    let usage = run(&["lists", "seq", "__import__('os')"])?;
    ensure(usage.code == Some(2) && usage.stdout().is_empty(), "no term", &usage)
}

/// The server of the original protocol on Erlang's own `ssh`.
fn original(_: &Peers) -> Result<(), Failed> {
    let home = keys()?;
    let mut erlc = home.program("erlc");
    let compiled = Done::of(erlc.arg(source("tests/erlang/rpc_peer_server.erl")), b"")?;
    ensure(compiled.code == Some(0), "a module that compiles", &compiled)?;
    std::fs::copy(home.path("host"), home.path("ssh_host_ed25519_key"))?;
    std::fs::copy(home.path("user.pub"), home.path("authorized_keys"))?;
    let mut escript = home.program("escript");
    escript.arg(source("tests/erlang/server.escript")).arg(home.path("")).arg(home.path("")).arg("[]");
    // It ends when its input does.
    let (mut server, _input) = Child::spawn_with_input(&mut escript)?;
    server.wait_for("port ", LIMIT)?;
    server.wait_for("\n", LIMIT)?;
    let printed = String::from_utf8(server.stdout())?;
    let port = printed.trim().strip_prefix("port ").ok_or("a port")?.parse()?;
    know(&home, "host.pub", port)?;
    Child::spawn(&mut program(&home, "plain", port))?.succeed(4 * LIMIT).map(drop)
}
