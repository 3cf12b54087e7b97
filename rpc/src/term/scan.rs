//! Finding the end of a term that arrives in pieces, without its length in front.

use alloc::vec::Vec;

use super::decode::inflate::Inflater;
use super::{DecodeError, DecodeErrorKind, DecodeLimits, tag};

/// The length of the term at the start of `bytes`; `None` when it goes on after them.
///
/// For a stream that arrives in pieces there is [`Scanner`], which looks at each octet once.
///
/// # Errors
/// [`DecodeError`] as for [`Scanner::push`].
pub fn scan(bytes: &[u8], limits: &DecodeLimits) -> Result<Option<usize>, DecodeError> {
    Scanner::new(*limits).push(bytes)
}

/// Finds where a bare term ends in a stream of octets, looking at each octet once and keeping none.
///
/// A term in the External Term Format says where it ends, but only as it goes. The scanner follows its structure; it
/// refuses what cannot be followed and what exceeds the limits, and leaves the rest (text, floats, duplicate keys, the
/// number of atoms) to [`decode`](super::decode). Memory grows with the depth alone; a compressed term costs some
/// 50 KiB, since only inflating it shows where it ends.
///
/// After an error the scanner repeats the error: there is no telling where another term would start.
#[derive(Debug)]
pub struct Scanner {
    limits: DecodeLimits,
    /// Octets of the current term that were scanned.
    offset: usize,
    nodes: usize,
    /// How many of the expected things are containers.
    depth: usize,
    /// What must still come, innermost last; empty between terms.
    expected: Vec<Expected>,
    head: Head,
    /// Octets that need no look: text, digits, binaries.
    skip: usize,
    inflater: Option<Inflater>,
    failed: Option<DecodeError>,
}

impl Scanner {
    /// A scanner for terms within these limits.
    #[must_use]
    pub const fn new(limits: DecodeLimits) -> Self {
        Self {
            limits,
            offset: 0,
            nodes: 0,
            depth: 0,
            expected: Vec::new(),
            head: Head::EMPTY,
            skip: 0,
            inflater: None,
            failed: None,
        }
    }

