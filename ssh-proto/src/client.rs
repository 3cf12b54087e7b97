//! The client before login: consuming steps, each offering what is legal in its phase.
//!
//! ```text
//! start ─► Ready ─► HostKey ─► Ready ─► Login ─► Ready ─► Open(Connection)
//!            ▲  process          │        │ ▲ │    │
//!            └───────────────────┘        │ └─┼────┘ refused
//!                                         ▼   ▼
//!                                       Sign (a key signs, wherever it is)
//!                                       Prompt (the server asks), NewPassword (it wants another password)
//! ```

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::algorithms::Algorithms;
use crate::connected::{Client, Connection};
use crate::error::{ApiMisuse, DisconnectReason, Error};
use crate::io::InputBuffer;
use crate::keys::{Certificate, PublicKey, Signature};
use crate::limits::Limits;
use crate::notice::Notice;
use crate::time::Instant;
pub use crate::transport::HostProof;
use crate::transport::kex::Verify;
use crate::transport::{
    Identification, KexGuess, Negotiated, Rng, Role, Settings, StrictPolicy, Transport, Turn, messages,
};
pub use crate::userauth::client::TrivialPolicy;
use crate::userauth::client::{self as auth, Answer};
pub use crate::userauth::{Echo, MethodName, Partial, Question, Questions};
use crate::waiting::waiting_step;

/// How a client behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// `softwareversion` and comments of our identification.
    pub software: String,
    /// What is offered, in order of preference.
    pub algorithms: Algorithms,
    /// Every bound.
    pub limits: Limits,
    /// Whether a server without strict key exchange is accepted.
    pub strict: StrictPolicy,
    /// Whether the first key exchange packet goes out before the server's KEXINIT has come: [`KexGuess::Wait`].
    ///
    /// A right guess saves one of the six round trips from a client's first bytes to its first channel, and a wrong one
    /// costs the packet (1216 bytes for the largest) and nothing else. It is right when the server's first choices are ours
    /// ([`Negotiated::first_choices`]), which nobody knows beforehand but who was there before. Send it only there: some
    /// servers do not drop a wrong guess as they must, and the connection fails.
    pub guess: KexGuess,
    /// The user that logs in.
    pub user: String,
    /// Whether a server is accepted that asks for nothing at login.
    pub trivial: TrivialPolicy,
}

impl Config {
    /// Defaults for everything else.
    #[must_use]
    pub fn new(user: &str, algorithms: Algorithms) -> Self {
        Self {
            software: crate::SOFTWARE.to_owned(),
            algorithms,
            limits: Limits::default(),
            strict: StrictPolicy::default(),
            guess: KexGuess::default(),
            user: user.to_owned(),
            trivial: TrivialPolicy::default(),
        }
    }
}

/// Starts a connection: our identification and first KEXINIT are in `out` at once.
///
/// # Errors
/// When the configuration offers no algorithm of some kind.
pub fn start(config: &Arc<Config>, rng: Rng, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
    if config.algorithms.missing().is_some() {
        return Err(Error::ApiMisuse(ApiMisuse::EmptyConfig));
    }
    let settings = Settings {
        role: Role::Client,
        software: config.software.clone(),
        algorithms: config.algorithms.clone(),
        host_keys: Vec::new(),
        limits: config.limits.clone(),
        strict: config.strict,
        guess: config.guess,
    };
    let transport = Transport::start(settings, rng, now, out);
    let login = auth::Login::new(config.user.clone(), config.trivial);
    Ok(Ready { inner: Box::new(Inner { transport, login, refused: None }) })
}

#[derive(Debug)]
struct Inner {
    transport: Transport,
    login: auth::Login,
    refused: Option<Refused>,
}

/// Waits for the server. [`process`](Self::process) it when bytes have come.
#[derive(Debug)]
pub struct Ready {
    inner: Box<Inner>,
}

/// What comes next.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there is one step a connection, and it moves a few times only")]
pub enum Step {
    /// The server's turn.
    Ready(Ready),
    /// Whose host key is it?
    HostKey(VerifyHostKey),
    /// What is to be tried?
    Login(Login),
    /// The server would accept this key: it may sign.
    Sign(SignAuth),
    /// The server asks something.
    Prompt(Prompt),
    /// The password was right, or so it seems, and the server wants a new one.
    NewPassword(NewPassword),
    /// The user is logged in.
    Open(Connection<Client>),
}

