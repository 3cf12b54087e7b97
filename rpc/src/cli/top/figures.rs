//! What `sshrpc:statistics/0` says, and what changed since it said so before.

use std::collections::BTreeMap;

use sshrpc::term::Term;

/// What a node has counted since it began.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Snapshot {
    /// The node's own name.
    pub(super) node: String,
    /// Milliseconds.
    pub(super) uptime: u64,
    /// Connections that are open.
    pub(super) connections: u64,
    pub(super) denied: u64,
    /// Of all calls and casts.
    pub(super) all: Figures,
    /// Of those functions whose names may be known, as `lists:seq/2`.
    pub(super) functions: BTreeMap<String, Figures>,
    /// Of all others, together.
    pub(super) others: Figures,
}

/// What became of calls and casts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) begun: u64,
    pub(super) running: u64,
    /// Errors, exits and throws.
    pub(super) failed: u64,
    pub(super) abandoned: u64,
    /// None before the first one has ended.
    pub(super) times: Option<Times>,
}

/// How long calls took, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Times {
    pub(super) p50: u64,
    pub(super) p90: u64,
    pub(super) p99: u64,
    pub(super) max: u64,
}

impl Snapshot {
    /// Reads the map; none where it is another one.
    pub(super) fn read(term: &Term) -> Option<Self> {
        let mut all = Figures::read(term)?;
        all.begun = figure(term, "calls")? + figure(term, "casts")?;
        let functions = get(term, "functions")?.as_list()?;
        let function = |map: &Term| {
            let (module, name) = (get(map, "module")?, get(map, "function")?);
            Some((format!("{module}:{name}/{}", figure(map, "arity")?), Figures::read(map)?))
        };
        Some(Self {
            node: get(term, "node")?.as_atom()?.as_str().to_owned(),
            uptime: figure(term, "uptime")?,
            connections: figure(get(term, "connections")?, "open")?,
            denied: figure(term, "denied")?,
            all,
            functions: functions.map(function).collect::<Option<_>>()?,
            others: Figures::read(get(term, "others")?)?,
        })
    }

    /// Milliseconds from an earlier one to this one; none where the node has begun anew in between.
    pub(super) fn since(&self, earlier: &Self) -> Option<u64> {
        self.uptime.checked_sub(earlier.uptime).filter(|time| *time > 0)
    }
}

impl Figures {
    fn read(map: &Term) -> Option<Self> {
        let times = |micros: &Term| {
            let [p50, p90, p99, max] = ["p50", "p90", "p99", "max"].map(|name| figure(micros, name));
            Some(Times { p50: p50?, p90: p90?, p99: p99?, max: max? })
        };
        Some(Self {
            begun: figure(map, "begun").unwrap_or_default(),
            running: figure(map, "running")?,
            failed: figure(map, "errors")? + figure(map, "exits")? + figure(map, "throws")?,
            abandoned: figure(map, "abandoned")?,
            times: get(map, "micros").and_then(times),
        })
    }

    /// The figures of two nodes together. Of the times the longer ones count: those of both cannot be known from these.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            begun: self.begun + other.begun,
            running: self.running + other.running,
            failed: self.failed + other.failed,
            abandoned: self.abandoned + other.abandoned,
            times: match (self.times, other.times) {
                (Some(one), Some(two)) => Some(Times {
                    p50: one.p50.max(two.p50),
                    p90: one.p90.max(two.p90),
                    p99: one.p99.max(two.p99),
                    max: one.max.max(two.max),
                }),
                (one, two) => one.or(two),
            },
        }
    }
}

/// Calls a second.
pub(super) fn rate(before: u64, after: u64, millis: u64) -> f64 {
    if millis == 0 { 0.0 } else { after.saturating_sub(before) as f64 * 1000.0 / millis as f64 }
}

/// `12`, `3.4k`, `5.6M`
pub(super) fn count(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..10_000_000 => format!("{:.1}k", number as f64 / 1e3),
        _ => format!("{:.1}M", number as f64 / 1e6),
    }
}

/// `0.3`, `12.0`, `345`, `6.7k`
pub(super) fn per_second(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}") } else { count(rate.round() as u64) }
}

/// `87 µs`, `1.2 ms`, `3.4 s`, `5.6 min`
pub(super) fn time(micros: u64) -> String {
    match micros {
        0..1000 => format!("{micros} µs"),
        1000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        1_000_000..120_000_000 => format!("{:.1} s", micros as f64 / 1e6),
        _ => format!("{:.1} min", micros as f64 / 6e7),
    }
}

/// `45 s`, `12 min`, `3 h 04 min`, `5 d 06 h`
pub(super) fn uptime(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..100 => format!("{seconds} s"),
        100..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

fn get<'a>(map: &'a Term, name: &'static str) -> Option<&'a Term> {
    map.as_map()?.get(&Term::atom(name))
}

fn figure(map: &Term, name: &'static str) -> Option<u64> {
    get(map, name)?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([7, 9999, 12_345, 98_765_432].map(count), ["7", "9999", "12.3k", "98.8M"]);
        assert_eq!([0.0, 99.94, 1234.5].map(per_second), ["0.0", "99.9", "1235"]);
        assert_eq!([87, 1234, 3_400_000, 336_000_000].map(time), ["87 µs", "1.2 ms", "3.4 s", "5.6 min"]);
        assert_eq!(
            [45_000, 720_000, 11_040_000, 453_600_000].map(uptime),
            ["45 s", "12 min", "3 h 04 min", "5 d 06 h"]
        );
        assert_eq!(rate(10, 40, 500).to_bits(), 60.0_f64.to_bits());
    }
}
