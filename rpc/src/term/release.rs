//! Dropping without recursion: a term may be nested a million deep, the stack may not.

use alloc::vec::Vec;
use core::mem;

use super::Term;

/// A container that can hand its children over before it is dropped.
pub(super) trait Release {
    /// Moves those children that are containers to `pending`, when nobody else shares them.
    fn release(&mut self, pending: &mut Vec<Term>);
}

/// The body of a container's `Drop`: takes it apart level by level, in memory of the heap.
///
/// When two threads drop the last two owners at once, each may find the other's share and leave the children to the
/// ordinary drop of whoever is last. That recurses by one level, and each child comes here again.
pub(super) fn release(container: &mut impl Release) {
    let mut pending = Vec::new();
    container.release(&mut pending);
    while let Some(mut term) = pending.pop() {
        match &mut term {
            Term::Tuple(tuple) => tuple.release(&mut pending),
            Term::List(list) => list.release(&mut pending),
            Term::Map(map) => map.release(&mut pending),
            Term::Fun(fun) => fun.release(&mut pending),
            _ => {}
        }
        // What is dropped here has no containers left in it, so its own release finds nothing to do.
    }
}

/// Moves the containers among `terms` to `pending`, leaving `[]` in their places.
pub(super) fn take_containers<'a>(terms: impl IntoIterator<Item = &'a mut Term>, pending: &mut Vec<Term>) {
    for term in terms {
        if matches!(term, Term::Tuple(_) | Term::List(_) | Term::Map(_) | Term::Fun(_)) {
            pending.push(mem::take(term));
        }
    }
}
