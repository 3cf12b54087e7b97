//! Extensions, RFC 8308: who sends them, where they may stand, and what they are worth.

mod pair;
mod peer;

use std::cell::RefCell;
use std::rc::Rc;

use pair::messages::service;
use pair::{Pair, Setup, rsa_key};
use peer::{Bench, Offer, Plays, Try};
use ssh_proto::Error;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::error::PeerMisbehaved;
use ssh_proto::wire::{Put, number};

const BOTH: [Plays; 2] = [Plays::Client, Plays::Server];

fn ext_info(extensions: &[(&str, &[u8])]) -> Vec<u8> {
    let mut payload = vec![number::EXT_INFO];
    payload.put_u32(u32::try_from(extensions.len()).unwrap());
    for (name, value) in extensions {
        payload.put_string(name.as_bytes());
        payload.put_string(value);
    }
    payload
}

fn misplaced(bench: &Bench) -> bool {
    bench.error == Some(Error::PeerMisbehaved(PeerMisbehaved::MisplacedExtInfo))
}

#[test]
fn rfc8308_s2_4_ours_is_the_first_packet_behind_our_first_newkeys_where_the_peer_understands_it() {
    for plays in BOTH {
        for understands in [true, false] {
            let mut bench = Bench::with(plays, Offer { ext_info: understands, ..Offer::default() }).with_keys();
            let sent = bench.take();
            let newkeys = sent.iter().position(|payload| payload[0] == number::NEWKEYS).unwrap();
            let next = sent.get(newkeys + 1);
            assert_eq!(next.is_some_and(|payload| payload[0] == number::EXT_INFO), understands, "{plays:?}");
            bench.exchange_keys();
            assert!(!bench.take_numbers().contains(&number::EXT_INFO), "never again");
        }
    }
}

#[test]
fn rfc8308_s3_1_server_sig_algs_lists_what_the_server_accepts_in_its_order() {
    let mut config = Setup::default().server;
    config.algorithms.select_user_keys(&PROVIDER, "rsa-sha2-512,ssh-ed25519").unwrap();
    let mut bench = Bench::server(config, Offer { ext_info: true, ..Offer::default() }).with_keys();
    let sent = bench.take().pop().unwrap();
    let expected: [(&str, &[u8]); 3] = [
        ("server-sig-algs", b"rsa-sha2-512,ssh-ed25519"),
        ("publickey-hostbound@openssh.com", b"0"),
        ("ping@openssh.com", b"0"),
    ];
    assert_eq!(sent, ext_info(&expected));
}

#[test]
fn rfc8308_s2_2_the_marker_of_the_other_role_is_not_acted_on() {
    for (plays, wrong) in [(Plays::Client, "ext-info-s"), (Plays::Server, "ext-info-c")] {
        let mut offer = Offer::default();
        offer.kex = format!("{},{wrong}", offer.kex);
        let mut bench = Bench::with(plays, offer).with_keys();
        assert!(!bench.take_numbers().contains(&number::EXT_INFO));
    }
}

/// What a client with an RSA key signs by, after the server said this where it stands.
fn chosen(messages: &[Vec<u8>]) -> Option<String> {
    let chosen = Rc::new(RefCell::new(None));
    let log = chosen.clone();
    let mut bench = Bench::client(Setup::default().client, Offer::default());
    bench.user_key = rsa_key();
    bench.choose = Box::new(move |login| {
        *log.borrow_mut() = login.choose_algorithm(rsa_key().algorithms()).map(ToOwned::to_owned);
        Try::Wait
    });
    let mut bench = bench.with_keys();
    messages.iter().for_each(|message| bench.send(message));
    assert_eq!(bench.error, None);
    bench.send(&service(number::SERVICE_ACCEPT, "ssh-userauth"));
    chosen.take()
}

#[test]
fn rfc8332_s3_3_the_client_signs_by_what_both_sides_accept() {
    let algorithms = |list: &str| ext_info(&[("server-sig-algs", list.as_bytes())]);
    // Nothing said: the best that we have.
    assert_eq!(chosen(&[]).as_deref(), Some("rsa-sha2-512"));
    assert_eq!(chosen(&[ext_info(&[])]).as_deref(), Some("rsa-sha2-512"));
    for (list, expected) in [
        ("rsa-sha2-256,ssh-ed25519", Some("rsa-sha2-256")),
        ("ssh-rsa", Some("ssh-rsa")),
        ("rsa-sha2-256,rsa-sha2-512", Some("rsa-sha2-512")),
        ("ssh-ed25519", None),
        ("", None),
        ("RSA-SHA2-512,rsa-sha2-5122", None),
    ] {
        assert_eq!(chosen(&[algorithms(list)]).as_deref(), expected, "{list}");
    }
    // "the client uses the second": what comes later counts.
    assert_eq!(chosen(&[algorithms("ssh-rsa"), algorithms("rsa-sha2-256")]).as_deref(), Some("rsa-sha2-256"));
    // A value that is not text says nothing.
    assert_eq!(chosen(&[ext_info(&[("server-sig-algs", b"\xff\0")])]).as_deref(), Some("rsa-sha2-512"));
}

