use alloc::string::String;
use alloc::vec::Vec;

use super::Presence;
use crate::wire::{InvalidMessage, Put, Reader};

/// A signature with the name of its algorithm, as it travels.
/// [RFC 4253 §6.6](https://www.rfc-editor.org/rfc/rfc4253#section-6.6)
///
/// ```text
/// string signature format identifier · byte[n] signature blob
/// ```
/// The blob is one `string` (RFC 8332 §3, RFC 8709 §6, RFC 5656 §3.1.2), behind which security keys add what they say of
/// their owner (OpenSSH PROTOCOL.u2f).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature {
    /// As negotiated: `rsa-sha2-512`.
    pub algorithm: String,
    /// The content of the second `string`.
    pub blob: Vec<u8>,
    /// What a security key says of its owner.
    pub presence: Option<Presence>,
}

impl Signature {
    /// A signature by `algorithm`.
    #[must_use]
    pub fn new(algorithm: &str, blob: Vec<u8>) -> Self {
        Self { algorithm: algorithm.into(), blob, presence: None }
    }

    /// The same with what a security key says of its owner.
    #[must_use]
    pub fn with_presence(self, presence: Presence) -> Self {
        Self { presence: Some(presence), ..self }
    }

    /// Reads and copies the fields.
    ///
    /// # Errors
    /// As [`SignatureRef::from_wire`].
    pub fn from_wire(bytes: &[u8]) -> Result<Self, InvalidMessage> {
        SignatureRef::from_wire(bytes).map(SignatureRef::to_owned)
    }

    /// Appends the fields. In a message they stand in a `string` of their own.
    pub fn to_wire(&self, out: &mut Vec<u8>) {
        self.as_ref().to_wire(out);
    }

    /// The same, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> SignatureRef<'_> {
        SignatureRef { algorithm: &self.algorithm, blob: &self.blob, presence: self.presence }
    }
}

/// A [`Signature`] that borrows from the message in which it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignatureRef<'a> {
    /// As negotiated: `rsa-sha2-512`.
    pub algorithm: &'a str,
    /// The content of the second `string`.
    pub blob: &'a [u8],
    /// What a security key says of its owner.
    pub presence: Option<Presence>,
}

impl<'a> SignatureRef<'a> {
    /// Reads the fields, which fill `bytes`.
    ///
    /// # Errors
    /// When a field is longer than what is there, or something follows that is not a [`Presence`].
    pub fn from_wire(bytes: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(bytes);
        let signature = Self {
            algorithm: reader.utf8("signature algorithm")?,
            blob: reader.string("signature blob")?,
            presence: Presence::from_wire(&mut reader)?,
        };
        reader.finish("signature")?;
        Ok(signature)
    }

    /// Appends the fields.
    pub fn to_wire(self, out: &mut Vec<u8>) {
        out.put_string(self.algorithm.as_bytes());
        out.put_string(self.blob);
        if let Some(presence) = self.presence {
            presence.to_wire(out);
        }
    }

    /// A copy that outlives the message.
    #[must_use]
    pub fn to_owned(self) -> Signature {
        Signature { presence: self.presence, ..Signature::new(self.algorithm, self.blob.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_round_trips_and_every_truncation_is_an_error() {
        let plain = Signature::new("ssh-ed25519", [9; 64].into());
        let touched = plain.clone().with_presence(Presence::new(5, 0x0102_0304));
        for signature in [plain, touched] {
            let mut bytes = Vec::new();
            signature.to_wire(&mut bytes);
            assert_eq!(Signature::from_wire(&bytes).as_ref(), Ok(&signature));
            for end in 0..bytes.len() {
                // Where the flags would begin, a signature without them ends.
                let whole = signature.presence.is_some() && end == bytes.len() - 5;
                assert_eq!(SignatureRef::from_wire(&bytes[..end]).is_ok(), whole, "cut at {end}");
            }
            bytes.push(0);
            assert!(SignatureRef::from_wire(&bytes).is_err());
        }
    }
}
