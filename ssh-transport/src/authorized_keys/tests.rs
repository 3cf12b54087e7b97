use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ssh_proto::keys::PublicKey;

use super::*;
use crate::files::LineProblem;

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

#[test]
fn harmless_options_are_kept() {
    let keys = parse(&format!("no-pty,No-X11-Forwarding {}\nrestrict,pty {}\n{}", line(0), line(1), line(2)));
    assert_eq!(keys.warnings(), []);
    let [first, second, third] = keys.entries() else { panic!("{keys:?}") };
    let all =
        [Feature::Pty, Feature::PortForwarding, Feature::AgentForwarding, Feature::X11Forwarding, Feature::UserRc];
    assert_eq!(all.map(|feature| first.forbids(feature)), [true, false, false, true, false]);
    assert_eq!(all.map(|feature| second.forbids(feature)), [false, true, true, true, true]);
    assert_eq!(all.map(|feature| third.forbids(feature)), [false; 5]);
}

#[test]
fn a_key_with_an_option_that_is_not_enforced_is_refused() {
    for (options, name) in [
        ("command=\"echo hello, \\\"world\\\"\"", "command"),
        ("restrict,command=\"/bin/true\",no-pty", "command"),
        ("environment=\"A=1\"", "environment"),
        ("cert-authority", "cert-authority"),
        ("principals=\"a,b\"", "principals"),
        ("permitopen=\"host:80\"", "permitopen"),
        ("permitlisten=\"80\"", "permitlisten"),
        ("tunnel=\"0\"", "tunnel"),
        ("no-touch-required", "no-touch-required"),
        ("verify-required", "verify-required"),
        ("something-new@example.com", "something-new@example.com"),
        ("no-pty=\"yes\"", "no-pty"),
    ] {
        assert_eq!(problem(options), LineProblem::Option(name.into()));
    }
    assert_eq!(
        parse(&format!("\nCommand=\"x\" {}", line(0))).warnings()[0].to_string(),
        "keys:2: the key is refused: the option \"command\" cannot be enforced; remove the option or the key"
    );
}

#[test]
fn options_that_are_not_well_formed_are_refused() {
    for options in ["command=ls", "from=\"*", "from=\"*\"x", "restrict,", ",restrict", "restrict,,no-pty", "a=\"b\\\""]
    {
        assert_eq!(problem(options), LineProblem::OptionSyntax, "{options}");
    }
    assert_eq!(problem("from"), LineProblem::OptionValue("from"));
    assert_eq!(problem("from=\"*\",from=\"*\""), LineProblem::OptionValue("from"));
    assert_eq!(problem("expiry-time"), LineProblem::OptionValue("expiry-time"));
    assert_eq!(problem("expiry-time=\"20260101\""), LineProblem::LocalTime("20260101".into()));
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
