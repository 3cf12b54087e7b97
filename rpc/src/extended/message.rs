//! What the two ends say to each other, and how it is written as terms.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::call::{Failure, Outcome, Success};
use crate::term::{Atom, Binary, Call, Pid, Term};

/// The number of a request. Each is larger than those before it on the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

impl Id {
    /// The largest.
    pub const MAX: Self = Self(i64::MAX.unsigned_abs());

    /// This number; `None` above [`MAX`](Self::MAX).
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a client says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientMessage {
    /// Something that is answered, exactly once.
    Request {
        /// The number by which it is answered.
        id: Id,
        /// What is asked for.
        request: Request,
    },
    /// `{cancel, Id}`: stops a call.
    Cancel {
        /// The call.
        id: Id,
    },
    /// The input of a call, or credit for its output.
    Stream {
        /// The call.
        id: Id,
        /// What about it.
        message: StreamMessage,
    },
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// `{call, Id, {M,F,A}, Options}`
    Call {
        /// The function and its arguments.
        call: Call,
        /// How.
        options: CallOptions,
    },
    /// `{cast, Id, {M,F,A}}`: a call whose outcome nobody wants.
    Cast {
        /// The function and its arguments.
        call: Call,
    },
    /// `{send, Id, To, Message}`
    Send {
        /// To whom.
        to: Destination,
        /// What.
        message: Term,
    },
    /// `{monitor, Id, To}`
    Monitor {
        /// The process to watch.
        of: Destination,
    },
    /// `{demonitor, Id, Monitor}`
    Demonitor {
        /// The request that began to watch.
        monitor: Id,
    },
    /// `{mailbox, Id}`
    Mailbox,
    /// `{close, Id, Pid, Reason}`
    Close {
        /// The mailbox.
        mailbox: Pid,
        /// The exit reason.
        reason: Term,
    },
    /// `{link, Id, Mailbox, Pid}`
    Link {
        /// The client's end.
        mailbox: Pid,
        /// The other one.
        to: Pid,
    },
    /// `{unlink, Id, Mailbox, Pid}`
    Unlink {
        /// The client's end.
        mailbox: Pid,
        /// The other one.
        from: Pid,
    },
    /// `{exit, Id, Mailbox, Pid, Reason}`
    Exit {
        /// Who it is from.
        mailbox: Pid,
        /// Who is to exit.
        to: Pid,
        /// Why.
        reason: Term,
    },
    /// `{ping, Id}`
    Ping,
}

/// How a call is to be executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallOptions {
    /// How long the caller waits, from the moment the node reads this.
    pub deadline: Option<Duration>,
    /// Whether a stream of input follows.
    pub input: Streamed,
    /// Whether a stream of output is wanted.
    pub output: Streamed,
    /// Whether it waits for its turn among the calls that block each other.
    pub block: Blocking,
}

/// Whether a call blocks others, and is blocked by them, as `rpc:block_call/4` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blocking {
    /// It runs beside all others.
    #[default]
    No,
    /// Of all calls on the node that say so, whoever called, one runs at a time: `true`.
    Yes,
}

/// Whether a call has a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Streamed {
    /// It has none.
    #[default]
    No,
    /// It has one: `stream`.
    Yes,
}

/// Who gets a message, or is watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Destination {
    /// The process of this name on the node.
    Name(Atom),
    /// This process.
    Pid(Pid),
}

/// What a node says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerMessage {
    /// `{answer, Id, Outcome}`
    Answer {
        /// The request.
        id: Id,
        /// How it ended.
        outcome: Outcome,
    },
    /// `{down, Id, To, Reason}`
    Down {
        /// The request that began to watch.
        monitor: Id,
        /// Whom.
        of: Destination,
        /// Why it ended.
        reason: Term,
    },
    /// `{message, Pid, Message}`
    Message {
        /// The mailbox.
        mailbox: Pid,
        /// What came for it.
        message: Term,
    },
    /// `{closed, Pid, Reason}`
    Closed {
        /// The mailbox.
        mailbox: Pid,
        /// Why it has ended.
        reason: Term,
    },
    /// The output of a call, or credit for its input.
    Stream {
        /// The call.
        id: Id,
        /// What about it.
        message: StreamMessage,
    },
}

