//! `sshrpc demo`

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use ssh_proto::crypto::Tier;
use sshrpc::client::{Client, Connect, Mode};
use sshrpc::term::Term;
use sshrpc::{Identity, Node, PrivateKey, os_rng};
use tokio::time::Instant;

use super::exit::Exit;
use super::failure::Failure;
use super::log;
use super::output::{FAINT, GOOD, Output, STRONG, styled};
use super::table::Table;

/// Watch calls travel over SSH: the experiment of the paper, on this machine
///
/// Starts a node on a free port of the loopback interface, connects to it over TCP, calls `erlang:now/0` in all four modes,
/// and shows the times beside those of the paper of 2009. Needs no set-up and leaves nothing behind.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// How many sets of calls are timed for each figure; the paper had 10
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    sets: u32,
}

/// "Each set of execution time measured with 11 iterative executions of erlang:now/0 [...] taking the difference between
/// the 1st and 11th attempts."
const CALLS: u32 = 11;
/// A set of fast calls goes on for this long: eleven would be over before the scheduler has looked up.
const LEAST_MICROSECONDS: i64 = 15_000;
/// However slow the machine, no figure takes longer.
const MOST: Duration = Duration::from_secs(3);
/// The paper does not tell; what `ssh-keygen` made in 2009.
const RSA_BITS: usize = 2048;
/// The cipher and the MAC of today's RFCs, and those of the paper.
const SUITES: [(&str, &str); 2] = [("aes128-ctr", "hmac-sha2-256-etm@openssh.com"), ("aes128-cbc", "hmac-sha1")];
/// In the paper's order.
const MODES: [Mode; 4] = [Mode::Exec, Mode::ExecMod, Mode::Shell, Mode::Subsystem];

/// Table 1: the mean and σ of a call, in milliseconds. The subsystem came with the note, without a figure.
const fn paper(mode: Mode) -> Option<(f64, f64)> {
    match mode {
        Mode::Exec => Some((412.706, 2.632)),
        Mode::ExecMod => Some((106.889, 0.353)),
        Mode::Shell => Some((8.097, 0.261)),
        _ => None,
    }
}

impl Demo {
    pub(crate) fn run(self, output: &Output, verbose: u8) -> Result<(), Failure> {
        log::start(log::Chatter::Quiet, verbose);
        // One thread: between two of them a wake-up may cost more than the call, or nothing, as the machine pleases.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::local)?;
        runtime.block_on(self.show(*output))
    }

    async fn show(&self, output: Output) -> Result<(), Failure> {
        let steps = MODES.len() * SUITES.len();
        let bar = ProgressBar::new(u64::from(self.sets) * u64::try_from(steps).unwrap_or_default());
        if let Ok(style) = ProgressStyle::with_template("{msg:24} {wide_bar:.cyan/dim} {percent:>3} %") {
            bar.set_style(style.progress_chars("━━─"));
        }
        bar.set_message("making two RSA keys");
        let stage = Stage::set().await?;
        bar.suspend(|| output.say(&stage.describe()))?;
        let proof = stage.prove().await?;
        bar.suspend(|| output.say(&proof))?;
        let mut figures = Vec::new();
        for mode in MODES {
            for suite in SUITES {
                bar.set_message(format!("{mode}, {}", suite.0));
                figures.push(self.measure(&stage, mode, suite, &bar).await?);
            }
        }
        bar.finish_and_clear();
        output.print(|| report(&figures), || json(&stage, &figures))
    }

    async fn measure(
        &self,
        stage: &Stage,
        mode: Mode,
        (cipher, mac): (&'static str, &'static str),
        bar: &ProgressBar,
    ) -> Result<Figure, Failure> {
        let client = stage.connect(mode, cipher, mac).await?;
        // The first ones warm up.
        for _ in 0..self.sets.div_ceil(10) {
            one_set(&client).await?;
        }
        let (begin, started, mut times) = (bar.position(), Instant::now(), Vec::new());
        while times.len() < 2 || times.len() < self.sets as usize && started.elapsed() < MOST {
            times.push(one_set(&client).await?);
            bar.inc(1);
        }
        bar.set_position(begin + u64::from(self.sets));
        client.close().await;
        Ok(Figure::of(mode, cipher, mac, &times))
    }
}

