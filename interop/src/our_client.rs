//! Our client against a peer's server.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::Duration;

use peers::{Child, Failed, LIMIT, wait_until};
use ssh_proto::{Algorithms, client};
use ssh_transport::client::{ConnectError, HostKeys, NewHosts, Policy};
use ssh_transport::known_hosts::KnownHosts;
use ssh_transport::{Channel, Client, Exit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::command::REKEY;
use crate::exchanges::Exchanges;
use crate::kexinit::Offer;
use crate::keys::Keys;
use crate::ours::{self, Kind};
use crate::pattern::{self, CHUNK, Pattern};
use crate::report::{Cell, Role, Row};
use crate::table::{Ability, Key, Side, User};
use crate::trial::{LONG, Rows, SHORT, STATUS};

/// The peer, and what we need.
struct Setup<'a> {
    side: &'a Side,
    keys: Keys,
    user: String,
    exchanges: Exchanges,
}

/// A server that runs.
struct Running {
    child: Child,
    port: u16,
}

/// Everything about one server.
pub(crate) fn report(side: &Side) -> Result<(Offer, Vec<Row>), Failed> {
    let setup = Setup { side, keys: Keys::new()?, user: user(side.user)?, exchanges: Exchanges::default() };
    let _watch = setup.exchanges.watch();
    fs::write(setup.keys.path("pattern"), Pattern::file(CHUNK))?;
    let (server, offer) = setup.start(None)?;
    let mut rows = Rows::new(side);
    rows.algorithms(Role::Server, &offer, |kind, name| setup.algorithm(&server, kind, name));
    rows.logins(|key| setup.login(&server, key), |key| setup.no_login(&server, key));
    rows.ability("channel", "subsystem", side.subsystem, || setup.subsystem(&server));
    rows.ability("64 MiB", "down, new keys by us", Ability::Yes, || setup.down(&server, REKEY));
    rows.ability("64 MiB", "up, new keys by us", side.input, || setup.up(&server));
    rows.ability("64 MiB", "down, new keys by the peer", side.rekeys, || {
        let (server, _offer) = setup.start(Some(REKEY))?;
        setup.down(&server, u64::MAX)
    });
    Ok((offer, rows.done()))
}

fn user(user: User) -> Result<String, Failed> {
    if user == User::Peer {
        return Ok("peer".to_owned());
    }
    let name = Child::spawn(Command::new("id").arg("-un"))?.succeed(LIMIT)?;
    Ok(String::from_utf8_lossy(&name).trim().to_owned())
}

