//! Against a real `ssh-agent`.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use peers::{Child, Failed, LIMIT, Peers, TempDir, Trial, trial};
use ssh_proto::crypto::CryptoProvider;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::keys::{PublicKey, Signature};
use ssh_transport::agent::{Agent, AgentError};
use ssh_transport::identity::{DefaultIdentities, Identity};

fn main() -> ExitCode {
    let live =
        |name, test: fn(&Peers) -> Result<(), Failed>| trial(name, &["ssh-agent", "ssh-add", "ssh-keygen"], test);
    let trials: Vec<Trial> = vec![
        live("an_empty_agent_has_no_keys", an_empty_agent_has_no_keys),
        live("it_lists_what_ssh_add_added_and_signs_with_it", it_lists_what_ssh_add_added_and_signs_with_it),
        live("it_refuses_keys_that_it_does_not_have", it_refuses_keys_that_it_does_not_have),
        live("its_owner_can_say_no", its_owner_can_say_no),
        live("an_agent_that_ended_is_an_error", an_agent_that_ended_is_an_error),
        live("default_identities_are_those_of_the_agent_first", default_identities_are_those_of_the_agent_first),
    ];
    peers::run(trials)
}

/// An agent in a directory of its own.
struct Running<'a> {
    peers: &'a Peers,
    directory: TempDir,
    process: Child,
    socket: PathBuf,
}

impl<'a> Running<'a> {
    /// `askpass` is what the agent runs to ask its owner.
    fn start(peers: &'a Peers, askpass: &str) -> Result<Self, Failed> {
        let directory = peers::temp_dir()?;
        let socket = directory.path().join("agent");
        let mut command = peers.command("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket).env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force");
        let process = Child::spawn(&mut command)?;
        if !peers::wait_until(LIMIT, || UnixStream::connect(&socket).is_ok()) {
            return Err(process.failed("does not listen"));
        }
        Ok(Self { peers, directory, process, socket })
    }

    /// Makes a key with `ssh-keygen` and gives it to the agent with `ssh-add`.
    fn add(&self, name: &str, generate: &[&str], add: &[&str]) -> Result<PublicKey, Failed> {
        let path = make_key(self.peers, self.directory.path(), name, generate)?;
        let mut command = self.peers.command("ssh-add");
        run(command.args(add).arg(&path).env("SSH_AUTH_SOCK", &self.socket))?;
        public(&path)
    }
}

fn run(command: &mut Command) -> Result<(), Failed> {
    Child::spawn(command)?.succeed(LIMIT).map(drop)
}

fn make_key(peers: &Peers, directory: &Path, name: &str, options: &[&str]) -> Result<PathBuf, Failed> {
    let path = directory.join(name);
    run(peers.command("ssh-keygen").args(["-q", "-N", "", "-C", name]).args(options).arg("-f").arg(&path))?;
    Ok(path)
}

fn public(path: &Path) -> Result<PublicKey, Failed> {
    let line = std::fs::read_to_string(path.with_extension("pub"))?;
    Ok(PublicKey::from_openssh_line(&line)?.0)
}

fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}

fn verify(key: &PublicKey, algorithm: &str, data: &[u8], signature: &Signature) {
    assert_eq!(signature.algorithm, algorithm);
    let methods = PROVIDER.signatures();
    let method = methods.iter().find(|method| method.name == algorithm).expect("a known algorithm");
    method.verifier.verify(key.blob(), data, &signature.blob).expect("a good signature");
    assert!(method.verifier.verify(key.blob(), b"other data", &signature.blob).is_err());
}

fn an_empty_agent_has_no_keys(peers: &Peers) -> Result<(), Failed> {
    let running = Running::start(peers, "/bin/false")?;
    let keys = block_on(async { Agent::connect(&running.socket).await?.identities().await })??;
    assert!(keys.is_empty());
    Ok(())
}

