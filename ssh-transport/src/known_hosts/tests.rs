use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::files::LineProblem;
use ssh_proto::keys::PublicKey;

/// The four keys of the vectors.
struct Keys {
    ed25519: PublicKey,
    rsa: PublicKey,
    other: PublicKey,
    revoked: PublicKey,
}

fn keys() -> Keys {
    let text = vectors::text("files/known_hosts_keys");
    let mut keys = text.lines().map(|line| PublicKey::from_openssh_line(line).unwrap().0);
    let mut next = || keys.next().unwrap();
    Keys { ed25519: next(), rsa: next(), other: next(), revoked: next() }
}

fn vector(name: &str) -> KnownHosts {
    let hosts = KnownHosts::load([vectors::path(name)]).unwrap();
    assert_eq!(hosts.warnings(), []);
    hosts
}

fn parse(text: &str) -> KnownHosts {
    let mut hosts = KnownHosts::default();
    hosts.add("hosts".as_ref(), text.as_bytes());
    hosts
}

/// The verdict, without the lines it stands on.
fn check(hosts: &KnownHosts, host: &str, port: u16, key: &PublicKey) -> &'static str {
    match hosts.check(host, port, key) {
        Verdict::Known(_) => "known",
        Verdict::Unknown => "unknown",
        Verdict::Changed(_) => "changed",
        Verdict::Revoked(_) => "revoked",
    }
}

#[test]
fn names_lists_ports_wildcards_and_markers() {
    let (hosts, keys) = (vector("files/known_hosts"), keys());
    for (host, port, key, verdict) in [
        ("plain.example.com", 22, &keys.ed25519, "known"),
        ("PLAIN.Example.com", 22, &keys.ed25519, "known"),
        ("plain.example.com", 22, &keys.rsa, "known"),
        ("plain.example.com", 22, &keys.other, "changed"),
        ("192.0.2.10", 22, &keys.ed25519, "known"),
        ("192.0.2.10", 22, &keys.rsa, "changed"),
        ("192.0.2.1", 22, &keys.ed25519, "unknown"),
        // Nothing is known about that port, so the host as such counts; but only in its favour.
        ("plain.example.com", 2222, &keys.ed25519, "known"),
        ("plain.example.com", 2222, &keys.other, "unknown"),
        ("port.example.com", 2222, &keys.ed25519, "known"),
        ("port.example.com", 2222, &keys.rsa, "changed"),
        ("port.example.com", 22, &keys.ed25519, "unknown"),
        ("2001:DB8::7", 2222, &keys.ed25519, "known"),
        ("a.wild.example.com", 22, &keys.ed25519, "known"),
        ("not.wild.example.com", 22, &keys.ed25519, "unknown"),
        ("node1.example.com", 22, &keys.other, "known"),
        ("node12.example.com", 22, &keys.other, "unknown"),
        // Revoked for all, whatever the port.
        ("plain.example.com", 22, &keys.revoked, "revoked"),
        ("anything", 830, &keys.revoked, "revoked"),
        // An authority's key is not a host's.
        ("a.example.org", 22, &keys.other, "unknown"),
    ] {
        assert_eq!(check(&hosts, host, port, key), verdict, "{host} {port} {}", key.key_type());
    }
    assert_eq!(hosts.key_types_for("plain.example.com", 22), ["ssh-ed25519", "ssh-rsa"]);
    assert_eq!(hosts.key_types_for("plain.example.com", 2222), ["ssh-ed25519", "ssh-rsa"]);
    assert_eq!(hosts.key_types_for("192.0.2.10", 22), ["ssh-ed25519"]);
    assert!(hosts.key_types_for("a.example.org", 22).is_empty());
}

#[test]
fn names_that_ssh_keygen_hashed() {
    let (hosts, keys) = (vector("files/known_hosts_hashed"), keys());
    assert_eq!(check(&hosts, "hashed.example.com", 22, &keys.ed25519), "known");
    assert_eq!(check(&hosts, "Hashed.example.com", 2222, &keys.rsa), "known");
    assert_eq!(check(&hosts, "hashed.example.com", 2222, &keys.ed25519), "changed");
    assert_eq!(check(&hosts, "2001:db8::8", 22, &keys.other), "known");
    assert_eq!(check(&hosts, "other.example.com", 22, &keys.ed25519), "unknown");
    assert_eq!(hosts.key_types_for("hashed.example.com", 2222), ["ssh-rsa"]);
}

