//! More than a key: questions (RFC 4256), passwords that must be changed, several factors, and what a refusal gives away.

mod pair;
mod peer;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use pair::messages::{auth_request, failure, keyboard_request, password_request, public_key_request, service};
use pair::{Pair, Setup, ed25519_key};
use peer::{Bench, Machine, Offer, Reply, Try, Verdict};
use ssh_proto::client::{self, Echo, MethodName, TrivialPolicy};
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::error::{ApiMisuse, Limit, PeerIncompatible};
use ssh_proto::keys::PrivateKey;
use ssh_proto::notice::Notice;
use ssh_proto::server::{self, Questions};
use ssh_proto::wire::{Put, Reader, number};
use ssh_proto::{Algorithms, Error};

const SUCCESS: &[u8] = &[number::USERAUTH_SUCCESS];
const METHODS: &str = "publickey,password,keyboard-interactive";

/// A server that takes everything, and whose refusals come at once.
fn config() -> server::Config {
    let mut config = Setup::default().server;
    config.failure_delay = Duration::ZERO;
    config.methods = vec![MethodName::PublicKey, MethodName::Password, MethodName::KeyboardInteractive];
    config
}

fn chained(chains: &[&[MethodName]]) -> server::Config {
    let mut config = config();
    config.authentication_methods = chains.iter().map(|chain| chain.to_vec()).collect();
    config
}

fn server_with(config: server::Config) -> Bench {
    let mut bench = Bench::server(config, Offer::default()).with_service();
    bench.got.clear();
    bench
}

/// INFO_REQUEST: a title, an instruction, questions and whether their answers show.
fn asked(name: &str, instruction: &str, questions: &[(&str, bool)]) -> Vec<u8> {
    let mut payload = vec![number::USERAUTH_INFO_REQUEST];
    for text in [name, instruction, ""] {
        payload.put_string(text.as_bytes());
    }
    payload.put_u32(u32::try_from(questions.len()).unwrap());
    for (text, echo) in questions {
        payload.put_string(text.as_bytes());
        payload.put_bool(*echo);
    }
    payload
}

fn answered(answers: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![number::USERAUTH_INFO_RESPONSE];
    payload.put_u32(u32::try_from(answers.len()).unwrap());
    answers.iter().for_each(|answer| payload.put_string(answer));
    payload
}

fn change_request(prompt: &str) -> Vec<u8> {
    let mut payload = vec![number::USERAUTH_PASSWD_CHANGEREQ];
    payload.put_string(prompt.as_bytes());
    payload.put_string(b"");
    payload
}

/// Asks for a password and then a code, in two rounds.
fn two_rounds(exchange: &server::Exchange) -> Reply {
    let answers = exchange.answers().map(|answers| answers.iter().map(|answer| answer.to_vec()).collect::<Vec<_>>());
    match answers.as_deref() {
        None => Reply::Ask(Questions::new().hidden("Password: ")),
        Some([password]) if password == b"secret" => {
            Reply::Ask(Questions::new().name("Token").instruction("Press it.").hidden("Code: ").shown("Where: "))
        }
        Some([code, place]) if code == b"123456" && place == b"here" => Reply::Accept,
        Some(_) => Reply::Reject,
    }
}

// ---- RFC 4256, the server -------------------------------------------------------------------------------------------

#[test]
fn rfc4256_s3_a_server_asks_in_as_many_rounds_as_it_takes() {
    let mut bench = server_with(config());
    bench.examine = Box::new(two_rounds);
    bench.send(&keyboard_request("alice"));
    assert_eq!(bench.take(), [asked("", "", &[("Password: ", false)])]);
    bench.send(&answered(&[b"secret"]));
    assert_eq!(bench.take(), [asked("Token", "Press it.", &[("Code: ", false), ("Where: ", true)])]);
    bench.send(&answered(&[b"123456", b"here"]));
    assert_eq!(bench.take(), [SUCCESS]);
}

