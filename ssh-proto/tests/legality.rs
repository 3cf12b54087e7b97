//! Which message is legal when: every message number, in every phase, in both roles, against the real machines.
//!
//! The table is data: for each role and phase a list of ranges with their verdicts, the first that fits counting, each
//! with the clause that says so. What the machines do must be what the table says, for each of the 256 numbers.

mod pair;
mod peer;

use std::ops::RangeInclusive;
use std::time::Duration;

use pair::Setup;
use pair::messages::{auth_request, keyboard_request, service};
use peer::{Bench, Machine, Offer, Plays, Reply, Try, Verdict as Judgement};
use ssh_proto::notice::Notice;
use ssh_proto::server::MethodName;
use ssh_proto::wire::{Put, number};
use ssh_proto::{Error, server};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It means something now: it is acted on, or it is refused for its content alone.
    Handled,
    /// Nothing happens, and nothing is answered.
    Ignored,
    /// It is answered with UNIMPLEMENTED and its sequence number.
    Unimplemented,
    /// The connection ends.
    Disconnect,
    /// It is left in the input until the phase is over.
    Unread,
}

use Verdict::{Disconnect, Handled, Ignored, Unimplemented, Unread};

/// A range of numbers, what becomes of them, and why.
type Row = (RangeInclusive<u8>, Verdict, &'static str);

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The peer has sent its identification and no packet.
    BeforeKexinit,
    /// The peer's first KEXINIT has come, both sides being strict.
    FirstKexStrict,
    /// The same without strict key exchange.
    FirstKexPlain,
    /// The same where the method chooses its group for each exchange: that comes first.
    FirstKexGroupStrict,
    FirstKexGroupPlain,
    /// The group is chosen, and the public values are next.
    FirstKexInGroupStrict,
    FirstKexInGroupPlain,
    /// Any method has said what it had to: NEWKEYS is next.
    BeforeNewkeysStrict,
    BeforeNewkeysPlain,
    /// Keys are in use, ssh-userauth is not accepted.
    BeforeService,
    /// A server waits for a request.
    LoginIdle,
    /// A server waits for answers to its questions.
    Questioning,
    /// A client waits for the answer to its request.
    LoginWaiting,
    /// The same, and the request is `keyboard-interactive`.
    KeyboardWaiting,
    /// The same, and the request has a password.
    PasswordWaiting,
    /// A server holds a refusal back.
    DelayedRefusal,
    /// The user is in.
    LoggedIn,
    /// The user is in, and our KEXINIT is out.
    OurKexinitSent,
    /// The user is in, and the peer's KEXINIT has come.
    TheirKexinitReceived,
    /// The user is in, and the peer's NEWKEYS is next.
    RekeyBeforeNewkeys,
}

use Phase::*;

const SERVER: [Phase; 17] = [
    BeforeKexinit,
    FirstKexStrict,
    FirstKexPlain,
    FirstKexGroupStrict,
    FirstKexGroupPlain,
    FirstKexInGroupStrict,
    FirstKexInGroupPlain,
    BeforeNewkeysStrict,
    BeforeNewkeysPlain,
    BeforeService,
    LoginIdle,
    Questioning,
    DelayedRefusal,
    LoggedIn,
    OurKexinitSent,
    TheirKexinitReceived,
    RekeyBeforeNewkeys,
];

const CLIENT: [Phase; 17] = [
    BeforeKexinit,
    FirstKexStrict,
    FirstKexPlain,
    FirstKexGroupStrict,
    FirstKexGroupPlain,
    FirstKexInGroupStrict,
    FirstKexInGroupPlain,
    BeforeNewkeysStrict,
    BeforeNewkeysPlain,
    BeforeService,
    LoginWaiting,
    KeyboardWaiting,
    PasswordWaiting,
    LoggedIn,
    OurKexinitSent,
    TheirKexinitReceived,
    RekeyBeforeNewkeys,
];

