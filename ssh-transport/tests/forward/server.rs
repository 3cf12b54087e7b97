//! OpenSSH's client, and ours, through our server.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use peers::{Child, Failed, LIMIT, Peers, TempDir, Trial, trial, wait_until};
use ssh_proto::{ChannelRequest, Outcome, WindowSize};
use ssh_transport::Client;
use ssh_transport::forward::{Allow, Display, Forwarding, GatewayPorts, Target};
use ssh_transport::server::{Feature, Permissions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};

use super::{
    Echo, MEBIBYTE, X11_SETUP, display, ensure_contains, ensure_echo, everything, exchange, much_and_many, page,
    until_closed,
};
use crate::support::handler::{Running, server_policy};
use crate::support::sshd::Sshd;
use crate::support::{USER, block_on, client_policy, ensure, equal, public, until, vector_key};

pub(super) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("ssh::local", &["ssh"], local),
        trial("ssh::remote", &["ssh"], remote),
        trial("ssh::remote_cancelled", &["ssh"], remote_cancelled),
        trial("ssh::dynamic", &["ssh", "curl"], dynamic),
        trial("ssh::standard_streams", &["ssh"], standard_streams),
        trial("ssh::jump", &["ssh", "sshd"], jump),
        trial("ssh::sockets", &["ssh"], sockets),
        trial("ssh::agent", &["ssh", "ssh-agent", "ssh-add"], agent),
        trial("ssh::display", &["ssh", "xauth"], lent_display),
        trial("ssh::break_reaches_the_program", &["ssh"], break_reaches_the_program),
        trial("ssh::learns_host_keys", &["ssh"], learns_host_keys),
        trial("ssh::each_direction_is_permitted_by_itself", &["ssh"], each_direction),
        trial("ours::no_more_than_the_login_permits", &[], permissions),
        trial("ours::local_and_remote", &[], ours),
        trial("ours::display", &[], our_display),
        trial("ours::requests_reach_the_program", &[], requests_reach_the_program),
        trial("ours::end_of_write_stops_the_program", &[], end_of_write),
        trial("ours::pings", &[], pings),
        trial("ours::no_more_sessions", &[], no_more_sessions),
        trial("ours::connections_that_cannot_be_made", &[], cannot_connect),
        trial("ours::listeners_are_bounded_and_end_with_the_connection", &[], listeners),
    ];
    trials.push(match std::net::TcpListener::bind("[::1]:0") {
        Ok(_) => trial("ours::all_addresses_are_those_of_both_protocols", &[], both_protocols),
        Err(error) => peers::unsupported(
            "ours::all_addresses_are_those_of_both_protocols",
            &format!("this machine has no IPv6: {error}"),
        ),
    });
    trials
}

/// A server of ours, and what a client needs to reach it.
struct Setup<'a> {
    peers: &'a Peers,
    server: Running,
    directory: TempDir,
    key: PathBuf,
}

impl<'a> Setup<'a> {
    async fn new(peers: &'a Peers, forwarding: Forwarding) -> Result<Self, Failed> {
        let directory = peers::temp_dir()?;
        let key = vector_key(directory.path(), "ed25519")?;
        Ok(Self { peers, server: Running::forwarding(server_policy(), forwarding).await?, directory, key })
    }

    /// Connects with the usual key, and nothing of the machine's own configuration. The command is still to come.
    fn ssh(&self, options: &[&str]) -> Command {
        let mut command = self.peers.command("ssh");
        command.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-v"]);
        command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i"]).arg(&self.key);
        command.args(["-o", "ExitOnForwardFailure=yes", "-p", &self.server.address.port().to_string(), "-l", USER]);
        command.args(options).arg("127.0.0.1");
        command
    }

