//! Our client against our server, over every kind of stream, and against peers without manners.

mod support;

#[path = "adapter/endings.rs"]
mod endings;
#[path = "adapter/guesses.rs"]
mod guesses;
#[path = "adapter/manners.rs"]
mod manners;

use std::sync::Arc;
use std::time::Duration;

use peers::{Child, Failed, LIMIT, Peers, trial};
use ssh_proto::error::Error;
use ssh_proto::server::MethodName;
use ssh_transport::agent::Agent;
use ssh_transport::client::{ConnectError, Policy, ProgramError};
use ssh_transport::identity::Identity;
use ssh_transport::server::{
    Attempt, Credential, Decision, Feature, Handler, Permissions, Program, ProgramRequest, serve,
};
use ssh_transport::{Channel, Client, Duplex, Ended, Exit, server};
use support::handler::{Running, TestHandler, server_policy};
use support::pattern;
use support::{
    Kind, USER, block_on, client_policy, ensure, equal, host_key_for, new_identity, plain, public, select, vector_key,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

fn main() -> std::process::ExitCode {
    let mut trials = vec![
        plain("tcp_v4", || over_tcp("127.0.0.1:0")),
        plain("unix_socket", over_a_unix_socket),
        plain("in_memory", over_memory),
        trial("agents_keep_the_keys_of_both_sides", &["ssh-agent", "ssh-add"], agents_keep_the_keys),
        plain("passwords", passwords),
        plain("two_factors", two_factors),
        plain("a_server_knows_who_is_there", a_server_knows_who_is_there),
        plain("channels_of_all_sizes_at_once", channels_of_all_sizes_at_once),
        plain("either_side_ends_its_output_first", either_side_ends_first),
        plain("both_streams_from_two_tasks", both_streams_from_two_tasks),
        plain("programs_are_answered_later_and_dropped_ones_refused", programs_are_answered_later),
        plain("bulk_each_way", bulk_each_way),
    ];
    trials.push(match std::net::TcpListener::bind("[::1]:0") {
        Ok(_) => plain("tcp_v6", || over_tcp("[::1]:0")),
        Err(error) => peers::unsupported("tcp_v6", &format!("this machine has no IPv6: {error}")),
    });
    trials.extend(endings::trials());
    trials.extend(manners::trials());
    trials.extend(guesses::trials());
    peers::run(trials)
}

/// Trusts the usual server, and has the usual key.
fn policy() -> Policy {
    client_policy(USER, &public("ed25519"))
}

async fn connect(server: &Running) -> Result<Client, Failed> {
    Ok(Client::connect(&server.address.ip().to_string(), server.address.port(), &policy()).await?)
}

/// A server at the other end of a stream in memory.
struct InMemory {
    served: JoinHandle<Result<(), Ended>>,
    programs: Arc<std::sync::atomic::AtomicUsize>,
}

impl InMemory {
    /// Its buffers hold `size` bytes.
    fn new(policy: server::Policy, size: usize) -> (Self, DuplexStream) {
        let (near, far) = tokio::io::duplex(size);
        let handler = TestHandler::default();
        let programs = handler.running.clone();
        let served = tokio::spawn(serve(far, Arc::new(policy), Arc::new(handler)));
        (Self { served, programs }, near)
    }

    async fn connect(policy: server::Policy, size: usize) -> Result<(Self, Client), Failed> {
        let (server, stream) = Self::new(policy, size);
        Ok((server, log_in(stream).await?))
    }
}

async fn log_in(stream: impl Duplex + 'static) -> Result<Client, Failed> {
    Ok(Client::over(stream, "memory", 22, &policy()).await?)
}

/// A bit of everything.
async fn exercise(client: &Client) -> Result<(), Failed> {
    equal(client.output("status 7").await?.exit, Some(Exit::Status(7)))?;
    equal(client.output("signal").await?.exit, Some(Exit::Signal("TERM".into(), "as was asked".into())))?;
    let output = client.output("stderr oops").await?;
    equal((&output.stdout[..], &output.stderr[..]), (b"", b"oops"))?;
    let refused = client.exec("no such command").await;
    ensure(matches!(refused, Err(ProgramError::Refused("exec"))), || format!("{refused:?}"))?;
    there_and_back(client, "echo", 8_000_000).await?;
    let mut shell = client.shell().await?;
    shell.write_all(b"hello").await?;
    shell.read_exact(&mut [0; 5]).await?;
    equal(client.output("stdout at the same time").await?.stdout, b"at the same time".to_vec())
}

async fn there_and_back(client: &Client, command: &str, length: u64) -> Result<(), Failed> {
    let (mut read, mut write) = tokio::io::split(client.exec(command).await?);
    let sent = async {
        pattern::write(&mut write, length).await?;
        write.shutdown().await?;
        Ok(())
    };
    tokio::try_join!(sent, pattern::read(&mut read, length)).map(drop)
}

fn over_tcp(address: &str) -> Result<(), Failed> {
    block_on(async {
        let server = Running::listen(address, server_policy()).await?;
        exercise(&connect(&server).await?).await?;
        server.stop().await
    })
}

fn over_a_unix_socket() -> Result<(), Failed> {
    let directory = peers::temp_dir()?;
    block_on(async {
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path)?;
        let near = UnixStream::connect(&path).await?;
        let (far, _) = listener.accept().await?;
        let served = tokio::spawn(serve(far, Arc::new(server_policy()), Arc::new(TestHandler::default())));
        let client = log_in(near).await?;
        exercise(&client).await?;
        client.close();
        let ended = served.await?;
        ensure(is_good_bye(&ended), || format!("{ended:?}"))
    })
}

