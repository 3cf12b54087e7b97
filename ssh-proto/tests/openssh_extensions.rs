//! OpenSSH's extensions of the connection layer (its PROTOCOL): end of write, no more sessions, pings, sockets by name,
//! and the rotation of host keys.

mod pair;
mod peer;

use pair::messages::{self, global_request};
use pair::{Pair, Seen, Setup, rsa_key};
use peer::{Bench, Offer, Plays};
use ssh_proto::connected::{ClientOpen, PingError, ServerOpen};
use ssh_proto::error::{DisconnectReason, PeerMisbehaved};
use ssh_proto::keys::PrivateKey;
use ssh_proto::wire::{Put, number};
use ssh_proto::{
    ChannelRequest, Error, GlobalRequest, KeyBlobs, OpenFailureReason, Outcome, SendError, Stream, StreamLocalChannel,
    WantReply, X11Channel,
};

fn pair() -> Pair {
    let mut pair = Pair::connect(Setup::default()).unwrap();
    pair.run();
    pair.client.take();
    pair.server.take();
    pair
}

fn open(channel_type: &str, data: &[u8]) -> Vec<u8> {
    [&messages::open(channel_type, 0, 1 << 20, 1 << 15)[..], data].concat()
}

#[test]
fn s2_1_after_end_of_write_the_peer_sends_no_data_and_may_still_say_its_status() {
    let mut pair = pair();
    let (here, there) = pair.session();
    pair.server(|connection, now, out| connection.channel(there).send(Stream::Data, b"first", now, out)).unwrap();
    pair.run();
    pair.client(|connection, now, out| connection.channel(here).end_of_write(now, out)).unwrap();
    // Twice is once.
    pair.client(|connection, now, out| connection.channel(here).end_of_write(now, out)).unwrap();
    // Under way when it is said: dropped, with its credit returned.
    let window = pair.server(|connection, _, _| connection.channel(there).window());
    let large = vec![7; window as usize];
    pair.server(|connection, now, out| connection.channel(there).send(Stream::Data, &large, now, out)).unwrap();
    pair.run();
    assert_eq!(pair.client.data(here), b"first");
    assert!(pair.server(|connection, _, _| connection.channel(there).window()) > 0);
    let told: Vec<_> = pair.server.take_events().into_iter().filter(|seen| matches!(seen, Seen::Request(..))).collect();
    assert_eq!(told, [Seen::Request(there, "EndOfWrite".into())]);
    for stream in [Stream::Data, Stream::Stderr] {
        let sent = pair.server(|connection, now, out| connection.channel(there).send(stream, b"late", now, out));
        assert_eq!(sent, Err(SendError::Unwanted));
    }
    // The other direction, requests, EOF and CLOSE go on.
    pair.upload(here, b"still here");
    let status = ChannelRequest::ExitStatus(3);
    pair.server(|connection, now, out| connection.channel(there).request(&status, WantReply::No, now, out)).unwrap();
    pair.server(|connection, now, out| connection.channel(there).eof(now, out)).unwrap();
    pair.server(|connection, now, out| connection.channel(there).close(now, out)).unwrap();
    pair.run();
    assert_eq!(pair.server.data(there), b"still here");
    let seen = pair.client.take_events();
    assert!(seen.ends_with(&[Seen::Request(here, "ExitStatus(3)".into()), Seen::Eof(here), Seen::Closed(here)]));
}

