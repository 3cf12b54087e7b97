use alloc::format;

use super::*;
use crate::wire::Put;

fn list(name: &str) -> RevocationList {
    RevocationList::from_bytes(&vectors::bytes(&format!("certificates/{name}"))).unwrap()
}

fn key(path: &str) -> PublicKey {
    PublicKey::from_openssh_line(&vectors::text(path)).unwrap().0
}

fn certificate(name: &str) -> Certificate {
    Certificate::from_public(&key(&format!("certificates/{name}-cert.pub"))).unwrap().unwrap()
}

/// A list with these sections.
fn with(sections: &[u8]) -> Result<RevocationList, InvalidMessage> {
    let mut bytes = Vec::new();
    bytes.put_bytes(RevocationList::MAGIC);
    bytes.put_u32(1);
    (0..3).for_each(|_| bytes.put_u64(5));
    bytes.put_string(b"");
    bytes.put_string(b"comment");
    bytes.put_bytes(sections);
    RevocationList::from_bytes(&bytes)
}

/// A list about the certificates of all authorities.
fn about_certificates(section: u8, content: &[u8]) -> Result<RevocationList, InvalidMessage> {
    let mut sections = Vec::new();
    sections.put_u8(1);
    sections.put_nested(|nested| {
        nested.put_string(b"");
        nested.put_string(b"");
        nested.put_u8(section);
        nested.put_string(content);
    });
    with(&sections)
}

/// What ssh-keygen revoked, and nothing else: the numbers are in `generate.sh`.
#[test]
fn certificates_are_revoked_by_serial_key_id_and_their_authority() {
    // Serials 1, 2 (of another authority), 3 (of a third one), 4, 9, and none.
    let names = ["user-ed25519", "user-rsa", "user-ecdsa", "user-ecdsa384", "user-restricted", "user-unnumbered"];
    let (serial, id, authority) = (Some(Revoked::Serial), Some(Revoked::KeyId), Some(Revoked::Authority));
    for (name, expected) in [
        ("krl-list", [serial, None, None, None, serial, None]),
        ("krl-range", [None, None, None, serial, serial, None]),
        ("krl-bitmap", [serial, None, None, None, serial, None]),
        ("krl-any-authority", [serial, None, None, None, None, None]),
        ("krl-key-id", [id, None, None, None, None, None]),
        ("krl-certificate", [serial, None, None, None, None, id]),
        ("krl-authority", [authority, None, None, authority, authority, authority]),
        ("krl-empty", [None; 6]),
    ] {
        let list = list(name);
        assert_eq!(names.map(|of| list.find_certificate(&certificate(of))), expected, "{name}");
        assert_eq!(list.version(), 7);
    }
}

#[test]
fn keys_are_revoked_whole_by_sha1_and_by_sha256_and_their_certificates_with_them() {
    for name in ["krl-key", "krl-sha1", "krl-sha256"] {
        let list = list(name);
        assert_eq!(list.find(&key("keys/ed25519.pub")), Some(Revoked::Key), "{name}");
        assert_eq!(list.find(&key("keys/ecdsa.pub")), None, "{name}");
        assert_eq!(list.find_certificate(&certificate("user-ed25519")), Some(Revoked::Key), "{name}");
        assert_eq!(list.find_certificate(&certificate("user-ecdsa")), None, "{name}");
    }
    assert_eq!(list("krl-key").find(&key("keys/rsa2048.pub")), Some(Revoked::Key));
    assert_eq!(list("krl-authority").find(&key("certificates/ca-ed25519.pub")), Some(Revoked::Key));
}

#[test]
fn a_bitmap_and_a_range_end_where_they_end() {
    let mut bitmap = Vec::new();
    bitmap.put_u64(u64::MAX - 9);
    bitmap.put_mpint(&[0b10, 0b0000_0001]);
    let list = about_certificates(SERIAL_BITMAP, &bitmap).unwrap();
    let revoked = |list: &RevocationList, serial: u64| {
        let certificates = &list.certificates[&Vec::new()];
        certificates
            .bitmaps
            .iter()
            .any(|(offset, bits)| serial.checked_sub(*offset).is_some_and(|bit| is_set(bits, bit)))
            || certificates.ranges.iter().any(|&(first, last)| (first..=last).contains(&serial))
    };
    let listed: Vec<u64> = (0..=10).map(|back| u64::MAX - back).filter(|serial| revoked(&list, *serial)).collect();
    assert_eq!(listed, [u64::MAX, u64::MAX - 9]);
    assert!(!revoked(&list, 0) && !revoked(&list, 1));

    let mut range = Vec::new();
    range.put_u64(5);
    range.put_u64(u64::MAX);
    let list = about_certificates(SERIAL_RANGE, &range).unwrap();
    assert!(!revoked(&list, 4) && revoked(&list, 5) && revoked(&list, u64::MAX));
}

