use alloc::vec;
use alloc::{format, string::ToString};

use super::*;
use crate::algorithms::Algorithms;
use crate::crypto::Tier;
use crate::crypto::rustcrypto::PROVIDER;
use crate::keys::Presence;

fn key(path: &str) -> PublicKey {
    PublicKey::from_openssh_line(&vectors::text(path)).unwrap().0
}

fn certificate(name: &str) -> Certificate {
    Certificate::from_public(&key(&format!("certificates/{name}-cert.pub"))).unwrap().unwrap()
}

/// In the middle of 2026, in which all certificates of the vectors are valid.
const NOW: Duration = Duration::from_secs(1_780_000_000);
const ALICE: Holder<'_> = Holder::User { principals: &["alice"], source: None };

/// Verifies with everything of `tier` allowed, by the authority that the certificate names.
fn verify_up_to(tier: Tier, certificate: &Certificate, holder: Holder<'_>) -> Result<Grant, CertificateError> {
    let algorithms = Algorithms::up_to(tier, &PROVIDER).authorities;
    certificate.verify(&CertificateUse {
        authority: certificate.authority(),
        algorithms: &algorithms,
        holder,
        now: NOW,
    })
}

fn verify(certificate: &Certificate, holder: Holder<'_>) -> Result<Grant, CertificateError> {
    verify_up_to(Tier::Compatible, certificate, holder)
}

/// A certificate that says something else than what its authority signed.
fn with_byte(certificate: &Certificate, position: usize) -> Option<Certificate> {
    let mut blob = certificate.public().blob().to_vec();
    blob[position] ^= 1;
    Certificate::from_public(&PublicKey::from_blob(&blob).ok()?).ok()?
}

#[test]
fn what_ssh_keygen_writes_is_read_field_by_field() {
    let certificate = certificate("user-ed25519");
    assert_eq!(certificate.key(), &key("keys/ed25519.pub"));
    assert_eq!(certificate.authority(), &key("certificates/ca-ed25519.pub"));
    assert_eq!((certificate.kind(), certificate.serial()), (CertificateKind::User, 1));
    assert_eq!((certificate.key_id(), certificate.principals()), ("user ed25519", &["alice".into(), "bob".into()][..]));
    // What `date -u -d 2026-01-01 +%s` says, and 2027.
    let seconds = (certificate.valid_after().as_secs(), certificate.valid_before().as_secs());
    assert_eq!(seconds, (1_767_225_600, 1_798_761_600));
    assert_eq!(certificate.critical_options(), []);
    let extensions: Vec<&str> = certificate.extensions().iter().map(|option| option.name.as_str()).collect();
    assert_eq!(
        extensions,
        ["permit-X11-forwarding", "permit-agent-forwarding", "permit-port-forwarding", "permit-pty", "permit-user-rc"]
    );
    assert!(certificate.public().is_certificate() && !certificate.key().is_certificate());
    assert_eq!(Certificate::from_public(certificate.key()), Ok(None));
}

#[test]
fn every_type_of_certificate_and_authority_verifies() {
    let names: &[(&str, &str)] = &[
        ("user-ed25519", "keys/ed25519.pub"),
        ("user-sk-ed25519", "certificates/sk-ed25519.pub"),
        ("user-sk-ecdsa", "certificates/sk-ecdsa.pub"),
        ("user-ecdsa", "keys/ecdsa.pub"),
        ("user-ecdsa384", "keys/ecdsa384.pub"),
        #[cfg(feature = "rsa")]
        ("user-rsa", "keys/rsa2048.pub"),
        #[cfg(feature = "rsa")]
        ("user-ecdsa521", "keys/ecdsa521.pub"),
    ];
    for (name, path) in names {
        let certificate = certificate(name);
        assert_eq!(certificate.key(), &key(path), "{name}");
        assert!(verify(&certificate, ALICE).is_ok(), "{name}");
    }
}

/// Whatever byte the authority signed is changed: the certificate is damaged, or its signature is wrong.
#[test]
fn a_changed_certificate_is_refused() {
    let certificate = certificate("user-restricted");
    let source = "192.0.2.1".parse().ok();
    let holder = Holder::User { principals: &["alice"], source };
    assert!(verify(&certificate, holder).is_ok());
    let mut damaged = 0;
    for position in 0..certificate.public().blob().len() {
        match with_byte(&certificate, position) {
            None => damaged += 1,
            Some(changed) => {
                let algorithms = Algorithms::up_to(Tier::Compatible, &PROVIDER).authorities;
                let authority = certificate.authority();
                let wanted = CertificateUse { authority, algorithms: &algorithms, holder, now: NOW };
                assert!(changed.verify(&wanted).is_err(), "byte {position}");
            }
        }
    }
    assert!(damaged > 0 && damaged < certificate.public().blob().len() / 2);
}

