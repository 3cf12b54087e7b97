//! From terms to the External Term Format, straight into the output.

use alloc::format;
use alloc::vec::Vec;
use core::{fmt, slice};

use num_bigint::Sign;

use super::fun::Closure;
use super::value::NIL;
use super::{Atom, Elements, Integer, List, Map, Pid, Port, Reference, Term, tag};

/// Which release's `term_to_binary/1` to write like. They differ in how atoms are written; every release since OTP 20
/// reads both. Or the subset of the format that is BERT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Emit {
    /// Atoms in UTF-8 (`SMALL_ATOM_UTF8_EXT`, `ATOM_UTF8_EXT`), as since OTP 26.
    #[default]
    Otp26,
    /// Atoms in Latin-1 (`ATOM_EXT`) where that can express them, as up to OTP 25, and readable to the oldest.
    Otp25,
    /// The part of the format that [BERT](crate::bert) 1.0 is: tags 97 to 100 and 104 to 111. Atoms are in Latin-1, floats are text,
    /// lists of octets are lists, since readers disagree whether tag 107 is a list or octets. What BERT has no tag for is an
    /// [`EncodeError`].
    Bert,
}

/// Appends a term to `out` in the External Term Format, beginning with its version octet, 131.
///
/// # Errors
/// [`EncodeError`] when a part is longer than the format can say, or is what BERT cannot say; `out` is then as it was.
pub fn encode(term: &Term, emit: Emit, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    out.push(tag::VERSION);
    let mut encoder = Encoder { emit, out, open: Vec::new() };
    let result = encoder.run(term);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

impl Term {
    /// The term in the External Term Format, as OTP 26 and later write it; see [`encode`].
    ///
    /// # Errors
    /// [`EncodeError`] as for [`encode`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        encode(self, Emit::Otp26, &mut out)?;
        Ok(out)
    }
}

/// Why a term cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A part has more elements or octets than the format's 32 bits can say.
    TooLong,
    /// BERT has no such terms.
    NotBert(&'static str),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("a part of the term is longer than 32 bits can say"),
            Self::NotBert(what) => write!(f, "the term holds {what}, which BERT cannot say"),
        }
    }
}

impl core::error::Error for EncodeError {}

struct Encoder<'a, 'o> {
    emit: Emit,
    out: &'o mut Vec<u8>,
    /// The containers that are not finished, outermost first.
    open: Vec<Open<'a>>,
}

/// What is left of a container.
enum Open<'a> {
    Terms(slice::Iter<'a, Term>),
    List {
        elements: Elements<'a>,
        tail: Option<&'a Term>,
    },
    Map {
        entries: slice::Iter<'a, (Term, Term)>,
        value: Option<&'a Term>,
    },
    /// Free variables, and where the size of their fun is to be written.
    Fun {
        free: slice::Iter<'a, Term>,
        size_at: usize,
    },
}

