use core::fmt;

use super::{Mpint, NameList};

/// Reads fields one after another from the bytes of one message or blob.
///
/// Each method takes the name of the field, in the words of the RFC, so that an error can say where it stopped.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// `byte`.
    ///
    /// # Errors
    /// When no byte is left.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, InvalidMessage> {
        let (&first, rest) = self.rest.split_first().ok_or_else(|| InvalidMessage::truncated(field))?;
        self.rest = rest;
        Ok(first)
    }

    /// `boolean`: zero is false, everything else is true.
    ///
    /// # Errors
    /// When no byte is left.
    pub fn boolean(&mut self, field: &'static str) -> Result<bool, InvalidMessage> {
        Ok(self.u8(field)? != 0)
    }

    /// `uint32`.
    ///
    /// # Errors
    /// When fewer than four bytes are left.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, InvalidMessage> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// `uint64`.
    ///
    /// # Errors
    /// When fewer than eight bytes are left.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, InvalidMessage> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// `byte[N]`.
    ///
    /// # Errors
    /// When fewer than `N` bytes are left.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], InvalidMessage> {
        let (head, rest) = self.rest.split_first_chunk().ok_or_else(|| InvalidMessage::truncated(field))?;
        self.rest = rest;
        Ok(*head)
    }

    /// `string`: the bytes without their length.
    ///
    /// # Errors
    /// When the announced length is larger than what is left.
    pub fn string(&mut self, field: &'static str) -> Result<&'a [u8], InvalidMessage> {
        let length = self.u32(field)?;
        let length = usize::try_from(length).map_err(|_| InvalidMessage::truncated(field))?;
        let (head, rest) = self.rest.split_at_checked(length).ok_or_else(|| InvalidMessage::truncated(field))?;
        self.rest = rest;
        Ok(head)
    }

    /// `string` that the RFC says is UTF-8 or US-ASCII text.
    ///
    /// # Errors
    /// When it is longer than what is left, or not UTF-8.
    pub fn utf8(&mut self, field: &'static str) -> Result<&'a str, InvalidMessage> {
        core::str::from_utf8(self.string(field)?).map_err(|_| InvalidMessage::new(field, Problem::NotUtf8))
    }

    /// `mpint` that is not negative, in its one canonical form.
    ///
    /// # Errors
    /// When it is truncated, negative, or carries needless leading bytes.
    pub fn mpint(&mut self, field: &'static str) -> Result<Mpint<'a>, InvalidMessage> {
        Mpint::from_wire(self.string(field)?, field)
    }

    /// `name-list`.
    ///
    /// # Errors
    /// When it is truncated or not US-ASCII.
    pub fn name_list(&mut self, field: &'static str) -> Result<NameList<'a>, InvalidMessage> {
        NameList::from_wire(self.string(field)?, field)
    }

    /// Everything that has not been read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// True when everything has been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Ends the reading of `what`: nothing may be left.
    ///
    /// # Errors
    /// When bytes follow the last field.
    pub const fn finish(self, what: &'static str) -> Result<(), InvalidMessage> {
        if self.rest.is_empty() { Ok(()) } else { Err(InvalidMessage::new(what, Problem::TrailingBytes)) }
    }
}

/// Bytes that are not the message or blob they claim to be: the field, in the RFC's words, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidMessage {
    /// The field at which reading stopped.
    pub field: &'static str,
    /// What was wrong there.
    pub problem: Problem,
}

impl InvalidMessage {
    /// `problem` at `field`.
    #[must_use]
    pub const fn new(field: &'static str, problem: Problem) -> Self {
        Self { field, problem }
    }

    const fn truncated(field: &'static str) -> Self {
        Self::new(field, Problem::Truncated)
    }
}

impl fmt::Display for InvalidMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self.problem {
            Problem::Truncated => "is longer than the bytes that hold it",
            Problem::TrailingBytes => "is followed by bytes that belong to nothing",
            Problem::NotUtf8 => "is not UTF-8",
            Problem::NotAscii => "is not US-ASCII",
            Problem::Negative => "is a negative number",
            Problem::NotCanonical => "is a number with needless leading bytes",
            Problem::TooLong => "is longer than its limit",
            Problem::BadLength => "has a length that its kind does not allow",
            Problem::BadValue => "has a value that its kind does not allow",
            Problem::Mismatch => "contradicts another field",
        };
        write!(f, "{} {problem}", self.field)
    }
}

impl core::error::Error for InvalidMessage {}

/// What can be wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Its length points beyond the bytes that are there.
    Truncated,
    /// Bytes follow the last field.
    TrailingBytes,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A name that is not US-ASCII (RFC 4251 §6).
    NotAscii,
    /// A negative `mpint` where only zero and above make sense.
    Negative,
    /// An `mpint` that is not in its shortest form (RFC 4251 §5).
    NotCanonical,
    /// Longer than a documented limit.
    TooLong,
    /// A length that this kind of value cannot have.
    BadLength,
    /// A value that this field cannot have.
    BadValue,
    /// Two fields that must agree do not.
    Mismatch,
}
