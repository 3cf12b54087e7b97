//! Our client against our server, over every kind of stream, and against peers without manners.

mod support;

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use peers::{Child, Failed, LIMIT, Peers, Trial, trial};
use ssh_proto::error::Error;
use ssh_proto::server::MethodName;
use ssh_proto::wire::number;
use ssh_transport::agent::Agent;
use ssh_transport::client::{ConnectError, Guesses, HostKeys, NewHosts, Policy, ProgramError};
use ssh_transport::identity::Identity;
use ssh_transport::known_hosts::KnownHosts;
use ssh_transport::server::{
    Attempt, Credential, Decision, Feature, Handler, MaxStartups, Permissions, Program, ProgramRequest, serve,
};
use ssh_transport::{Channel, Client, Duplex, Ended, Exit, server};
use support::handler::{Running, TestHandler, server_policy};
use support::pattern;
use support::raw::{self, Raw};
use support::{
    Kind, USER, block_on, block_on_paused, client_policy, ensure, equal, host_key_for, identity, new_identity, public,
    select, until, vector_key,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpStream, UnixListener, UnixStream};
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
        plain("a_login_dropped_anywhere_ends_the_connection", a_dropped_login),
        plain("a_program_dropped_anywhere_frees_its_channel", a_dropped_program),
        plain("a_dropped_channel_ends_its_program", a_dropped_channel),
        plain("a_program_that_outlives_its_channel_counts_as_one", a_program_that_outlives_its_channel),
        plain("a_dropped_client_delivers_all_and_ends", a_dropped_client),
        plain("a_dropped_server_ends_its_connections", a_dropped_server),
        plain("silence_ends_logins", silence_ends_logins),
        plain("silence_ends_connections", silence_ends_connections),
        plain("idle_connections_are_closed", idle_connections_are_closed),
        plain("a_stalled_key_exchange_keeps_no_idle_connection", a_stalled_key_exchange_keeps_no_idle_connection),
        plain("nobody_listens", nobody_listens),
        plain("shutdown_waits_for_programs", shutdown_waits),
        plain("max_startups", max_startups),
        plain("a_login_in_one_write", a_login_in_one_write),
        plain("nothing_runs_before_the_login", nothing_runs_before_the_login),
        plain("a_client_that_reads_nothing_stops_nobody", a_client_that_reads_nothing),
        plain("a_client_that_only_asks_is_not_heard_for_ever", a_client_that_only_asks),
        plain("a_good_bye_is_heard_in_the_middle_of_writing", a_good_bye_is_heard),
        plain("bulk_each_way", bulk_each_way),
        plain("a_guess_is_sent_where_the_last_one_would_have_been_right", a_guess_is_sent),
        plain("a_guess_is_forgotten_with_the_connection_that_failed", a_guess_is_forgotten),
        plain("nothing_is_guessed_at_hosts_that_nobody_knows", nothing_is_guessed_at_strangers),
    ];
    trials.push(match std::net::TcpListener::bind("[::1]:0") {
        Ok(_) => plain("tcp_v6", || over_tcp("[::1]:0")),
        Err(error) => peers::unsupported("tcp_v6", &format!("this machine has no IPv6: {error}")),
    });
    peers::run(trials)
}

