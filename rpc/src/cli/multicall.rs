//! `sshrpc call -H`: one call, many nodes.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sshrpc::call::Call;
use sshrpc::term::Term;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::call::{Manner, as_json, call};
use super::failure::Failure;
use super::names::Named;
use super::output::{self, Output, with};
use super::reach::{Patience, Reach};
use super::table::Table;

/// So many nodes are called at once; the others wait.
const AT_ONCE: usize = 64;

/// Calls the nodes side by side. The failure is that of the first node that failed, in the order of the nodes.
pub(crate) async fn run(
    reach: Reach,
    nodes: Vec<Named>,
    request: Call,
    manner: Manner,
    output: &Output,
) -> Result<(), Failure> {
    let progress = Progress::new(&nodes, *output);
    let (reach, request, turns) = (Arc::new(reach), Arc::new(request), Arc::new(Semaphore::new(AT_ONCE)));
    let mut running = JoinSet::new();
    for (number, node) in nodes.iter().cloned().enumerate() {
        let (reach, request, turns) = (reach.clone(), request.clone(), turns.clone());
        running.spawn(async move {
            // An error is that there are no turns any more, which does not happen here.
            let _turn = turns.acquire().await;
            (number, one(&reach, &node, &request, manner).await)
        });
    }
    let mut outcomes: Vec<Option<Result<Term, Failure>>> = nodes.iter().map(|_| None).collect();
    while let Some(ended) = running.join_next().await {
        let (number, outcome) = ended.map_err(Failure::local)?;
        if let Some(slot) = outcomes.get_mut(number) {
            *slot = Some(outcome);
        }
        progress.show(&nodes, &outcomes);
    }
    progress.end();
    let answers: Vec<_> = nodes.iter().zip(outcomes.into_iter().flatten()).collect();
    output.print(|| text(&answers), || answers.iter().map(|(node, outcome)| row(node, outcome)).collect())?;
    let failed = answers.into_iter().find_map(|(_, outcome)| outcome.err());
    failed.map_or(Ok(()), |failure| Err(failure.silent()))
}

async fn one(reach: &Reach, node: &Named, request: &Call, manner: Manner) -> Result<Term, Failure> {
    let mut patience = Patience::new(manner.timeout);
    let reached = reach.connect(&node.target, manner.mode, &mut patience).await?;
    let answer = call(&reached.client, &node.target, request, manner, &patience).await;
    reached.client.close().await;
    answer?.map_err(|error| reached.attempt.call_failed(&error))
}

/// A table of values, with failures and the Erlang terms of them in it.
fn text(answers: &[(&Named, Result<Term, Failure>)]) -> String {
    let mut table = Table::new(["NODE", "VALUE"]);
    for (node, outcome) in answers {
        match outcome {
            Ok(value) => table.row([node.name.clone(), value.to_string()]),
            Err(failure) => {
                let beneath = failure.details.iter().map(|line| format!("\n  {line}")).collect::<String>();
                table.bad_row([node.name.clone(), format!("error: {}{beneath}", failure.message)]);
            }
        }
    }
    table.render()
}

fn row(node: &Named, outcome: &Result<Term, Failure>) -> Value {
    let object = match outcome {
        Ok(value) => as_json(value),
        Err(failure) => output::as_json(failure),
    };
    with("node", json!(node.name), object)
}

/// Who has not answered yet, for people who watch.
struct Progress(ProgressBar);

impl Progress {
    fn new(nodes: &[Named], output: Output) -> Self {
        if nodes.len() < 2 || !output.is_watched() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(nodes.len().try_into().unwrap_or(u64::MAX));
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {wide_msg}") {
            bar.set_style(style);
        }
        bar.tick();
        Self(bar)
    }

    fn show(&self, nodes: &[Named], outcomes: &[Option<Result<Term, Failure>>]) {
        let waiting = nodes.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_none());
        let names: Vec<_> = waiting.map(|(node, _)| node.name.as_str()).collect();
        self.0.set_message(format!("waiting for {}", names.join(", ")));
        self.0.inc(1);
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
