use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair};
use base64ct::{Base64, Encoding};
use ssh_proto::keys::{PrivateKey, SignError, Signature};
use zeroize::Zeroizing;

/// An RSA key that signs by AWS-LC, several times as fast. AWS-LC checks its result before it returns it, so that a fault
/// does not give the key away; it wipes the key when it is dropped.
pub(crate) struct RsaSigner(RsaKeyPair);

impl RsaSigner {
    /// `None` for other keys than RSA, and for those of sizes that AWS-LC does not take.
    pub(crate) fn new(key: &PrivateKey) -> Option<Self> {
        let pem = key.to_pkcs1_pem().ok()?;
        let digits: Zeroizing<String> = Zeroizing::new(pem.lines().filter(|line| !line.starts_with('-')).collect());
        let der = Zeroizing::new(Base64::decode_vec(&digits).ok()?);
        RsaKeyPair::from_der(&der).ok().map(Self)
    }

    /// `None` for `ssh-rsa`: AWS-LC makes no signatures with SHA-1.
    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Option<Result<Signature, SignError>> {
        let encoding: &'static dyn RsaEncoding = match algorithm {
            "rsa-sha2-512" => &RSA_PKCS1_SHA512,
            "rsa-sha2-256" => &RSA_PKCS1_SHA256,
            _ => return None,
        };
        let mut blob = vec![0; self.0.public_modulus_len()];
        let signed = self.0.sign(encoding, &SystemRandom::new(), message, &mut blob);
        Some(signed.map(|()| Signature::new(algorithm, blob)).map_err(|_unspecified| SignError::Fault))
    }
}

impl fmt::Debug for RsaSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaSigner([redacted])")
    }
}