/// "any message that is not part of key exchange ends the connection".
const STRICT: &str = "kex-strict-{c,s}-v00@openssh.com";
const KNOWN_AND_WRONG: &str = "RFC 4250 s4.1.2: its number is another phase's";
const OTHER_DIRECTION: &str = "RFC 4253 s12, CVE-2018-10933: it travels the other way";

/// The rows of the transport layer, which hold in every phase unless an earlier row says otherwise.
const TRANSPORT: &[Row] = &[
    (1..=1, Disconnect, "RFC 4253 s11.1"),
    (2..=2, Ignored, "RFC 4253 s11.2"),
    (3..=3, Ignored, "RFC 4253 s11.4: it is never answered"),
    (4..=4, Ignored, "RFC 4253 s11.3"),
    (5..=6, Disconnect, KNOWN_AND_WRONG),
    (7..=7, Disconnect, "RFC 8308 s2.4: EXT_INFO anywhere else (CVE-2023-46445)"),
    (20..=20, Handled, "RFC 4253 s9: \"either party\", \"at any time\""),
    (21..=21, Disconnect, "RFC 4253 s7.3: without a key exchange there are no new keys"),
    (30..=49, Disconnect, "RFC 4253 s7.1: without a key exchange there is no method"),
    (0..=49, Unimplemented, "RFC 4253 s11.4"),
];

/// While the peer exchanges keys: what RFC 4253 s7.1 forbids it.
const THEIR_KEX: &[Row] = &[
    (5..=6, Disconnect, "RFC 4253 s7.1: \"SSH_MSG_SERVICE_REQUEST and SSH_MSG_SERVICE_ACCEPT MUST NOT be sent\""),
    (20..=20, Disconnect, "RFC 4253 s7.1: \"further SSH_MSG_KEXINIT messages MUST NOT be sent\""),
    (50..=255, Disconnect, "RFC 4253 s7.1: \"it MUST NOT send any messages other than\" 1 to 49"),
];

