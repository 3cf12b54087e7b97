//! Atoms: Erlang's names.

use alloc::sync::Arc;
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

/// An atom: a constant whose value is its own name.
///
/// The name is any Unicode text of at most [`Atom::MAX_CHARS`] characters. Clones are cheap: the text is shared, or
/// static. There is no atom table: an atom lives as long as its last owner, so foreign atoms cannot fill a table up.
///
/// Two atoms are equal when their names are; they order by their names' code points, as in Erlang.
#[derive(Clone)]
pub struct Atom(Repr);

impl Atom {
    /// The longest name, in characters (not bytes): the limit that Erlang sets.
    pub const MAX_CHARS: usize = 255;

    /// An atom from its name.
    ///
    /// # Errors
    /// [`AtomTooLong`] when the name has more than [`Atom::MAX_CHARS`] characters.
    pub fn new(name: &str) -> Result<Self, AtomTooLong> {
        if let Some(known) = well_known(name.as_bytes()) {
            return Ok(known);
        }
        if name.len() > Self::MAX_CHARS && name.chars().nth(Self::MAX_CHARS).is_some() {
            return Err(AtomTooLong);
        }
        Ok(Self(Repr::Shared(Arc::from(name))))
    }

    /// An atom from a literal, without allocation and usable in constants.
    ///
    /// # Panics
    /// When the literal has more than 255 bytes; in a constant that stops the build.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        assert!(name.len() <= Self::MAX_CHARS, "an atom has at most 255 characters");
        Self(Repr::Static(name))
    }

    /// The name, without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(name) => name,
            Repr::Shared(name) => name,
        }
    }
}

impl AsRef<str> for Atom {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Atom {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl TryFrom<&str> for Atom {
    type Error = AtomTooLong;

    fn try_from(name: &str) -> Result<Self, AtomTooLong> {
        Self::new(name)
    }
}

impl PartialEq for Atom {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Atom {}

impl PartialEq<str> for Atom {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Atom {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Atom {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Atom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// The atom as Erlang writes it: quoted where it must be.
impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::print::write_atom(f, self.as_str(), super::print::Charset::Unicode)
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A name had more than [`Atom::MAX_CHARS`] characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AtomTooLong;

impl fmt::Display for AtomTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an atom has at most {} characters", Atom::MAX_CHARS)
    }
}

impl core::error::Error for AtomTooLong {}

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
}

/// The atoms that nearly every call carries, so that they cost no allocation.
pub(super) fn well_known(name: &[u8]) -> Option<Atom> {
    let name = match name {
        b"mfa" => "mfa",
        b"answer" => "answer",
        b"ok" => "ok",
        b"true" => "true",
        b"false" => "false",
        b"error" => "error",
        b"undefined" => "undefined",
        b"erlang" => "erlang",
        b"lists" => "lists",
        b"exec_error" => "exec_error",
        b"exec_badrpc" => "exec_badrpc",
        b"EXIT" => "EXIT",
        b"badarg" => "badarg",
        b"undef" => "undef",
        _ => return None,
    };
    Some(Atom::from_static(name))
}
