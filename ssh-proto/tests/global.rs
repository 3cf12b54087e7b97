//! Requests of the connection, RFC 4254 §4, and keepalive.

mod pair;
mod peer;

use std::time::Duration;

use pair::messages::global_request;
use pair::{Pair, Seen, Setup};
use peer::{Bench, Offer, Plays};
use ssh_proto::error::{Limit, PeerMisbehaved, Waiting};
use ssh_proto::wire::number;
use ssh_proto::{Error, GlobalRequest, Outcome, WantReply};

const BOTH: [Plays; 2] = [Plays::Client, Plays::Server];

fn seen(bench: &mut Bench) -> Vec<Seen> {
    match bench.peer.plays {
        Plays::Client => bench.server_end().take_events(),
        Plays::Server => bench.client_end().take_events(),
    }
}

#[test]
fn rfc4254_s4_requests_both_ways_and_their_answers_with_data() {
    let mut pair = Pair::connect(Setup::default()).unwrap();
    pair.run();
    pair.client.take();
    pair.server.take();
    pair.server.habits.global_request = Some(Outcome::Success);
    pair.client.habits.global_request = Some(Outcome::Failure);
    let forward = GlobalRequest::TcpipForward { address: "localhost", port: 0 };
    let asked =
        pair.client(|connection, now, out| connection.global_request(&forward, WantReply::Yes, now, out)).unwrap();
    let other = GlobalRequest::Other { name: "x@example.com", data: b"y" };
    let other =
        pair.server(|connection, now, out| connection.global_request(&other, WantReply::Yes, now, out)).unwrap();
    let quiet = GlobalRequest::Other { name: "quiet", data: b"" };
    pair.server(|connection, now, out| connection.global_request(&quiet, WantReply::No, now, out)).unwrap();
    pair.run();
    let forward = r#"TcpipForward { address: "localhost", port: 0 }"#;
    assert_eq!(pair.server.take_events(), [Seen::GlobalRequest(forward.into()), Seen::GlobalReply(other, None)]);
    let unknown = r#"Other { name: "x@example.com", data: [121] }"#;
    let quiet = r#"Other { name: "quiet", data: [] }"#;
    let expected = [
        Seen::GlobalRequest(unknown.into()),
        Seen::GlobalRequest(quiet.into()),
        Seen::GlobalReply(asked, Some(b"yes".to_vec())),
    ];
    assert_eq!(pair.client.take_events(), expected);
}

#[test]
fn rfc4254_s4_answers_leave_in_the_order_of_their_requests_and_only_where_they_are_wanted() {
    let mut bench = Bench::with(Plays::Client, Offer::default()).logged_in();
    bench.server_end().habits.global_request = None;
    for (index, want_reply) in [true, false, true, true].into_iter().enumerate() {
        bench.send(&global_request(&format!("r{index}"), want_reply, b""));
    }
    // The core's own answer waits for its turn too.
    bench.send(&global_request("keepalive@openssh.com", true, b""));
    let tickets: Vec<_> = bench.server_end().global_requests.drain(..).collect();
    let [a, b, c, d] = <[_; 4]>::try_from(tickets).unwrap();
    bench.act(|connection, now, out| connection.reply_global(d, Some(b"d"), now, out)).unwrap();
    bench.act(|connection, now, out| connection.reply_global(b, Some(b"b"), now, out)).unwrap();
    bench.act(|connection, now, out| connection.reply_global(c, None, now, out)).unwrap();
    assert!(bench.take().is_empty());
    bench.act(|connection, now, out| connection.reply_global(a, Some(b""), now, out)).unwrap();
    let answers = bench.take();
    assert_eq!(answers, [&[81][..], &[82], &[81, b'd'], &[81]]);
}

#[test]
fn cve_2026_39830_answers_that_nobody_asked_for_hold_nothing_up() {
    for plays in BOTH {
        let mut bench = Bench::with(plays, Offer::default()).logged_in();
        for _ in 0..100 {
            bench.send(&[number::REQUEST_FAILURE]);
        }
        // A later request has its answer.
        bench.send(&global_request("x", true, b""));
        assert_eq!((bench.error.take(), bench.take()), (None, vec![b"\x51yes".to_vec()]));
        bench.send(&[number::REQUEST_SUCCESS]);
        assert_eq!(bench.error, Some(Error::PeerMisbehaved(PeerMisbehaved::UnsolicitedReply)));
    }
}

