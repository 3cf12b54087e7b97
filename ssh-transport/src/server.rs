//! The server over real streams: accepts, logs in, and hands programs to its handler.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand_core::Rng;
use ssh_proto::connected::RekeySignature;
use ssh_proto::error::{Error, Waiting};
use ssh_proto::keys::PublicKey;
use ssh_proto::notice::Notice;
use ssh_proto::server::{self, MethodName, Step};
use ssh_proto::{
    ChannelId, ChannelRequest, Event, Identification, Negotiated, OpenFailureReason, Outcome, PeerOpen, ReplyTicket,
    Server as ServerSide,
};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::watch;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::channel::Channel;
use crate::ended::Ended;
use crate::identity::Identity;
use crate::io::{Duplex, Io};
use crate::link::{Events, Link, Locked};
use crate::pipe::{Pipe, Woken};
use crate::rng::os_rng;

/// What a server decides.
pub trait Handler: Send + Sync + 'static {
    /// Whether somebody is let in. Everything that can be verified has been: a proven key has signed this session.
    fn authorize(&self, attempt: &Attempt<'_>) -> impl Future<Output = Decision> + Send;

    /// A client asks for a program on a session channel. Answer with [`ProgramRequest::accept`] or
    /// [`ProgramRequest::reject`], here or later; what runs belongs in a task of its own.
    fn program(&self, request: ProgramRequest);
}

/// Somebody wants in.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// The user, as the client sent it.
    pub user: &'a str,
    /// By what.
    pub credential: Credential<'a>,
    /// From where, if that can be told.
    pub source: Option<SocketAddr>,
}