#[test]
fn serials_that_no_certificate_can_have_are_errors() {
    let serials = |serials: &[u64]| serials.iter().flat_map(|serial| serial.to_be_bytes()).collect::<Vec<u8>>();
    let mut zero = serials(&[0]);
    zero.put_mpint(&[1]);
    let mut beyond = serials(&[u64::MAX]);
    beyond.put_mpint(&[2]);
    for (section, content) in [
        (SERIAL_LIST, serials(&[7, 0])),
        (SERIAL_RANGE, serials(&[0, 7])),
        (SERIAL_RANGE, serials(&[8, 7])),
        (SERIAL_BITMAP, zero),
        (SERIAL_BITMAP, beyond),
    ] {
        let error = about_certificates(section, &content).unwrap_err();
        assert_eq!(error, InvalidMessage::new("revoked serials", Problem::BadValue), "{section:x}");
    }
    assert!(about_certificates(SERIAL_LIST, &serials(&[1, 2])).is_ok());
}

#[test]
fn what_is_not_understood_makes_the_list_unreadable() {
    let extension = |critical: u8| {
        let mut content = Vec::new();
        content.put_string(b"name@example.com");
        content.put_u8(critical);
        content.put_string(b"content");
        content
    };
    let section = |number: u8, content: &[u8]| {
        let mut section = [number].to_vec();
        section.put_string(content);
        section
    };
    assert!(with(&section(EXTENSION, &extension(0))).is_ok());
    assert!(with(&section(EXTENSION, &extension(1))).is_err());
    assert!(about_certificates(CERTIFICATE_EXTENSION, &extension(0)).is_ok());
    assert!(about_certificates(CERTIFICATE_EXTENSION, &extension(1)).is_err());
    for number in [0, 6, 7, 200, 254] {
        assert!(with(&section(number, b"")).is_err(), "section {number}");
        assert!(about_certificates(number, b"").is_err(), "certificate section {number}");
    }
    for (number, length) in [(FINGERPRINT_SHA1, 19), (FINGERPRINT_SHA256, 33)] {
        let mut content = Vec::new();
        content.put_string(&[7].repeat(length));
        assert_eq!(with(&section(number, &content)).unwrap_err().problem, Problem::BadLength);
    }
}

#[test]
fn signatures_stand_at_the_end_and_say_nothing() {
    let mut signature = [SIGNATURE].to_vec();
    signature.put_string(b"key");
    signature.put_string(b"signature");
    let list = with(&signature.repeat(2)).unwrap();
    assert_eq!((list.version(), list.comment()), (5, "comment"));
    let mut keys = [EXPLICIT_KEY].to_vec();
    keys.put_nested(|nested| nested.put_string(key("keys/ed25519.pub").blob()));
    let revoking = with(&[&keys[..], &signature].concat()).unwrap();
    assert_eq!(revoking.find(&key("keys/ed25519.pub")), Some(Revoked::Key));
    assert!(with(&[&signature[..], &keys].concat()).is_err());
}

#[test]
fn every_truncation_and_other_versions_are_errors() {
    for name in ["krl-bitmap", "krl-certificate", "krl-key", "krl-sha1", "krl-sha256", "krl-range"] {
        let mut bytes = vectors::bytes(&format!("certificates/{name}"));
        // A list that ends behind a section is a list; these files have one section each.
        let header = 44;
        for end in (0..bytes.len()).filter(|end| *end != header) {
            assert!(RevocationList::from_bytes(&bytes[..end]).is_err(), "{name} cut at {end}");
        }
        assert!(RevocationList::from_bytes(&bytes[..header]).is_ok());
        bytes[11] = 2;
        assert!(RevocationList::from_bytes(&bytes).is_err());
        bytes[0] = b's';
        let error = RevocationList::from_bytes(&bytes).unwrap_err();
        assert_eq!(error.field, "magic of the revocation list");
    }
}
