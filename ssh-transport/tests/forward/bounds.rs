//! What a peer cannot make us hold or do, however it asks.

use std::net::TcpListener;

use peers::{Failed, Peers, Trial, trial};
use ssh_proto::wire::{Put, number};
use tokio::net::TcpStream;

use super::everything;
use crate::support::handler::{Running, server_policy};
use crate::support::raw::Raw;
use crate::support::{block_on, equal, identity};

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("bounds::requests_without_reply_count_as_listeners_at_once", &[], burst_of_listeners)]
}

/// A GLOBAL_REQUEST, without its data.
fn global_request(name: &str, want_reply: bool) -> Vec<u8> {
    let mut payload = vec![number::GLOBAL_REQUEST];
    payload.put_string(name.as_bytes());
    payload.put_bool(want_reply);
    payload
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
        let mut answer = raw.receive().await?.ok_or("the server hung up")?;
        while !matches!(answer[0], number::REQUEST_SUCCESS | number::REQUEST_FAILURE) {
            answer = raw.receive().await?.ok_or("the server hung up")?;
        }
        equal(answer[0], number::REQUEST_FAILURE)?;
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