#[test]
fn a_peer_may_have_64_unanswered_requests() {
    let mut bench = Bench::with(Plays::Client, Offer::default()).logged_in();
    bench.server_end().habits.global_request = None;
    for _ in 0..64 {
        bench.send(&global_request("x", true, b""));
        bench.send(&global_request("x", false, b""));
    }
    assert_eq!(bench.error, None);
    bench.send(&global_request("x", true, b""));
    assert_eq!(bench.error, Some(Error::LimitReached(Limit::PendingRequests)));
}

#[test]
fn openssh_keepalive_is_answered_by_the_core() {
    for plays in BOTH {
        let mut bench = Bench::with(plays, Offer::default()).logged_in();
        for _ in 0..3 {
            bench.send(&global_request("keepalive@openssh.com", true, b""));
            assert_eq!(bench.take(), [[number::REQUEST_SUCCESS]]);
        }
        bench.send(&global_request("keepalive@openssh.com", false, b""));
        assert_eq!((bench.take(), seen(&mut bench)), (vec![], vec![]));
    }
}

/// A machine that asks for a sign of life after 10 seconds.
fn watchful(plays: Plays) -> Bench {
    let setup = Setup::default().limits(|limits| limits.keepalive_interval = Some(Duration::from_secs(10)));
    let bench = match plays {
        Plays::Client => Bench::server(setup.server, Offer::default()),
        Plays::Server => Bench::client(setup.client, Offer::default()),
    };
    bench.logged_in()
}

#[test]
fn a_peer_that_says_nothing_is_asked_three_times_and_then_left() {
    for plays in BOTH {
        let mut bench = watchful(plays);
        bench.pass(Duration::from_millis(9_999));
        assert!(bench.take().is_empty());
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.take(), [global_request("keepalive@openssh.com", true, b"")]);
        bench.pass(Duration::from_secs(20));
        assert_eq!(bench.take().len(), 2);
        bench.pass(Duration::from_millis(9_999));
        assert_eq!(bench.error, None);
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.error, Some(Error::TimedOut(Waiting::Keepalive)));
        assert_eq!(bench.disconnect_reason(), Some(10));
    }
}

#[test]
fn any_answer_is_a_sign_of_life_and_the_caller_sees_none_of_it() {
    for plays in BOTH {
        for answer in [number::REQUEST_SUCCESS, number::REQUEST_FAILURE] {
            let mut bench = watchful(plays);
            for _ in 0..20 {
                bench.pass(Duration::from_secs(10));
                assert_eq!(bench.take().len(), 1);
                bench.send(&[answer]);
            }
            assert_eq!((bench.error.clone(), seen(&mut bench)), (None, vec![]));
            // Answers are matched in order, those to the caller's requests among them: this yes is one too many.
            bench.send(&[number::REQUEST_SUCCESS]);
            assert!(bench.error.is_some());
        }
    }
}

#[test]
fn every_packet_is_a_sign_of_life_the_transport_layers_too() {
    for plays in BOTH {
        for packet in [vec![number::IGNORE], vec![200], global_request("x", false, b"")] {
            let mut bench = watchful(plays);
            for _ in 0..20 {
                bench.pass(Duration::from_secs(9));
                bench.send(&packet);
            }
            assert!(!bench.take_numbers().contains(&number::GLOBAL_REQUEST), "{packet:?}");
        }
    }
}

#[test]
fn a_peer_that_lives_but_never_answers_is_not_asked_without_end() {
    // Each question waits for its answer and takes memory: there are never more than the tries.
    let mut bench = watchful(Plays::Client);
    for _ in 0..300 {
        bench.pass(Duration::from_secs(10));
        if bench.error.is_none() {
            bench.send(&[number::IGNORE, 0, 0, 0, 0]);
        }
    }
    let asked = bench.take_numbers().iter().filter(|&&number| number == number::GLOBAL_REQUEST).count();
    assert!(asked <= 3, "{asked}");
    assert_eq!(bench.error, None, "it lives");
}

#[test]
fn two_sides_that_watch_each_other_keep_an_idle_connection_for_a_day() {
    let setup = Setup::default().limits(|limits| limits.keepalive_interval = Some(Duration::from_secs(60)));
    let mut pair = Pair::connect(setup).unwrap();
    let (here, there) = pair.session();
    pair.pass(Duration::from_secs(24 * 3600));
    pair.upload(here, b"still here");
    assert_eq!(pair.server.data(there), b"still here");
    pair.to_server.cut = true;
    pair.pass(Duration::from_secs(600));
    assert_eq!(pair.server.error, Some(Error::TimedOut(Waiting::Keepalive)));
}