#[test]
fn s2_1_end_of_write_is_sent_to_those_alone_that_understand_it() {
    for (software, expected) in [("OpenSSH_9.2p1", 1), ("sshrpc_9", 1), ("dropbear_2022.83", 0), ("libssh_0.10", 0)] {
        let mut bench = Bench::with(Plays::Client, Offer::default());
        bench.peer.identification = format!("SSH-2.0-{software}").into_bytes();
        let mut bench = bench.logged_in();
        bench.send(&open("session", b""));
        bench.take();
        let channel = bench.server_end().opened[0];
        bench.act(|connection, now, out| connection.channel(channel).end_of_write(now, out)).unwrap();
        assert_eq!(bench.take_numbers(), vec![number::CHANNEL_REQUEST; expected], "{software}");
        // Whoever was not told has its data dropped just the same.
        let mut data = vec![number::CHANNEL_DATA, 0, 0, 0, 0];
        data.put_string(b"unwanted");
        bench.server_end().take();
        bench.send(&data);
        assert_eq!(bench.server_end().take_events(), []);
    }
}

#[test]
fn s2_2_a_session_after_no_more_sessions_ends_the_connection() {
    for want_reply in [true, false] {
        let mut bench = Bench::with(Plays::Client, Offer::default()).logged_in();
        bench.send(&open("session", b""));
        bench.take();
        bench.send(&global_request("no-more-sessions@openssh.com", want_reply, b""));
        let answer: &[u8] = if want_reply { &[number::REQUEST_SUCCESS] } else { &[] };
        assert_eq!(bench.take_numbers(), answer);
        // Other channels are none of its business.
        let mut tcp = Vec::new();
        tcp.put_string(b"localhost");
        tcp.put_u32(80);
        tcp.put_string(b"127.0.0.1");
        tcp.put_u32(1);
        bench.send(&open("direct-tcpip", &tcp));
        assert_eq!(bench.take_numbers(), [number::CHANNEL_OPEN_CONFIRMATION]);
        bench.send(&open("session", b""));
        assert_eq!(bench.error, Some(Error::PeerMisbehaved(PeerMisbehaved::SessionAfterNoMore)));
        assert_eq!(bench.disconnect_reason(), Some(DisconnectReason::ProtocolError as u32));
    }
}

#[test]
fn s1_8_a_ping_is_answered_in_order_with_its_data() {
    for plays in [Plays::Client, Plays::Server] {
        let mut bench = Bench::with(plays, Offer::default()).logged_in();
        bench.take();
        for data in [&b""[..], b"one", &[0xff; 300]] {
            let mut ping = vec![number::PING];
            ping.put_string(data);
            bench.send(&ping);
            let mut pong = vec![number::PONG];
            pong.put_string(data);
            assert_eq!(bench.take(), [pong]);
        }
        // One that is malformed ends the connection.
        bench.send(&[number::PING, 0, 0, 0, 9]);
        assert!(matches!(bench.error, Some(Error::InvalidMessage(..))));
    }
}

#[test]
fn s1_8_a_ping_during_a_key_exchange_waits_for_its_end() {
    let mut bench = Bench::with(Plays::Client, Offer::default()).logged_in();
    bench.act(|connection, now, out| connection.rekey(now, out));
    bench.take();
    let mut ping = vec![number::PING];
    ping.put_string(b"patience");
    bench.send(&ping);
    assert!(bench.take().is_empty());
    bench.exchange_keys();
    let numbers = bench.take_numbers();
    let newkeys = numbers.iter().position(|&number| number == number::NEWKEYS).unwrap();
    let pong = numbers.iter().position(|&number| number == number::PONG).unwrap();
    assert!(pong > newkeys, "{numbers:?}");
}

#[test]
fn s1_8_a_client_pings_a_server_that_says_that_it_answers() {
    let mut pair = pair();
    pair.client(|connection, now, out| connection.ping(b"are you there?", now, out)).unwrap();
    pair.run();
    assert_eq!(pair.client.take_events(), [Seen::Pong(b"are you there?".to_vec())]);
    assert_eq!(pair.server.take_events(), []);

    let mut bench = Bench::with(Plays::Server, Offer::default()).logged_in();
    let end = bench.client_end();
    let refused = end.connection.ping(b"", Default::default(), &mut Vec::new());
    assert_eq!(refused, Err(PingError::NotOffered), "it did not say so");
}