/// What either end says about a stream of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamMessage {
    /// `{data, Id, Binary}`
    Data(Binary),
    /// `{eof, Id}`: that was all.
    Eof,
    /// `{credit, Id, Octets}`: so much more may come.
    Credit(u64),
    /// `{stop, Id}`: no more is wanted.
    Stop,
}

/// A term that is no message.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Malformed {
    /// It is a request all the same, and can be answered.
    Request {
        /// Its number.
        id: Id,
        /// What is wrong with it.
        fault: Fault,
    },
    /// It is nothing that could be answered.
    Message(Term),
}

/// What is wrong with a request that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nobody here knows its tag.
    Unknown,
    /// Its tag is known, and what follows is not what belongs there.
    Badarg,
}

impl Fault {
    /// The outcome that the request is answered with.
    pub fn outcome(self) -> Outcome {
        Err(Failure::erpc(match self {
            Self::Unknown => "notsup",
            Self::Badarg => "badarg",
        }))
    }
}

impl ClientMessage {
    /// The term that travels.
    #[must_use]
    pub fn to_term(&self) -> Term {
        match self {
            Self::Request { id, request } => request.to_term(*id),
            Self::Cancel { id } => tagged("cancel", *id, []),
            Self::Stream { id, message } => message.to_term(*id),
        }
    }
}

impl TryFrom<Term> for ClientMessage {
    type Error = Malformed;

    fn try_from(term: Term) -> Result<Self, Malformed> {
        let Some((tag, id, rest)) = split(&term) else { return Err(Malformed::Message(term)) };
        if let Some(message) = StreamMessage::read(tag, rest) {
            return Ok(Self::Stream { id, message });
        }
        match (tag, rest) {
            ("cancel", []) => Ok(Self::Cancel { id }),
            ("cancel" | "data" | "eof" | "credit" | "stop" | "part", _) => Err(Malformed::Message(term)),
            _ => match Request::read(tag, rest) {
                Ok(request) => Ok(Self::Request { id, request }),
                Err(fault) => Err(Malformed::Request { id, fault }),
            },
        }
    }
}

impl Request {
    fn to_term(&self, id: Id) -> Term {
        match self {
            Self::Call { call, options } => tagged("call", id, [mfa(call), options.to_term()]),
            Self::Cast { call } => tagged("cast", id, [mfa(call)]),
            Self::Send { to, message } => tagged("send", id, [to.to_term(), message.clone()]),
            Self::Monitor { of } => tagged("monitor", id, [of.to_term()]),
            Self::Demonitor { monitor } => tagged("demonitor", id, [monitor.0.into()]),
            Self::Mailbox => tagged("mailbox", id, []),
            Self::Close { mailbox, reason } => tagged("close", id, [mailbox.clone().into(), reason.clone()]),
            Self::Link { mailbox, to } => tagged("link", id, [mailbox.clone().into(), to.clone().into()]),
            Self::Unlink { mailbox, from } => tagged("unlink", id, [mailbox.clone().into(), from.clone().into()]),
            Self::Exit { mailbox, to, reason } => {
                tagged("exit", id, [mailbox.clone().into(), to.clone().into(), reason.clone()])
            }
            Self::Ping => tagged("ping", id, []),
        }
    }

    fn read(tag: &str, rest: &[Term]) -> Result<Self, Fault> {
        let pid = |term: &Term| Pid::try_from(term.clone()).map_err(|_other| Fault::Badarg);
        Ok(match (tag, rest) {
            ("call", [call, options]) => Self::Call { call: read_mfa(call)?, options: CallOptions::read(options)? },
            ("cast", [call]) => Self::Cast { call: read_mfa(call)? },
            ("send", [to, message]) => Self::Send { to: Destination::read(to)?, message: message.clone() },
            ("monitor", [of]) => Self::Monitor { of: Destination::read(of)? },
            ("demonitor", [monitor]) => Self::Demonitor { monitor: read_id(monitor).ok_or(Fault::Badarg)? },
            ("mailbox", []) => Self::Mailbox,
            ("close", [mailbox, reason]) => Self::Close { mailbox: pid(mailbox)?, reason: reason.clone() },
            ("link", [mailbox, to]) => Self::Link { mailbox: pid(mailbox)?, to: pid(to)? },
            ("unlink", [mailbox, from]) => Self::Unlink { mailbox: pid(mailbox)?, from: pid(from)? },
            ("exit", [mailbox, to, reason]) => {
                Self::Exit { mailbox: pid(mailbox)?, to: pid(to)?, reason: reason.clone() }
            }
            ("ping", []) => Self::Ping,
            _ if TAGS.contains(&tag) => return Err(Fault::Badarg),
            _ => return Err(Fault::Unknown),
        })
    }
}

