//! Keys in security keys (FIDO), which say who was there; and keys of types that nobody has thought of yet.

mod pair;
mod peer;

use std::time::Duration;

use pair::messages::public_key_request;
use pair::{Setup, ed25519_key, rng};
use peer::{Bench, Offer, Verdict};
use sha2::{Digest, Sha256};
use ssh_proto::Algorithms;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::crypto::{BadSignature, SignatureMethod, Tier, Verifier};
use ssh_proto::keys::{Curve, Presence, PrivateKey, PublicKey, Signature};
use ssh_proto::server;
use ssh_proto::wire::{InvalidMessage, Put, Reader, number};

const SUCCESS: &[u8] = &[number::USERAUTH_SUCCESS];

/// A security key in software: what OpenSSH's PROTOCOL.u2f says of one.
struct SecurityKey {
    key: PrivateKey,
    public: PublicKey,
}

impl SecurityKey {
    fn new(key: PrivateKey) -> Self {
        let mut fields = Reader::new(key.public().blob());
        let mut blob = Vec::new();
        blob.put_string(format!("sk-{}@openssh.com", fields.utf8("key type").unwrap()).as_bytes());
        blob.put_bytes(fields.rest());
        blob.put_string(b"ssh:");
        let public = PublicKey::from_blob(&blob).unwrap();
        Self { key, public }
    }

    fn both() -> [Self; 2] {
        let ecdsa = PrivateKey::generate_ecdsa(Curve::Nistp256, &mut *rng(7));
        [ed25519_key(7), ecdsa].map(Self::new)
    }

    fn sign(&self, message: &[u8], presence: Presence) -> Signature {
        let mut signed = Sha256::digest(b"ssh:").to_vec();
        signed.put_u8(presence.flags);
        signed.put_u32(presence.counter);
        signed.put_bytes(&Sha256::digest(message));
        let signature = self.key.sign(self.key.algorithms()[0], &signed, &mut *rng(8)).unwrap();
        Signature::new(self.public.key_type(), signature.blob).with_presence(presence)
    }
}

/// A server whose refusals come at once, and a client.
fn server_with(algorithms: Algorithms) -> Bench {
    let mut config = Setup::default().server;
    config.failure_delay = Duration::ZERO;
    config.algorithms = algorithms;
    let mut bench = Bench::server(config, Offer::default()).with_service();
    bench.got.clear();
    bench
}

/// A request to log in by `key`, with the signature of this session that `sign` makes.
fn request(bench: &Bench, key: &PublicKey, sign: impl FnOnce(&[u8]) -> Signature) -> Vec<u8> {
    let mut request = public_key_request("alice", key.key_type(), key.blob(), true);
    let mut data = Vec::new();
    data.put_string(&bench.peer.session_id.clone().unwrap());
    data.put_bytes(&request);
    request.put_nested(|nested| sign(&data).to_wire(nested));
    request
}

fn compatible() -> Algorithms {
    Algorithms::up_to(Tier::Compatible, &PROVIDER)
}

#[test]
fn protocol_u2f_a_touched_key_logs_in_and_says_what_it_said() {
    for key in SecurityKey::both() {
        for flags in [1, 5] {
            let mut bench = server_with(compatible());
            let expected = key.public.clone();
            bench.judge = Box::new(move |attempt| match attempt.method() {
                server::Method::PublicKey(signed) if *signed == expected => {
                    assert_eq!(attempt.presence(), Some(Presence::new(flags, 77)));
                    Verdict::Accept
                }
                other => panic!("{other:?}"),
            });
            let request = request(&bench, &key.public, |data| key.sign(data, Presence::new(flags, 77)));
            bench.send(&request);
            assert_eq!(bench.take(), [SUCCESS]);
        }
    }
}

/// Who matches on `PublicKey` alone keeps it out; who asks for it by its name may let it in.
#[test]
fn protocol_u2f_a_key_that_nobody_touched_is_another_method() {
    for key in SecurityKey::both() {
        for flags in [0, 4, 0xfe] {
            let mut bench = server_with(compatible());
            let expected = key.public.clone();
            let signed = request(&bench, &key.public, |data| key.sign(data, Presence::new(flags, 1)));
            bench.judge = Box::new(|attempt| match attempt.method() {
                server::Method::PublicKey(_) | server::Method::Certificate(_) => Verdict::Accept,
                _ => Verdict::Reject,
            });
            bench.send(&signed);
            assert_eq!(bench.take_numbers(), [number::USERAUTH_FAILURE], "flags {flags}");
            bench.judge = Box::new(move |attempt| match attempt.method() {
                server::Method::Untouched(signed) if *signed == expected => Verdict::Accept,
                other => panic!("{other:?}"),
            });
            bench.send(&signed);
            assert_eq!(bench.take(), [SUCCESS], "flags {flags}");
        }
    }
}

