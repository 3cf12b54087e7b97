//! `sshrpc shell`

mod catalogue;
mod editor;
mod line;

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use anstream::AutoStream;
use rustyline::error::ReadlineError;
use rustyline::hint::HistoryHinter;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};
use sshrpc::call::Call;
use sshrpc::client::Mode;
use sshrpc::term::{Expression, Term};
use tokio::signal::unix::{SignalKind, signal};

use self::catalogue::Catalogue;
use self::editor::{Colours, Typing};
use self::line::{Bindings, Line, is_incomplete, parse};
use super::call::{Manner, TIMEOUT, Wanted, as_json, call};
use super::config::state_folder;
use super::exit::Exit;
use super::failure::Failure;
use super::log;
use super::names::Named;
use super::output::{FAINT, Output, STRONG, styled};
use super::reach::{Patience, Reach, Reached, Timeout, timeout};

/// Call functions of a node from a prompt, in Erlang's syntax
///
/// Tab completes modules and functions, as far as the node says what may be called; Ctrl-C stops a call, Ctrl-D leaves, and
/// the history is kept. Where standard input is no terminal, its lines are executed, and the exit code is that of the first
/// that failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sshrpc shell 127.0.0.1:2222
  sshrpc shell db1                                    (a node of sshrpc.toml)
  echo 'lists:seq(1,5).' | sshrpc shell db1

At the prompt:
  lists:reverse([1,2,3]).     call a function; the final dot may be left away
  X = lists:seq(1,3).         keep its value
  lists:sum(X).               and use it")]
pub(crate) struct Shell {
    /// The node: its name in sshrpc.toml, or [user@]host[:port]
    target: String,

    /// Give up on a call after this long: 500ms, 10s, 2m; otherwise it may take what it takes, and Ctrl-C stops it
    #[arg(long, short, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Timeout>,

    #[command(flatten)]
    reach: Reach,
}

const HELP: &str = "\
  lists:reverse([1,2,3]).     call a function; the final dot may be left away
  length([a,b]).              one of the module erlang
  X = lists:seq(1,3).         keep its value
  lists:sum(X).               and use it
  [X, {a, \"b\"}].              a term is shown as it stands
  b().  f().  f(X).           show the variables; forget them all, or one
  help(lists).                the functions of a module that you may call
  Tab                         completes modules, functions and variables
  Ctrl-C                      stops a call
  q().  Ctrl-D                leaves";

impl Shell {
    pub(crate) fn run(self, output: Output, verbose: u8) -> Result<(), Failure> {
        log::start(log::Chatter::Quiet, verbose);
        let node = self.reach.names()?.one(&self.target)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(Failure::local)?;
        runtime.block_on(async {
            let mut session = Session::begin(self, node, output).await?;
            let ended = match session.user {
                User::AtTerminal => session.at_terminal().await,
                User::None => session.without_terminal().await,
            };
            session.end().await;
            ended
        })
    }
}

/// A connection, and what was kept.
struct Session {
    reach: Reach,
    timeout: Timeout,
    node: Named,
    user: User,
    /// None once it is lost, until the next call.
    reached: Option<Reached>,
    catalogue: Arc<Catalogue>,
    bindings: Bindings,
    output: Output,
}

/// Who types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    AtTerminal,
    /// Standard input is a file, or another program.
    None,
}

/// Whether it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Line,
    End,
}

impl Session {
    async fn begin(shell: Shell, node: Named, output: Output) -> Result<Self, Failure> {
        let Shell { timeout, reach, .. } = shell;
        let reached = connect(&reach, &node).await?;
        let catalogue = Arc::new(Catalogue::new(reached.client.clone()));
        let timeout = timeout.unwrap_or(Timeout(None));
        let people = std::io::stdin().is_terminal() && output == Output::Text;
        let user = if people { User::AtTerminal } else { User::None };
        Ok(Self { reach, timeout, node, user, reached: Some(reached), catalogue, bindings: Bindings::new(), output })
    }

