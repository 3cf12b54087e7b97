//! Security keys, in software and kept by an agent, against OpenSSH in both directions.

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;

use peers::{Child, Failed, LIMIT, Peers, trial};
use ssh_transport::Client;
use ssh_transport::agent::Agent;
use ssh_transport::client::ConnectError;
use ssh_transport::identity::Identity;
use support::authenticator::Authenticator;
use support::handler::{Running, server_policy};
use support::sshd::Sshd;
use support::{USER, block_on, ensure, equal, private_file};

fn main() -> std::process::ExitCode {
    peers::run(vec![
        trial("sshd_lets_our_client_in_when_the_key_was_touched", &["sshd"], sshd_wants_a_touch),
        trial("sshd_verifies_users_where_the_line_says_so", &["sshd"], sshd_wants_verification),
        trial("our_server_lets_ssh_in_when_the_key_was_touched", &["ssh"], our_server_wants_a_touch),
    ])
}

/// Whether our client logs in to `sshd` by the key, for which `authorized_keys` has these options.
async fn logs_in(sshd: &Sshd, key: &Authenticator, socket: &Path, options: &str) -> Result<bool, Failed> {
    let line = format!("{options} {}\n", key.public.to_openssh_line("in software"));
    private_file(&sshd.directory.path().join("authorized_keys"), line.trim_start().as_bytes())?;
    let mut policy = sshd.policy();
    policy.identities = Identity::from_agent(&Agent::connect(socket).await?).await?;
    equal(policy.identities.len(), 1)?;
    match Client::connect("127.0.0.1", sshd.port, &policy).await {
        Ok(client) => {
            equal(client.output("echo hello").await?.stdout, b"hello\n".to_vec())?;
            Ok(true)
        }
        Err(ConnectError::Denied { .. }) => Ok(false),
        Err(error) => Err(sshd.child.failed(&error.to_string())),
    }
}

fn sshd_wants_a_touch(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        for key in Authenticator::both()? {
            let socket = sshd.directory.path().join(key.public.key_type());
            key.listen(&socket)?;
            for (flags, options, expected) in
                [(1, "", true), (0, "", false), (0, "no-touch-required", true), (5, "", true), (4, "", false)]
            {
                key.flags.store(flags, Ordering::SeqCst);
                let let_in = logs_in(&sshd, &key, &socket, options).await?;
                ensure(let_in == expected, || format!("{flags} {options:?}: {let_in}, {}", sshd.child.stderr()))?;
            }
        }
        Ok(())
    })
}

fn sshd_wants_verification(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        for key in Authenticator::both()? {
            let socket = sshd.directory.path().join(key.public.key_type());
            key.listen(&socket)?;
            for (flags, expected) in [(1, false), (5, true)] {
                key.flags.store(flags, Ordering::SeqCst);
                equal(logs_in(&sshd, &key, &socket, "verify-required").await?, expected)?;
            }
        }
        Ok(())
    })
}

fn our_server_wants_a_touch(peers: &Peers) -> Result<(), Failed> {
    let directory = peers::temp_dir()?;
    block_on(async {
        for key in Authenticator::both()? {
            let (socket, public) = (directory.path().join(key.public.key_type()), directory.path().join("key.pub"));
            key.listen(&socket)?;
            private_file(&public, key.public.to_openssh_line("").as_bytes())?;
            let server = Running::with_keys(server_policy(), vec![key.public.clone()]).await?;
            for (flags, code) in [(1, 0), (5, 0), (0, 255), (4, 255)] {
                key.flags.store(flags, Ordering::SeqCst);
                let mut child = Child::spawn(&mut ssh(peers, &server, &socket, &public))?;
                let ended = child.wait(LIMIT)?.code();
                ensure(ended == Some(code), || format!("{flags}: {ended:?}, {}", child.stderr()))?;
            }
            server.stop().await?;
        }
        Ok(())
    })
}

/// OpenSSH's client with the key of an agent.
fn ssh(peers: &Peers, server: &Running, socket: &Path, public: &Path) -> Command {
    let mut command = peers.command("ssh");
    command.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=VERBOSE"]);
    command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i"]).arg(public);
    command.args(["-p", &server.address.port().to_string(), "-l", USER, "127.0.0.1", "status 0"]);
    command.env("SSH_AUTH_SOCK", socket);
    command
}
