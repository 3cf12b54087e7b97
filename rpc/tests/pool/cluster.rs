//! Nodes that can be killed, and what they executed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sshrpc::pool::{Pool, PoolBuilder, Request};
use sshrpc::process::{Processes, SpawnOptions};
use sshrpc::term::{Atom, parse_call};
use sshrpc::{Functions, Node, PrivateKey, Term};
use tokio::sync::{Notify, mpsc};

use crate::host::Host;

/// Longer than anything takes on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Nodes `n1`, `n2`, ... with `test:record/1`, which writes down, and `test:hold/1`, which says that it has begun and ends when
/// it is told to.
pub(crate) struct Cluster {
    pub(crate) hosts: Vec<Host>,
    /// What was executed, on which node: calls, and messages to `recorder`.
    pub(crate) records: Arc<Mutex<Vec<(Atom, Term)>>>,
    /// The nodes on which something holds.
    pub(crate) holding: mpsc::UnboundedReceiver<Atom>,
    pub(crate) release: Arc<Notify>,
}

impl Cluster {
    pub(crate) async fn start(size: usize) -> Self {
        let user_key = PrivateKey::generate_ed25519(&mut sshrpc::os_rng().unwrap());
        let (records, release) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Notify>::default());
        let (held, holding) = mpsc::unbounded_channel();
        let mut hosts = Vec::new();
        for number in 1..=size {
            let (name, records, held, release) = (name(number), records.clone(), held.clone(), release.clone());
            let node = move || node(&name, &records, &held, &release);
            hosts.push(Host::start(&user_key, node).await.unwrap());
        }
        Self { hosts, records, holding, release }
    }

    /// A pool of all of them that tries again soon.
    pub(crate) fn pool(&self) -> PoolBuilder {
        let soon = Pool::builder().reconnect(Duration::from_millis(5), Duration::from_millis(50));
        self.hosts.iter().enumerate().fold(soon, |pool, (index, host)| {
            let dial = host.dial(host.address);
            pool.node(name(index + 1), move || dial().connect())
        })
    }

    /// What was executed, in the order of the names.
    pub(crate) fn recorded(&self) -> Vec<(Atom, Term)> {
        let mut records = self.records.lock().unwrap().clone();
        records.sort();
        records
    }
}

fn node(
    name: &Atom,
    records: &Arc<Mutex<Vec<(Atom, Term)>>>,
    held: &mpsc::UnboundedSender<Atom>,
    release: &Arc<Notify>,
) -> sshrpc::node::NodeBuilder {
    let mut functions = Functions::with_builtins();
    let (written, me) = (records.clone(), name.clone());
    functions.register("test", "record", 1, move |args, _context| {
        written.lock().unwrap().push((me.clone(), args[0].clone()));
        Ok(me.clone().into())
    });
    let (written, me) = (records.clone(), name.clone());
    let (held, release) = (held.clone(), release.clone());
    functions.register_async("test", "hold", 1, move |args, _context| {
        let (written, me, held, release) = (written.clone(), me.clone(), held.clone(), release.clone());
        async move {
            written.lock().unwrap().push((me.clone(), args[0].clone()));
            held.send(me.clone()).unwrap();
            release.notified().await;
            Ok(me.into())
        }
    });
    let processes = Processes::new(name.clone());
    let (processes_of, written, me) = (processes.clone(), records.clone(), name.clone());
    // It begins where the node runs: with its first message.
    functions.register("test", "start_recorder", 0, move |_args, _context| {
        let (written, me) = (written.clone(), me.clone());
        let options = SpawnOptions::new().name(Atom::from_static("recorder"));
        let started = processes_of.spawn_with(options, |mut mailbox| async move {
            while let Some(message) = mailbox.recv().await {
                written.lock().unwrap().push((me.clone(), message));
            }
            Ok(())
        });
        Ok(started?.into())
    });
    Node::builder().functions(functions).processes(processes)
}

pub(crate) fn name(number: usize) -> Atom {
    Atom::new(&format!("n{number}")).unwrap()
}

/// A call, as text.
pub(crate) fn call(text: &str) -> Request {
    Request::call(parse_call(text).unwrap())
}

/// Until so many connections are up.
pub(crate) async fn until_up(pool: &Pool, count: usize) {
    let up = pool.wait_until(|status| status.iter().filter(|connection| connection.is_up()).count() == count);
    if tokio::time::timeout(LIMIT, up).await.is_err() {
        panic!("{count} are not up: {:?}", pool.status());
    }
}
