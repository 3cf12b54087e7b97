//! Mailboxes of clients on a node: processes that stand for them.
#![cfg(feature = "std")]

#[expect(dead_code, reason = "its node has processes")]
mod pair;

use pair::{key, log_in};
use sshrpc::acl::{Acl, Kind, Otherwise, Policy, Rule};
use sshrpc::call::{CallError, Failure};
use sshrpc::client::{Error, Mailbox, Mode, SUBSYSTEM};
use sshrpc::extended::{self, ClientEvent, Destination, Limits, Request};
use sshrpc::process::{MailboxLimits, Processes, SendError, SpawnOptions};
use sshrpc::term::{Atom, Binary, Pid};
use sshrpc::{Client, Node, Term};
use tokio::io::AsyncWriteExt;

/// A client of a node without rules, and the node's processes.
async fn node() -> (Client, Processes) {
    node_with(Acl::default()).await
}

async fn node_with(acl: Acl) -> (Client, Processes) {
    let processes = Processes::new(Atom::new("shop@example").unwrap());
    let key = key();
    let node = Node::builder().processes(processes.clone()).acl(acl).authorized_key(key.public().clone());
    (log_in(node, key, Mode::Subsystem).await, processes)
}

fn term(text: &str) -> Term {
    text.parse().unwrap()
}

/// The reason why no message comes any more.
async fn closed(mailbox: &mut Mailbox) -> Term {
    match mailbox.recv().await {
        Err(closed) => closed.reason,
        Ok(message) => panic!("{message}"),
    }
}

/// `{'EXIT',Pid,Reason}`
fn exit(pid: &Pid, reason: &str) -> Term {
    Term::tuple([Term::atom("EXIT"), pid.clone().into(), term(reason)])
}

fn failure<T: std::fmt::Debug>(result: Result<T, Error>) -> Failure {
    match result {
        Err(Error::Call(CallError::Failed(failure))) => failure,
        other => panic!("{other:?}"),
    }
}

/// A process that waits for its end.
fn waiting(processes: &Processes, options: SpawnOptions) -> Pid {
    let body = |_mailbox| core::future::pending();
    processes.spawn_with(options, body).unwrap()
}

fn end_of(processes: &Processes, pid: &Pid) -> sshrpc::process::Monitor {
    processes.monitor(&pid.clone().into())
}

#[tokio::test]
async fn messages_come_in_the_order_in_which_they_were_sent() {
    let (client, processes) = node().await;
    let mut mailbox = client.mailbox().await.unwrap();
    // A long one travels in parts, and the ones behind it wait for it.
    let long = Term::Binary(Binary::from(vec![7; 1 << 20]));
    let to = Destination::from(mailbox.pid().clone());
    for message in [term("1"), long.clone(), term("2"), term("3")] {
        processes.send(&to, message).unwrap();
    }
    for message in [term("1"), long, term("2"), term("3")] {
        assert_eq!(mailbox.recv().await, Ok(message));
    }
}

#[tokio::test]
async fn a_client_sends_to_its_own_mailbox_and_to_that_of_another() {
    let (client, _processes) = node().await;
    let (mut one, mut other) = (client.mailbox().await.unwrap(), client.mailbox().await.unwrap());
    assert_ne!(one.pid(), other.pid());
    client.send(one.pid().clone(), term("mine")).await.unwrap();
    client.send(other.pid().clone(), term("yours")).await.unwrap();
    assert_eq!(other.recv().await, Ok(term("yours")));
    assert_eq!(one.recv().await, Ok(term("mine")));
}

#[tokio::test]
async fn a_mailbox_ends_with_its_owner() {
    let (client, processes) = node().await;
    let mailbox = client.mailbox().await.unwrap();
    let watch = end_of(&processes, mailbox.pid());
    drop(mailbox);
    assert_eq!(watch.await, term("normal"));

    let mailbox = client.mailbox().await.unwrap();
    let watch = end_of(&processes, mailbox.pid());
    mailbox.close(term("{shutdown,enough}")).await.unwrap();
    assert_eq!(watch.await, term("{shutdown,enough}"));

    let mut mailbox = client.mailbox().await.unwrap();
    let watch = end_of(&processes, mailbox.pid());
    client.close().await;
    assert_eq!(watch.await, term("noconnection"));
    assert_eq!(closed(&mut mailbox).await, term("noconnection"));
}

#[tokio::test]
async fn a_mailbox_that_nobody_waits_for_any_more_is_given_back() {
    let (client, processes) = node().await;
    for polls in 0..20 {
        let mut asked = Box::pin(client.mailbox());
        for _ in 0..polls {
            if poll_once(asked.as_mut()).await {
                break;
            }
        }
    }
    // What was asked before this is answered before this, and given back behind it.
    while !processes.processes().is_empty() {
        client.ping().await.unwrap();
    }
}

