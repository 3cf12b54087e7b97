//! Our client against OpenSSH's server.

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use peers::{Child, Failed, LIMIT, Peers, trial};
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::{ChannelRequest, FirstChoices, KexGuess, Outcome, PtyRequest, WindowSize};
use ssh_transport::agent::Agent;
use ssh_transport::client::{ConnectError, HostKeys, NewHosts, Policy, ProgramError};
use ssh_transport::identity::Identity;
use ssh_transport::known_hosts::KnownHosts;
use ssh_transport::{Client, Exit};
use support::pattern::{self, CHUNK};
use support::sshd::Sshd;
use support::{Kind, block_on, ensure, equal, host_key_for, identity, new_identity, select, user_key_for, vector_key};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

fn main() -> std::process::ExitCode {
    let mut trials = support::algorithm_trials("sshd", algorithm);
    for cipher in Kind::Cipher.names() {
        trials.push(trial(&format!("bulk_64_mib::{cipher}"), &["sshd"], move |peers| bulk(peers, cipher, 1, 0)));
    }
    trials.extend([
        trial("bulk_1_gib_across_rekeys", &["sshd"], |peers| bulk(peers, "aes128-ctr", 16, 3)),
        trial("compressed_64_mib_across_rekeys", &["sshd"], compressed),
        trial("keys_in_files", &["sshd"], keys_in_files),
        trial("keys_in_an_agent", &["sshd", "ssh-agent", "ssh-add"], keys_in_an_agent),
        trial("a_wrong_key_is_denied", &["sshd"], a_wrong_key_is_denied),
        trial("too_many_keys_are_cut_off", &["sshd"], too_many_keys_are_cut_off),
        trial("host_keys_are_checked", &["sshd"], host_keys_are_checked),
        trial("known_hosts_are_shared_with_openssh", &["sshd", "ssh", "ssh-keygen"], known_hosts_are_shared),
        trial("the_known_type_of_host_key_is_asked_for", &["sshd"], the_known_type_is_asked_for),
        trial("the_banner_is_logged", &["sshd"], the_banner_is_logged),
        trial("programs_end_by_status_signal_or_refusal", &["sshd"], programs_end),
        trial("terminals_and_variables", &["sshd"], terminals_and_variables),
        trial("shell", &["sshd"], shell),
        trial("fifty_sessions_at_once", &["sshd"], fifty_sessions_at_once),
        trial("stalled_channels_stop_nobody", &["sshd"], stalled_channels_stop_nobody),
        trial("both_sides_rekey_all_the_time", &["sshd"], both_sides_rekey_all_the_time),
        trial("rekey_on_request_while_idle", &["sshd"], rekey_on_request),
        trial("groups_of_the_servers_choice", &["sshd"], groups_of_the_servers_choice),
        trial("guesses_right_and_wrong", &["sshd"], guesses_right_and_wrong),
        trial("both_sides_ask_for_signs_of_life", &["sshd"], both_sides_ask_for_signs_of_life),
        trial("the_server_dies", &["sshd"], the_server_dies),
        trial("a_dropped_client_logs_out", &["sshd"], a_dropped_client_logs_out),
    ]);
    peers::run(trials)
}

/// A login, a command with its output and exit status, and a subsystem, by one algorithm.
fn algorithm(peers: &Peers, kind: Kind, name: &'static str) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let mut policy = sshd.policy();
        select(&mut policy.config.algorithms, kind, name);
        if kind == Kind::HostKey {
            policy.host_keys = HostKeys::Pinned(support::public(host_key_for(name)));
        }
        if kind == Kind::UserKey {
            policy.identities = vec![identity(user_key_for(name))];
        }
        let client = sshd.connect(&policy).await?;
        let negotiated = format!("{:?}", client.negotiated());
        ensure(kind == Kind::UserKey || negotiated.contains(name), || negotiated)?;
        let output = client.output("echo hello; echo oops >&2; exit 7").await?;
        equal((&output.stdout[..], &output.stderr[..]), (b"hello\n", b"oops\n"))?;
        equal(output.exit, Some(Exit::Status(7)))?;
        echo(&client).await
    })
}

