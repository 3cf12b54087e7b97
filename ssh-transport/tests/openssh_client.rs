//! OpenSSH's client against our server.

mod support;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command};
use std::sync::atomic::Ordering;
use std::time::Duration;

use peers::{Child, Failed, LIMIT, Peers, TempDir, trial, wait_until};
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::crypto::{CryptoProvider, KexRoles};
use ssh_transport::server::Policy;
use support::handler::{Running, server_policy};
use support::pattern::{CHUNK, Pattern};
use support::{Kind, LONG, USER, block_on, ensure, equal, select, user_key_for, vector_key};

fn main() -> std::process::ExitCode {
    let mut trials = support::algorithm_trials("ssh", algorithm);
    for cipher in Kind::Cipher.names() {
        trials.push(trial(&format!("bulk_64_mib::{cipher}"), &["ssh"], move |peers| bulk(peers, cipher, 1, 0)));
    }
    trials.extend([
        trial("bulk_1_gib_across_rekeys", &["ssh"], |peers| bulk(peers, "aes128-ctr", 16, 3)),
        trial("compressed_64_mib_across_rekeys", &["ssh"], compressed),
        trial("programs_end_by_status_signal_or_refusal", &["ssh"], programs_end),
        trial("streams_are_kept_apart", &["ssh"], streams_are_kept_apart),
        trial("shell", &["ssh"], shell),
        trial("terminals_and_variables", &["ssh"], terminals_and_variables),
        trial("the_banner_is_shown", &["ssh"], the_banner_is_shown),
        trial("a_wrong_key_is_refused", &["ssh"], a_wrong_key_is_refused),
        trial("too_many_tries_end_the_connection", &["ssh"], too_many_tries),
        trial("fifty_sessions_on_one_connection", &["ssh"], fifty_sessions),
        trial("both_sides_rekey_all_the_time", &["ssh"], both_sides_rekey_all_the_time),
        trial("groups_of_the_servers_choice", &["ssh"], groups_of_the_servers_choice),
        trial("both_sides_ask_for_signs_of_life", &["ssh"], both_sides_ask_for_signs_of_life),
        trial("a_client_that_is_killed_ends_its_programs", &["ssh"], a_killed_client),
        trial("shutdown_ends_what_runs", &["ssh"], shutdown_ends_what_runs),
        trial("forwarding_is_refused", &["ssh"], forwarding_is_refused),
        trial("hosts_are_scanned", &["ssh-keyscan"], hosts_are_scanned),
    ]);
    peers::run(trials)
}

/// A server of ours, and what a client needs to reach it.
struct Setup<'a> {
    peers: &'a Peers,
    server: Running,
    directory: TempDir,
    key: PathBuf,
}

impl<'a> Setup<'a> {
    async fn new(peers: &'a Peers, policy: Policy) -> Result<Self, Failed> {
        let directory = peers::temp_dir()?;
        let key = vector_key(directory.path(), "ed25519")?;
        Ok(Self { peers, server: Running::start(policy).await?, directory, key })
    }

    /// Connects with the usual key, and nothing of the machine's own configuration. The command is still to come.
    fn ssh(&self, options: &[&str]) -> Command {
        self.ssh_with(&self.key, options)
    }

    fn ssh_with(&self, key: &Path, options: &[&str]) -> Command {
        let mut command = self.peers.command("ssh");
        command.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=VERBOSE"]);
        command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i"]).arg(key);
        command.args(["-p", &self.server.address.port().to_string(), "-l", USER]).args(options);
        command.arg(self.server.address.ip().to_string());
        command
    }

    /// Waits until so many programs run.
    fn wait_for_programs(&self, programs: usize) -> Result<(), Failed> {
        let running = || self.server.programs.load(Ordering::SeqCst);
        ensure(wait_until(LIMIT, || running() == programs), || format!("{} programs instead of {programs}", running()))
    }
}

