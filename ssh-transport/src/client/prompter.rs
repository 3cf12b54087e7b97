//! Who answers for the user: passwords, and what else a server asks.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use ssh_proto::client::Questions;
use zeroize::Zeroizing;

/// Answers, or nothing when nobody wants to answer.
pub type Answers = Option<Vec<Zeroizing<Vec<u8>>>>;

/// What [`Prompter::ask`] gives back.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Answers> + Send + 'a>>;

/// Who sits in front of the program, or stands for them. The [`Policy`](super::Policy) has one, or none: then nobody is
/// asked.
pub trait Prompter: fmt::Debug + Send + Sync {
    /// Asks: one answer for each question, or `None` to give up. The login's clock runs meanwhile.
    fn ask<'a>(&'a self, asked: Asked<'a>) -> Asking<'a>;

    /// Tells something that wants no answer. Control characters are removed from it; it may have several lines.
    fn tell(&self, told: Told<'_>) {
        let _ = told;
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// Who asks.
    pub by: AskedBy,
    /// The user that logs in.
    pub user: &'a str,
    /// The host, as known_hosts names it.
    pub host: &'a str,
    /// The questions.
    pub questions: &'a Questions,
}

impl<'a> Asked<'a> {
    pub(super) const fn new(by: AskedBy, user: &'a str, host: &'a str, questions: &'a Questions) -> Self {
        Self { by, user, host, questions }
    }
}

/// Who asks: a server must not pass for this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskedBy {
    /// This program, for the password that the server wants.
    Client,
    /// The server: the words are its own.
    Server,
}

/// What is told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Told<'a> {
    /// The server's banner (RFC 4252 §5.4).
    Banner(&'a str),
    /// The server's words in a round without questions (RFC 4256 §3.2).
    Instruction(&'a Questions),
    /// The server let us in and asked for nothing: a later question for a secret may be its own.
    TrivialLogin,
}
