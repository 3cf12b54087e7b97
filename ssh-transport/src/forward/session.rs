//! What a client lends to a program that it runs: its agent, and its display.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rand_core::Rng;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::listen::{serve_agent, serve_display};
use crate::channel::Channel;
use crate::rng::os_rng;
use crate::server::Connection;

/// The agent of a client that lends it to its programs (`auth-agent-req@openssh.com`).
#[derive(Clone, Debug)]
pub struct ForwardedAgent {
    connection: Connection,
}

impl ForwardedAgent {
    pub(crate) const fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Connects to the agent.
    ///
    /// # Errors
    /// When the client does not let us, or is gone.
    pub async fn open(&self) -> io::Result<Channel> {
        self.connection.agent().await
    }

    /// Makes a Unix socket on which the agent answers, in a directory that nobody else can enter: what a program finds
    /// in `SSH_AUTH_SOCK`.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn listen(&self) -> io::Result<AgentSocket> {
        let mut random = [0; 8];
        os_rng()?.fill_bytes(&mut random);
        let directory = std::env::temp_dir().join(format!("sshrpc-{:016x}", u64::from_be_bytes(random)));
        std::fs::DirBuilder::new().mode(0o700).create(&directory)?;
        let path = directory.join("agent");
        match super::bind_socket(&path) {
            Ok(listener) => {
                let task = tokio::spawn(serve_agent(listener, self.connection.clone()));
                Ok(AgentSocket { directory, path, task })
            }
            Err(error) => {
                let _ = std::fs::remove_dir(&directory);
                Err(error)
            }
        }
    }
}

/// A Unix socket on which a client's agent answers, for as long as this lives.
#[derive(Debug)]
pub struct AgentSocket {
    directory: PathBuf,
    path: PathBuf,
    task: JoinHandle<()>,
}

impl AgentSocket {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for AgentSocket {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_dir(&self.directory);
    }
}

/// What a client says of the display that it lends (RFC 4254 §6.3.1).
#[derive(Clone)]
pub(crate) struct AskedDisplay {
    single_connection: bool,
    protocol: String,
    cookie: String,
    screen: u32,
}

impl fmt::Debug for AskedDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskedDisplay")
            .field("protocol", &self.protocol)
            .field("cookie", &"[redacted]")
            .field("screen", &self.screen)
            .finish_non_exhaustive()
    }
}

impl AskedDisplay {
    /// `None` where it is not what `xauth` takes: programs hand it on.
    pub(crate) fn of(x11: &ssh_proto::X11Request<'_>) -> Option<Self> {
        let name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let digits = |text: &str| text.len() <= 4096 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (name(x11.protocol) && x11.protocol.len() <= 64 && digits(x11.cookie)).then(|| Self {
            single_connection: x11.single_connection,
            protocol: x11.protocol.to_owned(),
            cookie: x11.cookie.to_owned(),
            screen: x11.screen,
        })
    }
}

/// The display of a client that lends it to its programs (RFC 4254 §6.3).
#[derive(Clone, Debug)]
pub struct ForwardedDisplay {
    connection: Connection,
    asked: AskedDisplay,
}

impl ForwardedDisplay {
    /// Displays are looked for from here, as OpenSSH does: lower ones may be real.
    const FIRST: u16 = 10;
    const LAST: u16 = 999;
    /// TCP port 6000 is display 0.
    const BASE: u16 = 6000;

    pub(crate) const fn new(connection: Connection, asked: AskedDisplay) -> Self {
        Self { connection, asked }
    }

    /// The authentication protocol: `MIT-MAGIC-COOKIE-1`, say.
    #[must_use]
    pub fn protocol(&self) -> &str {
        &self.asked.protocol
    }

    /// What programs authenticate themselves by, in hexadecimal digits: `xauth add DISPLAY PROTOCOL COOKIE`.
    #[must_use]
    pub fn cookie(&self) -> &str {
        &self.asked.cookie
    }

    /// Listens as a display of this machine does, on loopback.
    ///
    /// # Errors
    /// When no display is free.
    pub async fn listen(&self) -> io::Result<DisplaySocket> {
        let Self { connection, asked } = self;
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for number in Self::FIRST..=Self::LAST {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, Self::BASE + number)).await {
                Ok(listener) => {
                    let task = tokio::spawn(serve_display(listener, connection.clone(), asked.single_connection));
                    return Ok(DisplaySocket { display: format!("localhost:{number}.{}", asked.screen), task });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// A display of this machine that shows on a client's, for as long as this lives.
#[derive(Debug)]
pub struct DisplaySocket {
    display: String,
    task: JoinHandle<()>,
}

impl DisplaySocket {
    /// What a program finds in `DISPLAY`.
    #[must_use]
    pub fn display(&self) -> &str {
        &self.display
    }
}

impl Drop for DisplaySocket {
    fn drop(&mut self) {
        self.task.abort();
    }
}
