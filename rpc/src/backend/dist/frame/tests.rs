use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

use super::*;
use crate::extended::Destination;
use crate::term::{Atom, Pid, Term};

fn pid() -> Pid {
    Pid::new(Atom::from_static("a@b"), 0x4a, 0, 0x6500_0001)
}

fn message(message: Term) -> Signal {
    Signal::Send { from: None, to: Destination::Pid(pid()), message }
}

fn framed(signal: Signal) -> Vec<u8> {
    let mut frame = Vec::new();
    append(signal, &mut frame).expect("short");
    frame
}

/// What this sends is here, and nothing more.
fn reader(octets: &[u8], limits: &DecodeLimits) -> FrameReader<tokio::io::DuplexStream> {
    let (mut writer, reader) = tokio::io::duplex(octets.len().max(1));
    tokio::spawn({
        let octets = octets.to_vec();
        async move { writer.write_all(&octets).await }
    });
    FrameReader::new(reader, limits, Duration::from_secs(60))
}

#[test]
fn a_message_is_passed_through_behind_its_control_message() {
    let frame = framed(message(Term::atom("hello")));
    let expected: &[u8] = &[
        0, 0, 0, 39, 112, // pass through
        131, 104, 3, 97, 2, 119, 0, // {2, '',
        88, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0x4a, 0, 0, 0, 0, 0x65, 0, 0, 1, // a pid}
        131, 119, 5, b'h', b'e', b'l', b'l', b'o',
    ];
    assert_eq!(frame.len(), expected.len());
    assert_eq!(frame[4..], expected[4..]);
    assert_eq!(frame[..4], u32::try_from(expected.len() - 4).expect("short").to_be_bytes());
    let received = parse(&frame[4..], Complete::Yes, &DecodeLimits::DEFAULT);
    assert_eq!(received, Ok(Received::Signal(message(Term::atom("hello")))));
}

#[tokio::test]
async fn frames_follow_each_other_with_ticks_between() {
    let frame = framed(message(Term::from(1)));
    let mut frames = reader(&[&TICK, &frame[..], &TICK, &frame].concat(), &DecodeLimits::DEFAULT);
    for expected in [&[][..], &frame[4..], &[], &frame[4..]] {
        let (found, complete) = frames.next().await.expect("a frame");
        assert_eq!((&found[..], complete), (expected, Complete::Yes));
    }
    assert!(matches!(frames.next().await, Err(Ended::Closed)));
}

#[tokio::test]
async fn a_frame_that_is_too_long_is_passed_over_but_for_its_beginning() {
    let mut limits = DecodeLimits::DEFAULT;
    limits.max_bytes = 1000;
    let long = framed(message(Term::binary(vec![7; 1 << 20])));
    let next = framed(message(Term::from(1)));
    let mut frames = reader(&[long.clone(), next.clone()].concat(), &limits);
    let (found, complete) = frames.next().await.expect("a frame");
    assert_eq!((&found[..], complete), (&long[4..4 + CONTROL], Complete::No));
    let received = parse(&found, complete, &limits);
    assert_eq!(received, Ok(Received::TooLarge(message(Term::atom("system_limit")))));
    assert_eq!(frames.next().await.expect("a frame").0, next[4..]);
}

#[tokio::test]
async fn a_frame_that_ends_early_is_the_end() {
    let frame = framed(message(Term::from(1)));
    for length in 0..frame.len() {
        let mut frames = reader(&frame[..length], &DecodeLimits::DEFAULT);
        assert!(matches!(frames.next().await, Err(Ended::Closed)), "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_the_end_and_a_tick_is_none() {
    let (mut writer, reader) = tokio::io::duplex(64);
    let mut frames = FrameReader::new(reader, &DecodeLimits::DEFAULT, Duration::from_secs(75));
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(74)).await;
        writer.write_all(&TICK).await.expect("open");
        assert!(frames.next().await.expect("a tick").0.is_empty());
    }
    // Half a frame is not enough.
    writer.write_all(&[0, 0, 0, 9, 112]).await.expect("open");
    assert!(matches!(frames.next().await, Err(Ended::Silent(_))));
}

proptest! {
    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&octets, Complete::Yes, &DecodeLimits::DEFAULT);
        let _ = parse(&octets, Complete::No, &DecodeLimits::DEFAULT);
    }

    #[test]
    fn no_damage_panics(at in 0_usize..44, octet in any::<u8>(), length in 0_usize..45) {
        let mut frame = framed(message(Term::atom("hello")));
        frame.drain(..4);
        frame.truncate(length);
        if let Some(place) = frame.get_mut(at) {
            *place = octet;
        }
        let _ = parse(&frame, Complete::Yes, &DecodeLimits::DEFAULT);
    }
}
