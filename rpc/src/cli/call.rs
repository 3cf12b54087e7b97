//! `sshrpc call`

use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};
use sshrpc::Client;
use sshrpc::call::{Call as Request, CallError};
use sshrpc::client::{Error, Mode, Target};
use sshrpc::term::{Style, Term};
use tokio::task::JoinSet;

use super::config::quoted;
use super::exit::Exit;
use super::failure::Failure;
use super::names::Named;
use super::output::{Output, with};
use super::reach::{Patience, Reach, Reached, Timeout, timeout};
use super::stream::Ends;
use super::{json, log, multicall, request};

/// Call a function on a node, and print its value
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "sshrpc call [OPTIONS] TARGET MODULE FUNCTION [ARGS]\n       \
                      sshrpc call [OPTIONS] TARGET 'MODULE:FUNCTION(ARG, ...)'\n       \
                      sshrpc call [OPTIONS] -H NODE,GROUP,.. MODULE FUNCTION [ARGS]\n       \
                      sshrpc call [OPTIONS] --async TARGET 'MODULE:FUNCTION(ARG, ...)' ...",
    after_help = AFTER_HELP,
    after_long_help = format!("{AFTER_HELP}\n\n{JSON_HELP}\n\n{}", Exit::table()),
)]
pub(crate) struct Call {
    /// The node: its name in sshrpc.toml, or [user@]host[:port], port 22 unless it is said; IPv6 as in [::1]:2222
    target: String,

    /// The module; or a whole call, `lists:seq(1,5)`
    #[arg(required_unless_present = "hosts")]
    module: Option<String>,

    /// The function
    function: Option<String>,

    /// The list of arguments, as Erlang writes it: '[[1,2,3]]' is one list; - reads standard input
    #[arg(allow_hyphen_values = true)]
    args: Option<String>,

    /// With --async: further calls
    #[arg(hide = true)]
    more: Vec<String>,

    /// Call these nodes and groups, side by side, and print a table: names of sshrpc.toml, or addresses
    #[arg(long, short = 'H', value_name = "NODE,..", value_delimiter = ',')]
    hosts: Vec<String>,

    /// Begin all calls that are given at once, on one connection, and print each value when it comes
    #[arg(long = "async", conflicts_with_all = ["hosts", "cast"])]
    at_once: bool,

    /// Have the call executed, and do not wait for its value: the node says ok when it has begun
    #[arg(long)]
    cast: bool,

    /// Have the node stop the call after this time: 500ms, 10s, 2m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, conflicts_with = "cast")]
    deadline: Option<Duration>,

    #[command(flatten)]
    streams: Ends,

    /// How it travels: subsystem, shell, exec-mod or exec
    #[arg(
        long, short, value_name = "MODE", default_value = "subsystem", hide_possible_values = true,
        value_parser = PossibleValuesParser::new(Mode::ALL.map(Mode::as_str)).try_map(|name| mode(&name)),
    )]
    mode: Mode,

    /// Give up after this long: 500ms, 10s, 2m; none waits for ever [default: 10s and --deadline; with streams 10s
    /// for the login alone]
    #[arg(long, short, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Timeout>,

    #[command(flatten)]
    reach: Reach,
}

const AFTER_HELP: &str = "\
Examples:
  sshrpc call 127.0.0.1:2222 lists reverse '[[1,2,3]]'
  sshrpc call 127.0.0.1:2222 'lists:seq(1,5)' --mode exec
  sshrpc call myserver lists seq '[1,5]'              (a node of sshrpc.toml, or a Host of ~/.ssh/config)
  sshrpc call -H web,db1 erlang node                  (a group of sshrpc.toml, and a node)
  sshrpc call --async db1 'timer:sleep(900)' 'lists:seq(1,5)'
  sshrpc call db1 'sshrpc:stream_echo()' --stream-in disk.img --stream-out copy.img
  sshrpc call --accept-new alice@node.example:2222 erlang now
  sshrpc call --json 127.0.0.1:2222 sshrpc echo '[#{colour => <<\"red\">>}]' | jq .ok.colour";

