//! UMAC, [RFC 4418](https://www.rfc-editor.org/rfc/rfc4418), with tags of 8 and 16 bytes.
//!
//! A universal hash of the message, encrypted with a pad that is used once: three layers of hashing, each with a key of
//! its own, and as many independent hashes side by side as the tag has groups of four bytes.
//!
//! | layer | what it does | where |
//! |---|---|---|
//! | L1 | NH makes eight bytes of every 1,024 | `nh.rs` |
//! | L2 | a polynomial modulo 2^64 - 59 makes eight bytes of those | `poly.rs` |
//! | L3 | an inner product modulo 2^36 - 5 makes four bytes of those | `poly.rs` |
//!
//! Nothing here branches on a secret, looks anything up by one, or divides one.

mod nh;
mod poly;

use alloc::boxed::Box;
use core::fmt;

use aes::Aes128;
use cipher::{BlockCipherEncrypt, KeyInit};
use nh::Nh;
use poly::{InnerProduct, Polynomial};
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::Mac;

/// Bytes of key, and of a block of AES.
const KEY: usize = 16;
/// Bytes of message that L1 hashes at a time.
const CHUNK: usize = 1024;

/// Makes UMAC with `HASHES` hashes: 2 for `umac-64`, 4 for `umac-128`.
#[expect(clippy::expect_used, reason = "`MacMethod` promises a key of the row's length")]
pub(super) fn make<const HASHES: usize>(key: &[u8]) -> Box<dyn Mac> {
    Box::new(Umac::<HASHES>::new(key.try_into().expect("length of the row")))
}

/// The keys of all layers: they are derived once, and no packet pays for them.
struct Umac<const HASHES: usize> {
    /// Encrypts nonces into pads.
    pad: Aes128,
    nh: Nh,
    finals: Zeroizing<[Final; HASHES]>,
}

/// The keys of one hash for L2 and L3.
#[derive(Clone, Copy)]
struct Final {
    polynomial: Polynomial,
    product: InnerProduct,
}

impl Zeroize for Final {
    fn zeroize(&mut self) {
        self.polynomial.zeroize();
        self.product.zeroize();
    }
}

impl<const HASHES: usize> Umac<HASHES> {
    fn new(key: &[u8; KEY]) -> Self {
        let derivation = Aes128::new(key.into());
        let mut pad_key = Zeroizing::new([0; KEY]);
        derive(&derivation, 0, &mut *pad_key);
        // "a length in bytes of 1024 + (iters - 1) * 16", and so on (§5.1): the keys of L1 overlap.
        let mut nh = Zeroizing::new([0; nh::KEY]);
        derive(&derivation, 1, &mut *nh);
        let (mut polynomials, mut products, mut masks) =
            (Zeroizing::new([[0; 24]; HASHES]), Zeroizing::new([[0; 64]; HASHES]), Zeroizing::new([[0; 4]; HASHES]));
        derive(&derivation, 2, polynomials.as_flattened_mut());
        derive(&derivation, 3, products.as_flattened_mut());
        derive(&derivation, 4, masks.as_flattened_mut());
        let mut finals = Zeroizing::new([Final { polynomial: Polynomial::NONE, product: InnerProduct::NONE }; HASHES]);
        for (((to, polynomial), product), mask) in finals.iter_mut().zip(&*polynomials).zip(&*products).zip(&*masks) {
            *to = Final { polynomial: Polynomial::new(polynomial), product: InnerProduct::new(product, *mask) };
        }
        Self { pad: Aes128::new((&*pad_key).into()), nh: Nh::new(&nh), finals }
    }

    /// "UHASH" (§5.1), four bytes a hash.
    fn hash(&self, message: &[u8]) -> [u32; HASHES] {
        let mut chunks = message.chunks(CHUNK);
        let first = self.nh.hash::<HASHES>(chunks.next().unwrap_or_default());
        let mut hashed = [0; HASHES];
        if message.len() <= CHUNK {
            for ((to, keys), value) in hashed.iter_mut().zip(&*self.finals).zip(first) {
                *to = keys.product.of(value);
            }
            return hashed;
        }
        let mut values = [1; HASHES];
        self.add(&mut values, first);
        for chunk in chunks {
            self.add(&mut values, self.nh.hash(chunk));
        }
        for ((to, keys), value) in hashed.iter_mut().zip(&*self.finals).zip(values) {
            *to = keys.product.of(value);
        }
        hashed
    }

