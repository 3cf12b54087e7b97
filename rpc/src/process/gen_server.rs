//! Servers that are called and cast to as OTP's `gen_server` is, in the same messages.

use core::future::{Future, ready};

use super::error::{NotRegistered, SendError};
use super::mailbox::Mailbox;
use super::processes::Processes;
use super::spawn::{SpawnOptions, exit_reason};
use crate::call::{Brief, Failure};
use crate::term::{Pid, Term};

/// What a server does. The names are those of `gen_server`'s callbacks, and so are their meanings.
///
/// A call that fails (by [`Failure`]) ends the server, after [`terminate`](Self::terminate); one that panics ends it
/// without.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # runtime.block_on(async {
/// use sshrpc::call::Failure;
/// use sshrpc::process::{Called, GenServer, Handled, Mailbox, Processes, ReplyTo, SpawnOptions};
/// use sshrpc::term::{Atom, Term};
///
/// struct Counter(u64);
///
/// impl GenServer for Counter {
///     async fn handle_call(&mut self, request: Term, _from: ReplyTo, _me: &Mailbox) -> Result<Called, Failure> {
///         if !request.is_atom("increment") {
///             return Ok(Called::Reply(Term::atom("what")));
///         }
///         self.0 += 1;
///         Ok(Called::Reply(self.0.into()))
///     }
///
///     async fn handle_cast(&mut self, request: Term, _me: &Mailbox) -> Result<Handled, Failure> {
///         self.0 = request.as_u64().ok_or(Failure::of("badarg"))?;
///         Ok(Handled::NoReply)
///     }
/// }
///
/// let (processes, counter) = (Processes::default(), Atom::new("counter")?);
/// processes.start_server(Counter(0), SpawnOptions::new().name(counter.clone()))?;
/// processes.gen_cast(&counter.clone().into(), 41.into())?;
/// assert_eq!(processes.gen_call(&counter.into(), Term::atom("increment"), None).await, Ok(42.into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait GenServer: Send + 'static {
    /// Answers `gen_server:call(_, Request)`: now, or later by `from`.
    fn handle_call(
        &mut self,
        request: Term,
        from: ReplyTo,
        me: &Mailbox,
    ) -> impl Future<Output = Result<Called, Failure>> + Send;

    /// Does what `gen_server:cast(_, Request)` asks. By default that ends the server with `{bad_cast,Request}`.
    fn handle_cast(&mut self, request: Term, _me: &Mailbox) -> impl Future<Output = Result<Handled, Failure>> + Send {
        ready(Ok(Handled::Stop { reason: Term::tuple([Term::atom("bad_cast"), request]) }))
    }

    /// Takes any other message. By default it is logged and forgotten.
    fn handle_info(&mut self, message: Term, me: &Mailbox) -> impl Future<Output = Result<Handled, Failure>> + Send {
        tracing::warn!(pid = %me.pid(), message = %Brief(&message), "a server has no use for this message");
        ready(Ok(Handled::NoReply))
    }

    /// Cleans up, when a callback has stopped the server or failed, or the parent of a server that traps exits has ended.
    /// An exit signal that is not trapped ends the server without.
    fn terminate(&mut self, _reason: &Term, _me: &Mailbox) -> impl Future<Output = ()> + Send {
        ready(())
    }
}

/// What a call leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Called {
    /// `{reply,Reply,State}`
    Reply(Term),
    /// `{noreply,State}`: the reply comes later, by [`ReplyTo::reply`].
    NoReply,
    /// `{stop,Reason,State}`: the caller learns the reason.
    Stop {
        /// The exit reason.
        reason: Term,
    },
    /// `{stop,Reason,Reply,State}`
    StopWith {
        /// The exit reason.
        reason: Term,
        /// What the caller gets.
        reply: Term,
    },
}

/// What a message leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handled {
    /// `{noreply,State}`: the server goes on.
    NoReply,
    /// `{stop,Reason,State}`
    Stop {
        /// The exit reason.
        reason: Term,
    },
}

