use alloc::format;
use alloc::string::String;
use alloc::vec;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::crypto::rustcrypto::PROVIDER;
use crate::crypto::{CipherKind, CryptoProvider};

const MAXIMUM: usize = 40_000;
const CAPACITY: usize = 50_000;

/// Every cipher with every MAC where it takes one, and no protection at all.
fn protections() -> Vec<(String, Option<Suite>)> {
    let mut all = vec![("clear".into(), None)];
    for &cipher in PROVIDER.ciphers() {
        if matches!(cipher.kind, CipherKind::Aead { .. }) {
            all.push((cipher.name.into(), Suite::new(cipher, || None)));
            continue;
        }
        for &mac in PROVIDER.macs() {
            all.push((format!("{} {}", cipher.name, mac.name), Suite::new(cipher, || Some(mac))));
        }
    }
    all
}

fn protection(half: Half, suite: Option<&Suite>) -> Protection {
    let Some(suite) = suite else { return Protection::Clear };
    let (key, iv) = (vec![7; suite.cipher().key_length], vec![9; suite.cipher().iv_length]);
    let mac_key = vec![5; suite.mac().map_or(0, |mac| mac.key_length)];
    Protection::new(half, suite, (&key, &iv), &mac_key)
}

fn pair(suite: Option<&Suite>) -> (Sealer, Opener) {
    let (mut sealer, mut opener) = (Sealer::new(), Opener::new(MAXIMUM));
    sealer.rekey(protection(Half::Sealing, suite), Numbering::Continue);
    opener.rekey(protection(Half::Opening, suite), Numbering::Continue);
    (sealer, opener)
}

fn seal(sealer: &mut Sealer, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let taken = sealer.seal(rng, &mut packet, |out| out.extend_from_slice(payload));
    assert_eq!(taken, packet.len());
    packet
}

/// A packet whose fields are what they should not be, under the right keys.
fn forge(sealer: &mut Sealer, length: u32, padding: u8, bytes: usize) -> Vec<u8> {
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(padding);
    packet.resize(bytes, b'x');
    let mut tag = vec![0; sealer.protection.tag_length()];
    sealer.protect(&mut packet, &mut tag);
    [packet, tag].concat()
}

/// Feeds `bytes` one by one, then as many zeros as it takes, and answers with which error it ends and after how many bytes.
/// No payload may come of it.
fn error_after(opener: &mut Opener, bytes: &[u8]) -> (Error, usize) {
    let mut input = Vec::new();
    for (index, &byte) in bytes.iter().chain(core::iter::repeat(&0)).enumerate().take(2 * CAPACITY) {
        input.push(byte);
        match opener.open(&mut input, CAPACITY) {
            Ok(Opened::Incomplete) => {}
            Ok(Opened::Discard(length)) => drop(input.drain(..length)),
            Ok(Opened::Packet { .. }) => panic!("a payload came of it"),
            Err(error) => return (error, index + 1),
        }
    }
    panic!("no error after {} bytes", 2 * CAPACITY);
}

fn is_cbc_and_mac(protection: &Protection) -> bool {
    matches!(protection, Protection::EncryptAndMac { chaining: Chaining::Cbc, .. })
}

#[test]
fn rfc4253_s6_every_size_round_trips_under_every_protection() {
    for (name, suite) in protections() {
        let (mut sealer, mut opener) = pair(suite.as_ref());
        let block = sealer.protection.block();
        for (sequence, length) in (0..=300).chain([32_768, 35_000]).enumerate() {
            let payload: Vec<u8> = (0..length).map(|n: usize| n.to_be_bytes()[7]).collect();
            let mut packet = seal(&mut sealer, &payload);
            let whole = packet.len();
            // "The total length [...] is a multiple of the cipher block size or 8, whichever is larger", with what counts.
            let counted = whole - sealer.protection.tag_length() - sealer.protection.unpadded();
            assert_eq!(counted % block, 0, "{name}, {length} bytes");
            packet.extend_from_slice(b"what follows");
            let opened = opener.open(&mut packet, CAPACITY).unwrap();
            let Opened::Packet { sequence: number, payload: range, taken } = opened else { panic!("{opened:?}") };
            assert_eq!((number as usize, taken), (sequence, whole), "{name}");
            assert_eq!(packet[range], payload, "{name}");
            assert_eq!(&packet[taken..], b"what follows");
        }
    }
}

