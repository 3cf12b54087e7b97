//! Logging, to standard error.

use std::fmt;
use std::time::SystemTime;

use anstream::AutoStream;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// How much a command says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chatter {
    /// A command with a result: warnings.
    Quiet,
    /// A command that runs on: what happens.
    Talkative,
}

/// Starts logging: what `SSHRPC_LOG` says, or else what suits the command and the number of `-v`.
pub(crate) fn start(chatter: Chatter, verbose: u8) {
    let level = match chatter {
        Chatter::Quiet => verbose,
        Chatter::Talkative => verbose.saturating_add(1),
    };
    let usual = match level {
        0 => "warn",
        1 => "info",
        2 => "info,sshrpc=debug",
        3 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("SSHRPC_LOG").unwrap_or_else(|_unset| EnvFilter::new(usual));
    let colours = AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(verbose > 1)
        .with_timer(Seconds)
        .init();
}

/// The time in UTC, to the second.
struct Seconds;

impl FormatTime for Seconds {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        #[expect(clippy::disallowed_methods, reason = "a log tells the time of day")]
        let now = SystemTime::now();
        write!(writer, "{}", humantime::format_rfc3339_seconds(now))
    }
}