/// A command with its output and exit status, and a subsystem, by one algorithm.
fn algorithm(peers: &Peers, kind: Kind, name: &'static str) -> Result<(), Failed> {
    if kind == Kind::Kex && PROVIDER.key_exchanges().iter().any(|row| row.name == name && row.roles != KexRoles::Both) {
        return not_offered(peers, name);
    }
    let mut policy = server_policy();
    select(&mut policy.config.algorithms, kind, name);
    block_on(async {
        let mut setup = Setup::new(peers, policy).await?;
        if kind == Kind::UserKey {
            setup.key = vector_key(setup.directory.path(), user_key_for(name))?;
        }
        let option = format!("{}={name}", kind.option());
        let mut options = vec!["-o", option.as_str()];
        if kind == Kind::Mac {
            options.extend(["-o", "Ciphers=aes128-ctr"]);
        }
        equal(Child::spawn(setup.ssh(&options).arg("stdout hello"))?.succeed(LIMIT)?, b"hello".to_vec())?;
        equal(Child::spawn(setup.ssh(&options).arg("status 7"))?.wait(LIMIT)?.code(), Some(7))?;
        let (mut child, mut stdin) = Child::spawn_with_input(setup.ssh(&options).args(["-s", "echo"]))?;
        stdin.write_all(b"there and back")?;
        drop(stdin);
        equal(child.succeed(LIMIT)?, b"there and back".to_vec())?;
        setup.server.stop().await
    })
}

/// A key exchange method for clients alone, which a server does not have even with everything on.
fn not_offered(peers: &Peers, kex: &'static str) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, server_policy()).await?;
        let option = format!("KexAlgorithms={kex}");
        let mut child = Child::spawn(setup.ssh(&["-o", &option]).arg("status 0"))?;
        equal(child.wait(LIMIT)?.code(), Some(255))?;
        ensure(child.stderr().contains("no matching key exchange method found"), || child.stderr())?;
        setup.server.stop().await
    })
}

/// Writes the pattern into a program.
fn feed(mut stdin: ChildStdin, length: u64) -> Result<(), Failed> {
    let mut pattern = Pattern::default();
    let mut left = length;
    while left > 0 {
        let written = stdin.write(pattern.next(left))?;
        pattern.skip(written);
        left -= written as u64;
    }
    Ok(())
}

/// Reads the pattern from a program.
fn drain(mut stdout: ChildStdout, length: u64) -> Result<(), Failed> {
    let mut pattern = Pattern::default();
    let mut buffer = vec![0; 128 * 1024];
    let mut total = 0;
    loop {
        let read = stdout.read(&mut buffer)?;
        if read == 0 {
            return equal(total, length);
        }
        ensure(pattern.accept(&buffer[..read]), || format!("other bytes than expected after {total}"))?;
        total += read as u64;
    }
}

/// How often keys came into use, as the client's debug log tells.
fn key_exchanges(child: &Child) -> usize {
    child.stderr().matches("SSH2_MSG_NEWKEYS received").count()
}

/// Many megabytes each way, one after the other, of which every byte is compared.
fn bulk(peers: &Peers, cipher: &'static str, chunks: u64, rekeys: usize) -> Result<(), Failed> {
    let mut policy = server_policy();
    let mut options = vec!["-c", cipher];
    if rekeys > 0 {
        policy.config.limits.rekey_bytes = 250_000_000;
        options.extend(["-v", "-o", "RekeyLimit=400M"]);
    }
    let length = chunks * CHUNK;
    block_on(async {
        let setup = Setup::new(peers, policy).await?;
        let mut produce = setup.ssh(&options);
        let (mut down, _stdin, stdout) = Child::spawn_with_pipes(produce.arg(format!("produce {length}")))?;
        drain(stdout, length).map_err(|failed| down.failed(&format!("{failed:?}")))?;
        down.succeed(LIMIT)?;

        let mut consume = setup.ssh(&options);
        let (mut up, stdin, mut stdout) = Child::spawn_with_pipes(consume.arg(format!("consume {length}")))?;
        feed(stdin, length).map_err(|failed| up.failed(&format!("{failed:?}")))?;
        let mut said = String::new();
        stdout.read_to_string(&mut said)?;
        equal(said.as_str(), "same\n")?;
        up.succeed(LIMIT)?;
        for child in [&down, &up] {
            ensure(key_exchanges(child) > rekeys || rekeys == 0, || child.stderr())?;
        }
        setup.server.stop().await
    })
}

