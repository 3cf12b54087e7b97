//! Random histories: what links and monitors promise holds after each of them.

use core::task::{Context, Waker};
use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::process::mailbox::{Closed, OpenMailbox};
use crate::process::processes::Processes;

/// How many processes take part.
const PROCESSES: usize = 6;

#[derive(Clone, Debug)]
enum Step {
    Link(usize, usize),
    Unlink(usize, usize),
    Monitor(usize, usize),
    Demonitor(usize),
    Exit(usize, usize, &'static str),
    Close(usize, &'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let reason = || prop_oneof![Just("normal"), Just("kill"), Just("shutdown"), Just("crash")];
    let (one, two) = (0..PROCESSES, (0..PROCESSES, 0..PROCESSES));
    prop_oneof![
        4 => two.clone().prop_map(|(a, b)| Step::Link(a, b)),
        1 => two.clone().prop_map(|(a, b)| Step::Unlink(a, b)),
        4 => two.clone().prop_map(|(a, b)| Step::Monitor(a, b)),
        1 => (0..20_usize).prop_map(Step::Demonitor),
        2 => (two, reason()).prop_map(|((a, b), reason)| Step::Exit(a, b, reason)),
        1 => (one, reason()).prop_map(|(a, reason)| Step::Close(a, reason)),
    ]
}

/// What Erlang's manual says, in the fewest words: who is alive, who is linked, and what everybody was told.
#[derive(Default)]
struct Model {
    alive: [Option<Exits>; PROCESSES],
    links: BTreeSet<(usize, usize)>,
    /// By the number of the monitor: who, whom. Gone once it has fired or was taken back.
    monitors: BTreeMap<usize, (usize, usize)>,
    made: usize,
    /// What came to each process that trapped, as text.
    heard: [Vec<String>; PROCESSES],
}

impl Model {
    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Link(a, b) if a != b && self.alive[a].is_some() => {
                if self.alive[b].is_some() {
                    self.links.insert((a, b));
                    self.links.insert((b, a));
                } else {
                    self.link_signal(b, a, "noproc");
                }
            }
            Step::Unlink(a, b) => {
                self.links.remove(&(a, b));
                self.links.remove(&(b, a));
            }
            Step::Monitor(a, b) if self.alive[a].is_some() => {
                let number = self.made;
                self.made += 1;
                if self.alive[b].is_some() {
                    self.monitors.insert(number, (a, b));
                } else {
                    self.heard[a].push(format!("down {number} noproc"));
                }
            }
            Step::Demonitor(number) => drop(self.monitors.remove(&number)),
            Step::Exit(a, b, reason) => match self.alive[b] {
                Some(_) if reason == "kill" => self.die(b, "killed"),
                Some(Exits::Trap) => self.heard[b].push(format!("exit {a} {reason}")),
                Some(Exits::End) if reason != "normal" || a == b => self.die(b, reason),
                _ => {}
            },
            Step::Close(a, reason) => self.die(a, reason),
            _ => {}
        }
    }

    fn link_signal(&mut self, from: usize, to: usize, reason: &str) {
        match self.alive[to] {
            Some(Exits::Trap) => self.heard[to].push(format!("exit {from} {reason}")),
            Some(Exits::End) if reason != "normal" => self.die(to, reason),
            _ => {}
        }
    }

    fn die(&mut self, who: usize, reason: &str) {
        if self.alive[who].take().is_none() {
            return;
        }
        let watchers: Vec<_> =
            self.monitors.iter().filter(|(_, (_, of))| *of == who).map(|(n, (by, _))| (*n, *by)).collect();
        self.monitors.retain(|_, (by, of)| *by != who && *of != who);
        for (number, by) in watchers {
            self.heard[by].push(format!("down {number} {reason}"));
        }
        for other in 0..PROCESSES {
            if self.links.remove(&(who, other)) {
                self.links.remove(&(other, who));
                self.link_signal(who, other, reason);
            }
        }
    }
}

