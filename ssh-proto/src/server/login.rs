//! What a server decides at a login: would this key do, is it right, what else is to be asked.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::{Inner, Ready, Step};
use crate::connected::Connection;
use crate::error::{ApiMisuse, Error};
use crate::keys::{Certificate, Presence, PublicKey};
use crate::notice::Notice;
use crate::time::Instant;
use crate::transport::{Identification, Negotiated, SessionId};
use crate::userauth::server::{self as auth, Attempt};
use crate::userauth::{MethodName, Questions};
use crate::waiting::waiting_step;

waiting_step!(KeyOffer AuthAttempt Exchange);

/// The client asks whether a key would do. It has proved nothing about it.
#[derive(Debug)]
pub struct KeyOffer {
    pub(super) inner: Box<Inner>,
    pub(super) algorithm: &'static str,
    pub(super) key: PublicKey,
    pub(super) certificate: Option<Certificate>,
}

impl KeyOffer {
    /// The user, as the client sent it.
    #[must_use]
    pub fn user(&self) -> &str {
        self.inner.login.user()
    }

    /// The key, or the certificate as it travels.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The certificate, when that is what was offered. Nobody has looked at its authority.
    #[must_use]
    pub const fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// A signature by this key would let the user in.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn would_accept(mut self, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        let Inner { transport, login } = &mut *self.inner;
        login.would_accept(transport, self.algorithm, &self.key, now, out)?;
        Ok(Ready { inner: self.inner })
    }

    /// It would not. That counts as a try.
    ///
    /// # Errors
    /// When that was one try too many, or the connection has ended.
    pub fn reject(self, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        self.inner.refuse(&MethodName::PublicKey, auth::Refused::Query, now, out)
    }
}

/// The user wants in.
#[derive(Debug)]
pub struct AuthAttempt {
    pub(super) inner: Box<Inner>,
    pub(super) attempt: Attempt,
}

/// By which method. What can be verified without knowing the user has been.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Method<'a> {
    /// `none`: most clients ask so for the list of methods.
    None,
    /// `publickey`: the signature over this session is by this key.
    PublicKey(&'a PublicKey),
    /// `publickey`: the signature over this session is by the key in this certificate. Whether its authority is trusted,
    /// and for whom, [`Certificate::verify`] says.
    Certificate(&'a Certificate),
    /// `publickey` by a security key that nobody touched: a program may have signed while its owner was away. The signature
    /// is good, and the key may be a certificate. Whoever does not know this case refuses it, as one should unless the key
    /// is authorized with `no-touch-required`.
    Untouched(&'a PublicKey),
    /// `password`, at most 1,024 bytes of what should be UTF-8.
    Password(&'a [u8]),
    /// `password`, with a new one for the old one: both as above.
    PasswordChange {
        /// The old one, which must be right.
        old: &'a [u8],
        /// The new one. When it is taken, [`accept`](AuthAttempt::accept); when it is not good enough,
        /// [`ask_for_new_password`](AuthAttempt::ask_for_new_password) again.
        new: &'a [u8],
    },
}

impl fmt::Debug for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::PublicKey(key) => f.debug_tuple("PublicKey").field(key).finish(),
            Self::Certificate(certificate) => f.debug_tuple("Certificate").field(certificate).finish(),
            Self::Untouched(key) => f.debug_tuple("Untouched").field(key).finish(),
            Self::Password(_) => f.write_str("Password([redacted])"),
            Self::PasswordChange { .. } => f.write_str("PasswordChange([redacted])"),
        }
    }
}

/// Keys that are not security keys have nobody to touch them.
fn is_touched(presence: Option<Presence>) -> bool {
    presence.is_none_or(Presence::user_present)
}

impl AuthAttempt {
    /// The user, as the client sent it.
    #[must_use]
    pub fn user(&self) -> &str {
        self.inner.login.user()
    }

