//! Logins, RFC 4252, as a server and as a client that meet whatever a peer can send.

mod pair;
mod peer;

use std::time::Duration;

use pair::messages::{auth_request, failure, keyboard_request, password_request, public_key_request, service};
use pair::{Setup, algorithms, ed25519_key, rsa_key};
use peer::{Bench, Machine, Offer, Plays, Try, Verdict};
use ssh_proto::client::MethodName;
use ssh_proto::error::{Limit, PeerIncompatible, PeerMisbehaved, Waiting};
use ssh_proto::keys::PrivateKey;
use ssh_proto::notice::Notice;
use ssh_proto::wire::{Put, Reader, number};
use ssh_proto::{Error, client, server};

const SUCCESS: &[u8] = &[number::USERAUTH_SUCCESS];

/// A server whose refusals come at once.
fn prompt_server() -> server::Config {
    let mut config = Setup::default().server;
    config.failure_delay = Duration::ZERO;
    config.methods = vec![MethodName::PublicKey, MethodName::Password];
    config
}

fn server_with(config: server::Config) -> Bench {
    let mut bench = Bench::server(config, Offer::default()).with_service();
    bench.got.clear();
    bench
}

fn client() -> Bench {
    Bench::client(Setup::default().client, Offer::default())
}

fn pk_ok(algorithm: &str, key: &[u8]) -> Vec<u8> {
    let mut payload = vec![number::USERAUTH_PK_OK];
    payload.put_string(algorithm.as_bytes());
    payload.put_string(key);
    payload
}

fn none_request(user: &str) -> Vec<u8> {
    auth_request(user, "ssh-connection", "none")
}

/// What a signed request is made of, each field on its own so that each can be wrong.
struct Signed<'a> {
    key: &'a PrivateKey,
    /// As the request says.
    user: &'a str,
    algorithm: &'a str,
    blob: Vec<u8>,
    /// As they are signed.
    session_id: Vec<u8>,
    signed_request: Vec<u8>,
    signature_algorithm: &'a str,
}

impl<'a> Signed<'a> {
    fn new(bench: &Bench, key: &'a PrivateKey, algorithm: &'a str) -> Self {
        let blob = key.public().blob().to_vec();
        Self {
            key,
            user: "alice",
            algorithm,
            signed_request: public_key_request("alice", algorithm, &blob, true),
            blob,
            session_id: bench.peer.session_id.clone().unwrap(),
            signature_algorithm: algorithm,
        }
    }

    fn payload(&self, bench: &mut Bench) -> Vec<u8> {
        let mut data = Vec::new();
        data.put_string(&self.session_id);
        data.put_bytes(&self.signed_request);
        let algorithm = self.key.algorithms().iter().find(|name| **name == self.algorithm);
        let mut signature =
            bench.signer.sign_with(self.key, algorithm.unwrap_or_else(|| &self.key.algorithms()[0]), &data);
        signature.algorithm = self.signature_algorithm.to_owned();
        let mut payload = public_key_request(self.user, self.algorithm, &self.blob, true);
        payload.put_nested(|nested| signature.to_wire(nested));
        payload
    }
}

// ---- the server ------------------------------------------------------------------------------------------------------

#[test]
fn rfc4252_s5_2_none_is_answered_with_the_list_of_methods_and_none_is_not_on_it() {
    let mut config = prompt_server();
    config.failure_delay = Duration::from_secs(1);
    let mut bench = server_with(config);
    bench.send(&none_request("alice"));
    assert_eq!(bench.take(), [failure("publickey,password", false)], "a probe is answered at once");
}

#[test]
fn rfc4252_s7_a_signed_request_logs_in_and_success_is_sent_once() {
    for key in [ed25519_key(2), rsa_key()] {
        for algorithm in key.algorithms() {
            let mut bench = server_with(prompt_server());
            bench.user_key = key.clone();
            bench.judge = Box::new(|_attempt| Verdict::Accept);
            let request = Signed::new(&bench, &key, algorithm).payload(&mut bench);
            bench.send(&request);
            assert_eq!(bench.take(), [SUCCESS], "{algorithm}");
            // RFC 4252 s5.1: "any further authentication requests [...] SHOULD be silently ignored".
            bench.send(&request);
            bench.send(&none_request("mallory"));
            assert_eq!((bench.take(), &bench.error), (vec![], &None));
        }
    }
}

