//! What there is to call on a node, for who presses Tab.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sshrpc::Client;
use sshrpc::term::{Atom, Term};
use tokio::runtime::Handle;

/// The modules and functions that a node says the user may call. It is asked once for each, when somebody wants to know.
#[derive(Debug)]
pub(super) struct Catalogue {
    runtime: Handle,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    client: Client,
    modules: Option<BTreeSet<String>>,
    functions: BTreeMap<String, Functions>,
    variables: BTreeSet<String>,
}

/// Names and arities.
pub(super) type Functions = BTreeSet<(String, u64)>;

/// Nobody waits longer for a completion.
const PATIENCE: Duration = Duration::from_secs(3);

impl Catalogue {
    pub(super) fn new(client: Client) -> Self {
        let (modules, functions, variables) = (None, BTreeMap::new(), BTreeSet::new());
        Self { runtime: Handle::current(), known: Mutex::new(Known { client, modules, functions, variables }) }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is another connection.
    pub(super) fn connected(&self, client: Client) {
        self.lock().client = client;
    }

    pub(super) fn set_variables<'a>(&self, names: impl Iterator<Item = &'a String>) {
        self.lock().variables = names.cloned().collect();
    }

    pub(super) fn variables(&self) -> BTreeSet<String> {
        self.lock().variables.clone()
    }

    /// The modules of which the user may call something. Not for a thread that serves the connection: it waits.
    pub(super) fn modules(&self) -> BTreeSet<String> {
        let client = match &*self.lock() {
            Known { modules: Some(modules), .. } => return modules.clone(),
            Known { client, .. } => client.clone(),
        };
        let found = self.runtime.block_on(modules(&client));
        if let Some(found) = &found {
            self.lock().modules = Some(found.clone());
        }
        found.unwrap_or_default()
    }

    /// The functions of a module that the user may call. Not for a thread that serves the connection: it waits.
    pub(super) fn functions(&self, module: &str) -> Functions {
        let client = match &*self.lock() {
            known if known.functions.contains_key(module) => {
                return known.functions.get(module).cloned().unwrap_or_default();
            }
            known => known.client.clone(),
        };
        let found = self.runtime.block_on(functions(&client, module));
        if let Some(found) = &found {
            self.lock().functions.insert(module.to_owned(), found.clone());
        }
        found.unwrap_or_default()
    }
}

/// Asks the node. One that is a plain Erlang knows no such function, and says nothing.
async fn modules(client: &Client) -> Option<BTreeSet<String>> {
    let answer = ask(client, "sshrpc", "modules", Vec::new()).await?;
    Some(answer.as_list()?.filter_map(Term::as_atom).map(|module| module.as_str().to_owned()).collect())
}

/// Asks the node; and a plain Erlang as Erlang's own shell does.
pub(super) async fn functions(client: &Client, module: &str) -> Option<Functions> {
    let name = Term::from(Atom::new(module).ok()?);
    let answer = match ask(client, "sshrpc", "functions", vec![name]).await {
        Some(answer) => answer,
        None => ask(client, module, "module_info", vec![Term::atom("exports")]).await?,
    };
    let function = |term: &Term| match term.as_tuple()? {
        [name, arity] => Some((name.as_atom()?.as_str().to_owned(), arity.as_u64()?)),
        _ => None,
    };
    Some(answer.as_list()?.filter_map(function).collect())
}

async fn ask(client: &Client, module: &str, function: &str, args: Vec<Term>) -> Option<Term> {
    tokio::time::timeout(PATIENCE, client.call(module, function, args)).await.ok()?.ok()
}
