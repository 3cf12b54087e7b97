//! How calls fail as their caller sees it, in words for people.

use core::fmt::{self, Write};

use super::{Failure, Place};
use crate::term::{DecodeError, Term};

/// Why a call gave no value.
///
/// It displays as one line for people; with `{:#}`, the Erlang term follows on a second line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The function failed: `{exec_badrpc,{'EXIT',_}}`.
    Failed(Failure),
    /// The node did not take the request: `{exec_error,Reason}`.
    Refused(Term),
    /// The reply is no answer: another protocol, perhaps.
    BadReply(Term),
    /// The reply is no term, or exceeds our limits.
    Undecodable(DecodeError),
    /// The channel ended before the reply. Whether the function ran is not known.
    Lost,
}

impl CallError {
    /// The failure of the function, when that is what it was.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => fmt::Display::fmt(failure, f),
            Self::Refused(reason) => explain_refusal(f, reason),
            Self::BadReply(term) => write!(f, "the reply is no answer: {}", Brief(term)),
            Self::Undecodable(error) => write!(f, "the reply cannot be decoded: {error}"),
            Self::Lost => f.write_str("the channel closed before the reply came; the function may have run"),
        }
    }
}

impl core::error::Error for CallError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Undecodable(error) => Some(error),
            _ => None,
        }
    }
}

/// One line about a failure.
pub(super) fn explain(f: &mut fmt::Formatter<'_>, failure: &Failure) -> fmt::Result {
    let reason = failure.reason();
    match failure {
        Failure::Exit { .. } => return write!(f, "exit: the function exited with {}", Brief(reason)),
        Failure::Throw { .. } => return write!(f, "throw: the function threw {}", Brief(reason)),
        Failure::Error { .. } => {}
    }
    let place = failure.place().map(|(module, function, arity)| Place {
        module: module.clone(),
        function: function.clone(),
        arity,
    });
    let name = reason.as_atom().map(|atom| atom.as_str());
    match (name, &place) {
        (Some("undef"), Some(place)) => return write!(f, "undef: {place} is not defined on the node"),
        (Some("function_clause"), Some(place)) => {
            return write!(f, "function_clause: {place} does not take these arguments");
        }
        _ => {}
    }
    match (name, reason.as_tuple()) {
        (Some("badarith"), _) => f.write_str("badarith: bad argument in an arithmetic expression")?,
        (Some("badarg"), _) => f.write_str("badarg: bad argument")?,
        (Some("system_limit"), _) => f.write_str("system_limit: a limit of the node would be exceeded")?,
        (Some("timeout_value"), _) => f.write_str("timeout_value: not a time to wait")?,
        (_, Some([tag, what])) if tag.is_atom("erpc") && what.is_atom("notsup") => {
            f.write_str("notsup: the node does not allow this call")?;
        }
        (_, Some([tag, what])) if tag.is_atom("erpc") && what.is_atom("timeout") => {
            f.write_str("timeout: the call did not end before its deadline")?;
        }
        (_, Some([tag, message])) if tag.is_atom("panic") && message.as_binary().is_some() => {
            write!(f, "panic: the function broke off: {}", Brief(message))?;
        }
        _ => write!(f, "error: {}", Brief(reason))?,
    }
    match place {
        Some(place) => write!(f, " (in {place})"),
        None => Ok(()),
    }
}

fn explain_refusal(f: &mut fmt::Formatter<'_>, reason: &Term) -> fmt::Result {
    if let Some([tag, line, column, message]) = reason.as_tuple()
        && tag.is_atom("syntax")
        && let Some(message) = message.to_text()
    {
        return write!(f, "syntax error at line {line}, column {column}: {message}");
    }
    if reason.is_atom("badarg") {
        return f.write_str("badarg: the node could not decode the request");
    }
    write!(f, "the node does not know this request: {}", Brief(reason))
}

/// A term in a message for people, cut where it would be a page.
pub(crate) struct Brief<'a>(pub(crate) &'a Term);

impl Brief<'_> {
    const MAX_CHARS: usize = 1000;
}

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cut = Cut { f, left: Self::MAX_CHARS, cut: None };
        // The error that stops the printing early is ours; one of the formatter is reported by the next write to it.
        let printed = write!(cut, "{}", self.0);
        match cut.cut {
            Some(written) => written.and_then(|()| f.write_str("...")),
            None => printed,
        }
    }
}

struct Cut<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    left: usize,
    /// Set once the limit was met: how writing the last part went.
    cut: Option<fmt::Result>,
}

impl Write for Cut<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text.char_indices().nth(self.left) {
            Some((end, _)) => {
                self.cut = Some(self.f.write_str(text.get(..end).unwrap_or_default()));
                Err(fmt::Error)
            }
            None => {
                self.left -= text.chars().count();
                self.f.write_str(text)
            }
        }
    }
}
