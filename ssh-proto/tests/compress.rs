//! `zlib@openssh.com`: from the login on, each direction for itself, anew with every key exchange, and never a bomb.

mod pair;

use std::sync::Arc;

use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush};
use pair::messages::{open, password_request, service};
use pair::{Pair, Pieces, Setup, algorithms, ed25519_key, rng};
use ssh_proto::error::{Limit, PeerMisbehaved};
use ssh_proto::io::InputVec;
use ssh_proto::raw::{self, Endpoint, KexHandling};
use ssh_proto::time::Instant;
use ssh_proto::wire::{MessageNumber, Put, number};
use ssh_proto::{ChannelId, Connection, Error, Event, Server, server};

const NOW: Instant = Instant(std::time::Duration::ZERO);
const ZLIB: Option<&str> = Some("zlib@openssh.com");

/// Both offer these.
fn compressing(client: &str, server: &str) -> Setup {
    let mut setup = Setup::default();
    setup.client.algorithms.select_compression(client).unwrap();
    setup.server.algorithms.select_compression(server).unwrap();
    setup
}

/// Text that compresses to a tenth or less.
fn text(length: usize) -> Vec<u8> {
    b"the quick brown fox jumps over the lazy dog, ".iter().copied().cycle().take(length).collect()
}

/// Sends `data` both ways, and answers how many bytes that took on the wire.
fn there_and_back(pair: &mut Pair, (here, there): (ChannelId, ChannelId), data: &[u8]) -> (usize, usize) {
    let before = (pair.to_server.log.len(), pair.to_client.log.len());
    pair.upload(here, data);
    assert!(pair.server.data(there).ends_with(data));
    let between = pair.to_server.log.len();
    pair.download(there, data);
    assert!(pair.client.data(here).ends_with(data));
    (between - before.0, pair.to_client.log.len() - before.1)
}

#[test]
fn rfc4253_s6_2_payloads_are_compressed_both_ways_where_both_sides_want_it() {
    for (client, server, agreed) in [
        ("none", "none,zlib@openssh.com", None),
        ("none,zlib@openssh.com", "zlib@openssh.com,none", None),
        ("zlib@openssh.com,none", "none", None),
        ("zlib@openssh.com,none", "none,zlib@openssh.com", ZLIB),
        ("zlib@openssh.com", "zlib@openssh.com", ZLIB),
    ] {
        for pieces in [Pieces::Whole, Pieces::Of(1), Pieces::Of(77)] {
            let mut pair = Pair::connect(compressing(client, server).pieces(pieces)).unwrap();
            let negotiated = pair.client.connection.negotiated().unwrap();
            assert_eq!(Some(negotiated), pair.server.connection.negotiated());
            assert_eq!(negotiated.client_to_server.compression, agreed);
            assert_eq!(negotiated.server_to_client.compression, agreed);
            let session = pair.session();
            let (up, down) = there_and_back(&mut pair, session, &text(20_000));
            assert_eq!(
                (up < 2000, down < 2000),
                (agreed.is_some(), agreed.is_some()),
                "{client} {server}: {up} {down}"
            );
            for length in [1, 2, 100, 70_000] {
                there_and_back(&mut pair, session, &text(length));
            }
        }
    }
}

#[test]
fn rfc4253_s6_2_the_context_is_made_anew_by_every_key_exchange() {
    let mut pair = Pair::connect(compressing("zlib@openssh.com", "zlib@openssh.com")).unwrap();
    let session = pair.session();
    // What does not compress but by what came before.
    let mut noise = vec![0; 5000];
    rng(3).fill_bytes(&mut noise);
    let (first, second) = (there_and_back(&mut pair, session, &noise), there_and_back(&mut pair, session, &noise));
    assert!(first.0 > 4000 && first.1 > 4000 && second.0 < 1000 && second.1 < 1000, "{first:?} {second:?}");
    for (by_client, by_server) in [(true, false), (false, true), (true, true)] {
        if by_client {
            pair.client(|connection, now, out| connection.rekey(now, out));
        }
        if by_server {
            pair.server(|connection, now, out| connection.rekey(now, out));
        }
        pair.run();
        let (first, second) = (there_and_back(&mut pair, session, &noise), there_and_back(&mut pair, session, &noise));
        assert!(first.0 > 4000 && first.1 > 4000 && second.0 < 1000 && second.1 < 1000, "{first:?} {second:?}");
    }
}