#[test]
fn rfc4256_s3_4_a_wrong_number_of_answers_is_a_failure_and_asks_nobody() {
    for answers in [&[][..], &[&b"secret"[..], b"more"]] {
        let mut bench = server_with(config());
        bench.examine = Box::new(two_rounds);
        bench.send(&keyboard_request("alice"));
        bench.examine = Box::new(|_exchange| panic!("nobody is asked"));
        bench.take();
        bench.send(&answered(answers));
        assert_eq!(bench.take(), [failure(METHODS, false)]);
        // The exchange is over: an answer now is no answer.
        bench.send(&answered(&[b"secret"]));
        assert!(bench.error.is_some());
    }
}

#[test]
fn an_answer_that_is_too_long_asks_nobody() {
    let mut bench = server_with(config());
    bench.examine = Box::new(two_rounds);
    bench.send(&keyboard_request("alice"));
    bench.examine = Box::new(|_exchange| panic!("nobody is asked"));
    bench.take();
    bench.send(&answered(&[&[b'x'; 1025]]));
    assert_eq!(bench.take(), [failure(METHODS, false)]);
}

#[test]
fn rfc4256_s3_1_a_new_request_abandons_what_was_asked() {
    let mut bench = server_with(config());
    bench.examine = Box::new(two_rounds);
    bench.send(&keyboard_request("alice"));
    bench.send(&answered(&[b"secret"]));
    bench.take();
    bench.send(&keyboard_request("alice"));
    assert_eq!(bench.take(), [asked("", "", &[("Password: ", false)])], "from the start");
    let signed = bench.signed_request("alice");
    bench.send(&signed);
    assert_eq!(bench.take(), [SUCCESS]);
}

#[test]
fn an_answer_belongs_to_the_user_who_was_asked() {
    let mut bench = server_with(config());
    let users = Rc::new(RefCell::new(Vec::new()));
    let log = users.clone();
    bench.examine = Box::new(move |exchange| {
        log.borrow_mut().push((exchange.user().to_owned(), exchange.answers().is_some()));
        if exchange.answers().is_some() { Reply::Reject } else { Reply::Ask(Questions::new().hidden("?")) }
    });
    bench.send(&keyboard_request("alice"));
    bench.send(&keyboard_request("bob"));
    bench.send(&answered(&[b"x"]));
    let seen = users.borrow().iter().map(|(user, answers)| format!("{user} {answers}")).collect::<Vec<_>>();
    assert_eq!(seen, ["alice false", "bob false", "bob true"]);
}

#[test]
fn cve_2015_5600_every_refused_exchange_is_a_try_and_rounds_are_bounded() {
    let mut bench = server_with(config());
    bench.examine = Box::new(two_rounds);
    for _ in 0..5 {
        bench.send(&keyboard_request("alice"));
        bench.send(&answered(&[b"wrong"]));
        assert_eq!(bench.take().pop(), Some(failure(METHODS, false)));
    }
    bench.send(&keyboard_request("alice"));
    bench.send(&answered(&[b"wrong"]));
    assert_eq!(bench.error, Some(Error::LimitReached(Limit::LoginTries)));
    // A hundred devices are one method: the hints do not multiply the tries.
    let mut bench = server_with(config());
    bench.examine = Box::new(|exchange| {
        assert_eq!(exchange.submethods(), "pam,".repeat(100).as_str().get(..400).unwrap());
        Reply::Reject
    });
    let mut request = auth_request("alice", "ssh-connection", "keyboard-interactive");
    request.put_string(b"");
    request.put_string("pam,".repeat(100).as_bytes());
    bench.send(&request);
    assert_eq!(bench.take(), [failure(METHODS, false)]);
    // A caller that never stops asking is stopped.
    let mut bench = server_with(config());
    bench.examine = Box::new(|_exchange| Reply::Ask(Questions::new().hidden("?")));
    bench.send(&keyboard_request("alice"));
    let rounds = (0..1000).take_while(|_| {
        bench.send(&answered(&[b"x"]));
        bench.error.is_none()
    });
    assert_eq!(rounds.count(), 127);
}

#[test]
fn answers_are_not_in_what_prints() {
    let mut bench = server_with(config());
    let printed = Rc::new(RefCell::new(String::new()));
    let log = printed.clone();
    bench.examine = Box::new(move |exchange| {
        log.borrow_mut().push_str(&format!("{exchange:?}"));
        two_rounds(exchange)
    });
    bench.send(&keyboard_request("alice"));
    bench.send(&answered(&[b"hunter2"]));
    let bytes = format!("{:?}", b"hunter2").replace(['[', ']'], "");
    assert!(!printed.borrow().contains("hunter2") && !printed.borrow().contains(&bytes));
}

