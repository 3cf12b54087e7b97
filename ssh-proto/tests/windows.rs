//! Flow control, RFC 4254 §5.2: windows, packet sizes, and that one stalled channel holds up nothing else.

mod pair;
mod peer;

use pair::messages::{data, message, open};
use pair::{Pair, Pieces, Seen, Setup};
use peer::{Bench, Offer, Plays};
use ssh_proto::connected::ClientOpen;
use ssh_proto::error::PeerMisbehaved;
use ssh_proto::wire::{Put, Reader, number};
use ssh_proto::{ChannelId, Client, Connection, Error, SendError, Stream};

fn extended(code: u32, bytes: &[u8]) -> Vec<u8> {
    let mut payload = message(number::CHANNEL_EXTENDED_DATA, &[0, code]);
    payload.put_string(bytes);
    payload
}

/// A server that accepts a session with the peer's `window` and `maximum_packet`; its own window is `ours`.
fn server(ours: u32, window: u32, maximum_packet: u32) -> (Bench, ChannelId) {
    let mut config = Setup::default().server;
    config.limits.window = ours;
    let mut bench = Bench::server(config, Offer::default()).logged_in();
    bench.server_end().habits.consume = false;
    bench.send(&open("session", 0, window, maximum_packet));
    let answer = bench.take().remove(0);
    assert_eq!(answer, message(number::CHANNEL_OPEN_CONFIRMATION, &[0, 0, ours, 32 * 1024]));
    let id = bench.server_end().opened[0];
    bench.server_end().take();
    (bench, id)
}

fn send(bench: &mut Bench, id: ChannelId, stream: Stream, bytes: &[u8]) -> Result<usize, SendError> {
    bench.act(|connection, now, out| connection.channel(id).send(stream, bytes, now, out))
}

fn consume(bench: &mut Bench, id: ChannelId, length: u32) {
    bench.act(|connection, now, out| connection.channel(id).consume(length, now, out)).unwrap();
}

/// The lengths of the data strings that were sent.
fn lengths(bench: &mut Bench) -> Vec<usize> {
    let length = |payload: &Vec<u8>| {
        let skip = if payload[0] == number::CHANNEL_DATA { 5 } else { 9 };
        Reader::new(&payload[skip..]).string("data").unwrap().len()
    };
    bench.take().iter().map(length).collect()
}

#[test]
fn a_window_of_0_lets_nothing_through_until_it_is_adjusted_and_1_lets_1() {
    for window in [0, 1, 1000] {
        let (mut bench, id) = server(1000, window, 32 * 1024);
        let block = [7; 5000];
        assert_eq!(bench.act(|connection, _, _| connection.channel(id).window()), window);
        let sent = send(&mut bench, id, Stream::Data, &block);
        match window {
            0 => assert_eq!(sent, Err(SendError::Blocked)),
            _ => assert_eq!((sent, lengths(&mut bench)), (Ok(window as usize), vec![window as usize])),
        }
        assert_eq!(send(&mut bench, id, Stream::Stderr, &block), Err(SendError::Blocked), "both streams share it");
        assert_eq!(bench.server_end().take_events(), []);
        bench.send(&message(number::CHANNEL_WINDOW_ADJUST, &[0, 3]));
        assert_eq!(bench.server_end().take_events(), [Seen::Writable(id)], "once");
        assert_eq!((send(&mut bench, id, Stream::Data, &block), lengths(&mut bench)), (Ok(3), vec![3]));
        bench.send(&message(number::CHANNEL_WINDOW_ADJUST, &[0, 0]));
        assert_eq!(bench.server_end().take_events(), []);
    }
}

