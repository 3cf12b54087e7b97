//! What goes wrong, in words: what happened, and what to do next.

use std::fmt::Display;

use super::exit::Exit;

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// One line.
    pub(crate) message: String,
    /// What stands beneath it: the Erlang term, or the place of a syntax error.
    pub(crate) details: Vec<String>,
    /// The Erlang term, where one came.
    pub(crate) term: Option<String>,
    /// What to do next, each of one or more lines.
    pub(crate) hints: Vec<String>,
    /// Whether it has been told.
    pub(crate) told: Told,
}

/// Whether people know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Told {
    #[default]
    NotYet,
    Already,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
            details: Vec::new(),
            term: None,
            hints: Vec::new(),
            told: Told::NotYet,
        }
    }

    pub(crate) fn local(message: impl Display) -> Self {
        Self::new(Exit::Local, message)
    }

    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// With an Erlang term beneath.
    pub(crate) fn term(mut self, term: impl Display) -> Self {
        let term = term.to_string();
        self.details.push(term.clone());
        self.term = Some(term);
        self
    }

    /// One whose words are on standard output already.
    pub(crate) fn silent(self) -> Self {
        Self { told: Told::Already, ..self }
    }

    pub(crate) fn detail(mut self, line: impl Display) -> Self {
        self.details.push(line.to_string());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }
}
