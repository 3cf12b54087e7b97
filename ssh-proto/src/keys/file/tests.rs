use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::Encode;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::armor::{self, Armor};
use super::*;
use crate::keys::PublicKey;
use crate::wire::Put;

/// The passphrase of every encrypted file in `vectors/keys`.
const PASSPHRASE: Option<&[u8]> = Some(b"correct horse");

fn file(name: &str) -> String {
    vectors::text(&format!("keys/{name}"))
}

fn public(name: &str) -> (PublicKey, String) {
    let text = file(&format!("{name}.pub"));
    let (key, comment) = PublicKey::from_openssh_line(&text).unwrap();
    (key, comment.into())
}

fn read(name: &str, passphrase: Option<&[u8]>) -> Result<PrivateKeyFile, KeyFileError> {
    PrivateKey::from_pem(file(name).as_bytes(), passphrase)
}

fn error(text: &str, passphrase: Option<&[u8]>) -> KeyFileError {
    PrivateKey::from_pem(text.as_bytes(), passphrase).unwrap_err()
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([5; 32])
}

#[test]
fn openssh_files_hold_the_key_of_their_pub_file() {
    let rsa: &[&str] = if cfg!(feature = "rsa") { &["rsa2048", "rsa3072", "rsa4096"] } else { &[] };
    for name in ["ed25519", "ecdsa", "ecdsa384", "ecdsa521"].iter().chain(rsa) {
        let file = read(name, None).unwrap();
        assert_eq!((file.key.public().clone(), file.comment), public(name), "{name}");
    }
}

#[test]
fn every_cipher_of_ssh_keygen_is_read() {
    for cipher in [
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
        "aes128-cbc",
        "aes192-cbc",
        "aes256-cbc",
        "aes128-gcm",
        "aes256-gcm",
        "chacha20-poly1305",
    ] {
        let name = format!("ed25519-{cipher}");
        assert_eq!(read(&name, None).unwrap_err(), KeyFileError::PassphraseNeeded, "{cipher}");
        for wrong in ["", "Correct horse", "correct horse "] {
            assert_eq!(read(&name, Some(wrong.as_bytes())).unwrap_err(), KeyFileError::WrongPassphrase, "{cipher}");
        }
        let file = read(&name, PASSPHRASE).unwrap();
        assert_eq!((file.key.public().clone(), file.comment), public("ed25519"), "{cipher}");
    }
    assert_eq!(read("ed25519-3des-cbc", PASSPHRASE).unwrap_err(), KeyFileError::UnsupportedEncryption);
}

#[test]
fn pem_files_hold_the_key_of_their_pub_file() {
    let plain = read("ed25519-pkcs8", None).unwrap();
    assert_eq!(*plain.key.public(), public("ed25519-pkcs8").0);
    check_encrypted("ed25519-pkcs8-encrypted", "ed25519-pkcs8");
    for (name, public_name) in [
        ("ecdsa-pem", "ecdsa-pem"),
        ("ecdsa-pkcs8", "ecdsa-pem"),
        ("ecdsa384-pem", "ecdsa384"),
        ("ecdsa384-pkcs8", "ecdsa384"),
        ("ecdsa384-parameters", "ecdsa384-parameters"),
        ("ecdsa521-pem", "ecdsa521"),
        ("ecdsa521-pkcs8", "ecdsa521"),
    ] {
        assert_eq!(*read(name, None).unwrap().key.public(), public(public_name).0, "{name}");
    }
    check_encrypted("ecdsa384-encrypted", "ecdsa384");
    check_encrypted("ecdsa521-pem-aes128-cbc", "ecdsa521");
    check_encrypted("ecdsa521-pkcs8-encrypted", "ecdsa521");
}

#[cfg(feature = "rsa")]
#[test]
fn rsa_pem_files_hold_the_key_of_their_pub_file() {
    for name in ["rsa2048-pem", "rsa2048-pkcs8"] {
        assert_eq!(*read(name, None).unwrap().key.public(), public("rsa2048").0, "{name}");
    }
    for name in [
        "rsa2048-pem-aes128-cbc",
        "rsa2048-pem-aes192-cbc",
        "rsa2048-pem-aes256-cbc",
        "rsa2048-pkcs8-encrypted",
        "rsa2048-pkcs8-scrypt",
        "rsa2048-pkcs8-sha1",
    ] {
        check_encrypted(name, "rsa2048");
    }
    check_encrypted("rsa3072-encrypted", "rsa3072");
}

