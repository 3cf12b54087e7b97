//! Key re-exchange, RFC 4253 §9: by either side, for every reason, in every company.

mod pair;
mod peer;

use std::time::Duration;

use pair::messages::{auth_request, global_request, service};
use pair::{Pair, Pieces, Seen, Setup, ed25519_key, rsa_key};
use peer::{Bench, Offer, Plays, Try};
use ssh_proto::crypto::CryptoProvider;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::error::{Limit, PeerMisbehaved, Waiting};
use ssh_proto::wire::{Put, number};
use ssh_proto::{ChannelRequest, Error, GlobalRequest, SendError, Stream, WantReply};

const BOTH: [Plays; 2] = [Plays::Client, Plays::Server];

/// Both sides forget what they saw, and their next exchanges are counted.
fn settle(pair: &mut Pair) {
    pair.run();
    pair.client.take();
    pair.server.take();
}

fn exchanges(pair: &Pair) -> (usize, usize) {
    (pair.client.key_exchanges(), pair.server.key_exchanges())
}

#[test]
fn rfc4253_s9_by_either_side_and_both_at_once_with_every_cipher_and_channels_live_on() {
    for cipher in PROVIDER.ciphers() {
        let mut pair = Pair::connect(Setup::default().cipher(cipher.name)).unwrap();
        let before = (pair.client.connection.negotiated().cloned(), pair.client.connection.session_id());
        let channels = [pair.session(), pair.session(), pair.session()];
        for (by_client, by_server) in [(true, false), (false, true), (true, true)] {
            settle(&mut pair);
            if by_client {
                pair.client(|connection, now, out| connection.rekey(now, out));
            }
            if by_server {
                pair.server(|connection, now, out| connection.rekey(now, out));
            }
            pair.run();
            assert_eq!(exchanges(&pair), (1, 1), "{}", cipher.name);
            // "The session identifier is not changed", the algorithms are chosen by the same rule, and windows stay.
            assert_eq!(before, (pair.client.connection.negotiated().cloned(), pair.client.connection.session_id()));
            assert_eq!(pair.client.connection.session_id(), pair.server.connection.session_id());
            for (here, there) in channels {
                pair.upload(here, cipher.name.as_bytes());
                pair.download(there, cipher.name.as_bytes());
                assert!(pair.server.data(there).ends_with(cipher.name.as_bytes()));
                assert!(pair.client.data(here).ends_with(cipher.name.as_bytes()));
            }
        }
    }
}

#[test]
fn rfc4253_s9_while_bulk_data_flows_both_ways_in_any_pieces_nothing_is_lost() {
    for pieces in [Pieces::Whole, Pieces::Of(1000), Pieces::Of(77)] {
        for (by_client, by_server) in [(true, false), (false, true), (true, true)] {
            let mut pair = Pair::connect(Setup::default().pieces(pieces)).unwrap();
            let (here, there) = pair.session();
            settle(&mut pair);
            let block: Vec<u8> = (0..60_000_u32).flat_map(u32::to_be_bytes).collect();
            let (mut up, mut down, mut rounds) = (0, 0, 0);
            while up < block.len() || down < block.len() {
                up += pair
                    .client(|connection, now, out| {
                        connection.channel(here).send(Stream::Data, &block[up..(up + 9999).min(block.len())], now, out)
                    })
                    .unwrap_or(0);
                down += pair
                    .server(|connection, now, out| {
                        connection.channel(there).send(
                            Stream::Data,
                            &block[down..(down + 7777).min(block.len())],
                            now,
                            out,
                        )
                    })
                    .unwrap_or(0);
                // A few pieces arrive: much is under way whenever somebody wants new keys.
                for _ in 0..3 {
                    pair.turn();
                }
                rounds += 1;
                if rounds % 5 == 0 && rounds <= 15 {
                    if by_client {
                        pair.client(|connection, now, out| connection.rekey(now, out));
                    }
                    if by_server {
                        pair.server(|connection, now, out| connection.rekey(now, out));
                    }
                }
            }
            pair.run();
            assert!(pair.server.data(there) == block && pair.client.data(here) == block);
            let least = if pieces == Pieces::Whole { 3 } else { 1 };
            assert!(exchanges(&pair).0 >= least && exchanges(&pair).0 == exchanges(&pair).1, "{:?}", exchanges(&pair));
        }
    }
}