#[test]
fn s2_4_sockets_by_name_both_ways() {
    let mut pair = pair();
    let socket = StreamLocalChannel { path: b"/run/a socket" };
    let there =
        r"DirectStreamLocal(StreamLocalChannel { path: [47, 114, 117, 110, 47, 97, 32, 115, 111, 99, 107, 101, 116] })";
    pair.client(|connection, now, out| connection.open(ClientOpen::DirectStreamLocal(socket), now, out)).unwrap();
    pair.run();
    assert_eq!(pair.server.take_events(), [Seen::Open(there.into())]);
    pair.client.take();
    let back = there.replace("Direct", "Forwarded");
    let x11 = X11Channel { originator: "127.0.0.1", originator_port: 4711 };
    let opens = [ServerOpen::ForwardedStreamLocal(socket), ServerOpen::X11(x11), ServerOpen::Agent];
    for (open, seen) in opens.into_iter().zip([back, format!("X11({x11:?})"), "Agent".to_owned()]) {
        pair.server(|connection, now, out| connection.open(open, now, out)).unwrap();
        pair.run();
        assert_eq!(pair.client.take_events(), [Seen::Open(seen)]);
    }
}

#[test]
fn channels_in_the_wrong_direction_are_refused_and_reach_nobody() {
    let mut socket = Vec::new();
    socket.put_string(b"/a");
    socket.put_string(b"");
    let mut x11 = Vec::new();
    x11.put_string(b"127.0.0.1");
    x11.put_u32(1);
    let direct = [&socket[..], &[0; 4]].concat();
    let wrong: [(Plays, &str, &[u8]); 4] = [
        (Plays::Server, "direct-streamlocal@openssh.com", &direct),
        (Plays::Client, "forwarded-streamlocal@openssh.com", &socket),
        (Plays::Client, "x11", &x11),
        (Plays::Client, "auth-agent@openssh.com", b""),
    ];
    for (plays, channel_type, data) in wrong {
        let mut bench = Bench::with(plays, Offer::default()).logged_in();
        bench.take();
        bench.send(&open(channel_type, data));
        let refusal = bench.take().remove(0);
        assert_eq!(refusal[0], number::CHANNEL_OPEN_FAILURE, "{channel_type}");
        assert_eq!(refusal[5..9], OpenFailureReason::ADMINISTRATIVELY_PROHIBITED.0.to_be_bytes());
    }
}

#[test]
fn requests_in_the_wrong_direction_are_refused_and_reach_nobody() {
    let mut keys = Vec::new();
    keys.put_string(b"a key");
    let mut path = Vec::new();
    path.put_string(b"/a");
    let wrong: [(Plays, &str, &[u8]); 6] = [
        (Plays::Server, "tcpip-forward", b"\0\0\0\0\0\0\0\0"),
        (Plays::Server, "cancel-tcpip-forward", b"\0\0\0\0\0\0\0\0"),
        (Plays::Server, "streamlocal-forward@openssh.com", &path),
        (Plays::Server, "no-more-sessions@openssh.com", b""),
        (Plays::Server, "hostkeys-prove-00@openssh.com", &keys),
        (Plays::Client, "hostkeys-00@openssh.com", &keys),
    ];
    for (plays, name, data) in wrong {
        let mut bench = Bench::with(plays, Offer::default()).logged_in();
        bench.take();
        bench.send(&global_request(name, true, data));
        assert_eq!(bench.take_numbers(), [number::REQUEST_FAILURE], "{name}");
        let seen = match plays {
            Plays::Client => bench.server_end().take_events(),
            Plays::Server => bench.client_end().take_events(),
        };
        assert_eq!(seen, [], "{name}");
    }
}

fn signature(connection: &ssh_proto::Connection<ssh_proto::Server>, key: &PrivateKey) -> Vec<u8> {
    let algorithm = connection.host_key_proof_algorithm(key.public()).unwrap();
    let mut wire = Vec::new();
    let mut rng = pair::rng(7);
    key.sign(algorithm, &connection.host_key_proof(key.public()), &mut *rng).unwrap().to_wire(&mut wire);
    wire
}

