//! Cryptography that keeps nothing secret, so that a fuzzer sees through it: what it changes in a packet arrives as it
//! changed it, and a signature is a word that it can guess.

use ssh_proto::Algorithms;
use ssh_proto::algorithms::Compression;
use ssh_proto::crypto::rustcrypto::{PROVIDER, rows};
use ssh_proto::crypto::{
    BadGroup, BadPublicValue, BadSignature, BadTag, CipherKind, CipherMethod, CryptoProvider, DhGroup, Digest,
    Exchange, GroupExchange, GroupSizes, Hash, Initiated, KexMethod, KeyAgreement, PacketAead, Responded, SharedSecret,
    SignatureMethod, Tier, Verifier,
};
use ssh_proto::keys::{PublicKey, Signature};
use ssh_proto::wire::{InvalidMessage, Put};

/// The signature of every message by every toy key.
const SIGNATURE: &[u8] = b"ok";

/// The toy algorithms, beside the real ones whose messages differ from theirs.
///
/// `suite` says what protects packets: 0 is nothing at all, what [`compresses`] is nothing and compresses, everything else
/// one pair of a real cipher and a real MAC.
pub fn algorithms(suite: u8) -> Algorithms {
    let mut algorithms = Algorithms::up_to(Tier::Legacy, &PROVIDER);
    algorithms.kex = vec![
        KexMethod::new("toy", Tier::Default, &ToyHash, Exchange::Ecdh(&ToyAgreement)),
        KexMethod::new("toy-dh", Tier::Default, &ToyHash, Exchange::DiffieHellman(&ToyAgreement)),
        KexMethod::new("toy-gex", Tier::Default, &ToyHash, Exchange::GroupExchange(&ToyGroups)),
        rows::CURVE25519_SHA256,
        rows::MLKEM768_X25519_SHA256,
    ];
    let toy = SignatureMethod::new("toy-sig", "toy-key", Tier::Default, &ToyVerifier);
    algorithms.host_keys = vec![toy];
    algorithms.user_keys.insert(0, toy);
    let pairs = PROVIDER.ciphers().len() * PROVIDER.macs().len();
    if compresses(suite) {
        algorithms.compression = Compression::ALL.iter().copied().filter(|method| method.name() != "none").collect();
        assert!(!algorithms.compression.is_empty(), "there is one that compresses");
    }
    match usize::from(suite).checked_sub(1).filter(|_| !compresses(suite)) {
        None => {
            let kind = CipherKind::Aead { tag_length: 0, make: |_key, _iv| Box::new(ToyCipher) };
            algorithms.ciphers = vec![CipherMethod::new("none", Tier::Legacy, (0, 0, 8), kind)];
        }
        Some(pair) => {
            let pair = pair % pairs;
            algorithms.ciphers = vec![PROVIDER.ciphers()[pair / PROVIDER.macs().len()]];
            algorithms.macs = vec![PROVIDER.macs()[pair % PROVIDER.macs().len()]];
        }
    }
    algorithms
}

/// Whether payloads are compressed from the login on.
pub const fn compresses(suite: u8) -> bool {
    suite >= 0xf0
}

/// The key of every toy host and toy user.
pub fn key() -> PublicKey {
    let mut blob = Vec::new();
    blob.put_string(b"toy-key");
    blob.put_string(b"toy");
    PublicKey::from_blob(&blob).expect("any name will do")
}

/// Its signature.
pub fn signature() -> Signature {
    Signature::new("toy-sig", SIGNATURE.to_vec())
}

#[derive(Debug)]
struct ToyAgreement;

impl KeyAgreement for ToyAgreement {
    fn initiate(&self, _rng: &mut dyn rand_core::CryptoRng) -> Box<dyn Initiated> {
        Box::new(ToyInitiated)
    }

    fn respond(&self, init: &[u8], _rng: &mut dyn rand_core::CryptoRng) -> Result<Responded, BadPublicValue> {
        secret(init).map(|secret| Responded::new(b"\x01".to_vec(), secret))
    }
}

#[derive(Debug)]
struct ToyGroups;

impl GroupExchange for ToyGroups {
    fn choose(&self, sizes: &GroupSizes) -> Option<DhGroup> {
        let bits = sizes.choose([2048, 4096, 8192])?;
        Some(DhGroup { prime: vec![0xff; bits as usize / 8], generator: vec![2] })
    }

    fn agreement(&self, group: &DhGroup) -> Result<Box<dyn KeyAgreement>, BadGroup> {
        if group.generator.is_empty() { Err(BadGroup) } else { Ok(Box::new(ToyAgreement)) }
    }
}

#[derive(Debug)]
struct ToyInitiated;

impl Initiated for ToyInitiated {
    fn public(&self) -> &[u8] {
        b"\x01"
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        secret(reply)
    }
}

/// The one public value that is wrong is the empty one.
fn secret(peers: &[u8]) -> Result<SharedSecret, BadPublicValue> {
    if peers.is_empty() { Err(BadPublicValue) } else { Ok(SharedSecret::Mpint(b"\x01".to_vec().into())) }
}

/// FNV-1a, four times over.
#[derive(Debug)]
struct ToyHash;

impl Hash for ToyHash {
    fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for &byte in parts.iter().copied().flatten() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut digest = [0; 32];
        for (chunk, turn) in digest.chunks_exact_mut(8).zip(1..) {
            chunk.copy_from_slice(&state.rotate_left(turn * 7).to_be_bytes());
        }
        Digest::new(&digest)
    }
}

#[derive(Debug)]
struct ToyCipher;

impl PacketAead for ToyCipher {
    fn length(&self, _sequence: u32, head: [u8; 4]) -> u32 {
        u32::from_be_bytes(head)
    }

    fn seal(&mut self, _sequence: u32, _packet: &mut [u8], _tag: &mut [u8]) {}

    fn open(&mut self, _sequence: u32, _packet: &mut [u8], _tag: &[u8]) -> Result<(), BadTag> {
        Ok(())
    }
}

#[derive(Debug)]
struct ToyVerifier;

impl Verifier for ToyVerifier {
    fn check_key(&self, _key_blob: &[u8]) -> Result<(), InvalidMessage> {
        Ok(())
    }

    fn verify(&self, _key_blob: &[u8], _message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        if signature == SIGNATURE { Ok(()) } else { Err(BadSignature) }
    }
}