#[test]
fn every_truncation_and_every_extension_is_an_error() {
    for name in ["user-ed25519", "user-rsa", "user-ecdsa", "user-sk-ecdsa", "host-wildcard"] {
        let certificate = certificate(name);
        let mut blob = certificate.public().blob().to_vec();
        let read = |blob: &[u8]| match PublicKey::from_blob(blob) {
            Ok(key) if key.key_type() == certificate.public().key_type() => Certificate::from_public(&key).is_ok(),
            _ => false,
        };
        for end in 0..blob.len() {
            assert!(!read(&blob[..end]), "{name} cut at {end}");
        }
        blob.push(0);
        assert!(!read(&blob));
    }
}

#[test]
fn another_authority_is_refused() {
    let certificate = certificate("user-ed25519");
    let algorithms = Algorithms::up_to(Tier::Compatible, &PROVIDER).authorities;
    let other = key("certificates/ca-ecdsa.pub");
    let wanted = CertificateUse { authority: &other, algorithms: &algorithms, holder: ALICE, now: NOW };
    assert_eq!(certificate.verify(&wanted), Err(CertificateError::Authority));
}

/// A server takes a host's certificate for no user's, and a client the other way round.
#[test]
fn the_kind_counts() {
    let host = Holder::Host("alice");
    assert_eq!(verify(&certificate("user-ed25519"), host), Err(CertificateError::Kind(CertificateKind::User)));
    let user = Holder::User { principals: &["host.example.com"], source: None };
    assert_eq!(verify(&certificate("host-ed25519"), user), Err(CertificateError::Kind(CertificateKind::Host)));
}

#[test]
fn it_is_valid_from_its_first_second_until_before_its_last() {
    let certificate = certificate("user-ed25519");
    let algorithms = Algorithms::up_to(Tier::Default, &PROVIDER).authorities;
    let at = |seconds| {
        let (authority, now) = (certificate.authority(), Duration::from_secs(seconds));
        certificate.verify(&CertificateUse { authority, algorithms: &algorithms, holder: ALICE, now }).err()
    };
    assert_eq!(at(1_767_225_599), Some(CertificateError::NotYetValid));
    assert_eq!((at(1_767_225_600), at(1_798_761_599)), (None, None));
    assert_eq!(at(1_798_761_600), Some(CertificateError::Expired));
}

/// OpenSSH before 10.3 cut principals at commas, and let certificates without principals in everywhere.
#[test]
fn principals_are_compared_whole_and_none_is_nobody() {
    let user = |certificate: &Certificate, principals: &[&str]| {
        verify(certificate, Holder::User { principals, source: None }).err()
    };
    let two = certificate("user-ed25519");
    for (principals, expected) in [
        (&["bob"][..], None),
        (&["root", "bob"], None),
        (&["root"], Some(CertificateError::Principal)),
        (&["alice,bob"], Some(CertificateError::Principal)),
        (&["Alice"], Some(CertificateError::Principal)),
        (&["a*"], Some(CertificateError::Principal)),
        (&[""], Some(CertificateError::Principal)),
        (&[], Some(CertificateError::Principal)),
    ] {
        assert_eq!(user(&two, principals), expected, "{principals:?}");
    }
    let nobody = certificate("user-nobody");
    assert_eq!(nobody.principals(), &[] as &[String]);
    assert_eq!(user(&nobody, &["alice"]), Some(CertificateError::Principal));
    assert_eq!(user(&nobody, &[""]), Some(CertificateError::Principal));
    assert_eq!(verify(&certificate("host-anywhere"), Holder::Host("host")), Err(CertificateError::Principal));
}

#[cfg(feature = "rsa")]
#[test]
fn principals_of_hosts_may_be_patterns() {
    let certificate = certificate("host-wildcard");
    for (host, expected) in [
        ("a.example.com", true),
        ("A.Example.COM", true),
        ("a.b.example.com", true),
        ("example.com", false),
        ("node1", true),
        ("node12", false),
        ("*.example.com", true),
    ] {
        assert_eq!(verify(&certificate, Holder::Host(host)).is_ok(), expected, "{host}");
    }
}