/// Polls once, and lets others run; whether it is ready.
async fn poll_once(future: std::pin::Pin<&mut impl Future>) -> bool {
    let mut future = future;
    let ready = std::future::poll_fn(|task| std::task::Poll::Ready(future.as_mut().poll(task).is_ready())).await;
    tokio::task::yield_now().await;
    ready
}

#[tokio::test]
async fn links_carry_exit_signals_both_ways() {
    let (client, processes) = node().await;
    let mut mailbox = client.mailbox().await.unwrap();

    let theirs = waiting(&processes, SpawnOptions::new());
    mailbox.link(&theirs).await.unwrap();
    assert_eq!(processes.info(&theirs).unwrap().links, [mailbox.pid().clone()]);
    processes.exit(&theirs, &theirs, term("boom"));
    assert_eq!(mailbox.recv().await, Ok(exit(&theirs, "boom")));

    let theirs = waiting(&processes, SpawnOptions::new());
    mailbox.link(&theirs).await.unwrap();
    mailbox.unlink(&theirs).await.unwrap();
    assert!(processes.info(&theirs).unwrap().links.is_empty());
    mailbox.link(&theirs).await.unwrap();
    let watch = end_of(&processes, &theirs);
    mailbox.close(term("over")).await.unwrap();
    assert_eq!(watch.await, term("over"));

    let mut mailbox = client.mailbox().await.unwrap();
    mailbox.link(&theirs).await.unwrap();
    assert_eq!(mailbox.recv().await, Ok(exit(&theirs, "noproc")));
}

#[tokio::test]
async fn a_connection_that_breaks_takes_linked_processes_with_it() {
    let (client, processes) = node().await;
    let mailbox = client.mailbox().await.unwrap();
    let theirs = waiting(&processes, SpawnOptions::new());
    mailbox.link(&theirs).await.unwrap();
    let watch = end_of(&processes, &theirs);
    client.close().await;
    assert_eq!(watch.await, term("noconnection"));
}

#[tokio::test]
async fn exit_signals_come_from_the_mailbox() {
    let (client, processes) = node().await;
    let mailbox = client.mailbox().await.unwrap();
    let mut trapping = processes.open_mailbox();
    mailbox.exit(trapping.pid(), term("please")).await.unwrap();
    assert_eq!(trapping.recv().await, Ok(exit(mailbox.pid(), "please")));

    let theirs = waiting(&processes, SpawnOptions::new());
    let watch = end_of(&processes, &theirs);
    mailbox.exit(&theirs, term("kill")).await.unwrap();
    assert_eq!(watch.await, term("killed"));
    // To one that is gone.
    mailbox.exit(&theirs, term("kill")).await.unwrap();
}

#[tokio::test]
async fn a_mailbox_that_is_killed_says_so() {
    let (client, processes) = node().await;
    let mut mailbox = client.mailbox().await.unwrap();
    let other = processes.open_mailbox();
    other.exit(mailbox.pid(), term("please"));
    assert_eq!(mailbox.recv().await, Ok(exit(other.pid(), "please")));
    other.exit(mailbox.pid(), term("kill"));
    assert_eq!(closed(&mut mailbox).await, term("killed"));
    assert_eq!(failure(mailbox.link(other.pid()).await), Failure::of("badarg"));
}

#[tokio::test]
async fn a_mailbox_that_nobody_reads_ends_and_holds_up_nobody() {
    let (client, processes) = node().await;
    let mut unread = client.mailbox_with(MailboxLimits::new(10, 1 << 20)).await.unwrap();
    let mut read = client.mailbox().await.unwrap();
    let watch = end_of(&processes, unread.pid());
    for number in 0..20 {
        processes.send(&unread.pid().clone().into(), Term::from(number)).unwrap();
        processes.send(&read.pid().clone().into(), Term::from(number)).unwrap();
    }
    for number in 0..20 {
        assert_eq!(read.recv().await, Ok(Term::from(number)));
    }
    // Not before the node has read that it is to end.
    client.ping().await.unwrap();
    assert_eq!(watch.await, term("system_limit"));
    for number in 0..10 {
        assert_eq!(unread.recv().await, Ok(Term::from(number)));
    }
    assert_eq!(closed(&mut unread).await, term("system_limit"));
}

#[tokio::test]
async fn who_sends_to_a_client_that_does_not_read_is_refused() {
    let (client, processes) = node().await;
    let mut mailbox = client.mailbox().await.unwrap();
    let to = Destination::from(mailbox.pid().clone());
    // Nobody moves the channel, until one message finds no room in the mailbox, nor on the way.
    let message = Term::Binary(Binary::from(vec![0; 1 << 20]));
    let mut sent = 0_u64;
    let refused = loop {
        let numbered = Term::tuple([sent.into(), message.clone()]);
        match processes.send(&to, numbered) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
        assert!(sent < 1000, "nothing holds it up");
    };
    assert_eq!(refused, SendError::Full(mailbox.pid().clone()));
    for number in 0..sent {
        let received = mailbox.recv().await.unwrap();
        assert_eq!(received.as_tuple().map(|pair| &pair[0]), Some(&Term::from(number)));
    }
    // And there is room again.
    processes.send(&to, term("last")).unwrap();
    assert_eq!(mailbox.recv().await, Ok(term("last")));
}

