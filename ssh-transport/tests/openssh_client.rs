//! OpenSSH's client against our server.

mod support;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use peers::{Child, Failed, LIMIT, Peers};
use support::handler::{Running, server_policy};
use support::{Kind, USER, block_on, equal, select, vector_key};

fn main() -> std::process::ExitCode {
    let trials = support::algorithm_trials("ssh", algorithm);
    peers::run(trials)
}

/// A command line that connects to `server` with the user key `key`, and nothing of the machine's own configuration.
fn ssh(peers: &Peers, server: &Running, key: &Path, options: &[&str]) -> Command {
    let mut command = peers.command("ssh");
    command.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=VERBOSE"]);
    command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i"]).arg(key);
    command.args(["-p", &server.address.port().to_string(), "-l", USER]);
    command.args(options).arg(server.address.ip().to_string());
    command
}

/// A command with its output and exit status, and a subsystem, by one algorithm.
fn algorithm(peers: &Peers, kind: Kind, name: &'static str) -> Result<(), Failed> {
    let directory = peers::temp_dir()?;
    let rsa = kind == Kind::UserKey && name.contains("rsa");
    let key = vector_key(directory.path(), if rsa { "rsa2048" } else { "ed25519" })?;
    let mut policy = server_policy();
    select(&mut policy.config.algorithms, kind, name);
    block_on(async {
        let server = Running::start(policy).await?;
        let option = format!("{}={name}", kind.option());
        let mut options = vec!["-o", option.as_str()];
        if kind == Kind::Mac {
            options.extend(["-o", "Ciphers=aes128-ctr"]);
        }
        let mut child = Child::spawn(ssh(peers, &server, &key, &options).arg("stdout hello"))?;
        equal(child.succeed(LIMIT)?, b"hello".to_vec())?;
        equal(Child::spawn(ssh(peers, &server, &key, &options).arg("status 7"))?.wait(LIMIT)?.code(), Some(7))?;
        let mut command = ssh(peers, &server, &key, &[&["-s"], &options[..]].concat());
        let (mut child, mut stdin) = Child::spawn_with_input(command.arg("echo"))?;
        stdin.write_all(b"there and back")?;
        drop(stdin);
        equal(child.succeed(LIMIT)?, b"there and back".to_vec())?;
        server.stop().await
    })
}
