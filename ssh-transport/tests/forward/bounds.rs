//! What a peer cannot make us hold or do, however it asks.

use std::future::ready;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use peers::{Failed, Peers, Trial, trial};
use ssh_proto::keys::{PrivateKey, PublicKey};
use ssh_proto::wire::{Put, number};
use ssh_transport::Client;
use ssh_transport::agent::{Agent, AgentError};
use ssh_transport::client::{HostKeys, NewHosts};
use ssh_transport::forward::carry;
use ssh_transport::identity::Identity;
use ssh_transport::known_hosts::{HashNames, KnownHosts, append};
use ssh_transport::rng::os_rng;
use ssh_transport::server::{Policy, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::everything;
use crate::support::handler::{Running, TestHandler, server_policy};
use crate::support::pattern;
use crate::support::raw::Raw;
use crate::support::{
    LONG, USER, algorithms, block_on, block_on_paused, client_policy, ensure, equal, identity, public,
};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("bounds::requests_without_reply_count_as_listeners_at_once", &[], burst_of_listeners),
        trial("bounds::host_keys_are_proved_one_by_one_to_who_waits", &[], proofs),
        trial("bounds::only_the_first_announcement_of_host_keys_counts", &[], announcements),
        trial("bounds::a_connection_that_is_gone_ends_what_nobody_reads", &[], nobody_reads),
        trial("bounds::a_channel_that_is_closed_ends_what_nobody_reads", &[], nobody_reads_what_is_closed),
        trial("bounds::a_remote_forward_that_is_given_up_is_cancelled", &[], given_up),
        trial("bounds::an_agent_that_hangs_up_on_the_binding_is_not_forwarded", &[], unbound_agent),
    ]
}

/// A GLOBAL_REQUEST, without its data.
fn global_request(name: &str, want_reply: bool) -> Vec<u8> {
    let mut payload = vec![number::GLOBAL_REQUEST];
    payload.put_string(name.as_bytes());
    payload.put_bool(want_reply);
    payload
}

/// The number of the next answer to a global request.
async fn global_answer(raw: &mut Raw) -> Result<u8, Failed> {
    loop {
        let answer = raw.receive().await?.ok_or("the server hung up")?;
        if matches!(answer[0], number::REQUEST_SUCCESS | number::REQUEST_FAILURE) {
            return Ok(answer[0]);
        }
    }
}

fn burst_of_listeners(_peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        const MAXIMUM: usize = 3;
        let mut forwarding = everything();
        forwarding.max_listeners = MAXIMUM;
        let server = Running::forwarding(server_policy(), forwarding).await?;
        let mut raw = Raw::log_in(server.address, &identity("ed25519")).await?;
        // All of them are free, and none is told twice.
        let free: Vec<_> = (0..20).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let ports: Vec<_> = free.iter().map(|free| free.local_addr().map(|at| at.port())).collect::<Result<_, _>>()?;
        drop(free);
        for (index, port) in ports.iter().enumerate() {
            let last = index + 1 == ports.len();
            let mut request = global_request("tcpip-forward", last);
            request.put_string(b"127.0.0.1");
            request.put_u32((*port).into());
            raw.send(&request);
        }
        raw.flush().await?;
        equal(global_answer(&mut raw).await?, number::REQUEST_FAILURE)?;
        // The first ones may take their time.
        let mut listening = 0;
        while listening < MAXIMUM {
            listening = 0;
            for port in &ports {
                listening += usize::from(TcpStream::connect(("127.0.0.1", *port)).await.is_ok());
            }
        }
        equal(listening, MAXIMUM)?;
        drop(raw);
        server.stop().await
    })
}

/// What an agent of ours did.
#[derive(Debug, Default)]
struct Deeds {
    signatures: AtomicUsize,
    signing: AtomicUsize,
    /// The most signatures that were made at the same time.
    most: AtomicUsize,
}

/// An agent with one key, which hangs up on whatever it does not know.
fn agent(path: &Path, key: &PrivateKey) -> Result<(Arc<Deeds>, JoinHandle<()>), Failed> {
    let (listener, key, deeds) = (UnixListener::bind(path)?, key.clone(), Arc::<Deeds>::default());
    let done = deeds.clone();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (key, deeds) = (key.clone(), done.clone());
            tokio::spawn(async move { answer_as_agent(stream, &key, &deeds).await });
        }
    });
    Ok((deeds, task))
}