    async fn client(&self) -> Result<Client, Failed> {
        let policy = client_policy(USER, &public("ed25519"));
        Ok(Client::connect("127.0.0.1", self.server.address.port(), &policy).await?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// What is said when `ssh` listens for all that goes to the server.
const READY: &str = "Entering interactive session.";

fn local(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let (setup, echo) = (Setup::new(peers, everything()).await?, Echo::start().await?);
        let port = peers::free_port()?;
        let mut ssh = Child::spawn(&mut setup.ssh(&["-N", "-L", &format!("{port}:127.0.0.1:{}", echo.port())]))?;
        ssh.wait_for(READY, LIMIT)?;
        much_and_many(port).await.map_err(|failed| ssh.failed(&format!("{failed:?}")))?;
        drop(ssh);
        setup.server.stop().await
    })
}

/// Waits until the server has granted the last of the forwards that it was asked for, which `ssh` does not wait for.
fn granted(ssh: &mut Child, last: impl std::fmt::Display) -> Result<(), Failed> {
    ssh.wait_for(&format!("remote forward success for: listen {last}"), LIMIT)
}

/// The port that the server chose, as the client tells it.
fn allocated(ssh: &Child) -> Result<u16, Failed> {
    let said = ssh.stderr();
    let port = said.split("Allocated port ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    Ok(port.parse()?)
}

fn remote(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let (setup, echo) = (Setup::new(peers, everything()).await?, Echo::start().await?);
        let fixed = peers::free_port()?;
        let (to_free, to_fixed) =
            (format!("0:127.0.0.1:{}", echo.port()), format!("{fixed}:127.0.0.1:{}", echo.port()));
        let mut ssh = Child::spawn(&mut setup.ssh(&["-N", "-R", &to_free, "-R", &to_fixed]))?;
        granted(&mut ssh, fixed)?;
        let free = allocated(&ssh)?;
        for port in [free, fixed] {
            much_and_many(port).await.map_err(|failed| ssh.failed(&format!("{failed:?}")))?;
        }
        drop(ssh);
        until_closed(free).await?;
        until_closed(fixed).await?;
        setup.server.stop().await
    })
}

fn remote_cancelled(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let (setup, echo) = (Setup::new(peers, everything()).await?, Echo::start().await?);
        let port = peers::free_port()?;
        let remote = format!("{port}:127.0.0.1:{}", echo.port());
        let through = format!("ControlPath={}", setup.path("master").display());
        let mut master = Child::spawn(&mut setup.ssh(&["-N", "-M", "-o", &through, "-R", &remote]))?;
        granted(&mut master, port)?;
        let mut open = TcpStream::connect(("127.0.0.1", port)).await?;
        open.write_all(b"before").await?;
        let mut said = [0; 6];
        open.read_exact(&mut said).await?;
        Child::spawn(&mut setup.ssh(&["-o", &through, "-O", "cancel", "-R", &remote]))?.succeed(LIMIT)?;
        until_closed(port).await?;
        // What was open goes on.
        open.write_all(b"behind").await?;
        open.shutdown().await?;
        let mut rest = String::new();
        open.read_to_string(&mut rest).await?;
        equal((&said, rest.as_str()), (b"before", "behind"))?;
        Child::spawn(&mut setup.ssh(&["-o", &through, "-O", "exit"]))?.succeed(LIMIT)?;
        setup.server.stop().await
    })
}

fn dynamic(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let (address, _page) = page().await?;
        let port = peers::free_port()?;
        let mut ssh = Child::spawn(&mut setup.ssh(&["-N", "-D", &port.to_string()]))?;
        ssh.wait_for(READY, LIMIT)?;
        for scheme in ["socks5", "socks5h", "socks4", "socks4a"] {
            let proxy = format!("{scheme}://127.0.0.1:{port}");
            let mut curl = peers.command("curl");
            curl.args(["-sS", "--noproxy", "", "-x", &proxy]).arg(format!("http://localhost:{}/", address.port()));
            equal(Child::spawn(&mut curl)?.succeed(LIMIT)?, b"the page\n".to_vec())?;
        }
        drop(ssh);
        setup.server.stop().await
    })
}

fn standard_streams(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let (setup, echo) = (Setup::new(peers, everything()).await?, Echo::start().await?);
        let mut ssh = setup.ssh(&["-W", &format!("127.0.0.1:{}", echo.port())]);
        let (mut ssh, mut stdin) = Child::spawn_with_input(&mut ssh)?;
        stdin.write_all(b"there and back")?;
        drop(stdin);
        equal(ssh.succeed(LIMIT)?, b"there and back".to_vec())?;
        setup.server.stop().await
    })
}

