//! The messages of RFC 4252, per direction.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::wire::{InvalidMessage, NameList, Put, Reader, number};

/// An authentication method, by its name on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MethodName {
    /// `none` (RFC 4252 §5.2).
    None,
    /// `publickey` (RFC 4252 §7).
    PublicKey,
    /// `password` (RFC 4252 §8).
    Password,
    /// `keyboard-interactive` (RFC 4256).
    KeyboardInteractive,
    /// Any other name.
    Other(String),
}

impl MethodName {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::None => "none",
            Self::PublicKey => "publickey",
            Self::Password => "password",
            Self::KeyboardInteractive => "keyboard-interactive",
            Self::Other(name) => name,
        }
    }

    pub(super) fn from_wire(name: &str) -> Self {
        match name {
            "none" => Self::None,
            "publickey" => Self::PublicKey,
            "password" => Self::Password,
            "keyboard-interactive" => Self::KeyboardInteractive,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A login attempt. [RFC 4252 §5](https://www.rfc-editor.org/rfc/rfc4252#section-5)
///
/// ```text
/// byte SSH_MSG_USERAUTH_REQUEST (50) · string user name · string service name · string method name
/// .... method specific fields
/// ```
#[derive(Clone)]
pub(super) struct Request<'a> {
    pub(super) user: &'a str,
    pub(super) service: &'a [u8],
    pub(super) method: Method<'a>,
}

/// The method specific fields of a [`Request`]. Not to be printed: one of them is a password.
#[derive(Clone)]
pub(super) enum Method<'a> {
    None,
    /// [RFC 4252 §7](https://www.rfc-editor.org/rfc/rfc4252#section-7): would this key do?
    ///
    /// ```text
    /// boolean FALSE · string public key algorithm name · string public key blob
    /// ```
    ///
    /// In the method `publickey-hostbound-v00@openssh.com` the server's host key follows (OpenSSH's PROTOCOL §3.1).
    Query {
        algorithm: &'a str,
        key: &'a [u8],
        host_key: Option<&'a [u8]>,
    },
    /// [RFC 4252 §7](https://www.rfc-editor.org/rfc/rfc4252#section-7): this key signs.
    ///
    /// ```text
    /// boolean TRUE · string public key algorithm name · string public key blob · string signature
    /// ```
    ///
    /// In the method `publickey-hostbound-v00@openssh.com` the server's host key precedes the signature. `signed` is the
    /// part of the message that the signature covers.
    Signed {
        algorithm: &'a str,
        key: &'a [u8],
        host_key: Option<&'a [u8]>,
        signature: &'a [u8],
        signed: &'a [u8],
    },
    /// [RFC 4252 §8](https://www.rfc-editor.org/rfc/rfc4252#section-8)
    ///
    /// ```text
    /// boolean FALSE · string plaintext password in ISO-10646 UTF-8 encoding
    /// ```
    Password {
        password: &'a [u8],
    },
    /// [RFC 4252 §8](https://www.rfc-editor.org/rfc/rfc4252#section-8): a new one for the old one.
    ///
    /// ```text
    /// boolean TRUE · string plaintext old password · string plaintext new password
    /// ```
    PasswordChange {
        old: &'a [u8],
        new: &'a [u8],
    },
    /// [RFC 4256 §3.1](https://www.rfc-editor.org/rfc/rfc4256#section-3.1)
    ///
    /// ```text
    /// string language tag · string submethods
    /// ```
    KeyboardInteractive {
        submethods: &'a str,
    },
    /// A method that we do not know; its fields are not looked at.
    Other(&'a str),
}

impl<'a> Request<'a> {
    /// Reads the whole message, before anybody looks at who the user is (CVE-2018-15473). `payload` begins with the
    /// message number.
    pub(super) fn decode(payload: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(payload.get(1..).unwrap_or_default());
        let user = reader.utf8("user name")?;
        let service = reader.string("service name")?;
        let method = match reader.utf8("method name")? {
            "none" => Method::None,
            name @ ("publickey" | HOST_BOUND) => {
                let has_signature = reader.boolean("has signature")?;
                let algorithm = reader.utf8("public key algorithm name")?;
                let key = reader.string("public key blob")?;
                let host_key = if name == HOST_BOUND { Some(reader.string("server host key")?) } else { None };
                if has_signature {
                    let covered = payload.len().saturating_sub(reader.rest().len());
                    let signed = payload.get(..covered).unwrap_or_default();
                    Method::Signed { algorithm, key, host_key, signature: reader.string("signature")?, signed }
                } else {
                    Method::Query { algorithm, key, host_key }
                }
            }
            "keyboard-interactive" => {
                reader.string("language tag")?;
                Method::KeyboardInteractive { submethods: reader.utf8("submethods")? }
            }
            "password" => {
                let change = reader.boolean("password change")?;
                let password = reader.string("plaintext password")?;
                if change {
                    Method::PasswordChange { old: password, new: reader.string("plaintext new password")? }
                } else {
                    Method::Password { password }
                }
            }
            other => return Ok(Self { user, service, method: Method::Other(other) }),
        };
        reader.finish("SSH_MSG_USERAUTH_REQUEST")?;
        Ok(Self { user, service, method })
    }

    pub(super) fn method_name(&self) -> MethodName {
        match self.method {
            Method::None => MethodName::None,
            Method::Query { .. } | Method::Signed { .. } => MethodName::PublicKey,
            Method::Password { .. } | Method::PasswordChange { .. } => MethodName::Password,
            Method::KeyboardInteractive { .. } => MethodName::KeyboardInteractive,
            Method::Other(name) => MethodName::from_wire(name),
        }
    }
}

/// `publickey` with the host key among what is signed, so that no other host can use the signature.
const HOST_BOUND: &str = "publickey-hostbound-v00@openssh.com";

/// What all requests begin with.
fn put_request(out: &mut Vec<u8>, user: &str, method: &str) {
    out.put_u8(number::USERAUTH_REQUEST);
    out.put_string(user.as_bytes());
    out.put_string(super::SSH_CONNECTION.as_bytes());
    out.put_string(method.as_bytes());
}

pub(super) fn put_none(out: &mut Vec<u8>, user: &str) {
    put_request(out, user, "none");
}

pub(super) fn put_query(out: &mut Vec<u8>, user: &str, algorithm: &str, key: &[u8]) {
    put_request(out, user, "publickey");
    out.put_bool(false);
    out.put_string(algorithm.as_bytes());
    out.put_string(key);
}

/// The signed request up to its signature; bound to the host where `host_key` is given.
pub(super) fn put_to_be_signed(out: &mut Vec<u8>, user: &str, algorithm: &str, key: &[u8], host_key: Option<&[u8]>) {
    put_request(out, user, if host_key.is_some() { HOST_BOUND } else { "publickey" });
    out.put_bool(true);
    out.put_string(algorithm.as_bytes());
    out.put_string(key);
    if let Some(host_key) = host_key {
        out.put_string(host_key);
    }
}

pub(super) fn put_password(out: &mut Vec<u8>, user: &str, password: &[u8]) {
    put_request(out, user, "password");
    out.put_bool(false);
    out.put_string(password);
}

pub(super) fn put_password_change(out: &mut Vec<u8>, user: &str, old: &[u8], new: &[u8]) {
    put_request(out, user, "password");
    out.put_bool(true);
    out.put_string(old);
    out.put_string(new);
}

pub(super) fn put_keyboard_interactive(out: &mut Vec<u8>, user: &str, submethods: &str) {
    put_request(out, user, "keyboard-interactive");
    out.put_string(b"");
    out.put_string(submethods.as_bytes());
}

/// No, and what may be tried instead. [RFC 4252 §5.1](https://www.rfc-editor.org/rfc/rfc4252#section-5.1)
///
/// ```text
/// byte SSH_MSG_USERAUTH_FAILURE (51) · name-list authentications that can continue · boolean partial success
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure<'a> {
    pub(super) can_continue: NameList<'a>,
    pub(super) partial: Partial,
}

/// Whether a refused attempt was right as far as it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a boolean of the wire, with names")]
pub enum Partial {
    /// The attempt was wrong.
    Nothing,
    /// The attempt was right, and something else is wanted too (RFC 4252 §5.1).
    Success,
}

impl<'a> Failure<'a> {
    pub(super) fn decode(body: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        let message = Self {
            can_continue: reader.name_list("authentications that can continue")?,
            partial: if reader.boolean("partial success")? { Partial::Success } else { Partial::Nothing },
        };
        reader.finish("SSH_MSG_USERAUTH_FAILURE")?;
        Ok(message)
    }
}

pub(super) fn put_failure<'a>(
    out: &mut Vec<u8>,
    can_continue: impl IntoIterator<Item = &'a MethodName>,
    partial: Partial,
) {
    out.put_u8(number::USERAUTH_FAILURE);
    out.put_name_list(can_continue.into_iter().map(MethodName::as_str));
    out.put_bool(partial == Partial::Success);
}

