//! Terms without other terms in them, apart from the atoms and integers that identifiers and funs are made of.

use alloc::collections::BTreeSet;
use alloc::string::String;

use num_bigint::{BigInt, Sign};

use super::reader::Reader;
use super::{DecodeError, DecodeErrorKind};
use crate::term::{Atom, Binary, BitString, DecodeLimits, Float, Fun, Integer, Pid, Port, Reference, Term, atom, tag};

pub(super) struct Leaves<'a, 'l> {
    pub(super) reader: Reader<'a>,
    pub(super) limits: &'l DecodeLimits,
    /// The atoms so far: to count the different ones, and to share their texts.
    atoms: BTreeSet<Atom>,
}

impl<'a, 'l> Leaves<'a, 'l> {
    pub(super) fn new(reader: Reader<'a>, limits: &'l DecodeLimits) -> Self {
        Self { reader, limits, atoms: BTreeSet::new() }
    }

    /// The term of a tag that was just read, unless the tag is a container's.
    pub(super) fn leaf(&mut self, found: u8) -> Result<Term, DecodeError> {
        Ok(match found {
            tag::SMALL_INTEGER | tag::INTEGER | tag::SMALL_BIG | tag::LARGE_BIG => self.integer(found)?.into(),
            tag::FLOAT | tag::NEW_FLOAT => self.float(found)?.into(),
            tag::ATOM | tag::SMALL_ATOM | tag::ATOM_UTF8 | tag::SMALL_ATOM_UTF8 => self.atom(found)?.into(),
            tag::BINARY => {
                let len = self.reader.count(1)?;
                Binary::from(self.reader.take(len)?).into()
            }
            tag::BIT_BINARY => self.bits()?,
            tag::PID | tag::NEW_PID => self.pid(found)?.into(),
            tag::PORT | tag::NEW_PORT | tag::V4_PORT => self.port(found)?.into(),
            tag::REFERENCE | tag::NEW_REFERENCE | tag::NEWER_REFERENCE => self.reference(found)?.into(),
            tag::EXPORT => {
                let module = self.expect_atom()?;
                let function = self.expect_atom()?;
                let offset = self.reader.offset();
                let arity = self.expect_integer()?;
                match u32::try_from(&arity) {
                    Ok(arity) => Fun::external(module, function, arity).into(),
                    Err(_) => return Reader::error(DecodeErrorKind::Arity, offset),
                }
            }
            _ if tag::REFUSED.contains(&found) => return self.wrong_tag(DecodeErrorKind::RefusedTag(found)),
            _ => return self.wrong_tag(DecodeErrorKind::UnknownTag(found)),
        })
    }

    pub(super) fn expect_atom(&mut self) -> Result<Atom, DecodeError> {
        match self.reader.u8()? {
            found @ (tag::ATOM | tag::SMALL_ATOM | tag::ATOM_UTF8 | tag::SMALL_ATOM_UTF8) => self.atom(found),
            found => self.wrong_tag(DecodeErrorKind::ExpectedAtom(found)),
        }
    }

    pub(super) fn expect_integer(&mut self) -> Result<Integer, DecodeError> {
        match self.reader.u8()? {
            found @ (tag::SMALL_INTEGER | tag::INTEGER | tag::SMALL_BIG | tag::LARGE_BIG) => self.integer(found),
            found => self.wrong_tag(DecodeErrorKind::ExpectedInteger(found)),
        }
    }

    pub(super) fn expect_pid(&mut self) -> Result<Pid, DecodeError> {
        match self.reader.u8()? {
            found @ (tag::PID | tag::NEW_PID) => self.pid(found),
            found => self.wrong_tag(DecodeErrorKind::ExpectedPid(found)),
        }
    }

    /// The error of the tag that was just read.
    fn wrong_tag<T>(&self, kind: DecodeErrorKind) -> Result<T, DecodeError> {
        Reader::error(kind, self.reader.offset() - 1)
    }

    fn integer(&mut self, found: u8) -> Result<Integer, DecodeError> {
        let offset = self.reader.offset();
        let len = match found {
            tag::SMALL_INTEGER => return Ok(Integer::from(self.reader.u8()?)),
            tag::INTEGER => return Ok(Integer::from(self.reader.array().map(i32::from_be_bytes)?)),
            tag::SMALL_BIG => usize::from(self.reader.u8()?),
            _ => self.reader.count(1)?,
        };
        let sign = self.reader.u8()?;
        let magnitude = self.reader.take(len)?;
        // Leading zeros are legal; they come last, the order being little-endian.
        let len = magnitude.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        let magnitude = magnitude.get(..len).unwrap_or_default();
        if len > self.limits.max_integer_bytes {
            return Reader::error(DecodeErrorKind::IntegerTooLong, offset);
        }
        if len <= 8 {
            let value = magnitude.iter().rev().fold(0_u64, |value, octet| value << 8 | u64::from(*octet));
            let value = i128::from(value);
            return Ok(Integer::from(if sign == 0 { value } else { -value }));
        }
        let sign = if sign == 0 { Sign::Plus } else { Sign::Minus };
        Ok(BigInt::from_bytes_le(sign, magnitude).into())
    }

