//! The client's half of RFC 4252: one request at a time, and what its answer means.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::SSH_USERAUTH;
use super::messages::{self, Failure, MethodName, PkOk};
use super::proof::Authenticated;
use super::signature::to_sign;
use crate::error::{Error, Limit, PeerMisbehaved};
use crate::keys::{PublicKey, Signature};
use crate::notice::{Notice, printable};
use crate::time::Instant;
use crate::transport::messages::Service;
use crate::transport::{SessionId, Transport};
use crate::wire::{MessageNumber, Put, number};

/// A login under way.
#[derive(Debug)]
pub(crate) struct Login {
    user: String,
    state: State,
    failures: u32,
}

#[derive(Debug)]
enum State {
    /// Keys are being exchanged for the first time.
    ExpectKeys,
    ExpectServiceAccept,
    /// The caller decides what to try.
    Idle,
    ExpectAnswer(Asked),
}

/// What was asked last.
#[derive(Debug)]
enum Asked {
    None,
    Query { algorithm: String, key: PublicKey },
    Signed,
    Password,
}

/// What the server said.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nothing yet.
    Wait,
    /// The caller may try something.
    Ready,
    /// No; these methods may be tried.
    Refused { can_continue: Vec<MethodName>, partial: Partial },
    /// The key would do.
    WouldAccept { algorithm: String, key: PublicKey },
    /// Yes.
    Accepted(Authenticated),
}

/// Whether a refused attempt was right as far as it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a boolean of the wire, with names")]
pub enum Partial {
    /// The attempt was wrong.
    Nothing,
    /// The attempt was right, and something else is wanted too (RFC 4252 §5.1).
    Success,
}

