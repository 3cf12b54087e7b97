//! Strict key exchange (`kex-strict-{c,s}-v00@openssh.com`): the answer to the Terrapin attack, CVE-2023-48795.

mod pair;
mod peer;

use pair::messages::service;
use pair::{Pair, Setup};
use peer::{Bench, Offer, Plays};
use ssh_proto::crypto::CryptoProvider;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::error::{PeerIncompatible, PeerMisbehaved};
use ssh_proto::wire::{Put, number};
use ssh_proto::{Error, KexStrictness, StrictPolicy};

const BOTH: [Plays; 2] = [Plays::Client, Plays::Server];

/// IGNORE, DEBUG and UNIMPLEMENTED: legal in any key exchange but a strict first one.
fn small_messages() -> [Vec<u8>; 3] {
    let mut ignore = vec![number::IGNORE];
    ignore.put_string(b"anything");
    let mut debug = vec![number::DEBUG, 0];
    debug.put_string(b"hello");
    debug.put_string(b"");
    let mut unimplemented = vec![number::UNIMPLEMENTED];
    unimplemented.put_u32(0);
    [ignore, debug, unimplemented]
}

/// Where in the first key exchange a message is put in: before which of the peer's own messages.
const PLACES: [&str; 3] = ["KEXINIT", "the public value", "NEWKEYS"];

/// A first key exchange with `message` in the `place`.
fn exchange_with(plays: Plays, strict: bool, place: usize, message: &[u8]) -> Bench {
    let mut bench = Bench::with(plays, Offer { strict, ..Offer::default() });
    let line = bench.peer.line();
    bench.bytes(&line);
    for step in 0..3 {
        if step == place {
            bench.send(message);
        }
        if bench.error.is_some() {
            return bench;
        }
        match step {
            0 => bench.send_kexinit(),
            1 => bench.send_public_value(),
            _ => bench.send_newkeys(),
        }
    }
    bench
}

#[test]
fn strict_kex_refuses_ignore_debug_and_unimplemented_in_the_first_exchange() {
    for plays in BOTH {
        for (place, before) in PLACES.iter().enumerate() {
            for message in small_messages() {
                let bench = exchange_with(plays, true, place, &message);
                let what = format!("{plays:?} sends {} before {before}", message[0]);
                let Some(Error::PeerMisbehaved(PeerMisbehaved::StrictKeyExchange(number, _))) = bench.error else {
                    panic!("{what}: {:?}", bench.error)
                };
                // What came before KEXINIT is found out when KEXINIT is not the first packet.
                assert_eq!(number.0, if place == 0 { number::KEXINIT } else { message[0] }, "{what}");
                assert_eq!(bench.disconnect_reason(), Some(2), "{what}");
            }
        }
    }
}

#[test]
fn rfc4253_s11_2_without_strict_kex_they_are_ignored_everywhere() {
    for plays in BOTH {
        for (place, before) in PLACES.iter().enumerate() {
            for message in small_messages() {
                let mut bench = exchange_with(plays, false, place, &message);
                assert_eq!(bench.error, None, "{plays:?} sends {} before {before}", message[0]);
                bench.take();
                bench.send(&[200]);
                let numbers = bench.take_numbers();
                // The keys work: a number of 80 and above before login ends the connection, and nothing else does.
                assert_eq!(numbers, [number::DISCONNECT]);
            }
        }
    }
}

#[test]
fn strict_kex_is_in_force_only_where_both_sides_offer_it() {
    for plays in BOTH {
        for strict in [true, false] {
            let mut bench = Bench::with(plays, Offer { strict, ..Offer::default() }).logged_in();
            let expected = if strict { KexStrictness::Strict } else { KexStrictness::Plain };
            let negotiated = match plays {
                Plays::Client => bench.server_end().connection.negotiated().cloned(),
                Plays::Server => bench.client_end().connection.negotiated().cloned(),
            };
            assert_eq!(negotiated.unwrap().strictness, expected);
        }
    }
}

