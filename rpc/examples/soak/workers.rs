//! Who asks, and what they are told.

use std::sync::Arc;
use std::time::Duration;

use sshrpc::pool::{Execution, Pool, PoolError, Repeat, Request};
use sshrpc::rpc::{self, BadRpc};
use sshrpc::term::{Atom, Call};
use sshrpc::{Client, Connect, Term};
use tokio::sync::watch;

use crate::ledger::{Kind, Ledger, Verdict};

/// What each request may take. It is far more than any fault lasts.
const PATIENCE: Duration = Duration::from_secs(20);
/// What takes longer than this, though it was to end before, hangs.
const HANGS: Duration = Duration::from_secs(90);

/// Somebody who asks until it is over.
pub(crate) struct Worker {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) pool: Pool,
    pub(crate) random: fastrand::Rng,
    pub(crate) over: watch::Receiver<bool>,
}

impl Worker {
    /// Calls of all kinds by the pool.
    pub(crate) async fn call_by_pool(mut self) {
        while !self.is_over() {
            match self.random.u8(..100) {
                0..35 => self.call(Repeat::Once).await,
                35..55 => self.call(Repeat::idempotent(4)).await,
                55..70 => self.cast().await,
                70..90 => self.gen_server().await,
                _ => self.abandon().await,
            }
            self.rest().await;
        }
    }

    /// Multicalls, and calls that block each other.
    pub(crate) async fn call_many(mut self) {
        while !self.is_over() {
            match self.random.bool() {
                true => self.multicall().await,
                false => self.block().await,
            }
            self.rest().await;
        }
    }

