//! The syntax of binaries: segments, each a value that may have a size and types.

use alloc::format;

use super::lexer::error;
use super::parser::{Open, Parser};
use super::segment::{Bits, Form, Kind, Refusal, Value};
use super::token::Token;
use super::{SyntaxError, SyntaxErrorKind};
use crate::term::{Float, Term};

impl Parser<'_> {
    /// Reads the value of a segment; a binary or a parenthesis is entered, and its segment read when it is finished.
    pub(super) fn segment_value(&mut self) -> Result<Option<Term>, SyntaxError> {
        let negative = self.accept("-")?;
        if !negative {
            self.accept("+")?;
        }
        let value = match &self.token {
            Token::Integer(integer) if negative => Value::Integer((-integer.to_bigint()).into()),
            Token::Integer(integer) => Value::Integer(integer.clone()),
            Token::Float(float) if negative => Value::Float(Float::new(-float.get()).unwrap_or(*float)),
            Token::Float(float) => Value::Float(*float),
            Token::String(_) if !negative => {
                let text = self.strings()?;
                return self.finish_segment(Value::Text(text));
            }
            Token::Symbol("<<") if !negative => return self.enter(Open::Bits(Bits::default()), ">>"),
            Token::Symbol("(") if !negative => return self.enter(Open::Parentheses, ""),
            _ => return Err(self.unexpected("a number, a string or a binary")),
        };
        self.bump()?;
        self.finish_segment(value)
    }

    fn finish_segment(&mut self, value: Value) -> Result<Option<Term>, SyntaxError> {
        match self.open.pop() {
            Some(Open::Bits(bits)) => self.segment(bits, value),
            _ => Err(self.unexpected("a term")),
        }
    }

    /// Reads what follows the value of a segment, and adds it to its binary.
    pub(super) fn segment(&mut self, mut bits: Bits, value: Value) -> Result<Option<Term>, SyntaxError> {
        let value = match value {
            Value::Bits(Term::Integer(integer)) => Value::Integer(integer),
            Value::Bits(Term::Float(float)) => Value::Float(float),
            value => value,
        };
        let position = self.position;
        let form = self.form()?;
        bits.segment(&value, &form, &mut self.bits_left).map_err(|refusal| match refusal {
            Refusal::TooLong => error(position, SyntaxErrorKind::TooLong, "binaries of more than 64 MiB"),
            Refusal::Because(message) => error(position, SyntaxErrorKind::Segment, message),
        })?;
        if self.accept(">>")? {
            return Ok(Some(bits.finish()));
        }
        if !self.accept(",")? {
            return Err(self.after_value("',' or '>>'"));
        }
        self.open.push(Open::Bits(bits));
        Ok(None)
    }

    fn form(&mut self) -> Result<Form, SyntaxError> {
        let mut form = Form::default();
        if self.accept(":")? {
            let parenthesis = self.accept("(")?;
            form.size = Some(self.size("a size")?);
            if parenthesis && !self.accept(")")? {
                return Err(self.unexpected("')'"));
            }
        }
        if !self.accept("/")? {
            return Ok(form);
        }
        loop {
            self.form_word(&mut form)?;
            if !self.accept("-")? {
                return Ok(form);
            }
        }
    }

    /// Reads one of the words after the slash of a segment.
    fn form_word(&mut self, form: &mut Form) -> Result<(), SyntaxError> {
        let position = self.position;
        let word = self.atom("a segment's type")?;
        let kind = match word.as_str() {
            "integer" => Kind::Integer,
            "float" => Kind::Float,
            "binary" | "bytes" => Kind::Binary,
            "bitstring" | "bits" => Kind::Bits,
            "utf8" => Kind::Utf8,
            "utf16" => Kind::Utf16,
            "utf32" => Kind::Utf32,
            "big" | "signed" | "unsigned" => return Ok(()),
            "little" => {
                form.little = true;
                return Ok(());
            }
            "native" => {
                form.little = cfg!(target_endian = "little");
                return Ok(());
            }
            "unit" => {
                if !self.accept(":")? {
                    return Err(self.unexpected("':' and a unit"));
                }
                form.unit = Some(self.size("a unit")?);
                return Ok(());
            }
            _ => {
                let message = format!("{word} is no type of a segment");
                return Err(error(position, SyntaxErrorKind::Segment, message));
            }
        };
        if form.kind.is_some_and(|other| other != kind) {
            return Err(error(position, SyntaxErrorKind::Segment, "a segment has one type"));
        }
        form.kind = Some(kind);
        Ok(())
    }

    fn size(&mut self, what: &str) -> Result<usize, SyntaxError> {
        let Token::Integer(size) = &self.token else { return Err(self.unexpected(what)) };
        match usize::try_from(size) {
            Ok(size) => {
                self.bump()?;
                Ok(size)
            }
            Err(_) => Err(self.error(SyntaxErrorKind::TooLong, format!("{what} cannot be so large"))),
        }
    }
}
