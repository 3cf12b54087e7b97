//! Several nodes in one process, each with a process `recorder` that tells what it gets, and a client of each.

use std::time::Duration;

use sshrpc::call::Failure;
use sshrpc::client::Mode;
use sshrpc::process::{Processes, SpawnOptions};
use sshrpc::rpc::{NamedNode, Nodes};
use sshrpc::term::Atom;
use sshrpc::{Client, Functions, Node, Term};
use tokio::sync::mpsc;

use crate::pair::{key, log_in};

/// Longer than anything takes on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// Soon over.
pub(crate) const SHORT: Duration = Duration::from_millis(20);

/// No arguments.
pub(crate) const NONE: [Term; 0] = [];

pub(crate) struct Cluster {
    pub(crate) nodes: Nodes,
    pub(crate) processes: Vec<Processes>,
    records: Vec<mpsc::UnboundedReceiver<Term>>,
}

impl Cluster {
    /// So many nodes, `n1@test` and so on.
    pub(crate) async fn start(size: usize) -> Self {
        Self::start_with(size, Mode::Subsystem).await
    }

    pub(crate) async fn start_with(size: usize, mode: Mode) -> Self {
        let mut cluster = Self { nodes: Nodes::new(), processes: Vec::new(), records: Vec::new() };
        for number in 1..=size {
            let name = Atom::new(&format!("n{number}@test")).unwrap();
            let (told, records) = mpsc::unbounded_channel();
            let processes = Processes::new(name.clone());
            let recorder = told.clone();
            let spawned = processes.spawn_with(SpawnOptions::new().name(atom("recorder")), |mut mailbox| async move {
                while let Some(message) = mailbox.recv().await {
                    recorder.send(message).map_err(|_gone| Failure::of("nobody_listens"))?;
                }
                Ok(())
            });
            spawned.unwrap();
            let mut functions = Functions::with_builtins();
            functions.register("test", "record", 1, move |args, _context| {
                told.send(args[0].clone()).map_err(|_gone| Failure::of("nobody_listens"))?;
                Ok(Term::atom("recorded"))
            });
            let key = key();
            let node = Node::builder().functions(functions).processes(processes.clone());
            let client = log_in(node.authorized_key(key.public().clone()), key, mode).await;
            cluster.nodes.push(NamedNode::new(name, client));
            cluster.processes.push(processes);
            cluster.records.push(records);
        }
        cluster
    }

    /// The client of a node.
    pub(crate) fn client(&self, index: usize) -> &Client {
        self.nodes.iter().nth(index).unwrap().client().unwrap()
    }

    /// What a node is told next, by `test:record/1` or a message to `recorder`.
    pub(crate) async fn record(&mut self, index: usize) -> Term {
        let next = tokio::time::timeout(LIMIT, self.records[index].recv()).await;
        next.expect("nothing was recorded").unwrap()
    }

    /// That nothing was recorded which was not looked at: all that was sent before was answered.
    pub(crate) fn assert_nothing_else(&mut self) {
        for records in &mut self.records {
            assert_eq!(records.try_recv(), Err(mpsc::error::TryRecvError::Empty));
        }
    }
}

pub(crate) fn atom(name: &str) -> Atom {
    Atom::new(name).unwrap()
}

pub(crate) fn term(text: &str) -> Term {
    text.parse().unwrap()
}

/// The arguments in this list.
pub(crate) fn args(text: &str) -> Vec<Term> {
    term(text).as_list().unwrap().cloned().collect()
}
