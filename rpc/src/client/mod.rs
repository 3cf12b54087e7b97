//! Calling a node: one connection, one of four modes, calls that may overlap.

mod caller;
mod connect;
mod flow;
mod machine;
mod mailbox;
mod queue;
mod reply;
mod route;
mod stream;
mod target;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ssh_transport::client::ProgramError;
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;

pub use connect::{Connect, ConnectError};
pub use mailbox::Mailbox;
pub use stream::{StreamAnswer, StreamCall, StreamInput, StreamOutput};
pub use target::{InvalidTarget, Target};

use self::caller::Caller;
use self::machine::Machine;
use self::route::Route;
use crate::call::{Call, CallError, CallNotSent, ClientConfig, ClientError, Framing, command_text};
use crate::extended::{Blocking, CallOptions, Destination, Request, Streamed};
use crate::process::MailboxLimits;
use crate::term::{Atom, Term, decode_exact_with};

/// How much may be on its way whose answer nobody waits for.
const MAX_POSTS: usize = 1024;

/// The subsystem's name.
pub const SUBSYSTEM: &str = "sshrpc@k2r.org";

/// How calls travel: the three modes of the paper's Table 1, and the subsystem of its supplemental note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Framed terms on one subsystem channel.
    #[default]
    Subsystem,
    /// Bare terms on one shell channel.
    Shell,
    /// An exec request a call, on one connection.
    ExecMod,
    /// An exec request a call, and a connection for each.
    Exec,
}

impl Mode {
    /// All of them, the fastest first.
    pub const ALL: [Self; 4] = [Self::Subsystem, Self::Shell, Self::ExecMod, Self::Exec];

    /// As the paper's table and the command line name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subsystem => "subsystem",
            Self::Shell => "shell",
            Self::ExecMod => "exec-mod",
            Self::Exec => "exec",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a call gave no value.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The module's or the function's name is longer than an atom may be.
    Name(String),
    /// The function failed, or the answer cannot be used.
    Call(CallError),
    /// The request could not be sent.
    NotSent(CallNotSent),
    /// An argument cannot be written as text, as exec requests want it.
    NotExpressible,
    /// The channel is broken.
    Channel(ClientError),
    /// The node opens no channel, or does not speak this mode.
    Program(ProgramError),
    /// The connection broke.
    Io(io::Error),
    /// Only the subsystem carries more than calls.
    Plain(Mode),
    /// No answer in time. Whether the function ran is not known.
    TimedOut(Duration),
    /// A connection for this call could not be had (mode exec).
    Connect(Box<ConnectError>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?} is too long for an atom (255 characters)"),
            Self::Call(error) => error.fmt(f),
            Self::NotSent(error) => error.fmt(f),
            Self::NotExpressible => crate::call::NotExpressible.fmt(f),
            Self::Channel(error) => error.fmt(f),
            Self::Program(error) => error.fmt(f),
            Self::Io(error) => write!(f, "the connection broke: {error}"),
            Self::Plain(mode) => write!(f, "mode {mode} carries calls and nothing else; the subsystem carries more"),
            Self::TimedOut(limit) => write!(f, "no answer within {limit:?}; the function may have run"),
            Self::Connect(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// A connection to a node. Clones are handles to the same one; calls through them overlap.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let node = sshrpc::Client::connect("alice@node.example:2222").await?;
/// let reversed = node.call("lists", "reverse", [vec![1, 2, 3]]).await?;
/// assert_eq!(reversed.to_string(), "[3,2,1]");
/// # Ok(())
/// # }
/// ```
///
/// Calls through one client overlap:
///
/// ```
/// # use sshrpc::{Connect, Identity, Node, PrivateKey};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut rng = sshrpc::os_rng()?;
/// # let (host_key, user_key) = (PrivateKey::generate_ed25519(&mut rng), PrivateKey::generate_ed25519(&mut rng));
/// # let node = Node::builder().host_key(host_key.clone()).authorized_key(user_key.public().clone());
/// # let node = node.listen("127.0.0.1:0").bind().await?;
/// # let address = node.local_addr()?.to_string();
/// # tokio::spawn(node.run(std::future::pending()));
/// let connect = Connect::to(&address)?.host_key(host_key.public().clone()).identity(Identity::from_key(user_key, ""));
/// let client = connect.connect().await?;
///
/// let (sum, sequence) = tokio::join!(
///     client.call("lists", "sum", [vec![1, 2, 3]]),
///     client.call("lists", "seq", [1, 5]),
/// );
/// assert_eq!((sum?, sequence?.to_string().as_str()), (6.into(), "[1,2,3,4,5]"));
///
/// let error = client.call("lists", "summ", [vec![1, 2, 3]]).await.unwrap_err();
/// assert_eq!(error.to_string(), "undef: lists:summ/1 is not defined on the node");
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    target: Target,
    route: Route,
    /// `None` in mode exec, which connects for each call.
    ssh: Option<ssh_transport::Client>,
    mode: Mode,
    timeout: Option<Duration>,
    /// Room for what nobody waits for the answer of.
    posts: Arc<Semaphore>,
    /// The channel that calls share, once there is one.
    caller: tokio::sync::Mutex<Option<Caller>>,
}

impl Client {
    /// Connects to `[user@]host[:port]` as `ssh` would: with the agent's keys and those in `~/.ssh`, to a host that is in
    /// known_hosts. [`Connect`] has more to say.
    ///
    /// # Errors
    /// When the target makes no sense, nobody listens there, its key is not known, or it does not let us in.
    pub async fn connect(target: &str) -> Result<Self, ConnectError> {
        Connect::to(target)?.connect().await
    }

