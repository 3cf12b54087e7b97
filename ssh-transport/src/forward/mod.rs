//! Connections through a connection: TCP and Unix sockets both ways, the agent, and the display.
//!
//! A client listens here and carries what comes through the server ([`Listening`]), or has the server listen and takes
//! what comes there ([`RemoteForward`]). What a server permits of that is [`Forwarding`]. The rooms: `carry.rs` moves the
//! bytes, `target.rs` says where to, `local.rs`, `remote.rs`, `socks.rs` and `display.rs` are a client's, `policy.rs`, `listen.rs` and
//! `session.rs` a server's.

mod carry;
mod display;
mod listen;
mod local;
mod policy;
mod remote;
mod session;
mod socks;
mod target;

pub use carry::carry;
pub use display::{Display, LentDisplay};
pub(crate) use listen::Listeners;
pub use local::Listening;
pub use policy::{Allow, Forwarding, GatewayPorts};
pub(crate) use remote::Bound;
pub use remote::{Forward, Incoming, RemoteForward};
pub(crate) use session::AskedDisplay;
pub use session::{AgentSocket, DisplaySocket, ForwardedAgent, ForwardedDisplay};
pub use target::Target;
pub(crate) use target::{Destination, bind_socket};
