//! Key exchange, [RFC 4253 §7 to §9](https://www.rfc-editor.org/rfc/rfc4253#section-7).
//!
//! An exchange is two half-machines. One gates what we send (`send.rs`), from our KEXINIT to our NEWKEYS; [`Exchanges`]
//! gates what the peer may send, from its KEXINIT to its NEWKEYS. Between the two, data in flight is legal.

mod client;
mod group;
mod hash;
mod negotiate;
mod server;

use alloc::boxed::Box;
use alloc::vec::Vec;

pub(crate) use client::Verify;
use hash::Round;
use negotiate::{Agreement, DirectionAgreement, Guess, Markers};
pub use negotiate::{FirstChoices, KexGuess};
pub(crate) use server::Sign;

use super::compress::Compression;
use super::keys::{Direction, KeyMaterial, SessionId};
use super::messages::KexInit;
use super::packet::{Half, Numbering, Protection};
use super::{Phase, Role, StrictPolicy, Transport, Turn, rekey};
use crate::crypto::{Exchange, GroupExchange, KeyAgreement};
use crate::error::{Error, Limit, PeerIncompatible, PeerMisbehaved};
use crate::keys::PublicKey;
use crate::notice::Notice;
use crate::time::Instant;
use crate::wire::{MessageNumber, number};

/// All key exchanges of a connection: the one under way, and what the first one settled for ever.
#[derive(Debug)]
pub(super) struct Exchanges {
    state: State,
    session: Option<Session>,
    strictness: KexStrictness,
    negotiated: Option<Negotiated>,
    deadline: Option<Instant>,
    before_login: u32,
}

/// What the first exchange settled.
#[derive(Debug)]
struct Session {
    id: SessionId,
    host_key: PublicKey,
    /// The host key's signature over `id`, as a client read it; a server has no use for its own.
    signature: Option<Vec<u8>>,
}

/// A host's signature over the first key exchange. Whoever holds it can tell which host a session goes to: an agent for
/// example (`session-bind@openssh.com`), which need not trust the client for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostProof {
    /// The host key.
    pub host_key: PublicKey,
    /// What it signed: the exchange hash of the first key exchange.
    pub session_id: SessionId,
    /// The signature, as it stood in the server's answer: an algorithm's name and what that makes.
    pub signature: Vec<u8>,
}

/// Where the exchange under way stands.
#[derive(Debug)]
enum State {
    /// None is under way.
    Idle,
    /// Our KEXINIT (this payload) is out, the peer's has not come.
    ExpectKexInit { ours: Vec<u8>, guessed: Option<client::Guessed> },
    /// A client has asked for a group.
    ExpectGroup(Box<group::ExpectGroup>),
    /// A client's public value is out.
    ExpectReply(Box<client::ExpectReply>),
    /// A server waits for what the client wants of a group.
    ExpectGroupRequest(Box<group::ExpectGroupRequest>),
    /// A server waits for the client's public value.
    ExpectInit(Box<server::ExpectInit>),
    /// The caller has a question to answer: [`Verify`] or [`Sign`].
    AwaitCaller,
    /// Our NEWKEYS is out; these keys come into use with the peer's.
    ExpectNewKeys(Box<(Protection, Compression, Negotiated)>),
}

/// Whether strict key exchange is in force (the answer to CVE-2023-48795).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KexStrictness {
    /// One of the two sides did not offer it.
    Plain,
    /// Both sides offered it in their first KEXINIT.
    Strict,
}

/// What a key exchange agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiated {
    /// The key exchange method.
    pub kex: &'static str,
    /// The signature algorithm of the host key.
    pub host_key: &'static str,
    /// From the client to the server.
    pub client_to_server: DirectionAlgorithms,
    /// From the server to the client.
    pub server_to_client: DirectionAlgorithms,
    /// Whether strict key exchange is in force.
    pub strictness: KexStrictness,
    /// Whether both sides' first choices were the same.
    pub first_choices: FirstChoices,
}

/// What protects one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectionAlgorithms {
    /// The cipher.
    pub cipher: &'static str,
    /// The MAC; none where the cipher authenticates.
    pub mac: Option<&'static str>,
    /// How payloads are compressed from the login on; none where they are not.
    pub compression: Option<&'static str>,
}

impl DirectionAlgorithms {
    fn of(DirectionAgreement { suite, compression }: &DirectionAgreement) -> Self {
        Self { cipher: suite.cipher().name, mac: suite.mac().map(|mac| mac.name), compression: compression.shown() }
    }
}

