//! Known answers and recorded sessions, each with its provenance, and their one loader.
//!
//! A data file lives beside a line in `vectors/README.md` that says where it comes from. Tests of every crate read
//! them through this loader, never by a path of their own.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;

use rand_core::{TryCryptoRng, TryRng, utils};

/// The path of a data file of this crate, by its name below `vectors/`.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text of a data file, by its name below `vectors/`.
///
/// # Panics
/// When the file is missing or not UTF-8: a test without its data must fail.
#[must_use]
pub fn text(name: &str) -> String {
    let path = path(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The bytes of a data file, by its name below `vectors/`.
///
/// # Panics
/// When the file is missing: a test without its data must fail.
#[must_use]
pub fn bytes(name: &str) -> Vec<u8> {
    let path = path(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The records of a file of known answers, by its name below `vectors/`: lines of `name = value`, with an empty line
/// between two records.
///
/// # Panics
/// When the file is missing, or a line is none of these: a test without its data must fail.
#[must_use]
pub fn records(name: &str) -> Vec<Record> {
    let line = |line: &str| {
        let (field, value) = line.split_once(" =").unwrap_or_else(|| panic!("{name}: no field: {line}"));
        (field.to_owned(), value.trim().to_owned())
    };
    text(name).split("\n\n").map(|block| Record(block.lines().map(line).collect())).collect()
}

/// A record of a file of known answers.
#[derive(Debug)]
pub struct Record(BTreeMap<String, String>);

impl Record {
    /// The text of a field.
    ///
    /// # Panics
    /// When the record has no such field.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        &self.0[field]
    }

    /// The bytes of a field in hexadecimal digits.
    ///
    /// # Panics
    /// When the record has no such field, or its digits are none.
    #[must_use]
    pub fn hex(&self, field: &str) -> Vec<u8> {
        hex(self.text(field))
    }
}

/// "Random" bytes that a known answer has chosen.
///
/// # Panics
/// When more are drawn than there are.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "bytes, and nothing else")]
pub struct Chosen(pub Vec<u8>);

impl TryRng for Chosen {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(to.len());
        to.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for Chosen {}

/// Bytes from hexadecimal digits; blanks between bytes are allowed.
///
/// # Panics
/// When a character is neither a hexadecimal digit nor a blank, or a digit is missing.
#[must_use]
pub fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2), "odd number of hexadecimal digits");
    digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("not hexadecimal: {pair}"))
        })
        .collect()
}
