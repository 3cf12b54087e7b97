//! The first key exchange, RFC 4253 §7 and §8: what is negotiated, what a guess is worth, and what a peer can get wrong.

mod pair;
mod peer;

use pair::messages::service;
use pair::{Setup, ed25519_key, rsa_key};
use peer::{Bench, Machine, Offer, Plays};
use rand_chacha::rand_core::SeedableRng;
use ssh_proto::client;
use ssh_proto::crypto::rustcrypto::{PROVIDER, rows};
use ssh_proto::error::{AlgorithmKind, PeerIncompatible, PeerMisbehaved};
use ssh_proto::wire::{Put, Reader, number};
use ssh_proto::{Error, server};

const BOTH: [Plays; 2] = [Plays::Client, Plays::Server];

fn misbehaved(bench: &Bench) -> PeerMisbehaved {
    match bench.error {
        Some(Error::PeerMisbehaved(blame)) => blame,
        ref other => panic!("{other:?}"),
    }
}

// ---- guesses ---------------------------------------------------------------------------------------------------------

/// An offer that says that a guess follows.
fn guess(kex: &str, host_key: &str) -> Offer {
    let (kex, host_key) = (kex.into(), host_key.into());
    Offer { kex, host_key, first_kex_packet_follows: true, ..Offer::default() }
}

/// What our server offers first: `mlkem768x25519-sha256` and `ssh-ed25519`.
const RIGHT: (&str, &str) = ("mlkem768x25519-sha256,curve25519-sha256", "ssh-ed25519");
const WRONG: [(&str, &str); 4] = [
    ("diffie-hellman-group-exchange-sha256,mlkem768x25519-sha256", "ssh-ed25519"),
    ("diffie-hellman-group14-sha256,curve25519-sha256", "ssh-ed25519"),
    ("mlkem768x25519-sha256", "ssh-dss,ssh-ed25519"),
    ("kex@example.com,mlkem768x25519-sha256", "ssh-ed25519"),
];

#[test]
fn rfc4253_s7_a_right_guess_in_the_same_write_is_used() {
    for strict in [true, false] {
        let mut bench = Bench::server(Setup::default().server, Offer { strict, ..guess(RIGHT.0, RIGHT.1) });
        let line = bench.peer.line();
        let kexinit = bench.peer.kexinit();
        let write = [line, bench.peer.seal(&kexinit)].concat();
        let init = bench.peer.kexdh_init();
        let guessed = bench.peer.seal(&init);
        bench.bytes(&[write, guessed].concat());
        bench.send_newkeys();
        assert_eq!(bench.error, None);
    }
}

#[test]
fn rfc4253_s7_a_wrong_guess_is_dropped_and_the_exchange_goes_on() {
    for strict in [true, false] {
        for (kex, host_key) in WRONG {
            // Whatever was guessed: a value of another method, an empty one, a message of another number.
            for guessed in [vec![number::KEXDH_INIT, 0, 0, 0, 1, 2], vec![number::KEXDH_INIT], vec![34, 1, 2, 3]] {
                let mut bench = Bench::server(Setup::default().server, Offer { strict, ..guess(kex, host_key) });
                bench.greet();
                bench.take();
                bench.send(&guessed);
                assert_eq!((bench.error.clone(), bench.take()), (None, vec![]), "{kex} {host_key}");
                bench.send_public_value();
                bench.send_newkeys();
                assert_eq!(bench.error, None);
            }
        }
    }
}

#[test]
fn rfc4253_s7_one_guess_is_dropped_and_no_more() {
    let mut bench = Bench::server(Setup::default().server, guess(WRONG[1].0, WRONG[1].1));
    bench.greet();
    bench.send(&[number::KEXDH_INIT]);
    bench.send(&[number::KEXDH_INIT]);
    assert!(matches!(bench.error, Some(Error::InvalidMessage(..))));
}