// ---- RFC 4256, the client -------------------------------------------------------------------------------------------

/// A client that lets the server ask, and answers so.
fn asked_client(answers: &'static [&'static [u8]]) -> Bench {
    let mut bench = Bench::client(Setup::default().client, Offer::default());
    bench.choose = Box::new(|login| if login.refused().is_some() { Try::Wait } else { Try::KeyboardInteractive });
    bench.respond = Box::new(move |questions| {
        Some(answers.iter().take(questions.questions.len()).map(|answer| answer.to_vec().into()).collect())
    });
    bench
}

#[test]
fn rfc4256_s3_4_a_client_answers_each_question_of_each_round() {
    let mut bench = asked_client(&[b"one", b""]).with_service();
    assert_eq!(bench.take().pop(), Some(keyboard_request("alice")));
    bench.send(&asked("N", "I", &[("A: ", false), ("B: ", true)]));
    assert_eq!(bench.take(), [answered(&[b"one", b""])], "an empty answer is one");
    bench.send(&asked("", "Thank you.", &[]));
    assert_eq!(bench.take(), [answered(&[])]);
    bench.send(SUCCESS);
    assert!(!bench.client_end().seen.contains(&pair::Seen::Notice(Notice::TrivialLogin)));
}

#[test]
fn what_a_client_is_asked_reaches_it_with_its_echo() {
    let seen = Rc::new(RefCell::new(None));
    let log = seen.clone();
    let mut bench = asked_client(&[]);
    bench.respond = Box::new(move |questions| {
        *log.borrow_mut() = Some(questions.clone());
        None
    });
    let mut bench = bench.with_service();
    bench.send(&asked("Na\u{7}me", "two\nlines", &[("A: ", false), ("B: ", true)]));
    let questions = seen.borrow().clone().unwrap();
    assert_eq!((questions.name.as_str(), questions.instruction.as_str()), ("Name", "two\nlines"));
    assert_eq!(questions.questions.iter().map(|q| q.echo).collect::<Vec<_>>(), [Echo::Hidden, Echo::Shown]);
    assert!(matches!(bench.machine, Machine::Client(client::Step::Prompt(_))));
}

#[test]
fn more_or_fewer_answers_than_questions_are_a_misuse() {
    for answers in [&[][..], &[&b"a"[..], b"b"]] {
        let mut bench = asked_client(&[]);
        let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
        bench.respond = Box::new(move |_| Some(answers.iter().cloned().map(Into::into).collect()));
        let mut bench = bench.with_service();
        bench.send(&asked("", "", &[("?", false)]));
        assert_eq!(bench.error, Some(Error::ApiMisuse(ApiMisuse::AnswerCount)));
    }
}

#[test]
fn a_server_that_never_stops_asking_is_left() {
    let mut bench = asked_client(&[]).with_service();
    let rounds = (0..1000).take_while(|_| {
        bench.send(&asked("", "", &[]));
        bench.error.is_none()
    });
    assert_eq!(rounds.count(), 64);
    assert_eq!(bench.error, Some(Error::LimitReached(Limit::LoginTries)));
}

#[test]
fn an_exchange_without_a_question_is_a_trivial_login() {
    // CVE-2021-36367: PuTTY's -no-trivial-auth.
    for (questions, trivial) in [(0, true), (1, false)] {
        for policy in [TrivialPolicy::Allow, TrivialPolicy::Refuse] {
            let mut config = Setup::default().client;
            config.trivial = policy;
            let mut bench = Bench::client(config, Offer::default());
            bench.choose = Box::new(|_login| Try::KeyboardInteractive);
            bench.respond = Box::new(|questions| Some(vec![Vec::new().into(); questions.questions.len()]));
            let mut bench = bench.with_service();
            bench.send(&asked("", "", &[("?", false)][..questions]));
            bench.take();
            bench.send(SUCCESS);
            if trivial && policy == TrivialPolicy::Refuse {
                assert_eq!(bench.error, Some(Error::PeerIncompatible(PeerIncompatible::TrivialLogin)));
                assert_eq!(bench.take_numbers(), [number::DISCONNECT]);
            } else {
                let noticed = bench.client_end().seen.contains(&pair::Seen::Notice(Notice::TrivialLogin));
                assert_eq!(noticed, trivial);
            }
        }
    }
}

