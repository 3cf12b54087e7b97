//! Certificates of hosts and users, and lists of revoked keys.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use ssh_proto::Algorithms;
use ssh_proto::crypto::Tier;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::keys::{
    Certificate, CertificateKind, CertificateUse, Holder, PrivateKey, PublicKey, RevocationList, Signature,
};
use ssh_proto::wire::Put;
use ssh_transport::revoked_keys::RevokedKeys;

use crate::world::rng;

/// The first byte says what the rest is: a certificate as it travels, what an authority signs without thinking, a list of
/// revoked keys, or a file of such.
pub fn certificates(data: &[u8]) {
    let Some((&mode, rest)) = data.split_first() else { return };
    match mode % 4 {
        0 => {
            if let Ok(key) = PublicKey::from_blob(rest) {
                let _ = shown(&key);
            }
        }
        1 => signed(rest),
        2 => {
            if let Ok(list) = RevocationList::from_bytes(rest) {
                let certificate = certificate(&EMPTY_FIELDS.concat()).expect("it is one");
                // A certificate is revoked wherever its key or its authority is.
                if list.find(certificate.key()).is_some() || list.find(certificate.authority()).is_some() {
                    assert!(list.find_certificate(&certificate).is_some());
                }
                let _ = format!("{list:?}");
            }
        }
        _ => match RevokedKeys::parse(Path::new("revoked"), rest) {
            Ok(revoked) => {
                let _ = revoked.find(authority().public());
            }
            Err(error) => {
                let _ = error.to_string();
            }
        },
    }
}

/// Everything that is asked of a key that somebody shows.
fn shown(key: &PublicKey) -> Option<Certificate> {
    let certificate = Certificate::from_public(key).ok().flatten()?;
    assert!(key.is_certificate() && !certificate.key().is_certificate() && !certificate.authority().is_certificate());
    assert_eq!(certificate.public(), key);
    let line = key.to_openssh_line("");
    assert_eq!(PublicKey::from_openssh_line(&line).map(|(back, _)| back).as_ref(), Ok(key));
    let algorithms = Algorithms::up_to(Tier::Legacy, &PROVIDER).authorities;
    let source = "192.0.2.1".parse().ok();
    let user = Holder::User { principals: &["alice"], source };
    for (kind, holder) in [(CertificateKind::User, user), (CertificateKind::Host, Holder::Host("host.example.com"))] {
        let now = Duration::from_secs(1_780_000_000);
        let authority = certificate.authority();
        match certificate.verify(&CertificateUse { authority, algorithms: &algorithms, holder, now }) {
            Ok(grant) => {
                assert_eq!(certificate.kind(), kind);
                assert!(!certificate.principals().is_empty());
                assert!(certificate.valid_after() <= now && now < certificate.valid_before());
                assert!(kind == CertificateKind::User || certificate.critical_options().is_empty());
                let _ = format!("{grant:?}");
            }
            Err(error) => {
                let _ = error.to_string();
            }
        }
    }
    Some(certificate)
}

/// A certificate whose fields from the serial on are the fuzzer's, and whose signature is right.
fn signed(fields: &[u8]) {
    if let Some(key) = certificate_blob(fields) {
        let _ = shown(&key);
    }
}

fn certificate(fields: &[u8]) -> Option<Certificate> {
    Certificate::from_public(&certificate_blob(fields)?).ok()?
}

fn certificate_blob(fields: &[u8]) -> Option<PublicKey> {
    let authority = authority();
    let mut blob = Vec::new();
    blob.put_string(b"ssh-ed25519-cert-v01@openssh.com");
    blob.put_string(&[1; 32]);
    blob.put_string(&[7; 32]);
    blob.put_bytes(fields);
    blob.put_string(authority.public().blob());
    let signature: Signature = authority.sign("ssh-ed25519", &blob, &mut *rng(5)).ok()?;
    blob.put_nested(|nested| signature.to_wire(nested));
    PublicKey::from_blob(&blob).ok()
}

fn authority() -> &'static PrivateKey {
    static AUTHORITY: OnceLock<PrivateKey> = OnceLock::new();
    AUTHORITY.get_or_init(|| PrivateKey::generate_ed25519(&mut *rng(4)))
}

/// Serial 1, of a user; no id, principals, times, options, extensions or reserved bytes.
const EMPTY_FIELDS: [&[u8]; 2] = [&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], &[0; 4 + 4 + 8 + 8 + 4 + 4 + 4]];