/// A subsystem that copies.
async fn echo(client: &Client) -> Result<(), Failed> {
    let mut echo = client.subsystem("echo").await?;
    echo.write_all(b"there and back").await?;
    echo.shutdown().await?;
    let mut back = String::new();
    echo.read_to_string(&mut back).await?;
    equal(back.as_str(), "there and back")
}

/// How often keys came into use, as the server's debug log tells.
fn key_exchanges(sshd: &Sshd) -> usize {
    sshd.child.stderr().matches("SSH2_MSG_NEWKEYS received").count()
}

/// Many megabytes each way, one after the other, of which every byte is compared.
fn bulk(peers: &Peers, cipher: &'static str, chunks: u64, rekeys: usize) -> Result<(), Failed> {
    let options = if rekeys > 0 { "RekeyLimit 400M\nLogLevel DEBUG1" } else { "" };
    let sshd = Sshd::start(peers, options)?;
    let file = sshd.file("pattern", &pattern::Pattern::file(CHUNK))?;
    block_on(async {
        let mut policy = sshd.policy();
        select(&mut policy.config.algorithms, Kind::Cipher, cipher);
        if rekeys > 0 {
            policy.config.limits.rekey_bytes = 250_000_000;
        }
        let client = sshd.connect(&policy).await?;
        let before = key_exchanges(&sshd);
        let times = format!("for i in $(seq {chunks})");
        let mut down = client.exec(&format!("{times}; do cat {}; done", file.display())).await?;
        pattern::read(&mut down, chunks * CHUNK).await?;
        equal(down.exit().await, Some(Exit::Status(0)))?;
        let half = key_exchanges(&sshd);
        ensure(half - before >= rekeys, || format!("{before} key exchanges, then {half}"))?;

        let compare = format!("{times}; do head -c {CHUNK} | cmp - {} || exit 1; done; echo same", file.display());
        let mut up = client.exec(&compare).await?;
        pattern::write(&mut up, chunks * CHUNK).await?;
        up.shutdown().await?;
        let mut said = String::new();
        up.read_to_string(&mut said).await?;
        equal(said.as_str(), "same\n")?;
        let after = key_exchanges(&sshd);
        ensure(after - half >= rekeys, || format!("{half} key exchanges, then {after}"))
    })
}

/// What does not compress, many megabytes each way across key exchanges, and what does.
fn compressed(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "Compression yes\nRekeyLimit 10M\nLogLevel DEBUG1")?;
    block_on(async {
        let mut policy = sshd.policy();
        policy.config.algorithms.select_compression("zlib@openssh.com,none")?;
        policy.config.limits.rekey_bytes = 5_000_000;
        let client = sshd.connect(&policy).await?;
        let agreed = client.negotiated().ok_or("nothing was negotiated")?;
        let ways = [&agreed.client_to_server, &agreed.server_to_client].map(|way| way.compression);
        equal(ways, [Some("zlib@openssh.com"); 2])?;
        let before = key_exchanges(&sshd);
        there_and_back(&client, CHUNK).await?;
        let rekeys = key_exchanges(&sshd) - before;
        ensure(rekeys >= 10, || format!("only {rekeys} exchanges of keys"))?;
        let zeros = client.output("head -c 20000000 /dev/zero").await?.stdout;
        ensure(zeros.len() == 20_000_000 && zeros.iter().all(|&byte| byte == 0), || "not the zeros".to_owned())?;
        echo(&client).await
    })
}

fn keys_in_files(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let passphrase = |_: &Path| Some(Zeroizing::new("correct horse".to_owned()));
        for name in [
            "ed25519",
            "ed25519-aes256-ctr",
            "rsa2048",
            "rsa2048-pkcs8-encrypted",
            "rsa3072-encrypted",
            "rsa4096",
            "ecdsa",
            "ecdsa384-encrypted",
            "ecdsa384-pem",
            "ecdsa521-pkcs8-encrypted",
            "ecdsa521-pem-aes128-cbc",
        ] {
            let mut policy = sshd.policy();
            policy.identities = vec![Identity::from_file(&vector_key(sshd.directory.path(), name)?, passphrase)?];
            equal(sshd.connect(&policy).await?.output("echo hello").await?.stdout, b"hello\n".to_vec())?;
        }
        Ok(())
    })
}

