//! The server before login: consuming steps, each offering what is legal in its phase.
//!
//! ```text
//! start ─► Ready ─► Sign ─► Ready ─► Offer (would this key do?) ─► Ready
//!            ▲  process               Attempt ─► accept ─► Open(Connection), or Ready where more is wanted
//!            │                        Exchange ─► accept, or ask
//!            └──────────────────────────┴─► partial, reject
//! ```
//!
//! An offered key has proved nothing: [`KeyOffer`] has no `accept` (CVE-2024-45337).
//!
//! ```compile_fail,E0599
//! # use ssh_proto::{server::KeyOffer, time::Instant};
//! fn log_in(offer: KeyOffer, now: Instant, out: &mut Vec<u8>) {
//!     offer.accept(now, out);
//! }
//! ```
//!
//! Nothing before a login knows channels: there is no mux to send a CHANNEL_OPEN to (CVE-2025-32433), and no
//! [`Connection`] without [`AuthAttempt::accept`].
//!
//! ```compile_fail,E0599
//! # use ssh_proto::{ChannelId, server::Ready};
//! fn peek(mut ready: Ready, id: ChannelId) {
//!     ready.channel(id);
//! }
//! ```

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use zeroize::{Zeroize, Zeroizing};

use crate::algorithms::Algorithms;
use crate::connected::{Connection, Server};
use crate::crypto::KexRoles;
use crate::error::{ApiMisuse, Error};
use crate::io::InputBuffer;
use crate::keys::{Certificate, Presence, PublicKey, Signature};
use crate::limits::Limits;
use crate::notice::Notice;
use crate::time::{Instant, earlier};
use crate::transport::kex::Sign;
use crate::transport::{
    Identification, KexGuess, Negotiated, Rng, Role, SessionId, Settings, StrictPolicy, Transport, Turn,
};
use crate::userauth::server::{self as auth, Attempt, Question, Rules};
pub use crate::userauth::{Echo, MethodName, Questions};
use crate::waiting::waiting_step;

/// How a server behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// `softwareversion` and comments of our identification.
    pub software: String,
    /// What is offered, in order of preference. Host key algorithms without a key are left out, and so are key exchange
    /// methods for clients alone.
    pub algorithms: Algorithms,
    /// Every bound.
    pub limits: Limits,
    /// Whether a client without strict key exchange is accepted.
    pub strict: StrictPolicy,
    /// The host keys, and certificates for them; one a type.
    pub host_keys: Vec<PublicKey>,
    /// The methods of which any one logs in: `publickey` alone unless said otherwise.
    pub methods: Vec<MethodName>,
    /// Where there are any, one of these lists logs in instead, each method of it in its order, as in sshd's
    /// `AuthenticationMethods`: `publickey` and then `keyboard-interactive`, say. A key counts once, so that `publickey`
    /// twice wants two keys. An empty list lets nobody in.
    pub authentication_methods: Vec<Vec<MethodName>>,
    /// Refused attempts after which the connection ends: 6.
    pub tries: u32,
    /// How long a refusal of a real attempt is held back, counted from when the attempt came, so that it does not show
    /// how long the caller thought about it: 1 second. Who thinks for longer is covered for twice as long, four times, and
    /// so on. The refusal of a query is held back for a hundredth of it.
    pub failure_delay: Duration,
    /// Text for the user before the login (RFC 4252 §5.4).
    pub banner: Option<String>,
}

impl Config {
    /// Defaults for everything else. With certificates among the host keys, their algorithms are offered too.
    #[must_use]
    pub fn new(host_keys: Vec<PublicKey>, mut algorithms: Algorithms) -> Self {
        if host_keys.iter().any(PublicKey::is_certificate) {
            algorithms.offer_host_certificates();
        }
        Self {
            software: crate::SOFTWARE.to_owned(),
            algorithms,
            limits: Limits::default(),
            strict: StrictPolicy::default(),
            host_keys,
            methods: vec![MethodName::PublicKey],
            authentication_methods: Vec::new(),
            tries: 6,
            failure_delay: Duration::from_secs(1),
            banner: None,
        }
    }