/// The milliseconds of a call, by the node's own clock: what `erlang:now/0` returned at last, minus what it returned first.
async fn one_set(client: &Client) -> Result<f64, Failure> {
    let first = now(client).await?;
    let (mut calls, mut elapsed) = (0_u32, 0);
    while calls < CALLS - 1 || elapsed < LEAST_MICROSECONDS {
        elapsed = now(client).await? - first;
        calls += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "no set takes three hundred years")]
    let milliseconds = elapsed as f64 / 1000.0;
    Ok(milliseconds / f64::from(calls))
}

/// `{MegaSeconds,Seconds,MicroSeconds}` in microseconds.
async fn now(client: &Client) -> Result<i64, Failure> {
    let value = client.call::<Term>("erlang", "now", []).await.map_err(broken)?;
    match value.as_tuple().map(|parts| parts.iter().map(Term::as_i64).collect::<Vec<_>>()).as_deref() {
        Some([Some(mega), Some(seconds), Some(micro)]) => Ok((mega * 1_000_000 + seconds) * 1_000_000 + micro),
        _ => Err(Failure::new(Exit::Protocol, "erlang:now/0 returned something else than a time").term(value)),
    }
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Connection, format!("the demonstration broke off: {error}"))
}

/// A node, and what a client needs to reach it.
struct Stage {
    address: std::net::SocketAddr,
    host_key: PrivateKey,
    user_key: PrivateKey,
}

impl Stage {
    async fn set() -> Result<Self, Failure> {
        let make = || {
            let mut rng = os_rng().map_err(Failure::local)?;
            PrivateKey::generate_rsa(RSA_BITS, &mut rng).map_err(Failure::local)
        };
        let both = [tokio::task::spawn_blocking(make), tokio::task::spawn_blocking(make)];
        let [host_key, user_key] = both;
        let (host_key, user_key) = (host_key.await.map_err(Failure::local)??, user_key.await.map_err(Failure::local)??);
        let names = |name: fn(&(&'static str, &'static str)) -> &'static str| SUITES.each_ref().map(name).join(",");
        let node = Node::builder()
            .listen("127.0.0.1:0")
            .host_key(host_key.clone())
            .authorized_key(user_key.public().clone())
            .tier(Tier::Legacy)
            .ciphers(&names(|suite| suite.0))
            .and_then(|node| node.macs(&names(|suite| suite.1)))
            .map_err(Failure::local)?;
        let node = node.bind().await.map_err(Failure::local)?;
        let address = node.local_addr().map_err(Failure::local)?;
        // It ends with the process.
        tokio::spawn(node.run(std::future::pending()));
        Ok(Self { address, host_key, user_key })
    }

    async fn connect(&self, mode: Mode, cipher: &str, mac: &str) -> Result<Client, Failure> {
        let connect = Connect::to(&self.address.to_string())
            .map_err(Failure::local)?
            .mode(mode)
            .tier(Tier::Legacy)
            .ciphers(cipher)
            .and_then(|connect| connect.macs(mac))
            .map_err(Failure::local)?
            .host_key(self.host_key.public().clone())
            .identity(Identity::from_key(self.user_key.clone(), ""))
            .timeout(Duration::from_secs(20));
        connect.connect().await.map_err(broken)
    }

    fn describe(&self) -> String {
        let key = |key: &PrivateKey| format!("RSA {RSA_BITS}, {}", key.public().fingerprint());
        format!(
            "A node and a client in one process, over TCP and SSH on {}:\n  host key  {}\n  user key  {}",
            styled(STRONG, self.address),
            key(&self.host_key),
            key(&self.user_key),
        )
    }

    /// A call whose value anybody can check, and what it travelled through.
    async fn prove(&self) -> Result<String, Failure> {
        let (cipher, mac) = SUITES[0];
        let client = self.connect(Mode::Subsystem, cipher, mac).await?;
        let value = client.call("lists", "reverse", [vec![1, 2, 3]]).await.map_err(broken)?;
        let exchange = client.ssh().and_then(|ssh| ssh.negotiated());
        let exchange = exchange.map(|agreed| format!("{}, {}", agreed.kex, agreed.host_key)).unwrap_or_default();
        client.close().await;
        Ok(format!("  exchange  {exchange}\n  call      lists:reverse([1,2,3]) -> {}\n", styled(GOOD, value)))
    }
}

