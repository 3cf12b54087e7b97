//! Certificates and lists of revoked keys, made by ssh-keygen, between us and OpenSSH in both roles.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use peers::{Child, Failed, LIMIT, Peers, trial};
use ssh_transport::agent::Agent;
use ssh_transport::authorized_keys::AuthorizedKeys;
use ssh_transport::client::{ConnectError, HostKeys, NewHosts, Policy};
use ssh_transport::identity::Identity;
use ssh_transport::known_hosts::KnownHosts;
use ssh_transport::server;
use ssh_transport::{Client, Exit};
use support::authority::{Authority, KEY_ID};
use support::handler::{Running, TestHandler, Trusted, host_keys, server_policy};
use support::sshd::Sshd;
use support::{USER, algorithms, block_on, client_policy, ensure, equal, identity, own_name, public};

fn main() -> std::process::ExitCode {
    let mut trials = vec![];
    for key in ["ed25519", "rsa2048", "ecdsa", "ecdsa384", "ecdsa521"] {
        for authority in ["ed25519", "rsa", "ecdsa"] {
            let name = format!("openssh_logs_in::{key}_by_{authority}");
            trials.push(trial(&name, &["ssh", "ssh-keygen"], move |peers| openssh_logs_in(peers, key, authority)));
            let name = format!("we_log_in::{key}_by_{authority}");
            trials.push(trial(&name, &["sshd", "ssh-keygen"], move |peers| we_log_in(peers, key, authority)));
        }
    }
    for algorithm in ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] {
        let name = format!("rsa_certificates_sign_by::{algorithm}");
        trials.push(trial(&name, &["sshd", "ssh", "ssh-keygen"], move |peers| rsa_signs_by(peers, algorithm)));
    }
    trials.extend([
        trial("we_refuse_what_is_wrong_with_a_certificate", &["ssh", "ssh-keygen"], we_refuse_what_is_wrong),
        trial("we_do_what_a_certificate_says", &["ssh", "ssh-keygen"], we_do_what_it_says),
        trial("we_trust_authorities_in_authorized_keys", &["ssh", "ssh-keygen"], we_trust_authorities_in_lines),
        trial("we_refuse_what_is_revoked", &["ssh", "ssh-keygen"], we_refuse_what_is_revoked),
        trial("openssh_believes_our_host_certificate", &["ssh", "ssh-keygen"], openssh_believes_our_certificate),
        trial("sshd_does_what_our_certificate_says", &["sshd", "ssh-keygen"], sshd_does_what_it_says),
        trial("sshd_refuses_what_is_wrong_or_revoked", &["sshd", "ssh-keygen"], sshd_refuses),
        trial("a_certificate_in_an_agent", &["sshd", "ssh-keygen", "ssh-agent", "ssh-add"], a_certificate_in_an_agent),
        trial("we_believe_an_sshds_certificate", &["sshd", "ssh-keygen"], we_believe_an_sshds_certificate),
    ]);
    peers::run(trials)
}

// ---- OpenSSH's client, our server ------------------------------------------------------------------------------------