#[test]
fn each_channel_may_have_a_window_and_a_packet_size_of_its_own_whoever_opens_it() {
    let mut pair = Pair::connect(Setup::default()).unwrap();
    pair.server.habits.open = None;
    pair.server.habits.consume = false;
    let options = |window, maximum_packet| {
        let mut options = Pair::connect(Setup::default()).unwrap().client.connection.channel_options();
        (options.window, options.maximum_packet) = (window, maximum_packet);
        options
    };
    let open = |connection: &mut Connection<Client>, now, out: &mut Vec<u8>| {
        connection.open_with(ClientOpen::Session, options(5, 2), now, out)
    };
    let here = pair.client(open).unwrap();
    pair.run();
    let ticket = pair.server.opens.pop_front().unwrap();
    let there = pair.server(|connection, now, out| connection.accept_with(ticket, options(7, 3), now, out)).unwrap();
    pair.run();
    pair.client.take();
    pair.server.take();
    let sent = pair.client(|connection, now, out| connection.channel(here).send(Stream::Data, &[0; 100], now, out));
    assert_eq!(sent, Ok(7));
    let sent = pair.server(|connection, now, out| connection.channel(there).send(Stream::Data, &[0; 100], now, out));
    assert_eq!(sent, Ok(5));
    pair.run();
    let lengths = |seen: Vec<Seen>| -> Vec<usize> {
        let length = |seen: &Seen| if let Seen::Data(_, _, data) = seen { Some(data.len()) } else { None };
        seen.iter().filter_map(length).collect()
    };
    assert_eq!((lengths(pair.server.take()), lengths(pair.client.take())), (vec![3, 3, 1], vec![2, 2, 1]));
}

#[test]
fn rfc4254_s5_3_eof_and_close_need_no_window() {
    let (mut bench, id) = server(1000, 0, 1);
    bench.act(|connection, now, out| connection.channel(id).eof(now, out)).unwrap();
    bench.act(|connection, now, out| connection.channel(id).close(now, out)).unwrap();
    assert_eq!(bench.take_numbers(), [number::CHANNEL_EOF, number::CHANNEL_CLOSE]);
}

#[test]
fn a_window_of_2_to_the_32_less_1_is_honoured_and_not_one_more() {
    let (mut bench, id) = server(u32::MAX, u32::MAX, u32::MAX);
    assert_eq!(bench.act(|connection, _, _| connection.channel(id).window()), u32::MAX);
    assert_eq!(send(&mut bench, id, Stream::Data, &[1; 100]), Ok(100));
    bench.take();
    bench.send(&message(number::CHANNEL_WINDOW_ADJUST, &[0, 100]));
    assert_eq!(bench.error, None);
    // CVE-2025-54804.
    bench.send(&message(number::CHANNEL_WINDOW_ADJUST, &[0, 1]));
    assert_eq!(bench.error, Some(Error::PeerMisbehaved(PeerMisbehaved::WindowOverflow)));
}

#[test]
fn rfc4254_s5_2_no_data_string_is_longer_than_the_peers_maximum_packet_nor_than_ours() {
    for (maximum_packet, expected) in [(1, vec![1; 10]), (4, vec![4, 4, 2]), (u32::MAX, vec![10])] {
        let (mut bench, id) = server(1000, 1000, maximum_packet);
        assert_eq!((send(&mut bench, id, Stream::Data, &[0; 10]), lengths(&mut bench)), (Ok(10), expected.clone()));
        assert_eq!((send(&mut bench, id, Stream::Stderr, &[0; 10]), lengths(&mut bench)), (Ok(10), expected));
    }
    let (mut bench, id) = server(1000, 1 << 20, u32::MAX);
    assert_eq!(send(&mut bench, id, Stream::Data, &[0; 70_000]), Ok(70_000));
    assert_eq!(lengths(&mut bench), [32_768, 32_768, 4464]);
}

#[test]
fn cve_2026_59843_a_maximum_packet_of_0_is_refused() {
    let mut bench = Bench::with(Plays::Client, Offer::default()).logged_in();
    bench.send(&open("session", 0, 1000, 0));
    assert!(bench.take()[0].starts_with(&message(number::CHANNEL_OPEN_FAILURE, &[0, 2])));
    assert_eq!(bench.server_end().take_events(), []);
    let mut bench = Bench::with(Plays::Server, Offer::default()).logged_in();
    let now = bench.now;
    let mut out = Vec::new();
    bench.client_end().connection.open(ClientOpen::Session, now, &mut out).unwrap();
    bench.gather(&out);
    bench.send(&message(number::CHANNEL_OPEN_CONFIRMATION, &[0, 0, 1000, 0]));
    assert_eq!(bench.error, Some(Error::PeerMisbehaved(PeerMisbehaved::ZeroMaximumPacket)));
}