/// Those of requests.
const TAGS: [&str; 11] =
    ["call", "cast", "send", "monitor", "demonitor", "mailbox", "close", "link", "unlink", "exit", "ping"];

impl CallOptions {
    fn to_term(self) -> Term {
        let deadline = self.deadline.map(|limit| {
            let milliseconds = u64::try_from(limit.as_millis()).unwrap_or(Id::MAX.0).min(Id::MAX.0);
            (Term::atom("deadline"), milliseconds.into())
        });
        let stream = |name, streamed| (streamed == Streamed::Yes).then(|| (Term::atom(name), STREAM));
        let block = (self.block == Blocking::Yes).then(|| (Term::atom("block"), true.into()));
        Term::map([deadline, stream("input", self.input), stream("output", self.output), block].into_iter().flatten())
    }

    /// Options that nobody here knows are those of a later version, and passed over.
    fn read(term: &Term) -> Result<Self, Fault> {
        let mut options = Self::default();
        for (key, value) in term.as_map().ok_or(Fault::Badarg)? {
            match key.as_atom().map(Atom::as_str) {
                Some("deadline") => {
                    options.deadline = Some(Duration::from_millis(read_id(value).ok_or(Fault::Badarg)?.0));
                }
                Some("input") => options.input = Streamed::read(value)?,
                Some("output") => options.output = Streamed::read(value)?,
                Some("block") => options.block = Blocking::read(value)?,
                _ => {}
            }
        }
        Ok(options)
    }
}

impl Streamed {
    fn read(term: &Term) -> Result<Self, Fault> {
        if *term == STREAM { Ok(Self::Yes) } else { Err(Fault::Badarg) }
    }
}

impl Blocking {
    fn read(term: &Term) -> Result<Self, Fault> {
        match term.as_bool() {
            Some(true) => Ok(Self::Yes),
            Some(false) => Ok(Self::No),
            None => Err(Fault::Badarg),
        }
    }
}

const STREAM: Term = Term::atom("stream");

impl Destination {
    /// The term that names it.
    #[must_use]
    pub fn to_term(&self) -> Term {
        match self {
            Self::Name(name) => name.clone().into(),
            Self::Pid(pid) => pid.clone().into(),
        }
    }

    fn read(term: &Term) -> Result<Self, Fault> {
        match term {
            Term::Atom(name) => Ok(Self::Name(name.clone())),
            Term::Pid(pid) => Ok(Self::Pid(pid.clone())),
            _ => Err(Fault::Badarg),
        }
    }
}

impl From<Atom> for Destination {
    fn from(name: Atom) -> Self {
        Self::Name(name)
    }
}

impl From<Pid> for Destination {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

/// As Erlang writes it.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Pid(pid) => pid.fmt(f),
        }
    }
}

impl ServerMessage {
    /// The term that travels.
    #[must_use]
    pub fn to_term(&self) -> Term {
        match self {
            Self::Answer { id, outcome } => tagged("answer", *id, [outcome_term(outcome)]),
            Self::Down { monitor, of, reason } => tagged("down", *monitor, [of.to_term(), reason.clone()]),
            Self::Message { mailbox, message } => {
                Term::tuple([Term::atom("message"), mailbox.clone().into(), message.clone()])
            }
            Self::Closed { mailbox, reason } => {
                Term::tuple([Term::atom("closed"), mailbox.clone().into(), reason.clone()])
            }
            Self::Stream { id, message } => message.to_term(*id),
        }
    }

