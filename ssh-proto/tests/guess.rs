//! A client that sends its first key exchange packet on a guess, RFC 4253 §7: what it saves, and what becomes of a wrong one.

mod pair;
mod peer;

use std::sync::Arc;

use pair::messages::service;
use pair::{End, Pair, Pieces, Seen, Setup, Signer, rng};
use peer::{Bench, Offer, Plays};
use ssh_proto::connected::ClientOpen;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::io::InputVec;
use ssh_proto::time::Instant;
use ssh_proto::wire::number;
use ssh_proto::{FirstChoices, KexGuess, client, server};

/// What our client offers first is `mlkem768x25519-sha256` and `ssh-ed25519`; so does this server, and it has more.
const SAME: (&str, &str) = ("mlkem768x25519-sha256,curve25519-sha256", "ssh-ed25519,rsa-sha2-512");
/// Servers that offer something else first: another method, another kind of host key, a method that we do not have.
const OTHERS: [(&str, &str); 4] = [
    ("curve25519-sha256,mlkem768x25519-sha256", "ssh-ed25519"),
    ("mlkem768x25519-sha256", "rsa-sha2-512,ssh-ed25519"),
    ("kex@example.com,mlkem768x25519-sha256", "ssh-ed25519"),
    ("diffie-hellman-group-exchange-sha256", "ssh-ed25519"),
];

fn offer((kex, host_key): (&str, &str)) -> Offer {
    Offer { kex: kex.into(), host_key: host_key.into(), ..Offer::default() }
}

/// A client of ours that guesses.
fn guessing(offer: Offer) -> Bench {
    let mut config = Setup::default().client;
    config.guess = KexGuess::Send;
    Bench::client(config, offer)
}

/// Whether a KEXINIT says that a guess follows.
fn announces(kexinit: &[u8]) -> bool {
    assert_eq!(kexinit[0], number::KEXINIT);
    kexinit[kexinit.len() - 5] == 1
}

#[test]
fn rfc4253_s7_a_right_guess_goes_out_with_kexinit_and_counts() {
    for strict in [true, false] {
        let mut bench = guessing(Offer { strict, ..offer(SAME) });
        assert!(announces(&bench.got[0]));
        assert_eq!(bench.got.len(), 2, "before the server said anything");
        assert_eq!(bench.got[1][0], number::KEXDH_INIT);
        bench.greet();
        assert_eq!(bench.got.len(), 2, "it is not sent again");
        bench.send_public_value();
        bench.send_newkeys();
        assert_eq!(bench.error, None);
        bench.send(&service(number::SERVICE_ACCEPT, "ssh-userauth"));
        bench.send(&[number::USERAUTH_SUCCESS]);
        let negotiated = bench.client_end().connection.negotiated().cloned().unwrap();
        assert_eq!((negotiated.kex, negotiated.first_choices), ("mlkem768x25519-sha256", FirstChoices::Agree));
    }
}

#[test]
fn rfc4253_s7_a_wrong_guess_is_followed_by_the_packet_of_what_was_agreed_on() {
    for strict in [true, false] {
        for other in OTHERS {
            let mut bench = guessing(Offer { strict, ..offer(other) });
            bench.greet();
            let sent: Vec<u8> = bench.got.iter().map(|payload| payload[0]).collect();
            let second = if other.0.contains("group") { number::KEX_DH_GEX_REQUEST } else { number::KEXDH_INIT };
            assert_eq!(sent, [number::KEXINIT, number::KEXDH_INIT, second], "{other:?}");
            assert_ne!(bench.got[1], bench.got[2], "another ephemeral key, even for the same method");
            let bench = &mut bench;
            bench.send_public_value();
            bench.send_newkeys();
            bench.send(&service(number::SERVICE_ACCEPT, "ssh-userauth"));
            bench.send(&[number::USERAUTH_SUCCESS]);
            assert_eq!(bench.error, None);
            let negotiated = bench.client_end().connection.negotiated().cloned().unwrap();
            assert_eq!(negotiated.first_choices, FirstChoices::Differ, "{other:?}");
        }
    }
}

#[test]
fn both_sides_may_guess_and_both_be_wrong() {
    let mut bench = guessing(Offer { first_kex_packet_follows: true, ..offer(OTHERS[0]) });
    bench.greet();
    bench.send(&[number::KEXDH_REPLY, 1, 2, 3]);
    bench.send_public_value();
    bench.send_newkeys();
    assert_eq!(bench.error, None);
}

#[test]
fn unless_it_is_told_to_a_client_waits() {
    let mut bench = Bench::with(Plays::Server, offer(SAME));
    let sent = bench.take();
    assert_eq!(sent.len(), 1);
    assert!(!announces(&sent[0]));
}

#[test]
fn rfc4419_s3_a_group_exchange_is_not_guessed() {
    let mut config = Setup::default().client;
    config.guess = KexGuess::Send;
    config.algorithms.select_kex(&PROVIDER, "diffie-hellman-group-exchange-sha256,curve25519-sha256").unwrap();
    let mut bench = Bench::client(config, Offer::default());
    let sent = bench.take();
    assert_eq!(sent.len(), 1);
    assert!(!announces(&sent[0]));
    bench.logged_in();
}

#[test]
fn nothing_is_guessed_in_a_re_exchange() {
    let mut bench = guessing(offer(SAME)).logged_in();
    for _ in 0..2 {
        bench.exchange_keys();
        let sent = bench.take();
        assert!(!announces(&sent[0]));
        let numbers: Vec<u8> = sent.iter().map(|payload| payload[0]).collect();
        assert_eq!(numbers, [number::KEXINIT, number::KEXDH_INIT, number::NEWKEYS]);
    }
}

