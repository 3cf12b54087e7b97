//! When a client begins with a guess (RFC 4253 §7).

use peers::{Failed, Trial};
use ssh_proto::wire::number;
use ssh_transport::client::{ConnectError, Guesses, HostKeys, NewHosts, Policy};
use ssh_transport::known_hosts::KnownHosts;
use ssh_transport::{Client, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{InMemory, policy};
use crate::support::handler::server_policy;
use crate::support::{Kind, block_on, ensure, equal, plain, select};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        plain("a_guess_is_sent_where_the_last_one_would_have_been_right", a_guess_is_sent),
        plain("a_guess_is_forgotten_with_the_connection_that_failed", a_guess_is_forgotten),
        plain("nothing_is_guessed_at_hosts_that_nobody_knows", nothing_is_guessed_at_strangers),
    ]
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
