use std::fmt;

use aws_lc_rs::hmac::{self, Algorithm, Context};
use ssh_proto::crypto::Mac;

type Make = fn(&[u8]) -> Box<dyn Mac>;

/// What makes the MAC of that name, if it is one of AWS-LC's.
pub(super) fn make(name: &str) -> Option<Make> {
    Some(match name.trim_end_matches("-etm@openssh.com") {
        "hmac-sha2-256" => |key| keyed(hmac::HMAC_SHA256, key),
        "hmac-sha2-512" => |key| keyed(hmac::HMAC_SHA512, key),
        "hmac-sha1" => |key| keyed(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key),
        _ => return None,
    })
}

fn keyed(algorithm: Algorithm, key: &[u8]) -> Box<dyn Mac> {
    Box::new(Hmac(Context::with_key(&hmac::Key::new(algorithm, key))))
}

/// HMAC after its key was hashed: each packet starts from a copy.
struct Hmac(Context);

impl Mac for Hmac {
    fn sign(&self, sequence: u32, packet: &[u8], tag: &mut [u8]) {
        let mut state = self.0.clone();
        state.update(&sequence.to_be_bytes());
        state.update(packet);
        tag.copy_from_slice(state.sign().as_ref());
    }
}

impl fmt::Debug for Hmac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hmac([redacted])")
    }
}