#[test]
fn cve_2025_8277_guesses_in_every_re_exchange_leave_nothing_behind() {
    let mut bench = Bench::server(Setup::default().server, guess(WRONG[1].0, WRONG[1].1));
    bench.greet();
    bench.send(&[number::KEXDH_INIT]);
    bench.send_public_value();
    bench.send_newkeys();
    bench.send(&service(number::SERVICE_REQUEST, "ssh-userauth"));
    let signed = bench.signed_request("alice");
    bench.send(&signed);
    for _ in 0..50 {
        bench.send_kexinit();
        bench.send(&[number::KEXDH_INIT]);
        bench.send_public_value();
        bench.send_newkeys();
        assert_eq!(bench.error, None);
    }
    let size = format!("{:?}", bench.server_end().connection).len();
    assert!(size < 5000, "{size}");
}

#[test]
fn a_server_that_announces_a_guess_has_its_first_message_dropped_when_it_is_wrong() {
    for (kex, host_key) in [WRONG[1], ("diffie-hellman-group-exchange-sha256", "ssh-ed25519")] {
        let mut bench = Bench::client(Setup::default().client, guess(kex, host_key));
        bench.greet();
        bench.send(&[number::KEXDH_REPLY, 1, 2, 3]);
        bench.send_public_value();
        bench.send_newkeys();
        assert_eq!(bench.error, None);
    }
}

// ---- negotiation -----------------------------------------------------------------------------------------------------

#[test]
fn rfc4253_s7_1_without_a_common_algorithm_the_connection_ends() {
    type Change = fn(&mut Offer);
    let kinds: [(Change, &[AlgorithmKind]); 5] = [
        (|offer| offer.kex = "unknown@example.com".into(), &[AlgorithmKind::KeyExchange]),
        (|offer| offer.host_key = "unknown@example.com".into(), &[AlgorithmKind::HostKey]),
        (|offer| offer.cipher = "AES128-CTR".into(), &[AlgorithmKind::CipherClientToServer]),
        (|offer| offer.mac = "".into(), &[AlgorithmKind::MacClientToServer]),
        (|offer| offer.compression = "zlib".into(), &[AlgorithmKind::CompressionClientToServer]),
    ];
    for plays in BOTH {
        for (change, kind) in kinds {
            let mut offer = Offer::default();
            change(&mut offer);
            let mut bench = Bench::with(plays, offer);
            bench.greet();
            assert_eq!(bench.error, Some(Error::PeerIncompatible(PeerIncompatible::NoCommonAlgorithm(kind[0]))));
            assert_eq!(bench.disconnect_reason(), Some(3), "SSH_DISCONNECT_KEY_EXCHANGE_FAILED");
        }
    }
}

#[test]
fn a_method_for_clients_alone_is_never_offered_by_a_server() {
    let offer = Offer { kex: "diffie-hellman-group14-sha1".into(), ..Offer::default() };
    let for_clients = vec![rows::DIFFIE_HELLMAN_GROUP14_SHA1.client_only()];
    // A server takes part when it has the method for both roles, and a client always.
    for (kex, error) in [
        (
            [vec![rows::CURVE25519_SHA256], for_clients.clone()].concat(),
            Some(Error::PeerIncompatible(PeerIncompatible::NoCommonAlgorithm(AlgorithmKind::KeyExchange))),
        ),
        (vec![rows::DIFFIE_HELLMAN_GROUP14_SHA1], None),
    ] {
        let mut config = Setup::default().server;
        config.algorithms.kex = kex;
        let mut bench = Bench::server(config, offer.clone());
        bench.greet();
        assert_eq!(bench.error, error);
    }
    let mut config = Setup::default().client;
    config.algorithms.kex = for_clients;
    let mut bench = Bench::client(config, offer);
    bench.greet();
    bench.send_public_value();
    bench.send_newkeys();
    assert_eq!(bench.error, None);
}

#[test]
fn rfc8308_s2_2_markers_are_no_methods() {
    for plays in BOTH {
        for marker in ["ext-info-c", "ext-info-s", "kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com"] {
            let mut bench = Bench::with(plays, Offer { kex: marker.into(), ..Offer::default() });
            bench.greet();
            let none = PeerIncompatible::NoCommonAlgorithm(AlgorithmKind::KeyExchange);
            assert_eq!(bench.error, Some(Error::PeerIncompatible(none)), "{marker}");
        }
    }
}