#[test]
fn a_packet_that_is_not_whole_is_waited_for_however_it_is_cut() {
    for (name, suite) in protections() {
        let (mut sealer, mut opener) = pair(suite.as_ref());
        for length in [1, 40] {
            let packet = seal(&mut sealer, &vec![3; length]);
            let mut input = Vec::new();
            for (index, &byte) in packet.iter().enumerate() {
                input.push(byte);
                let opened = opener.open(&mut input, CAPACITY).unwrap();
                assert_eq!(opened == Opened::Incomplete, index + 1 < packet.len(), "{name}");
            }
        }
    }
}

#[test]
fn rfc4253_s6_4_every_flipped_bit_is_an_error_and_no_payload_comes_of_it() {
    for (name, suite) in protections().into_iter().skip(1) {
        let length = seal(&mut pair(suite.as_ref()).0, &[1; 20]).len();
        for byte in 0..length {
            for bit in 0..8 {
                let (mut sealer, mut opener) = pair(suite.as_ref());
                opener.set_maximum_length(1000);
                let mut packet = seal(&mut sealer, &[1; 20]);
                packet[byte] ^= 1 << bit;
                let (error, _) = error_after(&mut opener, &packet);
                let Error::PeerMisbehaved(blame) = error else { panic!("{error}") };
                assert!(
                    matches!(blame, PeerMisbehaved::BadMac | PeerMisbehaved::BadPacketLength),
                    "{name}, byte {byte}, bit {bit}: {blame:?}"
                );
            }
        }
    }
}

#[test]
fn a_packet_out_of_place_is_an_error() {
    for (name, suite) in protections().into_iter().skip(1) {
        let (mut sealer, mut opener) = pair(suite.as_ref());
        let _lost = seal(&mut sealer, b"first");
        let second = seal(&mut sealer, b"second");
        error_after(&mut opener, &second);
        let (mut sealer, mut opener) = pair(suite.as_ref());
        let mut first = seal(&mut sealer, b"first");
        let again = first.clone();
        assert!(matches!(opener.open(&mut first, CAPACITY), Ok(Opened::Packet { .. })), "{name}");
        error_after(&mut opener, &again);
    }
}

#[test]
fn rfc4253_s6_1_lengths_that_cannot_be_are_errors_before_their_bytes_are_there() {
    for (name, suite) in protections() {
        let (sealer, _) = pair(suite.as_ref());
        let block = u32::try_from(sealer.protection.block()).unwrap();
        let uncounted = u32::try_from(sealer.protection.unpadded()).unwrap();
        let bytes_of = |blocks: usize| blocks * sealer.protection.block() + sealer.protection.unpadded();
        let fits = |blocks: u32| blocks * block + uncounted - 4;
        let too_long = fits(u32::try_from(MAXIMUM).unwrap() / block + 1);
        for length in [0, 1, 4, 0xffff_ffff, 1 << 31, (1 << 31) - 1, fits(3) + 1, fits(3) - 1, fits(3) + 4, too_long] {
            let (mut sealer, mut opener) = pair(suite.as_ref());
            let packet = forge(&mut sealer, length, 4, bytes_of(4));
            let (error, bytes) = error_after(&mut opener, &packet);
            if is_cbc_and_mac(&opener.protection) {
                assert_eq!(error, Error::PeerMisbehaved(PeerMisbehaved::BadMac));
            } else {
                assert_eq!(error, Error::PeerMisbehaved(PeerMisbehaved::BadPacketLength), "{name}, {length}");
                assert!(bytes <= 16, "{name}, {length}: found out after {bytes} bytes");
            }
        }
    }
}

