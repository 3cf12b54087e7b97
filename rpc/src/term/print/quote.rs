//! Atoms and strings, with their quotes and escapes.

use core::fmt::{self, Write};

use crate::term::parse::is_reserved;

/// Which characters may stand for themselves.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::term) enum Charset {
    Unicode,
    Latin1,
}

pub(in crate::term) fn write_atom(f: &mut dyn Write, name: &str, charset: Charset) -> fmt::Result {
    if is_bare(name) {
        return f.write_str(name);
    }
    f.write_char('\'')?;
    for c in name.chars() {
        write_char(f, c, '\'', charset)?;
    }
    f.write_char('\'')
}

/// Writes an atom without quotes, as within `#Fun<..>`. Erlang shows its control characters as they are; we do not, since
/// a peer chose them and a terminal obeys them.
pub(super) fn write_bare(f: &mut dyn Write, name: &str, charset: Charset) -> fmt::Result {
    name.chars().try_for_each(|c| match c {
        '\\' => f.write_char(c),
        _ => write_char(f, c, '\\', charset),
    })
}

/// Writes a string literal.
pub(super) fn write_string(f: &mut dyn Write, mut text: impl Iterator<Item = char>) -> fmt::Result {
    f.write_char('"')?;
    text.try_for_each(|c| write_char(f, c, '"', Charset::Unicode))?;
    f.write_char('"')
}

/// What a binary that is shown as text holds.
pub(super) enum Text<'a> {
    /// A character an octet.
    Latin1,
    /// Not only ASCII.
    Utf8(&'a str),
}

/// The text of a binary, when it is shown as text. What is UTF-8 is taken for that, and shown as numbers when it has
/// characters that are not printable, even where its octets would be printable Latin-1.
pub(super) fn printable_binary(bytes: &[u8]) -> Option<Text<'_>> {
    match core::str::from_utf8(bytes) {
        Ok(text) if !text.is_ascii() => {
            let printable = text.chars().all(|c| u8::try_from(c).is_ok_and(|c| is_printable(&[c])));
            printable.then_some(Text::Utf8(text))
        }
        _ => is_printable(bytes).then_some(Text::Latin1),
    }
}

/// Whether these octets are shown as text: not when there are none.
pub(super) fn is_printable(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|octet| matches!(octet, 8..=13 | 27 | 32..=126 | 160..=255))
}

/// Whether an atom needs no quotes.
fn is_bare(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(starts_atom) && chars.all(continues_atom) && !is_reserved(name)
}

/// The lower-case letters of Latin-1.
pub(in crate::term) const fn starts_atom(c: char) -> bool {
    matches!(c, 'a'..='z' | 'ß'..='ö' | 'ø'..='ÿ')
}

/// The letters and digits of Latin-1, `_` and `@`.
pub(in crate::term) const fn continues_atom(c: char) -> bool {
    starts_atom(c) || matches!(c, 'A'..='Z' | 'À'..='Ö' | 'Ø'..='Þ' | '0'..='9' | '_' | '@')
}

fn write_char(f: &mut dyn Write, c: char, quote: char, charset: Charset) -> fmt::Result {
    let letter = match c {
        '\\' => '\\',
        _ if c == quote => quote,
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\u{b}' => 'v',
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        '\u{1b}' => 'e',
        '\u{7f}' => 'd',
        '\0'..='\u{1f}' | '\u{80}'..='\u{9f}' => return write!(f, "\\{:03o}", u32::from(c)),
        '\u{100}'.. if charset == Charset::Latin1 => return write!(f, "\\x{{{:X}}}", u32::from(c)),
        _ => return f.write_char(c),
    };
    f.write_char('\\')?;
    f.write_char(letter)
}
