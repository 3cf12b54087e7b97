//! What a channel carries besides sessions: TCP ([RFC 4254 §7](https://www.rfc-editor.org/rfc/rfc4254#section-7)), Unix
//! sockets (OpenSSH's PROTOCOL §2.4) and X11 (RFC 4254 §6.3).

use alloc::vec::Vec;

use crate::wire::{InvalidMessage, Put, Reader};

/// The addresses of a `direct-tcpip` or `forwarded-tcpip` channel (RFC 4254 §7.2).
///
/// ```text
/// string host to connect (or address that was connected) · uint32 port to connect (or port that was connected)
/// string originator IP address · uint32 originator port
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "its fields are those of the message")]
pub struct TcpChannel<'a> {
    /// Where to connect to, or which forwarded address was connected to.
    pub host: &'a str,
    /// The port there.
    pub port: u32,
    /// Who connects.
    pub originator: &'a str,
    /// From which port.
    pub originator_port: u32,
}

impl<'a> TcpChannel<'a> {
    pub(super) fn decode(data: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(data);
        let channel = Self {
            host: reader.utf8("host to connect")?,
            port: reader.u32("port to connect")?,
            originator: reader.utf8("originator IP address")?,
            originator_port: reader.u32("originator port")?,
        };
        reader.finish("the channel type specific data")?;
        Ok(channel)
    }

    /// The channel type specific data.
    pub(crate) fn to_data(self) -> Vec<u8> {
        let mut data = Vec::new();
        data.put_string(self.host.as_bytes());
        data.put_u32(self.port);
        data.put_string(self.originator.as_bytes());
        data.put_u32(self.originator_port);
        data
    }
}

/// The path of a `direct-streamlocal@openssh.com` or `forwarded-streamlocal@openssh.com` channel (PROTOCOL §2.4).
///
/// ```text
/// string socket path · string reserved · uint32 reserved (in direct-streamlocal@openssh.com alone)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "its fields are those of the message")]
pub struct StreamLocalChannel<'a> {
    /// The socket to connect to, or which forwarded socket was connected to. Paths need not be UTF-8.
    pub path: &'a [u8],
}

impl<'a> StreamLocalChannel<'a> {
    pub(super) fn decode_direct(data: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(data);
        let channel = Self { path: reader.string("socket path")? };
        reader.string("reserved")?;
        reader.u32("reserved")?;
        reader.finish("the channel type specific data")?;
        Ok(channel)
    }

    pub(super) fn decode_forwarded(data: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(data);
        let channel = Self { path: reader.string("socket path")? };
        reader.string("reserved")?;
        reader.finish("the channel type specific data")?;
        Ok(channel)
    }

    pub(crate) fn to_direct_data(self) -> Vec<u8> {
        let mut data = self.to_forwarded_data();
        data.put_u32(0);
        data
    }

    pub(crate) fn to_forwarded_data(self) -> Vec<u8> {
        let mut data = Vec::new();
        data.put_string(self.path);
        data.put_string(b"");
        data
    }
}

/// Who connects, of an `x11` channel (RFC 4254 §6.3.2).
///
/// ```text
/// string originator address · uint32 originator port
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "its fields are those of the message")]
pub struct X11Channel<'a> {
    /// Who connects: `192.168.7.38`, say.
    pub originator: &'a str,
    /// From which port.
    pub originator_port: u32,
}

impl<'a> X11Channel<'a> {
    pub(super) fn decode(data: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(data);
        let channel =
            Self { originator: reader.utf8("originator address")?, originator_port: reader.u32("originator port")? };
        reader.finish("the channel type specific data")?;
        Ok(channel)
    }

    pub(crate) fn to_data(self) -> Vec<u8> {
        let mut data = Vec::new();
        data.put_string(self.originator.as_bytes());
        data.put_u32(self.originator_port);
        data
    }
}

/// The answer to a `tcpip-forward` that left the port to the server (RFC 4254 §7.1).
///
/// ```text
/// uint32 port that was bound on the server
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is its one field")]
pub struct BoundPort(pub u32);

impl BoundPort {
    /// Reads the response specific data.
    ///
    /// # Errors
    /// When it is not a port.
    pub fn decode(data: &[u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(data);
        let port = reader.u32("port that was bound on the server")?;
        reader.finish("the answer to tcpip-forward")?;
        Ok(Self(port))
    }

    /// The response specific data.
    #[must_use]
    pub const fn to_data(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}