#[test]
fn rfc4253_s9_after_so_many_bytes_and_rfc4344_s3_1_after_so_many_packets_whichever_way_they_went() {
    for by_bytes in [true, false] {
        for upload in [true, false] {
            let mut setup = Setup::default();
            // One side alone has a limit: it starts the exchanges, whichever way the bytes go.
            for limits in [&mut setup.client.limits] {
                if by_bytes {
                    limits.rekey_bytes = 64 * 1024;
                } else {
                    limits.rekey_packets = 100;
                }
            }
            let mut pair = Pair::connect(setup).unwrap();
            let (here, there) = pair.session();
            settle(&mut pair);
            let block = [5; 1000];
            for _ in 0..500 {
                if upload { pair.upload(here, &block) } else { pair.download(there, &block) }
            }
            let (client, server) = exchanges(&pair);
            assert_eq!(client, server);
            assert!((4..=12).contains(&client), "{client} exchanges, by bytes {by_bytes}, upload {upload}");
        }
    }
}

#[test]
fn inbound_packets_that_nobody_answers_count_too() {
    // Messages that go up without an answer, and messages that are dropped: the receiver still wants new keys in time.
    let mut config = Setup::default().server;
    config.limits.rekey_packets = 50;
    let mut bench = Bench::server(config, Offer::default()).logged_in();
    for _ in 0..60 {
        bench.send(&auth_request("alice", "ssh-connection", "none"));
    }
    assert_eq!(bench.take_numbers(), [number::KEXINIT]);
}

#[test]
fn rfc4253_s9_after_an_hour() {
    let mut pair = Pair::connect(Setup::default()).unwrap();
    let (here, there) = pair.session();
    settle(&mut pair);
    pair.pass(Duration::from_secs(3599));
    assert_eq!(exchanges(&pair), (0, 0));
    pair.pass(Duration::from_secs(1));
    assert_eq!(exchanges(&pair), (1, 1));
    pair.pass(Duration::from_secs(3 * 3600));
    assert_eq!(exchanges(&pair), (4, 4));
    pair.upload(here, b"still here");
    assert_eq!(pair.server.data(there), b"still here");
    assert_eq!((&pair.client.error, &pair.server.error), (&None, &None));
}

#[test]
fn rfc4253_s9_before_login_by_either_side_in_every_step() {
    for plays in BOTH {
        let mut bench = Bench::with(plays, Offer::default()).with_keys();
        bench.exchange_keys();
        assert_eq!(bench.error, None);
        let first = bench.peer.session_id.clone();
        let service_message = match plays {
            Plays::Client => service(number::SERVICE_REQUEST, "ssh-userauth"),
            Plays::Server => service(number::SERVICE_ACCEPT, "ssh-userauth"),
        };
        bench.send(&service_message);
        bench.exchange_keys();
        bench.exchange_keys();
        assert_eq!((&bench.error, &bench.peer.session_id), (&None, &first));
        let message = match plays {
            Plays::Client => bench.signed_request("alice"),
            Plays::Server => vec![number::USERAUTH_SUCCESS],
        };
        bench.send(&message);
        bench.exchange_keys();
        assert_eq!(bench.error, None);
        bench.send(&global_request("keepalive@openssh.com", true, b""));
        assert_eq!(bench.take().pop().unwrap(), [number::REQUEST_SUCCESS]);
    }
}

#[test]
fn a_peer_that_exchanges_keys_again_and_again_before_login_is_left() {
    for plays in BOTH {
        let mut bench = Bench::with(plays, Offer::default()).with_keys();
        for _ in 0..3 {
            bench.exchange_keys();
        }
        assert_eq!(bench.error, None);
        bench.send_kexinit();
        assert_eq!(bench.error, Some(Error::LimitReached(Limit::KeyExchangesBeforeLogin)));
    }
}

#[test]
fn rfc4253_s9_algorithms_may_change() {
    // CVE-2013-4548: from a cipher with a MAC to one without, and back; CVE-2021-3634: from a hash to a longer one.
    for plays in BOTH {
        let mut bench = Bench::with(plays, Offer::default()).logged_in();
        for (kex, cipher, mac) in [
            ("curve25519-sha256", "aes256-gcm@openssh.com", ""),
            ("diffie-hellman-group14-sha1", "aes128-cbc", "hmac-sha1"),
            ("diffie-hellman-group16-sha512", "chacha20-poly1305@openssh.com", "hmac-sha1"),
            ("curve25519-sha256@libssh.org", "aes256-ctr", "hmac-sha2-512-etm@openssh.com"),
        ] {
            let offer = &mut bench.peer.offer;
            (offer.kex, offer.cipher, offer.mac) = (kex.into(), cipher.into(), mac.into());
            bench.exchange_keys();
            bench.send(&global_request("keepalive@openssh.com", true, b""));
            assert_eq!(bench.error, None, "{cipher}");
            assert_eq!(bench.take().pop().unwrap(), [number::REQUEST_SUCCESS], "{cipher}");
        }
    }
}

