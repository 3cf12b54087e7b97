//! What a small machine does with this project, end to end and in memory: two of them exchange keys, one logs in to the
//! other, and calls a function there.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use ssh_proto::algorithms::UnknownAlgorithm;
use ssh_proto::crypto::rustcrypto::rows;
use ssh_proto::crypto::{CipherMethod, CryptoProvider, KexMethod, MacMethod, SignatureMethod, Tier};
use ssh_proto::io::InputVec;
use ssh_proto::keys::{PrivateKey, SignError};
use ssh_proto::time::Instant;
use ssh_proto::{
    Algorithms, ChannelId, ChannelRequest, Client, Connection, Event, Outcome, Rng, Server, Stream, WantReply, client,
    connected, server,
};
use sshrpc::call;
use sshrpc::term::{Atom, Term};

/// What protects the packets of each run.
pub const SUITES: &[(&str, &str)] = &[
    ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    ("chacha20-poly1305@openssh.com", "hmac-sha2-256-etm@openssh.com"),
];

const SUBSYSTEM: &str = "sshrpc@k2r.org";
/// Not everything that there is: what a program does not name takes no flash.
#[derive(Debug)]
struct Provider;

impl CryptoProvider for Provider {
    fn key_exchanges(&self) -> &'static [KexMethod] {
        &[rows::CURVE25519_SHA256]
    }

    fn ciphers(&self) -> &'static [CipherMethod] {
        &[rows::CHACHA20_POLY1305, rows::AES128_CTR]
    }

    fn macs(&self) -> &'static [MacMethod] {
        &[rows::HMAC_SHA2_256_ETM]
    }

    fn signatures(&self) -> &'static [SignatureMethod] {
        &[
            rows::SSH_ED25519,
            #[cfg(feature = "rsa")]
            rows::RSA_SHA2_256,
        ]
    }
}

/// Nothing here takes time.
const NOW: Instant = Instant(Duration::ZERO);
/// A packet of RFC 4253 §6.1.
const INPUT: usize = 35_000 + 4;

/// What did not work.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// A connection ended.
    Connection(ssh_proto::Error),
    /// An algorithm is not there.
    Algorithm(UnknownAlgorithm),
    /// A signature could not be made.
    Signature(SignError),
    /// Something did not come that had to.
    Missing(&'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::Algorithm(error) => error.fmt(f),
            Self::Signature(error) => error.fmt(f),
            Self::Missing(what) => write!(f, "{what} did not come"),
        }
    }
}

impl From<ssh_proto::Error> for Failure {
    fn from(error: ssh_proto::Error) -> Self {
        Self::Connection(error)
    }
}

impl From<UnknownAlgorithm> for Failure {
    fn from(error: UnknownAlgorithm) -> Self {
        Self::Algorithm(error)
    }
}

impl From<SignError> for Failure {
    fn from(error: SignError) -> Self {
        Self::Signature(error)
    }
}

/// Logs in under a cipher and a MAC, calls `lists:reverse/1`, and answers what it said.
///
/// # Errors
/// What did not work.
pub fn run(cipher: &str, mac: &str) -> Result<Term, Failure> {
    let mut algorithms = Algorithms::up_to(Tier::Default, &Provider);
    algorithms.select_ciphers(&Provider, cipher)?;
    algorithms.select_macs(&Provider, mac)?;
    let keys =
        Keys { host: PrivateKey::generate_ed25519(&mut *rng(1)), user: PrivateKey::generate_ed25519(&mut *rng(2)) };
    let mut wires = Wires::default();
    let (client, server) = log_in(algorithms, &keys, &mut wires)?;
    Caller { client, server, wires, call: call::Client::new(call::ClientConfig::default()), channel: None }.call()
}

struct Keys {
    host: PrivateKey,
    user: PrivateKey,
}

/// Both directions, each with the receiver's buffer at its end.
struct Wires {
    to_client: InputVec,
    to_server: InputVec,
    out: Vec<u8>,
}

impl Default for Wires {
    fn default() -> Self {
        let input = || InputVec::with_capacity(INPUT);
        Self { to_client: input(), to_server: input(), out: Vec::new() }
    }
}

