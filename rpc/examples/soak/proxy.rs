//! A way to a node on which things go wrong: a TCP proxy on loopback.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The way to a node. Dropped, it is closed.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    traffic: watch::Sender<Traffic>,
    pub(crate) counts: Arc<Counts>,
    _accepting: JoinSet<()>,
}

/// What all connections do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Traffic {
    flow: Flow,
    chance: Chance,
    /// Connections end when this changes.
    cuts: u64,
}

/// Whether things go wrong at random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Chance {
    #[default]
    AsPlanned,
    Never,
}

/// Whether octets go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flow {
    #[default]
    Flowing,
    /// They are kept, and nobody is told.
    Frozen,
}

/// How often something went wrong.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicU64,
    pub(crate) cuts: AtomicU64,
    pub(crate) stalls: AtomicU64,
    pub(crate) delays: AtomicU64,
    pub(crate) flips: AtomicU64,
    /// Counted by whoever does it.
    pub(crate) kills: AtomicU64,
    pub(crate) freezes: AtomicU64,
}

/// What goes wrong on connections at random.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) seed: u64,
    /// About how many octets of a direction pass between two.
    pub(crate) every: u64,
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The connection ends here.
    Cut,
    /// Nothing passes for a while.
    Stall(Duration),
    /// What passes is late.
    Delay(Duration),
    /// One bit is wrong.
    Flip(u8),
}

impl Proxy {
    /// A proxy in front of this address.
    pub(crate) async fn start(target: SocketAddr, faults: Option<Faults>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (traffic, counts) = (watch::Sender::new(Traffic::default()), Arc::<Counts>::default());
        let (seen, counted) = (traffic.subscribe(), counts.clone());
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
                    Ok((client, _)) = listener.accept() => {
                        let number = counted.connections.fetch_add(1, Ordering::Relaxed);
                        connections.spawn(carry(client, target, (faults, number), seen.clone(), counted.clone()));
                    }
                }
            }
        });
        Ok(Self { address, traffic, counts, _accepting: accepting })
    }

    /// Stops all octets, or lets them go on.
    pub(crate) fn set_flow(&self, flow: Flow) {
        self.traffic.send_modify(|traffic| traffic.flow = flow);
    }

    /// Nothing goes wrong at random any more.
    pub(crate) fn calm(&self) {
        self.traffic.send_modify(|traffic| traffic.chance = Chance::Never);
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        self.traffic.send_modify(|traffic| traffic.cuts += 1);
    }
}

/// Carries one connection to its end.
async fn carry(
    client: TcpStream,
    target: SocketAddr,
    (faults, number): (Option<Faults>, u64),
    traffic: watch::Receiver<Traffic>,
    counts: Arc<Counts>,
) {
    let cuts = traffic.borrow().cuts;
    // A node that is not there ends the connection, too.
    let Ok(node) = TcpStream::connect(target).await else { return };
    let ((from_client, to_client), (from_node, to_node)) = (client.into_split(), node.into_split());
    let pump = |from, to, way| pump(from, to, Trouble::new(faults, number * 2 + way), traffic.clone(), &counts);
    let mut cut = traffic.clone();
    // Where one direction ends, both do.
    tokio::select! {
        _ended = pump(from_client, to_node, 0) => {}
        _ended = pump(from_node, to_client, 1) => {}
        _cut = cut.wait_for(|traffic| traffic.cuts != cuts) => {}
    }
}

/// Carries one direction to its end.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut trouble: Trouble,
    mut traffic: watch::Receiver<Traffic>,
    counts: &Counts,
) -> io::Result<()> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let octets = from.read(&mut chunk).await?;
        if octets == 0 {
            return Ok(());
        }
        drop(traffic.wait_for(|traffic| traffic.flow == Flow::Flowing).await);
        if traffic.borrow().chance == Chance::Never {
            trouble.next = None;
        }
        let mut rest = &mut chunk[..octets];
        while let Some((at, fault)) = trouble.within(rest.len()) {
            let (before, behind) = rest.split_at_mut(at);
            to.write_all(before).await?;
            rest = behind;
            match fault {
                Fault::Cut => {
                    counts.cuts.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Fault::Stall(time) => {
                    counts.stalls.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(time).await;
                }
                Fault::Delay(time) => {
                    counts.delays.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(time).await;
                }
                Fault::Flip(bit) => {
                    counts.flips.fetch_add(1, Ordering::Relaxed);
                    rest.iter_mut().take(1).for_each(|octet| *octet ^= bit);
                }
            }
        }
        trouble.pass(rest.len());
        to.write_all(rest).await?;
    }
}

/// What goes wrong next in one direction, and in how many octets.
struct Trouble {
    random: fastrand::Rng,
    every: u64,
    next: Option<(u64, Fault)>,
}

impl Trouble {
    fn new(faults: Option<Faults>, way: u64) -> Self {
        let (seed, every) = match faults {
            None => (0, 0),
            Some(Faults { seed, every }) => (seed.wrapping_mul(1_000_003).wrapping_add(way), every),
        };
        let mut trouble = Self { random: fastrand::Rng::with_seed(seed), every, next: None };
        trouble.draw();
        trouble
    }

    fn draw(&mut self) {
        let random = &mut self.random;
        let milliseconds = |time| Duration::from_millis(time);
        self.next = (self.every > 0).then(|| {
            let fault = match random.u8(..100) {
                0..25 => Fault::Cut,
                25..30 => Fault::Flip(1 << random.u8(..8)),
                30..45 => Fault::Stall(milliseconds(random.u64(200..3000))),
                _ => Fault::Delay(milliseconds(random.u64(1..80))),
            };
            (random.u64(1..=self.every * 2), fault)
        });
    }

    /// The next thing that goes wrong within so many octets, and before which of them.
    fn within(&mut self, octets: usize) -> Option<(usize, Fault)> {
        let (left, fault) = self.next?;
        let at = usize::try_from(left).ok().filter(|at| *at < octets)?;
        self.draw();
        Some((at, fault))
    }

    /// So many octets went by unharmed.
    fn pass(&mut self, octets: usize) {
        if let Some((left, _)) = &mut self.next {
            *left = left.saturating_sub(octets as u64);
        }
    }
}