#[test]
fn rfc4253_s7_1_unknown_names_empty_ones_and_long_lists_are_skipped() {
    let long = "x".repeat(64);
    let longer = "y".repeat(65);
    let many = (0..2500).map(|n| format!("n{n}@x.org")).collect::<Vec<_>>().join(",");
    for plays in BOTH {
        for prefix in [&format!("unknown,{long},a@b,"), &format!("{longer},"), ",", ",,", &format!("{many},")] {
            let mut offer = Offer::default();
            offer.kex = format!("{prefix}{}", offer.kex);
            let bench = Bench::with(plays, offer).with_keys();
            assert_eq!(bench.error, None);
        }
    }
}

#[test]
fn openssh_1_6_with_gcm_the_lists_of_macs_are_not_looked_at() {
    for cipher in ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"] {
        for plays in BOTH {
            let offer = Offer { cipher: cipher.into(), mac: "unknown".into(), ..Offer::default() };
            Bench::with(plays, offer).logged_in();
        }
    }
}

#[test]
fn rfc4253_s7_1_what_is_reserved_is_not_ours_to_refuse() {
    for plays in BOTH {
        Bench::with(plays, Offer { reserved: 1, ..Offer::default() }).logged_in();
    }
}

#[test]
fn rfc4253_s4_2_identifications_with_comments_spaces_and_lf_alone_enter_the_exchange_hash_as_they_are() {
    for plays in BOTH {
        for line in ["SSH-2.0-x", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3  two  spaces ", "SSH-1.99-old"] {
            for end in ["\r\n", "\n"] {
                let mut bench = Bench::with(plays, Offer::default());
                bench.peer.identification = line.into();
                let whole = format!("{line}{end}");
                for byte in whole.bytes() {
                    bench.bytes(&[byte]);
                }
                bench.send_kexinit();
                bench.send_public_value();
                bench.send_newkeys();
                assert_eq!(bench.error, None, "{line:?}");
            }
        }
    }
}

#[test]
fn rfc4253_s4_2_our_identification_is_one_line_with_cr_lf_whatever_the_software_is_called() {
    for software in ["x", "with comments", "line\r\nbreak\0", &"long".repeat(100)] {
        let mut config = Setup::default().client;
        config.software = software.into();
        let bench = Bench::client(config, Offer::default());
        let line = bench.peer.their_identification.clone().unwrap();
        assert!(line.starts_with(b"SSH-2.0-") && line.len() <= 253);
        assert!(line.iter().all(|byte| (0x20..0x7f).contains(byte)), "{line:?}");
    }
}

#[test]
fn the_servers_lines_before_its_identification_are_told() {
    let mut bench = Bench::client(Setup::default().client, Offer::default());
    bench.bytes(b"Welcome \x1b[2Jto\r\n\r\nSSH is here\r\n");
    let line = bench.peer.line();
    bench.bytes(&line);
    let told = format!("{:?}", bench.notices);
    assert!(told.contains("Welcome [2Jto") && told.contains("SSH is here"), "{told}");
    bench.send_kexinit();
    assert_eq!(bench.error, None);
}

// ---- groups that are chosen for each exchange ---------------------------------------------------------------------------

const GROUP_EXCHANGE: &str = "diffie-hellman-group-exchange-sha256";

fn group_exchange() -> Offer {
    Offer { kex: GROUP_EXCHANGE.into(), ..Offer::default() }
}

/// A request as a client sends it: minimum, preferred, maximum.
fn request(sizes: [u32; 3]) -> Vec<u8> {
    let mut request = vec![number::KEX_DH_GEX_REQUEST];
    sizes.into_iter().for_each(|size| request.put_u32(size));
    request
}

/// A server of ours that got this message for a request.
fn server_asked(request: &[u8]) -> Bench {
    let mut bench = Bench::server(Setup::default().server, group_exchange());
    bench.greet();
    bench.take();
    bench.send(request);
    bench
}

