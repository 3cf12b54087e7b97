//! What must hold for every row of the tables; known answers stand beside each algorithm.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use proptest::collection::vec as bytes;
use proptest::prelude::{any, proptest};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::crypto::{BadTag, Exchange, GroupSizes, KeyAgreement, SharedSecret, Tier};
use crate::wire::Put;

/// The content of a secret that is a number.
pub(super) fn number(secret: &SharedSecret) -> &[u8] {
    match secret {
        SharedSecret::Mpint(magnitude) => magnitude,
        SharedSecret::String(_) => panic!("a secret that is not a number"),
    }
}

/// The content of a secret that is a string.
pub(super) fn string(secret: &SharedSecret) -> &[u8] {
    match secret {
        SharedSecret::String(bytes) => bytes,
        SharedSecret::Mpint(_) => panic!("a secret that is a number"),
    }
}

/// The arithmetic of a method, of whatever group.
fn agreement(row: &KexMethod) -> Box<dyn KeyAgreement> {
    match row.exchange {
        Exchange::DiffieHellman(agreement) | Exchange::Ecdh(agreement) => Box::new(agreement),
        Exchange::GroupExchange(groups) => {
            let sizes = GroupSizes { minimum: 2048, preferred: 2048, maximum: 8192 };
            groups.agreement(&groups.choose(&sizes).unwrap()).unwrap()
        }
    }
}

/// Any secret of a length: the tests ask for no more than that halves agree.
fn key(length: usize, seed: u64) -> Vec<u8> {
    let mut key = vec![0; length];
    ChaCha20Rng::seed_from_u64(seed).fill_bytes(&mut key);
    key
}

/// A packet of `length` bytes in all, with the length field that belongs to it.
fn packet(length: usize) -> Vec<u8> {
    let mut packet = key(length, 7);
    packet[..4].copy_from_slice(&u32::try_from(length - 4).unwrap().to_be_bytes());
    packet
}

#[test]
fn tiers_stand_in_order_and_names_once() {
    fn check<'a>(rows: impl Iterator<Item = (&'a str, Tier)> + Clone) {
        assert!(rows.clone().is_sorted_by_key(|(_, tier)| tier));
        for (name, _) in rows.clone() {
            assert_eq!(rows.clone().filter(|(other, _)| *other == name).count(), 1, "{name}");
        }
    }
    check(PROVIDER.key_exchanges().iter().map(|row| (row.name, row.tier)));
    check(PROVIDER.ciphers().iter().map(|row| (row.name, row.tier)));
    check(PROVIDER.macs().iter().map(|row| (row.name, row.tier)));
    check(PROVIDER.signatures().iter().map(|row| (row.name, row.tier)));
}

#[test]
fn both_halves_of_every_cipher_agree_on_every_length() {
    for row in PROVIDER.ciphers() {
        let (key, iv) = (key(row.key_length, 1), key(row.iv_length, 2));
        match row.kind {
            CipherKind::Blocks { encrypt, decrypt, .. } => {
                let (mut sender, mut receiver) = (encrypt(&key, &iv), decrypt(&key, &iv));
                for length in (16..=416).step_by(row.block_size) {
                    let clear = packet(length);
                    let mut data = clear.clone();
                    sender.apply(&mut data);
                    assert_ne!(data, clear, "{} {length}", row.name);
                    // The receiver sees the first block before it knows how many follow.
                    receiver.apply(&mut data[..16]);
                    receiver.apply(&mut data[16..]);
                    assert_eq!(data, clear, "{} {length}", row.name);
                }
            }
            CipherKind::Aead { tag_length, make } => {
                let (mut sender, mut receiver) = (make(&key, &iv), make(&key, &iv));
                // More lengths than a padded packet can have: the arithmetic must not depend on the padding.
                for length in 4..=404 {
                    let sequence = u32::MAX.wrapping_add(u32::try_from(length).unwrap());
                    let clear = packet(length);
                    let mut data = clear.clone();
                    let mut tag = vec![0; tag_length];
                    sender.seal(sequence, &mut data, &mut tag);
                    let head = *data.first_chunk().unwrap();
                    assert_eq!(receiver.length(sequence, head), u32::try_from(length - 4).unwrap(), "{}", row.name);
                    receiver.open(sequence, &mut data, &tag).unwrap();
                    assert_eq!(data[4..], clear[4..], "{} {length}", row.name);
                }
            }
        }
    }
}

#[test]
fn both_halves_of_every_key_exchange_agree() {
    for row in PROVIDER.key_exchanges() {
        let method = agreement(row);
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let client = method.initiate(&mut rng);
        let server = method.respond(client.public(), &mut rng).unwrap();
        let secret = client.finish(&server.public).unwrap();
        let content = match (&secret, &server.secret) {
            (SharedSecret::Mpint(ours), SharedSecret::Mpint(theirs))
            | (SharedSecret::String(ours), SharedSecret::String(theirs)) => {
                assert_eq!(ours, theirs, "{}", row.name);
                ours
            }
            _ => panic!("{}: the secrets are not of one kind", row.name),
        };
        assert!(content.iter().any(|&byte| byte != 0), "{}", row.name);
    }
}

