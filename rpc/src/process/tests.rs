use core::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::call::Failure;
use crate::extended::Destination;
use crate::term::{Atom, List, Pid, Term};

fn term(text: &str) -> Term {
    text.parse().expect("a term")
}

fn name(text: &str) -> Atom {
    Atom::new(text).expect("short")
}

fn registered(text: &'static str) -> SpawnOptions {
    SpawnOptions::new().name(name(text))
}

/// A process that waits for the end of the world.
fn idle(processes: &Processes) -> Pid {
    processes.spawn(|_mailbox| core::future::pending())
}

/// Waits for a process's end.
async fn end_of(processes: &Processes, pid: &Pid) -> Term {
    processes.monitor(&pid.clone().into()).await
}

#[tokio::test]
async fn a_process_ends_with_the_reason_that_erlang_would_give() {
    let processes = Processes::default();
    for (failure, reason) in [
        (None, "normal"),
        (Some(Failure::exit(term("bye"))), "bye"),
        (Some(Failure::of("badarg")), "{badarg,[]}"),
        (Some(Failure::throw(term("ball"))), "{{nocatch,ball},[]}"),
    ] {
        let (go, gone) = oneshot::channel::<()>();
        let pid = processes.spawn(|_| async move {
            let _ = gone.await;
            failure.map_or(Ok(()), Err)
        });
        let down = processes.monitor(&pid.clone().into());
        drop(go);
        assert_eq!(down.await, term(reason));
        assert!(!processes.is_alive(&pid));
    }
}

#[tokio::test]
async fn a_panic_ends_its_process_and_nothing_else() {
    let processes = Processes::default();
    let bystander = idle(&processes);
    let victim = processes.spawn(|mut mailbox| async move {
        mailbox.recv().await;
        panic!("at the disco")
    });
    let down = processes.monitor(&victim.clone().into());
    processes.send(&victim.into(), term("go")).unwrap();
    assert_eq!(down.await, term("{{panic,<<\"at the disco\">>},[]}"));
    assert!(processes.is_alive(&bystander));
}

#[tokio::test]
async fn an_exit_signal_drops_what_the_process_does() {
    let (processes, (held, mut dropped)) = (Processes::default(), mpsc::channel::<()>(1));
    let pid = processes.spawn(|_| async move {
        let _held = held;
        core::future::pending().await
    });
    processes.exit(&pid, &pid, term("kill"));
    assert!(!processes.is_alive(&pid), "at once for everybody else");
    assert_eq!(dropped.recv().await, None);
}

#[tokio::test]
async fn a_panic_in_the_drop_of_a_killed_process_ends_nothing() {
    struct Bomb(mpsc::Sender<()>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.try_send(()).unwrap();
            panic!("in a drop");
        }
    }
    let (processes, (sender, mut dropped)) = (Processes::default(), mpsc::channel(1));
    let (started, start) = oneshot::channel();
    let pid = processes.spawn(|_| async move {
        let _bomb = Bomb(sender);
        let _ = started.send(());
        core::future::pending().await
    });
    start.await.unwrap();
    processes.exit(&pid, &pid, term("kill"));
    assert_eq!(dropped.recv().await, Some(()));
}

#[tokio::test]
async fn messages_come_in_order_and_those_that_were_not_wanted_stay() {
    let (processes, (sender, mut seen)) = (Processes::default(), mpsc::channel(8));
    let pid = processes.spawn(|mut mailbox| async move {
        let even = |message: &Term| message.as_u64().filter(|number| number % 2 == 0);
        for _ in 0..2 {
            sender.send(mailbox.recv_matching(even).await.map(Term::from)).await.unwrap();
        }
        for _ in 0..3 {
            sender.send(mailbox.recv().await).await.unwrap();
        }
        Ok(())
    });
    for number in 1..=5 {
        processes.send(&pid.clone().into(), number.into()).unwrap();
    }
    for number in [2, 4, 1, 3, 5] {
        assert_eq!(seen.recv().await, Some(Some(number.into())));
    }
}

