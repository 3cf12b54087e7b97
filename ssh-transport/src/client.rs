//! The client over a real stream: connects, checks the host key, logs in, and opens channels.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ssh_proto::client::{self, Step};
use ssh_proto::error::{Error, Waiting};
use ssh_proto::keys::PublicKey;
use ssh_proto::notice::Notice;
use ssh_proto::{ChannelId, ChannelRequest, Client as ClientSide, Event, Identification, Negotiated, Outcome};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use crate::channel::Channel;
use crate::ended::{Ended, Exit};
use crate::identity::{Identity, IdentityError};
use crate::io::{Duplex, Io};
use crate::known_hosts::{self, HashNames, KnownHosts, KnownKey, Verdict};
use crate::link::{Events, Link, Locked, OpenFailed};
use crate::pipe::{Pipe, Woken};
use crate::rng::os_rng;

/// How to connect: all of it data.
#[derive(Debug)]
#[non_exhaustive]
pub struct Policy {
    /// The protocol's configuration: the user, the algorithms, the limits.
    pub config: client::Config,
    /// Which host keys are right.
    pub host_keys: HostKeys,
    /// What may sign a login, in the order in which it is tried.
    pub identities: Vec<Identity>,
    /// A password, tried after all identities.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// How long TCP may take to connect: 30 seconds.
    pub connect_timeout: Duration,
}

impl Policy {
    /// No identities yet, and a 30 second time-out.
    #[must_use]
    pub const fn new(config: client::Config, host_keys: HostKeys) -> Self {
        Self { config, host_keys, identities: Vec::new(), password: None, connect_timeout: Duration::from_secs(30) }
    }
}

/// Which host keys are right.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostKeys {
    /// Those of a known_hosts file.
    Known {
        /// What the files say.
        known: KnownHosts,
        /// Where a new host's key is written, if hosts that nobody knows are to be accepted.
        accept_new: Option<PathBuf>,
    },
    /// Exactly this one.
    Pinned(PublicKey),
}

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody listens there, or the name is not known: the address, and what the system says.
    Connect(String, io::Error),
    /// The system has no randomness.
    Randomness(io::Error),
    /// The host's key is not known: its fingerprint is shown so that a person can compare it.
    UnknownHost {
        /// As known_hosts names it.
        host: String,
        /// The key that the host has.
        key: PublicKey,
    },
    /// The host has another key than the one that was asked for.
    NotThePinnedKey {
        /// As known_hosts names it.
        host: String,
        /// The key that the host has.
        key: PublicKey,
    },
    /// The host has another key than the known one: somebody may listen in.
    HostKeyChanged {
        /// As known_hosts names it.
        host: String,
        /// The key that the host has.
        key: PublicKey,
        /// The keys that it is known to have, and where they stand.
        known: Vec<KnownKey>,
    },
    /// The key is marked as revoked.
    HostKeyRevoked {
        /// As known_hosts names it.
        host: String,
        /// The key that the host has.
        key: PublicKey,
    },
    /// The new host's key could not be written.
    KnownHosts(PathBuf, io::Error),
    /// The server accepts none of what we have: the user, the methods it would take, and what was tried.
    Denied {
        /// The user.
        user: String,
        /// Methods that the server would take.
        methods: Vec<String>,
        /// Fingerprints of the keys that were tried.
        tried: Vec<String>,
        /// Identities that could not sign.
        failed: Vec<IdentityError>,
    },
    /// The connection ended before the login was complete.
    Ended(Ended),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(address, error) => write!(f, "cannot connect to {address}: {error}"),
            Self::Randomness(error) => write!(f, "the system gives no random numbers: {error}"),
            Self::UnknownHost { host, key } => {
                write!(f, "the host {host} is not known; its {} key is {}", key.key_type(), key.fingerprint())
            }
            Self::NotThePinnedKey { host, key } => write!(
                f,
                "the {} key of {host} is {}, not the one that was asked for: somebody may be listening in",
                key.key_type(),
                key.fingerprint()
            ),
            Self::HostKeyChanged { host, key, known } => {
                write!(f, "the {} key of {host} is now {}, not the one in", key.key_type(), key.fingerprint())?;
                known.iter().try_for_each(|known| write!(f, " {}", known.place))?;
                f.write_str(": somebody may be listening in")
            }
            Self::HostKeyRevoked { host, key } => {
                write!(f, "the {} key of {host}, {}, is revoked", key.key_type(), key.fingerprint())
            }
            Self::KnownHosts(path, error) => write!(f, "cannot write {}: {error}", path.display()),
            Self::Denied { user, methods, tried, failed } => {
                write!(f, "login as {user:?} was refused")?;
                match tried.as_slice() {
                    [] => f.write_str("; there was no key to try")?,
                    tried => write!(f, "; tried {}", tried.join(", "))?,
                }
                if !methods.is_empty() {
                    write!(f, "; the server takes {}", methods.join(", "))?;
                }
                failed.iter().try_for_each(|error| write!(f, "; {error}"))
            }
            Self::Ended(ended) => ended.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {}

