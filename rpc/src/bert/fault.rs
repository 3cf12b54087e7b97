//! BERT-RPC's errors.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::call::{Brief, Call, Class, Failure, Place};
use crate::term::Term;

/// `{Type, Code, Class, Detail, Backtrace}`: why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// Who is to blame.
    pub kind: FaultKind,
    /// Which error of that kind: up to 99 the protocol's, from 100 on those of whoever answers.
    pub code: u32,
    /// The class of the error, as the program that had it calls it.
    pub class: String,
    /// What went wrong.
    pub detail: String,
    /// Where, innermost first.
    pub backtrace: Vec<String>,
}

/// Who is to blame for a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// `protocol`: what came is no BERT-RPC.
    Protocol,
    /// `server`: it cannot execute the request.
    Server,
    /// `user`: the function failed.
    User,
    /// `proxy`: somebody in between.
    Proxy,
}

/// Whether there is a module, as far as whoever executes can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth answer")]
pub enum Known {
    /// There is.
    Yes,
    /// There is none.
    No,
    /// It cannot tell.
    Unsure,
}

impl Fault {
    /// The length of a message is none: `{protocol, 1, ..}`.
    #[must_use]
    pub fn unreadable_header(detail: impl fmt::Display) -> Self {
        Self::new(FaultKind::Protocol, 1, "BERTRPC", detail)
    }

    /// A message cannot be read: `{protocol, 2, ..}`.
    #[must_use]
    pub fn unreadable_data(detail: impl fmt::Display) -> Self {
        Self::new(FaultKind::Protocol, 2, "BERTRPC", detail)
    }

    /// A message can be read, and is none of BERT-RPC's: `{protocol, 0, ..}`.
    #[must_use]
    pub fn protocol(detail: impl fmt::Display) -> Self {
        Self::new(FaultKind::Protocol, 0, "BERTRPC", detail)
    }

    /// The server does not or cannot: `{server, 0, ..}`.
    #[must_use]
    pub fn server(class: &str, detail: impl fmt::Display) -> Self {
        Self::new(FaultKind::Server, 0, class, detail)
    }

    /// How the execution of this call failed.
    ///
    /// That there is no such function is the error `server` 2, or 1 where it is `known` that the module is missing too. What the
    /// machinery around the function reports (`{erpc,notsup}` of the access rules, `{erpc,timeout}`, ..) is `server` 0. Of the
    /// function itself an error is `user` 100, an exit 101, a thrown value 102, with Erlang's name of the class.
    #[must_use]
    pub fn of(failure: &Failure, call: &Call, known: Known) -> Self {
        if *failure == Failure::undef(call) {
            let place = Place::from(call);
            return match known {
                Known::No => {
                    Self::new(FaultKind::Server, 1, "undef", format!("no such module: {}", Term::from(place.module)))
                }
                Known::Yes | Known::Unsure => {
                    Self::new(FaultKind::Server, 2, "undef", format!("no such function: {place}"))
                }
            };
        }
        if let Failure::Error { reason, .. } = failure
            && let Some([erpc, reason]) = reason.as_tuple()
            && erpc.is_atom("erpc")
        {
            return Self::server("erpc", Brief(reason));
        }
        let (code, class) = match failure.class() {
            Class::Error => (100, "error"),
            Class::Exit => (101, "exit"),
            Class::Throw => (102, "throw"),
        };
        let mut fault = Self::new(FaultKind::User, code, class, Brief(failure.reason()));
        if let Failure::Error { stack, .. } = failure {
            let frames = stack.as_list().into_iter().flatten().take(MAX_BACKTRACE);
            fault.backtrace = frames.map(|frame| Brief(frame).to_string()).collect();
        }
        fault
    }

    /// The term that says so.
    #[must_use]
    pub fn to_term(&self) -> Term {
        let binary = |text: &String| Term::binary(text.as_str());
        let kind = match self.kind {
            FaultKind::Protocol => "protocol",
            FaultKind::Server => "server",
            FaultKind::User => "user",
            FaultKind::Proxy => "proxy",
        };
        let backtrace = Term::list(self.backtrace.iter().map(binary));
        Term::tuple([Term::atom(kind), self.code.into(), binary(&self.class), binary(&self.detail), backtrace])
    }

    /// The reverse of [`to_term`](Self::to_term). Text is taken as it comes: binaries, lists, atoms; what is no UTF-8 is
    /// replaced.
    #[must_use]
    pub fn from_term(term: &Term) -> Option<Self> {
        let [kind, code, class, detail, backtrace] = term.as_tuple()? else { return None };
        let kind = match kind.as_atom()?.as_str() {
            "protocol" => FaultKind::Protocol,
            "server" => FaultKind::Server,
            "user" => FaultKind::User,
            "proxy" => FaultKind::Proxy,
            _ => return None,
        };
        let backtrace = backtrace.as_list().map(|lines| lines.map(text).collect()).unwrap_or_default();
        Some(Self { kind, code: code.try_into().ok()?, class: text(class), detail: text(detail), backtrace })
    }

    fn new(kind: FaultKind, code: u32, class: &str, detail: impl fmt::Display) -> Self {
        Self { kind, code, class: class.to_owned(), detail: detail.to_string(), backtrace: Vec::new() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.kind {
            FaultKind::Protocol => "the server takes this for no BERT-RPC",
            FaultKind::Server => "the server does not execute this",
            FaultKind::User => "the function failed",
            FaultKind::Proxy => "a proxy failed",
        };
        write!(f, "{who}: {}: {} ({})", self.class, self.detail, self.code)
    }
}

impl core::error::Error for Fault {}

fn text(term: &Term) -> String {
    match (term, term.to_text()) {
        (_, Some(text)) => text,
        (Term::Binary(binary), None) => String::from_utf8_lossy(binary.as_bytes()).into_owned(),
        (Term::Atom(atom), None) => atom.as_str().to_owned(),
        (other, None) => Brief(other).to_string(),
    }
}

/// More frames than these are left out.
const MAX_BACKTRACE: usize = 64;
