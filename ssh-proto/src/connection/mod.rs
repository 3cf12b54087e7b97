//! RFC 4254: the connection layer. Channels, their windows, requests and their answers.
//!
//! Messages 80 and above are decoded here and nowhere else, and a [`mux::Mux`] wants the proof of a completed login:
//! before it there is nothing that could route them (CVE-2025-32433).

mod channel;
mod forward;
mod messages;
pub(crate) mod mux;
mod replies;
mod requests;
mod session;
mod window;

pub use channel::{ChannelId, Stream};
pub use forward::{BoundPort, StreamLocalChannel, TcpChannel, X11Channel};
pub use messages::OpenFailureReason;
pub use mux::{
    ChannelOptions, GlobalRequestId, GlobalTicket, OpenError, OpenTicket, ReplyTicket, RequestId, SendError,
    StaleTicket,
};
pub use replies::{Outcome, WantReply};
pub(crate) use requests::{AGENT, DIRECT_STREAMLOCAL, FORWARDED_STREAMLOCAL, HOST_KEYS_PROVE};
pub use requests::{GlobalRequest, KeyBlobs, PeerOpen};
pub use session::{ChannelRequest, PtyRequest, Signal, WindowSize, X11Request};