/// `ssh -C`: what does not compress, many megabytes each way across key exchanges, and what does.
fn compressed(peers: &Peers) -> Result<(), Failed> {
    let mut policy = server_policy();
    policy.config.limits.rekey_bytes = 5_000_000;
    policy.config.algorithms.select_compression("none,zlib@openssh.com").expect("this build has it");
    block_on(async {
        let setup = Setup::new(peers, policy).await?;
        let mut command = setup.ssh(&["-C", "-v", "-o", "RekeyLimit=10M"]);
        let (mut child, stdin, stdout) = Child::spawn_with_pipes(command.arg("echo"))?;
        let feeding = std::thread::spawn(move || feed(stdin, CHUNK));
        drain(stdout, CHUNK).map_err(|failed| child.failed(&format!("{failed:?}")))?;
        feeding.join().map_err(|_panic| "feeding panicked")??;
        child.succeed(LONG)?;
        let exchanges = key_exchanges(&child);
        ensure(exchanges > 10, || format!("only {exchanges} exchanges of keys"))?;
        ensure(child.stderr().contains("compression: zlib@openssh.com"), || child.stderr())?;

        let mut command = setup.ssh(&["-C", "-v"]);
        let (mut child, mut stdin) = Child::spawn_with_input(command.arg("echo"))?;
        let text = b"the quick brown fox jumps over the lazy dog, ".repeat(100_000);
        stdin.write_all(&text)?;
        drop(stdin);
        ensure(child.succeed(LIMIT)? == text, || "other bytes than were sent".to_owned())?;
        // "compress outgoing: raw data 4537211, compressed 38411, factor 0.01", and so on for incoming.
        let log = child.stderr();
        for direction in ["outgoing", "incoming"] {
            let line = log.lines().find(|line| line.contains(&format!("compress {direction}: raw data")));
            let factor: f64 = line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).ok_or_else(|| log.clone())?;
            ensure(!(0.1..=10.0).contains(&factor), || log.clone())?;
        }
        setup.server.stop().await
    })
}

fn programs_end(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, server_policy()).await?;
        for status in [0, 1, 255] {
            let mut child = Child::spawn(setup.ssh(&[]).arg(format!("status {status}")))?;
            equal(child.wait(LIMIT)?.code(), Some(status))?;
        }
        equal(Child::spawn(setup.ssh(&[]).arg("signal"))?.wait(LIMIT)?.code(), Some(255))?;
        let mut child = Child::spawn(setup.ssh(&[]).arg("no such command"))?;
        equal(child.wait(LIMIT)?.code(), Some(255))?;
        ensure(child.stderr().contains("exec request failed on channel 0"), || child.stderr())?;
        let mut child = Child::spawn(setup.ssh(&["-s"]).arg("no-such-subsystem"))?;
        equal(child.wait(LIMIT)?.code(), Some(255))?;
        ensure(child.stderr().contains("subsystem request failed on channel 0"), || child.stderr())?;
        setup.server.stop().await
    })
}

