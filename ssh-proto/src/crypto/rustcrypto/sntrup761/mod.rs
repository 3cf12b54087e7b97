//! Streamlined NTRU Prime with p = 761, q = 4591, w = 286: a key encapsulation that is thought to withstand quantum
//! computers ([NTRU Prime, round 3](https://ntruprime.cr.yp.to/nist/ntruprime-20201007.pdf), §3;
//! [draft-josefsson-ntruprime-streamlined](https://datatracker.ietf.org/doc/draft-josefsson-ntruprime-streamlined/)).
//!
//! No branch, no index and no division depends on a secret. Keys are used once and never leave memory, so that the
//! encodings of secret keys are left out. `docs/adr/0010-sntrup761-is-written-here.md` says why it is written here.

mod encoding;
mod field;
mod invert;
mod random;
mod ring;

use alloc::vec::Vec;

use encoding::{ROUNDED_LENGTH, RQ_LENGTH, SMALL_LENGTH};
use rand_core::CryptoRng;
use random::WEIGHT;
use ring::{Rq, Small};
use sha2::{Digest, Sha512};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

/// Bytes of a public key.
pub(super) const PUBLIC_KEY: usize = RQ_LENGTH;
/// Bytes of a ciphertext: a rounded polynomial and a hash that confirms it.
pub(super) const CIPHERTEXT: usize = ROUNDED_LENGTH + 32;

/// A secret key, with its public key.
pub(super) struct SecretKey {
    f: Small,
    g_inverse: Small,
    /// What is hashed in place of a plaintext when a ciphertext is wrong.
    rho: Zeroizing<[u8; SMALL_LENGTH]>,
    public: Vec<u8>,
}

impl SecretKey {
    /// A new key.
    pub(super) fn generate(rng: &mut dyn CryptoRng) -> Self {
        let (g, g_inverse) = loop {
            let g = random::small(rng);
            if let Some(inverse) = invert::inverse_modulo_3(&g) {
                break (g, inverse);
            }
        };
        let f = random::short(rng);
        let mut public = Vec::with_capacity(PUBLIC_KEY);
        invert::inverse_of_3_times(&f).times(&g).encode(&mut public);
        let mut rho = Zeroizing::new([0; SMALL_LENGTH]);
        rng.fill_bytes(&mut *rho);
        Self { f, g_inverse, rho, public }
    }

    /// The [`PUBLIC_KEY`] bytes.
    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// The shared key of a ciphertext; of one that is not right, a key that nobody else has, and no sign of it.
    pub(super) fn decapsulate(&self, ciphertext: &[u8; CIPHERTEXT]) -> Zeroizing<[u8; 32]> {
        let error = Rq::decode_rounded(ciphertext.split_at(ROUNDED_LENGTH).0).times(&self.f).scaled(3).modulo_3();
        let mut plaintext = error.times(&self.g_inverse);
        let right = plaintext.weight().ct_eq(&(WEIGHT as u16));
        for (index, coefficient) in plaintext.0.iter_mut().enumerate() {
            coefficient.conditional_assign(&i8::from(index < WEIGHT), !right);
        }
        let (again, inner) = hide(&plaintext, &self.public);
        let right = again.ct_eq(ciphertext);
        let mut hashed = hash(INNER, &[&*self.rho]);
        for (hashed, inner) in hashed.iter_mut().zip(&*inner) {
            hashed.conditional_assign(inner, right);
        }
        hash(u8::conditional_select(&REJECTED, &ACCEPTED, right), &[&*hashed, ciphertext])
    }
}

/// A ciphertext for the owner of `public`, and the key that it will find in it.
pub(super) fn encapsulate(public: &[u8; PUBLIC_KEY], rng: &mut dyn CryptoRng) -> (Vec<u8>, Zeroizing<[u8; 32]>) {
    let (ciphertext, inner) = hide(&random::short(rng), public);
    let key = hash(ACCEPTED, &[&*inner, &ciphertext]);
    (ciphertext, key)
}

/// "Hide": the ciphertext of a plaintext, and the hash of the plaintext.
fn hide(plaintext: &Small, public: &[u8]) -> (Vec<u8>, Zeroizing<[u8; 32]>) {
    let inner = hash(INNER, &[&*Zeroizing::new(plaintext.encode())]);
    let mut ciphertext = Vec::with_capacity(CIPHERTEXT);
    Rq::decode(public).times(plaintext).rounded().encode_rounded(&mut ciphertext);
    let confirmation = hash(CONFIRMATION, &[&*inner, &*hash(PUBLIC, &[public])]);
    ciphertext.extend_from_slice(&*confirmation);
    (ciphertext, inner)
}

/// The first half of SHA-512 of a byte that says what for, and `parts`.
fn hash(purpose: u8, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut state = Sha512::new_with_prefix([purpose]);
    for part in parts {
        state.update(part);
    }
    let mut half = Zeroizing::new([0; 32]);
    for (to, from) in half.iter_mut().zip(state.finalize()) {
        *to = from;
    }
    half
}

const REJECTED: u8 = 0;
const ACCEPTED: u8 = 1;
const CONFIRMATION: u8 = 2;
const INNER: u8 = 3;
const PUBLIC: u8 = 4;
