//! Keys from the exchange, [RFC 4253 §7.2](https://www.rfc-editor.org/rfc/rfc4253#section-7.2).

use alloc::boxed::Box;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::packet::{Half, Protection};
use crate::crypto::{BlockMode, Chaining, CipherKind, CipherMethod, Digest, Hash, MacMethod, PacketAead, SharedSecret};
use crate::wire::Put;

/// The exchange hash of the first key exchange: "once computed, it is not changed, even if keys are later re-exchanged".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(pub(crate) Digest);

impl SessionId {
    /// The identifier, 20 to 64 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// What all keys of one exchange come from.
pub(super) struct KeyMaterial {
    pub(super) hash: &'static dyn Hash,
    /// K as it is hashed: an `mpint` or a `string`.
    pub(super) secret: Zeroizing<Vec<u8>>,
    pub(super) exchange_hash: Digest,
}

/// The algorithms of one direction. A cipher that does not authenticate cannot stand here without its MAC.
#[derive(Clone, Copy, Debug)]
pub(super) enum Suite {
    /// The cipher authenticates.
    Aead { cipher: CipherMethod, tag_length: usize, make: fn(&[u8], &[u8]) -> Box<dyn PacketAead> },
    /// A MAC stands beside the cipher.
    Blocks { cipher: CipherMethod, encrypt: MakeBlockMode, decrypt: MakeBlockMode, chaining: Chaining, mac: MacMethod },
}

type MakeBlockMode = fn(&[u8], &[u8]) -> Box<dyn BlockMode>;

impl Suite {
    /// `cipher`, with what `mac` finds where it needs one.
    pub(super) fn new(cipher: CipherMethod, mac: impl FnOnce() -> Option<MacMethod>) -> Option<Self> {
        Some(match cipher.kind {
            CipherKind::Aead { tag_length, make } => Self::Aead { cipher, tag_length, make },
            CipherKind::Blocks { encrypt, decrypt, chaining } => {
                Self::Blocks { cipher, encrypt, decrypt, chaining, mac: mac()? }
            }
        })
    }

    pub(super) const fn cipher(&self) -> &CipherMethod {
        match self {
            Self::Aead { cipher, .. } | Self::Blocks { cipher, .. } => cipher,
        }
    }

    pub(super) const fn mac(&self) -> Option<&MacMethod> {
        match self {
            Self::Aead { .. } => None,
            Self::Blocks { mac, .. } => Some(mac),
        }
    }
}

/// Which way packets go. The letters of RFC 4253 §7.2 go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    ClientToServer,
    ServerToClient,
}

impl KeyMaterial {
    pub(super) fn new(hash: &'static dyn Hash, secret: &SharedSecret, exchange_hash: Digest) -> Self {
        Self { hash, secret: encode_secret(secret), exchange_hash }
    }

    /// The keys of one direction, made into a cipher and its MAC.
    pub(super) fn protection(
        &self,
        session_id: SessionId,
        direction: Direction,
        half: Half,
        suite: &Suite,
    ) -> Protection {
        let (iv, key, integrity) = match direction {
            Direction::ClientToServer => (b'A', b'C', b'E'),
            Direction::ServerToClient => (b'B', b'D', b'F'),
        };
        let iv = self.derive(session_id, iv, suite.cipher().iv_length);
        let key = self.derive(session_id, key, suite.cipher().key_length);
        let mac_key = self.derive(session_id, integrity, suite.mac().map_or(0, |mac| mac.key_length));
        Protection::new(half, suite, (&key, &iv), &mac_key)
    }

    /// "K1 = HASH(K || H || X || session_id), K2 = HASH(K || H || K1), K3 = HASH(K || H || K1 || K2) ..., key = K1 || K2
    /// || K3 || ...", cut to `length` bytes.
    fn derive(&self, session_id: SessionId, letter: u8, length: usize) -> Zeroizing<Vec<u8>> {
        let (secret, exchange_hash) = (self.secret.as_slice(), self.exchange_hash.as_bytes());
        // Room for one more hash than asked for, so that no growth leaves a copy of a key behind.
        let mut key = Zeroizing::new(Vec::with_capacity(length.saturating_add(64)));
        let first = Zeroizing::new(self.hash.digest(&[secret, exchange_hash, &[letter], session_id.as_bytes()]));
        key.extend_from_slice(first.as_bytes());
        while key.len() < length {
            let next = Zeroizing::new(self.hash.digest(&[secret, exchange_hash, &key]));
            key.extend_from_slice(next.as_bytes());
        }
        key.truncate(length);
        key
    }
}

/// K as it goes into hashes: an `mpint` (RFC 4253 §8) or, for the hybrids, a `string`.
pub(super) fn encode_secret(secret: &SharedSecret) -> Zeroizing<Vec<u8>> {
    match secret {
        SharedSecret::Mpint(magnitude) => {
            let mut encoded = Zeroizing::new(Vec::with_capacity(magnitude.len().saturating_add(5)));
            encoded.put_mpint(magnitude);
            encoded
        }
        SharedSecret::String(bytes) => {
            let mut encoded = Zeroizing::new(Vec::with_capacity(bytes.len().saturating_add(4)));
            encoded.put_string(bytes);
            encoded
        }
    }
}
