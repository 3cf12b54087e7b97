//! Channels that the peer wants to open, other than sessions.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use ssh_proto::{OpenFailureReason, OpenTicket, PeerOpen, TcpChannel};

use crate::channel::Channel;
use crate::ended::Ended;
use crate::link::ChannelOps;

/// A kind of channel, with its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelKind {
    /// `direct-tcpip`: a client wants to be connected to an address.
    DirectTcpip(TcpAddresses),
    /// `forwarded-tcpip`: somebody connected to an address on which the server listens for us.
    ForwardedTcpip(TcpAddresses),
    /// `direct-streamlocal@openssh.com`: a client wants to be connected to a Unix socket.
    DirectStreamLocal(PathBuf),
    /// `forwarded-streamlocal@openssh.com`: somebody connected to a Unix socket on which the server listens for us.
    ForwardedStreamLocal(PathBuf),
    /// `x11`: somebody connected to our display through the server.
    X11 {
        /// Who.
        originator: String,
        /// From which port.
        originator_port: u32,
    },
    /// `auth-agent@openssh.com`: somebody on the server wants our agent.
    Agent,
    /// Any other type.
    Other {
        /// The channel type.
        channel_type: String,
        /// The channel type specific data.
        data: Vec<u8>,
    },
}

/// The addresses of a channel that carries TCP (RFC 4254 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "its fields are those of the message")]
pub struct TcpAddresses {
    /// Where to connect to, or which forwarded address was connected to.
    pub host: String,
    /// The port there.
    pub port: u32,
    /// Who connects.
    pub originator: String,
    /// From which port.
    pub originator_port: u32,
}

impl From<TcpChannel<'_>> for TcpAddresses {
    fn from(tcp: TcpChannel<'_>) -> Self {
        Self {
            host: tcp.host.to_owned(),
            port: tcp.port,
            originator: tcp.originator.to_owned(),
            originator_port: tcp.originator_port,
        }
    }
}

impl ChannelKind {
    /// `None` for a session.
    pub(crate) fn of(open: PeerOpen<'_>) -> Option<Self> {
        let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        Some(match open {
            PeerOpen::DirectTcpip(tcp) => Self::DirectTcpip(tcp.into()),
            PeerOpen::ForwardedTcpip(tcp) => Self::ForwardedTcpip(tcp.into()),
            PeerOpen::DirectStreamLocal(socket) => Self::DirectStreamLocal(path(socket.path)),
            PeerOpen::ForwardedStreamLocal(socket) => Self::ForwardedStreamLocal(path(socket.path)),
            PeerOpen::X11(x11) => {
                Self::X11 { originator: x11.originator.to_owned(), originator_port: x11.originator_port }
            }
            PeerOpen::Agent => Self::Agent,
            PeerOpen::Other { channel_type, data } => {
                Self::Other { channel_type: channel_type.to_owned(), data: data.to_vec() }
            }
            _ => return None,
        })
    }
}

/// The peer wants to open a channel. Dropped, it is refused.
#[derive(Debug)]
pub struct ChannelOffer {
    link: Arc<dyn ChannelOps>,
    ticket: Option<OpenTicket>,
    kind: ChannelKind,
}

impl ChannelOffer {
    pub(crate) fn new(link: Arc<dyn ChannelOps>, ticket: OpenTicket, kind: ChannelKind) -> Self {
        Self { link, ticket: Some(ticket), kind }
    }

    /// Which kind of channel.
    #[must_use]
    pub const fn kind(&self) -> &ChannelKind {
        &self.kind
    }

    /// Opens it.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn accept(mut self) -> Result<Channel, Ended> {
        match self.ticket.take() {
            Some(ticket) => self.link.clone().accept(ticket),
            None => Err(Ended::Closed),
        }
    }

    /// Refuses it, with words for people.
    pub fn refuse(mut self, reason: OpenFailureReason, words: &str) {
        self.reject(reason, words);
    }

    fn reject(&mut self, reason: OpenFailureReason, words: &str) {
        if let Some(ticket) = self.ticket.take() {
            self.link.reject(ticket, reason, words);
        }
    }
}

impl Drop for ChannelOffer {
    fn drop(&mut self) {
        self.reject(OpenFailureReason::ADMINISTRATIVELY_PROHIBITED, "refused");
    }
}
