//! Processes of a node, as plain clients reach them.
#![cfg(feature = "std")]

#[expect(dead_code, reason = "its node has processes")]
mod pair;

use pair::{key, log_in};
use sshrpc::call::Failure;
use sshrpc::client::Mode;
use sshrpc::process::{Called, GenServer, Mailbox, Processes, ReplyTo, SpawnOptions};
use sshrpc::term::{Atom, parse_term};
use sshrpc::{Client, Node, Term};

struct Counter(u64);

impl GenServer for Counter {
    async fn handle_call(&mut self, request: Term, _from: ReplyTo, _me: &Mailbox) -> Result<Called, Failure> {
        assert!(!request.is_atom("panic"), "as asked");
        self.0 += request.as_u64().unwrap_or(1);
        Ok(Called::Reply(self.0.into()))
    }
}

/// A client of a node with a counter.
async fn client() -> (Client, Processes) {
    let processes = Processes::new(Atom::new("shop@example").unwrap());
    let options = SpawnOptions::new().name(Atom::new("counter").unwrap());
    processes.start_server(Counter(0), options).unwrap();
    let key = key();
    let node = Node::builder().processes(processes.clone()).authorized_key(key.public().clone());
    (log_in(node, key, Mode::Subsystem).await, processes)
}

fn arguments(text: &str) -> Vec<Term> {
    parse_term(text).unwrap().as_list().unwrap().cloned().collect()
}

#[tokio::test]
async fn a_server_is_called_over_ssh() {
    let (client, _processes) = client().await;
    for count in 1..=3 {
        let reply = client.call("gen_server", "call", arguments("[counter,increment]")).await;
        assert_eq!(reply.unwrap(), count.into());
    }
    assert_eq!(client.call("erlang", "node", arguments("[]")).await.unwrap(), Term::atom("shop@example"));
    assert_eq!(client.call("lists", "sum", arguments("[[1,2]]")).await.unwrap(), 3.into());
}

#[tokio::test]
async fn a_server_that_panics_is_gone_and_the_node_is_not() {
    let (client, processes) = client().await;
    let error = client.call("gen_server", "call", arguments("[counter,panic]")).await.unwrap_err();
    assert!(error.to_string().contains("as asked"), "{error}");
    assert!(processes.registered().is_empty());
    let registered = client.call("erlang", "registered", arguments("[]")).await;
    assert_eq!(registered.unwrap(), Term::NIL);
}
