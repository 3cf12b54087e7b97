use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ssh_proto::keys::PublicKey;

use super::*;
use crate::files::LineProblem;
use crate::server::{Feature, Permissions};

fn key(index: usize) -> PublicKey {
    let text = vectors::text("files/known_hosts_keys");
    PublicKey::from_openssh_line(text.lines().nth(index).unwrap()).unwrap().0
}

fn line(index: usize) -> String {
    key(index).to_openssh_line("somebody@somewhere")
}

fn parse(text: &str) -> AuthorizedKeys {
    AuthorizedKeys::parse("keys".as_ref(), text.as_bytes())
}

/// What is wrong with a line that has these options.
fn problem(options: &str) -> LineProblem {
    let keys = parse(&format!("{options} {}", line(0)));
    assert!(keys.entries().is_empty(), "{options}");
    let [warning] = keys.warnings() else { panic!("{options}: {:?}", keys.warnings()) };
    warning.problem.clone()
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

#[test]
fn every_line_counts() {
    let keys = parse(&format!("# keys\n\n{}\n  {}\r\nrestrict {}", line(0), line(1), line(2)));
    assert_eq!(keys.warnings(), []);
    for (index, number) in [(0, 3), (1, 4), (2, 5)] {
        let entry = keys.find(&key(index), None, now()).unwrap();
        assert_eq!((entry.place.line, entry.comment.as_str()), (number, "somebody@somewhere"));
    }
    assert_eq!(keys.find(&key(3), None, now()).unwrap_err(), Refused::NotListed);
}

/// The only line's entry, which has nothing wrong with it.
fn entry(options: &str) -> Entry {
    let keys = parse(&format!("{options} {}", line(0)));
    assert_eq!(keys.warnings(), [], "{options}");
    keys.entries()[0].clone()
}

#[test]
fn what_options_take_and_give_back() {
    for (options, permitted) in [
        ("no-pty,No-X11-Forwarding", [false, true, true, false, true]),
        ("restrict,pty", [true, false, false, false, false]),
        ("pty,restrict", [false; 5]),
        ("restrict,port-forwarding,agent-forwarding,x11-forwarding,user-rc", [false, true, true, true, true]),
        ("no-port-forwarding,no-agent-forwarding,no-user-rc", [true, false, false, true, false]),
        ("no-touch-required", [true; 5]),
    ] {
        let permissions = Permissions::from(&entry(options));
        assert_eq!(Feature::ALL.map(|(feature, _)| permissions.permits(feature)), permitted, "{options}");
    }
}

#[test]
fn permitopen_and_permitlisten_name_hosts_and_ports() {
    let entry = entry("permitopen=\"db:5432\",permitopen=\"[::1]:*\",permitlisten=\"8080\"");
    let permissions = entry.permissions();
    for (host, port, expected) in [("db", 5432, true), ("db", 22, false), ("::1", 22, true), ("127.0.0.1", 22, false)] {
        assert_eq!(permissions.permits_open(host, port), expected, "{host} {port}");
    }
    assert!(permissions.permits_listen("localhost", 8080) && !permissions.permits_listen("localhost", 8081));
    assert!(!permissions.permits_sockets());
    for (options, option, value) in [
        ("permitopen=\"db\"", "permitopen", "db"),
        ("permitopen=\"*:22\"", "permitopen", "*:22"),
        ("permitopen=\"none\"", "permitopen", "none"),
        ("permitlisten=\"localhost:http\"", "permitlisten", "localhost:http"),
    ] {
        assert_eq!(problem(options), LineProblem::Destination(option, value.into()));
    }
}

#[test]
fn a_command_and_variables_belong_to_the_permissions() {
    let entry =
        entry("command=\"echo \\\"hi, you\\\"\",environment=\"A=1=2\",environment=\"B_2=\",environment=\"A=3\"");
    assert_eq!(entry.permissions().command(), Some("echo \"hi, you\""));
    let variables = [("A".to_owned(), "1=2".to_owned()), ("B_2".to_owned(), String::new())];
    assert_eq!(entry.permissions().environment(), variables, "the first counts");
    for value in ["A", "=1", "A B=1", "\u{e4}=1", "A\0=1", "A=\0"] {
        assert_eq!(problem(&format!("environment=\"{value}\"")), LineProblem::Variable(value.into()));
    }
}

#[test]
fn an_authority_lets_nobody_in_by_itself() {
    let keys = parse(&format!("cert-authority {}\ncert-authority,principals=\"ops, db\",no-pty {}", line(0), line(1)));
    assert_eq!(keys.find(&key(0), None, now()).unwrap_err(), Refused::NotListed);
    let line = |authority: usize, principals: &[&str], user| {
        keys.find_authority(&key(authority), principals, user, None, now()).map(|entry| entry.place.line).ok()
    };
    assert_eq!(line(0, &["alice"], "alice"), Some(1));
    assert_eq!(line(0, &["alice", "bob"], "bob"), Some(1));
    assert_eq!(line(0, &["bob"], "alice"), None);
    assert_eq!(line(1, &["ops"], "alice"), Some(2));
    assert_eq!(line(1, &["x", "db"], "alice"), Some(2));
    assert_eq!(line(1, &["alice"], "alice"), None, "the line's own names count alone");
    assert_eq!(line(2, &["alice"], "alice"), None);
    // OpenSSH 10.3: names are compared as a whole, and nobody is nobody.
    assert_eq!(line(1, &["ops,db"], "alice"), None);
    assert_eq!(line(1, &[], "alice"), None);
    assert_eq!(line(0, &[], ""), None);
    let nobody = parse(&format!("cert-authority,principals=\"\" {}", self::line(0)));
    assert!(nobody.find_authority(&key(0), &[""], "alice", None, now()).is_err());
}

#[test]
fn plain_keys_are_no_authorities() {
    let keys = parse(&line(0));
    assert!(keys.find_authority(&key(0), &["alice"], "alice", None, now()).is_err());
}

#[test]
fn security_keys_are_touched_unless_the_line_says_otherwise() {
    let rules = |options| {
        let entry = entry(options);
        (entry.requires_touch(), entry.requires_verification())
    };
    assert_eq!(rules(""), (true, false));
    assert_eq!(rules("no-touch-required"), (false, false));
    assert_eq!(rules("verify-required"), (true, true));
}

#[test]
fn options_without_effect_say_so_and_the_line_counts() {
    let keys = parse(&format!("tunnel=\"0\" {}\nprincipals=\"a\" {}", line(0), line(1)));
    assert_eq!(keys.entries().len(), 2);
    let problems: Vec<_> = keys.warnings().iter().map(|warning| warning.problem.clone()).collect();
    assert_eq!(problems, [LineProblem::Tunnel, LineProblem::Principals]);
}

#[test]
fn a_key_with_an_option_that_is_not_known_is_refused() {
    for (options, name) in [
        ("something-new@example.com", "something-new@example.com"),
        ("something=\"new\"", "something"),
        ("no-pty=\"yes\"", "no-pty"),
        ("restrict=\"\"", "restrict"),
        ("cert-authority=\"x\"", "cert-authority"),
        ("no-restrict", "no-restrict"),
        ("no-cert-authority", "no-cert-authority"),
    ] {
        assert_eq!(problem(options), LineProblem::Option(name.into()));
    }
    assert_eq!(
        parse(&format!("\nNew=\"x\" {}", line(0))).warnings()[0].to_string(),
        "keys:2: the key is refused: the option \"new\" cannot be enforced; remove the option or the key"
    );
}

#[test]
fn options_that_are_not_well_formed_are_refused() {
    for options in ["command=ls", "from=\"*", "from=\"*\"x", "restrict,", ",restrict", "restrict,,no-pty", "a=\"b\\\""]
    {
        assert_eq!(problem(options), LineProblem::OptionSyntax, "{options}");
    }
    for option in
        ["from", "expiry-time", "command", "environment", "permitopen", "permitlisten", "principals", "tunnel"]
    {
        assert_eq!(problem(option), LineProblem::OptionValue(option));
    }
    for twice in ["command", "principals"] {
        assert_eq!(problem(&format!("{twice}=\"a\",{twice}=\"a\"")), LineProblem::OptionValue(twice));
    }
    assert_eq!(problem("from=\"*\",from=\"*\""), LineProblem::OptionValue("from"));
    assert_eq!(problem("expiry-time=\"2026\""), LineProblem::ExpiryTime("2026".into()));
    assert_eq!(problem("from=\"!bad.example.com,*\""), LineProblem::Source("bad.example.com".into()));
}

#[test]
fn a_line_without_a_sound_key_is_reported() {
    let bad = ["ssh-ed25519", "ssh-ed25519 AAAA", "restrict", "restrict ssh-ed25519 AAAA", "\u{e4} ssh-ed25519 AAAA"];
    let keys = parse(&bad.join("\n"));
    assert!(keys.entries().is_empty());
    assert_eq!(keys.warnings().iter().map(|warning| warning.place.line).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    for index in [0, 1, 3] {
        assert!(matches!(keys.warnings()[index].problem, LineProblem::Key(_)), "{index}");
    }
}

#[test]
fn from_restricts_where_a_key_comes_from() {
    let keys = parse(&format!("from=\"192.0.2.0/24,!192.0.2.66\" {}\n", line(0)));
    let source = |address: &str| Some(address.parse().unwrap());
    keys.find(&key(0), source("192.0.2.1"), now()).unwrap();
    keys.find(&key(0), source("::ffff:192.0.2.1"), now()).unwrap();
    for refused in [source("192.0.2.66"), source("198.51.100.1"), source("2001:db8::1"), None] {
        assert!(matches!(keys.find(&key(0), refused, now()), Err(Refused::Source(_))), "{refused:?}");
    }
}

#[test]
fn expiry_time_ends_a_key() {
    let keys = parse(&format!("expiry-time=\"20270101Z\",expiry-time=\"20260101Z\" {}\n", line(0)));
    keys.find(&key(0), None, now()).unwrap();
    let refused = keys.find(&key(0), None, now() + Duration::from_secs(1)).unwrap_err();
    assert_eq!(refused.to_string(), "keys:1: the key has expired");
}

#[test]
fn a_second_line_may_let_in_what_the_first_does_not() {
    let keys = parse(&format!("expiry-time=\"20200101Z\" {}\n{}\n", line(0), line(0)));
    assert_eq!(keys.find(&key(0), None, now()).unwrap().place.line, 2);
}

#[test]
fn a_file_that_others_can_change_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("authorized_keys");
    assert!(AuthorizedKeys::load(&path).unwrap().entries().is_empty());
    fs::write(&path, line(0)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(AuthorizedKeys::load(&path).unwrap().entries().len(), 1);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    let error = AuthorizedKeys::load(&path).unwrap_err().to_string();
    assert!(error.ends_with(&format!("run `chmod go-w {}`", path.display())), "{error}");
}

#[test]
fn no_content_panics() {
    let options =
        "restrict,from=\"192.0.2.0/24,!2001:db8::/32,*.example\",expiry-time=\"20260101123059Z\",command=\"a \\\"b\"";
    let content = format!("{options} {}", line(0)).into_bytes();
    for position in 0..content.len() {
        let mut changed = content.clone();
        for byte in [b' ', b'"', b'\\', b',', b'0', b'/', b'\n', 0xff] {
            changed[position] = byte;
            let _ = AuthorizedKeys::parse("keys".as_ref(), &changed);
        }
        let _ = AuthorizedKeys::parse("keys".as_ref(), &content[..position]);
    }
}