#[test]
fn s2_5_a_server_tells_its_host_keys_and_proves_them() {
    let mut setup = Setup::default();
    let (first, new) = (setup.server.host_keys.clone(), rsa_key());
    setup.server.host_keys.push(new.public().clone());
    let mut pair = Pair::connect(setup).unwrap();
    pair.run();
    pair.client.take();
    pair.server(|connection, now, out| connection.announce_host_keys(now, out)).unwrap();
    pair.run();
    let blobs = KeyBlobs::to_data(first.iter().chain([new.public()]).map(|key| key.blob()));
    let all = KeyBlobs::decode(&blobs).unwrap();
    assert_eq!(pair.client.take_events(), [Seen::GlobalRequest(format!("{:?}", GlobalRequest::HostKeys(all)))]);

    pair.server.habits.global_request = None;
    let asked = KeyBlobs::to_data([new.public().blob()]);
    let prove = GlobalRequest::HostKeysProve(KeyBlobs::decode(&asked).unwrap());
    let asked =
        pair.client(|connection, now, out| connection.global_request(&prove, WantReply::Yes, now, out)).unwrap();
    pair.run();
    let ticket = pair.server.global_requests.pop_front().unwrap();
    let proof = signature(&pair.server.connection, &new);
    let answer = KeyBlobs::to_data([&proof[..]]);
    pair.server(|connection, now, out| connection.reply_global(ticket, Some(&answer), now, out)).unwrap();
    pair.run();
    let Some(Seen::GlobalReply(id, Some(reply))) = pair.client.take_events().pop() else { panic!("no answer") };
    assert_eq!(id, asked);
    let signatures = KeyBlobs::decode(&reply).unwrap();
    let [signature] = signatures.iter().collect::<Vec<_>>()[..] else { panic!("one signature a key") };
    let connection = &pair.client.connection;
    assert_eq!(connection.check_host_key_proof(new.public(), signature), Ok(()));
    // Of another key, of another session, or touched: nothing.
    assert!(connection.check_host_key_proof(&first[0], signature).is_err());
    let mut touched = signature.to_vec();
    *touched.last_mut().unwrap() ^= 1;
    assert!(connection.check_host_key_proof(new.public(), &touched).is_err());
    assert!(connection.check_host_key_proof(new.public(), b"").is_err());
    // A key that the server does not have is signed by none.
    let stranger = PrivateKey::generate_ed25519(&mut *pair::rng(99));
    assert_eq!(pair.server.connection.host_key_proof_algorithm(stranger.public()), None);
}

#[test]
fn s2_5_a_proof_is_worth_nothing_in_another_session() {
    let key = rsa_key();
    let mut setups = [Setup::default(), Setup::default()];
    setups[1].client.software.push('x');
    let [one, other] = setups.map(|mut setup| {
        setup.server.host_keys.push(key.public().clone());
        Pair::connect(setup).unwrap()
    });
    let proof = signature(&one.server.connection, &key);
    assert_eq!(one.client.connection.check_host_key_proof(key.public(), &proof), Ok(()));
    assert!(other.client.connection.check_host_key_proof(key.public(), &proof).is_err());
}

#[test]
fn s2_2_the_core_itself_answers_no_more_sessions() {
    let mut pair = pair();
    pair.server.habits.global_request = Some(Outcome::Failure);
    let asked = pair
        .client(|connection, now, out| {
            connection.global_request(&GlobalRequest::NoMoreSessions, WantReply::Yes, now, out)
        })
        .unwrap();
    pair.run();
    assert_eq!(pair.client.take_events(), [Seen::GlobalReply(asked, Some(Vec::new()))]);
    assert_eq!(pair.server.take_events(), []);
}