impl Wires {
    fn carry_to_client(&mut self) {
        self.to_client.extend(&self.out);
        self.out.clear();
    }

    fn carry_to_server(&mut self) {
        self.to_server.extend(&self.out);
        self.out.clear();
    }
}

fn rng(seed: u8) -> Rng {
    Box::new(ChaCha20Rng::from_seed([seed; 32]))
}

fn log_in(
    algorithms: Algorithms,
    keys: &Keys,
    wires: &mut Wires,
) -> Result<(Connection<Client>, Connection<Server>), Failure> {
    let config = client::Config::new("board", algorithms.clone());
    let mut client = client::Step::Ready(client::start(&Arc::new(config), rng(3), NOW, &mut wires.out)?);
    wires.carry_to_server();
    let config = server::Config::new(vec![keys.host.public().clone()], algorithms);
    let mut server = server::Step::Ready(server::start(&Arc::new(config), rng(4), NOW, &mut wires.out)?);
    wires.carry_to_client();
    let server = loop {
        client = step_client(client, keys, wires)?;
        wires.carry_to_server();
        server = match step_server(server, keys, wires)? {
            server::Step::Open(connection) => break *connection,
            step => step,
        };
        wires.carry_to_client();
    };
    wires.carry_to_client();
    match step_client(client, keys, wires)? {
        client::Step::Open(client) => Ok((client, server)),
        _ => Err(Failure::Missing("the client's login")),
    }
}

fn step_client(step: client::Step, keys: &Keys, wires: &mut Wires) -> Result<client::Step, Failure> {
    let Wires { to_client, out, .. } = wires;
    Ok(match step {
        client::Step::Ready(ready) => ready.process(NOW, to_client, out)?,
        client::Step::HostKey(verify) if verify.key() == keys.host.public() => verify.accept(NOW, out)?,
        client::Step::HostKey(verify) => return Err(verify.reject(out).into()),
        client::Step::Login(login) if login.refused().is_none() => {
            let algorithm = login.choose_algorithm(keys.user.algorithms()).ok_or(Failure::Missing("an algorithm"))?;
            client::Step::Sign(login.public_key(algorithm, keys.user.public()))
        }
        client::Step::Sign(sign) => {
            let signature = keys.user.sign(sign.algorithm(), sign.to_sign(), &mut *rng(5))?;
            client::Step::Ready(sign.complete(&signature, NOW, out)?)
        }
        _ => return Err(Failure::Missing("the server's consent")),
    })
}

fn step_server(step: server::Step, keys: &Keys, wires: &mut Wires) -> Result<server::Step, Failure> {
    let Wires { to_server, out, .. } = wires;
    Ok(match step {
        server::Step::Ready(ready) => ready.process(NOW, to_server, out)?,
        server::Step::Sign(sign) => {
            let signature = keys.host.sign(sign.algorithm(), sign.to_sign(), &mut *rng(6))?;
            server::Step::Ready(sign.complete(&signature, out)?)
        }
        server::Step::Attempt(attempt) => match attempt.method() {
            server::Method::PublicKey(key) if key == keys.user.public() => attempt.accept(NOW, out)?,
            _ => server::Step::Ready(attempt.reject(NOW, out)?),
        },
        _ => return Err(Failure::Missing("a signature")),
    })
}

/// A client with something to ask, and a server that knows the answer.
struct Caller {
    client: Connection<Client>,
    server: Connection<Server>,
    wires: Wires,
    call: call::Client,
    channel: Option<ChannelId>,
}

impl Caller {
    fn call(mut self) -> Result<Term, Failure> {
        self.client
            .open(connected::ClientOpen::Session, NOW, &mut self.wires.out)
            .map_err(|_| Failure::Missing("a channel"))?;
        let mut answering = call::Server::new(call::ServerConfig::default());
        loop {
            let moved = !self.wires.out.is_empty();
            self.wires.carry_to_server();
            self.serve(&mut answering)?;
            let moved = moved || !self.wires.out.is_empty();
            self.wires.carry_to_client();
            self.ask()?;
            if let Some((_, result)) = self.call.next_reply() {
                return result.map_err(|_| Failure::Missing("a good answer"));
            }
            if !moved {
                return Err(Failure::Missing("an answer"));
            }
        }
    }

