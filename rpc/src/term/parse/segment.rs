//! The segments of a binary: values with sizes and types.

use alloc::string::String;
use alloc::vec::Vec;

use crate::term::{BitString, Float, Integer, Term};

/// How many bits of binaries one text may ask for, all of them together: a few characters can ask for any size.
pub(super) const MAX_BITS: usize = 8 * (64 << 20);

/// Bits being put together, high ones first.
#[derive(Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits used of the last octet; 0 when all are.
    partial: u8,
    /// How many bits there may be.
    most: usize,
}

/// What a segment says after its value.
#[derive(Default)]
pub(super) struct Form {
    pub(super) size: Option<usize>,
    pub(super) kind: Option<Kind>,
    pub(super) little: bool,
    pub(super) unit: Option<usize>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Integer,
    Float,
    Binary,
    Bits,
    Utf8,
    Utf16,
    Utf32,
}

/// A value that a segment may have.
pub(super) enum Value {
    Integer(Integer),
    Float(Float),
    /// Text stands for a segment a character.
    Text(String),
    Bits(Term),
}

/// Why a segment cannot be built.
pub(super) enum Refusal {
    TooLong,
    /// A sentence about it.
    Because(&'static str),
}

impl Bits {
    /// Adds a segment, and takes its bits out of `left`.
    pub(super) fn segment(&mut self, value: &Value, form: &Form, left: &mut usize) -> Result<(), Refusal> {
        self.most = self.len().saturating_add(*left);
        let added = self.add(value, form);
        *left = self.most.saturating_sub(self.len());
        added
    }

    /// In whole octets.
    fn len(&self) -> usize {
        self.bytes.len().saturating_mul(8)
    }

    fn add(&mut self, value: &Value, form: &Form) -> Result<(), Refusal> {
        if form.unit.is_some() && form.size.is_none() && !matches!(form.kind, Some(Kind::Binary | Kind::Bits)) {
            return Err(Refusal::Because("a unit without a size is for binaries"));
        }
        if form.unit.is_some_and(|unit| !(1..=256).contains(&unit)) {
            return Err(Refusal::Because("a unit is 1 to 256"));
        }
        match value {
            Value::Text(text) => text.chars().try_for_each(|c| self.number(&Integer::from(u32::from(c)), form)),
            Value::Integer(integer) => self.number(integer, form),
            Value::Float(float) => match form.kind {
                Some(Kind::Float) => self.float(float.get(), form),
                _ => Err(Refusal::Because("a float in a binary needs the type float, as in <<1.5/float>>")),
            },
            Value::Bits(bits) => self.bits(bits, form),
        }
    }

    pub(super) fn finish(mut self) -> Term {
        match self.partial {
            0 => Term::binary(core::mem::take(&mut self.bytes)),
            bits => BitString::new(&self.bytes, bits).map_or_else(|_| Term::binary(Vec::new()), Term::BitString),
        }
    }

    fn number(&mut self, integer: &Integer, form: &Form) -> Result<(), Refusal> {
        let character = || {
            let code = integer.to_u64().and_then(|code| u32::try_from(code).ok());
            code.and_then(char::from_u32).ok_or(Refusal::Because("this is no Unicode character"))
        };
        match form.kind {
            None | Some(Kind::Integer) => {
                let size = self.room(form.size.unwrap_or(8), form.unit.unwrap_or(1))?;
                self.integer(integer, size, form.little);
            }
            Some(Kind::Float) => {
                let value = integer.to_i64().ok_or(Refusal::Because("the integer is too large for a float"))?;
                #[expect(clippy::cast_precision_loss, reason = "as Erlang rounds integers in float segments")]
                return self.float(value as f64, form);
            }
            Some(Kind::Binary | Kind::Bits) => {
                return Err(Refusal::Because("a segment of this type needs a binary, as in <<(<<1>>)/binary>>"));
            }
            Some(Kind::Utf8) => {
                self.plain(form)?;
                self.append(character()?.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Some(Kind::Utf16) => {
                self.plain(form)?;
                for unit in character()?.encode_utf16(&mut [0; 2]) {
                    self.append(&if form.little { unit.to_le_bytes() } else { unit.to_be_bytes() });
                }
            }
            Some(Kind::Utf32) => {
                self.plain(form)?;
                let code = u32::from(character()?);
                self.append(&if form.little { code.to_le_bytes() } else { code.to_be_bytes() });
            }
        }
        Ok(())
    }

    /// Checks that a UTF segment has neither size nor unit.
    fn plain(&self, form: &Form) -> Result<(), Refusal> {
        if form.size.is_some() || form.unit.is_some() {
            return Err(Refusal::Because("a segment of a UTF type has neither size nor unit"));
        }
        self.room(32, 1).map(drop)
    }

    fn float(&mut self, value: f64, form: &Form) -> Result<(), Refusal> {
        let octets = match self.room(form.size.unwrap_or(64), form.unit.unwrap_or(1))? {
            64 => value.to_be_bytes().to_vec(),
            32 => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "rounding to single precision is what is asked for"
                )]
                let single = value as f32;
                if !single.is_finite() {
                    return Err(Refusal::Because("the float is too large for 32 bits"));
                }
                single.to_be_bytes().to_vec()
            }
            _ => return Err(Refusal::Because("a float segment has 32 or 64 bits")),
        };
        let octets = if form.little { octets.into_iter().rev().collect() } else { octets };
        self.append(&octets);
        Ok(())
    }

