use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;
use x25519_dalek::{EphemeralSecret, PublicKey};
use zeroize::Zeroizing;

use crate::crypto::{BadPublicValue, Initiated, KeyAgreement, Responded, SharedSecret};

/// The bytes of a public key.
pub(super) const LENGTH: usize = 32;

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
        Ok(Responded::new(public, key.agree(init).map(SharedSecret::Mpint)?))
    }
}

/// Also the classical half of the hybrids.
pub(super) struct EphemeralKey {
    secret: EphemeralSecret,
    public: PublicKey,
}

impl EphemeralKey {
    pub(super) fn new(rng: &mut dyn CryptoRng) -> Self {
        let secret = EphemeralSecret::random_from_rng(rng);
        let public = PublicKey::from(&secret);
        Self { secret, public }
    }

    pub(super) fn public(&self) -> &[u8; LENGTH] {
        self.public.as_bytes()
    }

    /// RFC 8731 §3: "Clients and servers MUST also abort if the length of the received public keys are not the expected
    /// lengths", and they "MUST check whether the computed Diffie-Hellman shared secret is the all-zero value and abort
    /// if so".
    pub(super) fn agree(self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, BadPublicValue> {
        let peer: [u8; LENGTH] = peer.try_into().map_err(|_| BadPublicValue)?;
        let secret = self.secret.diffie_hellman(&PublicKey::from(peer));
        if !secret.was_contributory() {
            return Err(BadPublicValue);
        }
        Ok(Zeroizing::new(secret.as_bytes().to_vec()))
    }
}

impl Initiated for EphemeralKey {
    fn public(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        // RFC 8731 §3.1: the 32 bytes X, as RFC 7748 gives them, are taken for a big-endian number.
        self.agree(reply).map(SharedSecret::Mpint)
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use vectors::{Chosen, records};

    use super::*;
    use crate::crypto::rustcrypto::tests::number;

    #[test]
    fn known_answers() {
        for record in records("crypto/x25519.txt") {
            let initiated = X25519.initiate(&mut Chosen(record.hex("scalar")));
            let secret = initiated.finish(&record.hex("u")).unwrap();
            // RFC 8731 §3.1: the bytes as they are, first byte highest.
            assert_eq!(number(&secret), record.hex("result"));
            let responded = X25519.respond(&record.hex("u"), &mut Chosen(record.hex("scalar"))).unwrap();
            assert_eq!(number(&responded.secret), record.hex("result"));
        }
    }

    #[test]
    fn rfc8731_s3_wrong_lengths_are_refused() {
        for length in [0, 1, 31, 33, 64] {
            let public = alloc::vec![9; length];
            assert_eq!(refusals(&public), [Some(BadPublicValue); 2], "{length}");
        }
        assert_eq!(refusals(&[9; 32]), [None; 2]);
    }

    /// 0, 1, the two points of order 8, -1, and p and p+1, which are 0 and 1 again: each with and without its highest
    /// bit, which RFC 7748 §5 masks.
    #[test]
    fn rfc8731_s3_low_order_points_are_refused() {
        for point in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ] {
            let mut public = vectors::hex(point);
            assert_eq!(refusals(&public), [Some(BadPublicValue); 2], "{point}");
            public[31] |= 0x80;
            assert_eq!(refusals(&public), [Some(BadPublicValue); 2], "{point} with its highest bit");
        }
    }

    /// What client and server say to a public value.
    fn refusals(public: &[u8]) -> [Option<BadPublicValue>; 2] {
        let mut rng = Chosen(alloc::vec![7; 64]);
        [X25519.initiate(&mut rng).finish(public).err(), X25519.respond(public, &mut rng).err()]
    }
}
