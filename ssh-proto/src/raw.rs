//! Message-level access for conformance tests and fuzzers: send any payload in any state, read any payload.
//!
//! This is the deliberate back door, and it opens to one side only. An [`Endpoint`] is the packet layer and the key
//! exchange engine of this crate, for either role, with nothing above them: no rule says which message may be sent when,
//! and what comes is shown as it came. What it cannot do is be a connection: it holds no login and no channels, and can
//! make neither, so nothing that it does makes a real [`Connection`](crate::Connection) of ours forget a rule. Programs
//! use [`client`](crate::client) and [`server`](crate::server).
//!
//! ```
//! # use ssh_proto::{Algorithms, crypto::{Tier, rustcrypto::PROVIDER}, io::InputVec, raw};
//! # fn rng() -> ssh_proto::Rng {
//! #     use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
//! #     Box::new(ChaCha20Rng::from_seed([1; 32]))
//! # }
//! # let (mut to_server, mut to_client) = (InputVec::with_capacity(40_000), InputVec::with_capacity(40_000));
//! let mut out = Vec::new();
//! let config = raw::Config::new(Algorithms::up_to(Tier::Default, &PROVIDER));
//! let mut client = raw::Endpoint::client(config.clone(), rng(), &mut out);
//! to_server.extend(&out);
//! out.clear();
//! // A server that does nothing by itself, and says something that no server should.
//! let mut server = raw::Endpoint::server(config.kex(raw::KexHandling::Manual), vec![], raw::no_signer(), rng(), &mut out);
//! server.identify(b"SSH-2.0-rude", &mut out);
//! server.send(&[52], &mut out);
//! to_client.extend(&out);
//! assert_eq!(client.receive(&mut to_client, &mut out)?.unwrap().payload, [52]);
//! assert_eq!(server.receive(&mut to_server, &mut out)?.unwrap().payload[0], 20);
//! # Ok::<(), ssh_proto::Error>(())
//! ```

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::algorithms::Algorithms;
use crate::crypto::{CipherMethod, MacMethod};
use crate::error::Error;
use crate::io::InputBuffer;
use crate::keys::{PublicKey, Signature};
use crate::limits::Limits;
pub use crate::transport::raw::{Flaw, Keys, Numbering};
use crate::transport::{
    Identification, KexGuess, Negotiated, Rng, Role, SessionId, Settings, StrictPolicy, Transport, Turn,
};

/// How an [`Endpoint`] behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// `softwareversion` and comments of our identification.
    pub software: String,
    /// What our KEXINIT offers, and what can be agreed on. A server offers all of `host_keys`, keys or not.
    pub algorithms: Algorithms,
    /// Who exchanges keys.
    pub kex: KexHandling,
    /// The largest `packet_length` that is read: 256 KiB.
    pub maximum_packet: usize,
}

/// Who exchanges keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is nobody else")]
pub enum KexHandling {
    /// The engine: messages 20, 21 and 30 to 49 of the peer are shown, and answered by themselves. A client accepts any
    /// host key that has signed.
    Automatic,
    /// The caller: all messages are shown, none is answered. Keys come into use by
    /// [`protect_outbound`](Endpoint::protect_outbound) and [`protect_inbound`](Endpoint::protect_inbound).
    Manual,
}

impl Config {
    /// Automatic key exchange with `algorithms`.
    #[must_use]
    pub fn new(algorithms: Algorithms) -> Self {
        Self {
            software: crate::SOFTWARE.to_owned(),
            algorithms,
            kex: KexHandling::Automatic,
            maximum_packet: Limits::default().packet,
        }
    }

    /// The same with another `kex`.
    #[must_use]
    pub fn kex(self, kex: KexHandling) -> Self {
        Self { kex, ..self }
    }

    fn into_settings(self, role: Role, host_keys: Vec<PublicKey>) -> Settings {
        let limits = Limits {
            packet_before_login: self.maximum_packet,
            key_exchanges_before_login: u32::MAX,
            ..Limits::default()
        };
        let Self { software, algorithms, .. } = self;
        Settings { role, software, algorithms, host_keys, limits, strict: StrictPolicy::Allow, guess: KexGuess::Wait }
    }
}

/// Signs exchange hashes for a server: the host key, the signature algorithm and the hash go in. Without an answer, or
/// with a wrong one, the exchange goes no further.
pub type Signer = Box<dyn FnMut(&PublicKey, &str, &[u8]) -> Option<Signature> + Send>;

/// A signer that never signs: for endpoints that need none.
#[must_use]
pub fn no_signer() -> Signer {
    Box::new(|_key, _algorithm, _hash| None)
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The sequence number of its packet.
    pub sequence: u32,
    /// The message, its number first. May be empty, which no message is.
    pub payload: Vec<u8>,
}

impl Received {
    /// The message number, if there is one.
    #[must_use]
    pub fn number(&self) -> Option<u8> {
        self.payload.first().copied()
    }
}

/// One end of the transport layer, for either role.
///
/// It sends nothing by itself but what key exchange needs, and that only under [`KexHandling::Automatic`]: no
/// UNIMPLEMENTED, no EXT_INFO, no DISCONNECT. Raw bytes need no method: append them to the output. It compresses nothing and
/// expands nothing, because there is no login behind which that would begin: where compression is agreed on, payloads are
/// shown and sent as they travel.
pub struct Endpoint {
    transport: Transport,
    kex: KexHandling,
    signer: Signer,
    host_key: Option<PublicKey>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("transport", &self.transport).field("kex", &self.kex).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// A client. Under [`KexHandling::Automatic`] its identification and KEXINIT are in `out` at once.
    #[must_use]
    pub fn client(config: Config, rng: Rng, out: &mut Vec<u8>) -> Self {
        Self::start(config, Role::Client, Vec::new(), no_signer(), rng, out)
    }