/// A client of ours that got this group.
fn client_given(p: &[u8], g: &[u8]) -> Bench {
    let mut bench = Bench::client(Setup::default().client, group_exchange());
    bench.greet();
    bench.take();
    let mut group = vec![number::KEX_DH_GEX_GROUP];
    group.put_mpint(p);
    group.put_mpint(g);
    bench.send(&group);
    bench
}

/// The p of RFC 3526 with 2048 bits.
fn prime() -> Vec<u8> {
    let group = server_asked(&request([2048; 3])).take().pop().unwrap();
    Reader::new(&group[1..]).mpint("p").unwrap().magnitude().to_vec()
}

#[test]
fn rfc4419_s3_keys_are_exchanged_in_a_group_of_the_servers_choice_and_again_in_another() {
    for plays in BOTH {
        for strict in [true, false] {
            let mut bench = Bench::with(plays, Offer { strict, ..group_exchange() }).logged_in();
            for _ in 0..2 {
                bench.exchange_keys();
                assert_eq!(bench.error, None);
            }
            bench.send(&[200]);
            assert_eq!(bench.take().last().unwrap()[0], number::UNIMPLEMENTED, "the keys work");
        }
    }
}

#[test]
fn rfc4419_s4_1_with_sha1_for_clients_alone() {
    let offer = Offer { kex: "diffie-hellman-group-exchange-sha1".into(), ..Offer::default() };
    Bench::client(Setup::default().client, offer.clone()).logged_in();
    let mut server = Bench::server(Setup::default().server, offer);
    server.greet();
    let none = PeerIncompatible::NoCommonAlgorithm(AlgorithmKind::KeyExchange);
    assert_eq!(server.error, Some(Error::PeerIncompatible(none)));
}

#[test]
fn rfc4419_s5_the_old_request_is_answered_and_hashed_as_it_is() {
    let mut bench = Bench::server(Setup::default().server, group_exchange());
    bench.peer.sizes = None;
    bench.greet();
    bench.send_public_value();
    bench.send_newkeys();
    assert_eq!(bench.error, None);
    bench.send(&[200]);
    // A number of 80 and above before login, under keys that work.
    assert_eq!(bench.disconnect_reason(), Some(2));
}

#[test]
fn rfc8270_s3_a_client_asks_for_2048_to_8192_bits_and_likes_3072() {
    let mut bench = Bench::client(Setup::default().client, group_exchange());
    bench.greet();
    assert_eq!(bench.take().pop(), Some(request([2048, 3072, 8192])));
}

#[test]
fn rfc8270_s3_a_client_refuses_a_group_out_of_bounds() {
    let mut long = vec![0xff; 1025];
    long[0] = 1;
    let mut short = vec![0xff; 256];
    short[0] = 0x7f;
    for (p, bits) in [(vec![], 0), (vec![3], 2), (vec![0xff; 128], 1024), (short, 2047), (long, 8193)] {
        let bench = client_given(&p, &[2]);
        assert_eq!(bench.error, Some(Error::PeerIncompatible(PeerIncompatible::GroupSize(bits))));
        assert_eq!(bench.disconnect_reason(), Some(3), "SSH_DISCONNECT_KEY_EXCHANGE_FAILED");
    }
    for length in [256, 1024] {
        assert_eq!(client_given(&vec![0xff; length], &[2]).error, None);
    }
}

#[test]
fn rfc4419_s3_a_client_refuses_a_group_that_is_none() {
    let p = prime();
    let mut even = p.clone();
    *even.last_mut().unwrap() -= 1;
    let greatest = even.clone();
    for (p, g) in [(&even, &[2][..]), (&p, &[]), (&p, &[1]), (&p, &greatest), (&p, &p), (&p, &[0x7f; 300])] {
        let bench = client_given(p, g);
        assert_eq!(misbehaved(&bench), PeerMisbehaved::BadGroup);
        assert_eq!(bench.disconnect_reason(), Some(3));
    }
    assert_eq!(client_given(&p, &[5]).error, None);
}

