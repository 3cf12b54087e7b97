//! From characters to tokens, as `erl_scan` cuts them.

use alloc::format;
use alloc::string::String;

use num_bigint::BigInt;

use super::token::{Position, SYMBOLS, Token, reserved};
use super::{SyntaxError, SyntaxErrorKind};
use crate::term::print::{continues_atom, starts_atom};
use crate::term::{Atom, Float, Integer};

/// Reading an integer takes time that grows with the square of its digits.
const MAX_DIGITS: usize = 100_000;

/// How much of a variable's name counts.
const MAX_VARIABLE: usize = 255;

#[derive(Clone)]
pub(super) struct Lexer<'a> {
    rest: &'a str,
    position: Position,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text, position: Position { line: 1, column: 1 } }
    }

    /// The next token, and where it starts. After the last one comes [`Token::End`], again and again.
    pub(super) fn next(&mut self) -> Result<(Token, Position), SyntaxError> {
        self.skip_blanks();
        let start = self.position;
        let token = match self.peek() {
            None => Token::End,
            Some('\'') => self.quoted_atom(start)?,
            Some('"') => Token::String(self.quoted('"', start, "a string")?),
            Some('$') => self.character(start)?,
            Some('0'..='9') => self.number(start)?,
            Some(c) if starts_atom(c) => self.word(start)?,
            Some(c) if continues_atom(c) => {
                Token::Variable(self.take_while(continues_atom).chars().take(MAX_VARIABLE).collect())
            }
            Some('.') if self.at_dot() => {
                self.bump();
                Token::Dot
            }
            Some(c) => self.symbol(c, start)?,
        };
        Ok((token, start))
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        if c == '\n' {
            self.position.line = self.position.line.saturating_add(1);
            self.position.column = 1;
        } else {
            self.position.column = self.position.column.saturating_add(1);
        }
        Some(c)
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let text = self.rest;
        while self.peek().is_some_and(&belongs) {
            self.bump();
        }
        text.get(..text.len() - self.rest.len()).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        loop {
            self.take_while(|c| matches!(c, '\0'..=' ' | '\u{80}'..='\u{a0}'));
            if self.peek() != Some('%') {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    /// Whether the dot here ends an expression: a blank, a comment or nothing follows it.
    fn at_dot(&self) -> bool {
        self.rest.chars().nth(1).is_none_or(|c| matches!(c, '\0'..=' ' | '\u{80}'..='\u{a0}' | '%'))
    }

    fn symbol(&mut self, c: char, start: Position) -> Result<Token, SyntaxError> {
        if let Some(symbol) = SYMBOLS.iter().copied().find(|symbol| self.rest.starts_with(symbol)) {
            for _ in symbol.chars() {
                self.bump();
            }
            return Ok(Token::Symbol(symbol));
        }
        if c == '.' {
            self.bump();
            return Ok(Token::Symbol("."));
        }
        let message = match c {
            '“' | '”' | '‘' | '’' => format!("illegal character {c}; Erlang's quotes are \" and '"),
            _ if c.is_alphabetic() => format!("illegal character {c}; an atom with it stands in single quotes"),
            _ => format!("illegal character {}", c.escape_debug()),
        };
        Err(error(start, SyntaxErrorKind::IllegalCharacter, message))
    }

    fn word(&mut self, start: Position) -> Result<Token, SyntaxError> {
        let name = self.take_while(continues_atom);
        match reserved(name) {
            Some(word) => Ok(Token::Reserved(word)),
            None => atom(name, start),
        }
    }

    fn quoted_atom(&mut self, start: Position) -> Result<Token, SyntaxError> {
        let name = self.quoted('\'', start, "a quoted atom")?;
        atom(&name, start)
    }

    fn quoted(&mut self, quote: char, start: Position, what: &str) -> Result<String, SyntaxError> {
        let unterminated =
            || error(start, SyntaxErrorKind::Unterminated, format!("{what} starts here and has no closing {quote}"));
        let mut text = String::new();
        self.bump();
        loop {
            let position = self.position;
            match self.bump().ok_or_else(unterminated)? {
                c if c == quote => return Ok(text),
                '\\' if self.rest.is_empty() => return Err(unterminated()),
                '\\' => text.push(self.escape(position)?),
                c => text.push(c),
            }
        }
    }

    fn character(&mut self, start: Position) -> Result<Token, SyntaxError> {
        self.bump();
        let position = self.position;
        let c = match self.bump() {
            None => return Err(error(start, SyntaxErrorKind::UnexpectedEnd, "a character is expected after $")),
            Some('\\') => self.escape(position)?,
            Some(c) => c,
        };
        Ok(Token::Integer(Integer::from(u32::from(c))))
    }

    /// What follows a backslash.
    fn escape(&mut self, start: Position) -> Result<char, SyntaxError> {
        let wrong = |message: &str| error(start, SyntaxErrorKind::Escape, message);
        let code = match self.bump().ok_or_else(|| wrong("an escape is expected after \\"))? {
            'b' => 8,
            'd' => 127,
            'e' => 27,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            's' => 32,
            't' => 9,
            'v' => 11,
            '^' => match self.bump() {
                Some(c @ '@'..='_') => u32::from(c) - 64,
                Some(c @ 'a'..='z') => u32::from(c) - 96,
                Some('?') => 127,
                _ => return Err(wrong("\\^ takes one of @ A-Z [ \\ ] ^ _ a-z")),
            },
            'x' => self.hexadecimal_escape().ok_or_else(|| wrong("\\x takes two hexadecimal digits, or {digits}"))?,
            c @ '0'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    self.bump();
                    code = code * 8 + digit;
                }
                code
            }
            c => return Ok(c),
        };
        char::from_u32(code).ok_or_else(|| wrong("the escape names no character"))
    }

    fn hexadecimal_escape(&mut self) -> Option<u32> {
        if self.peek() == Some('{') {
            self.bump();
            let digits = self.take_while(|c| c.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, 16).ok()?;
            return (self.bump()? == '}').then_some(code);
        }
        let high = self.bump()?.to_digit(16)?;
        Some(high * 16 + self.bump()?.to_digit(16)?)
    }

    fn number(&mut self, start: Position) -> Result<Token, SyntaxError> {
        let whole = self.digits(10);
        let mut ahead = self.rest.chars();
        match (ahead.next(), ahead.next()) {
            (Some('#'), Some(digit)) if digit.is_ascii_alphanumeric() => {
                let Ok(base @ 2..=36) = whole.parse() else {
                    return Err(error(start, SyntaxErrorKind::Number, "the base of a number is 2 to 36"));
                };
                self.bump();
                let position = self.position;
                let digits = self.digits(base);
                if digits.is_empty() || self.peek().is_some_and(|c| c.is_ascii_alphanumeric()) {
                    let message = format!("these are not digits of base {base}");
                    return Err(error(position, SyntaxErrorKind::Number, message));
                }
                integer(&digits, base, start)
            }
            (Some('.'), Some('0'..='9')) => self.float(whole, start),
            _ => integer(&whole, 10, start),
        }
    }

    fn float(&mut self, mut text: String, start: Position) -> Result<Token, SyntaxError> {
        self.bump();
        text.push('.');
        text.push_str(&self.digits(10));
        let mut ahead = self.rest.chars();
        if let Some('e' | 'E') = ahead.next() {
            let sign = ahead.next().filter(|c| matches!(c, '+' | '-'));
            let first = if sign.is_some() { ahead.next() } else { self.rest.chars().nth(1) };
            if !first.is_some_and(|c| c.is_ascii_digit()) {
                return Err(error(start, SyntaxErrorKind::Number, "the exponent of a float needs digits"));
            }
            self.bump();
            text.push('e');
            if let Some(sign) = sign {
                self.bump();
                text.push(sign);
            }
            text.push_str(&self.digits(10));
        }
        match text.parse().map(Float::new) {
            Ok(Ok(float)) => Ok(Token::Float(float)),
            _ => Err(error(start, SyntaxErrorKind::Number, "the float is too large")),
        }
    }

    /// Digits of a base, without the underscores between them.
    fn digits(&mut self, base: u32) -> String {
        let mut digits = String::new();
        while let Some(c) = self.peek() {
            let between = c == '_'
                && !digits.is_empty()
                && !digits.ends_with('_')
                && self.rest.chars().nth(1).is_some_and(|next| next.is_digit(base));
            if between {
                self.bump();
                continue;
            }
            if !c.is_digit(base) {
                break;
            }
            digits.push(c);
            self.bump();
        }
        digits
    }
}

pub(super) fn error(position: Position, kind: SyntaxErrorKind, message: impl Into<String>) -> SyntaxError {
    SyntaxError { line: position.line, column: position.column, kind, message: message.into() }
}

fn atom(name: &str, start: Position) -> Result<Token, SyntaxError> {
    match Atom::new(name) {
        Ok(atom) => Ok(Token::Atom(atom)),
        Err(too_long) => Err(error(start, SyntaxErrorKind::AtomTooLong, format!("{too_long}"))),
    }
}

fn integer(digits: &str, base: u32, start: Position) -> Result<Token, SyntaxError> {
    if let Ok(small) = i64::from_str_radix(digits, base) {
        return Ok(Token::Integer(small.into()));
    }
    if digits.len() > MAX_DIGITS {
        let message = format!("an integer has at most {MAX_DIGITS} digits here");
        return Err(error(start, SyntaxErrorKind::Number, message));
    }
    match BigInt::parse_bytes(digits.as_bytes(), base) {
        Some(big) => Ok(Token::Integer(big.into())),
        None => Err(error(start, SyntaxErrorKind::Number, "the integer cannot be read")),
    }
}
