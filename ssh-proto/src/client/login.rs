//! What a client does at its login: it tries, signs, answers, and hears what came of it.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Inner, Ready};
use crate::error::{ApiMisuse, DisconnectReason, Error};
use crate::keys::{Certificate, PublicKey, Signature};
use crate::notice::Notice;
use crate::time::Instant;
use crate::transport::{HostProof, Identification, Negotiated, messages};
use crate::userauth::{MethodName, Partial, Questions};
use crate::waiting::waiting_step;

waiting_step!(Login SignAuth Prompt NewPassword);

/// The caller decides what to try.
#[derive(Debug)]
pub struct Login {
    pub(super) inner: Box<Inner>,
    /// What the attempt came to that was just made, if one was.
    pub(super) just: Partial,
}

/// The server's no (RFC 4252 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The methods that may be tried now.
    pub can_continue: Vec<MethodName>,
    /// Whether the last attempt was right as far as it went.
    pub partial: Partial,
}

impl Login {
    /// Nothing has just been tried, or nothing came of it.
    pub(super) const fn new(inner: Box<Inner>) -> Self {
        Self { inner, just: Partial::Nothing }
    }

    /// The user that logs in.
    #[must_use]
    pub fn user(&self) -> &str {
        self.inner.login.user()
    }

    /// What the server said to the last attempt that it refused; `None` before the first one.
    #[must_use]
    pub const fn refused(&self) -> Option<&Refused> {
        self.inner.refused.as_ref()
    }

    /// Whether the attempt just made was right, and something else is wanted too: all may be tried anew, but for keys that
    /// have signed.
    #[must_use]
    pub fn has_just_passed(&self) -> bool {
        self.just == Partial::Success
    }

    /// What proves which host this session goes to, for an agent for example.
    #[must_use]
    pub fn host_proof(&self) -> Option<HostProof> {
        self.inner.transport.host_proof()
    }

    /// The signature algorithms that the server accepts, comma-separated, if it told (RFC 8308 §3.1).
    #[must_use]
    pub fn server_sig_algs(&self) -> Option<&str> {
        self.inner.transport.server_sig_algs()
    }

    /// The algorithm to log in by, of those (best first) that a key or a certificate has: the first that our configuration
    /// allows and that the server says it accepts, or the first one allowed when it did not say.
    #[must_use]
    pub fn choose_algorithm<'a>(&self, of_key: &[&'a str]) -> Option<&'a str> {
        let ours = &self.inner.transport.algorithms().user_keys;
        let theirs = self.server_sig_algs();
        // Servers name what signs, and some also the certificates whose keys may.
        let accepts = |name| theirs.is_none_or(|list| list.split(',').any(|accepted| accepted == name));
        of_key.iter().copied().find(|name| {
            ours.iter().any(|method| method.name == *name && (accepts(method.signature_name) || accepts(method.name)))
        })
    }

    /// Asks which methods there are, by trying `none` (RFC 4252 §5.2).
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn none(mut self, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        self.inner.login.ask_none(&mut self.inner.transport, now, out)?;
        Ok(Ready { inner: self.inner })
    }

    /// Asks whether `key` would do, before anybody signs (RFC 4252 §7).
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn query(mut self, algorithm: &str, key: &PublicKey, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        self.inner.login.ask_query(&mut self.inner.transport, algorithm, key, now, out)?;
        Ok(Ready { inner: self.inner })
    }

    /// Signs with `key` at once.
    #[must_use]
    pub fn public_key(self, algorithm: &str, key: &PublicKey) -> SignAuth {
        SignAuth::new(self.inner, algorithm.to_owned(), key.clone())
    }

    /// Tries a password (RFC 4252 §8). The connection is encrypted by now.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn password(mut self, password: &Zeroizing<Vec<u8>>, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        self.inner.login.ask_password(&mut self.inner.transport, password, now, out)?;
        Ok(Ready { inner: self.inner })
    }

    /// Lets the server ask (RFC 4256). `submethods` is a hint at how, comma-separated; empty leaves it to the server.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn keyboard_interactive(mut self, submethods: &str, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        self.inner.login.ask_keyboard_interactive(&mut self.inner.transport, submethods, now, out)?;
        Ok(Ready { inner: self.inner })
    }

    /// Gives up.
    pub fn disconnect(mut self, description: &str, out: &mut Vec<u8>) {
        let reason = DisconnectReason::NoMoreAuthMethodsAvailable;
        self.inner.transport.send_now(out, |payload| messages::put_disconnect(payload, reason, description));
    }
}

