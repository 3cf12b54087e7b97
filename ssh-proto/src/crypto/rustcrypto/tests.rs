//! What must hold for every row of the tables; known answers stand beside each algorithm.

use alloc::vec;
use alloc::vec::Vec;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::crypto::SharedSecret;

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
        let (Exchange::DiffieHellman(method) | Exchange::Ecdh(method)) = row.exchange;
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let client = method.initiate(&mut rng);
        let server = method.respond(client.public(), &mut rng).unwrap();
        let (SharedSecret::Mpint(client), SharedSecret::Mpint(server)) =
            (client.finish(&server.public).unwrap(), server.secret)
        else {
            panic!("{}: a secret that is not a number", row.name);
        };
        assert_eq!(client, server, "{}", row.name);
        assert!(client.iter().any(|&byte| byte != 0), "{}", row.name);
    }
}
