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

mod login;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use login::{Login, NewPassword, Prompt, Refused, SignAuth};

use crate::algorithms::Algorithms;
use crate::connected::{Client, Connection};
use crate::error::{ApiMisuse, Error};
use crate::io::InputBuffer;
use crate::keys::{Certificate, PublicKey};
use crate::limits::Limits;
use crate::notice::Notice;
use crate::time::Instant;
pub use crate::transport::HostProof;
use crate::transport::kex::Verify;
use crate::transport::{Identification, KexGuess, Negotiated, Rng, Role, Settings, StrictPolicy, Transport, Turn};
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

waiting_step!(Ready VerifyHostKey);

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
