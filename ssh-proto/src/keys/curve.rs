use crate::wire::{InvalidMessage, Problem, Reader};

/// A curve of NIST's, of those that RFC 5656 §10.1 names: the same that everybody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Curve {
    /// `nistp256`, with SHA-256.
    Nistp256,
    /// `nistp384`, with SHA-384.
    Nistp384,
    /// `nistp521`, with SHA-512.
    Nistp521,
}

impl Curve {
    /// From the smallest to the largest.
    pub const ALL: [Self; 3] = [Self::Nistp256, Self::Nistp384, Self::Nistp521];

    /// Its name within a key: `nistp256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nistp256 => "nistp256",
            Self::Nistp384 => "nistp384",
            Self::Nistp521 => "nistp521",
        }
    }

    /// The type of its keys, and the one signature algorithm that they have: `ecdsa-sha2-nistp256`.
    #[must_use]
    pub const fn key_type(self) -> &'static str {
        match self {
            Self::Nistp256 => "ecdsa-sha2-nistp256",
            Self::Nistp384 => "ecdsa-sha2-nistp384",
            Self::Nistp521 => "ecdsa-sha2-nistp521",
        }
    }

    /// Its size, as people state it.
    #[must_use]
    pub const fn bits(self) -> usize {
        match self {
            Self::Nistp256 => 256,
            Self::Nistp384 => 384,
            Self::Nistp521 => 521,
        }
    }

    pub(super) fn by_key_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.key_type() == name)
    }

    /// What follows the type's name in a key, RFC 5656 §3.1:
    ///
    /// ```text
    /// string identifier · string Q
    /// ```
    /// The point is not compressed: that it may be (RFC 5656 §3.1) nobody makes use of, and OpenSSH does not read it.
    /// Whether it is on the curve is not looked at.
    pub(crate) fn read_point<'a>(self, reader: &mut Reader<'a>) -> Result<&'a [u8], InvalidMessage> {
        if reader.string("curve identifier")? != self.name().as_bytes() {
            return Err(InvalidMessage::new("curve identifier", Problem::Mismatch));
        }
        let point = reader.string("ecdsa Q")?;
        match point.split_first() {
            Some((4, coordinates)) if coordinates.len() == 2 * self.bits().div_ceil(8) => Ok(point),
            Some((4, _)) | None => Err(InvalidMessage::new("ecdsa Q", Problem::BadLength)),
            Some(_) => Err(InvalidMessage::new("ecdsa Q", Problem::BadValue)),
        }
    }
}
