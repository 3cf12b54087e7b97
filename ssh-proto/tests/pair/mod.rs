//! Client and server in memory: a virtual clock, seeded randomness, and a wire that can be cut into any pieces.
//!
//! ```text
//! let mut pair = Pair::connect(Setup::default()).unwrap();   // logged in
//! let (here, there) = pair.session();                        // a channel, by its number on either side
//! pair.client(|connection, now, out| connection.channel(here).send(Stream::Data, b"hello", now, out)).unwrap();
//! pair.run();                                                // until nothing moves
//! assert_eq!(pair.server.data(there), b"hello");
//! ```

#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

mod end;
mod keys;
pub(crate) mod messages;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use end::{End, Habits, Seen, TestSide};
pub(crate) use keys::{Signer, algorithms, ed25519_key, rng, rsa_key};
use ssh_proto::connected::ClientOpen;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::io::InputVec;
use ssh_proto::keys::{Certificate, PrivateKey, PublicKey};
use ssh_proto::time::Instant;
use ssh_proto::{
    ChannelId, ChannelRequest, Client, Connection, Error, RequestId, Server, Stream, WantReply, client, server,
};

/// How the bytes of one direction arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// As they were sent.
    Whole,
    /// So many at a time.
    Of(usize),
}

/// One direction of the wire, and the receiver's buffer behind it.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) under_way: Vec<u8>,
    pub(crate) input: InputVec,
    pub(crate) pieces: Pieces,
    /// A wire that is cut off delivers nothing; what is sent waits.
    pub(crate) cut: bool,
    /// Everything that ever went this way.
    pub(crate) log: Vec<u8>,
}

impl Wire {
    fn new(pieces: Pieces) -> Self {
        let input = InputVec::with_capacity(300 * 1024);
        Self { under_way: Vec::new(), input, pieces, cut: false, log: Vec::new() }
    }

    pub(crate) fn send(&mut self, out: &mut Vec<u8>) {
        self.log.extend_from_slice(out);
        self.under_way.append(out);
    }

    /// Lets the next piece arrive; false when nothing does.
    pub(crate) fn deliver(&mut self) -> bool {
        if self.cut {
            return false;
        }
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

/// Everything that a pair is made of.
pub(crate) struct Setup {
    pub(crate) client: client::Config,
    pub(crate) server: server::Config,
    pub(crate) host_keys: Vec<PrivateKey>,
    pub(crate) user_key: PrivateKey,
    /// What the user shows instead of the plain key.
    pub(crate) user_certificate: Option<PublicKey>,
    pub(crate) to_server: Pieces,
    pub(crate) to_client: Pieces,
    pub(crate) seed: u64,
}

impl Default for Setup {
    fn default() -> Self {
        let (host_key, user_key) = (ed25519_key(1), ed25519_key(2));
        Self {
            client: client::Config::new("alice", algorithms()),
            server: server::Config::new(vec![host_key.public().clone()], algorithms()),
            host_keys: vec![host_key],
            user_key,
            user_certificate: None,
            to_server: Pieces::Whole,
            to_client: Pieces::Whole,
            seed: 1,
        }
    }
}

impl Setup {
    /// The server's one host key.
    pub(crate) fn host_key(mut self, key: PrivateKey) -> Self {
        self.server.host_keys = vec![key.public().clone()];
        self.host_keys = vec![key];
        self
    }

    /// The client offers exactly these.
    pub(crate) fn offer(mut self, kex: &str, host_key: &str, cipher: &str, mac: &str) -> Self {
        let algorithms = &mut self.client.algorithms;
        algorithms.select_kex(&PROVIDER, kex).unwrap();
        algorithms.select_host_keys(&PROVIDER, host_key).unwrap();
        algorithms.select_ciphers(&PROVIDER, cipher).unwrap();
        algorithms.select_macs(&PROVIDER, mac).unwrap();
        self
    }

    pub(crate) fn cipher(self, cipher: &str) -> Self {
        self.offer("curve25519-sha256", "ssh-ed25519", cipher, "hmac-sha2-256")
    }

    /// Both directions arrive in `pieces`.
    pub(crate) fn pieces(self, pieces: Pieces) -> Self {
        Self { to_server: pieces, to_client: pieces, ..self }
    }

    /// Changes the limits of both sides.
    pub(crate) fn limits(mut self, change: impl Fn(&mut ssh_proto::Limits)) -> Self {
        change(&mut self.client.limits);
        change(&mut self.server.limits);
        self
    }
}

/// What is the matter with either side.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    Client(Error),
    Server(Error),
}

/// A pair whose user is logged in.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) client: End<Client>,
    pub(crate) server: End<Server>,
    pub(crate) to_server: Wire,
    pub(crate) to_client: Wire,
    pub(crate) now: Instant,
    pub(crate) signer: Signer,
}