#[test]
fn rfc8270_s3_a_server_gives_2048_bits_at_least_and_8192_at_most() {
    let given = |sizes| {
        let mut bench = server_asked(&request(sizes));
        let group = bench.take().pop().unwrap();
        assert_eq!(group[0], number::KEX_DH_GEX_GROUP, "{:?}", bench.error);
        Reader::new(&group[1..]).mpint("p").unwrap().bits()
    };
    assert_eq!(given([1024, 1024, 8192]), 2048);
    assert_eq!(given([1024, 2048, 2048]), 2048);
    assert_eq!(given([1024, 4096, 8192]), 4096);
    assert_eq!(given([0, u32::MAX, u32::MAX]), 8192);
    for sizes in [[512, 1024, 2047], [8193, 8193, 8193], [2049, 2049, 2060]] {
        let bench = server_asked(&request(sizes));
        assert_eq!(bench.error, Some(Error::PeerIncompatible(PeerIncompatible::NoSuchGroup)), "{sizes:?}");
        assert_eq!(bench.disconnect_reason(), Some(3));
    }
}

#[test]
fn rfc4419_s3_a_request_that_contradicts_itself_ends_the_connection() {
    for sizes in [[4096, 2048, 8192], [2048, 8192, 4096], [8192, 4096, 2048]] {
        let bench = server_asked(&request(sizes));
        assert_eq!(misbehaved(&bench), PeerMisbehaved::BadGroupRequest);
        assert_eq!(bench.disconnect_reason(), Some(3));
    }
    let whole = request([2048; 3]);
    let longer = [&whole[..], &[0]].concat();
    for payload in [&whole[..1], &whole[..12], &longer, &[30][..], &[30, 0, 0, 8], &[30, 0, 0, 8, 0, 0]] {
        assert!(matches!(server_asked(payload).error, Some(Error::InvalidMessage(..))), "{payload:?}");
    }
}

#[test]
fn rfc4419_s3_values_out_of_range_end_the_connection_in_every_group() {
    let p = prime();
    let mut greatest = p.clone();
    *greatest.last_mut().unwrap() -= 1;
    for bad in [&[][..], &[1], &greatest, &p, &[0x7f; 1024]] {
        let mut bench = server_asked(&request([2048; 3]));
        let mut init = vec![number::KEX_DH_GEX_INIT];
        init.put_mpint(bad);
        bench.send(&init);
        assert_eq!(misbehaved(&bench), PeerMisbehaved::BadPublicValue);
    }
}

#[test]
fn what_was_asked_for_and_the_group_stand_in_the_exchange_hash() {
    // Somebody on the way asks for less than the client did: the signature shows it.
    let mut client = Bench::client(Setup::default().client, group_exchange());
    client.greet();
    let group = client.peer.gex_group(&request([2048, 2048, 2048]));
    client.send(&group);
    let init = client.last_of(&[number::KEX_DH_GEX_INIT]).unwrap();
    let reply = client.peer.kexdh_reply(&init);
    client.send(&reply);
    assert_eq!(misbehaved(&client), PeerMisbehaved::BadHostSignature);
}

// ---- public values, host keys and signatures -------------------------------------------------------------------------

