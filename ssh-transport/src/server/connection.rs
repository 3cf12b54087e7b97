//! A connection after login, for a server's program: what it opens towards the client, and what the client asks of it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ssh_proto::connected::ServerOpen;
use ssh_proto::{
    BoundPort, GlobalRequest, GlobalTicket, Server as ServerSide, StreamLocalChannel, TcpChannel, X11Channel,
};

use super::handler::Peer;
use crate::channel::Channel;
use crate::client::ProgramError;
use crate::forward::Listeners;
use crate::link::Link;

/// A connection whose client is logged in. Clones are handles to the same one; they do not keep it alive.
#[derive(Clone, Debug)]
pub struct Connection {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    link: Arc<Link<ServerSide>>,
    peer: Arc<Peer>,
    listeners: Listeners,
}

impl Connection {
    pub(super) fn new(link: Arc<Link<ServerSide>>, peer: Arc<Peer>) -> Self {
        Self { inner: Arc::new(Inner { link, peer, listeners: Listeners::default() }) }
    }

    /// Who is logged in.
    #[must_use]
    pub fn peer(&self) -> &Arc<Peer> {
        &self.inner.peer
    }

    /// What listens for the client; it ends with the connection.
    pub(crate) fn listeners(&self) -> &Listeners {
        &self.inner.listeners
    }

    /// Waits until the connection is gone.
    pub async fn gone(&self) {
        self.inner.link.gone().await;
    }

    /// Somebody connected to `address`, as the client wrote it, and `port`, on which we listen for it.
    ///
    /// # Errors
    /// When the client does not want the connection, or is gone.
    pub async fn forwarded_tcpip(&self, address: &str, port: u16, originator: (&str, u16)) -> io::Result<Channel> {
        let tcp = TcpChannel {
            host: address,
            port: port.into(),
            originator: originator.0,
            originator_port: originator.1.into(),
        };
        self.open(ServerOpen::ForwardedTcpip(tcp)).await
    }

    /// Somebody connected to a Unix socket on which we listen for the client.
    ///
    /// # Errors
    /// When the client does not want the connection, or is gone.
    pub async fn forwarded_streamlocal(&self, path: &Path) -> io::Result<Channel> {
        self.open(ServerOpen::ForwardedStreamLocal(StreamLocalChannel { path: path.as_os_str().as_bytes() })).await
    }

    /// Connects to the client's agent. It answers only who asked for that: see
    /// [`ProgramRequest::agent`](super::ProgramRequest::agent).
    ///
    /// # Errors
    /// When the client does not want the connection, or is gone.
    pub(crate) async fn agent(&self) -> io::Result<Channel> {
        self.open(ServerOpen::Agent).await
    }

    /// Connects to the client's display.
    ///
    /// # Errors
    /// When the client does not want the connection, or is gone.
    pub(crate) async fn display(&self, originator: (&str, u16)) -> io::Result<Channel> {
        let x11 = X11Channel { originator: originator.0, originator_port: originator.1.into() };
        self.open(ServerOpen::X11(x11)).await
    }

    /// Opens a channel of a type that nobody here knows.
    ///
    /// # Errors
    /// When the client does not want it, or is gone.
    pub async fn open_other(&self, channel_type: &str, data: &[u8]) -> io::Result<Channel> {
        self.open(ServerOpen::Other { channel_type, data }).await
    }

    async fn open(&self, open: ServerOpen<'_>) -> io::Result<Channel> {
        self.inner.link.open(open).await.map_err(|failed| io::Error::other(ProgramError::from(failed)))
    }
}

/// What a client asks of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wish {
    /// `tcpip-forward` (RFC 4254 §7.1): listen there.
    TcpipForward {
        /// The address, as the client wrote it.
        address: String,
        /// The port; 0 is a free one.
        port: u32,
    },
    /// `cancel-tcpip-forward`.
    CancelTcpipForward {
        /// The address, as it was asked for.
        address: String,
        /// The port that was bound.
        port: u32,
    },
    /// `streamlocal-forward@openssh.com`: listen on this Unix socket.
    StreamLocalForward(PathBuf),
    /// `cancel-streamlocal-forward@openssh.com`.
    CancelStreamLocalForward(PathBuf),
    /// Any other request whose name the handler [knows](super::Handler::knows).
    Other {
        /// The request name.
        name: String,
        /// The request-specific data.
        data: Vec<u8>,
    },
}

impl Wish {
    /// `None` for what is answered here or in the core.
    pub(super) fn of(request: &GlobalRequest<'_>) -> Option<Self> {
        let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        Some(match *request {
            GlobalRequest::TcpipForward { address, port } => Self::TcpipForward { address: address.to_owned(), port },
            GlobalRequest::CancelTcpipForward { address, port } => {
                Self::CancelTcpipForward { address: address.to_owned(), port }
            }
            GlobalRequest::StreamLocalForward { path: bytes } => Self::StreamLocalForward(path(bytes)),
            GlobalRequest::CancelStreamLocalForward { path: bytes } => Self::CancelStreamLocalForward(path(bytes)),
            GlobalRequest::Other { name, data } => Self::Other { name: name.to_owned(), data: data.to_vec() },
            _ => return None,
        })
    }
}

/// A client asks something of its connection. Dropped, it is refused.
#[derive(Debug)]
pub struct ConnectionRequest {
    pub(super) connection: Connection,
    pub(super) ticket: Option<GlobalTicket>,
    pub(super) wish: Wish,
}

impl ConnectionRequest {
    /// What is asked.
    #[must_use]
    pub const fn wish(&self) -> &Wish {
        &self.wish
    }

    /// Of which connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// It is done.
    pub fn accept(self) {
        self.accept_with(&[]);
    }

    /// It is done, and this is the request's own answer.
    pub fn accept_with(mut self, data: &[u8]) {
        self.answer(Some(data));
    }

    /// It is done, on this port: the answer to a request for port 0.
    pub fn accept_port(self, port: u16) {
        self.accept_with(&BoundPort(port.into()).to_data());
    }

    fn answer(&mut self, data: Option<&[u8]>) {
        if let Some(ticket) = self.ticket.take() {
            let _ = self.connection.inner.link.with(|locked| {
                let _ = locked.connection.reply_global(ticket, data, locked.now, locked.out);
            });
        }
    }
}

impl Drop for ConnectionRequest {
    fn drop(&mut self) {
        self.answer(None);
    }
}