/// The real thing beside the model.
struct World {
    processes: Processes,
    pids: Vec<Pid>,
    boxes: Vec<Option<OpenMailbox>>,
    monitors: Vec<(usize, Reference)>,
    heard: [Vec<String>; PROCESSES],
}

impl World {
    fn new(traps: &[Exits]) -> Self {
        let processes = Processes::default();
        let boxes: Vec<_> = traps
            .iter()
            .map(|exits| {
                let mut mailbox = processes.open_mailbox();
                mailbox.mailbox().set_exits(*exits);
                Some(mailbox)
            })
            .collect();
        let pids = boxes.iter().flatten().map(|mailbox| mailbox.pid().clone()).collect();
        Self { processes, pids, boxes, monitors: Vec::new(), heard: Default::default() }
    }

    fn apply(&mut self, step: &Step) {
        let pid = |n: usize| &self.pids[n];
        match *step {
            Step::Link(a, b) => self.processes.link(pid(a), pid(b)),
            Step::Unlink(a, b) => self.processes.unlink(pid(a), pid(b)),
            Step::Monitor(a, b) => {
                let of = pid(b).clone().into();
                if let Some(mailbox) = self.boxes[a].as_mut().filter(|mailbox| self.processes.is_alive(mailbox.pid())) {
                    self.monitors.push((a, mailbox.mailbox().monitor(&of)));
                }
            }
            Step::Demonitor(number) => {
                if let Some((by, reference)) = self.monitors.get(number)
                    && let Some(mailbox) = &mut self.boxes[*by]
                {
                    mailbox.mailbox().demonitor(reference);
                }
            }
            Step::Exit(a, b, reason) => self.processes.exit(pid(a), pid(b), Term::atom(reason)),
            Step::Close(a, reason) => {
                if let Some(mailbox) = self.boxes[a].take() {
                    mailbox.close(Term::atom(reason));
                }
            }
        }
        for who in 0..PROCESSES {
            self.listen(who);
        }
    }

    /// Writes down what has come.
    fn listen(&mut self, who: usize) {
        let Some(mailbox) = &mut self.boxes[who] else { return };
        while let Poll::Ready(received) = mailbox.poll_recv(&mut Context::from_waker(Waker::noop())) {
            let message = match received {
                Ok(message) => message,
                Err(Closed { .. }) => return,
            };
            let line = match message.as_tuple().expect("a signal") {
                [exit, Term::Pid(from), reason] if exit.is_atom("EXIT") => {
                    format!("exit {} {reason}", self.pids.iter().position(|pid| pid == from).expect("one of them"))
                }
                [_, Term::Reference(reference), _, _, reason] => {
                    let number = self.monitors.iter().position(|(_, known)| known == reference).expect("a monitor");
                    format!("down {number} {reason}")
                }
                _ => panic!("not a signal: {message}"),
            };
            self.heard[who].push(line);
        }
    }
}

proptest! {
    #[test]
    fn links_and_monitors_do_what_the_manual_says(
        traps in vec(prop_oneof![Just(Exits::End), Just(Exits::Trap)], PROCESSES),
        steps in vec(step(), 0..60),
    ) {
        let (mut world, mut model) = (World::new(&traps), Model::default());
        for (alive, exits) in model.alive.iter_mut().zip(&traps) {
            *alive = Some(*exits);
        }
        for step in &steps {
            world.apply(step);
            model.apply(step);
            for who in 0..PROCESSES {
                prop_assert_eq!(world.processes.is_alive(&world.pids[who]), model.alive[who].is_some(), "{}", who);
                // Signals of one step come from several processes at once: their order is nobody's to say. Those who die in
                // a step hear nothing of it any more.
                let (mut heard, mut expected) = (world.heard[who].clone(), model.heard[who].clone());
                heard.sort();
                expected.sort();
                if model.alive[who].is_some() {
                    prop_assert_eq!(heard, expected, "{}", who);
                }
            }
        }
        // Nothing is left of those who ended.
        for pid in world.processes.processes() {
            let info = world.processes.info(&pid).expect("alive");
            prop_assert!(info.links.iter().chain(&info.monitored_by).all(|other| world.processes.is_alive(other)));
        }
    }
}
