use std::sync::Mutex;

use tokio::io::DuplexStream;

use super::super::cookie::Cookie;
use super::*;
use crate::extended::Destination;
use crate::process::{MailboxLimits, Processes, SendError};
use crate::term::{Atom, Pid, Term};

const US: Atom = Atom::from_static("us@h");
const SHOP: Atom = Atom::from_static("shop@h");

fn there(number: u32) -> Pid {
    Pid::new(SHOP, number, 0, 5)
}

#[derive(Default)]
struct Collected(Mutex<Vec<Signal>>);

impl Receiver for Collected {
    fn receive(&self, signal: Signal) {
        self.0.lock().expect("nobody panics").push(signal);
    }

    fn receive_too_large(&self, signal: Signal) {
        self.receive(signal);
    }
}

/// A connection that runs, whose other end is ours.
async fn connected(limits: MailboxLimits) -> (DuplexStream, Processes, tokio::task::JoinHandle<Ended>) {
    let processes = Processes::new(US);
    let neighbour = processes.connect(SHOP, limits).expect("nobody else");
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let running = tokio::spawn(async move {
        let ticks = Ticks::every(Duration::from_secs(60));
        let (limits, collected) = (DecodeLimits::DEFAULT, Collected::default());
        carry(tokio::io::split(ours), &neighbour, &collected, &limits, ticks).await
    });
    (theirs, processes, running)
}

async fn frame(stream: &mut DuplexStream) -> Vec<u8> {
    let length = stream.read_u32().await.expect("a frame");
    let mut frame = vec![0; usize::try_from(length).expect("short")];
    stream.read_exact(&mut frame).await.expect("a whole frame");
    frame
}

#[tokio::test(start_paused = true)]
async fn a_tick_goes_out_each_quarter_and_for_each_that_comes() {
    let (mut theirs, processes, running) = connected(MailboxLimits::default()).await;
    let begun = tokio::time::Instant::now();
    assert!(frame(&mut theirs).await.is_empty());
    assert_eq!(begun.elapsed(), Duration::from_secs(15));
    for _ in 0..10 {
        theirs.write_all(&TICK).await.expect("open");
        assert!(frame(&mut theirs).await.is_empty());
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(15));
    // What is said counts as well as a tick.
    tokio::time::advance(Duration::from_secs(14)).await;
    processes.send(&there(1).into(), Term::from(1)).expect("room");
    assert!(!frame(&mut theirs).await.is_empty());
    assert!(frame(&mut theirs).await.is_empty());
    assert_eq!(begun.elapsed(), Duration::from_secs(44));
    // Nothing comes from now on.
    let ended = running.await.expect("no panic");
    assert!(matches!(ended, Ended::Silent(silence) if silence == Duration::from_secs(75)), "{ended}");
    assert_eq!(begun.elapsed(), Duration::from_secs(15 + 75));
}

#[tokio::test]
async fn what_is_no_frame_ends_the_connection() {
    for octets in [&[0, 0, 0, 1, 113][..], &[0, 0, 0, 2, 112, 131], &[0, 0, 0, 4, 112, 131, 97, 1]] {
        let (mut theirs, _processes, running) = connected(MailboxLimits::default()).await;
        theirs.write_all(octets).await.expect("open");
        let ended = running.await.expect("no panic");
        assert!(matches!(ended, Ended::Malformed), "{ended}");
    }
}

#[tokio::test]
async fn who_takes_nothing_is_sent_no_more_than_may_wait() {
    let limits = MailboxLimits::new(4, 1 << 30);
    let (theirs, processes, running) = connected(limits).await;
    // More than the stream holds: the writer waits.
    processes.send(&there(1).into(), Term::binary(vec![0; 1 << 20])).expect("room");
    while processes.send(&there(1).into(), Term::from(1)).is_ok() {
        tokio::task::yield_now().await;
    }
    let sent = processes.send(&there(1).into(), Term::from(1));
    assert_eq!(sent, Err(SendError::Full(there(1))));
    // Links have the same room once more; then the connection has to end.
    let us = processes.open_mailbox();
    let mut waits = Vec::new();
    for number in 0..10 {
        us.link(&there(number));
        waits.push(processes.monitor(&Destination::Pid(there(number))));
    }
    // Reading lets the writer look.
    let mut theirs = theirs;
    let mut passed = Vec::new();
    theirs.read_to_end(&mut passed).await.expect("the end");
    let ended = running.await.expect("no panic");
    assert!(matches!(ended, Ended::Overflown), "{ended}");
    for wait in waits {
        assert_eq!(wait.await, Term::atom("noconnection"));
    }
}

/// The other end of a handshake, step by step.
async fn shaken(script: &[(&[u8], &[u8])]) -> Result<(), DistProblem> {
    let (mut ours, mut theirs) = tokio::io::duplex(4096);
    let cookie = Cookie::new(b"secret").expect("a cookie");
    let begun = Handshake::begin("shop@h", "us@h", 4, cookie, 12345);
    let script: Vec<_> = script.iter().map(|(read, write)| (read.to_vec(), write.to_vec())).collect();
    let other = tokio::spawn(async move {
        for (expected, said) in script {
            let length = theirs.read_u16().await.expect("a message");
            let mut message = vec![0; usize::from(length)];
            theirs.read_exact(&mut message).await.expect("a whole message");
            assert_eq!(message[..expected.len()], expected);
            // Octet by octet.
            for octet in said {
                theirs.write_all(&[octet]).await.expect("open");
            }
        }
    });
    let shaken = shake_hands(&mut ours, begun).await;
    drop(ours);
    other.await.expect("the other end agrees");
    shaken
}

/// `sok`, and a challenge of a node of OTP 25.
fn status_and_challenge() -> Vec<u8> {
    let challenge =
        [b"N", &55_966_662_588_u64.to_be_bytes()[..], &[0, 0, 0x30, 0x39, 0, 0, 0, 7, 0, 6], b"shop@h"].concat();
    [&b"\0\x03sok"[..], &u16::try_from(challenge.len()).expect("short").to_be_bytes(), &challenge].concat()
}

/// Of `secret12345`, by `erlang:md5/1`.
const PROOF: [u8; 16] = 0xd404_7d3e_56e6_d6d6_3f7d_16b8_5cd2_fa88_u128.to_be_bytes();

#[tokio::test]
async fn a_handshake_goes_through_in_pieces() {
    let proof = [&b"\0\x11a"[..], &PROOF].concat();
    let reply = [&b"r\0\0\x30\x39"[..], &PROOF].concat();
    shaken(&[(b"N", &status_and_challenge()), (&reply, &proof)]).await.expect("both have the cookie");
}

#[tokio::test]
async fn an_end_within_the_handshake_says_what_it_means() {
    let problem = |shaken: Result<(), DistProblem>| format!("{:?}", shaken.expect_err("not connected"));
    assert_eq!(problem(shaken(&[(b"N", b"")]).await), "Handshake(Closed)");
    assert_eq!(problem(shaken(&[(b"N", b"\0\x0csnot_allowed")]).await), "Handshake(NotAllowed)");
    assert_eq!(problem(shaken(&[(b"N", &status_and_challenge()), (b"r", b"")]).await), "Handshake(Cookie)");
    let long = [&[0xff, 0xff][..], &[0; 100]].concat();
    assert_eq!(problem(shaken(&[(b"N", &long)]).await), "Handshake(Malformed(\"a message that is too long\"))");
}
