//! Channels, RFC 4254 §5 and §6: what is asked of them, how they end, and that they do not stay behind.

mod pair;
mod peer;

use pair::messages::{data, message, open, request};
use pair::{Pair, Pieces, Seen, Setup};
use peer::{Bench, Offer, Plays};
use ssh_proto::connected::{ClientOpen, ServerOpen};
use ssh_proto::error::{DisconnectReason, Limit, PeerMisbehaved};
use ssh_proto::wire::{Put, number};
use ssh_proto::{
    ChannelRequest, Error, GlobalRequest, OpenError, OpenFailureReason, Outcome, PtyRequest, SendError, Signal,
    StaleTicket, Stream, TcpChannel, WantReply, WindowSize, X11Request,
};

fn pair() -> Pair {
    let mut pair = Pair::connect(Setup::default()).unwrap();
    pair.client.take();
    pair.server.take();
    pair
}

fn server() -> Bench {
    Bench::with(Plays::Client, Offer::default()).logged_in()
}

fn client() -> Bench {
    Bench::with(Plays::Server, Offer::default()).logged_in()
}

/// A server with one session, number 0 on both sides.
fn server_with_session() -> Bench {
    let mut bench = server();
    bench.send(&open("session", 0, 1 << 20, 1 << 15));
    assert_eq!(bench.take_numbers(), [number::CHANNEL_OPEN_CONFIRMATION]);
    bench
}

fn misbehaved(bench: &Bench) -> PeerMisbehaved {
    match bench.error {
        Some(Error::PeerMisbehaved(blame)) => blame,
        ref other => panic!("{other:?}"),
    }
}

// ---- requests --------------------------------------------------------------------------------------------------------

#[test]
fn rfc4254_s6_every_request_round_trips() {
    let size = WindowSize { columns: 80, rows: 24, width: 640, height: 480 };
    let signal = Signal { name: "KILL", core_dumped: true, message: "caf\u{e9}".as_bytes() };
    let from_client = [
        ChannelRequest::Pty(PtyRequest { term: b"vt100", size, modes: &[53, 0, 0, 0, 1, 0] }),
        ChannelRequest::Pty(PtyRequest { term: b"", size: WindowSize::default(), modes: &[] }),
        ChannelRequest::Env { name: b"LANG", value: b"\xff\0" },
        ChannelRequest::WindowChange(size),
        ChannelRequest::Signal { name: "TERM" },
        ChannelRequest::Shell,
        ChannelRequest::X11(X11Request {
            single_connection: true,
            protocol: "MIT-MAGIC-COOKIE-1",
            cookie: "00",
            screen: 1,
        }),
        ChannelRequest::AgentForwarding,
        ChannelRequest::Break { length: 1000 },
        ChannelRequest::Other { name: "x@example.com", data: &[0, 0, 3, 232] },
    ];
    let from_server = [
        ChannelRequest::ExitStatus(7),
        ChannelRequest::ExitStatus(u32::MAX),
        ChannelRequest::ExitSignal(signal),
        ChannelRequest::XonXoff { client_can_do: true },
        ChannelRequest::EndOfWrite,
        ChannelRequest::Other { name: "x@example.com", data: b"" },
    ];
    for pieces in [Pieces::Whole, Pieces::Of(1)] {
        let mut pair = Pair::connect(Setup::default().pieces(pieces)).unwrap();
        let (here, there) = pair.session();
        for sent in &from_client {
            pair.server.take();
            let id = pair.ask(here, sent);
            pair.run();
            assert_eq!(pair.server.take_events(), [Seen::Request(there, format!("{sent:?}"))]);
            assert!(pair.client.take_events().contains(&Seen::Reply(here, id, Outcome::Success)));
        }
        for sent in &from_server {
            pair.server(|connection, now, out| connection.channel(there).request(sent, WantReply::No, now, out))
                .unwrap();
            pair.run();
            assert_eq!(pair.client.take_events(), [Seen::Request(here, format!("{sent:?}"))]);
        }
        assert_eq!(pair.server.take_events(), []);
    }
}