impl Pair {
    /// Logs in with the set-up's key.
    pub(crate) fn connect(setup: Setup) -> Result<Self, Failed> {
        let now = Instant(Duration::ZERO);
        let (mut to_server, mut to_client) = (Wire::new(setup.to_server), Wire::new(setup.to_client));
        let mut signer = Signer::new(setup.host_keys, setup.seed + 2);
        let user = User { key: setup.user_key, certificate: setup.user_certificate };
        let mut out = Vec::new();
        let client = client::start(&Arc::new(setup.client), rng(setup.seed), now, &mut out).map_err(Failed::Client)?;
        to_server.send(&mut out);
        let server = server::start(&Arc::new(setup.server), rng(setup.seed + 1), now, &mut out);
        let mut server = Serving::Before(server::Step::Ready(server.map_err(Failed::Server)?));
        to_client.send(&mut out);
        let mut client = client::Step::Ready(client);
        loop {
            let mut moved = to_server.deliver();
            server = match server {
                Serving::Before(step) => {
                    moved |= !matches!(step, server::Step::Ready(_));
                    serve(step, &user, now, &mut to_server.input, &mut signer, &mut out).map_err(Failed::Server)?
                }
                // The client may hear of it only after a key exchange.
                Serving::Open(mut end) => {
                    end.process(now, &mut to_server.input, &mut out, &mut signer);
                    Serving::Open(end)
                }
            };
            moved |= !out.is_empty();
            to_client.send(&mut out);
            moved |= to_client.deliver() || !matches!(client, client::Step::Ready(_));
            client = log_in(client, &user, now, &mut to_client.input, &mut signer, &mut out).map_err(Failed::Client)?;
            moved |= !out.is_empty();
            to_server.send(&mut out);
            match (client, server) {
                (client::Step::Open(client), Serving::Open(server)) => {
                    let client = End::new(client);
                    return Ok(Self { client, server: *server, to_server, to_client, now, signer });
                }
                both => (client, server) = both,
            }
            let waits = matches!((&client, &server), (client::Step::Ready(_), Serving::Before(server::Step::Ready(_))));
            assert!(moved || !waits, "stuck");
        }
    }

    /// Runs both sides until nothing moves. Both must be well at the end.
    pub(crate) fn run(&mut self) {
        self.run_to_the_end();
        assert_eq!((&self.client.error, &self.server.error), (&None, &None));
    }

    /// Runs both sides until nothing moves, whatever becomes of them.
    pub(crate) fn run_to_the_end(&mut self) {
        while self.turn() {}
    }

    /// Lets each side do what it can with the next piece that arrives; false when nothing moved.
    pub(crate) fn turn(&mut self) -> bool {
        let mut out = Vec::new();
        let mut moved = self.to_server.deliver();
        moved |= self.server.process(self.now, &mut self.to_server.input, &mut out, &mut self.signer);
        moved |= !out.is_empty();
        self.to_client.send(&mut out);
        moved |= self.to_client.deliver();
        moved |= self.client.process(self.now, &mut self.to_client.input, &mut out, &mut self.signer);
        moved |= !out.is_empty();
        self.to_server.send(&mut out);
        moved
    }

