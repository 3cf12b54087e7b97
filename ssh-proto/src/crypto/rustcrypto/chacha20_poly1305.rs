use alloc::boxed::Box;
use core::fmt;

use chacha20::ChaCha20LegacyCore;
use cipher::{Block, KeyIvInit, StreamCipherCore};
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::{BadTag, PacketAead};

/// Makes either direction of `chacha20-poly1305@openssh.com`.
#[expect(clippy::expect_used, reason = "`CipherKind` promises a key of the row's length")]
pub(super) fn make(key: &[u8], _iv: &[u8]) -> Box<dyn PacketAead> {
    let (packet_key, length_key) = key.split_first_chunk().expect("length of the row");
    let length_key = length_key.try_into().expect("length of the row");
    Box::new(ChaCha20Poly1305 { packet_key: Zeroizing::new(*packet_key), length_key: Zeroizing::new(length_key) })
}

/// OpenSSH's PROTOCOL.chacha20poly1305: of 64 bytes of key the first half, K_2, encrypts packets and makes the keys of
/// their tags; the second, K_1, encrypts lengths and nothing else, so that a length that is read before the tag is
/// checked tells nothing about the rest. The nonce of both is the packet's sequence number.
struct ChaCha20Poly1305 {
    packet_key: Zeroizing<[u8; 32]>,
    length_key: Zeroizing<[u8; 32]>,
}

impl ChaCha20Poly1305 {
    /// Encrypts or decrypts a length: K_1 from its block 0.
    fn apply_to_length(&self, sequence: u32, length: &mut [u8; 4]) {
        stream(&self.length_key, sequence).apply_keystream_partial(length.as_mut_slice().into());
    }

    /// The tag's state, keyed by the first half of K_2's block 0, and K_2 from its block 1, which is for the packet.
    fn tag_and_stream(&self, sequence: u32) -> (Poly1305, ChaCha20LegacyCore) {
        let mut stream = stream(&self.packet_key, sequence);
        let mut block = Block::<ChaCha20LegacyCore>::default();
        stream.write_keystream_block(&mut block);
        let mut key = poly1305::Key::default();
        for (to, from) in key.iter_mut().zip(&block) {
            *to = *from;
        }
        let tag = Poly1305::new(&key);
        key.as_mut_slice().zeroize();
        block.as_mut_slice().zeroize();
        (tag, stream)
    }
}

impl PacketAead for ChaCha20Poly1305 {
    fn length(&self, sequence: u32, head: [u8; 4]) -> u32 {
        let mut length = head;
        self.apply_to_length(sequence, &mut length);
        u32::from_be_bytes(length)
    }

    #[expect(clippy::expect_used, reason = "`PacketAead` promises a packet that starts with its length")]
    fn seal(&mut self, sequence: u32, packet: &mut [u8], tag: &mut [u8]) {
        let (state, stream) = self.tag_and_stream(sequence);
        let (length, body) = packet.split_first_chunk_mut().expect("a length of four bytes");
        self.apply_to_length(sequence, length);
        stream.apply_keystream_partial(body.into());
        tag.copy_from_slice(&compute_tag(state, packet));
    }

    fn open(&mut self, sequence: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), BadTag> {
        let (state, stream) = self.tag_and_stream(sequence);
        if !bool::from(compute_tag(state, packet).ct_eq(tag)) {
            return Err(BadTag);
        }
        let (_, body) = packet.split_at_mut_checked(4).ok_or(BadTag)?;
        stream.apply_keystream_partial(body.into());
        Ok(())
    }
}

impl fmt::Debug for ChaCha20Poly1305 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChaCha20Poly1305([redacted])")
    }
}

/// "an IV consisting of the packet sequence number encoded as an uint64 under the SSH wire encoding rules".
fn stream(key: &[u8; 32], sequence: u32) -> ChaCha20LegacyCore {
    ChaCha20LegacyCore::new(key.into(), &u64::from(sequence).to_be_bytes().into())
}

/// "over the ciphertext of the packet length and the payload together".
fn compute_tag(mut state: Poly1305, packet: &[u8]) -> [u8; 16] {
    // Whole blocks through `update`, which works on four side by side where the processor can.
    let (blocks, tail) = Block::<Poly1305>::slice_as_chunks(packet);
    state.update(blocks);
    state.compute_unpadded(tail).into()
}

#[cfg(test)]
mod tests {
    use vectors::records;

    use super::*;

    #[test]
    fn known_answers() {
        for record in records("crypto/chacha20_poly1305.txt") {
            let mut cipher = make(&record.hex("key"), &[]);
            let sequence = record.text("sequence").parse().unwrap();
            let clear = record.hex("clear");
            let mut packet = clear.clone();
            let mut tag = [0; 16];
            cipher.seal(sequence, &mut packet, &mut tag);
            assert_eq!([&packet[..], &tag].concat(), record.hex("sealed"), "{sequence}, {} bytes", clear.len());
            assert_eq!(cipher.length(sequence, *packet.first_chunk().unwrap()) as usize, clear.len() - 4);
            cipher.open(sequence, &mut packet, &tag).unwrap();
            assert_eq!(packet[4..], clear[4..]);
        }
    }
}