/// What both sides put into the exchange hash, and what they agreed on.
#[derive(Debug)]
struct Context {
    agreement: Agreement,
    client_init: Vec<u8>,
    server_init: Vec<u8>,
    /// A packet sent on a wrong guess still has to be dropped.
    guess: Guess,
}

/// What a method begins with.
enum Opening {
    /// The public values.
    Values(Values),
    /// The choice of a group.
    Group(&'static dyn GroupExchange),
}

/// The messages of public values, and the arithmetic behind them.
pub(super) struct Values {
    round: Round,
    arithmetic: &'static dyn KeyAgreement,
}

impl Opening {
    const fn of(exchange: Exchange) -> Self {
        match exchange {
            Exchange::DiffieHellman(arithmetic) => Self::Values(Values { round: Round::DIFFIE_HELLMAN, arithmetic }),
            Exchange::Ecdh(arithmetic) => Self::Values(Values { round: Round::ECDH, arithmetic }),
            Exchange::GroupExchange(groups) => Self::Group(groups),
        }
    }
}

impl Exchanges {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Idle,
            session: None,
            strictness: KexStrictness::Plain,
            negotiated: None,
            deadline: None,
            before_login: 0,
        }
    }

    pub(super) const fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
    }

    pub(super) const fn session_id(&self) -> Option<SessionId> {
        match &self.session {
            Some(session) => Some(session.id),
            None => None,
        }
    }

    /// The host key of the first exchange.
    pub(super) fn host_key(&self) -> Option<&PublicKey> {
        self.session.as_ref().map(|session| &session.host_key)
    }

    /// What a client can show of the first exchange.
    pub(super) fn host_proof(&self) -> Option<HostProof> {
        let Session { id, host_key, signature } = self.session.as_ref()?;
        Some(HostProof { host_key: host_key.clone(), session_id: *id, signature: signature.clone()? })
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Keys are in use, and none are being exchanged.
    pub(super) const fn is_complete(&self) -> bool {
        self.negotiated.is_some() && matches!(self.state, State::Idle)
    }

    /// Whether the peer may send message `number` now, as far as key exchange has a say.
    pub(super) fn check_allowed(&self, number: u8, sequence: u32) -> Result<(), Error> {
        let first = self.negotiated.is_none();
        let peer_exchanges = match self.state {
            State::Idle => false,
            State::ExpectKexInit { .. } => first,
            State::ExpectGroup(_)
            | State::ExpectReply(_)
            | State::ExpectGroupRequest(_)
            | State::ExpectInit(_)
            | State::AwaitCaller
            | State::ExpectNewKeys(_) => true,
        };
        let blame = match number {
            number::DISCONNECT => return Ok(()),
            // Whatever it is, the next one would be number 0 again.
            _ if first && sequence == u32::MAX => PeerMisbehaved::SequenceWrapped,
            number::KEXINIT | number::NEWKEYS | 30..=49 => return Ok(()),
            _ if !peer_exchanges => return Ok(()),
            // "any message that is not part of it ends the connection"
            _ if first && self.strictness == KexStrictness::Strict => {
                PeerMisbehaved::StrictKeyExchange(MessageNumber(number), sequence)
            }
            // "Transport layer generic messages (1 to 19) (but SSH_MSG_SERVICE_REQUEST and SSH_MSG_SERVICE_ACCEPT MUST
            // NOT be sent); Algorithm negotiation messages (20 to 29) (but further SSH_MSG_KEXINIT messages MUST NOT be
            // sent); Specific key exchange method messages (30 to 49)."
            number::SERVICE_REQUEST | number::SERVICE_ACCEPT | 50.. => {
                PeerMisbehaved::NotKeyExchange(MessageNumber(number))
            }
            _ => return Ok(()),
        };
        Err(Error::PeerMisbehaved(blame))
    }

    const fn numbering(&self) -> Numbering {
        match self.strictness {
            KexStrictness::Strict => Numbering::Restart,
            KexStrictness::Plain => Numbering::Continue,
        }
    }
}

fn unexpected(number: u8) -> Error {
    Error::PeerMisbehaved(PeerMisbehaved::UnexpectedMessage(MessageNumber(number)))
}