impl From<Ended> for ConnectError {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

/// Why a channel or a program could not be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProgramError {
    /// The server refused the channel: its reason code (RFC 4254 §5.1) and words.
    ChannelRefused(u32, String),
    /// The server does not run this: the request that it refused.
    Refused(&'static str),
    /// Too many channels are open.
    TooManyChannels,
    /// The connection is gone.
    Ended(Ended),
    /// The channel broke.
    Io(io::Error),
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChannelRefused(code, words) => write!(f, "the server opens no channel (reason {code}): {words}"),
            Self::Refused(request) => write!(f, "the server refused the {request} request"),
            Self::TooManyChannels => f.write_str("too many channels are open on this connection"),
            Self::Ended(ended) => ended.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ProgramError {}

impl From<OpenFailed> for ProgramError {
    fn from(failed: OpenFailed) -> Self {
        match failed {
            OpenFailed::Here(ssh_proto::OpenError::Ended(error)) => Self::Ended(Ended::Protocol(error)),
            OpenFailed::Here(_) => Self::TooManyChannels,
            OpenFailed::Refused(refusal) => Self::ChannelRefused(refusal.reason.0, refusal.description),
            OpenFailed::Ended(ended) => Self::Ended(ended),
        }
    }
}

/// What a finished command left.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Output {
    /// Its data stream.
    pub stdout: Vec<u8>,
    /// Its error stream.
    pub stderr: Vec<u8>,
    /// How it ended, if the server said so.
    pub exit: Option<Exit>,
}

/// A connection that is logged in. Clones are handles to the same one; the last one dropped closes it.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    link: Arc<Link<ClientSide>>,
    negotiated: Option<Negotiated>,
    peer: Option<Identification>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.link.close();
    }
}

impl Client {
    /// Connects to `host` and logs in.
    ///
    /// # Errors
    /// When there is no such host, its key is not the right one, or it does not let us in.
    pub async fn connect(host: &str, port: u16, policy: &Policy) -> Result<Self, ConnectError> {
        let address = || if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let connecting = TcpStream::connect((host, port));
        let stream = match tokio::time::timeout(policy.connect_timeout, connecting).await {
            Ok(stream) => stream.map_err(|error| ConnectError::Connect(address(), error))?,
            Err(_elapsed) => return Err(ConnectError::Connect(address(), io::ErrorKind::TimedOut.into())),
        };
        let io = Io::tcp(stream).map_err(|error| ConnectError::Connect(address(), error))?;
        Self::log_in(io, host, port, policy).await
    }

    /// Logs in over a stream that exists already: a Unix socket, a pipe, another channel. `host` and `port` are what
    /// known_hosts calls the server.
    ///
    /// # Errors
    /// When the host's key is not the right one, or it does not let us in.
    pub async fn over(
        stream: impl Duplex + 'static,
        host: &str,
        port: u16,
        policy: &Policy,
    ) -> Result<Self, ConnectError> {
        Self::log_in(Io::other(stream), host, port, policy).await
    }