fn check_encrypted(name: &str, public_name: &str) {
    assert_eq!(read(name, None).unwrap_err(), KeyFileError::PassphraseNeeded, "{name}");
    for wrong in ["", "a", "b", "c"] {
        assert_eq!(read(name, Some(wrong.as_bytes())).unwrap_err(), KeyFileError::WrongPassphrase, "{name}");
    }
    assert_eq!(*read(name, PASSPHRASE).unwrap().key.public(), public(public_name).0, "{name}");
}

#[test]
fn what_is_not_read_says_what_it_is() {
    use KeyFileError::{NotAKey, Putty, UnsupportedEncryption};
    for (name, expected) in [
        ("ecdsa-explicit", Unsupported::Curve.into()),
        ("secp256k1-pem", Unsupported::Curve.into()),
        ("dsa", Unsupported::Dsa.into()),
        ("ed448-pkcs8", Unsupported::Other.into()),
        ("rsa2048-pem-des3-cbc", UnsupportedEncryption),
        ("rsa2048-pkcs8-des3", UnsupportedEncryption),
        ("ed25519.pub", KeyFileError::PublicKey),
        ("fingerprints", NotAKey),
    ] {
        assert_eq!(error(&file(name), PASSPHRASE), expected, "{name}");
    }
    assert_eq!(error("PuTTY-User-Key-File-1: ssh-rsa\r\n", None), Putty);
    assert_eq!(error("", None), NotAKey);
    assert_eq!(PrivateKey::from_pem(b"\xff\xfe", None).unwrap_err(), NotAKey);
    let large = " ".repeat(PrivateKey::MAX_FILE + 1);
    assert!(matches!(error(&large, None), KeyFileError::Malformed(_)));
    assert!(format!("{UnsupportedEncryption}").contains("ssh-keygen -p -f FILE"));
    assert!(format!("{}", KeyFileError::Unsupported(Unsupported::Curve)).contains("nistp521 are supported"));
}

#[test]
fn fingerprints_are_those_of_ssh_keygen() {
    let lines = file("fingerprints");
    let mut seen = 0;
    for name in [
        "dsa",
        "ecdsa",
        "ecdsa-pem",
        "ecdsa384",
        "ecdsa384-parameters",
        "ecdsa521",
        "ed25519-pkcs8",
        "ed25519",
        "rsa2048",
        "rsa3072",
        "rsa4096",
    ] {
        let (key, comment) = public(name);
        let line = lines.lines().find(|line| line.contains(&format!(" {comment} "))).unwrap();
        let mut fields = line.split(' ');
        let bits = fields.next().unwrap();
        assert_eq!(fields.next(), Some(format!("{}", key.fingerprint()).as_str()));
        assert!(key.bits().is_none_or(|known| format!("{known}") == bits), "{name}");
        seen += 1;
    }
    assert_eq!(lines.lines().count(), seen);
}

#[test]
fn what_is_written_is_read() {
    let rsa: &[&str] = if cfg!(feature = "rsa") { &["rsa2048", "rsa3072"] } else { &[] };
    for name in ["ed25519", "ecdsa", "ecdsa384", "ecdsa521"].iter().chain(rsa) {
        let key = read(name, None).unwrap().key;
        let plain = key.to_openssh("a comment", None, &mut rng()).unwrap();
        let again = PrivateKey::from_pem(plain.as_bytes(), None).unwrap();
        assert_eq!((again.key.public(), again.comment.as_str()), (key.public(), "a comment"));
        let encrypted = key.to_openssh("", PASSPHRASE, &mut rng()).unwrap();
        assert_eq!(error(&encrypted, None), KeyFileError::PassphraseNeeded);
        assert_eq!(error(&encrypted, Some(b"wrong")), KeyFileError::WrongPassphrase);
        assert_eq!(PrivateKey::from_pem(encrypted.as_bytes(), PASSPHRASE).unwrap().key.public(), key.public());
        let pkcs8 = key.to_pkcs8_pem().unwrap();
        assert_eq!(PrivateKey::from_pem(pkcs8.as_bytes(), None).unwrap().key.public(), key.public());
        assert!(plain.lines().all(|line| line.len() <= 70) && pkcs8.lines().all(|line| line.len() <= 64));
    }
    let key = read("ed25519", None).unwrap().key;
    assert_eq!(key.to_pkcs1_pem().unwrap_err(), KeyFileError::WrongFormat);
    assert_eq!(key.to_openssh("", Some(b""), &mut rng()).unwrap_err(), KeyFileError::EmptyPassphrase);
}