#[test]
fn rfc4252_s7_a_query_is_answered_with_the_algorithm_and_the_key_and_logs_nobody_in() {
    let mut bench = server_with(prompt_server());
    let blob = bench.user_key.public().blob().to_vec();
    let query = public_key_request("alice", "ssh-ed25519", &blob, false);
    bench.send(&query);
    assert_eq!(bench.take(), [pk_ok("ssh-ed25519", &blob)]);
    let other = ed25519_key(3);
    bench.send(&public_key_request("alice", "ssh-ed25519", other.public().blob(), false));
    assert_eq!(bench.take(), [failure("publickey,password", false)]);
    // CVE-2025-32433: "a query accepted, then CHANNEL_OPEN".
    bench.send(&query);
    bench.send(&[number::CHANNEL_OPEN]);
    assert_eq!(bench.disconnect_reason(), Some(2));
}

#[test]
fn rfc4252_s7_a_signature_over_anything_else_is_refused() {
    let key = ed25519_key(2);
    let session = |bench: &Bench| Signed::new(bench, &ed25519_key(2), "ssh-ed25519").session_id;
    type Spoil = fn(&mut Signed<'_>);
    let spoils: &[(&str, Spoil)] = &[
        ("another session", |signed| signed.session_id[0] ^= 1),
        ("no session", |signed| signed.session_id.clear()),
        ("another user", |signed| {
            signed.signed_request = public_key_request("bob", "ssh-ed25519", &signed.blob, true);
        }),
        ("another user in the request", |signed| signed.user = "bob"),
        ("another service", |signed| {
            let at = signed.signed_request.windows(14).position(|window| window == b"ssh-connection").unwrap();
            signed.signed_request[at] = b'x';
        }),
        ("another method", |signed| {
            let at = signed.signed_request.windows(9).position(|window| window == b"publickey").unwrap();
            signed.signed_request[at] = b'x';
        }),
        ("a query", |signed| {
            signed.signed_request = public_key_request("alice", "ssh-ed25519", &signed.blob, false);
        }),
        ("another algorithm", |signed| {
            signed.signed_request = public_key_request("alice", "rsa-sha2-512", &signed.blob, true);
        }),
        ("another key", |signed| {
            signed.signed_request = public_key_request("alice", "ssh-ed25519", ed25519_key(3).public().blob(), true);
        }),
        ("another message number", |signed| signed.signed_request[0] ^= 1),
        ("another name in the signature", |signed| signed.signature_algorithm = "ssh-rsa"),
        ("no name in the signature", |signed| signed.signature_algorithm = ""),
    ];
    for (what, spoil) in spoils {
        let mut bench = server_with(prompt_server());
        bench.judge = Box::new(|attempt| panic!("nobody is asked: {:?}", attempt.method()));
        let mut signed = Signed::new(&bench, &key, "ssh-ed25519");
        spoil(&mut signed);
        assert!(signed.session_id.len() < 33 && !session(&bench).is_empty());
        let payload = signed.payload(&mut bench);
        bench.send(&payload);
        assert_eq!(bench.take(), [failure("publickey,password", false)], "{what}");
    }
}

#[test]
fn rfc4252_s7_every_flipped_bit_of_a_signature_is_refused() {
    let key = ed25519_key(2);
    let mut config = prompt_server();
    config.tries = u32::MAX;
    let mut bench = server_with(config.clone());
    let length = Signed::new(&bench, &key, "ssh-ed25519").payload(&mut bench).len();
    for byte in (length - 64)..length {
        for bit in 0..8 {
            let mut payload = Signed::new(&bench, &key, "ssh-ed25519").payload(&mut bench);
            payload[byte] ^= 1 << bit;
            bench.send(&payload);
            assert_eq!(bench.take(), [failure("publickey,password", false)], "byte {byte}, bit {bit}");
        }
        bench = server_with(config.clone());
        bench.judge = Box::new(|attempt| panic!("nobody is asked: {:?}", attempt.method()));
    }
}

#[test]
fn cve_2024_45337_who_signs_is_who_logs_in_whatever_was_queried_before() {
    let mut bench = server_with(prompt_server());
    let allowed = bench.user_key.public().blob().to_vec();
    bench.send(&public_key_request("alice", "ssh-ed25519", &allowed, false));
    assert_eq!(bench.take(), [pk_ok("ssh-ed25519", &allowed)]);
    let mallory = ed25519_key(66);
    let asked = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let log = asked.clone();
    bench.judge = Box::new(move |attempt| {
        log.borrow_mut().push(format!("{:?}", attempt.method()));
        Verdict::Reject
    });
    let request = Signed::new(&bench, &mallory, "ssh-ed25519").payload(&mut bench);
    bench.send(&request);
    assert_eq!(bench.take(), [failure("publickey,password", false)]);
    assert_eq!(*asked.borrow(), [format!("PublicKey({:?})", mallory.public())]);
}

#[test]
fn rfc4252_s7_unknown_and_mismatched_algorithms_are_refused_and_not_an_error() {
    let (ed25519, rsa) = (ed25519_key(2), rsa_key());
    let mut config = prompt_server();
    config.tries = 100;
    let mut bench = server_with(config);
    bench.judge = Box::new(|attempt| panic!("nobody is asked: {:?}", attempt.method()));
    for signed in [false, true] {
        for (algorithm, key) in [
            ("ssh-foo@example.com", &ed25519),
            ("", &ed25519),
            ("SSH-ED25519", &ed25519),
            ("ssh-ed25519", &rsa),
            ("rsa-sha2-256", &ed25519),
            ("ssh-rsa", &ed25519),
        ] {
            let blob = key.public().blob();
            let payload = if signed {
                Signed::new(&bench, key, algorithm).payload(&mut bench)
            } else {
                public_key_request("alice", algorithm, blob, false)
            };
            bench.send(&payload);
            assert_eq!(bench.take(), [failure("publickey,password", false)], "{algorithm} {signed}");
        }
    }
}

#[test]
fn rfc8332_s3_2_the_names_in_request_and_signature_are_the_same() {
    let rsa = rsa_key();
    for (request, signature) in
        [("rsa-sha2-512", "rsa-sha2-256"), ("rsa-sha2-512", "ssh-rsa"), ("ssh-rsa", "rsa-sha2-512")]
    {
        let mut bench = server_with(prompt_server());
        let mut signed = Signed::new(&bench, &rsa, request);
        signed.signature_algorithm = signature;
        let payload = signed.payload(&mut bench);
        bench.send(&payload);
        assert_eq!(bench.take(), [failure("publickey,password", false)], "{request} {signature}");
    }
}

#[test]
fn rfc8308_s3_1_an_algorithm_that_the_server_does_not_list_is_refused() {
    let mut config = prompt_server();
    config.algorithms.select_user_keys(&ssh_proto::crypto::rustcrypto::PROVIDER, "rsa-sha2-512").unwrap();
    let mut bench = server_with(config);
    let rsa = rsa_key();
    bench.judge = Box::new(|_attempt| Verdict::Accept);
    for (algorithm, answer) in [("ssh-rsa", failure("publickey,password", false)), ("rsa-sha2-512", SUCCESS.to_vec())] {
        let payload = Signed::new(&bench, &rsa, algorithm).payload(&mut bench);
        bench.send(&payload);
        assert_eq!(bench.take(), [answer], "{algorithm}");
    }
}

#[test]
fn rfc4252_s8_passwords_reach_the_caller_as_they_are_and_very_long_ones_do_not() {
    for (password, asked) in [
        (&b""[..], true),
        (b"correct horse", true),
        (b"nul\0 and \xff\xfe", true),
        (&[b'x'; 1024], true),
        (&[b'x'; 1025], false),
        (&[b'x'; 30_000], false),
    ] {
        let mut bench = server_with(prompt_server());
        let expected = password.to_vec();
        bench.judge = Box::new(move |attempt| match attempt.method() {
            server::Method::Password(given) if given == expected => Verdict::Accept,
            other => panic!("{other:?}"),
        });
        bench.send(&password_request("alice", password, None));
        let answer = if asked { SUCCESS.to_vec() } else { failure("publickey,password", false) };
        assert_eq!(bench.take(), [answer], "{} bytes (CVE-2016-6515)", password.len());
    }
}

#[test]
fn rfc4252_s5_1_publickey_then_password_with_partial_success() {
    let mut bench = server_with(prompt_server());
    bench.judge = Box::new(|attempt| match attempt.method() {
        server::Method::PublicKey(_) => Verdict::Partial(vec![MethodName::Password]),
        server::Method::Password(b"secret") => Verdict::Accept,
        _ => Verdict::Reject,
    });
    let signed = bench.signed_request("alice");
    bench.send(&signed);
    assert_eq!(bench.take(), [failure("password", true)]);
    // The method that is done is not offered again; nor would it help, as it is the same key.
    bench.send(&signed);
    assert_eq!(bench.take(), [failure("password", false)]);
    bench.send(&password_request("alice", b"wrong", None));
    assert_eq!(bench.take(), [failure("password", false)]);
    bench.send(&password_request("alice", b"secret", None));
    assert_eq!(bench.take(), [SUCCESS]);
}

#[test]
fn rfc4252_s5_a_change_of_user_flushes_partial_success() {
    // CVE-2026-46705: half of alice's login must not count for bob.
    let mut bench = server_with(prompt_server());
    bench.judge = Box::new(|attempt| match (attempt.user(), attempt.method()) {
        (_, server::Method::PublicKey(_)) => Verdict::Partial(vec![MethodName::Password]),
        (_, server::Method::Password(_)) if attempt.passed() == [MethodName::PublicKey] => Verdict::Accept,
        _ => Verdict::Reject,
    });
    let signed = bench.signed_request("alice");
    bench.send(&signed);
    assert_eq!(bench.take(), [failure("password", true)]);
    bench.send(&password_request("bob", b"secret", None));
    assert_eq!(bench.take(), [failure("publickey,password", false)]);
    bench.send(&password_request("alice", b"secret", None));
    assert_eq!(bench.take(), [failure("publickey,password", false)], "flushed is flushed");
    bench.send(&signed);
    bench.send(&password_request("alice", b"secret", None));
    assert_eq!(bench.take(), [failure("password", true), SUCCESS.to_vec()]);
}

#[test]
fn rfc4252_s5_4_the_banner_comes_before_the_first_answer() {
    let mut config = prompt_server();
    config.banner = Some("Welcome.\r\n".into());
    let mut bench = Bench::server(config, Offer::default()).with_service();
    let mut banner = vec![number::USERAUTH_BANNER];
    banner.put_string(b"Welcome.\r\n");
    banner.put_string(b"");
    let got = bench.take();
    assert_eq!(got[got.len() - 2..], [service(number::SERVICE_ACCEPT, "ssh-userauth"), banner]);
}

#[test]
fn a_refused_attempt_is_answered_after_its_delay_and_nothing_is_read_meanwhile() {
    let mut config = prompt_server();
    config.failure_delay = Duration::from_secs(1);
    let mut bench = server_with(config);
    bench.send(&password_request("alice", b"wrong", None));
    let signed = bench.signed_request("alice");
    bench.send(&signed);
    assert!(bench.take().is_empty());
    assert_eq!(bench.poll_timeout(), Some(bench.now.plus(Duration::from_secs(1))));
    bench.pass(Duration::from_millis(999));
    assert!(bench.take().is_empty());
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.take(), [failure("publickey,password", false), SUCCESS.to_vec()]);
}

