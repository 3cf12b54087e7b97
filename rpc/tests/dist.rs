//! A real Erlang cluster that our node joins.

#[path = "dist/calls.rs"]
mod calls;
#[path = "dist/cluster.rs"]
mod cluster;
#[path = "dist/connection.rs"]
mod connection;
#[path = "dist/processes.rs"]
mod processes;
#[path = "dist/stack.rs"]
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
    let mut trials = calls::trials();
    trials.extend(connection::trials());
    trials.extend(processes::trials());
    trials.extend(stack::trials());
    peers::run(trials)
}

/// The programs that a trial needs.
const ERL: &[&str] = &["erl", "epmd"];

fn context() -> Context {
    Context::new(Caller::local())
}

fn call(text: &str) -> Result<Call, Failed> {
    Ok(parse_call(text)?)
}

/// The value of a call, or the failure as `catch` shows it.
async fn value(backend: &impl Backend, text: &str) -> Result<String, Failed> {
    shown(tokio::time::timeout(LIMIT, backend.call(call(text)?, &context()).outcome()).await?)
}

fn shown(outcome: Outcome) -> Result<String, Failed> {
    Ok(match outcome {
        Ok(Success::Value(value)) => value.to_string(),
        Ok(other) => format!("{other:?}"),
        Err(failure) => format!("{:?} {}", failure.class(), failure.into_caught()),
    })
}

/// The call that evaluates these expressions of Erlang, which that BEAM reads itself. Its value is `{value,Value,Bindings}`.
/// `variables` are bound in it.
async fn evaluation(backend: &impl Backend, expressions: &str, variables: &[(&str, Term)]) -> Result<Call, Failed> {
    let scanned = applied(backend, "erl_scan", "string", [Term::from(expressions)]).await?;
    let parsed = applied(backend, "erl_parse", "parse_exprs", [element(&scanned, 1)?]).await?;
    let mut bindings = Vec::new();
    for (name, value) in variables {
        bindings.push(Term::tuple([Atom::new(name)?.into(), value.clone()]));
    }
    Ok(Call::new(Atom::new("erl_eval")?, Atom::new("exprs")?, vec![element(&parsed, 1)?, Term::list(bindings)]))
}

/// The value of these expressions.
async fn evaluated(backend: &impl Backend, expressions: &str, variables: &[(&str, Term)]) -> Result<Term, Failed> {
    let call = evaluation(backend, expressions, variables).await?;
    match tokio::time::timeout(LIMIT, backend.call(call, &context()).outcome()).await?? {
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
            last = match evaluated(backend, expressions, &[]).await {
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