/// Through our server to OpenSSH's, and to ours.
fn jump(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let (key, ours) = (setup.key.display(), setup.server.address.port());
        let config = format!(
            "Host *\n HostName 127.0.0.1\n IdentityFile {key}\n IdentitiesOnly yes\n BatchMode yes\n \
             StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n\
             Host jump ours\n Port {ours}\n User {USER}\n\
             Host theirs\n Port {}\n User {}\n",
            sshd.port, sshd.user
        );
        let file = setup.path("config");
        std::fs::write(&file, config)?;
        for (target, command, said) in
            [("theirs", "echo hello", "hello\n"), ("ours", "stdout hello", "hello"), ("theirs", "seq 100000", "")]
        {
            let mut ssh = peers.command("ssh");
            ssh.arg("-F").arg(&file).args(["-J", "jump", target, command]);
            let output = Child::spawn(&mut ssh)?.succeed(LIMIT)?;
            let last: &[u8] = if said.is_empty() { b"99999\n100000\n" } else { said.as_bytes() };
            ensure(output.ends_with(last), || String::from_utf8_lossy(&output).into_owned())?;
        }
        setup.server.stop().await
    })
}

fn sockets(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let (target, here, there) = (setup.path("target"), setup.path("here"), setup.path("there"));
        let _echo = Echo::on_socket(&target)?;
        let local = format!("{}:{}", here.display(), target.display());
        let remote = format!("{}:{}", there.display(), target.display());
        let mut ssh = Child::spawn(&mut setup.ssh(&["-N", "-L", &local, "-R", &remote]))?;
        granted(&mut ssh, there.display())?;
        for path in [&here, &there] {
            ensure_echo(UnixStream::connect(path).await?).await.map_err(|failed| ssh.failed(&format!("{failed:?}")))?;
        }
        drop(ssh);
        until(|| !there.exists()).await?;
        setup.server.stop().await
    })
}

fn agent(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let socket = setup.path("agent");
        let mut agent = Child::spawn(peers.command("ssh-agent").arg("-D").arg("-a").arg(&socket))?;
        agent.wait_for("SSH_AUTH_SOCK", LIMIT)?;
        let mut add = peers.command("ssh-add");
        Child::spawn(add.arg(&setup.key).env("SSH_AUTH_SOCK", &socket))?.succeed(LIMIT)?;
        let mut ssh = setup.ssh(&["-A"]);
        let listed = Child::spawn(ssh.arg("agent").env("SSH_AUTH_SOCK", &socket))?.succeed(LIMIT)?;
        ensure_contains(&String::from_utf8_lossy(&listed), &public("ed25519").fingerprint().to_string())?;
        // Who does not lend it has it still.
        let mut ssh = setup.ssh(&["-a"]);
        equal(Child::spawn(ssh.arg("agent").env("SSH_AUTH_SOCK", &socket))?.wait(LIMIT)?.code(), Some(255))?;
        setup.server.stop().await
    })
}

fn lent_display(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let (number, shown) = display(X11_SETUP).await?;
        let authority = setup.path("Xauthority");
        std::fs::write(&authority, b"")?;
        let mut ssh = setup.ssh(&["-Y"]);
        ssh.arg("display").env("DISPLAY", format!("127.0.0.1:{number}.0")).env("XAUTHORITY", &authority);
        let mut ssh = Child::spawn(&mut ssh)?;
        equal(String::from_utf8_lossy(&ssh.succeed(LIMIT)?).into_owned().as_str(), "hello from the display")?;
        ensure_contains(&String::from_utf8_lossy(&shown.await??), "MIT-MAGIC-COOKIE-1")?;
        setup.server.stop().await
    })
}

fn break_reaches_the_program(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let mut command = setup.ssh(&["-tt"]);
        let (mut ssh, mut stdin) = Child::spawn_with_input(command.arg("requests"))?;
        ssh.wait_for("ready", LIMIT)?;
        stdin.write_all(b"\n~B")?;
        ssh.wait_for("Break(Some(1s))", LIMIT)?;
        drop(ssh);
        setup.server.stop().await
    })
}

