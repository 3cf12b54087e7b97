use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::KeyFileError;

/// The lines of a key file: `-----BEGIN label-----`, headers (RFC 1421), base64, `-----END label-----`.
///
/// Reading is generous about what differs between tools and means nothing (the length of lines, their ends, blanks, text
/// before and after the key), and strict about the rest. The base64 itself is decoded in constant time.
pub(super) struct Armor<'a> {
    pub(super) label: &'a str,
    headers: &'a str,
    base64: &'a str,
}

impl<'a> Armor<'a> {
    /// The first armored object in `text`.
    pub(super) fn find(text: &'a str) -> Result<Self, KeyFileError> {
        let (label, body) = begin(text).ok_or_else(|| without_armor(text))?;
        let body = end(body, label).ok_or(KeyFileError::BrokenArmor)?;
        let (headers, base64) = split_headers(body)?;
        Ok(Self { label, headers, base64 })
    }

    /// The value of the first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(key, value)| (key.trim() == name).then(|| value.trim()))
    }

    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.base64.len()));
        bytes.extend(self.base64.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        let length = Base64::decode_in_place(&mut bytes).map_err(|_| KeyFileError::BrokenArmor)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// The file that holds `bytes`, its lines `columns` long.
pub(super) fn encode(label: &str, bytes: &[u8], columns: usize) -> Zeroizing<String> {
    let base64 = Zeroizing::new(Base64::encode_string(bytes));
    let lines = base64.len() / columns.max(1);
    let mut text = Zeroizing::new(String::with_capacity(base64.len() + lines + 2 * label.len() + 64));
    for part in [BEGIN, label, DASHES, "\n"] {
        text.push_str(part);
    }
    for (index, character) in base64.chars().enumerate() {
        if index > 0 && index.is_multiple_of(columns) {
            text.push('\n');
        }
        text.push(character);
    }
    for part in ["\n", END, label, DASHES, "\n"] {
        text.push_str(part);
    }
    text
}

/// The bytes that `digits` stand for.
pub(super) fn hex(digits: &str) -> Result<Vec<u8>, KeyFileError> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect::<Option<_>>().ok_or(KeyFileError::BrokenArmor)
}

/// The label of the first BEGIN line, and what follows that line.
fn begin(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\n') {
        let label = line.trim().strip_prefix(BEGIN).and_then(|line| line.strip_suffix(DASHES));
        // `openssl ecparam -genkey` puts the curve before the key, which says it again.
        if let Some(label) = label.filter(|label| *label != "EC PARAMETERS") {
            return Some((label, after));
        }
        rest = after;
    }
    None
}

/// What comes before the END line of `label`, which must be the next line that begins with dashes.
fn end<'a>(body: &'a str, label: &str) -> Option<&'a str> {
    let (body, last) = body.split_once(END)?;
    let after = last.strip_prefix(label)?.strip_prefix(DASHES)?;
    let alone = after.is_empty() || after.starts_with(['\r', '\n', ' ', '\t']);
    (alone && !body.contains(DASHES)).then_some(body)
}

/// Headers are lines with a colon, and an empty line ends them. Base64 has no colons.
fn split_headers(body: &str) -> Result<(&str, &str), KeyFileError> {
    if !body.contains(':') {
        return Ok(("", body));
    }
    ["\n\n", "\r\n\r\n"]
        .iter()
        .find_map(|blank| body.split_once(blank))
        .filter(|(headers, base64)| headers.contains(':') && !base64.contains(':'))
        .ok_or(KeyFileError::BrokenArmor)
}

/// What a file without armor is.
fn without_armor(text: &str) -> KeyFileError {
    let text = text.trim_start();
    let public = ["ssh-", "ecdsa-", "sk-", "---- BEGIN SSH2 PUBLIC KEY"];
    if public.iter().any(|start| text.starts_with(start)) { KeyFileError::PublicKey } else { KeyFileError::NotAKey }
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