/// The forms that have one encoding only are written as the tools write them.
#[test]
fn what_is_written_is_what_openssl_writes() {
    for name in ["ed25519-pkcs8", "ecdsa-pkcs8", "ecdsa384-pkcs8", "ecdsa521-pkcs8"] {
        let key = read(name, None).unwrap().key;
        assert_eq!(*key.to_pkcs8_pem().unwrap(), file(name));
    }
}

#[cfg(feature = "rsa")]
#[test]
fn rsa_is_written_as_openssl_and_ssh_keygen_write_it() {
    let key = read("rsa2048", None).unwrap().key;
    assert_eq!(*key.to_pkcs1_pem().unwrap(), file("rsa2048-pem"));
    assert_eq!(*key.to_pkcs8_pem().unwrap(), file("rsa2048-pkcs8"));
    // All but the check numbers and the padding, which here goes to 16 bytes.
    let ours = key.to_openssh("rsa2048@vectors", None, &mut rng()).unwrap();
    let ours = Armor::find(&ours).unwrap().decode().unwrap();
    let text = file("rsa2048");
    let theirs = Armor::find(&text).unwrap().decode().unwrap();
    let public = key.public().blob().len();
    let end = theirs.len() - 8;
    let (before, after) = (15 + 8 + 8 + 4 + 4 + 4 + public, 15 + 8 + 8 + 4 + 4 + 4 + public + 4 + 8);
    assert_eq!(ours[..before], theirs[..before]);
    assert_eq!(ours[after..end], theirs[after..end]);
}

#[test]
fn line_ends_line_lengths_and_text_around_the_key_do_not_matter() {
    let expected = public("ed25519").0;
    let text = file("ed25519");
    let bytes = Armor::find(&text).unwrap().decode().unwrap();
    let mut variants = Vec::from([
        text.replace('\n', "\r\n"),
        format!("\n\nBag Attributes\n  name: x\n{text}\nand more\n-----BEGIN OTHER-----\n"),
        text.replace('\n', "  \n"),
        format!("\t{}", text.trim_end()),
    ]);
    for columns in [1, 64, 70, 76, 100_000] {
        variants.push((*armor::encode("OPENSSH PRIVATE KEY", &bytes, columns)).clone());
    }
    for variant in variants {
        let file = PrivateKey::from_pem(variant.as_bytes(), None).unwrap();
        assert_eq!((file.key.public(), file.comment.as_str()), (&expected, "ed25519@vectors"), "{variant}");
    }
    let crlf = file("ed25519-pkcs8").replace('\n', "\r\n");
    assert!(PrivateKey::from_pem(crlf.as_bytes(), None).is_ok());
}

#[cfg(feature = "rsa")]
#[test]
fn headers_survive_other_line_ends() {
    let crlf = file("rsa2048-pem-aes128-cbc").replace('\n', "\r\n");
    assert!(PrivateKey::from_pem(crlf.as_bytes(), PASSPHRASE).is_ok());
}

#[test]
fn broken_armor_is_an_error() {
    let text = file("ed25519");
    for broken in [
        text.replace("-----END OPENSSH", "-----END RSA"),
        text.replace("-----END OPENSSH PRIVATE KEY-----", ""),
        text.replace("-----END OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY----- x y").replace(' ', "_"),
        text.replace("b3Bl", "b3B!"),
        text.replace("b3Bl", "b3B"),
        "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n".into(),
        "-----BEGIN PRIVATE KEY-----\n=\n-----END PRIVATE KEY-----\n".into(),
    ] {
        assert!(PrivateKey::from_pem(broken.as_bytes(), None).is_err(), "{broken}");
    }
}

