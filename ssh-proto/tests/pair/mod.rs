//! Client and server in memory: a virtual clock, seeded randomness, and a wire that can be cut into any pieces.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use ssh_proto::crypto::Tier;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::io::InputVec;
use ssh_proto::keys::{PrivateKey, PublicKey};
use ssh_proto::time::Instant;
use ssh_proto::{Algorithms, Client, Connection, Error, Event, Rng, Server, client, server};

pub fn rng(seed: u64) -> Rng {
    Box::new(ChaCha20Rng::seed_from_u64(seed))
}

/// How the bytes of one direction arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// As they were sent.
    Whole,
    /// So many at a time.
    Of(usize),
}

/// One direction of the wire, and the receiver's buffer behind it.
#[derive(Debug)]
pub struct Wire {
    pub under_way: Vec<u8>,
    pub input: InputVec,
    pub pieces: Pieces,
    /// Everything that ever went this way.
    pub log: Vec<u8>,
}

impl Wire {
    fn new(pieces: Pieces) -> Self {
        Self { under_way: Vec::new(), input: InputVec::with_capacity(300 * 1024), pieces, log: Vec::new() }
    }

    fn send(&mut self, out: &mut Vec<u8>) {
        self.log.extend_from_slice(out);
        self.under_way.append(out);
    }

    /// Lets the next piece arrive; false when nothing is under way.
    fn deliver(&mut self) -> bool {
        let length = match self.pieces {
            Pieces::Whole => self.under_way.len(),
            Pieces::Of(length) => length.min(self.under_way.len()),
        }
        .min(self.input.room());
        let piece: Vec<u8> = self.under_way.drain(..length).collect();
        self.input.extend(&piece);
        !piece.is_empty()
    }
}

pub fn algorithms() -> Algorithms {
    Algorithms::up_to(Tier::Legacy, &PROVIDER)
}

/// Everything that a pair is made of.
pub struct Setup {
    pub client: client::Config,
    pub server: server::Config,
    pub host_keys: Vec<PrivateKey>,
    pub user_key: PrivateKey,
    pub to_server: Pieces,
    pub to_client: Pieces,
    pub seed: u64,
}

impl Default for Setup {
    fn default() -> Self {
        let mut keys = rng(7);
        let host_key = PrivateKey::generate_ed25519(&mut *keys);
        let user_key = PrivateKey::generate_ed25519(&mut *keys);
        let mut server = server::Config::new(vec![host_key.public().clone()], algorithms());
        server.failure_delay = Duration::from_secs(1);
        Self {
            client: client::Config::new("alice", algorithms()),
            server,
            host_keys: vec![host_key],
            user_key,
            to_server: Pieces::Whole,
            to_client: Pieces::Whole,
            seed: 1,
        }
    }
}

impl Setup {
    /// Adds a host key and offers only `algorithm` for host keys.
    pub fn host_key(mut self, key: PrivateKey, algorithm: &str) -> Self {
        self.server.host_keys = vec![key.public().clone()];
        self.host_keys = vec![key];
        self.client.algorithms.select_host_keys(&PROVIDER, algorithm).unwrap();
        self
    }
}

/// What is the matter with either side.
#[derive(Debug, PartialEq, Eq)]
pub enum Failed {
    Client(Error),
    Server(Error),
}

/// A pair whose user is logged in.
#[derive(Debug)]
pub struct Pair {
    pub client: Connection<Client>,
    pub server: Connection<Server>,
    pub to_server: Wire,
    pub to_client: Wire,
    pub now: Instant,
    host_keys: Vec<PrivateKey>,
    signing: Rng2,
}

struct Rng2(Rng);
impl std::fmt::Debug for Rng2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rng")
    }
}

fn key_of<'a>(keys: &'a [PrivateKey], public: &PublicKey) -> &'a PrivateKey {
    keys.iter().find(|key| key.public() == public).expect("the server asks for its own keys")
}

