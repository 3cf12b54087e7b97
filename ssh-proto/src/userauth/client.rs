//! The client's half of RFC 4252: one request at a time, and what its answer means.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::SSH_USERAUTH;
use super::keyboard::{Questions, put_answers};
use super::messages::{self, Failure, MethodName, Partial, PkOk};
use super::proof::Authenticated;
use super::signature::to_sign;
use crate::error::{Error, Limit, PeerIncompatible, PeerMisbehaved};
use crate::keys::{PublicKey, Signature};
use crate::notice::{Notice, printable, printable_up_to};
use crate::time::Instant;
use crate::transport::messages::Service;
use crate::transport::{SessionId, Transport};
use crate::wire::{MessageNumber, Put, number};

/// A login under way.
#[derive(Debug)]
pub(crate) struct Login {
    user: String,
    state: State,
    trivial: TrivialPolicy,
    shown: Shown,
    failures: u32,
    questions: u32,
}

/// Whether a login that asked for nothing is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a yes or a no with a name")]
pub enum TrivialPolicy {
    /// It is, and [noticed](Notice::TrivialLogin).
    #[default]
    Allow,
    /// The connection ends.
    Refuse,
}

/// Whether anything was shown to the server that it could not have made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    /// A signature, a password, or an answer.
    Something,
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
    KeyboardInteractive,
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
    /// The server asks.
    Questions(Questions),
    /// The password must be changed: what the server says about it.
    ChangePassword(String),
    /// Yes.
    Accepted(Authenticated),
}

impl Login {
    pub(crate) const fn new(user: String, trivial: TrivialPolicy) -> Self {
        Self { user, state: State::ExpectKeys, trivial, shown: Shown::Nothing, failures: 0, questions: 0 }
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

    /// The request that a signature completes, and the bytes that the key signs. "Clients should prefer host-bound
    /// authentication when advertised by server" (OpenSSH's PROTOCOL §3.1).
    pub(crate) fn to_be_signed(
        &self,
        transport: &Transport,
        session_id: SessionId,
        algorithm: &str,
        key: &PublicKey,
    ) -> (Vec<u8>, Vec<u8>) {
        let mut request = Vec::new();
        let host_key = transport.host_key().filter(|_| transport.takes_host_bound()).map(PublicKey::blob);
        messages::put_to_be_signed(&mut request, &self.user, algorithm, key.blob(), host_key);
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
        self.shown = Shown::Something;
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
        self.shown = Shown::Something;
        transport.send(now, out, |payload| messages::put_password(payload, &self.user, password))
    }

    pub(crate) fn ask_password_change(
        &mut self,
        transport: &mut Transport,
        (old, new): (&Zeroizing<Vec<u8>>, &Zeroizing<Vec<u8>>),
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.state = State::ExpectAnswer(Asked::Password);
        self.shown = Shown::Something;
        transport.send(now, out, |payload| messages::put_password_change(payload, &self.user, old, new))
    }

    pub(crate) fn ask_keyboard_interactive(
        &mut self,
        transport: &mut Transport,
        submethods: &str,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.state = State::ExpectAnswer(Asked::KeyboardInteractive);
        transport.send(now, out, |payload| messages::put_keyboard_interactive(payload, &self.user, submethods))
    }

    /// Answers what the server asked.
    pub(crate) fn answer(
        &mut self,
        transport: &mut Transport,
        answers: &[Zeroizing<Vec<u8>>],
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.state = State::ExpectAnswer(Asked::KeyboardInteractive);
        // Who is asked nothing shows nothing.
        if !answers.is_empty() {
            self.shown = Shown::Something;
        }
        transport.send(now, out, |payload| put_answers(payload, answers))
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
                    number::USERAUTH_SUCCESS => self.receive_success(transport),
                    _ => self.receive_method_message(transport, body, asked),
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
            partial: failure.partial,
        })
    }

    fn receive_success(&self, transport: &mut Transport) -> Result<Answer, Error> {
        // "none", a query, or an exchange without questions show nothing.
        if self.shown == Shown::Nothing {
            if self.trivial == TrivialPolicy::Refuse {
                return Err(Error::PeerIncompatible(PeerIncompatible::TrivialLogin));
            }
            transport.notices.push(Notice::TrivialLogin);
        }
        transport.logged_in();
        Ok(Answer::Accepted(Authenticated::mint()))
    }

    /// Message 60 means what the method says: PK_OK behind a query, PASSWD_CHANGEREQ behind a password, INFO_REQUEST behind
    /// `keyboard-interactive`.
    fn receive_method_message(&mut self, transport: &Transport, body: &[u8], asked: Asked) -> Result<Answer, Error> {
        let invalid = |error| Error::InvalidMessage(MessageNumber(number::USERAUTH_PK_OK), error);
        match asked {
            Asked::Query { algorithm, key } => {
                let ok = PkOk::decode(body).map_err(invalid)?;
                // No signature is made for a key that was not asked about. Some servers (ssh2 for Node.js) answer with the
                // type of the key instead of the algorithm; what is signed by is the algorithm that was asked about.
                let same_algorithm = [algorithm.as_bytes(), key.key_type().as_bytes()].contains(&ok.algorithm);
                if ok.key != key.blob() || !same_algorithm {
                    return Err(Error::PeerMisbehaved(PeerMisbehaved::UnsolicitedLoginAnswer));
                }
                Ok(Answer::WouldAccept { algorithm, key })
            }
            Asked::Password => {
                /// In characters: what a password must be like may take some words.
                const MAXIMUM: usize = 4096;
                let prompt = messages::decode_change_request(body).map_err(invalid)?;
                self.count_question(transport)?;
                Ok(Answer::ChangePassword(printable_up_to(prompt, MAXIMUM)))
            }
            Asked::KeyboardInteractive => {
                let questions = Questions::decode(body).map_err(invalid)?;
                self.count_question(transport)?;
                Ok(Answer::Questions(questions))
            }
            Asked::None | Asked::Signed => Err(Error::PeerMisbehaved(PeerMisbehaved::UnsolicitedLoginAnswer)),
        }
    }

    fn count_question(&mut self, transport: &Transport) -> Result<(), Error> {
        self.questions = self.questions.saturating_add(1);
        if self.questions > transport.limits().login_questions {
            return Err(Error::LimitReached(Limit::LoginTries));
        }
        Ok(())
    }
}
