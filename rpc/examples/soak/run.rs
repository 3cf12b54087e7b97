//! The whole of it: nodes, ways to them, callers, and what goes wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sshrpc::pool::{Balance, Pool};
use sshrpc::process::Processes;
use sshrpc::{PrivateKey, Term};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use crate::host::{Error, Host};
use crate::ledger::Ledger;
use crate::node;
use crate::proxy::{Faults, Flow, Proxy};
use crate::report::{Report, Wrong};
use crate::workers::Worker;

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) time: Duration,
    pub(crate) seed: u64,
    pub(crate) nodes: u8,
    /// Of each kind.
    pub(crate) callers: u8,
}

/// About how many octets of a direction pass between two faults.
const EVERY: u64 = 250_000;
/// How long it may take until all is well again, once nothing goes wrong any more.
const RECOVERY: Duration = Duration::from_secs(120);

/// A node, and the way to it.
struct Place {
    host: Host,
    proxy: Proxy,
    processes: Processes,
}

/// Does it.
pub(crate) async fn soak(plan: &Plan) -> Result<Report, Error> {
    let ledger = Arc::<Ledger>::default();
    let places = places(plan, &ledger).await?;
    let pool = pool(&places)?;
    let over = watch::Sender::new(false);
    let mut workers = start(plan, &ledger, &pool, &places, &over);
    let places: Vec<_> = places.into_iter().map(|place| Arc::new(Mutex::new(place))).collect();
    let mut trouble = JoinSet::new();
    for (number, place) in (0..).zip(&places) {
        trouble.spawn(make_trouble(place.clone(), random(plan, 1000 + number)));
    }
    tokio::time::sleep(plan.time).await;

    // What is under way comes to its end, in the midst of it all.
    over.send_replace(true);
    while let Some(ended) = workers.join_next().await {
        ended?;
    }
    trouble.shutdown().await;
    let mut wrong = Wrong::default();
    for place in &places {
        calm(&mut *place.lock().await).await?;
    }
    recover(&pool, &ledger).await;
    for place in &places {
        let place = place.lock().await;
        settle(&place.processes).await;
        wrong.add(&place.proxy.counts);
    }
    let status = pool.status();
    wrong.connected = status.iter().map(|connection| connection.connected).sum();
    if status.iter().any(|connection| connection.pending > 0) {
        ledger.violate(format!("requests are under way that nobody made: {status:?}"));
    }
    Ok(Report::new(plan, &ledger, wrong))
}

async fn places(plan: &Plan, ledger: &Arc<Ledger>) -> Result<Vec<Place>, Error> {
    let user_key = PrivateKey::generate_ed25519(&mut sshrpc::os_rng()?);
    let mut places = Vec::new();
    for number in 1..=plan.nodes {
        let processes = node::processes(number, ledger)?;
        let (book, own) = (ledger.clone(), processes.clone());
        let host = Host::start(&user_key, move || node::node(number, &book, &own)).await?;
        let faults = Faults { seed: random(plan, u64::from(number)).u64(..), every: EVERY };
        let proxy = Proxy::start(host.address, Some(faults)).await?;
        places.push(Place { host, proxy, processes });
    }
    Ok(places)
}

fn pool(places: &[Place]) -> Result<Pool, Error> {
    let seconds = Duration::from_secs;
    let mut pool =
        Pool::builder().balance(Balance::RoundRobin).wait(Duration::from_millis(300)).connect_timeout(seconds(5));
    pool = pool.ping(seconds(1), seconds(4)).reconnect(Duration::from_millis(20), Duration::from_millis(500));
    for (number, place) in (1..).zip(places) {
        let dial = place.host.dial(place.proxy.address);
        pool = pool.node(node::name(number)?, move || dial().connect());
    }
    Ok(pool.build())
}

fn start(plan: &Plan, ledger: &Arc<Ledger>, pool: &Pool, places: &[Place], over: &watch::Sender<bool>) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    let mut number = 0;
    let mut worker = || {
        number += 1;
        let (ledger, pool, over) = (ledger.clone(), pool.clone(), over.subscribe());
        Worker { ledger, pool, random: random(plan, 100_000 + number), over }
    };
    for _ in 0..plan.callers {
        workers.spawn(worker().call_by_pool());
        workers.spawn(worker().call_by_pool());
        workers.spawn(worker().call_many());
    }
    for sender in 0..u64::from(plan.callers) {
        for (node, place) in (1..).zip(places) {
            let dial = place.host.dial(place.proxy.address);
            workers.spawn(worker().send(node, (sender << 8) + u64::from(node), dial));
        }
    }
    workers
}

/// Kills the node and starts it again, cuts all its connections, freezes them: again and again.
async fn make_trouble(place: Arc<Mutex<Place>>, mut random: fastrand::Rng) {
    loop {
        tokio::time::sleep(Duration::from_millis(random.u64(2000..12_000))).await;
        let mut place = place.lock().await;
        let pause = Duration::from_millis(random.u64(..3000));
        match random.u8(..10) {
            0..4 => {
                place.host.kill().await;
                place.proxy.counts.kills.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(pause).await;
                // The port is ours: it was given to us, and is asked for again by nobody else.
                place.host.restart().await.expect("the port of a node is its own");
            }
            4..7 => {
                place.proxy.counts.cuts.fetch_add(1, Ordering::Relaxed);
                place.proxy.cut();
            }
            _ => {
                place.proxy.counts.freezes.fetch_add(1, Ordering::Relaxed);
                place.proxy.set_flow(Flow::Frozen);
                tokio::time::sleep(pause * 2).await;
                place.proxy.set_flow(Flow::Flowing);
            }
        }
    }
}

/// Nothing goes wrong here any more.
async fn calm(place: &mut Place) -> Result<(), Error> {
    place.proxy.calm();
    place.proxy.set_flow(Flow::Flowing);
    // It may have been stopped between its end and its beginning.
    place.host.restart().await
}

/// All connections come back, and each node answers.
async fn recover(pool: &Pool, ledger: &Ledger) {
    let up = pool.wait_until(|status| status.iter().all(|connection| connection.is_up()));
    if tokio::time::timeout(RECOVERY, up).await.is_err() {
        ledger.violate(format!("the pool does not recover: {:?}", pool.status()));
    }
    for _ in pool.status() {
        if let Err(error) = pool.call("erlang", "node", [Term::NIL; 0]).await {
            ledger.violate(format!("after all, a call fails: {error}"));
        }
    }
}

/// Until the processes have taken what they were sent.
async fn settle(processes: &Processes) {
    let waits =
        || processes.processes().iter().filter_map(|pid| processes.info(pid)).any(|info| info.message_queue_len > 0);
    while waits() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The chance of one of many.
fn random(plan: &Plan, of: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(plan.seed.wrapping_mul(1_000_003).wrapping_add(of))
}
