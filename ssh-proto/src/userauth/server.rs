//! The server's half of RFC 4252: one request at a time, its answer, and who counts the tries.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use zeroize::Zeroizing;

use super::messages::{self, Method, MethodName, Request};
use super::proof::Authenticated;
use super::signature::to_sign;
use super::{SSH_CONNECTION, SSH_USERAUTH};
use crate::error::{Error, Limit, PeerIncompatible, PeerMisbehaved};
use crate::keys::{Certificate, Presence, PublicKey, SignatureRef};
use crate::notice::{Notice, printable};
use crate::time::Instant;
use crate::transport::Transport;
use crate::transport::messages::Service;
use crate::wire::{MessageNumber, Put, number};

/// What a server offers at login.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) methods: Vec<MethodName>,
    pub(crate) tries: u32,
    pub(crate) failure_delay: Duration,
    pub(crate) banner: Option<String>,
}

/// A login under way.
#[derive(Debug)]
pub(crate) struct Login {
    rules: Rules,
    state: State,
    user: String,
    /// What is still to be shown; shrinks with each partial success.
    can_continue: Vec<MethodName>,
    /// What this user has shown, in order.
    passed: Vec<MethodName>,
    failures: u32,
    requests: u32,
}

#[derive(Debug)]
enum State {
    ExpectServiceRequest,
    ExpectRequest,
    /// A refusal that is held back until then.
    Delayed(Instant),
}

/// What a request asks of the caller.
#[derive(Debug)]
pub(crate) enum Question {
    Offer { algorithm: &'static str, key: PublicKey, certificate: Option<Certificate> },
    Attempt(Attempt),
}

/// An attempt, as far as this layer can check it.
pub(crate) enum Attempt {
    None,
    PublicKey(PublicKey, Option<Presence>),
    Certificate(Certificate, Option<Presence>),
    Password(Zeroizing<Vec<u8>>),
}

impl core::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::PublicKey(key, presence) => f.debug_tuple("PublicKey").field(key).field(presence).finish(),
            Self::Certificate(certificate, presence) => {
                f.debug_tuple("Certificate").field(certificate).field(presence).finish()
            }
            Self::Password(_) => f.write_str("Password([redacted])"),
        }
    }
}

impl Attempt {
    const fn name(&self) -> MethodName {
        match self {
            Self::None => MethodName::None,
            Self::PublicKey(..) | Self::Certificate(..) => MethodName::PublicKey,
            Self::Password(_) => MethodName::Password,
        }
    }
}

/// Why a request was refused, for logs: never told to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Before anything was tried: the list of methods was asked for.
    Probe,
    /// A key that would not do.
    Query,
    /// A real attempt.
    Attempt,
}