#[test]
fn rfc4253_s7_our_server_takes_our_clients_guesses_right_and_wrong() {
    let kexes = ["mlkem768x25519-sha256", "curve25519-sha256", "diffie-hellman-group14-sha256"];
    for pieces in [Pieces::Whole, Pieces::Of(1), Pieces::Of(7)] {
        for client in kexes {
            for server in kexes {
                let mut setup = Setup::default().pieces(pieces);
                setup.client.guess = KexGuess::Send;
                // The server has all three, its first one first; so does the client.
                let list = |first: &str| format!("{first},{}", kexes.join(","));
                setup.client.algorithms.select_kex(&PROVIDER, &list(client)).unwrap();
                setup.server.algorithms.select_kex(&PROVIDER, &list(server)).unwrap();
                let pair = Pair::connect(setup).unwrap();
                let negotiated = pair.client.connection.negotiated().unwrap();
                assert_eq!(pair.server.connection.negotiated(), Some(negotiated));
                assert_eq!(
                    (negotiated.kex, negotiated.first_choices == FirstChoices::Agree),
                    (client, client == server)
                );
            }
        }
    }
}

/// How often bytes go there and back until a client has its first channel, in a connection in which the server speaks
/// when the client has: over TCP it hears of a client no earlier.
///
/// The client asks whether its key would do before it signs, as ours does.
fn round_trips(change: impl FnOnce(&mut Setup)) -> usize {
    let mut setup = Setup::default();
    change(&mut setup);
    let (now, key) = (Instant::default(), setup.user_key);
    let mut signer = Signer::new(setup.host_keys, 3);
    let (mut to_client, mut to_server) = (InputVec::with_capacity(100_000), InputVec::with_capacity(100_000));
    let (mut out, mut trips) = (Vec::new(), 0);
    let ready = client::start(&Arc::new(setup.client), rng(1), now, &mut out).unwrap();
    let mut client = Some(client::Step::Ready(ready));
    let mut from_server = Vec::new();
    let ready = server::start(&Arc::new(setup.server), rng(2), now, &mut from_server).unwrap();
    let mut server = Some(server::Step::Ready(ready));
    let (mut client_end, mut server_end) = (None::<End<_>>, None::<End<_>>);
    loop {
        trips += 1;
        assert!(!out.is_empty(), "nobody has anything to say");
        to_server.extend(&std::mem::take(&mut out));
        while let Some(step) = server.take() {
            server = Some(match step {
                server::Step::Ready(ready) => match ready.process(now, &mut to_server, &mut from_server).unwrap() {
                    server::Step::Ready(ready) => {
                        server = Some(server::Step::Ready(ready));
                        break;
                    }
                    step => step,
                },
                server::Step::Sign(sign) => {
                    let signature = signer.sign(sign.key(), sign.algorithm(), sign.to_sign());
                    server::Step::Ready(sign.complete(&signature, &mut from_server).unwrap())
                }
                server::Step::Offer(offer) => server::Step::Ready(offer.would_accept(now, &mut from_server).unwrap()),
                server::Step::Attempt(attempt) => attempt.accept(now, &mut from_server).unwrap(),
                server::Step::Open(connection) => {
                    server_end = Some(End::new(*connection));
                    break;
                }
                step => unreachable!("{step:?}"),
            });
        }
        if let Some(end) = &mut server_end {
            end.process(now, &mut to_server, &mut from_server, &mut signer);
        }
        to_client.extend(&std::mem::take(&mut from_server));
        if let Some(end) = &mut client_end {
            end.process(now, &mut to_client, &mut out, &mut signer);
            assert!(end.seen.iter().any(|seen| matches!(seen, Seen::Opened(_))), "{:?}", end.seen);
            return trips;
        }
        while let Some(step) = client.take() {
            client = Some(match step {
                client::Step::Ready(ready) => match ready.process(now, &mut to_client, &mut out).unwrap() {
                    client::Step::Ready(ready) => {
                        client = Some(client::Step::Ready(ready));
                        break;
                    }
                    step => step,
                },
                client::Step::HostKey(verify) => verify.accept(now, &mut out).unwrap(),
                client::Step::Login(login) => {
                    let algorithm = login.choose_algorithm(key.algorithms()).unwrap();
                    client::Step::Ready(login.query(algorithm, key.public(), now, &mut out).unwrap())
                }
                client::Step::Sign(sign) => {
                    let signature = signer.sign_with(&key, sign.algorithm(), sign.to_sign());
                    client::Step::Ready(sign.complete(&signature, now, &mut out).unwrap())
                }
                client::Step::Open(connection) => {
                    let end = client_end.insert(End::new(connection));
                    end.connection.open(ClientOpen::Session, now, &mut out).unwrap();
                    break;
                }
                step => unreachable!("{step:?}"),
            });
        }
    }
}

#[test]
fn a_right_guess_saves_one_of_six_round_trips_and_a_wrong_one_none() {
    let guess = |setup: &mut Setup| setup.client.guess = KexGuess::Send;
    assert_eq!(round_trips(|_| {}), 6);
    assert_eq!(round_trips(guess), 5);
    let wrong = |setup: &mut Setup| {
        guess(setup);
        setup.server.algorithms.select_kex(&PROVIDER, "curve25519-sha256,mlkem768x25519-sha256").unwrap();
    };
    assert_eq!(round_trips(wrong), 6);
    // A group exchange has a round more.
    let group = |setup: &mut Setup| {
        setup.client.algorithms.select_kex(&PROVIDER, "diffie-hellman-group-exchange-sha256").unwrap();
    };
    assert_eq!(round_trips(group), 7);
}
