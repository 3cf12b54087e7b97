use alloc::boxed::Box;
use core::fmt;

use cipher::array::Array;
use cipher::consts::U16;
use cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser, KeyInit, KeyIvInit,
};

use crate::crypto::BlockMode;

/// Makes the sender's half of AES with cipher block chaining
/// ([RFC 4253 §6.3](https://www.rfc-editor.org/rfc/rfc4253#section-6.3)).
#[expect(clippy::expect_used, reason = "`CipherKind` promises key and initialisation vector of the row's lengths")]
pub(super) fn encrypt<C>(key: &[u8], iv: &[u8]) -> Box<dyn BlockMode>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit + Send + 'static,
{
    Box::new(Cbc(cbc::Encryptor::<C>::new_from_slices(key, iv).expect("lengths of the row")))
}

/// Makes the receiver's half.
#[expect(clippy::expect_used, reason = "`CipherKind` promises key and initialisation vector of the row's lengths")]
pub(super) fn decrypt<C>(key: &[u8], iv: &[u8]) -> Box<dyn BlockMode>
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16> + KeyInit + Send + 'static,
{
    Box::new(Cbc(cbc::Decryptor::<C>::new_from_slices(key, iv).expect("lengths of the row")))
}

/// All packets are one chain: RFC 4253 §6.3, "initialization vectors SHOULD be passed from the end of one packet to the
/// beginning of the next packet".
struct Cbc<M>(M);

impl<C> BlockMode for Cbc<cbc::Encryptor<C>>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send,
{
    fn apply(&mut self, data: &mut [u8]) {
        self.0.encrypt_blocks(blocks(data));
    }
}

impl<C> BlockMode for Cbc<cbc::Decryptor<C>>
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16> + Send,
{
    fn apply(&mut self, data: &mut [u8]) {
        self.0.decrypt_blocks(blocks(data));
    }
}

impl<M> fmt::Debug for Cbc<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cbc([redacted])")
    }
}

/// All of `data` as blocks, at once: decryption then works on several side by side.
fn blocks(data: &mut [u8]) -> &mut [Array<u8, U16>] {
    let (blocks, tail) = Array::slice_as_chunks_mut(data);
    debug_assert!(tail.is_empty(), "`BlockMode` promises whole blocks");
    blocks
}

#[cfg(test)]
mod tests {
    use vectors::records;

    use super::*;

    type Make = fn(&[u8], &[u8]) -> Box<dyn BlockMode>;

    #[test]
    fn known_answers() {
        for record in records("crypto/aes_cbc.txt") {
            let key = record.hex("key");
            let iv = record.hex("iv");
            let (encrypt, decrypt): (Make, Make) = match key.len() {
                16 => (encrypt::<aes::Aes128>, decrypt::<aes::Aes128>),
                _ => (encrypt::<aes::Aes256>, decrypt::<aes::Aes256>),
            };
            // In pieces of every size: all packets are one chain.
            for piece in (16..=160).step_by(16) {
                let mut data = record.hex("plaintext");
                let mut cipher = encrypt(&key, &iv);
                data.chunks_mut(piece).for_each(|piece| cipher.apply(piece));
                assert_eq!(data, record.hex("ciphertext"), "in pieces of {piece}");
                let mut cipher = decrypt(&key, &iv);
                data.chunks_mut(piece).for_each(|piece| cipher.apply(piece));
                assert_eq!(data, record.hex("plaintext"), "in pieces of {piece}");
            }
        }
    }
}