impl Login {
    pub(crate) fn new(rules: Rules) -> Self {
        let can_continue = rules.methods.clone();
        Self {
            rules,
            state: State::ExpectServiceRequest,
            user: String::new(),
            can_continue,
            passed: Vec::new(),
            failures: 0,
            requests: 0,
        }
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn passed(&self) -> &[MethodName] {
        &self.passed
    }

    pub(crate) fn into_user(self) -> String {
        self.user
    }

    /// A refusal is being held back: nothing is read until then.
    pub(crate) const fn is_delayed(&self) -> bool {
        matches!(self.state, State::Delayed(_))
    }

    pub(crate) const fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Delayed(until) => Some(until),
            State::ExpectServiceRequest | State::ExpectRequest => None,
        }
    }

    /// Lets a refusal go whose time has come.
    pub(crate) fn handle_timeout(
        &mut self,
        transport: &mut Transport,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        match self.state {
            State::Delayed(until) if now >= until => {
                self.state = State::ExpectRequest;
                transport.send(now, out, |payload| messages::put_failure(payload, &self.can_continue, false))
            }
            _ => Ok(()),
        }
    }

    /// One message of the layers above transport, `payload[0]` being its number.
    pub(crate) fn receive(
        &mut self,
        transport: &mut Transport,
        sequence: u32,
        payload: &[u8],
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Option<Question>, Error> {
        let number = payload.first().copied().unwrap_or_default();
        let invalid = |error| Error::InvalidMessage(MessageNumber(number), error);
        match (&self.state, number) {
            // Some clients (paramiko's) ask again before each attempt, which RFC 4253 §10 does not forbid.
            (State::ExpectServiceRequest | State::ExpectRequest, number::SERVICE_REQUEST) => {
                let service = Service::decode(payload.get(1..).unwrap_or_default()).map_err(invalid)?;
                self.receive_service_request(transport, &service, now, out).map(|()| None)
            }
            (State::ExpectRequest, number::USERAUTH_REQUEST) => {
                let request = Request::decode(payload).map_err(invalid)?;
                self.receive_request(transport, &request, now, out)
            }
            // Unassigned in RFC 4252: not known, not an error.
            (_, 54..=59 | 62..=79) => {
                transport.send_unimplemented(sequence, out);
                Ok(None)
            }
            // RFC 4252 §6: "Message numbers of 80 and higher are reserved for protocols running after this authentication
            // protocol, so receiving one of them before authentication is complete is an error, to which the server
            // MUST respond by disconnecting". Messages for a client are as wrong here.
            _ => Err(Error::PeerMisbehaved(PeerMisbehaved::UnexpectedMessage(MessageNumber(number)))),
        }
    }

    fn receive_service_request(
        &mut self,
        transport: &mut Transport,
        service: &Service<'_>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if matches!(self.state, State::ExpectRequest) {
            self.count_request(transport)?;
        }
        if service.name != SSH_USERAUTH.as_bytes() {
            return Err(Error::PeerIncompatible(PeerIncompatible::UnknownService));
        }
        transport.send(now, out, |payload| {
            payload.put_u8(number::SERVICE_ACCEPT);
            payload.put_string(SSH_USERAUTH.as_bytes());
        })?;
        let before = core::mem::replace(&mut self.state, State::ExpectRequest);
        match (&self.rules.banner, before) {
            (Some(banner), State::ExpectServiceRequest) => {
                transport.send(now, out, |payload| messages::put_banner(payload, banner))
            }
            _ => Ok(()),
        }
    }

    fn count_request(&mut self, transport: &Transport) -> Result<(), Error> {
        self.requests = self.requests.saturating_add(1);
        if self.requests > transport.limits().login_requests {
            return Err(Error::LimitReached(Limit::LoginTries));
        }
        Ok(())
    }

    fn receive_request(
        &mut self,
        transport: &mut Transport,
        request: &Request<'_>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Option<Question>, Error> {
        self.count_request(transport)?;
        if request.service != SSH_CONNECTION.as_bytes() {
            return Err(Error::PeerIncompatible(PeerIncompatible::UnknownService));
        }
        // "if they change, the authentication server MUST flush any accumulated authentication states" (RFC 4252 §5).
        if self.user != request.user {
            self.user.clear();
            self.user.push_str(request.user);
            self.can_continue.clone_from(&self.rules.methods);
            self.passed.clear();
        }
        let name = request.method_name();
        let offered = name == MethodName::None || self.can_continue.contains(&name);
        let question = if offered { check(transport, request) } else { Err(Refused::Attempt) };
        match question {
            Ok(question) => Ok(Some(question)),
            Err(refused) => self.refuse(transport, &name, refused, now, out).map(|()| None),
        }
    }

    /// "SSH_MSG_USERAUTH_PK_OK": this key would do.
    pub(crate) fn would_accept(
        &self,
        transport: &mut Transport,
        algorithm: &str,
        key: &PublicKey,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        transport.send(now, out, |payload| messages::put_pk_ok(payload, algorithm, key.blob()))
    }

    /// Says no: at once to a question, after a delay to a real attempt, for good when there were too many.
    pub(crate) fn refuse(
        &mut self,
        transport: &mut Transport,
        method: &MethodName,
        refused: Refused,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if refused != Refused::Probe {
            self.failures = self.failures.saturating_add(1);
            let user = printable(self.user.as_bytes());
            let method = printable(method.as_str().as_bytes());
            transport.notices.push(Notice::LoginRefused { user, method, tries: self.failures });
        }
        if self.failures >= self.rules.tries {
            return Err(Error::LimitReached(Limit::LoginTries));
        }
        if refused == Refused::Attempt && !self.rules.failure_delay.is_zero() {
            self.state = State::Delayed(now.plus(self.rules.failure_delay));
            return Ok(());
        }
        transport.send(now, out, |payload| messages::put_failure(payload, &self.can_continue, false))
    }

    /// Says no to an attempt.
    pub(crate) fn refuse_attempt(
        &mut self,
        transport: &mut Transport,
        attempt: &Attempt,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        // A client asks with "none" which methods there are: the first time that is no failure.
        let probe = matches!(attempt, Attempt::None) && self.requests == 1;
        let refused = if probe { Refused::Probe } else { Refused::Attempt };
        self.refuse(transport, &attempt.name(), refused, now, out)
    }

    /// "partial success": right, and something else is wanted too.
    pub(crate) fn accept_partially(
        &mut self,
        transport: &mut Transport,
        attempt: &Attempt,
        remaining: Vec<MethodName>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.passed.push(attempt.name());
        self.can_continue = remaining;
        transport.send(now, out, |payload| messages::put_failure(payload, &self.can_continue, true))
    }

    /// "SSH_MSG_USERAUTH_SUCCESS MUST be sent only once."
    pub(crate) fn accept(transport: &mut Transport, now: Instant, out: &mut Vec<u8>) -> Result<Authenticated, Error> {
        transport.send(now, out, |payload| payload.put_u8(number::USERAUTH_SUCCESS))?;
        transport.logged_in();
        Ok(Authenticated::mint())
    }
}

