//! What can be wrong with encoded terms.

use core::fmt;

/// Why octets are not an acceptable term, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// The offset in the input, in octets, of what is wrong: of a tag, or of the length or content that cannot be.
    ///
    /// For an error within a compressed term it is the offset of the compressed data, since what is inflated has no
    /// place in the input.
    pub offset: usize,
}

/// What can be wrong with an encoded term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input ends within the term: more input may complete it.
    Truncated,
    /// A count or length is larger than what the rest of the input can hold.
    CountExceedsInput {
        /// The announced number of elements.
        count: usize,
        /// The octets that are left.
        left: usize,
    },
    /// The first octet is not 131.
    Version(u8),
    /// No term starts with this octet.
    UnknownTag(u8),
    /// The tag belongs to distribution connections, or to older releases, and is never accepted.
    RefusedTag(u8),
    /// An atom was expected here.
    ExpectedAtom(u8),
    /// A small integer was expected here.
    ExpectedInteger(u8),
    /// A process identifier was expected here.
    ExpectedPid(u8),
    /// An atom's text is not UTF-8.
    AtomNotUtf8,
    /// An atom has more than 255 characters.
    AtomTooLong,
    /// A float is infinite or not a number.
    NotFinite,
    /// A float in text form is not a number.
    FloatText,
    /// A bit string uses a number of bits of its last octet that cannot be.
    InvalidBits(u8),
    /// A reference has no words, or more than five.
    ReferenceLength(u16),
    /// The first word of a reference in the older form has more than 18 bits.
    ReferenceWord(u32),
    /// The creation of an identifier in the older form is above 3.
    Creation(u8),
    /// A function's arity cannot be.
    Arity,
    /// A key occurs twice in a map.
    DuplicateKey,
    /// Compressed data is corrupt.
    Corrupt,
    /// Compressed data does not inflate to the announced length.
    InflatedLength {
        /// The announced length in octets.
        announced: usize,
    },
    /// Compressed data inflates as announced, and ends within the term.
    InflatedTruncated,
    /// Compressed terms are not supported by this build.
    CompressionUnsupported,
    /// The term is longer than [`max_bytes`](super::super::DecodeLimits::max_bytes), or inflates to more.
    TooLong,
    /// Containers nest deeper than [`max_depth`](super::super::DecodeLimits::max_depth).
    TooDeep,
    /// There are more terms than [`max_nodes`](super::super::DecodeLimits::max_nodes).
    TooManyNodes,
    /// There are more different atoms than [`max_atoms`](super::super::DecodeLimits::max_atoms).
    TooManyAtoms,
    /// An integer is longer than [`max_integer_bytes`](super::super::DecodeLimits::max_integer_bytes).
    IntegerTooLong,
    /// Octets follow the term.
    TrailingBytes,
}

impl DecodeError {
    pub(crate) const fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// Whether the input is right as far as it goes, and more of it may complete the term.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        matches!(self.kind, DecodeErrorKind::Truncated)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.kind, self.offset)
    }
}

impl core::error::Error for DecodeError {}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the input ends within the term"),
            Self::CountExceedsInput { count, left } => {
                write!(f, "{count} elements or octets are announced and only {left} octets are left")
            }
            Self::Version(octet) => write!(f, "a term starts with 131, not with {octet}"),
            Self::UnknownTag(tag) => write!(f, "unknown tag {tag}"),
            Self::RefusedTag(tag) => write!(f, "tag {tag} is not accepted outside distribution connections"),
            Self::ExpectedAtom(tag) => write!(f, "expected an atom, found tag {tag}"),
            Self::ExpectedInteger(tag) => write!(f, "expected a small integer, found tag {tag}"),
            Self::ExpectedPid(tag) => write!(f, "expected a process identifier, found tag {tag}"),
            Self::AtomNotUtf8 => f.write_str("an atom is not UTF-8"),
            Self::AtomTooLong => f.write_str("an atom has more than 255 characters"),
            Self::NotFinite => f.write_str("a float is not finite"),
            Self::FloatText => f.write_str("a float in text form is not a number"),
            Self::InvalidBits(bits) => write!(f, "a bit string cannot use {bits} bits of its last octet"),
            Self::ReferenceLength(words) => write!(f, "a reference has 1 to 5 words, not {words}"),
            Self::ReferenceWord(word) => write!(f, "the first word of an old reference has 18 bits: {word}"),
            Self::Creation(creation) => write!(f, "the creation of an old identifier is 0 to 3, not {creation}"),
            Self::Arity => f.write_str("a function cannot have this arity"),
            Self::DuplicateKey => f.write_str("a key occurs twice in a map"),
            Self::Corrupt => f.write_str("compressed data is corrupt"),
            Self::InflatedLength { announced } => write!(f, "compressed data does not inflate to {announced} octets"),
            Self::InflatedTruncated => f.write_str("the inflated data ends within the term"),
            Self::CompressionUnsupported => f.write_str("compressed terms are not supported by this build"),
            Self::TooLong => f.write_str("the term is too long"),
            Self::TooDeep => f.write_str("the term is nested too deeply"),
            Self::TooManyNodes => f.write_str("the term has too many elements"),
            Self::TooManyAtoms => f.write_str("the term has too many different atoms"),
            Self::IntegerTooLong => f.write_str("an integer is too large"),
            Self::TrailingBytes => f.write_str("octets follow the term"),
        }
    }
}