fn rows(plays: Plays, phase: Phase) -> Vec<&'static [Row]> {
    let method_message: &[Row] = match plays {
        Plays::Client => &[(30..=30, Handled, "RFC 4253 s8: KEXDH_INIT")],
        Plays::Server => &[(31..=31, Handled, "RFC 4253 s8: KEXDH_REPLY")],
    };
    let group_message: &[Row] = match plays {
        Plays::Client => &[
            (30..=30, Handled, "RFC 4419 s5: KEX_DH_GEX_REQUEST_OLD"),
            (34..=34, Handled, "RFC 4419 s3: KEX_DH_GEX_REQUEST"),
        ],
        Plays::Server => &[(31..=31, Handled, "RFC 4419 s3: KEX_DH_GEX_GROUP")],
    };
    let message_in_group: &[Row] = match plays {
        Plays::Client => &[(32..=32, Handled, "RFC 4419 s3: KEX_DH_GEX_INIT")],
        Plays::Server => &[(33..=33, Handled, "RFC 4419 s3: KEX_DH_GEX_REPLY")],
    };
    let strict: &[Row] = &[(1..=1, Disconnect, "RFC 4253 s11.1"), (0..=255, Disconnect, STRICT)];
    let newkeys: &[Row] = &[(21..=21, Handled, "RFC 4253 s7.3")];
    let before_service: &[Row] = match plays {
        Plays::Client => &[
            (5..=5, Handled, "RFC 4253 s10"),
            (7..=7, Handled, "RFC 8308 s2.4: \"the next packet following the client's first SSH_MSG_NEWKEYS\""),
        ],
        Plays::Server => &[
            (6..=6, Handled, "RFC 4253 s10"),
            (7..=7, Handled, "RFC 8308 s2.4: \"the next packet following the server's first SSH_MSG_NEWKEYS\""),
            (50..=53, Disconnect, "RFC 4252 s5.1 and s5.4: the authentication protocol has not started"),
            (54..=59, Unimplemented, "RFC 4253 s11.4"),
            (60..=60, Disconnect, "RFC 4252 s7: no request, no answer"),
            (61..=79, Unimplemented, "RFC 4253 s11.4"),
        ],
    };
    // RFC 4252 s6: messages "of 80 and higher [...] before authentication is complete is an error, to which the server
    // MUST respond by disconnecting": CVE-2025-32433, CVE-2018-7750, CVE-2024-2873.
    let too_early: &[Row] = &[(80..=255, Disconnect, "RFC 4252 s6")];
    let other_login_numbers: &[Row] = &[
        (50..=53, Disconnect, OTHER_DIRECTION),
        (60..=61, Disconnect, OTHER_DIRECTION),
        (54..=79, Unimplemented, "RFC 4253 s11.4: numbers of methods that we do not have"),
    ];
    let logged_in: &[Row] = &[
        (50..=79, Ignored, "RFC 4252 s5.1 and s5.3: what a login had under way"),
        (80..=80, Handled, "RFC 4254 s4"),
        (81..=81, Disconnect, "RFC 4254 s4: no request, no answer (CVE-2026-39830)"),
        (82..=82, Ignored, "RFC 4254 s4: a refusal of what wanted no answer"),
        (90..=90, Handled, "RFC 4254 s5.1"),
        (91..=92, Disconnect, "RFC 4254 s5.1: nothing was opened"),
        (93..=98, Handled, "RFC 4254 s5"),
        (99..=100, Disconnect, "RFC 4254 s5.4: no request, no answer"),
        (192..=192, Handled, "PROTOCOL s1.8: it is answered"),
        (193..=193, Handled, "PROTOCOL s1.8: a sign of life"),
        (80..=255, Unimplemented, "RFC 4253 s11.4"),
    ];
    match phase {
        BeforeKexinit => vec![
            &[
                (20..=20, Handled, "RFC 4253 s7.1"),
                (5..=6, Disconnect, "RFC 4253 s7.1: key exchange comes first"),
                (50..=255, Disconnect, "RFC 4253 s7.1: key exchange comes first"),
            ],
            TRANSPORT,
        ],
        FirstKexStrict => vec![method_message, strict],
        FirstKexGroupStrict => vec![group_message, strict],
        FirstKexInGroupStrict => vec![message_in_group, strict],
        FirstKexGroupPlain => vec![group_message, THEIR_KEX, TRANSPORT],
        FirstKexInGroupPlain => vec![message_in_group, THEIR_KEX, TRANSPORT],
        BeforeNewkeysStrict => vec![newkeys, strict],
        FirstKexPlain | TheirKexinitReceived => vec![method_message, THEIR_KEX, TRANSPORT],
        BeforeNewkeysPlain | RekeyBeforeNewkeys => vec![newkeys, THEIR_KEX, TRANSPORT],
        BeforeService => {
            vec![before_service, too_early, TRANSPORT, &[(50..=50, Disconnect, "RFC 4253 s10")], other_login_numbers]
        }
        LoginIdle => vec![
            &[(5..=5, Handled, "RFC 4253 s10: not forbidden twice"), (50..=50, Handled, "RFC 4252 s5")],
            too_early,
            TRANSPORT,
            other_login_numbers,
        ],
        Questioning => vec![
            &[
                (5..=5, Handled, "RFC 4253 s10: not forbidden twice"),
                (50..=50, Handled, "RFC 4256 s3.1: what was asked is abandoned"),
                (61..=61, Handled, "RFC 4256 s3.4"),
            ],
            too_early,
            TRANSPORT,
            other_login_numbers,
        ],
        DelayedRefusal => vec![&[(0..=255, Unread, "the peer waits for its answer")]],
        KeyboardWaiting | PasswordWaiting => vec![
            &[
                (7..=7, Handled, "RFC 8308 s2.4: \"immediately preceding the server's SSH_MSG_USERAUTH_SUCCESS\""),
                (50..=50, Disconnect, OTHER_DIRECTION),
                (51..=53, Handled, "RFC 4252 s5.1 and s5.4"),
                (60..=60, Handled, "RFC 4256 s3.2, RFC 4252 s8"),
                (54..=79, Unimplemented, "RFC 4253 s11.4"),
            ],
            too_early,
            TRANSPORT,
        ],
        LoginWaiting => vec![
            &[
                (7..=7, Handled, "RFC 8308 s2.4: \"immediately preceding the server's SSH_MSG_USERAUTH_SUCCESS\""),
                (50..=50, Disconnect, OTHER_DIRECTION),
                (51..=53, Handled, "RFC 4252 s5.1 and s5.4"),
                (60..=60, Disconnect, "RFC 4252 s7: none was asked about (the request is none)"),
                (54..=79, Unimplemented, "RFC 4253 s11.4"),
            ],
            too_early,
            TRANSPORT,
        ],
        LoggedIn | OurKexinitSent => vec![logged_in, TRANSPORT],
    }
}

