//! A BEAM that runs anyway, and dials us.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::link::Link;
use super::session::Session;
use super::{BeamError, Bounds};
use crate::backend::{Backend, Context, Execution, Watch};
use crate::call::{Call, Failure};
use crate::extended::Destination;
use crate::term::{Pid, Term};

/// A running BEAM, which executes calls in the midst of whatever it does. It has the module [`BRIDGE`](super::BRIDGE), and
/// dials:
///
/// ```erlang
/// {ok, _} = sshrpc_bridge:start("/run/sshrpc.sock").
/// ```
///
/// The socket is for the user who runs the node alone (and root), so the BEAM must be that user's. One BEAM at a time executes calls;
/// others that dial wait until it goes. While there is none, calls end with the error `{erpc,noconnection}`.
#[derive(Debug)]
pub struct BeamNode {
    link: Link,
    path: PathBuf,
    acceptor: JoinHandle<()>,
}

impl BeamNode {
    /// Listens on a Unix socket at this path, which is removed when this is dropped. One that nobody listens on any more is
    /// replaced.
    ///
    /// # Errors
    /// When there is something else at the path, somebody listens there, or the system refuses.
    pub fn listen(path: impl Into<PathBuf>, bounds: Bounds) -> Result<Self, BeamError> {
        let path = path.into();
        let (listener, owner) = match bind(&path) {
            Ok(bound) => bound,
            Err(error) => return Err(BeamError::Listen(path, error)),
        };
        let link = Link::new(bounds);
        let acceptor = tokio::spawn(accept(listener, owner, link.clone()));
        Ok(Self { link, path, acceptor })
    }
}

impl Backend for BeamNode {
    fn call(&self, call: Call, context: &Context) -> Execution {
        self.link.call(call, context)
    }

    fn send(&self, to: &Destination, message: Term, context: &Context) -> Execution {
        self.link.send(to, message, context)
    }

    fn exit(&self, from: &Pid, to: &Pid, reason: Term, context: &Context) -> Execution {
        self.link.exit(from, to, reason, context)
    }

    fn monitor(&self, of: &Destination, context: &Context) -> Result<Watch, Failure> {
        self.link.monitor(of, context)
    }
}

impl Drop for BeamNode {
    fn drop(&mut self) {
        self.acceptor.abort();
        // Somebody may have removed it already.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A listener, and the user whose socket it is.
fn bind(path: &Path) -> io::Result<(UnixListener, u32)> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok((listener, std::fs::metadata(path)?.uid()))
}

/// Whether this is a socket on which nobody listens.
fn is_abandoned(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    let dialled = std::os::unix::net::UnixStream::connect(path);
    is_socket && dialled.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// How long to wait after the system has refused to accept, which it does when it lacks something.
const PAUSE: Duration = Duration::from_millis(100);

async fn accept(listener: UnixListener, owner: u32, link: Link) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_from(&stream, owner) => serve(stream, link.clone()).await,
            Ok(_) => tracing::warn!(target: TARGET, "refused a BEAM of another user"),
            Err(error) => {
                tracing::warn!(target: TARGET, "cannot accept a BEAM: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Whether the other end is this user, or root. The socket's mode says the same, but not from its first moment on.
fn is_from(stream: &UnixStream, owner: u32) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == owner || peer.uid() == 0)
}

async fn serve(stream: UnixStream, link: Link) {
    let (reader, writer) = stream.into_split();
    match Session::open(reader, writer, &[], link).await {
        Ok(session) => {
            tracing::info!(target: TARGET, "a BEAM serves calls");
            let ended = session.run().await;
            tracing::warn!(target: TARGET, "the BEAM is gone: {ended}");
        }
        Err(ended) => tracing::warn!(target: TARGET, "what dialled serves no calls: {ended}"),
    }
}

const TARGET: &str = "sshrpc::beam";