impl<'a> Encoder<'a, '_> {
    fn run(&mut self, term: &'a Term) -> Result<(), EncodeError> {
        self.term(term)?;
        while let Some(open) = self.open.last_mut() {
            let next = match open {
                Open::Terms(terms) => terms.next(),
                Open::List { elements, tail } => elements.next().or_else(|| tail.take()),
                Open::Fun { free, .. } => free.next(),
                Open::Map { entries, value } => value.take().or_else(|| {
                    let (key, next) = entries.next()?;
                    *value = Some(next);
                    Some(key)
                }),
            };
            match next {
                Some(term) => self.term(term)?,
                None => self.close()?,
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), EncodeError> {
        if let Some(Open::Fun { size_at, .. }) = self.open.pop() {
            let size = length(self.out.len() - size_at)?; // which counts itself
            if let Some(place) = self.out.get_mut(size_at..).and_then(<[u8]>::first_chunk_mut) {
                *place = size;
            }
        }
        Ok(())
    }

    /// Writes a term up to its children.
    fn term(&mut self, term: &'a Term) -> Result<(), EncodeError> {
        if self.emit == Emit::Bert
            && let Some(what) = not_bert(term)
        {
            return Err(EncodeError::NotBert(what));
        }
        match term {
            Term::Integer(integer) => self.integer(integer)?,
            Term::Float(float) => self.float(float.get()),
            Term::Atom(atom) => self.atom(atom),
            Term::Tuple(tuple) => {
                let elements = tuple.as_slice();
                match u8::try_from(elements.len()) {
                    Ok(arity) => self.out.extend_from_slice(&[tag::SMALL_TUPLE, arity]),
                    Err(_) => self.tag_length(tag::LARGE_TUPLE, elements.len())?,
                }
                self.open.push(Open::Terms(elements.iter()));
            }
            Term::List(list) => self.list(list)?,
            Term::Binary(binary) => {
                self.tag_length(tag::BINARY, binary.as_bytes().len())?;
                self.out.extend_from_slice(binary.as_bytes());
            }
            Term::BitString(bits) => {
                self.tag_length(tag::BIT_BINARY, bits.as_bytes().len())?;
                self.out.push(bits.last_bits());
                self.out.extend_from_slice(bits.as_bytes());
            }
            Term::Map(map) => self.map(map)?,
            Term::Pid(pid) => self.pid(pid),
            Term::Port(port) => self.port(port),
            Term::Reference(reference) => self.reference(reference),
            Term::Fun(fun) => match (fun.as_external(), fun.as_closure()) {
                (Some((module, function, arity)), _) => {
                    self.out.push(tag::EXPORT);
                    self.atom(module);
                    self.atom(function);
                    self.integer(&arity.into())?;
                }
                (None, Some(closure)) => self.closure(closure)?,
                (None, None) => {}
            },
        }
        Ok(())
    }

    fn float(&mut self, value: f64) {
        if self.emit != Emit::Bert {
            self.out.push(tag::NEW_FLOAT);
            self.out.extend_from_slice(&value.to_be_bytes());
            return;
        }
        // "%.20e" as C prints it, and zeros up to 31 octets. Nothing is longer than -1.(20 digits)e-308.
        let text = format!("{value:.20e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        let text = format!("{digits}e{sign}{exponent:0>2}");
        self.out.push(tag::FLOAT);
        self.out.extend(text.bytes().chain(core::iter::repeat(0)).take(FLOAT_OCTETS));
    }

    fn integer(&mut self, integer: &Integer) -> Result<(), EncodeError> {
        let small = integer.to_i64();
        if let Some(octet) = integer.as_byte() {
            self.out.extend_from_slice(&[tag::SMALL_INTEGER, octet]);
        } else if let Some(value) = small.and_then(|value| i32::try_from(value).ok()) {
            self.out.push(tag::INTEGER);
            self.out.extend_from_slice(&value.to_be_bytes());
        } else if let Some(value) = small {
            self.big(value < 0, significant(&value.unsigned_abs().to_le_bytes()))?;
        } else if let Some(value) = integer.as_big() {
            let (sign, octets) = value.to_bytes_le();
            self.big(sign == Sign::Minus, &octets)?;
        }
        Ok(())
    }

    fn big(&mut self, negative: bool, magnitude: &[u8]) -> Result<(), EncodeError> {
        match u8::try_from(magnitude.len()) {
            Ok(len) => self.out.extend_from_slice(&[tag::SMALL_BIG, len]),
            Err(_) => self.tag_length(tag::LARGE_BIG, magnitude.len())?,
        }
        self.out.push(negative.into());
        self.out.extend_from_slice(magnitude);
        Ok(())
    }

    fn atom(&mut self, atom: &Atom) {
        let name = atom.as_str();
        if self.emit != Emit::Otp26 && is_latin1(name) {
            self.out.push(tag::ATOM);
            self.length16(name.chars().count());
            self.out.extend(name.chars().filter_map(|c| u8::try_from(c).ok()));
            return;
        }
        match u8::try_from(name.len()) {
            Ok(len) => self.out.extend_from_slice(&[tag::SMALL_ATOM_UTF8, len]),
            Err(_) => {
                self.out.push(tag::ATOM_UTF8);
                self.length16(name.len());
            }
        }
        self.out.extend_from_slice(name.as_bytes());
    }

    fn list(&mut self, list: &'a List) -> Result<(), EncodeError> {
        match list.as_bytes() {
            Some([]) => {
                self.out.push(tag::NIL);
                return Ok(());
            }
            Some(bytes) => {
                if let (Ok(len), false) = (u16::try_from(bytes.len()), self.emit == Emit::Bert) {
                    self.out.push(tag::STRING);
                    self.out.extend_from_slice(&len.to_be_bytes());
                    self.out.extend_from_slice(bytes);
                    return Ok(());
                }
                self.tag_length(tag::LIST, bytes.len())?;
                self.out.extend(bytes.iter().flat_map(|octet| [tag::SMALL_INTEGER, *octet]));
                self.out.push(tag::NIL);
                return Ok(());
            }
            None => {}
        }
        self.tag_length(tag::LIST, list.len())?;
        self.open.push(Open::List { elements: list.iter(), tail: Some(list.tail().unwrap_or(&NIL)) });
        Ok(())
    }

    fn map(&mut self, map: &'a Map) -> Result<(), EncodeError> {
        self.tag_length(tag::MAP, map.len())?;
        self.open.push(Open::Map { entries: map.as_slice().iter(), value: None });
        Ok(())
    }

    fn pid(&mut self, pid: &Pid) {
        self.out.push(tag::NEW_PID);
        self.atom(pid.node());
        self.out.extend([pid.id(), pid.serial(), pid.creation()].into_iter().flat_map(u32::to_be_bytes));
    }

    fn port(&mut self, port: &Port) {
        match u32::try_from(port.id()) {
            // Older nodes know 28 bits.
            Ok(id) if id < 1 << 28 => {
                self.out.push(tag::NEW_PORT);
                self.atom(port.node());
                self.out.extend_from_slice(&id.to_be_bytes());
            }
            _ => {
                self.out.push(tag::V4_PORT);
                self.atom(port.node());
                self.out.extend_from_slice(&port.id().to_be_bytes());
            }
        }
        self.out.extend_from_slice(&port.creation().to_be_bytes());
    }

    fn reference(&mut self, reference: &Reference) {
        self.out.push(tag::NEWER_REFERENCE);
        self.length16(reference.words().len());
        self.atom(reference.node());
        self.out.extend_from_slice(&reference.creation().to_be_bytes());
        self.out.extend(reference.words().iter().flat_map(|word| word.to_be_bytes()));
    }

    fn closure(&mut self, closure: &'a Closure) -> Result<(), EncodeError> {
        self.out.push(tag::NEW_FUN);
        let size_at = self.out.len();
        let head = &closure.head;
        self.out.extend_from_slice(&[0; 4]);
        self.out.push(head.arity);
        self.out.extend_from_slice(&head.uniq);
        self.out.extend_from_slice(&head.index.to_be_bytes());
        self.out.extend_from_slice(&length(closure.free.len())?);
        self.atom(&head.module);
        self.integer(&head.old_index)?;
        self.integer(&head.old_uniq)?;
        self.pid(&head.creator);
        self.open.push(Open::Fun { free: closure.free.iter(), size_at });
        Ok(())
    }

    fn tag_length(&mut self, tag: u8, len: usize) -> Result<(), EncodeError> {
        let len = length(len)?;
        self.out.push(tag);
        self.out.extend_from_slice(&len);
        Ok(())
    }

    /// A length that its type keeps far below 16 bits: of an atom, or the words of a reference.
    fn length16(&mut self, len: usize) {
        self.out.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
    }
}

fn length(len: usize) -> Result<[u8; 4], EncodeError> {
    u32::try_from(len).map(u32::to_be_bytes).map_err(|_| EncodeError::TooLong)
}

/// What a term is that BERT has no tag for.
fn not_bert(term: &Term) -> Option<&'static str> {
    Some(match term {
        Term::Atom(atom) if !is_latin1(atom.as_str()) => "an atom that is not Latin-1",
        Term::List(list) if list.tail().is_some() => "an improper list",
        Term::BitString(_) => "a bit string",
        Term::Map(_) => "a map",
        Term::Pid(_) => "a pid",
        Term::Port(_) => "a port",
        Term::Reference(_) => "a reference",
        Term::Fun(_) => "a fun",
        _ => return None,
    })
}

fn is_latin1(text: &str) -> bool {
    text.chars().all(|c| u8::try_from(c).is_ok())
}

/// The length of a float in text form.
const FLOAT_OCTETS: usize = 31;

/// Little-endian octets without the zeros at their high end.
fn significant(octets: &[u8]) -> &[u8] {
    let len = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    octets.get(..len).unwrap_or_default()
}
