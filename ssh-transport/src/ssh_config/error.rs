use std::error::Error;
use std::fmt;

use super::section::BadMatch;
use super::setting::BadSetting;
use super::tokens::BadToken;
use crate::files::{FileError, Place};

/// A configuration that cannot be used: `ssh` refuses such a one too, and says as much.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    File(FileError),
    /// A line makes no sense.
    Line {
        /// Where it stands.
        place: Place,
        /// Its keyword, as it stands there.
        keyword: String,
        /// What is wrong.
        problem: ConfigProblem,
    },
    /// The host or the user that was asked about has characters that mean something to a shell, or begins with a dash.
    Name {
        /// `host` or `user`.
        what: &'static str,
        /// As it was given.
        text: String,
    },
    /// A value cannot be expanded for this host.
    Token {
        /// Where it stands.
        place: Place,
        /// What is wrong.
        bad: BadToken,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigProblem {
    /// Not UTF-8.
    NotText,
    /// A quotation mark has no other.
    OpenQuote,
    /// Its value.
    Setting(BadSetting),
    /// `Match` itself.
    Match(BadMatch),
    /// `Include`: a name that is no pattern of files, or a variable that is not set.
    Include(String),
    /// Files include files include files.
    TooDeep,
    /// More files of keys than `ssh` takes.
    TooMany,
    /// More is included than anybody wrote: a file includes itself more than once, say.
    TooMuch,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Name { what, text } => {
                write!(f, "{text:?} is no name of a {what}: it has characters that a shell understands")
            }
            Self::Line { place, keyword, problem } => {
                write!(f, "{place}: ")?;
                match problem {
                    ConfigProblem::NotText => f.write_str("the line is not UTF-8 text"),
                    ConfigProblem::OpenQuote => write!(f, "{keyword}: a quotation mark is never closed"),
                    ConfigProblem::Setting(BadSetting::Keyword) => write!(f, "there is no option {keyword:?}"),
                    ConfigProblem::Setting(BadSetting::Missing) => write!(f, "{keyword} wants a value"),
                    ConfigProblem::Setting(BadSetting::TooMany) => write!(f, "{keyword} takes one value"),
                    ConfigProblem::Setting(BadSetting::Value { found, wanted }) => {
                        write!(f, "{keyword} is {found:?}, and wants {wanted}")
                    }
                    ConfigProblem::Match(bad) => bad.fmt(f),
                    ConfigProblem::Include(what) => write!(f, "Include: {what}"),
                    ConfigProblem::TooDeep => f.write_str("files include each other more than 16 deep"),
                    ConfigProblem::TooMany => write!(f, "{keyword}: more than 100 files for one host"),
                    ConfigProblem::TooMuch => f.write_str("Include: more than 4 MiB or 4096 files are included"),
                }
            }
            Self::Token { place, bad } => match bad {
                BadToken::Unknown(token) => write!(f, "{place}: %{token} means nothing here; write %% for a %"),
                BadToken::Unfinished => write!(f, "{place}: a % at the end means nothing; write %% for a %"),
                BadToken::Variable(name) => write!(f, "{place}: the environment has no variable {name:?}"),
                BadToken::TooLong => write!(f, "{place}: what comes of its tokens is longer than 64 KiB"),
            },
        }
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            _ => None,
        }
    }
}

impl From<FileError> for ConfigError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}
