//! The streams of the calls of a channel, between their functions and the channel.

use std::collections::HashMap;
use std::task::{Context, Poll};

use super::ready::Ready;
use crate::backend::{Drain, Feed, Streams};
use crate::extended::{CallOptions, Id, Server, Streamed};

/// The streams of the calls that have some.
pub(super) struct Flows {
    flows: HashMap<Id, Flow>,
    /// Those whose functions have read or written.
    ready: Ready<Id>,
    /// Those with octets that the channel did not take: for want of credit, or of room.
    stalled: Vec<Id>,
}

struct Flow {
    feed: Feed,
    drain: Drain,
}

impl Flows {
    pub(super) fn new() -> Self {
        Self { flows: HashMap::new(), ready: Ready::new(), stalled: Vec::new() }
    }

    /// Those of a call.
    pub(super) fn begin(&mut self, call: Id, options: CallOptions) -> Streams {
        let waker = |streamed| (streamed == Streamed::Yes).then(|| self.ready.waker(call));
        let (streams, feed, drain) = Streams::new(waker(options.input), waker(options.output));
        self.flows.insert(call, Flow { feed, drain });
        streams
    }

    /// The call has ended, well when its output came to its end.
    pub(super) fn end(&mut self, call: Id, machine: &mut Server) {
        if let Some(flow) = self.flows.remove(&call)
            && flow.drain.is_ended()
        {
            machine.send_eof(call);
        }
    }

    /// Input came.
    pub(super) fn data(&self, call: Id, octets: &[u8]) {
        if let Some(flow) = self.flows.get(&call) {
            flow.feed.push(octets);
        }
    }

    /// The input has come to its end.
    pub(super) fn eof(&self, call: Id) {
        if let Some(flow) = self.flows.get(&call) {
            flow.feed.end();
        }
    }

    /// The output is not wanted any more.
    pub(super) fn stop(&self, call: Id, machine: &mut Server) {
        if let Some(flow) = self.flows.get(&call) {
            flow.drain.stop();
            machine.send_eof(call);
        }
    }

    /// Waits until a function has read or written.
    pub(super) fn poll(&self, task: &Context<'_>) -> Poll<()> {
        self.ready.poll(task)
    }

    /// Gives credit for what was read, and hands over what was written, a piece of each call in turn.
    pub(super) fn pump(&mut self, machine: &mut Server) {
        self.stalled.drain(..).for_each(|call| self.ready.tell(call));
        while let Some(call) = self.ready.next() {
            let Some(flow) = self.flows.get(&call) else { continue };
            if let read @ 1.. = flow.feed.taken() {
                machine.consume(call, read);
            }
            if flow.feed.is_stopped() {
                machine.stop(call);
            }
            let taken = flow.drain.take(|octets| machine.send_data(call, octets));
            if flow.drain.is_ended() {
                machine.send_eof(call);
            } else if flow.drain.is_empty() {
                // Its function will say when there is more.
            } else if taken > 0 {
                self.ready.tell(call);
            } else {
                self.stalled.push(call);
            }
        }
    }
}