#[test]
fn what_ssh_keyscan_prints() {
    let hosts = vector("files/known_hosts_keyscan");
    for host in ["127.0.0.1", "localhost"] {
        assert_eq!(hosts.key_types_for(host, 22922), ["ecdsa-sha2-nistp256", "ssh-ed25519", "ssh-rsa"]);
        assert!(hosts.key_types_for(host, 22).is_empty());
    }
}

#[test]
fn a_changed_key_comes_with_the_lines_that_know_others() {
    let keys = keys();
    let Verdict::Changed(known) = vector("files/known_hosts").check("plain.example.com", 22, &keys.other) else {
        panic!("not changed");
    };
    assert_eq!(known.iter().map(|known| &known.key).collect::<Vec<_>>(), [&keys.ed25519, &keys.rsa]);
    assert_eq!(known.iter().map(|known| known.place.line).collect::<Vec<_>>(), [3, 4]);
    assert!(known[0].place.to_string().ends_with("files/known_hosts:3"));
}

#[test]
fn a_revoked_key_is_refused_although_another_line_has_it() {
    let key = keys().ed25519;
    let line = key.to_openssh_line("");
    let hosts = parse(&format!("host {line}\n[host]:2222 {line}\n@revoked host {line}\n"));
    assert_eq!(check(&hosts, "host", 22, &key), "revoked");
    assert_eq!(check(&hosts, "host", 2222, &key), "revoked");
}

#[test]
fn a_line_that_cannot_be_used_is_reported() {
    let key = keys().ed25519.to_openssh_line("");
    let text = format!(
        "\n# fine\nhost\nhost ssh-ed25519\r\n@trusted host {key}\n|1|AAAA|AAAA {key}\n\thost2   {key}\r\n\u{e4}"
    );
    let mut text = text.into_bytes();
    text.truncate(text.len() - 1);
    let mut hosts = KnownHosts::default();
    hosts.add("dir/hosts".as_ref(), &text);
    let warnings = hosts.warnings();
    assert_eq!(warnings.iter().map(|warning| warning.place.line).collect::<Vec<_>>(), [3, 4, 5, 6, 8]);
    assert!(matches!(warnings[0].problem, LineProblem::Key(_)));
    assert!(matches!(warnings[1].problem, LineProblem::Key(_)));
    assert_eq!(warnings[2].problem, LineProblem::Marker("@trusted".into()));
    assert_eq!(warnings[3].problem, LineProblem::HashedName);
    assert_eq!(warnings[4].to_string(), "dir/hosts:8: the line is ignored: it is not UTF-8 text");
    assert_eq!(check(&hosts, "host2", 22, &keys().ed25519), "known");
}

#[test]
fn a_missing_file_is_an_empty_one_and_an_unreadable_one_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let hosts = KnownHosts::load([directory.path().join("missing")]).unwrap();
    assert_eq!(check(&hosts, "host", 22, &keys().rsa), "unknown");
    assert!(KnownHosts::load([directory.path()]).unwrap_err().to_string().contains("directory"));
}

#[test]
fn appending_makes_file_and_directory_for_their_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new").join(".ssh").join("known_hosts");
    let keys = keys();
    append(&path, "Host.example.com", 22, &keys.ed25519, HashNames::No).unwrap();
    append(&path, "host.example.com", 830, &keys.rsa, HashNames::No).unwrap();
    append(&path, "secret.example.com", 830, &keys.other, HashNames::Yes).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("host.example.com ssh-ed25519 ") && text.contains("\n[host.example.com]:830 ssh-rsa "));
    assert!(text.contains("\n|1|") && !text.contains("secret"));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let hosts = KnownHosts::load([path]).unwrap();
    assert_eq!(hosts.warnings(), []);
    assert_eq!(check(&hosts, "host.example.com", 22, &keys.ed25519), "known");
    assert_eq!(check(&hosts, "host.example.com", 830, &keys.rsa), "known");
    assert_eq!(check(&hosts, "secret.example.com", 830, &keys.other), "known");
}