    /// Messages to one node, several at a time, over connections of its own.
    pub(crate) async fn send(mut self, node: u8, sender: u64, dial: impl Fn() -> Connect) {
        let mut connection = sender << 32;
        while !self.is_over() {
            connection += 1;
            let connecting = tokio::time::timeout(PATIENCE, dial().connect()).await;
            if let Ok(Ok(client)) = connecting {
                self.send_over(node, connection, &client).await;
                client.ssh().inspect(|ssh| ssh.close());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Until the first message that is not answered ok.
    async fn send_over(&mut self, node: u8, connection: u64, client: &Client) {
        let mut number = 0;
        let inbox = Atom::from_static("inbox");
        while !self.is_over() {
            let batch = (0..self.random.u64(1..=8)).map(|_| {
                number += 1;
                let message = Term::tuple([connection.into(), number.into()]);
                let (number, sending) = (number, client.send(inbox.clone(), message));
                async move { (number, tokio::time::timeout(PATIENCE, sending).await) }
            });
            let batch = futures_util::future::join_all(batch.collect::<Vec<_>>());
            let Some(answers) = self.in_time("messages", batch).await else { return };
            let mut whole = true;
            for (number, answer) in answers {
                let done = matches!(answer, Ok(Ok(())));
                let verdict = if done { Verdict::Done } else { Verdict::Unknown };
                self.ledger.sent(node, connection, number, verdict);
                whole &= done;
            }
            if !whole {
                return;
            }
            tokio::time::sleep(Duration::from_millis(self.random.u64(..30))).await;
        }
    }

    async fn call(&mut self, repeat: Repeat) {
        let (kind, times) = match repeat {
            Repeat::Idempotent { attempts } => (Kind::Idempotent, attempts.get()),
            _ => (Kind::Call, 1),
        };
        let id = self.ledger.ask(kind, times, None);
        let (request, expected) = match self.random.u8(..10) {
            0..7 => (call("soak", "record", [id.into()]), id.into()),
            7 => {
                let length = self.random.usize(..100_000);
                let payload = Term::binary(vec![id.to_be_bytes()[7]; length]);
                (call("soak", "echo", [id.into(), payload.clone()]), payload)
            }
            _ => (call("soak", "slow", [id.into(), self.random.u64(..100).into()]), id.into()),
        };
        let mut request = Request::call(request).repeat(repeat);
        match self.random.u8(..8) {
            0 | 1 => request = request.key(self.random.u8(..16).to_be_bytes()),
            2 => {
                let nodes = self.pool.nodes();
                if let Some(node) = self.random.choice(nodes.iter()) {
                    request = request.node(node.name().clone());
                }
            }
            _ => {}
        }
        self.ask(id, request, &expected).await;
    }

    async fn cast(&self) {
        let id = self.ledger.ask(Kind::Cast, 1, None);
        self.ask(id, Request::cast(call("soak", "record", [id.into()])), &Term::atom("ok")).await;
    }

    async fn gen_server(&self) {
        let id = self.ledger.ask(Kind::GenServer, 1, None);
        let request = call("gen_server", "call", [Term::atom("counter"), id.into(), Term::atom("infinity")]);
        self.ask(id, Request::call(request), &id.into()).await;
    }

    /// A call that nobody waits for to its end.
    async fn abandon(&mut self) {
        let id = self.ledger.ask(Kind::Abandoned, 1, None);
        let request = Request::call(call("soak", "slow", [id.into(), 50.into()])).within(PATIENCE);
        let patience = Duration::from_millis(self.random.u64(..40));
        let verdict = match tokio::time::timeout(patience, self.pool.request(request)).await {
            Ok(answer) => self.verdict(id, &answer, &id.into()),
            Err(_given_up) => Verdict::Unknown,
        };
        self.ledger.tell(id, verdict);
    }

    async fn multicall(&self) {
        let nodes = self.pool.nodes();
        if nodes.iter().all(|node| node.client().is_none()) {
            return;
        }
        let first = self.ledger.ask_each(Kind::Multicall, nodes.len() as u64);
        let work = rpc::multicall(&nodes, "soak", "record_here", [first], PATIENCE);
        let Some(answered) = self.in_time("a multicall", work).await else { return };
        let Ok((results, bad_nodes)) = answered else {
            return self.ledger.violate("a multicall was refused".to_owned());
        };
        let mut results = results.into_iter();
        for (id, name) in (first..).zip(nodes.names()) {
            let verdict = match bad_nodes.contains(name) {
                true => Verdict::Unknown,
                false => match results.next() {
                    Some(Ok(value)) if value == id.into() => Verdict::Done,
                    Some(Err(_)) => Verdict::Failed,
                    other => self.wrong(id, &other),
                },
            };
            self.ledger.tell(id, verdict);
        }
    }

    async fn block(&mut self) {
        let nodes = self.pool.nodes();
        let Some(client) = self.random.choice(nodes.iter()).and_then(|node| node.client()) else { return };
        let id = self.ledger.ask(Kind::Block, 1, None);
        let work = rpc::block_call(client, "soak", "alone", [id], PATIENCE);
        let verdict = match self.in_time("a block_call", work).await {
            None => return,
            Some(Ok(value)) if value == id.into() => Verdict::Done,
            Some(Ok(value)) => self.wrong(id, &value),
            Some(Err(BadRpc::NodeDown | BadRpc::Timeout)) => Verdict::Unknown,
            Some(Err(_)) => Verdict::Failed,
        };
        self.ledger.tell(id, verdict);
    }

    /// Asks the pool, and writes down what it says.
    async fn ask(&self, id: u64, request: Request, expected: &Term) {
        let work = self.pool.request(request.within(PATIENCE));
        let Some(answer) = self.in_time("a request", work).await else { return };
        self.ledger.tell(id, self.verdict(id, &answer, expected));
    }

    fn verdict(&self, id: u64, answer: &Result<Term, PoolError>, expected: &Term) -> Verdict {
        match answer {
            Ok(value) if value == expected => Verdict::Done,
            Ok(value) => self.wrong(id, value),
            Err(error) => match error.execution() {
                Execution::Never => Verdict::NotSent,
                Execution::Answered => Verdict::Failed,
                _ => Verdict::Unknown,
            },
        }
    }

    fn wrong(&self, id: u64, value: &impl std::fmt::Debug) -> Verdict {
        self.ledger.violate(format!("request {id} was answered with {value:?}"));
        Verdict::Failed
    }

    /// What it gives, or that it hangs.
    async fn in_time<T>(&self, what: &str, work: impl Future<Output = T>) -> Option<T> {
        let value = tokio::time::timeout(HANGS, work).await.ok();
        if value.is_none() {
            self.ledger.violate(format!("{what} hangs: {:?}", self.pool.status()));
        }
        value
    }

    fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// A short while, now and then.
    async fn rest(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.u64(..5))).await;
    }
}

fn call<const N: usize>(module: &'static str, function: &'static str, args: [Term; N]) -> Call {
    Call::new(Atom::from_static(module), Atom::from_static(function), args.into())
}
