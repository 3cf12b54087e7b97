//! Requests and their answers.

use sshrpc::call::{CallError, CallNotSent, Failure, Success};
use sshrpc::extended::{ClientEvent, Destination, Limits, Request, ServerEvent, Undelivered};
use sshrpc::term::{Atom, Binary, Pid, Term, parse_call};

use super::pair::{Pair, call, term, value};

fn name(name: &str) -> Destination {
    Destination::Name(Atom::new(name).unwrap())
}

fn pid() -> Pid {
    Pid::new(Atom::new("n@h").unwrap(), 7, 0, 3)
}

#[test]
fn calls_are_answered_in_any_order() {
    for piece in [1, 2, 3, 7, usize::MAX] {
        let mut pair = Pair::with(Limits::DEFAULT, Limits::DEFAULT, piece);
        assert_eq!(pair.client.accepted().unwrap().node, Atom::new("n@h").unwrap());
        let first = pair.ask(call("a:b(1)"));
        let second = pair.ask(call("a:c([])"));
        let ((one, asked), (two, _)) = (pair.asked(), pair.asked());
        assert_eq!((asked, one.id(), two.id()), (call("a:b(1)"), first, second));
        pair.answer(two, value("{second,#{}}"));
        pair.answer(one, value("first"));
        assert_eq!(pair.answered(), (second, "{second,#{}}".to_owned()));
        assert_eq!(pair.answered(), (first, "first".to_owned()));
        assert_eq!((pair.client.next_event(), pair.client.unanswered()), (None, 0));
    }
}

#[test]
fn failures_keep_their_class() {
    let mut pair = Pair::new();
    let stack = term("[{a,b,1,[]}]");
    for failure in [
        Failure::throw(term("x")),
        Failure::exit(term("{y,1}")),
        Failure::Error { reason: term("badarith"), stack },
        Failure::erpc("timeout"),
    ] {
        let id = pair.ask(call("a:b(1)"));
        let (ticket, _) = pair.asked();
        pair.answer(ticket, Err(failure.clone()));
        let answer = ClientEvent::Answer { id, result: Err(CallError::Failed(failure)) };
        assert_eq!(pair.client.next_event(), Some(answer));
    }
}

#[test]
fn every_request_travels() {
    let mut pair = Pair::new();
    let call = parse_call("m:f(x)").unwrap();
    let (to, mailbox) = (Pid::new(Atom::new("n@h").unwrap(), 9, 1, 3), pid());
    for request in [
        Request::Cast { call },
        Request::Send { to: name("logger"), message: term("{hello,<<1,2>>}") },
        Request::Send { to: Destination::Pid(to.clone()), message: Term::NIL },
        Request::Close { mailbox: mailbox.clone(), reason: term("normal") },
        Request::Link { mailbox: mailbox.clone(), to: to.clone() },
        Request::Unlink { mailbox: mailbox.clone(), from: to.clone() },
        Request::Exit { mailbox, to, reason: term("kill") },
    ] {
        let id = pair.ask(request.clone());
        let (ticket, asked) = pair.asked();
        assert_eq!((ticket.id(), asked), (id, request));
        pair.answer(ticket, value("ok"));
        assert_eq!(pair.answered(), (id, "ok".to_owned()));
    }
    let id = pair.ask(Request::Ping);
    assert_eq!(pair.answered(), (id, "pong".to_owned()));
}

/// Opens this mailbox.
fn open(pair: &mut Pair, mailbox: Pid) {
    let id = pair.ask(Request::Mailbox);
    let (ticket, asked) = pair.asked();
    assert_eq!((ticket.id(), asked), (id, Request::Mailbox));
    pair.answer(ticket, Ok(Success::Value(mailbox.clone().into())));
    assert_eq!(pair.client.next_event(), Some(ClientEvent::Answer { id, result: Ok(mailbox.into()) }));
}

#[test]
fn a_mailbox_is_a_pid() {
    let mut pair = Pair::new();
    let id = pair.ask(Request::Mailbox);
    let (ticket, _) = pair.asked();
    pair.answer(ticket, value("ok"));
    let result = Err(CallError::BadReply(term("ok")));
    assert_eq!(pair.client.next_event(), Some(ClientEvent::Answer { id, result }));
}

#[test]
fn monitors_tell_once_and_not_when_they_are_given_up() {
    let mut pair = Pair::new();
    let monitors = [(); 2].map(|()| {
        let monitor = pair.ask(Request::Monitor { of: name("logger") });
        let (ticket, _) = pair.asked();
        pair.answer(ticket, value("ok"));
        pair.answered();
        monitor
    });
    let [kept, given_up] = monitors;
    pair.ask(Request::Demonitor { monitor: given_up });
    let (ticket, _) = pair.asked();
    pair.answer(ticket, value("ok"));
    pair.answered();
    for _twice in 0..2 {
        pair.server.down(kept, term("killed"));
        pair.server.down(given_up, term("killed"));
    }
    pair.settle();
    let down = ClientEvent::Down { monitor: kept, of: name("logger"), reason: term("killed") };
    assert_eq!((pair.client.next_event(), pair.client.next_event()), (Some(down), None));
}