#[test]
fn a_forged_signature_and_an_unknown_method_are_as_slow_as_a_wrong_password() {
    let mut config = prompt_server();
    config.failure_delay = Duration::from_secs(1);
    let mut forged = server_with(config.clone()).signed_request("alice");
    let mut requests =
        vec![password_request("alice", &[b'x'; 2000], None), auth_request("alice", "ssh-connection", "hostbased")];
    *forged.last_mut().unwrap() ^= 1;
    requests.push(forged);
    for request in requests {
        let mut bench = server_with(config.clone());
        bench.send(&request);
        assert!(bench.take().is_empty());
        bench.pass(Duration::from_secs(1));
        assert_eq!(bench.take(), [failure("publickey,password", false)]);
    }
}

#[test]
fn rfc4252_s4_the_sixth_failure_ends_the_connection() {
    for request in [
        password_request("alice", b"wrong", None),
        public_key_request("alice", "ssh-ed25519", ed25519_key(3).public().blob(), false),
        keyboard_request("alice"),
    ] {
        let mut bench = server_with(prompt_server());
        for _ in 0..5 {
            bench.send(&request);
            assert_eq!(bench.take(), [failure("publickey,password", false)]);
        }
        bench.send(&request);
        assert_eq!(bench.error, Some(Error::LimitReached(Limit::LoginTries)));
        assert_eq!(bench.disconnect_reason(), Some(14));
    }
}