#[test]
fn rfc4254_s6_5_exec_and_subsystem_round_trip_and_a_channel_runs_one_program() {
    let programs = [
        ChannelRequest::Exec { command: b"lists:seq(1,5)." },
        ChannelRequest::Subsystem { name: "sshrpc@k2r.org" },
        ChannelRequest::Shell,
    ];
    for first in &programs {
        for second in &programs {
            let mut pair = pair();
            let (here, there) = pair.session();
            pair.server.take();
            let ids = [pair.ask(here, first), pair.ask(here, second)];
            pair.run();
            // The second one does not reach the caller.
            assert_eq!(pair.server.take_events(), [Seen::Request(there, format!("{first:?}"))]);
            let replies = [(ids[0], Outcome::Success), (ids[1], Outcome::Failure)];
            let replies = replies.map(|(id, outcome)| Seen::Reply(here, id, outcome));
            assert!(pair.client.take_events().ends_with(&replies));
        }
    }
}

#[test]
fn rfc4254_s6_5_a_program_that_was_refused_leaves_room_for_another() {
    for want_reply in [true, false] {
        let mut bench = server_with_session();
        bench.server_end().habits.request = Some(Outcome::Failure);
        let mut command = Vec::new();
        command.put_string(b"true");
        bench.send(&request(0, "exec", want_reply, &command));
        bench.send(&request(0, "exec", want_reply, &command));
        let asked = bench.server_end().take_events().len();
        assert_eq!(asked, 3, "one open, two requests");
        let answers = if want_reply { vec![number::CHANNEL_FAILURE; 2] } else { vec![] };
        assert_eq!(bench.take_numbers(), answers);
    }
}

#[test]
fn rfc4254_s5_4_want_reply_false_is_not_answered_and_any_other_byte_than_0_is_true() {
    let mut bench = server_with_session();
    bench.send(&request(0, "foo@example.com", false, b"x"));
    assert!(bench.take().is_empty());
    let mut odd = request(0, "foo@example.com", true, b"x");
    let at = odd.len() - 2;
    odd[at] = 0xff;
    bench.send(&odd);
    assert_eq!(bench.take(), [message(number::CHANNEL_SUCCESS, &[0])]);
    bench.server_end().habits.request = Some(Outcome::Failure);
    bench.send(&request(0, "bar@example.com", true, b""));
    assert_eq!(bench.take(), [message(number::CHANNEL_FAILURE, &[0])]);
    let names: Vec<_> = bench.server_end().take_events();
    assert!(format!("{names:?}").contains("foo@example.com"), "the caller's hook sees unknown requests");
}

#[test]
fn rfc4254_s5_4_answers_leave_in_the_order_of_their_requests_whenever_they_are_given() {
    let mut bench = server_with_session();
    bench.server_end().habits.request = None;
    for name in ["a", "b", "c", "d"] {
        bench.send(&request(0, name, name != "b", b""));
    }
    let mut tickets: Vec<_> = bench.server_end().requests.drain(..).collect();
    let (d, c, b, a) = (tickets.pop().unwrap(), tickets.pop().unwrap(), tickets.pop().unwrap(), tickets.pop().unwrap());
    assert!(!b.wants_reply());
    bench.act(|connection, now, out| connection.reply(d, Outcome::Failure, now, out)).unwrap();
    bench.act(|connection, now, out| connection.reply(c, Outcome::Success, now, out)).unwrap();
    bench.act(|connection, now, out| connection.reply(b, Outcome::Success, now, out)).unwrap();
    assert!(bench.take().is_empty());
    bench.act(|connection, now, out| connection.reply(a, Outcome::Success, now, out)).unwrap();
    assert_eq!(bench.take_numbers(), [number::CHANNEL_SUCCESS, number::CHANNEL_SUCCESS, number::CHANNEL_FAILURE]);
}