async fn answer_as_agent(mut stream: UnixStream, key: &PrivateKey, deeds: &Deeds) -> Result<(), Failed> {
    loop {
        let mut request = vec![0; stream.read_u32().await? as usize];
        stream.read_exact(&mut request).await?;
        let mut answer = Vec::new();
        match request[0] {
            11 => {
                answer.push(12);
                answer.put_u32(1);
                answer.put_string(key.public().blob());
                answer.put_string(b"");
            }
            13 => {
                deeds.signatures.fetch_add(1, Ordering::SeqCst);
                let signing = deeds.signing.fetch_add(1, Ordering::SeqCst) + 1;
                deeds.most.fetch_max(signing, Ordering::SeqCst);
                // Time enough for another request, if there were one.
                tokio::time::sleep(Duration::from_millis(10)).await;
                let mut data = &request[1 + 4 + key.public().blob().len()..];
                let length = data.read_u32().await? as usize;
                let signature = key.sign(key.algorithms()[0], &data[..length], &mut os_rng()?)?;
                answer.push(14);
                answer.put_nested(|field| signature.to_wire(field));
                deeds.signing.fetch_sub(1, Ordering::SeqCst);
            }
            _ => return Ok(()),
        }
        let mut framed = Vec::new();
        framed.put_string(&answer);
        stream.write_all(&framed).await?;
    }
}

fn proofs(_peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        const ANSWERED: usize = 5;
        let directory = peers::temp_dir()?;
        let path = directory.path().join("agent");
        let key = PrivateKey::generate_ed25519(&mut os_rng()?);
        let (deeds, task) = agent(&path, &key)?;
        let host_keys = Identity::from_agent(&Agent::connect(&path).await?).await?;
        let server = Running::start(Policy::new(host_keys, algorithms())).await?;
        let mut raw = Raw::log_in(server.address, &identity("ed25519")).await?;
        let before = deeds.signatures.load(Ordering::SeqCst);
        for number in 0..200 {
            let mut request = global_request("hostkeys-prove-00@openssh.com", number % 40 == 39);
            request.put_string(key.public().blob());
            raw.send(&request);
        }
        raw.flush().await?;
        for _ in 0..ANSWERED {
            equal(global_answer(&mut raw).await?, number::REQUEST_SUCCESS)?;
        }
        equal(deeds.signatures.load(Ordering::SeqCst) - before, ANSWERED)?;
        equal(deeds.most.load(Ordering::SeqCst), 1)?;
        drop(raw);
        task.abort();
        server.stop().await
    })
}

fn announcements(_peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let directory = peers::temp_dir()?;
        let known = directory.path().join("known_hosts");
        let keys: Vec<PrivateKey> =
            (0..4).map(|_| Ok(PrivateKey::generate_ed25519(&mut os_rng()?))).collect::<Result<_, Failed>>()?;
        append(&known, "127.0.0.1", 22, keys[0].public(), HashNames::No)?;
        let mut policy = client_policy(USER, keys[0].public());
        policy.host_keys = HostKeys::Known { known: KnownHosts::load([&known])?, new: NewHosts::Refuse };
        policy.update_host_keys = Some(known);
        let (mut server, client) = raw_server(keys[0].clone(), &policy).await?;
        let announce = |server: &mut Raw, key: &PublicKey| {
            let mut request = global_request("hostkeys-00@openssh.com", false);
            request.put_string(keys[0].public().blob());
            request.put_string(key.blob());
            server.send(&request);
        };
        keys[1..].iter().for_each(|key| announce(&mut server, key.public()));
        server.send(&global_request("keepalive@openssh.com", true));
        server.flush().await?;
        // Both may come in any order.
        let mut numbers = [server.receive().await?, server.receive().await?].map(|message| message.unwrap_or_default());
        numbers.sort();
        equal(numbers[0][0], number::GLOBAL_REQUEST)?;
        ensure(numbers[0].ends_with(&framed(keys[1].public().blob())), || format!("{:?}", numbers[0]))?;
        ensure(matches!(numbers[1][0], number::REQUEST_SUCCESS | number::REQUEST_FAILURE), || format!("{numbers:?}"))?;
        equal(client.announced_host_keys(), vec![keys[0].public().clone(), keys[1].public().clone()])?;
        client.close();
        ensure(!server.numbers().await?.contains(&number::GLOBAL_REQUEST), || "more proofs".to_owned())
    })
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut framed = Vec::new();
    framed.put_string(bytes);
    framed
}

/// Our client, logged in to a server without manners.
async fn raw_server(host_key: PrivateKey, policy: &ssh_transport::client::Policy) -> Result<(Raw, Client), Failed> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = async { Raw::serve(listener.accept().await?.0, host_key).await };
    let client = async {
        let stream = TcpStream::connect(address).await?;
        Ok::<_, Failed>(Client::over(stream, "127.0.0.1", 22, policy).await?)
    };
    tokio::try_join!(server, client)
}