fn keys_in_an_agent(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    let socket = sshd.directory.path().join("agent");
    let mut agent = Child::spawn(peers.command("ssh-agent").arg("-D").arg("-a").arg(&socket))?;
    agent.wait_for("SSH_AUTH_SOCK", LIMIT)?;
    for name in ["ed25519", "rsa2048", "ecdsa", "ecdsa384", "ecdsa521"] {
        let key = vector_key(sshd.directory.path(), name)?;
        Child::spawn(peers.command("ssh-add").arg(key).env("SSH_AUTH_SOCK", &socket))?.succeed(LIMIT)?;
    }
    block_on(async {
        let identities = Identity::from_agent(&Agent::connect(&socket).await?).await?;
        equal(identities.len(), 5)?;
        for (key, algorithm) in [
            (0, "ssh-ed25519"),
            (1, "rsa-sha2-512"),
            (1, "rsa-sha2-256"),
            (1, "ssh-rsa"),
            (2, "ecdsa-sha2-nistp256"),
            (3, "ecdsa-sha2-nistp384"),
            (4, "ecdsa-sha2-nistp521"),
        ] {
            let mut policy = sshd.policy();
            policy.identities = vec![identities[key].clone()];
            select(&mut policy.config.algorithms, Kind::UserKey, algorithm);
            equal(sshd.connect(&policy).await?.output("echo hello").await?.stdout, b"hello\n".to_vec())?;
        }
        Ok(())
    })
}

/// The error of a login that has to fail.
async fn refused(sshd: &Sshd, policy: &Policy) -> Result<ConnectError, Failed> {
    match Client::connect("127.0.0.1", sshd.port, policy).await {
        Ok(_client) => Err(sshd.child.failed("let us in")),
        Err(error) => Ok(error),
    }
}

fn a_wrong_key_is_denied(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let mut policy = sshd.policy();
        policy.identities = vec![new_identity()?];
        let wrong = policy.identities[0].public().fingerprint().to_string();
        match refused(&sshd, &policy).await? {
            ConnectError::Denied { user, methods, tried, .. } => {
                equal((user, methods, tried), (sshd.user.clone(), vec!["publickey".to_owned()], vec![wrong]))?;
            }
            other => return Err(format!("another error: {other}").into()),
        }
        // A server that takes no key of ours is asked what it takes.
        policy.identities.clear();
        let error = refused(&sshd, &policy).await?.to_string();
        ensure(error.contains("no key to try; the server takes publickey"), || error)
    })
}

fn too_many_keys_are_cut_off(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "MaxAuthTries 3")?;
    block_on(async {
        let mut policy = sshd.policy();
        policy.identities = std::iter::repeat_with(new_identity).take(5).collect::<Result<_, _>>()?;
        let error = refused(&sshd, &policy).await?.to_string();
        ensure(error.contains("Too many authentication failures"), || error)
    })
}

fn known(file: &Path, new: NewHosts) -> Result<HostKeys, Failed> {
    Ok(HostKeys::Known { known: KnownHosts::load([file])?, new })
}

fn host_keys_are_checked(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    let file = sshd.directory.path().join("known_hosts");
    block_on(async {
        let mut policy = sshd.policy();
        policy.host_keys = HostKeys::Pinned(support::public("rsa2048"));
        let error = refused(&sshd, &policy).await?;
        ensure(matches!(error, ConnectError::NotThePinnedKey { .. }), || error.to_string())?;
        policy.host_keys = known(&file, NewHosts::Refuse)?;
        let error = refused(&sshd, &policy).await?;
        ensure(matches!(error, ConnectError::UnknownHost { .. }), || error.to_string())?;
        ensure(!file.exists(), || "a refused key was written".to_owned())?;
        policy.host_keys = known(&file, NewHosts::Remember(file.clone()))?;
        sshd.connect(&policy).await?;
        policy.host_keys = known(&file, NewHosts::Refuse)?;
        sshd.connect(&policy).await?;
        // Another key under the same name, of the type that the server has.
        let wrong = new_identity()?.public().to_openssh_line("");
        std::fs::write(&file, format!("[127.0.0.1]:{} {wrong}\n", sshd.port))?;
        for new in [NewHosts::Refuse, NewHosts::Accept, NewHosts::Remember(file.clone())] {
            policy.host_keys = known(&file, new)?;
            let error = refused(&sshd, &policy).await?;
            ensure(matches!(error, ConnectError::HostKeyChanged { .. }), || error.to_string())?;
        }
        let right = Sshd::host_key().to_openssh_line("");
        std::fs::write(&file, format!("@revoked * {right}\n[127.0.0.1]:{} {right}\n", sshd.port))?;
        policy.host_keys = known(&file, NewHosts::Remember(file.clone()))?;
        let error = refused(&sshd, &policy).await?;
        ensure(matches!(error, ConnectError::HostKeyRevoked { .. }), || error.to_string())
    })
}