fn streams_are_kept_apart(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, server_policy()).await?;
        let mut child = Child::spawn(setup.ssh(&["-q"]).arg("stderr oops"))?;
        child.wait(LIMIT)?;
        equal((child.stdout(), child.stderr().as_str()), (Vec::new(), "oops"))?;
        let length = 5_000_000;
        let mut child = Child::spawn(setup.ssh(&["-q"]).arg(format!("both {length}")))?;
        ensure(child.succeed(LONG)? == Pattern::file(length), || "the output is another".to_owned())?;
        // As text, because that is how it is kept: the pattern is not UTF-8.
        let expected = String::from_utf8_lossy(&Pattern::file(length)).into_owned();
        ensure(child.stderr() == expected, || "the error stream is another".to_owned())?;
        setup.server.stop().await
    })
}

fn shell(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, server_policy()).await?;
        let (mut child, mut stdin) = Child::spawn_with_input(&mut setup.ssh(&["-T"]))?;
        stdin.write_all(b"line by line\n")?;
        child.wait_for("line by line", LIMIT)?;
        stdin.write_all(b"and back\n")?;
        drop(stdin);
        equal(child.succeed(LIMIT)?, b"line by line\nand back\n".to_vec())?;
        setup.server.stop().await
    })
}

fn terminals_and_variables(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, server_policy()).await?;
        let mut command = setup.ssh(&["-tt", "-o", "SetEnv=LC_TEST=there", "-o", "SendEnv=LANG"]);
        let said = Child::spawn(command.arg("about").env("TERM", "vt100").env("LANG", "C"))?.succeed(LIMIT)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let parts = ["term: \"vt100\"", "(\"LC_TEST\", \"there\")", "(\"LANG\", \"C\")"];
        ensure(parts.iter().all(|part| said.contains(part)), || said)?;
        let said = Child::spawn(setup.ssh(&["-T"]).arg("about"))?.succeed(LIMIT)?;
        equal(String::from_utf8_lossy(&said).into_owned().as_str(), "None []\n")?;
        setup.server.stop().await
    })
}

fn the_banner_is_shown(peers: &Peers) -> Result<(), Failed> {
    let mut policy = server_policy();
    policy.config.banner = Some("Mind the gap\r\n".to_owned());
    block_on(async {
        let setup = Setup::new(peers, policy).await?;
        let mut child = Child::spawn(setup.ssh(&[]).arg("status 0"))?;
        child.succeed(LIMIT)?;
        ensure(child.stderr().contains("Mind the gap"), || child.stderr())?;
        setup.server.stop().await
    })
}

fn a_wrong_key_is_refused(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, server_policy()).await?;
        let wrong = setup.directory.path().join("wrong");
        new_key(&wrong)?;
        let mut child = Child::spawn(setup.ssh_with(&wrong, &[]).arg("status 0"))?;
        equal(child.wait(LIMIT)?.code(), Some(255))?;
        ensure(child.stderr().contains("Permission denied (publickey)."), || child.stderr())?;
        setup.server.stop().await
    })
}

/// Puts a key that nobody knows into a file.
fn new_key(path: &Path) -> Result<(), Failed> {
    let key = ssh_proto::keys::PrivateKey::generate_ed25519(&mut ssh_transport::rng::os_rng()?);
    ssh_transport::identity::write_key_pair(path, &key, "nobody", None)?;
    Ok(())
}

fn too_many_tries(peers: &Peers) -> Result<(), Failed> {
    let mut policy = server_policy();
    policy.config.tries = 3;
    block_on(async {
        let setup = Setup::new(peers, policy).await?;
        let keys: Vec<PathBuf> = (0..4).map(|number| setup.directory.path().join(format!("key{number}"))).collect();
        let mut command = setup.ssh_with(&keys[0], &[]);
        for key in &keys {
            new_key(key)?;
            command.arg("-i").arg(key);
        }
        let mut child = Child::spawn(command.arg("status 0"))?;
        equal(child.wait(LIMIT)?.code(), Some(255))?;
        // As RFC 4250 §4.2.2 numbers the reason: NO_MORE_AUTH_METHODS_AVAILABLE, with the words of ours.
        ensure(child.stderr().contains("Received disconnect from 127.0.0.1"), || child.stderr())?;
        setup.server.stop().await
    })
}

