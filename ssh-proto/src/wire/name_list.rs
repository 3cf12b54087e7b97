use super::{InvalidMessage, Problem};

/// A comma-separated list of names (RFC 4251 §5), borrowed.
///
/// Empty names and names of more than 64 characters are skipped by [`NameList::names`]: no peer can choose them
/// (RFC 4251 §6), and a list that holds them may still hold names that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct NameList<'a>(&'a str);

impl<'a> NameList<'a> {
    pub(super) fn from_wire(bytes: &'a [u8], field: &'static str) -> Result<Self, InvalidMessage> {
        if !bytes.is_ascii() || bytes.contains(&0) {
            return Err(InvalidMessage::new(field, Problem::NotAscii));
        }
        core::str::from_utf8(bytes).map(Self).map_err(|_| InvalidMessage::new(field, Problem::NotAscii))
    }

    /// The names, in the order of preference.
    pub fn names(self) -> impl Iterator<Item = &'a str> + Clone {
        self.0.split(',').filter(|name| !name.is_empty() && name.len() <= 64)
    }

    /// The first name, which is what a guess goes by.
    #[must_use]
    pub fn first(self) -> Option<&'a str> {
        self.names().next()
    }

    /// True when `name` is in the list. Names are case-sensitive (RFC 4251 §6).
    #[must_use]
    pub fn contains(self, name: &str) -> bool {
        self.names().any(|candidate| candidate == name)
    }

    /// The list as it was on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4251_s6_names_of_more_than_64_characters_are_skipped() {
        let long = "x".repeat(65);
        let text = alloc::format!("{long},,zlib,none,");
        let list = NameList::from_wire(text.as_bytes(), "list").unwrap();
        assert_eq!(list.names().collect::<alloc::vec::Vec<_>>(), ["zlib", "none"]);
        assert!(list.contains("none") && !list.contains("NONE"));
        assert_eq!(list.first(), Some("zlib"));
    }

    #[test]
    fn rfc4251_s5_name_lists_are_us_ascii_without_null() {
        assert!(NameList::from_wire("caf\u{e9}".as_bytes(), "list").is_err());
        assert!(NameList::from_wire(b"a\0b", "list").is_err());
        assert_eq!(NameList::from_wire(b"", "list").unwrap().names().count(), 0);
    }
}
