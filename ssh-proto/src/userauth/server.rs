//! The server's half of RFC 4252: one request at a time, its answer, and who counts the tries.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::attempt::check;
pub(crate) use super::attempt::{Attempt, Exchange, Question, Refused};
use super::factors::{Factors, Left};
use super::keyboard::{Answers, Questions};
use super::messages::{self, MethodName, Partial, Request};
use super::proof::Authenticated;
use super::{SSH_CONNECTION, SSH_USERAUTH};
use crate::error::{ApiMisuse, Error, Limit, PeerIncompatible, PeerMisbehaved};
use crate::keys::PublicKey;
use crate::notice::{Notice, printable};
use crate::time::Instant;
use crate::transport::Transport;
use crate::transport::messages::Service;
use crate::wire::{MessageNumber, Put, number};

/// What a server offers at login.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) methods: Vec<MethodName>,
    pub(crate) chains: Vec<Vec<MethodName>>,
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
    factors: Factors,
    failures: u32,
    requests: u32,
    /// When the message came that is being answered.
    received: Instant,
}

#[derive(Debug)]
enum State {
    ExpectServiceRequest,
    ExpectRequest,
    /// The client was asked so many questions.
    ExpectAnswers {
        submethods: String,
        asked: usize,
    },
    /// A refusal that is held back until then.
    Delayed(Instant, Then),
}

/// What follows a refusal that was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It is told, and something else may be tried.
    GoOn,
    /// That was one try too many.
    End,
}