/// With room for everything, and for almost nothing.
fn over_memory() -> Result<(), Failed> {
    block_on(async {
        for size in [1, 100, 1 << 20] {
            let (server, client) = InMemory::connect(server_policy(), size).await?;
            if size == 1 {
                equal(client.output("stdout byte by byte").await?.stdout, b"byte by byte".to_vec())?;
            } else {
                exercise(&client).await?;
            }
            drop(client);
            let ended = server.served.await?;
            ensure(is_good_bye(&ended), || format!("{ended:?}"))?;
        }
        Ok(())
    })
}

/// The other side said DISCONNECT.
fn is_good_bye(ended: &Result<(), Ended>) -> bool {
    matches!(ended, Err(Ended::Protocol(Error::Disconnected(said))) if said.reason == 11)
}

fn agents_keep_the_keys(peers: &Peers) -> Result<(), Failed> {
    let directory = peers::temp_dir()?;
    let socket = directory.path().join("agent");
    let mut agent = Child::spawn(peers.command("ssh-agent").arg("-D").arg("-a").arg(&socket))?;
    agent.wait_for("SSH_AUTH_SOCK", LIMIT)?;
    for name in ["ed25519", "rsa3072", "ecdsa521"] {
        let key = vector_key(directory.path(), name)?;
        Child::spawn(peers.command("ssh-add").arg(key).env("SSH_AUTH_SOCK", &socket))?.succeed(LIMIT)?;
    }
    block_on(async {
        let identities = Identity::from_agent(&Agent::connect(&socket).await?).await?;
        for algorithm in ["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "ecdsa-sha2-nistp521"] {
            let mut policy = server::Policy::new(identities.clone(), support::algorithms());
            policy.config.limits.rekey_bytes = 1_000_000;
            let server = Running::start(policy).await?;
            let mut policy = client_policy(USER, &public(host_key_for(algorithm)));
            policy.identities = identities.clone();
            select(&mut policy.config.algorithms, Kind::HostKey, algorithm);
            select(&mut policy.config.algorithms, Kind::UserKey, algorithm);
            let client = Client::connect("127.0.0.1", server.address.port(), &policy).await?;
            // The agent signs some re-exchanges too.
            there_and_back(&client, "echo", 5_000_000).await?;
            drop(client);
            server.stop().await?;
        }
        Ok(())
    })
}

fn passwords() -> Result<(), Failed> {
    block_on(async {
        let mut offered = server_policy();
        offered.config.methods.push(MethodName::Password);
        offered.config.failure_delay = Duration::from_millis(1);
        let server = Running::start(offered).await?;
        let mut policy = policy();
        policy.identities = vec![new_identity()?];
        let connect = async |policy: &Policy| Client::connect("127.0.0.1", server.address.port(), policy).await;
        for (password, right) in [("wrong", false), ("correct horse", true)] {
            policy.password = Some(Zeroizing::new(password.into()));
            match connect(&policy).await {
                Ok(client) if right => exercise(&client).await?,
                Err(ConnectError::Denied { methods, .. }) if !right => {
                    equal(methods, vec!["publickey".to_owned(), "password".to_owned()])?;
                }
                other => return Err(format!("{password:?}: {other:?}").into()),
            }
        }
        server.stop().await
    })
}