#[test]
fn what_was_shown_before_a_partial_success_counts() {
    let mut config = Setup::default().client;
    config.trivial = TrivialPolicy::Refuse;
    let mut bench = Bench::client(config, Offer::default());
    bench.choose = Box::new(|login| if login.has_just_passed() { Try::KeyboardInteractive } else { Try::Sign });
    bench.respond = Box::new(|_| Some(Vec::new()));
    let mut bench = bench.with_service();
    bench.send(&failure("keyboard-interactive", true));
    bench.send(&asked("", "", &[]));
    bench.send(SUCCESS);
    assert!(matches!(bench.machine, Machine::ClientOpen(_)), "{:?}", bench.error);
}

// ---- RFC 4252 s8: a new password ------------------------------------------------------------------------------------

#[test]
fn rfc4252_s8_a_server_demands_a_new_password_until_one_will_do() {
    let mut bench = server_with(config());
    bench.judge = Box::new(|attempt| match attempt.method() {
        server::Method::Password(b"old") => Verdict::NewPassword("It has expired."),
        server::Method::PasswordChange { old: b"old", new: b"short" } => Verdict::NewPassword("Longer, please."),
        server::Method::PasswordChange { old: b"old", new: b"long enough" } => Verdict::Accept,
        _ => Verdict::Reject,
    });
    bench.send(&password_request("alice", b"old", None));
    bench.send(&password_request("alice", b"old", Some(b"short")));
    bench.send(&password_request("alice", b"wrong", Some(b"long enough")));
    bench.send(&password_request("alice", b"old", Some(b"long enough")));
    let expected = [
        change_request("It has expired."),
        change_request("Longer, please."),
        failure(METHODS, false),
        SUCCESS.to_vec(),
    ];
    assert_eq!(bench.take(), expected);
}

#[test]
fn a_new_password_that_is_too_long_asks_nobody_and_a_key_needs_none() {
    let mut bench = server_with(config());
    bench.judge = Box::new(|attempt| panic!("{:?}", attempt.method()));
    bench.send(&password_request("alice", b"old", Some(&[b'x'; 1025])));
    assert_eq!(bench.take(), [failure(METHODS, false)]);
    bench.judge = Box::new(|_| Verdict::NewPassword("?"));
    let signed = bench.signed_request("alice");
    bench.send(&signed);
    assert_eq!(bench.error, Some(Error::ApiMisuse(ApiMisuse::NoSuchQuestion)));
}

#[test]
fn rfc4252_s8_a_client_is_asked_for_a_new_password_and_may_keep_the_old_one() {
    for change in [true, false] {
        let mut bench = Bench::client(Setup::default().client, Offer::default());
        let tries = Rc::new(RefCell::new(0));
        let count = tries.clone();
        bench.choose = Box::new(move |_login| {
            *count.borrow_mut() += 1;
            if *count.borrow() == 1 { Try::Password(b"old") } else { Try::Wait }
        });
        let mut bench = bench.with_service();
        bench.take();
        bench.send(&change_request("Your password has\u{1b} expired."));
        let machine = std::mem::replace(&mut bench.machine, Machine::Ended);
        let Machine::Client(client::Step::NewPassword(wanted)) = machine else { panic!("{machine:?}") };
        assert_eq!((wanted.prompt(), wanted.user()), ("Your password has expired.", "alice"));
        if change {
            let mut out = Vec::new();
            let (old, new) = (b"old".to_vec().into(), b"new".to_vec().into());
            let ready = wanted.change(&old, &new, bench.now, &mut out).unwrap();
            bench.machine = Machine::Client(client::Step::Ready(ready));
            bench.gather(&out);
            assert_eq!(bench.take(), [password_request("alice", b"old", Some(b"new"))]);
            bench.send(&change_request("Another one."));
            assert!(matches!(bench.machine, Machine::Client(client::Step::NewPassword(_))));
        } else {
            bench.machine = Machine::Client(client::Step::Login(wanted.abandon()));
            bench.run();
            assert_eq!(*tries.borrow(), 2, "something else may be tried");
        }
    }
}

