//! In what the two sides differ: what they may open, and what they are asked.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::connection::{AGENT, DIRECT_STREAMLOCAL, FORWARDED_STREAMLOCAL, StreamLocalChannel, TcpChannel, X11Channel};
use crate::keys::PublicKey;
use crate::transport::kex::Sign;

/// Which side of a connection we are. The two differ in what they may open and in what they are asked.
pub trait Side: sealed::Sealed + fmt::Debug + Send + Sync + Sized + 'static {
    /// What the connection asks of the caller during a key re-exchange.
    type Ask: fmt::Debug + Send;
    /// The channels that this side may open.
    type Open<'a>: Into<ChannelType<'a>>;

    #[doc(hidden)]
    fn ask(question: Question) -> Option<Self::Ask>;
}

mod sealed {
    pub trait Sealed {}
}

/// The client's side.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "no value of it exists")]
pub enum Client {}

/// The server's side.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "no value of it exists")]
pub enum Server {}

impl sealed::Sealed for Client {}
impl sealed::Sealed for Server {}

impl Side for Client {
    /// Nothing: "the host key of a re-key equals the first", which the core checks itself.
    type Ask = core::convert::Infallible;
    type Open<'a> = ClientOpen<'a>;

    fn ask(_question: Question) -> Option<Self::Ask> {
        None
    }
}

impl Side for Server {
    type Ask = RekeySignature;
    type Open<'a> = ServerOpen<'a>;

    fn ask(question: Question) -> Option<Self::Ask> {
        Some(RekeySignature(question.0))
    }
}

/// A question of the transport layer.
#[doc(hidden)]
#[derive(Debug)]
pub struct Question(pub(super) Box<Sign>);

/// A key re-exchange wants the host key's signature. Everything else goes on meanwhile, as far as the peer lets it.
#[derive(Debug)]
#[must_use = "the re-exchange waits for the signature"]
pub struct RekeySignature(pub(super) Box<Sign>);

impl RekeySignature {
    /// The host key that signs.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        self.0.host_key()
    }

    /// The signature algorithm, by its name on the wire.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        self.0.algorithm()
    }

    /// The bytes to sign.
    #[must_use]
    pub fn to_sign(&self) -> &[u8] {
        self.0.to_sign()
    }
}

/// A channel that a client opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientOpen<'a> {
    /// `session` (RFC 4254 §6.1).
    Session,
    /// `direct-tcpip` (RFC 4254 §7.2).
    DirectTcpip(TcpChannel<'a>),
    /// `direct-streamlocal@openssh.com` (PROTOCOL §2.4).
    DirectStreamLocal(StreamLocalChannel<'a>),
    /// Another type.
    Other {
        /// The channel type.
        channel_type: &'a str,
        /// The channel type specific data.
        data: &'a [u8],
    },
}

/// A channel that a server opens. It has no `session`: that one is opened by clients only.
///
/// ```compile_fail,E0599
/// let open = ssh_proto::connected::ServerOpen::Session;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerOpen<'a> {
    /// `forwarded-tcpip` (RFC 4254 §7.2).
    ForwardedTcpip(TcpChannel<'a>),
    /// `forwarded-streamlocal@openssh.com` (PROTOCOL §2.4).
    ForwardedStreamLocal(StreamLocalChannel<'a>),
    /// `x11` (RFC 4254 §6.3.2).
    X11(X11Channel<'a>),
    /// `auth-agent@openssh.com`: to the client's agent.
    Agent,
    /// Another type.
    Other {
        /// The channel type.
        channel_type: &'a str,
        /// The channel type specific data.
        data: &'a [u8],
    },
}

/// A channel type and its data, from either side's vocabulary.
#[derive(Clone, Debug)]
pub struct ChannelType<'a> {
    pub(super) channel_type: &'a str,
    pub(super) data: Vec<u8>,
}

impl<'a> From<ClientOpen<'a>> for ChannelType<'a> {
    fn from(open: ClientOpen<'a>) -> Self {
        match open {
            ClientOpen::Session => Self { channel_type: "session", data: Vec::new() },
            ClientOpen::DirectTcpip(tcp) => Self { channel_type: "direct-tcpip", data: tcp.to_data() },
            ClientOpen::DirectStreamLocal(socket) => {
                Self { channel_type: DIRECT_STREAMLOCAL, data: socket.to_direct_data() }
            }
            ClientOpen::Other { channel_type, data } => Self { channel_type, data: data.to_vec() },
        }
    }
}

impl<'a> From<ServerOpen<'a>> for ChannelType<'a> {
    fn from(open: ServerOpen<'a>) -> Self {
        match open {
            ServerOpen::ForwardedTcpip(tcp) => Self { channel_type: "forwarded-tcpip", data: tcp.to_data() },
            ServerOpen::ForwardedStreamLocal(socket) => {
                Self { channel_type: FORWARDED_STREAMLOCAL, data: socket.to_forwarded_data() }
            }
            ServerOpen::X11(x11) => Self { channel_type: "x11", data: x11.to_data() },
            ServerOpen::Agent => Self { channel_type: AGENT, data: Vec::new() },
            ServerOpen::Other { channel_type, data } => Self { channel_type, data: data.to_vec() },
        }
    }
}