/// What somebody wants in by.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// Nothing: most clients ask so for the methods that there are.
    None,
    /// A key that has proved nothing. [`Decision::Accept`] says that a signature by it would do.
    Offered(&'a PublicKey),
    /// A key that signed this session.
    Proven(&'a PublicKey),
    /// A password.
    Password(&'a [u8]),
}

/// What becomes of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Let in.
    Accept,
    /// Right, and one of these methods is wanted too.
    Partial(Vec<MethodName>),
    /// Kept out.
    Refuse,
}

/// How a server behaves: all of it data.
#[derive(Debug)]
#[non_exhaustive]
pub struct Policy {
    /// The protocol's configuration: algorithms, limits, methods. Its host keys are those of the signers.
    pub config: server::Config,
    /// What signs as the host, one a key type.
    pub host_keys: Vec<Identity>,
    /// How many connections may be logging in at once.
    pub max_startups: MaxStartups,
    /// A connection without channels is closed after this time: never.
    pub idle_timeout: Option<Duration>,
    /// How long a shutdown waits for channels to end: 5 seconds.
    pub shutdown_grace: Duration,
}

impl Policy {
    /// Signs with `host_keys`, and offers `algorithms`.
    #[must_use]
    pub fn new(host_keys: Vec<Identity>, algorithms: ssh_proto::Algorithms) -> Self {
        let public = host_keys.iter().map(|identity| identity.public().clone()).collect();
        Self {
            config: server::Config::new(public, algorithms),
            host_keys,
            max_startups: MaxStartups::default(),
            idle_timeout: None,
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

/// OpenSSH's `MaxStartups`: from `begin` connections that are logging in, each further one is dropped with a probability
/// that grows from `rate` percent to certainty at `full`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "OpenSSH's three numbers")]
pub struct MaxStartups {
    /// Up to here nobody is dropped: 10.
    pub begin: usize,
    /// The percentage that is dropped from there: 30.
    pub rate: usize,
    /// From here everybody is dropped: 100.
    pub full: usize,
}

impl Default for MaxStartups {
    fn default() -> Self {
        Self { begin: 10, rate: 30, full: 100 }
    }
}

impl MaxStartups {
    /// Whether the next connection is dropped while `running` are logging in. `dice` is a random number.
    fn drops(&self, running: usize, dice: u32) -> bool {
        if running < self.begin {
            return false;
        }
        if running >= self.full {
            return true;
        }
        let span = (self.full - self.begin).max(1);
        let chance = self.rate + (100 - self.rate.min(100)) * (running - self.begin) / span;
        (dice as usize % 100) < chance
    }
}

/// Who is logged in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// The user.
    pub user: String,
    /// The key that signed the login, where one did.
    pub key: Option<PublicKey>,
    /// From where, if that can be told.
    pub source: Option<SocketAddr>,
    /// Who the client says it is.
    pub identification: Option<Identification>,
    /// What the first key exchange agreed on.
    pub negotiated: Option<Negotiated>,
}

/// What a client wants to run (RFC 4254 §6.5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Program {
    /// `shell`.
    Shell,
    /// `exec`: a command, as the client wrote it.
    Exec(Vec<u8>),
    /// `subsystem`: a name.
    Subsystem(String),
}

/// A client asks for a program. Dropped, it is rejected.
#[derive(Debug)]
pub struct ProgramRequest {
    link: Arc<Link<ServerSide>>,
    channel: ChannelId,
    ticket: Option<ReplyTicket>,
    program: Program,
    terminal: Option<Terminal>,
    environment: Vec<(String, String)>,
    peer: Arc<Peer>,
}

/// The terminal that a client asked for (RFC 4254 §6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terminal {
    /// `xterm`, say.
    pub term: String,
    /// Characters; 0 when the client did not say.
    pub columns: u32,
    /// Characters; 0 when the client did not say.
    pub rows: u32,
}

impl ProgramRequest {
    /// What is to run.
    #[must_use]
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// The terminal that the client asked for, if it did.
    #[must_use]
    pub const fn terminal(&self) -> Option<&Terminal> {
        self.terminal.as_ref()
    }

    /// The variables that the client sent.
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Who asks.
    #[must_use]
    pub const fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Runs it: the channel is the program's input and output.
    ///
    /// # Errors
    /// When the client has closed the channel meanwhile.
    pub fn accept(mut self) -> Result<Channel, Ended> {
        let (id, ticket) = (self.channel, self.ticket.take());
        let held = self.link.with(|locked| {
            if let Some(ticket) = ticket {
                let _ = locked.connection.reply(ticket, Outcome::Success, locked.now, locked.out);
            }
            locked.hold_channel(id)
        })?;
        if held { Ok(Channel::new(self.link.clone(), id)) } else { Err(Ended::Closed) }
    }

    /// Does not run it.
    pub fn reject(self) {
        drop(self);
    }
}

impl Drop for ProgramRequest {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let _ = self.link.with(|locked| {
                let _ = locked.connection.reply(ticket, Outcome::Failure, locked.now, locked.out);
            });
        }
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct Server<H> {
    listener: TcpListener,
    policy: Arc<Policy>,
    handler: Arc<H>,
}

impl<H: Handler> Server<H> {
    /// Listens on `address`.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(address: impl ToSocketAddrs, policy: Policy, handler: H) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener, policy: Arc::new(policy), handler: Arc::new(handler) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` is ready; then lets channels end, says good-bye to everybody, and returns.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let running = Arc::new(AtomicUsize::new(0));
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, source)) => {
                    if !self.admits(&running, source) {
                        continue;
                    }
                    let startup = Startup::begin(&running);
                    let (policy, handler, stopped) = (self.policy.clone(), self.handler.clone(), stopped.clone());
                    connections
                        .spawn(async move { serve_tcp(stream, source, policy, handler, startup, stopped).await });
                }
                Err(error) => {
                    // Too many open files, most likely: some will be closed.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.listener);
        let _ = stop.send(true);
        while connections.join_next().await.is_some() {}
    }

    fn admits(&self, running: &AtomicUsize, source: SocketAddr) -> bool {
        let running = running.load(Ordering::Relaxed);
        let dice = os_rng().map(|mut rng| rng.next_u32()).unwrap_or_default();
        let drops = self.policy.max_startups.drops(running, dice);
        if drops {
            tracing::warn!(%source, running, "dropped: too many connections are logging in");
        }
        !drops
    }
}

/// Serves one connection over a stream that exists already, until it ends.
///
/// # Errors
/// When it ended otherwise than by a good-bye.
pub async fn serve<H: Handler>(
    stream: impl Duplex + 'static,
    policy: Arc<Policy>,
    handler: Arc<H>,
) -> Result<(), Ended> {
    let (_stop, stopped) = watch::channel(false);
    let startup = Startup::begin(&Arc::new(AtomicUsize::new(0)));
    serve_io(Io::other(stream), policy, handler, startup, stopped).await
}

/// A connection that is logging in.
#[derive(Debug)]
struct Startup(Arc<AtomicUsize>);

impl Startup {
    fn begin(running: &Arc<AtomicUsize>) -> Self {
        running.fetch_add(1, Ordering::Relaxed);
        Self(running.clone())
    }
}

