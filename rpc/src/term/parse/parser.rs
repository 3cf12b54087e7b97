//! From tokens to terms and calls, with a stack in memory.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::lexer::{Lexer, error};
use super::segment::{Bits, MAX_BITS, Value};
use super::token::{Position, Token};
use super::{Call, Expression, SyntaxError, SyntaxErrorKind};
use crate::term::{Atom, Fun, List, Term};

const MAX_DEPTH: usize = 10_000;

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    pub(super) token: Token,
    pub(super) position: Position,
    /// The containers that are not finished, outermost first.
    pub(super) open: Vec<Open>,
    /// How many bits of binaries the text may still ask for.
    pub(super) bits_left: usize,
    /// The values of variables.
    bindings: &'a Bindings<'a>,
}

/// What a variable stands for.
pub(super) type Bindings<'a> = dyn Fn(&str) -> Option<Term> + 'a;

/// A container that is not finished, and waits for a term.
pub(super) enum Open {
    Tuple(Vec<Term>),
    /// A list, and how many bars its elements have passed: `[a|[b` has passed one, is one list, and wants two brackets.
    List(Vec<Term>, usize),
    /// The tail of a list, which does not start with a bracket.
    Tail(Vec<Term>, usize),
    /// The arguments of a call.
    Arguments(Vec<Term>),
    Key(Vec<(Term, Term)>),
    Value(Vec<(Term, Term)>, Term),
    Bits(Bits),
    Parentheses,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, SyntaxError> {
        Self::with_bindings(text, &|_name| None)
    }

    pub(super) fn with_bindings(text: &'a str, bindings: &'a Bindings<'a>) -> Result<Self, SyntaxError> {
        let mut lexer = Lexer::new(text);
        let (token, position) = lexer.next()?;
        Ok(Self { lexer, token, position, open: Vec::new(), bits_left: MAX_BITS, bindings })
    }

    /// All of the text as a term or a call.
    pub(super) fn expression(mut self) -> Result<Expression, SyntaxError> {
        if let Some(call) = self.call()? {
            return Ok(Expression::Call(call));
        }
        self.term().map(Expression::Term)
    }

    /// All of the text as a call, if it starts like one.
    pub(super) fn call(&mut self) -> Result<Option<Call>, SyntaxError> {
        let Token::Atom(module) = &self.token else { return Ok(None) };
        let module = module.clone();
        if self.lexer.clone().next()?.0 != Token::Symbol(":") {
            return Ok(None);
        }
        self.bump()?;
        self.bump()?;
        let function = self.atom("a function name")?;
        if self.token == Token::Symbol("/") {
            let message = format!("'(' is expected; a fun is written fun {module}:{function}/N");
            return Err(self.error(SyntaxErrorKind::Unexpected, message));
        }
        if self.token != Token::Symbol("(") {
            return Err(self.unexpected("'(' and the arguments"));
        }
        let arguments = self.value(Some(Open::Arguments(Vec::new())))?;
        self.end()?;
        let args = arguments.as_list().map(|arguments| arguments.cloned().collect()).unwrap_or_default();
        Ok(Some(Call { module, function, args }))
    }

    /// All of the text as a term.
    pub(super) fn term(mut self) -> Result<Term, SyntaxError> {
        let term = self.value(None)?;
        self.end()?;
        Ok(term)
    }

    /// The error of text that should have been a call.
    pub(super) fn no_call(&self) -> SyntaxError {
        self.unexpected("a call, Module:Function(Arguments),")
    }

    pub(super) fn bump(&mut self) -> Result<Token, SyntaxError> {
        let (token, position) = self.lexer.next()?;
        self.position = position;
        Ok(core::mem::replace(&mut self.token, token))
    }

    /// Takes the symbol, when it is the next token.
    pub(super) fn accept(&mut self, symbol: &'static str) -> Result<bool, SyntaxError> {
        let found = self.token == Token::Symbol(symbol);
        if found {
            self.bump()?;
        }
        Ok(found)
    }

    fn end(&mut self) -> Result<(), SyntaxError> {
        if self.token == Token::Dot {
            self.bump()?;
        }
        match self.token {
            Token::End => Ok(()),
            _ => Err(self.after_value("the end")),
        }
    }

    /// Reads one term, or the rest of the container that was opened before.
    fn value(&mut self, outer: Option<Open>) -> Result<Term, SyntaxError> {
        let mut finished = match outer {
            Some(open) => self.enter(open, ")")?,
            None => self.one()?,
        };
        loop {
            // `None`: a container was opened, or a separator was read, and a term must follow.
            let Some(term) = finished.take() else {
                finished = self.one()?;
                continue;
            };
            match self.open.pop() {
                None => return Ok(term),
                Some(open) => finished = self.add(open, term)?,
            }
        }
    }

