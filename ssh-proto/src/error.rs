//! Errors by blame: what the peer did wrong, what it cannot do, what took too long, and what the caller did.
//!
//! An error ends the connection: every later call returns the same one. Before it is returned, the DISCONNECT message
//! that tells the peer has been appended to the output.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use crate::wire::{InvalidMessage, MessageNumber};

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke the protocol.
    PeerMisbehaved(PeerMisbehaved),
    /// The peer keeps the protocol, but has nothing in common with us.
    PeerIncompatible(PeerIncompatible),
    /// A message could not be read.
    InvalidMessage(MessageNumber, InvalidMessage),
    /// The peer did not do what it had to in time.
    TimedOut(Waiting),
    /// A limit of the configuration was reached.
    LimitReached(Limit),
    /// The peer said DISCONNECT.
    Disconnected(Box<Disconnected>),
    /// The caller refused the server's host key.
    HostKeyRefused,
    /// The caller could not sign.
    SigningFailed,
    /// The caller did what its own documentation forbids.
    ApiMisuse(ApiMisuse),
}

/// What the peer did against the RFCs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// Its first line is not an SSH identification (RFC 4253 §4.2).
    NotSsh,
    /// Its identification is longer than 255 bytes, or holds a null character.
    BadIdentification,
    /// It sent more lines before its identification than anybody reads.
    TooManyBannerLines,
    /// A packet's length is beyond the limit, below the minimum, or not a multiple of the block size.
    BadPacketLength,
    /// A packet's padding is shorter than four bytes or longer than the packet.
    BadPadding,
    /// A packet's authentication tag does not fit.
    BadMac,
    /// A compressed payload that cannot be expanded.
    BadCompression,
    /// A message that this phase does not allow.
    UnexpectedMessage(MessageNumber),
    /// A message during key exchange that is no part of it (RFC 4253 §7.1).
    NotKeyExchange(MessageNumber),
    /// A message during the first key exchange that strict key exchange forbids: its number and sequence number.
    StrictKeyExchange(MessageNumber, u32),
    /// The sequence number would wrap during the first key exchange.
    SequenceWrapped,
    /// A public value that the key exchange method forbids.
    BadPublicValue,
    /// A group for Diffie-Hellman in which there is no arithmetic: an even prime, or a generator out of range.
    BadGroup,
    /// A request for a group whose sizes contradict each other: not minimum ≤ preferred ≤ maximum.
    BadGroupRequest,
    /// The host key is not of the negotiated kind.
    WrongHostKeyType,
    /// The signature over the exchange hash is not by the host key.
    BadHostSignature,
    /// The host key of a re-exchange is not the first one.
    HostKeyChanged,
    /// EXT_INFO where RFC 8308 §2.4 does not allow it.
    MisplacedExtInfo,
    /// The server accepted a service that was not asked for.
    WrongService,
    /// The server answered a login that was not asked for.
    UnsolicitedLoginAnswer,
    /// More data than the window allows (RFC 4254 §5.2).
    WindowExceeded,
    /// A window beyond 2^32 - 1 (RFC 4254 §5.2).
    WindowOverflow,
    /// A message for a channel that is not open.
    UnknownChannel,
    /// Data after end of file, or anything after close (RFC 4254 §5.3).
    DataAfterEof,
    /// A session after it said that it would open no more (`no-more-sessions@openssh.com`).
    SessionAfterNoMore,
    /// An answer to a request that was not made.
    UnsolicitedReply,
    /// An answer to a channel that was not being opened.
    UnsolicitedOpenAnswer,
    /// A maximum packet size of zero: no data could ever flow.
    ZeroMaximumPacket,
}

/// What the peer has not in common with us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerIncompatible {
    /// It does not speak protocol version 2.0.
    ProtocolVersion,
    /// No common algorithm of this kind.
    NoCommonAlgorithm(AlgorithmKind),
    /// It does not offer strict key exchange, which the configuration requires.
    NoStrictKeyExchange,
    /// It asked for a service that does not exist (RFC 4253 §10).
    UnknownService,
    /// The server's group for Diffie-Hellman has so many bits, and 2048 to 8192 were asked for (RFC 4419 §3, RFC 8270).
    GroupSize(u32),
    /// The client asked for a group for Diffie-Hellman of a size that we do not have (RFC 4419 §3, RFC 8270).
    NoSuchGroup,
    /// It let us in and asked for nothing, which the configuration refuses.
    TrivialLogin,
}

/// A list of KEXINIT (RFC 4253 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlgorithmKind {
    /// `kex_algorithms`.
    KeyExchange,
    /// `server_host_key_algorithms`.
    HostKey,
    /// `encryption_algorithms_client_to_server`.
    CipherClientToServer,
    /// `encryption_algorithms_server_to_client`.
    CipherServerToClient,
    /// `mac_algorithms_client_to_server`.
    MacClientToServer,
    /// `mac_algorithms_server_to_client`.
    MacServerToClient,
    /// `compression_algorithms_client_to_server`.
    CompressionClientToServer,
    /// `compression_algorithms_server_to_client`.
    CompressionServerToClient,
}

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waiting {
    /// A completed login.
    Login,
    /// The end of a key re-exchange.
    KeyExchange,
    /// An answer to keepalive messages.
    Keepalive,
}