// ---- several factors ------------------------------------------------------------------------------------------------

#[test]
fn rfc4252_s5_1_the_rules_ask_for_the_second_factor_whatever_the_caller_says() {
    let mut bench = server_with(chained(&[&[MethodName::PublicKey, MethodName::KeyboardInteractive]]));
    bench.judge = Box::new(|_attempt| Verdict::Accept);
    bench.examine = Box::new(two_rounds);
    bench.send(&keyboard_request("alice"));
    bench.send(&password_request("alice", b"anything", None));
    assert_eq!(bench.take(), [failure("publickey", false), failure("publickey", false)], "the order counts");
    let signed = bench.signed_request("alice");
    bench.send(&signed);
    assert_eq!(bench.take(), [failure("keyboard-interactive", true)]);
    bench.send(&keyboard_request("alice"));
    bench.send(&answered(&[b"secret"]));
    bench.send(&answered(&[b"123456", b"here"]));
    assert_eq!(bench.take().pop(), Some(SUCCESS.to_vec()));
}

#[test]
fn rfc4252_s5_another_user_starts_over() {
    // CVE-2026-46705.
    let mut bench = server_with(chained(&[&[MethodName::PublicKey, MethodName::Password]]));
    bench.judge = Box::new(|_attempt| Verdict::Accept);
    let signed = bench.signed_request("alice");
    bench.send(&signed);
    bench.send(&password_request("bob", b"x", None));
    bench.send(&password_request("alice", b"x", None));
    assert_eq!(bench.take(), [failure("password", true), failure("publickey", false), failure("publickey", false)]);
    bench.send(&signed);
    bench.send(&password_request("alice", b"x", None));
    assert_eq!(bench.take(), [failure("password", true), SUCCESS.to_vec()], "the key of a flushed login may sign anew");
}

#[test]
fn one_key_is_one_factor_however_often_it_signs() {
    let mut bench = server_with(chained(&[&[MethodName::PublicKey, MethodName::PublicKey]]));
    bench.judge = Box::new(|_attempt| Verdict::Accept);
    let (first, second) = (ed25519_key(2), ed25519_key(3));
    let signed = bench.signed_request("alice");
    bench.send(&signed);
    assert_eq!(bench.take(), [failure("publickey", true)]);
    bench.send(&signed);
    bench.send(&public_key_request("alice", "ssh-ed25519", first.public().blob(), false));
    assert_eq!(bench.take(), [failure("publickey", false), failure("publickey", false)]);
    bench.user_key = second;
    let signed = bench.signed_request("alice");
    bench.send(&signed);
    assert_eq!(bench.take(), [SUCCESS]);
}

// ---- publickey-hostbound-v00@openssh.com ----------------------------------------------------------------------------

const HOST_BOUND: &str = "publickey-hostbound-v00@openssh.com";

/// A request that is bound to a host by the key that is in it.
fn bound_request(bench: &mut Bench, key: &PrivateKey, host: &[u8], signed: bool) -> Vec<u8> {
    let mut request = auth_request("alice", "ssh-connection", HOST_BOUND);
    request.put_bool(signed);
    request.put_string(b"ssh-ed25519");
    request.put_string(key.public().blob());
    request.put_string(host);
    if signed {
        let mut data = Vec::new();
        data.put_string(&bench.peer.session_id.clone().unwrap());
        data.put_bytes(&request);
        let signature = bench.signer.sign_with(key, "ssh-ed25519", &data);
        request.put_nested(|nested| signature.to_wire(nested));
    }
    request
}