    /// Calls `module:function(args...)` and waits for the value.
    ///
    /// # Errors
    /// When the function fails, the node refuses, or the connection breaks.
    pub async fn call<T: Into<Term>>(
        &self,
        module: &str,
        function: &str,
        args: impl IntoIterator<Item = T>,
    ) -> Result<Term, Error> {
        let atom = |name: &str| Atom::new(name).map_err(|_too_long| Error::Name(name.to_owned()));
        let args = args.into_iter().map(Into::into).collect();
        self.apply(&Call::new(atom(module)?, atom(function)?, args)).await
    }

    /// Executes `call` on the node and waits for the value.
    ///
    /// # Errors
    /// When the function fails, the node refuses, or the connection breaks.
    pub async fn apply(&self, call: &Call) -> Result<Term, Error> {
        self.in_time(self.execute(call, CallOptions::default())).await
    }

    /// The same with a deadline, which begins when the node reads the call: a call that has not ended by then is stopped, and
    /// fails with `{erpc,timeout}`. Only the extended protocol carries it: nodes that speak the plain one do not know of it.
    ///
    /// # Errors
    /// As for [`apply`](Self::apply). [`Error::Plain`] in other modes than the subsystem.
    pub async fn apply_within(&self, call: &Call, deadline: Duration) -> Result<Term, Error> {
        let options = CallOptions { deadline: Some(deadline), ..CallOptions::default() };
        self.request(Request::Call { call: call.clone(), options }).await
    }

    /// Executes `call` within this time, in its turn where it blocks others.
    pub(crate) async fn apply_in_turn(
        &self,
        call: &Call,
        deadline: Option<Duration>,
        block: Blocking,
    ) -> Result<Term, Error> {
        let work = self.in_time(self.execute(call, CallOptions { deadline, block, ..CallOptions::default() }));
        match deadline {
            None => work.await,
            Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or(Err(Error::TimedOut(limit))),
        }
    }

    /// Puts something on its way, and does not wait for the answer: what is posted one after the other goes in this order.
    /// It waits only while too much is posted and not answered.
    pub(crate) async fn post(&self, request: Request) -> Result<(), Error> {
        let room = self.inner.posts.clone().acquire_owned().await;
        let reply = self.extended().await?.request(request)?;
        tokio::spawn(async move {
            if let Err(error) = reply.await {
                tracing::debug!("what was posted failed: {error}");
            }
            drop(room);
        });
        Ok(())
    }