#[test]
fn a_configuration_that_requires_it_refuses_a_peer_without() {
    let refused = Some(Error::PeerIncompatible(PeerIncompatible::NoStrictKeyExchange));
    let offer = Offer { strict: false, ..Offer::default() };
    let mut setup = Setup::default();
    (setup.server.strict, setup.client.strict) = (StrictPolicy::Require, StrictPolicy::Require);
    let mut server = Bench::server(setup.server.clone(), offer.clone());
    let mut client = Bench::client(setup.client.clone(), offer);
    for bench in [&mut server, &mut client] {
        bench.greet();
        assert_eq!((&bench.error, bench.disconnect_reason()), (&refused, Some(3)));
    }
    assert!(Pair::connect(setup).is_ok());
}

#[test]
fn terrapin_the_first_packet_after_newkeys_cannot_be_cut_out() {
    // The attacker lets one packet of each side vanish that nobody would miss: EXT_INFO.
    for cipher in ["chacha20-poly1305@openssh.com", "aes128-cbc", "aes256-gcm@openssh.com"] {
        for plays in BOTH {
            let mac = "hmac-sha2-256-etm@openssh.com";
            let offer = Offer { cipher: cipher.into(), mac: mac.into(), ..Offer::default() };
            let mut bench = Bench::with(plays, offer).with_keys();
            let mut ignore = vec![number::IGNORE];
            ignore.put_string(b"");
            let _cut_out = bench.peer.seal(&ignore);
            bench.send(&ignore);
            // chacha20-poly1305 decrypts the length by the sequence number: it may show there.
            let noticed = [PeerMisbehaved::BadMac, PeerMisbehaved::BadPacketLength].map(Error::PeerMisbehaved);
            assert!(bench.error.as_ref().is_some_and(|error| noticed.contains(error)), "{cipher} {plays:?}");
        }
    }
}

#[test]
fn terrapin_a_packet_put_in_does_not_make_room_for_one_cut_out() {
    // Without strict key exchange this is the attack: one IGNORE more before NEWKEYS, one packet less after it. The
    // sequence numbers fit again, and a cipher that has no other state does not notice.
    let ignore = &small_messages()[0];
    for (strict, noticed) in [(false, false), (true, true)] {
        let cipher = "chacha20-poly1305@openssh.com".into();
        let mut bench = Bench::with(Plays::Client, Offer { strict, cipher, ..Offer::default() });
        bench.greet();
        // The attacker's packet: the client does not know that it was sent.
        let number = bench.peer.sequence;
        bench.send(ignore);
        bench.peer.sequence = number;
        if bench.error.is_none() {
            bench.send_public_value();
            bench.send_newkeys();
            let _cut_out = bench.peer.seal(ignore);
            bench.send(&service(number::SERVICE_REQUEST, "ssh-userauth"));
        }
        assert_eq!(bench.error.is_some(), noticed);
    }
}

#[test]
fn strict_kex_restarts_sequence_numbers_at_every_newkeys_and_plain_kex_never_does() {
    // The peer checks every MAC and tag by its own count.
    for cipher in PROVIDER.ciphers() {
        for strict in [true, false] {
            for plays in BOTH {
                let offer = Offer { strict, cipher: cipher.name.into(), ..Offer::default() };
                let mut bench = Bench::with(plays, offer).logged_in();
                for _ in 0..3 {
                    bench.exchange_keys();
                    assert_eq!(bench.error, None);
                    assert!(bench.take_numbers().ends_with(&[number::NEWKEYS]));
                    bench.send(&[200]);
                    let unimplemented = bench.take().pop().unwrap();
                    let sequence = u32::from_be_bytes(unimplemented[1..].try_into().unwrap());
                    assert_eq!((unimplemented[0], sequence), (number::UNIMPLEMENTED, bench.peer.sequence - 1));
                    assert_eq!(sequence == 0, strict);
                }
            }
        }
    }
}

