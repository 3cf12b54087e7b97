//! What an extended client does where the node speaks only the plain protocol.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::hello::Limits;
use super::message::{Blocking, CallOptions, Id, Request, Streamed};
use crate::call::{CallError, CallId, CallNotSent, Client, ClientConfig, ClientError, Failure, Framing};
use crate::term::{DecodeLimits, Term};

/// Requests by the plain protocol, under the numbers that they have in the extended one.
#[derive(Debug)]
pub(super) struct Plain {
    machine: Client,
    out: Vec<u8>,
    asked: BTreeMap<CallId, Id>,
}

impl Plain {
    /// Behind the answer to the hello; the answers to so many requests that were sent behind it are to be dropped.
    pub(super) fn new(probes: usize, limits: Limits) -> Self {
        let mut config = ClientConfig::new(Framing::Frame);
        config.limits = DecodeLimits { max_bytes: limits.message, ..DecodeLimits::DEFAULT };
        let mut machine = Client::new(config);
        for _ in 0..probes {
            // The channel has just begun: it has not ended.
            if let Ok(id) = machine.expect_answer() {
                machine.give_up(id);
            }
        }
        Self { machine, out: Vec::new(), asked: BTreeMap::new() }
    }

    /// Asks, or has the answer at once.
    pub(super) fn request(&mut self, id: Id, request: Request) -> Result<Option<Result<Term, CallError>>, CallNotSent> {
        match request {
            Request::Call { call, options } if goes(options) => {
                let asked = self.machine.call(&call, &mut self.out)?;
                self.asked.insert(asked, id);
                Ok(None)
            }
            Request::Cast { call } => {
                let asked = self.machine.call(&call, &mut self.out)?;
                self.machine.give_up(asked);
                Ok(Some(Ok(Term::atom("ok"))))
            }
            _ => Ok(Some(Err(CallError::Failed(Failure::erpc("notsup"))))),
        }
    }

    /// Nobody waits for this request any more.
    pub(super) fn give_up(&mut self, id: Id) {
        if let Some(asked) = self.asked.iter().find(|(_, of)| **of == id).map(|(asked, _)| *asked) {
            self.asked.remove(&asked);
            self.machine.give_up(asked);
        }
    }

    /// Takes what came on the channel.
    pub(super) fn receive(&mut self, input: &[u8]) -> Result<(), ClientError> {
        self.machine.receive(input)
    }

    /// The next answer.
    pub(super) fn next_answer(&mut self) -> Option<(Id, Result<Term, CallError>)> {
        loop {
            let (asked, result) = self.machine.next_reply()?;
            if let Some(id) = self.asked.remove(&asked) {
                return Some((id, result));
            }
        }
    }

    pub(super) fn fill(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
    }

    pub(super) const fn has_output(&self) -> bool {
        !self.out.is_empty()
    }
}

/// Whether the plain protocol can say this: it has no streams, and what other channels do blocks nobody.
fn goes(options: CallOptions) -> bool {
    options.input == Streamed::No && options.output == Streamed::No && options.block == Blocking::No
}
