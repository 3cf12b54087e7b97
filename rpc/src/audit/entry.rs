//! One entry, from the beginning of what it is about to its end.

use core::fmt::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::writer::Queue;
use crate::acl::{Denial, Kind, Operation, size_of};
use crate::backend::{Caller, Context};
use crate::call::{Class, Outcome, Success};
use crate::extended::Destination;
use crate::term::{Atom, Pid, Term};

/// An operation that goes on. Dropped, it was given up: its caller is gone.
#[derive(Debug)]
#[must_use = "an entry that is dropped says that nobody waited"]
pub(crate) struct Entry(Option<Box<Begun>>);

#[derive(Debug)]
struct Begun {
    queue: Arc<Queue>,
    time: Timestamp,
    since: Instant,
    caller: Arc<Caller>,
    kind: Kind,
    what: What,
    size: usize,
}

/// What an operation is about. Nothing of arguments and messages: they may be secrets, and long.
#[derive(Debug)]
enum What {
    Function { module: Atom, function: Atom, arity: usize },
    Name(Atom),
    Pid(Pid),
}

impl Entry {
    /// Nobody wants one.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(super) fn begin(queue: Arc<Queue>, context: &Context, operation: Operation<'_>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an audit log tells how long things took")]
        let since = Instant::now();
        let what = match operation {
            Operation::Call(call) | Operation::Cast(call) => {
                What::Function { module: call.module.clone(), function: call.function.clone(), arity: call.args.len() }
            }
            Operation::Send { to, .. } | Operation::Monitor { of: to } => match to {
                Destination::Name(name) => What::Name(name.clone()),
                Destination::Pid(pid) => What::Pid(pid.clone()),
            },
            Operation::Link { to } | Operation::Exit { to, .. } => What::Pid(to.clone()),
        };
        let (caller, size) = (context.shared_caller(), size_of(operation.terms()));
        let kind = operation.subject().kind;
        Self(Some(Box::new(Begun { queue, time: Timestamp::now(), since, caller, kind, what, size })))
    }

    /// It was not allowed.
    pub(crate) fn denied(self, denial: &Denial) {
        self.write(|| End { outcome: "denied", reason: Some(brief(denial)), result_size: None });
    }

    /// It has ended.
    pub(crate) fn ended(self, outcome: &Outcome) {
        self.write(|| match outcome {
            Ok(Success::Value(value)) => {
                End { outcome: "ok", reason: None, result_size: Some(size_of(core::slice::from_ref(value))) }
            }
            Err(failure) => {
                let outcome = match failure.class() {
                    Class::Error => "error",
                    Class::Exit => "exit",
                    Class::Throw => "throw",
                };
                End { outcome, reason: Some(brief(failure.reason())), result_size: None }
            }
        });
    }

    /// It goes on, which is all that there is to say.
    pub(crate) fn begun(self) {
        self.write(|| End { outcome: "ok", reason: None, result_size: None });
    }

    fn write(mut self, end: impl FnOnce() -> End) {
        if let Some(begun) = self.0.take() {
            begun.write(end());
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(begun) = self.0.take() {
            begun.write(End { outcome: "abandoned", reason: None, result_size: None });
        }
    }
}

#[derive(Debug)]
struct End {
    outcome: &'static str,
    reason: Option<String>,
    result_size: Option<usize>,
}

impl Begun {
    fn write(self: Box<Self>, end: End) {
        let micros = self.since.elapsed().as_micros();
        let queue = self.queue.clone();
        queue.push(Record { begun: self, micros, end });
    }
}

/// An entry that is complete.
#[derive(Debug)]
pub(super) struct Record {
    begun: Box<Begun>,
    micros: u128,
    end: End,
}

impl Record {
    /// As it is written.
    pub(super) fn json(&self) -> Value {
        let Self { begun, micros, end } = self;
        let Begun { caller, kind, what, size, time, .. } = &**begun;
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| {
            line.insert(name.to_owned(), value);
        };
        put("time", json!(time.to_string()));
        put("user", json!(caller.user));
        if let Some(key) = &caller.key {
            put("key", json!(key));
        }
        if let Some(authority) = &caller.authority {
            put("authority", json!(authority));
            put("principals", json!(caller.principals));
        }
        if let Some(source) = caller.source {
            put("source", json!(source));
        }
        put("operation", json!(kind.name()));
        match what {
            What::Function { module, function, arity } => {
                put("module", json!(module.as_str()));
                put("function", json!(function.as_str()));
                put("arity", json!(arity));
            }
            What::Name(name) => put("to", json!(name.as_str())),
            What::Pid(pid) => put("to", json!(Term::from(pid.clone()).to_string())),
        }
        put("size", json!(size));
        put("micros", json!(u64::try_from(*micros).unwrap_or(u64::MAX)));
        put("outcome", json!(end.outcome));
        if let Some(reason) = &end.reason {
            put("reason", json!(reason));
        }
        if let Some(size) = end.result_size {
            put("result_size", json!(size));
        }
        Value::Object(line)
    }
}

/// The beginning of a text: a reason is any term, and may be large.
fn brief(text: impl fmt::Display) -> String {
    let mut short = Short(String::new());
    if write!(short, "{text}").is_err() {
        short.0.push_str("...");
    }
    short.0
}

/// Takes so many octets, and no more.
struct Short(String);

const MAX_REASON: usize = 200;

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.0.len() + c.len_utf8() > MAX_REASON {
                return Err(fmt::Error);
            }
            self.0.push(c);
        }
        Ok(())
    }
}
