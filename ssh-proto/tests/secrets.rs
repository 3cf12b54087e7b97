//! Nothing secret is in what a log may print: `Debug` of every public type that holds a secret, and the notices.

mod pair;
mod peer;

use std::fmt::Debug;
use std::time::Duration;

use pair::messages::auth_request;
use pair::{Pair, Setup, ed25519_key, rng};
use peer::{Bench, Machine, Offer, Plays, Try, Verdict};
use ssh_proto::client::MethodName;
use ssh_proto::crypto::CryptoProvider;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::server;
use ssh_proto::wire::Put as _;

const PASSWORD: &[u8] = b"Xq7#vK2!zR9@mP4%wT6";

/// The first place where four bytes in a row of a secret are printed, in whatever way.
fn leak(printed: &dyn Debug, secrets: &[Vec<u8>]) -> Option<String> {
    for text in [format!("{printed:?}"), format!("{printed:#?}")] {
        let plain: String = text.chars().filter(|character| !character.is_whitespace()).collect();
        for four in secrets.iter().filter(|secret| secret.len() >= 8).flat_map(|secret| secret.windows(4)) {
            let list = |print: fn(&u8) -> String| four.iter().map(print).collect::<Vec<_>>();
            let hex = list(|byte| format!("{byte:02x}")).concat();
            let listed = [list(u8::to_string).join(","), list(|byte| format!("{byte:x}")).join(",")];
            let mut ways = vec![hex.to_uppercase(), hex];
            // The beginning and the end of a list may go on: `[1,2,3,4` is found as `,2,3,4,` of the next four.
            ways.extend(listed.map(|list| format!(",{list},")));
            if let Ok(words) = std::str::from_utf8(four).map(str::trim).map(str::to_owned)
                && words.len() == 4
                && words.bytes().all(|byte| byte.is_ascii_graphic())
            {
                ways.push(words);
            }
            if ways.iter().any(|way| plain.contains(way)) {
                return Some(text);
            }
        }
    }
    None
}

fn check(what: &str, printed: &dyn Debug, secrets: &[Vec<u8>]) {
    assert_eq!(leak(printed, secrets), None, "{what}");
}

/// The seeds of the private keys that the tests use.
fn seeds() -> Vec<Vec<u8>> {
    (0..3)
        .map(|seed| {
            let mut bytes = vec![0; 32];
            rng(1000 + seed).fill_bytes(&mut bytes);
            bytes
        })
        .collect()
}

#[test]
fn the_check_finds_what_it_looks_for() {
    let secret = [PASSWORD.to_vec()];
    let lists: [&dyn Debug; 3] = [&PASSWORD, &Some("...Xq7#vK2!zR9@mP4%wT6"), &"0x587137234b"];
    assert!(lists.into_iter().all(|printed| leak(printed, &secret).is_some()));
    assert_eq!(leak(&"nothing of the kind", &secret), None);
}

#[test]
fn keys_and_configurations() {
    let secrets = seeds();
    for seed in 0..3 {
        check("PrivateKey", &ed25519_key(seed), &secrets);
    }
    let setup = Setup::default();
    check("client::Config", &setup.client, &secrets);
    check("server::Config", &setup.server, &secrets);
}

#[test]
fn sessions_with_every_cipher_in_every_step() {
    for cipher in PROVIDER.ciphers() {
        for plays in [Plays::Client, Plays::Server] {
            let offer = Offer { cipher: cipher.name.into(), ..Offer::default() };
            let mut bench = Bench::with(plays, offer);
            let mut printed = Vec::new();
            bench.slow = true;
            bench.greet();
            printed.push(format!("{:?}", bench.machine));
            bench.send_public_value();
            printed.push(format!("{:?}", bench.machine));
            bench.slow = false;
            bench.run();
            printed.push(format!("{:?}", bench.machine));
            bench.send_newkeys();
            printed.push(format!("{:?}", bench.machine));
            for text in &printed {
                check(cipher.name, &format_args!("{text}"), &bench.peer.secrets);
            }
            let mut bench = Bench::with(plays, Offer { cipher: cipher.name.into(), ..Offer::default() }).logged_in();
            bench.send_kexinit();
            match &bench.machine {
                Machine::ServerOpen(end) => check("Connection", &end.connection, &bench.peer.secrets),
                Machine::ClientOpen(end) => check("Connection", &end.connection, &bench.peer.secrets),
                machine => panic!("{machine:?}"),
            }
        }
    }
}

#[test]
fn a_server_that_is_asked_about_a_password() {
    let mut config = Setup::default().server;
    config.methods = vec![MethodName::Password];
    let mut bench = Bench::server(config, Offer::default()).with_service();
    bench.judge = Box::new(|attempt| {
        check("AuthAttempt", attempt, &[PASSWORD.to_vec()]);
        check("Method", &attempt.method(), &[PASSWORD.to_vec()]);
        assert!(matches!(attempt.method(), server::Method::Password(PASSWORD)));
        Verdict::Wait
    });
    let mut request = auth_request("alice", "ssh-connection", "password");
    request.put_bool(false);
    request.put_string(PASSWORD);
    bench.send(&request);
    check("Step", &bench.machine, &[PASSWORD.to_vec()]);
    bench.judge = Box::new(|_attempt| Verdict::Reject);
    bench.run();
    check("Step", &bench.machine, &[PASSWORD.to_vec()]);
    bench.pass(Duration::from_secs(2));
    check("notices", &bench.notices, &[PASSWORD.to_vec()]);
}

#[test]
fn a_client_whose_password_waits_for_the_end_of_a_re_exchange() {
    let mut config = Setup::default().client;
    config.limits.rekey_interval = Duration::from_secs(10);
    let mut bench = Bench::client(config, Offer::default());
    bench.choose = Box::new(|_login| Try::Wait);
    let mut bench = bench.with_service();
    bench.pass(Duration::from_secs(10));
    bench.take();
    bench.choose = Box::new(|_login| Try::Password(PASSWORD));
    bench.run();
    assert!(bench.take().is_empty(), "RFC 4253 s7.1: nothing but the key exchange");
    check("Step", &bench.machine, &[PASSWORD.to_vec()]);
    bench.exchange_keys();
    let sent = bench.take();
    assert!(sent.last().unwrap().ends_with(PASSWORD));
    check("notices", &bench.notices, &[PASSWORD.to_vec()]);
}

#[test]
fn connections_of_a_pair() {
    let pair = Pair::connect(Setup::default()).unwrap();
    check("Connection<Client>", &pair.client.connection, &seeds());
    check("Connection<Server>", &pair.server.connection, &seeds());
    check("events", &pair.client.seen, &seeds());
}
