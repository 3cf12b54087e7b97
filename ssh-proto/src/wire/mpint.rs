use super::{InvalidMessage, Problem};

/// A multiple-precision integer that is not negative (RFC 4251 §5), as its big-endian magnitude.
///
/// Only the canonical form is read: "Unnecessary leading bytes with the value 0 or 255 MUST NOT be included." Two
/// encodings of one number would let two sides hash different bytes for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mpint<'a>(&'a [u8]);

impl<'a> Mpint<'a> {
    pub(super) fn from_wire(bytes: &'a [u8], field: &'static str) -> Result<Self, InvalidMessage> {
        match bytes {
            [] => Ok(Self(bytes)),
            [first, ..] if first & 0x80 != 0 => Err(InvalidMessage::new(field, Problem::Negative)),
            [0, second, ..] if second & 0x80 != 0 => Ok(Self(bytes.get(1..).unwrap_or_default())),
            [0, ..] => Err(InvalidMessage::new(field, Problem::NotCanonical)),
            _ => Ok(Self(bytes)),
        }
    }

    /// Big-endian, without leading zeros; empty for zero.
    #[must_use]
    pub const fn magnitude(self) -> &'a [u8] {
        self.0
    }

    /// The position of the highest set bit, counted from 1; 0 for zero.
    #[must_use]
    pub fn bits(self) -> usize {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        let high = 8_u32.saturating_sub(first.leading_zeros());
        rest.len().saturating_mul(8).saturating_add(usize::try_from(high).unwrap_or(8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Reader;

    fn read(content: &[u8]) -> Result<usize, Problem> {
        let mut bytes = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(content);
        Reader::new(&bytes).mpint("n").map(Mpint::bits).map_err(|error| error.problem)
    }

    #[test]
    fn rfc4251_s5_needless_leading_bytes_are_refused() {
        assert_eq!(read(&[]), Ok(0));
        assert_eq!(read(&[1]), Ok(1));
        assert_eq!(read(&[0, 0x80]), Ok(8));
        assert_eq!(read(&[0x7f, 0xff]), Ok(15));
        assert_eq!(read(&[0]), Err(Problem::NotCanonical));
        assert_eq!(read(&[0, 0x7f]), Err(Problem::NotCanonical));
        assert_eq!(read(&[0, 0, 0x80]), Err(Problem::NotCanonical));
        assert_eq!(read(&[0xff, 0x21]), Err(Problem::Negative));
    }
}
