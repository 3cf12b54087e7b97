//! `sshrpc nodes`

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sshrpc::client::Mode;
use tokio::task::JoinSet;

use super::call::TIMEOUT;
use super::config::{Folder, shown};
use super::failure::Failure;
use super::log;
use super::names::{Named, Names};
use super::output::{self, Output, STRONG, styled, with};
use super::reach::{Patience, Reach, Timeout, timeout};
use super::table::Table;

/// List the nodes and groups that have names
///
/// Names are from sshrpc.toml. Every command takes them where it takes an address, and `call -H` and `top` take groups.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Names are given so, in sshrpc's own sshrpc.toml (~/.config/sshrpc/sshrpc.toml):
  [nodes]
  db1 = \"alice@db1.example:2222\"
  db2 = \"alice@db2.example:2222\"
  [groups]
  db = [\"db1\", \"db2\"]")]
pub(crate) struct List {
    /// Only these nodes and groups
    #[arg(value_name = "NODE|GROUP")]
    only: Vec<String>,

    /// Log in to each, and say whether it answers and how soon; the exit code is 0 when all do
    #[arg(long)]
    check: bool,

    /// With --check: give up after this long: 500ms, 10s, 2m; none waits for ever [default: 10s]
    #[arg(long, short, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Timeout>,

    #[command(flatten)]
    reach: Reach,
}

/// Whether a node answered, and how soon.
type Checked = Result<Duration, Failure>;

impl List {
    pub(crate) fn run(self, output: &Output, verbose: u8) -> Result<(), Failure> {
        log::start(log::Chatter::Quiet, verbose);
        let names = self.reach.names()?;
        if names.nodes.is_empty() && self.only.is_empty() {
            return output.print(|| how_to_write_one(&names), || json!({ "nodes": [], "groups": {} }));
        }
        let nodes = match self.only.as_slice() {
            [] => every_node(&names)?,
            only => names.all(only)?,
        };
        let checks = match self.check {
            true => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.map_err(Failure::local)?.block_on(self.check(&nodes))?.into_iter().map(Some).collect()
            }
            false => nodes.iter().map(|_| None).collect::<Vec<_>>(),
        };
        let rows: Vec<_> = nodes.into_iter().zip(checks).collect();
        output.print(|| text(&names, &rows), || as_json(&names, &rows))?;
        let failed = rows.into_iter().find_map(|(_, checked)| checked?.err());
        failed.map_or(Ok(()), |failure| Err(failure.silent()))
    }

    async fn check(self, nodes: &[Named]) -> Result<Vec<Checked>, Failure> {
        let limit = self.timeout.unwrap_or(Timeout(Some(TIMEOUT)));
        let reach = Arc::new(self.reach);
        let mut running = JoinSet::new();
        for (number, node) in nodes.iter().cloned().enumerate() {
            let reach = reach.clone();
            running.spawn(async move { (number, answers(&reach, &node, limit).await) });
        }
        let mut checks: Vec<Option<Checked>> = nodes.iter().map(|_| None).collect();
        while let Some(ended) = running.join_next().await {
            let (number, checked) = ended.map_err(Failure::local)?;
            if let Some(slot) = checks.get_mut(number) {
                *slot = Some(checked);
            }
        }
        Ok(checks.into_iter().flatten().collect())
    }
}

/// How long it takes to connect, to log in and to have an answer.
async fn answers(reach: &Reach, node: &Named, limit: Timeout) -> Checked {
    let begun = tokio::time::Instant::now();
    let mut patience = Patience::new(limit);
    let reached = reach.connect(&node.target, Mode::Subsystem, &mut patience).await?;
    let answer = patience.wait(reached.client.ping()).await;
    let time = begun.elapsed();
    reached.client.close().await;
    match answer.ok_or_else(|| patience.timed_out("no answer from", &node.target, ""))? {
        Ok(_) | Err(sshrpc::client::Error::Call(sshrpc::call::CallError::Failed(_))) => Ok(time),
        Err(error) => Err(reached.attempt.call_failed(&error)),
    }
}

/// All that have a name, and those that are in a group without one.
fn every_node(names: &Names) -> Result<Vec<Named>, Failure> {
    let named = names.nodes.iter().map(|(name, _)| name.to_owned());
    let groups = names.nodes.groups().map(|(name, _)| name.to_owned());
    names.all(&named.chain(groups).collect::<Vec<_>>())
}

fn text(names: &Names, rows: &[(Named, Option<Checked>)]) -> String {
    let groups = |node: &Named| names.nodes.groups_of(&node.name).collect::<Vec<_>>().join(", ");
    if rows.iter().all(|(_, checked)| checked.is_none()) {
        let mut table = Table::new(["NODE", "ADDRESS", "GROUPS"]);
        rows.iter().for_each(|(node, _)| table.row([node.name.clone(), node.target.to_string(), groups(node)]));
        return table.render();
    }
    let mut table = Table::new(["NODE", "ADDRESS", "GROUPS", "ANSWERS"]);
    for (node, checked) in rows {
        let row = |last: String| [node.name.clone(), node.target.to_string(), groups(node), last];
        match checked {
            Some(Ok(time)) => table.row(row(format!("after {:.1} ms", time.as_secs_f64() * 1000.0))),
            Some(Err(failure)) => table.bad_row(row(failure.message.clone())),
            None => table.row(row(String::new())),
        }
    }
    table.render()
}

fn as_json(names: &Names, rows: &[(Named, Option<Checked>)]) -> Value {
    let row = |(node, checked): &(Named, Option<Checked>)| {
        let groups: Vec<_> = names.nodes.groups_of(&node.name).collect();
        let object = json!({ "name": node.name, "address": node.target.to_string(), "groups": groups });
        match checked {
            None => object,
            Some(Ok(time)) => {
                with("ms", json!((time.as_secs_f64() * 1e4).round() / 10.0), with("answers", json!(true), object))
            }
            Some(Err(failure)) => {
                let error = output::as_json(failure).get("error").cloned().unwrap_or_default();
                with("error", error, with("answers", json!(false), object))
            }
        }
    };
    let groups: serde_json::Map<_, _> =
        names.nodes.groups().map(|(name, members)| (name.to_owned(), json!(members))).collect();
    json!({ "nodes": rows.iter().map(row).collect::<Vec<_>>(), "groups": groups, "file": names.file })
}

/// For who has no names yet.
fn how_to_write_one(names: &Names) -> String {
    let own = Folder::find().map(|folder| folder.settings()).unwrap_or_default();
    let file = names.file.as_deref().unwrap_or(&own);
    let missing = if names.file.is_some() { "has no [nodes]" } else { "does not exist" };
    let example =
        "[nodes]\nlocal = \"127.0.0.1:2222\"\ndb1 = \"alice@db1.example:2222\"\n\n[groups]\nall = [\"local\", \"db1\"]";
    let example: Vec<_> = example.lines().map(|line| format!("  {}", styled(STRONG, line))).collect();
    format!(
        "No node has a name yet: {} {missing}. With this in it\n\n{}\n\n`sshrpc call db1 ...` finds its node, and \
         `sshrpc call -H all ...` calls both.",
        shown(file),
        example.join("\n"),
    )
}
