//! Known answers and recorded sessions, each with its provenance, and their one loader.
//!
//! A data file lives beside a line in `vectors/README.md` that says where it comes from. Tests of every crate read
//! them through this loader, never by a path of their own.

use std::path::PathBuf;

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