    /// Lets time pass, stopping wherever either side wants to be called.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.plus(time);
        while let Some(next) = self.next_timeout().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.handle_timeouts();
            self.run_to_the_end();
        }
        self.now = end;
        self.handle_timeouts();
        self.run_to_the_end();
    }

    fn next_timeout(&self) -> Option<Instant> {
        [self.client.poll_timeout(), self.server.poll_timeout()].into_iter().flatten().min()
    }

    fn handle_timeouts(&mut self) {
        let mut out = Vec::new();
        self.client.handle_timeout(self.now, &mut out);
        self.to_server.send(&mut out);
        self.server.handle_timeout(self.now, &mut out);
        self.to_client.send(&mut out);
    }

    /// Lets the client act.
    pub(crate) fn client<T>(&mut self, act: impl FnOnce(&mut Connection<Client>, Instant, &mut Vec<u8>) -> T) -> T {
        let mut out = Vec::new();
        let result = act(&mut self.client.connection, self.now, &mut out);
        self.to_server.send(&mut out);
        result
    }

    /// Lets the server act.
    pub(crate) fn server<T>(&mut self, act: impl FnOnce(&mut Connection<Server>, Instant, &mut Vec<u8>) -> T) -> T {
        let mut out = Vec::new();
        let result = act(&mut self.server.connection, self.now, &mut out);
        self.to_client.send(&mut out);
        result
    }

    /// Opens a session: its id here, at the client, and there, at the server.
    pub(crate) fn session(&mut self) -> (ChannelId, ChannelId) {
        let here = self.client(|connection, now, out| connection.open(ClientOpen::Session, now, out)).unwrap();
        self.run();
        assert!(self.client.seen.contains(&Seen::Opened(here)), "{:?}", self.client.seen);
        (here, self.server.opened.last().copied().expect("the server accepted it"))
    }

    /// The client sends `data`, and whatever does not go through goes later, while everything runs. All of it arrives.
    pub(crate) fn upload(&mut self, channel: ChannelId, data: &[u8]) {
        let mut sent = 0;
        while sent < data.len() {
            sent += self
                .client(|connection, now, out| connection.channel(channel).send(Stream::Data, &data[sent..], now, out))
                .unwrap_or(0);
            self.run();
        }
    }

    /// The same, from the server.
    pub(crate) fn download(&mut self, channel: ChannelId, data: &[u8]) {
        let mut sent = 0;
        while sent < data.len() {
            sent += self
                .server(|connection, now, out| connection.channel(channel).send(Stream::Data, &data[sent..], now, out))
                .unwrap_or(0);
            self.run();
        }
    }

    /// The client asks for something and wants an answer.
    pub(crate) fn ask(&mut self, channel: ChannelId, request: &ChannelRequest<'_>) -> RequestId {
        self.client(|connection, now, out| connection.channel(channel).request(request, WantReply::Yes, now, out))
            .unwrap()
    }
}

/// The server's half of a login: before and after.
enum Serving {
    Before(server::Step),
    Open(Box<End<Server>>),
}

/// Who logs in.
struct User {
    key: PrivateKey,
    certificate: Option<PublicKey>,
}

impl User {
    /// What is shown.
    fn public(&self) -> &PublicKey {
        self.certificate.as_ref().unwrap_or_else(|| self.key.public())
    }

    fn algorithms(&self) -> Vec<&'static str> {
        match self.certificate {
            None => self.key.algorithms().to_vec(),
            Some(_) => Certificate::algorithms(self.key.algorithms()),
        }
    }
}

/// One step of a client that logs in as `user`.
fn log_in(
    step: client::Step,
    user: &User,
    now: Instant,
    input: &mut InputVec,
    signer: &mut Signer,
    out: &mut Vec<u8>,
) -> Result<client::Step, Error> {
    match step {
        client::Step::Ready(ready) => ready.process(now, input, out),
        client::Step::HostKey(verify) => verify.accept(now, out),
        client::Step::Login(login) => {
            assert_eq!(login.refused(), None);
            let algorithm = login.choose_algorithm(&user.algorithms()).expect("a common algorithm");
            login.query(algorithm, user.public(), now, out).map(client::Step::Ready)
        }
        client::Step::Sign(sign) => {
            let signature = signer.sign_with(&user.key, sign.algorithm(), sign.to_sign());
            sign.complete(&signature, now, out).map(client::Step::Ready)
        }
        step => Ok(step),
    }
}

/// One step of a server that lets `user` in.
fn serve(
    step: server::Step,
    user: &User,
    now: Instant,
    input: &mut InputVec,
    signer: &mut Signer,
    out: &mut Vec<u8>,
) -> Result<Serving, Error> {
    Ok(Serving::Before(match step {
        server::Step::Ready(ready) => ready.process(now, input, out)?,
        server::Step::Sign(sign) => {
            let signature = signer.sign(sign.key(), sign.algorithm(), sign.to_sign());
            server::Step::Ready(sign.complete(&signature, out)?)
        }
        server::Step::Offer(offer) => {
            assert_eq!(offer.key(), user.public());
            assert_eq!(offer.certificate().map(Certificate::public), user.certificate.as_ref());
            server::Step::Ready(offer.would_accept(now, out)?)
        }
        server::Step::Attempt(attempt) => {
            assert!(match attempt.method() {
                server::Method::PublicKey(signed) => user.certificate.is_none() && signed == user.key.public(),
                server::Method::Certificate(signed) => Some(signed.public()) == user.certificate.as_ref(),
                _ => false,
            });
            attempt.accept(now, out)?
        }
        server::Step::Open(connection) => return Ok(Serving::Open(Box::new(End::new(*connection)))),
        step => step,
    }))
}