    /// What is really offered: host key algorithms without a key are left out, and so are key exchange methods for
    /// clients alone. If something is [missing](Algorithms::missing) then, no connection can be made.
    #[must_use]
    pub fn offered(&self) -> Algorithms {
        let mut algorithms = self.algorithms.clone();
        algorithms.host_keys.retain(|method| self.host_keys.iter().any(|key| key.key_type() == method.key_type));
        algorithms.kex.retain(|method| method.roles != KexRoles::Client);
        algorithms
    }
}

/// Starts a connection: our identification and first KEXINIT are in `out` at once.
///
/// # Errors
/// When the configuration has no host key that an algorithm can use, or no algorithm of some kind.
pub fn start(config: &Arc<Config>, rng: Rng, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
    let algorithms = config.offered();
    if algorithms.missing().is_some() {
        return Err(Error::ApiMisuse(ApiMisuse::EmptyConfig));
    }
    let rules = Rules {
        methods: config.methods.clone(),
        chains: config.authentication_methods.clone(),
        tries: config.tries,
        failure_delay: config.failure_delay,
        banner: config.banner.clone(),
    };
    let settings = Settings {
        role: Role::Server,
        software: config.software.clone(),
        algorithms,
        host_keys: config.host_keys.clone(),
        limits: config.limits.clone(),
        strict: config.strict,
        guess: KexGuess::Wait,
    };
    let transport = Transport::start(settings, rng, now, out);
    Ok(Ready { inner: Box::new(Inner { transport, login: auth::Login::new(rules) }) })
}

#[derive(Debug)]
struct Inner {
    transport: Transport,
    login: auth::Login,
}

/// Waits for the client. [`process`](Self::process) it when bytes have come.
#[derive(Debug)]
pub struct Ready {
    inner: Box<Inner>,
}

/// What comes next.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Step {
    /// The client's turn.
    Ready(Ready),
    /// A key exchange wants the host key's signature.
    Sign(SignExchange),
    /// Would this key do?
    Offer(KeyOffer),
    /// Is this user to be let in?
    Attempt(AuthAttempt),
    /// The user wants to be asked, or has answered.
    Exchange(Exchange),
    /// The user is logged in.
    Open(Box<Connection<Server>>),
}

impl Inner {
    fn poll_timeout(&self) -> Option<Instant> {
        earlier(self.transport.poll_timeout(), self.login.poll_timeout())
    }

    fn handle_timeout(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.transport.handle_timeout(now, out)?;
        let Self { transport, login } = self;
        login.handle_timeout(transport, now, out).map_err(|error| transport.fail(error, out))
    }
}

waiting_step!(Ready SignExchange KeyOffer AuthAttempt Exchange);

impl Ready {
    /// Takes packets from `input` until there is something to decide.
    ///
    /// Call it once before every read of the socket: packets may lie in `input` already. While a refusal is held back
    /// nothing is taken.
    ///
    /// # Errors
    /// When the connection has ended; what the client is to be told is in `out`.
    pub fn process(mut self, now: Instant, input: &mut dyn InputBuffer, out: &mut Vec<u8>) -> Result<Step, Error> {
        loop {
            let Inner { transport, login } = &mut *self.inner;
            if login.is_delayed() {
                transport.release(input);
                return Ok(Step::Ready(self));
            }
            match transport.turn(now, input, out)? {
                Turn::Idle => return Ok(Step::Ready(self)),
                Turn::Sign(sign) => {
                    transport.release(input);
                    return Ok(Step::Sign(SignExchange { inner: self.inner, sign }));
                }
                Turn::Verify(_) | Turn::KeysChanged => {}
                Turn::Packet { sequence, mut payload } => {
                    let bytes = payload.bytes(input);
                    let question = login.receive(transport, sequence, bytes, now, out);
                    // It may have held a password, and the caller's buffer lives on.
                    bytes.zeroize();
                    match question.map_err(|error| transport.fail(error, out))? {
                        None => {}
                        Some(Question::Offer { algorithm, key, certificate }) => {
                            transport.release(input);
                            return Ok(Step::Offer(KeyOffer { inner: self.inner, algorithm, key, certificate }));
                        }
                        Some(Question::Attempt(attempt)) => {
                            transport.release(input);
                            return Ok(Step::Attempt(AuthAttempt { inner: self.inner, attempt }));
                        }
                        Some(Question::Exchange(exchange)) => {
                            transport.release(input);
                            return Ok(Step::Exchange(Exchange { inner: self.inner, exchange }));
                        }
                    }
                }
            }
        }
    }
}

