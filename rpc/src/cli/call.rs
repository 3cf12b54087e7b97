//! `sshrpc call`

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;
use ssh_proto::crypto::Tier;
use ssh_transport::identity::{DefaultIdentities, Identity};
use ssh_transport::ssh_config::HostConfig;
use sshrpc::call::{Call as Request, CallError};
use sshrpc::client::{Connect, Error, Mode, Target};
use sshrpc::term::{Atom, Style, SyntaxError, Term, parse_call, parse_term};

use super::config::{Folder, KINDS, quoted};
use super::exit::Exit;
use super::explain::Attempt;
use super::failure::Failure;
use super::output::Output;
use super::serve::Algorithms;
use super::terminal::{Ask, Terminal};
use super::{json, log, secret};

/// Call a function on a node, and print its value
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "sshrpc call [OPTIONS] TARGET MODULE FUNCTION [ARGS]\n       \
                      sshrpc call [OPTIONS] TARGET 'MODULE:FUNCTION(ARG, ...)'",
    after_help = AFTER_HELP,
    after_long_help = format!("{AFTER_HELP}\n\n{JSON_HELP}\n\n{}", Exit::table()),
)]
pub(crate) struct Call {
    /// Where the node is: [user@]host[:port], port 22 unless it is said; IPv6 as in [::1]:2222
    target: Target,

    /// The module; or a whole call, `lists:seq(1,5)`
    module: String,

    /// The function
    function: Option<String>,

    /// The list of arguments, as Erlang writes it: '[[1,2,3]]' is one list; - reads standard input
    #[arg(default_value = "[]", hide_default_value = true, allow_hyphen_values = true)]
    args: String,

    /// How it travels: subsystem, shell, exec-mod or exec
    #[arg(
        long, short, value_name = "MODE", default_value = "subsystem", hide_possible_values = true,
        value_parser = PossibleValuesParser::new(Mode::ALL.map(Mode::as_str)).try_map(|name| mode(&name)),
    )]
    mode: Mode,

    /// Give up after this long: 500ms, 10s, 2m; none waits for ever
    #[arg(long, short, value_name = "TIME", default_value = "10s", value_parser = timeout)]
    timeout: Timeout,

    #[command(flatten, next_help_heading = "Keys")]
    keys: Keys,

    #[command(flatten, next_help_heading = "Algorithms")]
    algorithms: Algorithms,
}

#[derive(Debug, clap::Args)]
struct Keys {
    /// The private key to log in with [default: those of sshrpc's own folder, the agent and ~/.ssh]
    #[arg(long, short, value_name = "FILE")]
    identity: Vec<PathBuf>,

    /// The host keys that are known [default: ~/.ssh/known_hosts]
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,

    /// The configuration of ssh [default: ~/.ssh/config and /etc/ssh/ssh_config]; none reads none
    #[arg(long, short = 'F', value_name = "FILE")]
    config: Option<PathBuf>,

    /// Trust a host that is not known yet, and note its key; never one that changed
    #[arg(long)]
    accept_new: bool,

    /// Never ask for a password or anything else, not even at a terminal
    #[arg(long)]
    batch: bool,
}