fn fifty_sessions(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, server_policy()).await?;
        let socket = setup.directory.path().join("master");
        let through = format!("ControlPath={}", socket.display());
        let mut master = Child::spawn(&mut setup.ssh(&["-N", "-o", "ControlMaster=yes", "-o", &through]))?;
        ensure(wait_until(LIMIT, || socket.exists()), || master.stderr())?;
        let mut sessions = Vec::new();
        for session in 0..50_u64 {
            let (child, mut stdin) = Child::spawn_with_input(setup.ssh(&["-o", &through]).arg("echo"))?;
            stdin.write_all(&Pattern::file(session * 977))?;
            sessions.push((child, stdin, session));
        }
        // All of them at once, and each with its own bytes.
        setup.wait_for_programs(50)?;
        for (mut child, mut stdin, session) in sessions {
            stdin.write_all(&session.to_be_bytes())?;
            drop(stdin);
            let expected = [&Pattern::file(session * 977)[..], &session.to_be_bytes()].concat();
            ensure(child.succeed(LIMIT)? == expected, || format!("session {session} got other bytes"))?;
        }
        setup.wait_for_programs(0)?;
        Child::spawn(setup.ssh(&["-o", &through]).args(["-O", "exit"]))?.succeed(LIMIT)?;
        master.wait(LIMIT)?;
        setup.server.stop().await
    })
}

/// Every megabyte the client, every three ours, in the middle of data in both directions.
fn both_sides_rekey_all_the_time(peers: &Peers) -> Result<(), Failed> {
    for cipher in ["aes128-ctr", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-cbc"] {
        let mut policy = server_policy();
        policy.config.limits.rekey_bytes = 3_000_000;
        block_on(async {
            let setup = Setup::new(peers, policy).await?;
            let length = 20_000_000;
            let mut command = setup.ssh(&["-v", "-c", cipher, "-o", "RekeyLimit=1M"]);
            let (mut child, stdin, stdout) = Child::spawn_with_pipes(command.arg("echo"))?;
            let feeding = std::thread::spawn(move || feed(stdin, length));
            drain(stdout, length).map_err(|failed| child.failed(&format!("{cipher}: {failed:?}")))?;
            feeding.join().map_err(|_panic| "feeding panicked")??;
            child.succeed(LIMIT)?;
            let exchanges = key_exchanges(&child);
            ensure(exchanges > 20, || format!("only {exchanges} exchanges of keys"))?;
            setup.server.stop().await
        })?;
    }
    Ok(())
}

/// RFC 4419, for the first keys and for all that follow, which either side asks for: the sizes that a client wants go by
/// its cipher.
fn groups_of_the_servers_choice(peers: &Peers) -> Result<(), Failed> {
    for (cipher, sizes) in [("aes128-gcm@openssh.com", "2048<3072<8192"), ("aes256-gcm@openssh.com", "2048<8192<8192")]
    {
        let mut policy = server_policy();
        policy.config.limits.rekey_bytes = 3_000_000;
        block_on(async {
            let setup = Setup::new(peers, policy).await?;
            let kex = "KexAlgorithms=diffie-hellman-group-exchange-sha256";
            let length = 6_000_000;
            let mut command = setup.ssh(&["-v", "-c", cipher, "-o", kex, "-o", "RekeyLimit=2M"]);
            let (mut child, stdin, stdout) = Child::spawn_with_pipes(command.arg("echo"))?;
            let feeding = std::thread::spawn(move || feed(stdin, length));
            drain(stdout, length).map_err(|failed| child.failed(&format!("{cipher}: {failed:?}")))?;
            feeding.join().map_err(|_panic| "feeding panicked")??;
            child.succeed(LIMIT)?;
            let exchanges = key_exchanges(&child);
            ensure(exchanges > 3, || format!("only {exchanges} exchanges of keys"))?;
            let asked = |sizes: &str| child.stderr().matches(&format!("SSH2_MSG_KEX_DH_GEX_REQUEST({sizes}")).count();
            // The end of the connection may come in the middle of one more exchange.
            ensure((exchanges..=exchanges + 1).contains(&asked("")), || child.stderr())?;
            equal(asked(&format!("{sizes}) sent")), asked(""))?;
            setup.server.stop().await
        })?;
    }
    Ok(())
}

