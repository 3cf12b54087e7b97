//! `sshrpc top`

mod figures;
mod screen;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use anstream::AutoStream;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use serde_json::{Value, json};
use sshrpc::call::Call;
use sshrpc::client::Mode;
use sshrpc::term::{Atom, Term};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::figures::{Snapshot, count, per_second, rate, time, uptime};
use self::screen::{Pressed, Screen};
use super::call::{Manner, TIMEOUT, Wanted, call};
use super::exit::Exit;
use super::failure::Failure;
use super::names::Named;
use super::output::{self, Output, with};
use super::reach::{Patience, Reach, Reached, Timeout};
use super::table::Table;
use super::{json, log};

/// Watch nodes: calls, rates, times, connections
///
/// The figures are those of sshrpc:statistics/0. It names the functions that the caller may call, and counts the others
/// together. Of several nodes the longest times are shown. Without a terminal it prints once.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sshrpc top 127.0.0.1:2222
  sshrpc top web db1 --interval 5s                    (a group of sshrpc.toml, and a node)
  sshrpc top --once --json web                        what the nodes have counted since they began")]
pub(crate) struct Top {
    /// Nodes and groups: names of sshrpc.toml, or [user@]host[:port]
    #[arg(value_name = "NODE|GROUP", required = true)]
    targets: Vec<String>,

    /// How often to ask
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    interval: Duration,

    /// Print once, and end; the exit code is 0 when every node answered
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    reach: Reach,
}

/// What one node said: its number, and the map of its figures.
type Said = (usize, Result<Term, Failure>);

impl Top {
    pub(crate) fn run(self, output: Output, verbose: u8) -> Result<(), Failure> {
        log::start(log::Chatter::Quiet, verbose);
        let nodes = self.reach.names()?.all(&self.targets)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(Failure::local)?;
        let ended = runtime.block_on(async {
            if self.once || output == Output::Text && !io::stdout().is_terminal() {
                return self.once(nodes, output).await;
            }
            let watching = Watching::begin(self.reach, &nodes, self.interval).await?;
            match output {
                Output::Json => watching.print(&nodes).await,
                Output::Text => watching.show(&nodes, self.interval).await,
            }
        });
        // A thread may wait for a key for a moment still.
        runtime.shutdown_background();
        ended
    }

    async fn once(self, nodes: Vec<Named>, output: Output) -> Result<(), Failure> {
        let (reach, mut running) = (Arc::new(self.reach), JoinSet::new());
        for (number, node) in nodes.iter().cloned().enumerate() {
            let reach = reach.clone();
            running.spawn(async move {
                let said = async {
                    let reached = connect(&reach, &node).await?;
                    let said = statistics(&reached, &node).await;
                    reached.client.close().await;
                    said
                };
                (number, said.await)
            });
        }
        let mut said: Vec<Option<Result<Term, Failure>>> = nodes.iter().map(|_| None).collect();
        while let Some(ended) = running.join_next().await {
            let (number, outcome) = ended.map_err(Failure::local)?;
            if let Some(slot) = said.get_mut(number) {
                *slot = Some(outcome);
            }
        }
        let said: Vec<_> = nodes.iter().zip(said.into_iter().flatten()).collect();
        output.print(
            || tables(&said),
            || json!({ "nodes": said.iter().map(|(node, said)| row(node, said)).collect::<Vec<_>>() }),
        )?;
        let failed = said.into_iter().find_map(|(_, outcome)| outcome.err());
        failed.map_or(Ok(()), |failure| Err(failure.silent()))
    }
}

/// Nodes that are asked again and again. Dropped, they are left alone.
struct Watching {
    said: mpsc::Receiver<Said>,
    _asking: JoinSet<()>,
}

impl Watching {
    /// Connects to all of them, as long as somebody may be asked for a passphrase.
    async fn begin(mut reach: Reach, nodes: &[Named], interval: Duration) -> Result<Self, Failure> {
        let mut reached = Vec::new();
        for node in nodes {
            reached.push(connect(&reach, node).await);
        }
        if let ([Err(failure)], [_]) = (reached.as_slice(), nodes) {
            return Err(failure.clone());
        }
        reach.ask_nobody();
        let reach = Arc::new(reach);
        let (sender, said) = mpsc::channel(nodes.len().max(1));
        let mut asking = JoinSet::new();
        for ((number, node), reached) in nodes.iter().cloned().enumerate().zip(reached) {
            asking.spawn(ask(reach.clone(), number, node, reached, interval, sender.clone()));
        }
        Ok(Self { said, _asking: asking })
    }

    /// A line of JSON for each answer.
    async fn print(mut self, nodes: &[Named]) -> Result<(), Failure> {
        while let Some((number, said)) = self.said.recv().await {
            if let Some(node) = nodes.get(number) {
                Output::Json.print(String::new, || row(node, &said))?;
            }
        }
        Ok(())
    }

    /// The live view, until a key ends it.
    async fn show(mut self, nodes: &[Named], interval: Duration) -> Result<(), Failure> {
        let coloured = AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        ratatui::crossterm::style::force_color_output(coloured);
        let mut screen = Screen::new(nodes.iter().map(|node| node.name.clone()));
        let mut terminal = ratatui::try_init().map_err(|error| {
            Failure::local(format!("cannot use the terminal: {error}")).hint("`--once` prints once")
        })?;
        let mut events = events();
        let mut clock = tokio::time::interval(interval.max(LEAST_INTERVAL));
        let ended = loop {
            if let Err(error) = terminal.draw(|frame| screen.draw(frame)) {
                break Err(Failure::local(format!("cannot draw: {error}")));
            }
            tokio::select! {
                event = events.recv() => match event {
                    Some(Event::Key(key)) if key.kind != KeyEventKind::Release && screen.press(key) == Pressed::Leave => break Ok(()),
                    // It is drawn anew, for a terminal that may be of another size.
                    Some(_) => {}
                    None => break Ok(()),
                },
                Some((number, said)) = self.said.recv() => {
                    let read = |term: Term| Snapshot::read(&term).ok_or_else(|| STRANGE.to_owned());
                    screen.take(number, said.map_err(|failure| failure.message).and_then(read));
                }
                _ = clock.tick() => screen.tick(),
            }
        };
        ratatui::restore();
        ended
    }
}

