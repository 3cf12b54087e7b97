use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use rand_core::CryptoRng;
use sha2::Digest;
use zeroize::Zeroizing;

use super::curve25519;
use crate::crypto::{BadPublicValue, Initiated, KeyAgreement, Responded, SharedSecret};

/// A key encapsulation that is thought to withstand quantum computers, by its secret keys.
pub(super) trait Kem: Sized + Send + 'static {
    /// What makes one secret of the two.
    type Hash: Digest;

    /// A new key, and its public key.
    fn generate(rng: &mut dyn CryptoRng) -> (Self, Vec<u8>);

    /// A ciphertext for the owner of `public`, and the key that it will find in it.
    fn encapsulate(public: &[u8], rng: &mut dyn CryptoRng) -> Result<(Vec<u8>, Zeroizing<[u8; 32]>), BadPublicValue>;

    /// The key in a ciphertext. Of any of the right length something comes out; what was not made with our public key gives
    /// a key that nobody else has.
    fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<[u8; 32]>, BadPublicValue>;
}

/// `K` beside X25519: whoever wants the secret must break both.
///
/// ```text
/// C_INIT  = public key of K || X25519 public key (32 bytes)
/// S_REPLY = ciphertext of K || X25519 public key (32)
/// K       = HASH(K_PQ || K_CL), hashed as a string
/// ```
pub(super) struct Hybrid<K>(PhantomData<fn() -> K>);

impl<K> Hybrid<K> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<K: Kem> KeyAgreement for Hybrid<K> {
    fn initiate(&self, rng: &mut dyn CryptoRng) -> Box<dyn Initiated> {
        let curve = curve25519::EphemeralKey::new(rng);
        let (lattice, mut public) = K::generate(rng);
        public.extend_from_slice(curve.public());
        Box::new(EphemeralKey { lattice, curve, public })
    }

    fn respond(&self, init: &[u8], rng: &mut dyn CryptoRng) -> Result<Responded, BadPublicValue> {
        let (lattice, peer) = split(init)?;
        let curve = curve25519::EphemeralKey::new(rng);
        let curve_public = *curve.public();
        let classical = curve.agree(peer)?;
        let (mut public, key) = K::encapsulate(lattice, rng)?;
        public.extend_from_slice(&curve_public);
        Ok(Responded::new(public, combine::<K>(&key, &classical)))
    }
}

impl<K> fmt::Debug for Hybrid<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hybrid({})", core::any::type_name::<K>())
    }
}

struct EphemeralKey<K> {
    lattice: K,
    curve: curve25519::EphemeralKey,
    public: Vec<u8>,
}

impl<K: Kem> Initiated for EphemeralKey<K> {
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        let Self { lattice, curve, .. } = *self;
        let (ciphertext, peer) = split(reply)?;
        let classical = curve.agree(peer)?;
        let key = lattice.decapsulate(ciphertext)?;
        Ok(combine::<K>(&key, &classical))
    }
}

impl<K> fmt::Debug for EphemeralKey<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey([redacted])")
    }
}

/// What is before the X25519 public key, and that key.
fn split(value: &[u8]) -> Result<(&[u8], &[u8]), BadPublicValue> {
    let end = value.len().checked_sub(curve25519::LENGTH).ok_or(BadPublicValue)?;
    value.split_at_checked(end).ok_or(BadPublicValue)
}

fn combine<K: Kem>(post_quantum: &[u8; 32], classical: &[u8]) -> SharedSecret {
    let hash = K::Hash::new_with_prefix(post_quantum).chain_update(classical);
    SharedSecret::String(Zeroizing::new(hash.finalize().to_vec()))
}
