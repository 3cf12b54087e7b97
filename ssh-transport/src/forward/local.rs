//! A client listens here, and carries what comes through the server: `ssh -L` and `ssh -D`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::{JoinHandle, JoinSet};

use super::carry::carry;
use super::socks;
use super::target::{Destination, bind_socket};
use crate::client::Client;
use crate::io::Duplex;

/// Something listens here for as long as this lives. Dropping it ends its connections too.
#[derive(Debug)]
pub struct Listening {
    address: Option<SocketAddr>,
    path: Option<PathBuf>,
    task: JoinHandle<()>,
}

/// How long nothing is accepted after that went wrong: too many open files, most likely, of which some will be closed.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

impl Listening {
    pub(crate) async fn tcp(client: Client, listen: impl ToSocketAddrs, to: Destination) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = Some(listener.local_addr()?);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    Some(_) = connections.join_next() => continue,
                    _ended = client.closed() => break,
                };
                match accepted {
                    Ok((stream, from)) => {
                        let _ = stream.set_nodelay(true);
                        let (client, to) = (client.clone(), to.clone());
                        connections.spawn(async move { forward(&client, stream, Some(from), &to).await });
                    }
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        });
        Ok(Self { address, path: None, task })
    }

    pub(crate) fn socket(client: Client, path: &Path, to: Destination) -> io::Result<Self> {
        let listener = bind_socket(path)?;
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    Some(_) = connections.join_next() => continue,
                    _ended = client.closed() => break,
                };
                match accepted {
                    Ok((stream, _)) => {
                        let (client, to) = (client.clone(), to.clone());
                        connections.spawn(async move { forward(&client, stream, None, &to).await });
                    }
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        });
        Ok(Self { address: None, path: Some(path.to_owned()), task })
    }

    /// Where it listens; `None` for a Unix socket.
    #[must_use]
    pub const fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// One connection. Whoever connected sees how it went by its end; the reason is for the log.
async fn forward(client: &Client, mut stream: impl Duplex, from: Option<SocketAddr>, to: &Destination) {
    let ip = from.map(|from| from.ip().to_string());
    let originator = ip.as_deref().zip(from.map(|from| from.port()));
    let opened = match to {
        Destination::Fixed(target) => target.open(client, originator).await.map_err(io::Error::other),
        Destination::Socks => match socks::negotiate(&mut stream).await {
            Ok(request) => {
                let opened = request.target().open(client, originator).await;
                let answered = request.answer(&mut stream, opened.as_ref().err()).await;
                opened.map_err(io::Error::other).and_then(|channel| answered.map(|()| channel))
            }
            Err(error) => Err(error),
        },
    };
    let carried = match opened {
        Ok(channel) => carry(channel, stream).await,
        Err(error) => Err(error),
    };
    if let Err(error) = carried {
        tracing::debug!(%error, ?to, "a forwarded connection ended early");
    }
}
