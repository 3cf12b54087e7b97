use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20::ChaCha20Legacy;
use cipher::array::Array;
use cipher::{BlockCipherDecrypt, BlockModeDecrypt, BlockSizeUser, KeyInit, KeyIvInit, StreamCipher, StreamCipherSeek};
use poly1305::Poly1305;
use subtle::ConstantTimeEq;

/// A cipher of OpenSSH's key files (`ssh-keygen -Z`): a row of [`CIPHERS`].
pub(super) struct FileCipher {
    pub(super) name: &'static str,
    /// Bytes of key and of initialisation vector: the output of the key derivation.
    pub(super) key_length: usize,
    pub(super) iv_length: usize,
    pub(super) block_size: usize,
    /// Bytes that follow the encrypted section.
    pub(super) tag_length: usize,
    /// Decrypts in place.
    pub(super) open: fn(Sealed<'_>) -> Result<(), CannotOpen>,
}

/// What is to be decrypted, and by what. All lengths are as the row says.
pub(super) struct Sealed<'a> {
    pub(super) key: &'a [u8],
    pub(super) iv: &'a [u8],
    pub(super) data: &'a mut [u8],
    pub(super) tag: &'a [u8],
}

/// A length or the tag does not fit.
pub(super) struct CannotOpen;

pub(super) fn find(name: &str) -> Option<&'static FileCipher> {
    CIPHERS.iter().find(|cipher| cipher.name == name)
}

/// In counter mode, encrypting is decrypting.
pub(super) fn aes_ctr<C>(sealed: Sealed<'_>) -> Result<(), CannotOpen>
where
    C: cipher::BlockCipherEncrypt + KeyInit + BlockSizeUser<BlockSize = cipher::consts::U16>,
{
    ctr::Ctr128BE::<C>::new_from_slices(sealed.key, sealed.iv).map_err(|_| CannotOpen)?.apply_keystream(sealed.data);
    Ok(())
}

pub(super) fn aes_cbc<C>(sealed: Sealed<'_>) -> Result<(), CannotOpen>
where
    C: BlockCipherDecrypt + KeyInit,
    cbc::Decryptor<C>: KeyIvInit + BlockModeDecrypt,
{
    let mut cbc = cbc::Decryptor::<C>::new_from_slices(sealed.key, sealed.iv).map_err(|_| CannotOpen)?;
    let (blocks, rest) = Array::slice_as_chunks_mut(sealed.data);
    cbc.decrypt_blocks(blocks);
    if rest.is_empty() { Ok(()) } else { Err(CannotOpen) }
}

fn aes_gcm<A: AeadInOut + KeyInit>(sealed: Sealed<'_>) -> Result<(), CannotOpen> {
    let nonce = sealed.iv.try_into().map_err(|_| CannotOpen)?;
    let tag = sealed.tag.try_into().map_err(|_| CannotOpen)?;
    let aead = A::new_from_slice(sealed.key).map_err(|_| CannotOpen)?;
    aead.decrypt_inout_detached(nonce, b"", sealed.data.into(), tag).map_err(|_| CannotOpen)
}

/// OpenSSH PROTOCOL.chacha20poly1305 as for packet 0, without a length: the half of the key that encrypts lengths is idle.
fn chacha20_poly1305(sealed: Sealed<'_>) -> Result<(), CannotOpen> {
    let key = sealed.key.get(..32).ok_or(CannotOpen)?;
    let mut stream = ChaCha20Legacy::new_from_slices(key, &[0; 8]).map_err(|_| CannotOpen)?;
    let mut mac_key = zeroize::Zeroizing::new([0; 32]);
    stream.apply_keystream(&mut *mac_key);
    let expected = Poly1305::new((&*mac_key).into()).compute_unpadded(sealed.data);
    if !bool::from(expected.as_slice().ct_eq(sealed.tag)) {
        return Err(CannotOpen);
    }
    stream.try_seek(64_u32).map_err(|_| CannotOpen)?;
    stream.apply_keystream(sealed.data);
    Ok(())
}

/// `ssh-keygen -Z` writes all of these; without it, OpenSSH writes the first.
const CIPHERS: &[FileCipher] = &[
    row("aes256-ctr", (32, 16), 0, aes_ctr::<Aes256>),
    row("aes192-ctr", (24, 16), 0, aes_ctr::<Aes192>),
    row("aes128-ctr", (16, 16), 0, aes_ctr::<Aes128>),
    row("aes256-cbc", (32, 16), 0, aes_cbc::<Aes256>),
    row("aes192-cbc", (24, 16), 0, aes_cbc::<Aes192>),
    row("aes128-cbc", (16, 16), 0, aes_cbc::<Aes128>),
    row("aes256-gcm@openssh.com", (32, 12), 16, aes_gcm::<Aes256Gcm>),
    row("aes128-gcm@openssh.com", (16, 12), 16, aes_gcm::<Aes128Gcm>),
    FileCipher { block_size: 8, ..row("chacha20-poly1305@openssh.com", (64, 0), 16, chacha20_poly1305) },
];

const fn row(
    name: &'static str,
    (key_length, iv_length): (usize, usize),
    tag_length: usize,
    open: fn(Sealed<'_>) -> Result<(), CannotOpen>,
) -> FileCipher {
    FileCipher { name, key_length, iv_length, block_size: 16, tag_length, open }
}