impl Transport {
    /// Sends our KEXINIT, unless an exchange is under way already.
    pub(crate) fn start_key_exchange(&mut self, now: Instant, out: &mut Vec<u8>) {
        if !matches!(self.kex.state, State::Idle) {
            return;
        }
        let markers = if self.kex.session.is_none() { Markers::First } else { Markers::Later };
        if markers == Markers::Later {
            self.kex.deadline = Some(now.plus(self.settings.limits.rekey_timeout));
        }
        // Once a connection stands, nobody waits for a re-exchange: there is nothing to gain by a guess.
        let guesses = markers == Markers::First && self.settings.guess == KexGuess::Send;
        let first_method = self.settings.algorithms.kex.first().filter(|_| guesses);
        let guess = first_method.and_then(|method| match Opening::of(method.exchange) {
            Opening::Values(values) => Some(values),
            Opening::Group(_) => None,
        });
        let follows = if guess.is_some() { KexGuess::Send } else { KexGuess::Wait };
        let mut ours = Vec::new();
        let algorithms = &self.settings.algorithms;
        negotiate::put_kexinit(&mut ours, self.role(), algorithms, (markers, follows), &mut *self.rng);
        self.send_kexinit(ours, guess, out);
    }

    /// Sends `ours`, a KEXINIT, and behind it the first packet of a method that is guessed; waits for the peer's.
    pub(super) fn send_kexinit(&mut self, ours: Vec<u8>, guess: Option<Values>, out: &mut Vec<u8>) {
        self.send_now(out, |payload| payload.extend_from_slice(&ours));
        self.outbound.close_gate();
        let guessed = guess.map(|values| self.send_guess(&values, out));
        self.kex.state = State::ExpectKexInit { ours, guessed };
    }

    pub(super) fn receive_kexinit(
        &mut self,
        now: Instant,
        sequence: u32,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        // The peer starts a re-exchange: "[...] the other side MUST respond with its own SSH_MSG_KEXINIT message, except
        // when the received SSH_MSG_KEXINIT already was a reply."
        self.start_key_exchange(now, out);
        let (ours, guessed) = match &mut self.kex.state {
            State::ExpectKexInit { ours, guessed } => (core::mem::take(ours), guessed.take()),
            _ => return Err(unexpected(number::KEXINIT)),
        };
        if self.phase == Phase::BeforeLogin {
            self.kex.before_login = self.kex.before_login.saturating_add(1);
            if self.kex.before_login > self.settings.limits.key_exchanges_before_login {
                return Err(Error::LimitReached(Limit::KeyExchangesBeforeLogin));
            }
        }
        let invalid = |error| Error::InvalidMessage(MessageNumber(number::KEXINIT), error);
        let theirs = KexInit::decode(payload.get(1..).unwrap_or_default()).map_err(invalid)?;
        let our_init = KexInit::decode(ours.get(1..).unwrap_or_default()).map_err(invalid)?;
        if self.kex.session.is_none() {
            self.read_markers(&our_init, &theirs, sequence)?;
        }
        let agreement = negotiate::negotiate(self.role(), &self.settings.algorithms, &our_init, &theirs)?;
        let theirs = payload.to_vec();
        let (client_init, server_init) = match self.role() {
            Role::Client => (ours, theirs),
            Role::Server => (theirs, ours),
        };
        let context = Context { guess: agreement.peers_guess, agreement, client_init, server_init };
        self.kex.state = match self.role() {
            Role::Client => self.send_first(context, guessed, out),
            Role::Server => State::expect_first(context),
        };
        Ok(())
    }

    /// What the peer's first KEXINIT says beside its algorithms. Later ones say nothing: strictness never changes.
    fn read_markers(&mut self, ours: &KexInit<'_>, theirs: &KexInit<'_>, sequence: u32) -> Result<(), Error> {
        let (our_strict, strict, ext_info) = match self.role() {
            Role::Client => (negotiate::STRICT_C, negotiate::STRICT_S, negotiate::EXT_INFO_S),
            Role::Server => (negotiate::STRICT_S, negotiate::STRICT_C, negotiate::EXT_INFO_C),
        };
        if theirs.kex.contains(ext_info) {
            self.ext_info.peer_understands();
        }
        if theirs.kex.contains(strict) && ours.kex.contains(our_strict) {
            self.kex.strictness = KexStrictness::Strict;
            if sequence != 0 {
                let blame = PeerMisbehaved::StrictKeyExchange(MessageNumber(number::KEXINIT), sequence);
                return Err(Error::PeerMisbehaved(blame));
            }
        } else if self.settings.strict == StrictPolicy::Require {
            return Err(Error::PeerIncompatible(PeerIncompatible::NoStrictKeyExchange));
        }
        Ok(())
    }

