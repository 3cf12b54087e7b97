//! A server listens for a client, which takes what comes: `ssh -R`.

use std::io;
use std::time::Duration;

use ssh_proto::GlobalRequest;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::carry::carry;
use super::target::{Target, connect_failure};
use crate::client::Client;
use crate::io::Duplex;
use crate::offer::ChannelOffer;

/// How long a connection from here may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Channels of one kind that the peer opens, one after the other.
#[derive(Debug)]
pub struct Incoming {
    offers: mpsc::UnboundedReceiver<ChannelOffer>,
}

impl Incoming {
    pub(crate) const fn new(offers: mpsc::UnboundedReceiver<ChannelOffer>) -> Self {
        Self { offers }
    }

    /// Waits for the next one; `None` when the connection is gone.
    pub async fn next(&mut self) -> Option<ChannelOffer> {
        self.offers.recv().await
    }

    /// Connects each of them to `target` from here, for as long as the handle lives.
    #[must_use]
    pub fn carry_to(mut self, target: Target) -> Forward {
        Forward { task: tokio::spawn(async move { self.serve(&target).await }), remote: None }
    }

    async fn serve(&mut self, target: &Target) {
        let connect = |offer| {
            let target = target.clone();
            async move { connect(offer, &target, CONNECT_TIMEOUT).await }
        };
        self.each(connect).await;
    }

    /// Does that with all of them at once, for as long as the future lives.
    pub(super) async fn each<F: Future<Output = ()> + Send + 'static>(&mut self, take: impl Fn(ChannelOffer) -> F) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                offer = self.next() => {
                    let Some(offer) = offer else { break };
                    connections.spawn(take(offer));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// Connects from here, in the usual time.
pub(super) async fn connect_in_time(target: &Target) -> io::Result<Box<dyn Duplex>> {
    connect_within(CONNECT_TIMEOUT, target).await
}

async fn connect_within(timeout: Duration, target: &Target) -> io::Result<Box<dyn Duplex>> {
    tokio::time::timeout(timeout, target.connect()).await.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))
}

/// Connects a channel that the peer opens, and says so only when that went well.
pub(super) async fn connect(offer: ChannelOffer, target: &Target, timeout: Duration) {
    let carried = match connect_within(timeout, target).await {
        Ok(stream) => match offer.accept() {
            Ok(channel) => carry(channel, stream).await,
            Err(ended) => Err(ended.into()),
        },
        Err(error) => {
            let (reason, words) = connect_failure(&error);
            offer.refuse(reason, &words);
            Err(error)
        }
    };
    if let Err(error) = carried {
        tracing::debug!(%error, ?target, "a forwarded connection ended early");
    }
}

/// Something that the server listens on for us. Dropped, it takes that back; connections that are open go on.
#[derive(Debug)]
pub struct RemoteForward {
    client: Client,
    bound: Bound,
    incoming: Incoming,
}

/// What a server listens on for its client, or is to.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    /// The address as it was asked for, and the port.
    Tcp(String, u32),
    Socket(Vec<u8>),
}

impl Bound {
    pub(crate) fn request(&self) -> GlobalRequest<'_> {
        match self {
            Self::Tcp(address, port) => GlobalRequest::TcpipForward { address, port: *port },
            Self::Socket(path) => GlobalRequest::StreamLocalForward { path },
        }
    }

    pub(crate) fn cancel(&self) -> GlobalRequest<'_> {
        match self {
            Self::Tcp(address, port) => GlobalRequest::CancelTcpipForward { address, port: *port },
            Self::Socket(path) => GlobalRequest::CancelStreamLocalForward { path },
        }
    }
}

impl RemoteForward {
    pub(crate) const fn new(client: Client, bound: Bound, offers: mpsc::UnboundedReceiver<ChannelOffer>) -> Self {
        Self { client, bound, incoming: Incoming::new(offers) }
    }

    /// The port on which the server listens; `None` for a Unix socket.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self.bound {
            Bound::Tcp(_, port) => u16::try_from(port).ok(),
            Bound::Socket(_) => None,
        }
    }

    /// Waits for the next connection there; `None` when the connection to the server is gone.
    pub async fn next(&mut self) -> Option<ChannelOffer> {
        self.incoming.next().await
    }

    /// Connects each connection there to `target` from here, for as long as the handle lives. Dropping the handle ends
    /// those connections too.
    #[must_use]
    pub fn carry_to(mut self, target: Target) -> Forward {
        let (never, offers) = mpsc::unbounded_channel();
        drop(never);
        let mut incoming = std::mem::replace(&mut self.incoming, Incoming::new(offers));
        Forward { task: tokio::spawn(async move { incoming.serve(&target).await }), remote: Some(self) }
    }
}

impl Drop for RemoteForward {
    fn drop(&mut self) {
        self.client.cancel(&self.bound);
    }
}

/// Connections that are carried on for as long as this lives.
#[derive(Debug)]
pub struct Forward {
    task: JoinHandle<()>,
    remote: Option<RemoteForward>,
}

impl Forward {
    /// The port on which the server listens; `None` where it does not, or on a Unix socket.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.remote.as_ref().and_then(RemoteForward::port)
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}