    async fn log_in(io: Io, host: &str, port: u16, policy: &Policy) -> Result<Self, ConnectError> {
        let mut config = policy.config.clone();
        // A host shows one key: it is asked for the one that we know.
        let types = match &policy.host_keys {
            HostKeys::Known { known, .. } => known.key_types_for(host, port),
            HostKeys::Pinned(key) => vec![key.key_type().to_owned()],
        };
        config.algorithms.prefer_host_key_types(&types.iter().map(String::as_str).collect::<Vec<_>>());
        let mut login = Login {
            pipe: Pipe::new(io),
            policy,
            host,
            port,
            next: 0,
            tried: Vec::new(),
            failed: Vec::new(),
            password_tried: false,
        };
        match login.run(config).await {
            Ok(connection) => {
                let (negotiated, peer) = (connection.negotiated().cloned(), connection.peer().cloned());
                let Pipe { io, input, output, clock } = login.pipe;
                let link = Link::start(connection, io, clock, (input, output), ClientEvents, None);
                Ok(Self { inner: Arc::new(Inner { link, negotiated, peer }) })
            }
            Err(error) => {
                login.pipe.say_good_bye().await;
                Err(error)
            }
        }
    }

    /// Opens a session channel (RFC 4254 §6.1) on which nothing runs yet.
    ///
    /// # Errors
    /// When the server refuses it, or the connection is gone.
    pub async fn session(&self) -> Result<Channel, ProgramError> {
        Ok(self.inner.link.open(ssh_proto::connected::ClientOpen::Session).await?)
    }

    async fn program(&self, request: ChannelRequest<'_>, name: &'static str) -> Result<Channel, ProgramError> {
        let channel = self.session().await?;
        match channel.request(&request).await.map_err(|error| self.gone(error))? {
            Outcome::Success => Ok(channel),
            Outcome::Failure => Err(ProgramError::Refused(name)),
        }
    }

    fn gone(&self, error: io::Error) -> ProgramError {
        if self.inner.link.is_closed() { ProgramError::Ended(self.inner.link.ended()) } else { ProgramError::Io(error) }
    }

    /// Runs a command (RFC 4254 §6.5, `exec`).
    ///
    /// # Errors
    /// When the server refuses it, or the connection is gone.
    pub async fn exec(&self, command: &str) -> Result<Channel, ProgramError> {
        self.program(ChannelRequest::Exec { command: command.as_bytes() }, "exec").await
    }

    /// Starts a subsystem (RFC 4254 §6.5).
    ///
    /// # Errors
    /// When the server does not have it, or the connection is gone.
    pub async fn subsystem(&self, name: &str) -> Result<Channel, ProgramError> {
        self.program(ChannelRequest::Subsystem { name }, "subsystem").await
    }

    /// Starts the user's shell (RFC 4254 §6.5), without a terminal.
    ///
    /// # Errors
    /// When the server refuses it, or the connection is gone.
    pub async fn shell(&self) -> Result<Channel, ProgramError> {
        self.program(ChannelRequest::Shell, "shell").await
    }

    /// Runs a command to its end with nothing to read, and collects what it writes, both streams at once.
    ///
    /// # Errors
    /// When the server refuses it, or the connection breaks meanwhile.
    pub async fn output(&self, command: &str) -> Result<Output, ProgramError> {
        let mut channel = self.exec(command).await?;
        channel.eof().map_err(|error| self.gone(error))?;
        let (mut stdout, mut stderr, mut errors) = (Vec::new(), Vec::new(), channel.stderr());
        tokio::try_join!(channel.read_to_end(&mut stdout), errors.read_to_end(&mut stderr))
            .map_err(|error| self.gone(error))?;
        Ok(Output { stdout, stderr, exit: channel.exit().await })
    }

