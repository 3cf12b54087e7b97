//! What a login request comes to on a server: a question for the caller, once everything is checked that can be checked
//! without knowing the user.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::factors::Factors;
use super::keyboard::Answers;
use super::messages::{Method, MethodName, Request};
use super::signature::to_sign;
use crate::keys::{Certificate, Presence, PublicKey, SignatureRef};
use crate::notice::printable;
use crate::transport::Transport;

/// What a request asks of the caller.
#[derive(Debug)]
pub(crate) enum Question {
    Offer { algorithm: &'static str, key: PublicKey, certificate: Option<Certificate> },
    Attempt(Attempt),
    Exchange(Exchange),
}

/// A keyboard-interactive exchange: at its start there are no answers yet.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) submethods: String,
    pub(crate) answers: Option<Answers>,
}

/// An attempt, as far as this layer can check it.
pub(crate) enum Attempt {
    None,
    PublicKey(PublicKey, Option<Presence>),
    Certificate(Certificate, Option<Presence>),
    Password(Zeroizing<Vec<u8>>),
    PasswordChange { old: Zeroizing<Vec<u8>>, new: Zeroizing<Vec<u8>> },
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::PublicKey(key, presence) => f.debug_tuple("PublicKey").field(key).field(presence).finish(),
            Self::Certificate(certificate, presence) => {
                f.debug_tuple("Certificate").field(certificate).field(presence).finish()
            }
            Self::Password(_) => f.write_str("Password([redacted])"),
            Self::PasswordChange { .. } => f.write_str("PasswordChange([redacted])"),
        }
    }
}

impl Attempt {
    pub(crate) const fn name(&self) -> MethodName {
        match self {
            Self::None => MethodName::None,
            Self::PublicKey(..) | Self::Certificate(..) => MethodName::PublicKey,
            Self::Password(_) | Self::PasswordChange { .. } => MethodName::Password,
        }
    }

    /// What signed, be it in a certificate or not: one key is one factor.
    pub(crate) fn key(&self) -> Option<&PublicKey> {
        match self {
            Self::PublicKey(key, _) => Some(key),
            Self::Certificate(certificate, _) => Some(certificate.key()),
            _ => None,
        }
    }
}

/// What was refused: it decides whether that counts, and how long the refusal is held back. The peer is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Before anything was tried: the list of methods was asked for.
    Probe,
    /// A key that would not do.
    Query,
    /// A real attempt.
    Attempt,
}

/// Everything that can be checked without knowing the user: the algorithm, the key, the signature.
pub(super) fn check(factors: &Factors, transport: &Transport, request: &Request<'_>) -> Result<Question, Refused> {
    let key_of = |algorithm: &str, blob: &[u8], host_key: Option<&[u8]>, refused| {
        // A signature that is bound to a host is bound to this one.
        if host_key.is_some_and(|bound| transport.host_key().is_none_or(|own| own.blob() != bound)) {
            return Err(refused);
        }
        let method = transport.algorithms().user_keys.iter().find(|method| method.name == algorithm).ok_or(refused)?;
        let key = PublicKey::from_blob(blob).map_err(|_invalid| refused)?;
        method.check_key(&key).map_err(|_invalid| refused)?;
        let certificate = Certificate::from_public(&key).map_err(|_invalid| refused)?;
        let signer = certificate.as_ref().map_or(&key, Certificate::key);
        if factors.has_used(signer) { Err(refused) } else { Ok((*method, key, certificate)) }
    };
    match request.method {
        Method::None => Ok(Question::Attempt(Attempt::None)),
        Method::Query { algorithm, key, host_key } => {
            let (method, key, certificate) = key_of(algorithm, key, host_key, Refused::Query)?;
            Ok(Question::Offer { algorithm: method.name, key, certificate })
        }
        Method::Signed { algorithm, key, host_key, signature, signed } => {
            let (method, key, certificate) = key_of(algorithm, key, host_key, Refused::Attempt)?;
            let session_id = transport.session_id().ok_or(Refused::Attempt)?;
            let signature = SignatureRef::from_wire(signature).map_err(|_invalid| Refused::Attempt)?;
            // RFC 8332 §3.2: the name in the request and the name in the signature are the same.
            method.verify(&key, &to_sign(session_id, signed), signature).map_err(|_bad| Refused::Attempt)?;
            Ok(Question::Attempt(match certificate {
                None => Attempt::PublicKey(key, signature.presence),
                Some(certificate) => Attempt::Certificate(certificate, signature.presence),
            }))
        }
        Method::Password { password } => Ok(Question::Attempt(Attempt::Password(short_enough(transport, password)?))),
        Method::PasswordChange { old, new } => {
            let (old, new) = (short_enough(transport, old)?, short_enough(transport, new)?);
            Ok(Question::Attempt(Attempt::PasswordChange { old, new }))
        }
        // The submethods are "a hint" (RFC 4256 §3.1): what is asked, and how often, is the caller's affair (CVE-2015-5600).
        Method::KeyboardInteractive { submethods } => {
            Ok(Question::Exchange(Exchange { submethods: printable(submethods.as_bytes()), answers: None }))
        }
        Method::Other(_) => Err(Refused::Attempt),
    }
}

/// A password that is looked at.
fn short_enough(transport: &Transport, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    if password.len() > transport.limits().password {
        return Err(Refused::Attempt);
    }
    Ok(Zeroizing::new(password.to_vec()))
}