#[test]
fn mailboxes_get_their_messages() {
    let mut pair = Pair::new();
    open(&mut pair, pid());
    pair.server.message_to(pid(), term("hello")).unwrap();
    pair.server.closed(pid(), term("system_limit"));
    pair.settle();
    let (mailbox, reason) = (pid(), term("system_limit"));
    let message = ClientEvent::Message { mailbox: mailbox.clone(), message: term("hello") };
    assert_eq!(pair.client.next_event(), Some(message));
    assert_eq!(pair.client.next_event(), Some(ClientEvent::Closed { mailbox, reason }));
    // It is no more.
    pair.server.message_to(pid(), term("late")).unwrap();
    pair.settle();
    assert_eq!(pair.client.next_event(), None);
}

#[test]
fn the_end_of_a_channel_closes_its_mailboxes() {
    let mut pair = Pair::new();
    open(&mut pair, pid());
    pair.client.end();
    let reason = term("noconnection");
    assert_eq!(pair.client.next_event(), Some(ClientEvent::Closed { mailbox: pid(), reason }));
}

#[test]
fn what_comes_for_somebody_who_has_gone_is_given_back() {
    let mut pair = Pair::new();
    let mailbox = pair.ask(Request::Mailbox);
    let monitor = pair.ask(Request::Monitor { of: name("logger") });
    pair.client.give_up(mailbox);
    pair.client.give_up(monitor);
    let ((one, _), (other, _)) = (pair.asked(), pair.asked());
    pair.answer(one, Ok(Success::Value(pid().into())));
    pair.answer(other, value("ok"));
    assert_eq!(pair.asked().1, Request::Close { mailbox: pid(), reason: term("normal") });
    assert_eq!(pair.asked().1, Request::Demonitor { monitor });
    assert_eq!(pair.client.next_event(), None);
}

#[test]
fn a_monitor_that_is_given_up_before_its_answer_leaves_nothing_behind() {
    let mut pair = Pair::new();
    let monitor = pair.ask(Request::Monitor { of: name("logger") });
    pair.ask(Request::Demonitor { monitor });
    let ((one, _), (other, _)) = (pair.asked(), pair.asked());
    pair.answer(one, value("ok"));
    pair.answer(other, value("ok"));
    pair.answered();
    pair.answered();
    pair.server.down(monitor, term("killed"));
    pair.settle();
    assert_eq!(pair.client.next_event(), None);
}

#[test]
fn messages_are_kept_back_while_too_much_waits() {
    let mut pair = Pair::new();
    open(&mut pair, pid());
    let message = Term::Binary(Binary::from(vec![0; 10_000]));
    let mut sent = 0;
    while pair.server.has_room_for_messages() {
        pair.server.message_to(pid(), message.clone()).unwrap();
        sent += 1;
    }
    assert!((2..20).contains(&sent), "{sent}");
    assert_eq!(pair.server.message_to(pid(), message.clone()), Err(Undelivered::Congested));
    pair.settle();
    pair.server.message_to(pid(), message).unwrap();
    let long = Term::Binary(Binary::from(vec![0; Limits::DEFAULT.message + 1]));
    assert_eq!(pair.server.message_to(pid(), long), Err(Undelivered::TooLong));
}

#[test]
fn a_cancelled_call_is_told_once_and_still_answered() {
    let mut pair = Pair::new();
    let id = pair.ask(call("timer:sleep(infinity)"));
    let (ticket, _) = pair.asked();
    for _twice in 0..2 {
        pair.client.cancel(id);
        pair.settle();
    }
    assert!(matches!(pair.server.next_event(), Some(ServerEvent::Cancel { id: of }) if of == id));
    assert!(pair.server.next_event().is_none());
    pair.answer(ticket, Err(Failure::exit(term("killed"))));
    assert_eq!(pair.answered().1, "exit: the function exited with killed\n  {'EXIT',killed}");
    // It is over: there is nothing to stop.
    pair.client.cancel(id);
    pair.settle();
    assert!(pair.server.next_event().is_none());
}

#[test]
fn of_a_call_that_was_given_up_nothing_is_heard() {
    let mut pair = Pair::new();
    let id = pair.ask(call("a:b(1)"));
    let (ticket, _) = pair.asked();
    pair.client.give_up(id);
    pair.settle();
    assert!(matches!(pair.server.next_event(), Some(ServerEvent::Cancel { .. })));
    pair.answer(ticket, value("late"));
    assert_eq!((pair.client.next_event(), pair.client.unanswered()), (None, 0));
}