impl Drop for Startup {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve_tcp<H: Handler>(
    stream: TcpStream,
    source: SocketAddr,
    policy: Arc<Policy>,
    handler: Arc<H>,
    startup: Startup,
    stopped: watch::Receiver<bool>,
) {
    tracing::debug!(%source, "connected");
    let served = match Io::tcp(stream) {
        Ok(io) => serve_io(io, policy, handler, startup, stopped).await,
        Err(error) => Err(Ended::Lost(Arc::new(error))),
    };
    match served {
        Ok(()) => tracing::debug!(%source, "closed"),
        Err(Ended::Lost(error))
            if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) =>
        {
            tracing::debug!(%source, "the client closed the connection");
        }
        Err(Ended::Protocol(Error::Disconnected(said))) => {
            tracing::debug!(%source, reason = said.reason, said = said.description, "the client disconnected");
        }
        Err(ended) => tracing::warn!(%source, "{ended}"),
    }
}

async fn serve_io<H: Handler>(
    io: Io,
    policy: Arc<Policy>,
    handler: Arc<H>,
    startup: Startup,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), Ended> {
    let source = io.peer_addr();
    let mut login = Login { pipe: Pipe::new(io), policy: &policy, handler: &*handler, source, key: None };
    let logged_in = tokio::select! {
        logged_in = login.run() => logged_in,
        () = told_to_stop(&mut stopped) => Err(Ended::Closed),
    };
    drop(startup);
    let connection = match logged_in {
        Ok(connection) => connection,
        Err(ended) => {
            login.pipe.say_good_bye().await;
            return Err(ended);
        }
    };
    let peer = Arc::new(Peer {
        user: connection.user().to_owned(),
        key: login.key.take(),
        source,
        identification: connection.peer().cloned(),
        negotiated: connection.negotiated().cloned(),
    });
    let key = peer.key.as_ref().map(|key| key.fingerprint().to_string());
    tracing::info!(source = source.map(tracing::field::display), user = peer.user, key, "logged in");
    let Pipe { io, input, output, clock } = login.pipe;
    let events = ServerEvents {
        handler,
        policy: policy.clone(),
        peer,
        sessions: BTreeMap::new(),
        programs: Vec::new(),
        signatures: Vec::new(),
    };
    let link = Link::start(connection, io, clock, (input, output), events, policy.idle_timeout);
    let _served = Served(link.clone());
    tokio::select! {
        () = link.gone() => {}
        () = told_to_stop(&mut stopped) => {
            let _ = tokio::time::timeout(policy.shutdown_grace, link.without_channels()).await;
            link.close();
            link.gone().await;
        }
    }
    match link.ended() {
        Ended::Closed => Ok(()),
        ended => Err(ended),
    }
}

/// Nobody serves the connection any more when this is dropped: it says good-bye.
struct Served(Arc<Link<ServerSide>>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Waits for the server's shutdown; for ever where there is no server.
async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A login under way.
struct Login<'a, H> {
    pipe: Pipe,
    policy: &'a Policy,
    handler: &'a H,
    source: Option<SocketAddr>,
    key: Option<PublicKey>,
}

