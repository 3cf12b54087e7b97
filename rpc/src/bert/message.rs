//! The messages of BERT-RPC, and the `info` before them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::value::{NotBert, to_bert};
use super::{Fault, from_bert};
use crate::term::{Atom, Binary, Call, DecodeLimits, Emit, EncodeError, Term, decode_with, encode};

/// What a client says.
#[derive(Debug)]
pub(super) enum Message {
    /// `{call, Module, Function, Args}`
    Call(Call),
    /// `{cast, Module, Function, Args}`
    Cast(Call),
    /// `{info, Command, Options}`
    Info(Info),
}

/// What the next message has to it.
#[derive(Debug)]
pub(super) enum Info {
    /// `{info, callback, [{service, <<"host:port">>}, {mfa, M, F, A}]}`
    Callback(Callback),
    /// `{info, cache, [{validation, Token}]}`
    Condition(Binary),
    /// `{info, stream, []}`
    Stream,
}

/// Where a cast's result is cast to: `Module:Function(Args ++ [Result])` on another server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Callback {
    /// The server, `host:port`.
    pub service: String,
    /// The function, and the arguments before the result.
    pub call: Call,
}

impl Callback {
    /// A callback of this function, by this server (`host:port`).
    #[must_use]
    pub fn new(service: impl Into<String>, call: Call) -> Self {
        Self { service: service.into(), call }
    }

    /// The cast that brings this result.
    #[must_use]
    pub fn with_result(self, result: Term) -> Call {
        let mut call = self.call;
        call.args.push(result);
        call
    }
}

/// What a request has to it beside the call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestInfo {
    /// The token of a reply that the client has: while it holds, the server need not send another.
    pub condition: Option<Binary>,
    /// Octets that are sent as a stream, and are the last argument.
    pub stream: Option<Vec<u8>>,
}

/// Whether and how long a reply may be kept: `{info, cache, Options}`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caching {
    /// By whom.
    pub access: Access,
    /// How long.
    pub freshness: Freshness,
}

impl Caching {
    /// Kept by these for so long.
    #[must_use]
    pub const fn new(access: Access, freshness: Freshness) -> Self {
        Self { access, freshness }
    }

    pub(super) fn to_term(&self) -> Term {
        let access = match self.access {
            Access::Public => "public",
            Access::Private => "private",
        };
        let freshness = match &self.freshness {
            Freshness::Expires { seconds } => Term::tuple([Term::atom("expiration"), (*seconds).into()]),
            Freshness::Validates { token } => Term::tuple([Term::atom("validation"), token.clone().into()]),
        };
        let access = Term::tuple([Term::atom("access"), Term::atom(access)]);
        info("cache", [access, freshness])
    }

    pub(super) fn from_options(options: &Term) -> Option<Self> {
        let access = match option(options, "access").and_then(Term::as_atom).map(Atom::as_str) {
            Some("public") => Access::Public,
            Some("private") | None => Access::Private,
            Some(_) => return None,
        };
        let freshness = match (option(options, "expiration"), option(options, "validation")) {
            (Some(seconds), _) => Freshness::Expires { seconds: seconds.as_u64()? },
            (None, Some(token)) => Freshness::Validates { token: token_of(token)? },
            (None, None) => return None,
        };
        Some(Self { access, freshness })
    }
}

/// Who may keep a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has no other")]
pub enum Access {
    /// Everybody on the way.
    Public,
    /// The client alone.
    Private,
}

/// How long a reply may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has no other")]
pub enum Freshness {
    /// For so many seconds; 0 is for ever.
    Expires {
        /// How many.
        seconds: u64,
    },
    /// As long as the server says that this token holds.
    Validates {
        /// What stands for the reply.
        token: Binary,
    },
}

impl Message {
    /// Reads the term of a frame.
    pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Self, Fault> {
        let term = read(bytes, limits).map_err(Fault::unreadable_data)?;
        Self::of(&term).ok_or_else(|| {
            Fault::protocol("a request is {call, Module, Function, Args}, {cast, ..} or {info, Command, Options}")
        })?
    }

    /// `None` when it is no message at all.
    fn of(term: &Term) -> Option<Result<Self, Fault>> {
        match term.as_tuple()? {
            [kind, module, function, args] => {
                let (module, function) = (module.as_atom()?, function.as_atom()?);
                let call = Call::new(module.clone(), function.clone(), args.as_list()?.cloned().collect());
                match kind.as_atom()?.as_str() {
                    "call" => Some(Ok(Self::Call(call))),
                    "cast" => Some(Ok(Self::Cast(call))),
                    _ => None,
                }
            }
            [kind, command, options] if kind.is_atom("info") => {
                let command = command.as_atom()?.as_str();
                Some(Info::of(command, options).map(Self::Info).ok_or_else(|| {
                    Fault::protocol(alloc::format!("info {command} is not known, or not with these options"))
                }))
            }
            _ => None,
        }
    }
}

