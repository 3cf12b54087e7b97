//! Clocks, and waiting for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::backend::Functions;
use crate::call::Failure;
use crate::term::Term;

pub(super) fn register(functions: &mut Functions) {
    let clock = Arc::new(Clock::start());
    let (now, monotonic) = (clock.clone(), clock);
    functions
        .add("erlang", "now", move || triple(now.unique_micros()))
        .add("erlang", "monotonic_time", move || nanoseconds(monotonic.since_start()))
        .add("erlang", "system_time", || nanoseconds(since_epoch()))
        .register_async("timer", "sleep", 1, |args, _context| async move {
            let [time] = &args[..] else { return Err(TIMEOUT_VALUE) };
            sleep(time).await?;
            Ok(Term::atom("ok"))
        });
}

/// The time of the node.
struct Clock {
    start: Instant,
    /// The last time that was given out, in microseconds since 1970.
    last: AtomicU64,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the clock of the node's functions")]
    fn start() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0) }
    }

    fn since_start(&self) -> Duration {
        self.start.elapsed()
    }

    /// Microseconds since 1970, later than any that were given out.
    fn unique_micros(&self) -> u64 {
        self.later_than_last(u64::try_from(since_epoch().as_micros()).unwrap_or(0))
    }

    fn later_than_last(&self, now: u64) -> u64 {
        let later = |last: u64| now.max(last.saturating_add(1));
        // The closure always gives a value, so there is always a previous one.
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(later(last)));
        later(last.unwrap_or_default())
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock of the node's functions")]
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn nanoseconds(time: Duration) -> Term {
    time.as_nanos().into()
}

/// `{MegaSeconds,Seconds,MicroSeconds}`
fn triple(micros: u64) -> Term {
    const MILLION: u64 = 1_000_000;
    Term::tuple([micros / (MILLION * MILLION), micros / MILLION % MILLION, micros % MILLION].map(Term::from))
}

async fn sleep(time: &Term) -> Result<(), Failure> {
    match time {
        Term::Integer(milliseconds) if *milliseconds >= 0.into() => match milliseconds.to_u64() {
            Some(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
            None => core::future::pending().await,
        },
        Term::Atom(name) if name == "infinity" => core::future::pending().await,
        _ => return Err(TIMEOUT_VALUE),
    }
    Ok(())
}

const TIMEOUT_VALUE: Failure = Failure::of("timeout_value");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_increase_strictly_even_where_the_clock_does_not() {
        let clock = Clock::start();
        assert_eq!(clock.later_than_last(1000), 1000);
        assert_eq!(clock.later_than_last(1000), 1001);
        assert_eq!(clock.later_than_last(500), 1002);
        assert_eq!(clock.later_than_last(2000), 2000);
    }

    #[test]
    fn the_triple_of_the_paper_age_is_made_of_millions() {
        assert_eq!(triple(1_256_540_000_123_456).to_string(), "{1256,540000,123456}");
    }
}
