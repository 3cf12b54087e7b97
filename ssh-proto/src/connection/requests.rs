//! What the peer asks of a connection: channels and global requests.

use alloc::vec::Vec;

use super::forward::{StreamLocalChannel, TcpChannel, X11Channel};
use crate::transport::Role;
use crate::wire::{InvalidMessage, Put, Reader};

pub(crate) const DIRECT_STREAMLOCAL: &str = "direct-streamlocal@openssh.com";
pub(crate) const FORWARDED_STREAMLOCAL: &str = "forwarded-streamlocal@openssh.com";
pub(crate) const AGENT: &str = "auth-agent@openssh.com";

/// A channel that the peer wants to open (RFC 4254 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerOpen<'a> {
    /// `session` (§6.1): a server only.
    Session,
    /// `direct-tcpip` (§7.2): a server only.
    DirectTcpip(TcpChannel<'a>),
    /// `forwarded-tcpip` (§7.2): a client only.
    ForwardedTcpip(TcpChannel<'a>),
    /// `direct-streamlocal@openssh.com`: a server only.
    DirectStreamLocal(StreamLocalChannel<'a>),
    /// `forwarded-streamlocal@openssh.com`: a client only.
    ForwardedStreamLocal(StreamLocalChannel<'a>),
    /// `x11` (§6.3.2): a client only.
    X11(X11Channel<'a>),
    /// `auth-agent@openssh.com`: a client only.
    Agent,
    /// Any other type; the caller may know it.
    Other {
        /// The channel type.
        channel_type: &'a str,
        /// The channel type specific data.
        data: &'a [u8],
    },
}

impl<'a> PeerOpen<'a> {
    pub(super) fn decode(channel_type: &'a str, data: &'a [u8]) -> Result<Self, InvalidMessage> {
        let without_data = |kind| {
            Reader::new(data).finish("the channel type specific data")?;
            Ok(kind)
        };
        Ok(match channel_type {
            "session" => return without_data(Self::Session),
            "direct-tcpip" => Self::DirectTcpip(TcpChannel::decode(data)?),
            "forwarded-tcpip" => Self::ForwardedTcpip(TcpChannel::decode(data)?),
            DIRECT_STREAMLOCAL => Self::DirectStreamLocal(StreamLocalChannel::decode_direct(data)?),
            FORWARDED_STREAMLOCAL => Self::ForwardedStreamLocal(StreamLocalChannel::decode_forwarded(data)?),
            "x11" => Self::X11(X11Channel::decode(data)?),
            AGENT => return without_data(Self::Agent),
            channel_type => Self::Other { channel_type, data },
        })
    }

    /// "Client implementations SHOULD reject any session channel open requests" (RFC 4254 §6.1); the same holds for the
    /// forwarding types, each in its direction (§6.3.2, §7.2).
    pub(super) const fn is_for(&self) -> For {
        match self {
            Self::Session | Self::DirectTcpip(_) | Self::DirectStreamLocal(_) => For::Servers,
            Self::ForwardedTcpip(_) | Self::ForwardedStreamLocal(_) | Self::X11(_) | Self::Agent => For::Clients,
            Self::Other { .. } => For::Either,
        }
    }
}

/// Which side a channel or a request is for: only the other one opens it or asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    Servers,
    Clients,
    Either,
}

impl For {
    pub(super) const fn includes(self, role: Role) -> bool {
        match self {
            Self::Servers => matches!(role, Role::Server),
            Self::Clients => matches!(role, Role::Client),
            Self::Either => true,
        }
    }
}

/// A global request (RFC 4254 §4), either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GlobalRequest<'a> {
    /// `tcpip-forward` (§7.1): listen there and open a `forwarded-tcpip` channel for each connection.
    TcpipForward {
        /// The address to bind.
        address: &'a str,
        /// The port to bind; 0 asks for a free one, which the answer names: [`BoundPort`](super::BoundPort).
        port: u32,
    },
    /// `cancel-tcpip-forward` (§7.1).
    CancelTcpipForward {
        /// The address that was bound.
        address: &'a str,
        /// The port that was bound.
        port: u32,
    },
    /// `streamlocal-forward@openssh.com`: listen there and open a `forwarded-streamlocal@openssh.com` channel for each
    /// connection.
    StreamLocalForward {
        /// The socket to make.
        path: &'a [u8],
    },
    /// `cancel-streamlocal-forward@openssh.com`.
    CancelStreamLocalForward {
        /// The socket that was made.
        path: &'a [u8],
    },
    /// `no-more-sessions@openssh.com`: a client will open no further session. A server's core holds it to that.
    NoMoreSessions,
    /// `hostkeys-00@openssh.com`: all host keys of a server.
    HostKeys(KeyBlobs<'a>),
    /// `hostkeys-prove-00@openssh.com`: a client wants a server to prove that it has these host keys.
    HostKeysProve(KeyBlobs<'a>),
    /// `keepalive@openssh.com`: any answer is a sign of life. The core answers it by itself.
    Keepalive,
    /// Any other request; the caller may know it.
    Other {
        /// The request name.
        name: &'a str,
        /// The request-specific data.
        data: &'a [u8],
    },
}

impl<'a> GlobalRequest<'a> {
    pub(super) fn decode(name: &'a str, data: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(data);
        let request = match name {
            "tcpip-forward" | "cancel-tcpip-forward" => {
                let (address, port) = (reader.utf8("address to bind")?, reader.u32("port number to bind")?);
                if name == "tcpip-forward" {
                    Self::TcpipForward { address, port }
                } else {
                    Self::CancelTcpipForward { address, port }
                }
            }
            STREAMLOCAL_FORWARD => Self::StreamLocalForward { path: reader.string("socket path")? },
            CANCEL_STREAMLOCAL_FORWARD => Self::CancelStreamLocalForward { path: reader.string("socket path")? },
            // What follows these two has no meaning, and is no reason to leave.
            NO_MORE_SESSIONS => return Ok(Self::NoMoreSessions),
            KEEPALIVE => return Ok(Self::Keepalive),
            HOST_KEYS => return KeyBlobs::decode(data).map(Self::HostKeys),
            HOST_KEYS_PROVE => return KeyBlobs::decode(data).map(Self::HostKeysProve),
            name => return Ok(Self::Other { name, data }),
        };
        reader.finish("the global request")?;
        Ok(request)
    }

    pub(super) const fn name(&self) -> &'a str {
        match self {
            Self::TcpipForward { .. } => "tcpip-forward",
            Self::CancelTcpipForward { .. } => "cancel-tcpip-forward",
            Self::StreamLocalForward { .. } => STREAMLOCAL_FORWARD,
            Self::CancelStreamLocalForward { .. } => CANCEL_STREAMLOCAL_FORWARD,
            Self::NoMoreSessions => NO_MORE_SESSIONS,
            Self::HostKeys(_) => HOST_KEYS,
            Self::HostKeysProve(_) => HOST_KEYS_PROVE,
            Self::Keepalive => KEEPALIVE,
            Self::Other { name, .. } => name,
        }
    }

    /// Writes the request-specific data.
    pub(super) fn encode_data(&self, out: &mut Vec<u8>) {
        match self {
            Self::TcpipForward { address, port } | Self::CancelTcpipForward { address, port } => {
                out.put_string(address.as_bytes());
                out.put_u32(*port);
            }
            Self::StreamLocalForward { path } | Self::CancelStreamLocalForward { path } => out.put_string(path),
            Self::NoMoreSessions | Self::Keepalive => {}
            Self::HostKeys(keys) | Self::HostKeysProve(keys) => out.put_bytes(keys.data),
            Self::Other { data, .. } => out.put_bytes(data),
        }
    }

    /// "Client implementations SHOULD reject these messages; they are normally only sent by the client" (RFC 4254 §7.1);
    /// the others likewise.
    pub(super) const fn is_for(&self) -> For {
        match self {
            Self::TcpipForward { .. }
            | Self::CancelTcpipForward { .. }
            | Self::StreamLocalForward { .. }
            | Self::CancelStreamLocalForward { .. }
            | Self::NoMoreSessions
            | Self::HostKeysProve(_) => For::Servers,
            Self::HostKeys(_) => For::Clients,
            Self::Keepalive | Self::Other { .. } => For::Either,
        }
    }
}

const STREAMLOCAL_FORWARD: &str = "streamlocal-forward@openssh.com";
const CANCEL_STREAMLOCAL_FORWARD: &str = "cancel-streamlocal-forward@openssh.com";
const NO_MORE_SESSIONS: &str = "no-more-sessions@openssh.com";
const HOST_KEYS: &str = "hostkeys-00@openssh.com";
pub(crate) const HOST_KEYS_PROVE: &str = "hostkeys-prove-00@openssh.com";
/// OpenSSH's question for a sign of life.
const KEEPALIVE: &str = "keepalive@openssh.com";

/// Public keys, or signatures by them, one after the other: `string[]` of hostkeys-00@openssh.com and its proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyBlobs<'a> {
    data: &'a [u8],
}

impl<'a> KeyBlobs<'a> {
    /// Reads the answer to `hostkeys-prove-00@openssh.com`: a signature for each key, in the order of the keys.
    ///
    /// # Errors
    /// When it is not a sequence of strings.
    pub fn decode(data: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(data);
        while !reader.is_empty() {
            reader.string("host key")?;
        }
        Ok(Self { data })
    }

    /// What [`to_data`](Self::to_data) wrote.
    pub(crate) const fn of_valid(data: &'a [u8]) -> Self {
        Self { data }
    }

    /// Writes blobs as a request or an answer holds them.
    #[must_use]
    pub fn to_data<'b>(blobs: impl IntoIterator<Item = &'b [u8]>) -> Vec<u8> {
        let mut data = Vec::new();
        blobs.into_iter().for_each(|blob| data.put_string(blob));
        data
    }

    /// Each blob.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::new(self.data);
        core::iter::from_fn(move || reader.string("host key").ok())
    }
}
