use super::*;
use crate::process::OpenMailbox;

/// Two nodes whose signals are carried by hand.
struct Two {
    processes: [Processes; 2],
    neighbours: [Neighbour; 2],
}

impl Two {
    fn connected() -> Self {
        let names = [Atom::from_static("one@h"), Atom::from_static("two@h")];
        let processes = names.clone().map(Processes::new);
        let limits = MailboxLimits::default();
        let one = processes[0].connect(names[1].clone(), limits).expect("not connected yet");
        let two = processes[1].connect(names[0].clone(), limits).expect("not connected yet");
        Self { processes, neighbours: [one, two] }
    }

    fn mailboxes(&self) -> [OpenMailbox; 2] {
        [0, 1].map(|node| self.processes[node].open_mailbox())
    }

    /// Carries one signal from this node.
    fn carry(&self, from: usize) -> Option<Signal> {
        let signal = self.neighbours[from].try_next()?;
        self.neighbours[1 - from].deliver(signal.clone()).expect("delivered");
        Some(signal)
    }

    /// Carries all there is.
    fn settle(&self) {
        while self.carry(0).is_some() || self.carry(1).is_some() {}
    }

    fn links(&self, mailbox: &OpenMailbox) -> usize {
        let node = usize::from(mailbox.pid().node() == "two@h");
        self.processes[node].info(mailbox.pid()).map_or(0, |info| info.links.len())
    }
}

fn received(mailbox: &mut OpenMailbox) -> Option<String> {
    let mut task = Context::from_waker(core::task::Waker::noop());
    match mailbox.poll_recv(&mut task) {
        Poll::Ready(Ok(message)) => Some(message.to_string()),
        _ => None,
    }
}

#[test]
fn a_connection_is_between_two_nodes_once() {
    let two = Two::connected();
    let limits = MailboxLimits::default();
    assert!(two.processes[0].connect(Atom::from_static("two@h"), limits).is_none());
    assert!(two.processes[0].connect(Atom::from_static("one@h"), limits).is_none());
    let Two { processes, neighbours } = two;
    drop(neighbours);
    assert!(processes[0].connect(Atom::from_static("two@h"), limits).is_some());
}

#[test]
fn a_link_has_two_ends_and_one_exit_signal() {
    let two = Two::connected();
    let [one, mut other] = two.mailboxes();
    one.link(other.pid());
    one.link(other.pid());
    two.settle();
    assert_eq!((two.links(&one), two.links(&other)), (1, 1));
    let pid = one.pid().clone();
    one.close(Term::atom("bye"));
    two.settle();
    assert_eq!(received(&mut other), Some(format!("{{'EXIT',{pid},bye}}")));
    assert_eq!((received(&mut other), two.links(&other)), (None, 0));
}

/// "if we have an outstanding unlink operation we will not activate the link"
#[test]
fn a_link_that_crosses_an_unlink_is_none() {
    let two = Two::connected();
    let [one, other] = two.mailboxes();
    one.link(other.pid());
    two.settle();
    one.unlink(other.pid());
    // The other end unlinks and links anew before it has heard of it.
    other.unlink(one.pid());
    other.link(one.pid());
    two.settle();
    assert_eq!((two.links(&one), two.links(&other)), (0, 0));
    // All is acknowledged: the next link counts.
    other.link(one.pid());
    two.settle();
    assert_eq!((two.links(&one), two.links(&other)), (1, 1));
}

#[test]
fn a_link_anew_counts_although_an_unlink_is_on_its_way() {
    let two = Two::connected();
    let [one, other] = two.mailboxes();
    one.link(other.pid());
    one.unlink(other.pid());
    one.link(other.pid());
    two.settle();
    assert_eq!((two.links(&one), two.links(&other)), (1, 1));
}

#[test]
fn an_exit_signal_of_a_link_that_is_removed_means_nothing() {
    let two = Two::connected();
    let [mut one, other] = two.mailboxes();
    one.link(other.pid());
    two.settle();
    other.close(Term::atom("bye"));
    let gone = two.neighbours[1].try_next().expect("the exit signal");
    let Signal::LinkExit { from, .. } = &gone else { panic!("{gone:?}") };
    one.unlink(from);
    two.neighbours[0].deliver(gone).expect("delivered");
    two.settle();
    assert_eq!((received(&mut one), two.links(&one)), (None, 0));
}

#[test]
fn what_is_not_from_there_or_not_for_here_has_no_effect() {
    let two = Two::connected();
    let [mut one, other] = two.mailboxes();
    let stranger = Pid::new(Atom::from_static("third@h"), 1, 0, 1);
    let (us, them) = (one.pid().clone(), other.pid().clone());
    let reference = two.processes[0].make_ref();
    let reason = Term::atom("kill");
    for signal in [
        Signal::Exit { from: stranger.clone(), to: us.clone(), reason: reason.clone() },
        Signal::Exit { from: them.clone(), to: stranger.clone(), reason: reason.clone() },
        Signal::Link { from: us.clone(), to: us.clone() },
        Signal::LinkExit { from: them.clone(), to: us.clone(), reason: reason.clone() },
        Signal::Monitor { reference: reference.clone(), by: them.clone(), of: us.clone().into() },
        Signal::Down { reference, of: them.into(), by: us.clone(), reason },
        Signal::Send { from: None, to: stranger.into(), message: Term::NIL },
        // An incarnation of this node that was here before.
        Signal::Send { from: None, to: Pid::new(us.node().clone(), us.id(), 0, 1).into(), message: Term::NIL },
    ] {
        two.neighbours[0].deliver(signal).expect("no error");
    }
    assert_eq!((received(&mut one), two.links(&one)), (None, 0));
    let info = two.processes[0].info(&us).expect("alive");
    assert_eq!((info.monitored_by.len(), two.neighbours[0].try_next()), (0, None));
}

#[test]
fn monitors_go_when_either_end_does() {
    let two = Two::connected();
    let [mut one, other] = two.mailboxes();
    let first = one.mailbox().monitor(&other.pid().clone().into());
    let watch = two.processes[0].monitor(&other.pid().clone().into());
    two.settle();
    let watchers = || two.processes[1].info(other.pid()).map_or(0, |info| info.monitored_by.len());
    assert_eq!(watchers(), 2);
    drop(watch);
    two.settle();
    assert_eq!(watchers(), 1);
    one.mailbox().demonitor(&first);
    two.settle();
    assert_eq!(watchers(), 0);
    let _second = one.mailbox().monitor(&other.pid().clone().into());
    two.settle();
    drop(one);
    two.settle();
    assert_eq!(watchers(), 0);
}

#[test]
fn a_message_for_a_full_mailbox_is_an_error_here() {
    let two = Two::connected();
    let full = two.processes[0].open_mailbox_with(MailboxLimits::new(1, 1 << 20));
    let send = |message| Signal::Send { from: None, to: full.pid().clone().into(), message };
    assert_eq!(two.neighbours[0].deliver(send(Term::from(1))), Ok(()));
    assert_eq!(two.neighbours[0].deliver(send(Term::from(2))), Err(SendError::Full(full.pid().clone())));
}
