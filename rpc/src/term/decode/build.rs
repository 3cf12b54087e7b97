//! Containers, put together with a stack in memory.

use alloc::vec::Vec;

use super::leaf::Leaves;
use super::reader::Reader;
use super::{DecodeError, DecodeErrorKind};
use crate::term::fun::{Closure, ClosureHead};
use crate::term::{DecodeLimits, Fun, List, Map, Term, tag};

pub(super) struct Builder<'a, 'l> {
    leaves: Leaves<'a, 'l>,
    nodes: usize,
    /// Finished terms whose container is not finished.
    values: Vec<Term>,
    /// The containers that are not finished, outermost first.
    open: Vec<Open>,
}

/// A container that waits for `left` more terms.
struct Open {
    kind: Kind,
    left: usize,
    /// How many of the finished terms were there before it.
    start: usize,
    /// Of its tag.
    offset: usize,
}

enum Kind {
    Tuple,
    Map,
    /// After its elements, a list waits for its tail, which may turn out to be more elements.
    List,
    /// The term being read is the tail, and no list.
    Tail,
    Fun(ClosureHead),
}

impl<'a, 'l> Builder<'a, 'l> {
    pub(super) fn new(reader: Reader<'a>, limits: &'l DecodeLimits) -> Self {
        Self { leaves: Leaves::new(reader, limits), nodes: 0, values: Vec::new(), open: Vec::new() }
    }

    pub(super) const fn offset(&self) -> usize {
        self.leaves.reader.offset()
    }

    /// Reads one term.
    pub(super) fn term(&mut self) -> Result<Term, DecodeError> {
        loop {
            let waits_for_tail = matches!(self.open.last(), Some(Open { kind: Kind::List, left: 0, .. }));
            if !(waits_for_tail && self.tail()?) {
                self.value()?;
            }
            while let Some(open) = self.open.last_mut() {
                if open.left > 0 || matches!(open.kind, Kind::List) {
                    break;
                }
                self.close()?;
            }
            if self.open.is_empty()
                && let Some(term) = self.values.pop()
            {
                return Ok(term);
            }
        }
    }

    /// Reads a term without its children. A leaf is added to the finished terms, a container to the open ones.
    fn value(&mut self) -> Result<(), DecodeError> {
        let offset = self.offset();
        self.count_nodes(1, offset)?;
        if let Some(open) = self.open.last_mut() {
            open.left = open.left.saturating_sub(1);
        }
        let reader = &mut self.leaves.reader;
        let value = match reader.u8()? {
            tag::SMALL_TUPLE => {
                let count = usize::from(reader.u8()?);
                let count = reader.check_count(count, 1, offset + 1)?;
                return self.open(Kind::Tuple, count, offset);
            }
            tag::LARGE_TUPLE => {
                let count = reader.count(1)?;
                return self.open(Kind::Tuple, count, offset);
            }
            tag::MAP => {
                let count = reader.count(2)?;
                return self.open(Kind::Map, 2 * count, offset);
            }
            tag::LIST => {
                let count = reader.count(1)?;
                return self.open(Kind::List, count, offset);
            }
            tag::NEW_FUN => {
                let (head, count) = self.fun_head()?;
                return self.open(Kind::Fun(head), count, offset);
            }
            tag::NIL => Term::NIL,
            tag::STRING => {
                let len = usize::from(reader.u16()?);
                Term::List(List::from_bytes(reader.take(len)?))
            }
            found => self.leaves.leaf(found)?,
        };
        self.values.push(value);
        Ok(())
    }

    /// Reads what may follow the elements of a list: `true` when it was read, `false` when it is an improper tail.
    ///
    /// Whether a list is written as one or as a chain of tails, it is one list, one level deep.
    fn tail(&mut self) -> Result<bool, DecodeError> {
        let offset = self.offset();
        let reader = &mut self.leaves.reader;
        let more = match reader.rest().first() {
            Some(&tag::NIL) => {
                reader.u8()?;
                self.close()?;
                return Ok(true);
            }
            Some(&tag::STRING) => {
                reader.u8()?;
                let len = usize::from(reader.u16()?);
                let bytes = reader.take(len)?;
                self.values.extend(bytes.iter().map(|octet| Term::from(*octet)));
                self.count_nodes(len, offset)?;
                self.close()?;
                return Ok(true);
            }
            Some(&tag::LIST) => {
                reader.u8()?;
                Some(reader.count(1)?)
            }
            _ => None,
        };
        if let Some(list) = self.open.last_mut() {
            match more {
                Some(more) => list.left = more,
                None => list.kind = Kind::Tail,
            }
        }
        Ok(more.is_some())
    }

    fn open(&mut self, kind: Kind, left: usize, offset: usize) -> Result<(), DecodeError> {
        if (left > 0 || matches!(kind, Kind::List)) && self.open.len() >= self.leaves.limits.max_depth {
            return Reader::error(DecodeErrorKind::TooDeep, offset);
        }
        self.open.push(Open { kind, left, start: self.values.len(), offset });
        Ok(())
    }

    /// Makes a term of the innermost open container, whose children are all there.
    fn close(&mut self) -> Result<(), DecodeError> {
        let Some(Open { kind, start, offset, .. }) = self.open.pop() else { return Ok(()) };
        let start = start.min(self.values.len());
        let term = match kind {
            Kind::Tuple => Term::Tuple(self.values.drain(start..).collect()),
            Kind::Map => {
                let mut entries = Vec::with_capacity((self.values.len() - start) / 2);
                let mut children = self.values.drain(start..);
                while let (Some(key), Some(value)) = (children.next(), children.next()) {
                    entries.push((key, value));
                }
                drop(children);
                match Map::from_entries(entries) {
                    Ok(map) => Term::Map(map),
                    Err(_) => return Reader::error(DecodeErrorKind::DuplicateKey, offset),
                }
            }
            Kind::List => Term::List(List::take_from(&mut self.values, start)),
            Kind::Tail => {
                let tail = self.values.pop().unwrap_or_default();
                List::with_tail(self.values.split_off(start), tail)
            }
            Kind::Fun(head) => {
                let free = self.values.split_off(start);
                Term::Fun(Fun::closure(Closure { head, free }))
            }
        };
        self.values.push(term);
        Ok(())
    }

    /// `NEW_FUN_EXT` up to its free variables, and how many these are. Erlang ignores the size in front; so do we.
    fn fun_head(&mut self) -> Result<(ClosureHead, usize), DecodeError> {
        let reader = &mut self.leaves.reader;
        reader.u32()?;
        let arity = reader.u8()?;
        let uniq = reader.array()?;
        let index = reader.u32()?;
        let free = reader.count(1)?;
        let module = self.leaves.expect_atom()?;
        let old_index = self.leaves.expect_integer()?;
        let old_uniq = self.leaves.expect_integer()?;
        let creator = self.leaves.expect_pid()?;
        Ok((ClosureHead { module, old_index, old_uniq, arity, uniq, index, creator }, free))
    }

    fn count_nodes(&mut self, count: usize, offset: usize) -> Result<(), DecodeError> {
        self.nodes = self.nodes.saturating_add(count);
        if self.nodes > self.leaves.limits.max_nodes {
            return Reader::error(DecodeErrorKind::TooManyNodes, offset);
        }
        Ok(())
    }
}