    /// What the first key exchange agreed on.
    #[must_use]
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.inner.negotiated.as_ref()
    }

    /// Who the server says it is.
    #[must_use]
    pub fn peer(&self) -> Option<&Identification> {
        self.inner.peer.as_ref()
    }

    /// Exchanges keys again now.
    pub fn rekey(&self) {
        let _ = self.inner.link.with(|locked| locked.connection.rekey(locked.now, locked.out));
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.link.is_closed()
    }

    /// Says good-bye once what was sent is written. Channels that are still open end.
    pub fn close(&self) {
        self.inner.link.close();
    }

    /// Waits until the connection is gone, for whatever reason, and says which. A program that ends right after
    /// [`close`](Self::close) without waiting may take what was sent last with it.
    pub async fn closed(&self) -> Ended {
        self.inner.link.gone().await;
        self.inner.link.ended()
    }
}

/// A login under way.
struct Login<'a> {
    pipe: Pipe,
    policy: &'a Policy,
    host: &'a str,
    port: u16,
    /// The identity that is tried next.
    next: usize,
    tried: Vec<String>,
    failed: Vec<IdentityError>,
    password_tried: bool,
}

impl Login<'_> {
    async fn run(&mut self, config: client::Config) -> Result<ssh_proto::Connection<ClientSide>, ConnectError> {
        let rng = os_rng().map_err(ConnectError::Randomness)?;
        let now = self.pipe.clock.now();
        let ready = client::start(&Arc::new(config), Box::new(rng), now, &mut self.pipe.output.fresh).map_err(ended)?;
        let mut step = Step::Ready(ready);
        loop {
            step = match step {
                Step::Ready(mut ready) => {
                    while let Some(notice) = ready.poll_notice() {
                        log(&notice);
                    }
                    match ready
                        .process(self.pipe.clock.now(), &mut self.pipe.input, &mut self.pipe.output.fresh)
                        .map_err(ended)?
                    {
                        Step::Ready(ready) => Step::Ready(self.wait(ready).await?),
                        step => step,
                    }
                }
                Step::HostKey(verify) => {
                    if let Err(error) = self.check_host_key(verify.key()) {
                        let _ = verify.reject(&mut self.pipe.output.fresh);
                        return Err(error);
                    }
                    verify.accept(self.pipe.clock.now(), &mut self.pipe.output.fresh).map_err(ended)?
                }
                Step::Login(login) => self.attempt(login).await?,
                Step::Sign(sign) => self.sign(sign).await?,
                Step::Open(connection) => return Ok(connection),
                _ => return Err(ended(Error::SigningFailed)),
            };
        }
    }

    /// Writes, and waits for bytes or a deadline.
    async fn wait(&mut self, ready: client::Ready) -> Result<client::Ready, ConnectError> {
        let deadline = ready.poll_timeout();
        match self.pipe.wait(deadline).await? {
            Woken::Input => Ok(ready),
            Woken::Deadline => ready.handle_timeout(self.pipe.clock.now(), &mut self.pipe.output.fresh).map_err(ended),
        }
    }

    fn check_host_key(&self, key: &PublicKey) -> Result<(), ConnectError> {
        let host = known_hosts::host_name(self.host, self.port);
        let (known, accept_new) = match &self.policy.host_keys {
            HostKeys::Pinned(pinned) if pinned == key => return Ok(()),
            HostKeys::Pinned(_) => return Err(ConnectError::NotThePinnedKey { host, key: key.clone() }),
            HostKeys::Known { known, accept_new } => (known, accept_new),
        };
        match known.check(self.host, self.port, key) {
            Verdict::Known(_) => Ok(()),
            Verdict::Revoked(_) => Err(ConnectError::HostKeyRevoked { host, key: key.clone() }),
            Verdict::Changed(known) => Err(ConnectError::HostKeyChanged { host, key: key.clone(), known }),
            Verdict::Unknown => match accept_new {
                None => Err(ConnectError::UnknownHost { host, key: key.clone() }),
                Some(path) => known_hosts::append(path, self.host, self.port, key, HashNames::No)
                    .map_err(|error| ConnectError::KnownHosts(path.clone(), error)),
            },
        }
    }

    /// The next thing to try: `none` first, because it tells what may be tried at all, then each identity, then the
    /// password.
    async fn attempt(&mut self, login: client::Login) -> Result<Step, ConnectError> {
        let now = self.pipe.clock.now();
        let takes = |name: &str| {
            login.refused().is_none_or(|refused| refused.can_continue.iter().any(|method| method.as_str() == name))
        };
        while takes("publickey")
            && let Some(identity) = self.policy.identities.get(self.next)
        {
            self.next += 1;
            let key = identity.public();
            let Some(algorithm) = login.choose_algorithm(&identity.algorithms()) else { continue };
            self.tried.push(key.fingerprint().to_string());
            return Ok(Step::Ready(login.query(algorithm, key, now, &mut self.pipe.output.fresh).map_err(ended)?));
        }
        if takes("password")
            && let Some(password) = self.policy.password.as_ref().filter(|_| !self.password_tried)
        {
            self.password_tried = true;
            return Ok(Step::Ready(login.password(password, now, &mut self.pipe.output.fresh).map_err(ended)?));
        }
        if login.refused().is_none() && self.tried.is_empty() {
            return Ok(Step::Ready(login.none(now, &mut self.pipe.output.fresh).map_err(ended)?));
        }
        let methods = login.refused().map_or(&[][..], |refused| &refused.can_continue);
        let denied = ConnectError::Denied {
            user: login.user().to_owned(),
            methods: methods.iter().map(ToString::to_string).collect(),
            tried: std::mem::take(&mut self.tried),
            failed: std::mem::take(&mut self.failed),
        };
        login.disconnect("no more authentication methods", &mut self.pipe.output.fresh);
        Err(denied)
    }

    async fn sign(&mut self, sign: client::SignAuth) -> Result<Step, ConnectError> {
        let identity = self.policy.identities.iter().find(|identity| identity.public() == sign.key());
        let deadline = sign.poll_timeout();
        let Some(identity) = identity else { return Ok(Step::Login(sign.abandon())) };
        let (algorithm, data) = (sign.algorithm().to_owned(), sign.to_sign().to_vec());
        match self.pipe.wait_for(deadline, identity.sign(&algorithm, &data)).await {
            None => Err(ended(Error::TimedOut(Waiting::Login))),
            Some(Ok(signature)) => {
                let now = self.pipe.clock.now();
                Ok(Step::Ready(sign.complete(&signature, now, &mut self.pipe.output.fresh).map_err(ended)?))
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "an identity cannot sign");
                self.failed.push(error);
                Ok(Step::Login(sign.abandon()))
            }
        }
    }
}