    async fn end(self) {
        if let Some(reached) = self.reached {
            reached.client.close().await;
        }
    }

    /// Prompts until somebody leaves. What fails is told, and is no failure of the shell.
    async fn at_terminal(&mut self) -> Result<(), Failure> {
        // From here on Ctrl-C ends no more than a call.
        let _interrupt = signal(SignalKind::interrupt()).map_err(Failure::local)?;
        let history = history();
        let mut editor = self.editor(history.as_deref())?;
        let target = &self.node.target;
        self.output.say(&styled(FAINT, format!("{target}: help explains, Tab completes, Ctrl-D leaves.")))?;
        for number in 1.. {
            let prompt = format!("{} {number}> ", self.node.name);
            let read = tokio::task::spawn_blocking(move || {
                let line = editor.readline(&prompt);
                (editor, line)
            });
            let (returned, line) = read.await.map_err(Failure::local)?;
            editor = returned;
            let line = match line {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => break,
                Err(error) => return Err(Failure::local(format!("cannot read from the terminal: {error}"))),
            };
            if !line.trim().is_empty() {
                // A history that is not kept is no reason to stop.
                let _ = editor.add_history_entry(line.as_str());
            }
            match self.execute(&line).await {
                Ok(Next::Line) => {}
                Ok(Next::End) => break,
                Err(failure) => self.output.fail_one("", None, &failure),
            }
        }
        if let Some(path) = history
            && let Err(error) = editor.save_history(&path)
        {
            tracing::debug!(%error, "the history is not kept");
        }
        Ok(())
    }

    fn editor(&self, history: Option<&std::path::Path>) -> Result<Editor<Typing, FileHistory>, Failure> {
        let config = Config::builder().completion_type(CompletionType::List).build();
        let mut editor =
            Editor::with_config(config).map_err(|error| Failure::local(format!("cannot use the terminal: {error}")))?;
        let coloured = AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
        editor.set_helper(Some(Typing {
            catalogue: self.catalogue.clone(),
            history: HistoryHinter::new(),
            colours: if coloured { Colours::Yes } else { Colours::No },
        }));
        if let Some(path) = history {
            // There is none the first time.
            let _ = editor.load_history(path);
        }
        Ok(editor)
    }

