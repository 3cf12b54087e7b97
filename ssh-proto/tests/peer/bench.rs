//! A machine under test and the [`Peer`] that it talks to.

use std::sync::Arc;
use std::time::Duration;

use ssh_proto::client::{self, MethodName};
use ssh_proto::io::{InputBuffer, InputVec};
use ssh_proto::keys::PrivateKey;
use ssh_proto::notice::Notice;
use ssh_proto::time::Instant;
use ssh_proto::wire::{Put, number};
use ssh_proto::{Client, Error, Server, server};
use zeroize::Zeroizing;

use super::{Offer, Peer, Plays};
use crate::pair::messages::{public_key_request, service};
use crate::pair::{End, Setup, Signer, ed25519_key, rng};

/// What is tested.
#[derive(Debug)]
pub(crate) enum Machine {
    Server(server::Step),
    Client(client::Step),
    ServerOpen(End<Server>),
    ClientOpen(End<Client>),
    Ended,
}

/// What a server's caller says to an attempt.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Accept,
    Reject,
    Partial(Vec<MethodName>),
    NewPassword(&'static str),
    /// Nothing yet.
    Wait,
}

/// What a client's caller tries.
#[derive(Clone, Debug)]
pub(crate) enum Try {
    None,
    /// Asks whether the user's key would do.
    Query,
    /// Signs with the user's key.
    Sign,
    Password(&'static [u8]),
    /// Lets the server ask.
    KeyboardInteractive,
    /// Nothing yet.
    Wait,
}

/// What a server's caller says in an exchange of questions.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Ask(server::Questions),
    Accept,
    Reject,
    Partial(Vec<MethodName>),
}

/// How a server's caller asks.
type Examine = Box<dyn FnMut(&server::Exchange) -> Reply>;
/// How a client's caller answers; nothing leaves the question open.
type Respond = Box<dyn FnMut(&client::Questions) -> Option<Vec<Zeroizing<Vec<u8>>>>>;

/// How a server's caller decides.
type Judge = Box<dyn FnMut(&server::AuthAttempt) -> Verdict>;
/// How a client's caller decides.
type Choose = Box<dyn FnMut(&client::Login) -> Try>;

pub(crate) struct Bench {
    pub(crate) machine: Machine,
    pub(crate) peer: Peer,
    pub(crate) input: InputVec,
    pub(crate) now: Instant,
    /// Why the machine ended.
    pub(crate) error: Option<Error>,
    /// What the machine sent: payloads.
    pub(crate) got: Vec<Vec<u8>>,
    /// Notices from before the login.
    pub(crate) notices: Vec<Notice>,
    pub(crate) user_key: PrivateKey,
    pub(crate) signer: Signer,
    pub(crate) judge: Judge,
    pub(crate) choose: Choose,
    pub(crate) examine: Examine,
    pub(crate) respond: Respond,
    /// The server's signer, or the client's user, takes time over the host key.
    pub(crate) slow: bool,
    /// A server's caller takes time over offered keys.
    pub(crate) slow_offers: bool,
}

impl Bench {
    /// A server of ours, and a client.
    pub(crate) fn server(config: server::Config, offer: Offer) -> Self {
        let mut out = Vec::new();
        let ready = server::start(&Arc::new(config), rng(1), Instant::default(), &mut out).unwrap();
        Self::new(Machine::Server(server::Step::Ready(ready)), Peer::new(Plays::Client, offer, ed25519_key(1)), &out)
    }

    /// A client of ours, and a server.
    pub(crate) fn client(config: client::Config, offer: Offer) -> Self {
        let mut out = Vec::new();
        let ready = client::start(&Arc::new(config), rng(1), Instant::default(), &mut out).unwrap();
        Self::new(Machine::Client(client::Step::Ready(ready)), Peer::new(Plays::Server, offer, ed25519_key(1)), &out)
    }

    /// The machine that talks to a peer that `plays`, in the default configuration.
    pub(crate) fn with(plays: Plays, offer: Offer) -> Self {
        match plays {
            Plays::Client => Self::server(Setup::default().server, offer),
            Plays::Server => Self::client(Setup::default().client, offer),
        }
    }