/// What the table says.
fn expected(plays: Plays, phase: Phase, number: u8) -> (Verdict, &'static str) {
    let rows = rows(plays, phase);
    let row = rows.iter().copied().flatten().find(|(range, ..)| range.contains(&number));
    row.map(|(_, verdict, why)| (*verdict, *why)).unwrap_or_else(|| panic!("{plays:?} {phase:?} {number}: no row"))
}

/// A machine in a phase, and a session channel in it where there are channels.
fn arrive(plays: Plays, phase: Phase) -> Bench {
    let strict = !matches!(phase, FirstKexPlain | FirstKexGroupPlain | FirstKexInGroupPlain | BeforeNewkeysPlain);
    let chooses_group =
        matches!(phase, FirstKexGroupStrict | FirstKexGroupPlain | FirstKexInGroupStrict | FirstKexInGroupPlain);
    let new = || {
        let setup = Setup::default();
        let mut offer = Offer { strict, ..Offer::default() };
        if chooses_group {
            offer.kex = "diffie-hellman-group-exchange-sha256".into();
        }
        match plays {
            Plays::Client => Bench::server(setup.server, offer),
            Plays::Server => Bench::client(setup.client, offer),
        }
    };
    let mut bench = match phase {
        BeforeKexinit => {
            let mut bench = new();
            let line = bench.peer.line();
            bench.bytes(&line);
            bench
        }
        FirstKexStrict | FirstKexPlain | FirstKexGroupStrict | FirstKexGroupPlain => {
            let mut bench = new();
            bench.greet();
            bench
        }
        FirstKexInGroupStrict | FirstKexInGroupPlain => {
            let mut bench = new();
            bench.greet();
            bench.send_group_message();
            bench
        }
        BeforeNewkeysStrict | BeforeNewkeysPlain => {
            let mut bench = new();
            bench.greet();
            bench.send_public_value();
            bench
        }
        BeforeService => new().with_keys(),
        LoginIdle => new().with_service(),
        LoginWaiting => {
            let mut bench = new();
            bench.choose = Box::new(|login| if login.refused().is_none() { Try::None } else { Try::Wait });
            bench.with_service()
        }
        KeyboardWaiting | PasswordWaiting => {
            let mut bench = new();
            let first = if phase == KeyboardWaiting { Try::KeyboardInteractive } else { Try::Password(b"old") };
            bench.choose = Box::new(move |login| if login.refused().is_none() { first.clone() } else { Try::Wait });
            bench.with_service()
        }
        Questioning => {
            let mut setup = Setup::default();
            setup.server.methods.push(MethodName::KeyboardInteractive);
            let mut bench = Bench::server(setup.server, Offer { strict, ..Offer::default() });
            bench.examine = Box::new(|_exchange| Reply::Ask(server::Questions::new().hidden("Code: ")));
            let mut bench = bench.with_service();
            bench.send(&keyboard_request("alice"));
            bench
        }
        DelayedRefusal => {
            let mut bench = new().with_service();
            bench.send(&auth_request("alice", "ssh-connection", "hostbased"));
            bench
        }
        LoggedIn => new().logged_in(),
        OurKexinitSent => {
            let mut bench = with_session(new().logged_in());
            let (now, mut out) = (bench.now, Vec::new());
            match &mut bench.machine {
                Machine::ServerOpen(end) => end.connection.rekey(now, &mut out),
                Machine::ClientOpen(end) => end.connection.rekey(now, &mut out),
                machine => panic!("{machine:?}"),
            }
            bench.gather(&out);
            bench
        }
        TheirKexinitReceived => {
            let mut bench = new().logged_in();
            bench.send_kexinit();
            bench
        }
        RekeyBeforeNewkeys => {
            let mut bench = new().logged_in();
            bench.send_kexinit();
            bench.send_public_value();
            bench
        }
    };
    if phase == LoggedIn {
        bench = with_session(bench);
    }
    bench.judge = Box::new(|_attempt| Judgement::Wait);
    assert_eq!(bench.error, None, "{plays:?} {phase:?}");
    let asks = [number::KEXDH_INIT, number::KEX_DH_GEX_REQUEST, number::KEX_DH_GEX_INIT];
    bench.got.retain(|payload| asks.contains(&payload[0]));
    bench
}

