//! SSH as pure state machines: RFC 4253, 4252 and 4254 for both roles, without I/O, clock or global randomness.
//!
//! ```text
//!              bytes from the peer                                       what they mean
//!   socket ──► InputBuffer ──► ┌───────────────────────────────────┐ ──► Step (before login), Event (after)
//!              decrypted in    │ connection   RFC 4254   80 to 127 │
//!              place           │ userauth     RFC 4252   50 to  79 │     answers: accept, reject, sign, send, consume
//!   socket ◄── out: Vec<u8> ◄──│ transport    RFC 4253    1 to  49 │ ◄──
//!              appended        └───────────────────────────────────┘     and the time: now, handle_timeout
//! ```
//!
//! # The run loop
//!
//! 1. **Process** what lies in the input. It answers with a step (before login) or with events (after).
//! 2. **Answer** what is asked. Everything that can produce bytes appends them to `out`.
//! 3. **Write** `out` to the peer.
//! 4. **Wait** for bytes, or for the moment that `poll_timeout` names; then `handle_timeout`, and from the start.
//!
//! Here it is for a client that logs in and runs one command; `exchange` stands for steps 3 and 4.
//!
//! ```
//! use ssh_proto::client::{self, Step};
//! use ssh_proto::connected::ClientOpen;
//! use ssh_proto::crypto::{Tier, rustcrypto::PROVIDER};
//! use ssh_proto::io::InputVec;
//! use ssh_proto::keys::PrivateKey;
//! use ssh_proto::time::Instant;
//! use ssh_proto::{Algorithms, ChannelRequest, Error, Event, Rng, WantReply};
//!
//! /// Runs `command` as `user` and answers what it wrote.
//! fn run(
//!     user: &str,
//!     key: &PrivateKey,
//!     command: &[u8],
//!     (rng, mut signing): (Rng, Rng),
//!     mut exchange: impl FnMut(&mut Vec<u8>, &mut InputVec) -> Instant,
//! ) -> Result<Vec<u8>, Error> {
//!     let config = client::Config::new(user, Algorithms::up_to(Tier::Default, &PROVIDER));
//!     let (mut now, mut input, mut out) = (Instant::default(), InputVec::with_capacity(300 * 1024), Vec::new());
//!
//!     let mut step = Step::Ready(client::start(&config.into(), rng, now, &mut out)?);
//!     let mut connection = loop {
//!         step = match step {
//!             Step::Ready(ready) => match ready.process(now, &mut input, &mut out)? {      // 1
//!                 Step::Ready(ready) => {
//!                     now = exchange(&mut out, &mut input);                                // 3, 4
//!                     Step::Ready(ready.handle_timeout(now, &mut out)?)
//!                 }
//!                 step => step,
//!             },
//!             Step::HostKey(verify) => verify.accept(now, &mut out)?,                      // 2: compare it with one you know!
//!             Step::Login(login) => match login.choose_algorithm(key.algorithms()) {
//!                 Some(algorithm) if login.refused().is_none() => Step::Sign(login.public_key(algorithm, key.public())),
//!                 _ => panic!("refused"),
//!             },
//!             Step::Sign(sign) => {
//!                 let signature = key.sign(sign.algorithm(), sign.to_sign(), &mut *signing).expect("our own key");
//!                 Step::Ready(sign.complete(&signature, now, &mut out)?)
//!             }
//!             Step::Open(connection) => break connection,
//!             _ => unreachable!("nothing else is asked"),
//!         };
//!     };
//!
//!     let mut written = Vec::new();
//!     connection.open(ClientOpen::Session, now, &mut out).expect("the first channel");
//!     loop {
//!         let mut events = connection.process(now, &mut input, &mut out);                  // 1
//!         while let Some(event) = events.next() {
//!             let (event, connection, out) = event?;
//!             match event {                                                                // 2
//!                 Event::Opened(id) => {
//!                     let request = ChannelRequest::Exec { command };
//!                     connection.channel(id).request(&request, WantReply::No, now, out).expect("open");
//!                 }
//!                 Event::Data { channel, data, .. } => {
//!                     written.extend_from_slice(data);
//!                     connection.channel(channel).consume(data.len() as u32, now, out)?;
//!                 }
//!                 Event::Closed(_) => return Ok(written),
//!                 _ => {}
//!             }
//!         }
//!         now = exchange(&mut out, &mut input);                                            // 3, 4
//!         connection.handle_timeout(now, &mut out)?;
//!     }
//! }
//! #
//! # // A server in memory answers: it runs no command, and echoes it.
//! # use ssh_proto::{Outcome, PeerOpen, Stream, server};
//! # use rand_chacha::rand_core::SeedableRng;
//! # let rng = |seed| -> Rng { Box::new(rand_chacha::ChaCha20Rng::seed_from_u64(seed)) };
//! # let (host_key, user_key) = (PrivateKey::generate_ed25519(&mut *rng(1)), PrivateKey::generate_ed25519(&mut *rng(2)));
//! # let algorithms = Algorithms::up_to(Tier::Default, &PROVIDER);
//! # let config = server::Config::new(vec![host_key.public().clone()], algorithms);
//! # let (now, mut theirs, mut out) = (Instant::default(), InputVec::with_capacity(300 * 1024), Vec::new());
//! # let mut step = Some(server::Step::Ready(server::start(&config.into(), rng(3), now, &mut out)?));
//! # let mut open = None;
//! # let written = run("alice", &user_key, b"hello", (rng(4), rng(5)), |from_client, to_client| {
//! #     theirs.extend(from_client);
//! #     from_client.clear();
//! #     while let Some(now_step) = step.take() {
//! #         step = Some(match now_step {
//! #             server::Step::Ready(ready) => match ready.process(now, &mut theirs, &mut out).unwrap() {
//! #                 server::Step::Ready(ready) => { step = Some(server::Step::Ready(ready)); break; }
//! #                 other => other,
//! #             },
//! #             server::Step::Sign(sign) => {
//! #                 let signature = host_key.sign(sign.algorithm(), sign.to_sign(), &mut *rng(6)).unwrap();
//! #                 server::Step::Ready(sign.complete(&signature, &mut out).unwrap())
//! #             }
//! #             server::Step::Offer(offer) => server::Step::Ready(offer.would_accept(now, &mut out).unwrap()),
//! #             server::Step::Attempt(attempt) => attempt.accept(now, &mut out).unwrap(),
//! #             server::Step::Open(connection) => { open = Some(*connection); break; }
//! #             _ => unreachable!(),
//! #         });
//! #     }
//! #     if let Some(connection) = &mut open {
//! #         let mut events = connection.process(now, &mut theirs, &mut out);
//! #         while let Some(event) = events.next() {
//! #             let (event, connection, out) = event.unwrap();
//! #             match event {
//! #                 Event::Open { ticket, kind: PeerOpen::Session } => { connection.accept(ticket, now, out).unwrap(); }
//! #                 Event::Request { channel, request: ChannelRequest::Exec { command }, ticket } => {
//! #                     connection.reply(ticket, Outcome::Success, now, out).unwrap();
//! #                     connection.channel(channel).send(Stream::Data, command, now, out).unwrap();
//! #                     connection.channel(channel).close(now, out).unwrap();
//! #                 }
//! #                 _ => {}
//! #             }
//! #         }
//! #     }
//! #     to_client.extend(&out);
//! #     out.clear();
//! #     now
//! # })?;
//! # assert_eq!(written, b"hello");
//! # Ok::<(), Error>(())
//! ```
//!
//! # Where things are
//!
//! | you know | you look in |
//! |---|---|
//! | RFC 4251 §5, data types | [`wire`] |
//! | RFC 4253, packets, key exchange, re-keying | `transport/`, one file a section; `transport/kex/` |
//! | RFC 4252, logins | `userauth/`, and its face: [`client`], [`server`] |
//! | RFC 4256, keyboard-interactive | `userauth/keyboard.rs` |
//! | RFC 4254, channels | `connection/`, and its face: [`connected`] |
//! | RFC 4419, group exchange | `transport/kex/group.rs` |
//! | RFC 4344, 4418, 5647, 5656, 6668, 8268, 8332, 8709, 8731, post-quantum hybrids | [`crypto`]: traits and tables; [`keys`]: blobs, signatures |
//! | key files: OpenSSH's, PKCS#8 and older PEM, PuTTY's, RFC 4716 | `keys/file/`, `keys/public_file.rs` |
//! | OpenSSH's PROTOCOL.certkeys, .krl and .u2f: certificates, revoked keys, security keys | `keys/certificate/`, `keys/krl.rs`, `keys/presence.rs` |
//! | RFC 8308, EXT_INFO | `transport/ext_info.rs` |
//! | RFC 4253 §6.2 and `zlib@openssh.com`, compression | `transport/compress.rs`, behind the feature `zlib` |
//! | OpenSSH's strict key exchange, `-etm`, chacha20-poly1305 | `transport/kex/`, `transport/packet.rs` |
//! | OpenSSH's PROTOCOL §1.8 and §2: pings, Unix sockets, `no-more-sessions`, host keys told and proved | `transport/ping.rs`, `connection/forward.rs`, `connection/requests.rs`, `connected/host_keys.rs` |
//! | OpenSSH's PROTOCOL §3: logins bound to a host | `userauth/messages.rs`, `userauth/attempt.rs` |
//! | every bound and its default | [`limits`] |
//! | what can go wrong, by blame | [`error`] |
//! | sending what must not be sent | [`raw`] |
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::alloc_instead_of_core,
        clippy::std_instead_of_core
    )
)]

