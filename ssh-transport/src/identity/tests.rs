use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ssh_proto::crypto::CryptoProvider;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::keys::{KeyFileError, PrivateKey, PublicKey, Signature};
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::files::{FileError, FileProblem};
use crate::rng::os_rng;

/// A directory with these files of the vectors under these names, for their owner alone.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (vector, name) in files {
        let path = directory.path().join(name);
        fs::write(&path, vectors::bytes(&format!("keys/{vector}"))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    directory
}

fn public(name: &str) -> PublicKey {
    PublicKey::from_openssh_line(&vectors::text(&format!("keys/{name}.pub"))).unwrap().0
}

fn nobody(_: &Path) -> Option<Zeroizing<String>> {
    None
}

fn verify(key: &PublicKey, data: &[u8], signature: &Signature) {
    let methods = PROVIDER.signatures();
    let method = methods.iter().find(|method| method.name == signature.algorithm).unwrap();
    method.verifier.verify(key.blob(), data, &signature.blob).unwrap();
}

#[tokio::test]
async fn a_file_signs_what_its_public_half_verifies() {
    let directory = directory(&[("ed25519", "e"), ("rsa2048-pem", "r"), ("ecdsa521-pem", "c")]);
    for (name, vector, algorithms) in [
        ("e", "ed25519", &["ssh-ed25519"][..]),
        ("r", "rsa2048", &["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]),
        ("c", "ecdsa521", &["ecdsa-sha2-nistp521"]),
    ] {
        let path = directory.path().join(name);
        let identity = Identity::from_file(&path, nobody).unwrap();
        assert_eq!((identity.public(), identity.path()), (&public(vector), Some(&*path)));
        assert_eq!(identity.algorithms(), algorithms);
        for algorithm in algorithms {
            verify(identity.public(), b"data", &identity.sign(algorithm, b"data").await.unwrap());
        }
        assert!(matches!(identity.sign("ecdsa-sha2-nistp256", b"").await, Err(IdentityError::Sign(_))));
    }
}

#[test]
fn an_encrypted_file_asks_for_its_passphrase_once() {
    let directory = directory(&[("ed25519-aes256-ctr", "e")]);
    let path = directory.path().join("e");
    let with = |passphrase: &'static str| Identity::from_file(&path, move |_| Some(Zeroizing::new(passphrase.into())));
    let identity = with("correct horse").unwrap();
    assert_eq!((identity.public(), identity.comment()), (&public("ed25519"), "ed25519@vectors"));
    for error in [with("wrong").unwrap_err(), Identity::from_file(&path, nobody).unwrap_err()] {
        assert!(error.needs_passphrase() && error.path() == Some(&path), "{error}");
    }
}

#[test]
fn a_file_that_others_can_read_or_that_is_no_private_key_is_an_error() {
    let directory = directory(&[("ed25519", "e"), ("ed25519.pub", "e.pub")]);
    let path = directory.path().join("e");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = Identity::from_file(&path, nobody).unwrap_err().to_string();
    assert!(error.ends_with(&format!("run `chmod 600 {}`", path.display())), "{error}");
    let error = Identity::from_file(&directory.path().join("e.pub"), nobody).unwrap_err();
    assert!(matches!(error, IdentityError::Key { error: KeyFileError::PublicKey, .. }), "{error}");
    let error = Identity::from_file(&directory.path().join("missing"), nobody).unwrap_err();
    assert!(matches!(&error, IdentityError::File(FileError { problem: FileProblem::Io(_), .. })), "{error}");
}

#[test]
fn the_text_of_an_error_names_the_file() {
    let path = PathBuf::from("/home/me/.ssh/id");
    let error = IdentityError::Key { path, error: KeyFileError::Putty }.to_string();
    assert!(error.contains("puttygen /home/me/.ssh/id -O private-openssh -o NEWFILE"), "{error}");
}

#[test]
fn default_files_are_used_or_reported() {
    let directory = directory(&[
        ("ed25519-aes256-ctr", "id_ed25519"),
        ("rsa3072", "id_rsa"),
        ("ecdsa", "id_ecdsa"),
        ("dsa", "id_ecdsa_sk"),
        ("ed25519", "something_else"),
    ]);
    let mut found = DefaultIdentities::default();
    found.add_files(directory.path());
    let keys: Vec<_> = found.identities.iter().map(Identity::public).collect();
    assert_eq!(keys, [&public("rsa3072"), &public("ecdsa")]);
    let [encrypted, other] = &found.problems[..] else { panic!("{found:?}") };
    assert!(encrypted.needs_passphrase() && encrypted.path() == Some(&directory.path().join("id_ed25519")));
    assert!(matches!(other, IdentityError::Key { error: KeyFileError::Unsupported(_), .. }), "{other}");
    let mut none = DefaultIdentities::default();
    none.add_files(&directory.path().join("missing"));
    assert!(none.identities.is_empty() && none.problems.is_empty());
}

#[test]
fn a_file_whose_key_is_there_already_is_no_problem() {
    let directory = directory(&[
        ("ed25519", "mine"),
        ("ed25519-aes256-ctr", "id_ed25519"),
        ("ed25519.pub", "id_ed25519.pub"),
        ("ed25519", "id_rsa"),
    ]);
    let mine = Identity::from_file(&directory.path().join("mine"), nobody).unwrap();
    let mut found = DefaultIdentities { identities: vec![mine], problems: Vec::new() };
    found.add_files(directory.path());
    assert_eq!((found.identities.len(), found.problems.len()), (1, 0), "{found:?}");
}

#[test]
fn a_pair_is_written_for_its_owner_and_never_over_another() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new").join("id");
    let beside = directory.path().join("new").join("id.pub");
    let key = PrivateKey::generate_ed25519(&mut os_rng().unwrap());
    write_key_pair(&path, &key, "me@here", Some("secret")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(fs::read_to_string(&beside).unwrap(), key.public().to_openssh_line("me@here") + "\n");
    assert!(Identity::from_file(&path, nobody).unwrap_err().needs_passphrase());
    let read = Identity::from_file(&path, |_| Some(Zeroizing::new("secret".into()))).unwrap();
    assert_eq!((read.public(), read.comment()), (key.public(), "me@here"));

    let exists = |result: Result<(), IdentityError>, file: &Path| {
        let error = result.unwrap_err();
        assert!(matches!(&error, IdentityError::File(FileError { problem: FileProblem::Exists, .. })), "{error}");
        assert_eq!(error.path(), Some(file));
    };
    let before = fs::read(&path).unwrap();
    exists(write_key_pair(&path, &key, "", None), &path);
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::remove_file(&path).unwrap();
    exists(write_key_pair(&path, &key, "", None), &beside);
    assert!(!path.exists());
    let error = write_key_pair(&directory.path().join("other"), &key, "", Some("")).unwrap_err();
    assert!(matches!(error, IdentityError::Key { error: KeyFileError::EmptyPassphrase, .. }), "{error}");
}

/// A directory with the vectors' key and these files beside it.
fn with_beside(beside: &[(&str, &str)]) -> TempDir {
    let directory = directory(&[("ed25519", "id_ed25519")]);
    for (vector, name) in beside {
        fs::write(directory.path().join(name), vectors::bytes(vector)).unwrap();
    }
    directory
}

#[tokio::test]
async fn a_certificate_beside_a_key_is_shown_and_the_key_signs() {
    let directory = with_beside(&[("certificates/user-ed25519-cert.pub", "id_ed25519-cert.pub")]);
    let identity = Identity::from_file(&directory.path().join("id_ed25519"), nobody).unwrap();
    assert_eq!((identity.certificate(), identity.key()), (None, identity.public()));
    let certified = identity.certified().unwrap().unwrap();
    assert!(certified.public().is_certificate());
    assert_eq!((certified.key(), certified.path()), (identity.key(), identity.path()));
    assert_eq!(certified.certificate().unwrap().serial(), 1);
    assert_eq!(certified.algorithms(), ["ssh-ed25519-cert-v01@openssh.com"]);
    verify(certified.key(), b"data", &certified.sign("ssh-ed25519", b"data").await.unwrap());
}

#[test]
fn a_file_that_is_no_certificate_of_the_key_is_an_error() {
    for (vector, expected) in [
        ("certificates/user-rsa-cert.pub", "the certificate is for another key"),
        ("keys/ed25519.pub", "there is no certificate in it"),
        ("keys/ed25519", "there is no certificate in it"),
    ] {
        let directory = with_beside(&[(vector, "id_ed25519-cert.pub")]);
        let identity = Identity::from_file(&directory.path().join("id_ed25519"), nobody).unwrap();
        let error = identity.certified().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.path(), Some(&*directory.path().join("id_ed25519-cert.pub")));
    }
    let directory = with_beside(&[]);
    let identity = Identity::from_file(&directory.path().join("id_ed25519"), nobody).unwrap();
    assert!(identity.certified().unwrap().is_none());
}

#[test]
fn the_certificates_of_default_files_are_tried_before_their_keys() {
    let directory = with_beside(&[("certificates/user-ed25519-cert.pub", "id_ed25519-cert.pub")]);
    let mut found = DefaultIdentities::default();
    found.add_files(directory.path());
    let shown: Vec<&str> = found.identities.iter().map(|identity| identity.public().key_type()).collect();
    assert_eq!(shown, ["ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"]);
    assert!(found.problems.is_empty());
    // Found once more, by whatever way, they stand there once.
    found.add_files(directory.path());
    assert_eq!(found.identities.len(), 2);

    let wrong = with_beside(&[("certificates/user-rsa-cert.pub", "id_ed25519-cert.pub")]);
    let mut found = DefaultIdentities::default();
    found.add_files(wrong.path());
    assert!(matches!(&found.problems[..], [IdentityError::OtherKey(_)]));
    assert_eq!(found.identities.len(), 1);
}