impl Login {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            factors: Factors::new(&rules.methods, &rules.chains),
            rules,
            state: State::ExpectServiceRequest,
            user: String::new(),
            failures: 0,
            requests: 0,
            received: Instant::default(),
        }
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn passed(&self) -> &[MethodName] {
        self.factors.passed()
    }

    pub(crate) fn into_user(self) -> String {
        self.user
    }

    /// A refusal is being held back: nothing is read until then.
    pub(crate) const fn is_delayed(&self) -> bool {
        matches!(self.state, State::Delayed(..))
    }

    pub(crate) const fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Delayed(until, _) => Some(until),
            State::ExpectServiceRequest | State::ExpectRequest | State::ExpectAnswers { .. } => None,
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
            State::Delayed(until, Then::GoOn) if now >= until => {
                self.state = State::ExpectRequest;
                self.send_failure(transport, now, out)
            }
            State::Delayed(until, Then::End) if now >= until => Err(Error::LimitReached(Limit::LoginTries)),
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
            (
                State::ExpectServiceRequest | State::ExpectRequest | State::ExpectAnswers { .. },
                number::SERVICE_REQUEST,
            ) => {
                let service = Service::decode(payload.get(1..).unwrap_or_default()).map_err(invalid)?;
                self.receive_service_request(transport, &service, now, out).map(|()| None)
            }
            // In the middle of questions it "abandons" them (RFC 4252 §5, RFC 4256 §3.1).
            (State::ExpectRequest | State::ExpectAnswers { .. }, number::USERAUTH_REQUEST) => {
                let request = Request::decode(payload).map_err(invalid)?;
                self.state = State::ExpectRequest;
                self.receive_request(transport, &request, now, out)
            }
            (State::ExpectAnswers { .. }, number::USERAUTH_INFO_RESPONSE) => {
                let answers = Answers::decode(payload.get(1..).unwrap_or_default()).map_err(invalid)?;
                self.receive_answers(transport, answers, now, out)
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
        if !matches!(self.state, State::ExpectServiceRequest) {
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
        self.received = now;
        if request.service != SSH_CONNECTION.as_bytes() {
            return Err(Error::PeerIncompatible(PeerIncompatible::UnknownService));
        }
        // "if they change, the authentication server MUST flush any accumulated authentication states" (RFC 4252 §5).
        if self.user != request.user {
            self.user.clear();
            self.user.push_str(request.user);
            self.factors.flush();
        }
        let name = request.method_name();
        let question = if self.factors.offers(&name) {
            check(&self.factors, transport, request)
        } else if name == MethodName::None && self.requests == 1 {
            // A client asks with "none" which methods there are: the first time that is no failure. Nobody is asked, so
            // that the answer takes as long whoever the user is.
            Err(Refused::Probe)
        } else {
            Err(Refused::Attempt)
        };
        match question {
            Ok(question) => Ok(Some(question)),
            Err(refused) => self.refuse(transport, &name, refused, now, out).map(|()| None),
        }
    }

    /// "The client [...] responds with" answers (RFC 4256 §3.4).
    fn receive_answers(
        &mut self,
        transport: &mut Transport,
        answers: Answers,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Option<Question>, Error> {
        self.count_request(transport)?;
        self.received = now;
        let State::ExpectAnswers { submethods, asked } = core::mem::replace(&mut self.state, State::ExpectRequest)
        else {
            return Ok(None);
        };
        let longest = answers.0.iter().map(|answer| answer.len()).max().unwrap_or_default();
        // "If the num-responses field does not match the num-prompts field in the request message, the server MUST send a
        // failure message."
        if answers.0.len() != asked || longest > transport.limits().password {
            let name = MethodName::KeyboardInteractive;
            return self.refuse(transport, &name, Refused::Attempt, now, out).map(|()| None);
        }
        Ok(Some(Question::Exchange(Exchange { submethods, answers: Some(answers) })))
    }

    /// Asks something, in the exchange that is under way.
    pub(crate) fn ask(
        &mut self,
        transport: &mut Transport,
        exchange: Exchange,
        questions: &Questions,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let asked = questions.questions.len();
        if asked > Questions::MAXIMUM {
            return Err(Error::ApiMisuse(ApiMisuse::AnswerCount));
        }
        self.state = State::ExpectAnswers { submethods: exchange.submethods, asked };
        transport.send(now, out, |payload| questions.encode(payload))
    }

    /// "the user's password has expired" (RFC 4252 §8): a new one is wanted.
    pub(crate) fn ask_for_new_password(
        transport: &mut Transport,
        prompt: &str,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        transport.send(now, out, |payload| messages::put_change_request(payload, prompt))
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

    /// Says no: at once to who asks for the list, after a delay to everybody else, for good when there were too many.
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
        let last = self.failures >= self.rules.tries;
        let delay = match refused {
            Refused::Probe => Duration::ZERO,
            Refused::Query => self.rules.failure_delay / QUERY,
            Refused::Attempt => self.rules.failure_delay,
        };
        if !delay.is_zero() {
            let then = if last { Then::End } else { Then::GoOn };
            self.state = State::Delayed(next_multiple(self.received, delay, now), then);
            return Ok(());
        }
        if last {
            return Err(Error::LimitReached(Limit::LoginTries));
        }
        self.send_failure(transport, now, out)
    }

    fn send_failure(&self, transport: &mut Transport, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        transport.send(now, out, |payload| messages::put_failure(payload, self.factors.listed(), Partial::Nothing))
    }

    /// "partial success": right, and one of `remaining` is wanted too.
    pub(crate) fn accept_partially(
        &mut self,
        transport: &mut Transport,
        (method, key): (MethodName, Option<&PublicKey>),
        remaining: Vec<MethodName>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.factors.pass(method, key);
        self.factors.ask_for(remaining);
        transport.send(now, out, |payload| messages::put_failure(payload, self.factors.listed(), Partial::Success))
    }

    /// Right: that was all, or by the rules something else is wanted too. "SSH_MSG_USERAUTH_SUCCESS MUST be sent only
    /// once."
    pub(crate) fn accept(
        &mut self,
        transport: &mut Transport,
        (method, key): (MethodName, Option<&PublicKey>),
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Option<Authenticated>, Error> {
        if self.factors.pass(method, key) == Left::More {
            transport
                .send(now, out, |payload| messages::put_failure(payload, self.factors.listed(), Partial::Success))?;
            return Ok(None);
        }
        let success = |payload: &mut Vec<u8>| payload.put_u8(number::USERAUTH_SUCCESS);
        if transport.may_send() {
            transport.check_not_failed()?;
            // What is behind it is compressed, where that is agreed on: a key exchange that is due now begins after that.
            transport.send_now(out, success);
            transport.logged_in();
            transport.rekey_if_due(now, out);
        } else {
            transport.send(now, out, success)?;
            transport.logged_in();
        }
        Ok(Some(Authenticated::mint()))
    }
}

/// The refusal of a query is held back for this part of the delay: a client may have many keys, and they prove nothing.
const QUERY: u32 = 100;

/// When a refusal goes out: `delay` after the request came, whenever the caller made up its mind; twice, four times, ... as
/// much where it took longer. How long the caller thought does not show, and so not whether it found the user.
fn next_multiple(received: Instant, delay: Duration, now: Instant) -> Instant {
    let mut delay = delay;
    while received.plus(delay) <= now && delay < Duration::MAX {
        delay = delay.saturating_mul(2);
    }
    received.plus(delay)
}