/// A trial that needs nobody else.
fn plain(name: &str, test: fn() -> Result<(), Failed>) -> Trial {
    trial(name, &[], move |_| test())
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

/// Polls `future` at most `polls` times; `None` when it was not ready by then, and dropped.
async fn poll_some<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

fn a_dropped_login() -> Result<(), Failed> {
    block_on_paused(async {
        let mut polls = 1;
        loop {
            let (server, near) = InMemory::new(server_policy(), 200);
            let policy = policy();
            let client = poll_some(Client::over(near, "memory", 22, &policy), polls).await;
            let done = client.is_some();
            drop(client);
            // The server notices, whatever it was doing.
            let ended = server.served.await?;
            ensure(ended.is_err(), || format!("{ended:?}"))?;
            if done {
                return ensure(polls > 10, || format!("only {polls} stages were tried"));
            }
            polls += 1;
        }
    })
}

fn a_dropped_program() -> Result<(), Failed> {
    block_on_paused(async {
        let mut policy = server_policy();
        policy.config.limits.channels = 2;
        let (server, client) = InMemory::connect(policy, 50).await?;
        let mut polls = 1;
        loop {
            let channel = poll_some(client.exec("hang"), polls).await;
            let done = match channel {
                None | Some(Err(ProgramError::ChannelRefused(..))) => false,
                Some(Ok(_channel)) => true,
                Some(Err(error)) => return Err(error.into()),
            };
            // Its channel is closed and its number free before long.
            loop {
                match client.output("status 7").await {
                    Ok(output) => break equal(output.exit, Some(Exit::Status(7)))?,
                    Err(ProgramError::ChannelRefused(..)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if done {
                break;
            }
            polls += 1;
        }
        ensure(polls > 2, || format!("only {polls} stages were tried"))?;
        until(|| server.programs.load(Ordering::SeqCst) == 0).await
    })
}

fn a_dropped_channel() -> Result<(), Failed> {
    block_on(async {
        let server = Running::start(server_policy()).await?;
        let client = connect(&server).await?;
        for command in ["hang", "produce 1000000000", "echo", "consume 1"] {
            let mut channel = client.exec(command).await?;
            // Something may be under way in both directions.
            let _ = channel.write(&[0; 10]).await;
            let errors = channel.stderr();
            drop(channel);
            until(|| server.programs.load(Ordering::SeqCst) == 1).await?;
            drop(errors);
            until(|| server.programs.load(Ordering::SeqCst) == 0).await?;
        }
        exercise(&client).await?;
        drop(client);
        server.stop().await
    })
}

fn a_program_that_outlives_its_channel() -> Result<(), Failed> {
    /// Keeps its channels, whatever becomes of them.
    #[derive(Clone, Default)]
    struct Keeps(Arc<std::sync::Mutex<Vec<Channel>>>);
    impl Handler for Keeps {
        async fn authorize(&self, _attempt: &Attempt<'_>) -> Decision {
            Decision::Accept
        }

        fn program(&self, request: ProgramRequest) {
            self.0.lock().expect("no panic").extend(request.accept());
        }
    }
    block_on(async {
        const MAXIMUM: usize = 3;
        let mut limited = server_policy();
        limited.config.limits.channels = MAXIMUM;
        let (near, far) = tokio::io::duplex(1 << 16);
        let keeps = Keeps::default();
        let _served = tokio::spawn(serve(far, Arc::new(limited), Arc::new(keeps.clone())));
        let client = log_in(near).await?;
        for _ in 0..MAXIMUM {
            let channel = client.exec("anything").await?;
            channel.close();
            channel.closed().await;
        }
        let refused = client.exec("anything").await;
        ensure(matches!(refused, Err(ProgramError::ChannelRefused(4, _))), || format!("{refused:?}"))?;
        keeps.0.lock().expect("no panic").pop();
        client.exec("anything").await?;
        Ok(())
    })
}

/// What was written before the client was dropped arrives, however slow the stream is.
fn a_dropped_client() -> Result<(), Failed> {
    #[derive(Debug)]
    struct Reader(tokio::sync::mpsc::UnboundedSender<Result<(), Failed>>);
    impl Handler for Reader {
        async fn authorize(&self, attempt: &Attempt<'_>) -> Decision {
            match attempt.credential {
                Credential::None => Decision::Refuse,
                _ => Decision::Accept,
            }
        }

        fn program(&self, request: ProgramRequest) {
            let done = self.0.clone();
            tokio::spawn(async move {
                let result = match request.accept() {
                    Ok(mut channel) => pattern::read(&mut channel, 900_000).await,
                    Err(ended) => Err(ended.into()),
                };
                let _ = done.send(result);
            });
        }
    }
    block_on(async {
        let (near, far) = tokio::io::duplex(500);
        let (sender, mut done) = tokio::sync::mpsc::unbounded_channel();
        let served = tokio::spawn(serve(far, Arc::new(server_policy()), Arc::new(Reader(sender))));
        let client = log_in(near).await?;
        let mut channel = client.exec("read").await?;
        pattern::write(&mut channel, 900_000).await?;
        channel.shutdown().await?;
        drop((channel, client));
        done.recv().await.ok_or("the program did not run")??;
        let ended = served.await?;
        ensure(is_good_bye(&ended), || format!("{ended:?}"))
    })
}

fn a_dropped_server() -> Result<(), Failed> {
    block_on(async {
        // One connection that is served by hand.
        let (server, client) = InMemory::connect(server_policy(), 1000).await?;
        let mut channel = client.exec("hang").await?;
        server.served.abort();
        ensure(channel.read(&mut [0; 1]).await.is_err(), || "the channel lives on".to_owned())?;
        ensure(client.is_closed(), || "the connection lives on".to_owned())?;
        // And a server with its connections.
        let server = ssh_transport::Server::bind("127.0.0.1:0", server_policy(), TestHandler::default()).await?;
        let port = server.local_addr()?.port();
        let running = tokio::spawn(server.run(std::future::pending()));
        let client = Client::connect("127.0.0.1", port, &policy()).await?;
        let mut channel = client.exec("hang").await?;
        running.abort();
        ensure(channel.read(&mut [0; 1]).await.is_err(), || "the channel lives on".to_owned())
    })
}

/// On either side, by a clock that jumps.
fn silence_ends_logins() -> Result<(), Failed> {
    block_on_paused(async {
        let (near, _silent) = tokio::io::duplex(1000);
        let error = Client::over(near, "memory", 22, &policy()).await.expect_err("nobody is there");
        equal(error.to_string().as_str(), "the login took too long")?;
        let (server, _silent) = InMemory::new(server_policy(), 1000);
        let ended = server.served.await?;
        ensure(matches!(ended, Err(Ended::Protocol(Error::TimedOut(_)))), || format!("{ended:?}"))?;
        // A peer that says as much as it likes, but never the right thing.
        let (server, mut near) = InMemory::new(server_policy(), 1_000_000);
        near.write_all(b"SSH-2.0-slow\r\n").await?;
        let ended = server.served.await?;
        ensure(matches!(ended, Err(Ended::Protocol(Error::TimedOut(_)))), || format!("{ended:?}"))?;
        // One that takes nothing, so that not even our first words go out.
        let (server, _silent) = InMemory::new(server_policy(), 1);
        ensure(server.served.await?.is_err(), || "silence was taken for an end".to_owned())
    })
}

/// A peer that is logged in and falls silent: it is asked for a sign of life, and left.
fn silence_ends_connections() -> Result<(), Failed> {
    block_on_paused(async {
        let mut policy = server_policy();
        policy.config.limits.keepalive_interval = Some(Duration::from_secs(15));
        let (near, far) = tokio::io::duplex(100_000);
        let served = tokio::spawn(serve(far, Arc::new(policy), Arc::new(TestHandler::default())));
        // Between the two, a wire that can be cut.
        let (inner, outer) = tokio::io::duplex(100_000);
        let wire = tokio::spawn(async move {
            let (mut near, mut outer) = (near, outer);
            let _ = tokio::io::copy_bidirectional(&mut near, &mut outer).await;
        });
        let client = log_in(inner).await?;
        exercise(&client).await?;
        // Nothing is lost while the other side answers.
        tokio::time::sleep(Duration::from_secs(1000)).await;
        exercise(&client).await?;
        let _kept_open = client.exec("hang").await?;
        wire.abort();
        let _ = wire.await;
        let ended = served.await?;
        ensure(ended.is_err(), || format!("{ended:?}"))
    })
}

fn idle_connections_are_closed() -> Result<(), Failed> {
    block_on_paused(async {
        let mut policy = server_policy();
        policy.idle_timeout = Some(Duration::from_secs(60));
        let (server, client) = InMemory::connect(policy, 10_000).await?;
        // With a channel open, a connection is not idle, however silent.
        let mut channel = client.exec("echo").await?;
        tokio::time::sleep(Duration::from_secs(1000)).await;
        channel.write_all(b"still here").await?;
        channel.read_exact(&mut [0; 10]).await?;
        let before = tokio::time::Instant::now();
        drop(channel);
        server.served.await??;
        let after = before.elapsed().as_secs();
        ensure((60..70).contains(&after), || format!("closed after {after} seconds"))?;
        let next = client.exec("echo").await;
        ensure(matches!(next, Err(ProgramError::Ended(_))), || format!("{next:?}"))
    })
}

fn a_stalled_key_exchange_keeps_no_idle_connection() -> Result<(), Failed> {
    block_on_paused(async {
        let mut policy = server_policy();
        policy.idle_timeout = Some(Duration::from_secs(30));
        policy.config.limits.rekey_interval = Duration::from_secs(10);
        let (server, mut stream) = InMemory::new(policy, 10_000);
        let (mut near, far) = tokio::io::duplex(10_000);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let wire = tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut stream) => {}
                _ = stopped => {}
            }
            // It carries nothing any more, and is not closed.
            std::future::pending::<()>().await;
        });
        let client = log_in(far).await?;
        let before = tokio::time::Instant::now();
        drop(stop);
        server.served.await??;
        let after = before.elapsed().as_secs();
        ensure((30..60).contains(&after), || format!("closed after {after} seconds"))?;
        wire.abort();
        drop(client);
        Ok(())
    })
}