#[test]
fn a_grant_is_what_the_certificate_names() {
    let source = "2001:db8::7".parse().ok();
    let holder = Holder::User { principals: &["alice"], source };
    let grant = verify(&certificate("user-restricted"), holder).unwrap();
    assert_eq!(grant.force_command.as_deref(), Some("/bin/echo \"only this\""));
    let sources: Vec<_> = grant.sources().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(sources, ["192.0.2.0/24", "2001:db8::/32"]);
    assert!(grant.permits(Extension::Pty) && !grant.permits(Extension::PortForwarding) && !grant.verify_required);

    let grant = verify(&certificate("user-ed25519"), ALICE).unwrap();
    let all = [Extension::X11Forwarding, Extension::AgentForwarding, Extension::PortForwarding, Extension::UserRc];
    assert!(all.iter().all(|extension| grant.permits(*extension)) && !grant.permits(Extension::NoTouchRequired));
    assert_eq!((grant.force_command.as_ref(), grant.sources()), (None, None));
    assert!(verify(&certificate("user-sk-ed25519"), ALICE).unwrap().permits(Extension::NoTouchRequired));
    assert!(verify(&certificate("user-sk-ecdsa"), ALICE).unwrap().verify_required);
}

#[test]
fn a_security_key_is_touched_and_unlocked_as_its_certificate_says() {
    let (touched, unlocked, nobody) = (Presence::new(1, 7), Presence::new(5, 7), Presence::new(0, 7));
    for (name, expected) in [
        ("user-ed25519", [true, true, false]),
        // no-touch-required, and verify-required.
        ("user-sk-ed25519", [true, true, true]),
        ("user-sk-ecdsa", [false, true, false]),
    ] {
        let grant = verify(&certificate(name), ALICE).unwrap();
        assert_eq!([touched, unlocked, nobody].map(|said| grant.admits_presence(Some(said))), expected, "{name}");
        assert!(grant.admits_presence(None));
    }
}

#[test]
fn it_counts_from_the_addresses_it_names() {
    let certificate = certificate("user-restricted");
    for (source, expected) in [
        (Some("192.0.2.255"), true),
        (Some("::ffff:192.0.2.1"), true),
        (Some("2001:db8:ffff::1"), true),
        (Some("192.0.3.1"), false),
        (Some("2001:db9::1"), false),
        // A Unix socket is no address.
        (None, false),
    ] {
        let holder = Holder::User { principals: &["alice"], source: source.map(|source| source.parse().unwrap()) };
        let verified = verify(&certificate, holder);
        assert_eq!(verified.err(), (!expected).then_some(CertificateError::Source), "{source:?}");
    }
}

#[test]
fn a_critical_option_that_is_not_known_is_a_refusal() {
    let unknown = CertificateError::CriticalOption("unknown@example.com".into());
    assert_eq!(verify(&certificate("user-critical"), ALICE), Err(unknown));
}

#[cfg(feature = "rsa")]
#[test]
fn an_authority_signs_by_sha1_only_where_that_is_allowed() {
    let sha1 = certificate("user-sha1");
    assert_eq!(verify(&sha1, ALICE), Err(CertificateError::Algorithm("ssh-rsa".into())));
    assert!(verify_up_to(Tier::Legacy, &sha1, ALICE).is_ok());
    assert!(verify_up_to(Tier::Default, &certificate("user-rsa"), ALICE).is_ok());
}

/// A certificate of an Ed25519 key by nobody, with what `put` writes behind the key id.
fn made(put: impl FnOnce(&mut Vec<u8>)) -> Result<Option<Certificate>, InvalidMessage> {
    let mut blob = Vec::new();
    blob.put_string(b"ssh-ed25519-cert-v01@openssh.com");
    blob.put_string(&[1; 32]);
    blob.put_string(&[7; 32]);
    blob.put_u64(1);
    blob.put_u32(1);
    blob.put_string(b"id");
    put(&mut blob);
    Certificate::from_public(&PublicKey::from_blob(&blob).unwrap())
}

fn put_rest(blob: &mut Vec<u8>, authority: &PublicKey) {
    blob.put_string(b"");
    blob.put_string(authority.blob());
    blob.put_nested(|nested| Signature::new("ssh-ed25519", vec![0; 64]).to_wire(nested));
}

fn made_with(principals: &[&[u8]], critical: &[&[u8]], extensions: &[&[u8]]) -> Result<Certificate, InvalidMessage> {
    made(|blob| {
        let packed = |blob: &mut Vec<u8>, strings: &[&[u8]]| {
            blob.put_nested(|nested| strings.iter().for_each(|string| nested.put_string(string)));
        };
        packed(blob, principals);
        blob.put_u64(0);
        blob.put_u64(u64::MAX);
        packed(blob, critical);
        packed(blob, extensions);
        put_rest(blob, &key("keys/ed25519.pub"));
    })
    .map(Option::unwrap)
}

