//! Our client through OpenSSH's server.

use std::path::Path;

use peers::{Child, Failed, LIMIT, Peers, Trial, trial};
use ssh_proto::{ChannelRequest, Outcome};
use ssh_transport::client::{HostKeys, NewHosts};
use ssh_transport::forward::{Display, Target};
use ssh_transport::known_hosts::{HashNames, KnownHosts, Verdict, append};
use ssh_transport::{Client, Exit};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::{Echo, X11_SETUP, display, ensure_contains, ensure_echo, everything, much_and_many, page, until_closed};
use crate::support::handler::{Running, server_policy};
use crate::support::sshd::Sshd;
use crate::support::{HOST_KEYS, USER, block_on, client_policy, ensure, equal, public, until, vector_key};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("sshd::local", &["sshd"], local),
        trial("sshd::remote", &["sshd"], remote),
        trial("sshd::dynamic", &["sshd", "curl"], dynamic),
        trial("sshd::sockets", &["sshd"], sockets),
        trial("sshd::jump", &["sshd"], jump),
        trial("sshd::agent", &["sshd", "ssh-agent", "ssh-add"], agent),
        trial("sshd::display", &["sshd", "xauth", "bash"], lent_display),
        trial("sshd::end_of_write_stops_the_program", &["sshd"], end_of_write),
        trial("sshd::no_more_sessions", &["sshd"], no_more_sessions),
        trial("sshd::answers_pings_or_keepalives", &["sshd"], pings),
        trial("ours::host_keys_are_learnt_with_one_short_command", &[], learnt_in_one_command),
        trial("sshd::host_keys_are_learnt", &["sshd"], host_keys_are_learnt),
        trial("sshd::refusals", &["sshd"], refusals),
    ]
}

fn local(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let (client, echo) = (sshd.connect(&sshd.policy()).await?, Echo::start().await?);
        let listening = client.local_forward("127.0.0.1:0", Target::tcp("127.0.0.1", echo.port())).await?;
        much_and_many(listening.local_addr().ok_or("it listens on TCP")?.port()).await
    })
}

fn remote(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let (client, echo) = (sshd.connect(&sshd.policy()).await?, Echo::start().await?);
        let target = Target::tcp("127.0.0.1", echo.port());
        let fixed = peers::free_port()?;
        for asked in [0, fixed] {
            let forward = client.remote_forward("localhost", asked).await?.carry_to(target.clone());
            let port = forward.port().ok_or("it listens on TCP")?;
            ensure(asked == 0 || asked == port, || format!("{asked} became {port}"))?;
            much_and_many(port).await?;
            drop(forward);
            until_closed(port).await?;
        }
        Ok(())
    })
}

fn dynamic(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        let (address, _page) = page().await?;
        let listening = client.dynamic_forward("127.0.0.1:0").await?;
        let proxy = listening.local_addr().ok_or("it listens on TCP")?;
        for scheme in ["socks5", "socks5h", "socks4", "socks4a"] {
            let mut curl = peers.command("curl");
            curl.args(["-sS", "--noproxy", "", "-x", &format!("{scheme}://{proxy}")]);
            curl.arg(format!("http://localhost:{}/", address.port()));
            equal(Child::spawn(&mut curl)?.succeed(LIMIT)?, b"the page\n".to_vec())?;
        }
        // Where nobody listens, the client of the proxy is told.
        let mut curl = peers.command("curl");
        curl.args(["-sS", "--noproxy", "", "-x", &format!("socks5h://{proxy}")]);
        curl.arg(format!("http://localhost:{}/", peers::free_port()?));
        let mut curl = Child::spawn(&mut curl)?;
        ensure(!curl.wait(LIMIT)?.success(), || "there is a page".to_owned())?;
        ensure_contains(&curl.stderr(), "SOCKS5")
    })
}

fn sockets(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        let [target, here, there] = ["target", "here", "there"].map(|name| sshd.directory.path().join(name));
        let _echo = Echo::on_socket(&target)?;
        let local = client.local_forward_socket(&here, Target::socket(&target))?;
        let remote = client.remote_forward_socket(&there).await?.carry_to(Target::socket(&target));
        for path in [&here, &there] {
            ensure_echo(UnixStream::connect(path).await?).await?;
        }
        drop((local, remote));
        ensure(!here.exists(), || "our socket is still there".to_owned())?;
        until(|| std::os::unix::net::UnixStream::connect(&there).is_err()).await
    })
}