    /// Looks at the next piece of the stream. `Some(used)` when the term ends after that many octets of the piece: the
    /// scanner is then ready for the next term, which starts there. `None` when all of the piece belongs to the term,
    /// which goes on.
    ///
    /// # Errors
    /// [`DecodeError`], with the offset counted from the start of the term.
    pub fn push(&mut self, piece: &[u8]) -> Result<Option<usize>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.scan(piece);
        self.failed = result.err();
        result
    }

    /// How many octets of the current, unfinished term were scanned so far; 0 between terms.
    #[must_use]
    pub const fn scanned(&self) -> usize {
        self.offset
    }

    fn scan(&mut self, piece: &[u8]) -> Result<Option<usize>, DecodeError> {
        let mut rest = piece;
        if rest.is_empty() {
            return Ok(None);
        }
        if self.offset == 0 {
            self.expected.push(Expected::Version);
        }
        while self.skip(&mut rest) {
            let Some(expected) = self.expected.last().copied() else {
                *self = Self::new(self.limits);
                return Ok(Some(piece.len() - rest.len()));
            };
            match expected {
                Expected::Terms(0) => {
                    self.expected.pop();
                    self.depth -= 1;
                }
                Expected::Octets(count) => {
                    self.check_room(count)?;
                    self.skip = count;
                    self.expected.pop();
                }
                Expected::Compressed if !self.inflate(&mut rest)? => break,
                Expected::Compressed => drop(self.expected.pop()),
                _ if !self.gather(&mut rest)? => break,
                _ => self.one()?,
            }
        }
        Ok(None)
    }

    /// Passes over what needs no look; `false` when the piece ends before that does.
    fn skip(&mut self, rest: &mut &[u8]) -> bool {
        let skipped = self.skip.min(rest.len());
        self.skip -= skipped;
        self.advance(rest, skipped);
        self.skip == 0
    }

    fn advance(&mut self, rest: &mut &[u8], by: usize) {
        self.offset += by;
        *rest = rest.get(by..).unwrap_or_default();
    }

    /// Gathers a tag and the lengths that belong to it; `false` when the piece ends before they do.
    fn gather(&mut self, rest: &mut &[u8]) -> Result<bool, DecodeError> {
        while self.head.len < self.head.wanted() {
            self.check_room(1)?;
            let Some(octet) = rest.first() else { return Ok(false) };
            self.head.push(*octet);
            self.advance(rest, 1);
        }
        Ok(true)
    }

    /// Takes note of what a complete head announces.
    fn one(&mut self) -> Result<(), DecodeError> {
        let head = core::mem::replace(&mut self.head, Head::EMPTY);
        let offset = self.offset - head.len;
        let found = head.tag();
        let expected = match self.expected.last_mut() {
            Some(Expected::Terms(left)) => {
                *left -= 1;
                Expected::Any
            }
            Some(Expected::List(0)) => return self.tail(&head, offset),
            Some(Expected::List(left)) => {
                *left -= 1;
                Expected::Any
            }
            _ => self.expected.pop().unwrap_or(Expected::Any),
        };
        let wrong = match expected {
            Expected::Version if found == tag::VERSION => {
                self.expected.push(Expected::First);
                return Ok(());
            }
            Expected::Version => DecodeErrorKind::Version(found),
            Expected::First if found == tag::COMPRESSED => return self.compressed(&head, offset),
            Expected::Atom if !tag::is_atom(found) => DecodeErrorKind::ExpectedAtom(found),
            Expected::Integer if !tag::is_integer(found) => DecodeErrorKind::ExpectedInteger(found),
            Expected::Pid if !matches!(found, tag::PID | tag::NEW_PID) => DecodeErrorKind::ExpectedPid(found),
            Expected::Atom | Expected::Integer | Expected::Pid => return self.term(&head, offset),
            _ => {
                self.count_nodes(1, offset)?;
                return self.term(&head, offset);
            }
        };
        Err(DecodeError::new(wrong, offset))
    }

    /// What follows the elements of a list: more of them, its end, or an improper tail.
    fn tail(&mut self, head: &Head, offset: usize) -> Result<(), DecodeError> {
        let list = match head.tag() {
            tag::LIST => Expected::List(self.count(head.u32(), 1, offset)?),
            tag::STRING => {
                self.skip = head.u16();
                self.count_nodes(self.skip, offset)?;
                Expected::Terms(0)
            }
            tag::NIL => Expected::Terms(0),
            _ => {
                self.expected.pop();
                self.expected.push(Expected::Terms(0));
                self.count_nodes(1, offset)?;
                return self.term(head, offset);
            }
        };
        self.expected.pop();
        self.expected.push(list);
        self.check_room(self.skip)
    }

    /// Any term but a list's tail.
    fn term(&mut self, head: &Head, offset: usize) -> Result<(), DecodeError> {
        match head.tag() {
            tag::SMALL_INTEGER => self.skip = 1,
            tag::INTEGER => self.skip = 4,
            tag::NEW_FLOAT => self.skip = 8,
            tag::FLOAT => self.skip = 31,
            tag::NIL => {}
            tag::SMALL_BIG => self.skip = head.u8() + 1,
            tag::SMALL_ATOM | tag::SMALL_ATOM_UTF8 => self.skip = head.u8(),
            tag::ATOM | tag::ATOM_UTF8 | tag::STRING => self.skip = head.u16(),
            tag::BINARY => self.skip = head.u32(),
            tag::LARGE_BIG | tag::BIT_BINARY => self.skip = head.u32().saturating_add(1),
            tag::SMALL_TUPLE => self.container(Expected::Terms(head.u8()), offset)?,
            tag::LARGE_TUPLE => self.container(Expected::Terms(self.count(head.u32(), 1, offset)?), offset)?,
            tag::MAP => self.container(Expected::Terms(2 * self.count(head.u32(), 2, offset)?), offset)?,
            tag::LIST => self.container(Expected::List(self.count(head.u32(), 1, offset)?), offset)?,
            tag::PID => self.expected.extend([Expected::Octets(9), Expected::Atom]),
            tag::NEW_PID | tag::V4_PORT => self.expected.extend([Expected::Octets(12), Expected::Atom]),
            tag::PORT | tag::REFERENCE => self.expected.extend([Expected::Octets(5), Expected::Atom]),
            tag::NEW_PORT => self.expected.extend([Expected::Octets(8), Expected::Atom]),
            tag::NEW_REFERENCE => self.expected.extend([Expected::Octets(1 + 4 * head.u16()), Expected::Atom]),
            tag::NEWER_REFERENCE => self.expected.extend([Expected::Octets(4 + 4 * head.u16()), Expected::Atom]),
            tag::EXPORT => self.expected.extend([Expected::Integer, Expected::Atom, Expected::Atom]),
            tag::NEW_FUN => {
                self.container(Expected::Terms(self.count(head.free_variables(), 1, offset)?), offset)?;
                self.expected.extend([Expected::Pid, Expected::Integer, Expected::Integer, Expected::Atom]);
            }
            found if tag::REFUSED.contains(&found) => {
                return Err(DecodeError::new(DecodeErrorKind::RefusedTag(found), offset));
            }
            found => return Err(DecodeError::new(DecodeErrorKind::UnknownTag(found), offset)),
        }
        self.check_room(self.skip)
    }

    fn container(&mut self, children: Expected, offset: usize) -> Result<(), DecodeError> {
        if matches!(children, Expected::Terms(0)) {
            return Ok(());
        }
        if self.depth >= self.limits.max_depth {
            return Err(DecodeError::new(DecodeErrorKind::TooDeep, offset));
        }
        self.depth += 1;
        self.expected.push(children);
        Ok(())
    }

    /// A number of things that take at least `each` octets apiece, refused when the limit cannot hold them.
    fn count(&self, count: usize, each: usize, offset: usize) -> Result<usize, DecodeError> {
        match count.checked_mul(each) {
            Some(least) if least <= self.limits.max_bytes => Ok(count),
            _ => Err(DecodeError::new(DecodeErrorKind::TooLong, offset)),
        }
    }

    fn compressed(&mut self, head: &Head, offset: usize) -> Result<(), DecodeError> {
        let announced = self.count(head.u32(), 1, offset)?;
        self.inflater = Some(Inflater::new(announced).map_err(|kind| DecodeError::new(kind, offset))?);
        self.expected.push(Expected::Compressed);
        Ok(())
    }

    /// Follows compressed data; `true` when it ends within the piece.
    fn inflate(&mut self, rest: &mut &[u8]) -> Result<bool, DecodeError> {
        let Some(inflater) = &mut self.inflater else { return Ok(true) };
        let room = self.limits.max_bytes.saturating_sub(self.offset);
        let within = rest.get(..room).unwrap_or(rest);
        let (used, ended) = inflater.push(within, &mut |_| {}).map_err(|kind| DecodeError::new(kind, self.offset))?;
        self.advance(rest, used);
        if !ended {
            self.check_room(1)?;
        }
        Ok(ended)
    }

    fn check_room(&self, octets: usize) -> Result<(), DecodeError> {
        if octets > self.limits.max_bytes.saturating_sub(self.offset) {
            return Err(DecodeError::new(DecodeErrorKind::TooLong, self.offset));
        }
        Ok(())
    }

    fn count_nodes(&mut self, count: usize, offset: usize) -> Result<(), DecodeError> {
        self.nodes = self.nodes.saturating_add(count);
        if self.nodes > self.limits.max_nodes {
            return Err(DecodeError::new(DecodeErrorKind::TooManyNodes, offset));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Expected {
    Version,
    /// The term itself, which alone may be compressed.
    First,
    /// One child that was already counted off.
    Any,
    Atom,
    Integer,
    Pid,
    /// So many octets that need no look.
    Octets(usize),
    Compressed,
    /// So many children of a container.
    Terms(usize),
    /// So many elements of a list, and then its tail.
    List(usize),
}

/// A tag and the lengths that belong to it, as far as they have come.
#[derive(Debug)]
struct Head {
    octets: [u8; Self::MAX],
    len: usize,
}

impl Head {
    /// That of `NEW_FUN_EXT`: tag, size, arity, uniq, index, number of free variables.
    const MAX: usize = 1 + 4 + 1 + 16 + 4 + 4;
    const EMPTY: Self = Self { octets: [0; Self::MAX], len: 0 };

    fn push(&mut self, octet: u8) {
        if let Some(place) = self.octets.get_mut(self.len) {
            *place = octet;
        }
        self.len += 1;
    }

    const fn tag(&self) -> u8 {
        let [tag, ..] = self.octets;
        tag
    }

    const fn u8(&self) -> usize {
        let [_, a, ..] = self.octets;
        a as usize
    }

    const fn u16(&self) -> usize {
        let [_, a, b, ..] = self.octets;
        u16::from_be_bytes([a, b]) as usize
    }

    const fn u32(&self) -> usize {
        let [_, a, b, c, d, ..] = self.octets;
        u32::from_be_bytes([a, b, c, d]) as usize
    }

    const fn free_variables(&self) -> usize {
        let [.., a, b, c, d] = self.octets;
        u32::from_be_bytes([a, b, c, d]) as usize
    }

    /// How long the whole head is, as far as its tag tells.
    const fn wanted(&self) -> usize {
        if self.len == 0 {
            return 1;
        }
        match self.tag() {
            tag::SMALL_BIG | tag::SMALL_ATOM | tag::SMALL_ATOM_UTF8 | tag::SMALL_TUPLE => 2,
            tag::ATOM | tag::ATOM_UTF8 | tag::STRING | tag::NEW_REFERENCE | tag::NEWER_REFERENCE => 3,
            tag::LARGE_BIG | tag::LARGE_TUPLE | tag::LIST | tag::MAP | tag::BINARY | tag::BIT_BINARY => 5,
            tag::COMPRESSED => 5,
            tag::NEW_FUN => Self::MAX,
            _ => 1,
        }
    }
}
