//! The server over real streams: accepts, logs in, and hands programs to its handler.
//!
//! The rooms: what runs here and who is let in is decided in `handler.rs`, how, in `policy.rs`, and what a login is worth
//! stands in `permissions.rs`; `login.rs` and `events.rs` are the two halves of a connection, and `connection.rs` is what a
//! handler sees of it.

mod connection;
mod conversation;
mod events;
mod grant;
mod handler;
mod login;
mod permissions;
mod policy;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub use connection::{Connection, ConnectionRequest, Wish};
pub use conversation::Conversation;
pub use handler::{
    Attempt, Credential, Decision, Handler, Lent, ORIGINAL_COMMAND, Peer, Program, ProgramRequest, Terminal,
};
pub use permissions::{CommandConflict, Feature, Permissions};
pub use policy::{MaxStartups, Policy};
use rand_core::Rng;
use ssh_proto::Server as ServerSide;
use ssh_proto::error::Error;
use ssh_proto::keys::PublicKey;
pub use ssh_proto::server::Questions;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::events::ServerEvents;
use self::login::{Login, Shown};
use crate::ended::Ended;
use crate::identity::Identity;
use crate::io::{Duplex, Io};
use crate::link::{Bounds, Link};
use crate::pipe::Pipe;
use crate::rng::os_rng;

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
    let mut login = Login { pipe: Pipe::new(io), policy: &policy, handler: &*handler, source, shown: Shown::default() };
    let logged_in = tokio::select! {
        logged_in = login.run() => logged_in,
        () = told_to_stop(&mut stopped) => Err(Ended::Closed),
    };
    drop(startup);
    let mut connection = match logged_in {
        Ok(connection) => connection,
        Err(ended) => {
            login.pipe.say_good_bye().await;
            return Err(ended);
        }
    };
    let peer = Arc::new(Peer {
        user: connection.user().to_owned(),
        key: login.shown.key.take(),
        certificate: login.shown.certificate.take(),
        source,
        identification: connection.peer().cloned(),
        negotiated: connection.negotiated().cloned(),
        permissions: std::mem::take(&mut login.shown.permissions),
    });
    let key = peer.key.as_ref().map(|key| key.fingerprint().to_string());
    let certificate = peer.certificate.as_ref().map(|certificate| printable(certificate.key_id()));
    let source_shown = source.map(tracing::field::display);
    tracing::info!(source = source_shown, user = peer.user, key, certificate, "logged in");
    let Pipe { io, input, mut output, clock } = login.pipe;
    // As OpenSSH does, right after the login: a client may learn new keys before old ones go.
    connection.announce_host_keys(clock.now(), &mut output.fresh).map_err(Ended::Protocol)?;
    let events = ServerEvents::new(handler, policy.clone(), peer);
    let bounds = Bounds { channels: policy.config.limits.channels, idle: policy.idle_timeout };
    let link = Link::start(connection, io, clock, (input, output), events, bounds);
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

/// The key id is free text, and goes to terminals.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
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

fn identity_of<'a>(policy: &'a Policy, key: &PublicKey) -> Option<&'a Identity> {
    policy.host_keys.iter().find(|identity| identity.public() == key)
}