#[test]
fn a_full_mailbox_refuses_and_says_so_until_something_is_received() {
    let processes = Processes::default();
    let mut mailbox = processes.open_mailbox_with(MailboxLimits::new(2, 1 << 20));
    let to = Destination::from(mailbox.pid().clone());
    processes.send(&to, 1.into()).unwrap();
    processes.send(&to, 2.into()).unwrap();
    assert_eq!(processes.send(&to, 3.into()), Err(SendError::Full(mailbox.pid().clone())));
    block(async {
        // Put aside is not received.
        let wanted = mailbox.mailbox().recv_matching(|message| (*message == 9.into()).then_some(()));
        tokio::select! { biased; _ = wanted => panic!("nobody sent it"), () = core::future::ready(()) => {} }
        assert_eq!(processes.send(&to, 3.into()), Err(SendError::Full(mailbox.pid().clone())));
        assert_eq!(mailbox.recv().await, Ok(1.into()));
    });
    processes.send(&to, 3.into()).unwrap();
    assert_eq!(processes.info(mailbox.pid()).unwrap().message_queue_len, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn between_threads_no_message_is_lost_and_each_sender_keeps_its_order() {
    const EACH: u64 = 2000;
    let (processes, (done, sums)) = (Processes::default(), oneshot::channel());
    let options = SpawnOptions::new().limits(MailboxLimits::new(16, 1 << 20));
    let receive = |mut mailbox: Mailbox| async move {
        let mut next = [0; 4];
        while next != [EACH; 4] {
            let message = mailbox.recv().await.unwrap();
            let (sender, number) = (message.as_u64().unwrap() % 4, message.as_u64().unwrap() / 4);
            let expected = &mut next[usize::try_from(sender).unwrap()];
            assert_eq!(number, *expected);
            *expected += 1;
        }
        done.send(next).map_err(|_| Failure::of("unheard"))
    };
    let to = Destination::from(processes.spawn_with(options, receive).unwrap());
    for sender in 0..4 {
        let (processes, to) = (processes.clone(), to.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                while let Err(error) = processes.send(&to, (number * 4 + sender).into()) {
                    assert!(matches!(error, SendError::Full(_)), "{error}");
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    assert_eq!(sums.await, Ok([EACH; 4]));
}

#[test]
fn a_mailbox_is_full_by_octets_too() {
    let processes = Processes::default();
    let mailbox = processes.open_mailbox_with(MailboxLimits::new(100, 1000));
    let to = Destination::from(mailbox.pid().clone());
    processes.send(&to, Term::binary(vec![0; 600])).unwrap();
    assert_eq!(processes.send(&to, Term::binary(vec![0; 600])), Err(SendError::Full(mailbox.pid().clone())));
    processes.send(&to, Term::binary(vec![0; 100])).unwrap();
}

#[test]
fn signals_have_room_of_their_own_and_a_process_that_takes_none_ends() {
    let processes = Processes::default();
    let mut mailbox = processes.open_mailbox_with(MailboxLimits::new(1, 1 << 20));
    let (pid, nobody) = (mailbox.pid().clone(), processes.open_mailbox());
    processes.send(&pid.clone().into(), 1.into()).unwrap();
    processes.exit(nobody.pid(), &pid, term("first"));
    assert!(processes.is_alive(&pid));
    processes.exit(nobody.pid(), &pid, term("second"));
    assert!(!processes.is_alive(&pid));
    assert_eq!(block(mailbox.recv()), Err(Closed { reason: term("system_limit") }));
}

#[test]
fn names_are_given_as_erlang_gives_them() {
    let processes = Processes::default();
    let (one, two) = (processes.open_mailbox(), processes.open_mailbox());
    processes.register(name("one"), one.pid()).unwrap();
    assert_eq!(processes.register(name("one"), two.pid()), Err(NotRegistered::Taken(name("one"))));
    assert_eq!(processes.register(name("uno"), one.pid()), Err(NotRegistered::Named(name("one"))));
    assert_eq!(processes.register(name("undefined"), two.pid()), Err(NotRegistered::Undefined));
    assert_eq!(processes.whereis(&name("one")).as_ref(), Some(one.pid()));
    let missing = SendError::NoName(name("two"));
    assert_eq!(processes.send(&name("two").into(), 1.into()), Err(missing));
    drop(one);
    assert!(processes.registered().is_empty());
    processes.register(name("one"), two.pid()).unwrap();
    processes.unregister(&name("one")).unwrap();
    assert_eq!(processes.unregister(&name("one")), Err(NotRegistered::Free(name("one"))));
    let gone = two.pid().clone();
    drop(two);
    assert_eq!(processes.register(name("two"), &gone), Err(NotRegistered::NoProcess(gone.clone())));
    assert_eq!(processes.send(&gone.into(), 1.into()), Ok(()), "a pid that is gone is no error");
}

#[test]
fn pids_and_references_are_of_this_incarnation_and_never_the_same() {
    let processes = Processes::new(name("a@b"));
    let (one, two) = (processes.open_mailbox(), processes.open_mailbox());
    assert_ne!(one.pid(), two.pid());
    assert_eq!((one.pid().node(), one.pid().creation()), (&name("a@b"), processes.creation()));
    assert_ne!(processes.make_ref(), processes.make_ref());
    let other = Processes::new(name("a@b"));
    assert_ne!((processes.creation(), other.creation()), (0, 0));
    assert!(!other.is_alive(one.pid()));
}

#[test]
fn a_process_of_another_node_is_out_of_reach_and_nobody_pretends_otherwise() {
    let (processes, other) = (Processes::default(), Processes::new(name("far@away")));
    let (mut here, there) = (processes.open_mailbox(), other.open_mailbox());
    let to = Destination::from(there.pid().clone());
    assert_eq!(processes.send(&to, 1.into()), Err(SendError::Elsewhere(name("far@away"))));
    assert_eq!(block(processes.monitor(&to)), term("noconnection"));
    here.link(there.pid());
    let exit = Term::tuple([term("'EXIT'"), there.pid().clone().into(), term("noconnection")]);
    assert_eq!(block(here.recv()), Ok(exit));
}

#[test]
fn a_mailbox_that_is_dropped_says_noconnection_to_those_it_is_linked_to() {
    let processes = Processes::default();
    let (mut here, remote) = (processes.open_mailbox(), processes.open_mailbox());
    here.link(remote.pid());
    let pid = Term::from(remote.pid().clone());
    drop(remote);
    assert_eq!(block(here.recv()), Ok(Term::tuple([term("'EXIT'"), pid, term("noconnection")])));
}

#[test]
fn a_monitor_that_is_dropped_is_forgotten() {
    let processes = Processes::default();
    let (one, mut two) = (processes.open_mailbox(), processes.open_mailbox());
    let of = Destination::from(one.pid().clone());
    let watching = |processes: &Processes| processes.with(|table, _| table.watchers(one.pid()));
    let (kept, dropped) = (processes.monitor(&of), processes.monitor(&of));
    let reference = two.mailbox().monitor(&of);
    assert_eq!(watching(&processes), 3);
    drop(dropped);
    two.mailbox().demonitor(&reference);
    assert_eq!(watching(&processes), 1);
    drop(kept);
    assert_eq!(watching(&processes), 0);
}

#[tokio::test]
async fn a_child_ends_with_its_parent_and_one_of_a_dead_parent_at_once() {
    let processes = Processes::default();
    let parent = idle(&processes);
    let child = processes.spawn_with(SpawnOptions::new().link(parent.clone()), |_| core::future::pending()).unwrap();
    let down = processes.monitor(&child.into());
    processes.exit(&parent, &parent, term("gone"));
    assert_eq!(down.await, term("gone"));
    let orphan = processes.spawn_with(SpawnOptions::new().link(parent), |_| core::future::pending()).unwrap();
    assert!(!processes.is_alive(&orphan));
}

#[tokio::test]
async fn a_process_whose_name_is_taken_is_not_started() {
    let processes = Processes::default();
    processes.spawn_with(registered("one"), |_| core::future::pending()).unwrap();
    let second = processes.spawn_with(registered("one"), |_| async { panic!("started") });
    assert_eq!(second, Err(NotRegistered::Taken(name("one"))));
    assert_eq!(processes.processes().len(), 1);
}

#[test]
fn processes_of_a_runtime_that_ends_are_killed() {
    let processes = Processes::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let pid = runtime.block_on(async { idle(&processes) });
    let down = processes.monitor(&pid.into());
    drop(runtime);
    assert_eq!(block(down), term("killed"));
}

/// A server that shows what it is told.
struct Shop {
    told: mpsc::Sender<String>,
    waiting: Option<ReplyTo>,
}

impl GenServer for Shop {
    async fn handle_call(&mut self, request: Term, from: ReplyTo, _me: &Mailbox) -> Result<Called, Failure> {
        match request.to_string().as_str() {
            "later" => {
                self.waiting = Some(from);
                Ok(Called::NoReply)
            }
            "never" => Ok(Called::NoReply),
            "stop" => Ok(Called::Stop { reason: term("closed") }),
            "last" => Ok(Called::StopWith { reason: term("normal"), reply: term("bye") }),
            "crash" => Err(Failure::of("badmatch")),
            "panic" => panic!("fire"),
            _ => Ok(Called::Reply(Term::tuple([term("sold"), request]))),
        }
    }

    async fn handle_cast(&mut self, request: Term, me: &Mailbox) -> Result<Handled, Failure> {
        if let Some(from) = self.waiting.take() {
            from.reply(me.processes(), request).unwrap();
        }
        Ok(Handled::NoReply)
    }

    async fn handle_info(&mut self, message: Term, _me: &Mailbox) -> Result<Handled, Failure> {
        self.told.send(format!("info {message}")).await.unwrap();
        Ok(Handled::NoReply)
    }

    async fn terminate(&mut self, reason: &Term, _me: &Mailbox) {
        self.told.send(format!("terminate {reason}")).await.unwrap();
    }
}

fn shop(processes: &Processes, options: SpawnOptions) -> (Pid, mpsc::Receiver<String>) {
    let (told, heard) = mpsc::channel(8);
    (processes.start_server(Shop { told, waiting: None }, options).unwrap(), heard)
}

async fn ask(processes: &Processes, to: &Pid, request: &str) -> Result<Term, String> {
    let asked = processes.gen_call(&to.clone().into(), term(request), Some(Duration::from_secs(5))).await;
    asked.map_err(|failure| match failure.reason().as_tuple().unwrap() {
        [reason, _call] => reason.to_string(),
        _ => panic!("{failure:?}"),
    })
}

#[tokio::test]
async fn a_server_replies_now_or_later() {
    let processes = Processes::default();
    let (pid, mut heard) = shop(&processes, registered("shop"));
    assert_eq!(ask(&processes, &pid, "apple").await, Ok(term("{sold,apple}")));
    let later = ask(&processes, &pid, "later");
    // In this order: the cast is sent behind the call.
    let (reply, ()) = tokio::join!(biased; later, async {
        processes.gen_cast(&name("shop").into(), term("pear")).unwrap();
    });
    assert_eq!(reply, Ok(term("pear")));
    processes.send(&pid.into(), term("{'EXIT',who,why}")).unwrap();
    assert_eq!(heard.recv().await.unwrap(), "info {'EXIT',who,why}");
}

#[tokio::test]
async fn a_caller_learns_why_there_is_no_reply() {
    let processes = Processes::default();
    for (request, expected, terminated) in [
        ("stop", Err("closed"), Some("terminate closed")),
        ("last", Ok("bye"), Some("terminate normal")),
        ("crash", Err("{badmatch,[]}"), Some("terminate {badmatch,[]}")),
        ("panic", Err("{{panic,<<\"fire\">>},[]}"), None),
    ] {
        let (pid, mut heard) = shop(&processes, SpawnOptions::new());
        let expected = expected.map(term).map_err(str::to_owned);
        assert_eq!(ask(&processes, &pid, request).await, expected);
        assert_eq!(heard.recv().await.as_deref(), terminated);
        end_of(&processes, &pid).await;
        assert_eq!(ask(&processes, &pid, request).await, Err("noproc".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_times_out_and_leaves_nothing_behind() {
    let processes = Processes::default();
    let (pid, _heard) = shop(&processes, registered("shop"));
    let failure = processes.gen_call(&name("shop").into(), term("never"), Some(Duration::from_secs(5))).await;
    let reason = "{timeout,{gen_server,call,[shop,never,5000]}}";
    assert_eq!(failure, Err(Failure::exit(term(reason))));
    assert_eq!(processes.with(|table, _| table.watchers(&pid)), 0);
    assert_eq!(processes.processes(), [pid]);
}

#[tokio::test]
async fn a_server_that_traps_exits_cleans_up_when_its_parent_ends() {
    let processes = Processes::default();
    let (parent, stranger) = (idle(&processes), processes.open_mailbox());
    let (pid, mut heard) = shop(&processes, SpawnOptions::new().link(parent.clone()).trap_exits());
    processes.exit(stranger.pid(), &pid, term("go"));
    assert_eq!(heard.recv().await.unwrap(), format!("info {{'EXIT',{},go}}", stranger.pid()));
    processes.exit(&parent, &parent, term("shutdown"));
    assert_eq!(heard.recv().await.unwrap(), "terminate shutdown");
    assert_eq!(heard.recv().await, None);
}

#[tokio::test]
async fn a_client_with_an_alias_gets_its_reply_under_it() {
    let processes = Processes::default();
    let (pid, _heard) = shop(&processes, SpawnOptions::new());
    let mut client = processes.open_mailbox();
    let tag = List::with_tail(vec![term("alias")], processes.make_ref().into());
    let from = Term::tuple([client.pid().clone().into(), tag.clone()]);
    processes.send(&pid.into(), Term::tuple([term("'$gen_call'"), from, term("fig")])).unwrap();
    assert_eq!(client.recv().await, Ok(Term::tuple([tag, term("{sold,fig}")])));
}

/// Runs what needs no runtime.
fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}