#[test]
fn accepted_queries_are_not_for_ever_either() {
    let mut bench = server_with(prompt_server());
    let query = public_key_request("alice", "ssh-ed25519", bench.user_key.public().blob(), false);
    let answered = (0..1000).take_while(|_| {
        bench.send(&query);
        bench.error.is_none()
    });
    assert_eq!(answered.count(), 128);
    assert_eq!(bench.error, Some(Error::LimitReached(Limit::LoginTries)));
}

#[test]
fn rfc4252_s4_the_login_grace_ends_every_waiting_step_of_a_server() {
    let slow_signer = {
        let mut bench = Bench::server(prompt_server(), Offer::default());
        bench.slow = true;
        bench.greet();
        bench.send_public_value();
        bench
    };
    let slow_judge = {
        let mut bench = server_with(prompt_server());
        bench.judge = Box::new(|_attempt| Verdict::Wait);
        bench.send(&password_request("alice", b"x", None));
        bench
    };
    let delayed = {
        let mut config = prompt_server();
        config.failure_delay = Duration::from_secs(1000);
        let mut bench = server_with(config);
        bench.send(&password_request("alice", b"x", None));
        bench
    };
    let steps = [
        ("nothing was said", Bench::server(prompt_server(), Offer::default())),
        ("the host key is slow", slow_signer),
        ("no service", Bench::server(prompt_server(), Offer::default()).with_keys()),
        ("no request", server_with(prompt_server())),
        ("the decision is slow", slow_judge),
        ("a refusal is held back", delayed),
    ];
    for (what, mut bench) in steps {
        bench.pass(Duration::from_millis(119_999));
        assert_eq!(bench.error, None, "{what}");
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.error, Some(Error::TimedOut(Waiting::Login)), "{what}");
        assert_eq!(bench.disconnect_reason(), Some(11), "{what}");
    }
}