impl Pair {
    /// Logs in with the set-up's key.
    pub fn connect(setup: Setup) -> Result<Self, Failed> {
        let now = Instant(Duration::ZERO);
        let mut to_server = Wire::new(setup.to_server);
        let mut to_client = Wire::new(setup.to_client);
        let mut signing = rng(setup.seed + 2);
        let mut out = Vec::new();
        let client = client::start(&Arc::new(setup.client), rng(setup.seed), now, &mut out).map_err(Failed::Client)?;
        to_server.send(&mut out);
        let server =
            server::start(&Arc::new(setup.server), rng(setup.seed + 1), now, &mut out).map_err(Failed::Server)?;
        to_client.send(&mut out);
        let mut client = client::Step::Ready(client);
        let mut server = Ok(server::Step::Ready(server));
        loop {
            let mut moved = to_server.deliver();
            server = match server {
                Err(open) => Err(open),
                Ok(step) => {
                    let step = serve(
                        step,
                        &setup.host_keys,
                        setup.user_key.public(),
                        &mut signing,
                        now,
                        &mut to_server,
                        &mut out,
                    )
                    .map_err(Failed::Server)?;
                    to_client.send(&mut out);
                    step
                }
            };
            moved |= to_client.deliver();
            client = match client {
                client::Step::Ready(ready) => ready.process(now, &mut to_client.input, &mut out),
                client::Step::HostKey(verify) => {
                    moved = true;
                    verify.accept(now, &mut out)
                }
                client::Step::Login(login) => {
                    moved = true;
                    let algorithm = login.choose_algorithm(setup.user_key.algorithms()).expect("a common algorithm");
                    if login.refused().is_none() {
                        login.query(algorithm, setup.user_key.public(), now, &mut out).map(client::Step::Ready)
                    } else {
                        panic!("refused: {:?}", login.refused());
                    }
                }
                client::Step::Sign(sign) => {
                    moved = true;
                    let signature = setup.user_key.sign(sign.algorithm(), sign.to_sign(), &mut *signing).unwrap();
                    sign.complete(&signature, now, &mut out).map(client::Step::Ready)
                }
                step => Ok(step),
            }
            .map_err(Failed::Client)?;
            to_server.send(&mut out);
            if let (client::Step::Open(_), Err(_)) = (&client, &server) {
                break;
            }
            let waits = matches!(client, client::Step::Ready(_) | client::Step::Open(_));
            assert!(moved || !waits || !to_server.under_way.is_empty() || !to_client.under_way.is_empty(), "stuck");
        }
        let (client::Step::Open(client), Err(server)) = (client, server) else { unreachable!("checked above") };
        let (host_keys, signing) = (setup.host_keys, Rng2(signing));
        Ok(Self { client, server: *server, to_server, to_client, now, host_keys, signing })
    }

    /// Runs both sides until nothing moves; each event goes to its side's handler.
    pub fn run(
        &mut self,
        mut on_client: impl FnMut(&Event<'_, Client>, &mut Connection<Client>, &mut Vec<u8>),
        mut on_server: impl FnMut(&Event<'_, Server>, &mut Connection<Server>, &mut Vec<u8>),
    ) -> Result<(), Failed> {
        loop {
            let mut moved = self.to_server.deliver();
            let mut out = Vec::new();
            let mut events = self.server.process(self.now, &mut self.to_server.input, &mut out);
            while let Some(event) = events.next() {
                let (event, connection, out) = event.map_err(Failed::Server)?;
                match event {
                    Event::Rekey(ask) => {
                        let key = key_of(&self.host_keys, ask.key());
                        let signature = key.sign(ask.algorithm(), ask.to_sign(), &mut *self.signing.0).unwrap();
                        connection.resume_rekey(ask, &signature, out);
                    }
                    event => on_server(&event, connection, out),
                }
            }
            moved |= !out.is_empty();
            self.to_client.send(&mut out);
            moved |= self.to_client.deliver();
            let mut events = self.client.process(self.now, &mut self.to_client.input, &mut out);
            while let Some(event) = events.next() {
                let (event, connection, out) = event.map_err(Failed::Client)?;
                on_client(&event, connection, out);
            }
            moved |= !out.is_empty();
            self.to_server.send(&mut out);
            if !moved {
                return Ok(());
            }
        }
    }

    /// Lets the client act.
    pub fn client<T>(&mut self, act: impl FnOnce(&mut Connection<Client>, Instant, &mut Vec<u8>) -> T) -> T {
        let mut out = Vec::new();
        let result = act(&mut self.client, self.now, &mut out);
        self.to_server.send(&mut out);
        result
    }

    /// Lets the server act.
    pub fn server<T>(&mut self, act: impl FnOnce(&mut Connection<Server>, Instant, &mut Vec<u8>) -> T) -> T {
        let mut out = Vec::new();
        let result = act(&mut self.server, self.now, &mut out);
        self.to_client.send(&mut out);
        result
    }
}

/// One step of the server: `Err` holds the connection once the user is in.
fn serve(
    step: server::Step,
    host_keys: &[PrivateKey],
    user_key: &PublicKey,
    signing: &mut Rng,
    now: Instant,
    wire: &mut Wire,
    out: &mut Vec<u8>,
) -> Result<Result<server::Step, Box<Connection<Server>>>, Error> {
    Ok(Ok(match step {
        server::Step::Ready(ready) => ready.process(now, &mut wire.input, out)?,
        server::Step::Sign(sign) => {
            let signature =
                key_of(host_keys, sign.key()).sign(sign.algorithm(), sign.to_sign(), &mut **signing).unwrap();
            server::Step::Ready(sign.complete(&signature, out)?)
        }
        server::Step::Offer(offer) if offer.key() == user_key => server::Step::Ready(offer.would_accept(now, out)?),
        server::Step::Offer(offer) => server::Step::Ready(offer.reject(now, out)?),
        server::Step::Attempt(attempt) => match attempt.method() {
            server::Method::PublicKey(key) if key == user_key => {
                return Ok(Err(Box::new(attempt.accept(now, out)?)));
            }
            _ => server::Step::Ready(attempt.reject(now, out)?),
        },
        step => step,
    }))
}