/// Wherever a key exchange meets the end of the login, both sides agree on which message is the first compressed one.
#[test]
fn key_exchanges_at_any_packet_of_either_side_do_not_disturb_it() {
    for packets in 2..24 {
        for (client, server) in [(packets, u64::MAX), (u64::MAX, packets), (packets, packets)] {
            let mut setup = compressing("zlib@openssh.com", "zlib@openssh.com");
            setup.client.limits.rekey_packets = client;
            setup.server.limits.rekey_packets = server;
            (setup.client.limits.key_exchanges_before_login, setup.server.limits.key_exchanges_before_login) = (99, 99);
            let mut pair = Pair::connect(setup).unwrap();
            let session = pair.session();
            there_and_back(&mut pair, session, &text(300_000));
        }
    }
}

/// A raw client of our own server: it logs in with a password, and compresses by hand.
struct ByHand {
    raw: Endpoint,
    step: Option<server::Step>,
    open: Option<Connection<Server>>,
    to_server: InputVec,
    to_client: InputVec,
    deflater: Box<CompressorOxide>,
    /// Payloads as they came.
    seen: Vec<Vec<u8>>,
    out: Vec<u8>,
}

impl ByHand {
    /// Offers `lists`: from the client to the server, and back.
    fn start(lists: [&str; 2]) -> Self {
        Self::start_with(lists, |_config| {})
    }

    fn start_with(lists: [&str; 2], configure: impl FnOnce(&mut server::Config)) -> Self {
        let mut out = Vec::new();
        let mut config = server::Config::new(vec![ed25519_key(1).public().clone()], algorithms());
        configure(&mut config);
        config.methods = vec![server::MethodName::Password];
        config.algorithms.select_compression("none,zlib@openssh.com").unwrap();
        let ready = server::start(&Arc::new(config), rng(1), NOW, &mut out).unwrap();
        let mut to_client = InputVec::with_capacity(300_000);
        to_client.extend(&out);
        out.clear();
        let mut config = raw::Config::new(algorithms()).kex(KexHandling::Manual);
        config.algorithms.select_compression("zlib@openssh.com,none").unwrap();
        let mut raw = Endpoint::client(config, rng(2), &mut out);
        raw.identify(b"SSH-2.0-by_hand", &mut out);
        raw.exchange_keys_with(&kexinit(lists), &mut out);
        raw.set_kex_handling(KexHandling::Automatic);
        let flags = create_comp_flags_from_zip_params(6, 15, 0);
        let mut by_hand = Self {
            raw,
            step: Some(server::Step::Ready(ready)),
            open: None,
            to_server: InputVec::with_capacity(300_000),
            to_client,
            deflater: Box::new(CompressorOxide::new(flags)),
            seen: Vec::new(),
            out,
        };
        by_hand.run().unwrap();
        by_hand.send(&service(number::SERVICE_REQUEST, "ssh-userauth")).unwrap();
        by_hand
    }

    fn log_in(lists: [&str; 2]) -> Self {
        let mut by_hand = Self::start(lists);
        by_hand.send(&login()).unwrap();
        assert_eq!(by_hand.seen.last().unwrap(), &[number::USERAUTH_SUCCESS]);
        by_hand.seen.clear();
        by_hand
    }

    fn deflate(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut compressed = Vec::new();
        compress_to_output(&mut self.deflater, payload, TDEFLFlush::Sync, |bytes| {
            compressed.extend_from_slice(bytes);
            true
        });
        compressed
    }

    fn send(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.raw.send(payload, &mut self.out);
        self.run()
    }