    /// Takes what L1 made of one chunk into the values of the polynomials.
    fn add(&self, values: &mut [u64; HASHES], chunk: [u64; HASHES]) {
        for ((value, keys), coefficient) in values.iter_mut().zip(&*self.finals).zip(chunk) {
            *value = keys.polynomial.step(*value, coefficient);
        }
    }

    /// "PDF" (§4): where a block of AES makes more than one pad, the lowest bits of the nonce choose.
    fn pad(&self, nonce: u64) -> [u32; 4] {
        let pads = (4 / HASHES).max(1) as u64;
        let index = nonce % pads;
        let mut block = aes::Block::default();
        for (to, from) in block.iter_mut().zip((nonce ^ index).to_be_bytes()) {
            *to = from;
        }
        self.pad.encrypt_block(&mut block);
        let (words, _) = block.as_slice().as_chunks();
        let mut pad = [0; 4];
        for (to, from) in pad.iter_mut().zip(words.iter().skip(if index == 0 { 0 } else { HASHES })) {
            *to = u32::from_be_bytes(*from);
        }
        block.as_mut_slice().zeroize();
        pad
    }
}

impl<const HASHES: usize> Mac for Umac<HASHES> {
    /// draft-miller-secsh-umac-01: the nonce is the sequence number, as a `uint64`.
    ///
    /// Messages of up to 2^24 bytes are those of RFC 4418; beyond that its second polynomial would begin, which no SSH
    /// packet reaches.
    fn sign(&self, sequence: u32, packet: &[u8], tag: &mut [u8]) {
        self.tag(u64::from(sequence), packet, tag);
    }
}

impl<const HASHES: usize> Umac<HASHES> {
    fn tag(&self, nonce: u64, message: &[u8], tag: &mut [u8]) {
        let hashed = self.hash(message);
        let (words, rest) = tag.as_chunks_mut();
        debug_assert_eq!((words.len(), rest.len()), (HASHES, 0), "the row states the length of the whole tag");
        for ((to, hash), pad) in words.iter_mut().zip(hashed).zip(self.pad(nonce)) {
            *to = (hash ^ pad).to_be_bytes();
        }
    }
}

impl<const HASHES: usize> fmt::Debug for Umac<HASHES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Umac([redacted])")
    }
}

/// "KDF" (§3.2): AES over a counter behind the number of the key's purpose.
fn derive(key: &Aes128, purpose: u64, to: &mut [u8]) {
    for (number, to) in (1_u64..).zip(to.chunks_mut(KEY)) {
        let mut block = aes::Block::default();
        for (byte, from) in block.iter_mut().zip(purpose.to_be_bytes().into_iter().chain(number.to_be_bytes())) {
            *byte = from;
        }
        key.encrypt_block(&mut block);
        for (byte, from) in to.iter_mut().zip(&block) {
            *byte = *from;
        }
        block.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use vectors::records;

    use super::*;

    #[test]
    fn known_answers() {
        for record in records("crypto/umac.txt") {
            let key = record.hex("key").try_into().unwrap();
            let nonce = u64::from_be_bytes(record.hex("nonce").try_into().unwrap());
            let message = record.hex("piece").repeat(record.text("times").parse().unwrap());
            let expected = record.hex("tag");
            let mut tag = vec![0; expected.len()];
            match record.text("name") {
                "umac-64" => Umac::<2>::new(&key).tag(nonce, &message, &mut tag),
                _ => Umac::<4>::new(&key).tag(nonce, &message, &mut tag),
            }
            assert_eq!(tag, expected, "{} of {} bytes", record.text("name"), message.len());
        }
    }
}