#[test]
fn rfc1421_an_initialisation_vector_is_16_bytes_in_hexadecimal() {
    let text = file("ecdsa521-pem-aes128-cbc");
    let digits = text.split_once("AES-128-CBC,").unwrap().1.get(..32).unwrap();
    for broken in
        ["", &digits[1..], &digits[2..], &format!("{digits}0"), &format!("{digits}00"), &digits.replace('8', "x")]
    {
        let text = text.replace(digits, broken);
        assert_eq!(error(&text, PASSPHRASE), KeyFileError::BrokenArmor, "{broken}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    for &(name, passphrase) in SMALL {
        let text = file(name);
        let text = text.trim_end();
        for end in 0..text.len() {
            assert!(PrivateKey::from_pem(&text.as_bytes()[..end], passphrase).is_err(), "{name} cut at {end}");
        }
        // The same within the armor, where lengths are.
        let armor = Armor::find(text).unwrap();
        let bytes = armor.decode().unwrap();
        for end in 0..bytes.len() {
            let cut = armor::encode(armor.label, &bytes[..end], 64);
            assert!(PrivateKey::from_pem(cut.as_bytes(), passphrase).is_err(), "{name} cut at byte {end}");
        }
    }
}

#[test]
fn every_changed_character_gives_an_error_or_the_same_key() {
    for &(name, passphrase) in SMALL.iter().filter(|(_, passphrase)| passphrase.is_none()) {
        let text = file(name);
        for at in 0..text.len() {
            for change in [1, 0x80] {
                let mut changed = text.clone().into_bytes();
                changed[at] ^= change;
                check_changed(name, PrivateKey::from_pem(&changed, passphrase));
            }
        }
    }
}

#[test]
fn every_changed_byte_gives_an_error_or_the_same_key() {
    for &(name, passphrase) in SMALL {
        let text = file(name);
        let armor = Armor::find(&text).unwrap();
        let bytes = armor.decode().unwrap();
        // More rounds are legal and only slow.
        for at in (0..bytes.len()).filter(|at| rounds(&bytes).is_none_or(|range| !range.contains(at))) {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            let text = armor::encode(armor.label, &changed, 64);
            check_changed(name, PrivateKey::from_pem(text.as_bytes(), passphrase));
        }
    }
}

/// PKCS#8 holds a seed and nothing to check it by: a changed seed is another key there.
fn check_changed(name: &str, result: Result<PrivateKeyFile, KeyFileError>) {
    let public_name = match name {
        "ecdsa-pkcs8" => "ecdsa-pem",
        "ecdsa" => "ecdsa",
        _ => "ed25519",
    };
    if let Ok(file) = result
        && !name.starts_with("ed25519-pkcs8")
    {
        assert_eq!(*file.key.public(), public(public_name).0, "{name}");
    }
}

/// Where the rounds are, behind: string kdfname · uint32 length of the options · string salt (16 bytes).
fn rounds(bytes: &[u8]) -> Option<Range<usize>> {
    let start = bytes.windows(6).position(|window| window == b"bcrypt")? + 6 + 4 + 4 + 16;
    Some(start..start + 4)
}

const SMALL: &[(&str, Option<&[u8]>)] = &[
    ("ed25519", None),
    ("ed25519-aes256-ctr", None),
    ("ed25519-aes256-ctr", PASSPHRASE),
    ("ed25519-pkcs8", None),
    ("ed25519-pkcs8-encrypted", None),
    ("ed25519-pkcs8-encrypted", PASSPHRASE),
    ("ecdsa", None),
    ("ecdsa-pkcs8", None),
];

#[test]
fn authenticated_ciphers_notice_every_change() {
    for name in ["ed25519-aes128-gcm", "ed25519-aes256-gcm", "ed25519-chacha20-poly1305"] {
        let text = file(name);
        let armor = Armor::find(&text).unwrap();
        let bytes = armor.decode().unwrap();
        // The last of the tag, the first of it, the last of what is encrypted, and one in the comment.
        for back in [1, 16, 17, 24] {
            let mut changed = bytes.to_vec();
            changed[bytes.len() - back] ^= 1;
            let text = armor::encode(armor.label, &changed, 70);
            assert_eq!(error(&text, PASSPHRASE), KeyFileError::WrongPassphrase, "{name} {back}");
        }
    }
}

#[cfg(feature = "rsa")]
#[test]
fn an_rsa_key_with_one_other_bit_is_refused() {
    let text = file("rsa2048-pem");
    let armor = Armor::find(&text).unwrap();
    let bytes = armor.decode().unwrap();
    let expected = public("rsa2048").0;
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        // The exponents for the remainder theorem are calculated anew, and those in the file are not looked at.
        if let Ok(file) = PrivateKey::from_pem(armor::encode(armor.label, &changed, 64).as_bytes(), None) {
            assert_eq!(*file.key.public(), expected, "changed at {at}");
        }
    }
}