#[test]
fn a_refusal_by_the_core_waits_for_its_turn_too() {
    let mut bench = server_with_session();
    bench.server_end().habits.request = None;
    let mut command = Vec::new();
    command.put_string(b"true");
    bench.send(&request(0, "exec", true, &command));
    bench.send(&request(0, "exec", true, &command));
    assert!(bench.take().is_empty());
    let ticket = bench.server_end().requests.pop_front().unwrap();
    bench.act(|connection, now, out| connection.reply(ticket, Outcome::Success, now, out)).unwrap();
    assert_eq!(bench.take_numbers(), [number::CHANNEL_SUCCESS, number::CHANNEL_FAILURE]);
}

#[test]
fn rfc4254_s6_5_a_client_runs_nothing_for_a_server() {
    let mut pair = pair();
    let (_, there) = pair.session();
    pair.client.take();
    for program in [
        ChannelRequest::Exec { command: b"rm -rf /" },
        ChannelRequest::Shell,
        ChannelRequest::Subsystem { name: "sftp" },
        ChannelRequest::Env { name: b"LD_PRELOAD", value: b"x" },
        ChannelRequest::Pty(PtyRequest { term: b"", size: WindowSize::default(), modes: &[] }),
    ] {
        let id = pair
            .server(|connection, now, out| connection.channel(there).request(&program, WantReply::Yes, now, out))
            .unwrap();
        pair.run();
        assert_eq!(pair.client.take_events(), [], "{program:?}");
        assert!(pair.server.take_events().contains(&Seen::Reply(there, id, Outcome::Failure)));
    }
}

#[test]
fn cve_2026_39830_answers_that_nobody_asked_for_end_the_connection() {
    for number in [number::CHANNEL_SUCCESS, number::CHANNEL_FAILURE] {
        let mut bench = server_with_session();
        bench.send(&message(number, &[0]));
        assert_eq!(misbehaved(&bench), PeerMisbehaved::UnsolicitedReply);
    }
    for payload in [message(number::CHANNEL_OPEN_CONFIRMATION, &[0, 0, 9, 9]), {
        let mut failure = message(number::CHANNEL_OPEN_FAILURE, &[0, 1]);
        failure.put_string(b"");
        failure.put_string(b"");
        failure
    }] {
        let mut bench = server_with_session();
        bench.send(&payload);
        assert_eq!(misbehaved(&bench), PeerMisbehaved::UnsolicitedOpenAnswer);
    }
}

#[test]
fn a_peer_may_have_64_unanswered_requests_on_a_channel() {
    let mut bench = server_with_session();
    bench.server_end().habits.request = None;
    for _ in 0..64 {
        bench.send(&request(0, "x", true, b""));
    }
    assert_eq!(bench.error, None);
    // Requests that want no answer do not count.
    bench.send(&request(0, "x", false, b""));
    assert_eq!(bench.error, None);
    bench.send(&request(0, "x", true, b""));
    assert_eq!(bench.error, Some(Error::LimitReached(Limit::PendingRequests)));
}

// ---- end of file and close -------------------------------------------------------------------------------------------

#[test]
fn rfc4254_s5_3_after_eof_the_other_direction_and_requests_go_on() {
    let mut pair = pair();
    let (here, there) = pair.session();
    pair.client(|connection, now, out| connection.channel(here).eof(now, out)).unwrap();
    pair.run();
    assert!(pair.server.take_events().contains(&Seen::Eof(there)));
    let refused = pair.client(|connection, now, out| connection.channel(here).send(Stream::Data, b"more", now, out));
    assert_eq!(refused, Err(SendError::Closed));
    pair.download(there, b"still here");
    assert_eq!(pair.client.data(here), b"still here");
    let id = pair.ask(here, &ChannelRequest::Signal { name: "HUP" });
    pair.run();
    assert!(pair.client.take_events().contains(&Seen::Reply(here, id, Outcome::Success)));
    // Half-close the other way too: the channel is open still, for both may ask and answer.
    pair.server(|connection, now, out| connection.channel(there).eof(now, out)).unwrap();
    let status = ChannelRequest::ExitStatus(0);
    pair.server(|connection, now, out| connection.channel(there).request(&status, WantReply::No, now, out)).unwrap();
    pair.run();
    assert_eq!(pair.client.take_events(), [Seen::Eof(here), Seen::Request(here, format!("{status:?}"))]);
    pair.server(|connection, now, out| connection.channel(there).eof(now, out)).unwrap();
    assert!(pair.to_client.under_way.is_empty(), "EOF is sent once");
}

