//! A BEAM of the node's own: started, watched, and started again.

use core::fmt;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::task::{JoinHandle, JoinSet};

use super::link::Link;
use super::session::{Ended, Session};
use super::{BRIDGE, BeamError, Bounds};
use crate::backend::{Backend, Context, Execution, Watch};
use crate::call::{Call, Failure};
use crate::extended::Destination;
use crate::term::{Pid, Term};

/// A BEAM that the node starts, and that ends with it however the node ends.
///
/// It is not distributed, so that it has no name, no cookie and no port; it reads no `.erlang` file and leaves no crash
/// dump (unless `ERL_CRASH_DUMP_SECONDS` says otherwise). Whatever else Erlang reads from the environment counts:
/// `ERL_LIBS` and `ERL_FLAGS` bring applications and options. It must have the application `compiler`, as every usual
/// installation does, because it gets the module that serves calls as text, and no file is written for it.
///
/// What called functions print, and what the BEAM itself does, is logged: target `sshrpc::beam`, level info.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use sshrpc::Node;
/// use sshrpc::backend::BeamPort;
///
/// let erlang = BeamPort::builder().arg("-pa").arg("_build/default/lib/shop/ebin").start().await?;
/// let node = Node::builder().backend(Arc::new(erlang));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BeamPort {
    link: Link,
    supervisor: JoinHandle<()>,
}

impl BeamPort {
    /// A BEAM as `erl` of the `PATH` starts it.
    pub fn builder() -> BeamPortBuilder {
        BeamPortBuilder { program: PathBuf::from("erl"), arguments: Vec::new(), bounds: Bounds::default() }
    }
}

impl Backend for BeamPort {
    fn call(&self, call: Call, context: &Context) -> Execution {
        self.link.call(call, context)
    }

    fn send(&self, to: &Destination, message: Term, context: &Context) -> Execution {
        self.link.send(to, message, context)
    }

    fn exit(&self, from: &Pid, to: &Pid, reason: Term, context: &Context) -> Execution {
        self.link.exit(from, to, reason, context)
    }

    fn monitor(&self, of: &Destination, context: &Context) -> Result<Watch, Failure> {
        self.link.monitor(of, context)
    }
}

impl Drop for BeamPort {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

/// How a BEAM will be started.
#[derive(Clone, Debug)]
#[must_use = "a BEAM runs once it is started"]
pub struct BeamPortBuilder {
    program: PathBuf,
    arguments: Vec<OsString>,
    bounds: Bounds,
}

impl BeamPortBuilder {
    /// Starts this program, which is Erlang's `erl`; one without a slash is looked for on the `PATH`.
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = program.into();
        self
    }

    /// Starts it with one more argument: `-pa` and a folder of modules, say, each an argument of its own.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// How much may be under way to it.
    pub const fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Starts it, and waits until it serves calls. From then on it is started again whenever it ends: after a tenth of a
    /// second, and twice as long each time it does not last, up to ten seconds.
    ///
    /// # Errors
    /// When it cannot be started, or ends before it serves calls, or does not within half a minute.
    pub async fn start(self) -> Result<BeamPort, BeamError> {
        let link = Link::new(self.bounds);
        let first = Running::start(&self, &link).await?;
        let supervisor = tokio::spawn(supervise(self, link.clone(), first));
        Ok(BeamPort { link, supervisor })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-noinput", "-boot", "no_dot_erlang"]).args(&self.arguments).args(["-eval", BOOT]);
        if std::env::var_os(CRASH_DUMP).is_none() {
            command.env(CRASH_DUMP, "0");
        }
        // Ctrl-C is for the node, which lets calls end first.
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).process_group(0);
        command
    }
}

/// For how many seconds a BEAM that crashes may write its dump.
const CRASH_DUMP: &str = "ERL_CRASH_DUMP_SECONDS";

