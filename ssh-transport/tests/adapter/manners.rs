//! Peers without manners: what they cannot have or stop.

use std::sync::atomic::Ordering;
use std::time::Duration;

use peers::{Failed, Trial};
use ssh_proto::error::Error;
use ssh_proto::wire::number;
use ssh_transport::Ended;
use ssh_transport::client::ProgramError;
use tokio::io::AsyncWriteExt;

use super::{connect, exercise, there_and_back};
use crate::support::handler::{Running, server_policy};
use crate::support::raw::{self, Raw};
use crate::support::{block_on, ensure, equal, identity, new_identity, plain, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        plain("a_login_in_one_write", a_login_in_one_write),
        plain("nothing_runs_before_the_login", nothing_runs_before_the_login),
        plain("a_client_that_reads_nothing_stops_nobody", a_client_that_reads_nothing),
        plain("a_client_that_only_asks_is_not_heard_for_ever", a_client_that_only_asks),
        plain("a_good_bye_is_heard_in_the_middle_of_writing", a_good_bye_is_heard),
    ]
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
