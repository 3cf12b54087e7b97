//! What was called, how often, how it ended and how long it took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hdrhistogram::Histogram;

use crate::acl::Operation;
use crate::call::{Call, Class, Outcome};
use crate::term::{Atom, Term};

/// The figures of an [`Executor`](super::Executor) since it began.
///
/// So many functions have figures of their own; when there are more, the ones called least give up theirs, which go on
/// among those of all others.
#[derive(Debug)]
pub(crate) struct Statistics {
    since: Instant,
    table: Mutex<Table>,
}

/// So many functions have figures of their own: a caller that makes up names costs little memory.
const MAX_FUNCTIONS: usize = 256;
/// Times are kept to so many significant digits.
const DIGITS: u8 = 2;

#[derive(Debug, Default)]
struct Table {
    calls: u64,
    casts: u64,
    messages: u64,
    monitors: u64,
    links: u64,
    exit_signals: u64,
    denied: u64,
    all: Figures,
    functions: BTreeMap<Function, Figures>,
    others: Figures,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Function {
    module: Atom,
    name: Atom,
    arity: usize,
}

impl From<&Call> for Function {
    fn from(call: &Call) -> Self {
        Self { module: call.module.clone(), name: call.function.clone(), arity: call.args.len() }
    }
}

/// What became of calls and casts.
#[derive(Debug, Default)]
struct Figures {
    begun: u64,
    running: u64,
    ok: u64,
    errors: u64,
    exits: u64,
    throws: u64,
    abandoned: u64,
    /// Microseconds, of those that ended.
    times: Times,
}

#[derive(Debug)]
struct Times(Option<Histogram<u64>>);

impl Default for Times {
    fn default() -> Self {
        Self(Histogram::new(DIGITS).ok())
    }
}

/// How something ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Ok,
    Failed(Class),
    Abandoned,
}