fn learns_host_keys(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, Forwarding::default()).await?;
        let (port, file) = (setup.server.address.port(), setup.path("known_hosts"));
        let [old, new] = ["ed25519", "rsa3072"].map(|name| public(name).to_openssh_line("").trim().to_owned());
        std::fs::write(&file, format!("# mine\n[127.0.0.1]:{port} {old}\n"))?;
        let mut ssh = peers.command("ssh");
        ssh.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-v", "-i"]).arg(&setup.key);
        ssh.args(["-o", "UpdateHostKeys=yes", "-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=none"]);
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", file.display()));
        ssh.args(["-p", &port.to_string(), "-l", USER, "127.0.0.1", "echo"]);
        // It does not wait for what it learns: here it has something to do until then.
        let (mut ssh, stdin) = Child::spawn_with_input(&mut ssh)?;
        let known = || std::fs::read_to_string(&file).unwrap_or_default();
        let all = || ["# mine", &old, &new].into_iter().all(|part| known().contains(part));
        ensure(wait_until(LIMIT, all), || format!("not all is in {}\n{}", known(), ssh.stderr()))?;
        drop(stdin);
        ssh.succeed(LIMIT)?;
        setup.server.stop().await
    })
}

/// authorized_keys options: `permitopen`, `permitlisten`, `no-agent-forwarding`.
fn permissions(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let echo = Echo::start().await?;
        let permissions =
            Permissions::none().permit(Feature::PortForwarding).open_only_to("127.0.0.1", Some(echo.port()));
        let other = peers::free_port()?;
        let permissions = permissions.listen_only_on(Some("localhost"), Some(other));
        let directory = peers::temp_dir()?;
        let key = vector_key(directory.path(), "ed25519")?;
        let server = Running::permitting(everything(), permissions).await?;
        let setup = Setup { peers, server, directory, key };
        let client = setup.client().await?;
        exchange(client.direct_tcpip("127.0.0.1", echo.port(), None).await?, 1000).await?;
        let socket = setup.path("socket");
        let _echo = Echo::on_socket(&socket)?;
        for refused in [
            client.direct_tcpip("localhost", echo.port(), None).await.err(),
            client.direct_tcpip("127.0.0.1", other, None).await.err(),
            client.direct_streamlocal(&socket).await.err(),
        ] {
            ensure_contains(&refused.ok_or("it connected")?.to_string(), "reason 1")?;
        }
        equal(client.remote_forward("localhost", other).await?.port(), Some(other))?;
        ensure(client.remote_forward("localhost", 0).await.is_err(), || "any port".to_owned())?;
        ensure(client.remote_forward_socket(setup.path("new")).await.is_err(), || "a socket".to_owned())?;
        let channel = client.session().await?;
        equal(channel.request(&ChannelRequest::AgentForwarding).await?, Outcome::Failure)?;
        setup.server.stop().await
    })
}

/// What is not permitted is refused, and the connection lives.
fn each_direction(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let echo = Echo::start().await?;
        for tcp in [Allow::No, Allow::Local, Allow::Remote] {
            let mut forwarding = Forwarding::default();
            forwarding.tcp = tcp;
            let setup = Setup::new(peers, forwarding).await?;
            let (mut ssh, stdin) =
                Child::spawn_with_input(&mut setup.ssh(&["-W", &format!("127.0.0.1:{}", echo.port())]))?;
            drop(stdin);
            let connected = ssh.wait(LIMIT)?.success();
            equal(connected, tcp == Allow::Local)?;
            ensure(connected || ssh.stderr().contains("administratively prohibited"), || ssh.stderr())?;
            let mut ssh = setup.ssh(&["-R", &format!("0:127.0.0.1:{}", echo.port())]);
            let mut ssh = Child::spawn(ssh.arg("status 0"))?;
            let listened = ssh.wait(LIMIT)?.success();
            equal(listened, tcp == Allow::Remote)?;
            ensure(listened || ssh.stderr().contains("remote port forwarding failed"), || ssh.stderr())?;
            let socket = setup.path("socket");
            let remote = format!("{}:127.0.0.1:{}", socket.display(), echo.port());
            let mut ssh = setup.ssh(&["-R", &remote]);
            ensure(!Child::spawn(ssh.arg("status 0"))?.wait(LIMIT)?.success(), || "a socket was made".to_owned())?;
            setup.server.stop().await?;
        }
        Ok(())
    })
}

