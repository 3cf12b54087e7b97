//! The identification exchange, [RFC 4253 §4.2](https://www.rfc-editor.org/rfc/rfc4253#section-4.2).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::Role;
use crate::error::{Error, PeerIncompatible, PeerMisbehaved};
use crate::limits::Limits;

/// "The maximum length of the string is 255 characters, including the Carriage Return and Line Feed."
const MAXIMUM_LINE: usize = 255;

/// Who the peer says it is: `SSH-2.0-softwareversion SP comments`, as it stood on the wire without CR LF.
#[derive(Clone, PartialEq, Eq)]
pub struct Identification(Vec<u8>);

impl Identification {
    /// Ours: `SSH-2.0-` and `software`, which is cut to what the RFC allows.
    pub(crate) fn ours(software: &str) -> Self {
        let mut line = b"SSH-2.0-".to_vec();
        line.extend(software.bytes().filter(|byte| (0x20..0x7f).contains(byte)).take(MAXIMUM_LINE - 2 - 8));
        Self(line)
    }

    /// Any line: for `raw.rs`.
    pub(super) fn from_line(line: &[u8]) -> Self {
        Self(line.to_vec())
    }

    /// The line without CR LF: V_C or V_S of the exchange hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The line as text for people: whatever is not printable US-ASCII becomes `?`.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.iter().map(|&byte| if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '?' }).collect()
    }

    /// The `softwareversion`, without the protocol version and the comments.
    #[must_use]
    pub fn software(&self) -> String {
        let text = self.to_text();
        let software = text.splitn(3, '-').nth(2).unwrap_or_default();
        software.split(' ').next().unwrap_or_default().to_owned()
    }
}

impl fmt::Debug for Identification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_text(), f)
    }
}

impl fmt::Display for Identification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// Reads the peer's identification out of a byte stream that arrives in any pieces.
#[derive(Debug)]
pub(super) struct IdentificationReader {
    banner_lines: u32,
    maximum_lines: u32,
    maximum_line: usize,
}

/// What [`IdentificationReader::read`] found at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing whole yet.
    Incomplete,
    /// A line of this many bytes that comes before the identification.
    Banner(usize),
    /// The identification, and the bytes that it took.
    Identification(usize, Identification),
}

impl IdentificationReader {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self { banner_lines: 0, maximum_lines: limits.banner_lines, maximum_line: limits.banner_line }
    }

    /// Looks at the front of `input`. `role` is ours: "The server MAY send other lines of data before sending the
    /// version string", the client may not.
    pub(super) fn read(&mut self, role: Role, input: &[u8]) -> Result<Line, Error> {
        let seen = input.get(..4).unwrap_or(input);
        let may_be_identification = b"SSH-".starts_with(seen);
        if !may_be_identification && role == Role::Server {
            return Err(Error::PeerMisbehaved(PeerMisbehaved::NotSsh));
        }
        let limit = if may_be_identification { MAXIMUM_LINE } else { self.maximum_line };
        let Some(end) = input.iter().take(limit).position(|&byte| byte == b'\n') else {
            return match (input.len() < limit, may_be_identification) {
                (true, _) => Ok(Line::Incomplete),
                (false, true) => Err(Error::PeerMisbehaved(PeerMisbehaved::BadIdentification)),
                (false, false) => Err(Error::PeerMisbehaved(PeerMisbehaved::TooManyBannerLines)),
            };
        };
        if !may_be_identification {
            self.banner_lines += 1;
            if self.banner_lines > self.maximum_lines {
                return Err(Error::PeerMisbehaved(PeerMisbehaved::TooManyBannerLines));
            }
            return Ok(Line::Banner(end + 1));
        }
        // Old peers end the line with LF alone; OpenSSH reads them too.
        let line = input.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.contains(&0) || line.contains(&b'\r') {
            return Err(Error::PeerMisbehaved(PeerMisbehaved::BadIdentification));
        }
        // "1.99" is a server that speaks both (RFC 4253 §5.1).
        if !line.starts_with(b"SSH-2.0-") && !line.starts_with(b"SSH-1.99-") {
            return Err(Error::PeerIncompatible(PeerIncompatible::ProtocolVersion));
        }
        Ok(Line::Identification(end + 1, Identification(line.to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn read(role: Role, input: &[u8]) -> Result<Line, Error> {
        IdentificationReader::new(&Limits::default()).read(role, input)
    }

    fn identification(line: &[u8], taken: usize) -> Result<Line, Error> {
        Ok(Line::Identification(taken, Identification(line.to_vec())))
    }

    #[test]
    fn rfc4253_s4_2_comments_belong_to_the_line_and_cr_lf_does_not() {
        assert_eq!(read(Role::Server, b"SSH-2.0-x_1 a b\r\nrest"), identification(b"SSH-2.0-x_1 a b", 17));
        assert_eq!(read(Role::Server, b"SSH-2.0-x\n"), identification(b"SSH-2.0-x", 10));
        assert_eq!(Identification(b"SSH-2.0-OpenSSH_9.2p1 Debian".to_vec()).software(), "OpenSSH_9.2p1");
    }

    #[test]
    fn rfc4253_s5_1_version_1_99_is_2_0_and_others_are_refused() {
        assert_eq!(read(Role::Client, b"SSH-1.99-old\r\n"), identification(b"SSH-1.99-old", 14));
        for line in [&b"SSH-1.5-old\r\n"[..], b"SSH-3.0-new\r\n"] {
            assert_eq!(read(Role::Client, line), Err(Error::PeerIncompatible(PeerIncompatible::ProtocolVersion)));
        }
    }

    #[test]
    fn rfc4253_s4_2_only_a_server_may_send_lines_before_its_identification() {
        assert_eq!(read(Role::Client, b"hello\r\nSSH-2.0-x\r\n"), Ok(Line::Banner(7)));
        assert_eq!(read(Role::Client, b"\r\nSSH"), Ok(Line::Banner(2)));
        assert_eq!(read(Role::Server, b"G"), Err(Error::PeerMisbehaved(PeerMisbehaved::NotSsh)));
    }

    #[test]
    fn rfc4253_s4_2_at_most_255_bytes() {
        let mut line = b"SSH-2.0-".to_vec();
        line.resize(253, b'x');
        line.extend_from_slice(b"\r\n");
        assert!(matches!(read(Role::Server, &line), Ok(Line::Identification(255, _))));
        line.insert(9, b'x');
        assert_eq!(read(Role::Server, &line), Err(Error::PeerMisbehaved(PeerMisbehaved::BadIdentification)));
        assert_eq!(read(Role::Server, &line[..200]), Ok(Line::Incomplete));
        assert_eq!(
            read(Role::Server, b"SSH-2.0-a\0b\r\n"),
            Err(Error::PeerMisbehaved(PeerMisbehaved::BadIdentification))
        );
    }

    #[test]
    fn cve_2026_48108_lines_before_the_identification_are_bounded() {
        let mut reader = IdentificationReader::new(&Limits::default());
        for _ in 0..Limits::default().banner_lines {
            assert_eq!(reader.read(Role::Client, b"x\n"), Ok(Line::Banner(2)));
        }
        assert!(reader.read(Role::Client, b"x\n").is_err());
        assert!(read(Role::Client, &vec![b'x'; Limits::default().banner_line]).is_err());
    }
}
