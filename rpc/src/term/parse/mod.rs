//! From text to terms and calls, in Erlang's syntax as one types it into a shell.
//!
//! Only literals: there is no evaluator. What Erlang accepts and we do not is named as such in the error.

mod binary;
mod error;
mod lexer;
mod parser;
mod segment;
mod token;

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

pub use self::error::{SyntaxError, SyntaxErrorKind};
use self::parser::Parser;
use super::{Atom, Term};

/// A call of a function of a module, with literal arguments: `lists:seq(1, 5)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Call {
    /// The module.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// The arguments.
    pub args: Vec<Term>,
}

impl Call {
    /// A call from its parts.
    #[must_use]
    pub const fn new(module: Atom, function: Atom, args: Vec<Term>) -> Self {
        Self { module, function, args }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}(", self.module, self.function)?;
        let mut separator = "";
        for argument in &self.args {
            write!(f, "{separator}{argument}")?;
            separator = ",";
        }
        f.write_str(")")
    }
}

/// What a line of text may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expression {
    /// `lists:seq(1, 5)`
    Call(Call),
    /// `{mfa,{lists,seq,[1,5]}}`
    Term(Term),
}

/// Reads a term in Erlang's syntax; a dot may end it.
///
/// Integers (also `16#ff`, `1_000`, `$a`), floats, atoms, strings (side by side they are one), tuples, lists, binaries
/// with sizes and types, maps (of two equal keys the later one stays), `fun M:F/A`, signs before numbers, parentheses
/// and comments are known. Nesting is limited to 10,000.
///
/// # Errors
/// [`SyntaxError`]: where, and what was expected.
pub fn parse_term(text: &str) -> Result<Term, SyntaxError> {
    Parser::new(text)?.term()
}

/// Reads a call, `Module:Function(Arguments)`, the arguments being literal terms; a dot may end it.
///
/// # Errors
/// [`SyntaxError`]: where, and what was expected.
pub fn parse_call(text: &str) -> Result<Call, SyntaxError> {
    let mut parser = Parser::new(text)?;
    match parser.call()? {
        Some(call) => Ok(call),
        None => Err(parser.no_call()),
    }
}

/// Reads what is either a call or a term; a dot may end it.
///
/// # Errors
/// [`SyntaxError`]: where, and what was expected.
pub fn parse_expression(text: &str) -> Result<Expression, SyntaxError> {
    Parser::new(text)?.expression()
}

/// The same, where variables have values: those that `bindings` knows.
///
/// ```
/// use sshrpc::term::{Expression, parse_expression_with};
/// let bindings = |name: &str| (name == "X").then(|| 5.into());
/// let Expression::Call(call) = parse_expression_with("lists:seq(1, X)", &bindings)? else { panic!("a call") };
/// assert_eq!(call.to_string(), "lists:seq(1,5)");
/// # Ok::<(), sshrpc::term::SyntaxError>(())
/// ```
///
/// # Errors
/// [`SyntaxError`]: where, and what was expected.
pub fn parse_expression_with(text: &str, bindings: &dyn Fn(&str) -> Option<Term>) -> Result<Expression, SyntaxError> {
    Parser::with_bindings(text, bindings)?.expression()
}

impl FromStr for Term {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        parse_term(text)
    }
}

/// Whether an atom of this name needs quotes for that alone.
pub(super) fn is_reserved(name: &str) -> bool {
    token::reserved(name).is_some()
}