/// Everything that can be checked without knowing the user: the algorithm, the key, the signature.
fn check(transport: &Transport, request: &Request<'_>) -> Result<Question, Refused> {
    let key_of = |algorithm: &str, blob: &[u8], refused| {
        let method = transport.algorithms().user_keys.iter().find(|method| method.name == algorithm).ok_or(refused)?;
        let key = PublicKey::from_blob(blob).map_err(|_invalid| refused)?;
        method.check_key(&key).map_err(|_invalid| refused)?;
        let certificate = Certificate::from_public(&key).map_err(|_invalid| refused)?;
        Ok((*method, key, certificate))
    };
    match request.method {
        Method::None => Ok(Question::Attempt(Attempt::None)),
        Method::Query { algorithm, key } => {
            let (method, key, certificate) = key_of(algorithm, key, Refused::Query)?;
            Ok(Question::Offer { algorithm: method.name, key, certificate })
        }
        Method::Signed { algorithm, key, signature, signed } => {
            let (method, key, certificate) = key_of(algorithm, key, Refused::Attempt)?;
            let session_id = transport.session_id().ok_or(Refused::Attempt)?;
            let signature = SignatureRef::from_wire(signature).map_err(|_invalid| Refused::Attempt)?;
            // RFC 8332 §3.2: the name in the request and the name in the signature are the same.
            method.verify(&key, &to_sign(session_id, signed), signature).map_err(|_bad| Refused::Attempt)?;
            Ok(Question::Attempt(match certificate {
                None => Attempt::PublicKey(key, signature.presence),
                Some(certificate) => Attempt::Certificate(certificate, signature.presence),
            }))
        }
        Method::Password { password } if password.len() <= transport.limits().password => {
            Ok(Question::Attempt(Attempt::Password(Zeroizing::new(password.to_vec()))))
        }
        Method::Password { .. } | Method::PasswordChange | Method::Other(_) => Err(Refused::Attempt),
    }
}
