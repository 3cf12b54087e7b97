//! `sshrpc ping`

use std::time::Duration;

use serde_json::json;
use sshrpc::Client;
use sshrpc::call::CallError;
use sshrpc::client::{Error, Mode, Target};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::call::TIMEOUT;
use super::exit::Exit;
use super::failure::Failure;
use super::log;
use super::output::{FAINT, Output, STRONG, styled};
use super::reach::{Patience, Reach, Reached, Timeout, timeout};

/// Ask a node for signs of life, and say how long they took
///
/// It logs in, asks once a second on the same connection, and goes on until Ctrl-C or `--count`. A node that speaks only the
/// original protocol is asked for `erlang:node()` instead.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sshrpc ping 127.0.0.1:2222
  sshrpc ping --count 3 --interval 200ms db1          (a node of sshrpc.toml)
  sshrpc ping --count 1 --json db1

The exit code is 0 when every answer came.")]
pub(crate) struct Ping {
    /// The node: its name in sshrpc.toml, or [user@]host[:port]
    target: String,

    /// Ask so often [default: until Ctrl-C]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// From one question to the next
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    interval: Duration,

    /// Give up on an answer, and on the login, after this long: 500ms, 10s, 2m; none waits for ever [default: 10s]
    #[arg(long, short, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Timeout>,

    #[command(flatten)]
    reach: Reach,
}

impl Ping {
    pub(crate) fn run(self, output: Output, verbose: u8) -> Result<(), Failure> {
        log::start(log::Chatter::Quiet, verbose);
        let node = self.reach.names()?.one(&self.target)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::local)?;
        runtime.block_on(self.ping(&node.target, output))
    }

    async fn ping(&self, target: &Target, output: Output) -> Result<(), Failure> {
        let limit = self.timeout.unwrap_or(Timeout(Some(TIMEOUT)));
        let begun = Instant::now();
        let mut patience = Patience::new(limit);
        let Reached { client, attempt } = self.reach.connect(target, Mode::Subsystem, &mut patience).await?;
        let login = begun.elapsed();
        let how = Question::find(&client, &patience, target).await?.map_err(|error| attempt.call_failed(&error))?;
        output.print(
            || format!("{}: logged in after {} ms, asking by {}", styled(STRONG, target), ms(login), how.name()),
            || json!({ "target": target.to_string(), "login_ms": figure(login), "by": how.name() }),
        )?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::local)?;
        let mut tally = Tally::default();
        let mut clock = tokio::time::interval(self.interval.max(Duration::from_millis(1)));
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let ended = loop {
            if self.count == Some(tally.asked) {
                break Ok(());
            }
            tokio::select! {
                biased;
                _ = interrupt.recv() => break Ok(()),
                _ = clock.tick() => {}
            }
            tally.asked += 1;
            let patience = Patience::new(limit);
            let answer = tokio::select! {
                biased;
                _ = interrupt.recv() => break Ok(()),
                answer = patience.wait(how.ask(&client)) => answer,
            };
            match answer {
                Some(Ok(time)) => {
                    tally.add(time);
                    let number = tally.asked;
                    output.print(
                        || format!("answer {number}: {} ms", ms(time)),
                        || json!({ "answer": number, "ms": figure(time) }),
                    )?;
                }
                Some(Err(error)) => break Err(attempt.call_failed(&error)),
                None => break Err(patience.timed_out("no answer from", target, "")),
            }
        };
        client.close().await;
        tally.print(target, output)?;
        match ended {
            Ok(()) if tally.times.is_empty() => Err(Failure::new(Exit::Timeout, "no answer came")),
            ended => ended,
        }
    }
}

/// How a node is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// The extended protocol's.
    Ping,
    /// A call that every Erlang answers.
    Call,
}

impl Question {
    /// The one that the node understands. The outer failure is that there was no answer in time.
    async fn find(client: &Client, patience: &Patience, target: &Target) -> Result<Result<Self, Error>, Failure> {
        let asked = patience.wait(client.ping()).await;
        Ok(match asked.ok_or_else(|| patience.timed_out("no answer from", target, ""))? {
            Ok(_time) => Ok(Self::Ping),
            Err(Error::Call(CallError::Failed(failure))) if failure.is_erpc() => Ok(Self::Call),
            Err(error) => Err(error),
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Call => "erlang:node()",
        }
    }

    /// How long the answer took. That a rule denies the call is an answer, too.
    async fn ask(self, client: &Client) -> Result<Duration, Error> {
        let begun = Instant::now();
        match self {
            Self::Ping => client.ping().await,
            Self::Call => match client.call("erlang", "node", Vec::<sshrpc::Term>::new()).await {
                Ok(_) | Err(Error::Call(CallError::Failed(_))) => Ok(begun.elapsed()),
                Err(error) => Err(error),
            },
        }
    }
}

/// What was asked, and how long the answers took.
#[derive(Debug, Default)]
struct Tally {
    asked: u64,
    times: Summary,
}

/// Minimum, mean and maximum, without keeping the times: it may go on for days.
#[derive(Debug, Default)]
struct Summary {
    count: u64,
    least: Duration,
    sum: Duration,
    most: Duration,
}

impl Summary {
    const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn mean(&self) -> Duration {
        self.sum.div_f64(self.count.max(1) as f64)
    }
}

impl Tally {
    fn add(&mut self, time: Duration) {
        let times = &mut self.times;
        times.least = if times.is_empty() { time } else { times.least.min(time) };
        times.most = times.most.max(time);
        times.sum += time;
        times.count += 1;
    }

    fn print(&self, target: &Target, output: Output) -> Result<(), Failure> {
        let Self { asked, times } = self;
        let Summary { count, least, most, .. } = times;
        let text = || {
            let line = styled(FAINT, format!("--- {target}: {asked} asked, {count} answered"));
            match times.is_empty() {
                true => line,
                false => {
                    format!("{line}\nmin/avg/max {}/{}/{} ms", ms(*least), ms(times.mean()), ms(*most))
                }
            }
        };
        output.print(text, || {
            let known = |time: Duration| (!times.is_empty()).then(|| figure(time));
            json!({
                "asked": asked, "answered": count,
                "min_ms": known(*least), "avg_ms": known(times.mean()), "max_ms": known(*most),
            })
        })
    }
}

fn ms(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1000.0)
}

/// Milliseconds to the microsecond.
fn figure(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_has_the_least_the_mean_and_the_most() {
        let mut tally = Tally::default();
        [3, 1, 2].into_iter().for_each(|time| tally.add(Duration::from_millis(time)));
        let Summary { count, least, most, .. } = tally.times;
        let expected = [1, 2, 3].map(Duration::from_millis);
        assert_eq!((count, [least, tally.times.mean(), most]), (3, expected));
    }
}
