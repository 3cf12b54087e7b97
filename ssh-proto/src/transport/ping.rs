//! Pings, OpenSSH's PROTOCOL §1.8: "implemented at the transport layer rather than as a named global or channel request".
//!
//! ```text
//! byte SSH_MSG_PING (192) or SSH_MSG_PONG (193) · string data
//! ```

use alloc::vec::Vec;

use super::Transport;
use crate::error::Error;
use crate::time::Instant;
use crate::wire::{MessageNumber, Put, Reader, number};

impl Transport {
    /// Asks the peer for a sign of life.
    pub(crate) fn send_ping(&mut self, data: &[u8], now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.send(now, out, |payload| put(payload, number::PING, data))
    }

    /// "The reply copies the data [...] from the ping". During a key exchange it waits for the end of that, as far as the
    /// limit of held output goes.
    pub(super) fn receive_ping(&mut self, body: &[u8], now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        let invalid = |error| Error::InvalidMessage(MessageNumber(number::PING), error);
        let mut reader = Reader::new(body);
        let data = reader.string("data").map_err(invalid)?;
        reader.finish("SSH_MSG_PING").map_err(invalid)?;
        self.send(now, out, |payload| put(payload, number::PONG, data))
    }
}

fn put(payload: &mut Vec<u8>, number: u8, data: &[u8]) {
    payload.put_u8(number);
    payload.put_string(data);
}
