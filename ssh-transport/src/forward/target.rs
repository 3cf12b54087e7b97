//! Where connections go.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ssh_proto::OpenFailureReason;
use tokio::net::{TcpStream, UnixListener, UnixStream};

use crate::channel::Channel;
use crate::client::{Client, ProgramError};
use crate::io::Duplex;

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A host, by its name or address, and a port.
    Tcp(String, u16),
    /// A Unix socket.
    Socket(PathBuf),
}

impl Target {
    /// A host and a port.
    #[must_use]
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::Tcp(host.into(), port)
    }

    /// A Unix socket.
    #[must_use]
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        Self::Socket(path.into())
    }

    /// Connects from here.
    pub(crate) async fn connect(&self) -> io::Result<Box<dyn Duplex>> {
        Ok(match self {
            Self::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Self::Socket(path) => Box::new(UnixStream::connect(path).await?),
        })
    }

    /// Connects from the server.
    pub(crate) async fn open(&self, client: &Client, originator: Option<(&str, u16)>) -> Result<Channel, ProgramError> {
        match self {
            Self::Tcp(host, port) => client.direct_tcpip(host, *port, originator).await,
            Self::Socket(path) => client.direct_streamlocal(path).await,
        }
    }
}

/// Where the connections to a listener go.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    Fixed(Target),
    /// Where the client of each one says.
    Socks,
}

impl From<Target> for Destination {
    fn from(target: Target) -> Self {
        Self::Fixed(target)
    }
}

/// What the peer is told of a connection that could not be made.
pub(crate) fn connect_failure(error: &io::Error) -> (OpenFailureReason, String) {
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "Connection refused".to_owned(),
        io::ErrorKind::TimedOut => "Connection timed out".to_owned(),
        _ => error.to_string(),
    };
    (OpenFailureReason::CONNECT_FAILED, words)
}

/// Listens on a Unix socket that nobody but its owner can connect to.
pub(crate) fn bind_socket(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)) {
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    Ok(listener)
}
