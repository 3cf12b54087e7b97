use alloc::borrow::ToOwned;
use alloc::string::String;

use super::PublicKey;
use crate::wire::{InvalidMessage, Problem};

impl PublicKey {
    /// Reads a file that holds one public key: OpenSSH's line, or the form of [RFC
    /// 4716](https://www.rfc-editor.org/rfc/rfc4716), which `ssh-keygen -e`, PuTTY and the programs of ssh.com write. Gives
    /// the comment with the key.
    ///
    /// # Errors
    /// When it holds neither.
    pub fn from_file(text: &str) -> Result<(Self, String), InvalidMessage> {
        let text = text.trim();
        match text.strip_prefix(BEGIN) {
            Some(body) => from_rfc4716(body),
            None => Self::from_openssh_line(text).map(|(key, comment)| (key, comment.to_owned())),
        }
    }
}

/// RFC 4716 §3, behind the first line: headers, the key in base64, the last line.
///
/// ```text
/// Header-tag ":" " " Header-value         and where the line ends with "\", the next line continues it
/// ```
fn from_rfc4716(body: &str) -> Result<(PublicKey, String), InvalidMessage> {
    let wrong = |problem| InvalidMessage::new("RFC 4716 public key", problem);
    let body = body.strip_suffix(END).ok_or_else(|| wrong(Problem::Truncated))?;
    let (mut comment, mut base64) = (String::new(), String::new());
    let mut lines = body.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        let Some((tag, value)) = line.split_once(':') else {
            base64.push_str(line.trim_start());
            continue;
        };
        if !base64.is_empty() {
            return Err(wrong(Problem::BadValue));
        }
        let mut value = value.trim_start().to_owned();
        while value.ends_with('\\') {
            value.pop();
            value.push_str(lines.next().ok_or_else(|| wrong(Problem::Truncated))?);
        }
        // §3.3.2: "a pair of quotation marks [..] a common practice [..] MUST be treated the same".
        if tag.eq_ignore_ascii_case("Comment") {
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            comment = quoted.unwrap_or(&value).to_owned();
        }
    }
    PublicKey::from_base64(&base64).map(|key| (key, comment))
}

const BEGIN: &str = "---- BEGIN SSH2 PUBLIC KEY ----";
const END: &str = "---- END SSH2 PUBLIC KEY ----";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> String {
        vectors::text(&alloc::format!("keys/{name}"))
    }

    #[test]
    fn rfc4716_files_of_ssh_keygen_and_puttygen() {
        for (file, name, comment) in [
            ("ed25519.rfc4716", "ed25519", "256-bit ED25519, converted from OpenSSH"),
            ("rsa2048.rfc4716", "rsa2048", "2048-bit RSA, converted from OpenSSH"),
            ("ecdsa384.rfc4716", "ecdsa384", "384-bit ECDSA, converted from OpenSSH"),
            ("ed25519-putty.rfc4716", "ed25519", "ed25519@vectors"),
            ("ed25519.pub", "ed25519", "ed25519@vectors"),
        ] {
            let line = text(&alloc::format!("{name}.pub"));
            let expected = PublicKey::from_openssh_line(&line).unwrap().0;
            for text in [text(file), text(file).replace('\n', "\r\n")] {
                assert_eq!(PublicKey::from_file(&text), Ok((expected.clone(), comment.to_owned())), "{file}");
            }
        }
    }

    #[test]
    fn rfc4716_s3_3_headers_continue_and_unknown_ones_do_not_matter() {
        let plain = text("ed25519.rfc4716");
        let expected = PublicKey::from_file(&plain).unwrap().0;
        let comment = plain.lines().nth(1).unwrap();
        for (header, comment_expected) in [
            ("", ""),
            ("comment: without quotes", "without quotes"),
            ("Comment: \"over \\\ntwo lines\"", "over two lines"),
            ("Subject: me\nx-private: \\\na\\\nb\nComment: last", "last"),
        ] {
            let changed = plain.replace(comment, header).replace("----\n\n", "----\n");
            assert_eq!(PublicKey::from_file(&changed), Ok((expected.clone(), comment_expected.to_owned())), "{header}");
        }
    }

    #[test]
    fn rfc4716_every_truncation_is_an_error() {
        let text = text("ed25519.rfc4716");
        let text = text.trim();
        for end in 0..text.len() {
            assert!(PublicKey::from_file(&text[..end]).is_err(), "cut at {end}");
        }
        for broken in [text.replace("AAAAC3", "AAAAC!"), text.replace("AAAAC3", "Tag: a\nAAAAC3\nTag: b\n")] {
            assert!(PublicKey::from_file(&broken).is_err(), "{broken}");
        }
    }
}