/// Channel 0 is open on both sides, whoever opened it.
fn with_session(mut bench: Bench) -> Bench {
    let mut open = vec![number::CHANNEL_OPEN];
    open.put_string(b"legality@example.com");
    for field in [0, 1000, 1000] {
        open.put_u32(field);
    }
    bench.send(&open);
    bench
}

/// A well-formed message of a number, where one is known: what is refused must be refused for its number alone.
fn message(bench: &mut Bench, number: u8) -> Vec<u8> {
    let mut payload = vec![number];
    match number {
        number::DISCONNECT => {
            payload.put_u32(11);
            payload.put_string(b"");
            payload.put_string(b"");
        }
        number::IGNORE | number::PING | number::PONG => payload.put_string(b"anything"),
        number::UNIMPLEMENTED => payload.put_u32(0),
        number::DEBUG => {
            payload.put_bool(false);
            payload.put_string(b"");
            payload.put_string(b"");
        }
        number::SERVICE_REQUEST | number::SERVICE_ACCEPT => payload = service(number, "ssh-userauth"),
        number::EXT_INFO => payload.put_u32(0),
        number::KEXINIT => payload = bench.peer.kexinit(),
        number::KEX_DH_GEX_REQUEST_OLD if bench.peer.plays == Plays::Client && bench.peer.needs_group() => {
            payload.put_u32(2048);
        }
        number::KEX_DH_GEX_REQUEST if bench.peer.plays == Plays::Client && bench.peer.needs_group() => {
            payload = bench.peer.gex_request();
        }
        number::KEX_DH_GEX_GROUP if bench.last_of(&[number::KEX_DH_GEX_REQUEST]).is_some() => {
            payload = bench.peer.gex_group(&bench.last_of(&[number::KEX_DH_GEX_REQUEST]).unwrap());
        }
        number::KEX_DH_GEX_INIT if bench.peer.plays == Plays::Client && bench.peer.is_in_group() => {
            payload = bench.peer.kexdh_init();
        }
        number::KEX_DH_GEX_REPLY if bench.last_of(&[number::KEX_DH_GEX_INIT]).is_some() => {
            payload = bench.peer.kexdh_reply(&bench.last_of(&[number::KEX_DH_GEX_INIT]).unwrap());
        }
        number::KEXDH_INIT
            if bench.peer.plays == Plays::Client && bench.peer.has_both_kexinits() && !bench.peer.is_in_group() =>
        {
            payload = bench.peer.kexdh_init();
        }
        number::KEXDH_REPLY if bench.got.iter().any(|sent| sent[0] == number::KEXDH_INIT) => {
            let init = bench.got.iter().rfind(|sent| sent[0] == number::KEXDH_INIT).unwrap().clone();
            payload = bench.peer.kexdh_reply(&init);
        }
        number::USERAUTH_REQUEST => payload = auth_request("alice", "ssh-connection", "none"),
        number::USERAUTH_FAILURE => {
            payload.put_string(b"publickey");
            payload.put_bool(false);
        }
        number::USERAUTH_BANNER => {
            payload.put_string(b"");
            payload.put_string(b"");
        }
        // No questions, or no words and no language: three or four empty strings.
        number::USERAUTH_INFO_REQUEST if keyboard(bench) => payload.put_bytes(&[0; 16]),
        number::USERAUTH_PASSWD_CHANGEREQ if password(bench) => payload.put_bytes(&[0; 8]),
        number::USERAUTH_INFO_RESPONSE => {
            payload.put_u32(1);
            payload.put_string(b"answer");
        }
        number::USERAUTH_PK_OK => {
            payload.put_string(b"ssh-ed25519");
            payload.put_string(bench.user_key.public().blob());
        }
        number::GLOBAL_REQUEST => {
            payload.put_string(b"x");
            payload.put_bool(true);
        }
        number::CHANNEL_OPEN => {
            payload.put_string(b"x");
            for field in [1, 1000, 1000] {
                payload.put_u32(field);
            }
        }
        number::CHANNEL_OPEN_CONFIRMATION => [0, 0, 1000, 1000].iter().for_each(|&field| payload.put_u32(field)),
        number::CHANNEL_OPEN_FAILURE => {
            payload.put_u32(0);
            payload.put_u32(1);
            payload.put_string(b"");
            payload.put_string(b"");
        }
        number::CHANNEL_WINDOW_ADJUST => {
            payload.put_u32(0);
            payload.put_u32(1);
        }
        number::CHANNEL_DATA => {
            payload.put_u32(0);
            payload.put_string(b"x");
        }
        number::CHANNEL_EXTENDED_DATA => {
            payload.put_u32(0);
            payload.put_u32(1);
            payload.put_string(b"x");
        }
        number::CHANNEL_EOF | number::CHANNEL_CLOSE | number::CHANNEL_SUCCESS | number::CHANNEL_FAILURE => {
            payload.put_u32(0);
        }
        number::CHANNEL_REQUEST => {
            payload.put_u32(0);
            payload.put_string(b"x");
            payload.put_bool(true);
        }
        number::REQUEST_FAILURE => {}
        _ => payload.put_bytes(b"\0\0\0\0"),
    }
    payload
}

