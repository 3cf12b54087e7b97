//! What a client asks of a connection besides programs: connections through the server, and from it.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ssh_proto::connected::{ClientOpen, PingError};
use ssh_proto::{GlobalRequest, StreamLocalChannel, TcpChannel, WantReply};
use tokio::net::ToSocketAddrs;
use tokio::sync::{mpsc, oneshot};

use super::events::{Answer, State};
use super::{Client, ConnectError, Policy, ProgramError, host_keys};
use crate::channel::Channel;
use crate::ended::Ended;
use crate::forward::{Bound, Display, Incoming, LentDisplay, Listening, RemoteForward, Target};
use crate::io::Kept;

/// Connections through the server, and from it (RFC 4254 §7; OpenSSH's PROTOCOL §2.4).
impl Client {
    /// Connects the server to `host` and `port`, as it knows them (`direct-tcpip`). `originator` is who connects, if
    /// that is of interest to anybody.
    ///
    /// # Errors
    /// When the server refuses it or cannot connect, or the connection is gone.
    pub async fn direct_tcpip(
        &self,
        host: &str,
        port: u16,
        originator: Option<(&str, u16)>,
    ) -> Result<Channel, ProgramError> {
        let (originator, originator_port) = originator.unwrap_or(("127.0.0.1", 0));
        let tcp = TcpChannel { host, port: port.into(), originator, originator_port: originator_port.into() };
        Ok(self.inner.link.open(ClientOpen::DirectTcpip(tcp)).await?)
    }

    /// Connects the server to a Unix socket of its own (`direct-streamlocal@openssh.com`).
    ///
    /// # Errors
    /// When the server refuses it or cannot connect, or the connection is gone.
    pub async fn direct_streamlocal(&self, path: impl AsRef<Path>) -> Result<Channel, ProgramError> {
        let socket = StreamLocalChannel { path: path.as_ref().as_os_str().as_bytes() };
        Ok(self.inner.link.open(ClientOpen::DirectStreamLocal(socket)).await?)
    }

    /// Opens a channel of a type that nobody here knows.
    ///
    /// # Errors
    /// When the server refuses it, or the connection is gone.
    pub async fn open_other(&self, channel_type: &str, data: &[u8]) -> Result<Channel, ProgramError> {
        Ok(self.inner.link.open(ClientOpen::Other { channel_type, data }).await?)
    }

    /// Takes channels of a type that nobody here knows, which the server opens.
    #[must_use]
    pub fn take_other(&self, channel_type: &str) -> Incoming {
        let put = |state: &mut State, taker| drop(state.other.insert(channel_type.to_owned(), taker));
        self.inner.expected.lock().take(put)
    }

