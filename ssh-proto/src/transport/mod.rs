//! RFC 4253: the transport layer, for both roles.
//!
//! [`Transport`] is the engine below every phase. Its [`turn`](Transport::turn) takes one packet from the input, does
//! what the transport layer does by itself (identification, key exchange, extensions, DISCONNECT and the small
//! messages) and hands everything else up.

mod compress;
mod ext_info;
mod ident;
pub(crate) mod kex;
mod keys;
pub(crate) mod messages;
mod packet;
mod ping;
pub(crate) mod raw;
mod receive;
mod rekey;
mod send;

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

pub use compress::Compression;
pub(crate) use compress::Payload;
pub use ident::Identification;
pub use kex::{DirectionAlgorithms, FirstChoices, HostProof, KexGuess, KexStrictness, Negotiated};
pub use keys::SessionId;
use rand_core::CryptoRng;
pub(crate) use receive::Turn;

use crate::algorithms::Algorithms;
use crate::error::{Error, Waiting};
use crate::keys::PublicKey;
use crate::limits::Limits;
use crate::notice::Notices;
use crate::time::{Instant, earlier};

/// Where a connection's randomness comes from: cookies, padding, ephemeral keys.
pub type Rng = Box<dyn CryptoRng + Send>;

/// Which side we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// Whether a peer without strict key exchange is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "a yes or a no with a name")]
pub enum StrictPolicy {
    /// Strict where the peer offers it (it is shown in [`Negotiated`]), else as RFC 4253 says.
    #[default]
    Allow,
    /// A peer that does not offer it is refused.
    Require,
}

/// What the engine needs to know of a configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) role: Role,
    pub(crate) software: alloc::string::String,
    pub(crate) algorithms: Algorithms,
    /// A server's keys; a client has none.
    pub(crate) host_keys: Vec<PublicKey>,
    pub(crate) limits: Limits,
    pub(crate) strict: StrictPolicy,
    pub(crate) guess: KexGuess,
}

/// The transport layer of one connection.
pub(crate) struct Transport {
    settings: Settings,
    rng: Rng,
    identification: Identification,
    peer: Option<Identification>,
    inbound: receive::Inbound,
    outbound: send::Outbound,
    kex: kex::Exchanges,
    ext_info: ext_info::State,
    meter: rekey::Meter,
    phase: Phase,
    login_deadline: Option<Instant>,
    pub(crate) notices: Notices,
    failed: Option<Error>,
}

/// What the transport layer must know of the layers above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    BeforeLogin,
    LoggedIn,
}

impl core::fmt::Debug for Transport {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Transport")
            .field("role", &self.settings.role)
            .field("peer", &self.peer)
            .field("kex", &self.kex)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl Transport {
    /// Sends our identification and, without waiting for the peer's, our KEXINIT: "Key exchange will begin immediately
    /// after sending this identifier."
    pub(crate) fn start(settings: Settings, rng: Rng, now: Instant, out: &mut Vec<u8>) -> Self {
        let mut transport = Self::new(settings, rng, now);
        out.extend_from_slice(transport.identification.as_bytes());
        out.extend_from_slice(b"\r\n");
        transport.start_key_exchange(now, out);
        transport
    }

    fn new(settings: Settings, rng: Rng, now: Instant) -> Self {
        Self {
            rng,
            identification: Identification::ours(&settings.software),
            peer: None,
            inbound: receive::Inbound::new(&settings.limits),
            outbound: send::Outbound::new(),
            kex: kex::Exchanges::new(),
            ext_info: ext_info::State::default(),
            meter: rekey::Meter::new(now, &settings.limits),
            phase: Phase::BeforeLogin,
            login_deadline: Some(now.plus(settings.limits.login_grace)),
            notices: Notices::default(),
            failed: None,
            settings,
        }
    }

    pub(crate) const fn role(&self) -> Role {
        self.settings.role
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    pub(crate) const fn algorithms(&self) -> &Algorithms {
        &self.settings.algorithms
    }

    pub(crate) const fn peer(&self) -> Option<&Identification> {
        self.peer.as_ref()
    }

    pub(crate) const fn negotiated(&self) -> Option<&Negotiated> {
        self.kex.negotiated()
    }

    /// Our host keys, where we are a server.
    pub(crate) fn host_keys(&self) -> &[PublicKey] {
        &self.settings.host_keys
    }

    /// Whether the peer is OpenSSH, or one of us: "certain broken SSH implementations" leave over its requests.
    pub(crate) fn peer_knows_openssh_extensions(&self) -> bool {
        let software = self.peer.as_ref().map(Identification::software).unwrap_or_default();
        software.starts_with("OpenSSH") || software.starts_with("sshrpc_")
    }

    /// Set from the first key exchange on.
    pub(crate) const fn session_id(&self) -> Option<SessionId> {
        self.kex.session_id()
    }

    /// The host key of the first key exchange: on a server its own.
    pub(crate) fn host_key(&self) -> Option<&PublicKey> {
        self.kex.host_key()
    }

    /// What a client can show of the first key exchange.
    pub(crate) fn host_proof(&self) -> Option<HostProof> {
        self.kex.host_proof()
    }

    /// Whether the server says that it takes logins bound to its host key.
    pub(crate) fn takes_host_bound(&self) -> bool {
        self.ext_info.takes_host_bound()
    }

    /// The signature algorithms that the server says it accepts (RFC 8308 §3.1), if it said so.
    pub(crate) fn server_sig_algs(&self) -> Option<&str> {
        self.ext_info.server_sig_algs()
    }

    /// The login is complete: its clock stops, larger packets are read.
    pub(crate) fn logged_in(&mut self) {
        self.start_compression();
        self.phase = Phase::LoggedIn;
        self.login_deadline = None;
        self.inbound.set_maximum_length(self.settings.limits.packet);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.failed.is_some() {
            // At once: `handle_timeout` says why, to a caller who has not heard it from the call that failed.
            return Some(Instant::default());
        }
        let rekey = (self.kex.is_complete() && !self.may_cross_success()).then(|| self.meter.deadline());
        earlier(earlier(self.login_deadline, rekey), self.kex.deadline())
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.check_not_failed()?;
        if self.login_deadline.is_some_and(|deadline| now >= deadline) {
            return Err(self.fail(Error::TimedOut(Waiting::Login), out));
        }
        if self.kex.deadline().is_some_and(|deadline| now >= deadline) {
            return Err(self.fail(Error::TimedOut(Waiting::KeyExchange), out));
        }
        self.rekey_if_due(now, out);
        Ok(())
    }

    pub(crate) fn check_not_failed(&self) -> Result<(), Error> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Ends the connection: tells the peer, where there is something to tell, and remembers why.
    pub(crate) fn fail(&mut self, error: Error, out: &mut Vec<u8>) -> Error {
        if let Some(failed) = &self.failed {
            return failed.clone();
        }
        if let Some(reason) = error.disconnect_reason() {
            let text = error.to_string();
            self.send_now(out, |payload| messages::put_disconnect(payload, reason, &text));
        }
        self.failed = Some(error.clone());
        error
    }
}
