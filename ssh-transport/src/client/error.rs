//! Why there is no connection, no channel or no program.

use std::{fmt, io};

use ssh_proto::keys::PublicKey;

use crate::ended::Ended;
use crate::files::FileError;
use crate::identity::IdentityError;
use crate::known_hosts::KnownKey;
use crate::link::OpenFailed;

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody listens there, or the name is not known: the address, and what the system says.
    Connect(String, io::Error),
    /// The system has no randomness.
    Randomness(io::Error),
    /// The host's key is not known: its fingerprint is shown so that a person can compare it.
    UnknownHost {
        /// As known_hosts names it.
        host: String,
        /// The key that the host has.
        key: PublicKey,
    },
    /// The host has another key than the one that was asked for.
    NotThePinnedKey {
        /// As known_hosts names it.
        host: String,
        /// The key that the host has.
        key: PublicKey,
    },
    /// The host has another key than the known one: somebody may listen in.
    HostKeyChanged {
        /// As known_hosts names it.
        host: String,
        /// The key that the host has.
        key: PublicKey,
        /// The keys that it is known to have, and where they stand.
        known: Vec<KnownKey>,
    },
    /// The key is marked as revoked.
    HostKeyRevoked {
        /// As known_hosts names it.
        host: String,
        /// The key that the host has.
        key: PublicKey,
    },
    /// Nobody knows which host keys are revoked, so that none is trusted.
    RevokedHostKeys(FileError),
    /// An RSA key, the host's or that of the authority for its certificate, has fewer bits than the policy wants.
    KeyTooSmall {
        /// As known_hosts names it.
        host: String,
        /// The key.
        key: PublicKey,
        /// The bits that it should have.
        required: usize,
    },
    /// The server accepts none of what we have: the user, the methods it would take, and what was tried.
    Denied {
        /// The user.
        user: String,
        /// Methods that the server would take.
        methods: Vec<String>,
        /// Fingerprints of the keys that were tried.
        tried: Vec<String>,
        /// Identities that could not sign.
        failed: Vec<IdentityError>,
    },
    /// The connection ended before the login was complete.
    Ended(Ended),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(address, error) => write!(f, "cannot connect to {address}: {error}"),
            Self::Randomness(error) => write!(f, "the system gives no random numbers: {error}"),
            Self::UnknownHost { host, key } => {
                write!(f, "the host {host} is not known; its {} key is {}", key.key_type(), key.fingerprint())
            }
            Self::NotThePinnedKey { host, key } => write!(
                f,
                "the {} key of {host} is {}, not the one that was asked for: somebody may be listening in",
                key.key_type(),
                key.fingerprint()
            ),
            Self::HostKeyChanged { host, key, known } => {
                write!(f, "the {} key of {host} is now {}, not the one in", key.key_type(), key.fingerprint())?;
                known.iter().try_for_each(|known| write!(f, " {}", known.place))?;
                f.write_str(": somebody may be listening in")
            }
            Self::HostKeyRevoked { host, key } => {
                write!(f, "the {} key of {host}, {}, is revoked", key.key_type(), key.fingerprint())
            }
            Self::RevokedHostKeys(error) => error.fmt(f),
            Self::KeyTooSmall { host, key, required } => {
                let bits = key.bits().unwrap_or_default();
                write!(f, "an RSA key for {host}, {}, has {bits} bits, not {required}", key.fingerprint())
            }
            Self::Denied { user, methods, tried, failed } => {
                write!(f, "login as {user:?} was refused")?;
                match tried.as_slice() {
                    [] => f.write_str("; there was no key to try")?,
                    tried => write!(f, "; tried {}", tried.join(", "))?,
                }
                if !methods.is_empty() {
                    write!(f, "; the server takes {}", methods.join(", "))?;
                }
                failed.iter().try_for_each(|error| write!(f, "; {error}"))
            }
            Self::Ended(ended) => ended.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {}

impl From<Ended> for ConnectError {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

/// Why a channel or a program could not be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProgramError {
    /// The server refused the channel: its reason code (RFC 4254 §5.1) and words.
    ChannelRefused(u32, String),
    /// The server does not run this: the request that it refused.
    Refused(&'static str),
    /// Too many channels are open.
    TooManyChannels,
    /// The connection is gone.
    Ended(Ended),
    /// The channel broke.
    Io(io::Error),
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChannelRefused(code, words) => write!(f, "the server opens no channel (reason {code}): {words}"),
            Self::Refused(request) => write!(f, "the server refused the {request} request"),
            Self::TooManyChannels => f.write_str("too many channels are open on this connection"),
            Self::Ended(ended) => ended.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ProgramError {}

impl From<Ended> for ProgramError {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

impl From<OpenFailed> for ProgramError {
    fn from(failed: OpenFailed) -> Self {
        match failed {
            OpenFailed::Here(ssh_proto::OpenError::Ended(error)) => Self::Ended(Ended::Protocol(error)),
            OpenFailed::Here(_) => Self::TooManyChannels,
            OpenFailed::Refused(refusal) => Self::ChannelRefused(refusal.reason.0, refusal.description),
            OpenFailed::Ended(ended) => Self::Ended(ended),
        }
    }
}