impl Statistics {
    pub(crate) fn new() -> Self {
        Self { since: now(), table: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Numbers that are off by one are no reason to stop answering.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn denied(&self) {
        self.lock().denied += 1;
    }

    /// Something was allowed, and begins.
    pub(super) fn begin(self: &Arc<Self>, operation: Operation<'_>) -> Counted {
        let mut table = self.lock();
        let count = match operation {
            Operation::Call(_) => &mut table.calls,
            Operation::Cast(_) => &mut table.casts,
            Operation::Send { .. } => &mut table.messages,
            Operation::Monitor { .. } => &mut table.monitors,
            Operation::Link { .. } => &mut table.links,
            Operation::Exit { .. } => &mut table.exit_signals,
        };
        *count += 1;
        let (Operation::Call(call) | Operation::Cast(call)) = operation else { return Counted(None) };
        let function = Function::from(call);
        table.all.begin();
        table.figures(&function).begin();
        drop(table);
        Counted(Some(Running { statistics: self.clone(), function, since: now() }))
    }

    /// The figures as a map, with the names of the functions that `may_know` lets pass; the others are counted together.
    pub(crate) fn snapshot(&self, may_know: impl Fn(&str, &str, usize) -> bool) -> Vec<(Term, Term)> {
        let table = self.lock();
        let mut others = Figures::default();
        others.add(&table.others);
        let mut functions = Vec::new();
        for (Function { module, name, arity }, figures) in &table.functions {
            if may_know(module.as_str(), name.as_str(), *arity) {
                let mut entries = figures.entries();
                entries.extend([
                    (Term::atom("module"), module.clone().into()),
                    (Term::atom("function"), name.clone().into()),
                    (Term::atom("arity"), (*arity).into()),
                ]);
                functions.push(Term::map(entries));
            } else {
                others.add(figures);
            }
        }
        let mut entries = table.all.entries();
        entries.retain(|(name, _)| !name.is_atom("begun"));
        let uptime = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        entries.extend([
            (Term::atom("uptime"), uptime.into()),
            (Term::atom("calls"), table.calls.into()),
            (Term::atom("casts"), table.casts.into()),
            (Term::atom("messages"), table.messages.into()),
            (Term::atom("monitors"), table.monitors.into()),
            (Term::atom("links"), table.links.into()),
            (Term::atom("exit_signals"), table.exit_signals.into()),
            (Term::atom("denied"), table.denied.into()),
            (Term::atom("functions"), Term::list(functions)),
            (Term::atom("others"), Term::map(others.entries())),
        ]);
        entries
    }
}

impl Table {
    /// The figures of a function, for which another one makes room where there is none.
    fn figures(&mut self, function: &Function) -> &mut Figures {
        if !self.functions.contains_key(function) && self.functions.len() >= MAX_FUNCTIONS {
            let idle = self.functions.iter().filter(|(_, figures)| figures.running == 0);
            let least = idle.min_by_key(|(_, figures)| figures.begun).map(|(function, _)| function.clone());
            match least.and_then(|least| self.functions.remove(&least)) {
                Some(figures) => self.others.add(&figures),
                // All of them run.
                None => return &mut self.others,
            }
        }
        self.functions.entry(function.clone()).or_default()
    }

    fn end(&mut self, function: &Function, end: End, micros: u64) {
        self.all.end(end, micros);
        let figures = self.functions.get_mut(function).filter(|figures| figures.running > 0);
        figures.unwrap_or(&mut self.others).end(end, micros);
    }
}

impl Figures {
    const fn begin(&mut self) {
        self.begun += 1;
        self.running += 1;
    }

    fn end(&mut self, end: End, micros: u64) {
        self.running = self.running.saturating_sub(1);
        let count = match end {
            End::Ok => &mut self.ok,
            End::Failed(Class::Error) => &mut self.errors,
            End::Failed(Class::Exit) => &mut self.exits,
            End::Failed(Class::Throw) => &mut self.throws,
            End::Abandoned => &mut self.abandoned,
        };
        *count += 1;
        if let (Some(times), false) = (&mut self.times.0, matches!(end, End::Abandoned)) {
            // It grows as it must, and so takes every time.
            let _ = times.record(micros);
        }
    }

    fn add(&mut self, other: &Self) {
        self.begun += other.begun;
        self.running += other.running;
        self.ok += other.ok;
        self.errors += other.errors;
        self.exits += other.exits;
        self.throws += other.throws;
        self.abandoned += other.abandoned;
        if let (Some(times), Some(more)) = (&mut self.times.0, &other.times.0) {
            // As above.
            let _ = times.add(more);
        }
    }

    fn entries(&self) -> Vec<(Term, Term)> {
        let counts = [
            ("begun", self.begun),
            ("running", self.running),
            ("ok", self.ok),
            ("errors", self.errors),
            ("exits", self.exits),
            ("throws", self.throws),
            ("abandoned", self.abandoned),
        ];
        let mut entries: Vec<_> = counts.map(|(name, count)| (Term::atom(name), count.into())).to_vec();
        if let Some(times) = self.times.0.as_ref().filter(|times| !times.is_empty()) {
            let figures = [
                ("p50", times.value_at_quantile(0.5)),
                ("p90", times.value_at_quantile(0.9)),
                ("p99", times.value_at_quantile(0.99)),
                ("max", times.max()),
            ];
            let micros = Term::map(figures.map(|(name, micros)| (Term::atom(name), micros.into())));
            entries.push((Term::atom("micros"), micros));
        }
        entries
    }
}

/// A call or cast that is counted, or something else, of which only the beginning is. Dropped, it was given up.
#[derive(Debug)]
#[must_use = "what is dropped counts as given up"]
pub(super) struct Counted(Option<Running>);

#[derive(Debug)]
struct Running {
    statistics: Arc<Statistics>,
    function: Function,
    since: Instant,
}

impl Counted {
    /// Nobody counts.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(super) fn ended(mut self, outcome: &Outcome) {
        self.end(match outcome {
            Ok(_) => End::Ok,
            Err(failure) => End::Failed(failure.class()),
        });
    }

    fn end(&mut self, end: End) {
        if let Some(Running { statistics, function, since }) = self.0.take() {
            let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX).min(MAX_MICROS);
            statistics.lock().end(&function, end, micros);
        }
    }
}