fn it_lists_what_ssh_add_added_and_signs_with_it(peers: &Peers) -> Result<(), Failed> {
    let running = Running::start(peers, "/bin/false")?;
    let ed25519 = running.add("mine", &["-t", "ed25519"], &["-q"])?;
    let rsa = running.add("old", &["-t", "rsa", "-b", "2048"], &["-q"])?;
    let curve = |bits: &str| running.add(&format!("curve{bits}"), &["-t", "ecdsa", "-b", bits], &["-q"]);
    let (p256, p384, p521) = (curve("256")?, curve("384")?, curve("521")?);
    block_on(async {
        let agent = Agent::connect(&running.socket).await?;
        let listed = agent.identities().await?;
        let listed: Vec<_> = listed.iter().map(|listed| (&listed.key, listed.comment.as_str())).collect();
        assert_eq!(
            listed,
            [(&ed25519, "mine"), (&rsa, "old"), (&p256, "curve256"), (&p384, "curve384"), (&p521, "curve521")]
        );
        let data = vec![0x55; 100_000];
        for (key, algorithm) in [
            (&ed25519, "ssh-ed25519"),
            (&rsa, "rsa-sha2-256"),
            (&rsa, "rsa-sha2-512"),
            (&rsa, "ssh-rsa"),
            (&p256, "ecdsa-sha2-nistp256"),
            (&p384, "ecdsa-sha2-nistp384"),
            (&p521, "ecdsa-sha2-nistp521"),
        ] {
            verify(key, algorithm, &data, &agent.sign(key, algorithm, &data).await?);
        }
        Ok::<_, AgentError>(())
    })??;
    Ok(())
}

fn it_refuses_keys_that_it_does_not_have(peers: &Peers) -> Result<(), Failed> {
    let running = Running::start(peers, "/bin/false")?;
    let other = public(&make_key(peers, running.directory.path(), "other", &["-t", "ed25519"])?)?;
    block_on(async {
        let agent = Agent::connect(&running.socket).await?;
        assert!(matches!(agent.sign(&other, "ssh-ed25519", b"").await, Err(AgentError::Refused)));
        // The connection is as good as before.
        assert!(agent.identities().await?.is_empty());
        Ok::<_, AgentError>(())
    })??;
    Ok(())
}

fn its_owner_can_say_no(peers: &Peers) -> Result<(), Failed> {
    for (askpass, allowed) in [("/bin/true", true), ("/bin/false", false)] {
        let running = Running::start(peers, askpass)?;
        let key = running.add("asked", &["-t", "ed25519"], &["-q", "-c"])?;
        let signed = block_on(async { Agent::connect(&running.socket).await?.sign(&key, "ssh-ed25519", b"").await })?;
        assert!(if allowed { signed.is_ok() } else { matches!(signed, Err(AgentError::Refused)) }, "{signed:?}");
    }
    Ok(())
}

fn an_agent_that_ended_is_an_error(peers: &Peers) -> Result<(), Failed> {
    let Running { process, socket, directory, .. } = Running::start(peers, "/bin/false")?;
    block_on(async {
        let agent = Agent::connect(&socket).await?.with_limits(Duration::from_secs(5), Duration::from_secs(5));
        drop(process);
        assert!(matches!(agent.identities().await, Err(AgentError::Unreachable { .. })));
        Ok::<_, AgentError>(())
    })??;
    drop(directory);
    Ok(())
}

fn default_identities_are_those_of_the_agent_first(peers: &Peers) -> Result<(), Failed> {
    let running = Running::start(peers, "/bin/false")?;
    let home = running.directory.path();
    std::fs::create_dir(home.join(".ssh"))?;
    let rsa = running.add(".ssh/id_rsa", &["-t", "rsa", "-b", "2048"], &["-q"])?;
    let ecdsa = running.add(".ssh/id_ecdsa", &["-t", "ecdsa"], &["-q"])?;
    let ed25519 = public(&make_key(peers, home, ".ssh/id_ed25519", &["-t", "ed25519"])?)?;
    let found = block_on(async {
        let agent = Agent::connect(&running.socket).await?;
        Ok::<_, AgentError>(DefaultIdentities::find(home, Some(&agent)).await)
    })??;
    let keys: Vec<_> = found.identities.iter().map(Identity::public).collect();
    assert_eq!((keys, found.problems.len()), (vec![&rsa, &ecdsa, &ed25519], 0));
    assert_eq!(found.identities[0].algorithms(), ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]);
    for (identity, algorithm) in [(&found.identities[0], "rsa-sha2-512"), (&found.identities[2], "ssh-ed25519")] {
        let signature = block_on(identity.sign(algorithm, b"data"))??;
        verify(identity.public(), algorithm, b"data", &signature);
    }
    Ok(())
}
