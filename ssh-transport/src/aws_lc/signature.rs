use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, EcdsaVerificationAlgorithm,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use ssh_proto::crypto::{BadSignature, SignatureMethod, Verifier};
use ssh_proto::wire::{InvalidMessage, Reader};

/// Checks signatures as `row` does, if AWS-LC can.
pub(super) fn verifier(row: &SignatureMethod) -> Option<&'static dyn Verifier> {
    let kind = match row.name {
        "ssh-ed25519" => Kind::Ed25519,
        "rsa-sha2-512" => Kind::Rsa(&RSA_PKCS1_2048_8192_SHA512),
        "rsa-sha2-256" => Kind::Rsa(&RSA_PKCS1_2048_8192_SHA256),
        "ssh-rsa" => Kind::Rsa(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        "ecdsa-sha2-nistp256" => Kind::Ecdsa(&ECDSA_P256_SHA256_FIXED, 32),
        "ecdsa-sha2-nistp384" => Kind::Ecdsa(&ECDSA_P384_SHA384_FIXED, 48),
        "ecdsa-sha2-nistp521" => Kind::Ecdsa(&ECDSA_P521_SHA512_FIXED, 66),
        _ => return None,
    };
    // Once for each row of a table that is never freed.
    Some(Box::leak(Box::new(AwsLcVerifier { kind, keys: row.verifier })))
}

/// Which keys are acceptable is not a question of arithmetic: RustCrypto's verifier says it, so that a key does not work
/// with one provider only.
struct AwsLcVerifier {
    kind: Kind,
    keys: &'static dyn Verifier,
}

enum Kind {
    Ed25519,
    Rsa(&'static RsaParameters),
    /// With the bytes of each of the two numbers.
    Ecdsa(&'static EcdsaVerificationAlgorithm, usize),
}

impl Verifier for AwsLcVerifier {
    fn check_key(&self, key_blob: &[u8]) -> Result<(), InvalidMessage> {
        self.keys.check_key(key_blob)
    }

    fn verify(&self, key_blob: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.keys.check_key(key_blob).map_err(|_invalid| BadSignature)?;
        let mut key = Reader::new(key_blob);
        key.string("key type").map_err(|_invalid| BadSignature)?;
        let verified = match self.kind {
            Kind::Ed25519 => {
                let key = key.string("key").map_err(|_invalid| BadSignature)?;
                UnparsedPublicKey::new(&ED25519, key).verify(message, signature)
            }
            Kind::Rsa(parameters) => {
                let (e, n) = (key.mpint("e"), key.mpint("n"));
                let (Ok(e), Ok(n)) = (e, n) else { return Err(BadSignature) };
                // RFC 8332 §3: "A verifier MAY accept shorter encodings of S with one or more leading zeros omitted."
                let padded = padded(signature, n.magnitude().len())?;
                RsaPublicKeyComponents { n: n.magnitude(), e: e.magnitude() }.verify(parameters, message, &padded)
            }
            Kind::Ecdsa(algorithm, length) => {
                let key =
                    key.string("identifier").and_then(|_curve| key.string("Q")).map_err(|_invalid| BadSignature)?;
                let mut reader = Reader::new(signature);
                let (r, s) = (reader.mpint("r"), reader.mpint("s"));
                let (Ok(r), Ok(s), Ok(())) = (r, s, reader.finish("signature")) else { return Err(BadSignature) };
                let fixed = [padded(r.magnitude(), length)?, padded(s.magnitude(), length)?].concat();
                UnparsedPublicKey::new(algorithm, key).verify(message, &fixed)
            }
        };
        verified.map_err(|_unspecified| BadSignature)
    }
}

/// With as many zeros in front as make `length` bytes.
fn padded(number: &[u8], length: usize) -> Result<Vec<u8>, BadSignature> {
    let zeros = length.checked_sub(number.len()).ok_or(BadSignature)?;
    Ok([&vec![0; zeros], number].concat())
}

impl fmt::Debug for AwsLcVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsLc({:?})", self.keys)
    }
}
