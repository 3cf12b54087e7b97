//! The client's half: sends a public value, checks the answer, and asks whose host key it is.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::hash::{PublicValues, Round};
use super::negotiate::{Agreement, Guess};
use super::{Context, Opening, State, Values, unexpected};
use crate::crypto::Initiated;
use crate::error::{Error, PeerMisbehaved};
use crate::keys::{Certificate, PublicKey, SignatureRef};
use crate::transport::keys::KeyMaterial;
use crate::transport::{Transport, Turn};
use crate::wire::{InvalidMessage, MessageNumber, Put, Reader};

/// Our public value is out.
#[derive(Debug)]
pub(super) struct ExpectReply {
    pub(super) context: Context,
    round: Round,
    initiated: Box<dyn Initiated>,
}

/// Our public value went out behind our KEXINIT, before the server's KEXINIT was there.
#[derive(Debug)]
pub(super) struct Guessed {
    initiated: Box<dyn Initiated>,
}

/// The server proved that it holds `host_key`: it signed this exchange. Whether it is the right key, the caller says.
pub(crate) struct Verify {
    agreement: Agreement,
    material: KeyMaterial,
    host_key: PublicKey,
    certificate: Option<Certificate>,
    signature: Vec<u8>,
}

impl core::fmt::Debug for Verify {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Verify").field("host_key", &self.host_key).finish_non_exhaustive()
    }
}

impl Verify {
    pub(crate) const fn host_key(&self) -> &PublicKey {
        &self.host_key
    }

    pub(crate) const fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }
}

/// The server's answer. [RFC 4253 §8](https://www.rfc-editor.org/rfc/rfc4253#section-8), RFC 5656 §4, RFC 4419 §3
///
/// ```text
/// byte SSH_MSG_KEXDH_REPLY (31), or SSH_MSG_KEX_DH_GEX_REPLY (33)
/// string K_S · mpint f (or string Q_S) · string signature of H
/// ```
struct KexReply<'a> {
    host_key: &'a [u8],
    public_value: &'a [u8],
    signature: &'a [u8],
}

impl<'a> KexReply<'a> {
    fn decode(body: &'a [u8], round: &Round) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        let message = Self {
            host_key: reader.string("K_S")?,
            public_value: round.read(&mut reader, "f")?,
            signature: reader.string("signature of H")?,
        };
        reader.finish("SSH_MSG_KEXDH_REPLY")?;
        Ok(message)
    }
}

impl Transport {
    /// Sends the public value of our first method, before we know what is agreed on: "Each side MAY guess [...] and MAY
    /// send the initial packet".
    pub(super) fn send_guess(&mut self, Values { round, arithmetic }: &Values, out: &mut Vec<u8>) -> Guessed {
        let initiated = arithmetic.initiate(&mut *self.rng);
        self.put_init(round, &*initiated, out);
        Guessed { initiated }
    }

    /// The first message of the method agreed on; after a right guess it is out already. "If the guess was right, the
    /// [...] packet MUST be treated as the first key exchange packet", and otherwise the server ignores it.
    pub(super) fn send_first(&mut self, context: Context, guessed: Option<Guessed>, out: &mut Vec<u8>) -> State {
        let Values { round, arithmetic } = match Opening::of(context.agreement.kex.exchange) {
            Opening::Values(values) => values,
            Opening::Group(groups) => {
                return State::ExpectGroup(Box::new(self.send_group_request(context, groups, out)));
            }
        };
        let expect = match (guessed, context.agreement.our_guess) {
            (Some(Guessed { initiated }), Guess::Right) => ExpectReply { context, round, initiated },
            _ => {
                let initiated = arithmetic.initiate(&mut *self.rng);
                self.send_init(context, round, initiated, out)
            }
        };
        State::ExpectReply(Box::new(expect))
    }

    pub(super) fn send_init(
        &mut self,
        context: Context,
        round: Round,
        initiated: Box<dyn Initiated>,
        out: &mut Vec<u8>,
    ) -> ExpectReply {
        self.put_init(&round, &*initiated, out);
        ExpectReply { context, round, initiated }
    }

    /// ```text
    /// byte SSH_MSG_KEXDH_INIT (30), or SSH_MSG_KEX_DH_GEX_INIT (32) · mpint e (or string Q_C)
    /// ```
    fn put_init(&mut self, round: &Round, initiated: &dyn Initiated, out: &mut Vec<u8>) {
        self.send_now(out, |payload| {
            payload.put_u8(round.init);
            round.put(payload, initiated.public());
        });
    }

    pub(super) fn receive_reply(
        &mut self,
        expect: ExpectReply,
        number: u8,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Turn>, Error> {
        let ExpectReply { context, round, initiated } = expect;
        if number != round.reply {
            return Err(unexpected(number));
        }
        let agreement = context.agreement;
        let invalid = |error| Error::InvalidMessage(MessageNumber(number), error);
        let reply = KexReply::decode(body, &round).map_err(invalid)?;
        let host_key = PublicKey::from_blob(reply.host_key).map_err(invalid)?;
        if host_key.key_type() != agreement.host_key.key_type {
            return Err(Error::PeerMisbehaved(PeerMisbehaved::WrongHostKeyType));
        }
        agreement.host_key.check_key(&host_key).map_err(invalid)?;
        let certificate = Certificate::from_public(&host_key).map_err(invalid)?;
        let public = initiated.public().to_vec();
        let secret = initiated
            .finish(reply.public_value)
            .map_err(|_bad| Error::PeerMisbehaved(PeerMisbehaved::BadPublicValue))?;
        let server = self.peer.as_ref().unwrap_or(&self.identification);
        let values = PublicValues { client: &public, server: reply.public_value };
        let lines = (&self.identification, server);
        let hash = context.exchange_hash(lines, reply.host_key, &round, &values, &secret);
        let signature = SignatureRef::from_wire(reply.signature).map_err(invalid)?;
        agreement
            .host_key
            .verify(&host_key, hash.as_bytes(), signature)
            .map_err(|_bad| Error::PeerMisbehaved(PeerMisbehaved::BadHostSignature))?;
        let material = KeyMaterial::new(agreement.kex.hash, &secret, hash);
        let verify = Verify { agreement, material, host_key, certificate, signature: reply.signature.to_vec() };
        match &self.kex.session {
            None => Ok(Some(Turn::Verify(Box::new(verify)))),
            // The caller has answered for this key already.
            Some(session) if session.host_key == verify.host_key => {
                self.accept_host_key(verify, out);
                Ok(None)
            }
            Some(_) => Err(Error::PeerMisbehaved(PeerMisbehaved::HostKeyChanged)),
        }
    }

    /// The caller's yes to [`Turn::Verify`].
    pub(crate) fn accept_host_key(&mut self, verify: Verify, out: &mut Vec<u8>) {
        debug_assert!(matches!(self.kex.state, State::AwaitCaller), "a question is answered once");
        self.take_keys(&verify.agreement, &verify.material, (verify.host_key, Some(verify.signature)), out);
    }
}
