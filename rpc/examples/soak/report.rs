//! What came of it, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ledger::{Kind, Ledger, Verdict};
use crate::proxy::Counts;
use crate::run::Plan;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    time: Duration,
    counts: BTreeMap<(Kind, Verdict), u64>,
    /// Executed, and the caller could not be told; idempotent, and executed again.
    uncertain: (u64, u64),
    wrong: Wrong,
    pub(crate) violations: Vec<String>,
}

/// How often what went wrong.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    connections: u64,
    cuts: u64,
    stalls: u64,
    delays: u64,
    flips: u64,
    kills: u64,
    freezes: u64,
    /// How often the pool connected.
    pub(crate) connected: u64,
}

impl Wrong {
    pub(crate) fn add(&mut self, counts: &Counts) {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        self.connections += of(&counts.connections);
        self.cuts += of(&counts.cuts);
        self.stalls += of(&counts.stalls);
        self.delays += of(&counts.delays);
        self.flips += of(&counts.flips);
        self.kills += of(&counts.kills);
        self.freezes += of(&counts.freezes);
    }
}

impl Report {
    pub(crate) fn new(plan: &Plan, ledger: &Ledger, wrong: Wrong) -> Self {
        let (counts, uncertain, violations) = (ledger.counts(), ledger.uncertain(), ledger.check());
        Self { time: plan.time, counts, uncertain, wrong, violations }
    }

    /// Whether all holds that must.
    pub(crate) fn holds(&self) -> bool {
        self.violations.is_empty()
    }

    /// How many requests of a kind were told this.
    pub(crate) fn count(&self, kind: Kind, verdict: Verdict) -> u64 {
        self.counts.get(&(kind, verdict)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdicts = [Verdict::Done, Verdict::NotSent, Verdict::Unknown, Verdict::Failed];
        writeln!(f, "{:12}{:>10}{:>10}{:>10}{:>10}", "", "done", "not sent", "unknown", "failed")?;
        for kind in Kind::ALL {
            write!(f, "{:12}", format!("{kind:?}").to_lowercase())?;
            for verdict in verdicts {
                write!(f, "{:>10}", self.count(kind, verdict))?;
            }
            writeln!(f)?;
        }
        let total: u64 = self.counts.values().sum();
        let rate = total.checked_div(self.time.as_secs()).unwrap_or_default();
        writeln!(
            f,
            "{total} requests, {rate} a second; {} were executed and their callers could not be told;",
            self.uncertain.0
        )?;
        writeln!(f, "what is idempotent was executed {} times more than once", self.uncertain.1)?;
        let Wrong { connections, cuts, stalls, delays, flips, kills, freezes, connected } = self.wrong;
        writeln!(
            f,
            "{connections} connections, {connected} of them the pool's: {cuts} cuts, {stalls} stalls, {delays} delays,"
        )?;
        writeln!(f, "{flips} flipped bits, {freezes} times all frozen, nodes killed {kills} times")?;
        match self.violations.len() {
            0 => writeln!(f, "all holds"),
            many => {
                writeln!(f, "{many} violations:")?;
                self.violations.iter().take(50).try_for_each(|violation| writeln!(f, "  {violation}"))
            }
        }
    }
}
