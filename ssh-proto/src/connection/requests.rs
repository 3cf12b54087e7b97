//! What the peer asks of a connection: channels and global requests.

use super::forward::TcpChannel;
use crate::wire::{InvalidMessage, Reader};

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
        Ok(match channel_type {
            "session" => {
                Reader::new(data).finish("the channel type specific data")?;
                Self::Session
            }
            "direct-tcpip" => Self::DirectTcpip(TcpChannel::decode(data)?),
            "forwarded-tcpip" => Self::ForwardedTcpip(TcpChannel::decode(data)?),
            channel_type => Self::Other { channel_type, data },
        })
    }
}

/// A global request (RFC 4254 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GlobalRequest<'a> {
    /// `tcpip-forward` (§7.1): listen there and open a `forwarded-tcpip` channel for each connection.
    TcpipForward {
        /// The address to bind.
        address: &'a str,
        /// The port to bind; 0 asks for a free one.
        port: u32,
    },
    /// `cancel-tcpip-forward` (§7.1).
    CancelTcpipForward {
        /// The address that was bound.
        address: &'a str,
        /// The port that was bound.
        port: u32,
    },
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
        Ok(match name {
            "tcpip-forward" | "cancel-tcpip-forward" => {
                let (address, port) = (reader.utf8("address to bind")?, reader.u32("port number to bind")?);
                reader.finish("the global request")?;
                if name == "tcpip-forward" {
                    Self::TcpipForward { address, port }
                } else {
                    Self::CancelTcpipForward { address, port }
                }
            }
            name => Self::Other { name, data },
        })
    }
}
