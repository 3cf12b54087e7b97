use alloc::boxed::Box;
use core::fmt;

use rand_core::CryptoRng;
use x25519_dalek::{EphemeralSecret, PublicKey};
use zeroize::Zeroizing;

use crate::crypto::{BadPublicValue, Initiated, KeyAgreement, Responded, SharedSecret};

/// X25519 ([RFC 8731](https://www.rfc-editor.org/rfc/rfc8731)).
#[derive(Debug)]
pub(super) struct X25519;

impl KeyAgreement for X25519 {
    fn initiate(&self, rng: &mut dyn CryptoRng) -> Box<dyn Initiated> {
        Box::new(EphemeralKey::new(rng))
    }

    fn respond(&self, init: &[u8], rng: &mut dyn CryptoRng) -> Result<Responded, BadPublicValue> {
        let key = EphemeralKey::new(rng);
        let public = key.public.as_bytes().to_vec();
        Ok(Responded::new(public, key.agree(init)?))
    }
}

struct EphemeralKey {
    secret: EphemeralSecret,
    public: PublicKey,
}

impl EphemeralKey {
    fn new(rng: &mut dyn CryptoRng) -> Self {
        let secret = EphemeralSecret::random_from_rng(rng);
        let public = PublicKey::from(&secret);
        Self { secret, public }
    }

    /// RFC 8731 §3: "Clients and servers MUST also abort if the length of the received public keys are not the expected
    /// lengths", and "MUST fail the key exchange if this is the all-zero value".
    fn agree(self, peer: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| BadPublicValue)?;
        let secret = self.secret.diffie_hellman(&PublicKey::from(peer));
        if !secret.was_contributory() {
            return Err(BadPublicValue);
        }
        // RFC 8731 §3.1: the 32 bytes X, as RFC 7748 gives them, are taken for a big-endian number.
        Ok(SharedSecret::Mpint(Zeroizing::new(secret.as_bytes().to_vec())))
    }
}

impl Initiated for EphemeralKey {
    fn public(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        self.agree(reply)
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey([redacted])")
    }
}