/// A server of ours that lets in by certificates only.
async fn start(policy: server::Policy, authorities: &[&Authority<'_>], lines: &str) -> Result<Running, Failed> {
    let authorities = authorities.iter().map(|authority| authority.public()).collect::<Result<_, _>>()?;
    let lines = AuthorizedKeys::parse(Path::new("authorized_keys"), lines.as_bytes());
    equal(lines.warnings(), &[])?;
    let handler = TestHandler { keys: vec![], trusted: Trusted { authorities, lines }, ..TestHandler::default() };
    Running::serve("127.0.0.1:0", policy, handler).await
}

/// OpenSSH's client with the key in a file, and the certificate beside it.
fn ssh(peers: &Peers, server: &Running, key: &Path, options: &[&str]) -> Command {
    let mut command = peers.command("ssh");
    command.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=VERBOSE"]);
    command.args(options);
    command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i"]).arg(key);
    command.args(["-p", &server.address.port().to_string(), "-l", USER, "127.0.0.1"]);
    command
}

/// Whether it gets in: what it wrote when it does.
fn enters(mut command: Command) -> Result<Option<Vec<u8>>, Failed> {
    let mut child = Child::spawn(&mut command)?;
    match child.wait(LIMIT)?.code() {
        Some(0) => Ok(Some(child.stdout())),
        Some(255) if child.stderr().contains("Permission denied (publickey)") => Ok(None),
        _ => Err(child.failed("it neither got in nor was refused")),
    }
}

fn openssh_logs_in(peers: &Peers, key: &'static str, authority: &'static str) -> Result<(), Failed> {
    let authority = Authority::of_type(peers, authority)?;
    let key = authority.certify(key, &["-n", USER])?;
    block_on(async {
        let server = start(server_policy(), &[&authority], "").await?;
        let mut command = ssh(peers, &server, &key, &[]);
        command.arg("stdout hello");
        equal(enters(command)?, Some(b"hello".to_vec()))?;
        server.stop().await
    })
}

fn rsa_signs_by(peers: &Peers, algorithm: &'static str) -> Result<(), Failed> {
    let authority = Authority::new(peers)?;
    let name = ssh_proto::keys::Certificate::algorithms(&[algorithm])[0];
    let key = authority.certify("rsa2048", &["-n", &format!("{USER},{}", own_name()?)])?;
    block_on(async {
        let server = start(server_policy(), &[&authority], "").await?;
        let option = format!("PubkeyAcceptedAlgorithms={name}");
        let mut command = ssh(peers, &server, &key, &["-o", &option]);
        command.arg("stdout hello");
        equal(enters(command)?, Some(b"hello".to_vec()))?;
        server.stop().await
    })?;
    let sshd = sshd(peers, &authority, "PubkeyAcceptedAlgorithms +ssh-rsa,ssh-rsa-cert-v01@openssh.com")?;
    let identity = authority.identity("rsa2048", &["-n", &own_name()?])?;
    block_on(async {
        let mut policy = policy(&sshd, identity);
        let provider = &ssh_proto::crypto::rustcrypto::PROVIDER;
        policy.config.algorithms.select_user_keys(provider, name).map_err(|error| error.to_string())?;
        sshd.connect(&policy).await.map(drop)
    })
}

fn we_refuse_what_is_wrong(peers: &Peers) -> Result<(), Failed> {
    let authority = Authority::new(peers)?;
    let other = Authority::new(peers)?;
    let sha1 = Authority::of_type(peers, "rsa")?;
    let mut policy = server_policy();
    let provider = &ssh_proto::crypto::rustcrypto::PROVIDER;
    policy.config.algorithms.select_authorities(provider, "ssh-ed25519,rsa-sha2-512").map_err(|e| e.to_string())?;
    block_on(async {
        let server = start(policy, &[&authority, &sha1], "").await?;
        for (authority, options, expected) in [
            (&authority, &["-n", USER][..], true),
            (&authority, &["-n", "bob,alice"], true),
            (&authority, &["-n", "bob"], false),
            (&authority, &["-n", "ali*"], false),
            (&authority, &[], false),
            (&authority, &["-n", USER, "-V", "20200101:20200102"], false),
            (&authority, &["-n", USER, "-V", "20400101:20410102"], false),
            (&authority, &["-n", USER, "-O", "critical:unknown@example.com"], false),
            (&authority, &["-n", USER, "-O", "extension:unknown@example.com"], true),
            (&authority, &["-n", USER, "-O", "source-address=127.0.0.0/8"], true),
            (&authority, &["-n", USER, "-O", "source-address=192.0.2.0/24,::/0"], false),
            (&other, &["-n", USER], false),
            (&sha1, &["-n", USER, "-t", "rsa-sha2-512"], true),
            (&sha1, &["-n", USER, "-t", "ssh-rsa"], false),
        ] {
            let key = authority.certify("ed25519", options)?;
            let mut command = ssh(peers, &server, &key, &[]);
            command.arg("stdout hello");
            let entered = enters(command)?;
            ensure(entered.is_some() == expected, || format!("{options:?}: {entered:?}"))?;
        }
        server.stop().await
    })
}

fn we_do_what_it_says(peers: &Peers) -> Result<(), Failed> {
    let authority = Authority::new(peers)?;
    block_on(async {
        let server = start(server_policy(), &[&authority], "").await?;
        let key = authority.certify("ed25519", &["-n", USER, "-O", "force-command=stdout forced"])?;
        let mut command = ssh(peers, &server, &key, &[]);
        command.arg("stdout asked");
        equal(enters(command)?, Some(b"forced".to_vec()))?;
        for (options, terminal) in [(&["-n", USER][..], true), (&["-n", USER, "-O", "no-pty"], false)] {
            let key = authority.certify("ed25519", options)?;
            let mut command = ssh(peers, &server, &key, &["-tt"]);
            let mut child = Child::spawn(command.arg("about").env("TERM", "vt100"))?;
            child.wait(LIMIT)?;
            let refused = child.stderr().contains("PTY allocation request failed");
            ensure(refused != terminal, || child.stderr())?;
            let about = String::from_utf8_lossy(&child.stdout()).into_owned();
            ensure(about.contains("term: \"vt100\"") == terminal, || about)?;
        }
        server.stop().await
    })
}

fn we_trust_authorities_in_lines(peers: &Peers) -> Result<(), Failed> {
    let authority = Authority::new(peers)?;
    let line = authority.line()?;
    for (options, names, asked, expected) in [
        ("cert-authority", USER, "hello", Some("hello")),
        ("cert-authority", "deploy", "hello", None),
        ("cert-authority,principals=\"deploy,backup\"", "deploy", "hello", Some("hello")),
        ("cert-authority,principals=\"deploy,backup\"", USER, "hello", None),
        ("cert-authority,principals=\"deploy,backup\"", "", "hello", None),
        ("cert-authority,command=\"stdout line\"", USER, "hello", Some("line")),
        ("cert-authority,from=\"192.0.2.1\"", USER, "hello", None),
        ("cert-authority,expiry-time=\"20200101Z\"", USER, "hello", None),
        // A key that logs in is no authority.
        ("restrict", USER, "hello", None),
    ] {
        block_on(async {
            let server = start(server_policy(), &[], &format!("{options} {line}")).await?;
            let names = if names.is_empty() { vec![] } else { vec!["-n", names] };
            let key = authority.certify("ed25519", &names)?;
            let mut command = ssh(peers, &server, &key, &[]);
            command.arg(format!("stdout {asked}"));
            let entered = enters(command)?.map(|said| String::from_utf8_lossy(&said).into_owned());
            ensure(entered.as_deref() == expected, || format!("{options} {names:?}: {entered:?}"))?;
            server.stop().await
        })?;
    }
    // Neither of two commands may be left out.
    block_on(async {
        let line = format!("cert-authority,command=\"stdout line\" {line}");
        let server = start(server_policy(), &[], &line).await?;
        let key = authority.certify("ed25519", &["-n", USER, "-O", "force-command=stdout certificate"])?;
        equal(enters(ssh(peers, &server, &key, &[]))?, None)?;
        server.stop().await
    })
}

/// What revokes the certificate with the serial 7 of the key `ed25519`, and what does not.
fn revocations() -> Vec<(String, bool)> {
    let key = vectors::text("keys/ed25519.pub");
    let other = vectors::text("keys/rsa2048.pub");
    vec![
        ("serial: 7".into(), true),
        ("serial: 8\nserial: 6".into(), false),
        ("serial: 5-9".into(), true),
        ("serial: 8-9".into(), false),
        ((1..60).map(|half| format!("serial: {}\n", half * 2 + 1)).collect(), true),
        ((1..60).map(|half| format!("serial: {}\n", half * 2)).collect(), false),
        (format!("id: {KEY_ID}"), true),
        ("id: another".into(), false),
        (format!("key: {key}"), true),
        (format!("key: {other}"), false),
        (format!("sha1: {key}"), true),
        (format!("sha1: {other}"), false),
        (format!("sha256: {key}"), true),
        (format!("sha256: {other}"), false),
    ]
}

fn we_refuse_what_is_revoked(peers: &Peers) -> Result<(), Failed> {
    let authority = Authority::new(peers)?;
    let key = authority.certify("ed25519", &["-n", USER, "-z", "7"])?;
    let revoked = authority.file("revoked");
    let mut policy = server_policy();
    policy.revoked_keys = Some(revoked.clone());
    block_on(async {
        let server = start(policy, &[&authority], "").await?;
        let check = |what: &str, is_revoked: bool| {
            let mut command = ssh(peers, &server, &key, &[]);
            command.arg("stdout hello");
            let entered = enters(command)?;
            ensure(entered.is_none() == is_revoked, || format!("{what}: {entered:?}"))
        };
        check("a missing file", true)?;
        for (specification, is_revoked) in revocations() {
            fs::rename(authority.revoke(&specification)?, &revoked)?;
            check(&specification, is_revoked)?;
        }
        fs::rename(authority.revoke(&format!("key: {}", authority.line()?))?, &revoked)?;
        check("the authority", true)?;
        for (text, is_revoked) in [
            (vectors::text("keys/rsa2048.pub"), false),
            (vectors::text("keys/ed25519.pub"), true),
            (authority.line()?, true),
            (fs::read_to_string(authority.file("ed25519-cert.pub"))?, true),
            ("nonsense".to_owned(), true),
            ("SSHKRL\n\0nonsense".to_owned(), true),
            ("# nobody\n".to_owned(), false),
        ] {
            fs::write(&revoked, &text)?;
            check(&text, is_revoked)?;
        }
        server.stop().await
    })
}

fn openssh_believes_our_certificate(peers: &Peers) -> Result<(), Failed> {
    let authority = Authority::new(peers)?;
    let users = Authority::new(peers)?;
    let key = users.certify("ecdsa", &["-n", USER])?;
    for (host, options, expected) in [
        ("ed25519", &["-h", "-n", "127.0.0.1"][..], true),
        ("rsa3072", &["-h", "-n", "127.0.0.1"], true),
        ("ed25519", &["-h", "-n", "192.0.2.1"], false),
        ("ed25519", &["-n", "127.0.0.1"], false),
    ] {
        let mut host_keys = host_keys();
        host_keys.insert(0, authority.identity(host, options)?);
        block_on(async {
            let server = start(server::Policy::new(host_keys, algorithms()), &[&users], "").await?;
            let known = authority.file("known_hosts");
            fs::write(&known, format!("@cert-authority [127.0.0.1]:* {}", authority.line()?))?;
            let known = format!("UserKnownHostsFile={}", known.display());
            let strict = ["-o", "StrictHostKeyChecking=yes", "-o", &known, "-o", "GlobalKnownHostsFile=/dev/null"];
            let mut command = ssh(peers, &server, &key, &strict);
            let mut child = Child::spawn(command.arg("stdout hello"))?;
            let entered = child.wait(LIMIT)?.code() == Some(0);
            ensure(entered == expected, || child.stderr())?;
            ensure(expected || child.stderr().contains("Host key verification failed"), || child.stderr())?;
            server.stop().await
        })?;
    }
    Ok(())
}

// ---- our client, OpenSSH's server ------------------------------------------------------------------------------------

/// One that trusts the authority, and whose user has no key.
fn sshd(peers: &Peers, authority: &Authority<'_>, options: &str) -> Result<Sshd, Failed> {
    let trusted = format!("TrustedUserCAKeys {}", authority.file("ca.pub").display());
    Sshd::start(peers, &format!("AuthorizedKeysFile none\n{trusted}\n{options}"))
}

fn policy(sshd: &Sshd, identity: Identity) -> Policy {
    let mut policy = client_policy(&sshd.user, &Sshd::host_key());
    policy.identities = vec![identity];
    policy
}

async fn we_enter(sshd: &Sshd, identity: Identity) -> Result<bool, Failed> {
    match Client::connect("127.0.0.1", sshd.port, &policy(sshd, identity)).await {
        Ok(client) => {
            let output = client.output("echo hello").await?;
            equal((&output.stdout[..], output.exit), (&b"hello\n"[..], Some(Exit::Status(0))))?;
            Ok(true)
        }
        Err(ConnectError::Denied { .. }) => Ok(false),
        Err(error) => Err(sshd.child.failed(&error.to_string())),
    }
}

fn we_log_in(peers: &Peers, key: &'static str, authority: &'static str) -> Result<(), Failed> {
    let authority = Authority::of_type(peers, authority)?;
    let identity = authority.identity(key, &["-n", &own_name()?])?;
    let sshd = sshd(peers, &authority, "")?;
    block_on(async { ensure(we_enter(&sshd, identity).await?, || sshd.child.stderr()) })
}

fn sshd_does_what_it_says(peers: &Peers) -> Result<(), Failed> {
    let authority = Authority::new(peers)?;
    let user = own_name()?;
    let sshd = sshd(peers, &authority, "")?;
    block_on(async {
        let forced = authority.identity("ed25519", &["-n", &user, "-O", "force-command=echo forced"])?;
        let client = sshd.connect(&policy(&sshd, forced)).await?;
        equal(client.output("echo asked").await?.stdout, b"forced\n".to_vec())
    })?;
    // Authorities in authorized_keys, with principals that are no users.
    let lines = sshd.file("lines", format!("cert-authority,principals=\"deploy\" {}", authority.line()?).as_bytes())?;
    let sshd = Sshd::start(peers, &format!("AuthorizedKeysFile {}", lines.display()))?;
    block_on(async {
        ensure(we_enter(&sshd, authority.identity("ed25519", &["-n", "deploy"])?).await?, || sshd.child.stderr())?;
        let other = authority.identity("ed25519", &["-n", &user])?;
        ensure(!we_enter(&sshd, other).await?, || sshd.child.stderr())
    })
}

fn sshd_refuses(peers: &Peers) -> Result<(), Failed> {
    let authority = Authority::new(peers)?;
    let user = own_name()?;
    let plain = sshd(peers, &authority, "")?;
    block_on(async {
        for (options, expected) in [
            (&["-n", user.as_str()][..], true),
            (&["-n", "somebody-else"], false),
            (&["-n", &user, "-V", "20200101:20200102"], false),
            (&["-n", &user, "-O", "source-address=192.0.2.0/24"], false),
            (&["-n", &user, "-O", "critical:unknown@example.com"], false),
        ] {
            let entered = we_enter(&plain, authority.identity("ed25519", options)?).await?;
            ensure(entered == expected, || format!("{options:?}: {}", plain.child.stderr()))?;
        }
        Ok(())
    })?;
    // What sshd reads in a list of revoked keys, we read in it.
    let revoked = authority.file("revoked");
    let sshd = sshd(peers, &authority, &format!("RevokedKeys {}", revoked.display()))?;
    let identity = authority.identity("ed25519", &["-n", &user, "-z", "7"])?;
    block_on(async {
        for (specification, is_revoked) in revocations() {
            fs::rename(authority.revoke(&specification)?, &revoked)?;
            let entered = we_enter(&sshd, identity.clone()).await?;
            ensure(entered != is_revoked, || format!("{specification}: {}", sshd.child.stderr()))?;
        }
        Ok(())
    })
}

fn a_certificate_in_an_agent(peers: &Peers) -> Result<(), Failed> {
    let authority = Authority::new(peers)?;
    let user = own_name()?;
    let sshd = sshd(peers, &authority, "")?;
    for name in ["ed25519", "rsa2048", "ecdsa"] {
        let key = authority.certify(name, &["-n", &user])?;
        let socket = authority.file(&format!("agent-{name}"));
        let mut agent = Child::spawn(peers.command("ssh-agent").args(["-D", "-a"]).arg(&socket))?;
        agent.wait_for("SSH_AUTH_SOCK", LIMIT)?;
        Child::spawn(peers.command("ssh-add").arg(&key).env("SSH_AUTH_SOCK", &socket))?.succeed(LIMIT)?;
        block_on(async {
            let agent = Agent::connect(&socket).await.map_err(|error| error.to_string())?;
            let identities = Identity::from_agent(&agent).await.map_err(|error| error.to_string())?;
            let certified = identities.iter().find(|identity| identity.certificate().is_some());
            let certified = certified.ok_or("the agent lists no certificate")?.clone();
            ensure(we_enter(&sshd, certified).await?, || sshd.child.stderr())?;
            // The agent has the key, and the certificate is from a file.
            let plain = identities.iter().find(|identity| identity.certificate().is_none()).ok_or("no plain key")?;
            let beside: PathBuf = format!("{}-cert.pub", key.display()).into();
            let certified = plain.certified_by(&beside).map_err(|error| error.to_string())?.ok_or("no certificate")?;
            ensure(we_enter(&sshd, certified).await?, || sshd.child.stderr())
        })?;
    }
    Ok(())
}

fn we_believe_an_sshds_certificate(peers: &Peers) -> Result<(), Failed> {
    let authority = Authority::new(peers)?;
    let start = |host: &str, options: &[&str]| -> Result<Sshd, Failed> {
        let key = authority.certify(host, options)?;
        Sshd::start(peers, &format!("HostCertificate {}-cert.pub", key.display()))
    };
    let known_by = |sshd: &Sshd, lines: &str| {
        let mut policy = client_policy(&sshd.user, &public("ed25519"));
        policy.identities = vec![identity("ed25519")];
        let mut known = KnownHosts::default();
        known.add(Path::new("known_hosts"), lines.as_bytes());
        policy.host_keys = HostKeys::Known { known, new: NewHosts::Refuse };
        policy
    };
    let ca = format!("@cert-authority 127.0.0.1 {}", authority.line()?);
    for (host, algorithm) in [("ed25519", "ssh-ed25519-cert"), ("rsa3072", "rsa-sha2-512-cert")] {
        let sshd = start(host, &["-h", "-n", "host,127.0.0.1"])?;
        block_on(async {
            let client = sshd.connect(&known_by(&sshd, &ca)).await?;
            let negotiated = format!("{:?}", client.negotiated());
            ensure(negotiated.contains(algorithm), || negotiated)?;
            // Exchanged once more, it is still the same host.
            client.rekey();
            equal(client.output("echo hello").await?.stdout, b"hello\n".to_vec())
        })?;
    }
    // A certificate that is not believed, and what its key is worth then.
    let plain = format!("{ca}\n[127.0.0.1]:* {}", vectors::text("keys/ed25519.pub"));
    let strange = format!("{ca}\n[127.0.0.1]:* {}", vectors::text("keys/ecdsa.pub"));
    for options in
        [&["-h", "-n", "other"][..], &["-n", "127.0.0.1"], &["-h", "-n", "127.0.0.1", "-V", "20200101:20200102"]]
    {
        let sshd = start("ed25519", options)?;
        block_on(async {
            sshd.connect(&known_by(&sshd, &plain)).await?;
            for (lines, changed) in [(&ca, false), (&strange, true)] {
                match Client::connect("127.0.0.1", sshd.port, &known_by(&sshd, lines)).await {
                    Err(ConnectError::UnknownHost { .. }) if !changed => {}
                    Err(ConnectError::HostKeyChanged { .. }) if changed => {}
                    other => return Err(format!("{options:?} {changed}: {other:?}").into()),
                }
            }
            Ok(())
        })?;
    }
    let sshd = start("ed25519", &["-h", "-n", "127.0.0.1", "-z", "7"])?;
    block_on(async {
        let mut policy = known_by(&sshd, &ca);
        policy.revoked_host_keys = Some(authority.file("no such file"));
        let refused = Client::connect("127.0.0.1", sshd.port, &policy).await;
        ensure(matches!(refused, Err(ConnectError::RevokedHostKeys(_))), || format!("{refused:?}"))?;
        for (specification, is_revoked) in revocations() {
            policy.revoked_host_keys = Some(authority.revoke(&specification)?);
            match Client::connect("127.0.0.1", sshd.port, &policy).await {
                Ok(_) if !is_revoked => {}
                Err(ConnectError::HostKeyRevoked { .. }) if is_revoked => {}
                other => return Err(format!("{specification}: {other:?}").into()),
            }
        }
        Ok(())
    })
}