#[test]
fn more_calls_than_the_node_takes_wait_for_their_turn() {
    let mut limits = Limits::DEFAULT;
    limits.calls = 2;
    let mut pair = Pair::with(Limits::DEFAULT, limits, usize::MAX);
    let ids: Vec<_> = (0..5).map(|_| pair.ask(call("a:b(1)"))).collect();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (ticket, _) = pair.asked();
        seen.push(ticket.id());
        assert_eq!(pair.client.unanswered(), 6 - seen.len());
        pair.answer(ticket, value("ok"));
    }
    // One that waits is cancelled without a word.
    assert_eq!(seen, ids[..3]);
    while pair.client.next_event().is_some() {}
    let (fourth, fifth) = (pair.asked().0, pair.asked().0);
    assert!(pair.server.next_event().is_none());
    pair.answer(fourth, value("ok"));
    pair.answer(fifth, value("ok"));
    assert_eq!(pair.client.unanswered(), 0);
}

#[test]
fn long_messages_hold_up_nothing_and_keep_their_line() {
    let long = Term::Binary(Binary::from(vec![7; 5_000_000]));
    let mut pair = Pair::new();
    let mut big = parse_call("a:big()").unwrap();
    big.args = vec![long.clone()];
    let request = Request::Call { call: big, options: Default::default() };
    let big_id = pair.client.request(request.clone()).unwrap();
    let to = name("logger");
    pair.client.request(Request::Send { to: to.clone(), message: long.clone() }).unwrap();
    pair.client.request(Request::Send { to, message: term("behind") }).unwrap();
    let small_id = pair.client.request(call("a:small()")).unwrap();
    // The small call leaves first, with the first parts of the long ones.
    let mut out = Vec::new();
    pair.client.fill(&mut out, 40_000);
    assert!(out.len() < 110_000, "{}", out.len());
    pair.serve(&out);
    assert_eq!(pair.asked().0.id(), small_id);
    pair.settle();
    let (ticket, asked) = pair.asked();
    assert_eq!((ticket.id(), asked == request), (big_id, true));
    let (_, Request::Send { message: first, .. }) = pair.asked() else { panic!("a message") };
    let (_, Request::Send { message: second, .. }) = pair.asked() else { panic!("a message") };
    assert!(first == long && second == term("behind"));
    pair.answer(ticket, Ok(long.clone().into()));
    assert!(matches!(pair.client.next_event(), Some(ClientEvent::Answer { result: Ok(value), .. }) if value == long));
}

#[test]
fn what_is_too_long_is_an_error_here_and_a_failure_there() {
    let mut limits = Limits::DEFAULT;
    limits.message = 100_000;
    let mut pair = Pair::with(limits, limits, usize::MAX);
    let long = Term::Binary(Binary::from(vec![7; 100_000]));
    let to = name("logger");
    let request = Request::Send { to, message: long.clone() };
    assert_eq!(pair.client.request(request), Err(CallNotSent::TooLong));
    let id = pair.ask(call("a:b(1)"));
    let (ticket, _) = pair.asked();
    pair.answer(ticket, Ok(long.into()));
    let explained = "system_limit: a limit of the node would be exceeded (in a:b/1)\n  \
                     {'EXIT',{system_limit,[{a,b,1,[]}]}}";
    assert_eq!(pair.answered(), (id, explained.to_owned()));
}

#[test]
fn what_was_not_answered_when_the_channel_ends_is_lost_once() {
    let mut pair = Pair::new();
    let watched = pair.ask(Request::Monitor { of: name("logger") });
    let (ticket, _) = pair.asked();
    pair.answer(ticket, value("ok"));
    pair.answered();
    let call_id = pair.ask(call("a:b(1)"));
    pair.client.end();
    pair.client.end();
    assert_eq!(pair.client.next_event(), Some(ClientEvent::Lost { monitor: watched }));
    let lost = ClientEvent::Answer { id: call_id, result: Err(CallError::Lost) };
    assert_eq!(pair.client.next_event(), Some(lost));
    assert_eq!(pair.client.next_event(), None);
    assert_eq!(pair.client.request(Request::Ping), Err(CallNotSent::Ended));
}

#[test]
fn a_server_ends_when_all_is_answered_and_sent() {
    let mut pair = Pair::new();
    pair.ask(call("a:b(1)"));
    let (ticket, _) = pair.asked();
    assert_eq!(pair.server.end(), None);
    assert!(!pair.server.is_finished());
    pair.server.answer(ticket, value("ok"));
    assert!(!pair.server.is_finished());
    pair.settle();
    assert!(pair.server.is_finished());
}
