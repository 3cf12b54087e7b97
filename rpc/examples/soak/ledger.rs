//! What was asked and what the callers were told, beside what the nodes did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Both sides of everything. It outlives the nodes.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    last_id: AtomicU64,
    asked: Mutex<BTreeMap<u64, Asked>>,
    /// How often each request was executed, on each node.
    executed: Mutex<BTreeMap<u64, BTreeMap<u8, u32>>>,
    /// What the inbox of a node received over a connection of a sender, in its order.
    delivered: Mutex<BTreeMap<(u8, u64), Vec<u64>>>,
    /// What each sender sent over each connection: its number, and what it was told.
    sent: Mutex<BTreeMap<(u8, u64), BTreeMap<u64, Verdict>>>,
    violations: Mutex<Vec<String>>,
}

/// What was asked.
#[derive(Clone, Copy, Debug)]
struct Asked {
    kind: Kind,
    /// How often it may be executed on one node.
    times: u32,
    /// The node that was meant; `None` for any.
    node: Option<u8>,
    /// `None` while nobody was told.
    verdict: Option<Verdict>,
}

/// The kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Call,
    Idempotent,
    Cast,
    GenServer,
    Block,
    Multicall,
    Abandoned,
    Message,
}

/// What a caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// A value.
    Done,
    /// It was not sent.
    NotSent,
    /// Nobody knows.
    Unknown,
    /// An answer that is no value.
    Failed,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Call,
        Self::Idempotent,
        Self::Cast,
        Self::GenServer,
        Self::Block,
        Self::Multicall,
        Self::Abandoned,
        Self::Message,
    ];
}

impl Ledger {
    /// A new request.
    pub(crate) fn ask(&self, kind: Kind, times: u32, node: Option<u8>) -> u64 {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        lock(&self.asked).insert(id, Asked { kind, times, node, verdict: None });
        id
    }

    /// A new request for each of the nodes 1, 2, and so on: the number of the first one, behind which are the others.
    pub(crate) fn ask_each(&self, kind: Kind, nodes: u64) -> u64 {
        let first = self.last_id.fetch_add(nodes, Ordering::Relaxed);
        let asked = |node| Asked { kind, times: 1, node: Some(node), verdict: None };
        lock(&self.asked).extend((first..first + nodes).zip((1..).map(asked)));
        first
    }

    /// Its caller was told.
    pub(crate) fn tell(&self, id: u64, verdict: Verdict) {
        let twice = lock(&self.asked).get_mut(&id).is_none_or(|asked| asked.verdict.replace(verdict).is_some());
        if twice {
            self.violate(format!("request {id} was answered twice"));
        }
    }

    /// A node executes it.
    pub(crate) fn execute(&self, id: u64, node: u8) {
        *lock(&self.executed).entry(id).or_default().entry(node).or_default() += 1;
    }

    /// An inbox has received a message.
    pub(crate) fn deliver(&self, node: u8, connection: u64, number: u64) {
        lock(&self.delivered).entry((node, connection)).or_default().push(number);
    }

    /// What a sender was told of its message.
    pub(crate) fn sent(&self, node: u8, connection: u64, number: u64, verdict: Verdict) {
        lock(&self.sent).entry((node, connection)).or_default().insert(number, verdict);
    }

    /// Something that must not be.
    pub(crate) fn violate(&self, what: String) {
        lock(&self.violations).push(what);
    }

    /// How many of each kind were told what.
    pub(crate) fn counts(&self) -> BTreeMap<(Kind, Verdict), u64> {
        let mut counts = BTreeMap::new();
        for asked in lock(&self.asked).values() {
            if let Some(verdict) = asked.verdict {
                *counts.entry((asked.kind, verdict)).or_default() += 1;
            }
        }
        for verdict in lock(&self.sent).values().flat_map(BTreeMap::values) {
            *counts.entry((Kind::Message, *verdict)).or_default() += 1;
        }
        counts
    }

    /// How many were executed though nobody could tell their callers, and how often something idempotent was executed again.
    pub(crate) fn uncertain(&self) -> (u64, u64) {
        let (asked, executed) = (lock(&self.asked), lock(&self.executed));
        let (mut unknown, mut again) = (0, 0);
        for (id, nodes) in executed.iter() {
            let Some(asked) = asked.get(id) else { continue };
            let times: u32 = nodes.values().sum();
            unknown += u64::from(asked.verdict == Some(Verdict::Unknown));
            if asked.kind == Kind::Idempotent {
                again += u64::from(times.saturating_sub(1));
            }
        }
        (unknown, again)
    }

    /// What does not hold.
    pub(crate) fn check(&self) -> Vec<String> {
        let mut wrong = lock(&self.violations).clone();
        self.check_requests(&mut wrong);
        self.check_messages(&mut wrong);
        wrong
    }

    fn check_requests(&self, wrong: &mut Vec<String>) {
        let (asked, executed) = (lock(&self.asked), lock(&self.executed));
        for (id, nodes) in executed.iter().filter(|(id, _)| !asked.contains_key(id)) {
            wrong.push(format!("{id} was executed on {nodes:?}, and nobody asked for it"));
        }
        for (id, Asked { kind, times, node, verdict }) in asked.iter() {
            let nodes = executed.get(id).cloned().unwrap_or_default();
            let done: u32 = match node {
                Some(node) => nodes.get(node).copied().unwrap_or_default(),
                None => nodes.values().sum(),
            };
            let holds = match verdict {
                None => false,
                Some(Verdict::NotSent) => done == 0,
                Some(Verdict::Done) => (1..=*times).contains(&done),
                Some(Verdict::Unknown | Verdict::Failed) => done <= *times,
            };
            if !holds || node.is_some_and(|node| nodes.keys().any(|other| *other != node)) {
                wrong.push(format!("{kind:?} {id}: its caller was told {verdict:?}, and it was executed on {nodes:?}"));
            }
        }
    }

    /// Over each connection: what was answered is there, once; what is there was sent, once, and in its order.
    fn check_messages(&self, wrong: &mut Vec<String>) {
        let (sent, delivered) = (lock(&self.sent), lock(&self.delivered));
        for (way, numbers) in delivered.iter() {
            let known = sent.get(way);
            if numbers.windows(2).any(|pair| pair[0] >= pair[1]) {
                wrong.push(format!("messages over {way:?} came twice or out of order: {numbers:?}"));
            }
            for number in numbers {
                match known.and_then(|known| known.get(number)) {
                    Some(Verdict::NotSent) | None => wrong.push(format!("message {number} over {way:?} was not sent")),
                    Some(_) => {}
                }
            }
        }
        for (way, numbers) in sent.iter() {
            let there: BTreeSet<_> = delivered.get(way).into_iter().flatten().collect();
            for (number, _) in numbers.iter().filter(|(_, verdict)| **verdict == Verdict::Done) {
                if !there.contains(number) {
                    wrong.push(format!("message {number} over {way:?} was answered ok and not delivered"));
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