/// More questions than may stay without an answer, while a program says nothing.
fn both_sides_ask_for_signs_of_life(peers: &Peers) -> Result<(), Failed> {
    let mut policy = server_policy();
    policy.config.limits.keepalive_interval = Some(Duration::from_millis(300));
    policy.config.limits.keepalive_tries = 1;
    block_on(async {
        let setup = Setup::new(peers, policy).await?;
        let options = ["-vv", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1"];
        let (mut child, mut stdin) = Child::spawn_with_input(setup.ssh(&options).arg("echo"))?;
        let questions = |child: &Child| child.stderr().matches("keepalive@openssh.com").count();
        ensure(wait_until(LIMIT, || questions(&child) >= 10), || child.stderr())?;
        stdin.write_all(b"alive")?;
        drop(stdin);
        equal(child.succeed(LIMIT)?, b"alive".to_vec())?;
        setup.server.stop().await
    })
}

fn a_killed_client(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, server_policy()).await?;
        let (child, _stdin) = Child::spawn_with_input(setup.ssh(&[]).arg("hang"))?;
        setup.wait_for_programs(1)?;
        drop(child);
        setup.wait_for_programs(0)?;
        setup.server.stop().await
    })
}

fn shutdown_ends_what_runs(peers: &Peers) -> Result<(), Failed> {
    let mut policy = server_policy();
    policy.shutdown_grace = Duration::from_millis(100);
    block_on(async {
        let setup = Setup::new(peers, policy).await?;
        let (mut child, _stdin) = Child::spawn_with_input(setup.ssh(&[]).arg("hang"))?;
        setup.wait_for_programs(1)?;
        let programs = setup.server.programs.clone();
        setup.server.stop().await?;
        equal(child.wait(LIMIT)?.code(), Some(255))?;
        ensure(child.stderr().contains("Received disconnect from 127.0.0.1"), || child.stderr())?;
        ensure(wait_until(LIMIT, || programs.load(Ordering::SeqCst) == 0), || "the program still runs".to_owned())
    })
}

fn forwarding_is_refused(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, server_policy()).await?;
        let mut child = Child::spawn(setup.ssh(&["-W", "127.0.0.1:1"]).args(["-o", "ExitOnForwardFailure=yes"]))?;
        equal(child.wait(LIMIT)?.code(), Some(255))?;
        ensure(child.stderr().contains("administratively prohibited"), || child.stderr())?;
        let options = ["-N", "-R", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes"];
        let mut child = Child::spawn(&mut setup.ssh(&options))?;
        equal(child.wait(LIMIT)?.code(), Some(255))?;
        ensure(child.stderr().contains("remote port forwarding failed"), || child.stderr())?;
        setup.server.stop().await
    })
}

/// The scanner asks for one type after the other, and leaves in the middle of the key exchange.
fn hosts_are_scanned(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let server = Running::start(server_policy()).await?;
        let port = server.address.port().to_string();
        let mut child = Child::spawn(peers.command("ssh-keyscan").args(["-p", &port, "127.0.0.1"]))?;
        let found = String::from_utf8_lossy(&child.succeed(LIMIT)?).into_owned();
        // Of the curves it asks for one.
        for name in ["ed25519", "rsa3072", "ecdsa"] {
            let key = support::public(name).to_openssh_line("");
            ensure(found.contains(key.trim()), || found.clone())?;
        }
        server.stop().await
    })
}
