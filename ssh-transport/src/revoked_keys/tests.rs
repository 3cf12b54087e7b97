use super::*;

fn key(path: &str) -> PublicKey {
    PublicKey::from_openssh_line(&vectors::text(path)).unwrap().0
}

fn certificate(name: &str) -> Certificate {
    Certificate::from_public(&key(&format!("certificates/{name}-cert.pub"))).unwrap().unwrap()
}

fn text(lines: &str) -> Result<RevokedKeys, FileError> {
    RevokedKeys::parse("revoked".as_ref(), lines.as_bytes())
}

#[test]
fn a_list_by_ssh_keygen_counts() {
    let revoked = RevokedKeys::load(&vectors::path("certificates/krl-list")).unwrap();
    assert_eq!(revoked.find_certificate(&certificate("user-ed25519")), Some(Revoked::Serial));
    assert_eq!(revoked.find_certificate(&certificate("user-rsa")), None);
    assert_eq!(revoked.find(&key("keys/ed25519.pub")), None);
    let revoked = RevokedKeys::load(&vectors::path("certificates/krl-sha256")).unwrap();
    assert_eq!(revoked.find(&key("keys/ed25519.pub")), Some(Revoked::Key));
}

#[test]
fn a_text_of_keys_revokes_them_their_certificates_and_what_they_signed() {
    let lines = |paths: &[&str]| {
        let lines: Vec<String> = paths.iter().map(|path| vectors::text(path)).collect();
        text(&format!("# stolen\n\n{}", lines.concat())).unwrap()
    };
    let user = certificate("user-ed25519");
    for (path, expected) in [
        ("keys/ed25519.pub", Some(Revoked::Key)),
        ("certificates/user-ed25519-cert.pub", Some(Revoked::Key)),
        ("certificates/ca-ed25519.pub", Some(Revoked::Authority)),
        ("certificates/user-restricted-cert.pub", None),
        ("keys/rsa2048.pub", None),
    ] {
        let revoked = lines(&["keys/ecdsa.pub", path]);
        assert_eq!(revoked.find_certificate(&user), expected, "{path}");
        assert_eq!(revoked.find(&key("keys/ecdsa.pub")), Some(Revoked::Key));
    }
    let revoked = lines(&["certificates/user-ed25519-cert.pub"]);
    assert_eq!(revoked.find(user.key()), None, "the key itself may be certified anew");
    assert_eq!(text("").unwrap().find(user.key()), None);
}

#[test]
fn a_file_that_is_missing_or_damaged_says_nothing_about_anybody() {
    let missing = RevokedKeys::load("no/such/file".as_ref()).unwrap_err();
    assert!(matches!(missing.problem, FileProblem::Io(_)), "{missing}");
    let error = text("# fine\nssh-ed25519 AAAA").unwrap_err();
    assert!(error.to_string().starts_with("revoked:2: nobody is trusted"), "{error}");
    assert!(matches!(text("\u{0}\u{1}"), Err(FileError { problem: FileProblem::Line(_), .. })));
    let mut list = vectors::bytes("certificates/krl-list");
    list.pop();
    let error = RevokedKeys::parse("revoked".as_ref(), &list).unwrap_err();
    assert!(error.to_string().contains("nobody is trusted"), "{error}");
}