#[test]
fn what_a_passphrase_may_cost_is_limited() {
    let text = file("ed25519-aes256-ctr");
    let armor = Armor::find(&text).unwrap();
    let mut bytes = armor.decode().unwrap();
    let rounds = rounds(&bytes).unwrap();
    assert_eq!(bytes[rounds.clone()], [0, 0, 0, 1]);
    for (value, expected) in [
        (1025, KeyFileError::TooCostly),
        (u32::MAX, KeyFileError::TooCostly),
        (0, InvalidMessage::new("kdfoptions", Problem::BadValue).into()),
    ] {
        bytes[rounds.clone()].copy_from_slice(&value.to_be_bytes());
        assert_eq!(error(&armor::encode(armor.label, &bytes, 70), PASSPHRASE), expected);
    }

    for name in ["ed25519-pkcs8-encrypted", "rsa2048-pkcs8-scrypt"] {
        let text = file(name);
        let bytes = Armor::find(&text).unwrap().decode().unwrap();
        let mut info = EncryptedPrivateKeyInfoRef::try_from(bytes.as_slice()).unwrap();
        let EncryptionScheme::Pbes2(parameters) = &mut info.encryption_algorithm else { panic!("{name}") };
        match &mut parameters.kdf {
            Kdf::Pbkdf2(pbkdf2) => pbkdf2.iteration_count = 10_000_001,
            Kdf::Scrypt(scrypt) => scrypt.cost_parameter = 1 << 20,
            _ => panic!("{name}"),
        }
        let text = armor::encode("ENCRYPTED PRIVATE KEY", &info.to_der().unwrap(), 64);
        assert_eq!(error(&text, PASSPHRASE), KeyFileError::TooCostly, "{name}");
    }
}

#[test]
fn an_ed25519_key_with_another_public_key_is_refused() {
    let text = file("ed25519");
    let armor = Armor::find(&text).unwrap();
    let bytes = armor.decode().unwrap();
    let point = public("ed25519").0.blob()[19..].to_vec();
    let copies: Vec<_> = (0..bytes.len() - 31).filter(|&at| bytes[at..at + 32] == point[..]).collect();
    assert_eq!(copies.len(), 3);
    let other = crate::keys::ed25519::from_seed(&[1; 32]).public().blob()[19..].to_vec();
    for subset in [&copies[..1], &copies[1..2], &copies[2..], &copies[1..], &copies[..]] {
        let mut changed = bytes.to_vec();
        for &at in subset {
            changed[at..at + 32].copy_from_slice(&other);
        }
        let error = error(&armor::encode(armor.label, &changed, 70), None);
        assert!(matches!(error, KeyFileError::Malformed(InvalidMessage { problem: Problem::Mismatch, .. })));
    }
}

#[test]
fn more_than_one_key_and_wrong_padding_are_refused() {
    let key = crate::keys::ed25519::from_seed(&[1; 32]);
    let build = |count: u32, checks: [u32; 2], padding: &[u8]| {
        let mut bytes = b"openssh-key-v1\0".to_vec();
        bytes.put_string(b"none");
        bytes.put_string(b"none");
        bytes.put_string(b"");
        bytes.put_u32(count);
        bytes.put_string(key.public().blob());
        bytes.put_nested(|section| {
            section.put_u32(checks[0]);
            section.put_u32(checks[1]);
            key.secret().put_openssh(section);
            section.put_string(b"c");
            section.put_bytes(padding);
        });
        PrivateKey::from_pem(armor::encode("OPENSSH PRIVATE KEY", &bytes, 70).as_bytes(), None).map(|file| file.comment)
    };
    // 8 check bytes, 15 type, 36 public, 68 pair, 5 comment: 132.
    assert_eq!(build(1, [7, 7], &[1, 2, 3, 4]), Ok("c".into()));
    for (count, checks, padding) in [
        (0, [7, 7], &[1, 2, 3, 4][..]),
        (2, [7, 7], &[1, 2, 3, 4]),
        (1, [7, 8], &[1, 2, 3, 4]),
        (1, [7, 7], &[0, 0, 0, 0]),
        (1, [7, 7], &[1, 2, 3, 5]),
        (1, [7, 7], &[1, 2, 3]),
        (1, [7, 7], &[]),
    ] {
        assert!(matches!(build(count, checks, padding), Err(KeyFileError::Malformed(_))));
    }
}