/// A limit of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Login attempts.
    LoginTries,
    /// Bytes that had to wait for the end of a key re-exchange.
    HeldOutput,
    /// Bytes of a payload that was compressed.
    InflatedPayload,
    /// Requests of the peer that wait for our answer.
    PendingRequests,
    /// Key exchanges before login.
    KeyExchangesBeforeLogin,
}

/// What the caller did against the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// The configuration has no algorithm of a kind, or a server no host key.
    EmptyConfig,
    /// The connection has ended already.
    Ended,
    /// An answer to a question that is not open.
    NoSuchQuestion,
    /// More or fewer answers than questions.
    AnswerCount,
}

/// The peer's DISCONNECT (RFC 4253 §11.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnected {
    /// The peer's reason code.
    pub reason: u32,
    /// The peer's words, control characters removed.
    pub description: String,
}

impl Disconnected {
    pub(crate) const fn new(reason: u32, description: String) -> Self {
        Self { reason, description }
    }
}

/// The reason codes of [RFC 4253 §11.1](https://www.rfc-editor.org/rfc/rfc4253#section-11.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the RFC's own name without its SSH_DISCONNECT_ prefix")]
#[non_exhaustive]
#[repr(u32)]
pub enum DisconnectReason {
    HostNotAllowedToConnect = 1,
    ProtocolError = 2,
    KeyExchangeFailed = 3,
    MacError = 5,
    CompressionError = 6,
    ServiceNotAvailable = 7,
    ProtocolVersionNotSupported = 8,
    HostKeyNotVerifiable = 9,
    ConnectionLost = 10,
    ByApplication = 11,
    TooManyConnections = 12,
    AuthCancelledByUser = 13,
    NoMoreAuthMethodsAvailable = 14,
    IllegalUserName = 15,
}

