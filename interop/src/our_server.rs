//! A peer's client against our server.

use std::net::TcpListener;
use std::process::Command;

use peers::{Child, Failed, LIMIT, wait_until};
use ssh_proto::Algorithms;
use ssh_transport::server::Policy;

use crate::command::{Ended, REKEY, run};
use crate::kexinit::Offer;
use crate::keys::Keys;
use crate::node::Node;
use crate::ours::{self, Kind};
use crate::pattern::CHUNK;
use crate::report::{Cell, Role, Row};
use crate::table::{Ability, Key, Side};
use crate::trial::{LONG, Rows, SHORT, STATUS};

/// The peer, and what it needs.
struct Setup<'a> {
    side: &'a Side,
    keys: Keys,
}

/// Everything about one client.
pub(crate) fn report(side: &Side) -> Result<(Offer, Vec<Row>), Failed> {
    let setup = Setup { side, keys: Keys::new()? };
    let offer = setup.offer()?;
    let mut rows = Rows::new(side);
    rows.algorithms(Role::Client, &offer, |kind, name| setup.algorithm(kind, name));
    rows.logins(|key| setup.login(key), |key| setup.no_login(key));
    rows.ability("channel", "subsystem", side.subsystem, || setup.subsystem());
    rows.ability("64 MiB", "down, new keys by us", Ability::Yes, || setup.down());
    rows.ability("64 MiB", "up, new keys by us", side.input, || setup.up(REKEY, None));
    // Some count only what they send themselves.
    rows.ability("64 MiB", "up, new keys by the peer", side.rekeys, || setup.up(u64::MAX, Some(REKEY)));
    Ok((offer, rows.done()))
}

impl Setup<'_> {
    /// What it offers: told to nobody, who takes no part.
    fn offer(&self) -> Result<Offer, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let mut command = self.command(listener.local_addr()?.port(), self.side.keys[0], "nothing");
        let child = Child::spawn(&mut command)?;
        let mut accepted = Err(std::io::ErrorKind::TimedOut.into());
        let _came = wait_until(LIMIT, || {
            accepted = listener.accept();
            accepted.is_ok()
        });
        let (stream, _source) = accepted.map_err(|_error| child.failed("did not connect"))?;
        stream.set_nonblocking(false)?;
        Offer::read(stream).map_err(|failed| child.failed(&format!("{failed:?}")))
    }

    fn command(&self, port: u16, key: Key, command: &str) -> Command {
        let mut program = self.side.program.command(self.keys.directory());
        program.args(["127.0.0.1", &port.to_string(), "peer"]).arg(self.keys.path(key.file())).arg(command);
        program
    }

    fn node(&self, algorithms: Algorithms, rekey: u64) -> Result<Node, Failed> {
        let names: Vec<&str> = algorithms.host_keys.iter().map(|method| method.name).collect();
        let host_keys = self.keys.host(&names)?;
        let mut policy = Policy::new(host_keys, algorithms);
        policy.config.limits.rekey_bytes = rekey;
        let known = ours::user_keys().into_iter().map(|key| Ok(self.keys.user(key)?.public().clone()));
        Node::start(policy, known.collect::<Result<_, Failed>>()?)
    }

    /// A login, a command with its input, output and exit status, by one algorithm.
    fn algorithm(&self, kind: Kind, name: &str) -> Result<(), Failed> {
        let mut algorithms = ours::everything();
        kind.limit(&mut algorithms, name);
        self.command_by(&self.node(algorithms, u64::MAX)?, self.side.keys[0])
    }

    fn login(&self, key: Key) -> Result<(), Failed> {
        self.command_by(&self.node(ours::everything(), u64::MAX)?, key)
    }

    /// The table says that it cannot use such a key: then it never sends one.
    fn no_login(&self, key: Key) -> Result<Cell, Failed> {
        let node = self.node(ours::everything(), u64::MAX)?;
        let ended = run(&mut self.command(node.address.port(), key, "produce 1 0"), 0, LIMIT)?;
        Ok(match (ended.length, node.seen.has(key.wire())) {
            (0, false) => Cell::Absent("it sends no such key".to_owned()),
            _ => Cell::Failed(format!("the table says that it has no such key, but: {}", ended.summary())),
        })
    }

    fn command_by(&self, node: &Node, key: Key) -> Result<(), Failed> {
        let port = node.address.port();
        let ended = match self.side.input {
            Ability::Yes => run(&mut self.command(port, key, &format!("echo {STATUS}")), SHORT, LIMIT)?,
            Ability::No(_) => run(&mut self.command(port, key, &format!("produce {SHORT} {STATUS}")), 0, LIMIT)?,
        };
        expect(node, &ended, SHORT, STATUS)
    }

    fn subsystem(&self) -> Result<(), Failed> {
        let node = self.node(ours::everything(), u64::MAX)?;
        let mut command = self.command(node.address.port(), self.side.keys[0], "echo");
        expect(&node, &run(command.env("SUBSYSTEM", "1"), SHORT, LIMIT)?, SHORT, 0)
    }

    /// Much to the client.
    fn down(&self) -> Result<(), Failed> {
        let node = self.node(ours::everything(), REKEY)?;
        let mut command = self.command(node.address.port(), self.side.keys[0], &format!("produce {CHUNK} {STATUS}"));
        expect(&node, &run(&mut command, 0, LONG)?, CHUNK, STATUS)?;
        rekeyed(&node)
    }

    /// Much from the client, with new keys after so many bytes: by us, or by the client.
    fn up(&self, ours: u64, theirs: Option<u64>) -> Result<(), Failed> {
        let node = self.node(ours::everything(), ours)?;
        let mut command = self.command(node.address.port(), self.side.keys[0], &format!("consume {CHUNK}"));
        if let Some(bytes) = theirs {
            command.env("REKEY", bytes.to_string());
        }
        let ended = run(&mut command, CHUNK, LONG)?;
        if ended.start != "same\n" || ended.status != Some(0) {
            return Err(failed(&node, &ended));
        }
        rekeyed(&node)
    }
}

fn expect(node: &Node, ended: &Ended, length: u64, status: i32) -> Result<(), Failed> {
    let right = ended.length == length && ended.pattern && ended.status == Some(status);
    if right { Ok(()) } else { Err(failed(node, ended)) }
}

/// What both sides say.
fn failed(node: &Node, ended: &Ended) -> Failed {
    format!("{}\n{}", ended.summary(), node.exchanges.warnings()).into()
}

/// Keys came into use at the start, and three times more.
fn rekeyed(node: &Node) -> Result<(), Failed> {
    match node.exchanges.take() {
        0..=3 => Err("keys were not exchanged often enough".into()),
        _ => Ok(()),
    }
}
