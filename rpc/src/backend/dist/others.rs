//! Other nodes of the cluster, which are connected when somebody wants something of their processes.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::backend::{BeamDistBuilder, Shared};
use super::name::NodeName;
use super::running::reach;
use crate::term::Atom;

/// How many other nodes may be connected at once.
const MAX_NODES: usize = 64;

/// The connections with other nodes. They last until they end, and are not dialled again before they are wanted again.
pub(super) struct Others {
    how: Arc<BeamDistBuilder>,
    shared: Arc<Shared>,
    /// Signals may come from threads that are not of the runtime.
    runtime: Handle,
    tasks: Mutex<JoinSet<()>>,
}

impl Others {
    /// Nobody yet. Nodes are dialled as this one is.
    ///
    /// # Panics
    /// Outside a runtime of tokio's.
    pub(super) fn new(how: Arc<BeamDistBuilder>, shared: Arc<Shared>) -> Self {
        Self { how, shared, runtime: Handle::current(), tasks: Mutex::default() }
    }

    /// Dials a node of the same host, so that what is sent to it from now on waits for the connection. One that is not
    /// dialled has no connection, as everybody sees.
    pub(super) fn dial(&self, node: &Atom) {
        let Ok(name) = node.as_str().parse::<NodeName>() else { return };
        // The first node is dialled by somebody else, with patience.
        if name.host() != self.how.peer.host() || name == self.how.peer {
            return;
        }
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= MAX_NODES {
            tracing::warn!(target: "sshrpc::dist", "not connected to {name}: there are {MAX_NODES} nodes already");
            return;
        }
        let Shared { processes, bounds, served, .. } = &*self.shared;
        let (processes, served) = (processes.clone(), served.clone());
        let shared = Shared { peer: node.clone(), processes, bounds: *bounds, served, link: Mutex::new(None) };
        // `None` when somebody else was faster.
        if let Some(neighbour) = shared.connect() {
            tasks.spawn_on(reach(self.how.clone(), name, shared, neighbour), &self.runtime);
        }
    }

    pub(super) fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        // Nothing panics with the lock held.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Others").field("connected", &self.tasks().len()).finish_non_exhaustive()
    }
}