fn ours(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let (setup, echo) = (Setup::new(peers, everything()).await?, Echo::start().await?);
        let client = setup.client().await?;
        let target = Target::tcp("127.0.0.1", echo.port());
        let listening = client.local_forward("127.0.0.1:0", target.clone()).await?;
        let address = listening.local_addr().ok_or("it listens on TCP")?;
        much_and_many(address.port()).await?;
        drop(listening);
        until_closed(address.port()).await?;
        let remote = client.remote_forward("localhost", 0).await?.carry_to(target.clone());
        let port = remote.port().ok_or("it listens on TCP")?;
        much_and_many(port).await?;
        drop(remote);
        until_closed(port).await?;
        // A server of ours behind a server of ours.
        let policy = client_policy(USER, &public("ed25519"));
        let inner = client.connect_through("127.0.0.1", setup.server.address.port(), &policy).await?;
        drop(client);
        equal(inner.output("stdout deep").await?.stdout, b"deep".to_vec())?;
        exchange(inner.direct_tcpip("127.0.0.1", echo.port(), None).await?, 4 * MEBIBYTE).await?;
        setup.server.stop().await
    })
}

fn our_display(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let client = setup.client().await?;
        let show = async |display: Display| {
            let lent = client.lend_display(display)?;
            let mut channel = client.session().await?;
            equal(channel.request(&lent.request()).await?, Outcome::Success)?;
            equal(channel.request(&ChannelRequest::Exec { command: b"display" }).await?, Outcome::Success)?;
            let mut said = String::new();
            channel.read_to_string(&mut said).await?;
            Ok::<_, Failed>(said)
        };
        let (number, shown) = display(X11_SETUP).await?;
        let display = Display::new(Target::tcp("127.0.0.1", 6000 + number));
        equal(show(display.clone().with_cookie(*b"the real cookie!")).await?.as_str(), "hello from the display")?;
        let told = shown.await??;
        ensure(told.ends_with(b"MIT-MAGIC-COOKIE-1\0\0the real cookie!"), || format!("{told:?}"))?;
        // There is nothing any more.
        equal(show(display).await?.as_str(), "")?;
        setup.server.stop().await
    })
}

/// RFC 4254 §7.1: "" is "all protocol families supported", "0.0.0.0" and "::" are all addresses of one.
fn both_protocols(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let mut forwarding = everything();
        forwarding.gateway_ports = GatewayPorts::ClientSpecified;
        let (setup, echo) = (Setup::new(peers, forwarding).await?, Echo::start().await?);
        let client = setup.client().await?;
        for (listen, reached) in [("", [true, true]), ("0.0.0.0", [true, false]), ("::", [false, true])] {
            let remote = client.remote_forward(listen, 0).await?.carry_to(Target::tcp("127.0.0.1", echo.port()));
            let port = remote.port().ok_or("it listens on TCP")?;
            for (address, reached) in ["127.0.0.1", "::1"].into_iter().zip(reached) {
                match TcpStream::connect((address, port)).await {
                    Ok(stream) if reached => exchange(stream, 1000).await?,
                    Err(_refused) if !reached => {}
                    other => return Err(format!("{listen:?} at {address}: {other:?}").into()),
                }
            }
        }
        setup.server.stop().await
    })
}