#[test]
fn protocol_u2f_flags_cannot_be_added_changed_or_left_out() {
    for key in SecurityKey::both() {
        let bench = || {
            let mut bench = server_with(compatible());
            bench.judge = Box::new(|attempt| panic!("{attempt:?}"));
            bench
        };
        let untouched = Presence::new(0, 1);
        for claimed in [Some(Presence::new(1, 1)), Some(Presence::new(0, 2)), None] {
            let mut bench = bench();
            let request = request(&bench, &key.public, |data| {
                let mut signature = key.sign(data, untouched);
                signature.presence = claimed;
                signature
            });
            bench.send(&request);
            assert_eq!(bench.take_numbers(), [number::USERAUTH_FAILURE], "{claimed:?}");
        }
        // A plain key that claims to have been touched.
        let mut bench = bench();
        let plain = ed25519_key(2);
        let request = request(&bench, plain.public(), |data| {
            plain.sign("ssh-ed25519", data, &mut *rng(1)).unwrap().with_presence(Presence::new(1, 1))
        });
        bench.send(&request);
        assert_eq!(bench.take_numbers(), [number::USERAUTH_FAILURE]);
    }
}

#[test]
fn no_host_has_a_security_key() {
    let mut algorithms = Algorithms::up_to(Tier::Legacy, &PROVIDER);
    algorithms.offer_host_certificates();
    assert!(algorithms.host_keys.iter().all(|method| !method.name.starts_with("sk-")));
    assert_eq!(algorithms.user_keys.iter().filter(|method| method.name.starts_with("sk-")).count(), 4);
    for name in ["sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com"] {
        assert_eq!(algorithms.select_host_keys(&PROVIDER, name).unwrap_err().name, name);
        algorithms.select_user_keys(&PROVIDER, name).unwrap();
    }
    let names = |tier| {
        let algorithms = Algorithms::up_to(tier, &PROVIDER);
        algorithms.user_keys.iter().any(|method| method.name == "sk-ecdsa-sha2-nistp256@openssh.com")
    };
    assert!(!names(Tier::Default) && names(Tier::Compatible));
}

/// Accepts "signatures" that are the message backwards, by keys whose one field is "toy".
#[derive(Debug)]
struct Backwards;

const TOY: SignatureMethod = SignatureMethod::new("toy@example.com", "toy@example.com", Tier::Default, &Backwards);

impl Verifier for Backwards {
    fn check_key(&self, key_blob: &[u8]) -> Result<(), InvalidMessage> {
        let mut reader = Reader::new(key_blob);
        let (_, key) = (reader.string("key type")?, reader.string("key")?);
        let problem = ssh_proto::wire::Problem::BadValue;
        if key == b"toy" { reader.finish("key") } else { Err(InvalidMessage::new("key", problem)) }
    }

    fn verify(&self, key_blob: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.check_key(key_blob).map_err(|_invalid| BadSignature)?;
        if message.iter().rev().eq(signature) { Ok(()) } else { Err(BadSignature) }
    }
}

/// The tables are open: what `ssh-mldsa44-ed25519@openssh.com` will be, a program can add by itself.
#[test]
fn a_signature_algorithm_of_ones_own_logs_in() {
    let mut blob = Vec::new();
    blob.put_string(b"toy@example.com");
    blob.put_string(b"toy");
    let key = PublicKey::from_blob(&blob).unwrap();
    assert_eq!((key.key_type(), key.bits(), key.is_security_key()), ("toy@example.com", None, false));
    let backwards = |data: &[u8]| Signature::new("toy@example.com", data.iter().rev().copied().collect());
    for (known, by, accepted) in [
        (true, backwards as fn(&[u8]) -> Signature, true),
        (true, |data| Signature::new("toy@example.com", data.to_vec()), false),
        (false, backwards, false),
    ] {
        let mut algorithms = compatible();
        if known {
            algorithms.user_keys.push(TOY);
        }
        let mut bench = server_with(algorithms);
        let expected = key.clone();
        bench.judge = Box::new(move |attempt| match attempt.method() {
            server::Method::PublicKey(signed) if *signed == expected => Verdict::Accept,
            other => panic!("{other:?}"),
        });
        let request = request(&bench, &key, by);
        bench.send(&request);
        let answer = if accepted { number::USERAUTH_SUCCESS } else { number::USERAUTH_FAILURE };
        assert_eq!(bench.take_numbers(), [answer]);
    }
}