#[test]
fn markers_in_later_kexinits_change_nothing() {
    for plays in BOTH {
        for strict in [true, false] {
            let mut bench = Bench::with(plays, Offer { strict, ..Offer::default() }).logged_in();
            let marker =
                if plays == Plays::Client { "kex-strict-c-v00@openssh.com" } else { "kex-strict-s-v00@openssh.com" };
            bench.peer.offer.kex = format!("{},{marker}", bench.peer.offer.kex);
            bench.exchange_keys();
            bench.send(&[200]);
            let unimplemented = bench.take().pop().unwrap();
            assert_eq!(unimplemented[4] == 0, strict);
            // IGNORE in a later exchange is as legal as ever.
            bench.send_kexinit();
            bench.send(&small_messages()[0]);
            bench.send_public_value();
            bench.send_newkeys();
            assert_eq!(bench.error, None);
        }
    }
}

#[test]
fn our_markers_stand_in_the_first_kexinit_alone() {
    for plays in BOTH {
        let mut bench = Bench::with(plays, Offer::default());
        let first = String::from_utf8_lossy(&bench.take().remove(0)).into_owned();
        let (strict, ext_info) = match plays {
            Plays::Client => ("kex-strict-s-v00@openssh.com", "ext-info-s"),
            Plays::Server => ("kex-strict-c-v00@openssh.com", "ext-info-c"),
        };
        assert!(first.contains(strict) && first.contains(ext_info), "{first}");
        let mut bench = bench.logged_in();
        bench.exchange_keys();
        let later = bench.take().into_iter().find(|payload| payload[0] == number::KEXINIT).unwrap();
        let later = String::from_utf8_lossy(&later).into_owned();
        assert!(!later.contains("kex-strict") && !later.contains("ext-info"), "{later}");
    }
}

#[test]
fn rfc4253_s7_1_a_second_kexinit_ends_the_connection() {
    for plays in BOTH {
        for strict in [true, false] {
            let mut bench = Bench::with(plays, Offer { strict, ..Offer::default() });
            bench.greet();
            bench.send_kexinit();
            let Some(Error::PeerMisbehaved(PeerMisbehaved::UnexpectedMessage(number))) = bench.error else {
                panic!("{:?}", bench.error)
            };
            assert_eq!(number.0, number::KEXINIT);
        }
    }
}

#[test]
fn rfc4253_s7_3_newkeys_too_early_or_twice_ends_the_connection() {
    for plays in BOTH {
        for strict in [true, false] {
            let unexpected = |bench: &Bench| {
                let Some(Error::PeerMisbehaved(PeerMisbehaved::UnexpectedMessage(number))) = bench.error else {
                    panic!("{:?}", bench.error)
                };
                assert_eq!(number.0, number::NEWKEYS);
            };
            let new = || Bench::with(plays, Offer { strict, ..Offer::default() });
            let mut before_kexinit = new();
            let line = before_kexinit.peer.line();
            before_kexinit.bytes(&line);
            before_kexinit.send(&[number::NEWKEYS]);
            unexpected(&before_kexinit);
            let mut right_after_kexinit = new();
            right_after_kexinit.greet();
            right_after_kexinit.send(&[number::NEWKEYS]);
            unexpected(&right_after_kexinit);
            let mut twice = new().with_keys();
            twice.send(&[number::NEWKEYS]);
            unexpected(&twice);
        }
    }
}

#[test]
fn newkeys_with_a_body_is_no_newkeys() {
    for plays in BOTH {
        let mut bench = Bench::with(plays, Offer::default());
        bench.greet();
        bench.send_public_value();
        bench.send(&[number::NEWKEYS, 0]);
        assert!(matches!(bench.error, Some(Error::PeerMisbehaved(_))), "{:?}", bench.error);
    }
}
