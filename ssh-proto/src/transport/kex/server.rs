//! The server's half: answers a public value with its own, and asks for the host key's signature.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::hash::{PublicValues, put_public_value};
use super::negotiate::Agreement;
use super::{Context, unexpected};
use crate::crypto::Exchange;
use crate::error::{ApiMisuse, Error, PeerMisbehaved};
use crate::keys::{PublicKey, Signature};
use crate::transport::keys::KeyMaterial;
use crate::transport::{Transport, Turn};
use crate::wire::{InvalidMessage, MessageNumber, Put, Reader, number};

/// Waits for the client's public value.
#[derive(Debug)]
pub(super) struct ExpectInit {
    pub(super) context: Context,
}

impl ExpectInit {
    pub(super) const fn new(context: Context) -> Self {
        Self { context }
    }
}

/// The exchange hash wants the host key's signature.
pub(crate) struct Sign {
    agreement: Agreement,
    material: KeyMaterial,
    host_key: PublicKey,
    public_value: Vec<u8>,
}

impl core::fmt::Debug for Sign {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sign").field("host_key", &self.host_key).finish_non_exhaustive()
    }
}

impl Sign {
    pub(crate) const fn host_key(&self) -> &PublicKey {
        &self.host_key
    }

    pub(crate) const fn algorithm(&self) -> &'static str {
        self.agreement.host_key.signature_name
    }

    pub(crate) fn to_sign(&self) -> &[u8] {
        self.material.exchange_hash.as_bytes()
    }
}

/// The client's public value. [RFC 4253 §8](https://www.rfc-editor.org/rfc/rfc4253#section-8), RFC 5656 §4
///
/// ```text
/// byte SSH_MSG_KEXDH_INIT (30) · mpint e (or string Q_C)
/// ```
fn decode_init<'a>(body: &'a [u8], exchange: &Exchange) -> Result<&'a [u8], InvalidMessage> {
    let mut reader = Reader::new(body);
    let value = match exchange {
        Exchange::DiffieHellman(_) => reader.mpint("e")?.magnitude(),
        Exchange::Ecdh(_) => reader.string("Q_C")?,
    };
    reader.finish("SSH_MSG_KEXDH_INIT")?;
    Ok(value)
}

impl Transport {
    pub(super) fn receive_init(&mut self, expect: ExpectInit, number: u8, body: &[u8]) -> Result<Turn, Error> {
        if number != number::KEXDH_INIT {
            return Err(unexpected(number));
        }
        let context = expect.context;
        let agreement = context.agreement;
        let exchange = agreement.kex.exchange;
        let init = decode_init(body, &exchange).map_err(|error| Error::InvalidMessage(MessageNumber(number), error))?;
        let responded = match exchange {
            Exchange::DiffieHellman(agreement) | Exchange::Ecdh(agreement) => agreement.respond(init, &mut *self.rng),
        };
        let responded = responded.map_err(|_bad| Error::PeerMisbehaved(PeerMisbehaved::BadPublicValue))?;
        // Only algorithms that we have a key for are offered.
        let host_key = self.settings.host_keys.iter().find(|key| key.key_type() == agreement.host_key.key_type);
        let host_key = host_key.cloned().ok_or(Error::ApiMisuse(ApiMisuse::EmptyConfig))?;
        let client = self.peer.as_ref().unwrap_or(&self.identification);
        let values = PublicValues { client: init, server: &responded.public };
        let hash = context.exchange_hash(client, &self.identification, host_key.blob(), &values, &responded.secret);
        let material = KeyMaterial::new(agreement.kex.hash, &responded.secret, hash);
        Ok(Turn::Sign(Box::new(Sign { agreement, material, host_key, public_value: responded.public })))
    }

    /// The caller's answer to [`Turn::Sign`].
    ///
    /// ```text
    /// byte SSH_MSG_KEXDH_REPLY (31) · string K_S · mpint f (or string Q_S) · string signature of H
    /// ```
    pub(crate) fn complete_signature(&mut self, sign: Sign, signature: &Signature, out: &mut Vec<u8>) {
        self.send_now(out, |payload| {
            payload.put_u8(number::KEXDH_REPLY);
            payload.put_string(sign.host_key.blob());
            put_public_value(payload, &sign.agreement.kex.exchange, &sign.public_value);
            payload.put_nested(|signed| signature.to_wire(signed));
        });
        self.take_keys(&sign.agreement, &sign.material, sign.host_key, out);
    }
}