    /// Has `call` executed, and does not wait for its outcome: only until the node has begun. What becomes of it is in the
    /// node's log.
    ///
    /// # Errors
    /// When the node does not begin, or the connection breaks. [`Error::Plain`] in other modes than the subsystem.
    pub async fn cast(&self, call: &Call) -> Result<(), Error> {
        self.request(Request::Cast { call: call.clone() }).await.map(drop)
    }

    /// Begins a call with streams of input and output, of a function that was
    /// [registered](crate::Functions::register_stream) so. Where [`Connect::timeout`] sets one, its deadline is for the whole
    /// call with its streams.
    ///
    /// # Errors
    /// When the connection breaks; [`Error::Plain`] in other modes than the subsystem. That the function has no streams,
    /// `{erpc,notsup}`, is what the answer says.
    pub async fn stream_call(&self, call: &Call) -> Result<StreamCall, Error> {
        self.stream_call_for(call, self.inner.timeout).await
    }

    /// The same with a deadline, as of [`apply_within`](Self::apply_within), for the whole call with its streams.
    ///
    /// # Errors
    /// As for [`stream_call`](Self::stream_call).
    pub async fn stream_call_within(&self, call: &Call, deadline: Duration) -> Result<StreamCall, Error> {
        self.stream_call_for(call, Some(deadline)).await
    }

    async fn stream_call_for(&self, call: &Call, deadline: Option<Duration>) -> Result<StreamCall, Error> {
        let (input, output) = (Streamed::Yes, Streamed::Yes);
        let options = CallOptions { deadline, input, output, ..CallOptions::default() };
        let caller = self.extended().await?;
        let reply = caller.stream(call, options)?;
        let (key, client) = (reply.key, self.clone());
        Ok(StreamCall::new(&caller, key, async move { client.in_time(reply).await }))
    }

    /// Sends a message to a process of the node, by its name or its pid.
    ///
    /// # Errors
    /// `badarg` when nobody has this name; that a pid is gone is no error. [`Error::Plain`] in other modes than the
    /// subsystem, and `{erpc,notsup}` from a node that speaks only the plain protocol.
    pub async fn send(&self, to: impl Into<Destination>, message: Term) -> Result<(), Error> {
        self.request(Request::Send { to: to.into(), message }).await.map(drop)
    }

    /// Watches a process of the node: the future has the reason why it ended, `noproc` when it is not there. Dropped, it
    /// watches no more.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub async fn monitor(
        &self,
        of: impl Into<Destination>,
    ) -> Result<impl Future<Output = Result<Term, Error>>, Error> {
        let (watched, down) = self.extended().await?.monitor(of.into())?;
        self.in_time(watched).await?;
        Ok(down)
    }

    /// Asks the node for a sign of life: how long it took.
    ///
    /// # Errors
    /// When the connection breaks. [`Error::Plain`] in other modes than the subsystem.
    pub async fn ping(&self) -> Result<Duration, Error> {
        let start = tokio::time::Instant::now();
        self.request(Request::Ping).await?;
        Ok(start.elapsed())
    }

    /// A process on the node that stands for this program, with a mailbox that holds as much as any process's here.
    ///
    /// # Errors
    /// `{erpc,system_limit}` when this connection has 1024 of them; otherwise as for [`send`](Self::send).
    pub async fn mailbox(&self) -> Result<Mailbox, Error> {
        self.mailbox_with(MailboxLimits::default()).await
    }

    /// The same with a mailbox that holds so much on this side.
    ///
    /// # Errors
    /// As for [`mailbox`](Self::mailbox).
    pub async fn mailbox_with(&self, limits: MailboxLimits) -> Result<Mailbox, Error> {
        let caller = self.extended().await?;
        let opened = caller.mailbox(limits)?;
        match self.in_time(opened).await? {
            Term::Pid(pid) => Ok(Mailbox::new(self.clone(), caller, pid)),
            other => Err(Error::Call(CallError::BadReply(other))),
        }
    }

    async fn request(&self, request: Request) -> Result<Term, Error> {
        let reply = self.extended().await?.request(request)?;
        self.in_time(reply).await
    }