impl<H: Handler> Login<'_, H> {
    async fn run(&mut self) -> Result<ssh_proto::Connection<ServerSide>, Ended> {
        let rng = os_rng().map_err(|error| Ended::Lost(Arc::new(error)))?;
        let now = self.pipe.clock.now();
        let config = Arc::new(self.policy.config.clone());
        let mut step =
            Step::Ready(server::start(&config, Box::new(rng), now, &mut self.pipe.output.fresh).map_err(ended)?);
        loop {
            step = match step {
                Step::Ready(mut ready) => {
                    while let Some(notice) = ready.poll_notice() {
                        self.log(&notice);
                    }
                    let now = self.pipe.clock.now();
                    match ready.process(now, &mut self.pipe.input, &mut self.pipe.output.fresh).map_err(ended)? {
                        Step::Ready(ready) => Step::Ready(self.wait(ready).await?),
                        step => step,
                    }
                }
                Step::Sign(sign) => {
                    let identity = identity_of(self.policy, sign.key());
                    let (algorithm, data) = (sign.algorithm(), sign.to_sign().to_vec());
                    let signing = async { identity?.sign(algorithm, &data).await.ok() };
                    match self.pipe.wait_for(sign.poll_timeout(), signing).await {
                        None => return Err(ended(Error::TimedOut(Waiting::Login))),
                        Some(None) => return Err(ended(sign.fail(&mut self.pipe.output.fresh))),
                        Some(Some(signature)) => {
                            Step::Ready(sign.complete(&signature, &mut self.pipe.output.fresh).map_err(ended)?)
                        }
                    }
                }
                Step::Offer(offer) => {
                    let (user, key, deadline) = (offer.user().to_owned(), offer.key().clone(), offer.poll_timeout());
                    let decision = self.ask(&user, Credential::Offered(&key), deadline).await?;
                    let now = self.pipe.clock.now();
                    Step::Ready(match decision {
                        Decision::Refuse => offer.reject(now, &mut self.pipe.output.fresh).map_err(ended)?,
                        _ => offer.would_accept(now, &mut self.pipe.output.fresh).map_err(ended)?,
                    })
                }
                Step::Attempt(attempt) => match self.decide(attempt).await? {
                    Ok(connection) => return Ok(connection),
                    Err(ready) => Step::Ready(*ready),
                },
                _ => return Err(ended(Error::SigningFailed)),
            };
        }
    }

    async fn ask(
        &mut self,
        user: &str,
        credential: Credential<'_>,
        deadline: Option<ssh_proto::time::Instant>,
    ) -> Result<Decision, Ended> {
        let attempt = Attempt { user, credential, source: self.source };
        let decision = self.pipe.wait_for(deadline, self.handler.authorize(&attempt)).await;
        decision.ok_or(ended(Error::TimedOut(Waiting::Login)))
    }

    async fn decide(
        &mut self,
        attempt: server::AuthAttempt,
    ) -> Result<Result<ssh_proto::Connection<ServerSide>, Box<server::Ready>>, Ended> {
        let user = attempt.user().to_owned();
        let (mut proven, mut password) = (None, None);
        match attempt.method() {
            server::Method::PublicKey(key) => proven = Some(key.clone()),
            server::Method::Password(bytes) => password = Some(Zeroizing::new(bytes.to_vec())),
            _ => {}
        }
        let credential = match (&proven, &password) {
            (Some(key), _) => Credential::Proven(key),
            (None, Some(password)) => Credential::Password(password),
            (None, None) => Credential::None,
        };
        let decision = self.ask(&user, credential, attempt.poll_timeout()).await?;
        let now = self.pipe.clock.now();
        Ok(match decision {
            Decision::Accept => {
                self.key = proven.or_else(|| self.key.take());
                Ok(attempt.accept(now, &mut self.pipe.output.fresh).map_err(ended)?)
            }
            Decision::Partial(remaining) => {
                self.key = proven.or_else(|| self.key.take());
                Err(Box::new(attempt.partial(remaining, now, &mut self.pipe.output.fresh).map_err(ended)?))
            }
            Decision::Refuse => Err(Box::new(attempt.reject(now, &mut self.pipe.output.fresh).map_err(ended)?)),
        })
    }

    /// Writes, and waits for bytes or a deadline.
    async fn wait(&mut self, ready: server::Ready) -> Result<server::Ready, Ended> {
        let deadline = ready.poll_timeout();
        match self.pipe.wait(deadline).await? {
            Woken::Input => Ok(ready),
            Woken::Deadline => ready.handle_timeout(self.pipe.clock.now(), &mut self.pipe.output.fresh).map_err(ended),
        }
    }

    fn log(&self, notice: &Notice) {
        let source = self.source.map(tracing::field::display);
        match notice {
            Notice::PeerIdentified(peer) => tracing::debug!(source, %peer, "the client identified itself"),
            Notice::LoginRefused { user, method, tries } => {
                tracing::warn!(source, user, method, tries, "login refused");
            }
            notice => tracing::debug!(source, ?notice),
        }
    }
}

fn identity_of<'a>(policy: &'a Policy, key: &PublicKey) -> Option<&'a Identity> {
    policy.host_keys.iter().find(|identity| identity.public() == key)
}

const fn ended(error: Error) -> Ended {
    Ended::Protocol(error)
}

/// What a server does with a client's wishes.
struct ServerEvents<H> {
    handler: Arc<H>,
    policy: Arc<Policy>,
    peer: Arc<Peer>,
    sessions: BTreeMap<ChannelId, Session>,
    programs: Vec<(ChannelId, Program, ReplyTicket)>,
    signatures: Vec<RekeySignature>,
}

/// What a client said about a session before it asked for a program.
#[derive(Debug, Default)]
struct Session {
    terminal: Option<Terminal>,
    environment: Vec<(String, String)>,
}

impl Session {
    /// Variables beyond this many, or longer than this, are refused.
    const MAXIMUM_VARIABLES: usize = 64;
    const MAXIMUM_VARIABLE: usize = 4096;
}