/// What we write OpenSSH reads, and the other way round, hashed too.
fn known_hosts_are_shared(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    let key = vector_key(sshd.directory.path(), "ed25519")?;
    let (ours, theirs) = (sshd.directory.path().join("ours"), sshd.directory.path().join("theirs"));
    let ssh = |file: &Path, strict: &str, hash: &str| -> Result<(), Failed> {
        let mut command = peers.command("ssh");
        command.args(["-F", "none", "-o", "BatchMode=yes", "-p", &sshd.port.to_string(), "-i"]).arg(&key);
        command.arg("-o").arg(format!("UserKnownHostsFile={}", file.display()));
        command.args(["-o", strict, "-o", hash, "-o", "UpdateHostKeys=no", "127.0.0.1", "true"]);
        Child::spawn(&mut command)?.succeed(LIMIT).map(drop)
    };
    block_on(async {
        let mut policy = sshd.policy();
        policy.host_keys = known(&ours, NewHosts::Remember(ours.clone()))?;
        sshd.connect(&policy).await?;
        ssh(&ours, "StrictHostKeyChecking=yes", "HashKnownHosts=no")?;
        ssh(&theirs, "StrictHostKeyChecking=accept-new", "HashKnownHosts=yes")?;
        ensure(std::fs::read_to_string(&theirs)?.starts_with("|1|"), || "the name is not hashed".to_owned())?;
        policy.host_keys = known(&theirs, NewHosts::Refuse)?;
        sshd.connect(&policy).await?;
        Child::spawn(peers.command("ssh-keygen").arg("-H").arg("-f").arg(&ours))?.succeed(LIMIT)?;
        policy.host_keys = known(&ours, NewHosts::Refuse)?;
        sshd.connect(&policy).await.map(drop)
    })
}

/// A client that knows only the RSA key of a server asks for it, though it likes Ed25519 better.
fn the_known_type_is_asked_for(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    let file = sshd.directory.path().join("known_hosts");
    std::fs::write(&file, format!("[127.0.0.1]:{} {}", sshd.port, vectors::text("keys/rsa3072.pub")))?;
    block_on(async {
        let mut policy = sshd.policy();
        policy.host_keys = known(&file, NewHosts::Refuse)?;
        let client = sshd.connect(&policy).await?;
        equal(client.negotiated().map(|negotiated| negotiated.host_key), Some("rsa-sha2-512"))
    })
}

fn the_banner_is_logged(peers: &Peers) -> Result<(), Failed> {
    let directory = peers::temp_dir()?;
    let banner = directory.path().join("banner");
    std::fs::write(&banner, "Mind \x1b[31mthe\x07 gap\n")?;
    let sshd = Sshd::start(peers, &format!("Banner {}", banner.display()))?;
    let log = directory.path().join("log");
    let file = Arc::new(std::fs::File::create(&log)?);
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(file).finish();
    let _this_thread = tracing::subscriber::set_default(subscriber);
    block_on(async { sshd.connect(&sshd.policy()).await.map(drop) })?;
    let log = std::fs::read_to_string(log)?;
    ensure(log.contains("Mind ") && log.contains("gap") && !log.contains(['\x07', '\x1b']), || log)
}

fn programs_end(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        equal(client.output("exit 0").await?.exit, Some(Exit::Status(0)))?;
        equal(client.output("exit 255").await?.exit, Some(Exit::Status(255)))?;
        equal(client.output("kill -TERM $$").await?.exit, Some(Exit::Signal("TERM".into(), String::new())))?;
        match client.subsystem("no-such-subsystem").await {
            Err(ProgramError::Refused("subsystem")) => {}
            other => return Err(format!("{other:?}").into()),
        }
        // The connection has survived all of it.
        echo(&client).await
    })
}

