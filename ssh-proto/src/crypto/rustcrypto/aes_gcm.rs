use alloc::boxed::Box;
use core::fmt;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{AesGcm, Nonce, Tag};
use cipher::{BlockCipherEncrypt, BlockSizeUser, KeyInit, consts::U12, consts::U16};
use zeroize::Zeroizing;

use crate::crypto::{BadTag, PacketAead};

/// Makes either direction of AES-GCM ([RFC 5647 §7](https://www.rfc-editor.org/rfc/rfc5647#section-7)).
#[expect(clippy::expect_used, reason = "`CipherKind` promises key and initialisation vector of the row's lengths")]
pub(super) fn make<C>(key: &[u8], iv: &[u8]) -> Box<dyn PacketAead>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit + Send + 'static,
{
    Box::new(Gcm {
        cipher: AesGcm::<C, U12>::new_from_slice(key).expect("length of the row"),
        nonce: Zeroizing::new(iv.try_into().expect("length of the row")),
    })
}

/// RFC 5647 §7.1: a nonce is four fixed bytes and an invocation counter of eight, which grows by one a packet whatever
/// the packet's sequence number is.
struct Gcm<C> {
    cipher: AesGcm<C, U12>,
    nonce: Zeroizing<[u8; 12]>,
}

impl<C> Gcm<C> {
    /// The nonce of this packet; the counter moves on to that of the next.
    fn next_nonce(&mut self) -> Nonce<U12> {
        let nonce = Nonce::from(*self.nonce);
        if let Some(counter) = self.nonce.last_chunk_mut::<8>() {
            *counter = u64::from_be_bytes(*counter).wrapping_add(1).to_be_bytes();
        }
        nonce
    }
}

impl<C> PacketAead for Gcm<C>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send,
{
    /// The length travels in clear, as additional authenticated data (RFC 5647 §7.3).
    fn length(&self, _sequence: u32, head: [u8; 4]) -> u32 {
        u32::from_be_bytes(head)
    }

    #[expect(clippy::expect_used, reason = "`PacketAead` promises a packet with its length; GCM's own limit is 64 GiB")]
    fn seal(&mut self, _sequence: u32, packet: &mut [u8], tag: &mut [u8]) {
        let nonce = self.next_nonce();
        let (length, body) = packet.split_first_chunk_mut::<4>().expect("a packet starts with its length");
        let value: Tag = self.cipher.encrypt_inout_detached(&nonce, length, body.into()).expect("below 64 GiB");
        tag.copy_from_slice(&value);
    }

    fn open(&mut self, _sequence: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), BadTag> {
        let nonce = self.next_nonce();
        let (length, body) = packet.split_first_chunk_mut::<4>().ok_or(BadTag)?;
        let tag: &Tag = tag.try_into().map_err(|_| BadTag)?;
        self.cipher.decrypt_inout_detached(&nonce, length, body.into(), tag).map_err(|_| BadTag)
    }
}

impl<C> fmt::Debug for Gcm<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gcm([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use vectors::records;

    use super::*;

    /// Four packets in a row: RFC 5647 §7.1, "treated as a 64-bit integer and is incremented after each invocation".
    #[test]
    fn known_answers() {
        for record in records("crypto/aes_gcm.txt") {
            let key = record.hex("key");
            let make = if key.len() == 16 { make::<aes::Aes128> } else { make::<aes::Aes256> };
            let (mut sender, mut receiver) = (make(&key, &record.hex("iv")), make(&key, &record.hex("iv")));
            for number in 0..4 {
                let clear = record.hex(&format!("clear{number}"));
                let sealed = record.hex(&format!("sealed{number}"));
                let mut packet: Vec<u8> = clear.clone();
                let mut tag = [0; 16];
                // The sequence number has no part in it.
                sender.seal(77, &mut packet, &mut tag);
                assert_eq!([&packet[..], &tag].concat(), sealed);
                assert_eq!(receiver.length(78, *packet.first_chunk().unwrap()) as usize, clear.len() - 4);
                receiver.open(78, &mut packet, &tag).unwrap();
                assert_eq!(packet, clear);
            }
        }
    }
}