impl Error {
    /// What we tell the peer, if anything can be told.
    #[must_use]
    pub const fn disconnect_reason(&self) -> Option<DisconnectReason> {
        use DisconnectReason as Reason;
        Some(match self {
            Self::PeerMisbehaved(blame) => match blame {
                PeerMisbehaved::NotSsh => return None,
                PeerMisbehaved::BadMac => Reason::MacError,
                PeerMisbehaved::BadCompression => Reason::CompressionError,
                PeerMisbehaved::BadPublicValue
                | PeerMisbehaved::BadGroup
                | PeerMisbehaved::BadGroupRequest
                | PeerMisbehaved::WrongHostKeyType => Reason::KeyExchangeFailed,
                PeerMisbehaved::BadHostSignature | PeerMisbehaved::HostKeyChanged => Reason::HostKeyNotVerifiable,
                _ => Reason::ProtocolError,
            },
            Self::PeerIncompatible(blame) => match blame {
                PeerIncompatible::ProtocolVersion => Reason::ProtocolVersionNotSupported,
                PeerIncompatible::UnknownService => Reason::ServiceNotAvailable,
                PeerIncompatible::TrivialLogin => Reason::ByApplication,
                PeerIncompatible::NoCommonAlgorithm(_)
                | PeerIncompatible::NoStrictKeyExchange
                | PeerIncompatible::GroupSize(_)
                | PeerIncompatible::NoSuchGroup => Reason::KeyExchangeFailed,
            },
            Self::InvalidMessage(..) => Reason::ProtocolError,
            Self::TimedOut(Waiting::Keepalive) => Reason::ConnectionLost,
            Self::TimedOut(_) | Self::SigningFailed => Reason::ByApplication,
            Self::LimitReached(Limit::LoginTries) => Reason::NoMoreAuthMethodsAvailable,
            Self::LimitReached(Limit::InflatedPayload) => Reason::CompressionError,
            Self::LimitReached(_) => Reason::ProtocolError,
            Self::HostKeyRefused => Reason::HostKeyNotVerifiable,
            Self::Disconnected(_) => return None,
            Self::ApiMisuse(_) => Reason::ByApplication,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerMisbehaved(blame) => write!(f, "the peer broke the protocol: {blame}"),
            Self::PeerIncompatible(blame) => write!(f, "the peer cannot work with us: {blame}"),
            Self::InvalidMessage(number, error) => write!(f, "the peer sent a malformed {number}: {error}"),
            Self::TimedOut(Waiting::Login) => f.write_str("the login took too long"),
            Self::TimedOut(Waiting::KeyExchange) => f.write_str("the peer did not finish a key exchange in time"),
            Self::TimedOut(Waiting::Keepalive) => f.write_str("the peer no longer answers"),
            Self::LimitReached(Limit::LoginTries) => f.write_str("too many failed logins"),
            Self::LimitReached(Limit::HeldOutput) => {
                f.write_str("the peer let too much output pile up during a key exchange")
            }
            Self::LimitReached(Limit::InflatedPayload) => {
                f.write_str("the peer sent a compressed packet that expands beyond the limit")
            }
            Self::LimitReached(Limit::PendingRequests) => f.write_str("the peer has too many unanswered requests"),
            Self::LimitReached(Limit::KeyExchangesBeforeLogin) => {
                f.write_str("the peer exchanged keys too often before login")
            }
            Self::Disconnected(said) => {
                write!(f, "the peer disconnected (reason {}): {}", said.reason, said.description)
            }
            Self::HostKeyRefused => f.write_str("the server's host key was not accepted"),
            Self::SigningFailed => f.write_str("the signature could not be made"),
            Self::ApiMisuse(ApiMisuse::EmptyConfig) => {
                f.write_str("the configuration lacks an algorithm or a host key")
            }
            Self::ApiMisuse(ApiMisuse::Ended) => f.write_str("the connection has ended"),
            Self::ApiMisuse(ApiMisuse::NoSuchQuestion) => f.write_str("an answer to a question that is not open"),
            Self::ApiMisuse(ApiMisuse::AnswerCount) => f.write_str("more or fewer answers than questions"),
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Display for PeerMisbehaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NotSsh => "its first line is not an SSH identification",
            Self::BadIdentification => "its identification is too long or holds a null character (RFC 4253 s4.2)",
            Self::TooManyBannerLines => "too many lines before its identification (RFC 4253 s4.2)",
            Self::BadPacketLength => "a packet length that is not allowed (RFC 4253 s6)",
            Self::BadPadding => "padding that is not allowed (RFC 4253 s6)",
            Self::BadMac => "a packet whose authentication tag does not fit (RFC 4253 s6.4)",
            Self::BadCompression => "a compressed packet that cannot be expanded (RFC 4253 s6.2)",
            Self::UnexpectedMessage(number) => return write!(f, "{number} is not allowed now"),
            Self::NotKeyExchange(number) => {
                return write!(f, "{number} during a key exchange (RFC 4253 s7.1)");
            }
            Self::StrictKeyExchange(number, sequence) => {
                return write!(f, "{number}, packet {sequence}, during the first strict key exchange");
            }
            Self::SequenceWrapped => "its sequence number wraps during the first key exchange",
            Self::BadPublicValue => {
                "a public value that the key exchange method forbids (RFC 8268 s4, RFC 8731 s3, FIPS 203 s7)"
            }
            Self::BadGroup => "a group for Diffie-Hellman that is none (RFC 4419 s3)",
            Self::BadGroupRequest => "a request for a group whose sizes contradict each other (RFC 4419 s3)",
            Self::WrongHostKeyType => "a host key that is not of the negotiated kind",
            Self::BadHostSignature => "a signature that is not by its host key (RFC 4253 s8)",
            Self::HostKeyChanged => "another host key than at the first key exchange",
            Self::MisplacedExtInfo => "EXT_INFO where it is not allowed (RFC 8308 s2.4)",
            Self::WrongService => "acceptance of a service that was not asked for",
            Self::UnsolicitedLoginAnswer => "an answer to a login that was not asked for",
            Self::WindowExceeded => "more data than the window allows (RFC 4254 s5.2)",
            Self::WindowOverflow => "a window beyond 2^32-1 (RFC 4254 s5.2)",
            Self::UnknownChannel => "a message for a channel that is not open",
            Self::DataAfterEof => "data after end of file or close (RFC 4254 s5.3)",
            Self::SessionAfterNoMore => "a session after it said that it would open no more",
            Self::UnsolicitedReply => "an answer to a request that was not made",
            Self::UnsolicitedOpenAnswer => "an answer for a channel that was not being opened",
            Self::ZeroMaximumPacket => "a maximum packet size of zero",
        };
        f.write_str(text)
    }
}

impl fmt::Display for PeerIncompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProtocolVersion => f.write_str("it does not speak SSH protocol 2.0"),
            Self::NoCommonAlgorithm(kind) => write!(f, "no common {kind}"),
            Self::NoStrictKeyExchange => f.write_str("it does not offer strict key exchange, which is required"),
            Self::UnknownService => f.write_str("it asked for a service that does not exist"),
            Self::GroupSize(bits) => {
                write!(f, "its group for Diffie-Hellman has {bits} bits, not 2048 to 8192 (RFC 8270 s3)")
            }
            Self::NoSuchGroup => f.write_str("no group for Diffie-Hellman of a size that it accepts (RFC 8270 s3)"),
            Self::TrivialLogin => {
                f.write_str("it let us in and asked for nothing, so that what it asks for later could be a trap")
            }
        }
    }
}

impl fmt::Display for AlgorithmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyExchange => "key exchange method",
            Self::HostKey => "host key algorithm",
            Self::CipherClientToServer => "cipher (client to server)",
            Self::CipherServerToClient => "cipher (server to client)",
            Self::MacClientToServer => "MAC (client to server)",
            Self::MacServerToClient => "MAC (server to client)",
            Self::CompressionClientToServer => "compression (client to server)",
            Self::CompressionServerToClient => "compression (server to client)",
        })
    }
}