    /// Reads a term that is no container, or enters one.
    fn one(&mut self) -> Result<Option<Term>, SyntaxError> {
        if matches!(self.open.last(), Some(Open::Bits(_))) {
            return self.segment_value();
        }
        let negative = match self.token {
            Token::Symbol(sign @ ("-" | "+")) => {
                self.bump()?;
                if !matches!(self.token, Token::Integer(_) | Token::Float(_)) {
                    return Err(self.unexpected("a number after the sign"));
                }
                sign == "-"
            }
            _ => false,
        };
        let term = match &self.token {
            Token::Integer(integer) if negative => Term::from(-integer.to_bigint()),
            Token::Integer(integer) => Term::Integer(integer.clone()),
            Token::Float(float) if negative => Term::try_from(-float.get()).unwrap_or_default(),
            Token::Float(float) => Term::Float(*float),
            Token::Variable(name) if !negative => match (self.bindings)(name) {
                Some(value) => value,
                None => return Err(self.unexpected("a term")),
            },
            Token::Atom(_) => return self.atom_value().map(Some),
            Token::String(_) => return self.strings().map(|text| Some(Term::from(text))),
            Token::Symbol("{") => return self.enter(Open::Tuple(Vec::new()), "}"),
            Token::Symbol("[") => return self.enter(Open::List(Vec::new(), 0), "]"),
            Token::Symbol("<<") => return self.enter(Open::Bits(Bits::default()), ">>"),
            Token::Symbol("(") => return self.enter(Open::Parentheses, ""),
            Token::Symbol("#") => return self.map(),
            Token::Reserved("fun") => return self.fun().map(Some),
            _ => return Err(self.unexpected("a term")),
        };
        self.bump()?;
        Ok(Some(term))
    }