fn terminals_and_variables(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        let mut channel = client.session().await?;
        let size = WindowSize { columns: 123, rows: 45, width: 0, height: 0 };
        let pty = ChannelRequest::Pty(PtyRequest { term: b"vt100", size, modes: &[0] });
        equal(channel.request(&pty).await?, Outcome::Success)?;
        let variable = |name| ChannelRequest::Env { name, value: b"from us" };
        equal(channel.request(&variable(b"LC_TEST")).await?, Outcome::Success)?;
        equal(channel.request(&variable(b"PATH")).await?, Outcome::Failure)?;
        let command = b"test -t 0 && echo $TERM $LC_TEST && stty size";
        equal(channel.request(&ChannelRequest::Exec { command }).await?, Outcome::Success)?;
        let mut said = String::new();
        channel.read_to_string(&mut said).await?;
        equal(said.as_str(), "vt100 from us\r\n45 123\r\n")
    })
}

fn shell(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        let mut shell = client.shell().await?;
        shell.write_all(b"echo $((6 * 7))\nexit 3\n").await?;
        let mut said = String::new();
        shell.read_to_string(&mut said).await?;
        equal((said.as_str(), shell.exit().await), ("42\n", Some(Exit::Status(3))))
    })
}

/// Each with its own amount of data, there and back.
fn fifty_sessions_at_once(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        let mut sessions = tokio::task::JoinSet::new();
        for session in 0..50 {
            let client = client.clone();
            sessions.spawn(async move { there_and_back(&client, 1 + session * session * 1009).await });
        }
        while let Some(session) = sessions.join_next().await {
            session??;
        }
        Ok(())
    })
}

async fn there_and_back(client: &Client, length: u64) -> Result<(), Failed> {
    let (mut read, mut write) = tokio::io::split(client.exec("cat").await?);
    let sent = async {
        pattern::write(&mut write, length).await?;
        write.shutdown().await?;
        Ok(())
    };
    tokio::try_join!(sent, pattern::read(&mut read, length)).map(drop)
}

/// One channel whose output nobody reads, and one whose program reads nothing.
fn stalled_channels_stop_nobody(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    let file = sshd.file("pattern", &pattern::Pattern::file(CHUNK))?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        let mut unread = client.exec(&format!("cat {}", file.display())).await?;
        let fifo = sshd.directory.path().join("fifo");
        Child::spawn(Command::new("mkfifo").arg(&fifo))?.succeed(LIMIT)?;
        // Reads nothing before somebody writes to the fifo.
        let command = format!("read line < {}; cmp - {} && echo same", fifo.display(), file.display());
        let (mut said, mut stuck) = tokio::io::split(client.exec(&command).await?);
        let writing = tokio::spawn(async move {
            pattern::write(&mut stuck, CHUNK).await?;
            stuck.shutdown().await
        });
        there_and_back(&client, 10_000_000).await?;
        ensure(!writing.is_finished(), || "64 MiB went into a window of 2".to_owned())?;
        pattern::read(&mut unread, CHUNK).await?;
        equal(client.output(&format!("echo go > {}", fifo.display())).await?.exit, Some(Exit::Status(0)))?;
        writing.await??;
        let mut same = String::new();
        said.read_to_string(&mut same).await?;
        equal(same.as_str(), "same\n")
    })
}

/// Every megabyte the server, every three ours, both in the middle of data in both directions.
fn both_sides_rekey_all_the_time(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "RekeyLimit 1M\nLogLevel DEBUG1")?;
    block_on(async {
        for kind in ["aes128-ctr", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-cbc"] {
            let mut policy = sshd.policy();
            select(&mut policy.config.algorithms, Kind::Cipher, kind);
            policy.config.limits.rekey_bytes = 3_000_000;
            let client = sshd.connect(&policy).await?;
            let before = key_exchanges(&sshd);
            let sessions = [(); 3].map(|()| there_and_back(&client, 8_000_000));
            let [a, b, c] = sessions;
            tokio::try_join!(a, b, c)?;
            let rekeys = key_exchanges(&sshd) - before;
            ensure(rekeys >= 20, || format!("only {rekeys} exchanges of keys"))?;
        }
        Ok(())
    })
}

fn rekey_on_request(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "LogLevel DEBUG1")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        for round in 0..5 {
            equal(key_exchanges(&sshd), 1 + round)?;
            client.rekey();
            echo(&client).await?;
        }
        Ok(())
    })
}

