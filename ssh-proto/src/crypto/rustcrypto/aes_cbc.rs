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

/// "The initialization vectors SHOULD be passed from the end of one packet to the beginning of the next packet" as the
/// RFC says: all packets are one chain.
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
