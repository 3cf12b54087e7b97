//! How connections and what runs on them end: dropped, by silence, by a shutdown, or before they begin.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use peers::{Failed, LIMIT, Trial};
use ssh_proto::error::Error;
use ssh_transport::client::{ConnectError, ProgramError};
use ssh_transport::server::{Attempt, Credential, Decision, Handler, MaxStartups, ProgramRequest, serve};
use ssh_transport::{Channel, Client, Ended, Exit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{InMemory, connect, exercise, is_good_bye, log_in, policy};
use crate::support::handler::{Running, TestHandler, server_policy};
use crate::support::pattern;
use crate::support::{block_on, block_on_paused, ensure, equal, plain, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
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
    ]
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
        for command in ["hang", "produce 1000000000", "echo", "consume 1000"] {
            let mut channel = client.exec(command).await?;
            // Something may be under way in both directions, after which no program ends by itself.
            let _ = channel.write(pattern::Pattern::default().next(10)).await;
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