    fn float(&mut self, found: u8) -> Result<Float, DecodeError> {
        let offset = self.reader.offset();
        let value = if found == tag::NEW_FLOAT {
            self.reader.array().map(f64::from_be_bytes)?
        } else {
            let text: [u8; 31] = self.reader.array()?;
            match float_from_text(&text) {
                Some(value) => value,
                None => return Reader::error(DecodeErrorKind::FloatText, offset),
            }
        };
        Float::new(value).map_err(|_| DecodeError::new(DecodeErrorKind::NotFinite, offset))
    }

    pub(super) fn atom(&mut self, found: u8) -> Result<Atom, DecodeError> {
        let offset = self.reader.offset();
        let len = match found {
            tag::SMALL_ATOM | tag::SMALL_ATOM_UTF8 => usize::from(self.reader.u8()?),
            _ => usize::from(self.reader.u16()?),
        };
        let text = self.reader.take(len)?;
        if let Some(known) = atom::well_known(text) {
            return Ok(known);
        }
        let latin1 = matches!(found, tag::ATOM | tag::SMALL_ATOM);
        let atom = if latin1 && !text.is_ascii() {
            let text: String = text.iter().copied().map(char::from).collect();
            self.shared_atom(&text)
        } else {
            match core::str::from_utf8(text) {
                Ok(text) => self.shared_atom(text),
                Err(_) => Err(DecodeErrorKind::AtomNotUtf8),
            }
        };
        atom.map_err(|kind| DecodeError::new(kind, offset))
    }

    fn shared_atom(&mut self, text: &str) -> Result<Atom, DecodeErrorKind> {
        if let Some(atom) = self.atoms.get(text) {
            return Ok(atom.clone());
        }
        let atom = Atom::new(text).map_err(|_| DecodeErrorKind::AtomTooLong)?;
        if self.atoms.len() >= self.limits.max_atoms {
            return Err(DecodeErrorKind::TooManyAtoms);
        }
        self.atoms.insert(atom.clone());
        Ok(atom)
    }

    fn bits(&mut self) -> Result<Term, DecodeError> {
        let len = self.reader.count(1)?;
        let offset = self.reader.offset();
        let bits = self.reader.u8()?;
        let bytes = self.reader.take(len)?;
        match bits {
            0 if len == 0 => Ok(Binary::default().into()),
            8 if len > 0 => Ok(Binary::from(bytes).into()),
            _ => match BitString::new(bytes, bits) {
                Ok(bits) => Ok(bits.into()),
                Err(_) => Reader::error(DecodeErrorKind::InvalidBits(bits), offset),
            },
        }
    }

    fn pid(&mut self, found: u8) -> Result<Pid, DecodeError> {
        let node = self.expect_atom()?;
        let id = self.reader.u32()?;
        let serial = self.reader.u32()?;
        let creation = if found == tag::PID { self.old_creation()? } else { self.reader.u32()? };
        Ok(Pid::new(node, id, serial, creation))
    }

    fn port(&mut self, found: u8) -> Result<Port, DecodeError> {
        let node = self.expect_atom()?;
        let id = if found == tag::V4_PORT {
            self.reader.array().map(u64::from_be_bytes)?
        } else {
            self.reader.u32()?.into()
        };
        let creation = if found == tag::PORT { self.old_creation()? } else { self.reader.u32()? };
        Ok(Port::new(node, id, creation))
    }

    fn reference(&mut self, found: u8) -> Result<Reference, DecodeError> {
        let offset = self.reader.offset();
        let count = if found == tag::REFERENCE { 1 } else { self.reader.u16()? };
        let wrong_length = DecodeError::new(DecodeErrorKind::ReferenceLength(count), offset);
        let mut words = [0; Reference::MAX_WORDS];
        let words = words.get_mut(..usize::from(count)).ok_or(wrong_length)?;
        let node = self.expect_atom()?;
        let mut creation = match found {
            tag::NEWER_REFERENCE => self.reader.u32()?,
            tag::NEW_REFERENCE => self.old_creation()?,
            _ => 0,
        };
        for (position, word) in words.iter_mut().enumerate() {
            let offset = self.reader.offset();
            *word = self.reader.u32()?;
            if position == 0 && found != tag::NEWER_REFERENCE && *word >= 1 << 18 {
                return Reader::error(DecodeErrorKind::ReferenceWord(*word), offset);
            }
        }
        if found == tag::REFERENCE {
            creation = self.old_creation()?;
        }
        Reference::new(node, creation, words).map_err(|_| wrong_length)
    }

    fn old_creation(&mut self) -> Result<u32, DecodeError> {
        let offset = self.reader.offset();
        match self.reader.u8()? {
            creation @ 0..=3 => Ok(creation.into()),
            creation => Reader::error(DecodeErrorKind::Creation(creation), offset),
        }
    }
}

/// `FLOAT_EXT`: digits, a point (or a comma), digits, perhaps an exponent, and a zero octet; what follows that is ignored.
fn float_from_text(text: &[u8; 31]) -> Option<f64> {
    let end = text.iter().position(|octet| *octet == 0)?;
    let text = core::str::from_utf8(text.get(..end)?).ok()?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, rest) = unsigned.split_once(['.', ','])?;
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (rest, "0"),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit());
    if !(digits(whole) && digits(fraction) && digits(exponent)) {
        return None;
    }
    text.replace(',', ".").parse().ok()
}