/// One line of the table.
struct Figure {
    mode: Mode,
    cipher: &'static str,
    mac: &'static str,
    sets: usize,
    mean: f64,
    sigma: f64,
}

impl Figure {
    /// Of the times of sets, in milliseconds.
    fn of(mode: Mode, cipher: &'static str, mac: &'static str, times: &[f64]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "there are thousands of sets at most")]
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { mode, cipher, mac, sets: times.len(), mean, sigma: variance.sqrt() }
    }

    fn row(&self) -> [String; 6] {
        let [(modern, _), (old, _)] = SUITES;
        let mode = if self.cipher == modern { self.mode.to_string() } else { String::new() };
        let [then, then_rate] = match paper(self.mode) {
            // The paper's figures are of this cipher.
            Some((mean, sigma)) if self.cipher == old => [time(mean, sigma), rate(mean)],
            _ => Default::default(),
        };
        [mode, self.cipher.to_owned(), time(self.mean, self.sigma), rate(self.mean), then, then_rate]
    }

    fn json(&self) -> Value {
        json!({
            "mode": self.mode.as_str(),
            "cipher": self.cipher,
            "mac": self.mac,
            "sets": self.sets,
            "mean_ms": self.mean,
            "sigma_ms": self.sigma,
            "calls_per_second": 1000.0 / self.mean,
            "paper": paper(self.mode).map(|(mean, sigma)| json!({ "mean_ms": mean, "sigma_ms": sigma })),
        })
    }
}

fn time(mean: f64, sigma: f64) -> String {
    format!("{mean:.3} ± {sigma:.3}")
}

fn rate(mean: f64) -> String {
    let calls = 1000.0 / mean;
    if calls < 10.0 { format!("{calls:.1}") } else { format!("{calls:.0}") }
}

fn report(figures: &[Figure]) -> String {
    let headings = ["mode", "cipher", "mean ± σ, ms", "calls/s", "paper, ms", "calls/s"];
    let mut table = Table::new(headings).figures_from(2);
    figures.iter().for_each(|figure| table.row(figure.row()));
    let mut lines = vec![table.render()];
    let fewest = figures.iter().map(|figure| figure.sets).min().unwrap_or_default();
    let notes = format!(
        "A set is {CALLS} calls of erlang:now/0 as in the paper, or {} ms of them where calls are fast; a call's\n\
         time is what the node's clock says between the first and the last. Mean and σ are of {fewest} sets.\n\
         The note to the paper adds 4.2 ms a call with Nagle's algorithm off, and the subsystem, untimed.\n\
         \n\
         What differs: here both ends share a thread of one machine ({}) and its loopback,\n\
         without Nagle. There two hosts, Atoms at 800 MHz, spoke Erlang R13B01 over 100 Mbit/s Ethernet.",
        LEAST_MICROSECONDS / 1000,
        machine()
    );
    lines.push(String::new());
    lines.extend(notes.lines().map(|line| styled(FAINT, line)));
    lines.extend([
        String::new(),
        "Try next, in two terminals:".to_owned(),
        format!("  {}", styled(STRONG, "sshrpc serve")),
        format!("  {}", styled(STRONG, "sshrpc call --accept-new 127.0.0.1:2222 lists reverse '[[1,2,3]]'")),
    ]);
    lines.join("\n")
}

fn json(stage: &Stage, figures: &[Figure]) -> Value {
    json!({
        "rows": figures.iter().map(Figure::json).collect::<Vec<_>>(),
        "address": stage.address,
        "rsa_bits": RSA_BITS,
        "machine": machine(),
    })
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let plural = if cores == 1 { "" } else { "s" };
    format!("{cores} core{plural}, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_sigma_are_those_of_a_sample() {
        let figure = Figure::of(Mode::Shell, "aes128-cbc", "hmac-sha1", &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(figure.row(), ["", "aes128-cbc", "2.500 ± 1.291", "400", "8.097 ± 0.261", "124"]);
    }
}