/// Wants a key and then a password, and checks who is there when a program is asked for.
#[derive(Debug)]
struct TwoFactors;

impl Handler for TwoFactors {
    async fn authorize(&self, attempt: &Attempt<'_>) -> Decision {
        match attempt.credential {
            Credential::Offered(_) => Decision::Accept,
            Credential::Proven(_) => {
                let permissions = Permissions::all().forbid(Feature::Terminal).force_command("what the key says");
                Decision::PartialWith(vec![MethodName::Password], Box::new(permissions))
            }
            Credential::Password(b"correct horse") => Decision::Accept,
            _ => Decision::Refuse,
        }
    }

    fn program(&self, request: ProgramRequest) {
        let peer = request.peer();
        let is_the_user = peer.user == USER && peer.key.as_ref() == Some(&public("ed25519"));
        // What the first factor took away is not given back by the second.
        let is_restricted = !peer.permissions.permits(Feature::Terminal)
            && *request.program() == Program::Exec(b"what the key says".to_vec());
        if is_the_user && is_restricted && peer.negotiated.is_some() {
            drop(request.accept().map(|channel| channel.send_exit_status(42)));
        }
    }
}

fn two_factors() -> Result<(), Failed> {
    block_on(async {
        let mut policy = server_policy();
        policy.config.methods.push(MethodName::Password);
        let (near, far) = tokio::io::duplex(1000);
        let _served = tokio::spawn(serve(far, Arc::new(policy), Arc::new(TwoFactors)));
        let mut policy = self::policy();
        policy.password = Some(Zeroizing::new("correct horse".into()));
        let client = Client::over(near, "memory", 22, &policy).await?;
        equal(client.output("who is there").await?.exit, Some(Exit::Status(42)))
    })
}

fn a_server_knows_who_is_there() -> Result<(), Failed> {
    #[derive(Debug)]
    struct Seen(tokio::sync::mpsc::UnboundedSender<Arc<server::Peer>>);
    impl Handler for Seen {
        async fn authorize(&self, attempt: &Attempt<'_>) -> Decision {
            match attempt.credential {
                Credential::None => Decision::Refuse,
                _ => Decision::Accept,
            }
        }

        fn program(&self, request: ProgramRequest) {
            let _ = self.0.send(request.peer().clone());
        }
    }
    block_on(async {
        let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let server = ssh_transport::Server::bind("127.0.0.1:0", server_policy(), Seen(sender)).await?;
        let port = server.local_addr()?.port();
        let _running = tokio::spawn(server.run(std::future::pending()));
        let client = Client::connect("127.0.0.1", port, &policy()).await?;
        let _refused = client.exec("anything").await;
        let peer = seen.recv().await.ok_or("no program was asked for")?;
        equal(peer.user.as_str(), USER)?;
        equal(peer.key.clone(), Some(public("ed25519")))?;
        ensure(peer.source.is_some_and(|source| source.ip().is_loopback()), || format!("{:?}", peer.source))?;
        let software = peer.identification.as_ref().map(ToString::to_string).unwrap_or_default();
        ensure(software.contains("sshrpc"), || software)
    })
}

fn channels_of_all_sizes_at_once() -> Result<(), Failed> {
    block_on(async {
        let mut policy = server_policy();
        policy.config.limits.rekey_bytes = 10_000_000;
        let server = Running::start(policy).await?;
        let client = connect(&server).await?;
        let mut sessions = tokio::task::JoinSet::new();
        for session in 0..100_u64 {
            let client = client.clone();
            let length = session * session * session % 1_000_003;
            sessions.spawn(async move { there_and_back(&client, "echo", length).await });
        }
        while let Some(session) = sessions.join_next().await {
            session??;
        }
        drop(client);
        server.stop().await
    })
}

