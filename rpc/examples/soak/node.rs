//! What the nodes have: functions and processes that write down what they are asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sshrpc::call::Failure;
use sshrpc::node::NodeBuilder;
use sshrpc::process::{Called, GenServer, Mailbox, Processes, ReplyTo, SpawnOptions};
use sshrpc::term::Atom;
use sshrpc::{Functions, Node, Term};

use crate::host::Error;
use crate::ledger::Ledger;

/// The processes of a node. They live on when it is killed: what they were sent is never lost with them, so that what was
/// answered can be told from what was not.
pub(crate) fn processes(number: u8, ledger: &Arc<Ledger>) -> Result<Processes, Error> {
    let processes = Processes::new(name(number)?);
    let counter = Counter { node: number, ledger: ledger.clone() };
    processes.start_server(counter, SpawnOptions::new().name(Atom::from_static("counter")))?;
    let ledger = ledger.clone();
    processes.spawn_with(SpawnOptions::new().name(Atom::from_static("inbox")), move |mut inbox| async move {
        while let Some(message) = inbox.recv().await {
            match message.as_tuple().map(|pair| pair.iter().map(Term::as_u64).collect::<Vec<_>>()).as_deref() {
                Some([Some(connection), Some(number_of_message)]) => {
                    ledger.deliver(number, *connection, *number_of_message);
                }
                _ => ledger.violate(format!("the inbox of {number} got {message}")),
            }
        }
        Ok(())
    })?;
    Ok(processes)
}

/// The node itself.
pub(crate) fn node(number: u8, ledger: &Arc<Ledger>, processes: &Processes) -> NodeBuilder {
    let mut functions = Functions::with_builtins();
    let book = ledger.clone();
    functions.register("soak", "record", 1, move |args, _context| record(&book, number, &args[0]));
    let book = ledger.clone();
    // One of several requests, of which this node has its own.
    functions.register("soak", "record_here", 1, move |args, _context| {
        let first = args[0].as_u64().ok_or(Failure::of("badarg"))?;
        record(&book, number, &(first + u64::from(number) - 1).into())
    });
    let book = ledger.clone();
    functions.register("soak", "echo", 2, move |args, _context| {
        record(&book, number, &args[0])?;
        Ok(args[1].clone())
    });
    let book = ledger.clone();
    functions.register_async("soak", "slow", 2, move |args, _context| {
        let book = book.clone();
        async move {
            record(&book, number, &args[0])?;
            tokio::time::sleep(Duration::from_millis(args[1].as_u64().unwrap_or_default())).await;
            Ok(args[0].clone())
        }
    });
    let (book, inside) = (ledger.clone(), Arc::new(AtomicU32::new(0)));
    functions.register_async("soak", "alone", 1, move |args, _context| {
        let (book, inside) = (book.clone(), inside.clone());
        async move {
            let _inside = Inside::enter(&book, &inside);
            record(&book, number, &args[0])?;
            tokio::time::sleep(Duration::from_millis(2)).await;
            Ok(args[0].clone())
        }
    });
    Node::builder().functions(functions).processes(processes.clone())
}

pub(crate) fn name(number: u8) -> Result<Atom, Error> {
    Ok(Atom::new(&format!("n{number}@soak"))?)
}

fn record(ledger: &Ledger, node: u8, id: &Term) -> Result<Term, Failure> {
    ledger.execute(id.as_u64().ok_or(Failure::of("badarg"))?, node);
    Ok(id.clone())
}

/// In the function that blocks, which nobody else may be in.
struct Inside<'a>(&'a AtomicU32);

impl<'a> Inside<'a> {
    fn enter(ledger: &Ledger, inside: &'a AtomicU32) -> Self {
        if inside.fetch_add(1, Ordering::SeqCst) > 0 {
            ledger.violate("two block_calls ran at once".to_owned());
        }
        Self(inside)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Counter {
    node: u8,
    ledger: Arc<Ledger>,
}

impl GenServer for Counter {
    async fn handle_call(&mut self, request: Term, _from: ReplyTo, _me: &Mailbox) -> Result<Called, Failure> {
        Ok(Called::Reply(record(&self.ledger, self.node, &request)?))
    }
}