    /// By which method.
    #[must_use]
    pub fn method(&self) -> Method<'_> {
        match &self.attempt {
            Attempt::None => Method::None,
            Attempt::PublicKey(key, presence) if is_touched(*presence) => Method::PublicKey(key),
            Attempt::Certificate(certificate, presence) if is_touched(*presence) => Method::Certificate(certificate),
            Attempt::PublicKey(key, _) => Method::Untouched(key),
            Attempt::Certificate(certificate, _) => Method::Untouched(certificate.public()),
            Attempt::Password(password) => Method::Password(password),
            Attempt::PasswordChange { old, new } => Method::PasswordChange { old, new },
        }
    }

    /// What a security key said of its owner, with the signature: for rules that want more of it than a touch.
    #[must_use]
    pub const fn presence(&self) -> Option<Presence> {
        match &self.attempt {
            Attempt::PublicKey(_, presence) | Attempt::Certificate(_, presence) => *presence,
            Attempt::None | Attempt::Password(_) | Attempt::PasswordChange { .. } => None,
        }
    }

    /// The methods by which this user has had [partial](Self::partial) success. A client that changes the user loses
    /// them: "the authentication server MUST flush any accumulated authentication states" (RFC 4252 §5).
    #[must_use]
    pub fn passed(&self) -> &[MethodName] {
        self.inner.login.passed()
    }

    /// The session identifier (RFC 4253 §7.2).
    #[must_use]
    pub const fn session_id(&self) -> Option<SessionId> {
        self.inner.transport.session_id()
    }

    /// It is right: the user is in, [`Step::Open`], or has one more thing to show where
    /// [`Config::authentication_methods`](super::Config::authentication_methods) says so.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn accept(self, now: Instant, out: &mut Vec<u8>) -> Result<Step, Error> {
        self.inner.accept((self.attempt.name(), self.attempt.key()), now, out)
    }

    /// Right so far, but one of `remaining` is wanted too (RFC 4252 §5.1, "partial success").
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn partial(self, remaining: Vec<MethodName>, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        self.inner.accept_partially((self.attempt.name(), self.attempt.key()), remaining, now, out)
    }

    /// The password is right and must be changed (RFC 4252 §8); or the new one will not do, for the reason that `prompt`
    /// tells. Nothing is counted as passed.
    ///
    /// # Errors
    /// When this is no password, or the connection has ended.
    pub fn ask_for_new_password(mut self, prompt: &str, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        let transport = &mut self.inner.transport;
        if self.attempt.name() != MethodName::Password {
            return Err(transport.fail(Error::ApiMisuse(ApiMisuse::NoSuchQuestion), out));
        }
        auth::Login::ask_for_new_password(transport, prompt, now, out)?;
        Ok(Ready { inner: self.inner })
    }

    /// Keeps the user out. The refusal is held back for a while, and counts as a try.
    ///
    /// # Errors
    /// When that was one try too many, or the connection has ended.
    pub fn reject(self, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        self.inner.refuse(&self.attempt.name(), auth::Refused::Attempt, now, out)
    }
}

impl Inner {
    /// The user has shown something.
    fn accept(
        mut self: Box<Self>,
        shown: (MethodName, Option<&PublicKey>),
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        let Some(proof) = self.login.accept(&mut self.transport, shown, now, out)? else {
            return Ok(Step::Ready(Ready { inner: self }));
        };
        let Self { transport, login } = *self;
        Ok(Step::Open(Box::new(Connection::new(transport, proof, login.into_user(), now))))
    }

    /// The user has shown something, and the caller wants one of `remaining` besides.
    fn accept_partially(
        mut self: Box<Self>,
        shown: (MethodName, Option<&PublicKey>),
        remaining: Vec<MethodName>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Ready, Error> {
        self.login.accept_partially(&mut self.transport, shown, remaining, now, out)?;
        Ok(Ready { inner: self })
    }

    fn refuse(
        mut self: Box<Self>,
        method: &MethodName,
        refused: auth::Refused,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Ready, Error> {
        let Self { transport, login } = &mut *self;
        let refused = login.refuse(transport, method, refused, now, out);
        refused.map_err(|error| transport.fail(error, out))?;
        Ok(Ready { inner: self })
    }
}

/// The user wants in by `keyboard-interactive` (RFC 4256): [ask](Self::ask) something, and look at the
/// [answers](Self::answers) when they come as another `Exchange`, as often as it takes.
///
/// "The server SHOULD NOT reply with the SSH_MSG_USERAUTH_FAILURE message if the failure is based on the user name": who does
/// not exist is asked the same, and refused after the answers. A client that tries something else in the middle abandons the
/// exchange, and the caller hears of the new attempt only.
#[derive(Debug)]
pub struct Exchange {
    pub(super) inner: Box<Inner>,
    pub(super) exchange: auth::Exchange,
}

impl Exchange {
    /// The user, as the client sent it.
    #[must_use]
    pub fn user(&self) -> &str {
        self.inner.login.user()
    }

    /// What the client would like to be asked by, comma-separated: a hint, mostly empty.
    #[must_use]
    pub fn submethods(&self) -> &str {
        &self.exchange.submethods
    }

    /// The answers, as many as there were questions, each of at most 1,024 bytes; `None` at the start, when nothing was
    /// asked yet.
    #[must_use]
    pub fn answers(&self) -> Option<&[Zeroizing<Vec<u8>>]> {
        self.exchange.answers.as_ref().map(|answers| answers.0.as_slice())
    }

    /// As [`AuthAttempt::passed`].
    #[must_use]
    pub fn passed(&self) -> &[MethodName] {
        self.inner.login.passed()
    }

    /// Asks. That is not a try yet; a [refusal](Self::reject) is.
    ///
    /// # Errors
    /// When there are more than [`Questions::MAXIMUM`] questions, or the connection has ended.
    pub fn ask(mut self, questions: &Questions, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        let Inner { transport, login } = &mut *self.inner;
        let asked = login.ask(transport, self.exchange, questions, now, out);
        asked.map_err(|error| transport.fail(error, out))?;
        Ok(Ready { inner: self.inner })
    }

    /// As [`AuthAttempt::accept`].
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn accept(self, now: Instant, out: &mut Vec<u8>) -> Result<Step, Error> {
        self.inner.accept((MethodName::KeyboardInteractive, None), now, out)
    }

    /// As [`AuthAttempt::partial`].
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn partial(self, remaining: Vec<MethodName>, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        self.inner.accept_partially((MethodName::KeyboardInteractive, None), remaining, now, out)
    }

    /// As [`AuthAttempt::reject`].
    ///
    /// # Errors
    /// When that was one try too many, or the connection has ended.
    pub fn reject(self, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        self.inner.refuse(&MethodName::KeyboardInteractive, auth::Refused::Attempt, now, out)
    }
}