/// What the BEAM is started with: reads the text of a module from its standard input, which is a socket, compiles it, and has
/// it serve calls there. Its standard output stays free for what functions print.
const BOOT: &str = "\
spawn(fun() ->
    Port = open_port({fd, 0, 0}, [{packet, 4}, binary, eof]),
    Parse = fun P(Text, Line) ->
        case erl_scan:tokens([], Text, Line) of
            {done, {ok, Tokens, Next}, Rest} ->
                {ok, Form} = erl_parse:parse_form(Tokens),
                [Form | P(Rest, Next)];
            _ ->
                []
        end
    end,
    try
        receive
            {Port, {data, Text}} ->
                {ok, Module, Code} = compile:forms(Parse(unicode:characters_to_list(Text), 1), []),
                {module, Module} = code:load_binary(Module, \"sshrpc_bridge.erl\", Code),
                Module:serve(Port);
            {Port, eof} ->
                halt(0, [{flush, false}])
        end
    catch
        Class:Reason:Stack ->
            case {Reason, Stack} of
                {undef, [{compile, _, _, _} | _]} ->
                    io:format(standard_error, \"this Erlang lacks the application compiler~n\", []);
                _ ->
                    io:format(standard_error, \"~p: ~p~n~p~n\", [Class, Reason, Stack])
            end,
            halt(1)
    end
end).";

/// The least and the most time between the end of a BEAM and the start of the next.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// How long a BEAM whose connection has ended may take to end itself.
const FAREWELL: Duration = Duration::from_secs(1);

async fn supervise(how: BeamPortBuilder, link: Link, mut running: Running) {
    let (least, most) = DELAYS;
    let mut delay = least;
    loop {
        let began = tokio::time::Instant::now();
        let (ended, status) = running.run().await;
        if began.elapsed() > most {
            delay = least;
        }
        tracing::warn!(target: TARGET, "the BEAM has ended ({status}): {ended}");
        running = loop {
            tokio::time::sleep(delay).await;
            delay = most.min(delay * 2);
            match Running::start(&how, &link).await {
                Ok(running) => break running,
                Err(error) => tracing::error!(target: TARGET, "{error}"),
            }
        };
        tracing::info!(target: TARGET, "another BEAM serves calls");
    }
}

const TARGET: &str = "sshrpc::beam";

/// A BEAM that serves calls.
struct Running {
    session: Session<OwnedReadHalf, OwnedWriteHalf>,
    process: Process,
}

impl Running {
    async fn start(how: &BeamPortBuilder, link: &Link) -> Result<Self, BeamError> {
        let (process, stream) = Process::start(how).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BeamError::NotInstalled(how.program.clone()),
            _ => BeamError::Start(how.program.clone(), error),
        })?;
        let (reader, writer) = stream.into_split();
        match Session::open(reader, writer, &bridge(), link.clone()).await {
            Ok(session) => Ok(Self { session, process }),
            Err(ended) => {
                let (status, printed) = process.end().await;
                let reason = match ended {
                    Ended::Closed => format!("it has ended ({status})"),
                    other => other.to_string(),
                };
                Err(BeamError::Failed { program: how.program.clone(), reason, printed })
            }
        }
    }

    /// Serves calls to the end, and says what the end was.
    async fn run(self) -> (Ended, Status) {
        let ended = self.session.run().await;
        let (status, _printed) = self.process.end().await;
        (ended, status)
    }
}

/// The text of the module, in its frame.
fn bridge() -> Vec<u8> {
    let length = u32::try_from(BRIDGE.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), BRIDGE.as_bytes()].concat()
}

/// A process of the operating system. Dropping it kills it.
struct Process {
    child: Child,
    printed: Arc<Mutex<VecDeque<String>>>,
    logs: JoinSet<()>,
}

impl Process {
    fn start(how: &BeamPortBuilder) -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let stream = UnixStream::from_std(ours)?;
        let mut child = how.command().stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (printed, mut logs) = (Arc::default(), JoinSet::new());
        if let Some(stdout) = stdout {
            logs.spawn(log(stdout, Arc::clone(&printed)));
        }
        if let Some(stderr) = stderr {
            logs.spawn(log(stderr, Arc::clone(&printed)));
        }
        Ok((Self { child, printed, logs }, stream))
    }

    /// Lets it end, or else kills it; how it ended, and its last lines.
    async fn end(mut self) -> (Status, String) {
        let mut status = tokio::time::timeout(FAREWELL, self.child.wait()).await;
        if status.is_err() {
            status = Ok(match self.child.kill().await {
                Ok(()) => self.child.wait().await,
                Err(error) => Err(error),
            });
        }
        // Programs that it has started may hold its output open; they get no more time.
        let logged = async { while self.logs.join_next().await.is_some() {} };
        let _in_time = tokio::time::timeout(FAREWELL, logged).await;
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&str> = printed.iter().map(String::as_str).collect();
        (Status(status.ok().and_then(Result::ok)), lines.join("\n"))
    }
}

/// How a process ended, as far as the system says.
struct Status(Option<ExitStatus>);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(status) => status.fmt(f),
            None => f.write_str("nobody knows how"),
        }
    }
}

/// Logs what is printed, line by line, and keeps the last lines.
async fn log(from: impl AsyncRead + Unpin, printed: Arc<Mutex<VecDeque<String>>>) {
    let mut from = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        match (&mut from).take(LINE).read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            _ => return,
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        tracing::info!(target: TARGET, "{line}");
        let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        printed.push_back(line);
        if printed.len() > LINES {
            printed.pop_front();
        }
    }
}

/// Octets of a line; what is longer is logged as several.
const LINE: u64 = 4096;
/// How many lines are kept.
const LINES: usize = 20;
