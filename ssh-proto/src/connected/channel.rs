//! A handle to one channel.

use alloc::vec::Vec;

use super::side::Side;
use super::{Connection, WantReply, outlet};
use crate::connection::{ChannelId, ChannelRequest, RequestId, SendError, Stream};
use crate::error::Error;
use crate::time::Instant;

/// A channel, for as long as nothing else is done with its connection.
#[derive(Debug)]
pub struct Channel<'a, S: Side> {
    pub(super) connection: &'a mut Connection<S>,
    pub(super) id: ChannelId,
}

impl<S: Side> Channel<'_, S> {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// Sends as much of `data` as the peer's window and packet size and our output allow, and answers how much that was.
    ///
    /// # Errors
    /// When nothing can be sent now ([`Event::Writable`](super::Event::Writable) will tell), or ever.
    pub fn send(&mut self, stream: Stream, data: &[u8], now: Instant, out: &mut Vec<u8>) -> Result<usize, SendError> {
        self.connection.transport.check_not_failed().map_err(|_ended| SendError::Closed)?;
        self.connection.mux.send(&mut outlet(&mut self.connection.transport, now, out), self.id, stream, data)
    }

    /// How many bytes the peer's window takes now.
    #[must_use]
    pub fn window(&mut self) -> u32 {
        self.connection.mux.writable(self.id)
    }

    /// Sends a request. [`Event::Reply`](super::Event::Reply) brings the answer, where one is wanted.
    ///
    /// # Errors
    /// When the channel is not open.
    pub fn request(
        &mut self,
        request: &ChannelRequest<'_>,
        reply: WantReply,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<RequestId, SendError> {
        self.connection.transport.check_not_failed().map_err(|_ended| SendError::Closed)?;
        let mut to = outlet(&mut self.connection.transport, now, out);
        self.connection.mux.request(&mut to, self.id, request, reply)
    }

    /// Is done with `length` bytes of data that came: the peer may send as many again.
    ///
    /// # Errors
    /// When the peer does not let our output through any more.
    pub fn consume(&mut self, length: u32, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.connection.transport.check_not_failed()?;
        self.connection.mux.consume(&mut outlet(&mut self.connection.transport, now, out), self.id, length)
    }

    /// Reads no more data; sending goes on. What comes all the same is dropped. A peer that knows `eow@openssh.com` is
    /// told, and sends no more (PROTOCOL §2.1, for sessions).
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn end_of_write(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.connection.transport.check_not_failed()?;
        self.connection.mux.end_of_write(&mut outlet(&mut self.connection.transport, now, out), self.id)
    }

    /// Sends no more data; receiving goes on.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn eof(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.connection.transport.check_not_failed()?;
        self.connection.mux.eof(&mut outlet(&mut self.connection.transport, now, out), self.id)
    }

    /// Closes the channel. [`Event::Closed`](super::Event::Closed) tells when the peer has closed it too.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn close(self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.connection.transport.check_not_failed()?;
        self.connection.mux.close(&mut outlet(&mut self.connection.transport, now, out), self.id)
    }
}