#[test]
fn rfc4254_s5_2_data_beyond_our_window_ends_the_connection() {
    for ours in [0, 1, 1000] {
        for stderr in [false, true] {
            let (mut bench, _) = server(ours, 1000, 1000);
            let fits = vec![1; ours as usize];
            bench.send(&if stderr { extended(1, &fits) } else { data(0, &fits) });
            assert_eq!(bench.error, None);
            bench.send(&if stderr { extended(1, b"x") } else { data(0, b"x") });
            assert_eq!(bench.error, Some(Error::PeerMisbehaved(PeerMisbehaved::WindowExceeded)));
        }
    }
}

#[test]
fn credit_returns_on_consume_and_never_more_than_came() {
    let (mut bench, id) = server(1000, 1000, 1000);
    bench.send(&data(0, &[1; 900]));
    assert!(bench.take().is_empty(), "receipt gives nothing back");
    consume(&mut bench, id, 600);
    assert_eq!(bench.take(), [message(number::CHANNEL_WINDOW_ADJUST, &[0, 600])]);
    consume(&mut bench, id, u32::MAX);
    assert!(bench.take().is_empty(), "300 are not worth a message");
    bench.send(&data(0, &[1; 700]));
    consume(&mut bench, id, 200);
    assert_eq!(bench.take(), [message(number::CHANNEL_WINDOW_ADJUST, &[0, 500])]);
    // 500 of 1000 are not consumed: what the peer may send is 500.
    bench.send(&data(0, &[1; 501]));
    assert_eq!(bench.error, Some(Error::PeerMisbehaved(PeerMisbehaved::WindowExceeded)));
}

#[test]
fn no_credit_is_given_to_a_peer_that_sends_no_more() {
    let (mut bench, id) = server(1000, 1000, 1000);
    bench.send(&data(0, &[1; 1000]));
    bench.send(&message(number::CHANNEL_EOF, &[0]));
    consume(&mut bench, id, 1000);
    assert!(bench.take().is_empty());
}

#[test]
fn rfc4254_s5_2_unknown_extended_data_is_dropped_and_its_credit_returned() {
    let (mut bench, _) = server(1000, 1000, 1000);
    for code in [0, 2, 7, u32::MAX] {
        bench.send(&extended(code, &[1; 600]));
        assert_eq!(bench.take(), [message(number::CHANNEL_WINDOW_ADJUST, &[0, 600])], "{code}");
    }
    assert_eq!(bench.server_end().take_events(), []);
}

#[test]
fn rfc4254_s5_2_empty_data_has_no_effect() {
    let (mut bench, id) = server(0, 0, 1);
    bench.send(&data(0, b""));
    bench.send(&extended(1, b""));
    assert_eq!((bench.server_end().take_events(), bench.take()), (vec![], vec![]));
    assert_eq!((send(&mut bench, id, Stream::Data, b""), bench.take()), (Ok(0), vec![]));
}

#[test]
fn megabytes_flow_both_ways_on_both_streams_through_small_windows_in_any_pieces() {
    for (window, pieces) in [(1, Pieces::Of(1000)), (1000, Pieces::Of(7)), (100_000, Pieces::Whole)] {
        let setup = Setup::default().pieces(pieces).limits(|limits| limits.window = window);
        let mut pair = Pair::connect(setup).unwrap();
        let (here, there) = pair.session();
        let block: Vec<u8> = (0..window * 5 + 3).map(|n| n.to_be_bytes()[3]).collect();
        pair.upload(here, &block);
        pair.download(there, &block);
        assert!(pair.server.data(there) == block && pair.client.data(here) == block);
        let mut sent = 0;
        while sent < block.len() {
            let send = |channel: &mut ssh_proto::Channel<'_, _>, now, out: &mut Vec<u8>| {
                channel.send(Stream::Stderr, &block[sent..], now, out)
            };
            sent += pair.server(|connection, now, out| send(&mut connection.channel(there), now, out)).unwrap_or(0);
            pair.run();
        }
        assert!(pair.client.stream(here, Stream::Stderr) == block);
    }
}