    fn send_compressed(&mut self, payload: &[u8]) -> Result<(), Error> {
        let compressed = self.deflate(payload);
        self.send(&compressed)
    }

    fn run(&mut self) -> Result<(), Error> {
        let mut result = Ok(());
        loop {
            while let Some(received) = self.raw.receive(&mut self.to_client, &mut self.out).unwrap() {
                self.seen.push(received.payload);
            }
            if self.out.is_empty() || result.is_err() {
                return result;
            }
            self.to_server.extend(&std::mem::take(&mut self.out));
            let mut answer = Vec::new();
            result = self.serve(&mut answer);
            self.to_client.extend(&answer);
        }
    }

    fn serve(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        while let Some(step) = self.step.take() {
            let ready = match step {
                server::Step::Ready(ready) => ready,
                server::Step::Sign(sign) => {
                    let signature = ed25519_key(1).sign(sign.algorithm(), sign.to_sign(), &mut *rng(2)).unwrap();
                    sign.complete(&signature, out)?
                }
                server::Step::Attempt(attempt) => {
                    let server::Step::Open(connection) = attempt.accept(NOW, out)? else { unreachable!() };
                    self.open = Some(*connection);
                    break;
                }
                step => unreachable!("{step:?}"),
            };
            let step = ready.process(NOW, &mut self.to_server, out)?;
            let idle = matches!(step, server::Step::Ready(_));
            self.step = Some(step);
            if idle {
                return Ok(());
            }
        }
        let Some(connection) = &mut self.open else { return Ok(()) };
        let mut events = connection.process(NOW, &mut self.to_server, out);
        while let Some(event) = events.next() {
            let (event, connection, out) = event?;
            if let Event::Open { ticket, .. } = event {
                connection.accept(ticket, NOW, out).unwrap();
            }
        }
        Ok(())
    }

    /// The connection ends by `error`, and we are told so.
    fn assert_ended(&self, result: &Result<(), Error>, error: Error) {
        assert_eq!(result, &Err(error));
        let said = self.seen.last().unwrap();
        assert_eq!(said[..5], [number::DISCONNECT, 0, 0, 0, 6], "SSH_DISCONNECT_COMPRESSION_ERROR");
    }
}

fn kexinit(lists: [&str; 2]) -> Vec<u8> {
    let mut init = vec![number::KEXINIT];
    init.put_bytes(&[7; 16]);
    let suite = "aes128-gcm@openssh.com";
    for list in ["curve25519-sha256", "ssh-ed25519", suite, suite, "", "", lists[0], lists[1], "", ""] {
        init.put_string(list.as_bytes());
    }
    init.put_bool(false);
    init.put_u32(0);
    init
}

fn login() -> Vec<u8> {
    password_request("alice", b"open sesame", None)
}

fn channel_open() -> Vec<u8> {
    open("session", 0, 1 << 20, 1 << 15)
}

#[test]
fn rfc4253_s6_2_the_directions_are_independent() {
    for lists in [["zlib@openssh.com", "none"], ["none", "zlib@openssh.com"], ["zlib@openssh.com", "zlib@openssh.com"]]
    {
        let mut by_hand = ByHand::log_in(lists);
        let negotiated = by_hand.open.as_ref().unwrap().negotiated().cloned().unwrap();
        let agreed = lists.map(|name| (name != "none").then_some(name));
        assert_eq!(agreed, [negotiated.client_to_server.compression, negotiated.server_to_client.compression]);
        let mut inflater = InflateState::new_boxed(DataFormat::Zlib);
        for _channel in 0..3 {
            match agreed[0] {
                Some(_) => by_hand.send_compressed(&channel_open()).unwrap(),
                None => by_hand.send(&channel_open()).unwrap(),
            }
            let mut answer = by_hand.seen.pop().unwrap();
            if agreed[1].is_some() {
                let mut expanded = vec![0; 100];
                let result = inflate(&mut inflater, &answer, &mut expanded, MZFlush::None);
                expanded.truncate(result.bytes_written);
                answer = expanded;
            }
            assert_eq!((answer[0], answer.len()), (number::CHANNEL_OPEN_CONFIRMATION, 17));
        }
    }
}