#[test]
fn the_login_grace_ends_every_waiting_step_of_a_client_and_a_login_stops_it() {
    let slow_user = {
        let mut bench = client();
        bench.slow = true;
        bench.greet();
        bench.send_public_value();
        bench
    };
    let idle = {
        let mut bench = client();
        bench.choose = Box::new(|_login| Try::Wait);
        bench.with_service()
    };
    let steps = [
        ("nothing was said", client()),
        ("the user looks at the host key", slow_user),
        ("no service", client().with_keys()),
        ("the user thinks", idle),
        ("no answer", client().with_service()),
    ];
    for (what, mut bench) in steps {
        bench.pass(Duration::from_millis(119_999));
        assert_eq!(bench.error, None, "{what}");
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.error, Some(Error::TimedOut(Waiting::Login)), "{what}");
    }
    for plays in [Plays::Client, Plays::Server] {
        let mut bench = Bench::with(plays, Offer::default()).logged_in();
        bench.pass(Duration::from_secs(3000));
        assert_eq!(bench.error, None);
    }
}

#[test]
fn rfc4252_s5_1_none_publickey_and_channel_open_in_one_write() {
    let mut bench = server_with(Setup::default().server);
    let mut open = vec![number::CHANNEL_OPEN];
    open.put_string(b"session");
    for field in [0, 1000, 1000] {
        open.put_u32(field);
    }
    let signed = bench.signed_request("alice");
    let write = [none_request("alice"), signed, open].map(|payload| bench.peer.seal(&payload)).concat();
    bench.bytes(&write);
    let numbers = bench.take_numbers();
    assert_eq!(numbers, [number::USERAUTH_FAILURE, number::USERAUTH_SUCCESS, number::CHANNEL_OPEN_CONFIRMATION]);
}

#[test]
fn rfc4252_s5_unknown_methods_are_refused_and_unknown_services_end_the_connection() {
    let mut config = prompt_server();
    config.tries = 100;
    let mut bench = server_with(config);
    for method in ["hostbased", "gssapi-with-mic", "keyboard-interactive@example.com", "foo@example.com", ""] {
        let mut request = auth_request("alice", "ssh-connection", method);
        request.put_bytes(b"whatever follows");
        bench.send(&request);
        assert_eq!(bench.take(), [failure("publickey,password", false)], "{method}");
    }
    bench.send(&auth_request("alice", "nope", "none"));
    assert_eq!(bench.error, Some(Error::PeerIncompatible(PeerIncompatible::UnknownService)));
    assert_eq!(bench.disconnect_reason(), Some(7));
}