    /// Executes what standard input has. The failure is the first one.
    async fn without_terminal(&mut self) -> Result<(), Failure> {
        let (mut text, mut failed) = (String::new(), None);
        loop {
            let line = tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next().transpose());
            let line = line.await.map_err(Failure::local)?;
            let line = line.map_err(|error| Failure::local(format!("cannot read standard input: {error}")))?;
            let ended = line.is_none();
            text.push_str(line.as_deref().unwrap_or_default());
            text.push('\n');
            if !ended && is_incomplete(&text) {
                continue;
            }
            match self.execute(std::mem::take(&mut text).trim_end()).await {
                Ok(Next::Line) if ended => break,
                Ok(Next::Line) => {}
                Ok(Next::End) => break,
                Err(failure) => {
                    self.output.fail_one("", None, &failure);
                    failed = failed.or(Some(failure));
                    if ended {
                        break;
                    }
                }
            }
        }
        failed.map_or(Ok(()), |failure| Err(failure.silent()))
    }

    async fn execute(&mut self, line: &str) -> Result<Next, Failure> {
        match parse(line, &self.bindings)? {
            Line::Nothing => {}
            Line::Quit => return Ok(Next::End),
            Line::Help(None) => self.output.say(HELP)?,
            Line::Help(Some(module)) => self.describe(&module).await?,
            Line::ShowBindings => {
                for (name, value) in &self.bindings {
                    self.output.say(&format!("{} = {value}", styled(STRONG, name)))?;
                }
            }
            Line::Forget(None) => self.bindings.clear(),
            Line::Forget(Some(name)) => drop(self.bindings.remove(&name)),
            Line::Evaluate(name, expression) => {
                let value = match expression {
                    Expression::Call(call) => self.call(&call).await?,
                    Expression::Term(term) => term,
                    _ => return Err(Failure::usage("this is neither a call nor a term")),
                };
                self.keep(name, &value)?;
                self.output.print(|| value.to_string(), || as_json(&value))?;
            }
        }
        self.catalogue.set_variables(self.bindings.keys());
        Ok(Next::Line)
    }

    /// Gives a variable its value. One that has another already keeps it.
    fn keep(&mut self, name: Option<String>, value: &Term) -> Result<(), Failure> {
        let Some(name) = name else { return Ok(()) };
        match self.bindings.get(&name) {
            Some(bound) if bound != value => {
                Err(Failure::new(Exit::Failed, format!("badmatch: {name} has another value already"))
                    .term(value)
                    .hint(format!("f({name}) forgets the value that it has")))
            }
            _ => {
                self.bindings.insert(name, value.clone());
                Ok(())
            }
        }
    }

    /// Calls the node, until somebody presses Ctrl-C.
    async fn call(&mut self, request: &Call) -> Result<Term, Failure> {
        let interrupted = interrupted(self.user)?;
        let reached = match self.reached.take() {
            Some(reached) => reached,
            None => {
                let reached = connect(&self.reach, &self.node).await?;
                self.catalogue.connected(reached.client.clone());
                reached
            }
        };
        let manner = Manner { mode: Mode::Subsystem, timeout: self.timeout, deadline: None, wanted: Wanted::Value };
        let patience = Patience::new(manner.timeout);
        let answer = tokio::select! {
            answer = call(&reached.client, &self.node.target, request, manner, &patience) => answer,
            () = interrupted => Err(Failure::new(Exit::Failed, "stopped: nobody waits for this call any more")),
        };
        let answer = answer.and_then(|answer| answer.map_err(|error| reached.attempt.call_failed(&error)));
        match answer {
            // The next call begins with another connection.
            Err(failure) if failure.exit == Exit::Connection => {
                Err(failure.hint("the next call connects again; variables are kept"))
            }
            answer => {
                self.reached = Some(reached);
                answer
            }
        }
    }

    /// The functions of a module.
    async fn describe(&self, module: &str) -> Result<(), Failure> {
        let Some(reached) = &self.reached else { return Ok(()) };
        let functions = catalogue::functions(&reached.client, module).await;
        let Some(functions) = functions.filter(|functions| !functions.is_empty()) else {
            return Err(Failure::new(
                Exit::Failed,
                format!("the node names no function of {module} that you may call"),
            ));
        };
        let names: Vec<_> = functions.into_iter().map(|(name, arity)| format!("{name}/{arity}")).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default() + 2;
        let lines = names.chunks((76 / width).max(1)).map(|row| {
            let cells: String = row.iter().map(|name| format!("{name:width$}")).collect();
            format!("  {}", cells.trim_end())
        });
        self.output.say(&lines.collect::<Vec<_>>().join("\n"))
    }
}

/// Ready when somebody presses Ctrl-C, which is not the end of a shell that has a user.
fn interrupted(user: User) -> Result<impl Future<Output = ()>, Failure> {
    let mut interrupt = match user {
        User::AtTerminal => Some(signal(SignalKind::interrupt()).map_err(Failure::local)?),
        User::None => None,
    };
    Ok(async move {
        match &mut interrupt {
            Some(interrupt) => drop(interrupt.recv().await),
            None => std::future::pending().await,
        }
    })
}

async fn connect(reach: &Reach, node: &Named) -> Result<Reached, Failure> {
    let mut patience = Patience::new(Timeout(Some(TIMEOUT)));
    reach.connect(&node.target, Mode::Subsystem, &mut patience).await
}

/// Where what was typed is kept: `~/.local/state/sshrpc/history`, as a rule.
fn history() -> Option<PathBuf> {
    Some(state_folder()?.join("history"))
}
