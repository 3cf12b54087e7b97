//! The server's half: answers a public value with its own, and asks for the host key's signature.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::group::ExpectGroupRequest;
use super::hash::{PublicValues, Round};
use super::negotiate::Agreement;
use super::{Context, Opening, State, Values, unexpected};
use crate::crypto::KeyAgreement;
use crate::error::{ApiMisuse, Error, PeerMisbehaved};
use crate::keys::{PublicKey, Signature};
use crate::transport::keys::KeyMaterial;
use crate::transport::{Transport, Turn};
use crate::wire::{InvalidMessage, MessageNumber, Put, Reader};

/// Waits for the client's public value.
#[derive(Debug)]
pub(super) struct ExpectInit {
    pub(super) context: Context,
    pub(super) round: Round,
    pub(super) arithmetic: Box<dyn KeyAgreement>,
}

impl State {
    /// A server waits for the client's first message of the method agreed on.
    pub(super) fn expect_first(context: Context) -> Self {
        match Opening::of(context.agreement.kex.exchange) {
            Opening::Values(Values { round, arithmetic }) => {
                Self::ExpectInit(Box::new(ExpectInit { context, round, arithmetic: Box::new(arithmetic) }))
            }
            Opening::Group(groups) => Self::ExpectGroupRequest(Box::new(ExpectGroupRequest { context, groups })),
        }
    }
}

/// The exchange hash wants the host key's signature.
pub(crate) struct Sign {
    agreement: Agreement,
    material: KeyMaterial,
    host_key: PublicKey,
    round: Round,
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

/// The client's public value. [RFC 4253 §8](https://www.rfc-editor.org/rfc/rfc4253#section-8), RFC 5656 §4, RFC 4419 §3
///
/// ```text
/// byte SSH_MSG_KEXDH_INIT (30), or SSH_MSG_KEX_DH_GEX_INIT (32) · mpint e (or string Q_C)
/// ```
fn decode_init<'a>(body: &'a [u8], round: &Round) -> Result<&'a [u8], InvalidMessage> {
    let mut reader = Reader::new(body);
    let value = round.read(&mut reader, "e")?;
    reader.finish("SSH_MSG_KEXDH_INIT")?;
    Ok(value)
}

impl Transport {
    pub(super) fn receive_init(&mut self, expect: ExpectInit, number: u8, body: &[u8]) -> Result<Turn, Error> {
        let ExpectInit { context, round, arithmetic } = expect;
        if number != round.init {
            return Err(unexpected(number));
        }
        let agreement = context.agreement;
        let init = decode_init(body, &round).map_err(|error| Error::InvalidMessage(MessageNumber(number), error))?;
        let responded = arithmetic.respond(init, &mut *self.rng);
        let responded = responded.map_err(|_bad| Error::PeerMisbehaved(PeerMisbehaved::BadPublicValue))?;
        // Only algorithms that we have a key for are offered.
        let host_key = self.settings.host_keys.iter().find(|key| key.key_type() == agreement.host_key.key_type);
        let host_key = host_key.cloned().ok_or(Error::ApiMisuse(ApiMisuse::EmptyConfig))?;
        let client = self.peer.as_ref().unwrap_or(&self.identification);
        let values = PublicValues { client: init, server: &responded.public };
        let lines = (client, &self.identification);
        let hash = context.exchange_hash(lines, host_key.blob(), &round, &values, &responded.secret);
        let material = KeyMaterial::new(agreement.kex.hash, &responded.secret, hash);
        Ok(Turn::Sign(Box::new(Sign { agreement, material, host_key, round, public_value: responded.public })))
    }

    /// The caller's answer to [`Turn::Sign`].
    ///
    /// ```text
    /// byte SSH_MSG_KEXDH_REPLY (31), or SSH_MSG_KEX_DH_GEX_REPLY (33)
    /// string K_S · mpint f (or string Q_S) · string signature of H
    /// ```
    pub(crate) fn complete_signature(&mut self, sign: Sign, signature: &Signature, out: &mut Vec<u8>) {
        self.send_now(out, |payload| {
            payload.put_u8(sign.round.reply);
            payload.put_string(sign.host_key.blob());
            sign.round.put(payload, &sign.public_value);
            payload.put_nested(|signed| signature.to_wire(signed));
        });
        self.take_keys(&sign.agreement, &sign.material, (sign.host_key, None), out);
    }
}
