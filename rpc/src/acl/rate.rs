//! How often: a token bucket for each caller.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// So many in so much time, and as many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

impl Unit {
    const fn seconds(self) -> f64 {
        match self {
            Self::Second => 1.0,
            Self::Minute => 60.0,
            Self::Hour => 3600.0,
        }
    }
}

/// `100/s`, `10/min`, `5/h`
impl FromStr for Rate {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, BadRate> {
        let (count, unit) = text.split_once('/').ok_or(BadRate)?;
        let unit = match unit.trim() {
            "s" => Unit::Second,
            "min" => Unit::Minute,
            "h" => Unit::Hour,
            _ => return Err(BadRate),
        };
        match count.trim().parse() {
            Ok(count) if count > 0 => Ok(Self { count, unit }),
            _ => Err(BadRate),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => "s",
            Unit::Minute => "min",
            Unit::Hour => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// A text that is no [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BadRate;

impl fmt::Display for BadRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate is written `100/s`, `10/min` or `5/h`, and at least 1")
    }
}

impl core::error::Error for BadRate {}

/// The buckets of all callers of a rule.
#[derive(Debug)]
pub(super) struct Limiter {
    rate: Rate,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

/// So many callers are told apart; those who were quiet for the longest time make room.
const MAX_CALLERS: usize = 10_000;

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Limiter {
    pub(super) const fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::new(BTreeMap::new()) }
    }

    pub(super) const fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes one of the caller's tokens: `Err` has how long it is until there is one.
    pub(super) fn take(&self, caller: &str, now: Instant) -> Result<(), Duration> {
        let capacity = f64::from(self.rate.count);
        let per_second = capacity / self.rate.unit.seconds();
        // A bucket is whole whenever nobody is in `take`.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(caller) {
            make_room(&mut buckets);
            buckets.insert(caller.to_owned(), Bucket { tokens: capacity, at: now });
        }
        let Some(bucket) = buckets.get_mut(caller) else { return Ok(()) };
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * per_second).min(capacity);
        bucket.at = bucket.at.max(now);
        if bucket.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.tokens) / per_second));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

fn make_room(buckets: &mut BTreeMap<String, Bucket>) {
    if buckets.len() < MAX_CALLERS {
        return;
    }
    let mut times: Vec<Instant> = buckets.values().map(|bucket| bucket.at).collect();
    let (_, middle, _) = times.select_nth_unstable(MAX_CALLERS / 2);
    let middle = *middle;
    // Half of them at once, so that it is rare; all of them when they all called at one instant.
    buckets.retain(|_, bucket| bucket.at > middle);
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an Instant comes from nowhere else; the tests add to it")]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_the_rate_come_at_once_and_then_one_at_a_time() {
        let limiter = Limiter::new("10/s".parse().unwrap());
        let start = Instant::now();
        for _ in 0..10 {
            assert_eq!(limiter.take("a", start), Ok(()));
        }
        assert_eq!(limiter.take("a", start), Err(Duration::from_millis(100)));
        assert_eq!(limiter.take("b", start), Ok(()), "each caller has a bucket");
        let later = start + Duration::from_millis(250);
        assert_eq!(limiter.take("a", later), Ok(()));
        assert_eq!(limiter.take("a", later), Ok(()));
        assert!(limiter.take("a", later).is_err());
        let much_later = start + Duration::from_secs(1000);
        for _ in 0..10 {
            assert_eq!(limiter.take("a", much_later), Ok(()));
        }
        assert!(limiter.take("a", much_later).is_err(), "a bucket holds no more than the rate");
    }

    #[test]
    fn callers_beyond_number_cost_no_memory_beyond_number() {
        let limiter = Limiter::new("1/h".parse().unwrap());
        let start = Instant::now();
        for number in 0..3 * MAX_CALLERS {
            let now = start + Duration::from_millis(number.try_into().unwrap());
            assert_eq!(limiter.take(&number.to_string(), now), Ok(()));
        }
        assert!(limiter.buckets.lock().unwrap().len() <= MAX_CALLERS);
        let last = (3 * MAX_CALLERS - 1).to_string();
        assert!(limiter.take(&last, start + Duration::from_secs(31)).is_err(), "who called last is remembered");
    }

    #[test]
    fn rates_are_read_and_printed() {
        for text in ["100/s", "10/min", "5/h"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["", "100", "0/s", "-1/s", "1/day", "x/s"] {
            assert_eq!(text.parse::<Rate>(), Err(BadRate), "{text}");
        }
    }
}