    fn bits(&mut self, bits: &Term, form: &Form) -> Result<(), Refusal> {
        let (bytes, last_bits) = match bits {
            Term::Binary(binary) => (binary.as_bytes(), 8),
            Term::BitString(bits) => (bits.as_bytes(), bits.last_bits()),
            _ => return Err(Refusal::Because("a segment is a number, a string or a binary")),
        };
        let len = (bytes.len() * 8).saturating_sub(8 - usize::from(last_bits));
        let len = if bytes.is_empty() { 0 } else { len };
        let unit = match form.kind {
            Some(Kind::Binary) => form.unit.unwrap_or(8),
            Some(Kind::Bits) if form.unit.is_some_and(|unit| unit != 1) => {
                return Err(Refusal::Because("the unit of the type bits is 1; that of binary may differ"));
            }
            Some(Kind::Bits) => 1,
            _ => return Err(Refusal::Because("a binary in a binary needs the type binary, as in <<(<<1>>)/binary>>")),
        };
        let wanted = match form.size {
            Some(size) => size.saturating_mul(unit),
            None if len % unit.max(1) == 0 => len,
            None => return Err(Refusal::Because("the binary's length is no multiple of the segment's unit")),
        };
        if wanted > len {
            return Err(Refusal::Because("the binary is shorter than the segment's size"));
        }
        self.room(wanted, 1)?;
        self.append(bytes.get(..wanted / 8).unwrap_or_default());
        if let (rest @ 1..=7, Some(last)) = (wanted % 8, bytes.get(wanted / 8)) {
            self.push_bits(last >> (8 - rest), u8::try_from(rest).unwrap_or(8));
        }
        Ok(())
    }

    /// The size in bits of a segment, when there is room for it.
    fn room(&self, size: usize, unit: usize) -> Result<usize, Refusal> {
        let size = size.saturating_mul(unit);
        if size > self.most.saturating_sub(self.len()) {
            return Err(Refusal::TooLong);
        }
        Ok(size)
    }

    /// The low `size` bits of an integer in two's complement.
    fn integer(&mut self, integer: &Integer, size: usize, little: bool) {
        let rest = u8::try_from(size % 8).unwrap_or(0);
        let mut octets = match integer.to_i64() {
            Some(small) => small.to_le_bytes().to_vec(),
            None => integer.to_bigint().to_signed_bytes_le(),
        };
        let negative = octets.last().is_some_and(|last| *last >= 0x80);
        octets.resize(size.div_ceil(8), if negative { 0xff } else { 0 });
        // The octet with the high bits is the partial one, wherever it goes.
        let high = if rest > 0 { octets.pop() } else { None };
        if little {
            self.append(&octets);
        }
        if let Some(high) = high {
            self.push_bits(high, rest);
        }
        if !little {
            octets.reverse();
            self.append(&octets);
        }
    }

    fn append(&mut self, octets: &[u8]) {
        if self.partial == 0 {
            self.bytes.extend_from_slice(octets);
            return;
        }
        let used = self.partial;
        let mut last = self.bytes.pop().unwrap_or_default();
        self.bytes.extend(octets.iter().map(|octet| {
            let whole = last | octet >> used;
            last = octet << (8 - used);
            whole
        }));
        self.bytes.push(last);
    }

    /// Appends the low `count` bits of an octet, 1 to 8.
    fn push_bits(&mut self, octet: u8, count: u8) {
        let aligned = octet << (8 - count);
        let used = self.partial;
        if used == 0 {
            self.bytes.push(aligned);
        } else {
            if let Some(last) = self.bytes.last_mut() {
                *last |= aligned >> used;
            }
            if used + count > 8 {
                self.bytes.push(aligned << (8 - used));
            }
        }
        self.partial = (used + count) % 8;
    }
}
