use alloc::vec::Vec;

/// Appends fields in the encoding of [RFC 4251 §5](https://www.rfc-editor.org/rfc/rfc4251#section-5).
///
/// Lengths are `uint32`: a value of 4 GiB or more cannot be written and is cut at `u32::MAX` bytes, far above every
/// packet limit of this crate.
pub trait Put {
    /// `byte`.
    fn put_u8(&mut self, value: u8);
    /// `boolean`: stored as 0 or 1.
    fn put_bool(&mut self, value: bool);
    /// `uint32`.
    fn put_u32(&mut self, value: u32);
    /// `uint64`.
    fn put_u64(&mut self, value: u64);
    /// Bytes as they are, without a length.
    fn put_bytes(&mut self, bytes: &[u8]);
    /// `string`.
    fn put_string(&mut self, bytes: &[u8]);
    /// `mpint` from a big-endian magnitude: needless zeros are dropped, and one is added where the sign bit needs it.
    fn put_mpint(&mut self, magnitude: &[u8]);
    /// `name-list`.
    fn put_name_list<'a>(&mut self, names: impl IntoIterator<Item = &'a str>)
    where
        Self: Sized;
    /// `string` whose content is what `write` appends.
    fn put_nested(&mut self, write: impl FnOnce(&mut Self))
    where
        Self: Sized;
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }

    fn put_bool(&mut self, value: bool) {
        self.push(u8::from(value));
    }

    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn put_string(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.put_u32(length);
        self.extend_from_slice(bytes.get(..usize::try_from(length).unwrap_or(usize::MAX)).unwrap_or(bytes));
    }

    fn put_mpint(&mut self, magnitude: &[u8]) {
        let zeros = magnitude.iter().take_while(|&&byte| byte == 0).count();
        let digits = magnitude.get(zeros..).unwrap_or_default();
        self.put_nested(|out| {
            if digits.first().is_some_and(|first| first & 0x80 != 0) {
                out.push(0);
            }
            out.extend_from_slice(digits);
        });
    }

    fn put_name_list<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        self.put_nested(|out| {
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(name.as_bytes());
            }
        });
    }

    fn put_nested(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.len();
        self.put_u32(0);
        write(self);
        let length = self.len().saturating_sub(start).saturating_sub(4);
        if let Some(slot) = self.get_mut(start..).and_then(|rest| rest.first_chunk_mut()) {
            *slot = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Reader;

    #[test]
    fn rfc4251_s5_mpint_examples() {
        for (magnitude, wire) in [
            (&[][..], &[0, 0, 0, 0][..]),
            (&[0, 0], &[0, 0, 0, 0]),
            (
                &[0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
                &[0, 0, 0, 8, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
            ),
            (&[0x80], &[0, 0, 0, 2, 0, 0x80]),
            (&[0, 0, 0x7f], &[0, 0, 0, 1, 0x7f]),
        ] {
            let mut out = Vec::new();
            out.put_mpint(magnitude);
            assert_eq!(out, wire);
            let mut reader = Reader::new(&out);
            let zeros = magnitude.iter().take_while(|&&byte| byte == 0).count();
            assert_eq!(reader.mpint("n").unwrap().magnitude(), &magnitude[zeros..]);
        }
    }

    #[test]
    fn every_field_round_trips_and_every_truncation_is_an_error() {
        let mut out = Vec::new();
        out.put_u8(7);
        out.put_bool(true);
        out.put_u32(0xdead_beef);
        out.put_u64(u64::MAX);
        out.put_string(b"testing");
        out.put_name_list(["zlib", "none"]);
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            let fields = (
                reader.u8("a")?,
                reader.boolean("b")?,
                reader.u32("c")?,
                reader.u64("d")?,
                reader.string("e")?.to_vec(),
                reader.name_list("f")?.as_str().len(),
            );
            reader.finish("message").map(|()| fields)
        };
        assert_eq!(read(&out), Ok((7, true, 0xdead_beef, u64::MAX, b"testing".to_vec(), 9)));
        for end in 0..out.len() {
            assert!(read(&out[..end]).is_err(), "cut at {end}");
        }
        out.push(0);
        assert!(read(&out).is_err());
    }
}
