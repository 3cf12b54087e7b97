//! The client over a real stream: connects, checks the host key, logs in, and opens channels.
//!
//! The rooms: how to connect is in `policy.rs`, who answers for the user in `prompter.rs`, what can go wrong in `error.rs`,
//! the way in in `login.rs`, what is tried there in `tries.rs`, and when it begins with a guess in `guesses.rs`; what the
//! server may do afterwards is in `events.rs`, its further keys in `host_keys.rs`, connections through it in `forward.rs`, and
//! those over a program in `proxy_command.rs`.

mod error;
mod events;
mod forward;
mod guesses;
mod host_keys;
mod login;
mod policy;
mod prompter;
mod proxy_command;
mod tries;

use std::io;
use std::sync::Arc;

pub use error::{ConnectError, ProgramError};
pub use guesses::Guesses;
pub use policy::{HostKeys, NewHosts, Policy};
pub use prompter::{Answers, Asked, AskedBy, Asking, Prompter, Told};
pub use ssh_proto::client::{Echo, HostProof, MethodName, Question, Questions};
use ssh_proto::{ChannelRequest, Client as ClientSide, Identification, KexGuess, Negotiated, Outcome};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use self::events::{ClientEvents, Expected, log};
use self::host_keys::{HostKeyUpdates, Learner};
use self::login::Login;
use self::tries::Progress;
use crate::channel::Channel;
use crate::ended::{Ended, Exit};
use crate::io::{Duplex, Io};
use crate::link::{Bounds, Link};
use crate::pipe::Pipe;

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
    expected: Arc<Expected>,
    negotiated: Option<Negotiated>,
    peer: Option<Identification>,
    host_proof: Option<HostProof>,
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
        // An alias stands for host and port.
        let (host, port) = policy.host_key_alias.as_deref().map_or((host, port), |alias| (alias, 22));
        let mut config = policy.config.clone();
        // A host shows one key: it is asked for the one that we know.
        let types = match &policy.host_keys {
            HostKeys::Known { known, .. } => known.key_types_for(host, port),
            HostKeys::Pinned(key) => vec![key.key_type().to_owned()],
        };
        config.algorithms.prefer_host_key_types(&types.iter().map(String::as_str).collect::<Vec<_>>());
        // OpenSSH's client always offers certificates, and takes one without a known authority for its plain key.
        if let HostKeys::Known { known, .. } = &policy.host_keys
            && known.has_authority_for(host, port)
        {
            config.algorithms.offer_host_certificates();
        }
        // A host of which no key is known may be anybody.
        if !types.is_empty() && policy.guesses.would_be_right(host, port, &config.algorithms) {
            config.guess = KexGuess::Send;
        }
        let guess = config.guess;
        let mut login = Login {
            pipe: Pipe::new(io),
            policy,
            host,
            port,
            tried: Vec::new(),
            failed: Vec::new(),
            progress: Progress::default(),
            recognised: None,
        };
        match login.run(config).await {
            Ok(connection) => {
                let (negotiated, peer) = (connection.negotiated().cloned(), connection.peer().cloned());
                let host_proof = connection.host_proof();
                if let Some(negotiated) = &negotiated {
                    policy.guesses.remember(host, port, negotiated);
                }
                let Pipe { io, input, output, clock } = login.pipe;
                let expected = Arc::<Expected>::default();
                let updates = match (&policy.host_keys, &policy.update_host_keys, login.recognised) {
                    (HostKeys::Known { .. }, Some(path), Some(recognised)) => {
                        HostKeyUpdates::Write(Learner { path: path.clone(), host: host.to_owned(), port, recognised })
                    }
                    _ => HostKeyUpdates::Ignore,
                };
                let events = ClientEvents::new(expected.clone(), updates, policy.prompter.clone());
                let bounds = Bounds { channels: policy.config.limits.channels, idle: None };
                let link = Link::start(connection, io, clock, (input, output), events, bounds);
                Ok(Self { inner: Arc::new(Inner { link, expected, negotiated, peer, host_proof }) })
            }
            Err(error) => {
                if guess == KexGuess::Send {
                    policy.guesses.forget(host, port);
                }
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

    /// What proves which host this connection goes to: for an agent that is
    /// [forwarded](crate::agent::Agent::dial_for_forwarding) over it.
    #[must_use]
    pub fn host_proof(&self) -> Option<&HostProof> {
        self.inner.host_proof.as_ref()
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
