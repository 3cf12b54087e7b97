//! Calls, casts, messages and multicalls to nodes that are killed and started again, over connections that are cut, stalled,
//! delayed and garbled, and what must hold at the end: nothing is lost without a word, nothing happens twice, nothing hangs.
//!
//! `cargo run --release --example soak -- --for 15m --seed 1`
//!
//! The seed decides what is asked and what goes wrong where; what meets what is up to the clock.

mod host;
mod ledger;
mod node;
mod proxy;
mod report;
mod run;
mod workers;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Soaks a pool and its nodes in faults.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long
    #[arg(long = "for", value_name = "TIME", default_value = "1m", value_parser = humantime::parse_duration)]
    time: Duration,
    /// What happens [default: a random number]
    #[arg(long)]
    seed: Option<u64>,
    /// How many nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: u8,
    /// How many callers of each kind
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    callers: u8,
}

#[tokio::main]
async fn main() -> Result<ExitCode, host::Error> {
    let Arguments { time, seed, nodes, callers } = Arguments::parse();
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("soaking {nodes} nodes for {}, seed {seed}", humantime::format_duration(time));
    let report = run::soak(&run::Plan { time, seed, nodes, callers }).await?;
    print!("{report}");
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
