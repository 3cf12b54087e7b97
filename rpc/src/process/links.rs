//! Links to processes of another backend, which knows none of ours: a watch one way, an exit signal the other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

use super::front::Front;
use crate::backend::Context;
use crate::call::Failure;
use crate::term::{Pid, Term};

/// The links between processes here, and processes elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links(Arc<Mutex<BTreeMap<(Pid, Pid), AbortHandle>>>);

impl Links {
    /// Links a process to one behind the front. One that is not there, or cannot be watched, is as good as ended.
    pub(super) fn link(&self, front: &Front, pid: &Pid, to: &Pid, context: &Context) -> Result<(), Failure> {
        let key = (pid.clone(), to.clone());
        let mut links = self.table();
        if links.contains_key(&key) {
            return Ok(());
        }
        let theirs = front.behind.monitor(&to.clone().into(), context)?;
        let ours = front.processes.monitor(&pid.clone().into());
        let (processes, behind, context) = (front.processes.clone(), front.behind.clone(), context.clone());
        let (table, ended) = (self.clone(), key.clone());
        let task = tokio::spawn(async move {
            tokio::select! {
                reason = theirs => {
                    table.table().remove(&ended);
                    processes.exit_by_link(&ended.1, &ended.0, reason);
                }
                reason = ours => {
                    table.table().remove(&ended);
                    // By a link, `kill` is a reason like any other; as a signal, it is not.
                    let reason = if reason.is_atom("kill") { Term::atom("killed") } else { reason };
                    drop(behind.exit(&ended.0, &ended.1, reason, &context).outcome().await);
                }
            }
        });
        links.insert(key, task.abort_handle());
        Ok(())
    }

    /// Removes a link.
    pub(super) fn unlink(&self, pid: &Pid, from: &Pid) {
        if let Some(task) = self.table().remove(&(pid.clone(), from.clone())) {
            task.abort();
        }
    }

    /// Nothing panics with the lock held.
    fn table(&self) -> MutexGuard<'_, BTreeMap<(Pid, Pid), AbortHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