#[test]
fn a_stalled_channel_does_not_stall_another() {
    let mut pair = Pair::connect(Setup::default().limits(|limits| limits.window = 10_000)).unwrap();
    pair.server.habits.consume = false;
    let (stalled, stalled_there) = pair.session();
    let (free, free_there) = pair.session();
    let block = [9; 10_000];
    pair.client(|connection, now, out| connection.channel(stalled).send(Stream::Data, &[1; 20_000], now, out)).unwrap();
    pair.run();
    for _ in 0..100 {
        pair.server.take();
        let sent = pair.client(|connection, now, out| connection.channel(free).send(Stream::Data, &block, now, out));
        assert_eq!(sent, Ok(10_000));
        pair.run();
        assert_eq!(pair.server.data(free_there), block);
        pair.server(|connection, now, out| connection.channel(free_there).consume(10_000, now, out)).unwrap();
        pair.run();
    }
    pair.client.take();
    pair.server(|connection, now, out| connection.channel(stalled_there).consume(10_000, now, out)).unwrap();
    pair.run();
    assert_eq!(pair.client.take_events(), [Seen::Writable(stalled)]);
}

#[test]
fn a_busy_channel_leaves_room_for_others() {
    // The output has a high-water mark. Whoever is told first that there is room fills it: it must not always be the same.
    let mut config = Setup::default().server;
    config.limits.output_high_water = 10_000;
    let mut bench = Bench::server(config, Offer::default()).logged_in();
    for _ in 0..3 {
        bench.send(&open("session", 0, u32::MAX, 1000));
    }
    let ids = bench.server_end().opened.clone();
    let now = bench.now;
    let end = bench.server_end();
    let mut out = Vec::new();
    for &id in &ids {
        let _ = end.connection.channel(id).send(Stream::Data, &[0; 100_000], now, &mut out);
    }
    let mut told = [0; 3];
    for _ in 0..30 {
        // Each fills the output as soon as it may.
        out.clear();
        let mut input = ssh_proto::io::InputVec::with_capacity(40_000);
        let mut events = end.connection.process(now, &mut input, &mut out);
        while let Some(event) = events.next() {
            let (event, connection, out) = event.unwrap();
            if let ssh_proto::Event::Writable(id) = event {
                told[ids.iter().position(|&other| other == id).unwrap()] += 1;
                let _ = connection.channel(id).send(Stream::Data, &[0; 100_000], now, out);
            }
        }
    }
    assert!(told.iter().all(|&times| times >= 10), "{told:?}");
}

#[test]
fn a_peer_that_sends_and_never_reads_costs_a_bounded_amount() {
    let mut config = Setup::default().server;
    config.limits.output_high_water = 10_000;
    let mut bench = Bench::server(config, Offer::default()).logged_in();
    let mut request = vec![number::GLOBAL_REQUEST];
    request.put_string(b"anything");
    request.put_bool(true);
    let packets: Vec<u8> = (0..1000).flat_map(|_| bench.peer.seal(&request)).collect();
    let now = bench.now;
    let mut input = ssh_proto::io::InputVec::with_capacity(300 * 1024);
    input.extend(&packets);
    let mut out = Vec::new();
    let mut answered = 0;
    while answered < 1000 {
        let end = bench.server_end();
        let before = end.seen.len();
        let mut signer = pair::Signer::new(vec![], 0);
        end.process(now, &mut input, &mut out, &mut signer);
        assert!(out.len() < 10_000 + 100, "{}", out.len());
        let seen = end.seen.len() - before;
        assert!(seen > 0 && seen < 1000);
        answered += seen;
        // A second call with a full output does nothing.
        let full = out.len();
        end.process(now, &mut input, &mut out, &mut signer);
        assert!(out.len() == full || out.len() < 10_000 + 100);
        out.clear();
    }
    assert_eq!(answered, 1000);
}