#[test]
fn rfc4254_s5_3_either_side_closes_and_both_at_once() {
    for (by_client, by_server) in [(true, false), (false, true), (true, true)] {
        let mut pair = pair();
        let (here, there) = pair.session();
        pair.client.take();
        pair.server.take();
        if by_client {
            pair.client(|connection, now, out| connection.channel(here).close(now, out)).unwrap();
        }
        if by_server {
            pair.server(|connection, now, out| connection.channel(there).close(now, out)).unwrap();
        }
        pair.run();
        assert_eq!(pair.client.take_events(), [Seen::Closed(here)]);
        assert_eq!(pair.server.take_events(), [Seen::Closed(there)]);
        // Nothing can be done with a channel that is gone, and nothing is sent.
        let mut out = Vec::new();
        let mut channel = pair.client.connection.channel(here);
        assert_eq!(channel.send(Stream::Data, b"x", pair.now, &mut out), Err(SendError::Closed));
        assert_eq!(channel.request(&ChannelRequest::Shell, WantReply::Yes, pair.now, &mut out), Err(SendError::Closed));
        assert_eq!((channel.window(), channel.consume(1, pair.now, &mut out)), (0, Ok(())));
        assert_eq!((channel.eof(pair.now, &mut out), channel.close(pair.now, &mut out)), (Ok(()), Ok(())));
        assert!(out.is_empty());
    }
}

#[test]
fn rfc4254_s5_3_all_data_before_close_arrives_and_close_is_answered_once() {
    let mut bench = server_with_session();
    bench.send(&data(0, b"last words"));
    bench.send(&message(number::CHANNEL_CLOSE, &[0]));
    assert_eq!(bench.take(), [message(number::CHANNEL_CLOSE, &[0])]);
    let seen = bench.server_end().take_events();
    assert!(matches!(&seen[1..], [Seen::Data(_, Stream::Data, words), Seen::Closed(_)] if words == b"last words"));
    bench.send(&message(number::CHANNEL_CLOSE, &[0]));
    assert_eq!(misbehaved(&bench), PeerMisbehaved::UnknownChannel);
}

#[test]
fn rfc4254_s5_3_nothing_is_sent_or_told_after_we_closed() {
    let mut bench = server_with_session();
    bench.server_end().habits.request = None;
    bench.send(&request(0, "a", true, b""));
    let id = bench.server_end().opened[0];
    bench.server_end().take();
    bench.act(|connection, now, out| connection.channel(id).close(now, out)).unwrap();
    bench.act(|connection, now, out| connection.channel(id).close(now, out)).unwrap();
    assert_eq!(bench.take(), [message(number::CHANNEL_CLOSE, &[0])]);
    // What the peer had under way.
    for payload in [
        data(0, b"late"),
        request(0, "late", true, b""),
        message(number::CHANNEL_WINDOW_ADJUST, &[0, 1]),
        message(number::CHANNEL_EOF, &[0]),
    ] {
        bench.send(&payload);
    }
    let ticket = bench.server_end().requests.pop_front().unwrap();
    let late = bench.act(|connection, now, out| connection.reply(ticket, Outcome::Success, now, out));
    assert_eq!(late, Err(StaleTicket));
    assert_eq!((bench.take(), bench.server_end().take_events()), (vec![], vec![]));
    bench.send(&message(number::CHANNEL_CLOSE, &[0]));
    assert!(bench.take().is_empty());
    assert_eq!(bench.server_end().take_events(), [Seen::Closed(id)]);
}