/// "a server selecting this method MUST compress the first packet after SSH_MSG_USERAUTH_SUCCESS and all subsequent
/// packets", a KEXINIT too.
#[test]
fn rfc4253_s6_2_a_key_exchange_that_is_due_with_success_begins_compressed() {
    // By its banner the server has said more than it heard: SUCCESS is its third packet.
    let mut by_hand = ByHand::start_with(["none", "zlib@openssh.com"], |config| {
        config.banner = Some("hello\n".to_owned());
        config.limits.rekey_packets = 3;
        config.limits.key_exchanges_before_login = 9;
    });
    let before = by_hand.seen.len();
    by_hand.send(&login()).unwrap();
    assert_eq!(by_hand.seen.len(), before + 2);
    assert_eq!(by_hand.seen[before], [number::USERAUTH_SUCCESS]);
    let mut expanded = vec![0; 10_000];
    let mut inflater = InflateState::new_boxed(DataFormat::Zlib);
    let result = inflate(&mut inflater, &by_hand.seen[before + 1], &mut expanded, MZFlush::None);
    assert!(result.bytes_written > 17, "{result:?}");
    assert_eq!(expanded[0], number::KEXINIT);
}

#[test]
fn nothing_is_expanded_before_the_login() {
    let mut by_hand = ByHand::start(["zlib@openssh.com", "none"]);
    // The first byte of every zlib stream is 0x78: number 120, which is for channels.
    let unexpected = PeerMisbehaved::UnexpectedMessage(MessageNumber(0x78));
    assert_eq!(by_hand.send_compressed(&login()), Err(Error::PeerMisbehaved(unexpected)));
    // And RFC 4253's own method, which would expand from the first NEWKEYS on, is not there.
    let mut config = algorithms();
    assert!(config.select_compression("zlib").is_err());
}

#[test]
fn rfc4253_s11_1_a_bomb_ends_the_connection() {
    for size in [300_000, 100 << 20] {
        let mut by_hand = ByHand::log_in(["zlib@openssh.com", "none"]);
        by_hand.send_compressed(&channel_open()).unwrap();
        let mut bomb = vec![number::IGNORE];
        bomb.resize(size, 0);
        let compressed = by_hand.deflate(&bomb);
        assert!(compressed.len() < 200_000);
        let result = by_hand.send(&compressed);
        by_hand.assert_ended(&result, Error::LimitReached(Limit::InflatedPayload));
    }
    // Just as much as any packet may hold is no bomb.
    let mut by_hand = ByHand::log_in(["zlib@openssh.com", "none"]);
    let mut payload = vec![number::IGNORE];
    payload.resize(256 * 1024, 0);
    by_hand.send_compressed(&payload).unwrap();
    by_hand.send_compressed(&channel_open()).unwrap();
    assert_eq!(by_hand.seen.last().unwrap()[0], number::CHANNEL_OPEN_CONFIRMATION);
}

#[test]
fn rfc4253_s11_1_what_cannot_be_expanded_ends_the_connection() {
    for garbage in [&b"no zlib at all"[..], &[0x78, 0x9c, 0xff, 0xff, 0xff], &channel_open()] {
        let mut by_hand = ByHand::log_in(["zlib@openssh.com", "none"]);
        let result = by_hand.send(garbage);
        by_hand.assert_ended(&result, Error::PeerMisbehaved(PeerMisbehaved::BadCompression));
    }
}

/// Whatever a peer may send, in every length.
#[test]
fn payloads_that_end_early_or_expand_to_nothing_do_not_panic() {
    let mut whole = ByHand::log_in(["zlib@openssh.com", "none"]);
    let compressed = whole.deflate(&channel_open());
    for end in 0..compressed.len() {
        let mut by_hand = ByHand::log_in(["zlib@openssh.com", "none"]);
        let _ = by_hand.send(&compressed[..end]);
    }
}
