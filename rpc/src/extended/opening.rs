//! The first frame of a subsystem channel: which protocol its client speaks.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::hello::{Limits, Offer};
use super::server::Server;
use crate::term::{Atom, decode_exact};

/// A subsystem channel whose client has not said yet which protocol it speaks.
#[derive(Debug)]
pub struct Opening {
    node: Atom,
    limits: Limits,
    octets: Vec<u8>,
}

/// What became clear.
#[derive(Debug)]
#[non_exhaustive]
pub enum Opened {
    /// It is not clear yet: more has to come.
    Waiting(Opening),
    /// The plain protocol: the octets are all that came so far.
    Plain(Vec<u8>),
    /// The extended protocol: what came behind the hello is in `rest`.
    Extended {
        /// The machine that goes on.
        server: Box<Server>,
        /// What came behind the hello.
        rest: Vec<u8>,
    },
}

impl Opening {
    /// At the start of a channel of the node `node`, which takes this.
    #[must_use]
    pub const fn new(node: Atom, limits: Limits) -> Self {
        Self { node, limits, octets: Vec::new() }
    }

    /// Takes what came on the channel. What is to be sent is appended to `out`.
    #[must_use]
    pub fn receive(mut self, input: &[u8], out: &mut Vec<u8>) -> Opened {
        self.octets.extend_from_slice(input);
        let Some((length, rest)) = self.octets.split_first_chunk::<4>() else { return Opened::Waiting(self) };
        // A hello is short: what is long is a call.
        let Some(length) = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= Limits::FRAME)
        else {
            return Opened::Plain(self.octets);
        };
        let Some((frame, rest)) = rest.split_at_checked(length) else { return Opened::Waiting(self) };
        let offer = decode_exact(frame).ok().as_ref().and_then(Offer::read);
        match offer {
            None => Opened::Plain(self.octets),
            Some(offer) => {
                let rest = rest.to_vec();
                Opened::Extended { server: Box::new(Server::new(offer, self.node, self.limits, out)), rest }
            }
        }
    }

    /// The channel ended before anything became clear: what came.
    #[must_use]
    pub fn end(self) -> Vec<u8> {
        self.octets
    }
}