#[test]
fn rfc4253_s10_the_one_service_before_login_is_ssh_userauth() {
    for name in ["nope", "ssh-connection", "", "SSH-USERAUTH"] {
        let mut bench = Bench::server(prompt_server(), Offer::default()).with_keys();
        bench.send(&service(number::SERVICE_REQUEST, name));
        assert_eq!(bench.error, Some(Error::PeerIncompatible(PeerIncompatible::UnknownService)), "{name}");
        assert_eq!(bench.disconnect_reason(), Some(7));
    }
    for name in ["nope", "ssh-connection"] {
        let mut bench = client().with_keys();
        bench.send(&service(number::SERVICE_ACCEPT, name));
        assert_eq!(bench.error, Some(Error::PeerMisbehaved(PeerMisbehaved::WrongService)), "{name}");
    }
}

#[test]
fn a_client_that_asks_for_the_service_before_each_attempt_is_served() {
    // paramiko's clients do: RFC 4253 s10 does not forbid it.
    let mut bench = server_with(prompt_server());
    bench.send(&password_request("alice", b"wrong", None));
    bench.send(&service(number::SERVICE_REQUEST, "ssh-userauth"));
    let signed = bench.signed_request("alice");
    bench.send(&signed);
    let numbers = bench.take_numbers();
    assert_eq!(numbers, [number::USERAUTH_FAILURE, number::SERVICE_ACCEPT, number::USERAUTH_SUCCESS]);
    // But not for ever.
    let mut bench = server_with(prompt_server());
    for _ in 0..200 {
        if bench.error.is_none() {
            bench.send(&service(number::SERVICE_REQUEST, "ssh-userauth"));
        }
    }
    assert_eq!(bench.error, Some(Error::LimitReached(Limit::LoginTries)));
}

#[test]
fn cve_2018_15473_a_malformed_request_is_the_same_error_whoever_the_user_is() {
    let errors: Vec<_> = ["alice", "nobody"]
        .iter()
        .map(|user| {
            let mut bench = server_with(prompt_server());
            let mut request = auth_request(user, "ssh-connection", "publickey");
            request.put_bool(true);
            request.put_u32(1_000_000);
            bench.send(&request);
            bench.error
        })
        .collect();
    assert!(matches!(errors[0], Some(Error::InvalidMessage(..))));
    assert_eq!(errors[0], errors[1]);
}

#[test]
fn refused_logins_are_noticed_without_control_characters() {
    let mut bench = server_with(prompt_server());
    bench.send(&password_request("al\u{1b}]0;ice\u{7}", b"hunter2", None));
    let refused = Notice::LoginRefused { user: "al]0;ice".into(), method: "password".into(), tries: 1 };
    assert!(bench.notices.contains(&refused), "{:?}", bench.notices);
    assert!(!format!("{:?}", bench.notices).contains("hunter2"));
}

// ---- the client ------------------------------------------------------------------------------------------------------

#[test]
fn a_success_that_nothing_was_shown_for_is_noticed() {
    // CVE-2021-36367 and its kin: a login that asked for nothing may precede a forged prompt.
    for (what, trivial) in [(Try::None, true), (Try::Query, true), (Try::Sign, false), (Try::Password(b"x"), false)] {
        let mut bench = client();
        let chosen = what.clone();
        bench.choose = Box::new(move |_login| chosen.clone());
        let mut bench = bench.logged_in();
        let noticed = bench.client_end().seen.contains(&pair::Seen::Notice(Notice::TrivialLogin));
        assert_eq!(noticed, trivial, "{what:?}");
    }
}

#[test]
fn a_server_that_never_stops_refusing_is_left() {
    // CVE-2026-59849.
    for what in [Try::None, Try::Sign, Try::Password(b"x")] {
        let mut bench = client();
        bench.choose = Box::new(move |_login| what.clone());
        let mut bench = bench.with_service();
        let refused = (0..1000).take_while(|_| {
            bench.send(&failure("publickey,password", false));
            bench.error.is_none()
        });
        assert_eq!(refused.count(), 64);
        assert_eq!(bench.error, Some(Error::LimitReached(Limit::LoginTries)));
    }
}

#[test]
fn rfc4252_s5_1_answers_that_nobody_asked_for_end_the_connection() {
    for answer in [SUCCESS.to_vec(), failure("publickey", false), pk_ok("ssh-ed25519", b"key")] {
        let mut bench = client().with_keys();
        bench.send(&answer);
        assert_eq!(bench.error, Some(Error::PeerMisbehaved(PeerMisbehaved::UnsolicitedLoginAnswer)), "{answer:?}");
    }
}

