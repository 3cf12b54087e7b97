//! Both sides do anything that they may, in any order, while the wire cuts what they say anywhere: neither may ever blame
//! the other, and whatever was sent arrives in order.

mod pair;

use std::collections::BTreeMap;
use std::time::Duration;

use pair::{End, Pair, Pieces, Seen, Setup, TestSide, rng};
use ssh_proto::connected::{ClientOpen, ServerOpen};
use ssh_proto::time::Instant;
use ssh_proto::{
    ChannelId, ChannelRequest, Client, GlobalRequest, OpenFailureReason, Outcome, Rng, Server, Stream, WantReply,
};

/// What one side has done with its channels.
#[derive(Debug, Default)]
struct Log {
    /// Everything that was sent on a channel.
    sent: BTreeMap<ChannelId, Vec<u8>>,
    live: Vec<ChannelId>,
    next: u8,
}

fn below(rng: &mut Rng, n: usize) -> usize {
    usize::try_from(rng.next_u32()).unwrap() % n
}

/// How a side opens channels.
trait Opens: TestSide {
    fn open() -> Self::Open<'static>;
}

impl Opens for Client {
    fn open() -> ClientOpen<'static> {
        ClientOpen::Session
    }
}

impl Opens for Server {
    fn open() -> ServerOpen<'static> {
        ServerOpen::Other { channel_type: "random@example.com", data: b"" }
    }
}

impl Log {
    /// Follows what happened since the last look, and consumes some of what came.
    fn follow<S: TestSide>(&mut self, end: &End<S>, from: usize) {
        for seen in &end.seen[from..] {
            match seen {
                Seen::Opened(id) => self.live.push(*id),
                Seen::Closed(id) => self.live.retain(|live| live != id),
                _ => {}
            }
        }
    }

    /// One thing that this side may do now.
    fn act<S: Opens>(&mut self, end: &mut End<S>, rng: &mut Rng, now: Instant, out: &mut Vec<u8>) {
        let channel = (!self.live.is_empty()).then(|| self.live[below(rng, self.live.len())]);
        let connection = &mut end.connection;
        match (below(rng, 16), channel) {
            (0, _) => drop(connection.open(S::open(), now, out)),
            (1, _) if below(rng, 4) == 0 => connection.rekey(now, out),
            (2, _) => drop(
                connection
                    .global_request(&GlobalRequest::Other { name: "x", data: b"y" }, WantReply::Yes, now, out)
                    .unwrap(),
            ),
            (3, _) => {
                if let Some(ticket) = end.opens.pop_front() {
                    if below(rng, 3) == 0 {
                        connection.reject(ticket, OpenFailureReason::CONNECT_FAILED, "", now, out).unwrap();
                    } else {
                        let mut options = connection.channel_options();
                        options.window = [0, 1, 1000, 1 << 20][below(rng, 4)];
                        options.maximum_packet = [30, 1000, 32 * 1024][below(rng, 3)];
                        self.live.push(connection.accept_with(ticket, options, now, out).unwrap());
                    }
                }
            }
            (4, _) if !end.requests.is_empty() => {
                let ticket = end.requests.remove(below(rng, end.requests.len())).unwrap();
                let outcome = if below(rng, 2) == 0 { Outcome::Success } else { Outcome::Failure };
                // The channel may be gone by now.
                let _ = connection.reply(ticket, outcome, now, out);
            }
            (5, _) if !end.global_requests.is_empty() => {
                let ticket = end.global_requests.remove(below(rng, end.global_requests.len())).unwrap();
                connection.reply_global(ticket, Some(b"z"), now, out).unwrap();
            }
            (6, Some(id)) if below(rng, 4) == 0 => connection.channel(id).eof(now, out).unwrap(),
            (7, Some(id)) if below(rng, 4) == 0 => {
                connection.channel(id).close(now, out).unwrap();
                self.live.retain(|live| *live != id);
            }
            (8, Some(id)) => {
                let request = [ChannelRequest::Shell, ChannelRequest::Signal { name: "HUP" }][below(rng, 2)];
                let reply = if below(rng, 2) == 0 { WantReply::Yes } else { WantReply::No };
                let _ = connection.channel(id).request(&request, reply, now, out);
            }
            (9, Some(id)) => {
                let _ = connection.channel(id).consume(rng.next_u32() % 3000, now, out);
            }
            (_, Some(id)) => {
                let block: Vec<u8> =
                    (0..below(rng, 5000)).map(|n| self.next.wrapping_add(n.to_be_bytes()[7])).collect();
                let stream = if below(rng, 4) == 0 { Stream::Stderr } else { Stream::Data };
                if let Ok(length) = connection.channel(id).send(stream, &block, now, out)
                    && stream == Stream::Data
                {
                    self.sent.entry(id).or_default().extend_from_slice(&block[..length]);
                    self.next = self.next.wrapping_add(1);
                }
            }
            _ => {}
        }
    }
}