extern crate alloc;

pub mod algorithms;
pub mod client;
pub mod connected;
mod connection;
pub mod crypto;
pub mod error;
pub mod io;
pub mod keys;
pub mod limits;
pub mod notice;
pub mod pattern;
pub mod raw;
pub mod server;
pub mod time;
mod transport;
mod userauth;
mod waiting;
pub mod wire;

pub use algorithms::Algorithms;
pub use connected::{Channel, Client, Connection, Event, Outcome, Server, Side, WantReply};
pub use connection::{
    BoundPort, ChannelId, ChannelOptions, ChannelRequest, GlobalRequest, GlobalRequestId, GlobalTicket, KeyBlobs,
    OpenError, OpenFailureReason, OpenTicket, PeerOpen, PtyRequest, ReplyTicket, RequestId, SendError, Signal,
    StaleTicket, Stream, StreamLocalChannel, TcpChannel, WindowSize, X11Channel, X11Request,
};
pub use error::{DisconnectReason, Error};
pub use limits::Limits;
pub use transport::{
    DirectionAlgorithms, FirstChoices, Identification, KexGuess, KexStrictness, Negotiated, Rng, SessionId,
    StrictPolicy,
};

/// What our identification says unless a configuration says otherwise.
const SOFTWARE: &str = concat!("sshrpc_", env!("CARGO_PKG_VERSION"));