/// A user key signs. The core never sees the private key: whoever holds it signs [`to_sign`](Self::to_sign).
#[derive(Debug)]
pub struct SignAuth {
    pub(super) inner: Box<Inner>,
    algorithm: String,
    key: PublicKey,
    request: Vec<u8>,
    data: Vec<u8>,
}

impl SignAuth {
    pub(super) fn new(inner: Box<Inner>, algorithm: String, key: PublicKey) -> Self {
        // Logins come after keys, and keys after the first exchange: there is a session identifier.
        let (request, data) = inner
            .transport
            .session_id()
            .map(|id| inner.login.to_be_signed(&inner.transport, id, &algorithm, &key))
            .unwrap_or_default();
        Self { inner, algorithm, key, request, data }
    }

    /// The key that signs, or the certificate whose key does.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The signature algorithm, by its name on the wire: that of the key, also where a certificate is shown.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        Certificate::signature_name(&self.algorithm)
    }

    /// As [`Login::host_proof`].
    #[must_use]
    pub fn host_proof(&self) -> Option<HostProof> {
        self.inner.transport.host_proof()
    }

    /// The bytes to sign (RFC 4252 §7).
    #[must_use]
    pub fn to_sign(&self) -> &[u8] {
        &self.data
    }

    /// Sends the attempt.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn complete(mut self, signature: &Signature, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        let Inner { transport, login, .. } = &mut *self.inner;
        login.ask_signed(transport, &self.request, signature, now, out)?;
        Ok(Ready { inner: self.inner })
    }

    /// The key cannot sign after all: something else is to be tried.
    #[must_use]
    pub fn abandon(self) -> Login {
        Login::new(self.inner)
    }
}

/// The server asks something (RFC 4256 §3.2). What it asks comes from the server, and is nobody else's word.
#[derive(Debug)]
pub struct Prompt {
    pub(super) inner: Box<Inner>,
    pub(super) questions: Questions,
}

impl Prompt {
    /// What it asks. Without questions it only tells something, and wants to hear that it was read:
    /// [answer](Self::answer) with nothing.
    #[must_use]
    pub const fn questions(&self) -> &Questions {
        &self.questions
    }

    /// The user that logs in.
    #[must_use]
    pub fn user(&self) -> &str {
        self.inner.login.user()
    }

    /// Answers, with one answer for each question, in UTF-8. An empty one is an answer too.
    ///
    /// # Errors
    /// When there are more or fewer answers than questions, or the connection has ended.
    pub fn answer(mut self, answers: &[Zeroizing<Vec<u8>>], now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        let Inner { transport, login, .. } = &mut *self.inner;
        if answers.len() != self.questions.questions.len() {
            return Err(transport.fail(Error::ApiMisuse(ApiMisuse::AnswerCount), out));
        }
        login.answer(transport, answers, now, out)?;
        Ok(Ready { inner: self.inner })
    }

    /// Does not answer: something else is to be tried, which ends the exchange.
    #[must_use]
    pub fn abandon(self) -> Login {
        Login::new(self.inner)
    }
}

/// The server wants a new password before it lets the user in (RFC 4252 §8).
#[derive(Debug)]
pub struct NewPassword {
    pub(super) inner: Box<Inner>,
    pub(super) prompt: String,
}

impl NewPassword {
    /// What the server says about it, control characters removed.
    #[must_use]
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// The user that logs in.
    #[must_use]
    pub fn user(&self) -> &str {
        self.inner.login.user()
    }

    /// Replaces the old password by a new one.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn change(
        mut self,
        old: &Zeroizing<Vec<u8>>,
        new: &Zeroizing<Vec<u8>>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Ready, Error> {
        self.inner.login.ask_password_change(&mut self.inner.transport, (old, new), now, out)?;
        Ok(Ready { inner: self.inner })
    }

    /// Keeps the old password: something else is to be tried.
    #[must_use]
    pub fn abandon(self) -> Login {
        Login::new(self.inner)
    }
}