const JSON_HELP: &str = "\
With --json the value is {\"ok\":JSON,\"term\":\"as Erlang prints it\"}:
  integers of up to 64 bits, floats              numbers
  true, false, null                              the same
  other atoms, binaries in UTF-8                 strings
  lists and tuples                               arrays
  maps with atoms and binaries as keys           objects
  all else                                       {\"$term\":\"as Erlang prints it\"}
and an error is {\"error\":{\"code\":N,\"kind\":..,\"message\":..,\"term\":..,\"hints\":[..]}}.
With -H it is an array of such objects in the order of the nodes, each with \"node\":\"NAME\"; with --async an object on
a line of its own for each call, with \"call\":N from 1. The exit code is then that of the first one that failed.";

fn mode(name: &str) -> Result<Mode, &'static str> {
    Mode::ALL.into_iter().find(|mode| mode.as_str() == name).ok_or("there are subsystem, shell, exec-mod and exec")
}

/// How calls are made, wherever they go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) mode: Mode,
    pub(crate) timeout: Timeout,
    pub(crate) deadline: Option<Duration>,
    pub(crate) wanted: Wanted,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Value,
    /// That it has begun: `--cast`.
    Beginning,
}

/// How long calls take at most where nobody says so.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

impl Call {
    pub(crate) fn run(self, output: &Output, verbose: u8) -> Result<(), Failure> {
        log::start(log::Chatter::Quiet, verbose);
        let manner = self.manner()?;
        let names = self.reach.names()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::local)?;
        if !self.hosts.is_empty() {
            let (nodes, request) = (names.all(&self.hosts)?, self.request_of_many()?);
            return runtime.block_on(multicall::run(self.reach, nodes, request, manner, output));
        }
        let node = names.one(&self.target)?;
        // Before the arguments are read, which may be on standard input.
        let dash = [&self.module, &self.args].into_iter().any(|word| word.as_deref() == Some("-"));
        self.streams.check(dash, *output)?;
        let requests = self.requests()?;
        if self.at_once {
            return runtime.block_on(self.side_by_side(&node, requests, manner, *output));
        }
        let Some(request) = requests.first() else { return Ok(()) };
        if self.streams.option().is_some() {
            let ended = runtime.block_on(self.with_streams(&node, request, manner, *output));
            // Somebody may still be reading standard input.
            runtime.shutdown_background();
            return ended;
        }
        let value = runtime.block_on(async {
            let mut patience = Patience::new(manner.timeout);
            let reached = self.reach.connect(&node.target, manner.mode, &mut patience).await?;
            let answer = call(&reached.client, &node.target, request, manner, &patience).await;
            reached.client.close().await;
            answer?.map_err(|error| {
                self.slip(&error, request).into_iter().fold(reached.attempt.call_failed(&error), Failure::hint)
            })
        })?;
        output.print(|| value.to_string(), || as_json(&value))
    }

    fn manner(&self) -> Result<Manner, Failure> {
        let (mode, deadline) = (self.mode, self.deadline);
        let cast = self.cast.then_some("--cast");
        let option = cast.or_else(|| deadline.map(|_| "--deadline")).or_else(|| self.streams.option());
        if let Some(option) = option.filter(|_| mode != Mode::Subsystem) {
            return Err(Failure::usage(format!("`{option}` is for the subsystem; mode {mode} carries calls alone"))
                .hint("leave `--mode` away"));
        }
        // The node is first to give up.
        let timeout = self.timeout.unwrap_or_else(|| Timeout(Some(TIMEOUT + deadline.unwrap_or_default())));
        let wanted = if self.cast { Wanted::Beginning } else { Wanted::Value };
        Ok(Manner { mode, timeout, deadline, wanted })
    }

    /// The calls that the arguments describe, behind a target.
    fn requests(&self) -> Result<Vec<Request>, Failure> {
        let module = self.module.as_deref().unwrap_or_default();
        let words = self.function.iter().chain(&self.args).chain(&self.more);
        if self.at_once && sshrpc::term::parse_call(module).is_ok() {
            let texts = std::iter::once(module).chain(words.map(String::as_str));
            return texts.map(|text| request::call(&self.target, text, None, "[]")).collect();
        }
        if !self.more.is_empty() || self.function.is_some() && sshrpc::term::parse_call(module).is_ok() {
            return Err(Failure::usage("there are more words than a call has")
                .hint("several calls at once: `sshrpc call --async TARGET 'MODULE:FUNCTION(ARG, ...)' ...`"));
        }
        let args = self.args.as_deref().unwrap_or("[]");
        let request = request::call(&self.target, module, self.function.as_deref(), args)?;
        Ok(vec![request])
    }

    /// The call that the arguments describe, where none is the target.
    fn request_of_many(&self) -> Result<Request, Failure> {
        if let Some(extra) = self.args.iter().chain(&self.more).next() {
            return Err(Failure::usage(format!("{extra:?} is one word too many"))
                .hint("with -H there is no TARGET: sshrpc call -H NODE,GROUP MODULE FUNCTION '[ARG, ...]'"));
        }
        let args = self.function.as_deref().unwrap_or("[]");
        request::call("-H NODE", &self.target, self.module.as_deref(), args)
    }

    /// A frequent one: `[1,2,3]` for a function of one list.
    fn slip(&self, error: &Error, request: &Request) -> Option<String> {
        let (Error::Call(CallError::Failed(failed)), [_, _, ..], Some(_)) = (error, &*request.args, &self.function)
        else {
            return None;
        };
        let meant = Term::list([Term::list(request.args.iter().cloned())]);
        let (count, meant) = (request.args.len(), quoted(&meant.text(Style::Plain).to_string()));
        let undefined = failed.reason().is_atom("undef");
        undefined.then(|| format!("ARGS lists the arguments: this passes {count} of them; {meant} passes one list"))
    }

    /// Makes one call, and moves its streams. Nobody says how long that takes.
    async fn with_streams(
        &self,
        node: &Named,
        request: &Request,
        manner: Manner,
        output: Output,
    ) -> Result<(), Failure> {
        let source = self.streams.source().await?;
        let mut patience = Patience::new(manner.timeout);
        let Reached { client, attempt } = self.reach.connect(&node.target, manner.mode, &mut patience).await?;
        if self.timeout.is_none() {
            patience = Patience::new(Timeout(None));
        }
        let late = async {
            patience.wait(core::future::pending::<()>()).await;
            patience.timed_out("no answer from", &node.target, "; the function may have run")
        };
        let begin = async {
            match manner.deadline {
                None => client.stream_call(request).await,
                Some(deadline) => client.stream_call_within(request, deadline).await,
            }
        };
        let ended = self.streams.run(source, begin, late, &attempt, output).await;
        client.close().await;
        ended?.map_or(Ok(()), |value| self.streams.print(&value, output))
    }

    /// Begins all calls, and prints their values as they come.
    async fn side_by_side(
        &self,
        node: &Named,
        requests: Vec<Request>,
        manner: Manner,
        output: Output,
    ) -> Result<(), Failure> {
        let mut patience = Patience::new(manner.timeout);
        let Reached { client, attempt } = self.reach.connect(&node.target, manner.mode, &mut patience).await?;
        let patience = Arc::new(patience);
        let mut running = JoinSet::new();
        for (number, request) in requests.into_iter().enumerate() {
            let (client, target, patience) = (client.clone(), node.target.clone(), patience.clone());
            if output == Output::Text {
                eprintln!("[{}] begun: {request}", number + 1);
            }
            running.spawn(async move {
                let answer = call(&client, &target, &request, manner, &patience).await;
                (number, request, answer)
            });
        }
        let mut failed: Option<(usize, Failure)> = None;
        while let Some(ended) = running.join_next().await {
            let (number, request, answer) = ended.map_err(Failure::local)?;
            match answer.and_then(|answer| answer.map_err(|error| attempt.call_failed(&error))) {
                Ok(value) => output.print(
                    || format!("[{}] {request} -> {value}", number + 1),
                    || with("call", json!(number + 1), as_json(&value)),
                )?,
                Err(failure) => {
                    output.fail_one(
                        &format!("[{}] {request}: ", number + 1),
                        Some(("call", json!(number + 1))),
                        &failure,
                    );
                    if failed.as_ref().is_none_or(|(first, _)| number < *first) {
                        failed = Some((number, failure));
                    }
                }
            }
        }
        client.close().await;
        failed.map_or(Ok(()), |(_, failure)| Err(failure.silent()))
    }
}

/// Makes one call on a connection. The outer failure is that there was no answer in time.
pub(crate) async fn call(
    client: &Client,
    target: &Target,
    request: &Request,
    manner: Manner,
    patience: &Patience,
) -> Result<Result<Term, Error>, Failure> {
    let work = async {
        match (manner.wanted, manner.deadline) {
            (Wanted::Beginning, _) => client.cast(request).await.map(|()| Term::atom("ok")),
            (Wanted::Value, None) => client.apply(request).await,
            (Wanted::Value, Some(deadline)) => client.apply_within(request, deadline).await,
        }
    };
    let answer = patience.wait(work).await;
    answer.ok_or_else(|| patience.timed_out("no answer from", target, "; the function may have run"))
}

/// Whether what failed was that there is no such function.
pub(crate) fn is_undef(error: &Error) -> bool {
    matches!(error, Error::Call(CallError::Failed(failed)) if failed.reason().is_atom("undef"))
}

/// A value, as `--json` has it.
pub(crate) fn as_json(value: &Term) -> Value {
    json!({ "ok": json::from_term(value), "term": value.to_string() })
}