#[test]
fn rfc4253_s7_1_between_our_kexinit_and_our_newkeys_nothing_else_is_sent_and_what_waited_keeps_its_order() {
    let mut bench = Bench::with(Plays::Client, Offer::default()).logged_in();
    let mut open = vec![number::CHANNEL_OPEN];
    open.put_string(b"session");
    for field in [0, 100_000, 1000] {
        open.put_u32(field);
    }
    bench.send(&open);
    let id = bench.server_end().opened[0];
    bench.server_end().habits.sign = None;
    bench.take();
    bench.act(|connection, now, out| connection.rekey(now, out));
    assert_eq!(bench.take_numbers(), [number::KEXINIT]);
    // Legal, for the peer has not sent its KEXINIT: the answers wait.
    let requests = ["a", "b"].map(|name| global_request(name, true, b""));
    requests.iter().for_each(|request| bench.send(request));
    let ours = GlobalRequest::Other { name: "ours", data: b"" };
    bench.act(|connection, now, out| connection.global_request(&ours, WantReply::No, now, out)).unwrap();
    let refused = bench.act(|connection, now, out| connection.channel(id).send(Stream::Data, b"x", now, out));
    assert_eq!(refused, Err(SendError::Rekeying));
    let status = ChannelRequest::ExitStatus(3);
    bench.act(|connection, now, out| connection.channel(id).request(&status, WantReply::No, now, out)).unwrap();
    bench.act(|connection, now, out| connection.channel(id).eof(now, out)).unwrap();
    // Transport messages pass the gate.
    bench.send(&[150]);
    assert_eq!(bench.take_numbers(), [number::UNIMPLEMENTED]);
    bench.send_kexinit();
    bench.send_public_value();
    assert!(bench.take().is_empty(), "the signer is slow");
    bench.server_end().habits.sign = Some(());
    let ask = bench.server_end().asks.pop_front().expect("a question");
    let (key, algorithm) = (ask.key().clone(), ask.algorithm());
    let signature = bench.signer.sign(&key, algorithm, ask.to_sign());
    bench.act(|connection, _, out| connection.resume_rekey(ask, &signature, out));
    let numbers = bench.take_numbers();
    let kex = [number::KEXDH_REPLY, number::NEWKEYS];
    let held = [number::REQUEST_SUCCESS, number::REQUEST_SUCCESS, number::GLOBAL_REQUEST];
    let channel = [number::CHANNEL_REQUEST, number::CHANNEL_EOF];
    assert_eq!(numbers, [&kex[..], &held, &channel].concat());
    bench.send_newkeys();
    assert_eq!(bench.error, None);
}

#[test]
fn a_channel_that_met_the_gate_is_told_when_it_opens() {
    let mut pair = Pair::connect(Setup::default()).unwrap();
    let (here, _) = pair.session();
    settle(&mut pair);
    pair.client(|connection, now, out| connection.rekey(now, out));
    let refused = pair.client(|connection, now, out| connection.channel(here).send(Stream::Data, b"x", now, out));
    assert_eq!(refused, Err(SendError::Rekeying));
    pair.run();
    assert_eq!(pair.client.take_events(), [Seen::Writable(here)]);
}

#[test]
fn rfc4253_s7_1_data_that_was_under_way_before_the_peers_kexinit_is_delivered_and_after_it_ends_the_connection() {
    for plays in BOTH {
        let mut bench = Bench::with(plays, Offer::default()).logged_in();
        match plays {
            Plays::Client => bench.act(|connection, now, out| connection.rekey(now, out)),
            Plays::Server => {
                let mut out = Vec::new();
                let now = bench.now;
                bench.client_end().connection.rekey(now, &mut out);
                bench.gather(&out);
            }
        }
        for _ in 0..100 {
            bench.send(&global_request("in flight", true, b""));
        }
        assert_eq!(bench.error, None);
        bench.send_kexinit();
        bench.send(&global_request("too late", true, b""));
        assert!(matches!(bench.error, Some(Error::PeerMisbehaved(PeerMisbehaved::NotKeyExchange(_)))));
    }
}

