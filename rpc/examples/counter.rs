//! A node with a process: a counter as a `gen_server`, on 127.0.0.1:2222, for the keys in an authorized_keys file:
//! `cargo run --example counter -- ~/.ssh/id_ed25519.pub`
//!
//! Clients count with `sshrpc call 127.0.0.1:2222 gen_server call '[counter, increment]'`.

use sshrpc::call::Failure;
use sshrpc::process::{Called, GenServer, Handled, Mailbox, Processes, ReplyTo, SpawnOptions};
use sshrpc::term::{Atom, Term};
use sshrpc::{Node, PrivateKey};

/// Counts for as long as the node runs.
struct Counter(u64);

impl GenServer for Counter {
    async fn handle_call(&mut self, request: Term, _from: ReplyTo, _me: &Mailbox) -> Result<Called, Failure> {
        match request.as_atom().map(Atom::as_str) {
            Some("increment") => self.0 += 1,
            Some("value") => {}
            _ => return Ok(Called::Reply(Term::tuple([Term::atom("error"), Term::atom("unknown_request")]))),
        }
        Ok(Called::Reply(self.0.into()))
    }

    async fn handle_cast(&mut self, request: Term, _me: &Mailbox) -> Result<Handled, Failure> {
        if request.is_atom("reset") {
            self.0 = 0;
        }
        Ok(Handled::NoReply)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let authorized = std::env::args().nth(1).ok_or("name a file with public keys")?;
    let host_key = PrivateKey::generate_ed25519(&mut sshrpc::os_rng()?);
    println!("host key: {}", host_key.public().fingerprint());

    let processes = Processes::new(Atom::new("counting@localhost")?);
    processes.start_server(Counter(0), SpawnOptions::new().name(Atom::new("counter")?))?;
    let node = Node::builder().processes(processes).host_key(host_key).authorized_keys_file(authorized).bind().await?;
    node.run(async { drop(tokio::signal::ctrl_c().await) }).await;
    Ok(())
}