impl Setup<'_> {
    /// Starts it, and reads what it offers. Somebody else may take the port before it does: then with another one.
    fn start(&self, rekey: Option<u64>) -> Result<(Running, Offer), Failed> {
        let mut last = Failed::without_message();
        for _attempt in 0..5 {
            let port = peers::free_port()?;
            let mut program = self.side.program.command(self.keys.directory());
            if let Some(bytes) = rekey {
                program.env("REKEY", bytes.to_string());
            }
            let mut child = Child::spawn(program.arg(port.to_string()))?;
            let mut stream = None;
            let _listens = wait_until(LIMIT, || {
                stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok();
                stream.is_some() || child.wait(Duration::ZERO).is_ok()
            });
            match stream {
                Some(stream) => {
                    let offer = Offer::read(stream).map_err(|failed| child.failed(&format!("{failed:?}")))?;
                    return Ok((Running { child, port }, offer));
                }
                None => last = child.failed("does not listen"),
            }
        }
        Err(last)
    }

    fn policy(&self, algorithms: Algorithms, key: Key) -> Result<Policy, Failed> {
        // Each server has other keys than the last one on its port.
        let host_keys =
            HostKeys::Known { known: KnownHosts::default(), new: NewHosts::Remember(self.keys.path("known_hosts")) };
        let mut policy = Policy::new(client::Config::new(&self.user, algorithms), host_keys);
        policy.identities.push(self.keys.user(key)?);
        Ok(policy)
    }

    /// Does something with a connection, in no more than `limit`.
    fn connected<F>(&self, server: &Running, policy: &Policy, limit: Duration, test: F) -> Result<(), Failed>
    where
        F: AsyncFnOnce(&Client) -> Result<(), Failed>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let testing = async {
            let client = Client::connect("127.0.0.1", server.port, policy).await?;
            test(&client).await?;
            client.close();
            client.closed().await;
            Ok(())
        };
        match runtime.block_on(async { tokio::time::timeout(limit, testing).await }) {
            Ok(Ok(())) => Ok(()),
            Ok(Err::<_, Failed>(failed)) => Err(server.child.failed(&format!("{failed:?}"))),
            Err(_elapsed) => Err(server.child.failed("our client did not get to its end")),
        }
    }

    /// A login, a command with its input, output and exit status, by one algorithm.
    fn algorithm(&self, server: &Running, kind: Kind, name: &str) -> Result<(), Failed> {
        let mut algorithms = ours::everything();
        kind.limit(&mut algorithms, name);
        self.connected(server, &self.policy(algorithms, self.side.keys[0])?, LIMIT, command)
    }

    fn login(&self, server: &Running, key: Key) -> Result<(), Failed> {
        self.connected(server, &self.policy(ours::everything(), key)?, LIMIT, command)
    }

    /// The table says that it lets such a key in never.
    fn no_login(&self, server: &Running, key: Key) -> Result<Cell, Failed> {
        let policy = self.policy(ours::everything(), key)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connecting = Client::connect("127.0.0.1", server.port, &policy);
        Ok(match runtime.block_on(async { tokio::time::timeout(LIMIT, connecting).await })? {
            Err(ConnectError::Denied { .. }) => Cell::Absent("it knows no such keys".to_owned()),
            other => Cell::Failed(format!("the table says that it knows no such keys, but: {other:?}")),
        })
    }

    fn subsystem(&self, server: &Running) -> Result<(), Failed> {
        let policy = self.policy(ours::everything(), self.side.keys[0])?;
        self.connected(server, &policy, LIMIT, async |client: &Client| {
            let mut channel = client.subsystem("echo").await?;
            there_and_back(&mut channel).await
        })
    }

    fn down(&self, server: &Running, rekey: u64) -> Result<(), Failed> {
        let mut policy = self.policy(ours::everything(), self.side.keys[0])?;
        policy.config.limits.rekey_bytes = rekey;
        let command = format!("cat {}; exit {STATUS}", self.keys.path("pattern").display());
        self.exchanges.take();
        self.connected(server, &policy, LONG, async |client: &Client| {
            let mut channel = client.exec(&command).await?;
            pattern::read(&mut channel, CHUNK).await?;
            ended(&channel, STATUS).await
        })?;
        self.rekeyed()
    }

    fn up(&self, server: &Running) -> Result<(), Failed> {
        let mut policy = self.policy(ours::everything(), self.side.keys[0])?;
        policy.config.limits.rekey_bytes = REKEY;
        let command = format!("head -c {CHUNK} | cmp - {} && echo same", self.keys.path("pattern").display());
        self.exchanges.take();
        self.connected(server, &policy, LONG, async |client: &Client| {
            let mut channel = client.exec(&command).await?;
            pattern::write(&mut channel, CHUNK).await?;
            channel.shutdown().await?;
            let mut said = String::new();
            channel.read_to_string(&mut said).await?;
            if said == "same\n" { Ok(()) } else { Err(format!("it said {said:?}").into()) }
        })?;
        self.rekeyed()
    }

    /// Keys came into use at the start, and three times more.
    fn rekeyed(&self) -> Result<(), Failed> {
        match self.exchanges.take() {
            0..=3 => Err("keys were not exchanged often enough".into()),
            _ => Ok(()),
        }
    }
}

async fn command(client: &Client) -> Result<(), Failed> {
    let mut channel = client.exec(&format!("head -c {SHORT}; exit {STATUS}")).await?;
    there_and_back(&mut channel).await?;
    ended(&channel, STATUS).await
}

async fn there_and_back(channel: &mut Channel) -> Result<(), Failed> {
    pattern::write(channel, SHORT).await?;
    channel.shutdown().await?;
    pattern::read(channel, SHORT).await
}

async fn ended(channel: &Channel, status: i32) -> Result<(), Failed> {
    let exit = channel.exit().await;
    match exit {
        Some(Exit::Status(ended)) if i64::from(ended) == i64::from(status) => Ok(()),
        other => Err(format!("the command ended by {other:?}").into()),
    }
}
