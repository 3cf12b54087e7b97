//! Process identifiers, ports and references: names that only their node can use. They are carried and echoed.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::Atom;

/// A process identifier.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid(Arc<PidParts>);

impl Pid {
    /// A process identifier from its parts, as `NEW_PID_EXT` carries them.
    #[must_use]
    pub fn new(node: Atom, id: u32, serial: u32, creation: u32) -> Self {
        Self(Arc::new(PidParts { serial, id, node, creation }))
    }

    /// The node that the process runs on.
    #[must_use]
    pub fn node(&self) -> &Atom {
        &self.0.node
    }

    /// The number of the process: the second one in `<0.ID.SERIAL>`.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id
    }

    /// How often the numbers wrapped around: the third one in `<0.ID.SERIAL>`.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.0.serial
    }

    /// Which incarnation of the node it was.
    #[must_use]
    pub fn creation(&self) -> u32 {
        self.0.creation
    }
}

/// As the process's own node prints it: `<0.ID.SERIAL>`.
impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<0.{}.{}>", self.id(), self.serial())
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// Ordered as Erlang orders them: the numbers before the node.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct PidParts {
    serial: u32,
    id: u32,
    node: Atom,
    creation: u32,
}

/// A port.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Port(Arc<PortParts>);

impl Port {
    /// A port from its parts, as `V4_PORT_EXT` carries them.
    #[must_use]
    pub fn new(node: Atom, id: u64, creation: u32) -> Self {
        Self(Arc::new(PortParts { id, node, creation }))
    }

    /// The node that the port belongs to.
    #[must_use]
    pub fn node(&self) -> &Atom {
        &self.0.node
    }

    /// The number of the port.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Which incarnation of the node it was.
    #[must_use]
    pub fn creation(&self) -> u32 {
        self.0.creation
    }
}

/// As the port's own node prints it: `#Port<0.ID>`.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Port<0.{}>", self.id())
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct PortParts {
    id: u64,
    node: Atom,
    creation: u32,
}

/// A reference.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference(Arc<ReferenceParts>);

impl Reference {
    /// The most words that a reference has.
    pub const MAX_WORDS: usize = 5;

    /// A reference from its parts, as `NEWER_REFERENCE_EXT` carries them.
    ///
    /// # Errors
    /// [`InvalidReference`] unless there are 1 to [`Reference::MAX_WORDS`] words.
    pub fn new(node: Atom, creation: u32, words: &[u32]) -> Result<Self, InvalidReference> {
        if words.is_empty() || words.len() > Self::MAX_WORDS {
            return Err(InvalidReference);
        }
        Ok(Self(Arc::new(ReferenceParts { node, creation, words: words.to_vec() })))
    }

    /// A reference of three words, as Erlang's nodes make them.
    #[cfg(feature = "std")]
    pub(crate) fn of_three(node: Atom, creation: u32, words: [u32; 3]) -> Self {
        Self(Arc::new(ReferenceParts { node, creation, words: words.to_vec() }))
    }

    /// The node that made the reference.
    #[must_use]
    pub fn node(&self) -> &Atom {
        &self.0.node
    }

    /// The words of the reference, in the order of the external format, which is the reverse of the printed one.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.0.words
    }

    /// Which incarnation of the node it was.
    #[must_use]
    pub fn creation(&self) -> u32 {
        self.0.creation
    }
}

/// As the reference's own node prints it: `#Ref<0.W3.W2.W1>`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("#Ref<0")?;
        for word in self.words().iter().rev() {
            write!(f, ".{word}")?;
        }
        f.write_str(">")
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A reference needs 1 to [`Reference::MAX_WORDS`] words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidReference;

impl fmt::Display for InvalidReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a reference has 1 to {} words", Reference::MAX_WORDS)
    }
}

impl core::error::Error for InvalidReference {}

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct ReferenceParts {
    node: Atom,
    creation: u32,
    words: Vec<u32>,
}