#[test]
fn appending_keeps_what_is_there_and_mends_a_missing_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("known_hosts");
    let (key, before) = (keys().ed25519, "# mine\nnot a good line");
    fs::write(&path, before).unwrap();
    append(&path, "host", 22, &key, HashNames::No).unwrap();
    let line = key.to_openssh_line("");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}\nhost {line}\n"));
}

#[test]
fn what_is_no_name_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("known_hosts");
    for host in ["", "*", "a b", "a,b", "a\nb", "!a", "@revoked", "#a", "|1|", "[a]", "a?"] {
        assert!(append(&path, host, 22, &keys().ed25519, HashNames::No).is_err(), "{host:?}");
    }
    assert!(!path.exists());
}

#[test]
fn no_content_panics() {
    for name in ["known_hosts", "known_hosts_hashed"] {
        let content = vectors::bytes(&format!("files/{name}"));
        for position in 0..content.len() {
            let mut changed = content.clone();
            for byte in [b' ', b'|', b'\n', b'@', 0xff] {
                changed[position] = byte;
                KnownHosts::default().add("hosts".as_ref(), &changed);
            }
            KnownHosts::default().add("hosts".as_ref(), &content[..position]);
        }
    }
}

mod certificates {
    use std::time::{Duration, SystemTime};

    use ssh_proto::Algorithms;
    use ssh_proto::crypto::Tier;
    use ssh_proto::crypto::rustcrypto::PROVIDER;
    use ssh_proto::keys::Certificate;

    use super::*;

    fn key(path: &str) -> PublicKey {
        PublicKey::from_openssh_line(&vectors::text(path)).unwrap().0
    }

    fn certificate(name: &str) -> Certificate {
        Certificate::from_public(&key(&format!("certificates/{name}-cert.pub"))).unwrap().unwrap()
    }

    /// In the year for which the certificates are.
    const THEN: Duration = Duration::from_secs(1_780_000_000);

    fn verdict_at(now: Duration, lines: &str, host: &str, port: u16, name: &str) -> &'static str {
        let hosts = parse(lines);
        assert_eq!(hosts.warnings(), []);
        let algorithms = Algorithms::up_to(Tier::Default, &PROVIDER).authorities;
        match hosts.check_certificate(host, port, &certificate(name), &algorithms, SystemTime::UNIX_EPOCH + now) {
            Verdict::Known(known) if known.marker == Some(Marker::CertAuthority) => "certified",
            Verdict::Known(_) => "known",
            Verdict::Unknown => "unknown",
            Verdict::Changed(_) => "changed",
            Verdict::Revoked(_) => "revoked",
        }
    }

    fn verdict(lines: &str, host: &str, port: u16, name: &str) -> &'static str {
        verdict_at(THEN, lines, host, port, name)
    }

    #[test]
    fn an_authority_certifies_the_hosts_of_its_line_under_their_names() {
        let ca = vectors::text("certificates/ca-ed25519.pub");
        let line = format!("@cert-authority *.example.com,192.0.2.* {ca}");
        for (host, port, name, expected) in [
            ("host.example.com", 22, "host-ed25519", "certified"),
            ("HOST.example.com", 22, "host-ed25519", "certified"),
            ("192.0.2.7", 22, "host-ed25519", "certified"),
            // The port is no part of a principal, and a line without it counts for all.
            ("host.example.com", 2222, "host-ed25519", "certified"),
            // The line is about other hosts; the certificate is for another; it is a user's; by another authority.
            ("host.example.org", 22, "host-ed25519", "unknown"),
            ("other.example.com", 22, "host-ed25519", "unknown"),
            ("alice.example.com", 22, "user-ed25519", "unknown"),
            ("a.example.com", 22, "host-wildcard", "unknown"),
            ("a.example.com", 22, "host-anywhere", "unknown"),
        ] {
            assert_eq!(verdict(&line, host, port, name), expected, "{host}:{port} {name}");
            assert_eq!(parse(&line).has_authority_for(host, port), host != "host.example.org");
        }
        let rsa = format!("@cert-authority * {}", vectors::text("certificates/ca-rsa.pub"));
        assert_eq!(verdict(&rsa, "a.example.com", 22, "host-wildcard"), "certified");
        let port = format!("@cert-authority [*.example.com]:2222 {ca}");
        assert_eq!(verdict(&port, "host.example.com", 2222, "host-ed25519"), "certified");
        assert_eq!(verdict(&port, "host.example.com", 22, "host-ed25519"), "unknown");
    }

    /// As OpenSSH: "No matching CA found. Retry with plain key".
    #[test]
    fn a_certificate_that_is_not_believed_is_worth_what_its_key_is() {
        let ca = format!("@cert-authority *.example.com {}", vectors::text("certificates/ca-ed25519.pub"));
        let (key, other) = (vectors::text("keys/ed25519.pub"), vectors::text("keys/rsa2048.pub"));
        let late = Duration::from_secs(1_800_000_000);
        let host = "host.example.com";
        assert_eq!(verdict_at(late, &ca, host, 22, "host-ed25519"), "unknown");
        assert_eq!(verdict_at(late, &format!("{ca}\n{host} {key}"), host, 22, "host-ed25519"), "known");
        assert_eq!(verdict_at(late, &format!("{ca}\n{host} {other}"), host, 22, "host-ed25519"), "changed");
        // One that is believed does not need its key to be known.
        assert_eq!(verdict(&format!("{ca}\n{host} {other}"), host, 22, "host-ed25519"), "certified");
    }

    #[test]
    fn a_revoked_authority_or_key_certifies_nothing() {
        let ca = vectors::text("certificates/ca-ed25519.pub");
        let key = vectors::text("keys/ed25519.pub");
        for revoked in [&ca, &key] {
            let lines = format!("@revoked * {revoked}\n@cert-authority * {ca}\n* {key}");
            assert_eq!(verdict(&lines, "host.example.com", 22, "host-ed25519"), "revoked");
        }
    }

    /// The authority's key on a line without a marker is a host's key, and a host's key is no authority.
    #[test]
    fn an_authority_is_one_by_its_marker_alone() {
        let ca = vectors::text("certificates/ca-ed25519.pub");
        assert_eq!(verdict(&format!("* {ca}"), "host.example.com", 22, "host-ed25519"), "changed");
        assert!(!parse(&format!("* {ca}")).has_authority_for("host.example.com", 22));
        let hosts = parse(&format!("@cert-authority * {ca}"));
        assert_eq!(check(&hosts, "host.example.com", 22, &key("certificates/ca-ed25519.pub")), "unknown");
    }
}