    async fn extended(&self) -> Result<Caller, Error> {
        match (self.inner.mode, &self.inner.ssh) {
            (Mode::Subsystem, Some(ssh)) => self.caller(ssh).await,
            (mode, _) => Err(Error::Plain(mode)),
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match self.inner.timeout {
            None => work.await,
            Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or(Err(Error::TimedOut(limit))),
        }
    }

    async fn execute(&self, call: &Call, options: CallOptions) -> Result<Term, Error> {
        match (self.inner.mode, &self.inner.ssh) {
            (mode, _) if mode != Mode::Subsystem && options.block == Blocking::Yes => Err(Error::Plain(mode)),
            (Mode::Subsystem | Mode::Shell, Some(ssh)) => {
                let deadline = options.deadline.into_iter().chain(self.inner.timeout).min();
                let options = CallOptions { deadline, ..options };
                let reply = self.caller(ssh).await?.call(call, options)?;
                reply.await
            }
            (_, Some(ssh)) => exec(ssh, call).await,
            (_, None) => {
                let ssh = self.inner.new_connection().await.map_err(|error| Error::Connect(Box::new(error)))?;
                let answer = exec(&ssh, call).await;
                ssh.close();
                ssh.closed().await;
                answer
            }
        }
    }

    /// The channel that calls share. One that has ended, because a frame was too long for the node say, is replaced.
    async fn caller(&self, ssh: &ssh_transport::Client) -> Result<Caller, Error> {
        let mut slot = self.inner.caller.lock().await;
        if let Some(caller) = slot.as_ref().filter(|caller| caller.is_open()) {
            return Ok(caller.clone());
        }
        Ok(slot.insert(self.open(ssh).await?).clone())
    }

    async fn open(&self, ssh: &ssh_transport::Client) -> Result<Caller, Error> {
        let (channel, machine) = match self.inner.mode {
            Mode::Shell => (ssh.shell().await, Machine::plain(ClientConfig::new(Framing::Bare))),
            _ => (ssh.subsystem(SUBSYSTEM).await, Machine::extended()),
        };
        Ok(Caller::new(channel.map_err(Error::Program)?, machine))
    }

    /// How calls travel.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.inner.mode
    }

    /// Where the node is.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.inner.target
    }

    /// The connection below; `None` in mode exec, which has one for each call.
    #[must_use]
    pub fn ssh(&self) -> Option<&ssh_transport::Client> {
        self.inner.ssh.as_ref()
    }

    /// Says good-bye, and waits until it is said. Calls that still wait are lost.
    pub async fn close(&self) {
        if let Some(ssh) = &self.inner.ssh {
            ssh.close();
            ssh.closed().await;
        }
    }
}

impl Inner {
    async fn new_connection(&self) -> Result<ssh_transport::Client, ConnectError> {
        self.route.connect().await.map_err(ConnectError::Ssh)
    }
}

/// One exec request: the call as text, the answer as a bare term.
async fn exec(ssh: &ssh_transport::Client, call: &Call) -> Result<Term, Error> {
    let text = command_text(call).map_err(|_inexpressible| Error::NotExpressible)?;
    let mut channel = ssh.exec(&text).await.map_err(|error| match error {
        ProgramError::Io(error) if error.kind() == io::ErrorKind::InvalidInput => Error::NotSent(CallNotSent::TooLong),
        error => Error::Program(error),
    })?;
    let limits = ClientConfig::default().limits;
    let limit = u64::try_from(limits.max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let mut answer = Vec::new();
    (&mut channel).take(limit).read_to_end(&mut answer).await.map_err(Error::Io)?;
    if answer.is_empty() {
        return Err(Error::Call(CallError::Lost));
    }
    let term = decode_exact_with(&answer, &limits).map_err(|error| Error::Call(CallError::Undecodable(error)))?;
    crate::call::Answer::try_from(&term)
        .map_err(|_not_one| Error::Call(CallError::BadReply(term)))?
        .into_result()
        .map_err(Error::Call)
}