fn nobody_listens() -> Result<(), Failed> {
    block_on(async {
        let port = peers::free_port()?;
        match Client::connect("127.0.0.1", port, &policy()).await {
            Err(ConnectError::Connect(address, error)) => {
                equal((address, error.kind()), (format!("127.0.0.1:{port}"), ErrorKind::ConnectionRefused))
            }
            other => Err(format!("{other:?}").into()),
        }
    })
}

fn shutdown_waits() -> Result<(), Failed> {
    block_on(async {
        let mut policy = server_policy();
        policy.shutdown_grace = LIMIT;
        let server = Running::start(policy).await?;
        let address = server.address;
        let client = connect(&server).await?;
        let mut channel = client.exec("echo").await?;
        let logging_in = TcpStream::connect(address).await?;
        let stopping = tokio::spawn(server.stop());
        // Nobody new is let in, and who was logging in is sent away.
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        let mut rest = Vec::new();
        pin!(logging_in).read_to_end(&mut rest).await?;
        // What runs goes on.
        channel.write_all(b"still here").await?;
        channel.read_exact(&mut [0; 10]).await?;
        ensure(!stopping.is_finished(), || "it did not wait".to_owned())?;
        channel.shutdown().await?;
        equal((channel.read(&mut [0; 1]).await?, channel.exit().await), (0, Some(Exit::Status(0))))?;
        stopping.await??;
        let next = client.exec("echo").await;
        ensure(matches!(&next, Err(ProgramError::Ended(Ended::Protocol(Error::Disconnected(_))))), || {
            format!("{next:?}")
        })
    })
}

