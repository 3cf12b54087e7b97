//! Our client against OpenSSH's server.

mod support;

use peers::{Failed, Peers};
use ssh_transport::Exit;
use support::sshd::Sshd;
use support::{Kind, block_on, ensure, equal, identity, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn main() -> std::process::ExitCode {
    let trials = support::algorithm_trials("sshd", algorithm);
    peers::run(trials)
}

/// A login, a command with its output and exit status, and a subsystem, by one algorithm.
fn algorithm(peers: &Peers, kind: Kind, name: &'static str) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let mut policy = sshd.policy();
        select(&mut policy.config.algorithms, kind, name);
        let rsa = name.contains("rsa");
        if kind == Kind::HostKey && rsa {
            policy.host_keys = ssh_transport::client::HostKeys::Pinned(support::public("rsa3072"));
        }
        if kind == Kind::UserKey && rsa {
            policy.identities = vec![identity("rsa2048")];
        }
        let client = sshd.connect(&policy).await?;
        let negotiated = format!("{:?}", client.negotiated());
        ensure(kind == Kind::UserKey || negotiated.contains(name), || negotiated)?;
        let output = client.output("echo hello; echo oops >&2; exit 7").await?;
        equal((&output.stdout[..], &output.stderr[..]), (b"hello\n", b"oops\n"))?;
        equal(output.exit, Some(Exit::Status(7)))?;
        let mut echo = client.subsystem("echo").await?;
        echo.write_all(b"there and back").await?;
        echo.shutdown().await?;
        let mut back = String::new();
        echo.read_to_string(&mut back).await?;
        equal(back.as_str(), "there and back")
    })
}
