//! Calls that a real Erlang executes: one that the node starts, and one that runs and dials the node.

#[path = "beam/node.rs"]
mod node;
#[path = "beam/port.rs"]
mod port;
#[path = "beam/stack.rs"]
mod stack;
#[expect(dead_code, reason = "what other files of tests need too")]
#[path = "cli/support.rs"]
mod support;

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use peers::{Failed, LIMIT};
use sshrpc::backend::{Backend, Caller, Context};
use sshrpc::call::{Call, Outcome, Success};
use sshrpc::term::{Atom, Term, parse_call};

fn main() -> ExitCode {
    let mut trials = port::trials();
    trials.extend(node::trials());
    trials.extend(stack::trials());
    peers::run(trials)
}

/// The program that a trial needs.
const ERL: &[&str] = &["erl"];

fn context() -> Context {
    Context::new(Caller::local())
}

/// How a call of this text ends.
async fn outcome(backend: &impl Backend, text: &str) -> Result<Outcome, Failed> {
    let execution = backend.call(parse_call(text)?, &context());
    Ok(tokio::time::timeout(LIMIT, execution.outcome()).await?)
}

/// The value of a call, or the failure as `catch` shows it.
async fn value(backend: &impl Backend, text: &str) -> Result<String, Failed> {
    Ok(match outcome(backend, text).await? {
        Ok(Success::Value(value)) => value.to_string(),
        Ok(other) => format!("{other:?}"),
        Err(failure) => format!("{:?} {}", failure.class(), failure.into_caught()),
    })
}

/// The call that evaluates these expressions of Erlang, which that BEAM reads itself. Its value is `{value,Value,Bindings}`.
async fn evaluation(backend: &impl Backend, expressions: &str) -> Result<Call, Failed> {
    let scanned = applied(backend, "erl_scan", "string", [Term::from(expressions)]).await?;
    let tokens = element(&scanned, 1)?;
    let parsed = applied(backend, "erl_parse", "parse_exprs", [tokens]).await?;
    let expressions = element(&parsed, 1)?;
    Ok(Call::new(Atom::new("erl_eval")?, Atom::new("exprs")?, vec![expressions, Term::NIL]))
}

/// The value of these expressions.
async fn evaluated(backend: &impl Backend, expressions: &str) -> Result<Term, Failed> {
    let call = evaluation(backend, expressions).await?;
    let outcome = tokio::time::timeout(LIMIT, backend.call(call, &context()).outcome()).await?;
    match outcome? {
        Success::Value(value) => element(&value, 1),
        other => Err(format!("{other:?}").into()),
    }
}

async fn applied<const N: usize>(
    backend: &impl Backend,
    module: &str,
    function: &str,
    args: [Term; N],
) -> Result<Term, Failed> {
    let call = Call::new(Atom::new(module)?, Atom::new(function)?, args.to_vec());
    match tokio::time::timeout(LIMIT, backend.call(call, &context()).outcome()).await?? {
        Success::Value(value) => Ok(value),
        other => Err(format!("{other:?}").into()),
    }
}

fn element(tuple: &Term, index: usize) -> Result<Term, Failed> {
    let found = tuple.as_tuple().and_then(|elements| elements.get(index));
    found.cloned().ok_or_else(|| format!("{tuple} has no element {index}").into())
}

/// Asks again and again until these expressions have this value, whatever they have before.
async fn becomes(backend: &impl Backend, expressions: &str, expected: &str) -> Result<(), Failed> {
    let mut last = String::new();
    let until = async {
        while last != expected {
            last = match evaluated(backend, expressions).await {
                Ok(value) => value.to_string(),
                Err(failed) => format!("{failed:?}"),
            };
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(LIMIT, until).await;
    waited.map_err(|_elapsed| format!("expected {expressions} to become {expected}\nfound    {last}").into())
}

fn same(found: &str, expected: &str) -> Result<(), Failed> {
    if found == expected { Ok(()) } else { Err(format!("expected {expected}\nfound    {found}").into()) }
}

fn block_on<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
