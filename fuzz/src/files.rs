//! Files that a user was talked into: private keys, public keys, `known_hosts`, `authorized_keys` and `~/.ssh/config`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::SystemTime;

use ssh_proto::Algorithms;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::crypto::{CryptoProvider, Tier};
use ssh_proto::keys::{PrivateKey, PublicKey, Signature};
use ssh_proto::wire::Reader;
use ssh_transport::authorized_keys::AuthorizedKeys;
use ssh_transport::known_hosts::KnownHosts;
use ssh_transport::ssh_config::{Exec, Query, SshConfig};

use crate::world::rng;

/// Keys and signatures. The first byte says what the rest is: text, or what text armours, so that the armour is no
/// obstacle.
pub fn key_files(data: &[u8]) {
    let Some((&mode, rest)) = data.split_first() else { return };
    match mode % 8 {
        0 => private_key(rest, !contains(rest, b"Argon2")),
        1 => private_key(&armour("OPENSSH PRIVATE KEY", rest), openssh_is_cheap(rest)),
        2 => private_key(&armour("PRIVATE KEY", rest), false),
        3 => private_key(&armour("ENCRYPTED PRIVATE KEY", rest), pkcs8_is_cheap(rest)),
        4 => private_key(&armour("RSA PRIVATE KEY", rest), false),
        5 => public_key(rest),
        6 => {
            if let Ok((key, comment)) =
                core::str::from_utf8(rest).map_or(Err(()), |text| PublicKey::from_file(text).map_err(|_| ()))
            {
                let line = key.to_openssh_line(&comment);
                let (back, _) = PublicKey::from_openssh_line(&line).expect("we read what we write");
                assert_eq!(back, key);
            }
        }
        _ => {
            if let Ok(signature) = Signature::from_wire(rest) {
                let mut out = Vec::new();
                signature.to_wire(&mut out);
                assert_eq!(out, rest);
            }
        }
    }
}

fn private_key(file: &[u8], cheap: bool) {
    // A passphrase may cost seconds, as its owner wants it to; a fuzzer has better uses for them.
    let costly: [&[u8]; 3] = [b"OPENSSH", b"ENCRYPTED PRIVATE", b"Argon2"];
    let text_is_cheap = || costly.iter().all(|label| !contains(file, label));
    let passphrase = (cheap || text_is_cheap()).then_some(&b"correct horse"[..]);
    if let Err(error) = PrivateKey::from_pem(file, None) {
        let _ = error.to_string();
    }
    let Ok(read) = PrivateKey::from_pem(file, passphrase) else { return };
    let rewritten = [read.key.to_openssh(&read.comment, None, &mut *rng(1)), read.key.to_pkcs8_pem()];
    for text in rewritten.into_iter().flatten() {
        let back = PrivateKey::from_pem(text.as_bytes(), None).expect("we read what we write");
        assert_eq!(back.key.public(), read.key.public());
    }
    public_key(read.key.public().blob());
}

fn public_key(blob: &[u8]) {
    let Ok(key) = PublicKey::from_blob(blob) else { return };
    assert_eq!(key.blob(), blob);
    let _ = key.fingerprint().to_string();
    for method in PROVIDER.signatures().iter().filter(|method| method.key_type == key.key_type()) {
        if method.verifier.check_key(blob).is_ok() {
            assert!(method.verifier.verify(blob, b"message", b"no signature").is_err());
        }
    }
}

fn armour(label: &str, bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n").into_bytes();
    for line in bytes.chunks(48) {
        for group in line.chunks(3) {
            let [a, b, c] = [0, 1, 2].map(|place| u32::from(group.get(place).copied().unwrap_or_default()));
            let bits = a << 16 | b << 8 | c;
            for place in 0..4 {
                let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
                text.push(if place > group.len() as u32 { b'=' } else { digit });
            }
        }
        text.push(b'\n');
    }
    text.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    text
}

/// At most four rounds of bcrypt.
fn openssh_is_cheap(file: &[u8]) -> bool {
    let rounds = || {
        let mut reader = Reader::new(file.get(15..)?);
        let (_cipher, _kdf) = (reader.string("").ok()?, reader.string("").ok()?);
        let mut options = Reader::new(reader.string("").ok()?);
        options.string("").ok()?;
        options.u32("").ok()
    };
    rounds().is_none_or(|rounds| rounds <= 4)
}

/// No INTEGER of three bytes and more, which an iteration count might be.
fn pkcs8_is_cheap(der: &[u8]) -> bool {
    !(3..=8).any(|length| contains(der, &[2, length]))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// `known_hosts`, `authorized_keys` and `~/.ssh/config`: the same bytes as each.
pub fn host_files(data: &[u8]) {
    config(data);
    let key = PrivateKey::generate_ed25519(&mut *rng(1)).public().clone();
    let path = Path::new("file");
    let mut hosts = KnownHosts::default();
    hosts.add(path, data);
    for (host, port) in [("example.com", 22), ("10.0.0.1", 2222), ("::1", 22), ("*", 1), ("", 0)] {
        let _ = (hosts.check(host, port, &key), hosts.key_types_for(host, port));
    }
    for warning in hosts.warnings() {
        let _ = warning.to_string();
    }
    let keys = AuthorizedKeys::parse(path, data);
    for warning in keys.warnings() {
        let _ = warning.to_string();
    }
    let source = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    for key in keys.entries().iter().map(|entry| &entry.key).chain([&key]) {
        let _ = (keys.find(key, source, SystemTime::UNIX_EPOCH), keys.find(key, None, SystemTime::UNIX_EPOCH));
    }
}

/// What it says for a few hosts. It runs nothing, and includes nothing: its home does not exist, and what may name a file
/// of this machine is left out.
fn config(data: &[u8]) {
    let text = data.to_ascii_lowercase();
    if contains(&text, b"include") && (contains(&text, b"/") || contains(&text, b"${")) {
        return;
    }
    let home = Path::new("/nonexistent");
    let config = match SshConfig::parse(Path::new("config"), data, home) {
        Ok(config) => config,
        Err(error) => return drop(error.to_string()),
    };
    for (host, user, port) in
        [("example.com", None, None), ("10.0.0.1", Some("root"), Some(2222)), ("::1", None, Some(1))]
    {
        let mut query = Query::new(host, "me", home);
        (query.user, query.port, query.exec) = (user, port, Exec::Never);
        match config.lookup(&query) {
            Ok(found) => {
                assert_eq!(found.port, port.unwrap_or(found.port), "the caller's port counts first");
                assert_eq!(found.user.as_deref(), user.or(found.user.as_deref()), "the caller's user counts first");
                let mut algorithms = Algorithms::up_to(Tier::Compatible, &PROVIDER);
                if found.algorithms.apply(&mut algorithms, &PROVIDER).is_ok() {
                    assert!(!algorithms.kex.is_empty() && !algorithms.ciphers.is_empty());
                }
            }
            Err(error) => drop(error.to_string()),
        }
    }
}