/// CVE-2025-5987 and its kind: nothing but the packet that was sealed, with its tag and its number, opens.
#[test]
fn every_flipped_bit_of_packet_and_tag_is_refused() {
    for row in PROVIDER.ciphers() {
        let CipherKind::Aead { tag_length, make } = row.kind else { continue };
        let (key, iv) = (key(row.key_length, 1), key(row.iv_length, 2));
        let mut sealed = packet(36);
        let mut tag = vec![0; tag_length];
        make(&key, &iv).seal(5, &mut sealed, &mut tag);
        let open = |sequence, packet: &[u8], tag: &[u8]| make(&key, &iv).open(sequence, &mut packet.to_vec(), tag);
        assert_eq!(open(5, &sealed, &tag), Ok(()), "{}", row.name);

        for bit in 0..sealed.len() * 8 {
            let mut packet = sealed.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(5, &packet, &tag), Err(BadTag), "{} bit {bit} of the packet", row.name);
        }
        for bit in 0..tag.len() * 8 {
            let mut tag = tag.clone();
            tag[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(5, &sealed, &tag), Err(BadTag), "{} bit {bit} of the tag", row.name);
        }
        for end in 0..sealed.len() {
            assert_eq!(open(5, &sealed[..end], &tag), Err(BadTag), "{} cut at {end}", row.name);
        }
        let long = [&tag[..], &[0]].concat();
        for tag in [&[], &tag[..1], &tag[..15], &long] {
            assert_eq!(open(5, &sealed, tag), Err(BadTag), "{} tag of {} bytes", row.name, tag.len());
        }
        // The nonce says which packet it is: GCM counts for itself, ChaCha20 is told.
        let mut receiver = make(&key, &iv);
        receiver.open(5, &mut sealed.clone(), &tag).unwrap();
        assert_eq!(receiver.open(6, &mut sealed.clone(), &tag), Err(BadTag), "{} replayed", row.name);
    }
}

#[test]
fn every_flipped_bit_changes_every_mac() {
    for row in PROVIDER.macs() {
        let mac = (row.make)(&key(row.key_length, 1));
        let sign = |sequence, packet: &[u8]| {
            let mut tag = vec![0; row.tag_length];
            mac.sign(sequence, packet, &mut tag);
            tag
        };
        for length in 16..=400 {
            let clear = packet(length);
            let tag = sign(5, &clear);
            // The state is copied, not moved on: both halves, and every packet, start from the key alone.
            assert_eq!(tag, sign(5, &clear), "{}", row.name);
            let mut other = vec![0; row.tag_length];
            (row.make)(&key(row.key_length, 1)).sign(5, &clear, &mut other);
            assert_eq!(tag, other, "{}", row.name);
            assert_ne!(tag, sign(6, &clear), "{}", row.name);
        }
        let clear = packet(36);
        for bit in 0..clear.len() * 8 {
            let mut packet = clear.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(sign(5, &clear), sign(5, &packet), "{} bit {bit}", row.name);
        }
    }
}

/// Nothing that holds a key shows it in a log.
#[test]
fn secrets_are_redacted() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for row in PROVIDER.key_exchanges() {
        let initiated = agreement(row).initiate(&mut rng);
        assert_eq!(format!("{initiated:?}"), "EphemeralKey([redacted])");
    }
    for row in PROVIDER.ciphers() {
        let (key, iv) = (key(row.key_length, 1), key(row.iv_length, 2));
        let shown = match row.kind {
            CipherKind::Blocks { encrypt, decrypt, .. } => format!("{:?}{:?}", encrypt(&key, &iv), decrypt(&key, &iv)),
            CipherKind::Aead { make, .. } => format!("{:?}", make(&key, &iv)),
        };
        assert!(shown.ends_with("([redacted])"), "{shown}");
    }
    for row in PROVIDER.macs() {
        let shown = format!("{:?}", (row.make)(&key(row.key_length, 1)));
        assert!(shown.ends_with("([redacted])"), "{shown}");
    }
}

proptest! {
    /// Whatever a peer sends for a key, a signature or a public value is refused, and nothing panics.
    #[test]
    fn arbitrary_bytes_are_refused(
        fields in bytes(bytes(any::<u8>(), 0..300), 0..3),
        tail in bytes(any::<u8>(), 0..40),
        signature in bytes(any::<u8>(), 0..300),
    ) {
        for row in PROVIDER.signatures() {
            let mut blob = Vec::new();
            blob.put_string(row.key_type.as_bytes());
            for field in &fields {
                blob.put_string(field);
            }
            for blob in [&blob, &[&blob[..], &tail].concat(), &tail] {
                let _ = row.verifier.check_key(blob);
                assert!(row.verifier.verify(blob, b"message", &signature).is_err());
            }
        }
        for row in PROVIDER.ciphers() {
            let CipherKind::Aead { make, .. } = row.kind else { continue };
            let mut cipher = make(&key(row.key_length, 1), &key(row.iv_length, 2));
            let _ = cipher.length(7, [tail.len().to_le_bytes()[0]; 4]);
            assert_eq!(cipher.open(7, &mut signature.clone(), &tail), Err(BadTag));
        }
    }

    /// RSA keys of sizes that are let through, with any digits.
    #[cfg(feature = "rsa")]
    #[test]
    fn arbitrary_rsa_keys_do_not_panic(
        e in bytes(any::<u8>(), 1..5),
        mut n in bytes(any::<u8>(), 256..300),
        signature in bytes(any::<u8>(), 0..300),
    ) {
        n[0] |= 0x80;
        *n.last_mut().unwrap() |= 1;
        let mut blob = Vec::new();
        blob.put_string(b"ssh-rsa");
        blob.put_mpint(&e);
        blob.put_mpint(&n);
        for row in PROVIDER.signatures().iter().filter(|row| row.key_type == "ssh-rsa") {
            assert!(row.verifier.verify(&blob, b"message", &signature).is_err());
        }
    }
}