impl Login {
    pub(crate) const fn new(user: String) -> Self {
        Self { user, state: State::ExpectKeys, failures: 0 }
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// The first keys are in use: asks for the service.
    pub(crate) fn start(&mut self, transport: &mut Transport, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.state = State::ExpectServiceAccept;
        transport.send(now, out, |payload| {
            payload.put_u8(number::SERVICE_REQUEST);
            payload.put_string(SSH_USERAUTH.as_bytes());
        })
    }

    pub(crate) fn ask_none(&mut self, transport: &mut Transport, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.state = State::ExpectAnswer(Asked::None);
        transport.send(now, out, |payload| messages::put_none(payload, &self.user))
    }

    pub(crate) fn ask_query(
        &mut self,
        transport: &mut Transport,
        algorithm: &str,
        key: &PublicKey,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.state = State::ExpectAnswer(Asked::Query { algorithm: algorithm.to_owned(), key: key.clone() });
        transport.send(now, out, |payload| messages::put_query(payload, &self.user, algorithm, key.blob()))
    }

    /// The request that a signature completes, and the bytes that the key signs.
    pub(crate) fn to_be_signed(&self, session_id: SessionId, algorithm: &str, key: &PublicKey) -> (Vec<u8>, Vec<u8>) {
        let mut request = Vec::new();
        messages::put_to_be_signed(&mut request, &self.user, algorithm, key.blob());
        let data = to_sign(session_id, &request);
        (request, data)
    }

    pub(crate) fn ask_signed(
        &mut self,
        transport: &mut Transport,
        request: &[u8],
        signature: &Signature,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.state = State::ExpectAnswer(Asked::Signed);
        transport.send(now, out, |payload| {
            payload.put_bytes(request);
            payload.put_nested(|nested| signature.to_wire(nested));
        })
    }

    pub(crate) fn ask_password(
        &mut self,
        transport: &mut Transport,
        password: &Zeroizing<Vec<u8>>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.state = State::ExpectAnswer(Asked::Password);
        transport.send(now, out, |payload| messages::put_password(payload, &self.user, password))
    }

    /// One message of the layers above transport, `payload[0]` being its number.
    pub(crate) fn receive(
        &mut self,
        transport: &mut Transport,
        sequence: u32,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Answer, Error> {
        let number = payload.first().copied().unwrap_or_default();
        let body = payload.get(1..).unwrap_or_default();
        let invalid = |error| Error::InvalidMessage(MessageNumber(number), error);
        match number {
            number::SERVICE_ACCEPT if matches!(self.state, State::ExpectServiceAccept) => {
                let service = Service::decode(body).map_err(invalid)?;
                if service.name != SSH_USERAUTH.as_bytes() {
                    return Err(Error::PeerMisbehaved(PeerMisbehaved::WrongService));
                }
                self.state = State::Idle;
                Ok(Answer::Ready)
            }
            // "at any time after this authentication protocol starts and before authentication is successful"
            // (RFC 4252 §5.4).
            number::USERAUTH_BANNER if matches!(self.state, State::Idle | State::ExpectAnswer(_)) => {
                let message = messages::decode_banner(body).map_err(invalid)?;
                transport.notices.push(Notice::LoginBanner(printable(message)));
                Ok(Answer::Wait)
            }
            number::USERAUTH_FAILURE | number::USERAUTH_SUCCESS | number::USERAUTH_PK_OK => {
                let State::ExpectAnswer(asked) = core::mem::replace(&mut self.state, State::Idle) else {
                    return Err(Error::PeerMisbehaved(PeerMisbehaved::UnsolicitedLoginAnswer));
                };
                match number {
                    number::USERAUTH_FAILURE => self.receive_failure(transport, body),
                    number::USERAUTH_SUCCESS => Ok(Self::receive_success(transport, &asked)),
                    _ => receive_method_message(body, asked),
                }
            }
            54..=59 | 61..=79 => {
                transport.send_unimplemented(sequence, out);
                Ok(Answer::Wait)
            }
            _ => Err(Error::PeerMisbehaved(PeerMisbehaved::UnexpectedMessage(MessageNumber(number)))),
        }
    }

    fn receive_failure(&mut self, transport: &Transport, body: &[u8]) -> Result<Answer, Error> {
        let invalid = |error| Error::InvalidMessage(MessageNumber(number::USERAUTH_FAILURE), error);
        let failure = Failure::decode(body).map_err(invalid)?;
        self.failures = self.failures.saturating_add(1);
        if self.failures > transport.limits().login_refusals {
            return Err(Error::LimitReached(Limit::LoginTries));
        }
        Ok(Answer::Refused {
            can_continue: failure.can_continue.names().map(MethodName::from_wire).collect(),
            partial: if failure.partial_success { Partial::Success } else { Partial::Nothing },
        })
    }

    fn receive_success(transport: &mut Transport, asked: &Asked) -> Answer {
        // A query shows nothing either.
        if matches!(asked, Asked::None | Asked::Query { .. }) {
            transport.notices.push(Notice::TrivialLogin);
        }
        transport.logged_in();
        Answer::Accepted(Authenticated::mint())
    }
}

/// Message 60 means what the method says: PK_OK behind a query, PASSWD_CHANGEREQ behind a password.
fn receive_method_message(body: &[u8], asked: Asked) -> Result<Answer, Error> {
    match asked {
        Asked::Query { algorithm, key } => {
            let invalid = |error| Error::InvalidMessage(MessageNumber(number::USERAUTH_PK_OK), error);
            let ok = PkOk::decode(body).map_err(invalid)?;
            // No signature is made for a key that was not asked about. Some servers (ssh2 for Node.js) answer with the
            // type of the key instead of the algorithm; what is signed by is the algorithm that was asked about.
            let same_algorithm = [algorithm.as_bytes(), key.key_type().as_bytes()].contains(&ok.algorithm);
            if ok.key != key.blob() || !same_algorithm {
                return Err(Error::PeerMisbehaved(PeerMisbehaved::UnsolicitedLoginAnswer));
            }
            Ok(Answer::WouldAccept { algorithm, key })
        }
        // The password has expired: without a new one that is a refusal.
        Asked::Password => Ok(Answer::Refused { can_continue: Vec::new(), partial: Partial::Nothing }),
        Asked::None | Asked::Signed => Err(Error::PeerMisbehaved(PeerMisbehaved::UnsolicitedLoginAnswer)),
    }
}
