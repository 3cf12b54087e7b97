//! What `raw` can do to a real client and a real server of ours, and that they stand it.

mod pair;

use std::sync::Arc;

use pair::messages::{open, password_request, request, service};
use pair::{algorithms, rng};
use ssh_proto::crypto::rustcrypto::{PROVIDER, rows};
use ssh_proto::crypto::{CryptoProvider, Digest, Exchange};
use ssh_proto::error::{DisconnectReason, PeerMisbehaved};
use ssh_proto::io::InputVec;
use ssh_proto::keys::PrivateKey;
use ssh_proto::raw::{self, Endpoint, Flaw, KexHandling, Keys, Numbering, Received};
use ssh_proto::server::{Method, MethodName};
use ssh_proto::time::Instant;
use ssh_proto::wire::{MessageNumber, Put, Reader, number};
use ssh_proto::{Client, Connection, Error, Event, KexStrictness, Server, client, server};
use zeroize::Zeroizing;

const NOW: Instant = Instant(std::time::Duration::ZERO);

/// The real side: takes what there is, as its application would.
trait Real {
    fn process(&mut self, input: &mut InputVec, out: &mut Vec<u8>) -> Result<(), Error>;
}

fn host_key() -> PrivateKey {
    PrivateKey::generate_ed25519(&mut *rng(7))
}

/// A server that lets in whoever says the password.
struct RealServer {
    step: Option<server::Step>,
    open: Option<Connection<Server>>,
    saw_channel: bool,
}

impl RealServer {
    fn start(out: &mut Vec<u8>) -> Self {
        let mut config = server::Config::new(vec![host_key().public().clone()], algorithms());
        config.methods = vec![MethodName::Password];
        let ready = server::start(&Arc::new(config), rng(1), NOW, out).unwrap();
        Self { step: Some(server::Step::Ready(ready)), open: None, saw_channel: false }
    }
}

