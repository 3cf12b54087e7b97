//! What a node answers.

use core::fmt;

use super::{CallError, Failure, Outcome, Success};
use crate::term::{SyntaxError, Term};

/// `{answer,{Reply,Status}}`: what plain clients are told.
///
/// | What happened | Reply | Status |
/// |---|---|---|
/// | a value V, or `throw(V)` | `V` | 0 |
/// | `exit(R)`, or the function returned `{'EXIT',R}` | `{exec_badrpc,{'EXIT',R}}` | -1 |
/// | an error E | `{exec_badrpc,{'EXIT',{E,Stack}}}` | -1 |
/// | a term X that is no request | `{exec_error,X}` | -1 |
/// | octets that are no term | `{exec_error,badarg}` | -1 |
/// | text that is no call | `{exec_error,{syntax,Line,Column,Text}}` | -1 |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The value, or what went wrong.
    pub reply: Term,
    /// Which of the two.
    pub status: Status,
}

impl Answer {
    /// The answer to a call that was executed.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        let caught = match outcome {
            Ok(Success::Value(value)) => value,
            Err(failure) => failure.into_caught(),
        };
        match caught.as_tuple() {
            Some([tag, _]) if tag.is_atom("EXIT") => Self::failure("exec_badrpc", caught),
            _ => Self { reply: caught, status: Status::Success },
        }
    }

    /// The answer to a term that is no request.
    #[must_use]
    pub fn unknown(term: Term) -> Self {
        Self::failure("exec_error", term)
    }

    /// The answer to octets that are no term.
    #[must_use]
    pub fn undecodable() -> Self {
        Self::unknown(Term::atom("badarg"))
    }

    /// The answer to text that is no call.
    #[must_use]
    pub fn syntax(error: &SyntaxError) -> Self {
        let message = Term::binary(error.message.as_str());
        Self::unknown(Term::tuple([Term::atom("syntax"), error.line.into(), error.column.into(), message]))
    }

    /// The term that travels.
    #[must_use]
    pub fn to_term(&self) -> Term {
        let status: i32 = match self.status {
            Status::Success => 0,
            Status::Failure => -1,
        };
        Term::tuple([Term::atom("answer"), Term::tuple([self.reply.clone(), status.into()])])
    }

    /// The result, as a caller wants it.
    ///
    /// # Errors
    /// [`CallError`], when the status says so.
    pub fn into_result(self) -> Result<Term, CallError> {
        if self.status == Status::Success {
            return Ok(self.reply);
        }
        match self.reply.as_tuple() {
            Some([tag, reason]) if tag.is_atom("exec_error") => return Err(CallError::Refused(reason.clone())),
            Some([tag, caught]) if tag.is_atom("exec_badrpc") => {
                if let Some(failure) = Failure::from_caught(caught) {
                    return Err(CallError::Failed(failure));
                }
            }
            _ => {}
        }
        Err(CallError::BadReply(self.to_term()))
    }

    fn failure(tag: &'static str, reason: Term) -> Self {
        Self { reply: Term::tuple([Term::atom(tag), reason]), status: Status::Failure }
    }
}

impl TryFrom<&Term> for Answer {
    type Error = NotAnAnswer;

    fn try_from(term: &Term) -> Result<Self, NotAnAnswer> {
        let Some([tag, answer]) = term.as_tuple() else { return Err(NotAnAnswer) };
        let Some([reply, status]) = answer.as_tuple() else { return Err(NotAnAnswer) };
        if !tag.is_atom("answer") {
            return Err(NotAnAnswer);
        }
        let status = match status.as_i64() {
            Some(0) => Status::Success,
            Some(_) => Status::Failure,
            None => return Err(NotAnAnswer),
        };
        Ok(Self { reply: reply.clone(), status })
    }
}

/// Whether an answer tells of success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// 0
    Success,
    /// -1
    Failure,
}

impl Status {
    /// The exit-status of an SSH exec request that is answered so: 0, or -1 as 32 bits.
    #[must_use]
    pub const fn exit_status(self) -> u32 {
        match self {
            Self::Success => 0,
            Self::Failure => 0xffff_ffff,
        }
    }
}

/// A term was no `{answer,{Reply,Status}}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotAnAnswer;

impl fmt::Display for NotAnAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the term is no {answer,{Reply,Status}}")
    }
}

impl core::error::Error for NotAnAnswer {}