/// The exchange hash wants the host key's signature. The core never sees the private key.
#[derive(Debug)]
pub struct SignExchange {
    inner: Box<Inner>,
    sign: Box<Sign>,
}

impl SignExchange {
    /// The host key that signs: one of the configuration's.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        self.sign.host_key()
    }

    /// The signature algorithm, by its name on the wire.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        self.sign.algorithm()
    }

    /// The bytes to sign.
    #[must_use]
    pub fn to_sign(&self) -> &[u8] {
        self.sign.to_sign()
    }

    /// Answers the client.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn complete(mut self, signature: &Signature, out: &mut Vec<u8>) -> Result<Ready, Error> {
        self.inner.transport.check_not_failed()?;
        self.inner.transport.complete_signature(*self.sign, signature, out);
        Ok(Ready { inner: self.inner })
    }

    /// The signature cannot be made: the connection ends.
    pub fn fail(mut self, out: &mut Vec<u8>) -> Error {
        self.inner.transport.fail(Error::SigningFailed, out)
    }
}

/// The client asks whether a key would do. It has proved nothing about it.
#[derive(Debug)]
pub struct KeyOffer {
    inner: Box<Inner>,
    algorithm: &'static str,
    key: PublicKey,
    certificate: Option<Certificate>,
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
    pub fn reject(mut self, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        let Inner { transport, login } = &mut *self.inner;
        let refused = login.refuse(transport, &MethodName::PublicKey, auth::Refused::Query, now, out);
        refused.map_err(|error| transport.fail(error, out))?;
        Ok(Ready { inner: self.inner })
    }
}

/// The user wants in.
#[derive(Debug)]
pub struct AuthAttempt {
    inner: Box<Inner>,
    attempt: Attempt,
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
    /// [`Config::authentication_methods`] says so.
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
    pub fn partial(mut self, remaining: Vec<MethodName>, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        let Inner { transport, login } = &mut *self.inner;
        let shown = (self.attempt.name(), self.attempt.key());
        login.accept_partially(transport, shown, remaining, now, out)?;
        Ok(Ready { inner: self.inner })
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
    pub fn reject(mut self, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        let Inner { transport, login } = &mut *self.inner;
        let refused = login.refuse(transport, &self.attempt.name(), auth::Refused::Attempt, now, out);
        refused.map_err(|error| transport.fail(error, out))?;
        Ok(Ready { inner: self.inner })
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
}

/// The user wants in by `keyboard-interactive` (RFC 4256): [ask](Self::ask) something, and look at the
/// [answers](Self::answers) when they come as another `Exchange`, as often as it takes.
///
/// "The server SHOULD NOT reply with the SSH_MSG_USERAUTH_FAILURE message if the failure is based on the user name": who does
/// not exist is asked the same, and refused after the answers. A client that tries something else in the middle abandons the
/// exchange, and the caller hears of the new attempt only.
#[derive(Debug)]
pub struct Exchange {
    inner: Box<Inner>,
    exchange: auth::Exchange,
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
    pub fn partial(mut self, remaining: Vec<MethodName>, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        let Inner { transport, login } = &mut *self.inner;
        let shown = (MethodName::KeyboardInteractive, None);
        login.accept_partially(transport, shown, remaining, now, out)?;
        Ok(Ready { inner: self.inner })
    }

    /// As [`AuthAttempt::reject`].
    ///
    /// # Errors
    /// When that was one try too many, or the connection has ended.
    pub fn reject(mut self, now: Instant, out: &mut Vec<u8>) -> Result<Ready, Error> {
        let Inner { transport, login } = &mut *self.inner;
        let method = MethodName::KeyboardInteractive;
        let refused = login.refuse(transport, &method, auth::Refused::Attempt, now, out);
        refused.map_err(|error| transport.fail(error, out))?;
        Ok(Ready { inner: self.inner })
    }
}