fn max_startups() -> Result<(), Failed> {
    block_on(async {
        let mut policy = server_policy();
        policy.max_startups = MaxStartups { begin: 2, rate: 100, full: 2 };
        let server = Running::start(policy).await?;
        let mut silent = [TcpStream::connect(server.address).await?, TcpStream::connect(server.address).await?];
        for stream in &mut silent {
            stream.read_exact(&mut [0; 8]).await?;
        }
        let mut third = TcpStream::connect(server.address).await?;
        equal(third.read_to_end(&mut Vec::new()).await?, 0)?;
        // One that logs in, or goes, makes room.
        drop(silent);
        let mut clients = Vec::new();
        while clients.len() < 5 {
            if let Ok(client) = connect(&server).await {
                clients.push(client);
            }
        }
        drop(clients);
        server.stop().await
    })
}

/// Everything from the service request to the command without waiting for a single answer.
fn a_login_in_one_write() -> Result<(), Failed> {
    block_on(async {
        let server = Running::start(server_policy()).await?;
        let mut raw = Raw::connect(server.address).await?;
        let attempt = raw.attempt(&identity("ed25519")).await?;
        let messages = [
            raw::service_request(),
            raw::userauth("none"),
            attempt,
            raw::open_session(1 << 20),
            raw::exec("stdout hello"),
        ];
        for message in messages {
            raw.send(&message);
        }
        raw.flush().await?;
        for number in [
            number::SERVICE_ACCEPT,
            number::USERAUTH_FAILURE,
            number::USERAUTH_SUCCESS,
            number::CHANNEL_OPEN_CONFIRMATION,
            number::CHANNEL_SUCCESS,
        ] {
            raw.expect(number).await?;
        }
        ensure(raw.expect(number::CHANNEL_DATA).await?.ends_with(b"hello"), || "other data".to_owned())?;
        drop(raw);
        server.stop().await
    })
}