/// Through OpenSSH's server to ours, and through ours to OpenSSH's.
fn jump(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let server = Running::forwarding(server_policy(), everything()).await?;
        let ours = client_policy(USER, &public("ed25519"));
        let outer = sshd.connect(&sshd.policy()).await?;
        let inner = outer.connect_through("127.0.0.1", server.address.port(), &ours).await?;
        equal(inner.output("stdout through theirs").await?.stdout, b"through theirs".to_vec())?;
        let back = inner.connect_through("127.0.0.1", sshd.port, &sshd.policy()).await?;
        drop((outer, inner));
        equal(back.output("echo through both").await?.stdout, b"through both\n".to_vec())?;
        back.close();
        back.closed().await;
        server.stop().await
    })
}

fn agent(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    let socket = sshd.directory.path().join("agent");
    let mut agent = Child::spawn(peers.command("ssh-agent").arg("-D").arg("-a").arg(&socket))?;
    agent.wait_for("SSH_AUTH_SOCK", LIMIT)?;
    let key = vector_key(sshd.directory.path(), "rsa2048")?;
    Child::spawn(peers.command("ssh-add").arg(&key).env("SSH_AUTH_SOCK", &socket))?.succeed(LIMIT)?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        let _lent = client.take_agent().carry_to(Target::socket(&socket));
        let mut channel = client.session().await?;
        equal(channel.request(&ChannelRequest::AgentForwarding).await?, Outcome::Success)?;
        equal(channel.request(&ChannelRequest::Exec { command: b"ssh-add -l" }).await?, Outcome::Success)?;
        let mut listed = String::new();
        channel.read_to_string(&mut listed).await?;
        ensure_contains(&listed, &public("rsa2048").fingerprint().to_string())
    })
}

/// One with a cookie of its own, and one that asks `xauth`.
const TWO_PROGRAMS: &str = r"
number=${DISPLAY#*:}
show() {
    exec 3<>/dev/tcp/127.0.0.1/$((6000 + ${number%.*}))
    printf 'l\0\13\0\0\0\22\0\20\0\0\0MIT-MAGIC-COOKIE-1\0\0' >&3
    printf $(sed 's/../\\x&/g' <<< $1) >&3
    cat <&3
}
show 00112233445566778899aabbccddeeff
echo
show $(xauth list $DISPLAY | sed 's/.* //')
";

fn lent_display(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "X11Forwarding yes\nX11UseLocalhost yes")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        let (number, shown) = display(X11_SETUP).await?;
        let real = *b"the real cookie!";
        let lent = client.lend_display(Display::new(Target::tcp("127.0.0.1", 6000 + number)).with_cookie(real))?;
        let program = sshd.file("program", TWO_PROGRAMS.as_bytes())?;
        let mut channel = client.session().await?;
        equal(channel.request(&lent.request()).await?, Outcome::Success)?;
        let command = format!("bash {}", program.display());
        equal(channel.request(&ChannelRequest::Exec { command: command.as_bytes() }).await?, Outcome::Success)?;
        let mut said = String::new();
        channel.read_to_string(&mut said).await?;
        equal(said.as_str(), "\nhello from the display")?;
        let setup = shown.await??;
        ensure(setup.ends_with(&real), || format!("{setup:?}"))
    })
}

fn end_of_write(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        let mut channel = client.exec("yes; exit 7").await?;
        channel.read_exact(&mut [0; 100_000]).await?;
        channel.end_of_write()?;
        equal(channel.exit().await, Some(Exit::Status(7)))
    })
}

fn no_more_sessions(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        equal(client.output("echo one").await?.stdout, b"one\n".to_vec())?;
        client.no_more_sessions();
        ensure(client.session().await.is_err(), || "a session was opened".to_owned())?;
        until(|| sshd.child.stderr().contains("attempt to open a session after additional sessions disabled")).await
    })
}

fn pings(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        for _ in 0..10 {
            client.ping().await?;
        }
        Ok(())
    })
}

