//! What [`crate::raw`] needs of the engine beyond what every connection does: single packets in, anything out.

use alloc::vec::Vec;

use super::compress::Compression;
use super::ident::Identification;
use super::keys::{Direction, KeyMaterial, SessionId, Suite};
use super::packet::Half;
pub use super::packet::{Flaw, Numbering};
use super::receive::Received;
use super::{Rng, Role, Settings, Transport, Turn};
use crate::crypto::{CipherMethod, Digest, Hash, MacMethod, SharedSecret};
use crate::error::Error;
use crate::io::InputBuffer;
use crate::time::Instant;
use crate::wire::number;

/// The keys of an exchange that somebody carried out by hand.
pub struct Keys {
    material: KeyMaterial,
    session_id: SessionId,
}

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Keys").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

impl Keys {
    /// Keys from `secret` and `exchange_hash` (RFC 4253 §7.2); in a first exchange `session_id` is `exchange_hash`.
    #[must_use]
    pub fn new(hash: &'static dyn Hash, secret: &SharedSecret, exchange_hash: Digest, session_id: Digest) -> Self {
        Self { material: KeyMaterial::new(hash, secret, exchange_hash), session_id: SessionId(session_id) }
    }
}

impl Transport {
    /// An engine that has sent nothing.
    pub(crate) fn silent(settings: Settings, rng: Rng) -> Self {
        let mut transport = Self::new(settings, rng, Instant::default());
        transport.ext_info.stay_silent();
        transport
    }

    /// Sends `line` and CR LF as our identification; the exchange hash will hold it.
    pub(crate) fn identify(&mut self, line: &[u8], out: &mut Vec<u8>) {
        self.identification = Identification::from_line(line);
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }

    pub(crate) const fn identification(&self) -> &Identification {
        &self.identification
    }

    /// Sends `payload` as the KEXINIT of an exchange, whatever state that finds.
    pub(crate) fn exchange_keys_with(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.send_kexinit(payload.to_vec(), None, out);
    }

    /// The next payload, out of the input.
    pub(crate) fn take_packet(&mut self, input: &mut dyn InputBuffer) -> Result<Option<(u32, Vec<u8>)>, Error> {
        let Some((sequence, mut payload)) = self.next_packet(input)? else { return Ok(None) };
        let payload = payload.bytes(input).to_vec();
        self.release(input);
        Ok(Some((sequence, payload)))
    }

    /// Lets the engine have a message, if it is one of key exchange.
    pub(crate) fn exchange(&mut self, sequence: u32, payload: &[u8], out: &mut Vec<u8>) -> Result<Option<Turn>, Error> {
        match payload.first() {
            Some(&(number::KEXINIT | number::NEWKEYS | 30..=49)) => {}
            _ => return Ok(None),
        }
        Ok(match self.receive(Instant::default(), sequence, payload, out)? {
            Received::Turn(turn) => Some(turn),
            Received::Handled | Received::ForAbove => None,
        })
    }

    /// Sends a packet that is wrong in one respect.
    pub(crate) fn send_flawed(&mut self, payload: &[u8], flaw: Flaw, out: &mut Vec<u8>) {
        self.outbound.sealer.seal_flawed(out, payload, flaw);
    }

    /// Sends under `keys` from now on.
    pub(crate) fn protect_outbound(&mut self, keys: &Keys, cipher: CipherMethod, mac: MacMethod, numbering: Numbering) {
        let direction = match self.role() {
            Role::Client => Direction::ClientToServer,
            Role::Server => Direction::ServerToClient,
        };
        // `mac` is there for every cipher that needs one.
        if let Some(suite) = Suite::new(cipher, || Some(mac)) {
            let protection = keys.material.protection(keys.session_id, direction, Half::Sealing, &suite);
            self.outbound.rekey(protection, numbering, Compression::NONE);
        }
    }

    /// Reads under `keys` from now on.
    pub(crate) fn protect_inbound(&mut self, keys: &Keys, cipher: CipherMethod, mac: MacMethod, numbering: Numbering) {
        let direction = match self.role() {
            Role::Client => Direction::ServerToClient,
            Role::Server => Direction::ClientToServer,
        };
        if let Some(suite) = Suite::new(cipher, || Some(mac)) {
            let protection = keys.material.protection(keys.session_id, direction, Half::Opening, &suite);
            self.inbound.rekey(protection, numbering, Compression::NONE);
        }
    }
}