/// What the machine asked last, if it is a client that logs in.
fn keyboard(bench: &Bench) -> bool {
    format!("{:?}", bench.machine).contains("ExpectAnswer(KeyboardInteractive)")
}

fn password(bench: &Bench) -> bool {
    format!("{:?}", bench.machine).contains("ExpectAnswer(Password)")
}

/// What of the machine shows whether a message meant something to it.
fn fingerprint(bench: &Bench) -> String {
    let banners = bench.notices.iter().filter(|notice| matches!(notice, Notice::LoginBanner(_))).count();
    match &bench.machine {
        Machine::ServerOpen(end) => format!("{:?} {}", end.connection, end.event_count()),
        Machine::ClientOpen(end) => format!("{:?} {}", end.connection, end.event_count()),
        machine => format!("{machine:?} {banners}"),
    }
}

/// What the machine does.
fn observe(plays: Plays, phase: Phase, number: u8) -> Verdict {
    let mut bench = arrive(plays, phase);
    let payload = message(&mut bench, number);
    bench.got.clear();
    let before = fingerprint(&bench);
    let sequence = bench.peer.sequence;
    let packet = if number == number::NEWKEYS && bench.peer.has_next_keys() {
        bench.peer.newkeys()
    } else {
        bench.peer.seal(&payload)
    };
    let waiting = bench.input_length();
    bench.bytes(&packet);
    if let Some(error) = &bench.error {
        let told = bench.got.last().is_some_and(|payload| payload[0] == number::DISCONNECT);
        assert!(told || matches!(error, Error::Disconnected(_)), "{plays:?} {phase:?} {number}: the peer is not told");
        return Disconnect;
    }
    if bench.input_length() > waiting {
        return Unread;
    }
    let mut unimplemented = vec![number::UNIMPLEMENTED];
    unimplemented.put_u32(sequence);
    if bench.got == [unimplemented] {
        return Unimplemented;
    }
    let after = fingerprint(&bench);
    if bench.got.is_empty() && before == after { Ignored } else { Handled }
}