#[test]
fn rfc8268_s4_and_rfc8731_s3_public_values_that_cannot_be_end_the_connection() {
    let group14 = |value: &[u8]| {
        let mut body = Vec::new();
        body.put_mpint(value);
        body
    };
    let string = |value: &[u8]| {
        let mut body = Vec::new();
        body.put_string(value);
        body
    };
    let dh = "diffie-hellman-group14-sha256";
    let bad = [
        (dh, group14(&[])),
        (dh, group14(&[1])),
        (dh, group14(&[0xff; 256])),
        (dh, group14(&[0xff; 1024])),
        (dh, vec![0, 0, 0, 1, 0x80]),
        (dh, vec![0, 0, 0, 2, 0, 2]),
        ("curve25519-sha256", string(&[0; 32])),
        ("curve25519-sha256", string(&[1; 31])),
        ("curve25519-sha256", string(&[1; 33])),
        ("curve25519-sha256", string(&[])),
        ("curve25519-sha256", string(&[[1].as_slice(), &[0; 31]].concat())),
        ("curve25519-sha256", vec![0, 0, 0, 33]),
    ];
    for (kex, value) in bad {
        let offer = Offer { kex: kex.into(), ..Offer::default() };
        let mut server = Bench::with(Plays::Client, offer.clone());
        server.greet();
        server.send(&[&[number::KEXDH_INIT], &value[..]].concat());
        // A client gets it in a reply that is right in all else.
        let mut client = Bench::with(Plays::Server, offer);
        client.greet();
        let init = client.take().pop().unwrap();
        let reply = client.peer.kexdh_reply(&init);
        let mut reader = Reader::new(&reply[1..]);
        let host_key = reader.string("K_S").unwrap().to_vec();
        reader.string("f").unwrap();
        let mut forged = vec![number::KEXDH_REPLY];
        forged.put_string(&host_key);
        forged.put_bytes(&value);
        forged.put_bytes(reader.rest());
        client.send(&forged);
        for bench in [server, client] {
            let reason = bench.disconnect_reason();
            match bench.error {
                Some(Error::PeerMisbehaved(PeerMisbehaved::BadPublicValue)) => assert_eq!(reason, Some(3)),
                Some(Error::InvalidMessage(..)) => assert_eq!(reason, Some(2)),
                error => panic!("{kex} {value:02x?}: {error:?}"),
            }
        }
    }
}

/// A client that got a reply whose parts `change` has changed: host key and signature.
fn client_with_reply(offer: Offer, change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) -> Bench {
    let mut bench = Bench::client(Setup::default().client, offer);
    if bench.peer.offer.host_key.starts_with("rsa") {
        bench.peer.host_key = rsa_key();
    }
    bench.greet();
    let init = bench.take().pop().unwrap();
    let reply = bench.peer.kexdh_reply(&init);
    let mut reader = Reader::new(&reply[1..]);
    let mut host_key = reader.string("K_S").unwrap().to_vec();
    let value = reader.string("f").unwrap().to_vec();
    let mut signature = reader.string("signature").unwrap().to_vec();
    change(&mut host_key, &mut signature);
    let mut forged = vec![number::KEXDH_REPLY];
    for part in [host_key, value, signature] {
        forged.put_string(&part);
    }
    bench.take();
    bench.send(&forged);
    bench
}

#[test]
fn rfc4253_s8_a_signature_that_is_not_the_host_keys_ends_the_connection_before_any_secret() {
    let ed25519 = || Offer::default();
    let cases: [(&str, Bench); 5] = [
        ("a flipped bit", client_with_reply(ed25519(), |_, signature| *signature.last_mut().unwrap() ^= 1)),
        ("another key", client_with_reply(ed25519(), |key, _| *key = ed25519_key(9).public().blob().to_vec())),
        (
            "no signature",
            client_with_reply(ed25519(), |_, signature| {
                signature.clear();
                signature.put_string(b"ssh-ed25519");
                signature.put_string(b"");
            }),
        ),
        ("another name", client_with_reply(ed25519(), |_, signature| signature[4..15].copy_from_slice(b"ssh-ed25518"))),
        // RFC 8332 s3.1: a downgrade to SHA-1 inside the signature.
        ("ssh-rsa within rsa-sha2-512", {
            client_with_reply(Offer { host_key: "rsa-sha2-512".into(), ..Offer::default() }, |_, signature| {
                let blob = Reader::new(&signature[16..]).string("blob").unwrap().to_vec();
                signature.clear();
                signature.put_string(b"ssh-rsa");
                signature.put_string(&blob);
            })
        }),
    ];
    for (what, bench) in cases {
        assert_eq!(misbehaved(&bench), PeerMisbehaved::BadHostSignature, "{what}");
        assert_eq!(bench.disconnect_reason(), Some(9), "{what}");
        assert_eq!(bench.got.len(), 1, "{what}: DISCONNECT and nothing else");
    }
}

