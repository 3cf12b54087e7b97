//! What text is made of.

use alloc::string::String;
use core::fmt;

use crate::term::{Atom, Float, Integer};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Atom(Atom),
    /// A word that Erlang keeps for itself.
    Reserved(&'static str),
    /// A variable's name, cut where it is only for an error message.
    Variable(String),
    Integer(Integer),
    Float(Float),
    String(String),
    /// Punctuation and operators.
    Symbol(&'static str),
    /// The dot that ends an expression.
    Dot,
    End,
}

/// As an error message names it.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Atom(atom) => write!(f, "the atom {atom}"),
            Self::Reserved(word) => write!(f, "the reserved word '{word}'"),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Integer(_) => f.write_str("an integer"),
            Self::Float(_) => f.write_str("a float"),
            Self::String(_) => f.write_str("a string"),
            Self::Symbol(symbol) => write!(f, "'{symbol}'"),
            Self::Dot => f.write_str("'.'"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// Where a token starts: line and column, from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Position {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Longer symbols before their beginnings.
pub(super) const SYMBOLS: [&str; 38] = [
    "=:=", "=/=", "<<", ">>", "=>", ":=", "->", "<-", "<=", "==", "=<", ">=", "/=", "++", "--", "||", "::", "..", "(",
    ")", "[", "]", "{", "}", "#", ",", "|", ":", ";", "/", "+", "-", "*", "=", "<", ">", "!", "?",
];

const RESERVED: [&str; 27] = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case", "catch", "cond", "div",
    "end", "fun", "if", "let", "not", "of", "or", "orelse", "receive", "rem", "try", "when", "xor",
];

/// The reserved word of this name.
pub(super) fn reserved(name: &str) -> Option<&'static str> {
    RESERVED.iter().copied().find(|word| *word == name)
}