#[tokio::test]
async fn mailboxes_are_limited_in_number() {
    let (client, _processes) = node().await;
    let mut mailboxes = Vec::new();
    let error = loop {
        match client.mailbox().await {
            Ok(mailbox) => mailboxes.push(mailbox),
            error => break failure(error),
        }
    };
    assert_eq!((error, mailboxes.len()), (Failure::erpc("system_limit"), 1024));
    mailboxes.pop();
    // It is closed before the next one is asked for.
    mailboxes.push(client.mailbox().await.unwrap());
}

#[tokio::test]
async fn monitors_are_limited_in_number() {
    let (client, processes) = node().await;
    let theirs = waiting(&processes, SpawnOptions::new());
    let mut watches = Vec::new();
    let error = loop {
        match client.monitor(theirs.clone()).await {
            Ok(watch) => watches.push(Box::pin(watch)),
            Err(Error::Call(CallError::Failed(failure))) => break failure,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!((error, watches.len()), (Failure::erpc("system_limit"), 4096));
    watches.pop();
    watches.push(Box::pin(client.monitor(theirs.clone()).await.unwrap()));
    processes.exit(&theirs, &theirs, term("kill"));
    for watch in watches {
        assert_eq!(watch.await.unwrap(), term("killed"));
    }
}

#[tokio::test]
async fn links_and_exit_signals_need_leave() {
    let pids = || vec!["<*>".parse().unwrap()];
    let rules = vec![
        Rule::allow(pids()).operations(vec![Kind::Exit]).dangerous().max_size(100),
        // Without `dangerous`, no wildcard links.
        Rule::allow(pids()).operations(vec![Kind::Link]),
    ];
    let (client, processes) = node_with(Acl::new(Policy::new(rules).otherwise(Otherwise::Deny))).await;
    let mailbox = client.mailbox().await.unwrap();
    let theirs = waiting(&processes, SpawnOptions::new());
    assert_eq!(failure(mailbox.link(&theirs).await), Failure::erpc("notsup"));
    let long = Term::Binary(Binary::from(vec![0; 200]));
    assert_eq!(failure(mailbox.exit(&theirs, long).await), Failure::erpc("system_limit"));
    assert!(processes.is_alive(&theirs));
    let watch = end_of(&processes, &theirs);
    mailbox.exit(&theirs, term("go")).await.unwrap();
    assert_eq!(watch.await, term("go"));
}

/// A channel of its own on the same connection, on which anything can be asked.
struct Raw {
    channel: ssh_transport::Channel,
    machine: extended::Client,
}

impl Raw {
    async fn open(client: &Client) -> Self {
        let channel = client.ssh().unwrap().subsystem(SUBSYSTEM).await.unwrap();
        Self { channel, machine: extended::Client::new(Limits::DEFAULT) }
    }

    /// The error with which this is answered.
    async fn refused(&mut self, request: Request) -> Failure {
        self.machine.request(request).unwrap();
        loop {
            let mut out = Vec::new();
            self.machine.fill(&mut out, 1 << 16);
            self.channel.write_all(&out).await.unwrap();
            match self.machine.next_event() {
                Some(ClientEvent::Answer { result: Err(CallError::Failed(failure)), .. }) => return failure,
                Some(other) => panic!("{other:?}"),
                None => self.machine.receive(&self.channel.chunk().await.unwrap()).unwrap(),
            }
        }
    }
}

#[tokio::test]
async fn nobody_acts_for_the_mailbox_of_another_channel() {
    let (client, processes) = node().await;
    let mine = client.mailbox().await.unwrap();
    let mailbox = || mine.pid().clone();
    let victim = processes.open_mailbox();
    let mut other = Raw::open(&client).await;
    for request in [
        Request::Close { mailbox: mailbox(), reason: term("gone") },
        Request::Link { mailbox: mailbox(), to: victim.pid().clone() },
        Request::Unlink { mailbox: mailbox(), from: victim.pid().clone() },
        Request::Exit { mailbox: mailbox(), to: victim.pid().clone(), reason: term("kill") },
        Request::Exit { mailbox: victim.pid().clone(), to: mailbox(), reason: term("kill") },
    ] {
        assert_eq!(other.refused(request).await, Failure::of("badarg"));
    }
    assert!(processes.is_alive(mine.pid()) && processes.is_alive(victim.pid()));
}