#[test]
fn a_certificate_of_an_authority_that_is_a_certificate_is_refused() {
    let read = |authority: &PublicKey| {
        made(|blob| {
            blob.put_string(b"");
            blob.put_u64(0);
            blob.put_u64(u64::MAX);
            blob.put_string(b"");
            blob.put_string(b"");
            put_rest(blob, authority);
        })
    };
    let chained = read(certificate("user-ed25519").public()).unwrap_err();
    assert_eq!(chained, InvalidMessage::new("signature key", Problem::BadValue));
    assert!(read(&key("keys/ed25519.pub")).is_ok());
}

#[test]
fn options_stand_in_order_once_and_bounded() {
    let options = |names: &[&[u8]]| {
        let pairs: Vec<&[u8]> = names.iter().flat_map(|name| [*name, b""]).collect();
        let (critical, extensions) = (made_with(&[], &pairs, &[]), made_with(&[], &[], &pairs));
        assert_eq!(critical.is_ok(), extensions.is_ok());
        extensions.err().map(|error| error.problem)
    };
    assert_eq!(options(&[b"a", b"b", b"c"]), None);
    assert_eq!(options(&[b"b", b"a"]), Some(Problem::NotCanonical));
    assert_eq!(options(&[b"a", b"a"]), Some(Problem::NotCanonical));
    assert_eq!(options(&[b"\xff"]), Some(Problem::NotUtf8));
    let names: Vec<String> = (0..=Certificate::MAX_OPTIONS).map(|number| format!("{number:03}")).collect();
    let names: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    assert_eq!(options(&names), Some(Problem::TooLong));
    assert_eq!(options(&names[1..]), None);
    let many = [&b"name"[..]; Certificate::MAX_PRINCIPALS + 1];
    assert_eq!(made_with(&many, &[], &[]).unwrap_err().problem, Problem::TooLong);
    assert!(made_with(&many[1..], &[], &[]).is_ok());
    assert_eq!(made_with(&[], &[b"half"], &[]).unwrap_err().problem, Problem::Truncated);
}

/// A flag with data, a command with a null character, networks that are none: damaged, so refused.
#[test]
fn options_whose_data_are_damaged_are_a_refusal() {
    let string = |text: &[u8]| {
        let mut data = Vec::new();
        data.put_string(text);
        data
    };
    for (name, data) in [
        (&b"verify-required"[..], string(b"x")),
        (b"force-command", b"bare".to_vec()),
        (b"force-command", [string(b"a"), string(b"b")].concat()),
        (b"force-command", string(b"a\0b")),
        (b"source-address", string(b"")),
        (b"source-address", string(b"192.0.2.1/24")),
        (b"source-address", string(b"192.0.2.0/24,")),
        (b"source-address", string(b"!192.0.2.1")),
        (b"source-address", string(b"host.example.com")),
        (b"source-address", string(b"192.0.2.0/+24")),
    ] {
        let certificate = made_with(&[], &[name, &data], &[]).unwrap();
        assert!(matches!(Grant::of_user(&certificate), Err(CertificateError::Option(_))), "{name:?} {data:?}");
        let host = Grant::of_host(&certificate);
        assert!(matches!(host, Err(CertificateError::CriticalOption(_))));
    }
    let certificate = made_with(&[], &[], &[b"permit-pty", b"x"]).unwrap();
    assert!(matches!(Grant::of_user(&certificate), Err(CertificateError::Option(_))));
    let certificate = made_with(&[], &[], &[b"permit-everything@example.com", b"x"]).unwrap();
    assert_eq!(Grant::of_user(&certificate), Ok(Grant::default()));
}

#[test]
fn a_kind_that_is_not_known_is_an_error() {
    let mut blob = certificate("user-nobody").public().blob().to_vec();
    let at = blob.windows(15).position(|window| window.ends_with(b"user nobody")).unwrap();
    assert_eq!(blob[at - 4..at], [0, 0, 0, 1]);
    for kind in [0, 3, 255] {
        blob[at - 1] = kind;
        let read = Certificate::from_public(&PublicKey::from_blob(&blob).unwrap());
        assert_eq!(read, Err(InvalidMessage::new("certificate type", Problem::BadValue)));
    }
}

#[test]
fn rfc8332_an_rsa_certificate_has_an_algorithm_for_each_of_its_keys() {
    let plain = ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "unknown"];
    let names = Certificate::algorithms(&plain);
    assert_eq!(
        names,
        ["rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com", "ssh-rsa-cert-v01@openssh.com"]
    );
    let back: Vec<&str> = names.iter().map(|name| Certificate::signature_name(name)).collect();
    assert_eq!(back, plain[..3]);
    for row in &Algorithms::up_to(Tier::Legacy, &PROVIDER).user_keys {
        assert_eq!(Certificate::signature_name(row.name), row.signature_name);
        assert_eq!(row.name == row.signature_name, !row.name.contains("-cert-v01"));
    }
}