impl Inner {
    fn poll_timeout(&self) -> Option<Instant> {
        self.transport.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.transport.handle_timeout(now, out)
    }
}

waiting_step!(Ready VerifyHostKey Login SignAuth Prompt NewPassword);

impl Ready {
    /// Takes packets from `input` until there is something to decide.
    ///
    /// Call it once before every read of the socket: packets may lie in `input` already.
    ///
    /// # Errors
    /// When the connection has ended; what the server is to be told is in `out`.
    pub fn process(mut self, now: Instant, input: &mut dyn InputBuffer, out: &mut Vec<u8>) -> Result<Step, Error> {
        loop {
            let Inner { transport, login, refused } = &mut *self.inner;
            match transport.turn(now, input, out)? {
                Turn::Idle => return Ok(Step::Ready(self)),
                Turn::Verify(verify) => {
                    transport.release(input);
                    return Ok(Step::HostKey(VerifyHostKey { inner: self.inner, verify }));
                }
                Turn::Sign(_) | Turn::KeysChanged => {}
                Turn::Packet { sequence, mut payload } => {
                    let bytes = payload.bytes(input);
                    let answer = login.receive(transport, sequence, bytes, out);
                    let answer = answer.map_err(|error| transport.fail(error, out))?;
                    transport.release(input);
                    match answer {
                        Answer::Wait => {}
                        Answer::Ready => return Ok(Step::Login(Login::new(self.inner))),
                        Answer::Refused { can_continue, partial } => {
                            *refused = Some(Refused { can_continue, partial });
                            return Ok(Step::Login(Login { inner: self.inner, just: partial }));
                        }
                        Answer::Questions(questions) => {
                            return Ok(Step::Prompt(Prompt { inner: self.inner, questions }));
                        }
                        Answer::ChangePassword(prompt) => {
                            return Ok(Step::NewPassword(NewPassword { inner: self.inner, prompt }));
                        }
                        Answer::WouldAccept { algorithm, key } => {
                            return Ok(Step::Sign(SignAuth::new(self.inner, algorithm, key)));
                        }
                        Answer::Accepted(proof) => {
                            let user = login.user().to_owned();
                            return Ok(Step::Open(Connection::new(self.inner.transport, proof, user, now)));
                        }
                    }
                }
            }
        }
    }
}

/// The server has proved that it holds this key. Is it the right one?
#[derive(Debug)]
pub struct VerifyHostKey {
    inner: Box<Inner>,
    verify: Box<Verify>,
}

impl VerifyHostKey {
    /// The server's host key, which may be a [certificate](Self::certificate) where one was offered.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        self.verify.host_key()
    }

    /// The certificate that the host key is. The server has proved that it holds the key in it; whether to believe the
    /// rest, [`Certificate::verify`] says.
    #[must_use]
    pub const fn certificate(&self) -> Option<&Certificate> {
        self.verify.certificate()
    }

    /// It is the right one: the login begins.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn accept(mut self, now: Instant, out: &mut Vec<u8>) -> Result<Step, Error> {
        let Inner { transport, login, .. } = &mut *self.inner;
        transport.accept_host_key(*self.verify, out);
        login.start(transport, now, out)?;
        Ok(Step::Ready(Ready { inner: self.inner }))
    }

    /// It is not: the connection ends, and no secret was sent.
    pub fn reject(mut self, out: &mut Vec<u8>) -> Error {
        self.inner.transport.fail(Error::HostKeyRefused, out)
    }
}

/// The caller decides what to try.
#[derive(Debug)]
pub struct Login {
    inner: Box<Inner>,
    /// What the attempt came to that was just made, if one was.
    just: Partial,
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
    const fn new(inner: Box<Inner>) -> Self {
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
    inner: Box<Inner>,
    algorithm: String,
    key: PublicKey,
    request: Vec<u8>,
    data: Vec<u8>,
}

impl SignAuth {
    fn new(inner: Box<Inner>, algorithm: String, key: PublicKey) -> Self {
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
    inner: Box<Inner>,
    questions: Questions,
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
    inner: Box<Inner>,
    prompt: String,
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