const fn ended(error: Error) -> ConnectError {
    ConnectError::Ended(Ended::Protocol(error))
}

fn log(notice: &Notice) {
    match notice {
        Notice::PeerIdentified(peer) => tracing::debug!(%peer, "the server identified itself"),
        Notice::BannerLine(line) | Notice::LoginBanner(line) => tracing::info!("{}", line.trim_end()),
        Notice::TrivialLogin => tracing::warn!("the server let us in without asking for anything"),
        notice => tracing::debug!(?notice),
    }
}

/// What a client does with a server's wishes: nothing.
struct ClientEvents;

impl Events<ClientSide> for ClientEvents {
    fn event(&mut self, event: Event<'_, ClientSide>, link: &mut Locked<'_, ClientSide>) {
        let (now, out) = (link.now, &mut *link.out);
        match event {
            Event::Open { ticket, .. } => {
                let reason = ssh_proto::OpenFailureReason::UNKNOWN_CHANNEL_TYPE;
                let _ = link.connection.reject(ticket, reason, "not asked for", now, out);
            }
            Event::Request { ticket, .. } => {
                let _ = link.connection.reply(ticket, Outcome::Failure, now, out);
            }
            Event::GlobalRequest { ticket, .. } => {
                let _ = link.connection.reply_global(ticket, None, now, out);
            }
            Event::Notice(notice) => log(&notice),
            _ => {}
        }
    }

    fn closed(&mut self, _id: ChannelId) {}

    fn unlocked(&mut self, _link: &Arc<Link<ClientSide>>) {}
}