const AFTER_HELP: &str = "\
Examples:
  sshrpc call 127.0.0.1:2222 lists reverse '[[1,2,3]]'
  sshrpc call 127.0.0.1:2222 'lists:seq(1,5)' --mode exec
  sshrpc call myserver lists seq '[1,5]'              (a Host of ~/.ssh/config)
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
and an error is {\"error\":{\"code\":N,\"kind\":..,\"message\":..,\"term\":..,\"hints\":[..]}}.";

fn mode(name: &str) -> Result<Mode, &'static str> {
    Mode::ALL.into_iter().find(|mode| mode.as_str() == name).ok_or("there are subsystem, shell, exec-mod and exec")
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
struct Timeout(Option<Duration>);

fn timeout(text: &str) -> Result<Timeout, humantime::DurationError> {
    if text == "none" { Ok(Timeout(None)) } else { humantime::parse_duration(text).map(|time| Timeout(Some(time))) }
}

impl Call {
    pub(crate) fn run(self, output: &Output, verbose: u8) -> Result<(), Failure> {
        log::start(log::Chatter::Quiet, verbose);
        let request = self.request()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::local)?;
        let value = runtime.block_on(self.call(&request))?;
        output.print(|| value.to_string(), || json!({ "ok": json::from_term(&value), "term": value.to_string() }))
    }

    /// The call that the arguments describe.
    fn request(&self) -> Result<Request, Failure> {
        let Some(function) = &self.function else {
            return parse_call(&self.module).map_err(|error| self.no_call(&error));
        };
        let mut text = self.args.clone();
        if text == "-" {
            text.clear();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| Failure::local(format!("cannot read ARGS from standard input: {error}")))?;
        }
        let args = parse_term(&text).map_err(|error| bad_syntax("ARGS", &text, &error))?;
        let Some(args) = args.as_list() else {
            return Err(Failure::usage("ARGS is no list").term(&args).hint(format!(
                "it is the list of the arguments: {} passes this as the only one",
                quoted(&Term::list([args]).to_string())
            )));
        };
        Ok(Request::new(atom(&self.module)?, atom(function)?, args.cloned().collect()))
    }

    fn no_call(&self, error: &SyntaxError) -> Failure {
        if parse_term(&self.module).is_ok_and(|term| term.as_atom().is_some()) {
            return Failure::usage("the FUNCTION is missing").hint(format!(
                "sshrpc call {} {} FUNCTION '[ARG, ...]'",
                self.target,
                quoted(&self.module)
            ));
        }
        bad_syntax("the call", &self.module, error)
    }

    async fn call(&self, request: &Request) -> Result<Term, Failure> {
        let folder = Folder::find().ok();
        let mut attempt = Attempt {
            target: &self.target,
            mode: self.mode,
            known_hosts: self.keys.known_hosts.as_deref(),
            tried: Vec::new(),
            unusable: Vec::new(),
            folder: folder.as_ref(),
        };
        let mut connect = self.connect().map_err(|error| attempt.not_connected(&error))?;
        let found = connect.host_config().await.map_err(|error| attempt.not_connected(&error))?;
        let whom = if self.keys.batch || found.batch_mode { Ask::Nobody } else { Ask::Somebody };
        let identities = self.identities(folder.as_ref(), found, whom).await?;
        let named =
            |identity: &Identity| Some((identity.public().fingerprint().to_string(), identity.path()?.to_owned()));
        attempt.tried = identities.identities.iter().filter_map(named).collect();
        attempt.unusable = identities.problems;
        let terminal = Arc::new(Terminal::new(whom));
        let connect = connect.prompter(terminal.clone());
        let connect =
            identities.identities.into_iter().map(self.algorithms.provider.sign).fold(connect, Connect::identity);
        let mut patience = Patience::new(self.timeout);
        let connected = patience.wait_for_login(&terminal, connect.connect()).await;
        let client = connected.ok_or_else(|| self.timed_out("no connection to", ""))?;
        let client = client.map_err(|error| attempt.not_connected(&error))?;
        if let Some(agreed) = client.ssh().and_then(|ssh| ssh.negotiated()) {
            let (kex, host_key, cipher) = (agreed.kex, agreed.host_key, agreed.client_to_server.cipher);
            let compression = agreed.client_to_server.compression;
            let strictness = agreed.strictness;
            tracing::info!(kex, host_key, cipher, compression, ?strictness, "connected to {}", self.target);
        }
        let answer = patience.wait(client.apply(request)).await;
        client.close().await;
        let answer = answer.ok_or_else(|| self.timed_out("no answer from", "; the function may have run"))?;
        answer.map_err(|error| self.slip(&error, request).into_iter().fold(attempt.call_failed(&error), Failure::hint))
    }

    fn connect(&self) -> Result<Connect, sshrpc::client::ConnectError> {
        let mut connect = Connect::to(&self.target.to_string())?.mode(self.mode);
        connect = match &self.keys.config {
            None => connect,
            Some(path) if path.as_os_str() == "none" => connect.no_config(),
            Some(path) => connect.config_file(path),
        };
        if let Some(path) = &self.keys.known_hosts {
            connect = connect.known_hosts(path);
        }
        if self.keys.accept_new {
            connect = connect.accept_new();
        }
        let Algorithms { tier, cipher, mac, kex, compress, provider } = &self.algorithms;
        connect = connect.provider(provider.provider).tier(tier.unwrap_or(Tier::Compatible));
        if let Some(names) = cipher {
            connect = connect.ciphers(names)?;
        }
        if let Some(names) = mac {
            connect = connect.macs(names)?;
        }
        if let Some(names) = kex {
            connect = connect.kex(names)?;
        }
        if *compress {
            connect = connect.compress();
        }
        Ok(connect)
    }

    /// The keys to try: those that were named; or else sshrpc's own, and those that `ssh` would try.
    async fn identities(
        &self,
        folder: Option<&Folder>,
        config: &HostConfig,
        whom: Ask,
    ) -> Result<DefaultIdentities, Failure> {
        let mut found = DefaultIdentities::default();
        for path in &self.keys.identity {
            found.identities.extend(secret::read_identities(path, whom)?);
        }
        let Some(folder) = folder.filter(|_| self.keys.identity.is_empty()) else { return Ok(found) };
        for path in KINDS.iter().map(|kind| folder.user_key(kind)).filter(|path| path.exists()) {
            match Identity::from_file(&path, |_| None) {
                Ok(identity) => found.identities.push(identity),
                Err(error) => match secret::read_identity(&path, whom) {
                    Ok(identity) if error.needs_passphrase() => found.identities.push(identity),
                    _ => found.problems.push(error),
                },
            }
        }
        let usual = DefaultIdentities::for_host(config, folder.home()).await;
        let is_new = |identity: &Identity| found.identities.iter().all(|have| have.public() != identity.public());
        let new: Vec<Identity> = usual.identities.into_iter().filter(is_new).collect();
        found.identities.extend(new);
        found.problems.extend(usual.problems);
        Ok(found)
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

    fn timed_out(&self, what: &str, and: &str) -> Failure {
        let Timeout(limit) = self.timeout;
        let limit = humantime::format_duration(limit.unwrap_or_default());
        Failure::new(Exit::Timeout, format!("{what} {} within {limit}{and}", self.target.host_and_port()))
            .hint("`--timeout 1m` waits longer, `--timeout none` for ever")
    }
}