fn check(plays: Plays, phases: &[Phase]) {
    let mut wrong = Vec::new();
    for &phase in phases {
        for number in 0..=255 {
            let (expected, why) = expected(plays, phase, number);
            let observed = observe(plays, phase, number);
            // What EXT_INFO tells shows when a client chooses an algorithm, and nowhere else: `ext_info.rs` sees to that.
            let unseen = number == number::EXT_INFO && (expected, observed) == (Handled, Ignored);
            // The answer to a ping waits for the end of our key exchange: `openssh_extensions.rs` sees to that.
            let held = (number, phase) == (number::PING, OurKexinitSent) && observed == Ignored;
            if observed != expected && !unseen && !held {
                wrong.push(format!(
                    "peer {plays:?}, {phase:?}, message {number}: {observed:?}, not {expected:?} ({why})"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_number_in_every_phase_of_a_server() {
    check(Plays::Client, &SERVER);
}

#[test]
fn every_number_in_every_phase_of_a_client() {
    check(Plays::Server, &CLIENT);
}

#[test]
fn what_came_during_a_delayed_refusal_meets_the_rules_of_the_login_afterwards() {
    for number in 0..=255 {
        let mut bench = arrive(Plays::Client, DelayedRefusal);
        let payload = message(&mut bench, number);
        bench.send(&payload);
        assert!(bench.got.is_empty() && bench.error.is_none());
        bench.pass(Duration::from_secs(1));
        assert_eq!(bench.got[0][0], number::USERAUTH_FAILURE);
        let (expected, why) = expected(Plays::Client, LoginIdle, number);
        assert_eq!(bench.error.is_some(), expected == Disconnect, "{number}: {why}");
    }
}

#[test]
fn cve_2025_32433_no_caller_is_asked_anything_by_a_message_before_login() {
    // Everything that an attacker can say before login, one after another: no step but those of a login comes of it.
    for phase in [BeforeService, LoginIdle] {
        for number in 80..=255 {
            let mut bench = arrive(Plays::Client, phase);
            let payload = message(&mut bench, number);
            bench.send(&payload);
            assert!(matches!(bench.machine, Machine::Ended), "{number}");
        }
    }
}

#[test]
fn rfc4253_s11_4_each_unknown_message_is_answered_with_its_own_number_in_order() {
    for plays in [Plays::Client, Plays::Server] {
        let mut bench = arrive(plays, LoggedIn);
        let first = bench.peer.sequence;
        let ignore = message(&mut bench, number::IGNORE);
        let packets = [vec![200], ignore.clone(), vec![8, 1, 2], ignore, vec![255], vec![0]];
        let write: Vec<u8> = packets.iter().flat_map(|payload| bench.peer.seal(payload)).collect();
        bench.bytes(&write);
        let sequences: Vec<u32> = bench
            .take()
            .iter()
            .map(|payload| {
                assert_eq!(payload[0], number::UNIMPLEMENTED);
                u32::from_be_bytes(payload[1..].try_into().unwrap()) - first
            })
            .collect();
        assert_eq!(sequences, [0, 2, 4, 5]);
    }
}

#[test]
fn rfc4253_s6_a_packet_without_a_payload_ends_the_connection() {
    for plays in [Plays::Client, Plays::Server] {
        for phase in [BeforeKexinit, LoggedIn] {
            let mut bench = arrive(plays, phase);
            bench.send(&[]);
            assert!(bench.error.is_some(), "{plays:?} {phase:?}");
        }
    }
}

#[test]
fn the_machines_of_the_table_are_where_they_should_be() {
    let is = |bench: &Bench, wanted: &str| format!("{:?}", bench.machine).starts_with(wanted);
    assert!(is(&arrive(Plays::Client, LoginIdle), "Server(Ready("));
    assert!(is(&arrive(Plays::Server, LoginWaiting), "Client(Ready("));
    assert!(is(&arrive(Plays::Client, LoggedIn), "ServerOpen("));
}