impl Real for RealServer {
    fn process(&mut self, input: &mut InputVec, out: &mut Vec<u8>) -> Result<(), Error> {
        while let Some(step) = self.step.take() {
            let ready = match step {
                server::Step::Ready(ready) => ready,
                server::Step::Sign(sign) => {
                    let signature = host_key().sign(sign.algorithm(), sign.to_sign(), &mut *rng(2)).unwrap();
                    sign.complete(&signature, out)?
                }
                server::Step::Attempt(attempt) => match attempt.method() {
                    Method::Password(b"open sesame") => {
                        let server::Step::Open(connection) = attempt.accept(NOW, out)? else { unreachable!() };
                        self.open = Some(*connection);
                        break;
                    }
                    _ => attempt.reject(NOW, out)?,
                },
                step => unreachable!("{step:?}"),
            };
            let step = ready.process(NOW, input, out)?;
            let idle = matches!(step, server::Step::Ready(_));
            self.step = Some(step);
            if idle {
                return Ok(());
            }
        }
        let Some(connection) = &mut self.open else { return Ok(()) };
        let mut events = connection.process(NOW, input, out);
        while let Some(event) = events.next() {
            let (event, connection, out) = event?;
            match event {
                Event::Open { ticket, .. } => {
                    self.saw_channel = true;
                    connection.accept(ticket, NOW, out).unwrap();
                }
                Event::Rekey(ask) => {
                    let signature = host_key().sign(ask.algorithm(), ask.to_sign(), &mut *rng(3)).unwrap();
                    connection.resume_rekey(ask, &signature, out);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A client that says the password once.
struct RealClient {
    step: Option<client::Step>,
    open: Option<Connection<Client>>,
}

impl RealClient {
    fn start(out: &mut Vec<u8>) -> Self {
        let config = client::Config::new("alice", algorithms());
        let ready = client::start(&Arc::new(config), rng(1), NOW, out).unwrap();
        Self { step: Some(client::Step::Ready(ready)), open: None }
    }
}

impl Real for RealClient {
    fn process(&mut self, input: &mut InputVec, out: &mut Vec<u8>) -> Result<(), Error> {
        while let Some(step) = self.step.take() {
            let ready = match step {
                client::Step::Ready(ready) => ready,
                client::Step::HostKey(verify) => {
                    assert_eq!(verify.key(), host_key().public());
                    self.step = Some(verify.accept(NOW, out)?);
                    continue;
                }
                client::Step::Login(login) => login.password(&Zeroizing::new(b"open sesame".to_vec()), NOW, out)?,
                client::Step::Open(connection) => {
                    self.open = Some(connection);
                    break;
                }
                step => unreachable!("{step:?}"),
            };
            let step = ready.process(NOW, input, out)?;
            let idle = matches!(step, client::Step::Ready(_));
            self.step = Some(step);
            if idle {
                return Ok(());
            }
        }
        let Some(connection) = &mut self.open else { return Ok(()) };
        let mut events = connection.process(NOW, input, out);
        while let Some(event) = events.next() {
            event?;
        }
        Ok(())
    }
}

/// A raw endpoint and what it is let loose on.
struct Attack<R> {
    raw: Endpoint,
    real: R,
    to_real: InputVec,
    to_raw: InputVec,
    out: Vec<u8>,
    /// Everything that the real side sent since it was last asked for.
    seen: Vec<Received>,
}

impl Attack<RealServer> {
    fn on_server(config: raw::Config) -> Self {
        let mut out = Vec::new();
        let real = RealServer::start(&mut out);
        Self::new(real, out, |out| Endpoint::client(config, rng(9), out))
    }

    /// After the key exchange and the service request.
    fn on_login(config: raw::Config) -> Self {
        let mut attack = Self::on_server(config);
        attack.run().unwrap();
        attack.send(&service(number::SERVICE_REQUEST, "ssh-userauth")).unwrap();
        assert_eq!(attack.numbers(), [20, 31, 21, 7, 6]);
        attack
    }

    /// After the login too.
    fn on_connection(config: raw::Config) -> Self {
        let mut attack = Self::on_login(config);
        attack.send(&login()).unwrap();
        assert_eq!(attack.numbers(), [52]);
        attack
    }
}

impl Attack<RealClient> {
    fn on_client(config: raw::Config) -> Self {
        let mut out = Vec::new();
        let real = RealClient::start(&mut out);
        let signer =
            Box::new(|_: &_, algorithm: &str, hash: &[u8]| host_key().sign(algorithm, hash, &mut *rng(2)).ok());
        Self::new(real, out, |out| Endpoint::server(config, vec![host_key().public().clone()], signer, rng(9), out))
    }
}

impl<R: Real> Attack<R> {
    fn new(real: R, mut out: Vec<u8>, raw: impl FnOnce(&mut Vec<u8>) -> Endpoint) -> Self {
        let mut to_raw = InputVec::with_capacity(300_000);
        to_raw.extend(&out);
        out.clear();
        let raw = raw(&mut out);
        Self { raw, real, to_real: InputVec::with_capacity(300_000), to_raw, out, seen: Vec::new() }
    }

    /// Both sides, until nothing moves. The raw side still reads what the real side said last.
    fn run(&mut self) -> Result<(), Error> {
        let mut result = Ok(());
        loop {
            while let Some(received) = self.raw.receive(&mut self.to_raw, &mut self.out).unwrap() {
                self.seen.push(received);
            }
            if self.out.is_empty() || result.is_err() {
                return result;
            }
            self.to_real.extend(&self.out);
            self.out.clear();
            let mut answer = Vec::new();
            result = self.real.process(&mut self.to_real, &mut answer);
            self.to_raw.extend(&answer);
        }
    }

    fn send(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.raw.send(payload, &mut self.out);
        self.run()
    }

    fn numbers(&mut self) -> Vec<u8> {
        self.seen.drain(..).filter_map(|received| received.number()).collect()
    }

    /// `payload` ends the connection with `blame`, and the other side is told.
    fn assert_refused(mut self, payload: &[u8], blame: PeerMisbehaved) -> R {
        assert_eq!(self.send(payload), Err(Error::PeerMisbehaved(blame)));
        self.assert_disconnected(DisconnectReason::ProtocolError);
        self.real
    }

    fn assert_disconnected(&self, reason: DisconnectReason) {
        let last = &self.seen.last().expect("a DISCONNECT").payload;
        let mut reader = Reader::new(last);
        assert_eq!((reader.u8("number"), reader.u32("reason")), (Ok(1), Ok(reason as u32)), "{last:?}");
    }
}

fn config() -> raw::Config {
    raw::Config::new(algorithms())
}

fn login() -> Vec<u8> {
    password_request("alice", b"open sesame", None)
}

fn channel_open() -> Vec<u8> {
    open("session", 0, 1 << 20, 1 << 15)
}

fn exec(command: &str) -> Vec<u8> {
    let mut payload = request(0, "exec", true, b"");
    payload.put_string(command.as_bytes());
    payload
}

const fn unexpected(number: u8) -> PeerMisbehaved {
    PeerMisbehaved::UnexpectedMessage(MessageNumber(number))
}

/// Every cipher with every MAC, as the only choice.
fn suites() -> impl Iterator<Item = raw::Config> {
    PROVIDER.ciphers().iter().flat_map(|cipher| {
        PROVIDER.macs().iter().map(|mac| {
            let mut config = config();
            config.algorithms.select_ciphers(&PROVIDER, cipher.name).unwrap();
            config.algorithms.select_macs(&PROVIDER, mac.name).unwrap();
            config
        })
    })
}

#[test]
fn a_raw_client_logs_in_to_a_real_server_under_every_cipher_and_mac() {
    for config in suites() {
        let mut attack = Attack::on_connection(config);
        attack.send(&channel_open()).unwrap();
        assert_eq!(attack.numbers(), [91]);
        assert!(attack.real.saw_channel);
        let connection = attack.real.open.as_ref().unwrap();
        assert_eq!(connection.session_id(), attack.raw.session_id());
        assert_eq!(connection.negotiated(), attack.raw.negotiated());
        assert_eq!(attack.raw.host_key(), Some(host_key().public()));
    }
}

#[test]
fn a_raw_server_lets_a_real_client_in_under_every_cipher_and_mac() {
    for config in suites() {
        let mut attack = Attack::on_client(config);
        attack.run().unwrap();
        assert_eq!(attack.numbers(), [20, 30, 21, 7, 5]);
        attack.send(&service(number::SERVICE_ACCEPT, "ssh-userauth")).unwrap();
        assert_eq!(attack.numbers(), [50]);
        attack.send(&[number::USERAUTH_SUCCESS]).unwrap();
        assert_eq!(attack.real.open.as_ref().unwrap().session_id(), attack.raw.session_id());
    }
}

#[test]
fn a_raw_endpoint_exchanges_keys_again() {
    let mut attack = Attack::on_connection(config());
    let first = attack.raw.session_id();
    attack.raw.exchange_keys(&mut attack.out);
    attack.run().unwrap();
    assert_eq!(attack.numbers(), [20, 31, 21]);
    assert_eq!(attack.raw.session_id(), first);
    attack.send(&channel_open()).unwrap();
    assert_eq!(attack.numbers(), [91]);
}

#[test]
fn cve_2018_10933_a_server_that_is_told_success_disconnects() {
    let server = Attack::on_login(config()).assert_refused(&[number::USERAUTH_SUCCESS], unexpected(52));
    assert!(server.open.is_none());
}

#[test]
fn cve_2025_32433_a_channel_before_login_disconnects() {
    for (first, second) in [(channel_open(), exec("id")), (exec("id"), channel_open())] {
        let mut attack = Attack::on_login(config());
        // In one write, as the attack does it.
        attack.raw.send(&first, &mut attack.out);
        attack.raw.send(&second, &mut attack.out);
        assert_eq!(attack.run(), Err(Error::PeerMisbehaved(unexpected(first[0]))));
        assert_eq!(attack.numbers(), [1], "nothing but DISCONNECT comes back");
        assert!(attack.real.open.is_none() && !attack.real.saw_channel);
    }
}

#[test]
fn a_success_that_was_not_asked_for_does_not_log_a_client_in() {
    let mut attack = Attack::on_client(config());
    attack.run().unwrap();
    let client = attack.assert_refused(&[number::USERAUTH_SUCCESS], PeerMisbehaved::UnsolicitedLoginAnswer);
    assert!(client.open.is_none());
}

#[test]
fn rfc4252_s5_3_a_second_success_is_ignored() {
    let mut attack = Attack::on_client(config());
    attack.run().unwrap();
    attack.send(&service(number::SERVICE_ACCEPT, "ssh-userauth")).unwrap();
    for _ in 0..2 {
        attack.send(&[number::USERAUTH_SUCCESS]).unwrap();
    }
    assert!(attack.real.open.is_some());
}

#[test]
fn rfc4253_s6_flawed_packets_end_the_connection_under_every_cipher_and_mac() {
    for config in suites() {
        for flaw in [
            Flaw::Tag,
            Flaw::PacketLength(0),
            Flaw::PacketLength(1),
            Flaw::PacketLength(0x7fff_fff0),
            Flaw::PacketLength(u32::MAX),
            Flaw::PaddingLength(0),
            Flaw::PaddingLength(3),
            Flaw::PaddingLength(u8::MAX),
            Flaw::Padding(0),
            Flaw::Padding(5),
        ] {
            let mut attack = Attack::on_login(config.clone());
            attack.raw.send_flawed(&login(), flaw, &mut attack.out);
            // A length that asks for more than came, and CBC's answer to a bad packet, wait for more.
            attack.out.resize(attack.out.len() + 40_000, 0);
            let error = attack.run().expect_err("a flaw is found");
            let blames = [PeerMisbehaved::BadMac, PeerMisbehaved::BadPacketLength, PeerMisbehaved::BadPadding];
            assert!(blames.map(Error::PeerMisbehaved).contains(&error), "{flaw:?}: {error:?}");
            assert!(attack.real.open.is_none());
        }
        // More padding than is needed, in whole blocks of 16 where the length counts and where it does not.
        let accepted = [83, 87].map(|padding| {
            let mut attack = Attack::on_login(config.clone());
            attack.raw.send_flawed(&login(), Flaw::Padding(padding), &mut attack.out);
            attack.out.resize(attack.out.len() + 40_000, 0);
            let _ = attack.run();
            attack.real.open.is_some()
        });
        assert_eq!(accepted.iter().filter(|&&accepted| accepted).count(), 1);
    }
}

#[test]
fn cve_2023_48795_ignore_in_a_strict_exchange_ends_it_and_without_strictness_does_not() {
    let mut attack = Attack::on_server(config());
    let kexinit = attack.out.clone();
    attack.raw.send(&[number::IGNORE, 0, 0, 0, 0], &mut attack.out);
    let error = attack.run().unwrap_err();
    assert!(matches!(error, Error::PeerMisbehaved(PeerMisbehaved::StrictKeyExchange(_, 1))), "{error:?}");

    // The same KEXINIT under another name for the marker: padding and length stay as they are.
    let start = kexinit.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let packet = &kexinit[start..];
    let payload = &packet[5..packet.len() - usize::from(packet[4])];
    let marker = b"kex-strict-c-v00@openssh.com";
    let at = payload.windows(marker.len()).position(|window| window == marker).unwrap();
    let mut plain = payload.to_vec();
    plain[at] = b'x';
    let mut attack = Attack::on_server(config().kex(KexHandling::Manual));
    attack.raw.set_kex_handling(KexHandling::Automatic);
    attack.raw.identify(b"SSH-2.0-old", &mut attack.out);
    attack.raw.exchange_keys_with(&plain, &mut attack.out);
    attack.raw.send(&[number::IGNORE, 0, 0, 0, 0], &mut attack.out);
    attack.run().unwrap();
    assert_eq!(attack.raw.negotiated().unwrap().strictness, KexStrictness::Plain);
    attack.send(&service(number::SERVICE_REQUEST, "ssh-userauth")).unwrap();
    assert_eq!(attack.numbers(), [20, 31, 21, 7, 6]);
}

/// The exchange of RFC 8731 by hand, to the last field.
#[test]
fn keys_exchanged_by_hand_come_into_use() {
    let mut attack = Attack::on_server(config().kex(KexHandling::Manual));
    let mut init = vec![number::KEXINIT];
    init.put_bytes(&[3; 16]);
    let (cipher, mac) = ("aes256-ctr", "hmac-sha2-256-etm@openssh.com");
    for names in ["curve25519-sha256", "ssh-ed25519", cipher, cipher, mac, mac, "none", "none", "", ""] {
        init.put_string(names.as_bytes());
    }
    init.put_bool(false);
    init.put_u32(0);
    attack.raw.identify(b"SSH-2.0-by hand", &mut attack.out);
    attack.send(&init).unwrap();
    let server_init = attack.seen.remove(0).payload;

    let method = rows::CURVE25519_SHA256;
    let Exchange::Ecdh(agreement) = method.exchange else { unreachable!("it is curve25519") };
    let initiated = agreement.initiate(&mut *rng(4));
    let client_value = initiated.public().to_vec();
    let mut message = vec![number::KEXDH_INIT];
    message.put_string(&client_value);
    attack.send(&message).unwrap();
    let reply = attack.seen.remove(0).payload;
    let mut reader = Reader::new(&reply[1..]);
    let (host_key, server_value) = (reader.string("K_S").unwrap(), reader.string("Q_S").unwrap());
    let secret = initiated.finish(server_value).unwrap();
    let ssh_proto::crypto::SharedSecret::Mpint(magnitude) = &secret else { unreachable!("it is curve25519") };
    let mut hashed = Vec::new();
    for part in [
        attack.raw.identification().as_bytes(),
        attack.raw.peer().unwrap().as_bytes(),
        &init,
        &server_init,
        host_key,
        &client_value,
        server_value,
    ] {
        hashed.put_string(part);
    }
    hashed.put_mpint(magnitude);
    let hash: Digest = method.hash.digest(&[&hashed]);
    let keys = Keys::new(method.hash, &secret, hash, hash);
    assert_eq!(attack.numbers(), [21], "NEWKEYS is in clear");
    let row = |name| *PROVIDER.ciphers().iter().find(|row| row.name == name).unwrap();
    let mac = PROVIDER.macs()[0];
    attack.raw.protect_inbound(&keys, row(cipher), mac, Numbering::Continue);
    attack.send(&[number::NEWKEYS]).unwrap();
    attack.raw.protect_outbound(&keys, row(cipher), mac, Numbering::Continue);
    attack.send(&service(number::SERVICE_REQUEST, "ssh-userauth")).unwrap();
    assert_eq!(attack.numbers(), [6]);
}