/// Nobody reads faster.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);

const STRANGE: &str = "sshrpc:statistics/0 said something that this program does not understand";

/// What happens at the terminal. A thread waits for it, and ends when nobody is interested any more.
fn events() -> mpsc::Receiver<Event> {
    let (sender, receiver) = mpsc::channel(64);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            match event::poll(LEAST_INTERVAL).and_then(|ready| ready.then(event::read).transpose()) {
                Ok(Some(event)) => {
                    if sender.blocking_send(event).is_err() {
                        return;
                    }
                }
                Ok(None) => {}
                Err(_gone) => return,
            }
        }
    });
    receiver
}

/// Asks a node at intervals, and connects anew where it must.
async fn ask(
    reach: Arc<Reach>,
    number: usize,
    node: Named,
    first: Result<Reached, Failure>,
    interval: Duration,
    sender: mpsc::Sender<Said>,
) {
    let mut clock = tokio::time::interval(interval.max(LEAST_INTERVAL));
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut reached = Some(first);
    loop {
        clock.tick().await;
        let now = match reached.take() {
            Some(reached) => reached,
            None => connect(&reach, &node).await,
        };
        let said = match now {
            Ok(connected) => {
                let said = statistics(&connected, &node).await;
                if said.is_ok() {
                    reached = Some(Ok(connected));
                } else {
                    connected.client.close().await;
                }
                said
            }
            Err(failure) => Err(failure),
        };
        if sender.send((number, said)).await.is_err() {
            return;
        }
    }
}

async fn connect(reach: &Reach, node: &Named) -> Result<Reached, Failure> {
    let mut patience = Patience::new(Timeout(Some(TIMEOUT)));
    reach.connect(&node.target, Mode::Subsystem, &mut patience).await
}

async fn statistics(reached: &Reached, node: &Named) -> Result<Term, Failure> {
    let request = Call::new(Atom::from_static("sshrpc"), Atom::from_static("statistics"), Vec::new());
    let timeout = Timeout(Some(TIMEOUT));
    let manner = Manner { mode: Mode::Subsystem, timeout, deadline: None, wanted: Wanted::Value };
    let answer = call(&reached.client, &node.target, &request, manner, &Patience::new(timeout)).await?;
    answer.map_err(|error| {
        let failure = reached.attempt.call_failed(&error);
        match super::call::is_undef(&error) {
            true => {
                Failure { message: format!("{} keeps no figures: it is no node of sshrpc", node.target), ..failure }
            }
            false if failure.message.starts_with("notsup") => {
                failure.hint("the rules of the node must allow sshrpc:statistics/0")
            }
            false => failure,
        }
    })
}

fn row(node: &Named, said: &Result<Term, Failure>) -> Value {
    let object = match said {
        Ok(term) => json!({ "statistics": json::from_term(term) }),
        Err(failure) => output::as_json(failure),
    };
    with("node", json!(node.name), object)
}

/// What was counted since each node began, for people.
fn tables(said: &[(&Named, Result<Term, Failure>)]) -> String {
    let mut nodes =
        Table::new(["NODE", "UP", "CONNECTED", "RUNNING", "CALLS", "CALLS/S", "FAILED", "DENIED", "P50", "P99"])
            .figures_from(1);
    let mut functions =
        Table::new(["FUNCTION", "NODE", "CALLS", "RUNNING", "FAILED", "P50", "P90", "P99", "MAX"]).figures_from(2);
    let mut failures = Vec::new();
    for (node, outcome) in said {
        let snapshot = match outcome {
            Ok(term) => Snapshot::read(term).ok_or_else(|| Failure::new(Exit::Protocol, STRANGE)),
            Err(failure) => Err(failure.clone()),
        };
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot,
            Err(failure) => {
                failures.push(format!("{}: {}", node.name, failure.message));
                continue;
            }
        };
        let all = snapshot.all;
        let (p50, p99) = all.times.map(|times| (time(times.p50), time(times.p99))).unwrap_or_default();
        nodes.row([
            node.name.clone(),
            uptime(snapshot.uptime),
            count(snapshot.connections),
            count(all.running),
            count(all.begun),
            per_second(rate(0, all.begun, snapshot.uptime)),
            count(all.failed),
            count(snapshot.denied),
            p50,
            p99,
        ]);
        let others = Some(("(others)".to_owned(), snapshot.others)).filter(|(_, figures)| figures.begun > 0);
        for (name, figures) in snapshot.functions.into_iter().chain(others) {
            let [p50, p90, p99, max] =
                figures.times.map(|times| [times.p50, times.p90, times.p99, times.max].map(time)).unwrap_or_default();
            let [begun, running, failed] = [figures.begun, figures.running, figures.failed].map(count);
            functions.row([name, node.name.clone(), begun, running, failed, p50, p90, p99, max]);
        }
    }
    let tables = [nodes.render(), functions.render()].into_iter().filter(|text| text.contains('\n'));
    tables.chain((!failures.is_empty()).then(|| failures.join("\n"))).collect::<Vec<_>>().join("\n\n")
}