fn either_side_ends_first() -> Result<(), Failed> {
    block_on(async {
        let server = Running::start(server_policy()).await?;
        let client = connect(&server).await?;
        // The client first: the answer comes after its end.
        let mut channel = client.exec("consume 3000000").await?;
        pattern::write(&mut channel, 3_000_000).await?;
        channel.shutdown().await?;
        ensure(channel.write(b"more").await.is_err(), || "EOF was not the end".to_owned())?;
        let mut said = String::new();
        channel.read_to_string(&mut said).await?;
        equal((said.as_str(), channel.exit().await), ("same\n", Some(Exit::Status(0))))?;
        // The server first: it reads on.
        let mut channel = client.exec("last 3000000").await?;
        let mut said = String::new();
        channel.read_to_string(&mut said).await?;
        equal(said.as_str(), "first")?;
        pattern::write(&mut channel, 3_000_000).await?;
        channel.shutdown().await?;
        equal(channel.exit().await, Some(Exit::Status(0)))?;
        drop((channel, client));
        server.stop().await
    })
}

fn both_streams_from_two_tasks() -> Result<(), Failed> {
    block_on(async {
        let server = Running::start(server_policy()).await?;
        let client = connect(&server).await?;
        let output = client.output("both 10000000").await?;
        let expected = pattern::Pattern::file(10_000_000);
        ensure(output.stdout == expected && output.stderr == expected, || "other bytes came".to_owned())?;
        drop(client);
        server.stop().await
    })
}

/// Keeps every request until it is told to answer, the last first.
#[derive(Debug)]
struct Later(tokio::sync::mpsc::UnboundedSender<ProgramRequest>);

impl Handler for Later {
    async fn authorize(&self, attempt: &Attempt<'_>) -> Decision {
        match attempt.credential {
            Credential::None => Decision::Refuse,
            _ => Decision::Accept,
        }
    }

    fn program(&self, request: ProgramRequest) {
        let _ = self.0.send(request);
    }
}

fn programs_are_answered_later() -> Result<(), Failed> {
    block_on(async {
        let (near, far) = tokio::io::duplex(10_000);
        let (sender, mut requests) = tokio::sync::mpsc::unbounded_channel();
        let _served = tokio::spawn(serve(far, Arc::new(server_policy()), Arc::new(Later(sender))));
        let client = log_in(near).await?;
        let ask = |command: &'static str| {
            let client = client.clone();
            tokio::spawn(async move { client.exec(command).await })
        };
        let (first, second) = (ask("first"), ask("second"));
        let mut asked = [requests.recv().await, requests.recv().await].map(|request| request.expect("was asked"));
        asked.sort_by_key(|request| format!("{:?}", request.program()));
        let [for_first, for_second] = asked;
        let channel = for_second.accept()?;
        let mut seconds = second.await??;
        ensure(!first.is_finished(), || "nobody answered the first".to_owned())?;
        drop(for_first);
        let refused = first.await?;
        ensure(matches!(refused, Err(ProgramError::Refused("exec"))), || format!("{refused:?}"))?;
        channel.send_exit_status(1)?;
        drop(channel);
        equal((seconds.read(&mut [0; 1]).await?, seconds.exit().await), (0, Some(Exit::Status(1))))?;
        // A client that left in the meantime.
        let gone = ask("gone");
        let for_gone = requests.recv().await.ok_or("was not asked")?;
        gone.abort();
        drop((gone.await, seconds));
        // The answer to another request comes after the CLOSE of this one.
        let next = ask("next");
        let for_next = requests.recv().await.ok_or("was not asked")?;
        ensure(for_gone.accept().is_err(), || "its channel is closed".to_owned())?;
        drop(for_next.accept()?);
        next.await?.map(drop).map_err(Failed::from)
    })
}

fn bulk_each_way() -> Result<(), Failed> {
    block_on(async {
        let server = Running::start(server_policy()).await?;
        for cipher in Kind::Cipher.names() {
            let mut policy = policy();
            select(&mut policy.config.algorithms, Kind::Cipher, cipher);
            let client = Client::connect("127.0.0.1", server.address.port(), &policy).await?;
            let length = pattern::CHUNK;
            let mut down: Channel = client.exec(&format!("produce {length}")).await?;
            pattern::read(&mut down, length).await?;
            let mut up = client.exec(&format!("consume {length}")).await?;
            pattern::write(&mut up, length).await?;
            up.shutdown().await?;
            let mut said = String::new();
            up.read_to_string(&mut said).await?;
            equal(said.as_str(), "same\n")?;
        }
        server.stop().await
    })
}
