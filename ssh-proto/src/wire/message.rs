use core::fmt;

/// The message numbers of [RFC 4250 §4.1.2](https://www.rfc-editor.org/rfc/rfc4250#section-4.1.2) RFC 8308 and OpenSSH's PROTOCOL §1.8.
#[allow(missing_docs, reason = "each is the RFC's own name without its SSH_MSG_ prefix")]
pub mod number {
    pub const DISCONNECT: u8 = 1;
    pub const IGNORE: u8 = 2;
    pub const UNIMPLEMENTED: u8 = 3;
    pub const DEBUG: u8 = 4;
    pub const SERVICE_REQUEST: u8 = 5;
    pub const SERVICE_ACCEPT: u8 = 6;
    pub const EXT_INFO: u8 = 7;
    pub const KEXINIT: u8 = 20;
    pub const NEWKEYS: u8 = 21;
    pub const KEXDH_INIT: u8 = 30;
    pub const KEXDH_REPLY: u8 = 31;
    /// RFC 4419 §5: the same number as KEXDH_INIT, for another method.
    pub const KEX_DH_GEX_REQUEST_OLD: u8 = 30;
    /// RFC 4419 §5: the same number as KEXDH_REPLY, for another method.
    pub const KEX_DH_GEX_GROUP: u8 = 31;
    pub const KEX_DH_GEX_INIT: u8 = 32;
    pub const KEX_DH_GEX_REPLY: u8 = 33;
    pub const KEX_DH_GEX_REQUEST: u8 = 34;
    pub const USERAUTH_REQUEST: u8 = 50;
    pub const USERAUTH_FAILURE: u8 = 51;
    pub const USERAUTH_SUCCESS: u8 = 52;
    pub const USERAUTH_BANNER: u8 = 53;
    pub const USERAUTH_PK_OK: u8 = 60;
    /// The same number behind a password: RFC 4252 §8.
    pub const USERAUTH_PASSWD_CHANGEREQ: u8 = 60;
    /// The same number behind `keyboard-interactive`: RFC 4256 §5.
    pub const USERAUTH_INFO_REQUEST: u8 = 60;
    pub const USERAUTH_INFO_RESPONSE: u8 = 61;
    pub const GLOBAL_REQUEST: u8 = 80;
    pub const REQUEST_SUCCESS: u8 = 81;
    pub const REQUEST_FAILURE: u8 = 82;
    pub const CHANNEL_OPEN: u8 = 90;
    pub const CHANNEL_OPEN_CONFIRMATION: u8 = 91;
    pub const CHANNEL_OPEN_FAILURE: u8 = 92;
    pub const CHANNEL_WINDOW_ADJUST: u8 = 93;
    pub const CHANNEL_DATA: u8 = 94;
    pub const CHANNEL_EXTENDED_DATA: u8 = 95;
    pub const CHANNEL_EOF: u8 = 96;
    pub const CHANNEL_CLOSE: u8 = 97;
    pub const CHANNEL_REQUEST: u8 = 98;
    pub const CHANNEL_SUCCESS: u8 = 99;
    pub const CHANNEL_FAILURE: u8 = 100;
    pub const PING: u8 = 192;
    pub const PONG: u8 = 193;
}

/// A message number, for errors and logs: prints as the RFC's name where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is its one number")]
pub struct MessageNumber(pub u8);

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            number::DISCONNECT => "DISCONNECT",
            number::IGNORE => "IGNORE",
            number::UNIMPLEMENTED => "UNIMPLEMENTED",
            number::DEBUG => "DEBUG",
            number::SERVICE_REQUEST => "SERVICE_REQUEST",
            number::SERVICE_ACCEPT => "SERVICE_ACCEPT",
            number::EXT_INFO => "EXT_INFO",
            number::KEXINIT => "KEXINIT",
            number::NEWKEYS => "NEWKEYS",
            number::KEXDH_INIT => "KEXDH_INIT",
            number::KEXDH_REPLY => "KEXDH_REPLY",
            number::KEX_DH_GEX_INIT => "KEX_DH_GEX_INIT",
            number::KEX_DH_GEX_REPLY => "KEX_DH_GEX_REPLY",
            number::KEX_DH_GEX_REQUEST => "KEX_DH_GEX_REQUEST",
            number::USERAUTH_REQUEST => "USERAUTH_REQUEST",
            number::USERAUTH_FAILURE => "USERAUTH_FAILURE",
            number::USERAUTH_SUCCESS => "USERAUTH_SUCCESS",
            number::USERAUTH_BANNER => "USERAUTH_BANNER",
            number::USERAUTH_PK_OK => "USERAUTH_PK_OK",
            number::USERAUTH_INFO_RESPONSE => "USERAUTH_INFO_RESPONSE",
            number::GLOBAL_REQUEST => "GLOBAL_REQUEST",
            number::REQUEST_SUCCESS => "REQUEST_SUCCESS",
            number::REQUEST_FAILURE => "REQUEST_FAILURE",
            number::CHANNEL_OPEN => "CHANNEL_OPEN",
            number::CHANNEL_OPEN_CONFIRMATION => "CHANNEL_OPEN_CONFIRMATION",
            number::CHANNEL_OPEN_FAILURE => "CHANNEL_OPEN_FAILURE",
            number::CHANNEL_WINDOW_ADJUST => "CHANNEL_WINDOW_ADJUST",
            number::CHANNEL_DATA => "CHANNEL_DATA",
            number::CHANNEL_EXTENDED_DATA => "CHANNEL_EXTENDED_DATA",
            number::CHANNEL_EOF => "CHANNEL_EOF",
            number::CHANNEL_CLOSE => "CHANNEL_CLOSE",
            number::CHANNEL_REQUEST => "CHANNEL_REQUEST",
            number::CHANNEL_SUCCESS => "CHANNEL_SUCCESS",
            number::CHANNEL_FAILURE => "CHANNEL_FAILURE",
            number::PING => "PING",
            number::PONG => "PONG",
            other => return write!(f, "message {other}"),
        };
        write!(f, "SSH_MSG_{name} ({})", self.0)
    }
}