fn nobody_reads(_peers: &Peers) -> Result<(), Failed> {
    block_on_paused(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let served = tokio::spawn(serve(far, Arc::new(server_policy()), Arc::new(TestHandler::default())));
        let client = Client::over(near, "memory", 22, &client_policy(USER, &public("ed25519"))).await?;
        let (stream, mut target) = tokio::io::duplex(1 << 10);
        let carried = tokio::spawn(carry(client.exec("flood").await?, stream));
        let (slow, mut reader) = tokio::io::duplex(1 << 10);
        let read = tokio::spawn(carry(client.exec("flood").await?, slow));
        // Both have more than their streams hold.
        for stream in [&mut target, &mut reader] {
            stream.read_exact(&mut [0; 1 << 14]).await?;
        }
        client.close();
        client.closed().await;
        let _ = served.await?;
        // Who reads gets the rest.
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await?;
        ensure(rest.len() > 1 << 10, || format!("{} bytes", rest.len()))?;
        let _ = read.await?;
        let ended = tokio::time::timeout(LONG, carried).await.map_err(|_elapsed| "it waits for ever")??;
        equal(ended.err().map(|error| error.kind()), Some(std::io::ErrorKind::TimedOut))?;
        drop(target);
        Ok(())
    })
}

/// The same of a channel, whose connection lives.
fn nobody_reads_what_is_closed(_peers: &Peers) -> Result<(), Failed> {
    block_on_paused(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let served = tokio::spawn(serve(far, Arc::new(server_policy()), Arc::new(TestHandler::default())));
        let client = Client::over(near, "memory", 22, &client_policy(USER, &public("ed25519"))).await?;
        let (stream, mut target) = tokio::io::duplex(1 << 10);
        let channel = client.exec("produce 100000").await?;
        let carried = tokio::spawn(carry(channel, stream));
        let (slow, mut reader) = tokio::io::duplex(1 << 10);
        let channel = client.exec("produce 100000").await?;
        channel.closed().await;
        // Who reads gets all of it, however late it begins.
        let read = tokio::spawn(carry(channel, slow));
        tokio::time::sleep(Duration::from_secs(29)).await;
        pattern::read(&mut reader, 100_000).await?;
        read.await??;
        let ended = tokio::time::timeout(LONG, carried).await.map_err(|_elapsed| "it waits for ever")??;
        equal(ended.err().map(|error| error.kind()), Some(std::io::ErrorKind::TimedOut))?;
        // The stream was dropped, with what it had taken.
        let mut taken = Vec::new();
        target.read_to_end(&mut taken).await?;
        equal(taken.len(), 1 << 10)?;
        equal(client.output("stdout here").await?.stdout, b"here".to_vec())?;
        client.close();
        client.closed().await;
        let _ = served.await?;
        Ok(())
    })
}

fn given_up(_peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let key = PrivateKey::generate_ed25519(&mut os_rng()?);
        let (mut server, client) = raw_server(key.clone(), &client_policy(USER, key.public())).await?;
        // Both times it is dropped while it waits.
        tokio::select! {
            biased;
            _ = client.remote_forward("localhost", 0) => {}
            () = ready(()) => {}
        }
        tokio::select! {
            biased;
            _ = client.remote_forward_socket("/some/socket") => {}
            () = ready(()) => {}
        }
        for answer in [&[number::REQUEST_SUCCESS, 0, 0, 0x30, 0x39][..], &[number::REQUEST_SUCCESS]] {
            server.expect(number::GLOBAL_REQUEST).await?;
            server.send(answer);
        }
        server.flush().await?;
        let mut cancel = global_request("cancel-tcpip-forward", false);
        cancel.put_string(b"localhost");
        cancel.put_u32(12345);
        equal(server.expect(number::GLOBAL_REQUEST).await?, cancel)?;
        let mut cancel = global_request("cancel-streamlocal-forward@openssh.com", false);
        cancel.put_string(b"/some/socket");
        equal(server.expect(number::GLOBAL_REQUEST).await?, cancel)?;
        // And nothing is taken that comes from there all the same.
        let mut open = vec![number::CHANNEL_OPEN];
        open.put_string(b"forwarded-tcpip");
        [0, 1 << 20, 1 << 15].into_iter().for_each(|value| open.put_u32(value));
        open.put_string(b"localhost");
        open.put_u32(12345);
        open.put_string(b"127.0.0.1");
        open.put_u32(1);
        server.send(&open);
        server.flush().await?;
        server.expect(number::CHANNEL_OPEN_FAILURE).await?;
        Ok(())
    })
}

fn unbound_agent(_peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let directory = peers::temp_dir()?;
        let path = directory.path().join("agent");
        let key = PrivateKey::generate_ed25519(&mut os_rng()?);
        let (_deeds, task) = agent(&path, &key)?;
        let server = Running::with_keys(server_policy(), vec![key.public().clone()]).await?;
        // For its own logins the agent is used as it is.
        let keys = Agent::connect(&path).await?;
        let mut policy = client_policy(USER, &public("ed25519"));
        policy.identities = Identity::from_agent(&keys).await?;
        let client = Client::connect("127.0.0.1", server.address.port(), &policy).await?;
        let proof = client.host_proof().ok_or("no proof")?;
        let dialled = keys.dial_for_forwarding(proof).await;
        ensure(matches!(dialled, Err(AgentError::Broken(_))), || format!("{dialled:?}"))?;
        task.abort();
        client.close();
        server.stop().await
    })
}
