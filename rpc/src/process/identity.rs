//! Names that only this node gives: pids and references.

use core::hash::{BuildHasher, Hasher};
use std::hash::RandomState;

use crate::term::{Atom, Pid, Reference};

/// Gives out pids and references, each once.
pub(super) struct Identities {
    pub(super) node: Atom,
    pub(super) creation: u32,
    pids: u64,
    references: u64,
}

/// The bits of a pid's number: as many as Erlang's own nodes use. What is above counts in its serial.
const ID_BITS: u32 = 28;
/// Creations below are wildcards, or of nodes from when there were only three.
const LEAST_CREATION: u32 = 4;

impl Identities {
    /// Those of a new incarnation of a node.
    pub(super) fn new(node: Atom) -> Self {
        // Hash maps have keys that differ from one to the next, from randomness of the operating system: enough to tell
        // two incarnations apart, which is all that a creation is for.
        let random = RandomState::new().build_hasher().finish();
        let creation = u32::try_from(random >> 32).unwrap_or_default().max(LEAST_CREATION);
        Self { node, creation, pids: 0, references: 0 }
    }

    /// `<0.ID.SERIAL>`: 2^60 of them before one comes again.
    #[expect(clippy::cast_possible_truncation, reason = "the bits are masked, or meant to wrap")]
    pub(super) fn pid(&mut self) -> Pid {
        self.pids = self.pids.wrapping_add(1);
        let id = self.pids & ((1 << ID_BITS) - 1);
        Pid::new(self.node.clone(), id as u32, (self.pids >> ID_BITS) as u32, self.creation)
    }

    /// `#Ref<0.W3.W2.W1>`. The first word has 18 bits, which is all that nodes before OTP 24 take.
    #[expect(clippy::cast_possible_truncation, reason = "the bits are masked, or shifted into range")]
    pub(super) fn reference(&mut self) -> Reference {
        self.references = self.references.wrapping_add(1);
        let count = self.references;
        let words = [(count & 0x3_ffff) as u32, (count >> 18) as u32, (count >> 50) as u32];
        Reference::of_three(self.node.clone(), self.creation, words)
    }
}
