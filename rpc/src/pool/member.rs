//! One connection of a pool, and what keeps it up.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::BackoffBuilder;
use tokio::sync::watch;

use super::builder::Keeping;
use super::error::Fate;
use super::status::{ConnectionStatus, State};
use crate::call::CallError;
use crate::client::{Client, ConnectError, Error, Mode};
use crate::term::{Atom, Term};

/// Makes a connection.
pub(super) type Dial = dyn Fn() -> Pin<Box<dyn Future<Output = Result<Client, ConnectError>> + Send>> + Send + Sync;

/// One connection.
pub(super) struct Member {
    pub(super) name: Atom,
    /// Its place in the pool.
    pub(super) index: usize,
    dial: Arc<Dial>,
    state: Mutex<Condition>,
    pending: AtomicUsize,
    answered: AtomicU64,
    lost: AtomicU64,
}

struct Condition {
    state: State,
    client: Option<Client>,
    connected: u64,
    round_trip: Option<Duration>,
}

impl Member {
    pub(super) fn new(name: Atom, index: usize, dial: Arc<Dial>) -> Self {
        let condition = Condition { state: State::Connecting, client: None, connected: 0, round_trip: None };
        let (pending, answered, lost) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { name, index, dial, state: Mutex::new(condition), pending, answered, lost }
    }

    /// The connection, while it is up.
    pub(super) fn client(&self) -> Option<Client> {
        self.lock().client.clone()
    }

    /// Requests that are under way.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Counts a request until what this gives is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.pending.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    pub(super) fn status(&self) -> ConnectionStatus {
        let condition = self.lock();
        ConnectionStatus {
            node: self.name.clone(),
            state: condition.state.clone(),
            pending: self.pending(),
            answered: self.answered.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            connected: condition.connected,
            round_trip: condition.round_trip,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().state == State::Closed
    }

    /// Takes no more requests; what is to be closed.
    pub(super) fn close(&self) -> Option<Client> {
        let mut condition = self.lock();
        condition.state = State::Closed;
        condition.client.take()
    }

    /// Makes the connection, and makes it again whenever it breaks.
    pub(super) async fn keep(self: Arc<Self>, keeping: Keeping, changes: Arc<watch::Sender<u64>>) {
        let changed = || changes.send_modify(|count| *count = count.wrapping_add(1));
        let mut pauses = keeping.reconnect.build();
        loop {
            let reason = match self.connect(&keeping).await {
                Ok(client) => {
                    pauses = keeping.reconnect.build();
                    self.up(client.clone());
                    changed();
                    let reason = self.watch(&client, &keeping).await;
                    // What is under way fails now, and need not wait for what will not come.
                    if let Some(ssh) = client.ssh() {
                        ssh.close();
                    }
                    reason
                }
                Err(reason) => reason,
            };
            tracing::info!(node = self.name.as_str(), reason, "a connection of the pool is down");
            self.down(reason);
            changed();
            tokio::time::sleep(pauses.next().unwrap_or_default()).await;
            self.lock().state = State::Connecting;
            changed();
        }
    }

    /// A connection that has shown a sign of life.
    async fn connect(&self, keeping: &Keeping) -> Result<Client, String> {
        let connecting = async {
            let client = (self.dial)().await.map_err(|error| error.to_string())?;
            self.ping(&client).await.map_err(|error| error.to_string())?;
            Ok(client)
        };
        let limit = keeping.connect_timeout;
        tokio::time::timeout(limit, connecting)
            .await
            .unwrap_or_else(|_late| Err(format!("no connection within {limit:?}")))
    }

    /// Waits until the connection is broken, and says why.
    async fn watch(&self, client: &Client, keeping: &Keeping) -> String {
        loop {
            let answered = self.answered.load(Ordering::Relaxed);
            tokio::select! {
                reason = ended(client) => return reason,
                () = tokio::time::sleep(keeping.ping_interval) => {}
            }
            if self.answered.load(Ordering::Relaxed) != answered {
                continue;
            }
            let limit = keeping.ping_timeout;
            match tokio::time::timeout(limit, self.ping(client)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error.to_string(),
                Err(_late) => return format!("no sign of life within {limit:?}"),
            }
        }
    }

    /// Asks for a sign of life. Who speaks only the plain protocol knows no such request, and is watched by the keepalives
    /// of SSH alone.
    async fn ping(&self, client: &Client) -> Result<(), Error> {
        match client.ping().await {
            Ok(round_trip) => {
                self.lock().round_trip = Some(round_trip);
                Ok(())
            }
            Err(Error::Plain(_)) => Ok(()),
            Err(Error::Call(CallError::Failed(failure))) if failure.is_erpc() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn up(&self, client: Client) {
        let mut condition = self.lock();
        condition.state = State::Up;
        condition.client = Some(client);
        condition.connected += 1;
    }

    fn down(&self, reason: String) {
        let mut condition = self.lock();
        condition.state = State::Down { reason };
        condition.client = None;
    }

    fn lock(&self) -> MutexGuard<'_, Condition> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the end of the connection below.
async fn ended(client: &Client) -> String {
    match client.ssh() {
        Some(ssh) => ssh.closed().await.to_string(),
        // There is one for each call.
        None => core::future::pending().await,
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// A request that is under way.
pub(super) struct InFlight(Arc<Member>);

impl InFlight {
    /// Counts how it ended.
    pub(super) fn ended(&self, result: &Result<Term, Error>, mode: Mode) {
        let counter = match result {
            Ok(_) => &self.0.answered,
            Err(error) => match Fate::of(error, mode) {
                Fate::Answered => &self.0.answered,
                Fate::Unknown | Fate::TimedOut => &self.0.lost,
                Fate::NotSent | Fate::Invalid => return,
            },
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::Relaxed);
    }
}