impl Info {
    fn of(command: &str, options: &Term) -> Option<Self> {
        match command {
            "callback" => {
                let service = option(options, "service")?.to_text()?;
                let mfa = options.as_list()?.filter_map(Term::as_tuple).find_map(|option| match option {
                    [tag, module, function, args] if tag.is_atom("mfa") => Some((module, function, args)),
                    _ => None,
                });
                let (module, function, args) = mfa?;
                let args = args.as_list()?.cloned().collect();
                let call = Call::new(module.as_atom()?.clone(), function.as_atom()?.clone(), args);
                Some(Self::Callback(Callback { service, call }))
            }
            "cache" => Some(Self::Condition(token_of(option(options, "validation")?)?)),
            "stream" => Some(Self::Stream),
            _ => None,
        }
    }
}

/// The value of `{Name, Value}` in a list of options. Some clients write one option without its tuple: `[Name, Value]`.
fn option<'a>(options: &'a Term, name: &str) -> Option<&'a Term> {
    let mut found = options.as_list()?.filter_map(|option| match option.as_tuple() {
        Some([key, value]) if key.is_atom(name) => Some(value),
        _ => None,
    });
    found.next().or_else(|| {
        let mut flat = options.as_list()?;
        match (flat.next(), flat.next(), flat.next()) {
            (Some(key), Some(value), None) if key.is_atom(name) => Some(value),
            _ => None,
        }
    })
}

/// A token is a binary; some clients write an atom.
fn token_of(term: &Term) -> Option<Binary> {
    match term {
        Term::Binary(token) => Some(token.clone()),
        Term::Atom(token) => Some(token.as_str().as_bytes().into()),
        _ => None,
    }
}

/// A call or a cast.
pub(super) fn request(kind: &'static str, call: &Call) -> Result<Term, NotBert> {
    let args = to_bert(&Term::list(call.args.iter().cloned()))?;
    Ok(Term::tuple([Term::atom(kind), call.module.clone().into(), call.function.clone().into(), args]))
}

pub(super) fn callback_info(callback: &Callback) -> Result<Term, NotBert> {
    let Callback { service, call } = callback;
    let args = to_bert(&Term::list(call.args.iter().cloned()))?;
    let mfa = Term::tuple([Term::atom("mfa"), call.module.clone().into(), call.function.clone().into(), args]);
    let service = Term::tuple([Term::atom("service"), Term::binary(service.as_str())]);
    Ok(info("callback", [service, mfa]))
}

/// `{info, Command, Options}`
pub(super) fn info<const N: usize>(command: &'static str, options: [Term; N]) -> Term {
    Term::tuple([Term::atom("info"), Term::atom(command), Term::list(options)])
}

/// Why a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotSayable {
    /// It is longer than the limit.
    TooLong,
    /// It has a term that BERT has no tag for.
    Encode(EncodeError),
    /// It has a tuple that begins with the reserved atom.
    NotBert(NotBert),
    /// The connection has ended, or failed.
    Ended,
}

impl fmt::Display for NotSayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the message is longer than the limit"),
            Self::Encode(error) => fmt::Display::fmt(error, f),
            Self::NotBert(error) => fmt::Display::fmt(error, f),
            Self::Ended => f.write_str("the connection has ended"),
        }
    }
}

impl core::error::Error for NotSayable {}

impl From<NotBert> for NotSayable {
    fn from(error: NotBert) -> Self {
        Self::NotBert(error)
    }
}

/// Appends a message, in BERT's tags and behind its length; nothing when it fails.
pub(super) fn append(message: &Term, max_bytes: usize, out: &mut Vec<u8>) -> Result<(), NotSayable> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let at = out.len();
    let encoded = encode(message, Emit::Bert, out).map_err(NotSayable::Encode);
    let length = out.len() - at;
    let announced = match (encoded, u32::try_from(length)) {
        (Ok(()), Ok(announced)) if length <= max_bytes => announced,
        (Err(error), _) => {
            out.truncate(start);
            return Err(error);
        }
        _ => {
            out.truncate(start);
            return Err(NotSayable::TooLong);
        }
    };
    if let Some(place) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *place = announced.to_be_bytes();
    }
    Ok(())
}

/// Appends octets as the chunks of a stream, and its end.
pub(super) fn append_stream(octets: &[u8], out: &mut Vec<u8>) {
    for chunk in octets.chunks(CHUNK) {
        // A chunk is far shorter than 32 bits can say.
        out.extend_from_slice(&u32::try_from(chunk.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(chunk);
    }
    out.extend_from_slice(&[0; 4]);
}

/// Reads a term in any of Erlang's tags, and translates its complex types.
pub(super) fn read(bytes: &[u8], limits: &DecodeLimits) -> Result<Term, String> {
    let (term, _) = decode_with(bytes, limits).map_err(|error| error.to_string())?;
    let compressed = bytes.get(1) == Some(&COMPRESSED);
    if compressed || bytes.windows(RESERVED.len()).any(|octets| octets == RESERVED) {
        return from_bert(&term).map_err(|error| error.to_string());
    }
    Ok(term)
}

/// The tag of a compressed term.
const COMPRESSED: u8 = 80;
/// The name of the reserved atom is in the octets of every complex type.
const RESERVED: &[u8] = b"bert";
/// The octets of a chunk of a stream that is sent.
const CHUNK: usize = 64 << 10;