#[test]
fn openssh_protocol_s3_1_a_server_takes_what_is_bound_to_its_own_host_key() {
    let (key, host) = (ed25519_key(2), ed25519_key(1).public().blob().to_vec());
    let mut bench = server_with(config());
    let query = bound_request(&mut bench, &key, &host, false);
    bench.send(&query);
    let mut pk_ok = vec![number::USERAUTH_PK_OK];
    pk_ok.put_string(b"ssh-ed25519");
    pk_ok.put_string(key.public().blob());
    assert_eq!(bench.take(), [pk_ok]);
    let request = bound_request(&mut bench, &key, &host, true);
    bench.send(&request);
    assert_eq!(bench.take(), [SUCCESS]);
}

#[test]
fn openssh_protocol_s3_1_a_server_refuses_what_is_bound_to_another_host() {
    let (key, host) = (ed25519_key(2), ed25519_key(1).public().blob().to_vec());
    for other in [ed25519_key(9).public().blob(), b"", &host[..host.len() - 1]] {
        for signed in [true, false] {
            let mut bench = server_with(config());
            bench.judge = Box::new(|attempt| panic!("{:?}", attempt.method()));
            let request = bound_request(&mut bench, &key, other, signed);
            bench.send(&request);
            assert_eq!(bench.take(), [failure(METHODS, false)]);
        }
    }
    // The host key is signed too: one that was put in later does not help.
    let mut bench = server_with(config());
    let mut request = bound_request(&mut bench, &key, ed25519_key(9).public().blob(), true);
    let at = request.windows(host.len()).position(|window| window == ed25519_key(9).public().blob()).unwrap();
    request[at..at + host.len()].copy_from_slice(&host);
    bench.send(&request);
    assert_eq!(bench.take(), [failure(METHODS, false)]);
}

#[test]
fn openssh_protocol_s3_1_a_client_binds_its_signature_where_the_server_takes_that() {
    for (value, bound) in [(Some(&b"0"[..]), true), (Some(b"1"), false), (None, false)] {
        let mut bench = Bench::client(Setup::default().client, Offer::default());
        bench.choose = Box::new(|_login| Try::Sign);
        let mut bench = bench.with_keys();
        if let Some(value) = value {
            let mut info = vec![number::EXT_INFO];
            info.put_u32(1);
            info.put_string(b"publickey-hostbound@openssh.com");
            info.put_string(value);
            bench.send(&info);
        }
        bench.take();
        bench.send(&service(number::SERVICE_ACCEPT, "ssh-userauth"));
        let request = bench.take().pop().unwrap();
        let key = ed25519_key(2);
        let host = ed25519_key(1).public().blob().to_vec();
        let expected = if bound { bound_request(&mut bench, &key, &host, true) } else { bench.signed_request("alice") };
        assert_eq!(request, expected, "{value:?}");
    }
}

#[test]
fn our_own_client_and_server_bind_logins_to_the_host() {
    let pair = Pair::connect(Setup::default()).unwrap();
    let proof = pair.client.connection.host_proof().expect("a client has one");
    assert_eq!(Some(proof.session_id), pair.client.connection.session_id());
    assert_eq!(proof.host_key, *ed25519_key(1).public());
    let mut signature = Reader::new(&proof.signature);
    let name = signature.utf8("name").unwrap();
    let algorithms = Algorithms::up_to(ssh_proto::crypto::Tier::Default, &PROVIDER);
    let method = algorithms.user_keys.iter().find(|method| method.name == name).unwrap();
    let blob = signature.string("blob").unwrap();
    assert_eq!(method.verifier.verify(proof.host_key.blob(), proof.session_id.as_bytes(), blob), Ok(()));
    assert_eq!(pair.server.connection.host_proof(), None);
}

// ---- what a refusal gives away --------------------------------------------------------------------------------------

/// What a client sees of a refusal, when the server's program takes so long to decide: messages, and when they came.
fn refusal(request: &[u8], thinks: Duration, exchange: bool) -> (Vec<Vec<u8>>, Duration) {
    let mut config = config();
    config.failure_delay = Duration::from_secs(1);
    let mut bench = server_with(config);
    bench.judge = Box::new(|_attempt| Verdict::Wait);
    bench.examine = Box::new(two_rounds);
    let start = bench.now;
    bench.send(request);
    let mut seen = bench.take();
    if exchange {
        bench.send(&answered(&[b"wrong"]));
        seen.extend(bench.take());
    } else {
        bench.pass(thinks);
        bench.judge = Box::new(|_attempt| Verdict::Reject);
        bench.run();
    }
    while bench.got.is_empty() {
        assert!(bench.now < start.plus(Duration::from_secs(60)) && bench.error.is_none());
        let step = bench.poll_timeout().unwrap().0.saturating_sub(bench.now.0);
        bench.pass(step);
    }
    seen.extend(bench.take());
    (seen, bench.now.0.saturating_sub(start.0))
}

