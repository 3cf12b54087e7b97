//! What listens on a server for one client.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::task::{AbortHandle, JoinSet};

use super::carry::carry;
use super::local::PAUSE;
use crate::server::Connection;

/// By what a client names a listener: the address as it wrote it and the port, or the path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Tcp(String, u16),
    Socket(PathBuf),
}

/// Connections that may wait to be accepted: as many as `TcpListener::bind` lets.
const BACKLOG: u32 = 1024;

/// The listeners of one connection. They end with it.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    running: Mutex<BTreeMap<Place, Listener>>,
    /// How many run or are being made.
    taken: Arc<AtomicUsize>,
}

/// The right to one listener, from the request on to its end.
#[derive(Debug)]
pub(super) struct Slot {
    taken: Arc<AtomicUsize>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Its tasks end, and its socket goes, when this is dropped. Connections that are open go on.
#[derive(Debug)]
struct Listener {
    tasks: Vec<AbortHandle>,
    path: Option<PathBuf>,
    _slot: Slot,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Listeners {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Listener>> {
        self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Room for one more, if there are fewer than `maximum`. It is taken at once: making the listener may take time.
    pub(super) fn reserve(&self, maximum: usize) -> Option<Slot> {
        let one_more = |taken: usize| (taken < maximum).then_some(taken + 1);
        let reserved = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        reserved.ok().map(|_before| Slot { taken: self.taken.clone() })
    }

    /// Ends one; false when there is none.
    pub(crate) fn remove(&self, place: &Place) -> bool {
        self.lock().remove(place).is_some()
    }

    /// Ends all.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}

/// Listens on all of `addresses` at one port, 0 being a free one, and opens a channel for each connection. Answers the
/// port. `name` is the address as the client wrote it, which it is told again.
pub(super) fn listen_tcp(
    connection: &Connection,
    slot: Slot,
    name: &str,
    addresses: &[std::net::IpAddr],
    port: u16,
) -> io::Result<u16> {
    let mut bound = port;
    let mut listeners = Vec::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        // A machine may lack one of the two protocols: the other one will do.
        match bind(SocketAddr::new(*address, bound)) {
            Ok(listener) => {
                bound = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) => last = error,
        }
    }
    if listeners.is_empty() {
        return Err(last);
    }
    let tasks = listeners.into_iter().map(|listener| {
        let (connection, name) = (connection.clone(), name.to_owned());
        tokio::spawn(async move { accept_tcp(&listener, &connection, &name, bound).await }).abort_handle()
    });
    let listener = Listener { tasks: tasks.collect(), path: None, _slot: slot };
    connection.listeners().lock().insert(Place::Tcp(name.to_owned(), bound), listener);
    Ok(bound)
}

/// Listens on that address alone. Most systems take `::` for all of IPv4 too, and have then no port left for `0.0.0.0`.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if address.is_ipv6() {
        SockRef::from(&socket).set_only_v6(true)?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept_tcp(listener: &TcpListener, connection: &Connection, name: &str, port: u16) {
    loop {
        // The connection may have gone while this began.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = connection.gone() => return,
        };
        match accepted {
            Ok((stream, from)) => {
                let _ = stream.set_nodelay(true);
                let (connection, name) = (connection.clone(), name.to_owned());
                // On its own: what is open goes on when nothing more is to come.
                tokio::spawn(async move {
                    let ip = from.ip().to_string();
                    let opened = connection.forwarded_tcpip(&name, port, (&ip, from.port())).await;
                    log(async { carry(opened?, stream).await }.await);
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Listens on a Unix socket, and opens a channel for each connection.
pub(super) fn listen_socket(connection: &Connection, slot: Slot, path: &Path) -> io::Result<()> {
    let listener = super::bind_socket(path)?;
    let accepting = {
        let (connection, path) = (connection.clone(), path.to_owned());
        async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = connection.gone() => return,
                };
                match accepted {
                    Ok((stream, _)) => {
                        let (connection, path) = (connection.clone(), path.clone());
                        tokio::spawn(async move {
                            let opened = connection.forwarded_streamlocal(&path).await;
                            log(async { carry(opened?, stream).await }.await);
                        });
                    }
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        }
    };
    let tasks = vec![tokio::spawn(accepting).abort_handle()];
    let listener = Listener { tasks, path: Some(path.to_owned()), _slot: slot };
    connection.listeners().lock().insert(Place::Socket(path.to_owned()), listener);
    Ok(())
}

/// Accepts on a program's own socket for as long as the future lives, and carries each connection to the client's agent.
pub(super) async fn serve_agent(listener: UnixListener, connection: Connection) {
    let mut carried = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let connection = connection.clone();
                    carried.spawn(async move { log(async { carry(connection.agent().await?, stream).await }.await) });
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = carried.join_next() => {}
            () = connection.gone() => break,
        }
    }
}

/// The same to the client's display: for one connection only, where the client said so.
pub(super) async fn serve_display(listener: TcpListener, connection: Connection, single: bool) {
    let mut carried = JoinSet::new();
    let mut more = true;
    while more || !carried.is_empty() {
        tokio::select! {
            accepted = listener.accept(), if more => match accepted {
                Ok((stream, from)) => {
                    more = !single;
                    let _ = stream.set_nodelay(true);
                    let connection = connection.clone();
                    carried.spawn(async move {
                        let ip = from.ip().to_string();
                        log(async { carry(connection.display((&ip, from.port())).await?, stream).await }.await);
                    });
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = carried.join_next() => {}
            () = connection.gone() => break,
        }
    }
}

fn log(carried: io::Result<()>) {
    if let Err(error) = carried {
        tracing::debug!(%error, "a forwarded connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_that_are_being_made_count_and_those_that_failed_do_not() {
        let listeners = Listeners::default();
        let (first, second) = (listeners.reserve(2).unwrap(), listeners.reserve(2).unwrap());
        assert!(listeners.reserve(2).is_none());
        drop(first);
        let third = listeners.reserve(2).unwrap();
        assert!(listeners.reserve(2).is_none());
        let place = Place::Socket(PathBuf::from("/nowhere/at/all"));
        listeners.lock().insert(place.clone(), Listener { tasks: Vec::new(), path: None, _slot: third });
        assert!(listeners.reserve(2).is_none());
        assert!(listeners.remove(&place));
        drop((second, listeners.reserve(2).unwrap()));
        assert!(listeners.reserve(0).is_none());
        assert_eq!(listeners.taken.load(Ordering::Relaxed), 0);
    }
}