#[test]
fn rfc4252_s7_pk_ok_may_name_the_type_of_the_key() {
    // "public key algorithm name from the request": ssh2 for Node.js answers so to every algorithm of RSA.
    let mut bench = client();
    bench.user_key = rsa_key();
    bench.choose = Box::new(|_login| Try::Query);
    let mut bench = bench.with_service();
    assert!(bench.take().iter().any(|asked| asked.windows(12).any(|name| name == b"rsa-sha2-512")));
    bench.send(&pk_ok("ssh-rsa", rsa_key().public().blob()));
    assert_eq!(bench.error, None);
}

#[test]
fn rfc4252_s7_pk_ok_for_another_key_or_algorithm_is_not_signed() {
    let other = ed25519_key(66);
    let key = ed25519_key(2);
    for answer in
        [pk_ok("ssh-ed25519", other.public().blob()), pk_ok("rsa-sha2-512", key.public().blob()), pk_ok("", b"")]
    {
        let mut bench = client();
        bench.choose = Box::new(|_login| Try::Query);
        let mut bench = bench.with_service();
        bench.take();
        bench.send(&answer);
        assert_eq!(bench.take_numbers(), [number::DISCONNECT]);
        assert_eq!(bench.error, Some(Error::PeerMisbehaved(PeerMisbehaved::UnsolicitedLoginAnswer)));
    }
}

#[test]
fn rfc4252_s7_the_client_signs_the_first_session_identifier_even_after_a_re_exchange() {
    let mut bench = client();
    bench.choose = Box::new(|_login| Try::Sign);
    let mut bench = bench.with_keys();
    let first = bench.peer.session_id.clone().unwrap();
    bench.exchange_keys();
    bench.take();
    bench.send(&service(number::SERVICE_ACCEPT, "ssh-userauth"));
    let request = bench.take().pop().unwrap();
    let blob = bench.user_key.public().blob().to_vec();
    let signed = public_key_request("alice", "ssh-ed25519", &blob, true);
    let rest = request.strip_prefix(&signed[..]).expect("the request");
    let mut signature = Reader::new(Reader::new(rest).string("signature").unwrap());
    assert_eq!(signature.string("algorithm"), Ok(&b"ssh-ed25519"[..]));
    let mut data = Vec::new();
    data.put_string(&first);
    data.put_bytes(&signed);
    let provider = algorithms();
    let method = provider.user_keys.iter().find(|method| method.name == "ssh-ed25519").unwrap();
    assert_eq!(method.verifier.verify(&blob, &data, signature.string("blob").unwrap()), Ok(()));
}

#[test]
fn the_client_tells_partial_success_from_failure() {
    let mut bench = client();
    let refusals = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let log = refusals.clone();
    bench.choose = Box::new(move |login| {
        log.borrow_mut().extend(login.refused().cloned());
        Try::Sign
    });
    let mut bench = bench.with_service();
    bench.send(&failure("publickey,foo@example.com", false));
    bench.send(&failure("password", true));
    let refusals = refusals.borrow();
    let other = MethodName::Other("foo@example.com".into());
    assert_eq!(refusals[0].can_continue, [MethodName::PublicKey, other]);
    assert_eq!(refusals[0].partial, client::Partial::Nothing);
    assert_eq!(
        (&refusals[1].can_continue[..], refusals[1].partial),
        (&[MethodName::Password][..], client::Partial::Success)
    );
}

#[test]
fn rfc4252_s5_4_banners_come_at_any_time_and_are_filtered_and_bounded() {
    let mut bench = client().with_service();
    for text in ["", "hello\r\n", "\u{1b}[31mred\u{7}", &"x".repeat(30_000)] {
        let mut banner = vec![number::USERAUTH_BANNER];
        banner.put_string(text.as_bytes());
        banner.put_string(b"en");
        bench.send(&banner);
    }
    let banner = |notice: &Notice| match notice {
        Notice::LoginBanner(text) => Some(text.clone()),
        _ => None,
    };
    let banners: Vec<String> = bench.notices.iter().filter_map(banner).collect();
    assert_eq!(banners[1], "hello\n");
    assert_eq!(banners[2], "[31mred");
    assert!(banners[3].len() <= 1024);
    bench.send(SUCCESS);
    assert!(matches!(bench.machine, Machine::ClientOpen(_)));
}