#[test]
fn rfc4253_s8_a_host_key_of_another_type_than_negotiated_ends_the_connection() {
    let bench = client_with_reply(Offer::default(), |key, _| *key = rsa_key().public().blob().to_vec());
    assert_eq!(misbehaved(&bench), PeerMisbehaved::WrongHostKeyType);
    assert_eq!(bench.disconnect_reason(), Some(3));
}

#[test]
fn rfc8709_s4_a_host_key_of_a_wrong_length_is_an_error() {
    for length in [0, 31, 33, 1000] {
        let bench = client_with_reply(Offer::default(), |key, _| {
            key.clear();
            key.put_string(b"ssh-ed25519");
            key.put_string(&vec![1; length]);
        });
        assert!(matches!(bench.error, Some(Error::InvalidMessage(..))), "CVE-2020-9283");
    }
}

#[test]
fn rfc4253_s8_a_refused_host_key_ends_the_connection_before_any_secret() {
    let mut bench = Bench::with(Plays::Server, Offer::default());
    bench.slow = true;
    bench.greet();
    bench.send_public_value();
    bench.take();
    let Machine::Client(client::Step::HostKey(verify)) = std::mem::replace(&mut bench.machine, Machine::Ended) else {
        panic!("a question about the host key")
    };
    assert_eq!(verify.key(), ed25519_key(1).public());
    let mut out = Vec::new();
    assert_eq!(verify.reject(&mut out), Error::HostKeyRefused);
    bench.gather(&out);
    assert_eq!((bench.disconnect_reason(), bench.got.len()), (Some(9), 1));
}

#[test]
fn a_signer_that_cannot_ends_the_connection() {
    let mut bench = Bench::with(Plays::Client, Offer::default());
    bench.slow = true;
    bench.greet();
    bench.send_public_value();
    let Machine::Server(server::Step::Sign(sign)) = std::mem::replace(&mut bench.machine, Machine::Ended) else {
        panic!("a question for the signer")
    };
    let mut out = Vec::new();
    assert_eq!(sign.fail(&mut out), Error::SigningFailed);
    bench.gather(&out);
    assert_eq!(bench.disconnect_reason(), Some(11));
}

#[test]
fn a_configuration_that_offers_nothing_of_a_kind_does_not_start() {
    let misuse = |error| assert!(matches!(error, Error::ApiMisuse(_)), "{error:?}");
    let setup = Setup::default();
    let (rng, now) = (|| pair::rng(1), ssh_proto::time::Instant::default());
    let start_client = |config: client::Config| client::start(&config.into(), rng(), now, &mut Vec::new());
    let start_server = |config: server::Config| server::start(&config.into(), rng(), now, &mut Vec::new());
    let mut config = setup.client.clone();
    config.algorithms.kex.clear();
    misuse(start_client(config).unwrap_err());
    let mut config = setup.client.clone();
    config.algorithms.ciphers.clear();
    misuse(start_client(config).unwrap_err());
    // CVE-2022-27191: host keys for which no algorithm is on.
    let mut config = setup.server.clone();
    config.algorithms.select_host_keys(&PROVIDER, "rsa-sha2-256").unwrap();
    misuse(start_server(config).unwrap_err());
    let mut config = setup.server.clone();
    config.host_keys.clear();
    misuse(start_server(config).unwrap_err());
    // A server has none of the key exchange methods for clients alone.
    let mut config = setup.server;
    config.algorithms.kex = vec![rows::CURVE25519_SHA256.client_only()];
    misuse(start_server(config).unwrap_err());
}

#[test]
fn rfc4253_s8_five_hundred_exchanges_meet_leading_zeros_and_high_bits() {
    // K and the public values go through mpints: each 1 in 256 begins with a zero, each 1 in 2 needs one.
    for seed in 0..512 {
        let mut bench = Bench::with(if seed % 2 == 0 { Plays::Client } else { Plays::Server }, Offer::default());
        bench.peer.rng = SeedableRng::seed_from_u64(seed);
        assert_eq!(bench.with_keys().error, None, "{seed}");
    }
}