#[test]
fn rfc4253_s6_padding_below_four_or_beyond_the_packet_is_an_error() {
    for (name, suite) in protections() {
        let (sealer, _) = pair(suite.as_ref());
        // Three blocks, with what does not count.
        let bytes = 3 * sealer.protection.block() + sealer.protection.unpadded();
        let length = bytes - 4;
        for padding in [0, 1, 2, 3, length, length + 1, 255] {
            let (mut sealer, mut opener) = pair(suite.as_ref());
            let padding = u8::try_from(padding).unwrap();
            let mut packet = forge(&mut sealer, u32::try_from(length).unwrap(), padding, bytes);
            let opened = opener.open(&mut packet, CAPACITY);
            assert_eq!(opened, Err(Error::PeerMisbehaved(PeerMisbehaved::BadPadding)), "{name}, padding {padding}");
        }
        // As much as there is room for leaves an empty payload, which is no error here.
        let (mut sealer, mut opener) = pair(suite.as_ref());
        let padding = u8::try_from(length - 1).unwrap();
        let mut packet = forge(&mut sealer, u32::try_from(length).unwrap(), padding, bytes);
        let opened = opener.open(&mut packet, CAPACITY).unwrap();
        assert!(matches!(opened, Opened::Packet { payload, .. } if payload.is_empty()), "{name}");
    }
}

#[test]
fn rfc4253_s6_padding_of_255_bytes_is_read() {
    for (name, suite) in protections() {
        let (mut sealer, mut opener) = pair(suite.as_ref());
        let (block, uncounted) = (sealer.protection.block(), sealer.protection.unpadded());
        let bytes = (260 / block + 2) * block + uncounted;
        let mut packet = forge(&mut sealer, u32::try_from(bytes - 4).unwrap(), 255, bytes);
        let opened = opener.open(&mut packet, CAPACITY).unwrap();
        let Opened::Packet { payload, .. } = opened else { panic!("{name}: {opened:?}") };
        assert_eq!(payload.len(), bytes - 5 - 255);
    }
}

#[test]
fn a_packet_that_can_never_fit_the_input_is_an_error_and_not_a_wait() {
    for (name, suite) in protections() {
        let (mut sealer, mut opener) = pair(suite.as_ref());
        let packet = seal(&mut sealer, &[0; 1000]);
        let mut input = packet[..16].to_vec();
        let opened = opener.open(&mut input, packet.len() - 1);
        if is_cbc_and_mac(&opener.protection) {
            assert_eq!(opened, Ok(Opened::Discard(16)), "{name}");
        } else {
            assert_eq!(opened, Err(Error::PeerMisbehaved(PeerMisbehaved::BadPacketLength)), "{name}");
        }
        let (mut sealer, mut opener) = pair(suite.as_ref());
        let mut packet = seal(&mut sealer, &[0; 1000]);
        let capacity = packet.len();
        assert!(matches!(opener.open(&mut packet, capacity), Ok(Opened::Packet { .. })), "{name}");
    }
}

#[test]
fn cve_2008_5161_under_cbc_every_error_is_the_same_after_the_same_number_of_bytes() {
    for (name, suite) in protections() {
        if !is_cbc_and_mac(&pair(suite.as_ref()).0.protection) {
            continue;
        }
        let mut outcomes = Vec::new();
        for length in [0, 1, 4, 11, 12, 0xffff_ffff, 1 << 31] {
            let (mut sealer, mut opener) = pair(suite.as_ref());
            outcomes.push(error_after(&mut opener, &forge(&mut sealer, length, 4, 64)));
        }
        // The largest packet that is read stands in this list: its last byte is the last byte of any error.
        let largest = (MAXIMUM + 4) / 16 * 16 - 9;
        for payload in [1, 20, 1000, 20_000, largest] {
            let (mut sealer, mut opener) = pair(suite.as_ref());
            let mut packet = seal(&mut sealer, &vec![0; payload]);
            *packet.last_mut().unwrap() ^= 1;
            outcomes.push(error_after(&mut opener, &packet));
        }
        let bytes = 4 + MAXIMUM + pair(suite.as_ref()).0.protection.tag_length();
        let expected = (Error::PeerMisbehaved(PeerMisbehaved::BadMac), bytes);
        assert!(outcomes.iter().all(|outcome| *outcome == expected), "{name}: {outcomes:?}");
    }
}

#[test]
fn rfc4253_s6_4_sequence_numbers_wrap_to_zero() {
    for (name, suite) in protections() {
        let (mut sealer, mut opener) = pair(suite.as_ref());
        (sealer.sequence, opener.sequence) = (u32::MAX, u32::MAX);
        for expected in [u32::MAX, 0, 1] {
            let mut packet = seal(&mut sealer, b"payload");
            let opened = opener.open(&mut packet, CAPACITY);
            assert!(matches!(opened, Ok(Opened::Packet { sequence, .. }) if sequence == expected), "{name}");
        }
    }
}
