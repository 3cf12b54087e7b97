use std::fmt;

use aws_lc_rs::agreement::{self, Algorithm, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::digest;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use rand_core::CryptoRng;
use ssh_proto::crypto::{BadPublicValue, Initiated, KeyAgreement, Responded, SharedSecret};
use zeroize::Zeroizing;

/// The arithmetic of the method of that name, if it is AWS-LC's.
pub(super) fn agreement(name: &str) -> Option<&'static dyn KeyAgreement> {
    Some(match name {
        "mlkem768x25519-sha256" => &MlKemHybrid,
        "curve25519-sha256" | "curve25519-sha256@libssh.org" => &CURVE25519,
        "ecdh-sha2-nistp256" => &NISTP256,
        "ecdh-sha2-nistp384" => &NISTP384,
        "ecdh-sha2-nistp521" => &NISTP521,
        _ => return None,
    })
}

static CURVE25519: Ecdh = Ecdh(&X25519);
static NISTP256: Ecdh = Ecdh(&ECDH_P256);
static NISTP384: Ecdh = Ecdh(&ECDH_P384);
static NISTP521: Ecdh = Ecdh(&ECDH_P521);

/// RFC 5656 §4 and RFC 8731.
#[derive(Debug)]
struct Ecdh(&'static Algorithm);

impl KeyAgreement for Ecdh {
    fn initiate(&self, _rng: &mut dyn CryptoRng) -> Box<dyn Initiated> {
        Box::new(EphemeralKey::new(self))
    }

    fn respond(&self, init: &[u8], _rng: &mut dyn CryptoRng) -> Result<Responded, BadPublicValue> {
        let key = EphemeralKey::new(self);
        let secret = key.agree(init)?;
        Ok(Responded::new(key.public, SharedSecret::Mpint(secret)))
    }
}

struct EphemeralKey {
    secret: PrivateKey,
    /// RFC 5656 §4: the uncompressed form, which alone every peer understands; or, of X25519, all there is.
    public: Vec<u8>,
}

impl EphemeralKey {
    #[expect(clippy::expect_used, reason = "AWS-LC's generator seeds itself from the system's, which it waits for")]
    fn new(method: &Ecdh) -> Self {
        let secret = PrivateKey::generate(method.0).expect("random numbers");
        let public = secret.compute_public_key().expect("a private key has a public one").as_ref().to_vec();
        Self { secret, public }
    }

    /// The peer's value has the form of ours. Of X25519 a secret of zeros is an error (RFC 8731 §3), of the others a point
    /// that is not on the curve.
    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, BadPublicValue> {
        if peer.len() != self.public.len() {
            return Err(BadPublicValue);
        }
        let peer = UnparsedPublicKey::new(self.secret.algorithm(), peer);
        agreement::agree(&self.secret, peer, BadPublicValue, |secret| Ok(Zeroizing::new(secret.to_vec())))
    }
}

impl Initiated for EphemeralKey {
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        self.agree(reply).map(SharedSecret::Mpint)
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey([redacted])")
    }
}

/// draft-ietf-sshm-mlkem-hybrid-kex: ML-KEM-768 beside X25519. What goes first in both public values is ML-KEM's; the
/// secret is the hash of both secrets, ML-KEM's first.
#[derive(Debug)]
struct MlKemHybrid;

/// Bytes of ML-KEM-768's public key.
const ENCAPSULATION_KEY: usize = 1184;
/// Bytes of its ciphertext.
const CIPHERTEXT: usize = 1088;

impl KeyAgreement for MlKemHybrid {
    #[expect(clippy::expect_used, reason = "AWS-LC's generator seeds itself from the system's, which it waits for")]
    fn initiate(&self, _rng: &mut dyn CryptoRng) -> Box<dyn Initiated> {
        let decapsulation = DecapsulationKey::generate(&ML_KEM_768).expect("random numbers");
        let ephemeral = EphemeralKey::new(&CURVE25519);
        let encapsulation = decapsulation.encapsulation_key().and_then(|key| Ok(key.key_bytes()?.as_ref().to_vec()));
        let public = [&encapsulation.expect("a private key has a public one")[..], &ephemeral.public].concat();
        Box::new(HybridKey { decapsulation, ephemeral, public })
    }

    fn respond(&self, init: &[u8], _rng: &mut dyn CryptoRng) -> Result<Responded, BadPublicValue> {
        let (encapsulation, classical) = init.split_at_checked(ENCAPSULATION_KEY).ok_or(BadPublicValue)?;
        let ephemeral = EphemeralKey::new(&CURVE25519);
        let second = ephemeral.agree(classical)?;
        // FIPS 203 §7.2: a key whose numbers are not reduced is refused.
        let key = EncapsulationKey::new(&ML_KEM_768, encapsulation).map_err(|_rejected| BadPublicValue)?;
        let (ciphertext, first) = key.encapsulate().map_err(|Unspecified| BadPublicValue)?;
        let public = [ciphertext.as_ref(), &ephemeral.public].concat();
        Ok(Responded::new(public, combine(first.as_ref(), &second)))
    }
}

struct HybridKey {
    decapsulation: DecapsulationKey,
    ephemeral: EphemeralKey,
    public: Vec<u8>,
}

impl Initiated for HybridKey {
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        let (ciphertext, classical) = reply.split_at_checked(CIPHERTEXT).ok_or(BadPublicValue)?;
        let second = self.ephemeral.agree(classical)?;
        let first = self.decapsulation.decapsulate(Ciphertext::from(ciphertext));
        Ok(combine(first.map_err(|Unspecified| BadPublicValue)?.as_ref(), &second))
    }
}

impl fmt::Debug for HybridKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HybridKey([redacted])")
    }
}

fn combine(first: &[u8], second: &[u8]) -> SharedSecret {
    let mut state = digest::Context::new(&digest::SHA256);
    state.update(first);
    state.update(second);
    SharedSecret::String(Zeroizing::new(state.finish().as_ref().to_vec()))
}