#[test]
fn further_keys_are_learnt_where_a_line_of_the_hosts_own_says_who_it_is() {
    let [key, other] = ["ed25519", "rsa3072"].map(|name| vectors::text(&format!("keys/{name}.pub")));
    let [known, new] = [&key, &other].map(|line| PublicKey::from_openssh_line(line).unwrap().0);
    let key = key.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let hashed = name::HashedName::new([7; name::LENGTH], "[host]:22022").to_string();
    for (names, expected) in [
        ("[host]:22022", Learnable::Yes(HashNames::No)),
        ("[host]:22022,[192.0.2.1]:22022", Learnable::Yes(HashNames::No)),
        (hashed.as_str(), Learnable::Yes(HashNames::Yes)),
        // Who is known without the port would become a host that has changed.
        ("host", Learnable::No),
        ("[host]:*", Learnable::No),
        ("*,!elsewhere", Learnable::No),
        ("elsewhere", Learnable::No),
    ] {
        let mut hosts = KnownHosts::default();
        hosts.add("f".as_ref(), format!("{names} {key}\n").as_bytes());
        assert_eq!(hosts.learnable("host", 22022, &known), expected, "{names}");
        assert_eq!(hosts.learnable("host", 22022, &new), Learnable::No, "{names}: not the key that it is known by");
        let own = names.starts_with("[host]:22022");
        hosts.add("f".as_ref(), format!("@cert-authority *.example,[host]:22022 {key}\n").as_bytes());
        assert!(!own || hosts.learnable("host", 22022, &known) == Learnable::No, "an authority speaks for it");
    }
    let mut hosts = KnownHosts::default();
    hosts.add("f".as_ref(), format!("[host]:22022 {key}\n").as_bytes());
    assert!(hosts.may_learn("host", 22022, &new) && !hosts.may_learn("host", 22022, &known));
    hosts
        .add("f".as_ref(), format!("@revoked * {}", other.split(' ').take(2).collect::<Vec<_>>().join(" ")).as_bytes());
    assert!(!hosts.may_learn("host", 22022, &new), "revoked");
}