    fn new(machine: Machine, peer: Peer, out: &[u8]) -> Self {
        let user_key = ed25519_key(2);
        let mut bench = Self {
            machine,
            peer,
            input: InputVec::with_capacity(300 * 1024),
            now: Instant::default(),
            error: None,
            got: Vec::new(),
            notices: Vec::new(),
            user_key: user_key.clone(),
            signer: Signer::new(vec![ed25519_key(1)], 3),
            judge: Box::new(move |attempt| match attempt.method() {
                server::Method::PublicKey(key) if key == user_key.public() => Verdict::Accept,
                _ => Verdict::Reject,
            }),
            choose: Box::new(|_login| Try::None),
            examine: Box::new(|_exchange| Reply::Reject),
            respond: Box::new(|_questions| None),
            slow: false,
            slow_offers: false,
        };
        bench.gather(out);
        bench
    }

    // ---- the wire ------------------------------------------------------------------------------------------------

    /// Bytes from the peer arrive.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.input.extend(bytes);
        self.run();
    }

    /// A message from the peer arrives.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        let packet = self.peer.seal(payload);
        self.bytes(&packet);
    }

    /// The machine does what it can.
    pub(crate) fn run(&mut self) {
        let mut out = Vec::new();
        let mut again = true;
        while again {
            let machine = std::mem::replace(&mut self.machine, Machine::Ended);
            match self.step(machine, &mut out) {
                Ok((machine, more)) => (self.machine, again) = (machine, more),
                Err(error) => {
                    self.error = Some(error);
                    again = false;
                }
            }
        }
        self.gather(&out);
    }

    /// What the machine sent arrives at the peer.
    pub(crate) fn gather(&mut self, out: &[u8]) {
        self.peer.feed(out);
        while let Some((_, payload)) = self.peer.receive() {
            match payload[0] {
                number::KEXDH_REPLY | number::KEX_DH_GEX_REPLY if self.peer.initiated.is_some() => {
                    self.peer.take_kexdh_reply(&payload);
                }
                number::KEX_DH_GEX_GROUP if self.peer.needs_group() => self.peer.take_gex_group(&payload),
                _ => {}
            }
            self.got.push(payload);
        }
    }

    fn step(&mut self, machine: Machine, out: &mut Vec<u8>) -> Result<(Machine, bool), Error> {
        let now = self.now;
        let server_ready = |ready| Ok((Machine::Server(server::Step::Ready(ready)), true));
        let client_ready = |ready| Ok((Machine::Client(client::Step::Ready(ready)), true));
        match machine {
            Machine::Server(server::Step::Ready(ready)) => {
                let mut step = ready.process(now, &mut self.input, out)?;
                let more = !matches!(step, server::Step::Ready(_));
                if let server::Step::Ready(ready) = &mut step {
                    self.notices.extend(std::iter::from_fn(|| ready.poll_notice()));
                }
                Ok((Machine::Server(step), more))
            }
            Machine::Server(server::Step::Sign(sign)) if !self.slow => {
                let signature = self.signer.sign(sign.key(), sign.algorithm(), sign.to_sign());
                server_ready(sign.complete(&signature, out)?)
            }
            Machine::Server(server::Step::Offer(offer)) if !self.slow_offers => {
                if offer.key() == self.user_key.public() {
                    server_ready(offer.would_accept(now, out)?)
                } else {
                    server_ready(offer.reject(now, out)?)
                }
            }
            Machine::Server(server::Step::Attempt(attempt)) => match (self.judge)(&attempt) {
                Verdict::Accept => Ok((Machine::Server(attempt.accept(now, out)?), true)),
                Verdict::NewPassword(prompt) => server_ready(attempt.ask_for_new_password(prompt, now, out)?),
                Verdict::Reject => server_ready(attempt.reject(now, out)?),
                Verdict::Partial(remaining) => server_ready(attempt.partial(remaining, now, out)?),
                Verdict::Wait => Ok((Machine::Server(server::Step::Attempt(attempt)), false)),
            },
            Machine::Server(server::Step::Exchange(exchange)) => match (self.examine)(&exchange) {
                Reply::Ask(questions) => server_ready(exchange.ask(&questions, now, out)?),
                Reply::Accept => Ok((Machine::Server(exchange.accept(now, out)?), true)),
                Reply::Reject => server_ready(exchange.reject(now, out)?),
                Reply::Partial(remaining) => server_ready(exchange.partial(remaining, now, out)?),
            },
            Machine::Server(server::Step::Open(connection)) => Ok((Machine::ServerOpen(End::new(*connection)), true)),
            Machine::Client(client::Step::Prompt(prompt)) => match (self.respond)(prompt.questions()) {
                Some(answers) => client_ready(prompt.answer(&answers, now, out)?),
                None => Ok((Machine::Client(client::Step::Prompt(prompt)), false)),
            },
            Machine::Client(client::Step::Ready(ready)) => {
                let mut step = ready.process(now, &mut self.input, out)?;
                let more = !matches!(step, client::Step::Ready(_));
                match &mut step {
                    client::Step::Ready(step) => self.notices.extend(std::iter::from_fn(|| step.poll_notice())),
                    client::Step::Login(step) => self.notices.extend(std::iter::from_fn(|| step.poll_notice())),
                    _ => {}
                }
                Ok((Machine::Client(step), more))
            }
            Machine::Client(client::Step::HostKey(verify)) if !self.slow => {
                Ok((Machine::Client(verify.accept(now, out)?), true))
            }
            Machine::Client(client::Step::Login(login)) => {
                let algorithm = login.choose_algorithm(self.user_key.algorithms()).unwrap_or("none");
                match (self.choose)(&login) {
                    Try::None => client_ready(login.none(now, out)?),
                    Try::Query => client_ready(login.query(algorithm, self.user_key.public(), now, out)?),
                    Try::Sign => {
                        let sign = login.public_key(algorithm, self.user_key.public());
                        Ok((Machine::Client(client::Step::Sign(sign)), true))
                    }
                    Try::Password(password) => client_ready(login.password(&password.to_vec().into(), now, out)?),
                    Try::KeyboardInteractive => client_ready(login.keyboard_interactive("", now, out)?),
                    Try::Wait => Ok((Machine::Client(client::Step::Login(login)), false)),
                }
            }
            Machine::Client(client::Step::Sign(sign)) => {
                let signature = self.signer.sign_with(&self.user_key, sign.algorithm(), sign.to_sign());
                client_ready(sign.complete(&signature, now, out)?)
            }
            Machine::Client(client::Step::Open(connection)) => Ok((Machine::ClientOpen(End::new(connection)), true)),
            Machine::ServerOpen(mut end) => {
                end.process(now, &mut self.input, out, &mut self.signer);
                self.error.clone_from(&end.error);
                Ok((Machine::ServerOpen(end), false))
            }
            Machine::ClientOpen(mut end) => {
                end.process(now, &mut self.input, out, &mut self.signer);
                self.error.clone_from(&end.error);
                Ok((Machine::ClientOpen(end), false))
            }
            waiting => Ok((waiting, false)),
        }
    }

    // ---- time ----------------------------------------------------------------------------------------------------

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.machine {
            Machine::Server(server::Step::Ready(step)) => step.poll_timeout(),
            Machine::Server(server::Step::Sign(step)) => step.poll_timeout(),
            Machine::Server(server::Step::Offer(step)) => step.poll_timeout(),
            Machine::Server(server::Step::Attempt(step)) => step.poll_timeout(),
            Machine::Server(server::Step::Exchange(step)) => step.poll_timeout(),
            Machine::Client(client::Step::Prompt(step)) => step.poll_timeout(),
            Machine::Client(client::Step::NewPassword(step)) => step.poll_timeout(),
            Machine::Client(client::Step::Ready(step)) => step.poll_timeout(),
            Machine::Client(client::Step::HostKey(step)) => step.poll_timeout(),
            Machine::Client(client::Step::Login(step)) => step.poll_timeout(),
            Machine::Client(client::Step::Sign(step)) => step.poll_timeout(),
            Machine::ServerOpen(end) => end.poll_timeout(),
            Machine::ClientOpen(end) => end.poll_timeout(),
            _ => None,
        }
    }

    fn timeout(&mut self, machine: Machine, out: &mut Vec<u8>) -> Result<Machine, Error> {
        use {client::Step as C, server::Step as S};
        let now = self.now;
        Ok(match machine {
            Machine::Server(S::Ready(step)) => Machine::Server(S::Ready(step.handle_timeout(now, out)?)),
            Machine::Server(S::Sign(step)) => Machine::Server(S::Sign(step.handle_timeout(now, out)?)),
            Machine::Server(S::Offer(step)) => Machine::Server(S::Offer(step.handle_timeout(now, out)?)),
            Machine::Server(S::Attempt(step)) => Machine::Server(S::Attempt(step.handle_timeout(now, out)?)),
            Machine::Client(C::Ready(step)) => Machine::Client(C::Ready(step.handle_timeout(now, out)?)),
            Machine::Client(C::HostKey(step)) => Machine::Client(C::HostKey(step.handle_timeout(now, out)?)),
            Machine::Client(C::Login(step)) => Machine::Client(C::Login(step.handle_timeout(now, out)?)),
            Machine::Server(S::Exchange(step)) => Machine::Server(S::Exchange(step.handle_timeout(now, out)?)),
            Machine::Client(C::Prompt(step)) => Machine::Client(C::Prompt(step.handle_timeout(now, out)?)),
            Machine::Client(C::NewPassword(step)) => Machine::Client(C::NewPassword(step.handle_timeout(now, out)?)),
            Machine::Client(C::Sign(step)) => Machine::Client(C::Sign(step.handle_timeout(now, out)?)),
            Machine::ServerOpen(mut end) => {
                end.handle_timeout(now, out);
                self.error.clone_from(&end.error);
                Machine::ServerOpen(end)
            }
            Machine::ClientOpen(mut end) => {
                end.handle_timeout(now, out);
                self.error.clone_from(&end.error);
                Machine::ClientOpen(end)
            }
            other => other,
        })
    }

    /// Lets time pass, stopping wherever the machine wants to be called.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.plus(time);
        while self.error.is_none() && self.now < end {
            self.now = self.poll_timeout().map_or(end, |next| next.clamp(self.now, end));
            let mut out = Vec::new();
            let machine = std::mem::replace(&mut self.machine, Machine::Ended);
            match self.timeout(machine, &mut out) {
                Ok(machine) => self.machine = machine,
                Err(error) => self.error = Some(error),
            }
            self.gather(&out);
            if self.error.is_none() {
                self.run();
            }
        }
    }

    // ---- what happens in order -----------------------------------------------------------------------------------

    /// The peer's identification and KEXINIT.
    pub(crate) fn greet(&mut self) {
        let line = self.peer.line();
        self.bytes(&line);
        self.send_kexinit();
    }

    pub(crate) fn send_kexinit(&mut self) {
        let init = self.peer.kexinit();
        self.send(&init);
    }

    /// The peer's messages of the method: KEXDH_INIT or KEXDH_REPLY, and what a group exchange has before it.
    pub(crate) fn send_public_value(&mut self) {
        if self.peer.needs_group() {
            self.send_group_message();
        }
        let payload = match self.peer.plays {
            Plays::Client => self.peer.kexdh_init(),
            Plays::Server => {
                let init = self.last_of(&[number::KEXDH_INIT, number::KEX_DH_GEX_INIT]);
                self.peer.kexdh_reply(&init.expect("the machine's public value"))
            }
        };
        self.send(&payload);
    }

    /// The peer's first message of a group exchange: REQUEST or GROUP.
    pub(crate) fn send_group_message(&mut self) {
        let payload = match self.peer.plays {
            Plays::Client => self.peer.gex_request(),
            Plays::Server => {
                let request = self.last_of(&[number::KEX_DH_GEX_REQUEST]);
                self.peer.gex_group(&request.expect("the machine's request"))
            }
        };
        self.send(&payload);
    }

    /// The last message of these numbers that the machine sent.
    pub(crate) fn last_of(&self, numbers: &[u8]) -> Option<Vec<u8>> {
        self.got.iter().rfind(|payload| numbers.contains(&payload[0])).cloned()
    }

    pub(crate) fn send_newkeys(&mut self) {
        let packet = self.peer.newkeys();
        self.bytes(&packet);
    }

    /// A whole key exchange but for the machine's KEXINIT, which is on its way or answers ours.
    pub(crate) fn exchange_keys(&mut self) {
        self.send_kexinit();
        self.send_public_value();
        self.send_newkeys();
    }

    /// The first key exchange, done.
    pub(crate) fn with_keys(mut self) -> Self {
        self.greet();
        self.send_public_value();
        self.send_newkeys();
        assert_eq!(self.error, None);
        self
    }

    /// The service is accepted: a server waits for requests, a client decides what to try (and tries it).
    pub(crate) fn with_service(self) -> Self {
        let mut bench = self.with_keys();
        let message = match bench.peer.plays {
            Plays::Client => service(number::SERVICE_REQUEST, "ssh-userauth"),
            Plays::Server => service(number::SERVICE_ACCEPT, "ssh-userauth"),
        };
        bench.send(&message);
        assert_eq!(bench.error, None);
        bench
    }

    /// The user is logged in; nothing of the login is left in `got`.
    pub(crate) fn logged_in(self) -> Self {
        let mut bench = self.with_service();
        let message = match bench.peer.plays {
            Plays::Client => bench.signed_request("alice"),
            Plays::Server => vec![number::USERAUTH_SUCCESS],
        };
        bench.send(&message);
        assert_eq!(bench.error, None);
        assert!(matches!(bench.machine, Machine::ServerOpen(_) | Machine::ClientOpen(_)), "{:?}", bench.machine);
        bench.got.clear();
        bench
    }

    /// A request that the user's key signed.
    pub(crate) fn signed_request(&mut self, user: &str) -> Vec<u8> {
        let key = self.user_key.clone();
        let session_id = self.peer.session_id.clone().expect("a key exchange");
        let algorithm = key.algorithms()[0];
        let mut request = public_key_request(user, algorithm, key.public().blob(), true);
        let mut data = Vec::new();
        data.put_string(&session_id);
        data.put_bytes(&request);
        let signature = self.signer.sign_with(&key, algorithm, &data);
        request.put_nested(|nested| signature.to_wire(nested));
        request
    }

    /// How many bytes the machine has not read.
    pub(crate) fn input_length(&mut self) -> usize {
        self.input.filled().len()
    }

    // ---- what came of it -----------------------------------------------------------------------------------------

    /// What the machine sent since somebody asked.
    pub(crate) fn take(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.got)
    }

    /// The numbers of the same.
    pub(crate) fn take_numbers(&mut self) -> Vec<u8> {
        self.take().iter().map(|payload| payload[0]).collect()
    }

    /// The reason code of the DISCONNECT that the machine sent last.
    pub(crate) fn disconnect_reason(&self) -> Option<u32> {
        let payload = self.got.last().filter(|payload| payload[0] == number::DISCONNECT)?;
        Some(u32::from_be_bytes(payload[1..5].try_into().unwrap()))
    }

    pub(crate) fn server_end(&mut self) -> &mut End<Server> {
        match &mut self.machine {
            Machine::ServerOpen(end) => end,
            machine => panic!("no server is logged in: {machine:?}"),
        }
    }

    pub(crate) fn client_end(&mut self) -> &mut End<Client> {
        match &mut self.machine {
            Machine::ClientOpen(end) => end,
            machine => panic!("no client is logged in: {machine:?}"),
        }
    }

    /// The logged in server acts.
    pub(crate) fn act<T>(
        &mut self,
        act: impl FnOnce(&mut ssh_proto::Connection<Server>, Instant, &mut Vec<u8>) -> T,
    ) -> T {
        let now = self.now;
        let mut out = Vec::new();
        let result = act(&mut self.server_end().connection, now, &mut out);
        self.gather(&out);
        result
    }
}