/// The server has many keys; it is known by the first.
fn host_keys_are_learnt(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    let new = public("rsa3072").to_openssh_line("").trim().to_owned();
    let old = public("ed25519").to_openssh_line("").trim().to_owned();
    let connect = async |file: &Path, update: bool| {
        let mut policy = sshd.policy();
        policy.host_keys = HostKeys::Known { known: KnownHosts::load([file])?, new: NewHosts::Refuse };
        policy.update_host_keys = update.then(|| file.to_owned());
        let client = sshd.connect(&policy).await?;
        // The server tells its keys right after the login: before it answers this.
        client.output("true").await?;
        equal(client.announced_host_keys().len(), HOST_KEYS.len())?;
        Ok::<_, Failed>(client)
    };
    block_on(async {
        let file = sshd.directory.path().join("known_hosts");
        let read = || std::fs::read_to_string(&file).unwrap_or_default();
        // Plain, hashed, and what is not of its own.
        std::fs::write(&file, format!("# mine\n[127.0.0.1]:{} {old}\nother.example {old}\n", sshd.port))?;
        drop(connect(&file, false).await?);
        ensure(!read().contains(&new), read)?;
        let client = connect(&file, true).await?;
        // Proofs come one by one, and are noted as they come.
        let all = || read().lines().filter(|line| line.starts_with("[127.0.0.1]")).count() == HOST_KEYS.len();
        until(all).await?;
        ensure(read().starts_with("# mine\n") && read().contains("other.example") && read().contains(&new), read)?;
        drop(client);
        let learnt = read();
        let client = connect(&file, true).await?;
        client.output("true").await?;
        equal(read(), learnt)?;

        std::fs::remove_file(&file)?;
        append(&file, "127.0.0.1", sshd.port, &public("ed25519"), HashNames::Yes)?;
        let client = connect(&file, true).await?;
        until(|| read().contains(&new)).await?;
        ensure(!read().contains("127.0.0.1"), read)?;
        drop(client);

        std::fs::write(&file, format!("[127.0.0.*]:{} {old}\n", sshd.port))?;
        let client = connect(&file, true).await?;
        client.output("true").await?;
        ensure(!read().contains(&new), read)
    })
}

/// A client that closes its connection at once.
fn learnt_in_one_command(_peers: &Peers) -> Result<(), Failed> {
    let directory = peers::temp_dir()?;
    let file = directory.path().join("known_hosts");
    block_on(async {
        let server = Running::start(server_policy()).await?;
        let port = server.address.port();
        append(&file, "127.0.0.1", port, &public("ed25519"), HashNames::No)?;
        let mut policy = client_policy(USER, &public("ed25519"));
        policy.host_keys = HostKeys::Known { known: KnownHosts::load([&file])?, new: NewHosts::Refuse };
        policy.update_host_keys = Some(file.clone());
        let client = Client::connect("127.0.0.1", port, &policy).await?;
        equal(client.output("status 0").await?.exit, Some(Exit::Status(0)))?;
        client.close();
        client.closed().await;
        let known = KnownHosts::load([&file])?;
        for name in HOST_KEYS {
            let verdict = known.check("127.0.0.1", port, &public(name));
            ensure(matches!(verdict, Verdict::Known(_)), || format!("{name}: {verdict:?}"))?;
        }
        server.stop().await
    })
}

fn refusals(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "AllowTcpForwarding no\nAllowStreamLocalForwarding no\nAllowAgentForwarding no")?;
    block_on(async {
        let client = sshd.connect(&sshd.policy()).await?;
        let tcp = client.direct_tcpip("127.0.0.1", 1, None).await.err().ok_or("it connected")?;
        ensure_contains(&tcp.to_string(), "reason 1")?;
        let socket = client.direct_streamlocal("/nothing").await.err().ok_or("it connected")?;
        ensure_contains(&socket.to_string(), "reason")?;
        ensure(client.remote_forward("localhost", 0).await.is_err(), || "it listens".to_owned())?;
        ensure(client.remote_forward_socket("/nothing").await.is_err(), || "it listens".to_owned())?;
        let channel = client.session().await?;
        equal(channel.request(&ChannelRequest::AgentForwarding).await?, Outcome::Failure)
    })
}