#[test]
fn cve_2026_59850_data_after_eof_or_close_ends_the_connection() {
    let late = [
        (data(0, b"x"), PeerMisbehaved::DataAfterEof),
        (
            {
                let mut extended = message(number::CHANNEL_EXTENDED_DATA, &[0, 1]);
                extended.put_string(b"x");
                extended
            },
            PeerMisbehaved::DataAfterEof,
        ),
        (message(number::CHANNEL_EOF, &[0]), PeerMisbehaved::DataAfterEof),
    ];
    for (payload, blame) in late {
        let mut bench = server_with_session();
        bench.send(&message(number::CHANNEL_EOF, &[0]));
        bench.send(&payload);
        assert_eq!(misbehaved(&bench), blame);
        let mut bench = server_with_session();
        bench.send(&message(number::CHANNEL_CLOSE, &[0]));
        bench.send(&payload);
        assert_eq!(misbehaved(&bench), PeerMisbehaved::UnknownChannel);
    }
}

#[test]
fn cve_2002_0083_messages_for_channels_that_are_not_open_end_the_connection() {
    for channel in [1, 127, 128, 12345, u32::MAX] {
        for payload in [
            data(channel, b"x"),
            request(channel, "exec", true, b"\0\0\0\0"),
            message(number::CHANNEL_WINDOW_ADJUST, &[channel, 1]),
            message(number::CHANNEL_EOF, &[channel]),
            message(number::CHANNEL_CLOSE, &[channel]),
            message(number::CHANNEL_SUCCESS, &[channel]),
            message(number::CHANNEL_FAILURE, &[channel]),
        ] {
            let mut bench = server_with_session();
            bench.send(&payload);
            assert_eq!(misbehaved(&bench), PeerMisbehaved::UnknownChannel);
            assert_eq!(bench.disconnect_reason(), Some(2));
        }
    }
}

#[test]
fn a_number_is_used_again_and_the_id_of_the_old_channel_is_worth_nothing() {
    let mut pair = pair();
    let (old, old_there) = pair.session();
    pair.server.habits.request = None;
    pair.ask(old, &ChannelRequest::Shell);
    pair.run();
    let stale = pair.server.requests.pop_front().unwrap();
    pair.client(|connection, now, out| connection.channel(old).close(now, out)).unwrap();
    pair.run();
    let (new, new_there) = pair.session();
    assert_eq!((old.number(), old_there.number()), (new.number(), new_there.number()));
    assert!(old != new && old_there != new_there);
    let mut out = Vec::new();
    let sent = pair.client.connection.channel(old).send(Stream::Data, b"x", pair.now, &mut out);
    assert_eq!(sent, Err(SendError::Closed));
    pair.client.connection.channel(old).close(pair.now, &mut out).unwrap();
    let reply = pair.server.connection.reply(stale, Outcome::Success, pair.now, &mut out);
    assert_eq!((reply, out), (Err(StaleTicket), vec![]));
    pair.upload(new, b"for the new one");
    assert_eq!(pair.server.data(new_there), b"for the new one");
}

// ---- opening ---------------------------------------------------------------------------------------------------------