    fn read(term: &Term) -> Option<Self> {
        if let Some([tag, Term::Pid(mailbox), content]) = term.as_tuple() {
            let (mailbox, content) = (mailbox.clone(), content.clone());
            return match tag.as_atom()?.as_str() {
                "message" => Some(Self::Message { mailbox, message: content }),
                "closed" => Some(Self::Closed { mailbox, reason: content }),
                _ => None,
            };
        }
        let (tag, id, rest) = split(term)?;
        if let Some(message) = StreamMessage::read(tag, rest) {
            return Some(Self::Stream { id, message });
        }
        match (tag, rest) {
            ("answer", [outcome]) => Some(Self::Answer { id, outcome: read_outcome(outcome)? }),
            ("down", [of, reason]) => {
                Some(Self::Down { monitor: id, of: Destination::read(of).ok()?, reason: reason.clone() })
            }
            _ => None,
        }
    }
}

impl TryFrom<Term> for ServerMessage {
    type Error = Malformed;

    fn try_from(term: Term) -> Result<Self, Malformed> {
        Self::read(&term).ok_or(Malformed::Message(term))
    }
}

impl StreamMessage {
    fn to_term(&self, id: Id) -> Term {
        match self {
            Self::Data(bytes) => tagged("data", id, [bytes.clone().into()]),
            Self::Eof => tagged("eof", id, []),
            Self::Credit(octets) => tagged("credit", id, [(*octets).into()]),
            Self::Stop => tagged("stop", id, []),
        }
    }

    fn read(tag: &str, rest: &[Term]) -> Option<Self> {
        match (tag, rest) {
            ("data", [Term::Binary(bytes)]) => Some(Self::Data(bytes.clone())),
            ("eof", []) => Some(Self::Eof),
            ("credit", [octets]) => Some(Self::Credit(read_id(octets)?.0)),
            ("stop", []) => Some(Self::Stop),
            _ => None,
        }
    }
}

/// `{return,V}`, `{throw,V}`, `{exit,R}` or `{error,R,Stack}`.
fn outcome_term(outcome: &Outcome) -> Term {
    let (tag, content) = match outcome {
        Ok(Success::Value(value)) => ("return", value),
        Err(Failure::Throw { value }) => ("throw", value),
        Err(Failure::Exit { reason }) => ("exit", reason),
        Err(Failure::Error { reason, stack }) => {
            return Term::tuple([Term::atom("error"), reason.clone(), stack.clone()]);
        }
    };
    Term::tuple([Term::atom(tag), content.clone()])
}

fn read_outcome(term: &Term) -> Option<Outcome> {
    match term.as_tuple()? {
        [tag, reason, stack] if tag.is_atom("error") => {
            Some(Err(Failure::Error { reason: reason.clone(), stack: stack.clone() }))
        }
        [tag, content] => match tag.as_atom()?.as_str() {
            "return" => Some(Ok(Success::Value(content.clone()))),
            "throw" => Some(Err(Failure::throw(content.clone()))),
            "exit" => Some(Err(Failure::exit(content.clone()))),
            _ => None,
        },
        _ => None,
    }
}

fn tagged<const N: usize>(tag: &'static str, id: Id, rest: [Term; N]) -> Term {
    Term::tuple([Term::atom(tag), id.0.into()].into_iter().chain(rest))
}

/// `{Tag, Id, ...}`
fn split(term: &Term) -> Option<(&str, Id, &[Term])> {
    let [tag, id, rest @ ..] = term.as_tuple()? else { return None };
    Some((tag.as_atom()?.as_str(), read_id(id)?, rest))
}

fn read_id(term: &Term) -> Option<Id> {
    Id::new(term.as_u64()?)
}

fn mfa(call: &Call) -> Term {
    let args = Term::list(call.args.iter().cloned());
    Term::tuple([call.module.clone().into(), call.function.clone().into(), args])
}

fn read_mfa(term: &Term) -> Result<Call, Fault> {
    let Some([Term::Atom(module), Term::Atom(function), args]) = term.as_tuple() else { return Err(Fault::Badarg) };
    let args: Vec<Term> = args.as_list().ok_or(Fault::Badarg)?.cloned().collect();
    Ok(Call::new(module.clone(), function.clone(), args))
}
