//! Exec requests: a call as text, answered by a bare term or, for people, by text.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::frame::{self, Framing};
use super::{Answer, Failure, Request, Status};
use crate::term::{Call, DecodeLimits, Emit, Expression, SyntaxError, SyntaxErrorKind, parse_call, parse_expression};

/// The command of an exec request: `lists:seq(1,5).` or `{mfa,{lists,seq,[1,5]}}`, with the word `text` before it when
/// the answer is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Command {
    /// The form of the answer.
    pub form: Form,
    /// What is asked for, or why that cannot be said.
    pub request: Result<Request, SyntaxError>,
}

impl Command {
    /// Reads a command. `form` is what the channel asks for: [`Form::Terminal`] where it has a pty, [`Form::Term`]
    /// otherwise; the word `text` overrules the latter.
    #[must_use]
    pub fn parse(command: &[u8], form: Form) -> Self {
        let text = match core::str::from_utf8(command) {
            Ok(text) => text,
            Err(error) => {
                let valid = command.get(..error.valid_up_to()).unwrap_or_default();
                return Self { form, request: Err(not_utf8(core::str::from_utf8(valid).unwrap_or_default())) };
            }
        };
        let word = text.trim_start().strip_prefix(TEXT).filter(|rest| rest.is_empty() || rest.starts_with(is_blank));
        let (form, expression) = match (word, form) {
            (Some(rest), Form::Term) => (Form::Text, rest),
            (Some(rest), form) => (form, rest),
            (None, form) => (form, text),
        };
        let request = match parse_expression(expression) {
            Ok(Expression::Call(call)) => Ok(Request::Call(call)),
            Ok(Expression::Term(term)) => Ok(Request::from(term)),
            Err(error) => Err(shifted(error, text, expression)),
        };
        Self { form, request }
    }

    /// The call to execute.
    ///
    /// # Errors
    /// The [`Answer`] to a command that is none.
    pub fn into_call(self) -> Result<Call, Answer> {
        match self.request {
            Ok(Request::Call(call)) => Ok(call),
            Ok(Request::Unknown(term)) => Err(Answer::unknown(term)),
            Err(error) => Err(Answer::syntax(&error)),
        }
    }
}

/// The form of an exec request's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// A bare external term, `{answer,{Reply,Status}}`.
    #[default]
    Term,
    /// Text for people.
    Text,
    /// Text for people at a terminal, whose lines end in CR LF.
    Terminal,
}

/// What an exec request is answered with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rendered {
    /// For the channel's data.
    pub stdout: Vec<u8>,
    /// For the channel's extended data.
    pub stderr: Vec<u8>,
    /// The exit-status: 0, or 2^32-1 beside a term and 1 beside text.
    pub exit_status: u32,
}

impl Answer {
    /// This answer as an exec request gets it. As a term it may not be longer than `limits` allow; otherwise the error
    /// `system_limit` takes its place.
    #[must_use]
    pub fn render(&self, form: Form, emit: Emit, limits: &DecodeLimits) -> Rendered {
        let newline = match form {
            Form::Term => return self.render_term(emit, limits),
            Form::Text => "\n",
            Form::Terminal => "\r\n",
        };
        match self.clone().into_result() {
            Ok(value) => Rendered { stdout: line(&value.to_string(), newline), ..Rendered::default() },
            Err(error) => Rendered { stderr: line(&error.to_string(), newline), exit_status: 1, ..Rendered::default() },
        }
    }

    fn render_term(&self, emit: Emit, limits: &DecodeLimits) -> Rendered {
        let (mut stdout, mut exit_status) = (Vec::new(), self.status.exit_status());
        if frame::append(&self.to_term(), Framing::Bare, emit, limits.max_bytes, &mut stdout).is_err() {
            let answer = Self::of(Err(Failure::of("system_limit"))).to_term();
            // It is short: it always fits.
            let _ = frame::append(&answer, Framing::Bare, emit, usize::MAX, &mut stdout);
            exit_status = Status::Failure.exit_status();
        }
        Rendered { stdout, stderr: Vec::new(), exit_status }
    }
}

/// The command that asks for this call: `lists:seq(1,5).`
///
/// # Errors
/// [`NotExpressible`] when an argument cannot be written as a literal, as process identifiers and closures cannot.
pub fn command_text(call: &Call) -> Result<String, NotExpressible> {
    let mut text = call.to_string();
    text.push('.');
    match parse_call(&text) {
        Ok(same) if same == *call => Ok(text),
        _ => Err(NotExpressible),
    }
}

/// A call cannot be written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotExpressible;

impl fmt::Display for NotExpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an argument cannot be written as text; the subsystem and the shell carry any term")
    }
}

impl core::error::Error for NotExpressible {}

fn line(text: &str, newline: &str) -> Vec<u8> {
    let mut line = text.replace('\n', newline).into_bytes();
    line.extend_from_slice(newline.as_bytes());
    line
}

fn is_blank(c: char) -> bool {
    c.is_ascii_whitespace()
}

fn not_utf8(valid: &str) -> SyntaxError {
    let (line, column) = end_of(valid);
    SyntaxError {
        line,
        column,
        kind: SyntaxErrorKind::IllegalCharacter,
        message: "the command is not UTF-8 from here on".to_string(),
    }
}

/// An error in the last part of a text, with its place in the whole.
fn shifted(error: SyntaxError, whole: &str, part: &str) -> SyntaxError {
    let before = whole.get(..whole.len() - part.len()).unwrap_or_default();
    let (line, column) = end_of(before);
    let column = if error.line == 1 { error.column.saturating_add(column - 1) } else { error.column };
    SyntaxError { line: error.line.saturating_add(line - 1), column, ..error }
}

/// The line and column, from 1, of what follows a text.
fn end_of(text: &str) -> (u32, u32) {
    let lines = text.matches('\n').count();
    let columns = text.rsplit('\n').next().unwrap_or_default().chars().count();
    let from_one = |count: usize| u32::try_from(count).unwrap_or(u32::MAX - 1) + 1;
    (from_one(lines), from_one(columns))
}

/// The word that asks for text.
const TEXT: &str = "text";

#[cfg(test)]
mod tests;