impl<H: Handler> Events<ServerSide> for ServerEvents<H> {
    fn event(&mut self, event: Event<'_, ServerSide>, link: &mut Locked<'_, ServerSide>) {
        let now = link.now;
        match event {
            Event::Open { ticket, kind: PeerOpen::Session } => {
                if let Ok(id) = link.connection.accept(ticket, now, link.out) {
                    link.add_channel(id);
                    self.sessions.insert(id, Session::default());
                }
            }
            Event::Open { ticket, kind } => {
                let (reason, words) = match kind {
                    PeerOpen::Other { .. } => (OpenFailureReason::UNKNOWN_CHANNEL_TYPE, "unknown channel type"),
                    _ => (OpenFailureReason::ADMINISTRATIVELY_PROHIBITED, "forwarding is not offered"),
                };
                let _ = link.connection.reject(ticket, reason, words, now, link.out);
            }
            Event::Request { channel, request, ticket } => self.request(channel, &request, ticket, link),
            Event::GlobalRequest { ticket, .. } => {
                let _ = link.connection.reply_global(ticket, None, now, link.out);
            }
            Event::Rekey(ask) => self.signatures.push(ask),
            Event::Notice(notice) => tracing::debug!(user = self.peer.user, ?notice),
            _ => {}
        }
    }

    fn closed(&mut self, id: ChannelId) {
        self.sessions.remove(&id);
    }

    fn unlocked(&mut self, link: &Arc<Link<ServerSide>>) {
        for (channel, program, ticket) in self.programs.drain(..) {
            let session = self.sessions.get(&channel);
            self.handler.program(ProgramRequest {
                link: link.clone(),
                channel,
                ticket: Some(ticket),
                program,
                terminal: session.and_then(|session| session.terminal.clone()),
                environment: session.map(|session| session.environment.clone()).unwrap_or_default(),
                peer: self.peer.clone(),
            });
        }
        for ask in self.signatures.drain(..) {
            let (link, policy) = (link.clone(), self.policy.clone());
            // The signature may be an agent's, and RSA takes milliseconds: the connection goes on meanwhile. Without it
            // the re-exchange meets its deadline.
            tokio::spawn(async move {
                let Some(identity) = identity_of(&policy, ask.key()) else { return };
                match identity.sign(ask.algorithm(), ask.to_sign()).await {
                    Ok(signature) => {
                        let _ = link.with(|locked| locked.connection.resume_rekey(ask, &signature, locked.out));
                    }
                    Err(error) => tracing::error!(%error, "the host key cannot sign"),
                }
            });
        }
    }
}

impl<H> ServerEvents<H> {
    fn request(
        &mut self,
        channel: ChannelId,
        request: &ChannelRequest<'_>,
        ticket: ReplyTicket,
        link: &mut Locked<'_, ServerSide>,
    ) {
        let program = match request {
            ChannelRequest::Shell => Program::Shell,
            ChannelRequest::Exec { command } => Program::Exec(command.to_vec()),
            ChannelRequest::Subsystem { name } => Program::Subsystem((*name).to_owned()),
            request => {
                let outcome = self.describe(channel, request);
                let _ = link.connection.reply(ticket, outcome, link.now, link.out);
                return;
            }
        };
        self.programs.push((channel, program, ticket));
    }

    /// What a client says about a session before it asks for a program.
    fn describe(&mut self, channel: ChannelId, request: &ChannelRequest<'_>) -> Outcome {
        let Some(session) = self.sessions.get_mut(&channel) else { return Outcome::Failure };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect();
        match request {
            ChannelRequest::Pty(pty) => {
                let (columns, rows) = (pty.size.columns, pty.size.rows);
                session.terminal = Some(Terminal { term: text(pty.term), columns, rows });
                Outcome::Success
            }
            ChannelRequest::Env { name, value }
                if session.environment.len() < Session::MAXIMUM_VARIABLES
                    && name.len() + value.len() <= Session::MAXIMUM_VARIABLE =>
            {
                session.environment.push((text(name), text(value)));
                Outcome::Success
            }
            ChannelRequest::WindowChange(size) => {
                if let Some(terminal) = &mut session.terminal {
                    (terminal.columns, terminal.rows) = (size.columns, size.rows);
                }
                Outcome::Success
            }
            _ => Outcome::Failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_startups_drops_nobody_first_some_then_and_everybody_in_the_end() {
        let rule = MaxStartups::default();
        let dropped = |running| (0..100).filter(|dice| rule.drops(running, *dice)).count();
        assert_eq!(
            [dropped(0), dropped(9), dropped(10), dropped(55), dropped(100), dropped(500)],
            [0, 0, 30, 65, 100, 100]
        );
    }
}