/// What is left of the time.
struct Patience(Option<tokio::time::Instant>);

impl Patience {
    fn new(Timeout(limit): Timeout) -> Self {
        Self(limit.and_then(|limit| tokio::time::Instant::now().checked_add(limit)))
    }

    /// The same, and the time that somebody takes to answer does not count.
    async fn wait_for_login<T>(&mut self, terminal: &Terminal, work: impl Future<Output = T>) -> Option<T> {
        let Some(deadline) = self.0 else { return Some(work.await) };
        let mut work = std::pin::pin!(work);
        loop {
            let extended = deadline.checked_add(terminal.time_spent()).unwrap_or(deadline);
            match tokio::time::timeout_at(extended, &mut work).await {
                Ok(done) => {
                    self.0 = deadline.checked_add(terminal.time_spent());
                    return Some(done);
                }
                Err(_elapsed) if deadline.checked_add(terminal.time_spent()) > Some(extended) => {}
                Err(_elapsed) => return None,
            }
        }
    }

    async fn wait<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match self.0 {
            None => Some(work.await),
            Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
        }
    }
}

/// A name as it is typed; in Erlang's quotes, if somebody got them through the shell.
fn atom(name: &str) -> Result<Atom, Failure> {
    if name.starts_with('\'')
        && let Ok(Term::Atom(atom)) = parse_term(name)
    {
        return Ok(atom);
    }
    Atom::new(name).map_err(|_too_long| Failure::usage(format!("{name:?} is too long for an atom (255 characters)")))
}

/// A syntax error with the line that has it, and a mark below the place.
fn bad_syntax(what: &str, text: &str, error: &SyntaxError) -> Failure {
    let SyntaxError { line, column, message, .. } = error;
    let failure = Failure::usage(format!("syntax error in {what}, line {line}, column {column}: {message}"));
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
    let Some(text) = text.lines().nth(index(*line)) else { return failure };
    // A window around the place, where the line is long.
    let start = index(*column).saturating_sub(WINDOW / 2);
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let excerpt: String = text.chars().skip(start).take(WINDOW).map(printable).collect();
    failure.detail(format!("| {excerpt}")).detail(format!("| {}^", " ".repeat(index(*column) - start)))
}

const WINDOW: usize = 72;
