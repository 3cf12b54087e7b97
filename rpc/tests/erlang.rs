//! The original protocol against real Erlang: a client and a server module on OTP's own `ssh` application, octet by octet
//! what the original of 2010 does, call our node and are called by our client.

#[path = "erlang/called.rs"]
mod called;
#[path = "erlang/calling.rs"]
mod calling;
#[expect(dead_code, reason = "what other files of tests need too")]
#[path = "cli/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use peers::Failed;
use support::{Done, Home, ensure};

fn main() -> ExitCode {
    let mut trials = called::trials();
    trials.extend(calling::trials());
    peers::run(trials)
}

/// The programs of Erlang that a trial needs.
const ERLANG: &[&str] = &["erl", "erlc", "escript"];

/// Erlang's modules, compiled into a home.
fn compile(home: &Home) -> Result<PathBuf, Failed> {
    let modules = home.path("modules");
    std::fs::create_dir(&modules)?;
    let mut erlc = home.program("erlc");
    erlc.arg("-o").arg(&modules);
    for name in ["rpc_peer_server.erl", "rpc_peer_client.erl"] {
        erlc.arg(script(name));
    }
    let done = Done::of(&mut erlc, b"")?;
    ensure(done.code == Some(0), "modules that compile", &done)?;
    Ok(modules)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/erlang").join(name)
}

/// A new RSA key in this file of a home, and its path.
fn rsa_key(home: &Home, name: &str) -> Result<String, Failed> {
    let path = home.path(name).to_string_lossy().into_owned();
    let done = home.run(&["keygen", "--type", "rsa", "--bits", "2048", "--file", &path])?;
    ensure(done.code == Some(0), "a key", &done)?;
    Ok(path)
}

fn same(found: &str, expected: &str) -> Result<(), Failed> {
    if found == expected { Ok(()) } else { Err(format!("expected {expected}\nfound    {found}").into()) }
}

/// An Erlang list of options by which exactly these algorithms are used, though they be such as are off by themselves.
fn only(kex: &str, host_key: &str, cipher: &str, mac: &str) -> String {
    let old = "{modify_algorithms,[{append,[{public_key,['ssh-rsa']},{kex,['diffie-hellman-group14-sha1',\
               'diffie-hellman-group1-sha1']}]}]}";
    format!(
        "[{old},{{preferred_algorithms,[{{kex,['{kex}']}},{{public_key,['{host_key}']}},{{cipher,['{cipher}']}},\
         {{mac,['{mac}']}}]}}]"
    )
}
