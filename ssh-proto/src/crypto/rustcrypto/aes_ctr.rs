use alloc::boxed::Box;
use core::fmt;

use cipher::{BlockCipherEncrypt, BlockSizeUser, KeyInit, KeyIvInit, StreamCipher, consts::U16};
use ctr::Ctr128BE;

use crate::crypto::BlockMode;

/// Makes either half of AES in counter mode ([RFC 4344 §4](https://www.rfc-editor.org/rfc/rfc4344#section-4)).
#[expect(clippy::expect_used, reason = "`CipherKind` promises key and initialisation vector of the row's lengths")]
pub(super) fn make<C>(key: &[u8], iv: &[u8]) -> Box<dyn BlockMode>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit + Send + 'static,
{
    Box::new(Ctr(Ctr128BE::<C>::new_from_slices(key, iv).expect("lengths of the row")))
}

/// The initialisation vector is the counter, an "unsigned integer in network-byte-order" of one whole block, and runs
/// on from packet to packet.
struct Ctr<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>>(Ctr128BE<C>);

impl<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send> BlockMode for Ctr<C> {
    fn apply(&mut self, data: &mut [u8]) {
        self.0.apply_keystream(data);
    }
}

impl<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>> fmt::Debug for Ctr<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ctr([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use vectors::records;

    use super::*;

    #[test]
    fn known_answers() {
        for record in records("crypto/aes_ctr.txt") {
            let key = record.hex("key");
            let make = match key.len() {
                16 => make::<aes::Aes128>,
                24 => make::<aes::Aes192>,
                _ => make::<aes::Aes256>,
            };
            // In pieces of every size: the state runs on.
            for piece in (16..=400).step_by(16) {
                let mut data = record.hex("plaintext");
                let mut cipher = make(&key, &record.hex("iv"));
                for piece in data.chunks_mut(piece) {
                    cipher.apply(piece);
                }
                assert_eq!(data, record.hex("ciphertext"), "{} in pieces of {piece}", record.text("source"));
            }
        }
    }
}
