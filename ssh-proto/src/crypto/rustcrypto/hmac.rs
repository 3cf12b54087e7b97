use alloc::boxed::Box;
use core::fmt;

use hmac::{EagerHash, KeyInit, Mac as _};

use crate::crypto::Mac;

/// Makes an HMAC over the hash function `D` ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)).
#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
pub(super) fn make<D>(key: &[u8]) -> Box<dyn Mac>
where
    D: EagerHash + 'static,
    hmac::Hmac<D>: Send,
{
    Box::new(Hmac::<D> { keyed: hmac::Hmac::new_from_slice(key).expect("any length") })
}

/// HMAC after its two key blocks were hashed: each packet starts from a copy, so that none pays for the key again.
struct Hmac<D: EagerHash> {
    keyed: hmac::Hmac<D>,
}

impl<D> Mac for Hmac<D>
where
    D: EagerHash,
    hmac::Hmac<D>: Send,
{
    /// RFC 4253 §6.4: "mac = MAC(key, sequence_number || unencrypted_packet)"; with `-etm` the packet is encrypted.
    fn sign(&self, sequence: u32, packet: &[u8], tag: &mut [u8]) {
        let mut state = self.keyed.clone();
        state.update(&sequence.to_be_bytes());
        state.update(packet);
        let value = state.finalize().into_bytes();
        debug_assert_eq!(tag.len(), value.len(), "the row states the length of the whole tag");
        for (to, from) in tag.iter_mut().zip(value) {
            *to = from;
        }
    }
}

impl<D: EagerHash> fmt::Debug for Hmac<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hmac([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use vectors::records;

    use super::*;

    /// The first four bytes of a message stand in for the sequence number.
    #[test]
    fn known_answers() {
        for record in records("crypto/hmac.txt") {
            let make = match record.text("name") {
                "hmac-sha1" => make::<sha1::Sha1>,
                "hmac-sha2-256" => make::<sha2::Sha256>,
                _ => make::<sha2::Sha512>,
            };
            let message = record.hex("message");
            let (sequence, packet) = message.split_first_chunk().unwrap();
            let mut tag = vec![0; record.hex("tag").len()];
            make(&record.hex("key")).sign(u32::from_be_bytes(*sequence), packet, &mut tag);
            assert_eq!(tag, record.hex("tag"));
        }
    }
}