fn requests_reach_the_program(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let client = setup.client().await?;
        let channel = client.exec("requests").await?;
        let requests = [
            ChannelRequest::WindowChange(WindowSize { columns: 80, rows: 24, width: 0, height: 0 }),
            ChannelRequest::Signal { name: "INFO@openssh.com" },
            ChannelRequest::Break { length: 0 },
            ChannelRequest::Break { length: 1 },
            ChannelRequest::Other { name: "x@example.com", data: b"?" },
            ChannelRequest::Signal { name: "QUIT" },
        ];
        let mut lines = BufReader::new(channel);
        let mut line = String::new();
        lines.read_line(&mut line).await?;
        for request in &requests {
            let outcome = lines.get_ref().request(request).await?;
            let known = !matches!(request, ChannelRequest::Other { .. });
            equal(outcome, if known { Outcome::Success } else { Outcome::Failure })?;
        }
        let mut said = String::new();
        lines.read_to_string(&mut said).await?;
        let expected = [
            "WindowChange(WindowSize { columns: 80, rows: 24, width: 0, height: 0 })",
            "Signal(\"INFO@openssh.com\")",
            "Break(None)",
            "Break(Some(500ms))",
            "Other { name: \"x@example.com\", data: [63] }",
            "Signal(\"QUIT\")",
            "",
        ];
        equal(said, expected.join("\n"))?;
        // Where no program listens, who wants an answer gets one at once.
        let deaf = client.exec("hang").await?;
        equal(deaf.request(&ChannelRequest::Break { length: 0 }).await?, Outcome::Failure)?;
        setup.server.stop().await
    })
}

fn end_of_write(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let client = setup.client().await?;
        let mut channel = client.exec("flood").await?;
        let mut some = [0; 100_000];
        channel.read_exact(&mut some).await?;
        channel.end_of_write()?;
        equal(channel.exit().await, Some(ssh_transport::Exit::Status(0)))?;
        equal(channel.read(&mut some).await?, 0)?;
        setup.server.stop().await
    })
}

fn pings(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let client = setup.client().await?;
        let all = (0..100).map(|_| client.ping());
        for ping in all {
            ping.await?;
        }
        client.close();
        client.closed().await;
        ensure(client.ping().await.is_err(), || "a closed connection answers".to_owned())?;
        setup.server.stop().await
    })
}

fn no_more_sessions(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let client = setup.client().await?;
        let mut channel = client.exec("echo").await?;
        client.no_more_sessions();
        channel.write_all(b"still").await?;
        channel.shutdown().await?;
        let mut said = String::new();
        channel.read_to_string(&mut said).await?;
        equal(said.as_str(), "still")?;
        ensure(client.session().await.is_err(), || "a session was opened".to_owned())?;
        ensure(client.is_closed(), || "the connection lives".to_owned())?;
        setup.server.stop().await
    })
}

fn cannot_connect(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers, everything()).await?;
        let client = setup.client().await?;
        let nobody = peers::free_port()?;
        for failed in [
            client.direct_tcpip("127.0.0.1", nobody, None).await.err(),
            client.direct_streamlocal(setup.path("nothing")).await.err(),
        ] {
            let failed = failed.ok_or("it connected")?.to_string();
            ensure_contains(&failed, "reason 2")?;
        }
        let failed = client.open_other("unknown@example.com", b"").await.err().ok_or("it opened")?.to_string();
        ensure_contains(&failed, "reason 3")?;
        // The client says so too: nobody is left waiting.
        let mut remote = client.remote_forward("localhost", 0).await?;
        let mut stream = TcpStream::connect(("127.0.0.1", remote.port().unwrap_or_default())).await?;
        drop(remote.next().await);
        equal(stream.read(&mut [0; 1]).await.unwrap_or(0), 0)?;
        setup.server.stop().await
    })
}

fn listeners(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let mut forwarding = everything();
        forwarding.max_listeners = 2;
        let setup = Setup::new(peers, forwarding).await?;
        let client = setup.client().await?;
        let first = client.remote_forward("localhost", 0).await?;
        let path = setup.path("socket");
        let _second = client.remote_forward_socket(&path).await?;
        ensure(client.remote_forward("localhost", 0).await.is_err(), || "a third one".to_owned())?;
        let port = first.port().unwrap_or_default();
        drop(first);
        until_closed(port).await?;
        let again = client.remote_forward("", 0).await?;
        ensure(client.remote_forward("localhost", 0).await.is_err(), || "a third one".to_owned())?;
        client.close();
        until_closed(again.port().unwrap_or_default()).await?;
        until(|| !path.exists()).await?;
        setup.server.stop().await
    })
}