/// The same with a key that nobody knows: RFC 4252 §6 wants a disconnect, and CVE-2025-32433 shows why.
fn nothing_runs_before_the_login() -> Result<(), Failed> {
    block_on(async {
        let server = Running::start(server_policy()).await?;
        for logs_in in [true, false] {
            let mut raw = Raw::connect(server.address).await?;
            let attempt = raw.attempt(&new_identity()?).await?;
            raw.send(&raw::service_request());
            if logs_in {
                raw.send(&raw::userauth("none"));
                raw.send(&attempt);
            }
            raw.send(&raw::open_session(1 << 20));
            raw.send(&raw::exec("produce 1000"));
            raw.flush().await?;
            let numbers = raw.numbers().await?;
            equal(numbers.last(), Some(&number::DISCONNECT))?;
            ensure(numbers.iter().all(|&number| number < number::GLOBAL_REQUEST), || format!("{numbers:?}"))?;
        }
        equal(server.produced.load(Ordering::SeqCst), 0)?;
        server.stop().await
    })
}

/// It has a window of 4 GiB, and asks for more. The others go on, and our memory does not.
fn a_client_that_reads_nothing() -> Result<(), Failed> {
    block_on(async {
        let server = Running::start(server_policy()).await?;
        let mut raw = Raw::log_in(server.address, &identity("ed25519")).await?;
        raw.send(&raw::open_session(u32::MAX));
        raw.send(&raw::exec("produce 4000000000"));
        raw.flush().await?;
        let client = connect(&server).await?;
        there_and_back(&client, "echo", 50_000_000).await?;
        let produced = server.produced.load(Ordering::SeqCst);
        // 1 MiB of ours, as much that is being written, and what the system's sockets hold.
        ensure((1..32_000_000).contains(&produced), || format!("{produced} bytes went nowhere"))?;
        // When it reads after all, everything comes.
        drop(raw);
        until(|| server.programs.load(Ordering::SeqCst) == 0).await?;
        drop(client);
        server.stop().await
    })
}

/// Its questions want answers that it does not read: at some point they are not read either.
fn a_client_that_only_asks() -> Result<(), Failed> {
    block_on(async {
        let server = Running::start(server_policy()).await?;
        let mut raw = Raw::log_in(server.address, &identity("ed25519")).await?;
        let enough = 200_000_000;
        let sent = raw.flood(&raw::global_request(), enough).await?;
        ensure(sent < enough, || format!("the server took {sent} bytes of questions"))?;
        let client = connect(&server).await?;
        exercise(&client).await?;
        drop((client, raw));
        server.stop().await
    })
}

