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

mod login;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

pub use login::{AuthAttempt, Exchange, KeyOffer, Method};
use zeroize::Zeroize;

use crate::algorithms::Algorithms;
use crate::connected::{Connection, Server};
use crate::crypto::KexRoles;
use crate::error::{ApiMisuse, Error};
use crate::io::InputBuffer;
use crate::keys::{PublicKey, Signature};
use crate::limits::Limits;
use crate::notice::Notice;
use crate::time::{Instant, earlier};
use crate::transport::kex::Sign;
use crate::transport::{Identification, KexGuess, Negotiated, Rng, Role, Settings, StrictPolicy, Transport, Turn};
use crate::userauth::server::{self as auth, Question, Rules};
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

waiting_step!(Ready SignExchange);

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
