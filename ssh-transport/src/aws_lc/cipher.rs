use std::fmt;

use aws_lc_rs::aead::chacha20_poly1305_openssh::{OpeningKey, SealingKey, TAG_LEN};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm as BlockAlgorithm, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use ssh_proto::crypto::{BadTag, BlockMode, Chaining, CipherKind, PacketAead};
use zeroize::{Zeroize, Zeroizing};

/// The cipher of that name, if it is one of AWS-LC's.
pub(super) fn kind(name: &str) -> Option<CipherKind> {
    Some(match name {
        "chacha20-poly1305@openssh.com" => CipherKind::Aead { tag_length: TAG_LEN, make: chacha20_poly1305 },
        "aes128-gcm@openssh.com" => aead(|key, iv| gcm(&AES_128_GCM, key, iv)),
        "aes256-gcm@openssh.com" => aead(|key, iv| gcm(&AES_256_GCM, key, iv)),
        "aes128-ctr" => counter(|key, iv| ctr(&AES_128, key, iv)),
        "aes192-ctr" => counter(|key, iv| ctr(&AES_192, key, iv)),
        "aes256-ctr" => counter(|key, iv| ctr(&AES_256, key, iv)),
        _ => return None,
    })
}

const fn aead(make: fn(&[u8], &[u8]) -> Box<dyn PacketAead>) -> CipherKind {
    CipherKind::Aead { tag_length: 16, make }
}

const fn counter(make: fn(&[u8], &[u8]) -> Box<dyn BlockMode>) -> CipherKind {
    CipherKind::Blocks { encrypt: make, decrypt: make, chaining: Chaining::Counter }
}

/// RFC 5647: the nonce is four fixed bytes and a counter of eight.
#[expect(clippy::expect_used, reason = "`CipherKind` promises key and initialisation vector of the row's lengths")]
fn gcm(algorithm: &'static Algorithm, key: &[u8], iv: &[u8]) -> Box<dyn PacketAead> {
    let key = UnboundKey::new(algorithm, key).expect("length of the row");
    Box::new(Gcm { key: LessSafeKey::new(key), nonce: Zeroizing::new(iv.try_into().expect("length of the row")) })
}

struct Gcm {
    key: LessSafeKey,
    nonce: Zeroizing<[u8; 12]>,
}

impl Gcm {
    /// The nonce of this packet; the counter moves on to that of the next.
    fn next_nonce(&mut self) -> Nonce {
        let nonce = Nonce::assume_unique_for_key(*self.nonce);
        if let Some(counter) = self.nonce.last_chunk_mut::<8>() {
            *counter = u64::from_be_bytes(*counter).wrapping_add(1).to_be_bytes();
        }
        nonce
    }
}

impl PacketAead for Gcm {
    fn length(&self, _sequence: u32, head: [u8; 4]) -> u32 {
        u32::from_be_bytes(head)
    }

    #[expect(clippy::expect_used, reason = "`PacketAead` promises a packet with its length; GCM's own limit is 64 GiB")]
    fn seal(&mut self, _sequence: u32, packet: &mut [u8], tag: &mut [u8]) {
        let nonce = self.next_nonce();
        let (length, body) = packet.split_first_chunk_mut::<4>().expect("a packet starts with its length");
        let value = self.key.seal_in_place_separate_tag(nonce, Aad::from(*length), body).expect("below 64 GiB");
        tag.copy_from_slice(value.as_ref());
    }

    fn open(&mut self, _sequence: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), BadTag> {
        let nonce = self.next_nonce();
        let (length, body) = packet.split_first_chunk_mut::<4>().ok_or(BadTag)?;
        self.key.open_in_place_separate_tag(nonce, Aad::from(*length), tag, body).map_err(|_unspecified| BadTag)?;
        Ok(())
    }
}

#[expect(clippy::expect_used, reason = "`CipherKind` promises a key of the row's length")]
fn chacha20_poly1305(key: &[u8], _iv: &[u8]) -> Box<dyn PacketAead> {
    let key = key.try_into().expect("length of the row");
    Box::new(ChaCha20Poly1305 { sealing: SealingKey::new(key), opening: OpeningKey::new(key) })
}

/// A direction does one of the two; which one, its maker does not know.
struct ChaCha20Poly1305 {
    sealing: SealingKey,
    opening: OpeningKey,
}

impl PacketAead for ChaCha20Poly1305 {
    fn length(&self, sequence: u32, head: [u8; 4]) -> u32 {
        u32::from_be_bytes(self.opening.decrypt_packet_length(sequence, head))
    }

    #[expect(clippy::expect_used, reason = "the row states the length of the tag")]
    fn seal(&mut self, sequence: u32, packet: &mut [u8], tag: &mut [u8]) {
        self.sealing.seal_in_place(sequence, packet, tag.try_into().expect("length of the row"));
    }

    fn open(&mut self, sequence: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), BadTag> {
        if packet.len() < 4 {
            return Err(BadTag);
        }
        let tag = tag.try_into().map_err(|_other_length| BadTag)?;
        self.opening.open_in_place(sequence, packet, tag).map_err(|_unspecified| BadTag)?;
        Ok(())
    }
}

#[expect(clippy::expect_used, reason = "`CipherKind` promises key and initialisation vector of the row's lengths")]
fn ctr(algorithm: &'static BlockAlgorithm, key: &[u8], iv: &[u8]) -> Box<dyn BlockMode> {
    let key = UnboundCipherKey::new(algorithm, key).expect("length of the row");
    let iv: [u8; 16] = iv.try_into().expect("length of the row");
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    Box::new(Ctr(StreamingEncryptingKey::less_safe_ctr(key, context).expect("AES has a counter mode")))
}

/// The state runs on from packet to packet. Decryption is encryption.
struct Ctr(StreamingEncryptingKey);

impl BlockMode for Ctr {
    /// The interface is not in place: a piece of the data is copied beside it, so that it stays in the nearest cache.
    #[expect(clippy::expect_used, reason = "a counter mode writes as much as it reads")]
    fn apply(&mut self, data: &mut [u8]) {
        let mut beside = [0; 4096];
        for piece in data.chunks_mut(beside.len()) {
            let (beside, _) = beside.split_at_mut(piece.len());
            beside.copy_from_slice(piece);
            self.0.less_safe_update(beside, piece).expect("whole blocks of a short piece");
        }
        beside.zeroize();
    }
}

impl fmt::Debug for Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gcm([redacted])")
    }
}

impl fmt::Debug for ChaCha20Poly1305 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChaCha20Poly1305([redacted])")
    }
}

impl fmt::Debug for Ctr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ctr([redacted])")
    }
}
