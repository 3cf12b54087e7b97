//! What a channel can do with its connection, whichever side that is.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use ssh_proto::{
    ChannelId, ChannelRequest, OpenFailureReason, OpenTicket, Outcome, ReplyTicket, SendError, Side, Stream, WantReply,
};
use tokio::sync::oneshot;

use super::Link;
use crate::channel::Channel;
use crate::channel_state::{Unread, wake};
use crate::ended::{Ended, Exit};
use crate::requests::Asked;

/// What a channel can do, whichever side its link is.
pub(crate) trait ChannelOps: Send + Sync + std::fmt::Debug {
    fn poll_read(
        &self,
        id: ChannelId,
        stream: Stream,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>>;
    fn poll_write(
        &self,
        id: ChannelId,
        stream: Stream,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>>;
    fn poll_chunk(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>>;
    fn eof(&self, id: ChannelId) -> io::Result<()>;
    fn close(&self, id: ChannelId);
    fn forget(&self, id: ChannelId);
    fn poll_exit(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<Option<Exit>>;
    fn poll_closed(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<()>;
    fn poll_request(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<Option<(Asked, ReplyTicket)>>;
    /// Whether somebody takes the peer's requests on a channel. When nobody does any more, those that wait are refused.
    fn attend(&self, id: ChannelId, attended: bool);
    fn reply(&self, ticket: ReplyTicket, outcome: Outcome);
    fn end_of_write(&self, id: ChannelId) -> io::Result<()>;
    /// Opens a channel that the peer wants.
    fn accept(self: Arc<Self>, ticket: OpenTicket) -> Result<Channel, Ended>;
    fn reject(&self, ticket: OpenTicket, reason: OpenFailureReason, words: &str);
    fn request(
        &self,
        id: ChannelId,
        request: &ChannelRequest<'_>,
        reply: WantReply,
    ) -> io::Result<oneshot::Receiver<Outcome>>;
}

impl<S: Side> ChannelOps for Link<S> {
    fn poll_read(
        &self,
        id: ChannelId,
        stream: Stream,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_unread(id, stream, context, |unread| {
            let length = unread.take(buffer);
            (length, length)
        })
    }

    fn poll_chunk(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        self.poll_unread(id, Stream::Data, context, |unread| {
            let bytes = unread.take_all();
            (bytes.len(), bytes)
        })
    }

    fn poll_write(
        &self,
        id: ChannelId,
        stream: Stream,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(connection) = &mut state.connection else {
            return Poll::Ready(Err(state.ended.clone().unwrap_or(Ended::Closed).into()));
        };
        let now = self.clock.now();
        match connection.channel(id).send(stream, data, now, &mut state.output.fresh) {
            Ok(sent) => {
                state.last_activity = now;
                self.write_at_once(state);
                Poll::Ready(Ok(sent))
            }
            Err(SendError::Closed | SendError::Unwanted) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Err(_later) => {
                let Some(channel) = state.channels.get_mut(&id) else {
                    return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                };
                channel.half(stream).writer = Some(context.waker().clone());
                // Room may be made by output that is still to be written.
                wake(&mut state.driver);
                Poll::Pending
            }
        }
    }

    fn eof(&self, id: ChannelId) -> io::Result<()> {
        let result = self.with(|locked| locked.connection.channel(id).eof(locked.now, locked.out));
        result?.map_err(|error| Ended::Protocol(error).into())
    }

    fn close(&self, id: ChannelId) {
        let _ = self.with(|locked| locked.connection.channel(id).close(locked.now, locked.out));
    }

    fn forget(&self, id: ChannelId) {
        ChannelOps::close(self, id);
        let mut state = self.lock();
        if state.channels.remove(&id).is_some() {
            self.channel_went(&mut state);
        }
    }

    fn poll_exit(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<Option<Exit>> {
        let mut state = self.lock();
        let ended = state.ended.is_some();
        let Some(channel) = state.channels.get_mut(&id) else { return Poll::Ready(None) };
        if channel.exit.is_some() || channel.closed || ended {
            return Poll::Ready(channel.exit.clone());
        }
        channel.wait_for_end(context.waker());
        Poll::Pending
    }

    fn poll_closed(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let ended = state.ended.is_some();
        let Some(channel) = state.channels.get_mut(&id).filter(|channel| !channel.closed && !ended) else {
            return Poll::Ready(());
        };
        channel.wait_for_end(context.waker());
        Poll::Pending
    }

    fn poll_request(&self, id: ChannelId, context: &mut Context<'_>) -> Poll<Option<(Asked, ReplyTicket)>> {
        let mut state = self.lock();
        let ended = state.ended.is_some();
        let Some(channel) = state.channels.get_mut(&id) else { return Poll::Ready(None) };
        if let Some(request) = channel.requests.pop() {
            return Poll::Ready(Some(request));
        }
        if channel.closed || ended {
            return Poll::Ready(None);
        }
        channel.requests.reader = Some(context.waker().clone());
        Poll::Pending
    }

    fn attend(&self, id: ChannelId, attended: bool) {
        let _ = self.with(|locked| {
            let Some(channel) = locked.channels.get_mut(&id) else { return };
            channel.requests.attended = attended;
            while !attended && let Some((_, ticket)) = channel.requests.pop() {
                let _ = locked.connection.reply(ticket, Outcome::Failure, locked.now, locked.out);
            }
        });
    }

    fn reply(&self, ticket: ReplyTicket, outcome: Outcome) {
        let _ = self.with(|locked| {
            let _ = locked.connection.reply(ticket, outcome, locked.now, locked.out);
        });
    }

    fn end_of_write(&self, id: ChannelId) -> io::Result<()> {
        let result = self.with(|locked| {
            locked.connection.channel(id).end_of_write(locked.now, locked.out)?;
            let Some(channel) = locked.channels.get_mut(&id) else { return Ok(()) };
            let dropped = channel.drop_unread();
            locked.connection.channel(id).consume(dropped, locked.now, locked.out)
        });
        result?.map_err(|error| Ended::Protocol(error).into())
    }

    fn accept(self: Arc<Self>, ticket: OpenTicket) -> Result<Channel, Ended> {
        let accepted = self.with(|locked| {
            let id = locked.connection.accept(ticket, locked.now, locked.out).ok()?;
            locked.add_channel(id);
            locked.hold_channel(id).then_some(id)
        })?;
        accepted.map(|id| Channel::new(self, id)).ok_or(Ended::Closed)
    }

    fn reject(&self, ticket: OpenTicket, reason: OpenFailureReason, words: &str) {
        let _ = self.with(|locked| {
            let _ = locked.connection.reject(ticket, reason, words, locked.now, locked.out);
        });
    }

    fn request(
        &self,
        id: ChannelId,
        request: &ChannelRequest<'_>,
        reply: WantReply,
    ) -> io::Result<oneshot::Receiver<Outcome>> {
        let (sender, receiver) = oneshot::channel();
        let sent = self.with(|locked| {
            let asked = locked.connection.channel(id).request(request, reply, locked.now, locked.out);
            let asked = asked.map_err(|error| {
                let kind = match error {
                    SendError::TooLong => io::ErrorKind::InvalidInput,
                    SendError::Rekeying => io::ErrorKind::WouldBlock,
                    _ => io::ErrorKind::BrokenPipe,
                };
                io::Error::new(kind, error)
            })?;
            if let Some(channel) = locked.channels.get_mut(&id).filter(|_| reply == WantReply::Yes) {
                channel.replies.push((asked, sender));
            }
            Ok::<(), io::Error>(())
        });
        sent??;
        Ok(receiver)
    }
}

impl<S: Side> Link<S> {
    /// Lets `take` take of what nobody has read yet: it answers how much that was, and what the caller gets. At the end
    /// of the stream the caller gets the default.
    fn poll_unread<T: Default>(
        &self,
        id: ChannelId,
        stream: Stream,
        context: &Context<'_>,
        take: impl FnOnce(&mut Unread) -> (usize, T),
    ) -> Poll<io::Result<T>> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(channel) = state.channels.get_mut(&id) else { return Poll::Ready(Ok(T::default())) };
        let finished = channel.eof || channel.closed;
        let half = channel.half(stream);
        if half.unread.is_empty() {
            if finished {
                return Poll::Ready(Ok(T::default()));
            }
            if let Some(ended) = &state.ended {
                return Poll::Ready(Err(ended.clone().into()));
            }
            half.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let (length, taken) = take(&mut half.unread);
        if let Some(connection) = &mut state.connection {
            let now = self.clock.now();
            let consumed = u32::try_from(length).unwrap_or(u32::MAX);
            // An error ends the connection, which the driver tells.
            let _ = connection.channel(id).consume(consumed, now, &mut state.output.fresh);
            self.write_at_once(state);
        }
        Poll::Ready(Ok(taken))
    }
}
