//! The library for Erlang programs, `rpc/erlang`: its own tests, EUnit's, against nodes of ours and against the original protocol on
//! Erlang's `ssh`. Each of their modules is a trial.

#[expect(dead_code, reason = "what other files of tests need too")]
#[path = "cli/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::time::Duration;

use peers::{Child, Failed, LIMIT, Peers, TempDir, Trial};
use sshrpc::call::Failure;
use sshrpc::process::{Called, GenServer, Handled, Mailbox, Processes, ReplyTo, SpawnOptions};
use sshrpc::term::{Atom, Term};
use sshrpc::{Node, PrivateKey};
use support::Home;

fn main() -> ExitCode {
    const ERLANG: &[&str] = &["erl", "erlc", "make"];
    peers::run(vec![
        trial("erlang_programs_call_nodes", ERLANG, |_| suite("sshrpc_call_tests")),
        trial("erlang_programs_connect", &["erl", "erlc", "make", "ssh"], |_| suite("sshrpc_connection_tests")),
        trial("erlang_programs_call_the_original", ERLANG, |_| suite("sshrpc_plain_tests")),
        trial("erlang_programs_send_to_processes_of_rust", ERLANG, |_| processes()),
        trial("the_library_knows_names_and_hosts", ERLANG, |_| suite("sshrpc_names_tests")),
        trial("the_library_speaks_both_protocols", ERLANG, |_| suite("sshrpc_session_tests")),
    ])
}

/// A trial with EUnit, which is no program.
fn trial(name: &str, programs: &[&str], test: fn(&Peers) -> Result<(), Failed>) -> Trial {
    static EUNIT: OnceLock<bool> = OnceLock::new();
    let has_eunit = *EUNIT.get_or_init(|| {
        let code = "halt(case code:lib_dir(eunit) of {error, _} -> 1; _ -> 0 end).";
        // Where there is no Erlang, that is what is missing.
        Command::new("erl").args(["-noshell", "-eval", code]).status().map_or(true, |status| status.success())
    });
    match has_eunit {
        true => peers::trial(name, programs, test),
        false => peers::trial_unless(name, Some("erlang-eunit is not installed".into()), || Ok(())),
    }
}

/// Long enough for a module of tests on a busy machine.
const SUITE: Duration = Duration::from_secs(300);

/// Runs a module of EUnit's tests.
fn suite(module: &str) -> Result<(), Failed> {
    run(&Home::new()?, module, &[])
}

fn run(home: &Home, module: &str, environment: &[(&str, &str)]) -> Result<(), Failed> {
    let build = build()?;
    let mut erl = home.program("erl");
    erl.arg("-noshell").arg("-pa").arg(build.join("sshrpc/ebin")).arg(build.join("tests"));
    erl.args(["-eval", "sshrpc_test:main()", "-extra", module]);
    // What a test that is killed leaves behind goes with the home.
    erl.env("TMPDIR", home.path("")).envs(environment.iter().copied());
    let mut child = Child::spawn(&mut erl)?;
    let status = child.wait(SUITE)?;
    let text = String::from_utf8_lossy(&child.stdout()).into_owned();
    // One that found no test would succeed, too.
    let passed = text.contains("All ") || text.contains("Test passed.") || text.contains(" test passed");
    if status.success() && passed { Ok(()) } else { Err(child.failed(&format!("{module}: {status}"))) }
}

/// The library and its tests, compiled once.
fn build() -> Result<PathBuf, Failed> {
    static BUILD: OnceLock<Result<TempDir, String>> = OnceLock::new();
    let built = BUILD.get_or_init(|| {
        let directory = peers::temp_dir().map_err(|error| error.to_string())?;
        let mut make = Command::new("make");
        make.arg("--silent").arg("-C").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("erlang"));
        make.arg(format!("BUILD={}", directory.path().display())).arg("tests");
        let text = |failed: Failed| failed.message().unwrap_or_default().to_owned();
        let mut child = Child::spawn(&mut make).map_err(|error| error.to_string())?;
        child.succeed(4 * LIMIT).map_err(text)?;
        Ok(directory)
    });
    match built {
        Ok(directory) => Ok(directory.path().to_owned()),
        Err(error) => Err(error.clone().into()),
    }
}

/// Adds what is cast to it.
struct Counter(i64);

impl GenServer for Counter {
    async fn handle_call(&mut self, _request: Term, _from: ReplyTo, _me: &Mailbox) -> Result<Called, Failure> {
        Ok(Called::Reply(self.0.into()))
    }

    async fn handle_cast(&mut self, request: Term, _me: &Mailbox) -> Result<Handled, Failure> {
        match request.as_i64() {
            Some(number) => self.0 += number,
            None => return Ok(Handled::Stop { reason: Term::atom("normal") }),
        }
        Ok(Handled::NoReply)
    }
}

/// In this process: what `sshrpc serve` has none of.
fn processes() -> Result<(), Failed> {
    let home = Home::new()?;
    let user = home.key("id_ed25519")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let host_key = PrivateKey::generate_ed25519(&mut sshrpc::os_rng()?);
    let processes = Processes::new(Atom::new("counting@localhost")?);
    let (node, address) = runtime.block_on(async {
        processes.start_server(Counter(0), SpawnOptions::new().name(Atom::new("counter")?))?;
        let builder = Node::builder().processes(processes).host_key(host_key);
        let node = builder.authorized_keys_file(format!("{user}.pub")).listen("127.0.0.1:0").bind().await?;
        let address = node.local_addr()?;
        Ok::<_, Failed>((node, address))
    })?;
    let serving = runtime.spawn(node.run(std::future::pending()));
    let directory = home.path("").to_string_lossy().into_owned();
    let target = format!("alice@{address}");
    let environment = [("SSHRPC_COUNTER", target.as_str()), ("SSHRPC_USER_DIR", directory.as_str())];
    let done = run(&home, "sshrpc_process_tests", &environment);
    serving.abort();
    done
}