/// RFC 4419, for the first keys and for all that follow, which either side asks for.
fn groups_of_the_servers_choice(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "RekeyLimit 1M\nLogLevel DEBUG1")?;
    block_on(async {
        let mut policy = sshd.policy();
        select(&mut policy.config.algorithms, Kind::Kex, "diffie-hellman-group-exchange-sha256");
        policy.config.limits.rekey_bytes = 3_000_000;
        let client = sshd.connect(&policy).await?;
        there_and_back(&client, 8_000_000).await?;
        client.rekey();
        echo(&client).await?;
        let exchanges = key_exchanges(&sshd);
        ensure(exchanges >= 6, || format!("only {exchanges} exchanges of keys"))?;
        // The next exchange may have begun.
        let groups = sshd.child.stderr().matches("SSH2_MSG_KEX_DH_GEX_GROUP sent").count();
        ensure((exchanges..=exchanges + 1).contains(&groups), || format!("{groups} groups in {exchanges} exchanges"))
    })
}

/// RFC 4253 §7: sshd takes a right guess, and drops one that is wrong for its method or for its host key algorithm.
fn guesses_right_and_wrong(peers: &Peers) -> Result<(), Failed> {
    let lists =
        "KexAlgorithms curve25519-sha256,diffie-hellman-group14-sha256\nHostKeyAlgorithms ssh-ed25519,rsa-sha2-512";
    let sshd = Sshd::start(peers, &format!("{lists}\nLogLevel DEBUG2"))?;
    let right = "curve25519-sha256,diffie-hellman-group14-sha256";
    let cases = [
        (right, "ed25519", FirstChoices::Agree),
        ("diffie-hellman-group14-sha256,curve25519-sha256", "ed25519", FirstChoices::Differ),
        ("mlkem768x25519-sha256,curve25519-sha256", "ed25519", FirstChoices::Differ),
        (right, "rsa3072", FirstChoices::Differ),
    ];
    block_on(async {
        let mut wrong = 0;
        for (kex, host_key, first_choices) in cases {
            let mut policy = sshd.policy();
            policy.config.guess = KexGuess::Send;
            policy.config.algorithms.select_kex(&PROVIDER, kex)?;
            policy.host_keys = HostKeys::Pinned(support::public(host_key));
            let client = sshd.connect(&policy).await?;
            equal(client.negotiated().map(|agreed| agreed.first_choices), Some(first_choices))?;
            echo(&client).await?;
            client.rekey();
            echo(&client).await?;
            wrong += usize::from(first_choices == FirstChoices::Differ);
            equal(sshd.child.stderr().matches("skipped packet").count(), wrong)?;
        }
        Ok(())
    })
}

/// More questions than may stay without an answer, while a program says nothing.
fn both_sides_ask_for_signs_of_life(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "ClientAliveInterval 1\nClientAliveCountMax 1")?;
    block_on(async {
        let mut policy = sshd.policy();
        policy.config.limits.keepalive_interval = Some(std::time::Duration::from_millis(300));
        policy.config.limits.keepalive_tries = 1;
        let client = sshd.connect(&policy).await?;
        equal(client.output("sleep 4; echo alive").await?.stdout, b"alive\n".to_vec())
    })
}

fn the_server_dies(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        let mut waiting = client.exec("cat").await?;
        let killed = client.output("kill -9 $PPID").await;
        ensure(matches!(killed, Err(ProgramError::Ended(_))), || format!("{killed:?}"))?;
        let read = waiting.read(&mut [0; 10]).await;
        ensure(read.is_err(), || format!("{read:?}"))?;
        equal(waiting.exit().await, None)?;
        ensure(client.is_closed(), || "the client does not know".to_owned())?;
        let next = client.exec("true").await;
        ensure(matches!(next, Err(ProgramError::Ended(_))), || format!("{next:?}"))
    })
}

/// The server hears a good-bye, not just silence.
fn a_dropped_client_logs_out(peers: &Peers) -> Result<(), Failed> {
    let mut sshd = Sshd::start(peers, "")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        echo(&client).await?;
        drop(client);
        sshd.child.wait_for("Received disconnect from 127.0.0.1", LIMIT)
    })
}