#[test]
fn rfc8308_s2_5_unknown_duplicate_and_empty_names_and_any_value_are_tolerated() {
    let large = vec![0; 30_000];
    let odd: [(&str, &[u8]); 6] = [
        ("", b""),
        ("no-flow-control", b"p"),
        ("x@example.com", b"\0\0"),
        ("x@example.com", b"y"),
        ("delay", &large),
        ("", b""),
    ];
    for plays in BOTH {
        let mut bench = Bench::with(plays, Offer::default()).with_keys();
        bench.send(&ext_info(&odd));
        assert_eq!(bench.error, None);
    }
    assert_eq!(chosen(&[ext_info(&odd)]).as_deref(), Some("rsa-sha2-512"));
}

#[test]
fn rfc8308_s2_5_a_count_that_lies_ends_the_connection() {
    for plays in BOTH {
        for count in [1, 2, u32::MAX] {
            let mut bench = Bench::with(plays, Offer::default()).with_keys();
            let mut payload = vec![number::EXT_INFO];
            payload.put_u32(count);
            bench.send(&payload);
            assert!(matches!(bench.error, Some(Error::InvalidMessage(..))));
        }
    }
}

#[test]
fn rfc8308_s2_4_a_clients_stands_right_behind_its_first_newkeys_and_nowhere_else() {
    let new = || Bench::with(Plays::Client, Offer::default());
    let message = ext_info(&[]);
    let ignore = [number::IGNORE, 0, 0, 0, 0];
    let mut second = new().with_keys();
    second.send(&message);
    assert_eq!(second.error, None);
    second.send(&message);
    assert!(misplaced(&second), "twice");
    let mut later = new().with_keys();
    later.send(&ignore);
    later.send(&message);
    assert!(misplaced(&later), "behind something else");
    let mut rekeyed = new().with_keys();
    rekeyed.exchange_keys();
    rekeyed.send(&message);
    assert!(misplaced(&rekeyed), "behind the second NEWKEYS");
    let mut logged_in = new().logged_in();
    logged_in.send(&message);
    assert!(misplaced(&logged_in), "after the login");
}

#[test]
fn rfc8308_s2_4_a_servers_stands_there_or_before_success_and_bounded_in_number() {
    // GHSA-4p9f-7p9m-5vfg: EXT_INFO again and again.
    let message = ext_info(&[]);
    let mut bench = Bench::with(Plays::Server, Offer::default()).with_keys();
    bench.send(&message);
    bench.send(&service(number::SERVICE_ACCEPT, "ssh-userauth"));
    bench.send(&message);
    assert_eq!(bench.error, None);
    bench.send(&[number::USERAUTH_SUCCESS]);
    bench.send(&message);
    assert!(misplaced(&bench), "after the login");
    let mut third = Bench::with(Plays::Server, Offer::default()).with_keys();
    (0..3).for_each(|_| third.send(&message));
    assert!(misplaced(&third));
}

#[test]
fn cve_2023_46445_before_the_keys_it_ends_the_connection() {
    for plays in BOTH {
        for strict in [true, false] {
            for place in 0..3 {
                let mut bench = Bench::with(plays, Offer { strict, ..Offer::default() });
                let line = bench.peer.line();
                bench.bytes(&line);
                if place > 0 {
                    bench.send_kexinit();
                }
                if place > 1 {
                    bench.send_public_value();
                }
                bench.send(&ext_info(&[("server-sig-algs", b"ssh-rsa")]));
                assert!(matches!(bench.error, Some(Error::PeerMisbehaved(_))), "{plays:?} {strict} {place}");
            }
        }
    }
}

#[test]
fn our_client_uses_what_our_server_lists() {
    let mut setup = Setup { user_key: rsa_key(), ..Setup::default() };
    setup.server.algorithms.select_user_keys(&PROVIDER, "rsa-sha2-256").unwrap();
    // The login works only where the client's choice is the server's.
    assert!(Pair::connect(setup).is_ok());
}