    /// Opens a container, whose first token is the current one.
    pub(super) fn enter(&mut self, open: Open, end: &'static str) -> Result<Option<Term>, SyntaxError> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("terms nest at most {MAX_DEPTH} deep");
            return Err(self.error(SyntaxErrorKind::TooDeep, message));
        }
        self.bump()?;
        if !end.is_empty() && self.accept(end)? {
            return Ok(Some(match open {
                Open::Tuple(_) => Term::tuple([]),
                Open::Key(_) => Term::map([]),
                Open::Bits(bits) => bits.finish(),
                _ => Term::NIL,
            }));
        }
        self.open.push(open);
        Ok(None)
    }

    /// Adds a term to its container: the container itself when it is finished, `None` when it waits for another term.
    fn add(&mut self, open: Open, term: Term) -> Result<Option<Term>, SyntaxError> {
        let (open, expected) = match open {
            Open::Tuple(mut elements) => {
                elements.push(term);
                if self.accept("}")? {
                    return Ok(Some(Term::tuple(elements)));
                }
                (Open::Tuple(elements), "',' or '}'")
            }
            Open::Arguments(mut elements) => {
                elements.push(term);
                if self.accept(")")? {
                    return Ok(Some(Term::list(elements)));
                }
                (Open::Arguments(elements), "',' or ')'")
            }
            Open::List(mut elements, bars) => {
                elements.push(term);
                if self.accept("]")? {
                    return self.close_list(elements, bars, Term::NIL);
                }
                if self.accept("|")? {
                    return self.tail(elements, bars);
                }
                (Open::List(elements, bars), "',', '|' or ']'")
            }
            Open::Tail(elements, bars) => {
                if self.accept("]")? {
                    return self.close_list(elements, bars, term);
                }
                return Err(self.after_value("']'"));
            }
            Open::Parentheses => {
                if self.accept(")")? {
                    return Ok(Some(term));
                }
                return Err(self.after_value("')'"));
            }
            Open::Key(entries) => {
                if self.accept("=>")? {
                    self.open.push(Open::Value(entries, term));
                    return Ok(None);
                }
                return Err(self.after_value("'=>'"));
            }
            Open::Value(mut entries, key) => {
                entries.push((key, term));
                if self.accept("}")? {
                    return Ok(Some(Term::map(entries)));
                }
                (Open::Key(entries), "',' or '}'")
            }
            Open::Bits(bits) => return self.segment(bits, Value::Bits(term)),
        };
        if !self.accept(",")? {
            return Err(self.after_value(expected));
        }
        self.open.push(open);
        Ok(None)
    }

    /// Reads on after a bar: a list there goes on with this one.
    fn tail(&mut self, elements: Vec<Term>, bars: usize) -> Result<Option<Term>, SyntaxError> {
        if !self.accept("[")? {
            self.open.push(Open::Tail(elements, bars));
            return Ok(None);
        }
        if self.accept("]")? {
            return self.close_list(elements, bars + 1, Term::NIL);
        }
        self.open.push(Open::List(elements, bars + 1));
        Ok(None)
    }

    /// Ends a list after its first closing bracket: each bar wants one more.
    fn close_list(&mut self, elements: Vec<Term>, bars: usize, tail: Term) -> Result<Option<Term>, SyntaxError> {
        for _ in 0..bars {
            if !self.accept("]")? {
                return Err(self.after_value("']'"));
            }
        }
        Ok(Some(List::with_tail(elements, tail)))
    }

    fn map(&mut self) -> Result<Option<Term>, SyntaxError> {
        self.bump()?;
        match &self.token {
            Token::Symbol("{") => self.enter(Open::Key(Vec::new()), "}"),
            Token::Atom(name) if matches!(name.as_str(), "Ref" | "Port" | "Fun") => Err(self.identifier()),
            Token::Variable(name) if matches!(name.as_str(), "Ref" | "Port" | "Fun") => Err(self.identifier()),
            Token::Atom(_) => {
                Err(self.error(SyntaxErrorKind::NotALiteral, "records are not known here; write the tuple"))
            }
            _ => Err(self.unexpected("'{' and the entries of a map")),
        }
    }

    fn identifier(&self) -> SyntaxError {
        let message = "process identifiers, ports, references and closures cannot be written";
        self.error(SyntaxErrorKind::NotALiteral, message)
    }

    /// Atoms, and what starts like a call.
    fn atom_value(&mut self) -> Result<Term, SyntaxError> {
        let atom = self.atom("an atom")?;
        match self.token {
            Token::Symbol(":" | "(") if self.open.is_empty() => {
                let message = format!("a function is called as Module:{atom}(Arguments)");
                Err(self.error(SyntaxErrorKind::Unexpected, message))
            }
            Token::Symbol(":" | "(") => {
                let message = "arguments are literals; a call within a call is not evaluated";
                Err(self.error(SyntaxErrorKind::NotALiteral, message))
            }
            _ => Ok(Term::Atom(atom)),
        }
    }

    pub(super) fn atom(&mut self, what: &str) -> Result<Atom, SyntaxError> {
        match &self.token {
            Token::Atom(atom) => {
                let atom = atom.clone();
                self.bump()?;
                Ok(atom)
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// Strings side by side are one.
    pub(super) fn strings(&mut self) -> Result<String, SyntaxError> {
        let mut text = String::new();
        while let Token::String(more) = &self.token {
            text.push_str(more);
            self.bump()?;
        }
        Ok(text)
    }

    fn fun(&mut self) -> Result<Term, SyntaxError> {
        self.bump()?;
        if !matches!(self.token, Token::Atom(_)) {
            let message = "only fun Module:Function/Arity can be written here";
            return Err(self.error(SyntaxErrorKind::NotALiteral, message));
        }
        let module = self.atom("a module name")?;
        if !self.accept(":")? {
            return Err(self.unexpected("':' and a function name"));
        }
        let function = self.atom("a function name")?;
        if !self.accept("/")? {
            return Err(self.unexpected("'/' and an arity"));
        }
        let Token::Integer(arity) = &self.token else { return Err(self.unexpected("an arity")) };
        match u8::try_from(arity) {
            Ok(arity) => {
                self.bump()?;
                Ok(Fun::external(module, function, arity.into()).into())
            }
            Err(_) => Err(self.error(SyntaxErrorKind::Number, "an arity is 0 to 255")),
        }
    }

    pub(super) fn error(&self, kind: SyntaxErrorKind, message: impl Into<String>) -> SyntaxError {
        error(self.position, kind, message)
    }

    pub(super) fn unexpected(&self, expected: &str) -> SyntaxError {
        let (kind, message) = match &self.token {
            Token::End => (SyntaxErrorKind::UnexpectedEnd, format!("{expected} is expected, and the text ends")),
            Token::Variable(name) => {
                let message = format!("{name} is a variable, and has no value here; an atom would be '{name}'");
                (SyntaxErrorKind::NotALiteral, message)
            }
            Token::Reserved(word) => {
                let message = format!("{word} is a reserved word; as an atom it is written '{word}'");
                (SyntaxErrorKind::ReservedWord, message)
            }
            Token::Symbol("<") => return self.identifier(),
            found => (SyntaxErrorKind::Unexpected, format!("{expected} is expected, not {found}")),
        };
        self.error(kind, message)
    }

    /// The error of what follows a complete term.
    pub(super) fn after_value(&self, expected: &str) -> SyntaxError {
        match &self.token {
            Token::Symbol(
                operator @ ("+" | "-" | "*" | "/" | "++" | "--" | "=" | "==" | "=:=" | "=/=" | "/=" | "<" | ">" | "=<"
                | ">=" | "!"),
            ) => {
                let message = format!("'{operator}' is an operator; only literals can be written here");
                self.error(SyntaxErrorKind::NotALiteral, message)
            }
            Token::End => self.unexpected(expected),
            found => {
                let (kind, message) = if expected == "the end" {
                    (SyntaxErrorKind::Trailing, format!("nothing is expected after this, but {found} follows"))
                } else {
                    (SyntaxErrorKind::Unexpected, format!("{expected} is expected, not {found}"))
                };
                self.error(kind, message)
            }
        }
    }
}
