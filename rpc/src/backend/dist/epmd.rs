//! Where a node listens: what Erlang's port mapper, `epmd`, says.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Asks the port mapper at this address for the port of the node of this name (without its host).
///
/// ```text
/// 2 Length · 1 122 (PORT_PLEASE2_REQ) · NodeName
/// 1 119 (PORT2_RESP) · 1 Result · 2 PortNo · 1 NodeType · 1 Protocol · 2 HighestVersion · 2 LowestVersion · ...
/// ```
/// [EPMD protocol](https://www.erlang.org/doc/apps/erts/erl_dist_protocol#get-the-distribution-port-of-another-node)
pub(super) async fn port(epmd: SocketAddr, name: &str) -> Result<u16, EpmdError> {
    let mut stream = TcpStream::connect(epmd).await.map_err(|error| EpmdError::Absent(epmd, error))?;
    stream.write_all(&request(name)).await?;
    let [tag, result] = read(&mut stream).await?;
    match (tag, result) {
        (119, 0) => found(read(&mut stream).await?),
        (119, _) => Err(EpmdError::NoNode),
        _ => Err(EpmdError::Malformed),
    }
}

fn request(name: &str) -> Vec<u8> {
    let length = u16::try_from(name.len().saturating_add(1)).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), &[122][..], name.as_bytes()].concat()
}

fn found(response: [u8; 8]) -> Result<u16, EpmdError> {
    let [port_high, port_low, _type, protocol, high, low, ..] = response;
    let (port, highest) = (u16::from_be_bytes([port_high, port_low]), u16::from_be_bytes([high, low]));
    match (protocol, highest) {
        (0, HANDSHAKE..) if port != 0 => Ok(port),
        (0, _) if port != 0 => Err(EpmdError::TooOld(highest)),
        _ => Err(EpmdError::Malformed),
    }
}

/// The version of the handshake that we speak.
const HANDSHAKE: u16 = 6;

async fn read<const N: usize>(stream: &mut TcpStream) -> Result<[u8; N], EpmdError> {
    let mut octets = [0; N];
    match stream.read_exact(&mut octets).await {
        Ok(_) => Ok(octets),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(EpmdError::Malformed),
        Err(error) => Err(error.into()),
    }
}

/// Why the port mapper does not say where a node listens.
#[derive(Debug)]
#[non_exhaustive]
pub enum EpmdError {
    /// There is no port mapper at this address.
    Absent(SocketAddr, io::Error),
    /// It knows no node of this name.
    NoNode,
    /// The node is older than OTP 23, by its version of the distribution protocol.
    TooOld(u16),
    /// It did not answer as a port mapper does.
    Malformed,
    /// Reading or writing failed.
    Io(io::Error),
}

impl std::fmt::Display for EpmdError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent(address, error) => write!(f, "there is no port mapper (epmd) at {address}: {error}"),
            Self::NoNode => f.write_str("the port mapper (epmd) knows no node of this name"),
            Self::TooOld(version) => write!(f, "it is older than OTP 23: version {version} of the protocol"),
            Self::Malformed => f.write_str("what answered is no port mapper (epmd)"),
            Self::Io(error) => write!(f, "the port mapper (epmd) did not answer: {error}"),
        }
    }
}

impl std::error::Error for EpmdError {}

impl From<io::Error> for EpmdError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_asked_for_without_its_host() {
        assert_eq!(request("shop"), b"\0\x05zshop");
    }

    #[test]
    fn the_port_is_the_first_thing_that_is_said() {
        // Of a hidden node of OTP 25 at port 40000.
        assert_eq!(found([0x9c, 0x40, 72, 0, 0, 6, 0, 5]).expect("a port"), 40000);
        assert!(matches!(found([0x9c, 0x40, 77, 0, 0, 5, 0, 5]), Err(EpmdError::TooOld(5))));
        assert!(matches!(found([0, 0, 77, 0, 0, 6, 0, 5]), Err(EpmdError::Malformed)));
        assert!(matches!(found([0x9c, 0x40, 77, 1, 0, 6, 0, 5]), Err(EpmdError::Malformed)));
    }
}