    /// A server that shows `host_keys`. Under [`KexHandling::Automatic`] its identification and KEXINIT are in `out` at
    /// once.
    #[must_use]
    pub fn server(config: Config, host_keys: Vec<PublicKey>, signer: Signer, rng: Rng, out: &mut Vec<u8>) -> Self {
        Self::start(config, Role::Server, host_keys, signer, rng, out)
    }

    fn start(
        config: Config,
        role: Role,
        host_keys: Vec<PublicKey>,
        signer: Signer,
        rng: Rng,
        out: &mut Vec<u8>,
    ) -> Self {
        let kex = config.kex;
        let transport = Transport::silent(config.into_settings(role, host_keys), rng);
        let mut endpoint = Self { transport, kex, signer, host_key: None };
        if kex == KexHandling::Automatic {
            let line = endpoint.transport.identification().as_bytes().to_vec();
            endpoint.identify(&line, out);
            endpoint.exchange_keys(out);
        }
        endpoint
    }

    /// Sends `line` and CR LF as our identification. The exchange hash will hold `line`, whatever it is.
    pub fn identify(&mut self, line: &[u8], out: &mut Vec<u8>) {
        self.transport.identify(line, out);
    }

    /// Says who exchanges keys from now on.
    pub const fn set_kex_handling(&mut self, kex: KexHandling) {
        self.kex = kex;
    }

    /// Starts a key exchange, the first or a later one, unless one is under way.
    pub fn exchange_keys(&mut self, out: &mut Vec<u8>) {
        self.transport.start_key_exchange(crate::time::Instant::default(), out);
    }

    /// Starts a key exchange with `payload` for our KEXINIT, whatever is under way. The engine negotiates by what it
    /// says and hashes it as it is; without `kex-strict-*-v00@openssh.com` there is no strict key exchange.
    pub fn exchange_keys_with(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.transport.exchange_keys_with(payload, out);
    }

    /// Sends any payload, now. An empty one too.
    pub fn send(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.transport.send_now(out, |packet| packet.extend_from_slice(payload));
    }

    /// Sends any payload in a packet that is wrong in one respect.
    pub fn send_flawed(&mut self, payload: &[u8], flaw: Flaw, out: &mut Vec<u8>) {
        self.transport.send_flawed(payload, flaw, out);
    }

    /// Takes the next message out of `input`, and lets the engine answer it where it is in charge. `None` when there is
    /// no whole packet.
    ///
    /// # Errors
    /// When the packet cannot be read, or an automatic key exchange fails on it. Nothing is said to the peer about it.
    pub fn receive(&mut self, input: &mut dyn InputBuffer, out: &mut Vec<u8>) -> Result<Option<Received>, Error> {
        let Some((sequence, payload)) = self.transport.take_packet(input)? else { return Ok(None) };
        if self.kex == KexHandling::Automatic {
            match self.transport.exchange(sequence, &payload, out)? {
                Some(Turn::Verify(verify)) => {
                    self.host_key = Some(verify.host_key().clone());
                    self.transport.accept_host_key(*verify, out);
                }
                Some(Turn::Sign(sign)) => {
                    let signature = (self.signer)(sign.host_key(), sign.algorithm(), sign.to_sign());
                    let signature = signature.ok_or(Error::SigningFailed)?;
                    self.transport.complete_signature(*sign, &signature, out);
                }
                Some(Turn::Idle | Turn::Packet { .. } | Turn::KeysChanged) | None => {}
            }
        }
        Ok(Some(Received { sequence, payload }))
    }

    /// Sends under `keys` from now on. `mac` is not used with a cipher that authenticates.
    pub fn protect_outbound(&mut self, keys: &Keys, cipher: CipherMethod, mac: MacMethod, numbering: Numbering) {
        self.transport.protect_outbound(keys, cipher, mac, numbering);
    }

    /// Reads under `keys` from now on. `mac` is not used with a cipher that authenticates.
    pub fn protect_inbound(&mut self, keys: &Keys, cipher: CipherMethod, mac: MacMethod, numbering: Numbering) {
        self.transport.protect_inbound(keys, cipher, mac, numbering);
    }

    /// Our identification, as it stands in the exchange hash.
    #[must_use]
    pub const fn identification(&self) -> &Identification {
        self.transport.identification()
    }

    /// Who the peer says it is, once it has.
    #[must_use]
    pub const fn peer(&self) -> Option<&Identification> {
        self.transport.peer()
    }

    /// The session identifier, from the engine's first key exchange on.
    #[must_use]
    pub const fn session_id(&self) -> Option<SessionId> {
        self.transport.session_id()
    }

    /// What the engine's last key exchange agreed on: there from the peer's NEWKEYS on.
    #[must_use]
    pub const fn negotiated(&self) -> Option<&Negotiated> {
        self.transport.negotiated()
    }

    /// The host key that the server showed to the engine, and signed with.
    #[must_use]
    pub const fn host_key(&self) -> Option<&PublicKey> {
        self.host_key.as_ref()
    }
}