    fn ask(&mut self) -> Result<(), Failure> {
        let mut events = self.client.process(NOW, &mut self.wires.to_client, &mut self.wires.out);
        while let Some(event) = events.next() {
            match event? {
                (Event::Opened(id), connection, out) => {
                    self.channel = Some(id);
                    let request = ChannelRequest::Subsystem { name: SUBSYSTEM };
                    let asked = connection.channel(id).request(&request, WantReply::Yes, NOW, out);
                    asked.map_err(|_| Failure::Missing("the channel"))?;
                }
                (Event::Reply { channel, outcome: Outcome::Success, .. }, connection, out) => {
                    let name = |name| Atom::new(name).map_err(|_| Failure::Missing("a short name"));
                    let argument = Term::list([1, 2, 3].map(Term::from));
                    let call = call::Call::new(name("lists")?, name("reverse")?, vec![argument]);
                    let mut request = Vec::new();
                    self.call.call(&call, &mut request).map_err(|_| Failure::Missing("a short call"))?;
                    send(connection, channel, &request, out)?;
                }
                (Event::Data { channel, data, .. }, connection, out) => {
                    self.call.receive(data).map_err(|_| Failure::Missing("a whole answer"))?;
                    connection.channel(channel).consume(length(data), NOW, out)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn serve(&mut self, answering: &mut call::Server) -> Result<(), Failure> {
        let mut events = self.server.process(NOW, &mut self.wires.to_server, &mut self.wires.out);
        while let Some(event) = events.next() {
            match event? {
                (Event::Open { ticket, .. }, connection, out) => {
                    connection.accept(ticket, NOW, out).map_err(|_| Failure::Missing("the channel"))?;
                }
                (Event::Request { request, ticket, .. }, connection, out) => {
                    let known = matches!(request, ChannelRequest::Subsystem { name: SUBSYSTEM });
                    let outcome = if known { Outcome::Success } else { Outcome::Failure };
                    connection.reply(ticket, outcome, NOW, out).map_err(|_| Failure::Missing("the channel"))?;
                }
                (Event::Data { channel, data, .. }, connection, out) => {
                    answering.receive(data).map_err(|_| Failure::Missing("a whole request"))?;
                    connection.channel(channel).consume(length(data), NOW, out)?;
                    let mut replies = Vec::new();
                    while let Some((ticket, call)) = answering.next_call(&mut replies) {
                        let completed = answering.complete(ticket, execute(&call), &mut replies);
                        completed.map_err(|_| Failure::Missing("the call"))?;
                    }
                    send(connection, channel, &replies, out)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn execute(call: &call::Call) -> call::Outcome {
    let undefined = || call::Failure::undef(call);
    let argument = match (call.module.as_str(), call.function.as_str(), &call.args[..]) {
        ("lists", "reverse", [argument]) => argument,
        _ => return Err(undefined()),
    };
    let elements = argument.as_list().ok_or_else(undefined)?;
    let mut reversed: Vec<Term> = elements.cloned().collect();
    reversed.reverse();
    Ok(call::Success::Value(Term::list(reversed)))
}

fn send<S: ssh_proto::Side>(
    connection: &mut Connection<S>,
    channel: ChannelId,
    data: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    match connection.channel(channel).send(Stream::Data, data, NOW, out) {
        Ok(sent) if sent == data.len() => Ok(()),
        _ => Err(Failure::Missing("room in the window")),
    }
}

fn length(data: &[u8]) -> u32 {
    u32::try_from(data.len()).unwrap_or(u32::MAX)
}

/// Runs all of [`SUITES`]: what the call said, the same each time.
///
/// # Errors
/// What did not work.
pub fn run_all() -> Result<Term, Failure> {
    let mut said = None;
    for (cipher, mac) in SUITES {
        let term = run(cipher, mac)?;
        if term != Term::list([3, 2, 1].map(Term::from)) {
            return Err(Failure::Missing("the right answer"));
        }
        said = Some(term);
    }
    said.ok_or(Failure::Missing("a suite"))
}