#[test]
fn rfc4254_s7_2_forwarded_channels_open_and_carry_data_or_are_refused() {
    let tcp = TcpChannel { host: "example.com", port: 80, originator: "192.0.2.1", originator_port: 54321 };
    for accepts in [true, false] {
        let mut pair = pair();
        let habit = Some(if accepts { Outcome::Success } else { Outcome::Failure });
        (pair.server.habits.open, pair.client.habits.open) = (habit, habit);
        let here = pair.client(|connection, now, out| connection.open(ClientOpen::DirectTcpip(tcp), now, out)).unwrap();
        pair.run();
        assert_eq!(pair.server.take_events(), [Seen::Open(format!("DirectTcpip({tcp:?})"))]);
        let answer = |id| match accepts {
            true => Seen::Opened(id),
            false => Seen::OpenFailed(id, OpenFailureReason::UNKNOWN_CHANNEL_TYPE),
        };
        assert_eq!(pair.client.take_events(), [answer(here)]);
        let there =
            pair.server(|connection, now, out| connection.open(ServerOpen::ForwardedTcpip(tcp), now, out)).unwrap();
        pair.run();
        assert_eq!(pair.client.take_events(), [Seen::Open(format!("ForwardedTcpip({tcp:?})"))]);
        assert_eq!(pair.server.take_events(), [answer(there)]);
        if accepts {
            pair.upload(here, b"GET / HTTP/1.0");
            pair.download(there, b"200 OK");
            assert_eq!(pair.server.data(pair.server.opened[0]), b"GET / HTTP/1.0");
            assert_eq!(pair.client.data(pair.client.opened[0]), b"200 OK");
        }
    }
}

#[test]
fn channel_types_that_run_the_other_way_are_refused_unseen() {
    let mut tcp = Vec::new();
    tcp.put_string(b"h");
    tcp.put_u32(1);
    tcp.put_string(b"o");
    tcp.put_u32(2);
    // RFC 4254 s6.1: "Client implementations SHOULD reject any session channel open requests".
    let to_client = [(client(), "session", &[][..]), (client(), "direct-tcpip", &tcp)];
    for (mut bench, channel_type, rest) in to_client {
        bench.send(&[&open(channel_type, 7, 9, 9)[..], rest].concat());
        let answer = bench.take().pop().unwrap();
        assert!(answer.starts_with(&message(number::CHANNEL_OPEN_FAILURE, &[7, 1])), "{channel_type}");
        assert_eq!(bench.client_end().take_events(), []);
    }
    let mut bench = server();
    bench.send(&[&open("forwarded-tcpip", 7, 9, 9)[..], &tcp].concat());
    assert!(bench.take().pop().unwrap().starts_with(&message(number::CHANNEL_OPEN_FAILURE, &[7, 1])));
    assert_eq!(bench.server_end().take_events(), []);
}

#[test]
fn unknown_channel_types_reach_the_hook_with_their_data() {
    for plays in [Plays::Client, Plays::Server] {
        let mut bench = Bench::with(plays, Offer::default()).logged_in();
        bench.send(&[&open("agent@example.com", 3, 9, 9)[..], b"data"].concat());
        let seen = match plays {
            Plays::Client => bench.server_end().take_events(),
            Plays::Server => bench.client_end().take_events(),
        };
        let kind = r#"Other { channel_type: "agent@example.com", data: [100, 97, 116, 97] }"#;
        assert_eq!(seen, [Seen::Open(kind.into())]);
    }
}

#[test]
fn rfc4254_s5_1_the_recipient_of_the_answer_is_the_senders_number_whatever_it_is() {
    for sender in [0, 1, 0x8000_0000, u32::MAX] {
        let mut bench = server();
        bench.send(&open("session", sender, 9, 9));
        let confirmation = message(number::CHANNEL_OPEN_CONFIRMATION, &[sender, 0, 2 << 20, 32 * 1024]);
        assert_eq!(bench.take(), [confirmation]);
        bench.send(&request(0, "shell", true, b""));
        assert_eq!(bench.take(), [message(number::CHANNEL_SUCCESS, &[sender])]);
    }
}