/// Who called, and by which tag the reply is known: OTP's `From`.
///
/// The tag is a reference, or `[alias|Reference]` since OTP 24. The reply goes to the pid in both cases, where the caller
/// waits for it under either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    pid: Pid,
    tag: Term,
}

impl ReplyTo {
    /// Who called.
    #[must_use]
    pub const fn pid(&self) -> &Pid {
        &self.pid
    }

    /// The tag.
    #[must_use]
    pub const fn tag(&self) -> &Term {
        &self.tag
    }

    /// Sends the reply, `{Tag,Reply}`: `gen_server:reply/2`.
    ///
    /// # Errors
    /// [`SendError`]
    pub fn reply(self, processes: &Processes, reply: Term) -> Result<(), SendError> {
        processes.send(&self.pid.into(), Term::tuple([self.tag, reply]))
    }

    fn read(term: &Term) -> Option<Self> {
        match term.as_tuple()? {
            [Term::Pid(pid), tag] => Some(Self { pid: pid.clone(), tag: tag.clone() }),
            _ => None,
        }
    }
}

impl Processes {
    /// Starts a server: `gen_server:start/4`, or with a parent `start_link`.
    ///
    /// # Errors
    /// When the name is taken.
    ///
    /// # Panics
    /// Outside a runtime of tokio's.
    pub fn start_server(&self, server: impl GenServer, options: SpawnOptions) -> Result<Pid, NotRegistered> {
        let parent = options.parent().cloned();
        self.spawn_with(options, |mailbox| serve(server, mailbox, parent))
    }
}

async fn serve(mut server: impl GenServer, mut mailbox: Mailbox, parent: Option<Pid>) -> Result<(), Failure> {
    while let Some(message) = mailbox.recv().await {
        match turn(&mut server, message, &mailbox, parent.as_ref()).await {
            Ok(Handled::NoReply) => {}
            Ok(Handled::Stop { reason }) => {
                server.terminate(&reason, &mailbox).await;
                return if reason.is_atom("normal") { Ok(()) } else { Err(Failure::exit(reason)) };
            }
            Err(failure) => {
                server.terminate(&exit_reason(failure.clone()), &mailbox).await;
                return Err(failure);
            }
        }
    }
    Ok(())
}

/// Handles one message.
async fn turn(
    server: &mut impl GenServer,
    message: Term,
    mailbox: &Mailbox,
    parent: Option<&Pid>,
) -> Result<Handled, Failure> {
    match message.as_tuple() {
        Some([tag, from, request]) if tag.is_atom("$gen_call") => {
            if let Some(from) = ReplyTo::read(from) {
                return called(server, request.clone(), from, mailbox).await;
            }
        }
        Some([tag, request]) if tag.is_atom("$gen_cast") => {
            return server.handle_cast(request.clone(), mailbox).await;
        }
        Some([tag, Term::Pid(from), reason]) if tag.is_atom("EXIT") && Some(from) == parent => {
            return Ok(Handled::Stop { reason: reason.clone() });
        }
        _ => {}
    }
    server.handle_info(message, mailbox).await
}

async fn called(
    server: &mut impl GenServer,
    request: Term,
    from: ReplyTo,
    mailbox: &Mailbox,
) -> Result<Handled, Failure> {
    let (reply, handled) = match server.handle_call(request, from.clone(), mailbox).await? {
        Called::Reply(reply) => (Some(reply), Handled::NoReply),
        Called::NoReply => (None, Handled::NoReply),
        Called::Stop { reason } => (None, Handled::Stop { reason }),
        Called::StopWith { reason, reply } => (Some(reply), Handled::Stop { reason }),
    };
    if let Some(reply) = reply
        && let Err(error) = from.reply(mailbox.processes(), reply)
    {
        tracing::warn!(pid = %mailbox.pid(), "a server could not reply: {error}");
    }
    Ok(handled)
}