#[test]
fn putty_files_hold_the_key_of_their_pub_file() {
    let rsa: &[_] =
        if cfg!(feature = "rsa") { &[("rsa2048.ppk", "rsa2048"), ("rsa2048-2.ppk", "rsa2048")] } else { &[] };
    for (name, public_name) in [
        ("ed25519.ppk", "ed25519"),
        ("ed25519-2.ppk", "ed25519"),
        ("ecdsa.ppk", "ecdsa"),
        ("ecdsa-2.ppk", "ecdsa"),
        ("ecdsa384.ppk", "ecdsa384"),
        ("ecdsa521.ppk", "ecdsa521"),
    ]
    .iter()
    .chain(rsa)
    {
        for text in [file(name), file(name).replace('\n', "\r\n")] {
            let read = PrivateKey::from_pem(text.as_bytes(), None).unwrap();
            assert_eq!((read.key.public().clone(), read.comment), public(public_name), "{name}");
        }
    }
    check_encrypted("ed25519-encrypted.ppk", "ed25519");
    check_encrypted("ed25519-2-encrypted.ppk", "ed25519");
    if cfg!(feature = "rsa") {
        check_encrypted("rsa2048-argon2i.ppk", "rsa2048");
    }
}

#[test]
fn every_changed_or_missing_part_of_a_putty_file_is_noticed() {
    for (name, passphrase) in [("ed25519.ppk", None), ("ed25519-2.ppk", None), ("ed25519-2-encrypted.ppk", PASSPHRASE)]
    {
        let text = file(name);
        let text = text.trim_end();
        for end in 0..text.len() {
            assert!(PrivateKey::from_pem(&text.as_bytes()[..end], passphrase).is_err(), "{name} cut at {end}");
        }
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] ^= 1;
            // The last character of base64 has bits that mean nothing, but they are refused; hexadecimal has two cases.
            if let Ok(read) = PrivateKey::from_pem(&changed, passphrase) {
                panic!("{name} changed at {at}: {read:?}");
            }
        }
    }
}

#[test]
fn what_argon2_may_cost_is_limited() {
    let text = file("ed25519-encrypted.ppk");
    for (from, to) in [
        ("Argon2-Memory: 8192", "Argon2-Memory: 65537"),
        ("Argon2-Memory: 8192", "Argon2-Memory: 4294967295"),
        ("Argon2-Passes: 1", "Argon2-Passes: 513"),
    ] {
        assert!(text.contains(from));
        assert_eq!(error(&text.replace(from, to), PASSPHRASE), KeyFileError::TooCostly, "{to}");
    }
    for (from, to) in [("Argon2-Passes: 1", "Argon2-Passes: 0"), ("Argon2-Memory: 8192", "Argon2-Memory: 7")] {
        assert!(matches!(error(&text.replace(from, to), PASSPHRASE), KeyFileError::Malformed(_)), "{to}");
    }
}

/// What `ssh-keygen -t ed25519-sk` leaves is a handle, whose passphrase is of no use here.
#[test]
fn a_key_in_a_security_key_is_for_the_agent() {
    for cipher in ["none", "aes256-ctr"] {
        let mut public = Vec::new();
        for field in [&b"sk-ssh-ed25519@openssh.com"[..], &[7; 32], b"ssh:"] {
            public.put_string(field);
        }
        let mut bytes = b"openssh-key-v1\0".to_vec();
        for field in [cipher.as_bytes(), if cipher == "none" { b"none" } else { b"bcrypt" }, b""] {
            bytes.put_string(field);
        }
        bytes.put_u32(1);
        bytes.put_string(&public);
        bytes.put_nested(|section| {
            section.put_u32(7);
            section.put_u32(7);
            section.put_bytes(&public);
            section.put_u8(1);
            section.put_string(&[3; 64]);
            section.put_string(b"");
            section.put_string(b"me@here");
            section.put_bytes(&[1, 2, 3, 4]);
        });
        let error = error(&armor::encode("OPENSSH PRIVATE KEY", &bytes, 70), None);
        assert_eq!(error, Unsupported::SecurityKey.into(), "{cipher}");
        assert!(format!("{error}").contains("ssh-add FILE"));
    }
}

#[test]
fn debug_shows_no_secret() {
    let file = read("ed25519", None).unwrap();
    let shown = format!("{file:?}");
    assert!(shown.contains("[redacted]") && shown.contains("ed25519@vectors"));
    let mut secret = Vec::new();
    file.key.secret().put_openssh(&mut secret);
    let seed = &secret[15 + 36 + 4..][..32];
    for part in seed.windows(4) {
        assert!(!shown.contains(&format!("{part:?}").replace(['[', ']'], "")));
    }
}