#[test]
fn rfc4254_s5_1_the_129th_channel_is_refused_on_both_sides() {
    let mut pair = pair();
    for _ in 0..128 {
        pair.session();
    }
    let over = pair.client(|connection, now, out| connection.open(ClientOpen::Session, now, out));
    assert_eq!(over, Err(OpenError::TooManyChannels));
    let mut bench = server();
    for sender in 0..129 {
        bench.send(&open("session", sender, 9, 9));
    }
    let answers = bench.take();
    assert!(answers[..128].iter().all(|payload| payload[0] == number::CHANNEL_OPEN_CONFIRMATION));
    assert!(answers[128].starts_with(&message(number::CHANNEL_OPEN_FAILURE, &[128, 4])));
    // One goes, one comes.
    bench.send(&message(number::CHANNEL_CLOSE, &[77]));
    bench.send(&open("session", 200, 9, 9));
    let confirmation = message(number::CHANNEL_OPEN_CONFIRMATION, &[200, 77, 2 << 20, 32 * 1024]);
    assert_eq!(bench.take()[1], confirmation);
}

#[test]
fn cve_2026_39827_refused_opens_leave_nothing_behind() {
    let mut bench = server();
    bench.server_end().habits.open = Some(Outcome::Failure);
    for sender in 0..10_000 {
        bench.send(&open("session", sender, 9, 9));
    }
    bench.server_end().habits.open = Some(Outcome::Success);
    bench.take();
    bench.send(&open("session", 0, 9, 9));
    assert_eq!(bench.take(), [message(number::CHANNEL_OPEN_CONFIRMATION, &[0, 0, 2 << 20, 32 * 1024])]);
    assert!(format!("{:?}", bench.server_end().connection).len() < 10_000);
    let mut pair = pair();
    pair.server.habits.open = Some(Outcome::Failure);
    for _ in 0..1000 {
        pair.client(|connection, now, out| connection.open(ClientOpen::Session, now, out)).unwrap();
        pair.run();
    }
    assert!(format!("{:?}", pair.client.connection).len() < 10_000);
}

#[test]
fn a_thousand_channels_one_after_another_leave_nothing_behind() {
    let mut pair = pair();
    for _ in 0..1000 {
        let (here, _) = pair.session();
        pair.ask(here, &ChannelRequest::Shell);
        pair.client(|connection, now, out| connection.channel(here).close(now, out)).unwrap();
        pair.run();
        pair.client.take();
        pair.server.take();
    }
    for size in [format!("{:?}", pair.client.connection).len(), format!("{:?}", pair.server.connection).len()] {
        assert!(size < 10_000, "{size}");
    }
}

#[test]
fn a_channel_that_is_closed_before_it_opens_is_closed_as_soon_as_it_does() {
    for accepts in [true, false] {
        let mut pair = pair();
        pair.server.habits.open = Some(if accepts { Outcome::Success } else { Outcome::Failure });
        let here = pair.client(|connection, now, out| connection.open(ClientOpen::Session, now, out)).unwrap();
        let request = ChannelRequest::Shell;
        let mut out = Vec::new();
        let mut channel = pair.client.connection.channel(here);
        assert_eq!(channel.request(&request, WantReply::No, pair.now, &mut out), Err(SendError::Closed));
        channel.close(pair.now, &mut out).unwrap();
        assert!(out.is_empty());
        pair.run();
        assert_eq!(pair.client.take_events(), [Seen::Closed(here)]);
        let told = pair.server.take_events();
        assert_eq!(told.iter().filter(|seen| matches!(seen, Seen::Closed(_))).count(), usize::from(accepts));
    }
}

#[test]
fn an_open_that_waits_for_its_answer_can_be_answered_later_or_closed() {
    let mut bench = server();
    bench.server_end().habits.open = None;
    for sender in [5, 6, 7] {
        bench.send(&open("session", sender, 9, 9));
    }
    // The peer cannot use them before.
    let tickets: Vec<_> = bench.server_end().opens.drain(..).collect();
    let [first, second, third] = <[_; 3]>::try_from(tickets).unwrap();
    let reason = OpenFailureReason::CONNECT_FAILED;
    bench.act(|connection, now, out| connection.reject(third, reason, "later", now, out)).unwrap();
    bench.act(|connection, now, out| connection.accept(second, now, out)).unwrap();
    let id = first.channel();
    bench.act(|connection, now, out| connection.channel(id).close(now, out)).unwrap();
    let late = bench.act(|connection, now, out| connection.accept(first, now, out));
    assert_eq!(late, Err(StaleTicket));
    let answers = bench.take();
    assert!(answers[0].starts_with(&message(number::CHANNEL_OPEN_FAILURE, &[7, 2])));
    assert!(answers[1].starts_with(&message(number::CHANNEL_OPEN_CONFIRMATION, &[6, 1])));
    assert!(answers[2].starts_with(&message(number::CHANNEL_OPEN_FAILURE, &[5, 1])));
}