fn pieces(rng: &mut Rng) -> Pieces {
    [Pieces::Whole, Pieces::Of(1), Pieces::Of(100), Pieces::Of(3000)][below(rng, 4)]
}

/// A run of one seed: nobody blames anybody, and what arrived is the beginning of what was sent.
fn run(seed: u64) -> Pair {
    let mut rng = rng(seed);
    let ciphers = ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes128-ctr", "aes256-cbc"];
    let setup = Setup { seed, ..Setup::default() }.cipher(ciphers[below(&mut rng, 4)]).limits(|limits| {
        limits.channels = 6;
        limits.window = 20_000;
        limits.rekey_bytes = 200_000;
        limits.output_high_water = 10_000;
        limits.pending_requests = 10_000;
        limits.keepalive_interval = Some(Duration::from_secs(60));
    });
    let mut pair = Pair::connect(setup).unwrap();
    for habits in [&mut pair.client.habits, &mut pair.server.habits] {
        (habits.open, habits.request, habits.global_request, habits.consume) = (None, None, None, false);
    }
    let (mut client, mut server) = (Log::default(), Log::default());
    for _ in 0..600 {
        pair.to_server.pieces = pieces(&mut rng);
        pair.to_client.pieces = pieces(&mut rng);
        let (from_client, from_server) = (pair.client.seen.len(), pair.server.seen.len());
        match below(&mut rng, 8) {
            0..=2 => {
                let mut out = Vec::new();
                client.act(&mut pair.client, &mut rng, pair.now, &mut out);
                pair.to_server.send(&mut out);
            }
            3..=5 => {
                let mut out = Vec::new();
                server.act(&mut pair.server, &mut rng, pair.now, &mut out);
                pair.to_client.send(&mut out);
            }
            6 => pair.now = pair.now.plus(Duration::from_millis(10)),
            _ => drop((0..below(&mut rng, 20)).take_while(|_| pair.turn()).count()),
        }
        assert_eq!((&pair.client.error, &pair.server.error), (&None, &None), "seed {seed}");
        client.follow(&pair.client, from_client);
        server.follow(&pair.server, from_server);
    }
    let (from_client, from_server) = (pair.client.seen.len(), pair.server.seen.len());
    (pair.to_server.pieces, pair.to_client.pieces) = (Pieces::Whole, Pieces::Whole);
    pair.run();
    client.follow(&pair.client, from_client);
    server.follow(&pair.server, from_server);
    let received = |end: Vec<(ChannelId, Vec<u8>)>, sent: &Log| {
        let mut blocks: Vec<_> = sent.sent.values().cloned().collect();
        for (_, data) in end {
            let whole = blocks.iter().position(|block| block.starts_with(&data));
            assert!(whole.is_some(), "seed {seed}: {} bytes came that were never sent so", data.len());
            blocks.remove(whole.unwrap());
        }
    };
    received(data(&pair.server.seen), &client);
    received(data(&pair.client.seen), &server);
    pair
}

/// All data of each channel, the longest first.
fn data(seen: &[Seen]) -> Vec<(ChannelId, Vec<u8>)> {
    let mut all: BTreeMap<ChannelId, Vec<u8>> = BTreeMap::new();
    for seen in seen {
        if let Seen::Data(id, Stream::Data, bytes) = seen {
            all.entry(*id).or_default().extend_from_slice(bytes);
        }
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|(_, data)| std::cmp::Reverse(data.len()));
    all
}

#[test]
fn whatever_both_sides_do_neither_blames_the_other() {
    let (mut exchanges, mut closed, mut replies, mut bytes) = (0, 0, 0, 0);
    for seed in 0..60 {
        let pair = run(seed);
        exchanges += pair.client.key_exchanges();
        closed += pair.client.seen.iter().filter(|seen| matches!(seen, Seen::Closed(_))).count();
        replies += pair.server.seen.iter().filter(|seen| matches!(seen, Seen::Reply(..))).count();
        bytes += data(&pair.server.seen).iter().map(|(_, data)| data.len()).sum::<usize>();
    }
    // The runs did something.
    assert!(
        exchanges > 100 && closed > 100 && replies > 100 && bytes > 1_500_000,
        "{exchanges} {closed} {replies} {bytes}"
    );
}

#[test]
fn a_seed_replays_byte_for_byte() {
    let (first, second) = (run(7), run(7));
    assert!(first.to_server.log == second.to_server.log && first.to_client.log == second.to_client.log);
    assert_eq!(first.client.seen, second.client.seen);
}