    /// A message of the method (30 to 49).
    pub(super) fn receive_kex_message(
        &mut self,
        number: u8,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Turn>, Error> {
        let context = match &mut self.kex.state {
            State::ExpectGroup(expect) => &mut expect.context,
            State::ExpectReply(expect) => &mut expect.context,
            State::ExpectGroupRequest(expect) => &mut expect.context,
            State::ExpectInit(expect) => &mut expect.context,
            _ => return Err(unexpected(number)),
        };
        if core::mem::replace(&mut context.guess, Guess::Right) == Guess::Wrong {
            return Ok(None);
        }
        match core::mem::replace(&mut self.kex.state, State::AwaitCaller) {
            State::ExpectGroup(expect) => self.receive_group(*expect, number, body, out).map(|()| None),
            State::ExpectReply(expect) => self.receive_reply(*expect, number, body, out),
            State::ExpectGroupRequest(expect) => self.receive_group_request(*expect, number, body, out).map(|()| None),
            State::ExpectInit(expect) => self.receive_init(*expect, number, body).map(Some),
            _ => Err(unexpected(number)),
        }
    }

    /// Our side of the exchange is done: NEWKEYS, then the new keys, then what had to wait.
    /// A client has the host key's signature to keep.
    fn take_keys(
        &mut self,
        agreement: &Agreement,
        material: &KeyMaterial,
        (host_key, signature): (PublicKey, Option<Vec<u8>>),
        out: &mut Vec<u8>,
    ) {
        let first = self.kex.session.is_none();
        let id = SessionId(material.exchange_hash);
        let id = self.kex.session.get_or_insert(Session { id, host_key, signature }).id;
        let client_to_server = (Direction::ClientToServer, &agreement.client_to_server);
        let server_to_client = (Direction::ServerToClient, &agreement.server_to_client);
        let ((out_direction, outbound), (in_direction, inbound)) = match self.role() {
            Role::Client => (client_to_server, server_to_client),
            Role::Server => (server_to_client, client_to_server),
        };
        let sealing = material.protection(id, out_direction, Half::Sealing, &outbound.suite);
        let opening = material.protection(id, in_direction, Half::Opening, &inbound.suite);
        self.send_now(out, |payload| payload.push(number::NEWKEYS));
        let numbering = self.kex.numbering();
        self.outbound.rekey(sealing, numbering, outbound.compression);
        if first {
            self.send_first_ext_info(out);
        }
        self.open_gate(out);
        let negotiated = Negotiated {
            kex: agreement.kex.name,
            host_key: agreement.host_key.name,
            client_to_server: DirectionAlgorithms::of(&agreement.client_to_server),
            server_to_client: DirectionAlgorithms::of(&agreement.server_to_client),
            strictness: self.kex.strictness,
            first_choices: agreement.first_choices,
        };
        self.kex.state = State::ExpectNewKeys(Box::new((opening, inbound.compression, negotiated)));
    }

    pub(super) fn receive_newkeys(&mut self, now: Instant, body: &[u8]) -> Result<(), Error> {
        let (inbound, compression, negotiated) = match core::mem::replace(&mut self.kex.state, State::Idle) {
            State::ExpectNewKeys(next) if body.is_empty() => *next,
            _ => return Err(unexpected(number::NEWKEYS)),
        };
        let numbering = self.kex.numbering();
        self.inbound.rekey(inbound, numbering, compression);
        if self.kex.negotiated.is_none() {
            self.ext_info.after_first_newkeys();
        }
        self.kex.deadline = None;
        self.meter = rekey::Meter::new(now, &self.settings.limits);
        self.notices.push(Notice::Negotiated(negotiated.clone()));
        self.kex.negotiated = Some(negotiated);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_kex_the_sequence_number_does_not_wrap_before_the_first_exchange_is_over() {
        for state in [State::ExpectKexInit { ours: Vec::new(), guessed: None }, State::AwaitCaller] {
            let exchanges = Exchanges { state, ..Exchanges::new() };
            for number in [number::IGNORE, number::KEXINIT, number::KEXDH_INIT, number::NEWKEYS, 200] {
                let wrapped = Err(Error::PeerMisbehaved(PeerMisbehaved::SequenceWrapped));
                assert_eq!(exchanges.check_allowed(number, u32::MAX), wrapped);
            }
            assert_eq!(exchanges.check_allowed(number::IGNORE, u32::MAX - 1), Ok(()));
        }
    }
}