/// Text for the user. [RFC 4252 §5.4](https://www.rfc-editor.org/rfc/rfc4252#section-5.4)
///
/// ```text
/// byte SSH_MSG_USERAUTH_BANNER (53) · string message in ISO-10646 UTF-8 encoding · string language tag
/// ```
pub(super) fn decode_banner(body: &[u8]) -> Result<&[u8], InvalidMessage> {
    let mut reader = Reader::new(body);
    let message = reader.string("message")?;
    reader.string("language tag")?;
    reader.finish("SSH_MSG_USERAUTH_BANNER")?;
    Ok(message)
}

pub(super) fn put_banner(out: &mut Vec<u8>, message: &str) {
    out.put_u8(number::USERAUTH_BANNER);
    out.put_string(message.as_bytes());
    out.put_string(b"");
}

/// This key would do. [RFC 4252 §7](https://www.rfc-editor.org/rfc/rfc4252#section-7)
///
/// ```text
/// byte SSH_MSG_USERAUTH_PK_OK (60) · string public key algorithm name · string public key blob
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct PkOk<'a> {
    pub(super) algorithm: &'a [u8],
    pub(super) key: &'a [u8],
}

impl<'a> PkOk<'a> {
    pub(super) fn decode(body: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        let message = Self {
            algorithm: reader.string("public key algorithm name from the request")?,
            key: reader.string("public key blob from the request")?,
        };
        reader.finish("SSH_MSG_USERAUTH_PK_OK")?;
        Ok(message)
    }
}

pub(super) fn put_pk_ok(out: &mut Vec<u8>, algorithm: &str, key: &[u8]) {
    out.put_u8(number::USERAUTH_PK_OK);
    out.put_string(algorithm.as_bytes());
    out.put_string(key);
}

/// The password must be changed. [RFC 4252 §8](https://www.rfc-editor.org/rfc/rfc4252#section-8)
///
/// ```text
/// byte SSH_MSG_USERAUTH_PASSWD_CHANGEREQ (60) · string prompt in ISO-10646 UTF-8 encoding · string language tag
/// ```
pub(super) fn decode_change_request(body: &[u8]) -> Result<&[u8], InvalidMessage> {
    let mut reader = Reader::new(body);
    let prompt = reader.string("prompt")?;
    reader.string("language tag")?;
    reader.finish("SSH_MSG_USERAUTH_PASSWD_CHANGEREQ")?;
    Ok(prompt)
}

pub(super) fn put_change_request(out: &mut Vec<u8>, prompt: &str) {
    out.put_u8(number::USERAUTH_PASSWD_CHANGEREQ);
    out.put_string(prompt.as_bytes());
    out.put_string(b"");
}

#[cfg(test)]
mod tests;
