//! The soak of `rpc/examples/soak`, for a short while.
#![cfg(feature = "std")]

#[path = "../examples/soak/host.rs"]
mod host;
#[path = "../examples/soak/ledger.rs"]
mod ledger;
#[path = "../examples/soak/node.rs"]
mod node;
#[path = "../examples/soak/proxy.rs"]
mod proxy;
#[path = "../examples/soak/report.rs"]
mod report;
#[path = "../examples/soak/run.rs"]
mod run;
#[path = "../examples/soak/workers.rs"]
mod workers;

use std::time::Duration;

use ledger::{Kind, Ledger, Verdict};
use run::{Plan, soak};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_without_a_word_or_happens_twice() {
    let plan = Plan { time: Duration::from_secs(12), seed: 1, nodes: 3, callers: 1 };
    let report = soak(&plan).await.unwrap();
    assert!(report.holds(), "{report}");
    for kind in Kind::ALL {
        assert!(kind == Kind::Abandoned || report.count(kind, Verdict::Done) > 0, "no {kind:?}\n{report}");
    }
}

/// What a ledger says of this.
fn wrong(what: impl FnOnce(&Ledger)) -> Vec<String> {
    let ledger = Ledger::default();
    what(&ledger);
    ledger.check()
}

#[test]
fn the_ledger_sees_requests_that_were_lost_or_doubled() {
    let told = |kind, times, verdict, executions: &[u8]| {
        wrong(|ledger| {
            let id = ledger.ask(kind, times, None);
            executions.iter().for_each(|node| ledger.execute(id, *node));
            ledger.tell(id, verdict);
        })
    };
    for (kind, times, verdict, executions) in [
        (Kind::Call, 1, Verdict::Done, &[1][..]),
        (Kind::Call, 1, Verdict::NotSent, &[]),
        (Kind::Call, 1, Verdict::Unknown, &[]),
        (Kind::Call, 1, Verdict::Unknown, &[2]),
        (Kind::Idempotent, 3, Verdict::Done, &[1, 2, 2]),
    ] {
        assert!(told(kind, times, verdict, executions).is_empty(), "{verdict:?} {executions:?}");
    }
    for (kind, times, verdict, executions) in [
        (Kind::Call, 1, Verdict::Done, &[][..]),
        (Kind::Call, 1, Verdict::Done, &[1, 1]),
        (Kind::Call, 1, Verdict::Done, &[1, 2]),
        (Kind::Call, 1, Verdict::NotSent, &[1]),
        (Kind::Call, 1, Verdict::Unknown, &[1, 2]),
        (Kind::Idempotent, 3, Verdict::Done, &[]),
        (Kind::Idempotent, 3, Verdict::Done, &[1, 2, 1, 2]),
    ] {
        assert_eq!(told(kind, times, verdict, executions).len(), 1, "{verdict:?} {executions:?}");
    }
    let silent = wrong(|ledger| assert_eq!(ledger.ask(Kind::Call, 1, None), 0));
    assert_eq!(silent.len(), 1);
    let twice = |ledger: &Ledger| {
        let id = ledger.ask(Kind::Call, 1, None);
        ledger.tell(id, Verdict::Unknown);
        ledger.tell(id, Verdict::Unknown);
    };
    assert_eq!(wrong(twice), ["request 0 was answered twice"]);
    let elsewhere = |ledger: &Ledger| {
        let first = ledger.ask_each(Kind::Multicall, 2);
        ledger.execute(first, 2);
        ledger.tell(first, Verdict::Unknown);
        ledger.tell(first + 1, Verdict::Unknown);
    };
    assert_eq!(wrong(elsewhere).len(), 1);
}

#[test]
fn the_ledger_sees_messages_that_were_lost_doubled_or_mixed_up() {
    let told = |sent: &[(u64, Verdict)], delivered: &[u64]| {
        wrong(|ledger| {
            sent.iter().for_each(|(number, verdict)| ledger.sent(1, 7, *number, *verdict));
            delivered.iter().for_each(|number| ledger.deliver(1, 7, *number));
        })
    };
    let (done, unknown) = (Verdict::Done, Verdict::Unknown);
    assert!(told(&[(1, done), (2, unknown), (3, unknown)], &[1, 3]).is_empty());
    assert_eq!(told(&[(1, done), (2, done)], &[1]).len(), 1, "lost");
    assert_eq!(told(&[(1, done), (2, done)], &[1, 2, 2]).len(), 1, "doubled");
    assert_eq!(told(&[(1, done), (2, done)], &[2, 1]).len(), 1, "mixed up");
    assert_eq!(told(&[(1, done)], &[1, 2]).len(), 1, "from nowhere");
}