#[test]
fn cve_2025_22869_a_peer_that_never_answers_a_re_exchange_meets_the_limit_of_what_waits_or_the_clock() {
    let mut bench = Bench::with(Plays::Client, Offer::default()).logged_in();
    bench.act(|connection, now, out| connection.rekey(now, out));
    bench.take();
    let answers = (0..100_000).take_while(|_| {
        bench.send(&global_request("keepalive@openssh.com", true, b""));
        bench.error.is_none()
    });
    // Each counts 64 bytes more than it has.
    let expected = 256 * 1024 / 65;
    assert_eq!(answers.count(), expected);
    assert_eq!(bench.error, Some(Error::LimitReached(Limit::HeldOutput)));
    assert_eq!(bench.take_numbers(), [number::DISCONNECT]);

    for plays in BOTH {
        // It answers nothing, or its KEXINIT only, or everything but NEWKEYS.
        for answers in 0..3 {
            let mut bench = Bench::with(plays, Offer::default()).logged_in();
            bench.pass(Duration::from_secs(3600));
            assert_eq!(bench.take_numbers(), [number::KEXINIT]);
            if answers > 0 {
                bench.send_kexinit();
            }
            if answers > 1 {
                bench.send_public_value();
            }
            bench.pass(Duration::from_millis(59_999));
            assert_eq!(bench.error, None);
            bench.pass(Duration::from_millis(1));
            assert_eq!(bench.error, Some(Error::TimedOut(Waiting::KeyExchange)), "{plays:?} {answers}");
        }
        // Or it begins and never ends.
        let mut bench = Bench::with(plays, Offer::default()).logged_in();
        bench.send_kexinit();
        bench.pass(Duration::from_secs(60));
        assert_eq!(bench.error, Some(Error::TimedOut(Waiting::KeyExchange)));
    }
}

#[test]
fn a_slow_signer_meets_the_clock_too_and_its_late_answer_is_not_sent() {
    let mut bench = Bench::with(Plays::Client, Offer::default()).logged_in();
    bench.server_end().habits.sign = None;
    bench.send_kexinit();
    bench.send_public_value();
    let ask = bench.server_end().asks.pop_front().unwrap();
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.error, Some(Error::TimedOut(Waiting::KeyExchange)));
    bench.take();
    let signature = bench.signer.sign(&ask.key().clone(), ask.algorithm(), ask.to_sign());
    bench.act(|connection, _, out| connection.resume_rekey(ask, &signature, out));
    assert!(bench.take().is_empty());
}

#[test]
fn the_host_key_of_a_re_exchange_is_the_first_one() {
    for key in [ed25519_key(66), rsa_key()] {
        for logged_in in [true, false] {
            let offer = Offer { host_key: "ssh-ed25519,rsa-sha2-256".into(), ..Offer::default() };
            let bench = Bench::client(Setup::default().client, offer);
            let mut bench = if logged_in { bench.logged_in() } else { bench.with_keys() };
            bench.peer.offer.host_key = if key.algorithms().len() > 1 { "rsa-sha2-256" } else { "ssh-ed25519" }.into();
            bench.peer.host_key = key.clone();
            bench.send_kexinit();
            bench.send_public_value();
            assert_eq!(bench.error, Some(Error::PeerMisbehaved(PeerMisbehaved::HostKeyChanged)));
            assert_eq!(bench.disconnect_reason(), Some(9));
        }
    }
}

#[test]
fn rfc4253_s9_roles_do_not_change_when_the_server_begins() {
    let mut bench = Bench::with(Plays::Server, Offer::default()).logged_in();
    bench.send_kexinit();
    assert_eq!(bench.take_numbers(), [number::KEXINIT, number::KEXDH_INIT]);
    let mut bench = Bench::with(Plays::Client, Offer::default()).logged_in();
    bench.act(|connection, now, out| connection.rekey(now, out));
    bench.send_kexinit();
    assert_eq!(bench.take_numbers(), [number::KEXINIT], "a server waits for the client's value");
}

#[test]
fn a_client_that_decides_at_leisure_may_meet_its_own_re_exchange() {
    let mut config = Setup::default().client;
    config.limits.rekey_interval = Duration::from_secs(10);
    let mut bench = Bench::client(config, Offer::default());
    bench.choose = Box::new(|_login| Try::Wait);
    let mut bench = bench.with_service();
    bench.pass(Duration::from_secs(10));
    bench.choose = Box::new(|_login| Try::None);
    bench.run();
    assert!(bench.take_numbers().ends_with(&[number::KEXINIT]));
    bench.exchange_keys();
    assert!(bench.take_numbers().ends_with(&[number::NEWKEYS, number::USERAUTH_REQUEST]));
}