/// The server says why it leaves, and leaves, while the client is busy writing: the reason is told all the same.
fn a_good_bye_is_heard() -> Result<(), Failed> {
    block_on(async {
        for _round in 0..20 {
            let mut policy = server_policy();
            policy.shutdown_grace = Duration::ZERO;
            let server = Running::start(policy).await?;
            let client = connect(&server).await?;
            let mut channel = client.exec("echo").await?;
            let mut stop = Some(server);
            let error = loop {
                if let Err(error) = channel.write(&[0; 10_000]).await {
                    break error;
                }
                if let Some(server) = stop.take() {
                    tokio::spawn(server.stop());
                }
            };
            let next = client.exec("echo").await;
            ensure(matches!(&next, Err(ProgramError::Ended(Ended::Protocol(Error::Disconnected(_))))), || {
                format!("{error:?}, {next:?}")
            })?;
        }
        Ok(())
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

/// Whether the first packet that a client sends, behind its identification, is a KEXINIT that announces a guess; and then
/// whether the guess came with it.
fn begins_with_a_guess(flight: &[u8]) -> Result<bool, Failed> {
    let packet = &flight[flight.iter().position(|&byte| byte == b'\n').ok_or("no identification")? + 1..];
    let length = u32::from_be_bytes(packet[..4].try_into()?) as usize;
    let payload = &packet[5..4 + length - usize::from(packet[4])];
    equal(payload[0], number::KEXINIT)?;
    let announced = payload[payload.len() - 5] == 1;
    equal(announced, packet.len() > 4 + length)?;
    Ok(announced)
}

/// Logs in over a stream in memory to a server in memory, and says whether the client began with a guess.
async fn guesses(server: server::Policy, policy: &Policy) -> Result<bool, Failed> {
    let (_server, mut to_server) = InMemory::new(server, 1 << 16);
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let first = tokio::spawn(async move {
        let mut flight = vec![0; 1 << 16];
        let length = far.read(&mut flight).await?;
        flight.truncate(length);
        to_server.write_all(&flight).await?;
        let _ = tokio::io::copy_bidirectional(&mut far, &mut to_server).await;
        Ok::<_, std::io::Error>(flight)
    });
    let client = Client::over(near, "memory", 22, policy).await?;
    equal(client.output("stdout hello").await?.stdout, b"hello".to_vec())?;
    client.close();
    client.closed().await;
    begins_with_a_guess(&first.await??)
}

fn a_guess_is_sent() -> Result<(), Failed> {
    block_on(async {
        let mut policy = policy();
        // Nobody knows yet what the server likes best; then it is remembered, and stays right.
        equal(guesses(server_policy(), &policy).await?, false)?;
        equal(guesses(server_policy(), &policy).await?, true)?;
        equal(guesses(server_policy(), &policy).await?, true)?;
        // Another policy with the same memory.
        let mut other = self::policy();
        other.guesses = policy.guesses.clone();
        equal(guesses(server_policy(), &other).await?, true)?;
        // What we like best is not what the server did.
        select(&mut other.config.algorithms, Kind::Kex, "curve25519-sha256");
        equal(guesses(server_policy(), &other).await?, false)?;
        // That was remembered too.
        equal(guesses(server_policy(), &policy).await?, false)?;
        // The server changes its mind: the guess is wrong once, and harmless.
        equal(guesses(server_policy(), &policy).await?, true)?;
        let mut changed = server_policy();
        select(&mut changed.config.algorithms, Kind::Kex, "curve25519-sha256");
        equal(guesses(changed, &policy).await?, true)?;
        equal(guesses(server_policy(), &policy).await?, false)?;
        policy.guesses = Guesses::never();
        equal(guesses(server_policy(), &policy).await?, false)?;
        equal(guesses(server_policy(), &policy).await?, false)
    })
}

fn a_guess_is_forgotten() -> Result<(), Failed> {
    block_on(async {
        let policy = policy();
        equal(guesses(server_policy(), &policy).await?, false)?;
        // A server that hangs up on the guess.
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let hanging_up = tokio::spawn(async move {
            let mut flight = vec![0; 1 << 16];
            let length = far.read(&mut flight).await?;
            flight.truncate(length);
            Ok::<_, std::io::Error>(flight)
        });
        let refused = Client::over(near, "memory", 22, &policy).await;
        ensure(matches!(refused, Err(ConnectError::Ended(_))), || format!("{refused:?}"))?;
        equal(begins_with_a_guess(&hanging_up.await??)?, true)?;
        equal(guesses(server_policy(), &policy).await?, false)
    })
}

fn nothing_is_guessed_at_strangers() -> Result<(), Failed> {
    let directory = peers::temp_dir()?;
    let file = directory.path().join("known_hosts");
    block_on(async {
        let mut policy = policy();
        let known = || -> Result<HostKeys, Failed> {
            Ok(HostKeys::Known { known: KnownHosts::load([&file])?, new: NewHosts::Remember(file.clone()) })
        };
        policy.host_keys = known()?;
        // The key is written down; what was read before knows nothing of it.
        equal(guesses(server_policy(), &policy).await?, false)?;
        equal(guesses(server_policy(), &policy).await?, false)?;
        policy.host_keys = known()?;
        equal(guesses(server_policy(), &policy).await?, true)
    })
}