    /// Listens here, and carries each connection through the server to `target`: `ssh -L`. Dropping the handle stops it;
    /// until then the connection lives.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn local_forward(&self, listen: impl ToSocketAddrs, target: Target) -> std::io::Result<Listening> {
        Listening::tcp(self.clone(), listen, target.into()).await
    }

    /// Listens on a Unix socket here, and carries each connection through the server to `target`. Dropping the handle
    /// stops it, and removes the socket.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn local_forward_socket(&self, path: impl AsRef<Path>, target: Target) -> std::io::Result<Listening> {
        Listening::socket(self.clone(), path.as_ref(), target.into())
    }

    /// Listens here for SOCKS 4, 4a and 5, and carries each connection through the server to where its client wants:
    /// `ssh -D`. Dropping the handle stops it.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn dynamic_forward(&self, listen: impl ToSocketAddrs) -> std::io::Result<Listening> {
        Listening::tcp(self.clone(), listen, crate::forward::Destination::Socks).await
    }

    /// Has the server listen on `address` and `port`, 0 being a free one: `ssh -R`. The handle takes the connections; it
    /// stops the server when it is dropped.
    ///
    /// # Errors
    /// When the server refuses it, or the connection is gone.
    pub async fn remote_forward(&self, address: &str, port: u16) -> Result<RemoteForward, ProgramError> {
        self.listen_there(Bound::Tcp(address.to_owned(), port.into()), "tcpip-forward").await
    }

    /// Has the server listen on a Unix socket of its own. The handle takes the connections; it stops the server when it is
    /// dropped.
    ///
    /// # Errors
    /// When the server refuses it, or the connection is gone.
    pub async fn remote_forward_socket(&self, path: impl AsRef<Path>) -> Result<RemoteForward, ProgramError> {
        let path = path.as_ref().as_os_str().as_bytes().to_vec();
        self.listen_there(Bound::Socket(path), "streamlocal-forward@openssh.com").await
    }

    async fn listen_there(&self, asked: Bound, name: &'static str) -> Result<RemoteForward, ProgramError> {
        let (taker, offers) = mpsc::unbounded_channel();
        let (sender, answer) = oneshot::channel();
        let expected = &self.inner.expected;
        let sent = self.inner.link.with(|locked| {
            let id = locked.connection.global_request(&asked.request(), WantReply::Yes, locked.now, locked.out)?;
            expected.lock().asks(id, Answer::Forward { asked, taker, answer: sender });
            Ok(())
        })?;
        sent.map_err(Ended::Protocol)?;
        let mut waiting = Waiting { client: self, answer };
        let bound = (&mut waiting.answer).await.map_err(|_none| {
            if self.is_closed() { ProgramError::Ended(self.inner.link.ended()) } else { ProgramError::Refused(name) }
        })?;
        Ok(RemoteForward::new(self.clone(), bound, offers))
    }

    /// Takes the channels to our agent which the server opens. Sessions ask for them by
    /// [`ChannelRequest::AgentForwarding`](ssh_proto::ChannelRequest::AgentForwarding); whoever is root on the server can
    /// then use the keys in the agent for as long as the connection lives.
    #[must_use]
    pub fn take_agent(&self) -> Incoming {
        self.inner.expected.lock().take(|state, taker| state.agent = Some(taker))
    }

    /// Lends our display to programs on the server, which learn a cookie that is good for this connection alone: `ssh -Y`.
    /// Sessions ask for it by [`LentDisplay::request`]. Who can read that cookie on the server, root say, sees and types
    /// whatever is on the display for as long as the handle lives.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn lend_display(&self, display: Display) -> std::io::Result<LentDisplay> {
        LentDisplay::new(display, self.take_x11())
    }

    /// Takes the channels to our display which the server opens, with whatever cookie comes on them:
    /// [`lend_display`](Self::lend_display) looks at it. Sessions ask for them by
    /// [`ChannelRequest::X11`](ssh_proto::ChannelRequest::X11).
    #[must_use]
    pub fn take_x11(&self) -> Incoming {
        self.inner.expected.lock().take(|state, taker| state.x11 = Some(taker))
    }

    /// Logs in to a further server through this one, as `ssh -J` does. This connection lives for as long as the other.
    ///
    /// # Errors
    /// When this server does not connect there, the further host's key is not the right one, or it does not let us in.
    pub async fn connect_through(&self, host: &str, port: u16, policy: &Policy) -> Result<Self, ConnectError> {
        let channel = match tokio::time::timeout(policy.connect_timeout, self.direct_tcpip(host, port, None)).await {
            Ok(channel) => channel.map_err(std::io::Error::other),
            Err(_elapsed) => Err(std::io::ErrorKind::TimedOut.into()),
        };
        let channel = channel.map_err(|error| ConnectError::Connect(format!("{host}:{port}"), error))?;
        Self::over(Kept::new(channel, self.clone()), host, port, policy).await
    }

    /// Sends a global request and waits for its answer: response specific data, or `None` for a refusal.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn global_request(&self, request: &GlobalRequest<'_>) -> Result<Option<Vec<u8>>, Ended> {
        host_keys::ask(&self.inner.link, &self.inner.expected, request).await
    }

    /// Promises to open no further session: whoever takes this program over can run no other command on the server
    /// (`no-more-sessions@openssh.com`). Servers that may not understand it are not told.
    pub fn no_more_sessions(&self) {
        let _ = self.inner.link.with(|locked| {
            if locked.connection.peer_knows_openssh_extensions() {
                let request = GlobalRequest::NoMoreSessions;
                let _ = locked.connection.global_request(&request, WantReply::No, locked.now, locked.out);
            }
        });
    }

    /// Asks for a sign of life, and waits for it: by a ping (`ping@openssh.com`) where the server answers them, else by a
    /// global request.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn ping(&self) -> Result<(), Ended> {
        let (sender, answer) = oneshot::channel();
        let sent = self.inner.link.with(|locked| {
            let sent = locked.connection.ping(b"", locked.now, locked.out);
            if sent.is_ok() {
                self.inner.expected.lock().pings.push_back(sender);
            }
            sent
        })?;
        match sent {
            Ok(()) => answer.await.map_err(|_gone| self.inner.link.ended()),
            Err(PingError::Ended(error)) => Err(Ended::Protocol(error)),
            Err(_not_offered) => self.global_request(&GlobalRequest::Keepalive).await.map(|_any_answer| ()),
        }
    }

    /// All host keys that the server says it has, once it has said so. It has proved nothing about them.
    #[must_use]
    pub fn announced_host_keys(&self) -> Vec<ssh_proto::keys::PublicKey> {
        self.inner.expected.lock().host_keys.clone()
    }

    /// Takes a remote forward back.
    pub(crate) fn cancel(&self, bound: &Bound) {
        self.inner.expected.lock().remove(bound);
        let _ = self.inner.link.with(|locked| {
            let _ = locked.connection.global_request(&bound.cancel(), WantReply::No, locked.now, locked.out);
        });
    }
}

/// Somebody who has asked the server to listen. Who goes before the answer is taken wants nothing of it.
struct Waiting<'a> {
    client: &'a Client,
    answer: oneshot::Receiver<Bound>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // An answer that comes from now on is cancelled where it comes.
        self.answer.close();
        if let Ok(bound) = self.answer.try_recv() {
            self.client.cancel(&bound);
        }
    }
}