#[test]
fn cve_2016_6210_a_refusal_takes_as_long_whoever_the_user_is() {
    let ms = Duration::from_millis;
    let mut bench = server_with(config());
    let mut forged = bench.signed_request("alice");
    *forged.last_mut().unwrap() ^= 1;
    // A password of somebody who exists is hashed for a while, one of nobody's is refused at once.
    for thinks in [ms(0), ms(1), ms(400), ms(999)] {
        let request = password_request("alice", b"wrong", None);
        assert_eq!(refusal(&request, thinks, false), (vec![failure(METHODS, false)], ms(1000)), "{thinks:?}");
    }
    // Who takes longer hides in twice as long.
    for (thinks, answered) in [(ms(1000), ms(2000)), (ms(1999), ms(2000)), (ms(3500), ms(4000))] {
        let request = password_request("alice", b"wrong", None);
        assert_eq!(refusal(&request, thinks, false).1, answered, "{thinks:?}");
    }
    assert_eq!(refusal(&forged, ms(0), false).1, ms(1000));
    assert_eq!(refusal(&password_request("nobody", b"x", Some(b"y")), ms(300), false).1, ms(1000));
    let (seen, after) = refusal(&keyboard_request("nobody"), ms(0), true);
    assert_eq!(seen, [asked("", "", &[("Password: ", false)]), failure(METHODS, false)]);
    assert_eq!(after, ms(1000));
}

#[test]
fn a_refused_query_takes_as_long_whoever_the_user_is() {
    let other = ed25519_key(7);
    for thinks in [0, 3, 9] {
        let mut config = config();
        config.failure_delay = Duration::from_secs(1);
        let mut bench = server_with(config);
        bench.slow_offers = true;
        let start = bench.now;
        bench.send(&public_key_request("alice", "ssh-ed25519", other.public().blob(), false));
        bench.pass(Duration::from_millis(thinks));
        bench.slow_offers = false;
        bench.run();
        assert!(bench.take().is_empty());
        bench.pass(Duration::from_millis(10 - thinks));
        assert_eq!(bench.take(), [failure(METHODS, false)]);
        assert_eq!(bench.now, start.plus(Duration::from_millis(10)));
    }
}

#[test]
fn the_last_refusal_takes_as_long_as_the_others() {
    let mut config = config();
    config.failure_delay = Duration::from_secs(1);
    config.tries = 1;
    let mut bench = server_with(config);
    bench.send(&password_request("alice", b"wrong", None));
    bench.pass(Duration::from_millis(999));
    assert_eq!((bench.take(), &bench.error), (vec![], &None));
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.error, Some(Error::LimitReached(Limit::LoginTries)));
    assert_eq!(bench.disconnect_reason(), Some(14));
}

#[test]
fn rfc4252_s5_2_nobody_is_asked_about_none_unless_it_logs_in() {
    let mut bench = server_with(config());
    bench.judge = Box::new(|attempt| panic!("{:?}", attempt.method()));
    bench.send(&auth_request("alice", "ssh-connection", "none"));
    assert_eq!(bench.take(), [failure(METHODS, false)]);
    let mut bench = server_with({
        let mut config = config();
        config.methods = vec![MethodName::None, MethodName::PublicKey];
        config
    });
    bench.judge = Box::new(|attempt| match attempt.method() {
        server::Method::None if attempt.user() == "guest" => Verdict::Accept,
        _ => Verdict::Reject,
    });
    bench.send(&auth_request("alice", "ssh-connection", "none"));
    assert_eq!(bench.take(), [failure("publickey", false)], "it MUST NOT be listed");
    bench.send(&auth_request("guest", "ssh-connection", "none"));
    assert_eq!(bench.take(), [SUCCESS]);
}
