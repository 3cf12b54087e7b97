//! TCP over channels, [RFC 4254 §7](https://www.rfc-editor.org/rfc/rfc4254#section-7).

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