/// A day: what takes longer is not told apart.
const MAX_MICROS: u64 = 24 * 60 * 60 * 1_000_000;

impl Drop for Counted {
    fn drop(&mut self) {
        self.end(End::Abandoned);
    }
}

#[expect(clippy::disallowed_methods, reason = "figures are about how long things took")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Failure, Success};

    fn call(name: &str) -> Call {
        Call::new(Atom::from_static("m"), Atom::new(name).unwrap(), Vec::new())
    }

    fn ended(statistics: &Arc<Statistics>, name: &str, outcome: &Outcome) {
        statistics.begin(Operation::Call(&call(name))).ended(outcome);
    }

    fn snapshot(statistics: &Statistics, may_know: impl Fn(&str) -> bool) -> Term {
        Term::map(statistics.snapshot(|_, name, _| may_know(name)))
    }

    fn figure(map: &Term, name: &'static str) -> u64 {
        map.as_map().unwrap().get(&Term::atom(name)).unwrap().as_u64().unwrap()
    }

    fn get<'a>(map: &'a Term, name: &'static str) -> &'a Term {
        map.as_map().unwrap().get(&Term::atom(name)).unwrap()
    }

    #[test]
    fn each_end_is_counted_once() {
        let statistics = Arc::new(Statistics::new());
        ended(&statistics, "f", &Ok(Success::Value(1.into())));
        ended(&statistics, "f", &Err(Failure::of("badarg")));
        ended(&statistics, "g", &Err(Failure::exit(1.into())));
        ended(&statistics, "g", &Err(Failure::throw(1.into())));
        drop(statistics.begin(Operation::Cast(&call("g"))));
        let running = statistics.begin(Operation::Call(&call("f")));
        statistics.denied();
        let all = snapshot(&statistics, |_| true);
        let names = ["calls", "casts", "denied", "running", "ok", "errors", "exits", "throws", "abandoned"];
        assert_eq!(names.map(|name| figure(&all, name)), [5, 1, 1, 1, 1, 1, 1, 1, 1]);
        let functions: Vec<_> = get(&all, "functions").as_list().unwrap().collect();
        assert_eq!(functions.len(), 2);
        assert_eq!(["begun", "running", "ok", "errors"].map(|name| figure(functions[0], name)), [3, 1, 1, 1]);
        assert!(figure(get(functions[1], "micros"), "max") < MAX_MICROS);
        drop(running);
        assert_eq!(figure(&snapshot(&statistics, |_| true), "running"), 0);
    }

    #[test]
    fn names_that_may_not_be_known_are_counted_together() {
        let statistics = Arc::new(Statistics::new());
        for name in ["f", "secret", "other"] {
            ended(&statistics, name, &Ok(Success::Value(1.into())));
        }
        let some = snapshot(&statistics, |name| name == "f");
        assert_eq!(get(&some, "functions").as_list().unwrap().count(), 1);
        assert_eq!(figure(get(&some, "others"), "begun"), 2);
        assert!(!some.to_string().contains("secret"));
    }

    #[test]
    fn made_up_names_displace_no_busy_function() {
        let statistics = Arc::new(Statistics::new());
        let busy = statistics.begin(Operation::Call(&call("busy")));
        for _ in 0..3 {
            ended(&statistics, "often", &Ok(Success::Value(1.into())));
        }
        for number in 0..2 * MAX_FUNCTIONS {
            ended(&statistics, &format!("made_up_{number}"), &Err(Failure::of("undef")));
        }
        let all = snapshot(&statistics, |_| true);
        let functions: Vec<_> =
            get(&all, "functions").as_list().unwrap().map(|f| get(f, "function").to_string()).collect();
        assert_eq!(functions.len(), MAX_FUNCTIONS);
        assert!(functions.contains(&"busy".to_owned()) && functions.contains(&"often".to_owned()));
        assert_eq!(figure(get(&all, "others"), "errors"), MAX_FUNCTIONS as u64 + 2);
        busy.ended(&Ok(Success::Value(1.into())));
        assert_eq!(figure(&snapshot(&statistics, |_| true), "running"), 0);
    }
}
