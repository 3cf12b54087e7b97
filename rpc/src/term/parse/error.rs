//! What can be wrong with text.

use alloc::string::String;
use core::fmt;

/// Why text is not a term or a call, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, counted in characters.
    pub column: u32,
    /// What is wrong.
    pub kind: SyntaxErrorKind,
    /// The same as a sentence that names what was found or expected.
    pub message: String,
}

/// What can be wrong with text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyntaxErrorKind {
    /// The text ends where more was expected.
    UnexpectedEnd,
    /// Something else was expected here.
    Unexpected,
    /// Something follows what is complete.
    Trailing,
    /// No token starts with this character.
    IllegalCharacter,
    /// A quoted atom or a string has no closing quote.
    Unterminated,
    /// An escape in a quoted atom, a string or a character does not exist.
    Escape,
    /// A number cannot be read or represented.
    Number,
    /// An atom has more than 255 characters.
    AtomTooLong,
    /// A reserved word stands where an atom was meant, perhaps.
    ReservedWord,
    /// It is Erlang, and not a literal: variables, operators, calls within calls, identifiers.
    NotALiteral,
    /// A segment of a binary cannot be built.
    Segment,
    /// Parentheses nest deeper than 10,000.
    TooDeep,
    /// The binaries of the text would be longer than 64 MiB, all together.
    TooLong,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl core::error::Error for SyntaxError {}