#[test]
fn data_for_a_channel_that_nobody_accepted_ends_the_connection() {
    let mut bench = server();
    bench.server_end().habits.open = None;
    bench.send(&open("session", 0, 9, 9));
    bench.send(&data(0, b"early"));
    assert_eq!(misbehaved(&bench), PeerMisbehaved::UnknownChannel);
}

// ---- the connection's end --------------------------------------------------------------------------------------------

#[test]
fn rfc4253_s11_1_nothing_is_sent_after_disconnect() {
    let mut bench = server();
    bench.server_end().habits.open = None;
    bench.send(&open("session", 5, 9, 9));
    bench.send(&open("session", 6, 9, 9));
    let id =
        bench.act(|connection, now, out| connection.open(ServerOpen::Other { channel_type: "x", data: b"" }, now, out));
    let mut request_data = vec![number::GLOBAL_REQUEST];
    request_data.put_string(b"x");
    request_data.put_bool(true);
    bench.server_end().habits.global_request = None;
    bench.send(&request_data);
    bench.take();
    bench.send(&data(99, b"an error"));
    let end = bench.error.clone().expect("an error");
    assert_eq!(bench.take_numbers(), [number::DISCONNECT]);
    let mut out = Vec::new();
    let now = bench.now;
    let side = bench.server_end();
    let (first, second) = (side.opens.pop_front().unwrap(), side.opens.pop_front().unwrap());
    let global = side.global_requests.pop_front().unwrap();
    let connection = &mut side.connection;
    assert_eq!(connection.accept(first, now, &mut out), Err(StaleTicket));
    assert_eq!(connection.reject(second, OpenFailureReason::CONNECT_FAILED, "", now, &mut out), Err(StaleTicket));
    assert_eq!(connection.reply_global(global, None, now, &mut out), Err(end.clone()));
    assert_eq!(connection.global_request(&GlobalRequest::Keepalive, WantReply::Yes, now, &mut out), Err(end.clone()));
    assert_eq!(connection.handle_timeout(now, &mut out), Err(end.clone()));
    let open = connection.open(ServerOpen::Other { channel_type: "x", data: b"" }, now, &mut out);
    assert_eq!(open, Err(OpenError::Ended(end.clone())));
    connection.rekey(now, &mut out);
    let mut channel = connection.channel(id.unwrap());
    assert_eq!(channel.send(Stream::Data, b"x", now, &mut out), Err(SendError::Closed));
    assert_eq!(channel.eof(now, &mut out), Err(end.clone()));
    assert_eq!(channel.close(now, &mut out), Err(end));
    assert!(out.is_empty());
}

#[test]
fn rfc4253_s11_1_a_disconnect_reaches_the_other_side_with_its_reason_and_its_words() {
    let mut pair = pair();
    let mut out = Vec::new();
    let words = "good \u{1b}[2Jbye";
    pair.client.connection.disconnect(DisconnectReason::ByApplication, words, &mut out);
    pair.to_server.send(&mut out);
    pair.to_server.deliver();
    let mut out = Vec::new();
    pair.server.process(pair.now, &mut pair.to_server.input, &mut out, &mut pair.signer);
    let Some(Error::Disconnected(said)) = &pair.server.error else { panic!("{:?}", pair.server.error) };
    assert_eq!((said.reason, said.description.as_str()), (11, "good [2Jbye"));
    assert!(out.is_empty(), "a DISCONNECT is not answered");
}
